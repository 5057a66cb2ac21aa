//! Lists of jobs: reads entries of one or more indexes, merges them in their order, and loads their rows.
//!
//! One response examines at most [`MAX_EXAMINED_JOBS`] rows and queries each index a few times at most, however many
//! jobs there are. The next page continues after the last examined entry.

use super::{ApiError, Principal, ready_by};
use crate::name::fold;
use crate::ports::{JobList, TimeRange};
use crate::types::{JobPage, JobQuery};
use jobs::id::Timestamp;
use jobs::job::Job;
use jobs::ports::{Clock, KeyValueStore};
use jobs::state::StatusGroup;
use jobs::view::JobView;

mod scan;

pub use scan::{JobListPosition, JobScan, ScanResult, scan_jobs};

/// The most rows that one response examines.
pub const MAX_EXAMINED_JOBS: usize = 500;
pub(crate) const MAX_PAGE_SIZE: u16 = 100;
const DEFAULT_PAGE_SIZE: u16 = 50;
/// A caller with more tenants must name one: each tenant is a query of its own.
const MAX_MERGED_TENANTS: usize = 10;

/// Lists jobs that match `query` and that the principal may see. Returns the page without its cursor, and the position
/// to continue from.
///
/// # Errors
/// If the query is invalid or a dependency does not answer.
pub async fn list<P: JobList + KeyValueStore + Clock>(
    ports: &P,
    principal: &Principal,
    query: &JobQuery,
    from: Option<JobListPosition>,
) -> Result<(JobPage, Option<JobListPosition>), ApiError> {
    let scan = scan_for(principal, query)?;
    let limit = match query.limit {
        None => DEFAULT_PAGE_SIZE,
        Some(limit) if (1..=MAX_PAGE_SIZE).contains(&limit) => limit,
        Some(_) => {
            return Err(ApiError::BadRequest(format!(
                "limit must be between 1 and {MAX_PAGE_SIZE}"
            )));
        }
    };
    let is_all_tenants = principal.is_support() && query.tenant.is_none();
    let is_match = |job: &Job| principal.sees(job) && matches(job, query, is_all_tenants);
    let found = scan_jobs(
        ports,
        &scan,
        from,
        usize::from(limit),
        MAX_EXAMINED_JOBS,
        is_match,
    )
    .await?;
    let mut jobs: Vec<JobView> = found.jobs.iter().map(JobView::from).collect();
    ready_by::add_estimates(ports, &found.jobs, &mut jobs).await;
    let page = JobPage {
        jobs,
        searched_back_to: found
            .examined_to
            // Open jobs of all tenants are sorted by their next check, which lies in the future.
            .filter(|_| found.next.is_some() && !scan.is_ascending())
            .map(|at| at.0),
        ..JobPage::default()
    };
    Ok((page, found.next))
}

fn scan_for(principal: &Principal, query: &JobQuery) -> Result<JobScan, ApiError> {
    let status_group = match query.status.as_deref() {
        None => None,
        Some(name) => Some(
            StatusGroup::ALL
                .into_iter()
                .find(|group| group.name() == name)
                .ok_or_else(|| {
                    ApiError::BadRequest(format!(
                        "status {name:?} is not one of open, ready, failed, cancelled, erased"
                    ))
                })?,
        ),
    };
    let range = TimeRange {
        from: Timestamp(query.since.unwrap_or(0)),
        ..TimeRange::ALL
    };
    let status_groups = match status_group {
        Some(group) => vec![group],
        None => StatusGroup::ALL.to_vec(),
    };
    if query.tenant.is_none() && principal.is_support() {
        return match status_group {
            Some(StatusGroup::Failed) => Ok(JobScan::failed(None, range)),
            Some(StatusGroup::Open) => Ok(JobScan::open()),
            Some(StatusGroup::Ready | StatusGroup::Cancelled | StatusGroup::Erased) | None => Err(ApiError::BadRequest(
                "only open or failed jobs can be listed for all tenants; name the tenant, or set status to open or failed"
                    .to_owned(),
            )),
        };
    }
    if query.tenant.is_none() && principal.tenants.len() <= MAX_MERGED_TENANTS {
        return Ok(JobScan::of_tenants(
            &principal.tenants,
            &status_groups,
            range,
        ));
    }
    let tenant = principal.tenant(query.tenant.as_deref())?;
    Ok(JobScan::of_tenants([&tenant], &status_groups, range))
}

/// Whether a row matches the query. Needed for filters that no index has, and because an index may lag behind its rows.
fn matches(job: &Job, query: &JobQuery, is_all_tenants: bool) -> bool {
    let equals = |filter: &Option<String>, value: &str| {
        filter.as_deref().is_none_or(|wanted| wanted == value)
    };
    let cause = job.failure().map_or("", |failure| failure.cause.name());
    let has_prefix = |prefix: &String| fold(&job.display_name()).starts_with(&fold(prefix));
    equals(&query.status, job.state.status_group().name())
        && equals(&query.pipeline, &job.pipeline)
        && equals(&query.cause, cause)
        && query.q.as_ref().is_none_or(has_prefix)
        && query
            .since
            .is_none_or(|since| filtered_time(job, is_all_tenants).0 >= since)
}

/// The time that `since` filters: when the job was created, or when it failed if failed jobs of all tenants are listed.
fn filtered_time(job: &Job, is_all_tenants: bool) -> Timestamp {
    match job.state.status_group() {
        StatusGroup::Failed if is_all_tenants => job.updated_at,
        StatusGroup::Failed
        | StatusGroup::Open
        | StatusGroup::Ready
        | StatusGroup::Cancelled
        | StatusGroup::Erased => job.created_at,
    }
}
