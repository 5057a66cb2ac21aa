//! Deletes the data of a job: its objects, and everything that names the document or repeats the model's words.
//!
//! The row stays, with who deleted the data and why. Without it the inventory scan would take the object for one whose
//! event was lost, and a late result would have no job. The audit log keeps the reasons that users gave.

mod messages;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::audit::{AuditTarget, PendingAudit, count};
use super::commands::{begin_audit, command_result, job_command, refusal};
use super::job_detail::visible_job;
use super::may_delete::must_may_delete;
use super::{ApiError, Permission, Principal, uploads};
use crate::forgotten_batches;
use crate::ports::QuarantineStore;
use crate::search_index::remove::remove_job;
use crate::search_index::slices_of;
use crate::types::{AuditAction, JobCommandRequest, JobCommandResult};
use crate::webhooks;
use jobs::apply::RunContext;
use jobs::commands::{EraseResult, JobCommand, erase_job};
use jobs::effects::push_update;
use jobs::erase_objects::{delete_input, delete_results};
use jobs::id::{JobId, Location, Timestamp};
use jobs::input::{InputLocation, input_location};
use jobs::job::Job;
use jobs::ports::{
    Clock, Connections, JobStore, KeyValueStore, ObjectDeletion, ObjectStore, Pusher, Record,
};

/// Holds a record for each deletion that is not complete: the row no longer has the key.
pub(crate) const COLLECTION: &str = "data-deletion";

/// What an unfinished deletion still has to delete, and the row no longer names.
#[derive(Debug, Serialize, Deserialize)]
struct UnfinishedDeletion {
    key: String,
    /// The slices of the search index that list the job.
    #[serde(default)]
    slices: BTreeSet<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    batch: Option<String>,
}

/// Deletes the uploaded version, further uploads of the same bytes, its copy, outputs and failure objects, the file's name, labels and entries in the search index, the model's words, the reasons in
/// the job's history, the log of its webhooks, and the messages in quarantine that name the job. The job becomes `Erased`, for
/// good. Function `reconciler` forgets the name of its batch ([`forgotten_batches`]).
///
/// # Errors
/// If the caller may not delete it, the job is open or has changed, or an attempt may still write a result.
pub async fn delete_data<P>(
    ports: &P,
    run: &RunContext<'_>,
    principal: &Principal,
    id: &str,
    request: &JobCommandRequest,
    push_until: Timestamp,
) -> Result<JobCommandResult, ApiError>
where
    P: JobStore
        + ObjectStore
        + ObjectDeletion
        + KeyValueStore
        + QuarantineStore
        + Connections
        + Pusher
        + Clock,
{
    let permission = Permission::DeleteData;
    principal.must(permission)?;
    let job = visible_job(ports, run, principal, permission, id).await?;
    must_may_delete(principal, run.pipelines, &job)?;
    let command = job_command(principal, &job, request)?;
    let target = AuditTarget::job(id, &job);
    let audit = begin_audit(
        ports,
        run,
        principal,
        AuditAction::DeleteData,
        target,
        request,
    )
    .await?;
    let erased = erase(ports, run, &job, &command, audit, push_until).await?;
    Ok(command_result(principal, &erased, false))
}

/// Carries out a deletion that may be, and records its outcome. Returns the job afterwards.
///
/// # Errors
/// If the job is open or has changed, an attempt may still write a result, or a service does not answer.
pub(crate) async fn erase<P>(
    ports: &P,
    run: &RunContext<'_>,
    job: &Job,
    command: &JobCommand,
    audit: PendingAudit,
    push_until: Timestamp,
) -> Result<Job, ApiError>
where
    P: JobStore
        + ObjectStore
        + ObjectDeletion
        + KeyValueStore
        + QuarantineStore
        + Connections
        + Pusher
        + Clock,
{
    // Before the row: an interrupted deletion can be repeated only with the key.
    let unfinished = match unfinished_deletion(ports, job).await {
        Ok(unfinished) => unfinished,
        Err(error) => return Err(audit.refuse(ports, error).await),
    };
    let erased = match erase_job(ports, run, command).await {
        Ok(EraseResult::Erased(erased)) => erased,
        Ok(EraseResult::Refused(job, reason)) => {
            return Err(audit.refuse(ports, refusal(&job, reason, "erased")).await);
        }
        Err(error) => return Err(audit.refuse(ports, ApiError::from(error)).await),
    };
    let deleted = delete_everything(ports, &erased, unfinished).await;
    // Connected pages still show the file's name.
    push_update(ports, erased.clone(), push_until).await;
    match deleted {
        Ok(deleted) => {
            audit.finish(ports, outcome(deleted)).await;
            Ok(erased)
        }
        Err(error) => {
            audit
                .finish(ports, "interrupted; repeat the deletion")
                .await;
            Err(error)
        }
    }
}

