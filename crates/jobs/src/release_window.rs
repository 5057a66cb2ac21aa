//! Releases queued jobs of a pipeline with a window ([`crate::window`]): as many as there are places at its endpoint, in the
//! order of [`crate::fair_queue`].
//!
//! A release is asked for by those who see that there may be a place: the functions that record how an attempt ended, function
//! `capacity` every 30 seconds, the reconciler, a resume, a circuit breaker that closes, and uploads in a burst. It is level-triggered: it reads the open jobs,
//! the queues and the pauses, and sends checks. It stores no row. Two at once choose the same jobs, and a job that has started
//! ignores a second check. Where several tenants wait, whose turn it is is stored under a revision, and of two releases at
//! once one does nothing.

use std::collections::BTreeSet;
use std::time::Duration;

use tracing::{info, warn};

use crate::expected_work::BaseWork;
use crate::fair_queue::{FairQueue, Heads};
use crate::id::{JobId, Timestamp};
use crate::pause::{self, Pauses};
use crate::pipeline::Pipeline;
use crate::ports::{
    CheckQueue, Clock, DelayedMessage, JobIndex, KeyValueStore, QueuedJob, Record, Unavailable,
};
use crate::queue_position;
use crate::release::PAGE_SIZE;
use crate::window::{KnownWindow, WINDOW_TTL, open_jobs_of};

/// Maximum number of jobs of a release. If there is room for more, another release follows.
const MAX_RELEASED: usize = 100;
/// Maximum number of queues that a release reads. With more tenants that wait, each release reads others.
const MAX_QUEUES: usize = 200;
/// Jobs of each queue that are read first to predict turns.
const MAX_HEADS: usize = 200;
/// Where it is stored whose turn it is.
pub const COLLECTION: &str = "turns";
/// How long after the last release. Without the record, every tenant starts anew.
const TURNS_KEPT: Duration = Duration::from_secs(86_400);
/// A job that was released so recently may still be in the index of queued jobs, and not yet in that of open jobs.
pub const INDEX_LAG: Duration = Duration::from_secs(10);
/// The first character of a line about such a job.
const RELEASED_PREFIX: char = '=';

/// Releases as many queued jobs as the window of the pipeline has places for. Returns how many.
///
/// # Errors
/// If a service is unavailable.
pub async fn release_window<P>(ports: &P, pipeline: &Pipeline) -> Result<usize, Unavailable>
where
    P: JobIndex + CheckQueue + KeyValueStore + Clock,
{
    let now = ports.now();
    let pauses = Pauses::load(ports, now).await?;
    if pauses.open_breaker(&pipeline.name).is_some() {
        // Only a probe starts, and the reconciler sends its check. A release follows when the breaker has closed.
        return Ok(0);
    }
    let Some(known) = pauses.window(&pipeline.name) else {
        return release_all(ports, pipeline, &pauses).await;
    };
    let window = known.window;
    // First the queues: a job that another release sends meanwhile is in both, and not in neither.
    let most = usize::try_from(window.attempts).unwrap_or(usize::MAX);
    let mut queues = heads(ports, &pipeline.name, &pauses, most.min(MAX_RELEASED)).await?;
    let open = open_jobs_of(ports, &pipeline.name).await?;
    let sent = window.count(&open, now);
    if !known.is_full && sent >= window.attempts {
        let full = KnownWindow {
            until: now.plus(WINDOW_TTL),
            is_full: true,
            ..known.clone()
        };
        store_window(ports, &full, now).await?;
    }
    let places = usize::try_from(window.attempts.saturating_sub(sent)).unwrap_or(usize::MAX);
    if places == 0 {
        return Ok(0);
    }
    let sent: BTreeSet<JobId> = open
        .iter()
        .filter(|job| job.sent_at.is_some())
        .map(|job| job.id)
        .collect();
    for queue in &mut queues {
        queue.retain(|job| !sent.contains(&job.position.job));
    }
    queues.retain(|queue| !queue.is_empty());
    let count = places.min(MAX_RELEASED);
    let Some(taken) = take(ports, known, queues, count, &open, now).await? else {
        info!(pipeline = pipeline.name, "another release was faster");
        return Ok(0);
    };
    send(ports, &taken).await;
    if taken.len() == MAX_RELEASED && places > MAX_RELEASED {
        request(ports, &pipeline.name).await;
    }
    Ok(taken.len())
}

