//! Processes a notification of the endpoint: verifies it against S3 and records the outcome of the attempt.

use crate::apply::{Change, RunContext, apply};
use crate::breaker::{
    DetailSource, FailedAttempt, close_after_result, had_incident, judge_failure,
};
use crate::classify::EndpointFailure;
use crate::container_error::ContainerError;
use crate::erase_objects::delete_late_results;
use crate::error::MessageError;
use crate::evidence::{
    ObjectOfOutput, answered_with_nothing, failure_object, find_output, input_failure,
    input_was_replaced, is_settled, look_at, stated_content_type, unexpected_content_type,
    unreadable_result,
};
use crate::id::{InferenceId, Location};
use crate::job::Job;
use crate::pipeline::output_prefix;
use crate::ports::{
    CheckQueue, Clock, JobStore, KeyValueStore, ObjectDeletion, ObjectStore, RecentJobs,
};
use crate::state::{Cause, Failure, State};
use crate::transition::{DecisionContext, Event, Evidence, IgnoreReason, transition};

/// A notification of the endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptOutcome {
    pub inference_id: InferenceId,
    /// The output's location if the notification names it, or the failure.
    pub result: Result<Option<Location>, EndpointFailure>,
    /// The output's media type, if the notification names it.
    pub content_type: Option<String>,
    /// Whether this is the last delivery that waits for an output that is missing or cannot be read.
    pub last_call: bool,
}

/// Records the outcome of an attempt. Returns the jobs with pending effects.
///
/// # Errors
/// See [`MessageError::disposition`] for what to do with the message.
pub async fn record_outcome<P>(
    ports: &P,
    run: &RunContext<'_>,
    outcome: &AttemptOutcome,
) -> Result<Vec<Job>, MessageError>
where
    P: JobStore + ObjectStore + ObjectDeletion + KeyValueStore + RecentJobs + CheckQueue + Clock,
{
    let id = outcome.inference_id.job;
    let job = ports.load(id).await?.ok_or(MessageError::UnknownJob(id))?;
    (run.on_job_found)(&job);
    let event_for = async |job: &Job, context: &DecisionContext| match &outcome.result {
        // Ignored, whatever it is: there is nothing to look up.
        _ if job.is_erased() => Ok(Event::CheckDue {
            attempt: outcome.inference_id.attempt,
            due: None,
            evidence: Evidence::NotChecked,
        }),
        Ok(reported) => {
            let output = match reported.as_ref().or_else(|| recorded_output(job, outcome)) {
                Some(output) => output.clone(),
                // It arrived before the response to the call, and names no location: search the job's prefix.
                None => match find_output(ports, job).await? {
                    Some(found) => found.location,
                    None => {
                        return Err(MessageError::OutputMissing(
                            "of a success notification that names no location".to_owned(),
                        ));
                    }
                },
            };
            let output = &output;
            check_location(job, output)?;
            let asked = run.pipelines.get(&job.pipeline);
            let asked = asked.map(|pipeline| pipeline.output.content_type());
            succeeded(ports, run, job, outcome, output, asked, context).await
        }
        Err(said) => {
            let failure = said.classify(run.pipelines.get(&job.pipeline));
            failed(ports, run, job, outcome, failure, context).await
        }
    };
    match apply(ports, run, job, event_for).await? {
        (job, Change::Advanced | Change::Ignored(IgnoreReason::AlreadyApplied)) => {
            if matches!(job.state, State::Ready { .. }) && had_incident(&job) {
                close_after_result(ports, &job).await;
            }
            Ok(vec![job])
        }
        (job, Change::Ignored(IgnoreReason::Erased)) => {
            let reported = outcome.result.as_ref().ok().cloned().flatten();
            if let Some(output) = &reported {
                check_location(&job, output)?;
            }
            delete_late_results(ports, &job, reported).await?;
            Ok(vec![])
        }
        (_, Change::Ignored(_)) => Ok(vec![]),
    }
}

/// The output location that the response to the call named.
fn recorded_output<'a>(job: &'a Job, outcome: &AttemptOutcome) -> Option<&'a Location> {
    job.attempt(outcome.inference_id.attempt)?.output.as_ref()
}

/// Rejects a location outside the pipeline's output prefix: its endpoint cannot have written there.
fn check_location(job: &Job, output: &Location) -> Result<(), MessageError> {
    let prefix = output_prefix(&job.pipeline);
    if output.bucket == job.input.bucket && output.key.starts_with(&prefix) {
        return Ok(());
    }
    Err(MessageError::Contradiction(format!(
        "the output {output} is not under s3://{}/{prefix}",
        job.input.bucket
    )))
}

