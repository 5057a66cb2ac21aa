//! The number of pages that a result states, for the usage of tenants (docs/models.md, "The number of pages").
//!
//! A model wrote it, so no decision depends on it. A value that cannot be right counts as none.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::ports::FirstBytes;

/// Bytes read of a result, instead of only its size.
pub const RESULT_START_BYTES: usize = 65_536;
/// More pages are a mistake of the model.
pub const MAX_PAGES: u32 = 1_000_000;
/// Names of the number. Names are compared without case, spaces, `_` and `-`, here and below.
const PAGE_NAMES: [&str; 4] = ["pages", "pagecount", "numberofpages", "numpages"];
/// Objects that may hold it, besides [`WRAPPERS`]: what readers show as facts.
const FACT_OBJECTS: [&str; 3] = ["document", "facts", "metadata"];
/// Names of an object that wraps the whole result.
pub const WRAPPERS: [&str; 9] = [
    "result",
    "results",
    "review",
    "output",
    "data",
    "prediction",
    "predictions",
    "response",
    "analysis",
];
/// A wrapper, and the document in it.
const MAX_DEPTH: u8 = 2;

fn may_hold_it(plain_name: &str) -> bool {
    FACT_OBJECTS.contains(&plain_name) || WRAPPERS.contains(&plain_name)
}

/// The number of pages that the start of a result names: in JSON, or in the first object of a linearized PDF.
pub fn pages_in(start: &FirstBytes) -> Option<u32> {
    if start.bytes.starts_with(b"%PDF-") {
        pages_in_pdf(&start.bytes, start.size)
    } else {
        pages_in_json(&start.bytes)
    }
}

/// The JSON may be cut off at any byte: what comes before counts.
fn pages_in_json(json: &[u8]) -> Option<u32> {
    // The last character may be cut off, too.
    let text = std::str::from_utf8(json).unwrap_or_else(|error| {
        let valid = json.get(..error.valid_up_to()).unwrap_or_default();
        std::str::from_utf8(valid).unwrap_or_default()
    });
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let found = Cell::new(None);
    let root = ResultPart {
        found: &found,
        kind: ResultPartKind::Object(0),
    };
    // It ends with an error where the bytes end, and as soon as the number is found.
    let _ = root.deserialize(&mut serde_json::Deserializer::from_str(text));
    found.get()
}

#[derive(Clone, Copy)]
enum ResultPartKind {
    /// An object at this depth.
    Object(u8),
    /// The number of pages.
    Number,
}

/// A part of the JSON that is, or may hold, the number.
#[derive(Clone, Copy)]
struct ResultPart<'a> {
    found: &'a Cell<Option<u32>>,
    kind: ResultPartKind,
}

