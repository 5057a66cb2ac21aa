//! The stored snapshots: one record per pipeline.

use super::QueueSnapshot;
use crate::ports::{KeyValueStore, Record, Unavailable};

/// The collection of the service's own small states. Functions that take snapshots write it, readers read it.
const COLLECTION: &str = "state";
/// A record that is no longer written is deleted after this time.
const KEPT_MS: u64 = 24 * 3600 * 1000;

fn key(pipeline: &str) -> String {
    format!("queue-{pipeline}")
}

/// The last snapshot of a pipeline's queue; `None` if there is none that this release can read.
///
/// # Errors
/// The store does not answer.
pub async fn load<P: KeyValueStore>(
    ports: &P,
    pipeline: &str,
) -> Result<Option<QueueSnapshot>, Unavailable> {
    let record = ports.get(COLLECTION, &key(pipeline)).await?;
    Ok(record.and_then(|record| serde_json::from_str(&record.body).ok()))
}

/// Stores a snapshot, unless a newer one is stored. If another function stores one meanwhile, that one stays.
///
/// # Errors
/// The store does not answer.
pub async fn store<P: KeyValueStore>(
    ports: &P,
    pipeline: &str,
    snapshot: &QueueSnapshot,
) -> Result<(), Unavailable> {
    let key = key(pipeline);
    let stored = ports.get(COLLECTION, &key).await?;
    let newest = stored
        .as_ref()
        .and_then(|record| serde_json::from_str::<QueueSnapshot>(&record.body).ok());
    if newest.is_some_and(|newest| newest.at > snapshot.at) {
        return Ok(());
    }
    let record = Record {
        // Numbers and booleans only, so serialization cannot fail.
        body: serde_json::to_string(snapshot).unwrap_or_default(),
        revision: stored.map_or(1, |record| record.revision + 1),
        expires_at: Some(crate::id::Timestamp(snapshot.at.0 + KEPT_MS)),
    };
    ports.put(COLLECTION, &key, &record).await.map(drop)
}
