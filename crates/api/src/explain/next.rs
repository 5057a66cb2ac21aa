//! What happens to a job next without intervention.

use super::{ExplanationStep, is_stalled};
use jobs::id::{Attempt, Timestamp};
use jobs::job::Job;
use jobs::state::{RetryBudget, State};

pub(super) fn next(job: &Job, now: Timestamp) -> Vec<ExplanationStep> {
    let step = |at: Timestamp, what: String| ExplanationStep {
        at: at.0,
        what,
        actor: None,
        reason: None,
    };
    let last_check = |deadline: Timestamp, budget: &RetryBudget, attempt: Attempt| {
        let then = if attempt < budget.last_attempt && !is_too_late(job, deadline, budget) {
            "without a result, another attempt starts"
        } else if budget.earlier_result == Attempt::NONE {
            "without a result, the job fails"
        } else {
            "without a result, the job is ready with its earlier result"
        };
        step(
            deadline,
            format!(
                "deadline of the attempt: until then the service checks S3 for a result from time to time, and once more at this time; {then}"
            ),
        )
    };
    if is_stalled(&job.state, now) {
        let what = match job.state {
            State::RetryScheduled { next, .. } => format!("attempt {next} is sent to the endpoint"),
            State::Queued { .. }
            | State::Submitting { .. }
            | State::InProgress { .. }
            | State::Ready { .. }
            | State::Failed { .. }
            | State::Cancelled { .. }
            | State::Erased { .. } => "the service checks S3 for a result".to_owned(),
        };
        let what = format!("{what} as soon as the reconciler works again");
        return vec![step(now, what)];
    }
    match &job.state {
        State::Submitting {
            attempt,
            lease_expires_at,
            deadline,
            budget,
            ..
        } => vec![
            step(
                (*lease_expires_at).max(now),
                "if the endpoint has not answered, the service sends the request again".to_owned(),
            ),
            last_check(*deadline, budget, *attempt),
        ],
        State::InProgress {
            attempt,
            deadline,
            budget,
        } => vec![last_check(*deadline, budget, *attempt)],
        State::Queued {
            next,
            start_by: Some(start_by),
            budget,
            ..
        } => vec![
            step(
                *start_by,
                format!("attempt {next} is sent to the endpoint by this time, or not at all"),
            ),
            step(
                budget.expires_at,
                "the job's deadline: it is final by this time".to_owned(),
            ),
        ],
        // Only the caller knows what is paused, and the place in the queue. The wait for a turn has no limit, and the deadline is
        // moved by it.
        State::Queued { .. } => vec![],
        State::RetryScheduled { next, due, budget } => vec![
            step(*due, format!("attempt {next} is sent to the endpoint")),
            step(
                budget.expires_at,
                "the job's deadline: it is final by this time".to_owned(),
            ),
        ],
        State::Ready { .. }
        | State::Failed { .. }
        | State::Cancelled { .. }
        | State::Erased { .. } => job
            .expires_at
            .map(|at| step(at, "this record may be deleted".to_owned()))
            .into_iter()
            .collect(),
    }
}

/// Whether an attempt that starts at this one's deadline could end after the job's deadline.
fn is_too_late(job: &Job, deadline: Timestamp, budget: &RetryBudget) -> bool {
    deadline.0 + u64::from(job.policy.max_attempt_seconds) * 1000 > budget.expires_at.0
}
