//! What people order about a job: to run it again, to give it up, to delete its data.

use super::job_detail::seen;
use super::{ApiError, Principal, audit, uploads};
use crate::ports::ObjectTransfers;
use crate::types::{JobCommandRequest, JobCommandResult};
use jobs::apply::{RunContext, save_erased};
use jobs::commands::{CancelResult, JobCommand, ResubmitResult, cancel as give_up, resubmit};
use jobs::effects::run_command_effects;
use jobs::id::{Location, Timestamp};
use jobs::input::{Delivery, delivery};
use jobs::job::Job;
use jobs::ports::{CheckQueue, Clock, Connections, JobStore, KeyValueStore, ObjectStore, Pusher};
use jobs::state::StatusGroup;
use jobs::transition::IgnoreReason;
use jobs::view::JobView;

fn order(
    principal: &Principal,
    job: &Job,
    asked: &JobCommandRequest,
) -> Result<JobCommand, ApiError> {
    let order = JobCommand::new(job.id, asked.seen, &principal.actor, &asked.reason)
        .map_err(|bad| ApiError::BadRequest(bad.to_string()))?;
    if asked.force && !principal.is_support() {
        return Err(ApiError::Forbidden(
            "only support may force a retry".to_owned(),
        ));
    }
    Ok(if asked.force { order.forced() } else { order })
}

fn answered(job: &Job, result_found: bool) -> JobCommandResult {
    JobCommandResult {
        job: JobView::from(job),
        result_found,
    }
}

/// Schedules another attempt of a failed job. Its start is left to a message, so it lives on if this dies.
///
/// # Errors
/// If the job has changed, is not failed, or has failed the same way again and again.
pub async fn retry<P>(
    ports: &P,
    run: &RunContext<'_>,
    principal: &Principal,
    id: &str,
    asked: &JobCommandRequest,
    push_until: Timestamp,
) -> Result<JobCommandResult, ApiError>
where
    P: JobStore + ObjectStore + KeyValueStore + CheckQueue + Connections + Pusher + Clock,
{
    let job = seen(ports, principal, id).await?;
    if job.is_erased() {
        return Err(ApiError::Refused(
            "its data was deleted: there is nothing to run".to_owned(),
        ));
    }
    let order = order(principal, &job, asked)?;
    let of = (Some(&job.tenant), Some(job.pipeline.as_str()));
    let line = audit::begin(
        ports,
        run.pipelines,
        principal,
        "retry",
        id,
        of,
        &asked.reason,
    )
    .await?;
    let answer = match resubmit(ports, run, &order).await {
        Ok(answer) => answer,
        Err(error) => {
            return Err(line.refuse(ports, ApiError::from(error)).await);
        }
    };
    match answer {
        ResubmitResult::Scheduled(job) => {
            line.end(
                ports,
                format!("attempt {} is scheduled", job.state.attempt()),
            )
            .await;
            let answer = answered(&job, false);
            // Should the message not be taken, the reconciler sends it: the row says when.
            run_command_effects(ports, job, push_until).await;
            Ok(answer)
        }
        ResubmitResult::ResultFound(check) => {
            line.end(ports, "a result was there after all").await;
            let failed = ports.send(&[(check, 0)]).await;
            if !failed.is_empty() {
                return Err(ApiError::Unavailable(
                    "a result was found, but could not be announced; try again in a moment"
                        .to_owned(),
                ));
            }
            Ok(answered(&job, true))
        }
        ResubmitResult::Refused(job, why) => {
            Err(line.refuse(ports, refused(&job, why, "retried")).await)
        }
    }
}

/// Gives an open job up.
///
/// # Errors
/// If the job has changed, or has ended.
pub async fn cancel<P>(
    ports: &P,
    run: &RunContext<'_>,
    principal: &Principal,
    id: &str,
    asked: &JobCommandRequest,
    push_until: Timestamp,
) -> Result<JobCommandResult, ApiError>
where
    P: JobStore + KeyValueStore + CheckQueue + Connections + Pusher + Clock,
{
    let job = seen(ports, principal, id).await?;
    let order = order(principal, &job, asked)?;
    let of = (Some(&job.tenant), Some(job.pipeline.as_str()));
    let line = audit::begin(
        ports,
        run.pipelines,
        principal,
        "cancel",
        id,
        of,
        &asked.reason,
    )
    .await?;
    match give_up(ports, run, &order).await {
        Ok(CancelResult::Cancelled(job)) => {
            line.end(ports, "canceled").await;
            let answer = answered(&job, false);
            run_command_effects(ports, job, push_until).await;
            Ok(answer)
        }
        Ok(CancelResult::Refused(job, why)) => {
            Err(line.refuse(ports, refused(&job, why, "canceled")).await)
        }
        Err(error) => Err(line.refuse(ports, ApiError::from(error)).await),
    }
}

