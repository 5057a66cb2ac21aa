//! Plain text as a reason.

use crate::characters::{is_direction_mark, is_filler, is_format_character, is_joiner};

/// Maximum length of a reason in bytes. A failure keeps fewer ([`crate::state::Failure::MAX_DETAIL`]).
pub(super) const MAX_REASON_BYTES: usize = 1024;

/// The text on one line, without control and invisible characters, cut; `None` if no letter or digit is left.
pub(super) fn readable(text: &str) -> Option<String> {
    let mut line = String::new();
    for word in text.split(|char: char| char.is_whitespace() || char.is_control()) {
        let start = line.len();
        if start > 0 {
            line.push(' ');
        }
        let before = line.len();
        line.extend(word.chars().filter(|char| !is_invisible(*char)));
        if line.len() == before {
            line.truncate(start);
        }
        if line.len() > MAX_REASON_BYTES {
            break;
        }
    }
    line.contains(char::is_alphanumeric).then(|| cut(line))
}

/// Characters that show nothing or change the direction of their neighbors. Variation selectors are among them.
const fn is_invisible(c: char) -> bool {
    is_format_character(c)
        || is_direction_mark(c)
        || is_joiner(c)
        || is_filler(c)
        || matches!(c, '\u{fe00}'..='\u{fe0f}')
}

/// Cut to the maximum length.
pub(super) fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(MAX_REASON_BYTES));
    text
}
