//! A circuit breaker opens because of several documents of which none succeeds, lets one job probe, and closes.

use jobs::breaker::{Breaker, FailureKind, had_incident, result_at};
use jobs::id::Attempt;
use jobs::job::Job;
use jobs::state::{Cause, State};

use super::guarantees::{BREAKERS, MAX_CLOCK_SKEW};
use crate::breakers::BreakerLedger;
use crate::environment::SimulationEnvironment;
use crate::function::Functions;
use crate::ids::short;
use crate::table::{JobTable, Write};
use crate::time::{MINUTE, START};

/// How much later than the rows an index may be, and what a function does between two calls.
const MAX_LAG: u64 = MINUTE;

/// Checks a breaker that opened.
pub(crate) fn check_opened(
    env: &mut SimulationEnvironment,
    table: &JobTable,
    functions: &Functions,
    breaker: &Breaker,
) {
    let Some(open) = breaker.open.as_ref() else {
        return;
    };
    if open.kind == FailureKind::RefusedCall {
        return;
    }
    let rows = breaker.failed_jobs().map(|(job, _)| job);
    let mut jobs: Vec<_> = rows.filter(|job| table.row(*job).is_some()).collect();
    jobs.sort();
    jobs.dedup();
    if jobs.len() < 2 {
        env.violation(BREAKERS, || {
            format!("{} opens because of one document", breaker.pipeline)
        });
    }
    let began_at = functions.current().map_or(0, |function| function.began_at);
    let first = breaker.first_counted_at().0.saturating_sub(START);
    let (from, to) = (first + MAX_LAG, began_at.saturating_sub(MAX_LAG));
    let succeeded = table.rows().find(|row| {
        let result_at = result_at(&row.job).map(|at| at.0.saturating_sub(START));
        // A function of the older release cannot read what the newer one wrote.
        let can_be_read = !row.newer || functions.current_is_newer();
        row.job.pipeline == breaker.pipeline
            && can_be_read
            && result_at.is_some_and(|at| (from..to).contains(&at))
    });
    if let Some(row) = succeeded {
        let job = short(row.job.id);
        env.violation(BREAKERS, || {
            format!("{} opens although {job} has succeeded", breaker.pipeline)
        });
    }
}

/// Checks a write that took effect.
pub(crate) fn check(
    env: &mut SimulationEnvironment,
    breakers: &BreakerLedger,
    functions: &Functions,
    write: &Write,
) {
    let job = &write.job;
    let id = short(job.id);
    if let State::Failed { attempt, failure } = &job.state
        && failure.cause == Cause::EndpointDown
        && *attempt < Attempt::MAX
        && let Some(budget) = write
            .before
            .as_ref()
            .and_then(|before| before.state.budget())
    {
        let attempt = u64::from(job.policy.max_attempt_seconds) * 1000;
        let start_by = budget.expires_at.0.saturating_sub(attempt);
        if env.wall().0 + MAX_CLOCK_SKEW < start_by {
            env.violation(BREAKERS, || {
                format!("{id} fails with its endpoint, long before its deadline")
            });
        }
    }
    let Some(function) = functions.current() else {
        return;
    };
    let from = function.began_at.saturating_sub(MAX_CLOCK_SKEW);
    let to = env.now + MAX_CLOCK_SKEW;
    let is_submitting = |job: &Job| matches!(job.state, State::Submitting { .. });
    let starts = is_submitting(job) && !write.before.as_deref().is_some_and(is_submitting);
    if starts && breakers.holds_throughout(&job.pipeline, job.id, from, to) {
        env.violation(BREAKERS, || {
            format!("{id} starts while the breaker is open, and is not the probe")
        });
    }
}

/// A job that was held or tried again and has a result since the breaker opened has closed it, unless calls fail.
pub(crate) fn check_at_rest(
    env: &mut SimulationEnvironment,
    table: &JobTable,
    breakers: &BreakerLedger,
) {
    if env.calls_may_fail {
        return;
    }
    for (pipeline, since) in breakers.open() {
        let proof = table.rows().find(|row| {
            let State::Ready { attempt } = row.job.state else {
                return false;
            };
            let started = row.job.attempt(attempt).map(|record| record.started_at.0);
            row.job.pipeline == pipeline
                && had_incident(&row.job)
                && started.is_some_and(|at| at > START + since + MAX_CLOCK_SKEW)
        });
        if let Some(row) = proof {
            let job = short(row.job.id);
            env.violation(BREAKERS, || {
                format!("the breaker of {pipeline} is open although {job} has succeeded")
            });
        }
    }
}
