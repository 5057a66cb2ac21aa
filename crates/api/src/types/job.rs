//! Jobs: queries, details, commands.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

#[cfg(feature = "schema")]
use super::schema::{TENANT_PATTERN, visible_pattern};
use super::{QuarantineEntry, SignedRequest, UploadView};
use crate::explain::Explanation;
#[cfg(feature = "schema")]
use jobs::commands::MAX_REASON_CHARS;
#[cfg(feature = "schema")]
use jobs::labels::MAX_LABEL_CHARS;
use jobs::marks::FindingCounts;
#[cfg(feature = "schema")]
use jobs::marks::{MAX_ASSIGNEE_CHARS, MAX_NOTE_CHARS};
use jobs::view::{FailureView, JobView, ModelView};

/// Query parameters of `GET /jobs`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct JobQuery {
    /// Only this tenant. Callers who see all tenants may omit it to list them, but then `status` must be `open` or `failed`.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = TENANT_PATTERN)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Only jobs of this group. Without it, all.
    #[cfg_attr(
        feature = "schema",
        schemars(with = "Option<jobs::state::StatusGroup>")
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Only this pipeline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<String>,
    /// Only jobs that failed, or whose last attempt failed, with this cause.
    #[cfg_attr(feature = "schema", schemars(with = "Option<jobs::state::Cause>"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Only jobs created at or after this time. If failed jobs of all tenants are listed: failed at or after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
    /// Only jobs with exactly this reference. Callers who see all tenants must name the tenant. This filter, and `batch`, `q` and
    /// `found`, are for callers who may read contents.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = MAX_LABEL_CHARS)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Only jobs of exactly this batch. Callers who see all tenants must name the tenant.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = MAX_LABEL_CHARS)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<String>,
    /// Only files whose name starts with this text, ignoring case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub q: Option<String>,
    /// Finds jobs by any id: a job id, an inference id, an event's id, an object's key or URL, the UUID in a key, a reference (the 50
    /// newest jobs), or, for callers who may manage it, the id of a message in quarantine. At most 1,024 bytes, without control characters.
    /// All other filters but `tenant` are ignored. Callers who see all tenants must name one to find a reference. Callers who may
    /// not read contents find jobs by ids, not by keys and references.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = crate::search::MAX_ID_BYTES)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub find: Option<String>,
    /// Searches the jobs of all tenants that the caller may see, newest first: by parts of the file's name, of the uploader, of
    /// reference, batch and tags, and by every id that `find` takes, trace ids, version ids, UUIDs of outputs and the first 8
    /// characters of a job id. Case, accents and dashes are ignored, and every word must occur. At least 3 letters or digits.
    /// Combines with the other filters. `cursor` goes on where the search stopped. For callers who may not read contents it finds
    /// what `find` does.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = crate::search::MAX_ID_BYTES)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<String>,
    /// Only documents that this person uploaded through the API. A name as in `GET /me`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uploaded_by: Option<String>,
    /// Only contracts that are assigned to this person. Empty: only unassigned ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assigned_to: Option<String>,
    /// Only contracts whose result is marked as reviewed, or is not yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reviewed: Option<bool>,
    /// Only contracts in whose result such findings were counted. `serious` has also those with findings whose level was not
    /// understood: they may be serious. Results that no page has counted yet are left out.
    #[cfg_attr(feature = "schema", schemars(extend("enum" = ["serious", "any", "none"])))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// Maximum number of jobs in the response. The default is 50.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = crate::job_list::MAX_PAGE_SIZE)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u16>,
    /// Continues a list where an earlier response ended. Valid only with the same filters and for the same caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// A page of jobs, newest first. Open jobs of all tenants are sorted by the time of their next check instead.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct JobPage {
    pub jobs: Vec<JobView>,
    /// Present if there may be more jobs. Pass it in the next request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// The time of the oldest examined job, if the search stopped early. One response examines at most 500 jobs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub searched_back_to: Option<u64>,
    /// Messages in quarantine that match `find`. Only for callers who may manage the quarantine.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quarantine: Vec<QuarantineEntry>,
}