async fn succeeded<P>(
    ports: &P,
    run: &RunContext<'_>,
    job: &Job,
    outcome: &AttemptOutcome,
    output: &Location,
    asked: Option<&str>,
    context: &DecisionContext,
) -> Result<Event, MessageError>
where
    P: JobStore + ObjectStore + KeyValueStore + RecentJobs + Clock,
{
    let attempt = outcome.inference_id.attempt;
    let event = |content_type: Option<&str>, pages: Option<u32>| Event::Succeeded {
        attempt,
        output: output.clone(),
        unexpected_content_type: unexpected_content_type(content_type, asked),
        pages,
    };
    // Nothing to look up: it changes nothing.
    if is_settled(&job.state) || attempt <= job.earlier_result() {
        return Ok(event(None, None));
    }
    // SageMaker writes the object before it sends the notification, and S3 reads are strongly consistent (S3 user guide,
    // "data consistency model"). So a missing output was deleted, or never written.
    let (stored, pages) = match look_at(ports, output).await? {
        ObjectOfOutput::Answer {
            content_type,
            pages,
        } => (content_type, pages),
        ObjectOfOutput::Nothing => {
            return failed(ports, run, job, outcome, answered_with_nothing(), context).await;
        }
        ObjectOfOutput::Unreadable(why) if !outcome.last_call => {
            return Err(MessageError::OutputUnreadable(format!("{output}: {why}")));
        }
        ObjectOfOutput::Unreadable(why) => {
            return failed(ports, run, job, outcome, unreadable_result(&why), context).await;
        }
        ObjectOfOutput::Missing if !outcome.last_call => {
            return Err(MessageError::OutputMissing(output.to_string()));
        }
        ObjectOfOutput::Missing => {
            let failure = Failure::new(
                Cause::Unknown,
                format!("the endpoint reported success, but there is no {output}"),
            );
            return failed(ports, run, job, outcome, failure, context).await;
        }
    };
    if input_was_replaced(ports, job).await? {
        return Ok(Event::Overwritten);
    }
    let named = outcome.content_type.as_deref();
    let named = named.filter(|named| !named.is_empty());
    Ok(event(named.or_else(|| stated_content_type(&stored)), pages))
}

/// Before a job fails, all its attempts are checked: one of them may have succeeded without a notification.
async fn failed<P>(
    ports: &P,
    run: &RunContext<'_>,
    job: &Job,
    outcome: &AttemptOutcome,
    mut failure: Failure,
    context: &DecisionContext,
) -> Result<Event, MessageError>
where
    P: JobStore + ObjectStore + KeyValueStore + RecentJobs + Clock,
{
    let attempt = outcome.inference_id.attempt;
    let event = |failure: &Failure| Event::AttemptFailed {
        attempt,
        failure: failure.clone(),
    };
    let decide = |failure: &Failure| transition(&job.state, &event(failure), context, &job.policy);
    // A duplicate or late notification costs no request.
    if decide(&failure)?.new_state().is_none() {
        return Ok(event(&failure));
    }
    let pipeline = run.pipelines.get(&job.pipeline);
    let of_input = input_failure(ports, job, &failure).await?;
    let is_of_input = of_input.is_some();
    if let Some(of_input) = of_input {
        failure = of_input;
    } else {
        let detail_source = add_reason(ports, job, outcome, &mut failure).await;
        let next = decide(&failure)?;
        let failed = FailedAttempt {
            attempt,
            failure,
            detail_source,
            ends_job: matches!(next.new_state(), Some(State::Failed { .. })),
        };
        failure = judge_failure(ports, pipeline, job, failed).await?;
    }
    if !matches!(decide(&failure)?.new_state(), Some(State::Failed { .. })) {
        return Ok(event(&failure));
    }
    // A result of another version, even a failure, says nothing about this one.
    let was_replaced = input_was_replaced(ports, job).await?;
    if was_replaced && !is_of_input {
        return Ok(Event::Overwritten);
    }
    if let Some(found) = find_output(ports, job).await? {
        if was_replaced {
            return Ok(Event::Overwritten);
        }
        let asked = pipeline.map(|pipeline| pipeline.output.content_type());
        return Ok(found.into_event(asked));
    }
    Ok(event(&failure))
}

/// Replaces SageMaker's text, which only refers to a log, by the container's reason from the failure object. Returns where the
/// detail comes from now.
async fn add_reason<P: ObjectStore>(
    ports: &P,
    job: &Job,
    outcome: &AttemptOutcome,
    failure: &mut Failure,
) -> DetailSource {
    // A success without output has no failure object, and without the object SageMaker's text is all there is.
    let Err(said) = &outcome.result else {
        return DetailSource::General;
    };
    let object = failure_object(ports, job, outcome.inference_id.attempt).await;
    let Ok(Some(ContainerError { status, reason })) = object else {
        return DetailSource::General;
    };
    failure.container_status = failure.container_status.or(status);
    let (reason, detail_source) = match reason {
        Some(reason) => (reason, DetailSource::Model),
        None if !said.has_container_words() => {
            (said.without_readable_reason(), DetailSource::General)
        }
        None => return DetailSource::General,
    };
    *failure = failure.clone().with_detail(reason);
    detail_source
}
