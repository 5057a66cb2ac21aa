//! Tags: values by name.

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{LabelProblem, MAX_TAG_NAME_CHARS, MAX_TAGS, MAX_TAGS_BYTES, check_text};

/// Values by name. They are kept as the text that rows store: `name=value` lines in the order of the names. Names have no
/// `=`, and values no line break. A map would make every function larger by some kilobytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags(String);

impl Tags {
    /// Tags from a row.
    pub const fn from_lines(lines: String) -> Self {
        Self(lines)
    }

    /// As stored in a row.
    pub fn lines(&self) -> &str {
        &self.0
    }

    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and values, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.split('\n').filter_map(|line| line.split_once('='))
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        let mut tags = self.iter();
        tags.find(|(known, _)| *known == name)
            .map(|(_, value)| value)
    }

    /// Tags that keep to all limits.
    ///
    /// # Errors
    /// Why they are invalid.
    pub(super) fn checked(tags: &[(String, String)]) -> Result<Self, LabelProblem> {
        let mut sorted: Vec<(String, String)> = Vec::new();
        let mut bytes = 0;
        for (name, value) in tags {
            check_name(name)?;
            let value = check_text(value).map_err(|_| LabelProblem::TagValue)?;
            bytes += name.len() + value.len();
            if !insert(&mut sorted, name.clone(), value) {
                return Err(LabelProblem::DuplicateTag);
            }
            if sorted.len() > MAX_TAGS {
                return Err(LabelProblem::TooManyTags);
            }
        }
        if bytes > MAX_TAGS_BYTES {
            return Err(LabelProblem::TagBytes);
        }
        Ok(Self::of_sorted(&sorted))
    }

    fn of_sorted(sorted: &[(String, String)]) -> Self {
        let mut lines = String::new();
        for (name, value) in sorted {
            if !lines.is_empty() {
                lines.push('\n');
            }
            lines.push_str(name);
            lines.push('=');
            lines.push_str(value);
        }
        Self(lines)
    }
}

fn check_name(name: &str) -> Result<(), LabelProblem> {
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    let has_length = (1..=MAX_TAG_NAME_CHARS).contains(&name.len());
    if has_length && name.bytes().all(is_allowed) {
        Ok(())
    } else {
        Err(LabelProblem::TagName)
    }
}

/// Inserts a tag in its place. Returns whether its name is new. There are a few tags only.
fn insert(sorted: &mut Vec<(String, String)>, name: String, value: String) -> bool {
    let place = sorted.iter().position(|(known, _)| *known >= name);
    let place = place.unwrap_or(sorted.len());
    if sorted.get(place).is_some_and(|(known, _)| *known == name) {
        return false;
    }
    sorted.insert(place, (name, value));
    true
}

impl Serialize for Tags {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.iter() {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// For clients of this service, which has checked the tags.
impl<'de> Deserialize<'de> for Tags {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MapVisitor;
        impl<'de> Visitor<'de> for MapVisitor {
            type Value = Tags;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a map of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tags, A::Error> {
                let mut sorted: Vec<(String, String)> = Vec::new();
                while let Some((name, value)) = map.next_entry()? {
                    insert(&mut sorted, name, value);
                }
                Ok(Tags::of_sorted(&sorted))
            }
        }
        deserializer.deserialize_map(MapVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(tags: &[(&str, &str)]) -> Result<String, LabelProblem> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let tags: Vec<(String, String)> = tags.iter().map(owned).collect();
        Tags::checked(&tags).map(|tags| tags.0)
    }

    #[test]
    fn tags_are_bounded_in_number_and_size() {
        let names: Vec<String> = (0..9).map(|number| format!("t{number}")).collect();
        let some = |count: usize, value: &str| {
            let tags: Vec<(&str, &str)> = names[..count]
                .iter()
                .map(|name| (name.as_str(), value))
                .collect();
            checked(&tags).map(|lines| lines.len())
        };
        assert_eq!(some(8, "v"), Ok(8 * 5 - 1));
        assert_eq!(some(9, "v"), Err(LabelProblem::TooManyTags));
        assert_eq!(some(8, &"v".repeat(62)), Ok(8 * 66 - 1));
        assert_eq!(some(8, &"v".repeat(63)), Err(LabelProblem::TagBytes));
        for name in ["", "a b", "a=b", "ä", &"x".repeat(33)] {
            assert_eq!(
                checked(&[(name, "v")]),
                Err(LabelProblem::TagName),
                "{name:?}"
            );
        }
        for value in ["", " ", "a\nb", &"x".repeat(65)] {
            assert_eq!(
                checked(&[("a", value)]),
                Err(LabelProblem::TagValue),
                "{value:?}"
            );
        }
        assert_eq!(
            checked(&[("a", "1"), ("a", "2")]),
            Err(LabelProblem::DuplicateTag)
        );
    }

    #[test]
    fn tags_are_kept_in_the_order_of_their_names_and_are_a_map_in_json() {
        let lines = checked(&[("b", " 2 = 3"), ("a", "ü"), ("c", "\"")]).unwrap();
        let tags = Tags::from_lines(lines);
        assert_eq!(tags.lines(), "a=ü\nb=2 = 3\nc=\"");
        assert_eq!(tags.get("b"), Some("2 = 3"));
        assert_eq!(tags.get("d"), None);
        let json = serde_json::to_string(&tags).unwrap();
        assert_eq!(json, r#"{"a":"ü","b":"2 = 3","c":"\""}"#);
        assert_eq!(serde_json::from_str::<Tags>(&json).unwrap(), tags);
        let unsorted = r#"{"c":"\"","a":"ü","b":"2 = 3"}"#;
        assert_eq!(serde_json::from_str::<Tags>(unsorted).unwrap(), tags);
        assert_eq!(Tags::default().iter().count(), 0);
    }
}
