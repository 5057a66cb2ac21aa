//! Uploads.

use serde::{Deserialize, Serialize};

use super::SignedRequest;

/// Body of `POST /uploads`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NewUpload {
    pub pipeline: String,
    /// One of the caller's tenants. Required if the caller has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The file's name, 1 to 200 characters and at most 500 bytes.
    pub name: String,
    /// The file's size in bytes.
    pub bytes: u64,
    /// The file's media type, one of the pipeline's `content_types`.
    pub content_type: String,
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
    pub content_type: String,
    pub created_at: u64,
    /// The upload must be completed before this time.
    pub expires_at: u64,
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
    /// The parts to sign, 1 to 100.
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
