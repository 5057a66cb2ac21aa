//! Forms of characters that only differ in their shape: what old fonts, PDFs and East Asian keyboards write.
//!
//! The part of Unicode's normalization form KC that names have: full-width and half-width characters, and Latin ligatures. The
//! tables of crate `unicode-normalization` add 67 KB to a zip; the tests compare the two.

/// U+FF5F to U+FF9F: what is narrower or wider here, in its usual width.
const HALF_WIDTH: &str = "⦅⦆。「」、・ヲァィゥェォャュョッーアイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワン\u{3099}\u{309a}";

/// The usual form of a character.
pub(super) fn plain_form(c: char) -> PlainForm {
    let ligature = match c {
        '\u{17f}' => "s",
        '\u{fb00}' => "ff",
        '\u{fb01}' => "fi",
        '\u{fb02}' => "fl",
        '\u{fb03}' => "ffi",
        '\u{fb04}' => "ffl",
        '\u{fb05}' | '\u{fb06}' => "st",
        _ => "",
    };
    let one = match c {
        _ if !ligature.is_empty() => None,
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xff01 + 0x21),
        '\u{ff5f}'..='\u{ff9f}' => {
            let at = u32::from(c) - 0xff5f;
            HALF_WIDTH.chars().nth(at as usize)
        }
        other => Some(other),
    };
    PlainForm {
        one,
        ligature: ligature.chars(),
    }
}

/// The characters of a form: one, or the letters of a ligature.
pub(super) struct PlainForm {
    one: Option<char>,
    ligature: std::str::Chars<'static>,
}

impl Iterator for PlainForm {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        self.one.take().or_else(|| self.ligature.next())
    }
}

#[cfg(test)]
mod tests {
    use unicode_normalization::UnicodeNormalization;

    use super::*;

    #[test]
    fn forms_are_those_of_unicode() {
        let known = [
            '\u{17f}'..='\u{17f}',
            '\u{fb00}'..='\u{fb06}',
            '\u{ff01}'..='\u{ff9f}',
        ];
        for c in known.into_iter().flatten() {
            let form: String = plain_form(c).collect();
            let of_unicode: String = c.to_string().nfkc().collect();
            assert_eq!(form, of_unicode, "{c:?}");
        }
        for c in ['a', 'ß', 'é', '契', '\u{ffa0}', '\u{1f600}'] {
            assert!(plain_form(c).eq([c]));
        }
    }
}
