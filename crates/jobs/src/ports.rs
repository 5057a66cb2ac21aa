//! What the job protocol needs from the outside world. One trait a capability, so that a use case's signature
//! says what it may do; one adapter type implements them all (`memory` here, for tests; AWS in crate `functions`).
//!
//! Every error that a caller cannot do anything about but come back later is [`Unavailable`].

#![expect(
    async_fn_in_trait,
    reason = "each program has one adapter type and one thread; nobody boxes these futures"
)]

mod key_value;
mod reconcile;

use std::borrow::Cow;
use std::error::Error;

use crate::id::{Attempt, InferenceId, JobId, Location, Tenant, Timestamp, TraceId};
use crate::job::Job;
use crate::state::StatusGroup;

pub use key_value::{KeyValueStore, Record};
pub use reconcile::{
    DeadLetter, DeadLetters, Inventory, JobIndex, ListedObject, ListingCursor, OpenJob, Queue,
    ScheduledCheck, UploadQueue,
};

/// Something did not answer, or answered that it cannot now. The message that asked for it must come back.
#[derive(Debug, thiserror::Error)]
#[error("{what} is unavailable")]
pub struct Unavailable {
    /// What was asked for, such as `DynamoDB UpdateItem`.
    pub what: &'static str,
    /// Why it was not had.
    #[source]
    pub source: Box<dyn Error + Send + Sync>,
}

/// Time and chance.
pub trait Clock {
    /// The time now.
    fn now(&self) -> Timestamp;
    /// Sixty-four fresh random bits.
    fn random(&self) -> u64;
}

/// A row could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A newer release wrote it; this one must not touch it. Redeliver: an instance of that release will take it.
    #[error("job {0} was written by a newer release")]
    NewerSchema(JobId),
    /// It cannot be understood at all.
    #[error("job {id} cannot be read: {problem}")]
    Unreadable {
        /// Which.
        id: JobId,
        /// What is wrong with it.
        problem: String,
    },
    /// Try later.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// A row could not be written.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// Somebody saved it first. For a create this is the row that is there.
    #[error("the row was changed by someone else")]
    Conflict(Option<Box<Job>>),
    /// Somebody saved it first, and that row cannot be read.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Try later. The write may have happened.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// The job table.
pub trait JobStore {
    /// The row, read consistently.
    async fn load(&self, id: JobId) -> Result<Option<Job>, LoadError>;
    /// Writes a first version; [`SaveError::Conflict`] brings the row that is already there.
    /// A repeated create of the very same job succeeds, since the first one's answer may have been lost.
    async fn create(&self, job: &Job) -> Result<(), SaveError>;
    /// Writes `job` if the stored version is `job.version - 1`.
    /// A repeated save of the very same job succeeds, for the same reason.
    async fn save(&self, job: &Job) -> Result<(), SaveError>;
    /// The newest jobs of a tenant in a class, at most `limit`, newest first, and whether there are more.
    /// The list may lag behind by moments, so that a job in it may have left the class; the rows are read consistently.
    async fn newest(
        &self,
        tenant: &Tenant,
        class: StatusGroup,
        limit: usize,
    ) -> Result<(Vec<Job>, bool), LoadError>;
}

/// An object and how it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectHead {
    /// Its version id.
    pub version: String,
    /// Its entity tag, without quotes.
    pub etag: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its media type as stored.
    pub content_type: String,
    /// User metadata: the file name that the uploader gave, decoded.
    pub name: Option<String>,
    /// Its first [`crate::input::PEEK_BYTES`] bytes; empty if they were not asked for.
    pub first_bytes: Vec<u8>,
}

/// An object could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum PeekError {
    /// It is there, but nobody with our means can read it: archived, or encrypted with a key of the uploader's.
    #[error("the object cannot be read: {0}")]
    Unreadable(String),
    /// Try later.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// The object store.
pub trait ObjectStore {
    /// The current version at a key and its first bytes, in one request; `None` if there is none.
    async fn peek(&self, bucket: &str, key: &str) -> Result<Option<ObjectHead>, PeekError>;
    /// The current version at a key without its bytes; `None` if there is none.
    async fn head(&self, location: &Location) -> Result<Option<ObjectHead>, Unavailable>;
    /// The first bytes, at most `limit`, of an object; `None` if there is none.
    async fn read(&self, location: &Location, limit: usize)
    -> Result<Option<Vec<u8>>, Unavailable>;
    /// Makes a copy of one version.
    async fn copy(
        &self,
        bucket: &str,
        key: &str,
        version: &str,
        to: &Location,
    ) -> Result<(), CopyError>;
    /// The keys under a prefix, at most 1,000.
    async fn list(&self, bucket: &str, prefix: &str) -> Result<Vec<String>, Unavailable>;
    /// The version ids at exactly this key, newest first, at most 1,000; delete markers left out.
    async fn versions(&self, bucket: &str, key: &str) -> Result<Vec<String>, Unavailable>;
}

/// A copy was not made.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// That version is gone.
    #[error("the version is gone")]
    Gone,
    /// Try later.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// One call of the asynchronous endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// The endpoint's name.
    pub endpoint: String,
    /// Our label for it.
    pub inference_id: InferenceId,
    /// Where the input is.
    pub input: Location,
    /// The input's media type.
    pub content_type: String,
    /// The media type wanted.
    pub accept: &'static str,
    /// How long the request may wait in the queue, in seconds.
    pub queue_ttl_seconds: u32,
    /// How long it may run, in seconds.
    pub invocation_timeout_seconds: u32,
    /// The trace it belongs to.
    pub trace_id: TraceId,
}

