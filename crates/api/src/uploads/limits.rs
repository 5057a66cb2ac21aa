//! The limits of tenants ([`jobs::pipeline::TenantLimits`]), before an upload session is created.
//!
//! There are no counters. Open jobs are counted in the index of the tenant's jobs: one query, half a read unit for each 30 of them.
//! The time of runs is computed from the rows of the last 24 hours, half a read unit for each job. A record keeps the result for a
//! minute.

use std::collections::BTreeMap;

use super::super::job_list::{JobListPosition, JobScan, scan_jobs};
use crate::ApiError;
use crate::ports::{JobList, JobListKey, TimeRange};
use jobs::id::{Tenant, Timestamp};
use jobs::job::{AttemptRecord, Job};
use jobs::pipeline::{Pipeline, Pipelines};
use jobs::ports::{Clock, KeyValueStore, Record};
use jobs::ready_by;
use jobs::state::{Cause, StatusGroup};

const DAY_MS: u64 = 86_400_000;
/// How old a stored [`RunTimeLimit`] may be.
const MAX_LIMIT_AGE_MS: u64 = 60_000;
/// The collection of [`RunTimeLimit`], by tenant.
const COLLECTION: &str = "usage";
/// Rows per scan; a tenant at its limit needs no further scan.
const ROWS_PER_SCAN: usize = 100;

/// Refuses an upload of a tenant that has used up one of its limits. Without a limit, nothing is read.
///
/// # Errors
/// [`ApiError::LimitReached`], or if a dependency does not answer.
pub(super) async fn check<P: JobList + KeyValueStore + Clock>(
    ports: &P,
    pipelines: &Pipelines,
    pipeline: &Pipeline,
    tenant: &Tenant,
) -> Result<(), ApiError> {
    let limits = pipelines.tenant_limits().of(tenant);
    if let Some(limit) = limits.open_jobs {
        let list = JobListKey::OfTenant(tenant.clone(), StatusGroup::Open);
        let count = u16::try_from(limit).unwrap_or(u16::MAX);
        let page = ports.list_entries(&list, TimeRange::ALL, count).await?;
        if page.items.len() >= usize::from(count) {
            return Err(ApiError::LimitReached {
                detail: format!(
                    "{tenant} has {limit} open jobs, which is its limit; upload more when some of them have ended"
                ),
                retry_after_seconds: u64::from(pipeline.typical_run_seconds).clamp(5, 300),
            });
        }
    }
    let Some(limit) = limits.gpu_minutes_a_day else {
        return Ok(());
    };
    let full_until = full_until(ports, pipelines, tenant, limit).await?;
    let wait_ms = full_until.0.saturating_sub(ports.now().0);
    if wait_ms == 0 {
        return Ok(());
    }
    Err(ApiError::LimitReached {
        detail: format!(
            "the documents of {tenant} of the last 24 hours take {limit} GPU minutes or more, which is its limit for a day"
        ),
        retry_after_seconds: wait_ms.div_ceil(1000),
    })
}

/// Until when the documents of the last 24 hours use the limit up; a time in the past if they do not.
async fn full_until<P: JobList + KeyValueStore + Clock>(
    ports: &P,
    pipelines: &Pipelines,
    tenant: &Tenant,
    limit: u32,
) -> Result<Timestamp, ApiError> {
    let now = ports.now();
    let stored = ports.get(COLLECTION, tenant.as_str()).await?;
    let usage = stored
        .as_ref()
        .and_then(|record| RunTimeLimit::read(&record.body));
    let is_current = |usage: &RunTimeLimit| {
        let is_recent = now.0 < usage.at.0 + MAX_LIMIT_AGE_MS;
        usage.limit == limit && (is_recent || now < usage.full_until)
    };
    if let Some(usage) = usage.filter(is_current) {
        return Ok(usage.full_until);
    }
    let usage = RunTimeLimit {
        at: now,
        limit,
        full_until: compute_full_until(ports, pipelines, tenant, limit).await?,
    };
    let record = Record {
        body: usage.write(),
        revision: stored.map_or(1, |record| record.revision + 1),
        expires_at: Some(Timestamp(usage.full_until.0.max(now.0) + MAX_LIMIT_AGE_MS)),
    };
    // A conflict is ignored: another request has just stored the same.
    ports.put(COLLECTION, tenant.as_str(), &record).await?;
    Ok(usage.full_until)
}

