//! Finds out from S3 what became of an attempt. SageMaker has no status call, so the objects are the only evidence.

use crate::classify::model_message;
use crate::event::Evidence;
use crate::id::{Attempt, Location};
use crate::input::{InputLocation, input_location};
use crate::job::Job;
use crate::pipeline::output_prefix;
use crate::ports::{ObjectStore, Unavailable};
use crate::state::{Cause, Failure, State};

/// Bytes read of a failure object. A model's message is a sentence or two.
const FAILURE_OBJECT_BYTES: usize = 4096;

/// Finds the output of any attempt of `job`: first at the recorded locations, then under the job's own prefix,
/// which also holds the output of a call whose response was lost.
pub async fn find_output<P: ObjectStore>(
    ports: &P,
    job: &Job,
) -> Result<Option<(Attempt, Location)>, Unavailable> {
    for record in job.attempts.iter().rev() {
        if let Some(location) = &record.output
            && ports.head(location).await?.is_some()
        {
            return Ok(Some((record.attempt, location.clone())));
        }
    }
    let newest = job.state.attempt();
    let prefix = format!("{}{}/", output_prefix(&job.pipeline), job.id);
    let keys = ports.list(&job.input.bucket, &prefix).await?;
    let found = keys.into_iter().filter_map(|key| {
        let attempt = attempt_in(key.strip_prefix(&prefix)?)?;
        (attempt <= newest).then_some((attempt, key))
    });
    Ok(found.max().map(|(attempt, key)| {
        (
            attempt,
            Location {
                bucket: job.input.bucket.clone(),
                key,
            },
        )
    }))
}

/// Collects all evidence in S3 about the current attempt of `job`.
pub async fn gather<P: ObjectStore>(ports: &P, job: &Job) -> Result<Evidence, Unavailable> {
    if let Some((attempt, output)) = find_output(ports, job).await? {
        return Ok(Evidence::Output { attempt, output });
    }
    if let Some(said) = model_said(ports, job, job.state.attempt()).await? {
        // The failure object does not contain the container's status code, so the cause stays unknown: one more attempt.
        return Ok(Evidence::Failure(Failure::new(Cause::Unknown, said)));
    }
    Ok(Evidence::NothingFound)
}

/// The model's message in the failure object of an attempt; `None` if there is no such object.
pub async fn model_said<P: ObjectStore>(
    ports: &P,
    job: &Job,
    attempt: Attempt,
) -> Result<Option<String>, Unavailable> {
    let record = job.attempts.iter().find(|record| record.attempt == attempt);
    let Some(location) = record.and_then(|record| record.failure_object.as_ref()) else {
        return Ok(None);
    };
    let answer = ports.read(location, FAILURE_OBJECT_BYTES).await?;
    Ok(answer.map(|answer| {
        model_message(&answer).unwrap_or_else(|| "the model failed and gave no reason".to_owned())
    }))
}

/// Whether another version has replaced the job's input since. Always false for copies, which only this service writes.
pub async fn input_was_replaced<P: ObjectStore>(ports: &P, job: &Job) -> Result<bool, Unavailable> {
    match input_location(job.id, &job.input.bucket, &job.input.key) {
        InputLocation::Copy(_) => Ok(false),
        InputLocation::InPlace(location) => {
            if let Some(current) = ports.head(&location).await? {
                return Ok(current.version != job.input.version);
            }
            // Deleted since. What matters is whether another version was written before the delete marker.
            let newest = ports.versions(&location.bucket, &location.key).await?;
            Ok(newest
                .first()
                .is_some_and(|newest| *newest != job.input.version))
        }
    }
}

/// Whether the state is final for good: a late result changes nothing.
pub const fn is_settled(state: &State) -> bool {
    matches!(
        state,
        State::Ready { .. } | State::Cancelled { .. } | State::Erased { .. }
    )
}

/// Whether a failed job may have a result that no notification reported and that may still be used.
pub const fn may_have_a_result(state: &State) -> bool {
    match state {
        State::Failed { failure, .. } => {
            !matches!(failure.cause, Cause::InvalidInput | Cause::Superseded)
        }
        State::Submitting { .. }
        | State::InProgress { .. }
        | State::RetryScheduled { .. }
        | State::Ready { .. }
        | State::Cancelled { .. }
        | State::Erased { .. } => false,
    }
}

/// The attempt in `a<n>/<anything>`.
fn attempt_in(rest: &str) -> Option<Attempt> {
    let (folder, _) = rest.split_once('/')?;
    folder
        .strip_prefix('a')?
        .parse()
        .ok()
        .map(Attempt)
        .filter(|attempt| *attempt > Attempt::NONE)
}
