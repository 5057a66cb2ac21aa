//! Compares file names as people see them.

mod compatibility;
mod decomposition;

use compatibility::plain_form;
use decomposition::{composed, decomposed};

/// The name in the form in which names are compared: names that look alike are equal.
///
/// - Composed and decomposed characters are the same: macOS decomposes `ä` into `a` and a combining mark.
/// - Invisible characters and control characters are left out.
/// - Blanks of any kind and number are one space, and none at the start.
/// - Case is ignored, and the form of a Greek sigma at the end of a word with it.
/// - Full-width and half-width characters and Latin ligatures are their plain forms.
///
/// `foldName` in web/src/lib/name.ts does the same.
pub fn fold(name: &str) -> String {
    let visible: String = name
        .chars()
        .filter(|c| c.is_whitespace() || !(c.is_control() || is_invisible(*c)))
        .flat_map(plain_form)
        .flat_map(char::to_lowercase)
        .map(|c| if c == 'ς' { 'σ' } else { c })
        .collect();
    let mut folded = String::with_capacity(name.len());
    for c in decomposed(&visible).chars() {
        if !c.is_whitespace() {
            folded.push(c);
        } else if !folded.is_empty() && !folded.ends_with(' ') {
            folded.push(' ');
        }
    }
    folded
}

/// S3 answers a request about a longer key with an error.
const MAX_KEY_BYTES: usize = 1024;

/// The text in the forms in which keys of objects are written: as it is, composed and decomposed, unless that is too long for a key.
pub fn key_forms(key: &str) -> Vec<String> {
    let mut forms = vec![key.to_owned()];
    for form in [composed(key), decomposed(key)] {
        if !forms.contains(&form) && form.len() <= MAX_KEY_BYTES {
            forms.push(form);
        }
    }
    forms
}

/// Unicode's property `Default_Ignorable_Code_Point` (DerivedCoreProperties.txt, Unicode 17).
const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fff8}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_that_is_too_long_for_a_key_is_left_out() {
        let key = |count: usize| format!("inbound/acme/{}", "ü".repeat(count));
        assert_eq!(key_forms(&key(337)).len(), 2);
        assert_eq!(key_forms(&key(338)), [key(338)]);
    }

    /// The same pairs are in web/src/lib/name.test.ts.
    #[test]
    fn names_that_look_alike_are_equal() {
        for (name, like) in [
            ("Verträge.pdf", "Vertra\u{308}ge.pdf"),
            ("\u{feff}nda.pdf", "nda.pdf"),
            ("\u{200b}\u{202e}nda.pdf", "NDA.pdf"),
            ("n\u{feff}da.pdf", "nda.pdf"),
            ("n\u{ad}da.pdf", "nda.pdf"),
            ("\u{a0} my  nda.pdf", "My nda.pdf"),
            ("\u{7}nda.pdf", "nda.pdf"),
            ("\u{1112}\u{1161}\u{11ab}.pdf", "한.pdf"),
            ("ÅNGSTRÖM", "a\u{30a}ngstro\u{308}m"),
            ("ΣΥΜΒΆΣΗΣ.pdf", "Συμβάσης.pdf"),
            ("ΣΥΜΒΆΣΗΣ ΣΑΣ", "συμβάσης σας"),
            ("oﬃce ﬁle.pdf", "office file.pdf"),
            ("ＮＤＡ（１）．ｐｄｆ", "nda(1).pdf"),
            ("a\u{3000}b.pdf", "a b.pdf"),
            ("ｹｲﾔｸｼｮ ｶﾞ.pdf", "ケイヤクショ ガ.pdf"),
        ] {
            assert_eq!(fold(name), fold(like), "{name:?} {like:?}");
        }
        assert_ne!(fold("Verträge"), fold("Vertrage"));
    }
}
