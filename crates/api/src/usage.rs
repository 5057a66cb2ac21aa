//! What each tenant has used: documents, bytes, attempts, and how long the model worked on them.
//!
//! Nothing is counted when a job ends. Function `reconciler` reads the rows of the jobs that were created in an hour, adds them
//! up, and stores the sums ([`count_hours`]). It does so again while jobs of the hour are open, and after a day, a week and a
//! month, for those that were run again. An hour's sums replace the ones before, so a call that is repeated, interrupted or
//! concurrent cannot count a job twice. [`report()`] adds up the hours of a month.
//!
//! A job belongs to the hour of its upload, all its attempts included: that hour never changes.

mod calendar;
mod count;
mod forget;
mod progress;
mod report;
mod rows;
mod run_times;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use calendar::{Month, date, utc};
pub use count::count_hours;
pub(crate) use forget::forget_batch;
pub use report::report;

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;
/// How long sums are kept.
const RETENTION_MS: u64 = 800 * DAY_MS;
/// Maximum number of batches that the sums of a tenant's day name. Jobs of further batches are in the sum without a batch.
const MAX_BATCHES_PER_DAY: usize = 500;

/// Sums over jobs. Durations are milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Amounts {
    documents: u64,
    bytes: u64,
    pages: u64,
    /// Those whose pages are known.
    documents_with_pages: u64,
    ready: u64,
    failed: u64,
    cancelled: u64,
    open: u64,
    /// Attempts that the model has worked on, as far as is known.
    runs: u64,
    run_ms: u64,
    max_run_ms: u64,
    /// Of `runs`: those whose duration is the usual one, since nothing is known about it.
    assumed_runs: u64,
}

impl Amounts {
    const fn add(&mut self, other: Self) {
        self.documents += other.documents;
        self.bytes += other.bytes;
        self.pages += other.pages;
        self.documents_with_pages += other.documents_with_pages;
        self.ready += other.ready;
        self.failed += other.failed;
        self.cancelled += other.cancelled;
        self.open += other.open;
        self.runs += other.runs;
        self.run_ms += other.run_ms;
        self.max_run_ms += other.max_run_ms;
        self.assumed_runs += other.assumed_runs;
    }
}

/// The sums of a tenant's hour for a pipeline and a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct StoredSum {
    pipeline: String,
    /// Of the jobs without a batch: empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    batch: String,
    #[serde(flatten)]
    amounts: Amounts,
}

/// The record of a tenant's day: the sums of its hours.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct StoredDay {
    /// By the hour of the day, 0 to 23.
    hours: BTreeMap<u8, Vec<StoredSum>>,
}

/// The collection of a month's days.
fn collection(month: Month) -> String {
    format!("usage#{month}")
}

/// What the keys of a tenant's days begin with. No tenant's name has this sign.
fn key_prefix(tenant: &str) -> String {
    format!("{tenant}#")
}

fn day_key(tenant: &str, day: u32) -> String {
    format!("{}{day:02}", key_prefix(tenant))
}
