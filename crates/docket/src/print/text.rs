//! Text for the terminal: untrusted text is sanitized, sizes and counts are formatted.

/// The text on one line, with control characters and characters that change the direction of text escaped.
pub(crate) fn sanitize(text: &str) -> String {
    escape(text, false)
}

/// Like [`sanitize`], but keeps line breaks and tabs.
pub(crate) fn sanitize_multiline(text: &str) -> String {
    escape(text, true)
}

fn escape(text: &str, keep_lines: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' if keep_lines => out.push(c),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c if is_deceptive(c) => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

/// Whether a character reverses the direction of text, breaks lines or is invisible. Such characters can make a name that
/// ends in `.exe` look as if it ended in `.pdf` (Unicode Technical Report 36, section 3).
const fn is_deceptive(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// A size in B, KB, MB or GB (powers of 1,000).
pub(crate) fn byte_size(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let number = bytes as f64;
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.0} KB", number / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", number / 1e6),
        _ => format!("{:.2} GB", number / 1e9),
    }
}

/// A number with its noun, such as `1 job` or `2 jobs`.
pub(crate) fn pluralize(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_and_direction_characters_are_escaped() {
        assert_eq!(sanitize("a\u{1b}[2Jb"), "a\\x1b[2Jb");
        assert_eq!(sanitize("a\u{9b}31mb\u{7}\u{7f}"), "a\\x9b31mb\\x07\\x7f");
        assert_eq!(sanitize("one\ntwo\rthree\t"), "one\\ntwo\\rthree\\t");
        assert_eq!(sanitize("\u{202e}fdp.exe"), "\\u{202e}fdp.exe");
        assert_eq!(sanitize("Prüfung 合同 👍.pdf"), "Prüfung 合同 👍.pdf");
        assert_eq!(
            sanitize_multiline("a\n\tb\u{1b}]0;x\u{7}"),
            "a\n\tb\\x1b]0;x\\x07"
        );
    }

    #[test]
    fn sanitized_text_contains_no_control_characters() {
        let all: String = (0..0x3000).filter_map(char::from_u32).collect();
        assert!(
            sanitize(&all)
                .chars()
                .all(|c| !c.is_control() && !is_deceptive(c))
        );
    }

    #[test]
    fn sizes_and_counts_are_formatted_for_people() {
        assert_eq!(byte_size(999), "999 B");
        assert_eq!(byte_size(26_214_400), "26.2 MB");
        assert_eq!(byte_size(1 << 30), "1.07 GB");
        assert_eq!(pluralize(1, "job", "jobs"), "1 job");
        assert_eq!(pluralize(0, "job", "jobs"), "0 jobs");
    }
}