impl ResultPart<'_> {
    fn of_name(self, name: &str, depth: u8) -> Option<Self> {
        let plain: String = name
            .chars()
            .filter(|char| !matches!(char, ' ' | '_' | '-'))
            .map(|char| char.to_ascii_lowercase())
            .collect();
        let kind = if PAGE_NAMES.contains(&plain.as_str()) {
            ResultPartKind::Number
        } else if depth < MAX_DEPTH && may_hold_it(&plain) {
            ResultPartKind::Object(depth + 1)
        } else {
            return None;
        };
        Some(Self { kind, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for ResultPart<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ResultPart<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        if let ResultPartKind::Number = self.kind {
            let pages = u32::try_from(number).ok();
            let is_possible = |pages: &u32| (1..=MAX_PAGES).contains(pages);
            self.found.set(pages.filter(is_possible));
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            let part = match self.kind {
                ResultPartKind::Object(depth) => self.of_name(&name, depth),
                ResultPartKind::Number => None,
            };
            match part {
                Some(part) => map.next_value_seed(part)?,
                None => _ = map.next_value::<IgnoredAny>()?,
            }
            if self.found.get().is_some() {
                // Only what follows shows that the number was not cut off.
                if map.next_key::<IgnoredAny>().is_err() {
                    self.found.set(None);
                }
                return Err(Error::custom("found"));
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// The linearization parameter dictionary is within the first 1,024 bytes: `/N` is the number of pages, and `/L` the length of
/// the file. With another length the file was changed since, and the dictionary counts no more (ISO 32000-1, annex F.2).
fn pages_in_pdf(pdf: &[u8], size: u64) -> Option<u32> {
    let text = String::from_utf8_lossy(pdf.get(..1024).unwrap_or(pdf));
    let (before, after) = text.split_once("/Linearized")?;
    let (_, first) = before.rsplit_once("<<")?;
    let (last, _) = after.split_once(">>")?;
    let number = |name: &str| {
        [first, last].iter().find_map(|part| {
            let value = part.split(name).nth(1)?.strip_prefix([' ', '\r', '\n'])?;
            let mut digits = value
                .trim_start()
                .split(|char: char| !char.is_ascii_digit());
            digits.next()?.parse::<u64>().ok()
        })
    };
    if number("/L")? != size {
        return None;
    }
    let pages = u32::try_from(number("/N")?).ok()?;
    (1..=MAX_PAGES).contains(&pages).then_some(pages)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Option<u32> {
        pages_in(&FirstBytes {
            bytes: text.as_bytes().to_vec(),
            size: 1_000_000,
            ..FirstBytes::default()
        })
    }

    #[test]
    fn number_is_found_where_readers_look_for_facts() {
        for text in [
            r#"{"document": {"title": "Lease", "pages": 7}}"#,
            r#"{"schema": "docket-result/1", "flags": [{"page": 1, "pages": 9}], "document": {"pages": 7}}"#,
            r#"{"pages": 7}"#,
            r#"{"Page Count": 7}"#,
            r#"{"facts": {"number_of_pages": 7}}"#,
            r#"{"result": {"document": {"numPages": 7}}}"#,
            "\u{feff}{\"pages\": 7}",
            "{\"title\": \"Miete für Köln\", \"pages\": 7}",
            // The result goes on after the bytes that were read.
            r#"{"document": {"pages": 7, "title": "Le"#,
            r#"{"pages": [3, 4], "document": {"pages": 7}}"#,
            r#"{"results": [{"pages": 9}], "pages": 7}"#,
        ] {
            assert_eq!(json(text), Some(7), "{text}");
        }
    }

    #[test]
    fn result_value_that_is_not_a_page_count_is_ignored() {
        for value in [
            "-1",
            "0",
            "1.5",
            "7.0",
            "1e3",
            "\"7\"",
            "null",
            "true",
            "[7]",
            "{\"total\": 7}",
            "1000001",
            "4294967296",
            "18446744073709551616",
            "1e999",
            "07",
            "7x",
            "NaN",
        ] {
            assert_eq!(
                json(&format!("{{\"document\": {{\"pages\": {value}}}}}")),
                None,
                "{value}"
            );
        }
        let deep = "[".repeat(5_000);
        for text in [
            "",
            "{",
            "[{\"pages\": 7}]",
            "{\"clauses\": {\"pages\": 7}}",
            "{\"result\": {\"data\": {\"output\": {\"pages\": 7}}}}",
            "pages: 7",
            &format!("{{\"flags\": {deep}"),
        ] {
            assert_eq!(json(text), None, "{text}");
        }
        assert_eq!(json("{\"pages\": 1000000}"), Some(MAX_PAGES));
    }

    #[test]
    fn number_that_is_cut_off_is_not_counted() {
        let whole = r#"{"document": {"pages": 128}}"#;
        let after_number = whole.find('}').unwrap();
        for end in 0..=after_number {
            assert_eq!(json(&whole[..end]), None, "{}", &whole[..end]);
        }
        assert_eq!(json(&whole[..=after_number]), Some(128));
    }

    #[test]
    fn linearized_pdf_names_its_pages_until_it_is_changed() {
        // The first object as qpdf writes it.
        let pdf = b"%PDF-1.7\n%\xbf\xf7\xa2\xfe\n9 0 obj\n<< /Linearized 1 /L 15712 /H [ 741 140 ] /O 11 /E 13211 /N 12 /T 15484 >>\nendobj\n";
        let pages = |bytes: &[u8], size| {
            let bytes = bytes.to_vec();
            let content_type = String::new();
            pages_in(&FirstBytes {
                bytes,
                size,
                content_type,
            })
        };
        assert_eq!(pages(pdf, 15_712), Some(12));
        // Something was appended.
        assert_eq!(pages(pdf, 15_900), None);
        assert_eq!(pages(&pdf[..60], 15_712), None);
        assert_eq!(
            pages(b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog /N 3 /L 90 >>", 90),
            None
        );
        assert_eq!(
            pages(b"%PDF-1.7\n1 0 obj\n<< /Linearized 1 /N 0 /L 90 >>", 90),
            None
        );
    }
}
