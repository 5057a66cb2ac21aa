//! Releases the queued jobs of pipelines without a window: sends a check for each that no pause holds, tenant by tenant. For
//! a pipeline with a window it asks for a release ([`crate::release_window`]), which knows how many places there are.
//!
//! It reads and writes no row. The function that receives a check starts the attempt, unless the job is paused again. The index of
//! queued jobs and the pauses say what to do, so a run that dies is repeated by the next one, two runs at once are harmless,
//! and a resume needs no message of its own.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use tracing::{info, warn};

use crate::breaker::{OpenBreaker, may_use_up_attempt};
use crate::id::{JobId, Timestamp};
use crate::pause::Pauses;
use crate::pipeline::{Pipeline, Pipelines};
use crate::ports::{
    CheckQueue, CheckRequest, Clock, DelayedMessage, JobIndex, KeyValueStore, QueuePosition,
    QueuedJob, Unavailable,
};
use crate::window::has_window;

/// Index entries of a shard read per query.
pub(crate) const PAGE_SIZE: u16 = 1000;
/// Jobs whose checks are sent together.
const CHECKS_PER_BATCH: usize = 100;
/// Jobs of a pipeline that may get a check for a probe in a run: more are not due before the next run, at most 12 minutes later.
const MAX_PROBES: usize = 16;
/// Added to the delay of a check, so that clock differences do not let it arrive before the pause has ended.
const DELAY_MARGIN_SECONDS: u64 = 2;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReleaseReport {
    /// Jobs for which a check was sent, or that wait for their turn only.
    pub released: u64,
    /// Those of `released` that wait for their turn only.
    pub wait_for_turn: u64,
    /// Queued jobs by pipeline, those for which a check was sent among them. Not of all pipelines if `incomplete`.
    pub queued: BTreeMap<String, u64>,
    /// The pipelines whose circuit breaker is open.
    pub open_breakers: Vec<String>,
    /// A call failed or the time was up; the next run does the rest.
    pub incomplete: bool,
}

/// Sends a check for every queued job that nothing holds. A job whose pause ends before the next run, an `interval` after
/// this one, gets a check that arrives when the pause has ended. While the circuit breaker of a pipeline is open, its oldest jobs
/// get checks that arrive when probes are due, one for each. Stops at `until`.
pub async fn release_queued<P>(ports: &P, pipelines: &Pipelines, until: Timestamp) -> ReleaseReport
where
    P: JobIndex + CheckQueue + KeyValueStore + Clock,
{
    let mut report = ReleaseReport::default();
    if let Err(error) = release(ports, pipelines, until, &mut report).await {
        warn!(error = %error, "not all queued jobs were released");
        report.incomplete = true;
    }
    report
}

async fn release<P>(
    ports: &P,
    pipelines: &Pipelines,
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
    let mut probes: BTreeMap<String, Probes> = BTreeMap::new();
    let mut batch = Vec::with_capacity(CHECKS_PER_BATCH);
    // Pipelines with a window, and in how many seconds to ask for a release.
    let mut windows: BTreeSet<(String, u32)> = BTreeSet::new();
    let interval = pipelines.reconcile_interval();
    while let Some(queued) = queue.next(ports).await? {
        if ports.now() >= until {
            info!("time is up, the next run continues");
            report.incomplete = true;
            break;
        }
        *report.queued.entry(queued.pipeline.clone()).or_default() += 1;
        let is_paused = pauses.holding(&queued.pipeline, &queued.tenant).is_some();
        let breaker = pauses.open_breaker(&queued.pipeline);
        let breaker = breaker.and_then(|it| it.open.as_ref());
        let breaker = breaker.filter(|_| !is_paused);
        if breaker.is_some_and(|open| queued.queued_at() >= open.since) {
            let of_pipeline = probes.entry(queued.pipeline.clone()).or_default();
            let later = !may_use_up_attempt(queued.check().attempt);
            of_pipeline.insert((later, queued.queued_at(), queued.position.job), queued);
            if of_pipeline.len() > MAX_PROBES {
                of_pipeline.pop_last();
            }
            continue;
        }
        let delay_seconds = match breaker {
            // It was queued for another reason. Its check makes it wait for the breaker.
            Some(_) => Some(0),
            None => delay::<P>(&pauses, &queued, interval, ports.now()),
        };
        let Some(delay_seconds) = delay_seconds else {
            continue;
        };
        if breaker.is_none() && pipelines.get(&queued.pipeline).is_some_and(has_window) {
            report.released += 1;
            report.wait_for_turn += 1;
            windows.insert((queued.pipeline, delay_seconds));
            continue;
        }
        batch.push(DelayedMessage {
            message: queued.check(),
            delay_seconds,
        });
        if batch.len() == CHECKS_PER_BATCH {
            send(ports, &batch, report).await;
            batch.clear();
        }
    }
    for breaker in pauses.open_breakers() {
        let pipeline = pipelines.get(&breaker.pipeline);
        let (Some(open), Some(pipeline)) = (&breaker.open, pipeline) else {
            continue;
        };
        let probes = probes.remove(&breaker.pipeline).unwrap_or_default();
        batch.extend(probe_checks::<P>(
            open,
            pipeline,
            probes,
            interval,
            ports.now(),
        ));
    }
    send(ports, &batch, report).await;
    let requests = windows
        .into_iter()
        .map(|(message, delay_seconds)| DelayedMessage {
            message,
            delay_seconds,
        });
    let requests: Vec<DelayedMessage<String>> = requests.collect();
    if !requests.is_empty() {
        report.incomplete |= !ports.request_releases(&requests).await.is_empty();
    }
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

/// The jobs of a pipeline that wait for its circuit breaker, oldest first: a probe that failed queues behind the others, whatever
/// its tenant. Those with few attempts left are last.
type Probes = BTreeMap<(bool, Timestamp, JobId), QueuedJob>;

/// A check for each probe that is due before the next run, if those before it are refused at once. A job that is held again has
/// cost calls for nothing.
fn probe_checks<P: CheckQueue>(
    open: &OpenBreaker,
    pipeline: &Pipeline,
    probes: Probes,
    interval: Duration,
    now: Timestamp,
) -> Vec<DelayedMessage<CheckRequest>> {
    let mut checks = Vec::new();
    let mut due = now.max(open.probe_at);
    for job in probes.into_values() {
        let delay = due.since(now);
        let seconds = delay.as_millis().div_ceil(1000) as u64 + DELAY_MARGIN_SECONDS;
        let seconds = u32::try_from(seconds).ok();
        let seconds = seconds.filter(|seconds| *seconds <= P::MAX_DELAY_SECONDS);
        let Some(delay_seconds) = seconds.filter(|_| delay <= interval) else {
            break;
        };
        checks.push(DelayedMessage {
            message: job.check(),
            delay_seconds,
        });
        due = open.next_probe_at(
            pipeline,
            due.plus(Duration::from_secs(DELAY_MARGIN_SECONDS)),
        );
    }
    checks
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

/// The queued jobs of all shards, in the order of their positions.
pub(crate) struct QueuedJobs {
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
    pub(crate) fn new() -> Self {
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

    pub(crate) async fn next<P: JobIndex>(
        &mut self,
        ports: &P,
    ) -> Result<Option<QueuedJob>, Unavailable> {
        for shard in &mut self.shards {
            while shard.page.is_empty() && shard.has_more {
                let page = ports
                    .queued_jobs(shard.shard, 0, shard.after, PAGE_SIZE)
                    .await?;
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
