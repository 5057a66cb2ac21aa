//! A wake-up arrived: start the attempt that it names, or find out what became of it.

use crate::apply::{Change, Error, Run, apply};
use crate::evidence::{gather, input_was_replaced, may_have_a_result};
use crate::job::Job;
use crate::ports::{Clock, InferenceEndpoint, JobStore, ObjectStore, WakeUp};
use crate::submit::begin_again;
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
    let job = ports
        .load(wake_up.job)
        .await?
        .ok_or(Error::UnknownJob(wake_up.job))?;
    let event_for = async |job: &Job, moment: &Moment| {
        let evidence = seek(ports, job, moment).await?;
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

/// Evidence costs requests, so it is sought only where it decides: once an attempt is out of time, or has failed.
async fn seek<P: ObjectStore>(ports: &P, job: &Job, moment: &Moment) -> Result<Evidence, Error> {
    let out_of_time = job
        .state
        .wake_at()
        .is_some_and(|wake_at| moment.now >= wake_at);
    // A failed job is woken when somebody has seen a result of it.
    if out_of_time || may_have_a_result(&job.state) {
        Ok(gather(ports, job).await?)
    } else {
        Ok(Evidence::NotSought)
    }
}
