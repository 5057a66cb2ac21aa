//! What became of the jobs of an applied plan, read from their rows.

use std::time::Duration;

use super::record::{JOBS_PER_RECORD, PlanRecord, PlannedJob, read_jobs};
use super::selection::may_be_cancelled;
use crate::ApiError;
use crate::ports::JobList;
use crate::types::RetryPlanOutcome;
use jobs::id::{JobId, Timestamp};
use jobs::job::Job;
use jobs::ports::{Clock, KeyValueStore};
use jobs::state::State;

/// A released job that is unchanged this long after it was due will not start: its retry command was refused. Until then
/// the command may be delayed by throttling and redeliveries.
const REFUSED_AFTER: Duration = Duration::from_secs(30 * 60);

pub(super) async fn outcome<P: KeyValueStore + JobList + Clock>(
    ports: &P,
    plan: &PlanRecord,
) -> Result<RetryPlanOutcome, ApiError> {
    let mut outcome = RetryPlanOutcome::default();
    let jobs = usize::try_from(plan.jobs).unwrap_or(0);
    let now = ports.now();
    let mut indexes = 0_u32..;
    for number in 0..jobs.div_ceil(JOBS_PER_RECORD) {
        let planned = read_jobs(ports, &plan.id, number).await?;
        let ids: Vec<JobId> = planned.iter().map(|planned| planned.job).collect();
        let rows = ports.get_jobs(&ids).await?;
        for (planned, index) in planned.into_iter().zip(indexes.by_ref()) {
            let row = rows.iter().find(|row| row.id == planned.job);
            *counter(
                &mut outcome,
                plan,
                planned,
                row,
                is_refused(plan, index, now),
            ) += 1;
            let without_run =
                row.is_some_and(|row| row.is_cancelled_without_run() && is_changed_by(plan, row));
            outcome.cancelled_without_run += u32::from(plan.cancel && without_run);
        }
    }
    Ok(outcome)
}

/// Whether the plan released the job at `index` so long ago that its command must have been refused.
pub(super) fn is_refused(plan: &PlanRecord, index: u32, now: Timestamp) -> bool {
    let due_at = plan.due_at(plan.applied_at.unwrap_or(now), index);
    index < plan.released && now.since(due_at) > REFUSED_AFTER
}

/// The outcome of one job: the count that it belongs to is 1.
pub(super) fn outcome_of(
    plan: &PlanRecord,
    planned: PlannedJob,
    row: Option<&Job>,
    is_refused: bool,
) -> RetryPlanOutcome {
    let mut outcome = RetryPlanOutcome::default();
    *counter(&mut outcome, plan, planned, row, is_refused) += 1;
    outcome
}

/// Whether the job's history has the plan's reason.
fn is_changed_by(plan: &PlanRecord, row: &Job) -> bool {
    let suffix = plan.reason_suffix();
    let mut reasons = row.history.iter().filter_map(|entry| entry.reason.as_ref());
    reasons.any(|reason| reason.ends_with(&suffix))
}

fn counter<'a>(
    outcome: &'a mut RetryPlanOutcome,
    plan: &PlanRecord,
    planned: PlannedJob,
    row: Option<&Job>,
    is_refused: bool,
) -> &'a mut u32 {
    let Some(row) = row else {
        return &mut outcome.missing;
    };
    let is_started = is_changed_by(plan, row);
    let may_start = !is_refused && plan.stopped_at.is_none();
    if plan.cancel {
        return if is_started {
            &mut outcome.cancelled
        } else if may_be_cancelled(row) && may_start {
            &mut outcome.waiting
        } else {
            &mut outcome.skipped
        };
    }
    match row.state {
        // It has its earlier result again.
        State::Ready { attempt }
            if is_started && plan.run_again && attempt < row.newest_attempt() =>
        {
            &mut outcome.failed
        }
        // Without a start, an earlier result was found and no attempt was needed.
        State::Ready { .. } if is_started || !plan.run_again => &mut outcome.ready,
        // The row no longer tells whether the plan started it.
        State::Erased { .. } => &mut outcome.skipped,
        State::Failed { .. } | State::Cancelled { .. } if is_started => &mut outcome.failed,
        State::Queued { .. }
        | State::Submitting { .. }
        | State::InProgress { .. }
        | State::RetryScheduled { .. }
            if is_started =>
        {
            &mut outcome.open
        }
        State::Queued { .. }
        | State::Submitting { .. }
        | State::InProgress { .. }
        | State::RetryScheduled { .. }
        | State::Ready { .. }
        | State::Failed { .. }
        | State::Cancelled { .. } => {
            if row.version == planned.version && may_start {
                &mut outcome.waiting
            } else {
                &mut outcome.skipped
            }
        }
    }
}
