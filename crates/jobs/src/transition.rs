//! The rules: given where a job is and what happened, where it goes.
//!
//! [`transition`] is total and pure: no clock, no I/O, no randomness.
//! Messages arrive at least once and in any order, so a duplicate, late or early one is an answer with a name
//! ([`Decision::Ignore`]); an error is a contradiction, something no run of the protocol can have sent.
//! `docs/job-lifecycle.md` is generated from this function; the exploration that generates it also proves that
//! every history ends (see `tests/lifecycle.rs`).

use std::time::Duration;

use crate::id::{Attempt, LeaseToken, Location, Timestamp};
use crate::state::{Cause, Failure, RetryBudget, Retryability, State};

/// Something that happened to a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The object version of this job was announced, once more.
    Uploaded,
    /// The endpoint took the request of `attempt`.
    Accepted {
        /// Which attempt.
        attempt: Attempt,
        /// Where SageMaker says the output will be, if that is a place of this pipeline.
        output: Option<Location>,
        /// Where it says a failure would be, if the endpoint has a failure path of this pipeline.
        failure: Option<Location>,
    },
    /// Whoever held `lease_token` could not get `attempt` submitted, and knows it.
    SubmitFailed {
        /// Which attempt.
        attempt: Attempt,
        /// Who tried.
        lease_token: LeaseToken,
        /// Why not.
        failure: Failure,
    },
    /// The output of `attempt` is there.
    Succeeded {
        /// Which attempt.
        attempt: Attempt,
        /// Where it is.
        output: Location,
    },
    /// `attempt` ran, or expired in the queue, without a result.
    AttemptFailed {
        /// Which attempt.
        attempt: Attempt,
        /// Why.
        failure: Failure,
    },
    /// It is time to look at `attempt`: to start it, or to find out what became of it.
    CheckDue {
        /// Which attempt.
        attempt: Attempt,
        /// For which time the attempt was scheduled, if the message was sent to start it. A refused call keeps its
        /// number, so the number alone would let every copy of an old message start it again.
        due: Option<Timestamp>,
        /// What was found in S3 about it.
        evidence: Evidence,
    },
    /// A newer version was put at the same key.
    Overwritten,
    /// Support asks for one more run.
    Resubmit {
        /// Who.
        actor: String,
        /// Why.
        reason: String,
    },
    /// Somebody gives the job up.
    Cancel {
        /// Who.
        actor: String,
        /// Why.
        reason: String,
    },
}

/// What a look at S3 said about an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// Nobody looked: enough to start an attempt, never enough to give one up.
    NotChecked,
    /// There is neither an output of any attempt nor a failure object of this one.
    NothingFound,
    /// The output of `attempt` is there.
    Output {
        /// Which attempt.
        attempt: Attempt,
        /// Where it is.
        output: Location,
    },
    /// The failure object of the current attempt is there.
    Failure(Failure),
}

/// What to do about an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Save this state, then carry out its effects.
    Advance(State),
    /// Change nothing, for a reason.
    Ignore(IgnoreReason),
}

/// Why an event changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IgnoreReason {
    /// The state is the one that this event leads to. Its effects are carried out again, since whoever
    /// applied the event may have died before they were.
    AlreadyApplied,
    /// Somebody else holds the claim; the message must come back.
    Leased,
    /// The job moved on to another attempt.
    StaleEvidence,
    /// The attempt still has time.
    TooEarly,
    /// The deadline is past, but nobody looked for the output: look, then ask again.
    EvidenceNeeded,
    /// The job is final.
    Finished,
    /// The job is still open; there is nothing to re-submit.
    StillOpen,
    /// Another run cannot help: the input itself is the problem.
    NotRetryable,
    /// The job has used all attempts of its life.
    NoAttemptsLeft,
}

/// An event that contradicts the row: a bug or a forgery. The message is quarantined.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransitionError {
    /// It names an attempt that was never made.
    #[error("attempt {got} was never started, the newest is {newest}")]
    UnknownAttempt {
        /// The newest attempt of the row.
        newest: Attempt,
        /// The one named.
        got: Attempt,
    },
}

