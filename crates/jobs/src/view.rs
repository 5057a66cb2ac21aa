//! The public view of a job, for pages, downstream programs and the API. Fields may be added but never changed.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::contents::shown;
use crate::job::Job;
use crate::labels::Tags;
use crate::lane::Lane;
use crate::marks::Marks;
use crate::model_version::AttemptModel;
use crate::state::{Failure, State};

/// A job as pushed to pages and listed. At most about 4 KB of JSON; about 400 bytes with an ordinary file name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct JobView {
    /// The same for all versions and attempts of the job: a UUID.
    pub id: String,
    /// Grows with every change. Of two views of a job, the one with the higher version is newer.
    pub version: u64,
    #[cfg_attr(feature = "schema", schemars(with = "crate::state::JobStatus"))]
    pub status: Cow<'static, str>,
    /// A `name` of `GET /me`'s pipelines, or one that takes no more uploads.
    pub pipeline: String,
    /// The tenant that the document belongs to: 1 to 40 of `a`–`z`, `0`–`9` and `-`.
    pub tenant: String,
    /// The file name, shortened to 200 characters. Plain text. Escape it before you show it as HTML.
    pub name: String,
    /// The document's size.
    pub bytes: u64,
    /// The newest attempt, from 1; 0 if none was started.
    pub attempt: u8,
    /// When the job was created, in milliseconds since 1970 UTC.
    pub created_at: u64,
    /// When the job last changed, in milliseconds since 1970 UTC.
    pub updated_at: u64,
    /// When the next attempt is due, in milliseconds since 1970 UTC. Present if the status is `RetryScheduled`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<u64>,
    /// The job was cancelled while nothing of it was queued or running at the endpoint. Without it, a cancelled job's run may
    /// continue, and its result is ignored.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancelled_without_run: bool,
    /// The job was reported as failed before; a late result has made it `Ready`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub corrected: bool,
    /// Why the job failed. Of an open job: why its last attempt did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureView>,
    /// The uploader's own id of the document. Plain text. Escape it before you show it as HTML. So are `batch` and `tags`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The batch that the document belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<String>,
    /// The uploader's tags: values by name.
    #[cfg_attr(
        feature = "schema",
        schemars(with = "std::collections::BTreeMap<String, String>")
    )]
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
    /// `bulk`: it gives way to documents of lane `standard` while the pipeline's endpoint has work enough. Absent: `standard`.
    #[serde(default, skip_serializing_if = "Lane::is_standard")]
    pub lane: Lane,
    /// It is queued, and support made it urgent: it starts before all others of its pipeline.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub urgent: bool,
    /// The attempt with the result that the job already has, while it is run again. Present if the job is open and has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier_result: Option<u8>,
    /// The model of the newest attempt; of a `Ready` job, of the attempt with the result. Of an open attempt it is in responses of
    /// `GET /jobs/{job_id}`, and may be in messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelView>,
    /// The reader's role shows jobs without contents: `name` is a placeholder, and the reference, the batch, the tags, the note, the
    /// counts of findings and the model's words are left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub contents_hidden: bool,
    /// Who uploaded the document, if it was uploaded through the API. Not in events for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uploaded_by: Option<String>,
    /// What people noted about the contract.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marks: Option<Box<Marks>>,
    /// When an open job will probably be ready. Present in responses of `GET /jobs` and `GET /jobs/{job_id}`, absent from
    /// messages and events, which say what changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_by: Option<ReadyByView>,
}

/// The version of a model: `<endpoint configuration>@<digest>`. The digest is the first twelve hexadecimal digits of the SHA-256
/// of its container image, and absent with its `@` if SageMaker did not name it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ModelView {
    /// What the endpoint served when the attempt was submitted.
    pub version: String,
    /// The version that answers is not certain: the endpoint was updated while the attempt was open, or what it served meanwhile is
    /// not known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub uncertain: bool,
    /// What it served when the attempt ended, or serves now while the attempt is open, if that is another version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<String>,
}

impl From<&AttemptModel> for ModelView {
    fn from(model: &AttemptModel) -> Self {
        Self {
            version: model.version.to_string(),
            uncertain: model.uncertain,
            other: model.other.as_ref().map(ToString::to_string),
        }
    }
}

/// When an open job will probably be ready, or why that is not known. Times are milliseconds since 1970 UTC. Nine of ten
/// jobs are ready between `earliest` and `latest`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReadyByView {
    /// Absent if it is not known; then `explanation` says why. So are the other times, except `earliest` of a job that a pause holds: the
    /// end of the pause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earliest: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest: Option<u64>,
    /// Why there is no estimate, or what it is based on, in a sentence.
    pub explanation: String,
}

/// Why a job or an attempt failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FailureView {
    #[cfg_attr(feature = "schema", schemars(with = "crate::state::Cause"))]
    pub cause: Cow<'static, str>,
    /// The cause in words, at most 240 bytes, from the model or from this service. Plain text. Escape it before you show it
    /// as HTML.
    pub detail: String,
    /// The HTTP status with which the model's container answered, such as 424. Absent if it did not answer, or SageMaker did not
    /// say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_status: Option<u16>,
}

impl From<&Failure> for FailureView {
    fn from(failure: &Failure) -> Self {
        Self {
            cause: failure.cause.name().into(),
            detail: failure.detail.clone(),
            container_status: failure.container_status,
        }
    }
}

