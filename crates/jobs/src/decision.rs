//! The inputs and outcomes of a transition.

use crate::id::{Attempt, LeaseToken, Location, Timestamp};
use crate::state::{Failure, State};

/// The outcome of [`crate::transition::transition`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Save the new state, then run its effects.
    Advance(Advance),
    Ignore(IgnoreReason),
}

impl Decision {
    /// The new state; `None` if the event is ignored.
    pub const fn new_state(&self) -> Option<&State> {
        match self {
            Self::Advance(advance) => Some(&advance.state),
            Self::Ignore(_) => None,
        }
    }
}

/// What an event changes in the row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advance {
    pub state: State,
    pub attempts: AttemptChange,
}

/// What an event changes in the row's records of attempts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptChange {
    Unchanged,
    /// The attempt was started, or started again under the same number.
    Started(Attempt),
    /// The endpoint accepted the attempt and named these locations.
    Accepted {
        attempt: Attempt,
        output: Option<Location>,
        failure_object: Option<Location>,
    },
    /// The attempt ended with this output.
    Succeeded {
        attempt: Attempt,
        output: Location,
    },
    /// The attempt ended with this failure.
    Failed {
        attempt: Attempt,
        failure: Failure,
    },
    /// The model's words are removed from the row. Times, causes and the locations of outputs stay.
    Erased,
}

/// Why an event changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IgnoreReason {
    /// The event leads to the current state. Its effects run again, since the function that applied the event may
    /// have died before it ran them.
    AlreadyApplied,
    /// Another function holds the lease; the message must be redelivered.
    Leased,
    /// The job has moved on to another attempt.
    StaleEvidence,
    /// The attempt still has time.
    TooEarly,
    /// The job or its attempt is at its end, but S3 was not asked: gather evidence, then decide again.
    EvidenceNeeded,
    /// The job is final.
    Finished,
    /// The job's data was deleted: nothing changes it.
    Erased,
    /// The job is still open; there is nothing to retry.
    StillOpen,
    /// Another run cannot help: the input itself is the problem.
    NotRetryable,
    /// The job has no result; a failed one is retried.
    NoResult,
    /// The job is run again and keeps its earlier result; there is nothing to cancel.
    RunningAgain,
    /// The job is not queued; there is nothing to release earlier.
    NotQueued,
    /// The job has used all attempts of its lifetime.
    NoAttemptsLeft,
}

/// An event that contradicts the row: a bug or a forgery. Its message is quarantined.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransitionError {
    /// It names an attempt that was never started.
    #[error("attempt {got} was never started, the newest is {newest}")]
    UnknownAttempt { newest: Attempt, got: Attempt },
}

/// The inputs of a decision that the caller provides.
#[derive(Clone, Copy, Debug)]
pub struct DecisionContext {
    pub now: Timestamp,
    /// Random, 0 to 1000: the fraction of a retry's delay to wait ("full jitter").
    pub jitter_permille: u16,
    /// A fresh random token, used if the decision starts an attempt.
    pub lease_token: LeaseToken,
    /// When that lease may be taken over: after the deciding function can no longer be running.
    pub lease_expires_at: Timestamp,
}
