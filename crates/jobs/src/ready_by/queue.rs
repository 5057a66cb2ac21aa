//! A pipeline's queue at a moment.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::LATE_START_SHARE;
use crate::capacity::{CapacityInput, expected_cold_start, expected_run, planned};
use crate::id::Timestamp;
use crate::pipeline::Pipeline;

/// A snapshot keeps the times of this many of the oldest open jobs.
const MAX_OLDEST: usize = 24;
/// Of the others it keeps the times of at most this many, evenly chosen: it stays below 2 KB.
const MAX_MARKS: usize = 76;

/// The standard deviation of runs, in percent, until it was measured.
pub const TYPICAL_RUN_DEVIATION_PERCENT: u32 = 25;

/// When the attempts of open jobs were sent, in milliseconds before the snapshot, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenSince {
    oldest_ages_ms: Vec<u64>,
    /// The number of jobs for each entry of `ages_ms`.
    jobs_per_mark: u32,
    ages_ms: Vec<u64>,
}

/// A duration, and whether it was measured or is the pipeline's typical one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    pub ms: u64,
    /// The standard deviation of single measurements, in percent of the duration.
    pub deviation_percent: u32,
    pub is_measured: bool,
}

/// The instances, as far as they are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownInstances {
    pub in_service: u32,
    pub starting: u32,
    /// Since when those that are starting have been. `None`: since the snapshot.
    pub starting_since: Option<Timestamp>,
    /// Those that will be asked for, beside these.
    pub more: u32,
    /// When they will be. `None`: at the snapshot.
    pub more_at: Option<Timestamp>,
    /// Runs that an instance does at the same time. At least 1.
    pub concurrent_runs: u32,
    /// The endpoint was asked; otherwise they are inferred from the job table.
    pub is_counted: bool,
}

/// A pipeline's queue at a moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueSnapshot {
    pub at: Timestamp,
    pub open: u32,
    pub open_since: OpenSince,
    pub instances: KnownInstances,
    pub run: Expected,
    pub cold_start: Expected,
    /// A job whose attempt was sent at this time has ended; no later one is known to.
    pub ended_up_to: Option<Timestamp>,
    /// The oldest jobs that run by their place in the queue, at most 24: when each was sent, and since when it has had a place
    /// on an instance.
    pub running: Vec<(Timestamp, Timestamp)>,
}

impl OpenSince {
    /// Takes the times in any order.
    pub fn new(at: Timestamp, mut times: Vec<Timestamp>) -> Self {
        times.sort_unstable();
        let age = |time: &Timestamp| at.0.saturating_sub(time.0);
        let (oldest, others) = times.split_at(times.len().min(MAX_OLDEST));
        let jobs_per_mark = others.len().div_ceil(MAX_MARKS).max(1);
        // The last of each group, so that the newest job is always a mark.
        let last = others.len().saturating_sub(1) % jobs_per_mark;
        Self {
            oldest_ages_ms: oldest.iter().map(age).collect(),
            jobs_per_mark: u32::try_from(jobs_per_mark).unwrap_or(u32::MAX),
            ages_ms: others
                .iter()
                .skip(last)
                .step_by(jobs_per_mark)
                .map(age)
                .collect(),
        }
    }

    /// How many of the jobs are older than this.
    fn older_than(&self, age_ms: u64) -> u32 {
        let count = |ages: &[u64]| {
            let older = ages.iter().filter(|age| **age > age_ms).count();
            u32::try_from(older).unwrap_or(u32::MAX)
        };
        let others = count(&self.ages_ms).saturating_mul(self.jobs_per_mark);
        count(&self.oldest_ages_ms).saturating_add(others)
    }

    /// The known times.
    fn times(&self, at: Timestamp) -> BTreeSet<Timestamp> {
        let ages = self.oldest_ages_ms.iter().chain(&self.ages_ms);
        ages.map(|age| Timestamp(at.0.saturating_sub(*age)))
            .collect()
    }
}

