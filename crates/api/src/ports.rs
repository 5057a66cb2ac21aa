//! Ports that the use cases need in addition to those of [`jobs::ports`].

#![expect(
    async_fn_in_trait,
    reason = "each program has one adapter type and one thread; these futures are never boxed"
)]

use crate::types::SignedRequest;
use jobs::id::{JobId, Location, Tenant, Timestamp};
use jobs::job::Job;
use jobs::marks::Marks;
use jobs::ports::LoadError;
use jobs::ports::{QuarantinedMessage, Unavailable};
use jobs::state::StatusGroup;

/// A page of a longer list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Whether the list goes on after `items`.
    pub more: bool,
}

/// Names a list of jobs that an index holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobListKey {
    /// A tenant's jobs of one status group, by creation time, newest first.
    OfTenant(Tenant, StatusGroup),
    /// A tenant's jobs with a reference, by creation time, newest first.
    OfReference(Tenant, String),
    /// A tenant's jobs of a batch, by creation time, newest first.
    OfBatch(Tenant, String),
    /// One shard of all jobs, by creation time, newest first.
    Created(u8),
    /// The same, oldest first.
    CreatedOldestFirst(u8),
    /// One shard of the failed jobs of all tenants, by the time they failed, newest first.
    Failed(u8),
    /// One shard of the open jobs of all tenants except queued ones, by the time of their next check, soonest first.
    Open(u8),
    /// One shard of the queued jobs of all tenants, by the time they were queued, oldest first.
    Queued(u8),
}

impl JobListKey {
    /// Whether the earliest time is first.
    pub const fn is_ascending(&self) -> bool {
        match self {
            Self::Open(_) | Self::Queued(_) | Self::CreatedOldestFirst(_) => true,
            Self::OfTenant(..)
            | Self::OfReference(..)
            | Self::OfBatch(..)
            | Self::Created(_)
            | Self::Failed(_) => false,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct JobListEntry {
    /// The time that the list is sorted by.
    pub at: Timestamp,
    pub job: JobId,
}

/// A range of time. Both ends are included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeRange {
    pub from: Timestamp,
    pub to: Timestamp,
}

impl TimeRange {
    pub const ALL: Self = Self {
        from: Timestamp(0),
        // The largest integer that DynamoDB and all JSON readers represent exactly.
        to: Timestamp((1 << 53) - 1),
    };
}

/// Lists of jobs. They are eventually consistent with the rows.
pub trait JobList {
    /// At most `limit` entries of a list within a range, in the list's order.
    async fn list_entries(
        &self,
        list: &JobListKey,
        range: TimeRange,
        limit: u16,
    ) -> Result<Page<JobListEntry>, Unavailable>;
    /// The rows of at most 100 jobs, in any order. Leaves out rows that do not exist or that this release cannot read.
    async fn get_jobs(&self, ids: &[JobId]) -> Result<Vec<Job>, LoadError>;
}

/// Writes what people noted about contracts. [`JobList`] and [`jobs::ports::JobStore`] read it with the rows.
pub trait MarksStore {
    /// Writes the marks if the stored ones have the revision before, and the document's data was not deleted. Returns whether.
    ///
    /// Writing the same marks again succeeds, since the response to the first call may have been lost.
    async fn save_marks(&self, job: JobId, marks: &Marks) -> Result<bool, Unavailable>;
}

/// What a signed upload binds the uploader to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadConstraints {
    pub content_type: String,
    /// The file's name, stored as object metadata.
    pub name: String,
    pub bytes: u64,
}

/// What a signed download answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedDownload<'a> {
    /// The version of the object. Without it, the current one.
    pub version: Option<&'a str>,
    /// The name under which the browser saves it.
    pub name: &'a str,
    pub content_type: &'a str,
    /// Whether a browser that opens the URL shows the object or saves it.
    pub disposition: ContentDisposition,
}

/// What a browser does with a download (RFC 6266).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentDisposition {
    /// Shows it under the bucket's origin. Only for types in which no script runs there.
    Inline,
    /// Saves it.
    Attachment,
}

