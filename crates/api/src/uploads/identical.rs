//! Notices a file whose content the tenant has uploaded before, so that no GPU runs for an answer that exists.
//!
//! A record per tenant, pipeline and content names the newest jobs. Only uploads that state their SHA-256 have one. The SHA-256 is
//! the uploader's word: a wrong one misleads only people of the same tenant.

use tracing::warn;

use super::idempotency::hash;
use crate::ports::JobList;
use crate::retention::kept_until;
use crate::types::NewUpload;
use crate::{ApiError, Principal};
use jobs::id::{JobId, Tenant, Timestamp};
use jobs::job::Job;
use jobs::pipeline::Pipelines;
use jobs::ports::{Clock, KeyValueStore, Record};
use jobs::state::StatusGroup;
use jobs::view::JobView;

/// How many jobs a record names: it stays below one kilobyte, which costs one write unit.
const MAX_JOBS: usize = 20;
/// How many jobs a refusal names.
const MAX_NAMED_JOBS: usize = 5;
/// The key of the record within its collection. Each content has a collection of its own, since one shared collection would
/// put all into one partition of the table.
const KEY: &str = "-";
const SHA256_DIGITS: usize = 64;
/// The end of a refusal: what a program can do.
pub const IDENTICAL_ADVICE: &str =
    ". Use that job, or set run_anyway to process the file once more";

fn collection(content: &str) -> String {
    format!("content#{content}")
}

/// Names the record of a content: a hash of tenant, pipeline, size and SHA-256. `None` if the upload states no SHA-256.
///
/// # Errors
/// If the SHA-256 is not one.
pub(super) fn content_of(tenant: &Tenant, upload: &NewUpload) -> Result<Option<String>, ApiError> {
    let Some(sha256) = &upload.sha256 else {
        return Ok(None);
    };
    let is_digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if sha256.len() != SHA256_DIGITS || !sha256.bytes().all(is_digit) {
        return Err(ApiError::BadRequest(format!(
            "sha256 must have {SHA256_DIGITS} hexadecimal digits in lower case"
        )));
    }
    let bytes = upload.bytes.to_string();
    let fields = [tenant.as_str(), &upload.pipeline, &bytes, sha256];
    Ok(Some(hash(&fields.map(Some))))
}

/// Records a job of a content. That the next upload of it is not noticed is better than an upload that fails.
pub(super) async fn record<P: KeyValueStore>(
    ports: &P,
    content: &str,
    job: JobId,
    expires_at: Timestamp,
) {
    let stored = ports.get(&collection(content), KEY).await;
    let written = async {
        let stored = stored?;
        let before = stored.as_ref().map_or("", |record| &record.body);
        let job = job.to_string();
        let others = before.lines().filter(|line| **line != job);
        let lines: Vec<&str> = [job.as_str()]
            .into_iter()
            .chain(others)
            .take(MAX_JOBS)
            .collect();
        let record = Record {
            body: lines.join("\n"),
            revision: stored.as_ref().map_or(1, |record| record.revision + 1),
            expires_at: Some(expires_at),
        };
        ports.put(&collection(content), KEY, &record).await
    };
    if let Err(error) = written.await {
        warn!(job.id = %job, error = %error, "the content of an upload was not recorded");
    }
}

/// Refuses an upload of a content of which the caller may see a job that is open, or ready with its result still stored.
///
/// # Errors
/// [`ApiError::Identical`].
pub(super) async fn refuse_identical<P: KeyValueStore + JobList + Clock>(
    ports: &P,
    pipelines: &Pipelines,
    principal: &Principal,
    content: &str,
    own: JobId,
) -> Result<(), ApiError> {
    let Some(record) = ports.get(&collection(content), KEY).await? else {
        return Ok(());
    };
    let ids: Vec<JobId> = record
        .body
        .lines()
        .filter_map(|line| line.parse().ok())
        .filter(|id| *id != own)
        .collect();
    if ids.is_empty() {
        return Ok(());
    }
    let now = ports.now();
    let is_of_use = |job: &Job| match job.state.status_group() {
        StatusGroup::Open => true,
        StatusGroup::Ready => kept_until(job, pipelines)
            .result
            .is_some_and(|at| at > now.0),
        StatusGroup::Failed | StatusGroup::Cancelled | StatusGroup::Erased => false,
    };
    let mut jobs = ports.get_jobs(&ids).await?;
    jobs.retain(|job| principal.reads(job) && is_of_use(job));
    jobs.sort_by_key(|job| std::cmp::Reverse((job.created_at, job.id)));
    let Some(newest) = jobs.first() else {
        return Ok(());
    };
    Err(ApiError::Identical {
        detail: format!(
            "the same content was uploaded before, as {:?}: job {} is {}{IDENTICAL_ADVICE}",
            newest.display_name(),
            newest.id,
            newest.state.name()
        ),
        jobs: jobs
            .iter()
            .take(MAX_NAMED_JOBS)
            .map(JobView::from)
            .collect(),
    })
}

/// Deletes the record of a content.
///
/// # Errors
/// If the store does not answer.
pub(super) async fn forget<P: KeyValueStore>(ports: &P, content: &str) -> Result<(), ApiError> {
    Ok(ports.delete(&collection(content), KEY).await?)
}
