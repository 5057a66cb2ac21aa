//! The events and times that the exploration tries in a state.

use jobs::id::{Attempt, LeaseToken, Location, Timestamp};
use jobs::state::{Cause, Failure, RetryBudget, State};
use jobs::transition::{DecisionContext, Event, Evidence, HeldBy, Policy};

pub(crate) const LEASE_MS: u64 = 3_000;

pub(crate) fn policy() -> Policy {
    Policy {
        max_attempts: 3,
        backoff_seconds: vec![10, 60],
        max_attempt_seconds: 100,
        job_deadline_seconds: 400,
    }
}

pub(crate) fn somewhere() -> Location {
    Location {
        bucket: "b".into(),
        key: "outbound/x".into(),
    }
}

pub(crate) fn context(now: Timestamp, lease_token: u64) -> DecisionContext {
    DecisionContext {
        now,
        jitter_permille: 1000,
        lease_token: LeaseToken(lease_token),
        lease_expires_at: Timestamp(now.0 + LEASE_MS),
    }
}

/// All attempts that a message can name, including one that was never started.
pub(crate) fn attempts(state: &State) -> impl Iterator<Item = Attempt> + use<> {
    (1..=state.attempt().0 + 1).map(Attempt)
}

pub(crate) fn lease_of(state: &State) -> LeaseToken {
    if let State::Submitting { lease_token, .. } = state {
        *lease_token
    } else {
        LeaseToken(0)
    }
}

pub(crate) fn events(state: &State) -> Vec<Event> {
    let failure = |cause| Failure::new(cause, "");
    let principal = || ("support".to_owned(), "because".to_owned());
    let mut all = vec![Event::Uploaded, Event::Overwritten];
    let (actor, reason) = principal();
    all.push(Event::Retry { actor, reason });
    for newest in [state.attempt(), state.attempt().next()] {
        let (actor, reason) = principal();
        all.push(Event::RunAgain {
            actor,
            reason,
            newest,
        });
    }
    let (actor, reason) = principal();
    all.push(Event::Urgent { actor, reason });
    let (actor, reason) = principal();
    all.push(Event::Cancel { actor, reason });
    let (actor, reason) = principal();
    all.push(Event::Erase { actor, reason });
    for attempt in attempts(state) {
        all.push(Event::Accepted {
            attempt,
            output: Some(somewhere()),
            failure: None,
        });
        all.push(Event::Succeeded {
            attempt,
            output: somewhere(),
            unexpected_content_type: None,
            pages: None,
        });
        for cause in [
            Cause::Refused,
            Cause::EndpointDown,
            Cause::InvalidInput,
            Cause::PipelineGone,
        ] {
            for lease_token in [lease_of(state), LeaseToken(99)] {
                all.push(Event::SubmitFailed {
                    attempt,
                    lease_token,
                    failure: failure(cause),
                });
            }
        }
        for cause in [
            Cause::ModelRejected,
            Cause::ModelError,
            Cause::Expired,
            Cause::EndpointDown,
            Cause::Unknown,
        ] {
            all.push(Event::AttemptFailed {
                attempt,
                failure: failure(cause),
            });
        }
        for by in [HeldBy::Pause, HeldBy::Breaker] {
            all.push(Event::Held {
                attempt,
                due: None,
                by,
            });
        }
        all.push(Event::CheckDue {
            attempt,
            due: None,
            evidence: Evidence::NotChecked,
        });
        all.push(Event::CheckDue {
            attempt,
            due: None,
            evidence: Evidence::NothingFound,
        });
        all.push(Event::CheckDue {
            attempt,
            due: None,
            evidence: Evidence::Output {
                attempt,
                output: somewhere(),
                unexpected_content_type: None,
                pages: None,
            },
        });
        all.push(Event::CheckDue {
            attempt,
            due: None,
            evidence: Evidence::Failure(failure(Cause::Unknown)),
        });
    }
    all
}

/// The state without its times. Rules compare `now` with the times of the state, and [`moments`] tries every outcome of
/// these comparisons. So one representative of each shape is enough, and the exploration is finite.
pub(crate) fn shape(state: &State, now: Timestamp) -> String {
    let name = state.name();
    let attempt = state.attempt();
    match state {
        State::Queued { budget, .. }
        | State::Submitting { budget, .. }
        | State::InProgress { budget, .. }
        | State::RetryScheduled { budget, .. } => {
            let counts = matches!(
                state,
                State::Queued {
                    start_by: Some(_),
                    ..
                }
            );
            let urgent = matches!(state, State::Queued { urgent: true, .. });
            format!(
                "{name} {attempt} {} {} {} {counts} {urgent}",
                budget.last_attempt,
                budget.earlier_result,
                now >= budget.expires_at
            )
        }
        State::Failed { failure, .. } => format!("{name} {attempt} {:?}", failure.cause),
        State::Ready { .. } | State::Cancelled { .. } | State::Erased { .. } => {
            format!("{name} {attempt}")
        }
    }
}

/// The times at which a rule can decide differently: now, and each time of the state that has not passed.
pub(crate) fn moments(state: &State, now: Timestamp) -> Vec<Timestamp> {
    let mut all = vec![now];
    match state {
        State::Submitting {
            lease_expires_at,
            deadline,
            budget,
            ..
        } => all.extend([
            *lease_expires_at,
            *deadline,
            budget.expires_at,
            after_last_start(budget),
        ]),
        State::InProgress {
            deadline, budget, ..
        } => all.extend([*deadline, budget.expires_at]),
        State::RetryScheduled { due, budget, .. } => {
            all.extend([*due, budget.expires_at, after_last_start(budget)]);
        }
        State::Queued {
            since,
            start_by,
            budget,
            ..
        } => {
            all.extend([*since, budget.expires_at]);
            all.extend(start_by.map(|at| Timestamp(at.0 + 1)));
        }
        State::Ready { .. }
        | State::Failed { .. }
        | State::Cancelled { .. }
        | State::Erased { .. } => {}
    }
    all.extend(state.check_deadline());
    all.retain(|at| *at >= now);
    all.sort();
    all.dedup();
    all
}

/// The first moment at which an attempt can no longer end by the job's deadline.
fn after_last_start(budget: &RetryBudget) -> Timestamp {
    let attempt = u64::from(policy().max_attempt_seconds) * 1000;
    Timestamp(budget.expires_at.0 - attempt + 1)
}

/// The progress of a job. Machine events only raise it, so every history without people ends.
pub(crate) fn rank(state: &State, now: Timestamp) -> (u8, u8, u64) {
    match state {
        // A refused call returns the job to before its attempt, but at a later time.
        State::RetryScheduled { next, .. } | State::Queued { next, .. } => (next.0, 0, now.0),
        State::Submitting { attempt, .. } => (attempt.0, 0, now.0),
        State::InProgress { attempt, .. } => (attempt.0, 1, 0),
        State::Failed { .. } => (u8::MAX - 1, 0, 0),
        State::Ready { .. } | State::Cancelled { .. } => (u8::MAX, 0, 0),
        State::Erased { .. } => (u8::MAX, 1, 0),
    }
}
