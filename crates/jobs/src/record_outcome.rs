//! The endpoint said how an attempt ended: check it against what is there, and record it.

use crate::apply::{Change, Error, RunContext, apply};
use crate::evidence::{find_output, input_was_replaced, is_settled, model_said};
use crate::id::{InferenceId, Location};
use crate::job::Job;
use crate::pipeline::Pipeline;
use crate::ports::{Clock, JobStore, ObjectStore};
use crate::state::{Cause, Failure, State};
use crate::trace::{about, about_id};
use crate::transition::{Decision, DecisionContext, Event, IgnoreReason, transition};

/// A notification of the endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Which attempt.
    pub inference_id: InferenceId,
    /// Where the output is, if that was said, or what was said about the failure.
    pub result: Result<Option<Location>, Failure>,
    /// This is the last time that an output which is not there is waited for.
    pub last_call: bool,
}

/// Records how an attempt ended. Answers the jobs whose effects are owed.
///
/// # Errors
/// See [`Error`]; the message must then be treated by its verdict.
pub async fn record_outcome<P>(
    ports: &P,
    run: &RunContext<'_>,
    outcome: &Outcome,
) -> Result<Vec<Job>, Error>
where
    P: JobStore + ObjectStore + Clock,
{
    let id = outcome.inference_id.job;
    about_id(id);
    let job = ports.load(id).await?.ok_or(Error::UnknownJob(id))?;
    about(&job);
    let event_for = async |job: &Job, context: &DecisionContext| match &outcome.result {
        Ok(told) => {
            let output = match told.as_ref().or_else(|| promised(job, outcome)) {
                Some(output) => output.clone(),
                // It overtook the answer to the call, and does not say where: look.
                None => match find_output(ports, job).await? {
                    Some((_, output)) => output,
                    None => {
                        return Err(Error::OutputMissing(
                            "of a success that names no place".to_owned(),
                        ));
                    }
                },
            };
            let output = &output;
            check_location(run, job, output)?;
            succeeded(ports, job, outcome, output, context).await
        }
        Err(failure) => failed(ports, job, outcome, failure, context).await,
    };
    match apply(ports, run, job, event_for).await? {
        (job, Change::Advanced | Change::Ignored(IgnoreReason::AlreadyApplied)) => Ok(vec![job]),
        (_, Change::Ignored(_)) => Ok(vec![]),
    }
}

/// Where the answer to the call said that the output would be.
fn promised<'a>(job: &'a Job, outcome: &Outcome) -> Option<&'a Location> {
    job.attempts
        .iter()
        .find(|record| record.attempt == outcome.inference_id.attempt)?
        .output
        .as_ref()
}

/// A location that is not where this pipeline's endpoint writes was not written by it.
fn check_location(run: &RunContext<'_>, job: &Job, output: &Location) -> Result<(), Error> {
    let prefix = run.pipelines.get(&job.pipeline).map_or_else(
        || format!("outbound/{}/", job.pipeline),
        Pipeline::output_prefix,
    );
    if output.bucket == job.input.bucket && output.key.starts_with(&prefix) {
        return Ok(());
    }
    Err(Error::Contradiction(format!(
        "the output {output} is not under s3://{}/{prefix}",
        job.input.bucket
    )))
}

async fn succeeded<P: ObjectStore>(
    ports: &P,
    job: &Job,
    outcome: &Outcome,
    output: &Location,
    context: &DecisionContext,
) -> Result<Event, Error> {
    let attempt = outcome.inference_id.attempt;
    let event = Event::Succeeded {
        attempt,
        output: output.clone(),
    };
    if is_settled(&job.state) {
        return Ok(event);
    }
    // The object is written before the notification, and S3 reads are consistent (S3 user guide, "data consistency model"):
    // an output that is not there was deleted, or never was.
    if ports.head(output).await?.is_none() {
        if !outcome.last_call {
            return Err(Error::OutputMissing(output.to_string()));
        }
        let failure = Failure::new(
            Cause::Unknown,
            format!("the endpoint reported success, but there is no {output}"),
        );
        return failed(ports, job, outcome, &failure, context).await;
    }
    if input_was_replaced(ports, job).await? {
        return Ok(Event::Overwritten);
    }
    Ok(event)
}

/// Before a job fails, all its attempts are looked at: one of them may have succeeded without a word.
async fn failed<P: ObjectStore>(
    ports: &P,
    job: &Job,
    outcome: &Outcome,
    failure: &Failure,
    context: &DecisionContext,
) -> Result<Event, Error> {
    let attempt = outcome.inference_id.attempt;
    let event = Event::AttemptFailed {
        attempt,
        failure: failure.clone(),
    };
    let decision = transition(&job.state, &event, context, &job.policy)?;
    let Decision::Advance(State::Failed { .. }) = decision else {
        return Ok(event);
    };
    // What was made of another version, be it a failure, is no word about this one.
    if input_was_replaced(ports, job).await? {
        return Ok(Event::Overwritten);
    }
    if let Some((attempt, output)) = find_output(ports, job).await? {
        return Ok(Event::Succeeded { attempt, output });
    }
    // SageMaker's sentence sends the reader to a log; the customer is told what the model said, if it can be had.
    if let Ok(Some(said)) = model_said(ports, job, attempt).await {
        let failure = Failure::new(failure.cause, said);
        return Ok(Event::AttemptFailed { attempt, failure });
    }
    Ok(event)
}
