//! Uploads.

#[cfg(feature = "schema")]
use jobs::labels::MAX_LABEL_CHARS;
use jobs::labels::Tags;
use jobs::lane::Lane;
use serde::{Deserialize, Serialize};

use super::SignedRequest;
#[cfg(feature = "schema")]
use super::schema::{TENANT_PATTERN, label_pattern, name_pattern, tags_schema};

/// Body of `POST /uploads`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NewUpload {
    /// A `name` of `GET /me`'s pipelines.
    pub pipeline: String,
    /// One of the caller's tenants. Required if the caller has several.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = TENANT_PATTERN)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The file's name: 1 to 200 characters and at most 500 bytes, at least one of them visible. Without slashes and control
    /// characters. Invisible characters and those that change the direction of text are removed.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = crate::uploads::MAX_NAME_CHARS), regex(pattern = name_pattern())))]
    pub name: String,
    /// The file's size in bytes, at most the pipeline's `max_bytes`.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub bytes: u64,
    /// The file's media type, one of the pipeline's `content_types`.
    pub content_type: String,
    /// Your own id of the document: 1 to 64 characters, without control characters. It need not be unique. `GET /jobs` finds
    /// jobs by it.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = MAX_LABEL_CHARS), regex(pattern = label_pattern())))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The batch that the document belongs to, by a name of your choice: 1 to 64 characters, without control characters.
    /// `GET /jobs` lists the jobs of a batch.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = MAX_LABEL_CHARS), regex(pattern = label_pattern())))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<String>,
    /// Tags: values by name, at most 8, together at most 512 bytes of UTF-8. A name has 1 to 32 of `A`–`Z`, `a`–`z`,
    /// `0`–`9`, `.`, `_` and `-`; a value has 1 to 64 characters, without control characters.
    #[cfg_attr(feature = "schema", schemars(schema_with = "tags_schema"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "pairs")]
    pub tags: Vec<(String, String)>,
    /// SHA-256 of the file, as 64 hexadecimal digits in lower case. With it, a file whose content the tenant has uploaded to the
    /// pipeline before is refused as `identical`, if the caller may see a job of it that is open, or ready with its result still
    /// stored. Noticed are only earlier uploads that named their SHA-256 too.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[0-9a-f]{64}$")))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Processes the file although its content was uploaded before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub run_anyway: bool,
    /// `bulk` for documents that can wait: they give way to those of `standard`. Without it, the pipeline decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lane: Option<Lane>,
}

/// A JSON object of texts as a list of pairs, in the order of the document.
mod pairs {
    use std::fmt;

    use serde::de::{MapAccess, Visitor};
    use serde::{Deserializer, Serializer};

    type Pairs = Vec<(String, String)>;

    pub(super) fn serialize<S: Serializer>(
        pairs: &Pairs,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_map(pairs.iter().map(|(name, value)| (name, value)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Pairs, D::Error> {
        struct PairsVisitor;
        impl<'de> Visitor<'de> for PairsVisitor {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(pairs)
            }
        }
        deserializer.deserialize_map(PairsVisitor)
    }
}

/// An upload session: response of `POST /uploads` and `GET /uploads/{job_id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UploadView {
    /// The id of the upload session, and of the job that is created when the file is uploaded.
    pub job_id: String,
    pub tenant: String,
    pub pipeline: String,
    /// The file's name. Plain text. Escape it before you show it as HTML.
    pub name: String,
    /// The file's size in bytes.
    pub bytes: u64,
    /// The file's media type.
    pub content_type: String,
    /// When the session was created.
    pub created_at: u64,
    /// The upload must be completed before this time.
    pub expires_at: u64,
    /// As in the request. So are `batch` and `tags`. Plain text. Escape it before you show it as HTML.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<String>,
    #[cfg_attr(
        feature = "schema",
        schemars(with = "std::collections::BTreeMap<String, String>")
    )]
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
    /// Of the request, or else of the pipeline. Absent: `standard`.
    #[serde(default, skip_serializing_if = "Lane::is_standard")]
    pub lane: Lane,
    /// The file is already uploaded: a repeated `POST /uploads` with the same idempotency key has nothing left to do.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub uploaded: bool,
    /// The request that uploads the file, if it is uploaded as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub put: Option<SignedRequest>,
    /// Present if the file is uploaded in parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multipart: Option<MultipartUploadView>,
}

/// A multipart upload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MultipartUploadView {
    /// The size of every part but the last, in bytes.
    pub part_bytes: u64,
    /// How many parts there are. Part numbers start at 1.
    pub part_count: u32,
    /// The numbers of the parts that are already uploaded.
    pub uploaded_parts: Vec<u32>,
}

/// Body of `POST /uploads/{job_id}/parts`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SignPartsRequest {
    /// The numbers of the parts to sign, from 1 to the upload's `part_count`.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = crate::uploads::MAX_SIGNED_PARTS), inner(range(min = 1))))]
    pub part_numbers: Vec<u32>,
}

/// Response of `POST /uploads/{job_id}/parts`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SignedParts {
    /// In the order of the request.
    pub parts: Vec<SignedPart>,
}

/// The request that uploads one part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SignedPart {
    pub part_number: u32,
    pub request: SignedRequest,
}