/// What the shell knows at the moment of a decision.
#[derive(Clone, Copy, Debug)]
pub struct DecisionContext {
    /// The time.
    pub now: Timestamp,
    /// Random, 0 to 1000: the share of a retry's delay that is waited ("full jitter").
    pub jitter_permille: u16,
    /// A fresh random token, used if the decision starts an attempt.
    pub lease_token: LeaseToken,
    /// When that claim may be taken over: after whoever decides can no longer be running.
    pub lease_expires_at: Timestamp,
}

/// The numbers of a pipeline that the rules need, as the row keeps them for the current attempt.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Policy {
    /// How many attempts a submission may use.
    pub attempts: u8,
    /// Delays before the second, third … attempt, in seconds; the last one repeats.
    pub backoff_seconds: Vec<u32>,
    /// How long an attempt may take in all: queue, run, and the time its messages may be late. In seconds.
    pub attempt_seconds: u32,
    /// How long a submission may take in all, in seconds.
    pub job_deadline_seconds: u32,
}

impl Policy {
    fn deadline(&self, start: Timestamp) -> Timestamp {
        start.plus(Duration::from_secs(self.attempt_seconds.into()))
    }

    fn budget(&self, before: Attempt, now: Timestamp) -> RetryBudget {
        RetryBudget {
            last: Attempt(before.0.saturating_add(self.attempts)).min(Attempt::MAX),
            until: now.plus(Duration::from_secs(self.job_deadline_seconds.into())),
        }
    }

    /// The delay after the `failures`-th failure (from 1).
    fn backoff(&self, failures: u8) -> Duration {
        let index = usize::from(failures.saturating_sub(1));
        let seconds = self
            .backoff_seconds
            .get(index)
            .or_else(|| self.backoff_seconds.last());
        Duration::from_secs(seconds.copied().unwrap_or(0).into())
    }

    /// The delay after a refusal: half of the time that the job has been at it, within the list's first and last.
    /// So an outage of a minute costs seconds and an outage of a day costs few calls, without a counter on the row.
    fn refusal_backoff(&self, budget: RetryBudget, now: Timestamp) -> Duration {
        let start = Timestamp(
            budget
                .until
                .0
                .saturating_sub(u64::from(self.job_deadline_seconds) * 1000),
        );
        let longest = self.backoff(u8::MAX);
        (now.since(start) / 2).clamp(self.backoff(1).min(longest), longest)
    }
}

/// The first state of a job whose input can be submitted.
pub fn first(context: &DecisionContext, policy: &Policy) -> State {
    start(
        Attempt::FIRST,
        policy.budget(Attempt::NONE, context.now),
        context,
        policy,
    )
}

