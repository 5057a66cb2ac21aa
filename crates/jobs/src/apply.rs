//! The single writer of job state: load, decide, save conditionally on the version, and start over on a conflict.
//!
//! The caller runs the effects of the new state ([`State::effects`]) before it acknowledges its message.

use tracing::info;

use crate::id::{JobId, LeaseToken, Timestamp};
use crate::job::Job;
use crate::pipeline::Pipelines;
use crate::ports::{Clock, JobStore, LoadError, SaveError, Unavailable};
use crate::state::State;
use crate::transition::{
    Decision, DecisionContext, Event, IgnoreReason, Policy, TransitionError, transition,
};

/// The context of one function invocation.
#[derive(Clone, Copy, Debug)]
pub struct RunContext<'a> {
    pub pipelines: &'a Pipelines,
    /// A lease taken in this invocation may be taken over from this time on: the function's own deadline plus a margin.
    pub lease_expires_at: Timestamp,
}

/// The result of applying an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A new state was saved.
    Advanced,
    /// Nothing was saved.
    Ignored(IgnoreReason),
}

/// A message or command failed. [`Error::disposition`] says what to do with a message.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The row cannot be read, or not by this release.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Another function holds the lease of this attempt.
    #[error("another function is submitting this attempt")]
    Leased,
    /// Other functions kept saving the row first.
    #[error("the row changed {0} times while it was being decided on")]
    Contended(u8),
    /// No job has this id. Its row may not be written yet.
    #[error("there is no job {0}")]
    UnknownJob(JobId),
    /// The endpoint reported success, but its output does not exist.
    #[error("the output {0} does not exist")]
    OutputMissing(String),
    /// The job's version is not the one that the user saw. Only commands check it, messages do not.
    #[error("the job has changed: version {seen} was seen, but it is now at version {now}")]
    Changed { seen: u64, now: u64 },
    /// The same input has failed the same way repeatedly, and the command is not forced.
    #[error(
        "it failed {times} times in the same way ({cause}), each time after all its attempts; force another run with --force"
    )]
    Poisoned { cause: &'static str, times: usize },
    /// The message contradicts the row.
    #[error("contradiction: {0}")]
    Contradiction(String),
    /// The message is about an object or job of another system.
    #[error("{0}")]
    NotOurs(String),
}

/// What to do with a message that could not be processed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// Return it to the queue.
    Redeliver,
    /// Return it a few times, since a related message may be late; then quarantine it.
    RedeliverLimited,
    /// Quarantine it now: no retry can help.
    Quarantine,
}

impl Error {
    /// What to do with the message.
    pub const fn disposition(&self) -> Disposition {
        match self {
            Self::Unavailable(_) | Self::Load(_) | Self::Leased | Self::Contended(_) => {
                Disposition::Redeliver
            }
            Self::UnknownJob(_) | Self::OutputMissing(_) => Disposition::RedeliverLimited,
            Self::Contradiction(_)
            | Self::NotOurs(_)
            | Self::Changed { .. }
            | Self::Poisoned { .. } => Disposition::Quarantine,
        }
    }

    /// A constant name for logs, metrics and alarms.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "Unavailable",
            Self::Load(_) => "Unreadable",
            Self::Leased => "Leased",
            Self::Contended(_) => "Contended",
            Self::UnknownJob(_) => "UnknownJob",
            Self::OutputMissing(_) => "OutputMissing",
            Self::Changed { .. } => "Changed",
            Self::Poisoned { .. } => "Poisoned",
            Self::Contradiction(_) => "Contradiction",
            Self::NotOurs(_) => "NotOurs",
        }
    }
}

impl From<TransitionError> for Error {
    fn from(error: TransitionError) -> Self {
        Self::Contradiction(error.to_string())
    }
}

/// Records that a job's data was deleted, by whom and why. The state does not change, so no decision is made.
///
/// # Errors
/// [`Error::Changed`] if another function saved the row first, and errors of the store.
pub async fn save_erased<P: JobStore + Clock>(
    ports: &P,
    job: &Job,
    actor: &str,
    reason: &str,
) -> Result<Job, Error> {
    let erased = job.erased(actor, reason, ports.now());
    match ports.save(&erased).await {
        Ok(()) => Ok(erased),
        Err(SaveError::Conflict(now)) => Err(Error::Changed {
            seen: job.version,
            now: now.map_or(0, |now| now.version),
        }),
        Err(SaveError::Load(error)) => Err(error.into()),
        Err(SaveError::Unavailable(error)) => Err(error.into()),
    }
}

/// How often a decision is repeated after a conflict before the message goes back to the queue.
const MAX_CONFLICTS: u8 = 5;

/// Applies the event from `event_for` to `job` as it was just loaded.
///
/// After each conflict the row is loaded again and `event_for` is called again, so that anything it looked up to choose
/// the event is looked up again.
///
/// # Errors
/// Errors of the store and of `event_for`, a contradiction, or [`Error::Contended`].
pub async fn apply<P, F>(
    ports: &P,
    run: &RunContext<'_>,
    mut job: Job,
    event_for: F,
) -> Result<(Job, Change), Error>
where
    P: JobStore + Clock,
    F: AsyncFn(&Job, &DecisionContext) -> Result<Event, Error>,
{
    for _ in 0..MAX_CONFLICTS {
        let context = context(ports, run);
        let event = event_for(&job, &context).await?;
        let policy = policy_for(run, &job, &event);
        let advance = match transition(&job.state, &event, &context, &policy)? {
            Decision::Advance(advance) => advance,
            Decision::Ignore(why) => {
                info!(job.id = %job.id, trace.id = %job.trace(), job.event = event.kind().name(), job.status = job.state.name(), why = ?why, "event changes nothing");
                return Ok((job, Change::Ignored(why)));
            }
        };
        let mut next = job.next_version(&event, advance, context.now);
        next.policy = policy;
        match ports.save(&next).await {
            Ok(()) => {
                log_change(&job.state, &event, &next);
                return Ok((next, Change::Advanced));
            }
            Err(SaveError::Conflict(_)) => {
                job = ports.load(job.id).await?.ok_or(Error::UnknownJob(job.id))?;
            }
            Err(SaveError::Load(error)) => return Err(error.into()),
            Err(SaveError::Unavailable(error)) => return Err(error.into()),
        }
    }
    Err(Error::Contended(MAX_CONFLICTS))
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
fn policy_for(run: &RunContext<'_>, job: &Job, event: &Event) -> Policy {
    let starts_attempt = matches!(event, Event::Resubmit { .. })
        || matches!(
            (event, &job.state),
            (Event::CheckDue { .. }, State::RetryScheduled { .. })
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
