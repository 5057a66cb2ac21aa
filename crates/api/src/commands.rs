//! Commands about one job: retry it, run it again, make it urgent, cancel it.

use super::audit::{self, AuditTarget, PendingAudit};
use super::job_detail::visible_job;
use super::{ApiError, Permission, Principal};
use crate::types::{AuditAction, JobCommandRequest, JobCommandResult};
use jobs::apply::RunContext;
use jobs::commands::{
    CancelResult, JobCommand, RetryResult, UrgentResult, cancel_job, make_urgent, retry_job,
};
use jobs::effects::run_command_effects;
use jobs::id::Timestamp;
use jobs::job::Job;
use jobs::ports::{
    CheckQueue, Clock, Connections, DelayedMessage, JobIndex, JobStore, KeyValueStore, ObjectStore,
    Pusher, Unavailable,
};
use jobs::queue_position;
use jobs::release_window;
use jobs::transition::IgnoreReason;

pub(super) fn job_command(
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
    if request.force {
        principal.must_for(Permission::PrioritizeJobs, job)?;
    }
    Ok(if request.force {
        command.forced()
    } else {
        command
    })
}

pub(super) fn command_result(
    principal: &Principal,
    job: &Job,
    result_recovered: bool,
) -> JobCommandResult {
    JobCommandResult {
        job: principal.view(job),
        result_recovered,
    }
}

pub(super) async fn begin_audit<P: KeyValueStore + Clock>(
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

/// A command that may be carried out: its job, and the audit entry that was begun.
struct BegunCommand {
    job: Job,
    command: JobCommand,
    audit: PendingAudit,
}

async fn begin<P: JobStore + KeyValueStore + Clock>(
    ports: &P,
    run: &RunContext<'_>,
    principal: &Principal,
    id: &str,
    request: &JobCommandRequest,
    permission: Permission,
    action: AuditAction,
) -> Result<BegunCommand, ApiError> {
    let job = visible_job(ports, run, principal, permission, id).await?;
    let command = job_command(principal, &job, request)?;
    let target = AuditTarget::job(id, &job);
    let audit = begin_audit(ports, run, principal, action, target, request).await?;
    Ok(BegunCommand {
        job,
        command,
        audit,
    })
}

/// Schedules another run of a `Ready` job, with the model that the endpoint serves then. Its result stays.
///
/// # Errors
/// As [`retry`], and unless the caller may prioritize jobs.
pub async fn run_again<P>(
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
    let permission = Permission::PrioritizeJobs;
    let action = AuditAction::RunAgain;
    let mut begun = begin(ports, run, principal, id, request, permission, action).await?;
    begun.command = begun.command.running_again();
    schedule(ports, run, principal, begun, push_until).await
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
    let permission = Permission::CommandJobs;
    let action = AuditAction::Retry;
    let begun = begin(ports, run, principal, id, request, permission, action).await?;
    schedule(ports, run, principal, begun, push_until).await
}

async fn schedule<P>(
    ports: &P,
    run: &RunContext<'_>,
    principal: &Principal,
    begun: BegunCommand,
    push_until: Timestamp,
) -> Result<JobCommandResult, ApiError>
where
    P: JobStore + ObjectStore + KeyValueStore + CheckQueue + Connections + Pusher + Clock,
{
    let BegunCommand {
        job,
        command,
        audit,
    } = begun;
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
            let result = command_result(principal, &job, false);
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
            Ok(command_result(principal, &job, true))
        }
        RetryResult::Refused(job, reason) => {
            Err(audit.refuse(ports, refusal(&job, reason, "run")).await)
        }
    }
}

/// Urgent jobs of a pipeline that may be queued at a time: if everything is urgent, nothing is.
pub const MAX_URGENT: u16 = 20;

