//! The states that decisions lead to.

use crate::decision::{Advance, AttemptChange, Decision, DecisionContext, IgnoreReason};
use crate::event::Evidence;
use crate::id::Attempt;
use crate::policy::Policy;
use crate::state::{Failure, RetryBudget, State};

pub(super) const fn advance(state: State, attempts: AttemptChange) -> Decision {
    Decision::Advance(Advance { state, attempts })
}

/// The job ends with this failure, or with the result that it had before it was run again.
pub(super) fn ended(attempt: Attempt, failure: Failure, budget: RetryBudget) -> State {
    match budget.earlier_result {
        Attempt::NONE => State::Failed { attempt, failure },
        earlier => State::Ready { attempt: earlier },
    }
}

pub(super) const fn erased(attempt: Attempt) -> Decision {
    advance(State::Erased { attempt }, AttemptChange::Erased)
}

pub(super) fn submitting(
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

pub(super) fn start(
    attempt: Attempt,
    budget: RetryBudget,
    context: &DecisionContext,
    policy: &Policy,
) -> Decision {
    let state = submitting(attempt, budget, context, policy);
    advance(state, AttemptChange::Started(attempt))
}

/// It is too late for another attempt. The job ends, if S3 was asked for a result of an earlier attempt.
pub(super) fn end_unstarted(
    next: Attempt,
    evidence: &Evidence,
    failure: Failure,
    budget: RetryBudget,
) -> Decision {
    if *evidence == Evidence::NotChecked {
        return Decision::Ignore(IgnoreReason::EvidenceNeeded);
    }
    advance(ended(next, failure, budget), AttemptChange::Unchanged)
}
