//! How things stand, in a few numbers.

use std::collections::BTreeMap;

use super::job_list::{MOST_ROWS, Source, look_through};
use super::{ApiError, Principal};
use crate::explain::is_stalled;
use crate::ports::{JobList, QuarantineStore, TimeRange};
use crate::types::{Count, Summary};
use jobs::id::{Tenant, Timestamp};
use jobs::job::Job;
use jobs::ports::Clock;
use jobs::state::{State, StatusGroup};

const DAY_MS: u64 = 86_400_000;
/// The most messages in quarantine that are counted: each costs a read of a few kilobytes.
const MOST_QUARANTINED: u16 = 100;

/// Counts jobs, up to a bound; of all tenants for support that names none.
///
/// # Errors
/// If the tenant is not the person's, or something does not answer.
pub async fn summary<P: JobList + QuarantineStore + Clock>(
    ports: &P,
    principal: &Principal,
    tenant: Option<&str>,
) -> Result<Summary, ApiError> {
    let now = ports.now();
    let recent = TimeRange {
        from: Timestamp(now.0.saturating_sub(DAY_MS)),
        ..TimeRange::ALL
    };
    let everywhere = principal.is_support() && tenant.is_none();
    let tenants: Vec<Tenant> = match tenant {
        Some(_) => vec![principal.tenant(tenant)?],
        None => principal.tenants.iter().cloned().collect(),
    };
    let (open, failed) = if everywhere {
        (Source::open(), Source::failed(None, recent))
    } else {
        (
            Source::of_tenants(&tenants, &[StatusGroup::Open], TimeRange::ALL),
            // By when they were made; when they failed, the rows say.
            Source::of_tenants(&tenants, &[StatusGroup::Failed], TimeRange::ALL),
        )
    };
    let mine = |job: &Job| principal.sees(job);
    let is_open = |job: &Job| mine(job) && job.state.status_group() == StatusGroup::Open;
    let open = look_through(ports, &open, None, usize::MAX, MOST_ROWS, is_open).await?;
    let has_failed = |job: &Job| {
        mine(job)
            && job.state.status_group() == StatusGroup::Failed
            && job.updated_at >= recent.from
    };
    let failed = look_through(ports, &failed, None, usize::MAX, MOST_ROWS, has_failed).await?;
    let is_late = |job: &&Job| is_stalled(&job.state, now);
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let quarantined = if principal.is_support() {
        Some(count(ports.kept(None, MOST_QUARANTINED).await?.0.len()))
    } else {
        None
    };
    Ok(Summary {
        at: now.0,
        open: count(open.jobs.len()),
        open_more: open.next.is_some(),
        stalled: principal
            .is_support()
            .then(|| count(open.jobs.iter().filter(is_late).count())),
        failed: count(failed.jobs.len()),
        failed_more: failed.next.is_some(),
        failed_by_cause: by(&failed.jobs, |job| match &job.state {
            State::Failed { failure, .. } => failure.cause.name().to_owned(),
            State::Submitting { .. }
            | State::InProgress { .. }
            | State::RetryScheduled { .. }
            | State::Ready { .. }
            | State::Cancelled { .. } => String::new(),
        }),
        quarantined,
    })
}

/// How many jobs there are of each kind, the most first.
pub(super) fn by(jobs: &[Job], kind: impl Fn(&Job) -> String) -> Vec<Count> {
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for job in jobs {
        *counts.entry(kind(job)).or_default() += 1;
    }
    let mut counts: Vec<Count> = counts
        .into_iter()
        .map(|(name, count)| Count { name, count })
        .collect();
    counts.sort_by_key(|count| std::cmp::Reverse(count.count));
    counts
}
