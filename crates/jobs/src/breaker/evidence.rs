//! Whether the endpoint worked since a point in time, from the rows of other jobs. Asked only when something has failed.

use std::collections::BTreeSet;

use futures_util::{StreamExt, stream};

use super::FailureKind;
use crate::id::{JobId, Tenant, Timestamp};
use crate::job::Job;
use crate::ports::{JobStore, LoadError, RecentJobs, Unavailable};
use crate::state::{State, StatusGroup};

/// The newest jobs that are read of each shard. Their tenants are those that are active.
const MAX_JOBS_PER_SHARD: u16 = 3;
/// Tenants whose newest jobs are read.
const MAX_TENANTS: usize = 8;
/// The newest jobs that are read of a tenant and a group. An endpoint works in the order of the requests, so the newest that
/// are ready are about those that ended last.
const MAX_JOBS_PER_TENANT: usize = 10;
/// The limits before a breaker opens: first the usual one, then 100. That is rare, and the one result may be of a document that
/// was uploaded long ago.
pub(super) const THOROUGH_SEARCH: &[usize] = &[MAX_JOBS_PER_TENANT, 100];
/// The limits elsewhere, where a result that is not found only costs another attempt.
pub(super) const QUICK_SEARCH: &[usize] = &[MAX_JOBS_PER_TENANT];
/// Rows loaded concurrently.
const CONCURRENCY: usize = 8;

/// When the endpoint last did for another job what it refused to this one or failed at, if that was after `since`: it accepted
/// a request, or gave a result. `limits` are the numbers of jobs of a tenant and a group that are read, until one is found.
///
/// # Errors
/// If the store does not answer.
pub(super) async fn worked_since<P: JobStore + RecentJobs>(
    ports: &P,
    job: &Job,
    kind: FailureKind,
    since: Timestamp,
    limits: &[usize],
) -> Result<Option<Timestamp>, Unavailable> {
    let is_other = |other: &&Job| other.pipeline == job.pipeline && other.id != job.id;
    let recent = recent_jobs(ports).await?;
    let mut tenants: BTreeSet<&Tenant> = BTreeSet::from([&job.tenant]);
    // Tenants of this pipeline first. One that was active in another pipeline may be in this one, too.
    let elsewhere = recent.iter().filter(|other| other.pipeline != job.pipeline);
    for other in recent.iter().filter(is_other).chain(elsewhere) {
        if tenants.len() < MAX_TENANTS {
            tenants.insert(&other.tenant);
        }
    }
    let groups: &[StatusGroup] = match kind {
        FailureKind::FailedRun => &[StatusGroup::Ready],
        FailureKind::RefusedCall => &[StatusGroup::Ready, StatusGroup::Open],
    };
    let mut all = recent.clone();
    for limit in limits {
        for tenant in &tenants {
            for group in groups {
                let found = ports.newest(tenant, *group, *limit).await;
                all.extend(readable(found.map(|found| found.jobs))?.unwrap_or_default());
            }
        }
        let worked = all.iter().filter(is_other).filter_map(|other| match kind {
            FailureKind::FailedRun => result_at(other),
            FailureKind::RefusedCall => accepted_at(other),
        });
        let newest = worked.filter(|at| *at > since).max();
        if newest.is_some() {
            return Ok(newest);
        }
    }
    Ok(None)
}

async fn recent_jobs<P: JobStore + RecentJobs>(ports: &P) -> Result<Vec<Job>, Unavailable> {
    let ids: Vec<Result<Vec<JobId>, Unavailable>> = stream::iter(0..JobId::SHARDS)
        .map(async |shard| ports.recently_created(shard, MAX_JOBS_PER_SHARD).await)
        .buffered(CONCURRENCY)
        .collect()
        .await;
    let ids = ids.into_iter().collect::<Result<Vec<_>, _>>()?.concat();
    let rows: Vec<Result<Option<Job>, LoadError>> = stream::iter(ids)
        .map(async |id| ports.load(id).await)
        .buffered(CONCURRENCY)
        .collect()
        .await;
    let mut jobs = Vec::new();
    for row in rows {
        jobs.extend(readable(row)?.flatten());
    }
    Ok(jobs)
}

/// A row that cannot be read, or that a newer release wrote, says nothing.
pub(super) fn readable<T>(loaded: Result<T, LoadError>) -> Result<Option<T>, Unavailable> {
    match loaded {
        Ok(found) => Ok(Some(found)),
        Err(LoadError::Unavailable(error)) => Err(error),
        Err(LoadError::NewerSchema(_) | LoadError::Unreadable { .. }) => Ok(None),
    }
}

/// When the job's result was recorded. A job that was run again without a result has that of the earlier run.
pub fn result_at(job: &Job) -> Option<Timestamp> {
    let State::Ready { attempt } = job.state else {
        return None;
    };
    job.attempt(attempt).and_then(|record| record.closed_at)
}

/// When its newest attempt that the endpoint accepted was started.
fn accepted_at(job: &Job) -> Option<Timestamp> {
    let is_accepted = |attempt: &&crate::job::AttemptRecord| {
        attempt.output.is_some() || attempt.failure_object.is_some()
    };
    let accepted = job.attempts.iter().filter(is_accepted);
    accepted.map(|attempt| attempt.started_at).max()
}