/// Decides. `policy` is the row's, `context` the caller's.
///
/// # Errors
/// [`TransitionError`] if the event names an attempt that the row has never started.
pub fn transition(
    state: &State,
    event: &Event,
    context: &DecisionContext,
    policy: &Policy,
) -> Result<Decision, TransitionError> {
    use Decision::{Advance, Ignore};
    let now = context.now;
    Ok(match state {
        State::Submitting {
            attempt,
            lease_token,
            lease_expires_at,
            deadline,
            budget,
        } => match event {
            Event::Uploaded => take_over(*attempt, *lease_expires_at, *budget, context, policy),
            Event::Accepted { attempt: got, .. } => match age(*got, *attempt)? {
                Age::Current => Advance(State::InProgress {
                    attempt: *attempt,
                    deadline: *deadline,
                    budget: *budget,
                }),
                Age::Older => Ignore(IgnoreReason::StaleEvidence),
            },
            Event::SubmitFailed {
                attempt: got,
                lease_token: by,
                failure,
            } => match age(*got, *attempt)? {
                // Whoever took the claim over speaks for the attempt now.
                Age::Current if by == lease_token => {
                    after_failure(*attempt, failure, *budget, context, policy)
                }
                Age::Current | Age::Older => Ignore(IgnoreReason::StaleEvidence),
            },
            // A result may overtake the answer to the call that caused it.
            Event::Succeeded { attempt: got, .. } => succeeded(*got, *attempt)?,
            Event::AttemptFailed {
                attempt: got,
                failure,
            } => match age(*got, *attempt)? {
                Age::Current => after_failure(*attempt, failure, *budget, context, policy),
                Age::Older => Ignore(IgnoreReason::StaleEvidence),
            },
            Event::CheckDue {
                attempt: got,
                evidence,
                ..
            } => match (age(*got, *attempt)?, evidence) {
                (_, Evidence::Output { attempt: got, .. }) => succeeded(*got, *attempt)?,
                (Age::Older, _) => Ignore(IgnoreReason::StaleEvidence),
                (Age::Current, Evidence::Failure(failure)) => {
                    after_failure(*attempt, failure, *budget, context, policy)
                }
                // Whoever holds the claim may be making the call at this moment.
                (Age::Current, Evidence::NothingFound)
                    if now >= *deadline && now >= *lease_expires_at =>
                {
                    after_failure(*attempt, &lost(), *budget, context, policy)
                }
                (Age::Current, Evidence::NothingFound | Evidence::NotChecked) => {
                    take_over(*attempt, *lease_expires_at, *budget, context, policy)
                }
            },
            Event::Overwritten => superseded(*attempt),
            Event::Resubmit { .. } => Ignore(IgnoreReason::StillOpen),
            Event::Cancel { .. } => Advance(State::Cancelled { attempt: *attempt }),
        },
        State::InProgress {
            attempt,
            deadline,
            budget,
        } => match event {
            Event::Uploaded => Ignore(IgnoreReason::AlreadyApplied),
            Event::Accepted { attempt: got, .. } => match age(*got, *attempt)? {
                Age::Current => Ignore(IgnoreReason::AlreadyApplied),
                Age::Older => Ignore(IgnoreReason::StaleEvidence),
            },
            Event::SubmitFailed { attempt: got, .. } => {
                age(*got, *attempt)?;
                Ignore(IgnoreReason::StaleEvidence)
            }
            Event::Succeeded { attempt: got, .. } => succeeded(*got, *attempt)?,
            Event::AttemptFailed {
                attempt: got,
                failure,
            } => match age(*got, *attempt)? {
                Age::Current => after_failure(*attempt, failure, *budget, context, policy),
                Age::Older => Ignore(IgnoreReason::StaleEvidence),
            },
            Event::CheckDue {
                attempt: got,
                evidence,
                ..
            } => match (age(*got, *attempt)?, evidence) {
                (_, Evidence::Output { attempt: got, .. }) => succeeded(*got, *attempt)?,
                (Age::Older, _) => Ignore(IgnoreReason::StaleEvidence),
                (Age::Current, Evidence::Failure(failure)) => {
                    after_failure(*attempt, failure, *budget, context, policy)
                }
                (Age::Current, Evidence::NothingFound) if now >= *deadline => {
                    after_failure(*attempt, &lost(), *budget, context, policy)
                }
                (Age::Current, Evidence::NothingFound) => Ignore(IgnoreReason::TooEarly),
                (Age::Current, Evidence::NotChecked) if now >= *deadline => {
                    Ignore(IgnoreReason::EvidenceNeeded)
                }
                // The message that started this attempt, once more.
                (Age::Current, Evidence::NotChecked) => Ignore(IgnoreReason::AlreadyApplied),
            },
            Event::Overwritten => superseded(*attempt),
            Event::Resubmit { .. } => Ignore(IgnoreReason::StillOpen),
            Event::Cancel { .. } => Advance(State::Cancelled { attempt: *attempt }),
        },
        State::RetryScheduled { next, due, budget } => match event {
            // The upload's own message may be the one that a refused call turned into this state.
            Event::Uploaded => Ignore(IgnoreReason::AlreadyApplied),
            Event::Accepted { attempt: got, .. } => {
                age(*got, *next)?;
                Ignore(IgnoreReason::StaleEvidence)
            }
            Event::SubmitFailed { attempt: got, .. } => match age(*got, *next)? {
                Age::Current => Ignore(IgnoreReason::AlreadyApplied),
                Age::Older => Ignore(IgnoreReason::StaleEvidence),
            },
            Event::Succeeded { attempt: got, .. } => succeeded(*got, *next)?,
            Event::AttemptFailed { attempt: got, .. } => {
                age(*got, *next)?;
                Ignore(if got.next() == *next {
                    IgnoreReason::AlreadyApplied
                } else {
                    IgnoreReason::StaleEvidence
                })
            }
            Event::CheckDue {
                attempt: got,
                due: sent_for,
                evidence,
            } => match (age(*got, *next)?, evidence) {
                (_, Evidence::Output { attempt: got, .. }) => succeeded(*got, *next)?,
                (Age::Current, _) if sent_for.is_some_and(|sent_for| sent_for != *due) => {
                    Ignore(IgnoreReason::StaleEvidence)
                }
                // Equality decides, not the time: the delay was the queue's business.
                (
                    Age::Current,
                    Evidence::NotChecked | Evidence::NothingFound | Evidence::Failure(_),
                ) => Advance(start(*next, *budget, context, policy)),
                (Age::Older, _) if got.next() == *next => Ignore(IgnoreReason::AlreadyApplied),
                (Age::Older, _) => Ignore(IgnoreReason::StaleEvidence),
            },
            Event::Overwritten => superseded(*next),
            Event::Resubmit { .. } => Ignore(IgnoreReason::StillOpen),
            Event::Cancel { .. } => Advance(State::Cancelled { attempt: *next }),
        },
        State::Ready { .. } => match event {
            // Each of these may be the message that led here, by an output that was found when it was looked for.
            Event::Succeeded { .. } | Event::AttemptFailed { .. } | Event::CheckDue { .. } => {
                Ignore(IgnoreReason::AlreadyApplied)
            }
            Event::Uploaded
            | Event::Accepted { .. }
            | Event::SubmitFailed { .. }
            | Event::Overwritten
            | Event::Resubmit { .. }
            | Event::Cancel { .. } => Ignore(IgnoreReason::Finished),
        },
        State::Failed { attempt, failure } => match event {
            // Any of these may have been the one that led here.
            Event::Uploaded => Ignore(IgnoreReason::AlreadyApplied),
            Event::SubmitFailed { attempt: got, .. }
            | Event::AttemptFailed { attempt: got, .. } => match age(*got, *attempt)? {
                Age::Current => Ignore(IgnoreReason::AlreadyApplied),
                Age::Older => Ignore(IgnoreReason::StaleEvidence),
            },
            Event::CheckDue {
                evidence: Evidence::Output { attempt: got, .. },
                ..
            }
            | Event::Succeeded { attempt: got, .. } => {
                match failure.cause {
                    // Its output may be made from the version that took over.
                    Cause::Superseded => Ignore(IgnoreReason::AlreadyApplied),
                    Cause::InvalidInput
                    | Cause::ModelRejected
                    | Cause::ModelError
                    | Cause::TimedOut
                    | Cause::Expired
                    | Cause::Lost
                    | Cause::PipelineGone
                    | Cause::Refused
                    | Cause::Unknown => succeeded(*got, *attempt)?,
                }
            }
            Event::CheckDue { .. } | Event::Overwritten => Ignore(IgnoreReason::AlreadyApplied),
            Event::Resubmit { .. } => match failure.cause {
                Cause::InvalidInput | Cause::Superseded => Ignore(IgnoreReason::NotRetryable),
                Cause::ModelRejected
                | Cause::ModelError
                | Cause::TimedOut
                | Cause::Expired
                | Cause::Lost
                | Cause::PipelineGone
                | Cause::Refused
                | Cause::Unknown => {
                    if *attempt >= Attempt::MAX {
                        Ignore(IgnoreReason::NoAttemptsLeft)
                    } else {
                        let budget = policy.budget(*attempt, now);
                        Advance(State::RetryScheduled {
                            next: attempt.next(),
                            due: now,
                            budget,
                        })
                    }
                }
            },
            Event::Accepted { .. } | Event::Cancel { .. } => Ignore(IgnoreReason::Finished),
        },
        State::Cancelled { .. } => match event {
            Event::Cancel { .. } => Ignore(IgnoreReason::AlreadyApplied),
            Event::Uploaded
            | Event::Accepted { .. }
            | Event::SubmitFailed { .. }
            | Event::Succeeded { .. }
            | Event::AttemptFailed { .. }
            | Event::CheckDue { .. }
            | Event::Overwritten
            | Event::Resubmit { .. } => Ignore(IgnoreReason::Finished),
        },
    })
}

