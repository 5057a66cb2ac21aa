//! Names of batches outlive the rows of their documents: in sums of usage and in retry plans. When the data of a document with
//! a batch is deleted, a record says so, and function `reconciler` forgets the name there.
//!
//! The record is written after the row has lost its batch, and deleted after the sums were counted again from the rows. That is
//! not done before a call that may have read the row earlier has ended, so no other call can bring the name back.

use jobs::id::Timestamp;
use jobs::job::Job;
use jobs::pipeline::Pipelines;
use jobs::ports::{Clock, KeyValueStore, Record};
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::ApiError;
use crate::ports::JobList;
use crate::{retry_plans, usage};

const COLLECTION: &str = "forgotten-batch";
const RECORDS_PER_READ: u16 = 200;

/// No call of function `reconciler` runs for longer (Lambda developer guide, "Lambda quotas": 900 seconds).
const MAX_CALL_MS: u64 = 900_000;

/// A document of a batch whose data was deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ForgottenBatch {
    noted_at: u64,
    pub(crate) created_at: u64,
    pub(crate) tenant: String,
    pub(crate) pipeline: String,
    pub(crate) batch: String,
}

/// Records that a document no longer belongs to its batch, so that usage and retry plans forget the name.
pub(crate) async fn add<P: KeyValueStore + Clock>(
    ports: &P,
    job: &Job,
    batch: String,
) -> Result<(), ApiError> {
    let forgotten = ForgottenBatch {
        noted_at: ports.now().0,
        created_at: job.created_at.0,
        tenant: job.tenant.to_string(),
        pipeline: job.pipeline.clone(),
        batch,
    };
    let record = Record {
        body: serde_json::to_string(&forgotten).unwrap_or_default(),
        revision: 1,
        expires_at: None,
    };
    // A record that is there says the same, but for the time.
    ports.put(COLLECTION, &job.id.to_string(), &record).await?;
    Ok(())
}

/// Forgets the names of batches that are due, until there are none or the time is over. Returns how many documents were done.
///
/// # Errors
/// If a dependency does not answer. The next call goes on.
pub async fn forget<P: JobList + KeyValueStore + Clock>(
    ports: &P,
    pipelines: &Pipelines,
    until: Timestamp,
) -> Result<u64, ApiError> {
    let mut due = due(ports, until).await?;
    // Documents of an hour, one after the other: it is counted once.
    due.sort_by_key(|(_, forgotten)| forgotten.created_at);
    let mut done = 0;
    let mut recounted = None;
    for (key, forgotten) in due {
        if ports.now() >= until {
            break;
        }
        usage::forget_batch(ports, pipelines, &forgotten, &mut recounted, until).await?;
        retry_plans::forget_batch(ports, &forgotten.tenant, &forgotten.batch).await?;
        ports.delete(COLLECTION, &key).await?;
        done += 1;
    }
    Ok(done)
}

async fn due<P: KeyValueStore + Clock>(
    ports: &P,
    until: Timestamp,
) -> Result<Vec<(String, ForgottenBatch)>, ApiError> {
    let mut due = Vec::new();
    let mut before: Option<String> = None;
    while ports.now() < until {
        let page = ports
            .list_descending(COLLECTION, before.as_deref(), RECORDS_PER_READ)
            .await?;
        let is_last = page.len() < usize::from(RECORDS_PER_READ);
        before = page.last().map(|(key, _)| key.clone());
        for (key, record) in page {
            match serde_json::from_str::<ForgottenBatch>(&record.body) {
                Ok(forgotten) if forgotten.noted_at + MAX_CALL_MS > ports.now().0 => {}
                Ok(forgotten) => due.push((key, forgotten)),
                Err(error) => warn!(key, problem = %error, "a record of a batch cannot be read"),
            }
        }
        if is_last {
            break;
        }
    }
    Ok(due)
}
