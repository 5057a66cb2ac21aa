//! Receipts.

use jobs::view::ModelView;
use serde::{Deserialize, Serialize};

/// Response of `GET /jobs/{job_id}/receipt`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReceiptView {
    /// A JSON Web Signature in its compact form (RFC 7515), with `alg` `EdDSA` (RFC 8037). Its payload is a `Receipt`. Store it
    /// as it is: a line feed at its end is a change.
    pub jws: String,
    /// What it says.
    pub receipt: Receipt,
}

/// What the service states about a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Receipt {
    /// When the receipt was made. The hashes are those of the files at this time.
    pub issued_at: u64,
    pub job_id: String,
    pub tenant: String,
    pub pipeline: String,
    /// What came with the upload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// When the job was created.
    pub created_at: u64,
    /// The attempt that the result is of, from 1.
    pub attempt: u8,
    /// When the attempt began, and when its result was recorded.
    pub started_at: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<u64>,
    /// The endpoint was called again although a first call may have been made, so the model may have run twice.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub may_run_twice: bool,
    /// The model that the attempt was sent to. Absent if that was not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelView>,
    /// The uploaded file, in the version that the job processed.
    pub document: ReceiptFile,
    /// The result, in the version that was current when the receipt was made.
    pub result: ReceiptFile,
}

/// A file that a receipt is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReceiptFile {
    /// `s3://bucket/key`.
    pub location: String,
    /// S3's version id.
    pub version: String,
    /// S3's ETag.
    pub etag: String,
    pub bytes: u64,
    /// SHA-256 of the content, in lower-case hexadecimal digits. Absent for a file above 64 MB, and for a document that was
    /// deleted after its retention time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// Response of `GET /receipt-keys`: the keys that receipts are signed with, as a JSON Web Key Set (RFC 7517).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReceiptKeys {
    pub keys: Vec<ReceiptKey>,
}

/// A public key (RFC 8037).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReceiptKey {
    /// `OKP`.
    pub kty: String,
    /// `Ed25519`.
    pub crv: String,
    /// The key, in base64url without padding.
    pub x: String,
    /// The key's thumbprint (RFC 7638), which a receipt's header names too.
    pub kid: String,
}