/// The endpoint took the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Where the output will be, if the answer said it in a way that we can read.
    pub output: Option<Location>,
    /// Where a failure would be.
    pub failure: Option<Location>,
}

/// The endpoint did not take the request, or nobody knows.
#[derive(Debug, thiserror::Error)]
pub enum InvokeError {
    /// It said no: throttled, out of service, not allowed. Nothing was queued.
    #[error("the endpoint refused the request: {0}")]
    Refused(String),
    /// No answer: it may have been queued.
    #[error(transparent)]
    Unanswered(Unavailable),
}

/// SageMaker asynchronous inference.
pub trait InferenceEndpoint {
    /// Queues a request. Not idempotent: two calls are two runs.
    async fn invoke(&self, invocation: &Invocation) -> Result<Accepted, InvokeError>;
}

/// A message that says "look at this attempt": it starts a retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CheckRequest {
    /// Which job.
    pub job: JobId,
    /// Which attempt.
    pub attempt: Attempt,
    /// For which time it was scheduled, if the message starts it. One without a time asks for a look at it.
    pub due: Option<Timestamp>,
}

/// The queue of wake-ups.
pub trait CheckQueue {
    /// The longest delay a message can have (Amazon SQS API reference, `DelaySeconds`).
    const MAX_DELAY_SECONDS: u32 = 900;
    /// Sends messages, each with its delay in seconds. Answers which (by place) were not taken.
    async fn send(&self, messages: &[(CheckRequest, u32)]) -> Vec<usize>;
}

/// The event bus for machines downstream.
pub trait EventBus {
    /// Publishes `JobReady` or `JobFailed` for each job. Answers which (by place) were not taken.
    async fn publish(&self, jobs: &[&Job]) -> Vec<usize>;
}

/// An open page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Whose jobs it shows: a tenant, or `*` for support.
    pub subscription: String,
    /// Of these only what this person uploaded, and what nobody is known to have uploaded.
    pub uploader: Option<String>,
    /// API Gateway's name for the connection.
    pub connection_id: String,
    /// When it was last registered.
    pub registered_at: Timestamp,
    /// When its sign-in ends; nothing is pushed after that.
    pub token_expires_at: Timestamp,
}

impl Connection {
    /// Whether it shows a job that this person uploaded, or that nobody is known to have uploaded.
    pub fn shows(&self, uploaded_by: Option<&str>) -> bool {
        match (&self.uploader, uploaded_by) {
            (Some(own), Some(by)) => own == by,
            (None, _) | (_, None) => true,
        }
    }
}

/// The open pages.
pub trait Connections {
    /// Adds or renews one.
    async fn register(&self, connection: &Connection) -> Result<(), Unavailable>;
    /// Forgets one. Forgetting an unknown one is no error.
    async fn forget(&self, subscription: &str, connection_id: &str) -> Result<(), Unavailable>;
    /// All that watch this, read consistently.
    async fn connected(&self, subscription: &str) -> Result<Vec<Connection>, Unavailable>;
}

/// A frame was not delivered.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// There is no such connection (410).
    #[error("the connection is gone")]
    Gone,
    /// Throttled, too slow, or unavailable: drop it, the page syncs again.
    #[error(transparent)]
    Dropped(#[from] Unavailable),
}

/// Frames to open pages.
pub trait Pusher {
    /// Sends one frame, within a second.
    async fn push(&self, connection_id: &str, frame: &[u8]) -> Result<(), PushError>;
}

/// A single-use ticket for a WebSocket connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Whose jobs may be watched: a tenant, or `*`.
    pub subscription: String,
    /// Of these only what this person uploaded, and what nobody is known to have uploaded.
    pub uploader: Option<String>,
    /// Who asked for it.
    pub actor: String,
    /// When it can no longer be used.
    pub expires_at: Timestamp,
    /// When the sign-in behind it ends.
    pub token_expires_at: Timestamp,
}

/// Tickets that were issued.
pub trait Tickets {
    /// Issues a ticket under a secret that nobody can guess.
    async fn issue(&self, secret: &str, ticket: &Ticket) -> Result<(), Unavailable>;
    /// Uses up a ticket: the second caller gets `None`, as does anyone with a ticket that never was.
    async fn redeem(&self, secret: &str) -> Result<Option<Ticket>, Unavailable>;
}

/// A message that could not be understood or contradicts what is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantinedMessage {
    /// The queue it came from, such as `uploads`.
    pub source: String,
    /// The id of the first message that carried it; stays the same when it is replayed.
    pub message_id: String,
    /// A word for the kind of trouble, such as `Malformed`.
    pub cause: Cow<'static, str>,
    /// What is wrong, in a sentence.
    pub problem: String,
    /// The message as it came.
    pub body: String,
    /// When it was set aside.
    pub at: Timestamp,
}

/// Where such messages are kept for a person to look at.
pub trait Quarantine {
    /// Keeps one. Keeping the same one again changes nothing, unless it was sent again meanwhile: then it has failed anew.
    async fn keep(&self, entry: &QuarantinedMessage) -> Result<(), Unavailable>;
}

/// Somebody's order, on its way to the function that carries it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryCommand {
    /// Which job.
    pub job: JobId,
    /// The version that the order is about; a job that has moved on is left alone.
    pub seen: u64,
    /// Who ordered it.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// Even if it has failed the same way again and again.
    pub force: bool,
}

/// The queue that orders go through: that of wake-ups.
pub trait RetryCommandQueue {
    /// Sends orders, each with its delay in seconds, at most 900. Answers which (by place) were not taken.
    async fn send_commands(&self, orders: &[(RetryCommand, u32)]) -> Vec<usize>;
}
