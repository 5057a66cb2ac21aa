//! What an uploader attaches to a document: a reference of its own, tags, and the name of a batch.
//!
//! They come with `POST /uploads`, or as user metadata of an object that was uploaded with an S3 client. A request with an
//! invalid one is refused. Invalid metadata is not used, and the job says so: it must never cost the document its job.

mod metadata;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::characters::is_direction_mark;
use crate::text::is_visible_text;

pub use metadata::LabelMetadata;

/// Maximum length of a reference, of the name of a batch, and of a tag's value, in characters.
pub const MAX_LABEL_CHARS: usize = 64;
pub const MAX_TAGS: usize = 8;
/// Maximum length of a tag's name.
pub const MAX_TAG_NAME_CHARS: usize = 32;
/// Maximum length of all names and values of tags together, in bytes of UTF-8. Each kilobyte of a row costs a write unit,
/// and a push message has at most 32 KB.
pub const MAX_TAGS_BYTES: usize = 512;

/// What an uploader attached to a document. All of it is the customer's, and is deleted with the document's data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Labels {
    /// The customer's own id of the document. It need not be unique.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The documents that belong together have the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// Which part of [`Labels`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LabelField {
    Reference,
    Batch,
    Tags,
}

impl LabelField {
    pub const ALL: [Self; 3] = [Self::Reference, Self::Batch, Self::Tags];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Reference => "reference",
            Self::Batch => "batch",
            Self::Tags => "tags",
        }
    }
}

/// Why a label is invalid. The texts are shown to customers and follow the label's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelProblem {
    #[error("must have 1 to {MAX_LABEL_CHARS} characters, at least one of them visible")]
    Length,
    #[error("must not contain control characters or direction marks")]
    ControlCharacter,
    #[error("must be at most {MAX_TAGS}")]
    TooManyTags,
    #[error("must have names of 1 to {MAX_TAG_NAME_CHARS} of A-Z, a-z, 0-9, '.', '_' and '-'")]
    TagName,
    #[error(
        "must have values of 1 to {MAX_LABEL_CHARS} characters, at least one of them visible, without control characters and direction marks"
    )]
    TagValue,
    #[error("must have at most {MAX_TAGS_BYTES} bytes together")]
    TagBytes,
    #[error("must not name a tag twice")]
    DuplicateTag,
    #[error("must be written as name=value&name=value, percent-encoded")]
    TagFormat,
    #[error("must be percent-encoded UTF-8")]
    NotUtf8,
}

impl LabelProblem {
    const ALL: [Self; 9] = [
        Self::Length,
        Self::ControlCharacter,
        Self::TooManyTags,
        Self::TagName,
        Self::TagValue,
        Self::TagBytes,
        Self::DuplicateTag,
        Self::TagFormat,
        Self::NotUtf8,
    ];

    /// The name in stored rows.
    const fn name(self) -> &'static str {
        match self {
            Self::Length => "length",
            Self::ControlCharacter => "control-character",
            Self::TooManyTags => "too-many",
            Self::TagName => "tag-name",
            Self::TagValue => "tag-value",
            Self::TagBytes => "tag-bytes",
            Self::DuplicateTag => "duplicate",
            Self::TagFormat => "format",
            Self::NotUtf8 => "not-utf-8",
        }
    }
}

/// A label that is not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidLabel {
    pub field: LabelField,
    pub problem: LabelProblem,
}

impl std::fmt::Display for InvalidLabel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.field.name(), self.problem)
    }
}

impl InvalidLabel {
    /// As stored in a row: `<field>:<problem>`.
    pub fn code(self) -> String {
        format!("{}:{}", self.field.name(), self.problem.name())
    }

    /// `None` for the code of a later release.
    pub fn from_code(code: &str) -> Option<Self> {
        let (field, problem) = code.split_once(':')?;
        let mut fields = LabelField::ALL.into_iter();
        let mut problems = LabelProblem::ALL.into_iter();
        Some(Self {
            field: fields.find(|known| known.name() == field)?,
            problem: problems.find(|known| known.name() == problem)?,
        })
    }
}