/// Adds up the runs of the last 24 hours, newest job first. The job that reaches the limit frees it when it is a day old. Returns that
/// time; 0 if the limit is not reached.
async fn compute_full_until<P: JobList + KeyValueStore + Clock>(
    ports: &P,
    pipelines: &Pipelines,
    tenant: &Tenant,
    limit: u32,
) -> Result<Timestamp, ApiError> {
    let now = ports.now();
    let last_day = TimeRange {
        from: Timestamp(now.0.saturating_sub(DAY_MS)),
        ..TimeRange::ALL
    };
    let scan = JobScan::of_tenants([tenant], &StatusGroup::ALL, last_day);
    let mut run_ms: BTreeMap<String, u64> = BTreeMap::new();
    let mut left_ms = u64::from(limit) * 60_000;
    let mut position: Option<JobListPosition> = None;
    loop {
        let page = scan_jobs(
            ports,
            &scan,
            position,
            ROWS_PER_SCAN,
            ROWS_PER_SCAN,
            &|_| true,
        )
        .await?;
        for job in &page.jobs {
            if !run_ms.contains_key(&job.pipeline) {
                let known = expected_run_ms(ports, pipelines, &job.pipeline).await?;
                run_ms.insert(job.pipeline.clone(), known);
            }
            let run = run_ms.get(&job.pipeline).copied().unwrap_or(0);
            left_ms = left_ms.saturating_sub(run.saturating_mul(runs(job)));
            if left_ms == 0 {
                return Ok(Timestamp(job.created_at.0 + DAY_MS));
            }
        }
        position = page.next;
        if position.is_none() {
            return Ok(Timestamp(0));
        }
    }
}

/// The attempts of a job that ran, or may run.
fn runs(job: &Job) -> u64 {
    let did_not_run = |record: &AttemptRecord| {
        let cause = record.failure.as_ref().map(|failure| failure.cause);
        matches!(cause, Some(Cause::Refused | Cause::Expired))
    };
    let ran = job.attempts.iter().filter(|record| !did_not_run(record));
    ran.count() as u64
}

/// The run time that function `capacity` has measured, else the pipeline's typical one. In milliseconds.
async fn expected_run_ms<P: KeyValueStore>(
    ports: &P,
    pipelines: &Pipelines,
    pipeline: &str,
) -> Result<u64, ApiError> {
    let typical = pipelines.get(pipeline);
    let typical = typical.map_or(0, |it| u64::from(it.typical_run_seconds) * 1000);
    let measured = ready_by::load(ports, pipeline).await?;
    Ok(measured.map_or(typical, |snapshot| snapshot.run.ms))
}

/// Until when a tenant has used up its limit of run time, as computed at `at`. A record caches it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct RunTimeLimit {
    at: Timestamp,
    limit: u32,
    /// 0 if the limit is not reached.
    full_until: Timestamp,
}

impl RunTimeLimit {
    fn write(self) -> String {
        format!("{} {} {}", self.at.0, self.limit, self.full_until.0)
    }

    fn read(body: &str) -> Option<Self> {
        let mut numbers = body.split(' ');
        let mut number = || numbers.next()?.parse::<u64>().ok();
        Some(Self {
            at: Timestamp(number()?),
            limit: u32::try_from(number()?).ok()?,
            full_until: Timestamp(number()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_read_as_it_was_stored() {
        let usage = RunTimeLimit {
            at: Timestamp(1_767_607_442_118),
            limit: 600,
            full_until: Timestamp(1_767_693_842_118),
        };
        assert_eq!(RunTimeLimit::read(&usage.write()), Some(usage));
        assert_eq!(RunTimeLimit::read("1 2"), None);
    }
}