/// Maximum length of a file name in a view, in characters. Keys can have 1,024 bytes, and a push message has at most 32 KB.
const MAX_NAME: usize = 200;

impl JobView {
    /// The view for a caller who may read the job's contents, or who may not.
    pub fn for_reader(job: &Job, with_contents: bool) -> Self {
        Self {
            contents_hidden: !with_contents,
            ..Self::from(&*shown(job, with_contents))
        }
    }

    /// The view in events for programs: without what is only for the people who work on the contract.
    pub fn of_event(job: &Job) -> Self {
        Self {
            uploaded_by: None,
            marks: None,
            ..Self::from(job)
        }
    }
}

impl From<&Job> for JobView {
    fn from(job: &Job) -> Self {
        let failure = match job.state {
            State::Ready { .. } | State::Cancelled { .. } | State::Erased { .. } => None,
            State::Queued { .. }
            | State::Submitting { .. }
            | State::InProgress { .. }
            | State::RetryScheduled { .. }
            | State::Failed { .. } => job.failure(),
        };
        Self {
            id: job.id.to_string(),
            version: job.version,
            status: job.state.name().into(),
            pipeline: job.pipeline.clone(),
            tenant: job.tenant.as_str().to_owned(),
            name: shortened(&job.display_name()),
            bytes: job.input.bytes,
            attempt: job.state.attempt().0,
            created_at: job.created_at.0,
            updated_at: job.updated_at.0,
            retry_at: if let State::RetryScheduled { due, .. } = job.state {
                Some(due.0)
            } else {
                None
            },
            cancelled_without_run: job.is_cancelled_without_run(),
            corrected: job.corrected,
            failure: failure.map(FailureView::from),
            reference: job.input.labels.reference.clone(),
            batch: job.input.labels.batch.clone(),
            tags: job.input.labels.tags.clone(),
            lane: job.input.labels.lane,
            urgent: job.is_urgent(),
            earlier_result: Some(job.earlier_result().0).filter(|attempt| *attempt > 0),
            model: job
                .attempt(job.state.attempt())
                .and_then(|record| record.model.as_ref())
                .map(ModelView::from),
            contents_hidden: false,
            uploaded_by: job.input.uploaded_by.clone(),
            marks: job.marks.clone(),
            ready_by: None,
        }
    }
}

/// Shortens a long name to its start and its end, which has the file name extension.
fn shortened(name: &str) -> String {
    let count = name.chars().count();
    if count <= MAX_NAME {
        return name.to_owned();
    }
    let half = MAX_NAME / 2;
    let head: String = name.chars().take(half).collect();
    let tail: String = name.chars().skip(count - half + 1).collect();
    format!("{head}…{tail}")
}

/// A message of the WebSocket API to a page: one frame of JSON, at most 32 KB. Clients ignore types that they do not know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "type")]
pub enum PushMessage {
    /// A job of the subscribed tenant has changed.
    #[serde(rename = "job.changed")]
    #[cfg_attr(feature = "schema", schemars(title = "JobChangedMessage"))]
    JobChanged {
        job: Box<JobView>,
        /// Finds the job's log lines and traces.
        #[serde(skip_serializing_if = "Option::is_none")]
        trace_id: Option<String>,
    },
    /// The response to `{"action":"sync"}`.
    #[serde(rename = "snapshot")]
    #[cfg_attr(feature = "schema", schemars(title = "SnapshotMessage"))]
    Snapshot {
        /// Newest first within each status group.
        jobs: Vec<JobView>,
        /// Whether there are more jobs than fit.
        more: bool,
        /// Names the state of the lists. A page that returns it with its next `sync` gets only what changed since.
        #[serde(skip_serializing_if = "Option::is_none")]
        mark: Option<String>,
    },
    /// The response to an invalid message, or to one after the sign-in has expired.
    #[serde(rename = "error")]
    #[cfg_attr(feature = "schema", schemars(title = "InvalidMessage"))]
    Error {
        /// What is wrong, for people.
        message: String,
    },
}

/// Maximum size of a push message. API Gateway bills and buffers longer messages as several
/// (API Gateway WebSocket quotas: frame 32 KB, message 128 KB).
pub const MAX_PUSH_BYTES: usize = 32 * 1024;

impl PushMessage {
    pub fn to_json(&self) -> Vec<u8> {
        // Push messages contain only strings and numbers, so serialization cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// A snapshot with as many of `jobs` as fit into one push message.
    pub fn snapshot(jobs: &[Job], with_contents: bool, more: bool, mark: Option<String>) -> Self {
        let mut room = MAX_PUSH_BYTES
            - r#"{"type":"snapshot","jobs":[],"more":false}"#.len()
            - mark
                .as_ref()
                .map_or(0, |mark| r#","mark":"""#.len() + mark.len());
        let mut views = Vec::new();
        for job in jobs {
            let view = JobView::for_reader(job, with_contents);
            let size = serde_json::to_vec(&view).map_or(usize::MAX, |json| json.len() + 1);
            if size > room {
                return Self::Snapshot {
                    jobs: views,
                    more: true,
                    mark,
                };
            }
            room -= size;
            views.push(view);
        }
        Self::Snapshot {
            jobs: views,
            more,
            mark,
        }
    }
}
