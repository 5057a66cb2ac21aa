//! Past jobs, read through the API.

use api::job_list::MAX_PAGE_SIZE;
use api::types::{JobPage, JobQuery};
use capacity_plan::PastJob;
use jobs::view::JobView;

use crate::CommandContext;
use crate::error::Result;
use crate::url::query_string;

/// Maximum number of pages that are read; each examines at most 500 jobs.
const MAX_PAGES: u32 = 200;

/// The jobs of a pipeline since a time.
pub(super) struct PastJobs {
    pub(super) jobs: Vec<PastJob>,
    /// All jobs since this time were read. It is later than asked for if `stopped`.
    pub(super) since: u64,
    /// `MAX_PAGES` were read, and there are more.
    pub(super) stopped: bool,
}

pub(super) async fn read(
    context: &CommandContext,
    pipeline: &str,
    tenant: Option<&str>,
    since: u64,
) -> Result<PastJobs> {
    let mut found = PastJobs {
        jobs: Vec::new(),
        since,
        stopped: false,
    };
    let mut cursor = None;
    let mut read_back_to = None;
    for _ in 0..MAX_PAGES {
        let filters = JobQuery {
            tenant: tenant.map(str::to_owned),
            pipeline: Some(pipeline.to_owned()),
            since: Some(since),
            limit: Some(MAX_PAGE_SIZE),
            cursor: cursor.take(),
            ..JobQuery::default()
        };
        let path = format!("/jobs{}", query_string(&filters));
        let page: JobPage = context.client.get(&path).await?;
        read_back_to = page.searched_back_to.or(read_back_to);
        found.jobs.extend(page.jobs.iter().map(past_job));
        cursor = page.cursor;
        if cursor.is_none() {
            return Ok(found);
        }
    }
    // The list is sorted, the newest first.
    let oldest = found.jobs.iter().map(|job| job.created_at).min();
    found.since = read_back_to.or(oldest).unwrap_or(since);
    found.stopped = true;
    Ok(found)
}

fn past_job(job: &JobView) -> PastJob {
    let (ended_at, first_attempt) = match job.status.as_ref() {
        "Ready" => (Some(job.updated_at), job.attempt == 1 && !job.corrected),
        "Failed" | "Cancelled" => (Some(job.updated_at), false),
        // When it ended is not known any more: the last change is the erasure.
        "Erased" => (Some(job.created_at), false),
        _ => (None, false),
    };
    PastJob {
        created_at: job.created_at,
        ended_at,
        first_attempt,
    }
}