/// Asks for a release. If that fails, the next one does it.
pub async fn request<P: CheckQueue>(ports: &P, pipeline: &str) {
    let message = DelayedMessage {
        message: pipeline.to_owned(),
        delay_seconds: 0,
    };
    if !ports.request_releases(&[message]).await.is_empty() {
        warn!(pipeline, "a release could not be asked for");
    }
}

/// Stores a window. If it is full, uploads are queued from now on.
///
/// # Errors
/// If the store does not answer.
pub(crate) async fn store_window<P: KeyValueStore>(
    ports: &P,
    known: &KnownWindow,
    now: Timestamp,
) -> Result<(), Unavailable> {
    if known.is_full {
        let window = known.window.attempts;
        info!(pipeline = known.pipeline, window, "the window is full");
    }
    pause::store_window(ports, known, now).await
}

/// Nothing is known of the window: function `capacity` does not run. Then the endpoint gets everything, as without a window.
async fn release_all<P>(
    ports: &P,
    pipeline: &Pipeline,
    pauses: &Pauses,
) -> Result<usize, Unavailable>
where
    P: JobIndex + CheckQueue + Clock,
{
    let queues = heads(ports, &pipeline.name, pauses, MAX_RELEASED).await?;
    let jobs: Vec<QueuedJob> = queues.into_iter().flatten().collect();
    send(ports, &jobs).await;
    if jobs.len() >= MAX_RELEASED {
        request(ports, &pipeline.name).await;
    }
    Ok(jobs.len())
}

/// The heads of the queues of a pipeline that no pause holds, at most `limit` jobs of each.
///
/// # Errors
/// If the index is unavailable.
pub(crate) async fn heads<P>(
    ports: &P,
    pipeline: &str,
    pauses: &Pauses,
    limit: usize,
) -> Result<Vec<Heads>, Unavailable>
where
    P: JobIndex + Clock,
{
    let mut reading = HeadsReader::new(pipeline, limit, MAX_QUEUES, usize::MAX);
    reading.read(ports, 0, u64::MAX).await?;
    if reading.queues.len() >= reading.max_queues {
        // From a random queue on, so that no queue is always left out.
        let first = ports.random().max(queue_position::AFTER_URGENT);
        reading.queues.clear();
        reading.read(ports, 0, queue_position::AFTER_URGENT).await?;
        reading.read(ports, first, u64::MAX).await?;
        reading
            .read(ports, queue_position::AFTER_URGENT, first)
            .await?;
    }
    Ok(reading.free(pipeline, pauses))
}

/// How many queues and queued jobs of a pipeline are read to predict turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TurnLimits {
    pub queues: usize,
    pub jobs: usize,
}

impl TurnLimits {
    /// Where people see turns: about a hundred read units at most. With more queues each release reads some of them, so no turn is
    /// known.
    pub const SHOWN: Self = Self {
        queues: MAX_QUEUES,
        jobs: 6000,
    };
}

/// The jobs that are released next, in their order, as the queues are now. Of queues that are longer than can be read, as many jobs
/// of each. `None` if there are `limits.queues` queues, or more than `limits.jobs` jobs at their heads.
///
/// # Errors
/// If a service is unavailable.
pub async fn next_released<P>(
    ports: &P,
    pipeline: &str,
    pauses: &Pauses,
    limits: TurnLimits,
) -> Result<Option<Vec<JobId>>, Unavailable>
where
    P: JobIndex + KeyValueStore,
{
    let mut reading = HeadsReader::new(pipeline, MAX_HEADS, limits.queues, limits.jobs);
    reading.read(ports, 0, u64::MAX).await?;
    if reading.queues.len() >= limits.queues || reading.jobs() > limits.jobs {
        return Ok(None);
    }
    reading.read_on(ports).await?;
    let queues = reading.free(pipeline, pauses);
    let jobs = in_order(ports, pipeline, pauses, queues, usize::MAX).await?;
    Ok(Some(jobs))
}

/// The first `count` of these jobs of a pipeline in the order in which they are released.
pub(crate) async fn in_order<P: KeyValueStore>(
    ports: &P,
    pipeline: &str,
    pauses: &Pauses,
    queues: Vec<Heads>,
    count: usize,
) -> Result<Vec<JobId>, Unavailable> {
    let mut turns = FairQueue::default();
    if queues.len() > 1 {
        let stored = ports.get(COLLECTION, pipeline).await?;
        let known = pauses.window(pipeline);
        let base = known.map_or_else(BaseWork::default, |known| known.base);
        (turns, _) = StoredTurns::of(stored.as_ref()).turns(&queues, base);
    }
    let taken = turns.take(queues, count);
    Ok(taken.iter().map(|job| job.position.job).collect())
}

