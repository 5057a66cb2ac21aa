//! The one writer of job state: load, decide, save under the version, and on a conflict load and decide again.
//!
//! What the new state owes ([`State::effects`]) is the caller's to carry out before it acknowledges its message.

use tracing::info;

use crate::id::{JobId, LeaseToken, Timestamp};
use crate::job::Job;
use crate::pipeline::Pipelines;
use crate::ports::{Clock, JobStore, LoadError, SaveError, Unavailable};
use crate::state::State;
use crate::transition::{
    Decision, DecisionContext, Event, IgnoreReason, Policy, TransitionError, transition,
};

/// One call of a function: what it was configured with, and when it can no longer be running.
#[derive(Clone, Copy, Debug)]
pub struct RunContext<'a> {
    /// The pipelines.
    pub pipelines: &'a Pipelines,
    /// A claim taken in this call may be taken over from then on: the function's own deadline and a margin.
    pub lease_expires_at: Timestamp,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A new state was saved.
    Advanced,
    /// Nothing was saved.
    Ignored(IgnoreReason),
}

/// A message could not be worked off. [`Error::disposition`] says what should happen to it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something is unavailable.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The row cannot be read, or not by this release.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Somebody else is submitting this attempt right now.
    #[error("another function is submitting this attempt")]
    Leased,
    /// Others kept saving the row first.
    #[error("the row changed {0} times while it was being decided on")]
    Contended(u8),
    /// No job has this id. Its row may not have been written yet.
    #[error("there is no job {0}")]
    UnknownJob(JobId),
    /// The endpoint reported a success, but its output is not there.
    #[error("the output {0} is not there")]
    OutputMissing(String),
    /// The job is no longer as whoever asks saw it. No message asks with a version, only people do.
    #[error("the job has changed since: version {seen} was seen, it is {now} now")]
    Changed {
        /// The version that was seen.
        seen: u64,
        /// The version that it has.
        now: u64,
    },
    /// The same input has failed the same way again and again, and whoever asks did not insist.
    #[error(
        "it has failed {times} times in the same way ({cause}), each time with all its attempts; another run needs --force"
    )]
    Poisoned {
        /// The way.
        cause: &'static str,
        /// How often.
        times: usize,
    },
    /// The message contradicts what is known.
    #[error("contradiction: {0}")]
    Contradiction(String),
    /// The message is about something that is not ours.
    #[error("{0}")]
    NotOurs(String),
}

/// What should happen to a message that could not be worked off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// It must come back.
    Redeliver,
    /// It must come back a few times, since the other half may be late; then it is quarantined.
    RedeliverLimited,
    /// Nobody will ever understand it: quarantine it now.
    Quarantine,
}

impl Error {
    /// What should happen to the message.
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

    /// A constant word for logs, metrics and alarms.
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

/// Saves that a job's data was deleted, by whom and why. Its state stays as it is: no event, so nothing is decided.
///
/// # Errors
/// [`Error::Changed`] if somebody saved it first, and those of the store.
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

/// How often a decision is taken anew before the message goes back: more writers than that on one row is a storm.
const MAX_CONFLICTS: u8 = 5;

/// Applies what `event_for` says to `job` as it was just loaded. `event_for` is asked again after each conflict,
/// so whatever it looked up to find its event is looked up again.
///
/// # Errors
/// Those of the store and of `event_for`, a contradiction, or [`Error::Contended`].
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
        let state = match transition(&job.state, &event, &context, &policy)? {
            Decision::Advance(state) => state,
            Decision::Ignore(why) => {
                info!(job.id = %job.id, trace.id = %job.trace(), job.event = event.name(), job.status = job.state.name(), why = ?why, "event changes nothing");
                return Ok((job, Change::Ignored(why)));
            }
        };
        let mut next = job.advanced(&event, state, context.now);
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

/// The moment of a decision.
pub fn context<P: Clock>(ports: &P, run: &RunContext<'_>) -> DecisionContext {
    let random = ports.random();
    DecisionContext {
        now: ports.now(),
        jitter_permille: u16::try_from(random % 1001).unwrap_or(1000),
        lease_token: LeaseToken(ports.random()),
        lease_expires_at: run.lease_expires_at,
    }
}

/// An attempt runs under the numbers that hold when it begins; whatever happens to it is judged by those.
fn policy_for(run: &RunContext<'_>, job: &Job, event: &Event) -> Policy {
    let begins = matches!(event, Event::Resubmit { .. })
        || matches!(
            (event, &job.state),
            (Event::CheckDue { .. }, State::RetryScheduled { .. })
        );
    match run.pipelines.get(&job.pipeline) {
        Some(pipeline) if begins => pipeline.policy(),
        Some(_) | None => job.policy.clone(),
    }
}

/// The one log line of a state change; also for a job's first state.
pub fn log_change(from: &State, event: &Event, job: &Job) {
    let cause = if let State::Failed { failure, .. } = &job.state {
        failure.cause.name()
    } else {
        ""
    };
    info!(
        job.id = %job.id,
        trace.id = %job.trace(),
        job.event = event.name(),
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
