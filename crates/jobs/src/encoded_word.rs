//! Encoded words of RFC 2047: S3 returns user metadata that is not ASCII as `=?UTF-8?B?…?=` or `=?UTF-8?Q?…?=` (S3 user guide,
//! "Working with object metadata").

use std::borrow::Cow;

/// What begins an encoded word.
pub(crate) const START: &str = "=?";

/// The names of Windows-1252, and of the part of it that is often meant (WHATWG Encoding Standard, "Names and labels").
const SINGLE_BYTE: [&str; 4] = ["iso-8859-1", "latin1", "windows-1252", "cp1252"];

/// The character of a byte in Windows-1252.
pub fn windows_1252(byte: u8) -> char {
    const FROM_80: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž',
        '\u{8f}', '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}',
        'ž', 'Ÿ',
    ];
    match byte {
        0x80..=0x9f => FROM_80[usize::from(byte - 0x80)],
        _ => char::from(byte),
    }
}

/// The text with its encoded words decoded, or as it is if one of them cannot be decoded. Written out, since a library is a larger
/// part of a zip.
pub fn decode_words(text: &str) -> Cow<'_, str> {
    if !text.contains(START) {
        return Cow::Borrowed(text);
    }
    decoded(text).map_or(Cow::Borrowed(text), Cow::Owned)
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    let mut after_word = false;
    while let Some((before, word)) = rest.split_once(START) {
        // White space between two words is not part of the text (RFC 2047, section 6.2).
        if !(after_word && before.trim().is_empty()) {
            bytes.extend_from_slice(before.as_bytes());
        }
        let (charset, word) = word.split_once('?')?;
        let (encoding, word) = word.split_once('?')?;
        let (encoded, after) = word.split_once("?=")?;
        // A language may follow the character set (RFC 2231, section 5).
        let charset = charset.split('*').next().unwrap_or_default();
        let content = match encoding {
            "B" | "b" => base64(encoded)?,
            "Q" | "q" => quoted(encoded)?,
            _ => return None,
        };
        if charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("us-ascii") {
            bytes.extend(content);
        } else if SINGLE_BYTE
            .iter()
            .any(|known| charset.eq_ignore_ascii_case(known))
        {
            let latin: String = content.into_iter().map(windows_1252).collect();
            bytes.extend_from_slice(latin.as_bytes());
        } else {
            return None;
        }
        (rest, after_word) = (after, true);
    }
    bytes.extend_from_slice(rest.as_bytes());
    // A character may be divided between two words.
    String::from_utf8(bytes).ok()
}

fn base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let (mut bits, mut count) = (0_u32, 0);
    for digit in text.trim_end_matches('=').bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Some(bytes)
}

fn quoted(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'_' => b' ',
            b'=' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                (high * 16 + low) as u8
            }
            other => other,
        });
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_words_are_decoded() {
        for (text, decoded) in [
            ("=?UTF-8?B?TcO8bGxlcg==?=", "Müller"),
            ("=?utf-8?b?TcO8bGxlcg?=", "Müller"),
            ("=?UTF-8?Q?Vertrag_M=C3=BCller.pdf?=", "Vertrag Müller.pdf"),
            ("=?ISO-8859-1*de?q?M=fcller?=", "Müller"),
            ("=?windows-1252?Q?M=FCller_=96?=", "Müller –"),
            ("a =?UTF-8?Q?=C3=BC?= b", "a ü b"),
            ("=?UTF-8?Q?=C3?= =?UTF-8?Q?=BC?=", "ü"),
            ("=?UTF-8?B?5aWR57SE5pu4?=.pdf", "契約書.pdf"),
            ("=?UTF-8?Q??=", ""),
        ] {
            assert_eq!(decode_words(text), decoded, "{text}");
        }
    }

    #[test]
    fn text_without_valid_encoded_words_is_unchanged() {
        for text in [
            "",
            "nda.pdf",
            "a=?b.pdf",
            "=?UTF-8?B?%%%?=",
            "=?UTF-8?B?/w==?=",
            "=?UTF-8?Q?=C?=",
            "=?UTF-8?X?a?=",
            "=?KOI8-R?Q?=C3?=",
            "=?UTF-8?Q?a",
        ] {
            assert_eq!(decode_words(text), text);
        }
    }
}
