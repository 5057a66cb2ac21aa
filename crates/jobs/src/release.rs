//! Releases queued jobs: sends a check for each that no pause holds, oldest first.
//!
//! It reads and writes no row. The function that receives a check starts the attempt, unless the job is paused again. The index of
//! queued jobs and the pauses say what to do, so a run that dies is repeated by the next one, two runs at once are harmless,
//! and a resume needs no message of its own.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tracing::{info, warn};

use crate::breaker::Breaker;
use crate::id::{JobId, Timestamp};
use crate::pause::Pauses;
use crate::ports::{
    CheckQueue, CheckRequest, Clock, DelayedMessage, JobIndex, KeyValueStore, QueuePosition,
    QueuedJob, Unavailable,
};

/// Index entries of a shard read per query.
const PAGE: u16 = 100;
/// Jobs whose checks are sent together.
const BATCH: usize = 100;
/// The time between the checks of two jobs that may probe.
const PROBE_SPACING: Duration = Duration::from_secs(60);
/// Added to the delay of a check, so that clock differences do not let it arrive before the pause has ended.
const DELAY_MARGIN_SECONDS: u64 = 2;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReleaseReport {
    /// Jobs for which a check was sent.
    pub released: u64,
    /// Queued jobs by pipeline, those for which a check was sent among them. Not of all pipelines if `incomplete`.
    pub queued: BTreeMap<String, u64>,
    /// The pipelines whose circuit breaker is open.
    pub open_breakers: Vec<String>,
    /// A call failed or the time was up; the next run does the rest.
    pub incomplete: bool,
}

/// Sends a check for every queued job that nothing holds. A job whose pause ends before the next run, an `interval` after
/// this one, gets a check that arrives when the pause has ended. While the circuit breaker of a pipeline is open, its oldest jobs
/// get checks that arrive when probes are due, one at a time. Stops at `until`.
pub async fn release_queued<P>(ports: &P, interval: Duration, until: Timestamp) -> ReleaseReport
where
    P: JobIndex + CheckQueue + KeyValueStore + Clock,
{
    let mut report = ReleaseReport::default();
    if let Err(error) = release(ports, interval, until, &mut report).await {
        warn!(error = %error, "not all queued jobs were released");
        report.incomplete = true;
    }
    report
}

async fn release<P>(
    ports: &P,
    interval: Duration,
    until: Timestamp,
    report: &mut ReleaseReport,
) -> Result<(), Unavailable>
where
    P: JobIndex + CheckQueue + KeyValueStore + Clock,
{
    let mut queue = QueuedJobs::new();
    let pauses = Pauses::load(ports, ports.now()).await?;
    let names = pauses.open_breakers().map(|it| it.pipeline.clone());
    report.open_breakers = names.collect();
    let mut probes = BTreeMap::new();
    let mut batch = Vec::with_capacity(BATCH);
    while let Some(queued) = queue.next(ports).await? {
        if ports.now() >= until {
            info!("time is up, the next run continues");
            report.incomplete = true;
            break;
        }
        *report.queued.entry(queued.pipeline.clone()).or_default() += 1;
        let delay_seconds = match pauses.open_breaker(&queued.pipeline) {
            Some(breaker) if pauses.holding(&queued.pipeline, &queued.tenant).is_none() => {
                let probes = probes.entry(queued.pipeline.clone()).or_default();
                probe_delay::<P>(breaker, probes, &queued, interval, ports.now())
            }
            Some(_) | None => delay::<P>(&pauses, &queued, interval, ports.now()),
        };
        let Some(delay_seconds) = delay_seconds else {
            continue;
        };
        batch.push(DelayedMessage {
            message: CheckRequest {
                job: queued.position.job,
                attempt: queued.attempt,
                due: Some(queued.position.queued_at),
            },
            delay_seconds,
        });
        if batch.len() == BATCH {
            send(ports, &batch, report).await;
            batch.clear();
        }
    }
    send(ports, &batch, report).await;
    Ok(())
}

/// In how many seconds the job can start; `None` if the next run is early enough to say so.
fn delay<P: CheckQueue>(
    pauses: &Pauses,
    queued: &QueuedJob,
    interval: Duration,
    now: Timestamp,
) -> Option<u32> {
    let Some(pause) = pauses.holding(&queued.pipeline, &queued.tenant) else {
        return Some(0);
    };
    let left = pause.details.until.since(now);
    if left > interval {
        return None;
    }
    let seconds = left.as_millis().div_ceil(1000) as u64 + DELAY_MARGIN_SECONDS;
    u32::try_from(seconds)
        .ok()
        .filter(|seconds| *seconds <= P::MAX_DELAY_SECONDS)
}

/// In how many seconds the job probes; `None` if the jobs before it are enough until the next run. `probes` counts the jobs
/// that were chosen, a minute apart. Those that come before the next probe is due are held again.
fn probe_delay<P: CheckQueue>(
    breaker: &Breaker,
    probes: &mut u32,
    queued: &QueuedJob,
    interval: Duration,
    now: Timestamp,
) -> Option<u32> {
    let open = breaker.open.as_ref()?;
    // It was queued for another reason, which is over. Its check makes it wait for the breaker.
    if queued.position.queued_at < open.since {
        return Some(0);
    }
    let delay = open.probe_at.since(now) + PROBE_SPACING * *probes;
    if delay > interval {
        return None;
    }
    *probes += 1;
    let seconds = delay.as_millis().div_ceil(1000) as u64 + DELAY_MARGIN_SECONDS;
    u32::try_from(seconds)
        .ok()
        .filter(|seconds| *seconds <= P::MAX_DELAY_SECONDS)
}

/// A job that is no longer queued ignores its check: the index may lag behind the rows.
async fn send<P: CheckQueue>(
    ports: &P,
    checks: &[DelayedMessage<CheckRequest>],
    report: &mut ReleaseReport,
) {
    if checks.is_empty() {
        return;
    }
    let failed = ports.send_checks(checks).await;
    report.incomplete |= !failed.is_empty();
    for (at, check) in checks.iter().enumerate() {
        if !failed.contains(at) {
            report.released += 1;
            info!(job.id = %check.message.job, job.attempt = check.message.attempt.0, "queued job released");
        }
    }
}

/// The queued jobs of all shards, oldest first.
struct QueuedJobs {
    shards: Vec<QueuedShard>,
}

struct QueuedShard {
    shard: u8,
    /// Read, and not returned yet.
    page: VecDeque<QueuedJob>,
    after: Option<QueuePosition>,
    has_more: bool,
}

impl QueuedJobs {
    fn new() -> Self {
        let shards = (0..JobId::SHARDS).map(|shard| QueuedShard {
            shard,
            page: VecDeque::new(),
            after: None,
            has_more: true,
        });
        Self {
            shards: shards.collect(),
        }
    }

    async fn next<P: JobIndex>(&mut self, ports: &P) -> Result<Option<QueuedJob>, Unavailable> {
        for shard in &mut self.shards {
            while shard.page.is_empty() && shard.has_more {
                let page = ports.queued_jobs(shard.shard, shard.after, PAGE).await?;
                shard.page.extend(page.items);
                shard.after = page.next;
                shard.has_more = page.next.is_some();
            }
        }
        let heads = self.shards.iter_mut().filter_map(|shard| {
            let position = shard.page.front()?.position;
            Some((position, shard))
        });
        let oldest = heads.min_by_key(|(position, _)| *position);
        Ok(oldest.and_then(|(_, shard)| shard.page.pop_front()))
    }
}
