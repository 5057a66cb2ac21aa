//! What finding and repairing needs: indexes, listings, dead letters.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Unavailable;
use crate::id::TraceId;
use crate::id::{JobId, Timestamp};
use crate::job::Job;
use crate::submit::UploadEvent;

/// An open job's place in the index of what somebody must look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ScheduledCheck {
    /// When somebody must look.
    pub next_check_at: Timestamp,
    /// At which job.
    pub job: JobId,
}

/// An open job, as far as the index shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenJob {
    /// Its pipeline.
    pub pipeline: String,
    /// When it was made.
    pub created_at: Timestamp,
}

impl From<&Job> for OpenJob {
    fn from(job: &Job) -> Self {
        Self {
            pipeline: job.pipeline.clone(),
            created_at: job.created_at,
        }
    }
}

/// What is found in the job table without knowing a job's id. It may lag behind the rows by moments.
pub trait JobIndex {
    /// The open jobs of one shard that are due by then, earliest first, at most `limit`, from `after` on.
    async fn due_by(
        &self,
        shard: u8,
        by: Timestamp,
        after: Option<ScheduledCheck>,
        limit: u16,
    ) -> Result<Vec<ScheduledCheck>, Unavailable>;
    /// All open jobs of one shard, a page from `after` on, and where to go on.
    async fn open_jobs(
        &self,
        shard: u8,
        after: Option<ScheduledCheck>,
        limit: u16,
    ) -> Result<(Vec<OpenJob>, Option<ScheduledCheck>), Unavailable>;
    /// Moves a job to a later place in the index, unless it has left its place meanwhile. The row's state and version
    /// stay as they are, and the next save puts the job where its state belongs.
    async fn postpone(&self, due: ScheduledCheck, until: Timestamp) -> Result<(), Unavailable>;
    /// The object versions that the jobs of these ids are about. Ids without a job are left out.
    async fn versions_of(&self, ids: &[JobId]) -> Result<BTreeMap<JobId, String>, Unavailable>;
}

/// A current object version, as a listing of the bucket shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedObject {
    /// Object key.
    pub key: String,
    /// Its current version.
    pub version: String,
    /// Its entity tag, without quotes.
    pub etag: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// When it was put. For a multipart upload, when that was begun (S3 user guide, "Working with object metadata").
    pub put_at: Timestamp,
}

/// A place in a listing of versions: the last one seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListingCursor {
    /// Object key.
    pub key: String,
    /// Version id; none if the place is behind all versions at the key.
    pub version: Option<String>,
}

/// What is in the bucket.
pub trait Inventory {
    /// The current objects under a prefix in order of their keys, a page from `after` on, and where to go on.
    /// `limit` (at most 1,000) counts older versions and delete markers too, so a page may be empty although there is more.
    async fn page(
        &self,
        bucket: &str,
        prefix: &str,
        after: Option<&ListingCursor>,
        limit: u16,
    ) -> Result<(Vec<ListedObject>, Option<ListingCursor>), Unavailable>;
}

/// The queue of uploads, which S3 fills.
pub trait UploadQueue {
    /// Announces uploads as S3 would. Answers which (by place) were not taken.
    async fn enqueue(&self, uploads: &[UploadEvent]) -> Vec<usize>;
}

/// A queue with a function behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Queue {
    /// What S3 says about new objects.
    Uploads,
    /// What the endpoint says about results.
    InferenceSuccess,
    /// What the endpoint says about failures.
    InferenceError,
    /// What the functions have to look at later.
    Checks,
}

impl Queue {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Uploads,
        Self::InferenceSuccess,
        Self::InferenceError,
        Self::Checks,
    ];

    /// The queue of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|queue| queue.name() == name)
    }

    /// Its name, as people see it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Uploads => "uploads",
            Self::InferenceSuccess => "inference-success",
            Self::InferenceError => "inference-error",
            Self::Checks => "checks",
        }
    }
}

/// A message that its queue gave up, after it was received a few times in vain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The id of the first message that carried this text.
    pub first_id: String,
    /// When it was first sent back to its queue, if it was.
    pub dead_since: Option<Timestamp>,
    /// The text.
    pub body: String,
    /// The trace that it belongs to, if it came with one.
    pub trace_id: Option<TraceId>,
    /// What the queue of dead letters wants to hear when it is deleted.
    pub receipt: String,
}

/// The dead letters of the queues.
pub trait DeadLetters {
    /// A few dead letters of a queue, at most 10. Nobody else gets them for as long as a function may run.
    async fn receive(&self, queue: Queue) -> Result<Vec<DeadLetter>, Unavailable>;
    /// Sends the text to the queue again; should it die again, its first id and this time are known.
    async fn redrive_letter(
        &self,
        queue: Queue,
        letter: &DeadLetter,
        dead_since: Timestamp,
    ) -> Result<(), Unavailable>;
    /// Deletes a dead letter. Deleting one that is gone is no error.
    async fn discard(&self, queue: Queue, letter: &DeadLetter) -> Result<(), Unavailable>;
}
