//! Labels in the user metadata of an S3 object.
//!
//! Most S3 clients take ASCII only, so texts are percent-encoded UTF-8; what is not encoded is taken as it is. Tags are
//! written as S3's own header `x-amz-tagging` writes them: as the parameters of a URL's query.

use std::borrow::Cow;

use super::{InvalidLabel, LabelField, LabelProblem, Labels, Tags, check_text};
use percent_encoding::percent_decode_str;

/// The values of the user metadata `docket-reference`, `docket-batch` and `docket-tags`, decoded from what S3 makes of other
/// characters than ASCII.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelMetadata {
    pub reference: Option<String>,
    pub batch: Option<String>,
    pub tags: Option<String>,
}

impl LabelMetadata {
    /// The names of the metadata, without `x-amz-meta-`.
    pub const REFERENCE: &str = "docket-reference";
    pub const BATCH: &str = "docket-batch";
    pub const TAGS: &str = "docket-tags";

    /// The valid labels, and what is wrong with the others.
    pub fn labels(&self) -> (Labels, Vec<InvalidLabel>) {
        let mut invalid = Vec::new();
        let mut text = |field: LabelField, value: Option<&String>| {
            let checked = decoded(value?).and_then(|text| check_text(&text));
            checked
                .map_err(|problem| invalid.push(InvalidLabel { field, problem }))
                .ok()
        };
        let reference = text(LabelField::Reference, self.reference.as_ref());
        let batch = text(LabelField::Batch, self.batch.as_ref());
        let tags = match self.tags.as_deref().map(parse_tags) {
            None => Tags::default(),
            Some(Ok(tags)) => tags,
            Some(Err(problem)) => {
                let field = LabelField::Tags;
                invalid.push(InvalidLabel { field, problem });
                Tags::default()
            }
        };
        let labels = Labels {
            reference,
            batch,
            tags,
        };
        (labels, invalid)
    }
}

fn decoded(value: &str) -> Result<String, LabelProblem> {
    let text = percent_decode_str(value).decode_utf8();
    text.map(Cow::into_owned).map_err(|_| LabelProblem::NotUtf8)
}

/// Tags from `name=value&name=value`.
fn parse_tags(text: &str) -> Result<Tags, LabelProblem> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for pair in text.trim().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').ok_or(LabelProblem::TagFormat)?;
        let part = |part: &str| decoded(&part.replace('+', " "));
        pairs.push((part(name)?, part(value)?));
    }
    let pairs = pairs.iter();
    Tags::checked(pairs.map(|(name, value)| (name.as_str(), value.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(reference: &str, tags: &str) -> (Labels, Vec<InvalidLabel>) {
        let metadata = LabelMetadata {
            reference: Some(reference.to_owned()),
            batch: None,
            tags: Some(tags.to_owned()),
        };
        metadata.labels()
    }

    #[test]
    fn metadata_may_be_percent_encoded() {
        let (found, invalid) = labels(
            "Vertrag%20M%C3%BCller 50%",
            "matter=47%2F11&client=M%C3%BCller+AG&",
        );
        assert_eq!(invalid, []);
        assert_eq!(found.reference.as_deref(), Some("Vertrag Müller 50%"));
        assert_eq!(
            found.tags.lines(),
            "client=Müller AG
matter=47/11"
        );
        let (found, invalid) = labels("Müller", "client=Müller");
        assert_eq!(invalid, []);
        assert_eq!(found.reference.as_deref(), Some("Müller"));
        assert_eq!(found.tags.get("client"), Some("Müller"));
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