enum Age {
    Current,
    Older,
}

fn age(got: Attempt, newest: Attempt) -> Result<Age, TransitionError> {
    if got > newest || got == Attempt::NONE {
        return Err(TransitionError::UnknownAttempt { newest, got });
    }
    Ok(if got == newest {
        Age::Current
    } else {
        Age::Older
    })
}

/// A success of any attempt counts: the work was done.
fn succeeded(got: Attempt, newest: Attempt) -> Result<Decision, TransitionError> {
    age(got, newest)?;
    Ok(Decision::Advance(State::Ready { attempt: got }))
}

fn start(
    attempt: Attempt,
    budget: RetryBudget,
    context: &DecisionContext,
    policy: &Policy,
) -> State {
    State::Submitting {
        attempt,
        lease_token: context.lease_token,
        lease_expires_at: context.lease_expires_at,
        deadline: policy.deadline(context.now),
        budget,
    }
}

/// The attempt begins anew: the call may be made long after it was first decided on, by a message that was redriven.
fn take_over(
    attempt: Attempt,
    lease_expires_at: Timestamp,
    budget: RetryBudget,
    context: &DecisionContext,
    policy: &Policy,
) -> Decision {
    if context.now < lease_expires_at {
        return Decision::Ignore(IgnoreReason::Leased);
    }
    Decision::Advance(start(attempt, budget, context, policy))
}

