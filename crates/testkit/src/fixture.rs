//! Jobs in hand-made states, for tests.

use jobs::event::{Event, Evidence};
use jobs::id::Timestamp;
use jobs::job::Job;
use jobs::state::{Cause, Failure, State};
use jobs::transition::{Advance, AttemptChange};

/// Advances a job to a state that the test chooses instead of the state machine.
pub trait AdvanceJob {
    /// This job in `state` after `event`, with the attempt records that the event suggests.
    #[must_use]
    fn advanced(&self, event: &Event, state: State, now: Timestamp) -> Job;
}

impl AdvanceJob for Job {
    fn advanced(&self, event: &Event, state: State, now: Timestamp) -> Job {
        let attempts = attempt_change(event, &state);
        self.next_version(event, Advance { state, attempts }, now)
    }
}

fn attempt_change(event: &Event, state: &State) -> AttemptChange {
    if let State::Submitting { attempt, .. } = *state {
        return AttemptChange::Started(attempt);
    }
    match event.clone() {
        Event::Accepted {
            attempt,
            output,
            failure,
        } => AttemptChange::Accepted {
            attempt,
            output,
            failure_object: failure,
        },
        Event::Succeeded {
            attempt, output, ..
        }
        | Event::CheckDue {
            evidence: Evidence::Output {
                attempt, output, ..
            },
            ..
        } => AttemptChange::Succeeded { attempt, output },
        Event::SubmitFailed {
            attempt, failure, ..
        }
        | Event::AttemptFailed { attempt, failure }
        | Event::CheckDue {
            attempt,
            evidence: Evidence::Failure(failure),
            ..
        } => AttemptChange::Failed { attempt, failure },
        Event::CheckDue {
            attempt,
            evidence: Evidence::NothingFound,
            ..
        } => AttemptChange::Failed {
            attempt,
            failure: Failure::new(Cause::Lost, ""),
        },
        Event::CheckDue { .. }
        | Event::Held { .. }
        | Event::Uploaded
        | Event::Overwritten
        | Event::Retry { .. }
        | Event::RunAgain { .. }
        | Event::Urgent { .. }
        | Event::Cancel { .. } => AttemptChange::Unchanged,
        Event::Erase { .. } => AttemptChange::Erased,
    }
}
