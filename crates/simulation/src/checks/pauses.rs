//! A pause holds every job that it is about, a full window every upload of its pipeline, and nothing else is held.

use jobs::job::Job;
use jobs::state::State;

use super::guarantees::{MAX_CLOCK_SKEW, PAUSES};
use crate::environment::SimulationEnvironment;
use crate::function::Functions;
use crate::ids::short;
use crate::pauses::HoldLedgers;
use crate::table::Write;

/// Checks a write that took effect. A function that began before a pause was stored may not know it.
pub(crate) fn check(
    env: &mut SimulationEnvironment,
    HoldLedgers { pauses, breakers }: HoldLedgers<'_>,
    functions: &Functions,
    write: &Write,
) {
    let Some(function) = functions.current() else {
        return;
    };
    let (from, to) = (
        function.began_at.saturating_sub(MAX_CLOCK_SKEW),
        env.now + MAX_CLOCK_SKEW,
    );
    let job = &write.job;
    let id = short(job.id);
    if starts_attempt(write.before.as_deref(), job) && pauses.held_throughout(job, from, to) {
        env.violation(PAUSES, || {
            format!(
                "attempt {} of {id} starts while it is paused",
                job.state.attempt()
            )
        });
    }
    let was_queued = |before: &Job| before.queued_at().is_some();
    if job.queued_at().is_some()
        && !write.before.as_deref().is_some_and(was_queued)
        && !pauses.held_within(job, from, to)
        && !pauses.was_full_within(job, from, to)
        && !breakers.open_within(&job.pipeline, from, to)
    {
        env.violation(PAUSES, || {
            format!(
                "{id} is queued, nothing is paused, no breaker is open, and the window is not full"
            )
        });
    }
}

/// Another invocation may take an attempt over that began before the pause.
fn starts_attempt(before: Option<&Job>, job: &Job) -> bool {
    let is_submitting = |job: &Job| matches!(job.state, State::Submitting { .. });
    is_submitting(job) && !before.is_some_and(is_submitting)
}
