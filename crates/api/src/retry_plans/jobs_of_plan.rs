//! The jobs of a plan, each with what became of it.

use super::progress::{is_refused, outcome_of};
use super::record::{JOBS_PER_RECORD, read_jobs};
use crate::ports::JobList;
use crate::types::{PlannedJobView, RetryPlanJobs, RetryPlanOutcome};
use crate::{ApiError, Permission, Principal};
use jobs::id::JobId;
use jobs::ports::{Clock, KeyValueStore};

/// A page of a plan's jobs, in the order in which they are started.
///
/// # Errors
/// Unless the caller may read plans, and if there is no such plan.
pub async fn list_jobs<P: KeyValueStore + JobList + Clock>(
    ports: &P,
    principal: &Principal,
    id: &str,
    page: u16,
) -> Result<RetryPlanJobs, ApiError> {
    let (plan, _) = super::get(ports, principal, Permission::ReadPlans, id).await?;
    let pages = usize::try_from(plan.jobs)
        .unwrap_or(0)
        .div_ceil(JOBS_PER_RECORD);
    let number = usize::from(page);
    let mut listed = Vec::new();
    if number < pages {
        let now = ports.now();
        let planned = read_jobs(ports, &plan.id, number).await?;
        let ids: Vec<JobId> = planned.iter().map(|planned| planned.job).collect();
        let rows = ports.get_jobs(&ids).await?;
        let first = u32::try_from(number * JOBS_PER_RECORD).unwrap_or(u32::MAX);
        for (planned, index) in planned.into_iter().zip(first..) {
            let row = rows.iter().find(|row| row.id == planned.job);
            let refused = is_refused(&plan, index, now);
            let outcome = outcome_of(&plan, planned, row, refused);
            listed.push(PlannedJobView {
                job_id: planned.job.to_string(),
                outcome: name(&outcome).to_owned(),
                job: row.map(|row| principal.view(row)),
            });
        }
    }
    Ok(RetryPlanJobs {
        jobs: listed,
        pages: u16::try_from(pages).unwrap_or(u16::MAX),
    })
}

/// The name of the only count that is not zero.
fn name(outcome: &RetryPlanOutcome) -> &'static str {
    let counts = [
        (outcome.ready, "ready"),
        (outcome.failed, "failed"),
        (outcome.cancelled, "cancelled"),
        (outcome.open, "open"),
        (outcome.missing, "missing"),
        (outcome.skipped, "skipped"),
    ];
    let counted = counts.into_iter().find(|(count, _)| *count > 0);
    counted.map_or("waiting", |(_, name)| name)
}
