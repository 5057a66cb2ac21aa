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

/// A size in B, KB, MB, GB or TB: in powers of 1,024, as the pipelines' limits are.
pub(crate) fn byte_size(bytes: u64) -> String {
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    #[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
    let mut value = bytes as f64;
    let mut unit = "B";
    for next in ["KB", "MB", "GB", "TB"] {
        if value < 1023.5 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    if value < 9.95 {
        format!("{value:.1} {unit}")
    } else {
        format!("{value:.0} {unit}")
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
        // As on the page (`formatBytes` in web/src/lib/format.ts).
        let sizes = [0, 1023, 1024, 26_214_400, 1 << 30, 1_500_000].map(byte_size);
        assert_eq!(
            sizes,
            ["0 B", "1023 B", "1.0 KB", "25 MB", "1.0 GB", "1.4 MB"]
        );
        assert_eq!(pluralize(1, "job", "jobs"), "1 job");
        assert_eq!(pluralize(0, "job", "jobs"), "0 jobs");
    }
}
