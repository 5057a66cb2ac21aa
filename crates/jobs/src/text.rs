//! Text that people type: whether a reader can see any of it.

/// Characters that a reader cannot see, apart from whitespace and control characters: `Default_Ignorable_Code_Point`
/// (Unicode Character Database, `DerivedCoreProperties.txt`) and the blank Braille pattern.
const INVISIBLE: [(char, char); 20] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{202a}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{2800}', '\u{2800}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fff8}'),
    ('\u{fffe}', '\u{ffff}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
    ('\u{10fffe}', '\u{10ffff}'),
];

fn is_visible(c: char) -> bool {
    let is_ignorable = || {
        INVISIBLE
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&c))
    };
    !c.is_whitespace() && !c.is_control() && !is_ignorable()
}

/// Whether a reader can see any of the text.
pub fn is_visible_text(text: &str) -> bool {
    text.chars().any(is_visible)
}

/// The inside of a character class of a regular expression: the characters that no reader can see, up to U+FFFF. What
/// lies above is written differently in every dialect.
#[cfg(feature = "schema")]
pub fn invisible_characters() -> String {
    let mut class = r"\s\u0000-\u001f\u007f-\u009f".to_owned();
    for (first, last) in INVISIBLE {
        if last <= '\u{ffff}' {
            let (first, last) = (u32::from(first), u32::from(last));
            class += &format!(r"\u{first:04x}");
            if first != last {
                class += &format!(r"-\u{last:04x}");
            }
        }
    }
    class
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_without_a_visible_character_is_told_from_other_text() {
        for text in [
            "",
            " ",
            "\u{200b}",
            "\u{feff} \u{2060}",
            "\u{3164}",
            "\u{2800}",
            "\u{e0041}",
            "\u{a0}\u{ad}",
            "\0",
        ] {
            assert!(!is_visible_text(text), "{text:?}");
        }
        for text in [
            "a",
            "\u{200b}a",
            "👩\u{200d}⚖\u{fe0f}",
            "می\u{200c}شود",
            ".",
        ] {
            assert!(is_visible_text(text), "{text:?}");
        }
    }
}
