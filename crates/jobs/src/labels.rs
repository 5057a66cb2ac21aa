//! What an uploader attaches to a document: a reference of its own, tags, the name of a batch, and its lane.
//!
//! They come with `POST /uploads`, or as user metadata of an object that was uploaded with an S3 client. A request with an
//! invalid one is refused. Invalid metadata is not used, and the job says so: it must never cost the document its job.

mod metadata;
mod tags;

use crate::characters::{is_direction_mark, is_format_character, is_joiner};
use crate::lane::Lane;
use crate::text::is_visible_text;

pub use metadata::LabelMetadata;
pub use tags::Tags;

/// Maximum length of a reference, of the name of a batch, and of a tag's value, in characters.
pub const MAX_LABEL_CHARS: usize = 64;
pub const MAX_TAGS: usize = 8;
/// Maximum length of a tag's name.
pub const MAX_TAG_NAME_CHARS: usize = 32;
/// Maximum length of all names and values of tags together, in bytes of UTF-8. Each kilobyte of a row costs a write unit,
/// and a push message has at most 32 KB.
pub const MAX_TAGS_BYTES: usize = 512;

/// What an uploader attached to a document. All of it is the customer's, and is deleted with the document's data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    /// The customer's own id of the document. It need not be unique.
    pub reference: Option<String>,
    /// The documents that belong together have the same.
    pub batch: Option<String>,
    pub tags: Tags,
    pub lane: Lane,
    /// Labels in the object's metadata that are invalid and so not used: `<field>:<problem>`, separated by commas.
    pub invalid: String,
}

/// Which part of [`Labels`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LabelField {
    Reference,
    Batch,
    Tags,
    Lane,
}

impl LabelField {
    pub const ALL: [Self; 4] = [Self::Reference, Self::Batch, Self::Tags, Self::Lane];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Reference => "reference",
            Self::Batch => "batch",
            Self::Tags => "tags",
            Self::Lane => "lane",
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
    #[error("must be standard or bulk")]
    UnknownLane,
}

impl LabelProblem {
    const ALL: [Self; 10] = [
        Self::Length,
        Self::ControlCharacter,
        Self::TooManyTags,
        Self::TagName,
        Self::TagValue,
        Self::TagBytes,
        Self::DuplicateTag,
        Self::TagFormat,
        Self::NotUtf8,
        Self::UnknownLane,
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
            Self::UnknownLane => "unknown-lane",
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
    /// `None` for the code of a later release.
    fn from_code(code: &str) -> Option<Self> {
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
        tags: &[(String, String)],
        lane: Lane,
    ) -> Result<Self, InvalidLabel> {
        let text = |field: LabelField, text: Option<&str>| {
            let checked = text.map(check_text).transpose();
            checked.map_err(|problem| InvalidLabel { field, problem })
        };
        Ok(Self {
            reference: text(LabelField::Reference, reference)?,
            batch: text(LabelField::Batch, batch)?,
            lane,
            invalid: String::new(),
            tags: Tags::checked(tags).map_err(|problem| InvalidLabel {
                field: LabelField::Tags,
                problem,
            })?,
        })
    }

    /// The invalid ones, as far as this release knows the problem.
    pub fn invalid_labels(&self) -> impl Iterator<Item = InvalidLabel> {
        self.invalid.split(',').filter_map(InvalidLabel::from_code)
    }
}

/// A reference, the name of a batch or the value of a tag, without invisible characters and without the blanks around it.
///
/// # Errors
/// Why it is invalid.
pub fn check_text(text: &str) -> Result<String, LabelProblem> {
    let has_control = |text: &str| text.chars().any(|c| c.is_control() || is_direction_mark(c));
    if has_control(text) {
        return Err(LabelProblem::ControlCharacter);
    }
    let text: String = text.chars().filter(|c| !is_format_character(*c)).collect();
    // Joiners belong between two letters of some scripts.
    let text = text.trim_matches(|c: char| c.is_whitespace() || is_joiner(c));
    if text.chars().count() > MAX_LABEL_CHARS || !is_visible_text(text) {
        return Err(LabelProblem::Length);
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_bounded_and_cleaned() {
        for (text, stored) in [
            ("INV-4711/2026 #7", "INV-4711/2026 #7"),
            (" Vertrag Müller ", "Vertrag Müller"),
            ("契約書", "契約書"),
            ("\u{feff}INV\u{200b}-4711\u{ad} \u{2060}", "INV-4711"),
            ("\u{200d}नि\u{200d}न\u{200c} ", "नि\u{200d}न"),
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
    fn every_problem_can_be_stored_and_read_again() {
        for field in LabelField::ALL {
            for problem in LabelProblem::ALL {
                let invalid = InvalidLabel { field, problem };
                let code = format!("{}:{}", field.name(), problem.name());
                assert_eq!(InvalidLabel::from_code(&code), Some(invalid));
            }
        }
        assert_eq!(
            InvalidLabel::from_code("reference:of-a-later-release"),
            None
        );
    }
}
