//! The interfaces of the reconciler: indexes, listings and dead letters.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{CheckRequest, FailedEntries, ListedVersion, Listing, Unavailable};
use crate::id::TraceId;
use crate::id::{Attempt, JobId, Tenant, Timestamp};
use crate::job::Job;
use crate::lane::Lane;
use crate::queue_position;
use crate::state::StatusGroup;
use crate::submit::UploadEvent;

/// An entry of the index of open jobs by their next check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ScheduledCheck {
    pub next_check_at: Timestamp,
    pub job: JobId,
}

/// An open job as the index shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenJob {
    pub id: JobId,
    pub pipeline: String,
    pub created_at: Timestamp,
    /// When its attempt was sent to the endpoint; `None` while no attempt is there.
    pub sent_at: Option<Timestamp>,
}

impl From<&Job> for OpenJob {
    fn from(job: &Job) -> Self {
        Self {
            id: job.id,
            pipeline: job.pipeline.clone(),
            created_at: job.created_at,
            sent_at: job.sent_at(),
        }
    }
}

/// A place in the index of queued jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct QueuePosition {
    /// See [`crate::queue_position::position`].
    pub position: u64,
    pub job: JobId,
}

/// A queued job as the index shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedJob {
    pub position: QueuePosition,
    /// The attempt to start.
    pub attempt: Attempt,
    pub pipeline: String,
    pub tenant: Tenant,
    /// The size of its document.
    pub bytes: u64,
}

impl QueuedJob {
    /// `None` if the job is not queued.
    pub fn of(job: &Job) -> Option<Self> {
        Some(Self {
            position: QueuePosition {
                position: job.queue_position()?,
                job: job.id,
            },
            attempt: job.state.attempt(),
            pipeline: job.pipeline.clone(),
            tenant: job.tenant.clone(),
            bytes: job.input.bytes,
        })
    }

    /// Support made it urgent.
    pub const fn is_urgent(&self) -> bool {
        queue_position::is_urgent(self.position.position)
    }

    /// The lane; `standard` for an urgent job.
    pub fn lane(&self) -> Lane {
        queue_position::lane(&self.pipeline, &self.tenant, self.position.position)
    }

    pub const fn queued_at(&self) -> Timestamp {
        queue_position::queued_at(self.position.position)
    }

    /// The check that starts it.
    pub const fn check(&self) -> CheckRequest {
        CheckRequest {
            job: self.position.job,
            attempt: self.attempt,
            due: Some(self.queued_at()),
        }
    }
}

/// Queries of the job table without a job's id. Indexes are eventually consistent.
pub trait JobIndex {
    /// The open jobs of a shard whose next check is due by `by`, earliest first, at most `limit`, starting after `after`.
    async fn due_by(
        &self,
        shard: u8,
        by: Timestamp,
        after: Option<ScheduledCheck>,
        limit: u16,
    ) -> Result<Vec<ScheduledCheck>, Unavailable>;
    /// A page of all open jobs of a shard except those that a pause holds, starting after `after`.
    async fn open_jobs(
        &self,
        shard: u8,
        after: Option<ScheduledCheck>,
        limit: u16,
    ) -> Result<Listing<OpenJob, ScheduledCheck>, Unavailable>;
    /// A page of the queued jobs of a shard in the order of their positions, from position `from` on and starting after
    /// `after`.
    async fn queued_jobs(
        &self,
        shard: u8,
        from: u64,
        after: Option<QueuePosition>,
        limit: u16,
    ) -> Result<Listing<QueuedJob, QueuePosition>, Unavailable>;
    /// Moves the next check of a job to a later time, unless the index entry has changed meanwhile. State and version of the
    /// row stay the same, and the next save sets the time that its state requires.
    async fn postpone(&self, due: ScheduledCheck, until: Timestamp) -> Result<(), Unavailable>;
    /// What the rows with these ids say about the inputs of their jobs. Ids without a job are left out.
    async fn inputs_of(&self, ids: &[JobId]) -> Result<BTreeMap<JobId, JobInput>, Unavailable>;
}

/// What a row says about the input of its job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobInput {
    pub version: String,
    /// Empty once the job's data was deleted.
    pub etag: String,
    pub bytes: u64,
    pub status_group: StatusGroup,
    pub updated_at: Timestamp,
}

