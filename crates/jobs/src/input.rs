//! Validation of uploaded objects, and how their location is passed to the endpoint.

use std::borrow::Cow;

use crate::file_name::{NO_NAME, clean};
use crate::id::{JobId, Location, Tenant};
use crate::labels::Labels;
use crate::pipeline::Pipeline;
use crate::state::{Cause, Failure};

/// The object version that a job processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    pub bucket: String,
    /// Decoded.
    pub key: String,
    pub version: String,
    /// Without quotes.
    pub etag: String,
    pub bytes: u64,
    /// Media type stored with the object.
    pub content_type: String,
    /// The file name given by the uploader, if it differs from the key's last segment.
    pub name: Option<String>,
    /// The user who uploaded it, if the upload went through the API.
    pub uploaded_by: Option<String>,
    /// What the uploader attached to it.
    pub labels: Labels,
}

impl Input {
    /// The file name to show to users: the uploader's, else the key's last segment, cleaned.
    pub fn display_name(&self) -> Cow<'_, str> {
        let candidates = [self.name.as_deref(), Some(self.key.as_str())];
        candidates
            .into_iter()
            .flatten()
            .map(clean)
            .find(|name| !name.is_empty())
            .unwrap_or(Cow::Borrowed(NO_NAME))
    }
}

/// Why an object cannot be submitted. The text is shown to the customer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InputProblem {
    #[error("the file is empty; upload it again")]
    Empty,
    #[error("the file has {bytes} bytes; this pipeline takes at most {max} bytes")]
    TooLarge { bytes: u64, max: u64 },
    #[error("the file is not a PDF: there is no %PDF- in its first 1,024 bytes")]
    NotPdf,
    #[error("the key has a '..' segment; upload it under a plain path")]
    DotDot,
    #[error("the key has a control character; upload it under a plain name")]
    ControlCharacter,
    #[error("the key has no file name; upload it as <folder>/<name>.pdf")]
    NoName,
    #[error("the first folder {0:?} is not a tenant: 1 to 40 of a-z, 0-9 and '-'")]
    NotATenant(String),
    #[error(
        "the file cannot be read ({0}); upload it again, unencrypted by own keys and not archived"
    )]
    Unreadable(String),
    /// A policy or a key, which its owner can change.
    #[error(
        "the file cannot be read ({0}): a policy or its encryption key denies it; have that changed, then upload the file again"
    )]
    Denied(String),
    /// Deleted before it was processed.
    #[error("the file was deleted before it could be processed")]
    Deleted,
}

impl InputProblem {
    /// The failure of a job with this problem.
    pub fn failure(&self) -> Failure {
        Failure::new(Cause::InvalidInput, self.to_string())
    }
}

/// Bytes read from an object to identify it: PDF 1.7 readers search the first 1,024 bytes for the header.
pub const PEEK_BYTES: usize = 1024;

/// The tenant of a key, and what is wrong with the key, if anything.
///
/// A key without a valid tenant belongs to the fallback tenant, so that its failure is visible in a list.
pub fn check_key(pipeline: &Pipeline, key: &str) -> (Tenant, Option<InputProblem>) {
    let path = key.strip_prefix(&pipeline.prefix).unwrap_or(key);
    let (tenant, problem) = match path.split_once('/') {
        None => (Tenant::fallback(), None),
        Some((first, _)) => match first.parse() {
            Ok(tenant) => (tenant, None),
            Err(_) => (
                Tenant::fallback(),
                Some(InputProblem::NotATenant(first.chars().take(60).collect())),
            ),
        },
    };
    // Most dangerous first: only one problem is reported.
    let problem = if path.chars().any(char::is_control) {
        Some(InputProblem::ControlCharacter)
    } else if path.split('/').any(|segment| segment == "..") {
        Some(InputProblem::DotDot)
    } else if path.is_empty() || path.ends_with('/') {
        Some(InputProblem::NoName)
    } else {
        problem
    };
    (tenant, problem)
}

/// Media types under which programs store folders.
const FOLDER_TYPES: [&str; 3] = [
    "application/x-directory",
    "binary/x-directory",
    "httpd/unix-directory",
];

