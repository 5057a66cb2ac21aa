//! A wake-up arrived: start the attempt that it names, or find out what became of it.

use crate::apply::{Change, Error, RunContext, apply};
use crate::commands::{Answer, JobCommand, resubmit};
use crate::evidence::{gather, input_was_replaced, may_have_a_result};
use crate::job::Job;
use crate::ports::{CheckRequest, Clock, InferenceEndpoint, JobStore, ObjectStore};
use crate::submit::begin_again;
use crate::trace::{about, about_id};
use crate::transition::{DecisionContext, Event, Evidence, IgnoreReason};

/// Works off a wake-up. One for an attempt that no longer needs it does nothing. `redelivered` says that the message
/// was received before: then its effects may be owed although the job has moved on.
/// Answers the jobs whose effects are owed.
///
/// # Errors
/// See [`Error`]; the message must then be treated by its verdict.
pub async fn retry<P>(
    ports: &P,
    run: &RunContext<'_>,
    check: &CheckRequest,
    redelivered: bool,
) -> Result<Vec<Job>, Error>
where
    P: JobStore + ObjectStore + InferenceEndpoint + Clock,
{
    about_id(check.job);
    let job = ports
        .load(check.job)
        .await?
        .ok_or(Error::UnknownJob(check.job))?;
    about(&job);
    let event_for = async |job: &Job, context: &DecisionContext| {
        let evidence = seek(ports, job, check, context).await?;
        if matches!(evidence, Evidence::Output { .. }) && input_was_replaced(ports, job).await? {
            return Ok(Event::Overwritten);
        }
        Ok(Event::CheckDue {
            attempt: check.attempt,
            due: check.due,
            evidence,
        })
    };
    match apply(ports, run, job, event_for).await? {
        (job, Change::Advanced) => begin_again(ports, run, job).await,
        (_, Change::Ignored(IgnoreReason::Leased)) => Err(Error::Leased),
        (job, Change::Ignored(IgnoreReason::AlreadyApplied)) => Ok(vec![job]),
        // It was started and refused, and whoever did that may have died before the next message was sent.
        (job, Change::Ignored(IgnoreReason::StaleEvidence))
            if redelivered && job.state.attempt() == check.attempt =>
        {
            Ok(vec![job])
        }
        (_, Change::Ignored(_)) => Ok(vec![]),
    }
}

/// Carries out somebody's order to run a failed job again, as it comes from a retry plan. A job that has moved on since is
/// left alone, and so is one that has failed the same way again and again.
/// Answers the jobs whose effects are owed.
///
/// # Errors
/// See [`Error`]; the message must then be treated by its verdict.
pub async fn carry_out<P>(
    ports: &P,
    run: &RunContext<'_>,
    order: &JobCommand,
    redelivered: bool,
) -> Result<Vec<Job>, Error>
where
    P: JobStore + ObjectStore + InferenceEndpoint + Clock,
{
    match resubmit(ports, run, order).await {
        Ok(Answer::Done(job)) => Ok(vec![job]),
        Ok(Answer::Found(check)) => retry(ports, run, &check, redelivered).await,
        Ok(Answer::Refused(..)) | Err(Error::Poisoned { .. }) => Ok(vec![]),
        // Perhaps by this very order, and whoever carried it out died before the next message was sent.
        Err(Error::Changed { .. }) if redelivered => {
            let job = ports.load(order.job).await?;
            Ok(job.into_iter().collect())
        }
        Err(Error::Changed { .. } | Error::UnknownJob(_)) => Ok(vec![]),
        Err(error) => Err(error),
    }
}

/// Evidence costs requests, so it is sought only where it decides: when the message asks for it, or time is up. A message
/// that starts an attempt says when that was due; one that does not say so asks for a look.
async fn seek<P: ObjectStore>(
    ports: &P,
    job: &Job,
    check: &CheckRequest,
    context: &DecisionContext,
) -> Result<Evidence, Error> {
    let decides = match job.state.check_deadline() {
        Some(next_check_at) => check.due.is_none() || context.now >= next_check_at,
        None => check.due.is_none() && may_have_a_result(&job.state),
    };
    if decides {
        Ok(gather(ports, job).await?)
    } else {
        Ok(Evidence::NotChecked)
    }
}