fn after_failure(
    attempt: Attempt,
    failure: &Failure,
    budget: RetryBudget,
    context: &DecisionContext,
    policy: &Policy,
) -> Decision {
    let now = context.now;
    let end = || {
        Decision::Advance(State::Failed {
            attempt,
            failure: failure.clone(),
        })
    };
    // An attempt is only begun if it can end within the bound, whatever becomes of it.
    let again = |next: Attempt, delay: Duration, budget: RetryBudget| {
        let wait = delay * u32::from(context.jitter_permille.min(1000)) / 1000;
        let due = now.plus(wait);
        if policy.deadline(due) > budget.until {
            return end();
        }
        Decision::Advance(State::RetryScheduled { next, due, budget })
    };
    // How many attempts of this submission have failed, this one included.
    let failures = policy
        .attempts
        .saturating_sub(budget.last.0.saturating_sub(attempt.0));
    match failure.cause.retryability() {
        Retryability::Retry if attempt < budget.last => {
            again(attempt.next(), policy.backoff(failures), budget)
        }
        Retryability::RetryOnce if attempt < budget.last => {
            let once = RetryBudget {
                last: attempt.next(),
                ..budget
            };
            again(attempt.next(), policy.backoff(failures), once)
        }
        // The request was queued, so the next one needs a number of its own; the policy pays for one more.
        Retryability::Wait if failure.cause == Cause::Expired && attempt < Attempt::MAX => {
            let longer = RetryBudget {
                last: budget.last.next().min(Attempt::MAX),
                ..budget
            };
            again(attempt.next(), policy.backoff(1), longer)
        }
        Retryability::Wait if failure.cause == Cause::Refused => {
            again(attempt, policy.refusal_backoff(budget, now), budget)
        }
        Retryability::Permanent
        | Retryability::Retry
        | Retryability::RetryOnce
        | Retryability::Wait => end(),
    }
}

fn superseded(attempt: Attempt) -> Decision {
    let failure = Failure::new(
        Cause::Superseded,
        "a newer version was uploaded at the same key",
    );
    Decision::Advance(State::Failed { attempt, failure })
}

fn lost() -> Failure {
    Failure::new(
        Cause::Lost,
        "no notification, no output and no failure object by the deadline",
    )
}
