//! What was uploaded: whose it is, whether it can be submitted, and how the endpoint is told where it lies.

use crate::id::{JobId, Location, Tenant};
use crate::pipeline::Pipeline;

/// The object version that a job is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Bucket name.
    pub bucket: String,
    /// Object key, decoded.
    pub key: String,
    /// S3 version id.
    pub version: String,
    /// Entity tag, without quotes.
    pub etag: String,
    /// Size in bytes.
    pub bytes: u64,
    /// The media type that the object was stored with.
    pub content_type: String,
    /// The file name that the uploader gave, where it is not the key's last segment.
    pub name: Option<String>,
    /// Who uploaded it, where the upload went through the API.
    pub uploaded_by: Option<String>,
}

impl Input {
    /// The file name that people see.
    pub fn display_name(&self) -> &str {
        self.name
            .as_deref()
            .unwrap_or_else(|| self.key.rsplit('/').next().unwrap_or(&self.key))
    }
}

/// Why an object cannot be submitted. The text is for the customer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InputProblem {
    /// Zero bytes.
    #[error("the file is empty; upload it again")]
    Empty,
    /// Larger than the pipeline takes.
    #[error("the file has {bytes} bytes; this pipeline takes at most {max} bytes")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The limit.
        max: u64,
    },
    /// No `%PDF-` within the first 1,024 bytes.
    #[error("the file is not a PDF: there is no %PDF- in its first 1,024 bytes")]
    NotPdf,
    /// The key has a `..` segment.
    #[error("the key has a '..' segment; upload it under a plain path")]
    DotDot,
    /// The key has a control character.
    #[error("the key has a control character; upload it under a plain name")]
    ControlCharacter,
    /// The key ends in a slash.
    #[error("the key has no file name; upload it as <folder>/<name>.pdf")]
    NoName,
    /// The first folder is no tenant name.
    #[error("the first folder {0:?} is not a tenant: 1 to 40 of a-z, 0-9 and '-'")]
    NotATenant(String),
    /// It is there, but cannot be read.
    #[error(
        "the file cannot be read ({0}); upload it again, unencrypted by own keys and not archived"
    )]
    Unreadable(String),
    /// It was deleted before it was looked at.
    #[error("the file was deleted before it could be processed")]
    Deleted,
}

/// How many bytes of an object are read to see what it is (PDF 1.7 readers look for the header in the first 1,024).
pub const PEEK_BYTES: usize = 1024;

/// The tenant of a key, and what is wrong with the key if something is.
/// A key that names no tenant belongs to the fallback tenant, so that even its failure is seen by someone.
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
    // The order is from "dangerous" to "odd": the customer is told the worst.
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

/// What is wrong with an object's contents, judged by its size and its first [`PEEK_BYTES`] bytes.
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
    let is_pdf = head.windows(5).any(|window| window == b"%PDF-");
    if is_pdf {
        None
    } else {
        Some(InputProblem::NotPdf)
    }
}

/// Where the endpoint should read an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// From where it lies.
    InPlace(Location),
    /// From a copy of this version that must be made first.
    Copy(Location),
}

/// `InputLocation` is at most 1,024 characters long and travels in a header (API reference, `InvokeEndpointAsync`),
/// and whether it is percent-decoded is not documented: so only plain keys are named directly,
/// all others are copied to `work/<job-id>`.
pub fn delivery(id: JobId, bucket: &str, key: &str) -> Delivery {
    let plain = key
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"/_.-!*'()".contains(&b));
    let in_place = Location {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
    };
    if plain && in_place.to_string().len() <= 1024 {
        Delivery::InPlace(in_place)
    } else {
        Delivery::Copy(Location {
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
    fn the_first_folder_is_the_tenant() {
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
    fn dangerous_keys_fail_with_a_reason() {
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
    fn contents_are_judged_by_size_and_header() {
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
    fn only_plain_keys_are_named_to_the_endpoint() {
        let id = JobId::of_key("b", "k");
        let copy = Delivery::Copy(Location {
            bucket: "b".into(),
            key: format!("work/{id}"),
        });
        let plain = "inbound/acme/9f1c-2.pdf";
        assert_eq!(
            delivery(id, "b", plain),
            Delivery::InPlace(Location {
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
            assert_eq!(delivery(id, "b", odd), copy, "{odd}");
        }
        assert_ne!(delivery(id, "b", &"x".repeat(1017)), copy);
    }
}
