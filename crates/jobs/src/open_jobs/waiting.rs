//! Jobs that wait for their turn at an endpoint with a window: how many there are, how old the oldest is, and how many will
//! probably miss their SLO.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::id::{JobId, Timestamp};
use crate::pause::Pauses;
use crate::pipeline::Pipeline;
use crate::ports::{Clock, JobIndex, KeyValueStore, QueuedJob, Unavailable};
use crate::queue_position::{first_position, queued_at};
use crate::ready_by::{QueueSnapshot, estimate_turn, is_at_risk};
use crate::release::QueuedJobs;
use crate::release_window::{TurnLimits, in_order};

/// The queued jobs of each pipeline that no pause holds.
pub(super) struct WaitingJobs {
    pauses: Pauses,
    by_pipeline: BTreeMap<String, Vec<QueuedJob>>,
}

/// The figures of one pipeline's queued jobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct WaitingCount {
    pub(super) jobs: u64,
    pub(super) oldest_age: Duration,
    pub(super) at_risk: u64,
}

impl WaitingJobs {
    /// Reads the queues of all pipelines. `counted` are jobs that are open at the same time: a circuit breaker held them.
    /// Returns `None` if `until` passes before.
    pub(super) async fn read<P: JobIndex + KeyValueStore + Clock>(
        ports: &P,
        counted: &BTreeSet<JobId>,
        until: Timestamp,
    ) -> Result<Option<Self>, Unavailable> {
        let mut waiting = Self {
            pauses: Pauses::load(ports, ports.now()).await?,
            by_pipeline: BTreeMap::new(),
        };
        let mut queued = QueuedJobs::new();
        while let Some(job) = queued.next(ports).await? {
            if ports.now() >= until {
                return Ok(None);
            }
            waiting.add(job, counted);
        }
        Ok(Some(waiting))
    }

    /// Support knows of the jobs that a pause holds: it paused them, until a time that it chose.
    fn add(&mut self, job: QueuedJob, counted: &BTreeSet<JobId>) {
        let is_held = self.pauses.holding(&job.pipeline, &job.tenant).is_some();
        if !is_held && !counted.contains(&job.position.job) {
            let of_pipeline = self.by_pipeline.entry(job.pipeline.clone()).or_default();
            of_pipeline.push(job);
        }
    }

    pub(super) fn has_jobs_of(&self, pipeline: &str) -> bool {
        self.by_pipeline.contains_key(pipeline)
    }

    /// A job counts from the time at which it was queued, which is when it was submitted. If its turn is not known, it comes
    /// after those whose turns are, and after those before it in its own queue.
    pub(super) async fn count<P: KeyValueStore>(
        &self,
        ports: &P,
        pipeline: &Pipeline,
        snapshot: &QueueSnapshot,
        now: Timestamp,
    ) -> Result<WaitingCount, Unavailable> {
        let Some(jobs) = self.by_pipeline.get(&pipeline.name) else {
            return Ok(WaitingCount::default());
        };
        let turns = self.turns(ports, pipeline, jobs).await?;
        let places = self.pauses.window(&pipeline.name);
        let places = places.map_or(0, |known| known.window.attempts);
        let slo = Duration::from_secs(pipeline.slo_seconds.into());
        let known = u32::try_from(turns.len()).unwrap_or(u32::MAX);
        let (mut queue, mut before_in_queue) = (None, 0);
        let mut count = WaitingCount::default();
        // In the order of their positions, so those of a queue follow one another.
        for job in jobs {
            let since = queued_at(job.position.position);
            let of_queue = Some(first_position(job.position.position));
            before_in_queue = if queue == of_queue {
                before_in_queue + 1
            } else {
                0
            };
            queue = of_queue;
            let turn = turns.get(&job.position.job).copied();
            let before = turn.unwrap_or_else(|| known.max(before_in_queue));
            let estimate = estimate_turn(before, places, Some(snapshot), now).ok();
            let ready = estimate.as_ref().map(|found| &found.ready);
            let ready = ready.filter(|_| known > 0);
            count.jobs += 1;
            count.oldest_age = count.oldest_age.max(now.since(since));
            count.at_risk += u64::from(is_at_risk(since, slo, ready, now));
        }
        Ok(count)
    }

    /// How many jobs are released before each of these jobs of a pipeline, as far as turns are known.
    async fn turns<P: KeyValueStore>(
        &self,
        ports: &P,
        pipeline: &Pipeline,
        jobs: &[QueuedJob],
    ) -> Result<BTreeMap<JobId, u32>, Unavailable> {
        let name = &pipeline.name;
        if self.pauses.window(name).is_none() || self.pauses.open_breaker(name).is_some() {
            return Ok(BTreeMap::new());
        }
        // In the order of their positions.
        let queue = |job: &QueuedJob| first_position(job.position.position);
        let queues = jobs.chunk_by(|a, b| queue(a) == queue(b));
        let queues: Vec<Vec<QueuedJob>> = queues.map(<[QueuedJob]>::to_vec).collect();
        let limits = TurnLimits::SHOWN;
        if queues.len() >= limits.queues {
            return Ok(BTreeMap::new());
        }
        let next = in_order(ports, name, &self.pauses, queues, limits.jobs).await?;
        Ok(next.into_iter().zip(0..).collect())
    }
}
