//! Jobs: finding them, reading about them, orders.

use serde::{Deserialize, Serialize};

use super::{QuarantineEntry, SignedRequest, UploadView};
use crate::explain::Explanation;
use jobs::view::{FailureView, JobView};

/// `GET /jobs`, as query parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct JobQuery {
    /// Of which tenant. Support sees all if it names none, but then only those that are open or failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// `open`, `failed`, `ready` or `cancelled`; of a tenant also none, for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Of which pipeline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<String>,
    /// Failed by which cause, such as `ModelError`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Made (failed, if failed jobs of all tenants are listed) at or after this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
    /// How the file's name begins, in any case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub q: Option<String>,
    /// Any id that a person may hold: of a job or an inference, an object's key or address, the UUID in a key, a message
    /// in quarantine. All other filters are left aside, and at most a few jobs found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub find: Option<String>,
    /// How many jobs at most, 1 to 100; 50 if it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u16>,
    /// Where to go on, as an earlier answer said. Good only with the same filters and the same sign-in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Some jobs: newest first; the open ones of all tenants by when somebody must look at them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct JobPage {
    /// The jobs.
    pub jobs: Vec<JobView>,
    /// There may be more: ask again with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// How far back was searched: at most 500 jobs are looked at for one answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub searched_back_to: Option<u64>,
    /// Messages in quarantine that were found; only with `find`, and only for support.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quarantine: Vec<QuarantineEntry>,
}

/// `GET /jobs/{id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct JobDetail {
    /// The job; none while its file has not arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobView>,
    /// The upload that it will be made from, while it has not arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload: Option<UploadView>,
    /// Where it stands, in plain words.
    pub explanation: Explanation,
    /// Its attempts, oldest first.
    pub attempts: Vec<AttemptView>,
    /// The object's address, `s3://bucket/key`.
    pub input: String,
    /// The object's version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_version: Option<String>,
    /// Who uploaded it, if that went through this API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uploaded_by: Option<String>,
    /// The trace that its logs carry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// When this record may be deleted; none while the job is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<u64>,
}

/// One attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AttemptView {
    /// Its number, from 1.
    pub attempt: u8,
    /// What SageMaker calls it.
    pub inference_id: String,
    /// When it began.
    pub started_at: u64,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<u64>,
    /// Where its output is, or is said to become.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// Why it failed, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureView>,
}

/// `GET /jobs/{id}/result`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ResultView {
    /// How to fetch it.
    pub request: SignedRequest,
    /// What to call it.
    pub name: String,
    /// Its media type.
    pub content_type: String,
    /// Its size in bytes.
    pub bytes: u64,
}

/// `POST /jobs/{id}/retry`, `POST /jobs/{id}/cancel` and `DELETE /jobs/{id}/data`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct JobCommandRequest {
    /// The version of the job that the caller saw; if it has changed since, nothing is done. None: whatever it is now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<u64>,
    /// Why, for the job's history and the audit log: 1 to 500 characters.
    pub reason: String,
    /// A retry although the same input has failed the same way again and again. Support only.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub force: bool,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct JobCommandResult {
    /// The job as it is now.
    pub job: JobView,
    /// No run was needed: a result had come after all, and the job is about to become ready.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub result_found: bool,
}
