//! When a waiting job will be ready: an estimate with a range.
//!
//! A function that runs regularly describes each pipeline's queue in a [`QueueSnapshot`], one small record per pipeline.
//! [`estimate`] is pure: it places a job in that queue, and works out when the capacity in service and on its way has
//! ended the jobs before it. A reader needs one record per pipeline, however many jobs it lists.
//!
//! The times of an estimate do not depend on when it is read, so that they move only with a new snapshot or a change of
//! the job. The range is meant to hold for nine of ten jobs; `make bench-ready-by` measures it.

mod queue;
mod record;
mod risk;
mod turn;

use std::time::Duration;

use crate::id::{Attempt, Timestamp};
use crate::job::Job;
use crate::state::State;

pub use queue::{
    Expected, KnownInstances, OpenSince, QueueSnapshot, TYPICAL_RUN_DEVIATION_PERCENT,
};
pub use record::{load, store};
pub use risk::is_at_risk;
pub use turn::{QueuedEstimate, estimate_turn};

/// An older snapshot says nothing: the function that takes them has failed at least twice.
pub const MAX_SNAPSHOT_AGE: Duration = Duration::from_secs(15 * 60);
/// From the end of a run to the ready job, and from the upload to the endpoint.
const OVERHEAD_MS: f64 = 2_000.0;
/// Standard deviations from the estimate to the ends of its range.
const EARLIEST_DEVIATIONS: f64 = 1.8;
const LATEST_DEVIATIONS: f64 = 2.1;
/// Messages, the pace of the function that asks for instances, and uploads that follow.
const SMALL_DEVIATION_MS: f64 = 20_000.0;
/// The deviation of a time that follows from inferred instances, as a share of it.
const INFERRED_DEVIATION: f64 = 0.4;
/// The deviation of what was measured too seldom, as a share of it.
const ASSUMED_DEVIATION: f64 = 0.35;
/// The deviation of a cold start, as a share of it. Few are measured, and they differ more than runs.
const COLD_START_DEVIATION: f64 = 0.12;
/// An instance that starts for longer than expected takes at least this share of a cold start from now on.
const LATE_START_SHARE: f64 = 0.2;
/// More places on instances are not told apart.
const MAX_SLOTS: u32 = 100;
/// Uploads of this time before a snapshot say how many follow.
const ARRIVALS_WINDOW_MS: f64 = 60_000.0;

/// When a job will be ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    pub earliest: Timestamp,
    pub about: Timestamp,
    pub latest: Timestamp,
    pub basis: Basis,
}

/// What an estimate is based on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// The instances were counted, and runs and cold starts were measured.
    Measured,
    /// The instances were counted; the duration of a run or of a cold start is the pipeline's.
    AssumedDurations,
    /// The instances were not counted: the job table shows how fast jobs end.
    InferredInstances,
    /// Jobs that came later have ended. The job's notification may be lost; the next check finds its result.
    NextCheck,
}

/// Why there is no estimate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoEstimate {
    /// The job is final.
    Final,
    /// It waits for its turn among the tenants, or for a pause to end.
    Queued,
    /// The circuit breaker of its pipeline holds it, or did when it was last checked.
    EndpointDown,
    /// The queue was not counted within [`MAX_SNAPSHOT_AGE`].
    NotCounted,
    /// The job should have been ready some time ago.
    Late,
}

/// A job's place in the queue of its endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queued {
    /// When its attempt was sent, or is due to be sent.
    pub since: Timestamp,
    /// When the job is checked if no notification arrives.
    pub next_check_at: Option<Timestamp>,
    /// Its attempt has not been sent.
    pub is_scheduled: bool,
}

impl Queued {
    /// `None` if the job is final or not sent yet.
    pub fn of(job: &Job) -> Option<Self> {
        let sent = |attempt: Attempt| {
            let record = job.attempt(attempt);
            record.map_or(job.created_at, |record| record.started_at)
        };
        let (since, is_scheduled) = match job.state {
            State::Submitting { attempt, .. } | State::InProgress { attempt, .. } => {
                (sent(attempt), false)
            }
            State::RetryScheduled { due, .. } => (due, true),
            State::Queued { .. }
            | State::Ready { .. }
            | State::Failed { .. }
            | State::Cancelled { .. }
            | State::Erased { .. } => return None,
        };
        Some(Self {
            since,
            next_check_at: job.next_check_at(),
            is_scheduled,
        })
    }
}

/// When a job will be ready, as of `now`.
///
/// # Errors
/// [`NoEstimate`] says why that cannot be known.
pub fn estimate(
    job: &Job,
    snapshot: Option<&QueueSnapshot>,
    now: Timestamp,
) -> Result<Estimate, NoEstimate> {
    let not_sent = match job.queued_at() {
        Some(_) if job.next_check_at().is_some() => NoEstimate::EndpointDown,
        Some(_) => NoEstimate::Queued,
        None => NoEstimate::Final,
    };
    let queued = Queued::of(job).ok_or(not_sent)?;
    estimate_queued(&queued, snapshot, now)
}

