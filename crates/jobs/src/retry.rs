//! A wake-up arrived: start the attempt that it names, or find out what became of it.

use crate::apply::{Change, Error, Run, apply};
use crate::commands::{Answer, Order, resubmit};
use crate::evidence::{gather, input_was_replaced, may_have_a_result};
use crate::job::Job;
use crate::ports::{Clock, InferenceEndpoint, JobStore, ObjectStore, WakeUp};
use crate::submit::begin_again;
use crate::trace::{about, about_id};
use crate::transition::{Event, Evidence, Moment, Why};

/// Works off a wake-up. One for an attempt that no longer needs it does nothing. `redelivered` says that the message
/// was received before: then its effects may be owed although the job has moved on.
/// Answers the jobs whose effects are owed.
///
/// # Errors
/// See [`Error`]; the message must then be treated by its verdict.
pub async fn retry<P>(
    ports: &P,
    run: &Run<'_>,
    wake_up: &WakeUp,
    redelivered: bool,
) -> Result<Vec<Job>, Error>
where
    P: JobStore + ObjectStore + InferenceEndpoint + Clock,
{
    about_id(wake_up.job);
    let job = ports
        .load(wake_up.job)
        .await?
        .ok_or(Error::UnknownJob(wake_up.job))?;
    about(&job);
    let event_for = async |job: &Job, moment: &Moment| {
        let evidence = seek(ports, job, wake_up, moment).await?;
        if matches!(evidence, Evidence::Output { .. }) && input_was_replaced(ports, job).await? {
            return Ok(Event::Overwritten);
        }
        Ok(Event::WakeUp {
            attempt: wake_up.attempt,
            due: wake_up.due,
            evidence,
        })
    };
    match apply(ports, run, job, event_for).await? {
        (job, Change::Advanced) => begin_again(ports, run, job).await,
        (_, Change::Ignored(Why::Claimed)) => Err(Error::Claimed),
        (job, Change::Ignored(Why::AlreadyApplied)) => Ok(vec![job]),
        // It was started and refused, and whoever did that may have died before the next message was sent.
        (job, Change::Ignored(Why::StaleEvidence))
            if redelivered && job.state.attempt() == wake_up.attempt =>
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
    run: &Run<'_>,
    order: &Order,
    redelivered: bool,
) -> Result<Vec<Job>, Error>
where
    P: JobStore + ObjectStore + InferenceEndpoint + Clock,
{
    match resubmit(ports, run, order).await {
        Ok(Answer::Done(job)) => Ok(vec![job]),
        Ok(Answer::Found(wake_up)) => retry(ports, run, &wake_up, redelivered).await,
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
    wake_up: &WakeUp,
    moment: &Moment,
) -> Result<Evidence, Error> {
    let decides = match job.state.wake_at() {
        Some(wake_at) => wake_up.due.is_none() || moment.now >= wake_at,
        None => wake_up.due.is_none() && may_have_a_result(&job.state),
    };
    if decides {
        Ok(gather(ports, job).await?)
    } else {
        Ok(Evidence::NotSought)
    }
}
