//! The limits of tenants ([`jobs::pipeline::TenantLimits`]), before an upload session is created.
//!
//! Nothing is counted up and down. Open jobs are counted in the index of the tenant's jobs: one query, half a read unit for each 30
//! of them. The time of runs is worked out from the rows of the last 24 hours, at most once a minute: half a read unit for each
//! job, and a record keeps the result for that long.

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
/// How old the sum of the times of runs may be.
const USAGE_AGE_MS: u64 = 60_000;
/// The collection of these sums, by tenant.
const COLLECTION: &str = "usage";
/// Rows read before the sum is looked at.
const ROWS_AT_A_TIME: usize = 100;

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
    let usage = stored.as_ref().and_then(|record| Usage::read(&record.body));
    let is_current = |usage: &Usage| {
        let is_recent = now.0 < usage.at.0 + USAGE_AGE_MS;
        usage.limit == limit && (is_recent || now < usage.full_until)
    };
    if let Some(usage) = usage.filter(is_current) {
        return Ok(usage.full_until);
    }
    let usage = Usage {
        at: now,
        limit,
        full_until: work_out(ports, pipelines, tenant, limit).await?,
    };
    let record = Record {
        body: usage.write(),
        revision: stored.map_or(1, |record| record.revision + 1),
        expires_at: Some(Timestamp(usage.full_until.0.max(now.0) + USAGE_AGE_MS)),
    };
    // If another request has stored the same, that is as good.
    ports.put(COLLECTION, tenant.as_str(), &record).await?;
    Ok(usage.full_until)
}

/// From the rows, newest first, until the limit is reached: it stays so until that job is a day old.
async fn work_out<P: JobList + KeyValueStore + Clock>(
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
            ROWS_AT_A_TIME,
            ROWS_AT_A_TIME,
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

/// As function `capacity` has measured it, or else the pipeline's typical one.
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

/// What is kept of a sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Usage {
    at: Timestamp,
    limit: u32,
    full_until: Timestamp,
}

impl Usage {
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
        let usage = Usage {
            at: Timestamp(1_767_607_442_118),
            limit: 600,
            full_until: Timestamp(1_767_693_842_118),
        };
        assert_eq!(Usage::read(&usage.write()), Some(usage));
        assert_eq!(Usage::read("1 2"), None);
    }
}
