//! The single writer of job state: load, decide, save conditionally on the version, and start over on a conflict.
//!
//! The caller runs the effects of the new state ([`State::effects`]) before it acknowledges its message.

use tracing::info;

use crate::error::{ApplyError, CommandError, MessageError};
use crate::id::{LeaseToken, Timestamp};
use crate::job::Job;
use crate::model_version::ServedModels;
use crate::pipeline::Pipelines;
use crate::ports::{Clock, JobStore, SaveError};
use crate::save_request::SaveRequest;
use crate::state::State;
use crate::transition::{Decision, DecisionContext, Event, IgnoreReason, Policy, transition};

/// The context of one function invocation.
#[derive(Clone, Copy, Debug)]
pub struct RunContext<'a> {
    pub pipelines: &'a Pipelines,
    /// The service's bucket.
    pub bucket: &'a str,
    /// A lease taken in this invocation may be taken over from this time on: the function's own deadline plus a margin.
    pub lease_expires_at: Timestamp,
    /// Called with the job that a message or request is about, as soon as its row is known. The functions put its ids on
    /// their log lines and spans.
    pub on_job_found: fn(&Job),
    /// What the endpoints serve, as far as it is known.
    pub models: &'a ServedModels,
}

/// The result of applying an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A new state was saved.
    Advanced,
    /// Nothing was saved.
    Ignored(IgnoreReason),
}

/// How often a decision is repeated after a conflict before the message goes back to the queue.
const MAX_CONFLICTS: u8 = 5;

/// Applies the event of a message to `job` as it was just loaded. `event_for` chooses the event.
///
/// After each conflict the row is loaded again and `event_for` is called again, so that anything it looked up to choose
/// the event is looked up again.
///
/// # Errors
/// Errors of the store and of `event_for`, a contradiction, or [`MessageError::Contended`].
pub async fn apply<P, F>(
    ports: &P,
    run: &RunContext<'_>,
    job: Job,
    event_for: F,
) -> Result<(Job, Change), MessageError>
where
    P: JobStore + Clock,
    F: AsyncFn(&Job, &DecisionContext) -> Result<Event, MessageError>,
{
    decide_and_save(ports, run, job, event_for).await
}

/// Like [`apply`], for the event of a command.
///
/// # Errors
/// Errors of the store and of `event_for`, or [`ApplyError::Contended`].
pub async fn apply_command<P, F>(
    ports: &P,
    run: &RunContext<'_>,
    job: Job,
    event_for: F,
) -> Result<(Job, Change), CommandError>
where
    P: JobStore + Clock,
    F: AsyncFn(&Job, &DecisionContext) -> Result<Event, CommandError>,
{
    decide_and_save(ports, run, job, event_for).await
}

async fn decide_and_save<P, F, E>(
    ports: &P,
    run: &RunContext<'_>,
    mut job: Job,
    event_for: F,
) -> Result<(Job, Change), E>
where
    P: JobStore + Clock,
    F: AsyncFn(&Job, &DecisionContext) -> Result<Event, E>,
    E: From<ApplyError>,
{
    for _ in 0..MAX_CONFLICTS {
        let context = context(ports, run);
        let event = event_for(&job, &context).await?;
        let policy = policy_for(run, &job, &event);
        let decision = transition(&job.state, &event, &context, &policy);
        let advance = match decision.map_err(ApplyError::from)? {
            Decision::Advance(advance) => advance,
            Decision::Ignore(why) => {
                info!(job.id = %job.id, trace.id = %job.trace(), job.event = event.kind().name(), job.status = job.state.name(), why = ?why, "event changes nothing");
                return Ok((job, Change::Ignored(why)));
            }
        };
        let mut next = job.next_version(&event, advance, context.now);
        next.policy = policy;
        next.record_model(Some(&job), &event, run.models);
        match ports.save(SaveRequest::new(&next)).await {
            Ok(()) => {
                log_change(&job.state, &event, &next);
                return Ok((next, Change::Advanced));
            }
            Err(SaveError::Conflict(_)) => {
                let row = ports.load(job.id).await.map_err(ApplyError::from)?;
                job = row.ok_or(ApplyError::UnknownJob(job.id))?;
            }
            Err(SaveError::Load(error)) => return Err(ApplyError::from(error).into()),
            Err(SaveError::Unavailable(error)) => return Err(ApplyError::from(error).into()),
        }
    }
    Err(ApplyError::Contended(MAX_CONFLICTS).into())
}

/// The inputs of a decision: the current time, random numbers and the lease.
pub fn context<P: Clock>(ports: &P, run: &RunContext<'_>) -> DecisionContext {
    let random = ports.random();
    DecisionContext {
        now: ports.now(),
        jitter_permille: u16::try_from(random % 1001).unwrap_or(1000),
        lease_token: LeaseToken(ports.random()),
        lease_expires_at: run.lease_expires_at,
    }
}

/// An attempt runs with the pipeline settings at its start. Later events about it use the settings stored on the row.
pub(crate) fn policy_for(run: &RunContext<'_>, job: &Job, event: &Event) -> Policy {
    let starts_attempt = matches!(event, Event::Retry { .. } | Event::RunAgain { .. })
        || matches!(
            (event, &job.state),
            (
                Event::CheckDue { .. },
                State::RetryScheduled { .. } | State::Queued { .. }
            )
        );
    match run.pipelines.get(&job.pipeline) {
        Some(pipeline) if starts_attempt => pipeline.policy(),
        Some(_) | None => job.policy.clone(),
    }
}

/// Logs a state change, including a job's first state. There is exactly one such log entry per change.
pub fn log_change(from: &State, event: &Event, job: &Job) {
    let cause = if let State::Failed { failure, .. } = &job.state {
        failure.cause.name()
    } else {
        ""
    };
    info!(
        job.id = %job.id,
        trace.id = %job.trace(),
        job.event = event.kind().name(),
        job.from = from.name(),
        job.to = job.state.name(),
        job.attempt = job.state.attempt().0,
        job.cause = cause,
        job.tenant = %job.tenant,
        pipeline = %job.pipeline,
        age_ms = job.updated_at.0.saturating_sub(job.created_at.0),
        "job changed"
    );
}
