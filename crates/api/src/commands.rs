//! Commands about one job: retry it, cancel it, delete its data.

use super::audit::{self, AuditTarget, PendingAudit};
use super::job_detail::visible_job;
use super::{ApiError, Principal, uploads};
use crate::ports::ObjectTransfers;
use crate::types::{AuditAction, JobCommandRequest, JobCommandResult};
use jobs::apply::{RunContext, save_erased};
use jobs::commands::{CancelResult, JobCommand, RetryResult, cancel_job, retry_job};
use jobs::effects::run_command_effects;
use jobs::id::{Location, Timestamp};
use jobs::input::{InputLocation, input_location};
use jobs::job::Job;
use jobs::ports::{
    CheckQueue, Clock, Connections, DelayedMessage, JobStore, KeyValueStore, ObjectStore, Pusher,
};
use jobs::state::StatusGroup;
use jobs::transition::IgnoreReason;
use jobs::view::JobView;

fn job_command(
    principal: &Principal,
    job: &Job,
    request: &JobCommandRequest,
) -> Result<JobCommand, ApiError> {
    let command = JobCommand::new(
        job.id,
        request.expected_version,
        &principal.actor,
        &request.reason,
    )
    .map_err(|invalid| ApiError::BadRequest(invalid.to_string()))?;
    if request.force && !principal.is_support() {
        return Err(ApiError::Forbidden(
            "only support may force a retry".to_owned(),
        ));
    }
    Ok(if request.force {
        command.forced()
    } else {
        command
    })
}

fn command_result(job: &Job, result_recovered: bool) -> JobCommandResult {
    JobCommandResult {
        job: JobView::from(job),
        result_recovered,
    }
}

async fn begin_audit<P: KeyValueStore + Clock>(
    ports: &P,
    run: &RunContext<'_>,
    principal: &Principal,
    action: AuditAction,
    target: AuditTarget<'_>,
    request: &JobCommandRequest,
) -> Result<PendingAudit, ApiError> {
    audit::begin(
        ports,
        run.pipelines,
        principal,
        action,
        target,
        &request.reason,
    )
    .await
}

/// Schedules another attempt of a failed job.
///
/// A message starts the attempt. If this function dies before it has sent the message, the reconciler sends it.
///
/// # Errors
/// If the job has changed, is not failed, or has repeated the same failure too often.
pub async fn retry<P>(
    ports: &P,
    run: &RunContext<'_>,
    principal: &Principal,
    id: &str,
    request: &JobCommandRequest,
    push_until: Timestamp,
) -> Result<JobCommandResult, ApiError>
where
    P: JobStore + ObjectStore + KeyValueStore + CheckQueue + Connections + Pusher + Clock,
{
    let job = visible_job(ports, principal, id).await?;
    if job.is_erased() {
        return Err(ApiError::Refused(
            "the job's data was deleted; there is no input to run".to_owned(),
        ));
    }
    let command = job_command(principal, &job, request)?;
    let target = AuditTarget::job(id, &job);
    let audit = begin_audit(ports, run, principal, AuditAction::Retry, target, request).await?;
    let outcome = match retry_job(ports, run, &command).await {
        Ok(outcome) => outcome,
        Err(error) => {
            return Err(audit.refuse(ports, ApiError::from(error)).await);
        }
    };
    match outcome {
        RetryResult::Scheduled(job) => {
            let attempt = job.state.attempt();
            audit
                .finish(ports, format!("attempt {attempt} is scheduled"))
                .await;
            let result = command_result(&job, false);
            // If the queue does not take the message, the reconciler sends it: the row holds the time it is due.
            run_command_effects(ports, job, push_until).await;
            Ok(result)
        }
        RetryResult::ResultFound(check) => {
            audit
                .finish(ports, "no attempt was needed: an earlier result was found")
                .await;
            let failed = ports
                .send_checks(&[DelayedMessage {
                    message: check,
                    delay_seconds: 0,
                }])
                .await;
            if !failed.is_empty() {
                return Err(ApiError::Unavailable(
                    "a result was found, but the job could not be updated; try again in a moment"
                        .to_owned(),
                ));
            }
            Ok(command_result(&job, true))
        }
        RetryResult::Refused(job, reason) => {
            Err(audit.refuse(ports, refusal(&job, reason, "retried")).await)
        }
    }
}

