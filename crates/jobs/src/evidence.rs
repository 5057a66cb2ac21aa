//! Looking at S3 for what became of an attempt. SageMaker has no status call, so objects are the only witnesses.

use crate::classify::model_message;
use crate::id::{Attempt, Location};

use crate::job::Job;
use crate::ports::{ObjectStore, Unavailable};
use crate::state::{Cause, Failure, State};
use crate::transition::Evidence;

/// How much of a failure object is read: a model's message is a sentence or two.
const FAILURE_OBJECT_BYTES: usize = 4096;

/// The output of any attempt of `job`: at the locations that were recorded, then under the job's own prefix,
/// where the output of a call whose answer was lost would be.
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
    let prefix = format!("outbound/{}/{}/", job.pipeline, job.id);
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

/// All that S3 says about the current attempt of `job`.
pub async fn gather<P: ObjectStore>(ports: &P, job: &Job) -> Result<Evidence, Unavailable> {
    if let Some((attempt, output)) = find_output(ports, job).await? {
        return Ok(Evidence::Output { attempt, output });
    }
    if let Some(said) = model_said(ports, job, job.state.attempt()).await? {
        // The status of the container's answer is not in its failure object: one more attempt, then a person.
        return Ok(Evidence::Failure(Failure::new(Cause::Unknown, said)));
    }
    Ok(Evidence::NothingFound)
}

/// What the model said in the failure object of an attempt; `None` if there is no such object.
pub async fn model_said<P: ObjectStore>(
    ports: &P,
    job: &Job,
    attempt: Attempt,
) -> Result<Option<String>, Unavailable> {
    let record = job.attempts.iter().find(|record| record.attempt == attempt);
    let Some(place) = record.and_then(|record| record.failure_object.as_ref()) else {
        return Ok(None);
    };
    let answer = ports.read(place, FAILURE_OBJECT_BYTES).await?;
    Ok(answer.map(|answer| {
        model_message(&answer).unwrap_or_else(|| "the model failed and gave no reason".to_owned())
    }))
}

/// Whether the job's input is still what S3 would hand to the endpoint. Not asked of copies, which are ours.
pub async fn input_was_replaced<P: ObjectStore>(ports: &P, job: &Job) -> Result<bool, Unavailable> {
    use crate::input::{Delivery, delivery};
    match delivery(job.id, &job.input.bucket, &job.input.key) {
        Delivery::Copy(_) => Ok(false),
        Delivery::InPlace(location) => {
            if let Some(current) = ports.head(&location).await? {
                return Ok(current.version != job.input.version);
            }
            // Deleted since: what matters is whether another version was there before the delete marker.
            let newest = ports.versions(&location.bucket, &location.key).await?;
            Ok(newest
                .first()
                .is_some_and(|newest| *newest != job.input.version))
        }
    }
}

/// Whether a late result still matters.
pub const fn is_settled(state: &State) -> bool {
    matches!(state, State::Ready { .. } | State::Cancelled { .. })
}

/// Whether a job that failed may have a result that nobody has told of, and that may be taken.
pub const fn may_have_a_result(state: &State) -> bool {
    match state {
        State::Failed { failure, .. } => {
            !matches!(failure.cause, Cause::InvalidInput | Cause::Superseded)
        }
        State::Submitting { .. }
        | State::InProgress { .. }
        | State::RetryScheduled { .. }
        | State::Ready { .. }
        | State::Cancelled { .. } => false,
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
