//! What a person may do to a job: have it run once more, or give it up. Always with a name and a reason, both of which
//! the job's history keeps.

use crate::apply::{Change, Error, RunContext, apply};
use crate::evidence::{find_output, input_was_replaced, may_have_a_result};
use crate::id::{Attempt, JobId, Timestamp};
use crate::job::Job;
use crate::ports::{CheckRequest, Clock, JobStore, ObjectStore};
use crate::state::State;
use crate::trace::{about, about_id};
use crate::transition::{Event, Evidence, IgnoreReason};

/// The longest reason, in characters.
pub const MAX_REASON: usize = 500;
/// After how many equal failures, each with all the attempts that its submission had, a job is not run again unless
/// somebody insists: it is the document, or the model.
pub const POISON: usize = 3;
/// The longest name of an actor, in characters: an e-mail address at its longest is shorter.
pub const MAX_ACTOR: usize = 320;

/// Who asks for something, about which job, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobCommand {
    /// Which job.
    pub job: JobId,
    /// The version of the job that the person saw. If it has changed since, the order may no longer make sense.
    pub seen: Option<u64>,
    actor: String,
    reason: String,
    force: bool,
}

/// An order that says too little, or too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCommand {
    /// Nobody could tell later why.
    #[error("give a reason of at most {MAX_REASON} characters")]
    Reason,
    /// Nobody could tell later who.
    #[error("give the name of who asks, of at most {MAX_ACTOR} characters")]
    Actor,
}

impl JobCommand {
    /// An order of `actor`, because of `reason`.
    ///
    /// # Errors
    /// If either is empty or too long.
    pub fn new(
        job: JobId,
        seen: Option<u64>,
        actor: &str,
        reason: &str,
    ) -> Result<Self, InvalidCommand> {
        let fits = |text: &str, most: usize| !text.is_empty() && text.chars().count() <= most;
        let actor = actor.trim();
        if !fits(actor, MAX_ACTOR) {
            return Err(InvalidCommand::Actor);
        }
        let reason = check_reason(reason).ok_or(InvalidCommand::Reason)?;
        Ok(Self {
            job,
            seen,
            actor: actor.to_owned(),
            reason: reason.to_owned(),
            force: false,
        })
    }

    /// The same order, given by somebody who knows how often the job has failed.
    #[must_use]
    pub fn forced(self) -> Self {
        Self {
            force: true,
            ..self
        }
    }

    fn check(&self, job: &Job) -> Result<(), Error> {
        match self.seen {
            Some(seen) if seen != job.version => Err(Error::Changed {
                seen,
                now: job.version,
            }),
            Some(_) | None => Ok(()),
        }
    }
}

/// A reason without spaces around it; none if it is empty or too long.
pub fn check_reason(reason: &str) -> Option<&str> {
    let reason = reason.trim();
    let fits = !reason.is_empty() && reason.chars().count() <= MAX_REASON;
    fits.then_some(reason)
}

/// Whether another run of a job is possible at all: it failed, after it was accepted, and has attempts left in its life.
pub fn may_be_resubmitted(job: &Job) -> bool {
    let State::Failed { attempt, .. } = &job.state else {
        return false;
    };
    may_have_a_result(&job.state) && *attempt < Attempt::MAX && !job.is_erased()
}

/// How often in a row a failed job's submissions have ended in the way that the last one did.
pub fn equal_failures(job: &Job) -> usize {
    let State::Failed { failure, .. } = &job.state else {
        return 0;
    };
    let ended_by = |at: Timestamp| {
        let before = job
            .attempts
            .iter()
            .filter(|record| record.closed_at.is_some_and(|closed| closed <= at));
        let last = before.max_by_key(|record| record.closed_at)?;
        last.failure.as_ref().map(|failure| failure.cause)
    };
    let resubmitted = job
        .history
        .iter()
        .rev()
        .filter(|entry| entry.event == RESUBMIT);
    let equal = resubmitted.take_while(|entry| ended_by(entry.at) == Some(failure.cause));
    1 + equal.count()
}

const RESUBMIT: &str = "Resubmit";

/// What became of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It was carried out. What the new state owes is the caller's to do. A caller that dies before loses nothing but
    /// a push: a retry is due at once, and the reconciler starts it.
    Done(Job),
    /// No run is needed: a result of the failed job is there. Send this wake-up, and the function that gets it makes the
    /// job ready and announces that, since only a message can be sure to be carried out.
    Found(CheckRequest),
    /// It makes no sense for the job as it is.
    Refused(Job, IgnoreReason),
}

/// Schedules another attempt of a failed job, on the path that every retry takes.
///
/// # Errors
/// [`Error::UnknownJob`], [`Error::Changed`], and those of the stores.
pub async fn resubmit<P>(
    ports: &P,
    run: &RunContext<'_>,
    order: &JobCommand,
) -> Result<Answer, Error>
where
    P: JobStore + ObjectStore + Clock,
{
    let job = load(ports, order).await?;
    let (job, change) = apply(ports, run, job, async |job, _| {
        order.check(job)?;
        let attempt = job.state.attempt();
        if may_have_a_result(&job.state)
            && find_output(ports, job).await?.is_some()
            && !input_was_replaced(ports, job).await?
        {
            // Changes nothing here: whoever gets it as a message looks for the result and announces it.
            return Ok(Event::CheckDue {
                attempt,
                due: None,
                evidence: Evidence::NotChecked,
            });
        }
        let times = equal_failures(job);
        if times >= POISON && !order.force {
            let cause = job.failure().map_or("", |failure| failure.cause.name());
            return Err(Error::Poisoned { cause, times });
        }
        Ok(Event::Resubmit {
            actor: order.actor.clone(),
            reason: order.reason.clone(),
        })
    })
    .await?;
    Ok(match change {
        Change::Advanced => Answer::Done(job),
        Change::Ignored(IgnoreReason::AlreadyApplied) => Answer::Found(CheckRequest {
            job: job.id,
            attempt: job.state.attempt(),
            due: None,
        }),
        Change::Ignored(why) => Answer::Refused(job, why),
    })
}

/// Gives an open job up. SageMaker cannot cancel: an attempt that runs goes on, and its result is dropped when it comes.
///
/// # Errors
/// As [`resubmit`].
pub async fn cancel<P>(ports: &P, run: &RunContext<'_>, order: &JobCommand) -> Result<Answer, Error>
where
    P: JobStore + Clock,
{
    let job = load(ports, order).await?;
    let (job, change) = apply(ports, run, job, async |job, _| {
        order.check(job)?;
        Ok(Event::Cancel {
            actor: order.actor.clone(),
            reason: order.reason.clone(),
        })
    })
    .await?;
    Ok(match change {
        Change::Advanced => Answer::Done(job),
        Change::Ignored(why) => Answer::Refused(job, why),
    })
}

async fn load<P: JobStore>(ports: &P, order: &JobCommand) -> Result<Job, Error> {
    about_id(order.job);
    let job = ports.load(order.job).await?;
    let job = job.ok_or(Error::UnknownJob(order.job))?;
    about(&job);
    Ok(job)
}