fn refused(job: &Job, why: IgnoreReason, what: &str) -> ApiError {
    let advice = match why {
        IgnoreReason::StillOpen => "it is still open: wait for its end",
        IgnoreReason::NotRetryable => "another run cannot help; upload a document that can be read",
        IgnoreReason::NoAttemptsLeft => {
            "it has used all attempts of its life; upload the document again"
        }
        IgnoreReason::AlreadyApplied | IgnoreReason::Finished => "it has ended that way",
        IgnoreReason::Leased
        | IgnoreReason::StaleEvidence
        | IgnoreReason::TooEarly
        | IgnoreReason::EvidenceNeeded => "it is just changing; look at it again",
    };
    ApiError::Refused(format!(
        "the job is {} and cannot be {what}: {advice}",
        job.state.name()
    ))
}

/// Deletes all that is kept of a job but its record: the uploaded version, copies, outputs, failure objects, the file's
/// name. The record stays, so that the object is not taken for a lost one, with who ordered it and why.
///
/// # Errors
/// If the job is open, or has changed.
pub async fn delete_data<P>(
    ports: &P,
    run: &RunContext<'_>,
    principal: &Principal,
    id: &str,
    asked: &JobCommandRequest,
    push_until: Timestamp,
) -> Result<JobCommandResult, ApiError>
where
    P: JobStore
        + ObjectStore
        + ObjectTransfers
        + KeyValueStore
        + CheckQueue
        + Connections
        + Pusher
        + Clock,
{
    principal.must_be_support()?;
    let job = seen(ports, principal, id).await?;
    if job.state.status_group() == StatusGroup::Open {
        return Err(ApiError::Refused(
            "the job is still open; cancel it first".to_owned(),
        ));
    }
    if asked.seen.is_some_and(|seen| seen != job.version) {
        return Err(ApiError::Changed(
            "the job has changed since; look at it again first".to_owned(),
        ));
    }
    if let Some(until) = job.may_write_until(ports.now()) {
        return Err(ApiError::Refused(format!(
            "SageMaker cannot cancel: an attempt that was begun may still write a result, until {} (milliseconds since 1970 UTC); do it again then",
            until.0
        )));
    }
    let of = (Some(&job.tenant), Some(job.pipeline.as_str()));
    let line = audit::begin(
        ports,
        run.pipelines,
        principal,
        "delete-data",
        id,
        of,
        &asked.reason,
    )
    .await?;
    // The record first: from then on the job is not run again, and a deletion that breaks off can be ordered once more.
    let erased = if job.is_erased() {
        job
    } else {
        match save_erased(ports, &job, &principal.actor, asked.reason.trim()).await {
            Ok(erased) => erased,
            Err(error) => {
                return Err(line.refuse(ports, ApiError::from(error)).await);
            }
        }
    };
    match erase(ports, &erased).await {
        Ok(objects) => {
            line.end(ports, format!("{objects} object versions were deleted"))
                .await;
            let answer = answered(&erased, false);
            // Pages still show the file's name.
            run_command_effects(ports, erased, push_until).await;
            Ok(answer)
        }
        Err(refusal) => {
            line.end(ports, "broke off; to be ordered once more").await;
            Err(refusal)
        }
    }
}

async fn erase<P>(ports: &P, job: &Job) -> Result<usize, ApiError>
where
    P: ObjectStore + ObjectTransfers + KeyValueStore,
{
    let bucket = &job.input.bucket;
    let here = |key: String| Location {
        bucket: bucket.clone(),
        key,
    };
    uploads::forget_name(ports, job.id).await?;
    ports
        .delete(&here(job.input.key.clone()), &job.input.version)
        .await?;
    let mut objects = 1;
    let mut rest: Vec<Location> = Vec::new();
    if let Delivery::Copy(copy) = delivery(job.id, bucket, &job.input.key) {
        rest.push(copy);
    }
    for record in &job.attempts {
        rest.extend(record.output.iter().cloned());
        rest.extend(record.failure_object.iter().cloned());
    }
    // Outputs of calls that nobody heard of.
    let prefix = format!("outbound/{}/{}/", job.pipeline, job.id);
    rest.extend(ports.list(bucket, &prefix).await?.into_iter().map(here));
    rest.sort_by_key(ToString::to_string);
    rest.dedup();
    for object in rest {
        for version in ports.versions(&object.bucket, &object.key).await? {
            ports.delete(&object, &version).await?;
            objects += 1;
        }
    }
    Ok(objects)
}
