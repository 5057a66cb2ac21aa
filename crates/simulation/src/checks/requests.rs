//! Whether a request to an endpoint is allowed to cost a GPU run.

use jobs::event::EventKind;
use jobs::id::InferenceId;
use jobs::job::Job;
use jobs::state::State;

use super::guarantees::{GUARANTEE_5, MAX_CLOCK_SKEW, READABLE};
use crate::bucket::SimulatedBucket;
use crate::environment::SimulationEnvironment;
use crate::function::Functions;
use crate::ids::{short, short_request};
use crate::ledger::Ledger;
use crate::request::InferenceRequest;
use crate::table::JobTable;
use crate::time::SECOND;

/// Checks an accepted request before it is recorded in the ledger.
pub(crate) fn check(
    env: &mut SimulationEnvironment,
    table: &JobTable,
    ledger: &Ledger,
    functions: &Functions,
    request: &InferenceRequest,
) {
    let InferenceId { job, .. } = request.inference;
    let Some(row) = table.row(job) else {
        let name = short_request(request.inference);
        env.violation(GUARANTEE_5, || format!("{name} runs without a row"));
        return;
    };
    check_same_attempt(env, ledger, functions, request);
    check_earlier_attempts(env, ledger, request, &row.job);
    if matches!(row.job.state, State::Ready { .. })
        && row.job.updated_at.0 + env.timing.function + MAX_CLOCK_SKEW < env.wall().0
    {
        env.violation(GUARANTEE_5, || {
            format!("{} runs again although it is ready", short(job))
        });
    }
}

/// Each function looks at the input before its call: what S3 refused before the function began must not be started.
pub(crate) fn check_input(
    env: &mut SimulationEnvironment,
    bucket: &SimulatedBucket,
    request: &InferenceRequest,
) {
    let Some(since) = bucket.sealed_at(&request.input) else {
        return;
    };
    if since + env.timing.function + MAX_CLOCK_SKEW < env.now {
        let name = short_request(request.inference);
        env.violation(READABLE, || format!("{name} starts, and cannot be read"));
    }
}

fn check_same_attempt(
    env: &mut SimulationEnvironment,
    ledger: &Ledger,
    functions: &Functions,
    request: &InferenceRequest,
) {
    let InferenceId { job, attempt } = request.inference;
    let name = short_request(request.inference);
    for earlier in ledger.requests(job, attempt.0) {
        let by = earlier.by;
        if functions.is_alive(by) && by != request.by {
            env.violation(GUARANTEE_5, || {
                format!(
                    "{name} runs twice while f{}, which made the first call, is alive",
                    by.0
                )
            });
        }
        // A success may be recorded while a second call, which is no longer needed, is on its way.
        if ledger.was_recorded_before_submitting(earlier) {
            env.violation(GUARANTEE_5, || {
                format!("{name} runs twice although its first call is recorded")
            });
        }
    }
}

fn check_earlier_attempts(
    env: &mut SimulationEnvironment,
    ledger: &Ledger,
    request: &InferenceRequest,
    job: &Job,
) {
    let name = short_request(request.inference);
    let wall = env.wall().0;
    for number in 1..request.inference.attempt.0 {
        let requests = ledger.requests(job.id, number);
        let any_ended = requests.iter().any(|earlier| earlier.ended.get().is_some())
            || ledger.was_refused(job.id, number);
        let record = job
            .attempts
            .iter()
            .find(|record| record.attempt.0 == number);
        let past_deadline = record.is_some_and(|record| {
            let limit = u64::from(job.policy.max_attempt_seconds) * SECOND;
            wall + MAX_CLOCK_SKEW >= record.started_at.0 + limit
        });
        // The late result of an earlier attempt may have made the job ready while this one was running.
        let asked_for_since = record.is_some_and(|record| {
            let mut entries = job.history.iter();
            entries.any(|entry| {
                entry.event == EventKind::RunAgain
                    && entry.at.0 + MAX_CLOCK_SKEW >= record.started_at.0
            })
        });
        if !requests.is_empty() && !any_ended && !past_deadline && !asked_for_since {
            env.violation(GUARANTEE_5, || {
                format!("{name} starts while attempt {number} still has time and nothing ended it")
            });
        }
    }
}
