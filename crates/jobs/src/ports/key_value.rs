//! A versioned key-value store for small records.

use super::Unavailable;
use crate::id::Timestamp;

/// A small text that is kept for later: an upload that was announced, a plan, a line of the audit log, a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its text, at most 300 KB.
    pub text: String,
    /// Counts the writes, from 1.
    pub revision: u64,
    /// When it may be deleted; none: never.
    pub expires_at: Option<Timestamp>,
}

/// Documents, by folder and name.
pub trait KeyValueStore {
    /// A document, read consistently.
    async fn read(&self, folder: &str, name: &str) -> Result<Option<Record>, Unavailable>;
    /// Writes a document if the stored one has the revision before, or there is none and this is the first.
    /// Answers whether it was written. A repeated write of the very same one succeeds, since the first one's answer may
    /// have been lost.
    async fn write(&self, folder: &str, name: &str, document: &Record)
    -> Result<bool, Unavailable>;
    /// Removes a document. Removing one that is gone is no error.
    async fn remove(&self, folder: &str, name: &str) -> Result<(), Unavailable>;
    /// The documents of a folder by name, the last first, from before `before` on, at most `limit`.
    async fn last(
        &self,
        folder: &str,
        before: Option<&str>,
        limit: u16,
    ) -> Result<Vec<(String, Record)>, Unavailable>;
}
