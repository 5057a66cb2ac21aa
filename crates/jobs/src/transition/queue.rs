//! The decisions about queued jobs.

use super::states::{advance, end_unstarted, ended, start};
use crate::decision::{Advance, AttemptChange, Decision, DecisionContext, IgnoreReason};
use crate::event::{Evidence, HeldBy};
use crate::id::{Attempt, Timestamp};
use crate::policy::Policy;
use crate::state::{Cause, Failure, RetryBudget, State};

/// When a queued job entered the queue, and until when it can start.
type QueueTimes = (Timestamp, Option<Timestamp>);

pub(super) fn queue(
    next: Attempt,
    by: HeldBy,
    budget: RetryBudget,
    now: Timestamp,
    policy: &Policy,
) -> State {
    let start_by = by.counts_toward_deadline().then(|| policy.start_by(budget));
    State::Queued {
        next,
        since: now,
        start_by,
        urgent: false,
        budget,
    }
}

/// A retry is due, and something holds the job.
pub(super) fn held(
    next: Attempt,
    by: HeldBy,
    budget: RetryBudget,
    now: Timestamp,
    policy: &Policy,
) -> Decision {
    if by.counts_toward_deadline() && now > policy.start_by(budget) {
        let state = ended(next, endpoint_was_down(), budget);
        return advance(state, AttemptChange::Unchanged);
    }
    let state = queue(next, by, budget, now, policy);
    advance(state, AttemptChange::Unchanged)
}

/// A queued job is checked, and something holds it: the same as before, or something else.
pub(super) fn still_held(
    next: Attempt,
    times: QueueTimes,
    urgent: bool,
    by: HeldBy,
    budget: RetryBudget,
    now: Timestamp,
    policy: &Policy,
) -> Decision {
    let has_counted = times.1.is_some();
    let is_late = times.1.is_some_and(|start_by| now > start_by);
    if by.counts_toward_deadline() == has_counted && !is_late {
        return Decision::Ignore(IgnoreReason::AlreadyApplied);
    }
    let mut decision = held(next, by, after_queue(times, budget, now), now, policy);
    if let Decision::Advance(Advance {
        state: State::Queued {
            urgent: is_still, ..
        },
        ..
    }) = &mut decision
    {
        *is_still = urgent;
    }
    decision
}

/// Starts a queued attempt, unless it is so late that the attempt could end after the job's deadline.
pub(super) fn release(
    next: Attempt,
    times: QueueTimes,
    evidence: &Evidence,
    budget: RetryBudget,
    context: &DecisionContext,
    policy: &Policy,
) -> Decision {
    let budget = after_queue(times, budget, context.now);
    if times.1.is_some() && context.now > policy.start_by(budget) {
        return end_unstarted(next, evidence, endpoint_was_down(), budget);
    }
    start(next, budget, context, policy)
}

/// Time in the queue that does not count toward the job's deadline is added to it.
fn after_queue((since, start_by): QueueTimes, budget: RetryBudget, now: Timestamp) -> RetryBudget {
    let expires_at = match start_by {
        Some(_) => budget.expires_at,
        None => budget.expires_at.plus(now.since(since)),
    };
    RetryBudget {
        expires_at,
        ..budget
    }
}

/// The attempt failed with the endpoint. The job waits with the others of its pipeline.
pub(super) fn queue_after_failure(
    next: Attempt,
    failed: Attempt,
    failure: &Failure,
    budget: RetryBudget,
    now: Timestamp,
    policy: &Policy,
) -> Decision {
    let state = if now > policy.start_by(budget) {
        ended(failed, failure.clone(), budget)
    } else {
        queue(next, HeldBy::Breaker, budget, now, policy)
    };
    let failure = failure.clone();
    advance(
        state,
        AttemptChange::Failed {
            attempt: failed,
            failure,
        },
    )
}

/// No attempt can end by the job's deadline any more.
fn endpoint_was_down() -> Failure {
    Failure::new(
        Cause::EndpointDown,
        "the endpoint was down until the job's deadline",
    )
}
