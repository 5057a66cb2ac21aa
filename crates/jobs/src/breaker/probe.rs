//! Who probes, and what closes the breaker.

use tracing::{info, warn};

use super::evidence::result_at;
use super::judge::put;
use super::{
    Breaker, FailureKind, MAX_CONFLICTS, MIN_ATTEMPTS_LEFT, PROBE_OVERDUE, RecentFailure,
    probe_time,
};
use crate::event::EventKind;
use crate::id::Attempt;
use crate::job::Job;
use crate::pause::{self, COLLECTION, KEY};
use crate::pipeline::Pipeline;
use crate::ports::{CheckQueue, Clock, KeyValueStore, Unavailable};
use crate::release_window;
use crate::state::State;

/// Whether the job may start its attempt although the breaker of its pipeline was open a moment ago: as the probe, or because
/// the breaker is closed. The conditional write of the next probe's time decides between two jobs.
///
/// # Errors
/// If the store does not answer.
pub async fn may_probe<P: KeyValueStore + Clock>(
    ports: &P,
    pipeline: &Pipeline,
    job: &Job,
) -> Result<bool, Unavailable> {
    let now = ports.now();
    let (all, revision) = pause::read(ports, now).await?;
    let Some(breaker) = all.open_breaker(&pipeline.name) else {
        return Ok(true);
    };
    let mut breaker = breaker.clone();
    let Some(open) = &mut breaker.open else {
        return Ok(true);
    };
    // It was elected before, by this message or an earlier delivery, and has not started.
    if open.probe == Some(job.id) && now < open.probe_at {
        return Ok(true);
    }
    let is_overdue = now >= open.probe_at.plus(PROBE_OVERDUE);
    if now < open.probe_at || !(may_use_up_attempt(job.state.attempt()) || is_overdue) {
        return Ok(false);
    }
    open.probe = Some(job.id);
    open.probe_at = now.plus(probe_time(pipeline));
    let is_elected = put(ports, all, revision, breaker, now).await?;
    if is_elected {
        info!(pipeline = pipeline.name, job.id = %job.id, "job probes the endpoint");
    }
    Ok(is_elected)
}

/// Whether a job whose newest attempt is this one may probe at any time. Attempt numbers are few, and a probe that runs and fails
/// uses one up.
pub const fn may_use_up_attempt(newest: Attempt) -> bool {
    Attempt::MAX.0.saturating_sub(newest.0) >= MIN_ATTEMPTS_LEFT
}

/// The endpoint accepted the request of a job that was held or refused before. That closes a breaker that opened because of
/// refused calls.
pub async fn close_after_accepted<P: KeyValueStore + CheckQueue + Clock>(ports: &P, job: &Job) {
    close(ports, job, FailureKind::RefusedCall).await;
}

/// A job with incidents has a result. That closes the breaker of its pipeline. If it is closed, the failures before do not count
/// any more: such a job ends later than others of its age, so it may not be among those that the next failure looks at.
pub async fn close_after_result<P: KeyValueStore + CheckQueue + Clock>(ports: &P, job: &Job) {
    close(ports, job, FailureKind::FailedRun).await;
}

/// Whether a job was held, refused or tried again. Only such a job may have been a probe, so only its success looks at the
/// breaker.
pub fn had_incident(job: &Job) -> bool {
    let mut entries = job.history.iter();
    entries.any(|entry| {
        matches!(
            entry.event,
            EventKind::CheckDue | EventKind::Held | EventKind::SubmitFailed
        )
    })
}

/// If it cannot be closed, the next probe does it.
async fn close<P: KeyValueStore + CheckQueue + Clock>(
    ports: &P,
    job: &Job,
    contradicted: FailureKind,
) {
    if let Err(error) = try_close(ports, job, contradicted).await {
        warn!(pipeline = job.pipeline, job.id = %job.id, error = %error, "the circuit breaker stays open until the next probe");
    }
}

async fn try_close<P: KeyValueStore + CheckQueue + Clock>(
    ports: &P,
    job: &Job,
    contradicted: FailureKind,
) -> Result<(), Unavailable> {
    for _ in 0..MAX_CONFLICTS {
        let now = ports.now();
        let (all, revision) = pause::read(ports, now).await?;
        let Some(breaker) = all.breaker(&job.pipeline) else {
            return Ok(());
        };
        let Some(open) = &breaker.open else {
            let Some(breaker) = breaker.after_result(job, contradicted) else {
                return Ok(());
            };
            if put(ports, all, revision, breaker, now).await? {
                return Ok(());
            }
            continue;
        };
        let attempt = match job.state {
            State::Ready { attempt } | State::InProgress { attempt, .. } => job.attempt(attempt),
            State::Queued { .. }
            | State::Submitting { .. }
            | State::RetryScheduled { .. }
            | State::Failed { .. }
            | State::Cancelled { .. }
            | State::Erased { .. } => None,
        };
        // A run that began before says nothing about calls.
        let is_after = attempt.is_some_and(|record| record.started_at >= open.since);
        let proves = match (open.kind, contradicted) {
            (FailureKind::RefusedCall, _) => is_after,
            // Not one that was recorded before and whose message is a copy.
            (FailureKind::FailedRun, FailureKind::FailedRun) => {
                result_at(job).is_some_and(|at| at > open.since)
            }
            (FailureKind::FailedRun, FailureKind::RefusedCall) => false,
        };
        if !proves {
            return Ok(());
        }
        let record = all.with_breaker(&job.pipeline, None);
        let record = record.to_record(revision, now);
        if ports.put(COLLECTION, KEY, &record).await? {
            info!(pipeline = job.pipeline, job.id = %job.id, "circuit breaker closed");
            // The jobs that it held take their turns. Those of a pipeline without a window are released by the reconciler.
            release_window::request(ports, &job.pipeline).await;
            return Ok(());
        }
    }
    Ok(())
}

impl Breaker {
    /// The closed breaker after a result of the job, as a failure that finds the result leaves it; `None` if it remembers no
    /// failed run before.
    fn after_result(&self, job: &Job, contradicted: FailureKind) -> Option<Self> {
        let at = result_at(job).filter(|_| contradicted == FailureKind::FailedRun)?;
        let is_before = |failure: &RecentFailure| failure.at < at;
        let is_contradicted = self.in_a_row(FailureKind::FailedRun).any(is_before);
        is_contradicted.then(|| Self {
            counted_since: at,
            ..self.clone()
        })
    }
}
