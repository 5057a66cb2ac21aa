//! What the use cases need beside the ports of [`jobs::ports`]: lists of jobs, uploads and downloads, the quarantine.

#![expect(
    async_fn_in_trait,
    reason = "each program has one adapter type and one thread; nobody boxes these futures"
)]

use crate::types::SignedRequest;
use jobs::id::{JobId, Location, Tenant, Timestamp};
use jobs::job::Job;
use jobs::ports::LoadError;
use jobs::ports::{QuarantinedMessage, Unavailable};
use jobs::state::StatusGroup;

/// A list of jobs that an index holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobListKey {
    /// A tenant's jobs of one class, by when they were made, newest first.
    OfTenant(Tenant, StatusGroup),
    /// One shard of the failed jobs of all tenants, by when they failed, newest first.
    Failed(u8),
    /// One shard of the open jobs of all tenants, by when somebody must look at them, soonest first.
    Open(u8),
}

/// A job's place in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct JobListEntry {
    /// The time that the list is ordered by.
    pub at: Timestamp,
    /// The job.
    pub job: JobId,
}

/// A stretch of time, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeRange {
    /// The earliest.
    pub from: Timestamp,
    /// The latest.
    pub to: Timestamp,
}

impl TimeRange {
    /// Any time.
    pub const ALL: Self = Self {
        from: Timestamp(0),
        // The largest number that DynamoDB and JSON readers keep exactly.
        to: Timestamp((1 << 53) - 1),
    };
}

/// Lists of jobs. They may lag behind the rows by moments.
pub trait JobList {
    /// The places of a list within a span, in its order, at most `limit`, and whether there are more.
    async fn places(
        &self,
        list: &JobListKey,
        span: TimeRange,
        limit: u16,
    ) -> Result<(Vec<JobListEntry>, bool), Unavailable>;
    /// The rows of at most 100 jobs, in any order. Missing ones, and ones that this release cannot read, are left out.
    async fn rows(&self, ids: &[JobId]) -> Result<Vec<Job>, LoadError>;
}

/// What S3 is to hold an uploader to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadConstraints {
    /// The media type.
    pub content_type: String,
    /// The file's name, kept with the object.
    pub name: String,
    /// The size in bytes.
    pub bytes: u64,
}

/// A part of an upload that has arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadedPart {
    /// Its number, from 1.
    pub number: u32,
    /// Its entity tag.
    pub etag: String,
    /// Its size in bytes.
    pub bytes: u64,
}

/// Transfers between the bucket and people, who do them with requests that are signed for them; and deletion.
pub trait ObjectTransfers {
    /// Signs the upload of an object in one piece, which is refused if there is an object already.
    async fn sign_put(
        &self,
        to: &Location,
        terms: &UploadConstraints,
    ) -> Result<SignedRequest, Unavailable>;
    /// Signs a download, to be saved under a name.
    async fn sign_get(
        &self,
        from: &Location,
        name: &str,
        content_type: &str,
    ) -> Result<SignedRequest, Unavailable>;
    /// Begins an upload in parts and answers S3's name for it.
    async fn begin(&self, to: &Location, terms: &UploadConstraints) -> Result<String, Unavailable>;
    /// Signs the upload of a part of exactly that size.
    async fn sign_part(
        &self,
        to: &Location,
        upload: &str,
        number: u32,
        bytes: u64,
    ) -> Result<SignedRequest, Unavailable>;
    /// The parts that have arrived; `None` if there is no such upload, because it was completed or given up.
    async fn arrived(
        &self,
        to: &Location,
        upload: &str,
    ) -> Result<Option<Vec<UploadedPart>>, Unavailable>;
    /// Makes the object of its parts. An upload that was completed or given up before, or is being completed, is no error:
    /// whoever asks looks at what is there.
    async fn complete(
        &self,
        to: &Location,
        upload: &str,
        parts: &[UploadedPart],
    ) -> Result<(), Unavailable>;
    /// Gives an upload up. Giving up one that is gone is no error.
    async fn abort(&self, to: &Location, upload: &str) -> Result<(), Unavailable>;
    /// Deletes one version of an object for good. Deleting one that is gone is no error.
    async fn delete(&self, object: &Location, version: &str) -> Result<(), Unavailable>;
}

/// A message in quarantine as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantineItem {
    /// The message. In lists its text is left out.
    pub entry: QuarantinedMessage,
    /// Its whole length in bytes.
    pub body_bytes: u64,
    /// When somebody last began to send it again.
    pub replayed_at: Option<Timestamp>,
}

/// What can be done with the quarantine. Messages are named by their queue and the id of the first message.
pub trait QuarantineStore {
    /// Some messages by queue and id, from after `after` on, at most `limit`, and whether there are more.
    async fn kept(
        &self,
        after: Option<(&str, &str)>,
        limit: u16,
    ) -> Result<(Vec<QuarantineItem>, bool), Unavailable>;
    /// One message with its whole text.
    async fn entry(
        &self,
        source: &str,
        message_id: &str,
    ) -> Result<Option<QuarantineItem>, Unavailable>;
    /// Notes that it is being sent again; from then on, quarantining it anew overwrites it. Answers whether it is there and
    /// was not noted within the last minute: somebody else may be sending it.
    async fn mark(
        &self,
        source: &str,
        message_id: &str,
        at: Timestamp,
    ) -> Result<bool, Unavailable>;
    /// Removes it; if a mark is given, only if it still bears that mark.
    async fn take_out(
        &self,
        source: &str,
        message_id: &str,
        marked: Option<Timestamp>,
    ) -> Result<(), Unavailable>;
}
