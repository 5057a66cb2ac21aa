//! Labels in the user metadata of an S3 object.
//!
//! Most S3 clients take ASCII only, so texts are percent-encoded UTF-8; what is not encoded is taken as it is. Tags are
//! written as S3's own header `x-amz-tagging` writes them: as the parameters of a URL's query.

use super::{LabelField, LabelProblem, Labels, Tags, check_text};
use crate::encoded_word::{START, decode_words};
use crate::lane::Lane;

/// The values of the user metadata `docket-reference`, `docket-batch`, `docket-tags` and `docket-lane`, as S3 returns them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelMetadata {
    pub reference: Option<String>,
    pub batch: Option<String>,
    pub tags: Option<String>,
    pub lane: Option<String>,
}

impl LabelMetadata {
    /// The names of the metadata, without `x-amz-meta-`.
    pub const REFERENCE: &str = "docket-reference";
    pub const BATCH: &str = "docket-batch";
    pub const TAGS: &str = "docket-tags";
    pub const LANE: &str = "docket-lane";

    /// The valid labels, with what is wrong with the others. Without a valid lane, `default_lane` is the lane.
    pub fn labels(&self, default_lane: Lane) -> Labels {
        let mut invalid = String::new();
        let mut leave_out = |field: LabelField, problem: LabelProblem| {
            if !invalid.is_empty() {
                invalid.push(',');
            }
            invalid.push_str(field.name());
            invalid.push(':');
            invalid.push_str(problem.name());
        };
        let mut text = |field: LabelField, value: Option<&String>| {
            let checked = decoded(value?, false).and_then(|text| check_text(&text));
            checked.map_err(|problem| leave_out(field, problem)).ok()
        };
        let reference = text(LabelField::Reference, self.reference.as_ref());
        let batch = text(LabelField::Batch, self.batch.as_ref());
        let tags = match self.tags.as_deref().map(parse_tags) {
            None => Tags::default(),
            Some(Ok(tags)) => tags,
            Some(Err(problem)) => {
                leave_out(LabelField::Tags, problem);
                Tags::default()
            }
        };
        let named = self
            .lane
            .as_deref()
            .map(|name| Lane::from_name(name.trim()));
        if named == Some(None) {
            leave_out(LabelField::Lane, LabelProblem::UnknownLane);
        }
        Labels {
            reference,
            batch,
            tags,
            lane: named.flatten().unwrap_or(default_lane),
            invalid,
        }
    }
}

/// Decodes `%` and two hexadecimal digits; other percent signs stay. Written out, since a library is a larger part of a zip.
fn decoded(value: &str, plus_is_blank: bool) -> Result<String, LabelProblem> {
    let value = decode_words(value);
    if value.starts_with(START) {
        return Err(LabelProblem::NotUtf8);
    }
    let bytes = value.as_bytes();
    let digit = |at: usize| char::from(*bytes.get(at)?).to_digit(16);
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        decoded.push(match (byte, digit(at), digit(at + 1)) {
            (b'%', Some(high), Some(low)) => {
                at += 2;
                u8::try_from(high * 16 + low).unwrap_or(byte)
            }
            (b'+', ..) if plus_is_blank => b' ',
            (byte, ..) => byte,
        });
    }
    String::from_utf8(decoded).map_err(|_| LabelProblem::NotUtf8)
}

/// Tags from `name=value&name=value`.
fn parse_tags(text: &str) -> Result<Tags, LabelProblem> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    let text = decode_words(text);
    for pair in text.trim().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').ok_or(LabelProblem::TagFormat)?;
        pairs.push((decoded(name, true)?, decoded(value, true)?));
    }
    Tags::checked(&pairs)
}

#[cfg(test)]
mod tests {
    use super::super::InvalidLabel;
    use super::*;

    fn labels(reference: &str, tags: &str) -> (Labels, Vec<InvalidLabel>) {
        let metadata = LabelMetadata {
            reference: Some(reference.to_owned()),
            tags: Some(tags.to_owned()),
            ..LabelMetadata::default()
        };
        let labels = metadata.labels(Lane::Standard);
        let invalid = labels.invalid_labels().collect();
        (labels, invalid)
    }

    #[test]
    fn metadata_may_be_percent_encoded() {
        let (found, invalid) = labels(
            "Vertrag%20M%C3%BCller+50%",
            "matter=47%2F11&client=M%C3%BCller+AG&",
        );
        assert_eq!(invalid, []);
        assert_eq!(found.reference.as_deref(), Some("Vertrag Müller+50%"));
        assert_eq!(
            found.tags.lines(),
            "client=Müller AG
matter=47/11"
        );
        let (found, invalid) = labels(
            "=?UTF-8?B?TcO8bGxlcg==?=",
            "=?UTF-8?Q?client=3DM=C3=BCller?=",
        );
        assert_eq!(invalid, []);
        assert_eq!(found.reference.as_deref(), Some("Müller"));
        assert_eq!(found.tags.get("client"), Some("Müller"));
        let (found, invalid) = labels("Müller", "client=Müller");
        assert_eq!(invalid, []);
        assert_eq!(found.reference.as_deref(), Some("Müller"));
        assert_eq!(found.tags.get("client"), Some("Müller"));
    }

    #[test]
    fn lane_is_the_one_in_the_metadata_or_else_the_pipelines() {
        for (name, default, lane, is_invalid) in [
            (None, Lane::Standard, Lane::Standard, false),
            (None, Lane::Bulk, Lane::Bulk, false),
            (Some("bulk"), Lane::Standard, Lane::Bulk, false),
            (Some(" standard "), Lane::Bulk, Lane::Standard, false),
            (Some("express"), Lane::Bulk, Lane::Bulk, true),
            (Some(""), Lane::Standard, Lane::Standard, true),
        ] {
            let metadata = LabelMetadata {
                lane: name.map(str::to_owned),
                ..LabelMetadata::default()
            };
            let labels = metadata.labels(default);
            assert_eq!(labels.lane, lane, "{name:?}");
            let expected = if is_invalid { "lane:unknown-lane" } else { "" };
            assert_eq!(labels.invalid, expected);
        }
    }

    #[test]
    fn invalid_value_is_left_out_and_the_others_are_used() {
        for (tags, problem) in [
            ("matter", LabelProblem::TagFormat),
            ("a=1&a=2", LabelProblem::DuplicateTag),
            ("a b=1", LabelProblem::TagName),
            ("a=", LabelProblem::TagValue),
            ("a=%ff", LabelProblem::NotUtf8),
            (
                "a=1&b=1&c=1&d=1&e=1&f=1&g=1&h=1&i=1",
                LabelProblem::TooManyTags,
            ),
        ] {
            let (found, invalid) = labels("4711", tags);
            let field = LabelField::Tags;
            assert_eq!(invalid, [InvalidLabel { field, problem }], "{tags}");
            assert_eq!(found.reference.as_deref(), Some("4711"));
            assert!(found.tags.is_empty());
        }
        for (reference, problem) in [
            ("", LabelProblem::Length),
            ("a%0Ab", LabelProblem::ControlCharacter),
            ("%c3", LabelProblem::NotUtf8),
            ("=?KOI8-R?B?TcO8bGxlcg==?=", LabelProblem::NotUtf8),
        ] {
            let (found, invalid) = labels(reference, "a=1");
            let field = LabelField::Reference;
            assert_eq!(invalid, [InvalidLabel { field, problem }], "{reference}");
            assert_eq!(
                (found.reference.as_deref(), found.tags.lines()),
                (None, "a=1")
            );
        }
    }
}
