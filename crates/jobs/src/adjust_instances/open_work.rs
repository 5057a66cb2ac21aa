//! Reads the open jobs of all pipelines at little cost.
//!
//! The index of open jobs is sorted by the time of their next check, not by pipeline. A reading takes the first entries of
//! each shard. Usually these are all, and the reading is complete. If there are more, it counts at least the jobs that it
//! saw, and takes the reconciler's latest count for what it did not see.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::{JobId, Timestamp};
use crate::open_jobs::OpenJobsByPipeline;
use crate::ports::{Clock, JobIndex, KeyValueStore, OpenJob, Record, Unavailable};

/// Index entries read per shard. An entry is at most 157 bytes long, so these are one read unit (8 KB, eventually consistent).
/// A reading takes 8 units if few jobs are open, and at most 17 however many are, with the reconciler's count.
pub const MAX_ENTRIES_PER_SHARD: u16 = 52;
/// An older count of the reconciler is not used. It counts every five minutes.
const MAX_COUNT_AGE: Duration = Duration::from_secs(15 * 60);
/// Where the reconciler's count is stored: beside the observations. No pipeline has such a name.
const COLLECTION: &str = "capacity";
const KEY: &str = ".open-jobs";

/// The open jobs of all pipelines at a point in time.
#[derive(Clone, Debug)]
pub(super) struct OpenJobsReading {
    /// Before the first query.
    pub(super) read_at: Timestamp,
    /// All open jobs were read.
    pub(super) complete: bool,
    jobs: BTreeMap<String, Vec<OpenJob>>,
    /// Of the reconciler, if the reading is not complete.
    counted: BTreeMap<String, u64>,
}

/// The open jobs of a pipeline, as far as they are known.
#[derive(Clone, Debug, Default)]
pub(super) struct PipelineOpenJobs<'a> {
    /// The number of jobs that were found; there may be more unless `complete`.
    pub(super) open: u32,
    /// All jobs were read.
    pub(super) complete: bool,
    pub(super) jobs: &'a [OpenJob],
    pub(super) oldest: Option<Timestamp>,
    pub(super) newest: Option<Timestamp>,
}

impl OpenJobsReading {
    pub(super) fn of(&self, pipeline: &str) -> PipelineOpenJobs<'_> {
        let jobs = self.jobs.get(pipeline).map_or(&[][..], Vec::as_slice);
        let counted = self.counted.get(pipeline).copied().unwrap_or(0);
        let open = counted.max(jobs.len() as u64);
        PipelineOpenJobs {
            open: u32::try_from(open).unwrap_or(u32::MAX),
            complete: self.complete,
            jobs,
            oldest: jobs.iter().map(|job| job.created_at).min(),
            newest: jobs.iter().map(|job| job.created_at).max(),
        }
    }
}

pub(super) async fn read_open_jobs<P>(ports: &P) -> Result<OpenJobsReading, Unavailable>
where
    P: JobIndex + KeyValueStore + Clock,
{
    let mut reading = OpenJobsReading {
        read_at: ports.now(),
        complete: true,
        jobs: BTreeMap::new(),
        counted: BTreeMap::new(),
    };
    for shard in 0..JobId::SHARDS {
        let (mut after, mut left) = (None, MAX_ENTRIES_PER_SHARD);
        loop {
            let page = ports.open_jobs(shard, after, left).await?;
            left = left.saturating_sub(u16::try_from(page.items.len()).unwrap_or(u16::MAX));
            for job in page.items {
                let of_pipeline = reading.jobs.entry(job.pipeline.clone()).or_default();
                of_pipeline.push(job);
            }
            after = page.next;
            if after.is_none() {
                break;
            }
            if left == 0 {
                reading.complete = false;
                break;
            }
        }
    }
    if !reading.complete {
        reading.counted = recorded_count(ports).await?;
    }
    Ok(reading)
}

/// A complete count of the reconciler.
#[derive(Debug, Serialize, Deserialize)]
struct RecordedCount {
    at: Timestamp,
    open: BTreeMap<String, u64>,
}

async fn recorded_count<P>(ports: &P) -> Result<BTreeMap<String, u64>, Unavailable>
where
    P: KeyValueStore + Clock,
{
    let record = ports.get(COLLECTION, KEY).await?;
    let count = record.and_then(|it| serde_json::from_str::<RecordedCount>(&it.body).ok());
    let count = count.filter(|it| ports.now().since(it.at) <= MAX_COUNT_AGE);
    Ok(count.map(|it| it.open).unwrap_or_default())
}

/// Records the reconciler's count for the function that sets the number of instances.
///
/// # Errors
/// If the table is unavailable. The next count replaces this one.
pub async fn record_open_jobs<P>(ports: &P, open: &OpenJobsByPipeline) -> Result<(), Unavailable>
where
    P: KeyValueStore + Clock,
{
    let before = ports.get(COLLECTION, KEY).await?;
    let count = RecordedCount {
        at: ports.now(),
        open: open
            .iter()
            .map(|(name, it)| (name.clone(), it.open))
            .collect(),
    };
    let record = Record {
        body: serde_json::to_string(&count).unwrap_or_default(),
        revision: before.map_or(0, |it| it.revision) + 1,
        expires_at: None,
    };
    // A conflict is ignored: a concurrent run has just stored its count.
    ports.put(COLLECTION, KEY, &record).await.map(drop)
}