/// As [`estimate`], for a job of which only the place in the queue is known.
///
/// # Errors
/// [`NoEstimate`] says why that cannot be known.
pub fn estimate_queued(
    queued: &Queued,
    snapshot: Option<&QueueSnapshot>,
    now: Timestamp,
) -> Result<Estimate, NoEstimate> {
    let snapshot = snapshot.ok_or(NoEstimate::NotCounted)?;
    if now.since(snapshot.at) > MAX_SNAPSHOT_AGE {
        return Err(NoEstimate::NotCounted);
    }
    let overtaken = snapshot.overtaken_until();
    let was_overtaken = !queued.is_scheduled && overtaken.is_some_and(|until| queued.since < until);
    let found = if was_overtaken {
        at_next_check(queued, snapshot)
    } else {
        in_queue(queued, snapshot)
    };
    if found.latest <= now {
        return Err(NoEstimate::Late);
    }
    Ok(Estimate {
        // What has not happened yet happens later than now.
        earliest: found.earliest.max(now),
        about: found
            .about
            .max(Timestamp(now.0 + found.latest.0.saturating_sub(now.0) / 4)),
        ..found
    })
}

/// The reconciler sends the check up to a run of its own early or late, and the check takes seconds.
fn at_next_check(queued: &Queued, snapshot: &QueueSnapshot) -> Estimate {
    const RECONCILER_MS: u64 = 7 * 60_000;
    let check = queued.next_check_at.unwrap_or(snapshot.at).max(snapshot.at);
    Estimate {
        earliest: snapshot.at,
        about: check,
        latest: Timestamp(check.0 + RECONCILER_MS + snapshot.run.ms),
        basis: Basis::NextCheck,
    }
}

/// A duration in milliseconds with its standard deviation.
#[derive(Clone, Copy)]
struct Spread {
    mean: f64,
    deviation: f64,
}

impl Spread {
    fn of(expected: Expected) -> Self {
        let mean = expected.ms as f64;
        let share = if expected.is_measured {
            f64::from(expected.deviation_percent) / 100.0
        } else {
            ASSUMED_DEVIATION
        };
        Self {
            mean,
            deviation: mean * share,
        }
    }
}

fn in_queue(queued: &Queued, snapshot: &QueueSnapshot) -> Estimate {
    let run = Spread::of(snapshot.run);
    // All times from here on are milliseconds since the snapshot.
    let since = queued.since.0 as f64 - snapshot.at.0 as f64;
    let mut ahead = snapshot.ahead_of(queued.since);
    if since > 0.0 {
        let recent = snapshot.open_since(ARRIVALS_WINDOW_MS);
        ahead += recent * (since / ARRIVALS_WINDOW_MS).min(1.0);
    }
    let slots = slots(snapshot, run);
    let running = snapshot
        .running
        .iter()
        // Which jobs run is as uncertain as the number of instances.
        .filter(|_| snapshot.instances.is_counted)
        .find(|(sent_at, _)| *sent_at == queued.since);
    let (earliest, about, latest) = match running {
        Some((_, began)) => {
            let elapsed = snapshot.at.0 as f64 - began.0 as f64;
            let longest = run.mean + LATEST_DEVIATIONS * run.deviation;
            if elapsed > longest * 1.2 {
                return at_next_check(queued, snapshot);
            }
            let latest = (longest - elapsed).max(run.mean * 0.3) + 2.0 * SMALL_DEVIATION_MS;
            let shortest = run.mean - EARLIEST_DEVIATIONS * run.deviation;
            let about = (run.mean - elapsed).max(latest / 2.0);
            (
                (shortest - elapsed - SMALL_DEVIATION_MS).max(0.0),
                about,
                latest,
            )
        }
        None => {
            // Those that run have started.
            let waiting = ahead - f64::from(running_jobs(snapshot)) + 1.0;
            let start = start(waiting.max(1.0), run.mean.max(1.0), &slots).max(since);
            end_of_run(start, snapshot, run, &slots)
        }
    };
    estimate_at(snapshot, earliest, about, latest)
}

/// When a run ends that starts then: earliest, about, and latest.
fn end_of_run(
    start: f64,
    snapshot: &QueueSnapshot,
    run: Spread,
    slots: &[RunSlot],
) -> (f64, f64, f64) {
    let about = start + run.mean;
    let deviation = deviation(snapshot, run, start.max(0.0), slots);
    (
        about - EARLIEST_DEVIATIONS * deviation,
        about,
        about + LATEST_DEVIATIONS * deviation,
    )
}

