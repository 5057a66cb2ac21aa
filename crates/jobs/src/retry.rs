//! Processes a check: starts the attempt that it names, or finds out what became of it.

use std::cell::Cell;

use crate::apply::{Change, RunContext, apply, policy_for};
use crate::breaker::{
    DetailSource, FailedAttempt, close_after_accepted, close_after_result, judge_failure,
    judge_refusal, may_probe,
};
use crate::commands::{JobCommand, RetryResult, retry_job};
use crate::error::{ApplyError, CommandError, IfUnusable, MessageError};
use crate::evidence::{gather, input_was_replaced, may_have_a_result};
use crate::invoke::{IfDenied, invoke_if_input_is_current};
use crate::job::Job;
use crate::pause::held_by;
use crate::ports::{
    CheckQueue, CheckRequest, Clock, InferenceEndpoint, JobStore, KeyValueStore, ObjectStore,
    RecentJobs, Unavailable,
};
use crate::state::{Cause, Failure, State};
use crate::transition::{
    Decision, DecisionContext, Event, Evidence, HeldBy, IgnoreReason, transition,
};
use tracing::{info, warn};

/// Processes a check. A check of an attempt that no longer needs it changes nothing.
///
/// `redelivered` says that the message was received before: then effects may be pending although the job has moved on.
/// Returns the jobs with pending effects.
///
/// # Errors
/// See [`MessageError::disposition`] for what to do with the message.
pub async fn retry<P>(
    ports: &P,
    run: &RunContext<'_>,
    check: &CheckRequest,
    redelivered: bool,
) -> Result<Vec<Job>, MessageError>
where
    P: JobStore + ObjectStore + InferenceEndpoint + KeyValueStore + RecentJobs + CheckQueue + Clock,
{
    let job = ports
        .load(check.job)
        .await?
        .ok_or(MessageError::UnknownJob(check.job))?;
    (run.on_job_found)(&job);
    let probes = Cell::new(false);
    // S3 is asked in two deliveries, a visibility timeout apart.
    let (if_unreadable, if_denied) = if redelivered {
        (IfUnusable::Fail, IfDenied::Fail)
    } else {
        (IfUnusable::Redeliver, IfDenied::Redeliver)
    };
    let event_for = async |job: &Job, context: &DecisionContext| {
        let evidence = gather_if_needed(ports, run, job, check, context, if_unreadable).await?;
        let evidence = judged(ports, run, job, check, context, evidence).await?;
        if matches!(evidence, Evidence::Output { .. }) && input_was_replaced(ports, job).await? {
            return Ok(Event::Overwritten);
        }
        let due = check.event(evidence);
        // What holds a job matters only to a check that starts an attempt.
        if may_start(job, check) && starts_attempt(run, job, &due, context)? {
            let held = held_by(ports, &job.pipeline, &job.tenant, context.now).await?;
            probes.set(held == Some(HeldBy::Breaker) && is_probe(ports, run, job).await?);
            if let Some(by) = held.filter(|_| !probes.get()) {
                return Ok(Event::Held {
                    attempt: check.attempt,
                    due: check.due,
                    by,
                });
            }
        }
        Ok(due)
    };
    match apply(ports, run, job, event_for).await? {
        (job, Change::Advanced) => {
            let refused = async |job: &Job, why: String| refusal(ports, run, job, why).await;
            let pending = invoke_if_input_is_current(ports, run, job, if_denied, refused).await?;
            for job in &pending {
                match job.state {
                    State::InProgress { .. } if probes.get() => {
                        close_after_accepted(ports, job).await;
                    }
                    State::Ready { .. } => close_after_result(ports, job).await,
                    State::Queued { .. }
                    | State::Submitting { .. }
                    | State::InProgress { .. }
                    | State::RetryScheduled { .. }
                    | State::Failed { .. }
                    | State::Cancelled { .. }
                    | State::Erased { .. } => {}
                }
            }
            Ok(pending)
        }
        (_, Change::Ignored(IgnoreReason::Leased)) => Err(MessageError::Leased),
        (job, Change::Ignored(IgnoreReason::AlreadyApplied)) => Ok(vec![job]),
        // Started and refused, and the function that did so may have died before it sent the next message.
        (job, Change::Ignored(IgnoreReason::StaleEvidence))
            if redelivered && job.state.attempt() == check.attempt =>
        {
            Ok(vec![job])
        }
        (_, Change::Ignored(_)) => Ok(vec![]),
    }
}

/// Runs a retry command of a retry plan. A job that has changed since is skipped, as is one that keeps failing the same way.
/// Returns the jobs with pending effects.
///
/// # Errors
/// See [`MessageError::disposition`] for what to do with the message.
pub async fn run_command<P>(
    ports: &P,
    run: &RunContext<'_>,
    command: &JobCommand,
    redelivered: bool,
) -> Result<Vec<Job>, MessageError>
where
    P: JobStore + ObjectStore + InferenceEndpoint + KeyValueStore + RecentJobs + CheckQueue + Clock,
{
    if command.is_stopped(ports).await? {
        info!(job.id = %command.job, "the plan of the command was stopped");
        return Ok(vec![]);
    }
    match retry_job(ports, run, command).await {
        Ok(RetryResult::Scheduled(job)) => Ok(vec![job]),
        Ok(RetryResult::ResultFound(check)) => retry(ports, run, &check, redelivered).await,
        // An earlier delivery may have cancelled it, and died before the effects.
        Ok(RetryResult::Refused(job, IgnoreReason::AlreadyApplied))
            if redelivered && command.cancels() =>
        {
            Ok(vec![job])
        }
        Ok(RetryResult::Refused(..))
        | Err(CommandError::Poisoned { .. } | CommandError::MayStillWrite { .. }) => Ok(vec![]),
        Err(
            error @ (CommandError::InputDeleted
            | CommandError::InputReplaced
            | CommandError::InputUnreadable(_)),
        ) => {
            info!(job.id = %command.job, why = %error, "retry refused");
            Ok(vec![])
        }
        // This command may have changed it, and the function that ran it may have died before it sent the next message.
        Err(CommandError::Changed { .. }) if redelivered => {
            let job = ports.load(command.job).await?;
            Ok(job.into_iter().collect())
        }
        Err(CommandError::Changed { .. } | CommandError::Apply(ApplyError::UnknownJob(_))) => {
            Ok(vec![])
        }
        Err(CommandError::Apply(error)) => Err(error.into()),
    }
}