/// Whether an object only makes a folder visible. S3 has no folders, so programs write empty objects for them: a key that
/// ends in a slash (the S3 console, rclone), in `_$folder$` (Hadoop), or in the name of a hidden file without an extension, such
/// as `.keep`, `.empty` and `.bzEmpty`. It is no upload.
pub fn is_folder_marker(key: &str, bytes: u64) -> bool {
    let name = key.rsplit('/').next().unwrap_or(key);
    let is_hidden = || {
        let rest = name.strip_prefix('.');
        // `.pdf` is a document without a name.
        rest.is_some_and(|rest| !rest.contains('.') && !rest.eq_ignore_ascii_case("pdf"))
    };
    bytes == 0 && (name.is_empty() || name.ends_with("_$folder$") || is_hidden())
}

/// As [`is_folder_marker`], by the media type of an object.
pub fn is_folder_type(content_type: &str, bytes: u64) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    bytes == 0
        && FOLDER_TYPES
            .iter()
            .any(|known| essence.eq_ignore_ascii_case(known))
}

/// The problem of an object, judged by its size and its first [`PEEK_BYTES`] bytes.
pub fn check_contents(pipeline: &Pipeline, bytes: u64, head: &[u8]) -> Option<InputProblem> {
    if bytes == 0 {
        return Some(InputProblem::Empty);
    }
    if bytes > pipeline.max_bytes {
        return Some(InputProblem::TooLarge {
            bytes,
            max: pipeline.max_bytes,
        });
    }
    (!is_pdf(head)).then_some(InputProblem::NotPdf)
}

/// Whether a file with these first [`PEEK_BYTES`] bytes is taken for a PDF.
pub fn is_pdf(head: &[u8]) -> bool {
    head.windows(5).any(|window| window == b"%PDF-")
}

/// How the endpoint reads an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InputLocation {
    /// At its own location.
    InPlace(Location),
    /// From a copy of this version, which must be made first.
    Copy(Location),
}

