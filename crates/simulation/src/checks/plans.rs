//! A retry plan retries each of its jobs once, and accounts for all of them.

use std::collections::BTreeSet;

use jobs::event::EventKind;
use jobs::state::State;

use super::guarantees::RETRY_PLANS;
use crate::environment::SimulationEnvironment;
use crate::ids::short;
use crate::simulation::Simulation;
use crate::table::Write;

/// A retry by a plan is the only one of this plan.
pub(crate) fn check_write(env: &mut SimulationEnvironment, write: &Write) {
    let Some((last, earlier)) = write.job.history.split_last() else {
        return;
    };
    let plan = last.reason.as_deref().and_then(|it| it.rsplit_once(" [p"));
    let Some((_, plan)) = plan.filter(|_| last.event == EventKind::Retry) else {
        return;
    };
    let is_by_plan = |reason: &String| reason.ends_with(plan);
    let mut reasons = earlier.iter().filter_map(|entry| entry.reason.as_ref());
    if reasons.any(is_by_plan) {
        env.violation(RETRY_PLANS, || {
            format!("p{plan} retries {} again", short(write.job.id))
        });
    }
}

pub(crate) fn check_at_rest(simulation: &mut Simulation) {
    let Simulation {
        env,
        table,
        records,
        people,
        ..
    } = simulation;
    for (id, plan) in &people.plans {
        let Some(outcome) = &plan.outcome else {
            env.violation(RETRY_PLANS, || format!("{id} cannot be shown"));
            continue;
        };
        let (collection, suffix) = (format!("plan#{id}"), format!("[{id}]"));
        let stored = records.iter().filter(|(of, ..)| *of == collection);
        let lines: Vec<&str> = stored
            .flat_map(|(_, _, record)| record.body.lines())
            .collect();
        let distinct: BTreeSet<&str> = lines
            .iter()
            .filter_map(|line| Some(line.split_once(' ')?.0))
            .collect();
        let counted = [
            outcome.waiting,
            outcome.skipped,
            outcome.open,
            outcome.ready,
            outcome.failed,
            outcome.missing,
            outcome.cancelled,
        ];
        let jobs = usize::try_from(plan.jobs).unwrap_or(usize::MAX);
        if distinct.len() != jobs || lines.len() != jobs || counted.iter().sum::<u32>() != plan.jobs
        {
            env.violation(RETRY_PLANS, || {
                format!(
                    "{id} has {jobs} jobs, {} in its list, and counts {outcome:?}",
                    lines.len()
                )
            });
        }
        if outcome.waiting + outcome.open + outcome.missing > 0 {
            env.violation(RETRY_PLANS, || format!("{id} is not over: {outcome:?}"));
        }
        for row in table.rows() {
            let is_planned =
                lines.contains(&format!("{} {}", row.job.id, row.job.version).as_str());
            let was_retried = row.job.history.iter().any(|entry| {
                let reason = entry.reason.as_ref();
                reason.is_some_and(|reason| reason.ends_with(&suffix))
            });
            let has_input =
                simulation
                    .bucket
                    .current(&row.job.input.key)
                    .is_some_and(|(current, object)| {
                        object.sealed_at.is_none() && current.id == row.job.input.version
                    });
            // A planned version that is still there was not retried.
            if !plan.cancel
                && is_planned
                && !was_retried
                && has_input
                && matches!(row.job.state, State::Failed { .. })
            {
                env.violation(RETRY_PLANS, || {
                    format!("{id} never retried {}", short(row.job.id))
                });
            }
        }
    }
}
