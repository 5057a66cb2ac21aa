//! Counts the open jobs of each pipeline: how many there are, how old the oldest is, and how many are close to their SLO.

mod waiting;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;
use tracing::warn;

use crate::id::{JobId, Timestamp};
use crate::pipeline::{Pipeline, Pipelines};
use crate::ports::{Clock, JobIndex, JobStore, KeyValueStore, Unavailable};
use crate::ready_by::{self, NoEstimate, QueueSnapshot, Queued, estimate_queued, is_at_risk};
use waiting::WaitingJobs;

/// Index entries read per query.
const PAGE_SIZE: u16 = 1000;
/// Rows read per run, of jobs that are at risk if they were submitted when they were uploaded.
const MAX_ROWS: usize = 200;
/// A description of a queue by a function that knows the instances is used for this time.
const COUNTED_LATELY: Duration = Duration::from_secs(180);

/// The open jobs of a pipeline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenJobs {
    /// Jobs at the endpoint, or on their way there.
    pub open: u64,
    /// Jobs that wait for their turn. Those that a pause holds are not counted here, nor below.
    pub waiting: u64,
    /// Age of the oldest open job; 0 if there is none.
    pub oldest_age_seconds: u64,
    /// Jobs that will probably be ready later than their pipeline's `slo_seconds`, or have used up three quarters of it.
    pub at_risk: u64,
}

pub type OpenJobsByPipeline = BTreeMap<String, OpenJobs>;

/// Counts all open jobs by pipeline, and stores a description of each queue for the estimates of when jobs are ready
/// ([`crate::ready_by`]), unless a function that knows the instances has just stored one. Pipelines without open jobs are
/// included in the count.
///
/// Returns `None` if `until` passes before the count is complete. A partial count would be wrong, and endpoints scale in
/// by this number.
///
/// # Errors
/// If the index is unavailable.
pub async fn count_open_jobs<P>(
    ports: &P,
    pipelines: &Pipelines,
    until: Timestamp,
) -> Result<Option<OpenJobsByPipeline>, Unavailable>
where
    P: JobIndex + JobStore + KeyValueStore + Clock,
{
    let mut open: BTreeMap<String, Vec<(Timestamp, JobId)>> = pipelines
        .iter()
        .map(|pipeline| (pipeline.name.clone(), Vec::new()))
        .collect();
    for shard in 0..JobId::SHARDS {
        let mut after = None;
        loop {
            if ports.now() >= until {
                return Ok(None);
            }
            let page = ports.open_jobs(shard, after, PAGE_SIZE).await?;
            for job in page.items {
                let of_pipeline = open.entry(job.pipeline).or_default();
                of_pipeline.push((job.created_at, job.id));
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    let counted: BTreeSet<JobId> = open.values().flatten().map(|(_, id)| *id).collect();
    let Some(waiting) = WaitingJobs::read(ports, &counted, until).await? else {
        return Ok(None);
    };
    let now = ports.now();
    let mut rows_left = MAX_ROWS;
    let mut counts = OpenJobsByPipeline::new();
    for (name, mut jobs) in open {
        jobs.sort_unstable();
        let oldest = jobs.first().map(|(created_at, _)| now.since(*created_at));
        let mut count = OpenJobs {
            open: jobs.len() as u64,
            waiting: 0,
            oldest_age_seconds: oldest.map_or(0, |age| age.as_secs()),
            at_risk: 0,
        };
        let is_empty = jobs.is_empty() && !waiting.has_jobs_of(&name);
        if let (Some(pipeline), false) = (pipelines.get(&name), is_empty) {
            let snapshot = snapshot(ports, pipeline, &jobs, now).await;
            count.at_risk = at_risk(ports, pipeline, &jobs, &snapshot, now, &mut rows_left).await;
            let waiting = waiting.count(ports, pipeline, &snapshot, now).await?;
            count.waiting = waiting.jobs;
            count.at_risk += waiting.at_risk;
            let oldest = waiting.oldest_age.as_secs();
            count.oldest_age_seconds = count.oldest_age_seconds.max(oldest);
        }
        counts.insert(name, count);
    }
    Ok(Some(counts))
}

/// The description of a pipeline's queue: the stored one if a function that knows the instances has just made it, or a
/// new one, which is stored. A store that does not answer costs only estimates.
async fn snapshot<P: KeyValueStore>(
    ports: &P,
    pipeline: &Pipeline,
    jobs: &[(Timestamp, JobId)],
    now: Timestamp,
) -> QueueSnapshot {
    let stored = ready_by::load(ports, &pipeline.name).await;
    let stored = stored.unwrap_or_else(|error| {
        warn!(error = %error, "the stored description of a queue was not read");
        None
    });
    let stored = stored.filter(|stored| now.since(stored.at) <= ready_by::MAX_SNAPSHOT_AGE);
    if let Some(counted) = &stored
        && counted.instances.is_counted
        && now.since(counted.at) <= COUNTED_LATELY
    {
        return counted.clone();
    }
    let times = jobs.iter().map(|(created_at, _)| *created_at).collect();
    let snapshot = QueueSnapshot::inferred(now, pipeline, times, stored.as_ref());
    if let Err(error) = ready_by::store(ports, &pipeline.name, &snapshot).await {
        warn!(error = %error, "the description of a queue was not stored");
    }
    snapshot
}

/// How many jobs will probably miss their SLO. It counts from a job's last submission, which only the row knows; rows of
/// at most `rows_left` jobs are read. The others count from their upload.
async fn at_risk<P: JobStore>(
    ports: &P,
    pipeline: &Pipeline,
    jobs: &[(Timestamp, JobId)],
    snapshot: &QueueSnapshot,
    now: Timestamp,
    rows_left: &mut usize,
) -> u64 {
    let slo = Duration::from_secs(pipeline.slo_seconds.into());
    let mut count = 0;
    for (created_at, id) in jobs {
        let queued = Queued {
            since: *created_at,
            next_check_at: None,
            is_scheduled: false,
        };
        let estimate = estimate_queued(&queued, Some(snapshot), now);
        if !is_at_risk(*created_at, slo, estimate.ok().as_ref(), now) {
            continue;
        }
        let row = if *rows_left > 0 {
            *rows_left -= 1;
            // A row that cannot be read counts from the upload, too.
            ports.load(*id).await.ok().flatten()
        } else {
            None
        };
        count += u64::from(row.is_none_or(|job| {
            let estimate = ready_by::estimate(&job, Some(snapshot), now);
            // The index may lag behind the row.
            !matches!(estimate, Err(NoEstimate::Final | NoEstimate::Queued))
                && is_at_risk(job.submitted_at(), slo, estimate.ok().as_ref(), now)
        }));
    }
    count
}
