//! Uploads.

use serde::{Deserialize, Serialize};

use super::SignedRequest;

/// `POST /uploads`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NewUpload {
    /// For which pipeline.
    pub pipeline: String,
    /// For which of the caller's tenants; needed only if there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The file's name, 1 to 200 characters. Text, never markup.
    pub name: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its media type, one of the pipeline's.
    pub content_type: String,
}

/// An upload that may begin: the answer to `POST /uploads`, and to `GET /uploads/{id}` while the file has not arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UploadView {
    /// The job that it becomes, and its own name.
    pub job_id: String,
    /// The tenant's name.
    pub tenant: String,
    /// The pipeline's name.
    pub pipeline: String,
    /// The file's name. Text, never markup.
    pub name: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its media type.
    pub content_type: String,
    /// When it was announced.
    pub created_at: u64,
    /// When it can no longer be completed.
    pub expires_at: u64,
    /// How to send the file, if it goes in one piece.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub put: Option<SignedRequest>,
    /// How to send the file, if it goes in parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multipart: Option<Multipart>,
}

/// An upload in parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Multipart {
    /// How large a part is, in bytes; the last one is what is left.
    pub part_bytes: u64,
    /// How many there are, numbered from 1.
    pub parts: u32,
    /// The numbers of those that have arrived.
    pub arrived: Vec<u32>,
}

/// `POST /uploads/{id}/parts`: signed requests for some parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PartsWanted {
    /// Their numbers, at most 100.
    pub numbers: Vec<u32>,
}

/// The answer to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SignedParts {
    /// One for each number.
    pub parts: Vec<SignedPart>,
}

/// How to send one part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SignedPart {
    /// Its number.
    pub number: u32,
    /// The request.
    pub request: SignedRequest,
}