/// The times are milliseconds since the snapshot.
fn estimate_at(snapshot: &QueueSnapshot, earliest: f64, about: f64, latest: f64) -> Estimate {
    let at =
        |offset: f64| Timestamp((snapshot.at.0 as f64 + (offset + OVERHEAD_MS).max(0.0)) as u64);
    Estimate {
        earliest: at(earliest),
        about: at(about),
        latest: at(latest),
        basis: if !snapshot.instances.is_counted {
            Basis::InferredInstances
        } else if snapshot.run.is_measured && snapshot.cold_start.is_measured {
            Basis::Measured
        } else {
            Basis::AssumedDurations
        },
    }
}

/// A place on an instance.
struct RunSlot {
    /// When it takes its next job, in milliseconds since the snapshot.
    free_at: f64,
    /// How long it works on that.
    first_run: f64,
}

/// The places of the instances in service and on their way. Instances that start together also start their first runs
/// together; those end one after the other, as runs differ.
fn slots(snapshot: &QueueSnapshot, run: Spread) -> Vec<RunSlot> {
    let instances = &snapshot.instances;
    let per_instance = instances.concurrent_runs.max(1);
    let (next, more) = snapshot.next_starts();
    let count = |number: u32| number.saturating_mul(per_instance).min(MAX_SLOTS);
    let in_service = count(instances.in_service);
    let mut slots = Vec::new();
    let running = running_jobs(snapshot);
    for at in 0..in_service {
        let free_at = match snapshot.running.get(at as usize) {
            Some((_, began)) => {
                let elapsed = snapshot.at.0 as f64 - began.0 as f64;
                (run.mean - elapsed).max(run.mean * 0.15)
            }
            // It runs, but since when is not known.
            None if at < running => run.mean * (f64::from(at) + 0.5) / f64::from(running),
            None => 0.0,
        };
        slots.push(RunSlot {
            free_at,
            first_run: run.mean,
        });
    }
    for (number, free_at) in [
        (count(instances.starting), next),
        (count(instances.more), more),
    ] {
        for at in 0..number {
            // From -1 to 1.
            let place = 2.0 * (f64::from(at) + 0.5) / f64::from(number) - 1.0;
            slots.push(RunSlot {
                free_at,
                first_run: run.mean + place * 1.7 * run.deviation,
            });
        }
    }
    slots
}

/// How many jobs run, by their places in the queue.
fn running_jobs(snapshot: &QueueSnapshot) -> u32 {
    snapshot.slots().min(snapshot.position(Timestamp(u64::MAX)))
}

/// How many jobs have started by then, in milliseconds since the snapshot. While a job runs it counts as one; from the second on
/// in parts, so that the number grows evenly.
fn started(at: f64, run: f64, slots: &[RunSlot]) -> f64 {
    let of = |slot: &RunSlot| {
        let later = at - slot.free_at;
        if later < 0.0 {
            0.0
        } else if later < slot.first_run {
            1.0
        } else {
            2.0 + (later - slot.first_run) / run
        }
    };
    slots.iter().map(of).sum()
}

/// When the last of `waiting` jobs starts, in milliseconds since the snapshot.
fn start(waiting: f64, run: f64, slots: &[RunSlot]) -> f64 {
    // The number of started jobs grows with time, so a bisection finds the time.
    let (mut low, mut high) = (-1.0, 1000.0);
    while started(high, run, slots) < waiting && high < 1e12 {
        high *= 2.0;
    }
    for _ in 0..40 {
        let middle = f64::midpoint(low, high);
        if started(middle, run, slots) < waiting {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

fn deviation(snapshot: &QueueSnapshot, run: Spread, waited: f64, slots: &[RunSlot]) -> f64 {
    let instances = &snapshot.instances;
    let parallel = slots.len().max(1) as f64;
    let cold_share = if snapshot.cold_start.is_measured {
        COLD_START_DEVIATION
    } else {
        ASSUMED_DEVIATION / 2.0
    };
    // A cold start that goes on is as uncertain as a whole one.
    let cold = if instances.in_service == 0 {
        snapshot.cold_start.ms as f64 * cold_share
    } else {
        0.0
    };
    let runs = (waited - cold).max(0.0);
    let before_it = if snapshot.run.is_measured {
        // Deviations of single runs cancel each other out.
        run.deviation * (runs / run.mean.max(1.0) / parallel).sqrt()
    } else {
        runs * ASSUMED_DEVIATION / 2.0
    };
    let guess = if instances.is_counted {
        0.0
    } else {
        (waited + run.mean) * INFERRED_DEVIATION
    };
    let parts = [cold, before_it, run.deviation, guess, SMALL_DEVIATION_MS];
    parts.iter().map(|part| part * part).sum::<f64>().sqrt()
}
