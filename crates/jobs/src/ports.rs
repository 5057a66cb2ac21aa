//! The interfaces to the outside world: one trait per capability, so that a use case's signature shows what it can do.
//! One adapter type implements all of them (in memory in crate `testkit`, AWS in crate `functions`).
//!
//! An error for which the caller can only retry later is [`Unavailable`].

#![expect(
    async_fn_in_trait,
    reason = "each program has one adapter type and one thread, so these futures need no Send bound"
)]

mod instances;
mod key_value;
mod models;
mod reconcile;
mod results;

use std::borrow::Cow;
use std::error::Error;

use crate::id::{Attempt, InferenceId, JobId, Location, Tenant, Timestamp, TraceId};
use crate::job::Job;
use crate::labels::LabelMetadata;
use crate::save_request::SaveRequest;
use crate::state::StatusGroup;

pub use instances::{EndpointInstances, InstanceControl, InstancesResponse, Sleep};
pub use key_value::{KeyValueStore, Record};
pub use models::{KnownModels, ModelDescription};
pub use reconcile::{
    DeadLetter, DeadLetters, Inventory, JobIndex, JobInput, ListedObject, ListingCursor, OpenJob,
    Queue, QueuePosition, QueuedJob, ScheduledCheck, UploadQueue,
};
pub use results::{FailedEntries, Listing, NewestJobs};

/// A service did not answer, or not successfully. The message that caused the request must be redelivered.
#[derive(Debug, thiserror::Error)]
#[error("{what} is unavailable")]
pub struct Unavailable {
    /// The failed request, such as `DynamoDB UpdateItem`.
    pub what: &'static str,
    #[source]
    pub source: Box<dyn Error + Send + Sync>,
}

pub trait Clock {
    fn now(&self) -> Timestamp;
    /// Sixty-four fresh random bits.
    fn random(&self) -> u64;
}

/// A row could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Written by a newer release; this one must not touch it. Redeliver: a function of that release will process it.
    #[error("job {0} was written by a newer release")]
    NewerSchema(JobId),
    #[error("job {id} cannot be read: {problem}")]
    Unreadable { id: JobId, problem: String },
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// A row could not be written.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// The stored version is not the expected one. For a create, contains the existing row.
    #[error("another function saved the row first")]
    Conflict(Option<Box<Job>>),
    /// As `Conflict`, and the existing row cannot be read.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The write may have happened.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

pub trait JobStore {
    /// Reads the row consistently.
    async fn load(&self, id: JobId) -> Result<Option<Job>, LoadError>;
    /// Writes the first version of a row. [`SaveError::Conflict`] contains the existing row.
    ///
    /// Creating the same job again succeeds, since the response to the first call may have been lost.
    async fn create(&self, job: &Job) -> Result<(), SaveError>;
    /// Writes the job if the stored version is the one before.
    ///
    /// Saving the same job again succeeds, since the response to the first call may have been lost.
    async fn save(&self, request: SaveRequest<'_>) -> Result<(), SaveError>;
    /// The newest jobs of a tenant in a status group, newest first, at most `limit`.
    ///
    /// The index is eventually consistent, so a listed job may have left the group. The rows are read consistently.
    async fn newest(
        &self,
        tenant: &Tenant,
        group: StatusGroup,
        limit: usize,
    ) -> Result<NewestJobs, LoadError>;
}

/// The jobs that were created last.
pub trait RecentJobs {
    /// At most `limit` jobs of a shard, newest first. The index is eventually consistent.
    async fn recently_created(&self, shard: u8, limit: u16) -> Result<Vec<JobId>, Unavailable>;
}

/// An object's metadata and its first bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectHead {
    pub version: String,
    /// Without quotes.
    pub etag: String,
    pub bytes: u64,
    pub content_type: String,
    /// The uploader's file name from the user metadata, decoded.
    pub name: Option<String>,
    pub labels: LabelMetadata,
    /// The first [`crate::input::PEEK_BYTES`] bytes; empty if not requested.
    pub first_bytes: Vec<u8>,
}

