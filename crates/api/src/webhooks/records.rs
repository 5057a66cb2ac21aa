//! Webhooks, digests and their states as records.

use jobs::ports::{KeyValueStore, Record, Unavailable};
use serde::Serialize;

/// A record and its revision.
pub(crate) async fn read<P: KeyValueStore, T: serde::de::DeserializeOwned>(
    ports: &P,
    collection: &str,
    key: &str,
) -> Result<Option<(T, u64)>, Unavailable> {
    let Some(record) = ports.get(collection, key).await? else {
        return Ok(None);
    };
    let value = serde_json::from_str(&record.body).map_err(|error| Unavailable {
        what: "a record",
        source: Box::new(error),
    })?;
    Ok(Some((value, record.revision)))
}

/// Writes a record under its next revision. Returns whether it was written.
pub(crate) async fn write<P: KeyValueStore, T: Serialize>(
    ports: &P,
    collection: &str,
    key: &str,
    value: &T,
    revision: u64,
) -> Result<bool, Unavailable> {
    let record = Record {
        body: serde_json::to_string(value).unwrap_or_default(),
        revision,
        expires_at: None,
    };
    ports.put(collection, key, &record).await
}
