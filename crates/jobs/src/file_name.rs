//! File names, which uploaders choose: as a key, as object metadata, or in a request of the API. One cleaning serves all.

use std::borrow::Cow;

use crate::characters::{is_direction_mark, is_filler, is_format_character, is_joiner};
use crate::text::is_visible_text;

/// Shown for a document whose key and metadata contain no usable name.
pub const NO_NAME: &str = "(no name)";
/// Shown for a job whose data was deleted.
pub const NAME_DELETED: &str = "(name deleted)";

/// The name as shown and stored: the part after the last slash or backslash, without control characters and invisible
/// characters, with each run of blanks as one space. Empty if nothing that can be seen is left, or if it is `.` or `..`.
///
/// Marks that change the direction of the text make one name look like another (Unicode Technical Report 36).
pub fn clean(name: &str) -> Cow<'_, str> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or(name);
    if is_clean(last) {
        return Cow::Borrowed(last);
    }
    let mut cleaned = String::with_capacity(last.len());
    for c in last.chars() {
        if is_blank(c) {
            if !cleaned.is_empty() && !cleaned.ends_with(' ') {
                cleaned.push(' ');
            }
        } else if !is_removed(c) {
            cleaned.push(c);
        }
    }
    // Joiners belong between two letters of some scripts, and between emoji. At an end they are only invisible.
    let name = cleaned.trim_matches(|c| c == ' ' || is_joiner(c));
    Cow::Owned(if is_relative(name) || !is_visible_text(name) {
        String::new()
    } else {
        name.to_owned()
    })
}

/// Whether a name has characters that the API refuses: slashes and control characters, which the name of no file has. Marks that
/// change the direction of the text are part of many, and are removed.
pub fn has_refused_characters(name: &str) -> bool {
    name.chars()
        .any(|c| c.is_control() || matches!(c, '/' | '\\'))
}

/// A test without an allocation, since nearly all names are clean.
fn is_clean(name: &str) -> bool {
    let plain = |c: char| c == ' ' || !(is_blank(c) || is_removed(c) || is_joiner(c));
    !name.is_empty()
        && name.chars().all(plain)
        && !name.starts_with(' ')
        && !name.ends_with(' ')
        && !name.contains("  ")
        && !is_relative(name)
        && is_visible_text(name)
}

fn is_relative(name: &str) -> bool {
    matches!(name, "." | "..")
}

/// White space, and characters that look like it.
fn is_blank(c: char) -> bool {
    (c.is_whitespace() && !c.is_control()) || is_filler(c)
}

/// Control characters, direction marks, invisible characters, and code points that are no characters.
fn is_removed(c: char) -> bool {
    c.is_control()
        || is_direction_mark(c)
        || is_format_character(c)
        || matches!(c, '\u{fdd0}'..='\u{fdef}' | '\u{fffe}' | '\u{ffff}' | '\u{1d173}'..='\u{1d17a}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_stay_as_they_are() {
        for name in [
            "nda.pdf",
            "Vertrag Müller & Söhne (1).pdf",
            "契約書.pdf",
            "حكم.pdf",
            "नि\u{200d}.pdf",
            "👩\u{200d}⚖\u{fe0f}.pdf",
            "Vertra\u{308}ge.pdf",
            "..a..pdf",
            "...",
        ] {
            assert_eq!(clean(name), name);
            assert!(!has_refused_characters(name), "{name}");
        }
    }

    #[test]
    fn bidi_controls_line_breaks_and_folders_are_removed_from_file_names() {
        for (name, cleaned) in [
            ("invoice\u{202e}fdp.exe", "invoicefdp.exe"),
            ("\u{200e}a\u{200f}\u{61c}\u{2066}b\u{2069}.pdf", "ab.pdf"),
            ("a\r\nb\u{0}\u{1b}[31m\u{7f}\u{85}.pdf", "ab[31m.pdf"),
            ("a\u{2028}b\u{2029}c.pdf", "a b c.pdf"),
            ("\u{feff}nda\u{200b}\u{ad}\u{2060}.pdf", "nda.pdf"),
            ("\u{200d}nda.pdf\u{200c}", "nda.pdf"),
            ("  a \u{a0}\u{3000}  b.pdf\t", "a b.pdf"),
            ("invoice.pdf                  .exe", "invoice.pdf .exe"),
            ("../../etc/passwd", "passwd"),
            ("..\\..\\boot.ini", "boot.ini"),
            ("C:\\Users\\a\\nda.pdf", "nda.pdf"),
            ("tag\u{e0041}\u{e007f}.pdf", "tag.pdf"),
        ] {
            assert_eq!(clean(name), cleaned, "{name:?}");
        }
    }

    #[test]
    fn nothing_is_left_of_a_name_without_visible_characters() {
        for name in [
            "",
            " ",
            "\t\r\n",
            ".",
            "..",
            " .. ",
            "../",
            "a/..",
            "/",
            "\\",
            "\u{202e}",
            "\u{200b}",
            "\u{3000}\u{a0}",
            "\u{3164}",
            "\u{2800}",
            "\u{200d}\u{200c}",
            "\u{202e}..\u{202c}",
            "\u{fe0f}",
            " \u{fe0f}\u{fe00} ",
            "\u{1bca0}",
        ] {
            assert_eq!(clean(name), "", "{name:?}");
        }
    }

    #[test]
    fn cleaning_a_clean_name_changes_nothing() {
        for name in [
            "a \u{200b} b",
            " \u{200d} .. ",
            "..\u{200b}/..",
            ". \u{202e}.",
        ] {
            let once = clean(name).into_owned();
            assert_eq!(clean(&once), once, "{name:?}");
        }
    }
}