/// An object could not be read.
#[derive(Debug, thiserror::Error)]
pub enum HeadError {
    /// The object is stored so that this service cannot read it: archived, or encrypted with a key that S3 does not have.
    #[error("the object cannot be read: {0}")]
    Unreadable(String),
    /// A policy or a key does not let this service read it: S3 refuses until an operator changes that.
    #[error("the service may not read the object: {0}")]
    Denied(String),
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// For objects of this service, which no customer can make unreadable.
impl From<HeadError> for Unavailable {
    fn from(error: HeadError) -> Self {
        match error {
            HeadError::Unavailable(error) => error,
            HeadError::Unreadable(_) | HeadError::Denied(_) => Self {
                what: "the object",
                source: Box::new(error),
            },
        }
    }
}

pub trait ObjectStore {
    /// Metadata and first bytes of the current version, in one request; `None` if there is none.
    async fn head_current(&self, bucket: &str, key: &str) -> Result<Option<ObjectHead>, HeadError>;
    /// Metadata of the current version; `None` if there is none. It may succeed for an object that cannot be read: one that is
    /// archived, or whose KMS key denies it.
    async fn head(&self, location: &Location) -> Result<Option<ObjectHead>, HeadError>;
    /// The first bytes of an object, at most `limit`; `None` if there is none. No bytes, with the size, if they may not be read
    /// but [`Self::head`] may. An object that is refused altogether may also not exist.
    async fn read(
        &self,
        location: &Location,
        limit: usize,
    ) -> Result<Option<FirstBytes>, HeadError>;
    async fn copy(
        &self,
        bucket: &str,
        key: &str,
        version: &str,
        to: &Location,
    ) -> Result<(), CopyError>;
    /// The keys under a prefix, at most 1,000.
    async fn list(&self, bucket: &str, prefix: &str) -> Result<Vec<String>, Unavailable>;
    /// The versions at exactly this key, newest first, at most 1,000, without delete markers.
    async fn versions(&self, bucket: &str, key: &str) -> Result<Vec<ListedVersion>, Unavailable>;
    /// The checksum over all bytes of a version. `None` if it has none, may not be read, or does not exist.
    async fn checksum(
        &self,
        object: &Location,
        version: &str,
    ) -> Result<Option<Checksum>, Unavailable>;
}

/// A checksum over all bytes of an object: S3's type `FULL_OBJECT`. One of type `COMPOSITE` depends on the sizes of the parts,
/// as an ETag does (S3 user guide, "Checking object integrity").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checksum {
    /// Such as `CRC64NVME`, which S3 computes of every object since December 2024 unless the uploader sends another.
    pub algorithm: &'static str,
    pub value: String,
}

impl Checksum {
    /// Whether the bytes are certainly not the same. Equal checksums do not prove that they are: bytes can be chosen for a checksum.
    pub fn differs_from(&self, other: &Self) -> bool {
        self.algorithm == other.algorithm && self.value != other.value
    }
}

/// The first bytes of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FirstBytes {
    pub bytes: Vec<u8>,
    /// The size of the whole object.
    pub size: u64,
    /// As [`ObjectHead::content_type`].
    pub content_type: String,
}

/// A version of an object, as listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedVersion {
    pub version: String,
    /// Without quotes.
    pub etag: String,
    pub bytes: u64,
    /// As [`ListedObject::put_at`], in whole seconds.
    pub put_at: Timestamp,
    /// A delete marker was between it and the next older version. S3 lists markers apart, with the second of their time: in
    /// doubt it is true. A marker after the newest version does not count.
    pub may_follow_deletion: bool,
}

/// The permanent deletion of objects.
pub trait ObjectDeletion {
    /// Permanently deletes one version of an object. Succeeds if it does not exist.
    async fn delete_version(&self, object: &Location, version: &str) -> Result<(), Unavailable>;
}

/// A copy was not made.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The version does not exist.
    #[error("the version does not exist")]
    NotFound,
    /// As [`HeadError::Unreadable`].
    #[error("the version cannot be read: {0}")]
    Unreadable(String),
    /// As [`HeadError::Denied`].
    #[error("the service may not copy the version: {0}")]
    Denied(String),
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// One call of the asynchronous endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    pub endpoint: String,
    pub inference_id: InferenceId,
    pub input: Location,
    pub content_type: String,
    /// The requested media type of the output.
    pub accept: &'static str,
    /// Maximum time in the endpoint's queue.
    pub queue_ttl_seconds: u32,
    /// Maximum duration of the run.
    pub invocation_timeout_seconds: u32,
    pub trace_id: TraceId,
}

/// The endpoint took the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The location of the output, if the response names a valid one.
    pub output: Option<Location>,
    /// The location of a failure object, likewise.
    pub failure: Option<Location>,
}

/// The endpoint did not accept the request, or the outcome is unknown.
#[derive(Debug, thiserror::Error)]
pub enum InvokeError {
    /// The endpoint refused it: throttled, out of service, or not allowed. Nothing was queued.
    #[error("the endpoint refused the request: {0}")]
    Refused(String),
    /// No response: the request may have been queued.
    #[error(transparent)]
    OutcomeUnknown(Unavailable),
}

pub trait InferenceEndpoint {
    /// Queues a request. Not idempotent: two calls are two runs.
    async fn invoke(&self, invocation: &Invocation) -> Result<Accepted, InvokeError>;
}

/// A delayed message that asks to check an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CheckRequest {
    pub job: JobId,
    pub attempt: Attempt,
    /// The due time of the attempt, if the message is to start it. Without it, the check gathers evidence.
    pub due: Option<Timestamp>,
}

/// A message that becomes visible after a delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DelayedMessage<M> {
    pub message: M,
    pub delay_seconds: u32,
}

pub trait CheckQueue {
    /// The maximum delay of a message (Amazon SQS API reference, `DelaySeconds`).
    const MAX_DELAY_SECONDS: u32 = 900;
    async fn send_checks(&self, checks: &[DelayedMessage<CheckRequest>]) -> FailedEntries;
    /// Asks to release queued jobs of these pipelines ([`crate::release_window`]).
    async fn request_releases(&self, pipelines: &[DelayedMessage<String>]) -> FailedEntries;
}