impl QueueSnapshot {
    /// The snapshot of a function that knows the instances.
    ///
    /// `sent_at` are the times at which the attempts of the open jobs were sent, `starting_since` when the endpoint was
    /// asked for the starting instances.
    pub fn of_capacity(
        at: Timestamp,
        input: &CapacityInput,
        sent_at: Vec<Timestamp>,
        starting_since: Option<Timestamp>,
    ) -> Self {
        let (planned, asked_in) = planned(input);
        let expected = |(duration, is_measured): (Duration, bool), deviation_percent| Expected {
            ms: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
            deviation_percent,
            is_measured,
        };
        let cold_start = expected(expected_cold_start(input), 0);
        let instances = &input.instances;
        // An endpoint that is updating takes no change.
        let updated_at = starting_since
            .filter(|_| instances.updating)
            .map(|since| since.0 + cold_start.ms);
        let asked_at = at.plus(asked_in).0.max(updated_at.unwrap_or(0));
        Self {
            at,
            open: u32::try_from(sent_at.len()).unwrap_or(u32::MAX),
            open_since: OpenSince::new(at, sent_at),
            instances: KnownInstances {
                in_service: instances.in_service,
                starting: instances.starting,
                starting_since,
                more: planned.saturating_sub(instances.count()),
                more_at: Some(Timestamp(asked_at)),
                concurrent_runs: instances.concurrent_runs,
                is_counted: true,
            },
            run: expected(expected_run(input), TYPICAL_RUN_DEVIATION_PERCENT),
            cold_start,
            ended_up_to: None,
            running: Vec::new(),
        }
    }

    /// The snapshot of a function that does not know the instances. `earlier` is an earlier snapshot, whose jobs show how
    /// fast jobs end.
    pub fn inferred(
        at: Timestamp,
        pipeline: &Pipeline,
        created_at: Vec<Timestamp>,
        earlier: Option<&Self>,
    ) -> Self {
        let typical = |duration: Duration| Expected {
            ms: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
            deviation_percent: TYPICAL_RUN_DEVIATION_PERCENT,
            is_measured: false,
        };
        let oldest = created_at.iter().min().copied();
        let mut snapshot = Self {
            at,
            open: u32::try_from(created_at.len()).unwrap_or(u32::MAX),
            open_since: OpenSince::new(at, created_at),
            instances: KnownInstances::default(),
            run: typical(Duration::from_secs(pipeline.typical_run_seconds.into())),
            cold_start: typical(pipeline.objective().cold_start),
            ended_up_to: None,
            running: Vec::new(),
        };
        let (ended, over_ms) = earlier.map_or((0, 0), |earlier| {
            let over = at.0.saturating_sub(earlier.at.0);
            (snapshot.ended_since(earlier).0, over)
        });
        snapshot.instances = inferred_instances(ended, over_ms, oldest, snapshot.run);
        snapshot.after(earlier)
    }

    /// The same snapshot, with what an earlier one lets it know: up to when jobs have ended, and since when jobs run.
    #[must_use]
    pub fn after(mut self, earlier: Option<&Self>) -> Self {
        self.ended_up_to = earlier.and_then(|earlier| self.ended_since(earlier).1);
        let slots = usize::try_from(self.slots()).unwrap_or(MAX_OLDEST);
        let overtaken = self.overtaken_until();
        let ages = self.open_since.oldest_ages_ms.iter();
        let sent_at = ages.map(|age| Timestamp(self.at.0.saturating_sub(*age)));
        let sent_at = sent_at.filter(|sent_at| overtaken.is_none_or(|until| *sent_at >= until));
        let known = |sent_at: Timestamp| {
            let running = &earlier?.running;
            running
                .iter()
                .find(|(sent, _)| *sent == sent_at)
                .map(|(_, since)| *since)
        };
        // It got its place between the two snapshots.
        let meanwhile = |sent_at: Timestamp| {
            let from = earlier.map_or(sent_at, |earlier| sent_at.max(earlier.at));
            Timestamp(u64::midpoint(from.0, self.at.0))
        };
        let running = sent_at.take(slots).map(|sent_at| {
            (
                sent_at,
                known(sent_at).unwrap_or_else(|| meanwhile(sent_at)),
            )
        });
        self.running = running.collect();
        self
    }

