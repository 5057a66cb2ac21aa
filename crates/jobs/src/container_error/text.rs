//! Plain text as a reason.

use std::borrow::Cow;

use crate::characters::{is_direction_mark, is_filler, is_format_character, is_joiner};
use crate::encoded_word::windows_1252;

/// Maximum length of a reason in bytes. A failure keeps fewer ([`crate::state::Failure::MAX_DETAIL`]).
pub(super) const MAX_REASON_BYTES: usize = 1024;

/// The body as text: UTF-8, or UTF-16 if it begins as such, or Windows-1252 if it is not UTF-8. The reason is ASCII nearly
/// always, at least at its start.
pub(super) fn decoded(body: &[u8]) -> Cow<'_, str> {
    let utf_16 = |body: &[u8], unit: fn([u8; 2]) -> u16| {
        let (units, _) = body.as_chunks();
        let chars = char::decode_utf16(units.iter().map(|bytes| unit(*bytes)));
        let text: String = chars
            .map(|char| char.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect();
        Cow::Owned(text)
    };
    match body {
        [0xff, 0xfe, rest @ ..] => utf_16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf_16(rest, u16::from_be_bytes),
        [1..=255, 0, 1..=255, 0, ..] => utf_16(body, u16::from_le_bytes),
        [0, 1..=255, 0, 1..=255, ..] => utf_16(body, u16::from_be_bytes),
        _ => match std::str::from_utf8(body) {
            // Cut off within a character.
            Err(error) if error.error_len().is_some() && is_windows_1252(body) => {
                Cow::Owned(body.iter().copied().map(windows_1252).collect())
            }
            Ok(_) | Err(_) => String::from_utf8_lossy(body),
        },
    }
}

/// Whether text that is not UTF-8 may be Windows-1252: few bytes are not ASCII, and none of them are UTF-8.
fn is_windows_1252(body: &[u8]) -> bool {
    let others = body.iter().filter(|byte| !byte.is_ascii()).count();
    let is_utf_8 = |chunk: std::str::Utf8Chunk<'_>| !chunk.valid().is_ascii();
    others * 4 <= body.len() && !body.contains(&0) && !body.utf8_chunks().any(is_utf_8)
}

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
