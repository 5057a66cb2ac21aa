//! The decisions that several states share.

use std::time::Duration;

use crate::decision::{
    Advance, AttemptChange, Decision, DecisionContext, IgnoreReason, TransitionError,
};
use crate::event::Evidence;
use crate::id::{Attempt, Location, Timestamp};
use crate::policy::Policy;
use crate::state::{Cause, Failure, RetryBudget, Retryability, State};

use super::queue::queue_after_failure;
use super::states::{advance, end_unstarted, ended, start};

/// Whether an event is about the newest attempt or an older one.
pub(super) enum Age {
    Current,
    Older,
}

pub(super) fn age(got: Attempt, newest: Attempt) -> Result<Age, TransitionError> {
    if got > newest || got == Attempt::NONE {
        return Err(TransitionError::UnknownAttempt { newest, got });
    }
    Ok(if got == newest {
        Age::Current
    } else {
        Age::Older
    })
}

/// A success of any attempt counts, since the work was done. While a job is run again, one that is not newer than the result
/// that it has changes nothing.
pub(super) fn succeeded(
    got: Attempt,
    output: &Location,
    newest: Attempt,
    earlier_result: Attempt,
) -> Result<Decision, TransitionError> {
    age(got, newest)?;
    if got <= earlier_result {
        return Ok(Decision::Ignore(IgnoreReason::StaleEvidence));
    }
    let attempts = AttemptChange::Succeeded {
        attempt: got,
        output: output.clone(),
    };
    Ok(advance(State::Ready { attempt: got }, attempts))
}

/// A failure of an attempt before `next`, which has not started.
pub(super) fn failed_before(got: Attempt, next: Attempt) -> Result<Decision, TransitionError> {
    age(got, next)?;
    Ok(Decision::Ignore(if got.next() == next {
        IgnoreReason::AlreadyApplied
    } else {
        IgnoreReason::StaleEvidence
    }))
}

/// A check, sent about attempt `got`, of a job whose attempt `next` starts at `due`, or waits since then. `started` is the decision
/// that starts it.
///
/// `sent_for` is compared with `due` by value, not with the clock: the queue has already applied the delay. A message that was
/// sent for another time is outdated.
pub(super) fn check_before_start(
    got: Attempt,
    sent_for: Option<Timestamp>,
    evidence: &Evidence,
    next: Attempt,
    due: Timestamp,
    earlier_result: Attempt,
    started: Decision,
) -> Result<Decision, TransitionError> {
    let age = age(got, next)?;
    match (evidence, age) {
        (
            Evidence::Output {
                attempt, output, ..
            },
            _,
        ) => succeeded(*attempt, output, next, earlier_result),
        (Evidence::NotChecked | Evidence::NothingFound | Evidence::Failure(_), Age::Older) => {
            failed_before(got, next)
        }
        (Evidence::NotChecked | Evidence::NothingFound | Evidence::Failure(_), Age::Current) => {
            Ok(if sent_for.is_none_or(|sent_for| sent_for == due) {
                started
            } else {
                Decision::Ignore(IgnoreReason::StaleEvidence)
            })
        }
    }
}

pub(super) fn cancelled(attempt: Attempt, budget: RetryBudget) -> Decision {
    if budget.earlier_result != Attempt::NONE {
        return Decision::Ignore(IgnoreReason::RunningAgain);
    }
    advance(State::Cancelled { attempt }, AttemptChange::Unchanged)
}

/// A user wants another attempt after the newest one.
pub(super) fn retried(newest: Attempt, budget: RetryBudget, now: Timestamp) -> Decision {
    if newest >= Attempt::MAX {
        return Decision::Ignore(IgnoreReason::NoAttemptsLeft);
    }
    let state = State::RetryScheduled {
        next: newest.next(),
        due: now,
        budget,
    };
    advance(state, AttemptChange::Unchanged)
}

/// Restarts the attempt with a full deadline: a redriven message may make the call long after the first decision. Not if it
/// could then end after the job's deadline. The call may have been made, so the check at its own deadline decides.
pub(super) fn take_over(
    attempt: Attempt,
    lease_expires_at: Timestamp,
    deadline: Timestamp,
    budget: RetryBudget,
    context: &DecisionContext,
    policy: &Policy,
) -> Decision {
    if context.now < lease_expires_at {
        return Decision::Ignore(IgnoreReason::Leased);
    }
    if context.now <= policy.start_by(budget) {
        return start(attempt, budget, context, policy);
    }
    Decision::Ignore(if context.now < deadline {
        IgnoreReason::TooEarly
    } else {
        IgnoreReason::EvidenceNeeded
    })
}

