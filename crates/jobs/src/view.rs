//! The public view of a job, for pages, downstream programs and the API. Fields may be added but never changed.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::job::Job;
use crate::state::{Failure, State};

/// A job as pushed to pages and listed. At most about 2 KB of JSON, most of it the file name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct JobView {
    /// Its id.
    pub id: String,
    /// Counts changes; a page keeps the highest it has seen.
    pub version: u64,
    /// `Submitting`, `InProgress`, `RetryScheduled`, `Ready`, `Failed`, `Cancelled` or `Erased`.
    pub status: Cow<'static, str>,
    /// The pipeline's name.
    pub pipeline: String,
    /// The tenant's name.
    pub tenant: String,
    /// The file name. Text, never markup.
    pub name: String,
    /// The input's size in bytes.
    pub bytes: u64,
    /// The newest attempt, from 1; 0 if none was started.
    pub attempt: u8,
    /// When the job was made, in milliseconds since 1970 UTC.
    pub created_at: u64,
    /// When it last changed, in milliseconds since 1970 UTC.
    pub updated_at: u64,
    /// When the next attempt is due, in milliseconds since 1970 UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<u64>,
    /// It was reported as failed before; this is a correction.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub corrected: bool,
    /// Why it failed, or why its last attempt did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureView>,
}

/// A failure as shown to users.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FailureView {
    /// A word of [`crate::state::Cause`].
    pub cause: Cow<'static, str>,
    /// Free text for people.
    pub detail: String,
}

impl From<&Failure> for FailureView {
    fn from(failure: &Failure) -> Self {
        Self {
            cause: failure.cause.name().into(),
            detail: failure.detail.clone(),
        }
    }
}

/// Maximum length of a file name in a view, in characters. Keys can have 1,024 bytes, and a push message has at most 32 KB.
const MAX_NAME: usize = 200;

impl From<&Job> for JobView {
    fn from(job: &Job) -> Self {
        let failure = match job.state {
            State::Ready { .. } | State::Cancelled { .. } | State::Erased { .. } => None,
            State::Submitting { .. }
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
            corrected: job.corrected,
            failure: failure.map(FailureView::from),
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

/// A message sent over a WebSocket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type")]
pub enum PushMessage {
    #[serde(rename = "job.changed")]
    JobChanged {
        job: JobView,
        /// The trace id in the job's log lines.
        #[serde(skip_serializing_if = "Option::is_none")]
        trace_id: Option<String>,
    },
    /// The response to `sync`.
    #[serde(rename = "snapshot")]
    Snapshot {
        /// Newest first within each status group.
        jobs: Vec<JobView>,
        /// Whether there are more jobs than fit.
        more: bool,
        /// Names the state of the lists. A page that returns it with its next `sync` gets only what changed since.
        #[serde(skip_serializing_if = "Option::is_none")]
        mark: Option<String>,
    },
    /// The response to an invalid message.
    #[serde(rename = "error")]
    Error { message: String },
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
    pub fn snapshot(jobs: &[Job], more: bool, mark: Option<String>) -> Self {
        let mut room = MAX_PUSH_BYTES
            - r#"{"type":"snapshot","jobs":[],"more":false}"#.len()
            - mark
                .as_ref()
                .map_or(0, |mark| r#","mark":"""#.len() + mark.len());
        let mut views = Vec::new();
        for job in jobs {
            let view = JobView::from(job);
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
