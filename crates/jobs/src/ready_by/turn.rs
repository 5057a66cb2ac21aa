//! When a queued job will be released and ready.

use std::time::Duration;

use super::{
    Estimate, MAX_SNAPSHOT_AGE, NoEstimate, QueueSnapshot, Spread, end_of_run, estimate_at,
    running_jobs, slots, start, started,
};
use crate::id::Timestamp;

/// A queued job's estimate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueuedEstimate {
    /// When it is sent to the endpoint, about.
    pub released: Timestamp,
    pub ready: Estimate,
}

/// When a job will be released and ready that waits for its turn: `before` jobs are released before it, and `at_endpoint`
/// attempts have a place at the endpoint, all places of its window. Each run that ends there lets a job in.
///
/// # Errors
/// [`NoEstimate`] says why that cannot be known.
pub fn estimate_turn(
    before: u32,
    at_endpoint: u32,
    snapshot: Option<&QueueSnapshot>,
    now: Timestamp,
) -> Result<QueuedEstimate, NoEstimate> {
    let snapshot = snapshot.ok_or(NoEstimate::NotCounted)?;
    let age = now.since(snapshot.at);
    if age > MAX_SNAPSHOT_AGE {
        return Err(NoEstimate::NotCounted);
    }
    let run = Spread::of(snapshot.run);
    let slots = slots(snapshot, run);
    if slots.is_empty() {
        return Err(NoEstimate::NotCounted);
    }
    let mean = run.mean.max(1.0);
    // The jobs before it were counted now. Runs that have ended since the snapshot let others in.
    let elapsed = age.as_millis() as f64;
    let let_in = started(elapsed, mean, &slots) - started(0.0, mean, &slots);
    let before = f64::from(before) + let_in.floor();
    let at_endpoint = f64::from(at_endpoint) - f64::from(running_jobs(snapshot));
    let released = start(before + 1.0, mean, &slots).max(elapsed);
    let begins = start(before + at_endpoint.max(0.0) + 1.0, mean, &slots).max(released);
    let (earliest, about, latest) = end_of_run(begins, snapshot, run, &slots);
    let ready = estimate_at(snapshot, earliest, about, latest);
    let released = snapshot.at.plus(Duration::from_millis(released as u64));
    Ok(QueuedEstimate {
        released,
        ready: Estimate {
            earliest: ready.earliest.max(released),
            ..ready
        },
    })
}
