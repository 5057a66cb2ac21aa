//! Reads the rows of an hour.

use jobs::event::EventKind;
use jobs::id::{JobId, Timestamp};
use jobs::job::{AttemptRecord, Job};
use jobs::ports::Clock;
use jobs::state::{Cause, StatusGroup};

use super::HOUR_MS;
use super::run_times::EndedRequest;
use crate::ApiError;
use crate::ports::{JobList, JobListKey, TimeRange};

/// How many entries of a shard of the index a query reads.
const ENTRIES_PER_SHARD: u16 = 200;
/// How many rows one call reads.
const ROWS_PER_CALL: usize = 100;
/// Requests of up to this number of hours before an hour may still have been open in it.
const MAX_HOURS_BEFORE: u64 = 6;

pub(super) fn shards() -> impl Iterator<Item = JobListKey> {
    (0..JobId::SHARDS).map(JobListKey::CreatedOldestFirst)
}

/// A job as usage counts it.
pub(super) struct CountedJob {
    pub(super) tenant: String,
    pub(super) pipeline: String,
    pub(super) batch: String,
    pub(super) group: StatusGroup,
    pub(super) bytes: u64,
    /// The number of pages that the newest result with one states.
    pub(super) pages: Option<u32>,
    pub(super) requests: Vec<EndedRequest>,
}

/// The jobs that were created in an hour.
pub(super) struct HourOfJobs {
    pub(super) jobs: Vec<CountedJob>,
    /// Every row could be read: none is of a newer release.
    pub(super) is_complete: bool,
}

impl CountedJob {
    /// Its first run had a result: failures can end early or late, whatever the size of the document.
    pub(super) fn is_ready_at_once(&self) -> bool {
        self.group == StatusGroup::Ready && self.requests.len() == 1
    }
}

impl From<&Job> for CountedJob {
    fn from(job: &Job) -> Self {
        let requests = job.attempts.iter().filter_map(|it| request(job, it));
        Self {
            tenant: job.tenant.to_string(),
            pipeline: job.pipeline.clone(),
            batch: job.input.labels.batch.clone().unwrap_or_default(),
            group: job.group_before_erasure(),
            bytes: job.input.bytes,
            pages: job.attempts.iter().rev().find_map(|it| it.pages),
            requests: requests.collect(),
        }
    }
}

/// An attempt that the model has worked on, as far as is known. `None` if it has not, or not yet.
fn request(job: &Job, record: &AttemptRecord) -> Option<EndedRequest> {
    let is_final = job.state.status_group() != StatusGroup::Open;
    let ended_at = match record.closed_at {
        Some(at) => at,
        // The endpoint cannot be told to stop: it works on the request of a cancelled job all the same.
        None if is_final && record.output.is_some() => job.updated_at,
        None => return None,
    };
    let cause = record.failure.as_ref().map(|failure| failure.cause);
    let is_end_known = match cause {
        Some(
            Cause::InvalidInput
            | Cause::PipelineGone
            | Cause::Refused
            | Cause::Expired
            | Cause::Lost,
        ) => return None,
        Some(Cause::Superseded) => false,
        None
        | Some(
            Cause::ModelRejected
            | Cause::ModelError
            | Cause::TimedOut
            | Cause::Unprocessable
            | Cause::EndpointDown
            | Cause::Unknown,
        ) => {
            // A check found what had become of it; its notification was lost.
            let found =
                |event: &EventKind| matches!(event, EventKind::CheckDue | EventKind::Uploaded);
            let mut entries = job.history.iter();
            record.closed_at.is_some() && !entries.any(|it| it.at == ended_at && found(&it.event))
        }
    };
    Some(EndedRequest {
        sent_at: record.started_at,
        ended_at,
        is_end_known,
    })
}

/// Reads rows while there is time.
pub(super) struct InstanceReading<'a, P> {
    pub(super) ports: &'a P,
    pub(super) until: Timestamp,
}

impl<P: JobList + Clock> InstanceReading<'_, P> {
    /// The requests of earlier hours that may have been open in this one, with their pipelines. `None` if the time is over.
    pub(super) async fn requests_before(
        &self,
        begins_at: u64,
    ) -> Result<Option<Vec<(String, EndedRequest)>>, ApiError> {
        let mut found = Vec::new();
        for earlier in 1..=MAX_HOURS_BEFORE {
            let hour = begins_at.saturating_sub(earlier * HOUR_MS);
            let Some(of_hour) = self.jobs_of_hour(hour).await? else {
                return Ok(None);
            };
            let before = found.len();
            for job in of_hour.jobs {
                let open = job.requests.iter().filter(|it| it.ended_at.0 > begins_at);
                found.extend(open.map(|request| (job.pipeline.clone(), *request)));
            }
            if found.len() == before {
                break;
            }
        }
        Ok(Some(found))
    }

    /// `None` if the time is over.
    pub(super) async fn jobs_of_hour(
        &self,
        begins_at: u64,
    ) -> Result<Option<HourOfJobs>, ApiError> {
        let mut jobs = Vec::new();
        let mut is_complete = true;
        for list in shards() {
            let ids = self.ids_of_hour(&list, begins_at).await?;
            for ids in ids.chunks(ROWS_PER_CALL) {
                if self.ports.now() >= self.until {
                    return Ok(None);
                }
                let rows = self.ports.get_jobs(ids).await?;
                is_complete &= rows.len() == ids.len();
                jobs.extend(rows.iter().map(CountedJob::from));
            }
        }
        Ok(Some(HourOfJobs { jobs, is_complete }))
    }

    async fn ids_of_hour(&self, list: &JobListKey, begins_at: u64) -> Result<Vec<JobId>, ApiError> {
        let mut range = TimeRange {
            from: Timestamp(begins_at),
            to: Timestamp(begins_at + HOUR_MS - 1),
        };
        let mut entries = Vec::new();
        loop {
            let page = self
                .ports
                .list_entries(list, range, ENTRIES_PER_SHARD)
                .await?;
            let last = page.items.last().map(|entry| entry.at);
            entries.extend(page.items);
            match last {
                // The next page begins with the jobs of this millisecond again.
                Some(last) if page.more && last > range.from => range.from = last,
                // More jobs of one shard in one millisecond than a query reads.
                Some(last) if page.more => range.from = Timestamp(last.0 + 1),
                Some(_) | None => break,
            }
        }
        entries.sort();
        entries.dedup();
        Ok(entries.into_iter().map(|entry| entry.job).collect())
    }
}