/// Whether the job, which the circuit breaker holds, probes the endpoint.
async fn is_probe<P: KeyValueStore + Clock>(
    ports: &P,
    run: &RunContext<'_>,
    job: &Job,
) -> Result<bool, Unavailable> {
    match run.pipelines.get(&job.pipeline) {
        Some(pipeline) => may_probe(ports, pipeline, job).await,
        // It starts, and fails as `PipelineGone`.
        None => Ok(true),
    }
}

/// The failure of a refused call. It is recorded even if it cannot be judged.
async fn refusal<P>(ports: &P, run: &RunContext<'_>, job: &Job, why: String) -> Failure
where
    P: JobStore + KeyValueStore + RecentJobs + Clock,
{
    let as_it_is = Failure::new(Cause::Refused, why.clone());
    let Some(pipeline) = run.pipelines.get(&job.pipeline) else {
        return as_it_is;
    };
    let judged = judge_refusal(ports, pipeline, job, why).await;
    judged.unwrap_or_else(|error| {
        warn!(job.id = %job.id, error = %error, "a refused call was not counted");
        as_it_is
    })
}

/// The evidence, with the cause of a failure that the failures of other documents suggest.
async fn judged<P>(
    ports: &P,
    run: &RunContext<'_>,
    job: &Job,
    check: &CheckRequest,
    context: &DecisionContext,
    evidence: Evidence,
) -> Result<Evidence, MessageError>
where
    P: JobStore + KeyValueStore + RecentJobs + Clock,
{
    let Evidence::Failure(failure) = evidence else {
        return Ok(evidence);
    };
    let event = check.event(Evidence::Failure(failure.clone()));
    let decision = transition(&job.state, &event, context, &job.policy)?;
    let is_open = matches!(
        job.state,
        State::Submitting { .. } | State::InProgress { .. }
    );
    let Some(next) = decision.new_state().filter(|_| is_open) else {
        return Ok(Evidence::Failure(failure));
    };
    let failed = FailedAttempt {
        attempt: check.attempt,
        detail_source: DetailSource::of(&failure),
        failure,
        ends_job: matches!(next, State::Failed { .. }),
    };
    let pipeline = run.pipelines.get(&job.pipeline);
    let failure = judge_failure(ports, pipeline, job, failed).await?;
    Ok(Evidence::Failure(failure))
}

impl CheckRequest {
    fn event(&self, evidence: Evidence) -> Event {
        Event::CheckDue {
            attempt: self.attempt,
            due: self.due,
            evidence,
        }
    }
}

/// Whether the check may start an attempt. Only then it matters what is paused.
fn may_start(job: &Job, check: &CheckRequest) -> bool {
    let (next, due) = match job.state {
        State::RetryScheduled { next, due, .. } => (next, due),
        State::Queued { next, since, .. } => (next, since),
        State::Submitting { .. }
        | State::InProgress { .. }
        | State::Ready { .. }
        | State::Failed { .. }
        | State::Cancelled { .. }
        | State::Erased { .. } => return false,
    };
    check.attempt == next && check.due.is_none_or(|sent_for| sent_for == due)
}

/// Whether the check starts an attempt if nothing holds it. One that is too late ends the job.
fn starts_attempt(
    run: &RunContext<'_>,
    job: &Job,
    due: &Event,
    context: &DecisionContext,
) -> Result<bool, MessageError> {
    let decision = transition(&job.state, due, context, &policy_for(run, job, due))?;
    Ok(matches!(
        decision.new_state(),
        Some(State::Submitting { .. })
    ))
}

/// Gathers evidence only where it can decide, since it costs requests: if the message asks for it (without a due time), or
/// if a deadline has passed.
async fn gather_if_needed<P: ObjectStore>(
    ports: &P,
    run: &RunContext<'_>,
    job: &Job,
    check: &CheckRequest,
    context: &DecisionContext,
    if_unreadable: IfUnusable,
) -> Result<Evidence, MessageError> {
    let is_needed = match job.state.check_deadline() {
        Some(_) if job.queued_at().is_some() => check.due.is_none(),
        Some(next_check_at) => check.due.is_none() || context.now >= next_check_at,
        None => check.due.is_none() && may_have_a_result(&job.state),
    };
    let unseen = check.event(Evidence::NotChecked);
    let decision = transition(&job.state, &unseen, context, &policy_for(run, job, &unseen))?;
    if is_needed || decision == Decision::Ignore(IgnoreReason::EvidenceNeeded) {
        let pipeline = run.pipelines.get(&job.pipeline);
        let asked = pipeline.map(|pipeline| pipeline.output.content_type());
        gather(ports, job, asked, if_unreadable).await
    } else {
        Ok(Evidence::NotChecked)
    }
}
