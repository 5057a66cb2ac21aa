//! Counts of open and failed jobs and of quarantined messages.

use std::collections::BTreeMap;

use super::job_list::{JobScan, MAX_EXAMINED_JOBS, scan_jobs};
use super::{ApiError, Permission, Principal};
use crate::explain::is_stalled;
use crate::ports::{JobList, QuarantineStore, TimeRange};
use crate::types::{JobSummary, NamedCount};
use jobs::id::{Tenant, Timestamp};
use jobs::job::Job;
use jobs::ports::Clock;
use jobs::state::{State, StatusGroup};

const DAY_MS: u64 = 86_400_000;
/// Counting a message reads a few kilobytes.
const MAX_COUNTED_MESSAGES: u16 = 100;

/// Counts jobs, up to a limit; of all tenants for a caller who sees all and names none.
///
/// # Errors
/// If the principal has no access to the tenant, or a dependency does not answer.
pub async fn summary<P: JobList + QuarantineStore + Clock>(
    ports: &P,
    principal: &Principal,
    tenant: Option<&str>,
) -> Result<JobSummary, ApiError> {
    let now = ports.now();
    let last_day = TimeRange {
        from: Timestamp(now.0.saturating_sub(DAY_MS)),
        ..TimeRange::ALL
    };
    let sees_all = principal.has_for_all_tenants(Permission::SeeJobs);
    let is_all_tenants = sees_all && tenant.is_none();
    let tenants: Vec<Tenant> = match tenant {
        Some(_) => vec![principal.tenant(Permission::SeeJobs, tenant)?],
        None => principal.tenants.iter().cloned().collect(),
    };
    let (open, failed) = if is_all_tenants {
        (JobScan::open(), JobScan::failed(None, last_day))
    } else {
        (
            JobScan::of_tenants(&tenants, &[StatusGroup::Open], TimeRange::ALL),
            // Sorted by creation time; only the rows tell when a job failed.
            JobScan::of_tenants(&tenants, &[StatusGroup::Failed], TimeRange::ALL),
        )
    };
    let is_open = |job: &Job| principal.sees(job) && job.state.status_group() == StatusGroup::Open;
    let open = scan_jobs(ports, &open, None, usize::MAX, MAX_EXAMINED_JOBS, &is_open).await?;
    let is_failed = |job: &Job| {
        principal.sees(job)
            && job.state.status_group() == StatusGroup::Failed
            && job.updated_at >= last_day.from
    };
    let failed = scan_jobs(
        ports,
        &failed,
        None,
        usize::MAX,
        MAX_EXAMINED_JOBS,
        &is_failed,
    )
    .await?;
    let stalled = open.jobs.iter().filter(|job| is_stalled(&job.state, now));
    let as_u32 = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let quarantined = if principal.has(Permission::ManageQuarantine) {
        let messages = ports.list_messages(None, MAX_COUNTED_MESSAGES).await?;
        Some(as_u32(messages.items.len()))
    } else {
        None
    };
    Ok(JobSummary {
        at: now.0,
        open: as_u32(open.jobs.len()),
        open_more: open.next.is_some(),
        stalled: sees_all.then(|| as_u32(stalled.count())),
        failed: as_u32(failed.jobs.len()),
        failed_more: failed.next.is_some(),
        failed_by_cause: count_jobs_by(&failed.jobs, |job| match &job.state {
            State::Failed { failure, .. } => failure.cause.name().to_owned(),
            State::Queued { .. }
            | State::Submitting { .. }
            | State::InProgress { .. }
            | State::RetryScheduled { .. }
            | State::Ready { .. }
            | State::Cancelled { .. }
            | State::Erased { .. } => String::new(),
        }),
        quarantined,
    })
}

/// Counts jobs by a property, the most frequent value first.
pub(super) fn count_jobs_by<'a>(
    jobs: impl IntoIterator<Item = &'a Job>,
    property: impl Fn(&Job) -> String,
) -> Vec<NamedCount> {
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for job in jobs {
        *counts.entry(property(job)).or_default() += 1;
    }
    let mut counts: Vec<NamedCount> = counts
        .into_iter()
        .map(|(name, count)| NamedCount { name, count })
        .collect();
    counts.sort_by_key(|count| std::cmp::Reverse(count.count));
    counts
}