/// Starts a retry, unless its message is so late that the attempt could end after the job's deadline.
pub(super) fn start_retry(
    next: Attempt,
    evidence: &Evidence,
    budget: RetryBudget,
    context: &DecisionContext,
    policy: &Policy,
) -> Decision {
    if context.now <= policy.start_by(budget) {
        return start(next, budget, context, policy);
    }
    let failure = Failure::new(
        Cause::Lost,
        "the next attempt could not be started in time to end by the job's deadline",
    );
    end_unstarted(next, evidence, failure, budget)
}

pub(super) fn after_failure(
    attempt: Attempt,
    failure: &Failure,
    budget: RetryBudget,
    context: &DecisionContext,
    policy: &Policy,
) -> Decision {
    let now = context.now;
    let attempts = AttemptChange::Failed {
        attempt,
        failure: failure.clone(),
    };
    let fail = || advance(ended(attempt, failure.clone(), budget), attempts.clone());
    // Start an attempt only if it can end before the job's deadline.
    let retry = |next: Attempt, delay: Duration, budget: RetryBudget| {
        let wait = delay * u32::from(context.jitter_permille.min(1000)) / 1000;
        let due = now.plus(wait);
        if policy.deadline(due) > budget.expires_at {
            return fail();
        }
        let state = State::RetryScheduled { next, due, budget };
        advance(state, attempts.clone())
    };
    // Failed attempts of this submission, including this one.
    let failures = policy
        .max_attempts
        .saturating_sub(budget.last_attempt.0.saturating_sub(attempt.0));
    match failure.cause.retryability() {
        Retryability::Retry if attempt < budget.last_attempt => {
            retry(attempt.next(), policy.backoff(failures), budget)
        }
        Retryability::RetryOnce if attempt < budget.last_attempt => {
            let one_more = RetryBudget {
                last_attempt: attempt.next(),
                ..budget
            };
            retry(attempt.next(), policy.backoff(failures), one_more)
        }
        // The request was queued, so the next one needs a new number; the budget grows by one attempt.
        Retryability::Wait if failure.cause == Cause::Expired && attempt < Attempt::MAX => {
            let extended = RetryBudget {
                last_attempt: budget.last_attempt.next().min(Attempt::MAX),
                ..budget
            };
            retry(attempt.next(), policy.backoff(1), extended)
        }
        Retryability::Wait if failure.cause == Cause::Refused => {
            retry(attempt, policy.refusal_backoff(budget, now), budget)
        }
        // As for an expired request. It waits with the other jobs of its pipeline.
        Retryability::Wait if failure.cause == Cause::EndpointDown && attempt < Attempt::MAX => {
            let extended = RetryBudget {
                last_attempt: budget.last_attempt.next().min(Attempt::MAX),
                ..budget
            };
            queue_after_failure(attempt.next(), attempt, failure, extended, now, policy)
        }
        Retryability::Permanent
        | Retryability::Retry
        | Retryability::RetryOnce
        | Retryability::Wait => fail(),
    }
}

/// The call was refused, or not made. Nothing of the attempt ran, so it keeps its number.
pub(super) fn after_refusal(
    attempt: Attempt,
    failure: &Failure,
    budget: RetryBudget,
    context: &DecisionContext,
    policy: &Policy,
) -> Decision {
    if failure.cause == Cause::EndpointDown {
        queue_after_failure(attempt, attempt, failure, budget, context.now, policy)
    } else {
        after_failure(attempt, failure, budget, context, policy)
    }
}

/// The attempt ended without evidence. Its record keeps the cause only: the job's failure has the text.
pub(super) fn after_loss(
    attempt: Attempt,
    budget: RetryBudget,
    context: &DecisionContext,
    policy: &Policy,
) -> Decision {
    let failure = Failure::new(
        Cause::Lost,
        "no notification, no output and no failure object by the deadline",
    );
    match after_failure(attempt, &failure, budget, context, policy) {
        Decision::Advance(Advance { state, .. }) => {
            let failure = Failure::new(Cause::Lost, "");
            advance(state, AttemptChange::Failed { attempt, failure })
        }
        Decision::Ignore(reason) => Decision::Ignore(reason),
    }
}

pub(super) fn superseded(attempt: Attempt, budget: RetryBudget) -> Decision {
    let failure = Failure::new(
        Cause::Superseded,
        "a newer version was uploaded at the same key",
    );
    advance(ended(attempt, failure, budget), AttemptChange::Unchanged)
}