/// Response of `GET /jobs/{job_id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct JobDetail {
    /// Absent until the file is uploaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobView>,
    /// The upload session. Present until the file is uploaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload: Option<UploadView>,
    pub explanation: Explanation,
    /// Oldest first.
    pub attempts: Vec<AttemptView>,
    /// The uploaded object, `s3://bucket/key`. Empty if its data was deleted, and for callers who may not read its contents.
    pub input: String,
    /// The version id of the uploaded object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_version: Option<String>,
    /// Who uploaded the file, if it was uploaded through this API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uploaded_by: Option<String>,
    /// The id of the job's trace, in logs and traces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// When S3 deletes the document, at the earliest. After that another attempt cannot succeed. Absent if its data was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document_kept_until: Option<u64>,
    /// When S3 deletes the newest result, at the earliest. Absent without a result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_kept_until: Option<u64>,
    /// When the job's row may be deleted. Absent while the job is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<u64>,
    /// The caller may delete the job's data once it is final.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub may_delete: bool,
}

/// One request to the endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AttemptView {
    /// 1 for the first attempt of the job.
    pub attempt: u8,
    /// SageMaker's inference id.
    pub inference_id: String,
    /// When the attempt was saved, before the endpoint was called.
    pub started_at: u64,
    /// When its result or failure was saved. Absent while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<u64>,
    /// Where the endpoint writes the output. The object may not exist yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// There is a result of it, if its retention time is not over: `GET /jobs/{job_id}/result?attempt=`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_result: bool,
    /// The pages of the document, if the result says how many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pages: Option<u32>,
    /// The model that it was sent to. Absent if that was not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelView>,
    /// Present if the attempt failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureView>,
}

/// Response of `GET /jobs/{job_id}/result` and `GET /jobs/{job_id}/document`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ResultView {
    /// The request that downloads the result or the document. It also answers a `Range`.
    pub request: SignedRequest,
    /// A file name.
    pub name: String,
    /// The media type. A browser that opens the request's URL shows a document in `application/pdf`, and saves everything else.
    pub content_type: String,
    /// The size.
    pub bytes: u64,
    /// Where the parts of the result are, if its pipeline says so: JSON Pointers (RFC 6901) by part, such as `findings`. Look
    /// for other parts, and for those that are not there, under their usual names (docs/models.md). Only for JSON.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub paths: BTreeMap<String, String>,
}

/// Query parameters of `GET /jobs/{job_id}/result`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ResultQuery {
    /// The result of this attempt, which `has_result` says is there. Without it, the result of the job: the newest, or while it
    /// is run again the earlier one.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 20)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u8>,
}

/// Body of the commands about a job: `POST /jobs/{job_id}/retry`, `run-again`, `urgent`, `cancel` and `data-deletion`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct JobCommandRequest {
    /// The job's version that the caller has seen. If the job has another version, the request is refused as `changed`.
    /// Without it, the command applies to any version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<u64>,
    /// The reason, for the job's history and the audit log: 1 to 500 characters, at least one of them visible.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = MAX_REASON_CHARS), regex(pattern = visible_pattern())))]
    pub reason: String,
    /// Retries even if the job has repeated the same failure too often. Only for callers who may prioritize jobs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub force: bool,
}

/// Outcome of a command about a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct JobCommandResult {
    /// The job after the command.
    pub job: JobView,
    /// A retry found the result of an earlier attempt. No attempt was scheduled, and the job becomes `Ready` in a moment.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub result_recovered: bool,
}

/// Body of `POST /jobs/{job_id}/marks`. What is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct MarksChange {
    /// Whether the caller has reviewed the contract's result. Reviewers and support only; so are `assigned_to` and `note`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reviewed: Option<bool>,
    /// Who is to review it, as in `GET /me`. Empty: unassigned.
    #[cfg_attr(feature = "schema", schemars(length(max = MAX_ASSIGNEE_CHARS)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assigned_to: Option<String>,
    /// One line. Empty: no note.
    #[cfg_attr(feature = "schema", schemars(length(max = MAX_NOTE_CHARS)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The id of the upload of a corrected version, for a failed job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub corrected_by: Option<String>,
    /// The findings that the caller has counted in the result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub findings: Option<FindingCounts>,
    /// Of `findings.other`: those whose level the caller did not understand. Only with `findings`; without it, 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unclear_findings: Option<u16>,
    /// The caller has opened the contract: it is no longer new to them.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub opened: bool,
    /// Why support marks, assigns or notes a contract, for the audit log. Others need not say it.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = MAX_REASON_CHARS), regex(pattern = visible_pattern())))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