/// A part of a multipart upload that S3 has stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadedPart {
    /// From 1.
    pub part_number: u32,
    pub etag: String,
    pub bytes: u64,
}

/// Presigned requests and multipart uploads in S3. Callers send the presigned requests themselves.
pub trait ObjectTransfers {
    /// Signs the upload of an object in one request. S3 refuses it if the object exists.
    async fn sign_put(
        &self,
        to: &Location,
        constraints: &UploadConstraints,
    ) -> Result<SignedRequest, Unavailable>;
    /// Signs a download.
    async fn sign_get(
        &self,
        from: &Location,
        download: &SignedDownload<'_>,
    ) -> Result<SignedRequest, Unavailable>;
    /// Starts a multipart upload and returns its upload id.
    async fn create_multipart_upload(
        &self,
        to: &Location,
        constraints: &UploadConstraints,
    ) -> Result<String, Unavailable>;
    /// Signs the upload of a part of exactly this size.
    async fn sign_upload_part(
        &self,
        to: &Location,
        upload_id: &str,
        part_number: u32,
        bytes: u64,
    ) -> Result<SignedRequest, Unavailable>;
    /// The parts that S3 has stored. `None` if there is no such upload: it was completed or aborted.
    async fn list_parts(
        &self,
        to: &Location,
        upload_id: &str,
    ) -> Result<Option<Vec<UploadedPart>>, Unavailable>;
    /// Creates the object from its parts. Succeeds if the upload was already completed or aborted, or is being completed:
    /// the caller must check that the object exists.
    async fn complete_multipart_upload(
        &self,
        to: &Location,
        upload_id: &str,
        parts: &[UploadedPart],
    ) -> Result<(), Unavailable>;
    /// Aborts a multipart upload. Succeeds if it does not exist.
    async fn abort_multipart_upload(
        &self,
        to: &Location,
        upload_id: &str,
    ) -> Result<(), Unavailable>;
}

/// Hashes of stored objects.
pub trait ObjectDigest {
    /// SHA-256 of a version of an object; `None` if it does not exist.
    async fn sha256(
        &self,
        location: &Location,
        version: &str,
    ) -> Result<Option<[u8; 32]>, Unavailable>;
}

/// The key that signs receipts.
pub trait ReceiptSigner {
    /// Signs a message of at most 4,096 bytes with Ed25519.
    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Unavailable>;
    /// The 32 bytes of the public key.
    async fn public_key(&self) -> Result<Vec<u8>, Unavailable>;
}

/// A message as the quarantine stores it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMessage {
    /// In lists, the body is empty.
    pub message: QuarantinedMessage,
    /// Length of the full body.
    pub body_bytes: u64,
    /// When a redrive was last started.
    pub redriven_at: Option<Timestamp>,
}

/// Operations of support on the quarantine. A message is identified by its queue and the id of its first message.
pub trait QuarantineStore {
    /// At most `limit` messages after `after`, by queue and message id.
    async fn list_messages(
        &self,
        after: Option<(&str, &str)>,
        limit: u16,
    ) -> Result<Page<StoredMessage>, Unavailable>;
    /// One message with its full body.
    async fn get_message(
        &self,
        source: &str,
        message_id: &str,
    ) -> Result<Option<StoredMessage>, Unavailable>;
    /// Records that a redrive starts. If the message is quarantined again after that, the new entry replaces this one.
    /// Returns whether the redrive may go on: the message exists and no other redrive started within the last minute.
    async fn mark_redriven(
        &self,
        source: &str,
        message_id: &str,
        at: Timestamp,
    ) -> Result<bool, Unavailable>;
    /// Removes a message. With `redriven_at`, only if that is still the time of its last redrive.
    async fn remove_message(
        &self,
        source: &str,
        message_id: &str,
        redriven_at: Option<Timestamp>,
    ) -> Result<(), Unavailable>;
}

/// Ends sessions at the user pool.
pub trait UserSessions {
    /// Revokes all refresh tokens of the user with this name in the user pool.
    async fn end_sessions(&self, username: &str) -> Result<(), Unavailable>;
}