/// Counts what an execution environment of a function does, in its memory: what it says is lost with the environment.
pub trait RecentStarts {
    /// Counts one more attempt of a pipeline that was sent to its endpoint without waiting. Returns how many there were in this
    /// minute.
    fn count_start(&self, pipeline: &str) -> u32;
}

/// The event bus for downstream programs.
pub trait EventBus {
    /// Publishes `JobReady` or `JobFailed` for each job.
    async fn publish(&self, jobs: &[&Job]) -> FailedEntries;
}

/// The WebSocket connection of an open page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The tenant whose jobs it shows, or `*` for support.
    pub subscription: String,
    /// Limits it to jobs that this user uploaded or whose uploader is unknown.
    pub uploader: Option<String>,
    /// It shows jobs without contents ([`crate::contents`]).
    pub hides_contents: bool,
    /// API Gateway's connection id.
    pub connection_id: String,
    /// When it was last registered.
    pub registered_at: Timestamp,
    /// When the user's sign-in expires; nothing is pushed after that.
    pub token_expires_at: Timestamp,
}

impl Connection {
    /// Whether it shows a job with this uploader.
    pub fn shows(&self, uploaded_by: Option<&str>) -> bool {
        match (&self.uploader, uploaded_by) {
            (Some(own), Some(by)) => own == by,
            (None, _) | (_, None) => true,
        }
    }
}

pub trait Connections {
    /// Adds or renews a connection.
    async fn register(&self, connection: &Connection) -> Result<(), Unavailable>;
    /// Removes a connection. Removing an unknown one succeeds.
    async fn unregister(&self, subscription: &str, connection_id: &str) -> Result<(), Unavailable>;
    /// All connections of a subscription, read consistently.
    async fn connected(&self, subscription: &str) -> Result<Vec<Connection>, Unavailable>;
}

/// A push message was not delivered.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The connection does not exist (410).
    #[error("the connection is gone")]
    Gone,
    /// Throttled, slow or unavailable. The message is dropped; the page syncs again.
    #[error(transparent)]
    Dropped(#[from] Unavailable),
}

/// Sends push messages to open pages.
pub trait Pusher {
    /// Sends one push message, within a second.
    async fn push(&self, connection_id: &str, frame: &[u8]) -> Result<(), PushError>;
}

/// A single-use ticket for a WebSocket connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The tenant whose jobs may be shown, or `*`.
    pub subscription: String,
    /// Limits the connection to jobs that this user uploaded or whose uploader is unknown.
    pub uploader: Option<String>,
    /// The connection shows jobs without contents.
    pub hides_contents: bool,
    /// Who requested it.
    pub actor: String,
    pub expires_at: Timestamp,
    /// When the user's sign-in expires.
    pub token_expires_at: Timestamp,
}

pub trait Tickets {
    /// Stores a ticket under an unguessable secret.
    async fn issue(&self, secret: &str, ticket: &Ticket) -> Result<(), Unavailable>;
    /// Redeems a ticket. `None` for a ticket that was already redeemed or never issued.
    async fn redeem(&self, secret: &str) -> Result<Option<Ticket>, Unavailable>;
}

/// A message that cannot be understood or contradicts the row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantinedMessage {
    /// The queue it came from, such as `uploads`.
    pub source: String,
    /// The id of the first message with this body; it stays the same when the message is redriven.
    pub message_id: String,
    /// A constant name of the cause, such as `Malformed`.
    pub cause: Cow<'static, str>,
    /// What is wrong, in a sentence.
    pub problem: String,
    /// The unchanged message.
    pub body: String,
    pub at: Timestamp,
}

/// Stores quarantined messages for manual review.
pub trait Quarantine {
    /// Stores a message. Storing it again changes nothing, unless it was redriven since: then it failed again.
    async fn quarantine(&self, entry: &QuarantinedMessage) -> Result<(), Unavailable>;
}

/// A retry command on its way to the function that runs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryCommand {
    pub job: JobId,
    /// The version that the command is about. A job that has changed since is skipped.
    pub expected_version: u64,
    pub actor: String,
    pub reason: String,
    /// Run it even after repeated equal failures.
    pub force: bool,
    /// Run a `Ready` job again, in place of a retry of a failed one.
    pub run_again: bool,
    /// Cancel an open job, in place of a retry of a failed one. It may have changed.
    pub cancel: bool,
    /// The plan that it belongs to. If that was stopped meanwhile, the command does nothing.
    pub plan: Option<String>,
}

/// Sends retry commands through the queue `checks`.
pub trait RetryCommandQueue {
    /// Sends commands, delayed by at most [`CheckQueue::MAX_DELAY_SECONDS`].
    async fn send_commands(&self, commands: &[DelayedMessage<RetryCommand>]) -> FailedEntries;
}