    /// Jobs that instances in service can work on at the same time.
    pub(super) fn slots(&self) -> u32 {
        let per_instance = self.instances.concurrent_runs.max(1);
        self.instances.in_service.saturating_mul(per_instance)
    }

    /// Jobs that were sent before this time were overtaken: they do not wait in the queue any more.
    pub(super) fn overtaken_until(&self) -> Option<Timestamp> {
        let ended = self.ended_up_to?;
        Some(Timestamp(
            ended.0.saturating_sub(self.overtaking_margin_ms()),
        ))
    }

    /// How many open jobs were sent before this time and were not overtaken.
    pub fn position(&self, since: Timestamp) -> u32 {
        self.ahead_of(since) as u32
    }

    pub(super) fn ahead_of(&self, since: Timestamp) -> f64 {
        let overtaken = self
            .overtaken_until()
            .map_or(0.0, |until| self.open_before(until));
        (self.open_before(since) - overtaken).max(0.0)
    }

    /// The jobs whose attempts were sent before `since` and that were open at the snapshot.
    pub(super) fn open_before(&self, since: Timestamp) -> f64 {
        if since > self.at {
            return f64::from(self.open);
        }
        f64::from(
            self.open_since
                .older_than(self.at.0 - since.0)
                .min(self.open),
        )
    }

    /// The jobs whose attempts were sent within this time before the snapshot.
    pub(super) fn open_since(&self, window_ms: f64) -> f64 {
        f64::from(self.open)
            - f64::from(self.open_since.older_than(window_ms as u64)).min(f64::from(self.open))
    }

    /// When the starting instances and those to be asked for are in service, in milliseconds since the snapshot.
    pub(super) fn next_starts(&self) -> (f64, f64) {
        let cold_start = self.cold_start.ms as f64;
        let at = self.at.0 as f64;
        let began = self
            .instances
            .starting_since
            .map_or(at, |since| since.0 as f64);
        let next = (began + cold_start - at).max(cold_start * LATE_START_SHARE);
        let asked = self.instances.more_at.map_or(at, |since| since.0 as f64);
        (next, (asked - at).max(0.0) + cold_start)
    }

    /// How much later than a job another one must have been sent, so that its end shows that something is wrong with the
    /// first: runs of the same moment end in any order.
    pub(super) const fn overtaking_margin_ms(&self) -> u64 {
        self.run.ms * 2 + 60_000
    }

    /// What changed since an earlier snapshot: the jobs of it that have ended, and the newest of those.
    pub fn ended_since(&self, earlier: &Self) -> (u32, Option<Timestamp>) {
        let still_open = self.open_before(Timestamp(earlier.at.0 + 1)) as u32;
        let ended = earlier.open.saturating_sub(still_open);
        // Thinned marks of two snapshots need not be of the same jobs.
        let is_complete =
            self.open_since.jobs_per_mark == 1 && earlier.open_since.jobs_per_mark == 1;
        let now_open = self.open_since.times(self.at);
        let then_open = earlier.open_since.times(earlier.at);
        let newest = then_open
            .into_iter()
            .rev()
            .find(|time| !now_open.contains(time));
        let newest = newest.filter(|_| is_complete && ended > 0);
        (ended, newest.max(earlier.ended_up_to))
    }
}

/// The instances that the job table lets infer: those that ended `ended` jobs within `over_ms`. While jobs wait and
/// none has ended, one instance has been starting since the oldest of them was sent. Runs that go on at the same time on
/// one instance count as instances of their own.
fn inferred_instances(
    ended: u32,
    over_ms: u64,
    oldest: Option<Timestamp>,
    run: Expected,
) -> KnownInstances {
    let none = KnownInstances {
        concurrent_runs: 1,
        ..KnownInstances::default()
    };
    if ended == 0 || over_ms == 0 {
        return KnownInstances {
            starting: u32::from(oldest.is_some()),
            starting_since: oldest,
            more: u32::from(oldest.is_none()),
            ..none
        };
    }
    let busy = u64::from(ended) * run.ms;
    let in_service = busy.div_ceil(over_ms);
    KnownInstances {
        in_service: u32::try_from(in_service).unwrap_or(u32::MAX).max(1),
        ..none
    }
}