/// Lets a queued job start before all others of its pipeline.
///
/// # Errors
/// Unless the caller may prioritize jobs, or if the job has changed, is not queued or is urgent already, or if [`MAX_URGENT`] jobs of its
/// pipeline are.
pub async fn urgent<P>(
    ports: &P,
    run: &RunContext<'_>,
    principal: &Principal,
    id: &str,
    request: &JobCommandRequest,
    push_until: Timestamp,
) -> Result<JobCommandResult, ApiError>
where
    P: JobStore + JobIndex + KeyValueStore + CheckQueue + Connections + Pusher + Clock,
{
    let permission = Permission::PrioritizeJobs;
    let action = AuditAction::Urgent;
    let BegunCommand {
        job,
        command,
        audit,
    } = begin(ports, run, principal, id, request, permission, action).await?;
    if urgent_jobs(ports, &job.pipeline).await? >= usize::from(MAX_URGENT) {
        let refused = ApiError::Refused(format!(
            "{MAX_URGENT} jobs of this pipeline are urgent already; wait until some of them have started"
        ));
        return Err(audit.refuse(ports, refused).await);
    }
    match make_urgent(ports, run, &command).await {
        Ok(UrgentResult::Urgent(job)) => {
            audit
                .finish(ports, "it starts before the others of its pipeline")
                .await;
            let result = command_result(principal, &job, false);
            release_window::request(ports, &job.pipeline).await;
            run_command_effects(ports, job, push_until).await;
            Ok(result)
        }
        Ok(UrgentResult::Refused(_, IgnoreReason::AlreadyApplied)) => {
            let refused = ApiError::Refused("the job is urgent already".to_owned());
            Err(audit.refuse(ports, refused).await)
        }
        Ok(UrgentResult::Refused(job, reason)) => Err(audit
            .refuse(ports, refusal(&job, reason, "made urgent"))
            .await),
        Err(error) => Err(audit.refuse(ports, ApiError::from(error)).await),
    }
}

/// Counted in the index, which may lag behind the rows by a moment.
async fn urgent_jobs<P: JobIndex>(ports: &P, pipeline: &str) -> Result<usize, Unavailable> {
    let shard = queue_position::shard(pipeline);
    let first = queue_position::urgent_position(Timestamp(0));
    // Pipelines of the same shard have theirs there, too.
    let page = ports
        .queued_jobs(shard, first, None, MAX_URGENT * 8)
        .await?;
    let of_pipeline = page
        .items
        .iter()
        .filter(|job| job.is_urgent() && job.pipeline == pipeline);
    Ok(of_pipeline.count())
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
    P: JobStore + ObjectStore + KeyValueStore + CheckQueue + Connections + Pusher + Clock,
{
    let permission = Permission::CommandJobs;
    let action = AuditAction::Cancel;
    let BegunCommand { command, audit, .. } =
        begin(ports, run, principal, id, request, permission, action).await?;
    match cancel_job(ports, run, &command).await {
        Ok(CancelResult::Cancelled(job)) => {
            let outcome = if job.is_cancelled_without_run() {
                "cancelled; nothing of it was queued or running at the endpoint"
            } else {
                "cancelled; a request that the endpoint has may still run, and its result is ignored"
            };
            audit.finish(ports, outcome).await;
            let result = command_result(principal, &job, false);
            run_command_effects(ports, job, push_until).await;
            Ok(result)
        }
        Ok(CancelResult::Refused(job, reason)) => Err(audit
            .refuse(ports, refusal(&job, reason, "cancelled"))
            .await),
        Err(error) => Err(audit.refuse(ports, ApiError::from(error)).await),
    }
}

pub(super) fn refusal(job: &Job, reason: IgnoreReason, action: &str) -> ApiError {
    let advice = match reason {
        IgnoreReason::StillOpen => "it is still open; cancel it first, or wait until it is final",
        IgnoreReason::Erased => "its data was deleted, so there is nothing to process",
        IgnoreReason::NotQueued => "only a job that waits in the queue can start earlier",
        IgnoreReason::NoResult => "it has no result; retry it if it failed",
        IgnoreReason::RunningAgain => {
            "it is being run again, and keeps its earlier result if that fails"
        }
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
