//! Object metadata that is not ASCII, which S3 returns as encoded words of RFC 2047 (S3 user guide, "Working with object
//! metadata"): `=?UTF-8?B?TcO8bGxlcg==?=`.

use std::borrow::Cow;

use aws_smithy_types::base64;

const START: &str = "=?UTF-8?";

/// The text of a value. What is not a valid encoded word stays as it is.
pub(super) fn decode(value: &str) -> Cow<'_, str> {
    let is_encoded = |at: usize| {
        let start = value.get(at..at + START.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(START))
    };
    if !value.match_indices("=?").any(|(at, _)| is_encoded(at)) {
        return Cow::Borrowed(value);
    }
    let words = value
        .split_ascii_whitespace()
        .map(|word| (word, decode_word(word)));
    // A character may be split between two words, so they are joined before they are read as UTF-8. White space between two
    // encoded words is not part of the text (RFC 2047, section 6.2).
    let mut bytes: Vec<u8> = Vec::new();
    let mut after_encoded = true;
    for (word, decoded) in words {
        let is_encoded = decoded.is_some();
        let is_joined = after_encoded && is_encoded;
        if !(bytes.is_empty() || is_joined) {
            bytes.push(b' ');
        }
        bytes.extend(decoded.unwrap_or_else(|| word.as_bytes().to_vec()));
        after_encoded = is_encoded;
    }
    String::from_utf8(bytes).map_or(Cow::Borrowed(value), Cow::Owned)
}

/// The bytes of `=?UTF-8?<encoding>?<text>?=`.
fn decode_word(word: &str) -> Option<Vec<u8>> {
    let (start, rest) = word.split_at_checked(START.len())?;
    if !start.eq_ignore_ascii_case(START) {
        return None;
    }
    let (encoding, text) = rest.strip_suffix("?=")?.split_once('?')?;
    match encoding {
        "B" | "b" => base64::decode(text).ok(),
        "Q" | "q" => decode_quoted(text),
        _ => None,
    }
}

fn decode_quoted(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'_' => b' ',
            b'=' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            byte => byte,
        });
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_words_are_decoded() {
        for (value, text) in [
            ("=?UTF-8?B?TcO8bGxlcg==?=", "Müller"),
            ("=?utf-8?q?M=C3=BCller_AG?=", "Müller AG"),
            ("=?UTF-8?Q?M=C3?= =?UTF-8?Q?=BCller?=", "Müller"),
            ("AG =?UTF-8?Q?M=C3=BCller?= 7", "AG Müller 7"),
        ] {
            assert_eq!(decode(value), text, "{value}");
        }
    }

    #[test]
    fn other_values_stay_as_they_are() {
        for value in [
            "",
            "nda.pdf",
            "a=?b",
            "ü=?UTF",
            "two  blanks",
            "=?UTF-8?B?***?=",
            "=?UTF-8?Q?=C3?=",
            "=?UTF-8?Q?=G0?=",
            "=?UTF-8?X?a?=",
            "=?ISO-8859-1?Q?=FC?=",
        ] {
            assert_eq!(decode(value), value, "{value}");
        }
    }
}
