//! The progress of a batch: documents that were uploaded together.

use super::job_list::{JobScan, label, label_tenants, scan_jobs};
use super::ready_by::add_estimates;
use super::summary::count_jobs_by;
use super::{ApiError, Principal, tenants};
use crate::ports::{JobList, TimeRange};
use crate::types::BatchView;
use jobs::job::Job;
use jobs::ports::{Clock, JobIndex, KeyValueStore};
use jobs::state::StatusGroup;
use jobs::view::JobView;

/// The most rows of a batch that one response counts.
pub(crate) const MAX_COUNTED_JOBS: usize = 2000;

/// Counts the jobs of a batch, and says when the last of them will be ready. Nothing is stored: the rows are counted.
///
/// # Errors
/// If the principal has no access to the tenant or must name one, the batch has no job that the principal may see, or a
/// dependency does not answer.
pub async fn show<P: JobList + JobIndex + KeyValueStore + Clock>(
    ports: &P,
    principal: &Principal,
    name: &str,
    tenant: Option<&str>,
) -> Result<BatchView, ApiError> {
    let name = label("batch", Some(name))?.unwrap_or_default();
    let of_tenants = label_tenants(principal, tenant)?
        .ok_or_else(|| ApiError::BadRequest("name the tenant of the batch".to_owned()))?;
    let scan = JobScan::of_batch(&of_tenants, &name, TimeRange::ALL);
    let is_match =
        |job: &Job| principal.reads(job) && job.input.labels.batch.as_deref() == Some(&name);
    let found = scan_jobs(ports, &scan, None, usize::MAX, MAX_COUNTED_JOBS, &is_match).await?;
    if found.jobs.is_empty() {
        tenants::must_be_known(ports, principal, tenant).await?;
        return Err(ApiError::NotFound(format!(
            "there is no batch {name:?}, or you have no access to its documents"
        )));
    }
    let mut views: Vec<JobView> = found.jobs.iter().map(JobView::from).collect();
    add_estimates(ports, &found.jobs, &mut views).await;
    let count = |group: StatusGroup| {
        let jobs = found.jobs.iter();
        as_u32(jobs.filter(|job| job.state.status_group() == group).count())
    };
    let open = views.iter().filter_map(|view| view.ready_by.as_ref());
    let about: Vec<Option<u64>> = open.map(|ready_by| ready_by.about).collect();
    let is_failed = |job: &&Job| job.state.status_group() == StatusGroup::Failed;
    let failed: Vec<Job> = found.jobs.iter().filter(is_failed).cloned().collect();
    Ok(BatchView {
        name,
        at: ports.now().0,
        jobs: as_u32(found.jobs.len()),
        more: found.next.is_some(),
        open: count(StatusGroup::Open),
        ready: count(StatusGroup::Ready),
        failed: count(StatusGroup::Failed),
        cancelled: count(StatusGroup::Cancelled) + count(StatusGroup::Erased),
        failed_by_cause: count_jobs_by(&failed, |job| {
            let cause = job.failure().map(|failure| failure.cause.name());
            cause.unwrap_or_default().to_owned()
        }),
        // Nothing is said about the batch if nothing is known about one of its jobs.
        ready_by: about
            .iter()
            .copied()
            .collect::<Option<Vec<u64>>>()
            .and_then(|all| all.into_iter().max()),
    })
}

fn as_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
