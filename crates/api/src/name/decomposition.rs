//! Characters that are made of a base and combining marks, composed and decomposed, for comparisons.
//!
//! A table of our own, since the tables of crate `unicode-normalization` add 67 KB to a zip and this adds 11. The tests compare
//! the two. Left out are characters that decompose into one other character, which are rare in names.

use std::sync::LazyLock;

/// A line for each character: the character, its base and its mark, in hexadecimal. From Unicode's data; the test
/// `table_is_that_of_unicode` writes it.
const PAIRS: &str = include_str!("pairs.txt");

#[derive(Clone, Copy)]
struct Pair {
    composed: char,
    base: char,
    mark: char,
}

/// In the order of the composed characters.
static TABLE: LazyLock<Vec<Pair>> = LazyLock::new(|| PAIRS.lines().filter_map(pair).collect());

fn pair(line: &str) -> Option<Pair> {
    let mut numbers = line.split(' ');
    let mut next = || char::from_u32(u32::from_str_radix(numbers.next()?, 16).ok()?);
    Some(Pair {
        composed: next()?,
        base: next()?,
        mark: next()?,
    })
}

/// The text with each character decomposed. Marks of one base are sorted by their numbers, not by their classes: the
/// result is for comparisons, and for keys with one mark at a base.
pub(super) fn decomposed(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    let mut chars: Vec<char> = Vec::with_capacity(text.len());
    for c in text.chars() {
        decompose(c, &mut chars);
    }
    // There are few marks in a row, so an insertion sort does.
    for end in 1..chars.len() {
        let mut at = end;
        while let Some([before, c]) = chars.get_mut(at - 1..=at)
            && before > c
            && is_mark(*before)
            && is_mark(*c)
        {
            std::mem::swap(before, c);
            at -= 1;
            if at == 0 {
                break;
            }
        }
    }
    chars.into_iter().collect()
}

fn is_mark(c: char) -> bool {
    // Most text has none, and below this number there is none.
    c >= '\u{300}' && TABLE.iter().any(|pair| pair.mark == c)
}

fn decompose(c: char, out: &mut Vec<char>) {
    let found = TABLE.binary_search_by_key(&c, |pair| pair.composed);
    let pair = found.ok().and_then(|at| TABLE.get(at));
    if let Some((base, mark)) = pair
        .map(|pair| (pair.base, pair.mark))
        .or_else(|| split_syllable(c))
    {
        decompose(base, out);
        out.push(mark);
    } else {
        out.push(c);
    }
}

/// The text with each base and its mark composed.
pub(super) fn composed(text: &str) -> String {
    let mut out: Vec<char> = Vec::with_capacity(text.len());
    for c in text.chars() {
        let both = out.last().and_then(|before| compose(*before, c));
        if both.is_some() {
            out.pop();
        }
        out.push(both.unwrap_or(c));
    }
    out.into_iter().collect()
}

fn compose(before: char, c: char) -> Option<char> {
    // Of two characters of the same parts, such as Å and the sign of the ångström, the first is the letter.
    let mut pairs = TABLE.iter();
    let pair = pairs.find(|pair| pair.base == before && pair.mark == c);
    pair.map(|pair| pair.composed)
        .or_else(|| join_syllable(before, c))
}

// Korean syllables are made of two or three letters by arithmetic (Unicode Standard, section 3.12).
const SYLLABLES: u32 = 0xac00;
const SYLLABLE_COUNT: u32 = 11_172;
const FIRST: u32 = 0x1100;
const MIDDLE: u32 = 0x1161;
const LAST: u32 = 0x11a7;
const MIDDLE_COUNT: u32 = 21;
const LAST_COUNT: u32 = 28;

fn split_syllable(c: char) -> Option<(char, char)> {
    let number = u32::from(c)
        .checked_sub(SYLLABLES)
        .filter(|number| *number < SYLLABLE_COUNT)?;
    let (open, last) = (number / LAST_COUNT, number % LAST_COUNT);
    let pair = if last == 0 {
        (FIRST + open / MIDDLE_COUNT, MIDDLE + open % MIDDLE_COUNT)
    } else {
        (SYLLABLES + open * LAST_COUNT, LAST + last)
    };
    Some((char::from_u32(pair.0)?, char::from_u32(pair.1)?))
}

fn join_syllable(before: char, c: char) -> Option<char> {
    let within = |c: char, start: u32, count: u32| {
        u32::from(c)
            .checked_sub(start)
            .filter(|number| *number < count)
    };
    let open = |number: u32| number.is_multiple_of(LAST_COUNT).then_some(number);
    let number = match (within(before, FIRST, 19), within(c, MIDDLE, MIDDLE_COUNT)) {
        (Some(first), Some(middle)) => (first * MIDDLE_COUNT + middle) * LAST_COUNT,
        _ => {
            let open = within(before, SYLLABLES, SYLLABLE_COUNT).and_then(open)?;
            open + within(c, LAST, LAST_COUNT).filter(|last| *last > 0)?
        }
    };
    char::from_u32(SYLLABLES + number)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use unicode_normalization::UnicodeNormalization;
    use unicode_normalization::char::decompose_canonical;

    use super::*;

    fn every_char() -> impl Iterator<Item = char> {
        ('\0'..=char::MAX).filter(|c| split_syllable(*c).is_none())
    }

    /// `UPDATE_DOCS=1` writes the table anew.
    #[test]
    fn table_is_that_of_unicode() {
        let mut table = String::new();
        for c in every_char() {
            let mut parts = Vec::new();
            decompose_canonical(c, |part| parts.push(part));
            let Some((mark, base)) = parts.split_last() else {
                continue;
            };
            // Of more than two parts, the base is the composed form of all but the last.
            let base: String = base.iter().collect::<String>().nfc().collect();
            let mut base = base.chars();
            if let (Some(base), None) = (base.next(), base.next()) {
                let (c, base, mark) = (u32::from(c), u32::from(base), u32::from(*mark));
                writeln!(table, "{c:X} {base:X} {mark:X}").unwrap();
            }
        }
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/name/pairs.txt");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(file, &table).unwrap();
        }
        assert!(
            table == std::fs::read_to_string(file).unwrap(),
            "UPDATE_DOCS=1 writes it anew"
        );
    }

    #[test]
    fn composed_and_decomposed_forms_are_equal() {
        for c in every_char().chain(('\u{ac00}'..='\u{d7a3}').step_by(7)) {
            let mut text = String::from(c);
            let ours = decomposed(&text);
            let unicode: String = text.nfd().collect();
            if unicode.chars().count() > 1 && ours.chars().count() > 1 {
                assert_eq!(ours, decomposed(&unicode), "{c:?}");
            }
            text = text.nfc().collect();
            assert_eq!(decomposed(&composed(&text)), decomposed(&text), "{c:?}");
        }
        for text in ["Verträge", "한국어", "ệ", "Ångström", "plain"] {
            let unicode: String = text.nfd().collect();
            assert_eq!(composed(&unicode), text);
        }
        assert_eq!(decomposed("e\u{323}\u{302}"), decomposed("ê\u{323}"));
    }
}