impl From<&Job> for JobInput {
    fn from(job: &Job) -> Self {
        Self {
            version: job.input.version.clone(),
            etag: job.input.etag.clone(),
            bytes: job.input.bytes,
            status_group: job.state.status_group(),
            updated_at: job.updated_at,
        }
    }
}

/// The current version of an object, as listed in the bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedObject {
    pub key: String,
    pub version: String,
    /// Without quotes.
    pub etag: String,
    pub bytes: u64,
    /// When it was uploaded. For a multipart upload: when that began (S3 user guide, "Working with object metadata").
    pub put_at: Timestamp,
    /// The listed versions at the key, newest first, this one included.
    pub versions: Vec<ListedVersion>,
    /// The page has all versions at the key.
    pub has_all_versions: bool,
}

/// A position in a listing of versions: the last entry seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListingCursor {
    pub key: String,
    /// `None` if the position is after all versions at the key.
    pub version: Option<String>,
}

/// Lists the objects in the bucket.
pub trait Inventory {
    /// A page of the current objects under a prefix in key order, starting after `after`.
    ///
    /// `limit` (at most 1,000) also counts older versions and delete markers, so a page can be empty although more follow.
    async fn page(
        &self,
        bucket: &str,
        prefix: &str,
        after: Option<&ListingCursor>,
        limit: u16,
    ) -> Result<Listing<ListedObject, ListingCursor>, Unavailable>;
    /// A page of the folders directly under a prefix in key order, starting after `after`: what the keys have in common up
    /// to and including the next slash. A page can be empty although more follow.
    async fn folders(
        &self,
        bucket: &str,
        prefix: &str,
        after: Option<&ListingCursor>,
    ) -> Result<Listing<String, ListingCursor>, Unavailable>;
}

/// The queue `uploads`, which receives S3's event notifications.
pub trait UploadQueue {
    /// Sends upload events in S3's format.
    async fn enqueue(&self, uploads: &[UploadEvent]) -> FailedEntries;
}

/// A queue that triggers a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Queue {
    /// S3 event notifications.
    Uploads,
    /// Success notifications of the endpoints.
    InferenceSuccess,
    /// Error notifications of the endpoints.
    InferenceError,
    /// Delayed checks and retry commands.
    Checks,
    /// Events of the bus, for the feeds of the tenants.
    Events,
    /// Instructions to send webhooks.
    Webhooks,
    /// Instructions to send e-mail digests, and what became of mails.
    Digests,
}

impl Queue {
    pub const ALL: [Self; 7] = [
        Self::Uploads,
        Self::InferenceSuccess,
        Self::InferenceError,
        Self::Checks,
        Self::Events,
        Self::Webhooks,
        Self::Digests,
    ];

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|queue| queue.name() == name)
    }

    /// The name without the service's prefix.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Uploads => "uploads",
            Self::InferenceSuccess => "inference-success",
            Self::InferenceError => "inference-error",
            Self::Checks => "checks",
            Self::Events => "events",
            Self::Webhooks => "webhooks",
            Self::Digests => "digests",
        }
    }
}

/// A message that its queue moved to the dead-letter queue after the maximum number of receives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The id of the first message with this body.
    pub first_id: String,
    /// When it was first redriven, if it was.
    pub dead_since: Option<Timestamp>,
    pub body: String,
    pub trace_id: Option<TraceId>,
    /// The receipt handle for deleting it.
    pub receipt: String,
}

pub trait DeadLetters {
    /// Receives up to 10 dead letters of a queue. They stay hidden for as long as a function may run.
    async fn receive(&self, queue: Queue) -> Result<Vec<DeadLetter>, Unavailable>;
    /// Sends the body to the queue again, with its first id and `dead_since` as attributes in case it dies again.
    async fn redrive_letter(
        &self,
        queue: Queue,
        letter: &DeadLetter,
        dead_since: Timestamp,
    ) -> Result<(), Unavailable>;
    /// Deletes a dead letter. Deleting one that does not exist succeeds.
    async fn discard(&self, queue: Queue, letter: &DeadLetter) -> Result<(), Unavailable>;
}
