//! Commands of users: retry a failed job, run a ready one again, let a queued one start first, cancel an open one, or delete the
//! data of a final one. Each has an actor and a reason, which the job's history keeps.

use crate::apply::{Change, RunContext, apply_command};
use crate::error::{ApplyError, CommandError};
use crate::event::{Event, EventKind, Evidence};
use crate::evidence::{
    InputStatus, find_output, input_status, input_was_replaced, may_have_a_result,
};
use crate::id::{Attempt, JobId, Timestamp};
use crate::input::InputProblem;
use crate::job::Job;
use crate::ports::{
    CheckRequest, Clock, HeadError, JobStore, KeyValueStore, ObjectStore, Unavailable,
};
use crate::state::State;
use crate::text::is_visible_text;
use crate::transition::IgnoreReason;

/// The collection of the records of plans that were stopped.
pub const STOPPED_PLANS: &str = "plan-stopped";
/// Maximum length of a reason, in characters.
pub const MAX_REASON_CHARS: usize = 500;
/// After this many equal failures, each after all attempts of a submission, a retry must be forced: the cause is the
/// document or the model.
pub const MAX_EQUAL_FAILURES: usize = 3;
/// Maximum length of an actor's name, in characters. E-mail addresses are shorter.
pub const MAX_ACTOR_CHARS: usize = 320;

/// A command of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobCommand {
    pub job: JobId,
    /// The version of the job that the user saw. If the job has changed since, the command is rejected.
    pub expected_version: Option<u64>,
    actor: String,
    reason: String,
    force: bool,
    action: Action,
    plan: Option<String>,
}

/// What a command does to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Retry,
    RunAgain,
    Cancel,
    Erase,
}

/// A command without a valid actor or reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCommand {
    #[error("give a reason of at most {MAX_REASON_CHARS} characters")]
    Reason,
    #[error("give an actor of at most {MAX_ACTOR_CHARS} characters")]
    Actor,
}

impl JobCommand {
    /// # Errors
    /// If `actor` or `reason` is empty or too long.
    pub fn new(
        job: JobId,
        expected_version: Option<u64>,
        actor: &str,
        reason: &str,
    ) -> Result<Self, InvalidCommand> {
        let fits = |text: &str, max: usize| !text.is_empty() && text.chars().count() <= max;
        let actor = actor.trim();
        if !fits(actor, MAX_ACTOR_CHARS) {
            return Err(InvalidCommand::Actor);
        }
        let reason = check_reason(reason).ok_or(InvalidCommand::Reason)?;
        Ok(Self {
            job,
            expected_version,
            actor: actor.to_owned(),
            reason: reason.to_owned(),
            force: false,
            action: Action::Retry,
            plan: None,
        })
    }

    /// The same command, carried out even after [`MAX_EQUAL_FAILURES`] equal failures.
    #[must_use]
    pub fn forced(self) -> Self {
        Self {
            force: true,
            ..self
        }
    }

    /// Another run of a job that is `Ready`, in place of a retry of one that failed.
    #[must_use]
    pub fn running_again(self) -> Self {
        Self {
            action: Action::RunAgain,
            ..self
        }
    }

    /// A cancellation, in place of a retry.
    #[must_use]
    pub fn cancelling(self) -> Self {
        Self {
            action: Action::Cancel,
            ..self
        }
    }

    /// The same command, which does nothing once this plan is stopped.
    #[must_use]
    pub fn of_plan(self, plan: Option<String>) -> Self {
        Self { plan, ..self }
    }

    pub(crate) const fn cancels(&self) -> bool {
        matches!(self.action, Action::Cancel)
    }

    /// Whether its plan was stopped.
    ///
    /// # Errors
    /// If the store does not answer.
    pub(crate) async fn is_stopped<P: KeyValueStore>(
        &self,
        ports: &P,
    ) -> Result<bool, Unavailable> {
        match &self.plan {
            Some(plan) => Ok(ports.get(STOPPED_PLANS, plan).await?.is_some()),
            None => Ok(false),
        }
    }

    fn check(&self, job: &Job) -> Result<(), CommandError> {
        match self.expected_version {
            Some(expected) if expected != job.version => Err(CommandError::Changed {
                expected,
                actual: job.version,
            }),
            Some(_) | None => Ok(()),
        }
    }
}