/// Cancels an open job.
///
/// # Errors
/// If the job has changed or is final.
pub async fn cancel<P>(
    ports: &P,
    run: &RunContext<'_>,
    principal: &Principal,
    id: &str,
    request: &JobCommandRequest,
    push_until: Timestamp,
) -> Result<JobCommandResult, ApiError>
where
    P: JobStore + KeyValueStore + CheckQueue + Connections + Pusher + Clock,
{
    let job = visible_job(ports, principal, id).await?;
    let command = job_command(principal, &job, request)?;
    let target = AuditTarget::job(id, &job);
    let audit = begin_audit(ports, run, principal, AuditAction::Cancel, target, request).await?;
    match cancel_job(ports, run, &command).await {
        Ok(CancelResult::Cancelled(job)) => {
            audit.finish(ports, "cancelled").await;
            let result = command_result(&job, false);
            run_command_effects(ports, job, push_until).await;
            Ok(result)
        }
        Ok(CancelResult::Refused(job, reason)) => Err(audit
            .refuse(ports, refusal(&job, reason, "cancelled"))
            .await),
        Err(error) => Err(audit.refuse(ports, ApiError::from(error)).await),
    }
}

fn refusal(job: &Job, reason: IgnoreReason, action: &str) -> ApiError {
    let advice = match reason {
        IgnoreReason::StillOpen => "it is still open; wait until it is final",
        IgnoreReason::NotRetryable => {
            "another attempt cannot succeed; upload a document that the pipeline can read"
        }
        IgnoreReason::NoAttemptsLeft => {
            "it has used the maximum number of attempts; upload the document again"
        }
        IgnoreReason::AlreadyApplied | IgnoreReason::Finished => "it is already final",
        IgnoreReason::Leased
        | IgnoreReason::StaleEvidence
        | IgnoreReason::TooEarly
        | IgnoreReason::EvidenceNeeded => "it is changing right now; reload it and try again",
    };
    ApiError::Refused(format!(
        "the job is {} and cannot be {action}: {advice}",
        job.state.name()
    ))
}

/// Deletes the uploaded version, its copies, outputs and failure objects, and the file's name.
///
/// The row stays, with who deleted the data and why. Without it the inventory scan would take the object for one whose
/// event was lost.
///
/// # Errors
/// If the job is open or has changed.
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
        + ObjectTransfers
        + KeyValueStore
        + CheckQueue
        + Connections
        + Pusher
        + Clock,
{
    principal.must_be_support()?;
    let job = visible_job(ports, principal, id).await?;
    if job.state.status_group() == StatusGroup::Open {
        return Err(ApiError::Refused(
            "the job is still open; cancel it first".to_owned(),
        ));
    }
    if request
        .expected_version
        .is_some_and(|expected| expected != job.version)
    {
        return Err(ApiError::Changed(
            "the job has changed since; reload it first".to_owned(),
        ));
    }
    if let Some(until) = job.may_write_until(ports.now()) {
        return Err(ApiError::Refused(format!(
            "SageMaker cannot cancel a request: an earlier attempt may still write a result until {} (milliseconds since 1970 UTC); delete the data after that",
            until.0
        )));
    }
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
    // The row first: from then on no attempt can start, and an interrupted deletion can be repeated.
    let erased = if job.is_erased() {
        job
    } else {
        match save_erased(ports, &job, &principal.actor, request.reason.trim()).await {
            Ok(erased) => erased,
            Err(error) => {
                return Err(audit.refuse(ports, ApiError::from(error)).await);
            }
        }
    };
    match delete_objects(ports, &erased).await {
        Ok(deleted) => {
            audit
                .finish(ports, format!("{deleted} object versions were deleted"))
                .await;
            let result = command_result(&erased, false);
            // Connected pages still show the file's name.
            run_command_effects(ports, erased, push_until).await;
            Ok(result)
        }
        Err(error) => {
            audit
                .finish(ports, "interrupted; repeat the deletion")
                .await;
            Err(error)
        }
    }
}

/// Returns the number of deleted object versions.
async fn delete_objects<P>(ports: &P, job: &Job) -> Result<usize, ApiError>
where
    P: ObjectStore + ObjectTransfers + KeyValueStore,
{
    let bucket = &job.input.bucket;
    let location = |key: String| Location {
        bucket: bucket.clone(),
        key,
    };
    uploads::clear_name(ports, job.id).await?;
    ports
        .delete_version(&location(job.input.key.clone()), &job.input.version)
        .await?;
    let mut deleted = 1;
    let mut objects: Vec<Location> = Vec::new();
    if let InputLocation::Copy(copy) = input_location(job.id, bucket, &job.input.key) {
        objects.push(copy);
    }
    for record in &job.attempts {
        objects.extend(record.output.iter().cloned());
        objects.extend(record.failure_object.iter().cloned());
    }
    // Outputs of calls whose response was lost.
    let prefix = format!("outbound/{}/{}/", job.pipeline, job.id);
    let outputs = ports.list(bucket, &prefix).await?;
    objects.extend(outputs.into_iter().map(location));
    objects.sort_by_key(ToString::to_string);
    objects.dedup();
    for object in objects {
        for version in ports.versions(&object.bucket, &object.key).await? {
            ports.delete_version(&object, &version).await?;
            deleted += 1;
        }
    }
    Ok(deleted)
}
