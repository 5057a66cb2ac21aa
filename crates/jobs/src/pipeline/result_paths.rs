//! Where the parts of a JSON result are. The service passes it on to readers of results; it does not read results itself.

use serde::{Deserialize, Serialize};

/// Longer paths are refused.
const MAX_PATH_BYTES: usize = 256;

/// Where the parts of a pipeline's JSON results are, as JSON Pointers (RFC 6901). A part that is not named here, or not
/// found there, is looked for under its usual names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResultPaths {
    /// The title of the document.
    pub title: Option<String>,
    /// A text, or a list of paragraphs.
    pub summary: Option<String>,
    /// The list of findings.
    pub findings: Option<String>,
    /// Within a finding: what it says.
    pub finding_text: Option<String>,
    /// Within a finding: its heading.
    pub finding_title: Option<String>,
    /// Within a finding: how serious it is.
    pub finding_level: Option<String>,
    /// Within a finding: the words of the document that it is about.
    pub finding_quote: Option<String>,
    /// Within a finding: the number of its page.
    pub finding_page: Option<String>,
    /// Within a finding: its place on the page.
    pub finding_box: Option<String>,
    /// The number that the model gives to the first page: 0 or 1. The default is 1.
    pub first_page: Option<u8>,
    /// What a box is measured in, from the top left corner of the page. The default is `fraction`.
    pub box_unit: Option<BoxUnit>,
}

/// What the box of a finding is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum BoxUnit {
    /// Parts of the page's width and height, 0 to 1.
    Fraction,
    /// Points of the PDF: 72 are an inch.
    Point,
}

impl ResultPaths {
    /// The first field that does not fit, and what is wrong with it.
    pub(super) fn problem(&self) -> Option<(&'static str, String)> {
        let fields = [
            ("title", &self.title),
            ("summary", &self.summary),
            ("findings", &self.findings),
            ("finding_text", &self.finding_text),
            ("finding_title", &self.finding_title),
            ("finding_level", &self.finding_level),
            ("finding_quote", &self.finding_quote),
            ("finding_page", &self.finding_page),
            ("finding_box", &self.finding_box),
        ];
        for (field, path) in fields {
            let Some(path) = path else { continue };
            if !is_json_pointer(path) {
                let problem = format!(
                    "{path:?} is not a JSON Pointer: /name/name of at most {MAX_PATH_BYTES} bytes, with ~1 for '/' and ~0 for '~' in a name"
                );
                return Some((field, problem));
            }
        }
        let first = self.first_page.filter(|page| *page > 1)?;
        Some(("first_page", format!("{first} is not 0 or 1")))
    }
}

/// Whether it is a JSON Pointer that is not empty.
fn is_json_pointer(path: &str) -> bool {
    path.starts_with('/')
        && path.len() <= MAX_PATH_BYTES
        && !path.chars().any(char::is_control)
        && path
            .split('~')
            .skip(1)
            .all(|after| after.starts_with(['0', '1']))
}