struct HeadsReader {
    shard: u8,
    limit: u16,
    max_queues: usize,
    max_jobs: usize,
    queues: Vec<Heads>,
}

impl HeadsReader {
    fn new(pipeline: &str, limit: usize, max_queues: usize, max_jobs: usize) -> Self {
        Self {
            shard: queue_position::shard(pipeline),
            limit: u16::try_from(limit).unwrap_or(u16::MAX),
            max_queues,
            max_jobs,
            queues: Vec::new(),
        }
    }

    fn jobs(&self) -> usize {
        self.queues.iter().map(Vec::len).sum()
    }

    /// The queues of the pipeline, without the jobs that a pause holds.
    fn free(self, pipeline: &str, pauses: &Pauses) -> Vec<Heads> {
        let is_free = |job: &QueuedJob| {
            job.pipeline == pipeline && pauses.holding(pipeline, &job.tenant).is_none()
        };
        let queues = self.queues.into_iter().filter_map(|mut queue| {
            queue.retain(is_free);
            (!queue.is_empty()).then_some(queue)
        });
        queues.collect()
    }

    /// Reads the heads of the queues that begin in a range of positions: one query for each queue, or for several short ones.
    async fn read<P: JobIndex>(
        &mut self,
        ports: &P,
        from: u64,
        to: u64,
    ) -> Result<(), Unavailable> {
        let queue_of = |job: &QueuedJob| queue_position::next_queue(job.position.position);
        let mut next = Some(from);
        let is_full = |it: &Self| it.queues.len() >= it.max_queues || it.jobs() > it.max_jobs;
        while let Some(from) = next.filter(|from| *from < to && !is_full(self)) {
            let page = ports
                .queued_jobs(self.shard, from, None, self.limit)
                .await?;
            let has_more = page.next.is_some();
            let mut queues: Vec<Heads> = Vec::new();
            for job in page.items {
                match queues.last_mut() {
                    Some(queue) if queue.first().map(queue_of) == Some(queue_of(&job)) => {
                        queue.push(job);
                    }
                    Some(_) | None => queues.push(vec![job]),
                }
            }
            // The page may have cut the last queue short. If it has others, the next page begins with that queue.
            let is_cut = has_more && queues.len() > 1;
            next = if is_cut {
                let cut = queues.pop();
                cut.and_then(|queue| queue.first().map(|job| job.position.position))
            } else if has_more {
                let last = queues.last().and_then(|queue| queue.first());
                last.and_then(queue_of)
            } else {
                None
            };
            queues.retain(|queue| queue.first().is_some_and(|job| job.position.position < to));
            self.queues.extend(queues);
        }
        Ok(())
    }

    /// Reads on in the queues of which only the heads were read: as much of each as all of them together may have.
    async fn read_on<P: JobIndex>(&mut self, ports: &P) -> Result<(), Unavailable> {
        let heads = usize::from(self.limit);
        let is_long = |queue: &&mut Heads| queue.len() >= heads;
        let left = self.max_jobs.saturating_sub(self.jobs());
        let long = self.queues.iter_mut().filter(is_long).count();
        let more = left / long.max(1);
        for queue in self.queues.iter_mut().filter(is_long) {
            let end = queue.len() + more;
            while let Some(last) = queue.last().map(|job| job.position) {
                let limit =
                    u16::try_from(end - queue.len()).map_or(PAGE_SIZE, |rest| rest.min(PAGE_SIZE));
                if limit == 0 {
                    break;
                }
                let from = queue_position::first_position(last.position);
                let page = ports
                    .queued_jobs(self.shard, from, Some(last), limit)
                    .await?;
                let read = page.items.len();
                let of_queue = page.items.into_iter().take_while(|job| {
                    queue_position::first_position(job.position.position) == from
                });
                let before = queue.len();
                queue.extend(of_queue);
                if queue.len() - before < read || page.next.is_none() {
                    break;
                }
            }
        }
        Ok(())
    }
}