pub(crate) fn outcome(deleted: usize) -> String {
    count(
        deleted as u64,
        "object version was deleted",
        "object versions were deleted",
    )
}

/// Completes a deletion that was interrupted. Returns the number of deleted object versions; `None` if the job's data is not to
/// be deleted after all: then the deletion was refused.
///
/// # Errors
/// If a service does not answer. Repeating the call deletes the rest.
pub(crate) async fn complete<P>(
    ports: &P,
    id: JobId,
    record: &Record,
) -> Result<Option<(Job, usize)>, ApiError>
where
    P: JobStore + ObjectStore + ObjectDeletion + KeyValueStore + QuarantineStore + Clock,
{
    let Some(job) = ports.load(id).await?.filter(Job::is_erased) else {
        return Ok(None);
    };
    let deleted = delete_everything(ports, &job, Some(parsed(record)?)).await?;
    Ok(Some((job, deleted)))
}

fn parsed(record: &Record) -> Result<UnfinishedDeletion, ApiError> {
    serde_json::from_str(&record.body).map_err(|error| {
        ApiError::Unavailable(format!("the unfinished deletion cannot be read: {error}"))
    })
}

/// What the row names, which is recorded for a repetition, or what was recorded. `None` once all is deleted.
async fn unfinished_deletion<P: KeyValueStore>(
    ports: &P,
    job: &Job,
) -> Result<Option<UnfinishedDeletion>, ApiError> {
    let id = job.id.to_string();
    if job.is_erased() {
        let Some(record) = ports.get(COLLECTION, &id).await? else {
            return Ok(None);
        };
        return parsed(&record).map(Some);
    }
    let unfinished = UnfinishedDeletion {
        key: job.input.key.clone(),
        slices: slices_of(job),
        batch: job.input.labels.batch.clone(),
    };
    // An open job is refused next.
    if !job.state.is_open() {
        let record = Record {
            body: serde_json::to_string(&unfinished).unwrap_or_default(),
            revision: 1,
            // The row goes then, and the object has gone before.
            expires_at: job.expires_at,
        };
        ports.put(COLLECTION, &id, &record).await?;
    }
    Ok(Some(unfinished))
}

/// Returns the number of deleted object versions.
async fn delete_everything<P>(
    ports: &P,
    job: &Job,
    unfinished: Option<UnfinishedDeletion>,
) -> Result<usize, ApiError>
where
    P: JobStore + ObjectStore + ObjectDeletion + KeyValueStore + QuarantineStore + Clock,
{
    let bucket = &job.input.bucket;
    let mut versions = Vec::new();
    let mut copy = None;
    let mut known_key = None;
    if let Some(UnfinishedDeletion {
        key,
        mut slices,
        batch,
    }) = unfinished
    {
        if let Some(batch) = batch {
            forgotten_batches::add(ports, job, batch).await?;
        }
        // The job is still found by its own id.
        let kept = slices_of(job);
        slices.retain(|slice| !kept.contains(slice));
        remove_job(ports, job.id, job.created_at, slices).await?;
        // The session is that of the first version at the key.
        uploads::erase(ports, JobId::of_key(bucket, &key)).await?;
        if let InputLocation::Copy(location) = input_location(job.id, bucket, &key) {
            copy = Some(location);
        }
        known_key = Some(key.clone());
        let input = Location {
            bucket: bucket.clone(),
            key,
        };
        versions = delete_input(ports, job, &input).await?;
    }
    let results = delete_results(ports, job, copy).await?;
    messages::discard(ports, job, known_key, &versions).await?;
    webhooks::forget_deliveries(ports, job).await?;
    ports.delete(COLLECTION, &job.id.to_string()).await?;
    Ok(versions.len() + results)
}
