//! Calls the endpoint for a job that is `Submitting`, and records the response.

use crate::apply::{Change, RunContext, apply};
use crate::error::MessageError;
use crate::evidence::{InputStatus, find_output, input_status, input_was_replaced};
use crate::id::{Attempt, InferenceId, Location};
use crate::input::{InputLocation, InputProblem, input_location};
use crate::job::Job;
use crate::ports::{
    Clock, CopyError, HeadError, InferenceEndpoint, Invocation, InvokeError, JobStore, ObjectStore,
    Unavailable,
};
use crate::state::{Cause, Failure, State};
use crate::transition::{DecisionContext, Event, IgnoreReason, transition};

/// What to do if S3 does not let this service read the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfDenied {
    /// Let the message come back: the policy or the key may be changed meanwhile.
    Redeliver,
    /// Fail the job.
    Fail,
}

/// The failure of a refused call as it is. Function `retry` counts refused calls ([`crate::breaker`]): a job whose first call was
/// refused comes there next.
pub(crate) async fn refused(_: &Job, why: String) -> Failure {
    Failure::new(Cause::Refused, why)
}

/// Like [`invoke_endpoint`], for a job that was seen before. Its object may have been deleted meanwhile, or replaced by a
/// version that was not validated, and the endpoint would read that one.
pub(crate) async fn invoke_if_input_is_current<P, J>(
    ports: &P,
    run: &RunContext<'_>,
    job: Job,
    if_denied: IfDenied,
    judge_refusal: J,
) -> Result<Vec<Job>, MessageError>
where
    P: JobStore + ObjectStore + InferenceEndpoint + Clock,
    J: AsyncFn(&Job, String) -> Failure,
{
    let State::Submitting {
        attempt,
        lease_token,
        ..
    } = job.state
    else {
        return Ok(vec![job]);
    };
    let problem = match input_status(ports, &job).await {
        Ok(InputStatus::Current) => {
            return invoke_endpoint(ports, run, job, if_denied, judge_refusal).await;
        }
        Ok(InputStatus::Replaced) => {
            let (job, _) = apply(ports, run, job, async |_, _| Ok(Event::Overwritten)).await?;
            return Ok(vec![job]);
        }
        Ok(InputStatus::Deleted) => InputProblem::Deleted,
        Err(HeadError::Unreadable(why)) => InputProblem::Unreadable(why),
        Err(HeadError::Denied(why)) => denied(why, if_denied)?,
        Err(HeadError::Unavailable(error)) => return Err(error.into()),
    };
    let event = Event::SubmitFailed {
        attempt,
        lease_token,
        failure: problem.failure(),
    };
    record(ports, run, job, &event).await
}

/// # Errors
/// If the message is to come back.
pub(crate) fn denied(why: String, if_denied: IfDenied) -> Result<InputProblem, MessageError> {
    match if_denied {
        IfDenied::Redeliver => Err(MessageError::InputDenied(why)),
        IfDenied::Fail => Ok(InputProblem::Denied(why)),
    }
}

/// Calls the endpoint for a job that was just saved, if it is `Submitting`. Returns the jobs with other pending effects.
pub(crate) async fn invoke_endpoint<P, J>(
    ports: &P,
    run: &RunContext<'_>,
    job: Job,
    if_denied: IfDenied,
    judge_refusal: J,
) -> Result<Vec<Job>, MessageError>
where
    P: JobStore + ObjectStore + InferenceEndpoint + Clock,
    J: AsyncFn(&Job, String) -> Failure,
{
    let State::Submitting {
        attempt,
        lease_token,
        ..
    } = job.state
    else {
        return Ok(vec![job]);
    };
    let event = match invoke(ports, run, &job, attempt, if_denied).await {
        Ok(event) => event,
        Err(InvokeFailure::Permanent(failure)) => Event::SubmitFailed {
            attempt,
            lease_token,
            failure,
        },
        Err(InvokeFailure::Refused(why)) => Event::SubmitFailed {
            attempt,
            lease_token,
            failure: judge_refusal(&job, why).await,
        },
        // The lease stays: the message is redelivered after it expires, and the call is made again.
        Err(InvokeFailure::Redeliver(error)) => return Err(error),
    };
    record(ports, run, job, &event).await
}

/// Records what became of the call.
async fn record<P>(
    ports: &P,
    run: &RunContext<'_>,
    job: Job,
    event: &Event,
) -> Result<Vec<Job>, MessageError>
where
    P: JobStore + ObjectStore + Clock,
{
    let event_for = async |job: &Job, context: &DecisionContext| {
        let decision = transition(&job.state, event, context, &job.policy)?;
        let Some(State::Failed { .. }) = decision.new_state() else {
            return Ok(event.clone());
        };
        // An earlier call whose response was lost may have produced an output.
        match find_output(ports, job).await? {
            Some(_) if input_was_replaced(ports, job).await? => Ok(Event::Overwritten),
            Some(found) => {
                let pipeline = run.pipelines.get(&job.pipeline);
                let asked = pipeline.map(|pipeline| pipeline.output.content_type());
                Ok(found.into_event(asked))
            }
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
    Refused(String),
    /// The outcome is unknown; the message must be redelivered.
    Redeliver(MessageError),
}

impl From<InputProblem> for InvokeFailure {
    fn from(problem: InputProblem) -> Self {
        Self::Permanent(problem.failure())
    }
}

async fn invoke<P>(
    ports: &P,
    run: &RunContext<'_>,
    job: &Job,
    attempt: Attempt,
    if_denied: IfDenied,
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
            Err(CopyError::NotFound) => return Err(InputProblem::Deleted.into()),
            Err(CopyError::Unreadable(why)) => return Err(InputProblem::Unreadable(why).into()),
            Err(CopyError::Denied(why)) => {
                return Err(denied(why, if_denied)
                    .map_or_else(InvokeFailure::Redeliver, InvokeFailure::from));
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
        Err(InvokeError::Refused(why)) => Err(InvokeFailure::Refused(why)),
        Err(InvokeError::OutcomeUnknown(error)) => Err(InvokeFailure::Redeliver(error.into())),
    }
}

/// Copies the input, unless an earlier call whose response was lost has done so: copying a gigabyte takes time.
async fn ensure_copy<P: ObjectStore>(ports: &P, job: &Job, to: &Location) -> Result<(), CopyError> {
    if ports.head(to).await.map_err(Unavailable::from)?.is_some() {
        return Ok(());
    }
    let input = &job.input;
    ports
        .copy(&input.bucket, &input.key, &input.version, to)
        .await
}