/// Takes jobs from the queues in their order. `None` if another release did so at the same time.
///
/// Whose turn it is is stored if several queues have jobs: those of one are released in their order anyway. While another tenant
/// is still ahead because of its last turn, they count for it.
async fn take<P: KeyValueStore>(
    ports: &P,
    known: &KnownWindow,
    mut queues: Vec<Heads>,
    count: usize,
    open: &[crate::ports::OpenJob],
    now: Timestamp,
) -> Result<Option<Vec<QueuedJob>>, Unavailable> {
    let Some(first) = queues.first().and_then(|queue| queue.first()) else {
        return Ok(Some(vec![]));
    };
    let pipeline = known.pipeline.as_str();
    let stored = ports.get(COLLECTION, pipeline).await?;
    let (mut turns, mut released) = StoredTurns::of(stored.as_ref()).turns(&queues, known.base);
    if queues.len() == 1 && !turns.is_another_ahead(first) {
        let mut jobs = queues.pop().unwrap_or_default();
        jobs.truncate(count);
        return Ok(Some(jobs));
    }
    released.retain(|(_, at)| now.since(*at) <= INDEX_LAG);
    let was_released = |id: JobId| released.iter().any(|(released, _)| *released == id);
    for queue in &mut queues {
        queue.retain(|job| !was_released(job.position.job));
    }
    let counted = |id: JobId| open.iter().any(|job| job.id == id);
    let on_their_way = released.iter().filter(|(id, _)| !counted(*id)).count();
    let taken = turns.take(queues, count.saturating_sub(on_their_way));
    if taken.is_empty() {
        return Ok(Some(taken));
    }
    released.extend(taken.iter().map(|job| (job.position.job, now)));
    let mut body = turns.to_lines();
    for (id, at) in &released {
        body.push_str(&format!("\n{RELEASED_PREFIX}{id}\t{}", at.0));
    }
    let record = Record {
        body,
        revision: stored.map_or(1, |record| record.revision + 1),
        expires_at: Some(now.plus(TURNS_KEPT)),
    };
    let is_first = ports.put(COLLECTION, pipeline, &record).await?;
    Ok(is_first.then_some(taken))
}

/// The record of a pipeline's turns.
#[derive(Default)]
struct StoredTurns {
    turns: FairQueue,
    /// The jobs of the last releases, and when they were released.
    released: Vec<(JobId, Timestamp)>,
}

impl StoredTurns {
    fn of(record: Option<&Record>) -> Self {
        record.map_or_else(Self::default, |record| Self::from_lines(&record.body))
    }

    fn from_lines(body: &str) -> Self {
        let (released, turns): (Vec<&str>, Vec<&str>) = body
            .lines()
            .partition(|line| line.starts_with(RELEASED_PREFIX));
        Self {
            turns: FairQueue::from_lines(&turns.join("\n")),
            released: released.into_iter().filter_map(released_job).collect(),
        }
    }

    /// Whose turn it is among those that wait now. If all of them came after the last turn, no job waits any more for which a
    /// tenant would have to give way. With the jobs that were released last.
    fn turns(self, queues: &[Heads], base: BaseWork) -> (FairQueue, Vec<(JobId, Timestamp)>) {
        let last = self.released.iter().map(|(_, at)| *at).max();
        let mut heads = queues.iter().filter_map(|queue| queue.first());
        let turns = if heads.any(|job| last.is_some_and(|last| job.queued_at() <= last)) {
            self.turns.with_base(base)
        } else {
            FairQueue::begun(queues, base)
        };
        (turns, self.released)
    }
}

/// The jobs that were released lately, and when, as the record of a pipeline's turns names them.
pub fn released_jobs(turns: &str) -> Vec<(JobId, Timestamp)> {
    StoredTurns::from_lines(turns).released
}

fn released_job(line: &str) -> Option<(JobId, Timestamp)> {
    let (id, at) = line.strip_prefix(RELEASED_PREFIX)?.split_once('\t')?;
    Some((id.parse().ok()?, Timestamp(at.parse().ok()?)))
}

/// A job that is no longer queued ignores its check: the index may lag behind the rows. What is not sent is still queued.
async fn send<P: CheckQueue>(ports: &P, jobs: &[QueuedJob]) {
    if jobs.is_empty() {
        return;
    }
    let checks: Vec<_> = jobs
        .iter()
        .map(|job| DelayedMessage {
            message: job.check(),
            delay_seconds: 0,
        })
        .collect();
    let failed = ports.send_checks(&checks).await;
    for (at, job) in jobs.iter().enumerate() {
        if failed.contains(at) {
            warn!(job.id = %job.position.job, "a queued job could not be released");
        } else {
            info!(job.id = %job.position.job, job.attempt = job.attempt.0, tenant = %job.tenant, "queued job released");
        }
    }
}