impl Labels {
    /// Labels from a request. Blanks around a text do not count.
    ///
    /// # Errors
    /// The first one that is invalid.
    pub fn new(
        reference: Option<&str>,
        batch: Option<&str>,
        tags: &BTreeMap<String, String>,
    ) -> Result<Self, InvalidLabel> {
        let text = |field: LabelField, text: Option<&str>| {
            let checked = text.map(check_text).transpose();
            checked.map_err(|problem| InvalidLabel { field, problem })
        };
        Ok(Self {
            reference: text(LabelField::Reference, reference)?,
            batch: text(LabelField::Batch, batch)?,
            tags: check_tags(tags).map_err(|problem| InvalidLabel {
                field: LabelField::Tags,
                problem,
            })?,
        })
    }

    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A reference or the name of a batch, without the blanks around it.
///
/// # Errors
/// Why it is invalid.
pub fn check_text(text: &str) -> Result<String, LabelProblem> {
    let has_control = |text: &str| text.chars().any(|c| c.is_control() || is_direction_mark(c));
    if has_control(text) {
        return Err(LabelProblem::ControlCharacter);
    }
    let text = text.trim();
    if text.chars().count() > MAX_LABEL_CHARS || !is_visible_text(text) {
        return Err(LabelProblem::Length);
    }
    Ok(text.to_owned())
}

fn check_tags(tags: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, LabelProblem> {
    if tags.len() > MAX_TAGS {
        return Err(LabelProblem::TooManyTags);
    }
    let may_be_in_a_name = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    let is_name = |name: &str| {
        (1..=MAX_TAG_NAME_CHARS).contains(&name.len()) && name.bytes().all(may_be_in_a_name)
    };
    if !tags.keys().all(|name| is_name(name)) {
        return Err(LabelProblem::TagName);
    }
    let checked = tags.iter().map(|(name, value)| {
        let value = check_text(value).map_err(|_| LabelProblem::TagValue)?;
        Ok((name.clone(), value))
    });
    let checked: BTreeMap<String, String> = checked.collect::<Result<_, LabelProblem>>()?;
    let bytes: usize = checked
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    if bytes > MAX_TAGS_BYTES {
        return Err(LabelProblem::TagBytes);
    }
    Ok(checked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn texts_are_bounded_and_shown_as_they_are() {
        for (text, stored) in [
            ("INV-4711/2026 #7", "INV-4711/2026 #7"),
            (" Vertrag Müller ", "Vertrag Müller"),
            ("契約書", "契約書"),
            (&"x".repeat(64), &"x".repeat(64)),
            (&"ü".repeat(64), &"ü".repeat(64)),
        ] {
            assert_eq!(check_text(text), Ok(stored.to_owned()), "{text}");
        }
        for text in ["", " ", "\u{200b}", &"x".repeat(65)] {
            assert_eq!(check_text(text), Err(LabelProblem::Length), "{text:?}");
        }
        for text in ["a\nb", "\ta", "a\u{0}", "a\u{85}", "a\u{202e}b", "a\u{7f}"] {
            assert_eq!(
                check_text(text),
                Err(LabelProblem::ControlCharacter),
                "{text:?}"
            );
        }
    }

    #[test]
    fn tags_are_bounded_in_number_and_size() {
        let names: Vec<String> = (0..9).map(|number| format!("t{number}")).collect();
        let some = |count: usize, value: &str| {
            names[..count]
                .iter()
                .map(|name| (name.clone(), value.to_owned()))
                .collect()
        };
        assert_eq!(check_tags(&some(8, "v")), Ok(some(8, "v")));
        assert_eq!(check_tags(&some(9, "v")), Err(LabelProblem::TooManyTags));
        assert_eq!(
            check_tags(&some(8, &"v".repeat(62))),
            Ok(some(8, &"v".repeat(62)))
        );
        assert_eq!(
            check_tags(&some(8, &"v".repeat(63))),
            Err(LabelProblem::TagBytes)
        );
        for name in ["", "a b", "a=b", "ä", &"x".repeat(33)] {
            assert_eq!(
                check_tags(&tags(&[(name, "v")])),
                Err(LabelProblem::TagName),
                "{name:?}"
            );
        }
        for value in ["", " ", "a\nb", &"x".repeat(65)] {
            assert_eq!(
                check_tags(&tags(&[("a", value)])),
                Err(LabelProblem::TagValue),
                "{value:?}"
            );
        }
    }

    #[test]
    fn every_problem_can_be_stored_and_read_again() {
        for field in LabelField::ALL {
            for problem in LabelProblem::ALL {
                let invalid = InvalidLabel { field, problem };
                assert_eq!(InvalidLabel::from_code(&invalid.code()), Some(invalid));
            }
        }
        assert_eq!(
            InvalidLabel::from_code("reference:of-a-later-release"),
            None
        );
    }
}
