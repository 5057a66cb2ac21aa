//! Text from people and machines, made harmless.

/// The text on one line, with everything that could act on a terminal or turn the text around made visible.
pub(crate) fn harmless(text: &str) -> String {
    escape(text, false)
}

/// The same with line breaks and tabs left as they are.
pub(crate) fn harmless_lines(text: &str) -> String {
    escape(text, true)
}

fn escape(text: &str, lines: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' if lines => out.push(c),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c if is_invisible(c) => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

/// Characters that turn the direction of text around, break lines or cannot be seen, such as those that make
/// a name that ends in `.exe` look like one that ends in `.pdf` (Unicode Technical Report 36, section 3).
const fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// A size for people.
pub(crate) fn size(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let number = bytes as f64;
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.0} KB", number / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", number / 1e6),
        _ => format!("{:.2} GB", number / 1e9),
    }
}

/// A number and its noun.
pub(crate) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_act_on_a_terminal_is_made_visible() {
        assert_eq!(harmless("a\u{1b}[2Jb"), "a\\x1b[2Jb");
        assert_eq!(harmless("a\u{9b}31mb\u{7}\u{7f}"), "a\\x9b31mb\\x07\\x7f");
        assert_eq!(harmless("one\ntwo\rthree\t"), "one\\ntwo\\rthree\\t");
        assert_eq!(harmless("\u{202e}fdp.exe"), "\\u{202e}fdp.exe");
        assert_eq!(harmless("Prüfung 合同 👍.pdf"), "Prüfung 合同 👍.pdf");
        assert_eq!(
            harmless_lines("a\n\tb\u{1b}]0;x\u{7}"),
            "a\n\tb\\x1b]0;x\\x07"
        );
    }

    #[test]
    fn nothing_that_remains_is_a_control_character() {
        let all: String = (0..0x3000).filter_map(char::from_u32).collect();
        assert!(
            harmless(&all)
                .chars()
                .all(|c| !c.is_control() && !is_invisible(c))
        );
    }

    #[test]
    fn sizes_and_counts() {
        assert_eq!(size(999), "999 B");
        assert_eq!(size(26_214_400), "26.2 MB");
        assert_eq!(size(1 << 30), "1.07 GB");
        assert_eq!(count(1, "job", "jobs"), "1 job");
        assert_eq!(count(0, "job", "jobs"), "0 jobs");
    }
}
