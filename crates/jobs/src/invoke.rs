//! Calls the endpoint for a job that is `Submitting`, and records the response.

use crate::apply::{Change, RunContext, apply};
use crate::error::MessageError;
use crate::evidence::{find_output, input_was_replaced};
use crate::id::{Attempt, InferenceId, Location};
use crate::input::{InputLocation, InputProblem, input_location};
use crate::job::Job;
use crate::ports::{
    Clock, CopyError, InferenceEndpoint, Invocation, InvokeError, JobStore, ObjectStore,
};
use crate::state::{Cause, Failure, State};
use crate::transition::{DecisionContext, Event, IgnoreReason, transition};

/// Like [`invoke_endpoint`], for a job that was seen before. Its object may have been replaced meanwhile by a version that was not
/// validated, and the endpoint would read that one.
pub(crate) async fn invoke_if_input_is_current<P>(
    ports: &P,
    run: &RunContext<'_>,
    job: Job,
) -> Result<Vec<Job>, MessageError>
where
    P: JobStore + ObjectStore + InferenceEndpoint + Clock,
{
    let starts = matches!(job.state, State::Submitting { .. });
    if starts && input_was_replaced(ports, &job).await? {
        let (job, _) = apply(ports, run, job, async |_, _| Ok(Event::Overwritten)).await?;
        return Ok(vec![job]);
    }
    invoke_endpoint(ports, run, job).await
}

/// Calls the endpoint for a job that was just saved, if it is `Submitting`. Returns the jobs with other pending effects.
pub(crate) async fn invoke_endpoint<P>(
    ports: &P,
    run: &RunContext<'_>,
    job: Job,
) -> Result<Vec<Job>, MessageError>
where
    P: JobStore + ObjectStore + InferenceEndpoint + Clock,
{
    let State::Submitting {
        attempt,
        lease_token,
        ..
    } = job.state
    else {
        return Ok(vec![job]);
    };
    let event = match invoke(ports, run, &job, attempt).await {
        Ok(event) => event,
        Err(InvokeFailure::Permanent(failure)) => Event::SubmitFailed {
            attempt,
            lease_token,
            failure,
        },
        // The lease stays: the message is redelivered after it expires, and the call is made again.
        Err(InvokeFailure::Redeliver(error)) => return Err(error),
    };
    let event_for = async |job: &Job, context: &DecisionContext| {
        let decision = transition(&job.state, &event, context, &job.policy)?;
        let Some(State::Failed { .. }) = decision.new_state() else {
            return Ok(event.clone());
        };
        // An earlier call whose response was lost may have produced an output.
        match find_output(ports, job).await? {
            Some(_) if input_was_replaced(ports, job).await? => Ok(Event::Overwritten),
            Some((attempt, output)) => Ok(Event::Succeeded { attempt, output }),
            None => Ok(event.clone()),
        }
    };
    match apply(ports, run, job, event_for).await? {
        (job, Change::Advanced | Change::Ignored(IgnoreReason::AlreadyApplied)) => Ok(vec![job]),
        // The result arrived before the response, or another function took over the lease and runs the effects.
        (_, Change::Ignored(_)) => Ok(vec![]),
    }
}

enum InvokeFailure {
    Permanent(Failure),
    /// The outcome is unknown; the message must be redelivered.
    Redeliver(MessageError),
}

async fn invoke<P>(
    ports: &P,
    run: &RunContext<'_>,
    job: &Job,
    attempt: Attempt,
) -> Result<Event, InvokeFailure>
where
    P: ObjectStore + InferenceEndpoint,
{
    let Some(pipeline) = run.pipelines.get(&job.pipeline) else {
        return Err(InvokeFailure::Permanent(Failure::new(
            Cause::PipelineGone,
            format!("the pipeline {} is no longer configured", job.pipeline),
        )));
    };
    let input = match input_location(job.id, &job.input.bucket, &job.input.key) {
        InputLocation::InPlace(location) => location,
        InputLocation::Copy(location) => match ensure_copy(ports, job, &location).await {
            Ok(()) => location,
            Err(CopyError::NotFound) => {
                let deleted = InputProblem::Deleted.to_string();
                return Err(InvokeFailure::Permanent(Failure::new(
                    Cause::InvalidInput,
                    deleted,
                )));
            }
            Err(CopyError::Unavailable(error)) => {
                return Err(InvokeFailure::Redeliver(error.into()));
            }
        },
    };
    let invocation = Invocation {
        endpoint: pipeline.endpoint.clone(),
        inference_id: InferenceId {
            job: job.id,
            attempt,
        },
        input,
        content_type: pipeline.content_type().to_owned(),
        accept: pipeline.output.content_type(),
        queue_ttl_seconds: pipeline.queue_ttl_seconds,
        invocation_timeout_seconds: pipeline.invocation_timeout_seconds,
        trace_id: job.trace(),
    };
    match ports.invoke(&invocation).await {
        Ok(accepted) => {
            // S3 would deny requests for a location outside this pipeline's prefixes, so such locations are not recorded.
            let in_prefix = |location: Option<Location>, prefix: String| {
                location.filter(|location| {
                    location.bucket == job.input.bucket && location.key.starts_with(&prefix)
                })
            };
            Ok(Event::Accepted {
                attempt,
                output: in_prefix(accepted.output, pipeline.output_prefix()),
                failure: in_prefix(accepted.failure, pipeline.failure_prefix()),
            })
        }
        Err(InvokeError::Refused(why)) => {
            Err(InvokeFailure::Permanent(Failure::new(Cause::Refused, why)))
        }
        Err(InvokeError::OutcomeUnknown(error)) => Err(InvokeFailure::Redeliver(error.into())),
    }
}

/// Copies the input, unless an earlier call whose response was lost has done so: copying a gigabyte takes time.
async fn ensure_copy<P: ObjectStore>(ports: &P, job: &Job, to: &Location) -> Result<(), CopyError> {
    if ports.head(to).await?.is_some() {
        return Ok(());
    }
    let input = &job.input;
    ports
        .copy(&input.bucket, &input.key, &input.version, to)
        .await
}
