//! What people at the desk work with: lists of jobs, documents, uploads, messages in quarantine.

use super::{Quarantined, Unavailable};
use crate::api::SignedRequest;
use crate::id::{JobId, Location, Tenant, Timestamp};
use crate::job::Job;
use crate::ports::LoadError;
use crate::state::Class;

/// A list of jobs that an index holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum List {
    /// A tenant's jobs of one class, by when they were made, newest first.
    OfTenant(Tenant, Class),
    /// One shard of the failed jobs of all tenants, by when they failed, newest first.
    Failed(u8),
    /// One shard of the open jobs of all tenants, by when somebody must look at them, soonest first.
    Open(u8),
}

/// A job's place in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The time that the list is ordered by.
    pub at: Timestamp,
    /// The job.
    pub job: JobId,
}

/// A stretch of time, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The earliest.
    pub from: Timestamp,
    /// The latest.
    pub to: Timestamp,
}

impl Span {
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
        list: &List,
        span: Span,
        limit: u16,
    ) -> Result<(Vec<Place>, bool), Unavailable>;
    /// The rows of at most 100 jobs, in any order. Missing ones, and ones that this release cannot read, are left out.
    async fn rows(&self, ids: &[JobId]) -> Result<Vec<Job>, LoadError>;
}

/// A small text that is kept for later: an upload that was announced, a plan, a line of the audit log, a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Its text, at most 300 KB.
    pub text: String,
    /// Counts the writes, from 1.
    pub revision: u64,
    /// When it may be deleted; none: never.
    pub expires_at: Option<Timestamp>,
}

/// Documents, by folder and name.
pub trait Documents {
    /// A document, read consistently.
    async fn read(&self, folder: &str, name: &str) -> Result<Option<Document>, Unavailable>;
    /// Writes a document if the stored one has the revision before, or there is none and this is the first.
    /// Answers whether it was written. A repeated write of the very same one succeeds, since the first one's answer may
    /// have been lost.
    async fn write(
        &self,
        folder: &str,
        name: &str,
        document: &Document,
    ) -> Result<bool, Unavailable>;
    /// Removes a document. Removing one that is gone is no error.
    async fn remove(&self, folder: &str, name: &str) -> Result<(), Unavailable>;
    /// The documents of a folder by name, the last first, from before `before` on, at most `limit`.
    async fn last(
        &self,
        folder: &str,
        before: Option<&str>,
        limit: u16,
    ) -> Result<Vec<(String, Document)>, Unavailable>;
}

/// What S3 is to hold an uploader to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The media type.
    pub content_type: String,
    /// The file's name, kept with the object.
    pub name: String,
    /// The size in bytes.
    pub bytes: u64,
}

/// A part of an upload that has arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its number, from 1.
    pub number: u32,
    /// Its entity tag.
    pub etag: String,
    /// Its size in bytes.
    pub bytes: u64,
}

/// Transfers between the bucket and people, who do them with requests that are signed for them; and deletion.
pub trait Transfers {
    /// Signs the upload of an object in one piece, which is refused if there is an object already.
    async fn sign_put(&self, to: &Location, terms: &Terms) -> Result<SignedRequest, Unavailable>;
    /// Signs a download, to be saved under a name.
    async fn sign_get(
        &self,
        from: &Location,
        name: &str,
        content_type: &str,
    ) -> Result<SignedRequest, Unavailable>;
    /// Begins an upload in parts and answers S3's name for it.
    async fn begin(&self, to: &Location, terms: &Terms) -> Result<String, Unavailable>;
    /// Signs the upload of a part of exactly that size.
    async fn sign_part(
        &self,
        to: &Location,
        upload: &str,
        number: u32,
        bytes: u64,
    ) -> Result<SignedRequest, Unavailable>;
    /// The parts that have arrived; `None` if there is no such upload, because it was completed or given up.
    async fn arrived(&self, to: &Location, upload: &str) -> Result<Option<Vec<Part>>, Unavailable>;
    /// Makes the object of its parts. An upload that was completed or given up before, or is being completed, is no error:
    /// whoever asks looks at what is there.
    async fn complete(
        &self,
        to: &Location,
        upload: &str,
        parts: &[Part],
    ) -> Result<(), Unavailable>;
    /// Gives an upload up. Giving up one that is gone is no error.
    async fn abort(&self, to: &Location, upload: &str) -> Result<(), Unavailable>;
    /// Deletes one version of an object for good. Deleting one that is gone is no error.
    async fn delete(&self, object: &Location, version: &str) -> Result<(), Unavailable>;
}

/// A message in quarantine as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The message. In lists its text is left out.
    pub entry: Quarantined,
    /// Its whole length in bytes.
    pub body_bytes: u64,
    /// When somebody last began to send it again.
    pub replayed_at: Option<Timestamp>,
}

/// What can be done with the quarantine. Messages are named by their queue and the id of the first message.
pub trait QuarantineDesk {
    /// Some messages by queue and id, from after `after` on, at most `limit`, and whether there are more.
    async fn kept(
        &self,
        after: Option<(&str, &str)>,
        limit: u16,
    ) -> Result<(Vec<Kept>, bool), Unavailable>;
    /// One message with its whole text.
    async fn entry(&self, source: &str, message_id: &str) -> Result<Option<Kept>, Unavailable>;
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

/// Somebody's order, on its way to the function that carries it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resubmission {
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
pub trait ResubmissionQueue {
    /// Sends orders, each with its delay in seconds, at most 900. Answers which (by place) were not taken.
    async fn order(&self, orders: &[(Resubmission, u32)]) -> Vec<usize>;
}