/// Decides how the endpoint reads an input.
///
/// `InputLocation` has at most 1,024 characters and is sent in a header (API reference, `InvokeEndpointAsync`). Whether
/// SageMaker percent-decodes it is not documented. So only plain keys are passed as they are; all other objects are
/// copied to `work/<job-id>` first.
pub fn input_location(id: JobId, bucket: &str, key: &str) -> InputLocation {
    let plain = key
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"/_.-!*'()".contains(&b));
    let in_place = Location {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
    };
    if plain && in_place.to_string().len() <= 1024 {
        InputLocation::InPlace(in_place)
    } else {
        InputLocation::Copy(Location {
            bucket: bucket.to_owned(),
            key: format!("work/{id}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::Pipelines;

    fn legal() -> Pipeline {
        let all = Pipelines::parse(include_str!("../../../infra/pipelines.toml")).unwrap();
        all.get("legal-review").unwrap().clone()
    }

    #[test]
    fn first_folder_of_a_key_is_the_tenant() {
        let tenant = |key| check_key(&legal(), key);
        assert_eq!(
            tenant("inbound/acme/a.pdf"),
            ("acme".parse().unwrap(), None)
        );
        assert_eq!(tenant("inbound/a.pdf"), (Tenant::fallback(), None));
        assert_eq!(tenant("inbound/acme/2026/Q1 + Q2/Verträge.pdf").1, None);
        assert_eq!(
            tenant("inbound/ACME Corp/a.pdf"),
            (
                Tenant::fallback(),
                Some(InputProblem::NotATenant("ACME Corp".into()))
            )
        );
    }

    #[test]
    fn invalid_keys_are_rejected_with_a_reason() {
        let problem = |key| check_key(&legal(), key).1;
        assert_eq!(
            problem("inbound/acme/../other/a.pdf"),
            Some(InputProblem::DotDot)
        );
        assert_eq!(problem("inbound/../a.pdf"), Some(InputProblem::DotDot));
        assert_eq!(
            problem("inbound/acme/a\r\nb.pdf"),
            Some(InputProblem::ControlCharacter)
        );
        assert_eq!(
            problem("inbound/acme/a\u{0}.pdf"),
            Some(InputProblem::ControlCharacter)
        );
        assert_eq!(problem("inbound/acme/"), Some(InputProblem::NoName));
        assert_eq!(problem("inbound/"), Some(InputProblem::NoName));
        assert_eq!(problem("inbound/acme/a..b.pdf"), None);
    }

    #[test]
    fn folder_markers_are_told_from_documents() {
        for key in [
            "inbound/",
            "inbound/acme/",
            "inbound/acme/2026//",
            "inbound/acme_$folder$",
            "inbound/acme/2026_$folder$",
            "inbound/acme/_$folder$",
            "inbound/acme/.keep",
            "inbound/acme/.s3keep",
            "inbound/acme/.bzEmpty",
            "inbound/acme/.empty",
            "inbound/acme/.placeholder",
            "inbound/acme/.gitkeep",
            "inbound/acme/.emptyFolderPlaceholder",
        ] {
            assert!(is_folder_marker(key, 0), "{key}");
            assert!(!is_folder_marker(key, 7), "{key} has contents");
        }
        for key in [
            "inbound/acme/a.pdf",
            "inbound/acme/.keep.pdf",
            "inbound/acme/.pdf",
            "inbound/acme/keep",
            "inbound/acme/my_$folder$.pdf",
        ] {
            assert!(!is_folder_marker(key, 0), "{key}");
        }
        assert!(is_folder_type("application/x-directory; charset=UTF-8", 0));
        assert!(!is_folder_type("application/x-directory", 7));
        assert!(!is_folder_type("application/pdf", 0));
    }

    #[test]
    fn shown_name_is_the_cleaned_name_of_the_uploader_or_of_the_key() {
        let shown = |name: Option<&str>, key: &str| {
            let input = Input {
                bucket: "b".into(),
                key: key.into(),
                version: "v".into(),
                etag: "e".into(),
                bytes: 7,
                content_type: "application/pdf".into(),
                name: name.map(str::to_owned),
                uploaded_by: None,
                labels: Labels::default(),
            };
            input.display_name().into_owned()
        };
        assert_eq!(shown(None, "inbound/acme/nda.pdf"), "nda.pdf");
        assert_eq!(shown(Some("NDA.pdf"), "inbound/acme/1.pdf"), "NDA.pdf");
        assert_eq!(
            shown(Some("../../x\u{202e}fdp.exe"), "inbound/1.pdf"),
            "xfdp.exe"
        );
        for empty in ["", " ", "\u{200b}", ".."] {
            assert_eq!(
                shown(Some(empty), "inbound/acme/1.pdf"),
                "1.pdf",
                "{empty:?}"
            );
            assert_eq!(
                shown(Some(empty), "inbound/acme/"),
                "(no name)",
                "{empty:?}"
            );
        }
        assert_eq!(shown(None, "inbound/acme/a\r\n\u{202e}b.pdf"), "ab.pdf");
        assert_eq!(shown(None, "inbound/acme/.."), "(no name)");
    }

    #[test]
    fn contents_are_checked_by_size_and_pdf_header() {
        let check = |bytes, head: &[u8]| check_contents(&legal(), bytes, head);
        assert_eq!(check(0, b""), Some(InputProblem::Empty));
        assert_eq!(
            check(26_214_401, b"%PDF-1.7"),
            Some(InputProblem::TooLarge {
                bytes: 26_214_401,
                max: 26_214_400
            })
        );
        assert_eq!(check(26_214_400, b"%PDF-1.7"), None);
        assert_eq!(check(9, b"\xef\xbb\xbf\n%PDF-1.4"), None);
        assert_eq!(check(9, b"PK\x03\x04%PDF"), Some(InputProblem::NotPdf));
    }

    #[test]
    fn only_plain_keys_are_passed_to_the_endpoint_without_a_copy() {
        let id = JobId::of_key("b", "k");
        let copy = InputLocation::Copy(Location {
            bucket: "b".into(),
            key: format!("work/{id}"),
        });
        let plain = "inbound/acme/9f1c-2.pdf";
        assert_eq!(
            input_location(id, "b", plain),
            InputLocation::InPlace(Location {
                bucket: "b".into(),
                key: plain.into()
            })
        );
        for odd in [
            "inbound/a b.pdf",
            "inbound/a+b.pdf",
            "inbound/ü.pdf",
            "inbound/a%20b.pdf",
            &"x".repeat(1018),
        ] {
            assert_eq!(input_location(id, "b", odd), copy, "{odd}");
        }
        assert_ne!(input_location(id, "b", &"x".repeat(1017)), copy);
    }
}
