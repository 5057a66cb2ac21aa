//! A versioned key-value store for small records.

use super::Unavailable;
use crate::id::Timestamp;

/// A small stored text: an upload session, a retry plan, an audit entry, a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// At most 300 KB.
    pub body: String,
    /// Counts the writes, from 1.
    pub revision: u64,
    /// When it may be deleted; `None`: never.
    pub expires_at: Option<Timestamp>,
}

/// Records by collection and key, with optimistic locking.
pub trait KeyValueStore {
    /// Reads a record consistently.
    async fn get(&self, collection: &str, key: &str) -> Result<Option<Record>, Unavailable>;
    /// Writes a record if the stored revision is the one before, or if there is none and this is the first.
    ///
    /// Returns whether it was written. Writing the same record again succeeds, since the response to the first call may
    /// have been lost.
    async fn put(&self, collection: &str, key: &str, record: &Record) -> Result<bool, Unavailable>;
    /// Deletes a record. Deleting one that does not exist succeeds.
    async fn delete(&self, collection: &str, key: &str) -> Result<(), Unavailable>;
    /// The records of a collection in descending order of their keys, starting before `before`, at most `limit`. Fewer only if there
    /// are no more.
    async fn list_descending(
        &self,
        collection: &str,
        before: Option<&str>,
        limit: u16,
    ) -> Result<Vec<(String, Record)>, Unavailable>;
}
