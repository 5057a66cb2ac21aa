//! The guarantees about jobs and objects that must hold at rest: nothing is in progress, and no fault has happened for a
//! while.

use jobs::pipeline::Pipelines;
use jobs::state::State;

use super::guarantees::{GUARANTEE_1, GUARANTEE_2, GUARANTEE_10, MAX_CLOCK_SKEW};
use crate::bucket::SimulatedBucket;
use crate::environment::SimulationEnvironment;
use crate::event_bus::{PublishedEvent, SimulatedEventBus};
use crate::ids::short;
use crate::people::People;
use crate::table::{JobTable, TableRow};
use crate::time::START;

/// Every job has ended, and its end was published.
pub(crate) fn check_jobs(
    env: &mut SimulationEnvironment,
    table: &JobTable,
    event_bus: &SimulatedEventBus,
) {
    for row in table.rows() {
        let job = &row.job;
        let id = short(job.id);
        match job.state {
            State::Queued { .. }
            | State::Submitting { .. }
            | State::InProgress { .. }
            | State::RetryScheduled { .. } => {
                env.violation(GUARANTEE_2, || {
                    format!("{id} is still {}", job.state.name())
                });
            }
            State::Ready { .. } | State::Failed { .. } => {
                let event = PublishedEvent {
                    job: job.id,
                    version: job.version,
                    ready: matches!(job.state, State::Ready { .. }),
                };
                if !event_bus.has(&event) {
                    env.violation(GUARANTEE_10, || {
                        format!(
                            "no event says that {id} v{} is {}",
                            job.version,
                            job.state.name()
                        )
                    });
                }
            }
            State::Cancelled { .. } | State::Erased { .. } => {}
        }
    }
}

/// Every current version of an input has a job: its own, or that of the same bytes, unless that ended before without a result.
pub(crate) fn check_inputs(
    env: &mut SimulationEnvironment,
    table: &JobTable,
    bucket: &SimulatedBucket,
    pipelines: &Pipelines,
    people: &People,
) {
    for key in bucket.objects.keys() {
        let Some((version, _)) = bucket
            .current(key)
            .filter(|_| pipelines.of_key(key).is_some())
        else {
            continue;
        };
        // Current again, since the data of a later version was deleted.
        let is_current_again = people
            .deletions
            .values()
            .any(|deletion| deletion.key == *key && deletion.put_at > version.at);
        if is_current_again {
            continue;
        }
        let put_at = START + version.at;
        let same = bucket.with_same_bytes(key, &version.id);
        let mut jobs = same.iter().filter_map(|same| table.job_of(key, &same.id));
        let is_job = |row: &TableRow| match row.job.state {
            State::Failed { .. } | State::Cancelled { .. } | State::Erased { .. } => {
                row.job.input.version == version.id
                    || row.job.updated_at.0 + MAX_CLOCK_SKEW >= put_at
            }
            State::Queued { .. }
            | State::Submitting { .. }
            | State::InProgress { .. }
            | State::RetryScheduled { .. }
            | State::Ready { .. } => true,
        };
        if !jobs.any(is_job) {
            env.violation(GUARANTEE_1, || format!("{key} {} has no job", version.id));
        }
    }
}
