//! Lists of jobs: reads entries of one or more indexes, merges them in their order, and loads their rows.
//!
//! One response examines at most [`MAX_EXAMINED_JOBS`] rows and queries each index a few times at most, however many
//! jobs there are. The next page continues after the last examined entry.

use super::{ApiError, Permission, Principal, ready_by};
use crate::name::fold;
use crate::ports::{JobList, TimeRange};
use crate::types::{JobPage, JobQuery};
use jobs::id::{Tenant, Timestamp};
use jobs::job::Job;
use jobs::labels::check_text;
use jobs::ports::{Clock, JobIndex, KeyValueStore};
use jobs::state::StatusGroup;
use jobs::view::JobView;

mod scan;

pub use scan::{JobListPosition, JobScan, ScanResult, scan_jobs};

/// The most rows that one response examines.
pub const MAX_EXAMINED_JOBS: usize = 500;
/// The most jobs in one response.
pub const MAX_PAGE_SIZE: u16 = 100;
pub(crate) const DEFAULT_PAGE_SIZE: u16 = 50;
/// A caller with more tenants must name one: each tenant is a query of its own.
const MAX_MERGED_TENANTS: usize = 10;

/// Lists jobs that match `query` and that the principal may see. Returns the page without its cursor, and the position
/// to continue from.
///
/// # Errors
/// If the query is invalid or a dependency does not answer.
pub async fn list<P: JobList + JobIndex + KeyValueStore + Clock>(
    ports: &P,
    principal: &Principal,
    query: &JobQuery,
    from: Option<JobListPosition>,
) -> Result<(JobPage, Option<JobListPosition>), ApiError> {
    let scan = scan_for(principal, query)?;
    let limit = query.limit.unwrap_or(DEFAULT_PAGE_SIZE);
    let sees_all = principal.has_for_all_tenants(Permission::SeeJobs);
    let is_all_tenants = sees_all && query.tenant.is_none();
    let is_match =
        |job: &Job| is_allowed(principal, job, query) && matches(job, query, is_all_tenants);
    let found = scan_jobs(
        ports,
        &scan,
        from,
        usize::from(limit),
        MAX_EXAMINED_JOBS,
        &is_match,
    )
    .await?;
    let views = found.jobs.iter().map(|job| principal.view(job));
    let mut jobs: Vec<JobView> = views.collect();
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

/// Whether a filter tells something of a job's contents: its name, its labels, or what was found in it.
fn asks_for_contents(query: &JobQuery) -> bool {
    let labels = query.reference.is_some() || query.batch.is_some();
    labels || query.q.is_some() || query.found.is_some()
}

/// Whether the principal may know that a job matches the query. Of a job whose contents it may not read, a filter by contents
/// would tell them.
pub(crate) fn is_allowed(principal: &Principal, job: &Job, query: &JobQuery) -> bool {
    if asks_for_contents(query) {
        principal.reads(job)
    } else {
        principal.sees(job)
    }
}

/// # Errors
/// If the query filters by contents, of which the principal may read none: its list would be empty.
pub fn check_readable(principal: &Principal, query: &JobQuery) -> Result<(), ApiError> {
    if asks_for_contents(query) {
        principal.must(Permission::ReadContents)?;
    }
    Ok(())
}

/// Refuses filters that are invalid, also where they are ignored.
///
/// # Errors
/// Names the first one.
pub fn check_filters(query: &JobQuery) -> Result<(), ApiError> {
    if !(1..=MAX_PAGE_SIZE).contains(&query.limit.unwrap_or(DEFAULT_PAGE_SIZE)) {
        return Err(ApiError::BadRequest(format!(
            "limit must be between 1 and {MAX_PAGE_SIZE}"
        )));
    }
    status_group(query)?;
    label("reference", query.reference.as_deref())?;
    label("batch", query.batch.as_deref())?;
    match query.found.as_deref() {
        None | Some("serious" | "any" | "none") => Ok(()),
        Some(other) => Err(ApiError::BadRequest(format!(
            "found {other:?} is not one of serious, any, none"
        ))),
    }
}

fn status_group(query: &JobQuery) -> Result<Option<StatusGroup>, ApiError> {
    let Some(name) = query.status.as_deref() else {
        return Ok(None);
    };
    let mut groups = StatusGroup::ALL.into_iter();
    let group = groups.find(|group| group.name() == name);
    if group.is_none() {
        return Err(ApiError::BadRequest(format!(
            "status {name:?} is not one of open, ready, failed, cancelled, erased"
        )));
    }
    Ok(group)
}

fn scan_for(principal: &Principal, query: &JobQuery) -> Result<JobScan, ApiError> {
    let status_group = status_group(query)?;
    let range = TimeRange {
        from: Timestamp(query.since.unwrap_or(0)),
        ..TimeRange::ALL
    };
    if query.reference.is_some() || query.batch.is_some() {
        return labelled_scan(principal, query, range);
    }
    let status_groups = match status_group {
        Some(group) => vec![group],
        None => StatusGroup::ALL.to_vec(),
    };
    if query.tenant.is_none() && principal.has_for_all_tenants(Permission::SeeJobs) {
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
    let tenant = principal.tenant(Permission::SeeJobs, query.tenant.as_deref())?;
    Ok(JobScan::of_tenants([&tenant], &status_groups, range))
}

/// Lists by a reference or a batch are those of tenants, since another tenant may have the same names. Of both, the reference
/// has fewer jobs.
fn labelled_scan(
    principal: &Principal,
    query: &JobQuery,
    range: TimeRange,
) -> Result<JobScan, ApiError> {
    let tenants = label_tenants(principal, query.tenant.as_deref())?.ok_or_else(|| {
        ApiError::BadRequest("name the tenant of the reference or batch".to_owned())
    })?;
    let reference = label("reference", query.reference.as_deref())?;
    let batch = label("batch", query.batch.as_deref())?;
    Ok(match (reference, batch) {
        (Some(reference), _) => JobScan::of_reference(&tenants, &reference, range),
        (None, batch) => JobScan::of_batch(&tenants, &batch.unwrap_or_default(), range),
    })
}

/// The tenants whose labels a caller searches: the named one, or its own. `None` if it must name one.
pub(crate) fn label_tenants(
    principal: &Principal,
    named: Option<&str>,
) -> Result<Option<Vec<Tenant>>, ApiError> {
    let own = &principal.tenants;
    match named {
        Some(_) => Ok(Some(vec![principal.tenant(Permission::SeeJobs, named)?])),
        None if own.is_empty() || own.len() > MAX_MERGED_TENANTS => Ok(None),
        None => Ok(Some(own.iter().cloned().collect())),
    }
}

/// A label as it is stored.
///
/// # Errors
/// If no document can have it: the list would be empty, as if there were no such jobs.
pub(crate) fn label(name: &str, text: Option<&str>) -> Result<Option<String>, ApiError> {
    let checked = text.map(check_text).transpose();
    checked.map_err(|problem| ApiError::BadRequest(format!("{name} {problem}")))
}

/// Whether a row matches the query. Needed for filters that no index has, and because an index may lag behind its rows.
pub(crate) fn matches(job: &Job, query: &JobQuery, is_all_tenants: bool) -> bool {
    let equals = |filter: &Option<String>, value: &str| {
        filter.as_deref().is_none_or(|wanted| wanted == value)
    };
    let cause = job.failure().map_or("", |failure| failure.cause.name());
    let has_prefix = |prefix: &String| fold(&job.display_name()).starts_with(&fold(prefix));
    equals(&query.status, job.state.status_group().name())
        && equals(&query.pipeline, &job.pipeline)
        && equals(&query.cause, cause)
        && query.q.as_ref().is_none_or(has_prefix)
        && has_label(
            query.reference.as_deref(),
            job.input.labels.reference.as_deref(),
        )
        && has_label(query.batch.as_deref(), job.input.labels.batch.as_deref())
        && matches_marks(job, query)
        && query
            .since
            .is_none_or(|since| filtered_time(job, is_all_tenants).0 >= since)
}

/// The filters about people and their marks. Marks of a result before the newest one do not count.
fn matches_marks(job: &Job, query: &JobQuery) -> bool {
    let attempt = job.state.attempt().0;
    let marks = job.marks.as_deref();
    let assignee = marks.and_then(|marks| marks.assigned_to.as_deref());
    let reviewed = marks.and_then(|marks| marks.reviewed.as_ref());
    let is_reviewed = reviewed.is_some_and(|one| one.attempt == attempt);
    let counts = marks.and_then(|marks| marks.findings);
    let counts = counts.filter(|counts| counts.attempt == attempt);
    let unclear = marks.map_or(0, |marks| marks.unclear_findings);
    let has_found = |wanted: &str| {
        counts.is_some_and(|counts| match wanted {
            "serious" => counts.serious > 0 || unclear > 0,
            "any" => counts.serious > 0 || counts.other > 0,
            _ => counts.serious == 0 && counts.other == 0,
        })
    };
    let is_wanted = |wanted: &Option<String>, there: Option<&str>| {
        wanted
            .as_deref()
            .is_none_or(|wanted| wanted.trim() == there.unwrap_or_default())
    };
    is_wanted(&query.uploaded_by, job.input.uploaded_by.as_deref())
        && is_wanted(&query.assigned_to, assignee)
        && query
            .reviewed
            .is_none_or(|wanted| wanted == is_reviewed && job.results().next().is_some())
        && query.found.as_deref().is_none_or(has_found)
}

/// Whether a label equals the one that a filter wants, without the blanks around it.
pub(crate) fn has_label(wanted: Option<&str>, label: Option<&str>) -> bool {
    wanted
        .is_none_or(|wanted| check_text(wanted).is_ok_and(|wanted| label == Some(wanted.as_str())))
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