/// Trims a reason; `None` if a reader can see nothing of it, or if it is too long.
pub fn check_reason(reason: &str) -> Option<&str> {
    let fits = is_visible_text(reason) && reason.chars().count() <= MAX_REASON_CHARS;
    fits.then_some(reason.trim())
}

/// Whether another run is possible: the job failed after it was accepted, and has attempts left in its lifetime.
pub fn may_be_retried(job: &Job) -> bool {
    let State::Failed { attempt, .. } = &job.state else {
        return false;
    };
    may_have_a_result(&job.state) && *attempt < Attempt::MAX
}

/// How many submissions in a row, including the last, ended with the same cause as the last one.
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
    let retried = job
        .history
        .iter()
        .rev()
        .filter(|entry| entry.event == EventKind::Retry);
    let equal = retried.take_while(|entry| ended_by(entry.at) == Some(failure.cause));
    1 + equal.count()
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RetryResult {
    /// The retry, or the cancellation of a plan, is saved; the caller runs the effects. If the caller dies first, only a push is lost: the reconciler starts
    /// a retry whose message was never sent.
    Scheduled(Job),
    /// No run is needed: the failed job has a result. Send this check; the function that receives it makes the job ready
    /// and publishes that. Only a message is guaranteed to be processed.
    ResultFound(CheckRequest),
    /// A job in this state cannot be retried.
    Refused(Job, IgnoreReason),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CancelResult {
    /// The job is cancelled; the caller runs the effects.
    Cancelled(Job),
    /// A job in this state cannot be cancelled.
    Refused(Job, IgnoreReason),
}

/// Schedules another attempt of a failed job, or of a `Ready` one if the command says so. It then starts like every other
/// retry. A command that [cancels](JobCommand::cancelling) cancels an open job.
///
/// # Errors
/// [`ApplyError::UnknownJob`], [`CommandError::Changed`], [`CommandError::Poisoned`], [`CommandError::InputDeleted`],
/// [`CommandError::InputReplaced`], [`CommandError::InputUnreadable`], and errors of the stores.
pub async fn retry_job<P>(
    ports: &P,
    run: &RunContext<'_>,
    command: &JobCommand,
) -> Result<RetryResult, CommandError>
where
    P: JobStore + ObjectStore + Clock,
{
    let (job, change) = carry_out(ports, run, command, command.action).await?;
    Ok(match change {
        Change::Advanced => RetryResult::Scheduled(job),
        Change::Ignored(IgnoreReason::AlreadyApplied) if command.action == Action::Retry => {
            RetryResult::ResultFound(CheckRequest {
                job: job.id,
                attempt: job.state.attempt(),
                due: None,
            })
        }
        Change::Ignored(why) => RetryResult::Refused(job, why),
    })
}

/// As [`check_input`], for a job with a result. The newer version has a job of its own.
async fn check_input_of_result<P: ObjectStore>(ports: &P, job: &Job) -> Result<(), CommandError> {
    check_input(ports, job).await?;
    if input_was_replaced(ports, job).await? {
        return Err(CommandError::InputReplaced);
    }
    Ok(())
}

/// Whether there is a document to run. A version that was replaced is not refused: the retry ends as superseded, which says more.
async fn check_input<P: ObjectStore>(ports: &P, job: &Job) -> Result<(), CommandError> {
    match input_status(ports, job).await {
        Ok(InputStatus::Current | InputStatus::Replaced) => Ok(()),
        Ok(InputStatus::Deleted) => Err(CommandError::InputDeleted),
        Err(HeadError::Unreadable(why)) => {
            Err(CommandError::InputUnreadable(InputProblem::Unreadable(why)))
        }
        Err(HeadError::Denied(why)) => {
            Err(CommandError::InputUnreadable(InputProblem::Denied(why)))
        }
        Err(HeadError::Unavailable(error)) => Err(error.into()),
    }
}

/// Cancels an open job. SageMaker cannot cancel a request: a running attempt continues, and its result is ignored.
///
/// # Errors
/// [`ApplyError::UnknownJob`], [`CommandError::Changed`], and errors of the stores.
pub async fn cancel_job<P>(
    ports: &P,
    run: &RunContext<'_>,
    command: &JobCommand,
) -> Result<CancelResult, CommandError>
where
    P: JobStore + ObjectStore + Clock,
{
    let (job, change) = carry_out(ports, run, command, Action::Cancel).await?;
    Ok(match change {
        Change::Advanced => CancelResult::Cancelled(job),
        Change::Ignored(why) => CancelResult::Refused(job, why),
    })
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UrgentResult {
    /// The job is released before the others. The caller runs the effects, and asks for a release.
    Urgent(Job),
    /// It is urgent already, or not queued.
    Refused(Job, IgnoreReason),
}

/// Lets a queued job start before all others of its pipeline.
///
/// # Errors
/// [`ApplyError::UnknownJob`], [`CommandError::Changed`], and errors of the stores.
pub async fn make_urgent<P>(
    ports: &P,
    run: &RunContext<'_>,
    command: &JobCommand,
) -> Result<UrgentResult, CommandError>
where
    P: JobStore + Clock,
{
    let job = load(ports, run, command).await?;
    let (job, change) = apply_command(ports, run, job, async |job, _| {
        command.check(job)?;
        Ok(Event::Urgent {
            actor: command.actor.clone(),
            reason: command.reason.clone(),
        })
    })
    .await?;
    Ok(match change {
        Change::Advanced => UrgentResult::Urgent(job),
        Change::Ignored(why) => UrgentResult::Refused(job, why),
    })
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EraseResult {
    /// The job is `Erased`, by this command or an earlier one. The caller deletes the objects.
    Erased(Job),
    /// The data of a job in this state cannot be deleted.
    Refused(Job, IgnoreReason),
}

/// Removes the document's name and the model's words from a final job, for good. From then on no attempt can start.
///
/// # Errors
/// [`ApplyError::UnknownJob`], [`CommandError::Changed`], [`CommandError::MayStillWrite`], and errors of the stores.
pub async fn erase_job<P>(
    ports: &P,
    run: &RunContext<'_>,
    command: &JobCommand,
) -> Result<EraseResult, CommandError>
where
    P: JobStore + ObjectStore + Clock,
{
    let (job, change) = carry_out(ports, run, command, Action::Erase).await?;
    Ok(match change {
        Change::Advanced | Change::Ignored(IgnoreReason::AlreadyApplied) => {
            EraseResult::Erased(job)
        }
        Change::Ignored(why) => EraseResult::Refused(job, why),
    })
}

/// Decides and saves what a command does. One place for all actions, because each use of [`apply_command`] adds its code to
/// the program once more.
async fn carry_out<P>(
    ports: &P,
    run: &RunContext<'_>,
    command: &JobCommand,
    action: Action,
) -> Result<(Job, Change), CommandError>
where
    P: JobStore + ObjectStore + Clock,
{
    let job = load(ports, run, command).await?;
    apply_command(ports, run, job, async |job, context| {
        command.check(job)?;
        let (actor, reason) = (command.actor.clone(), command.reason.clone());
        Ok(match action {
            Action::Cancel => Event::Cancel { actor, reason },
            Action::Erase => {
                let is_final = !job.state.is_open();
                if is_final
                    && !job.is_erased()
                    && let Some(until) = job.may_write_until(context.now)
                {
                    return Err(CommandError::MayStillWrite { until });
                }
                Event::Erase { actor, reason }
            }
            Action::RunAgain => {
                if matches!(job.state, State::Ready { .. }) {
                    check_input_of_result(ports, job).await?;
                }
                Event::RunAgain {
                    actor,
                    reason,
                    newest: job.newest_attempt(),
                }
            }
            Action::Retry => {
                if may_have_a_result(&job.state)
                    && find_output(ports, job).await?.is_some()
                    && !input_was_replaced(ports, job).await?
                {
                    // Changes nothing here. The function that receives this check as a message finds the result and
                    // publishes it.
                    return Ok(Event::CheckDue {
                        attempt: job.state.attempt(),
                        due: None,
                        evidence: Evidence::NotChecked,
                    });
                }
                let times = equal_failures(job);
                if times >= MAX_EQUAL_FAILURES && !command.force {
                    let cause = job.failure().map_or("", |failure| failure.cause.name());
                    return Err(CommandError::Poisoned { cause, times });
                }
                if may_be_retried(job) {
                    check_input(ports, job).await?;
                }
                Event::Retry { actor, reason }
            }
        })
    })
    .await
}

async fn load<P: JobStore>(
    ports: &P,
    run: &RunContext<'_>,
    command: &JobCommand,
) -> Result<Job, CommandError> {
    let job = ports.load(command.job).await?;
    let job = job.ok_or(ApplyError::UnknownJob(command.job))?;
    (run.on_job_found)(&job);
    Ok(job)
}
