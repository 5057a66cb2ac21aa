//! What a digest reports, read from the feed and the rows.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use jobs::id::{JobId, Tenant};
use jobs::job::Job;
use jobs::ports::{Clock, JobStore, KeyValueStore, LoadError};
use jobs::state::StatusGroup;
use tracing::warn;

use super::state::DigestSubject;
use super::{DigestScope, Recipient};
use crate::ApiError;
use crate::batches::MAX_COUNTED_JOBS;
use crate::feed::{self, EventType, FeedError, FeedEvent, FeedPosition, MAX_EVENTS_PER_PAGE};
use crate::job_list::{JobScan, scan_jobs};
use crate::ports::{JobList, TimeRange};

/// A document in a digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ReportedDocument {
    pub(super) uploader: Option<String>,
    pub(super) status_group: StatusGroup,
    /// When its event was recorded; of a batch's documents, the last change of the job.
    pub(super) at: u64,
    /// Empty if its data was deleted.
    pub(super) name: String,
}

/// All documents that a digest is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Contents {
    pub(super) batch: Option<String>,
    pub(super) documents: Vec<ReportedDocument>,
    /// Whether the batch has more documents than were counted.
    pub(super) more: bool,
}

impl Contents {
    /// The documents that a recipient wants to know about; `None` if there is none.
    pub(super) fn of(&self, recipient: &Recipient) -> Option<Self> {
        let is_theirs = |document: &&ReportedDocument| match recipient.scope {
            DigestScope::Own => document.uploader.as_deref() == Some(&recipient.address),
            DigestScope::Tenant => true,
        };
        let is_wanted = |document: &ReportedDocument| {
            document.at >= recipient.enabled_at
                && match document.status_group {
                    StatusGroup::Ready => recipient.ready,
                    StatusGroup::Failed => recipient.failed,
                    StatusGroup::Open | StatusGroup::Cancelled | StatusGroup::Erased => false,
                }
        };
        let theirs = self.documents.iter().filter(is_theirs);
        // A digest of a batch is about all of the batch; another only about what the recipient asked for.
        let documents: Vec<ReportedDocument> = match self.batch {
            Some(_) => theirs.cloned().collect(),
            None => theirs.filter(|it| is_wanted(it)).cloned().collect(),
        };
        documents.iter().any(is_wanted).then(|| Self {
            batch: self.batch.clone(),
            documents,
            more: self.more,
        })
    }

    pub(super) fn count(&self, status_group: StatusGroup) -> usize {
        let all = self.documents.iter();
        all.filter(|document| document.status_group == status_group)
            .count()
    }
}

/// The rows of events' jobs, by id. A row that has expired is not among them, nor one that is damaged.
pub(super) async fn jobs_of<P: JobList + JobStore>(
    ports: &P,
    events: &[FeedEvent],
) -> Result<BTreeMap<JobId, Job>, FeedError> {
    let ids: BTreeSet<JobId> = events.iter().map(|event| event.event.job).collect();
    let ids: Vec<JobId> = ids.into_iter().collect();
    let mut rows = BTreeMap::new();
    for chunk in ids.chunks(usize::from(MAX_EVENTS_PER_PAGE)) {
        let found = ports.get_jobs(chunk).await;
        let found = found.map_err(|error| FeedError::Unreadable(error.to_string()))?;
        rows.extend(found.into_iter().map(|job| (job.id, job)));
    }
    // `get_jobs` leaves out rows that it cannot read, and may lag behind. So rows that it lacks are loaded one by one.
    for id in ids {
        if let Entry::Vacant(missing) = rows.entry(id) {
            match ports.load(id).await {
                Ok(Some(job)) => _ = missing.insert(job),
                Ok(None) => {}
                Err(LoadError::Unreadable { id, problem }) => {
                    warn!(job.id = %id, problem, "a digest leaves out a job whose row cannot be read");
                }
                Err(error) => return Err(FeedError::Unreadable(error.to_string())),
            }
        }
    }
    Ok(rows)
}

/// The batch of a job's document, as the digests know it.
pub(super) fn batch_of(job: &Job) -> Option<&str> {
    job.input.labels.batch.as_deref()
}

/// Reads what a digest reports.
pub(super) async fn read<P: KeyValueStore + JobList + JobStore + Clock>(
    ports: &P,
    tenant: &Tenant,
    subject: &DigestSubject,
) -> Result<Contents, FeedError> {
    match subject {
        DigestSubject::Events { from, to } => of_events(ports, tenant, from, *to).await,
        DigestSubject::Batch { name } => of_batch(ports, tenant, name).await,
    }
}

async fn of_events<P: KeyValueStore + JobList + JobStore + Clock>(
    ports: &P,
    tenant: &Tenant,
    from: &FeedPosition,
    to: u64,
) -> Result<Contents, FeedError> {
    let mut position = from.clone();
    // The newest event of a job counts: a job can fail and become ready after that.
    let mut newest: BTreeMap<JobId, ReportedDocument> = BTreeMap::new();
    while position.sequence < to {
        let page = feed::read(ports, tenant, &position, MAX_EVENTS_PER_PAGE).await?;
        let Some(last) = page.events.last() else {
            break;
        };
        position = last.into();
        let rows = jobs_of(ports, &page.events).await?;
        for event in page.events.iter().filter(|event| event.sequence <= to) {
            // Documents of batches are in digests of their own. Of deleted documents nothing is reported.
            let job = rows.get(&event.event.job);
            let job = job.filter(|job| batch_of(job).is_none() && !job.is_erased());
            let Some(job) = job else {
                continue;
            };
            let mut document = document(job);
            document.at = event.recorded_at.0;
            document.status_group = match event.event.event_type {
                EventType::JobReady => StatusGroup::Ready,
                EventType::JobFailed => StatusGroup::Failed,
            };
            newest.insert(event.event.job, document);
        }
    }
    Ok(Contents {
        batch: None,
        documents: newest.into_values().collect(),
        more: false,
    })
}

/// The documents of a batch, of which at most [`MAX_COUNTED_JOBS`] are counted.
pub(super) async fn of_batch<P: JobList>(
    ports: &P,
    tenant: &Tenant,
    name: &str,
) -> Result<Contents, FeedError> {
    let scan = JobScan::of_batch([tenant], name, TimeRange::ALL);
    let is_match = |job: &Job| job.tenant == *tenant && batch_of(job) == Some(name);
    let found = scan_jobs(ports, &scan, None, usize::MAX, MAX_COUNTED_JOBS, &is_match).await;
    let found = found.map_err(|error: ApiError| FeedError::Unreadable(error.to_string()))?;
    Ok(Contents {
        batch: Some(name.to_owned()),
        documents: found.jobs.iter().map(document).collect(),
        more: found.next.is_some(),
    })
}

fn document(job: &Job) -> ReportedDocument {
    let name = if job.is_erased() {
        String::new()
    } else {
        job.display_name().into_owned()
    };
    ReportedDocument {
        uploader: job.input.uploaded_by.clone(),
        status_group: job.state.status_group(),
        at: job.updated_at.0,
        name,
    }
}
