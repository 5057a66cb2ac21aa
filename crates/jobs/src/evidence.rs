//! Finds out from S3 what became of an attempt. SageMaker has no status call, so the objects are the only evidence.

use crate::container_error::{NO_READABLE_REASON, model_message};
use crate::event::{Event, Evidence};
use crate::id::{Attempt, Location};
use crate::input::{InputLocation, InputProblem, input_location};
use crate::job::Job;
use crate::ports::{HeadError, ObjectStore, Unavailable};
use crate::result_pages::{RESULT_START_BYTES, pages_in};
use crate::same_bytes::{is_same_input, may_be_same_bytes};
use crate::state::{Cause, Failure, State};

/// Bytes read of a failure object. The reason may be the last line of a long traceback.
const FAILURE_OBJECT_BYTES: usize = 65_536;

/// The failure of an attempt whose output has no bytes.
pub fn answered_with_nothing() -> Failure {
    Failure::new(Cause::ModelError, "the model answered with nothing")
}

/// An output that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundOutput {
    pub attempt: Attempt,
    pub output: Location,
    /// The pages of the document, if the output says how many.
    pub pages: Option<u32>,
}

impl FoundOutput {
    /// That it was found without a notification of it.
    pub(crate) fn into_event(self) -> Event {
        Event::Succeeded {
            attempt: self.attempt,
            output: self.output,
            unexpected_content_type: None,
            pages: self.pages,
        }
    }
}

/// Finds the output of any attempt of `job`: first at the recorded locations, then under the job's own prefix,
/// which also holds the output of a call whose response was lost. An object without bytes is not an output. While a job is
/// run again, only outputs of newer attempts count.
pub async fn find_output<P: ObjectStore>(
    ports: &P,
    job: &Job,
) -> Result<Option<FoundOutput>, Unavailable> {
    let earlier = job.earlier_result();
    for record in job.attempts.iter().rev() {
        if let Some(location) = &record.output
            && record.attempt > earlier
            && let Some(found) = existing(ports, record.attempt, location.clone()).await?
        {
            return Ok(Some(found));
        }
    }
    let newest = job.state.attempt();
    let prefix = job.output_prefix();
    let keys = ports.list(&job.input.bucket, &prefix).await?;
    let found = keys.into_iter().filter_map(|key| {
        let attempt = attempt_in(key.strip_prefix(&prefix)?)?;
        (earlier < attempt && attempt <= newest).then_some((attempt, key))
    });
    let mut found: Vec<(Attempt, String)> = found.collect();
    found.sort();
    for (attempt, key) in found.into_iter().rev() {
        let bucket = job.input.bucket.clone();
        let location = Location { bucket, key };
        if let Some(found) = existing(ports, attempt, location).await? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

async fn existing<P: ObjectStore>(
    ports: &P,
    attempt: Attempt,
    output: Location,
) -> Result<Option<FoundOutput>, Unavailable> {
    let start = ports.read(&output, RESULT_START_BYTES).await?;
    Ok(start
        .filter(|start| start.size > 0)
        .map(|start| FoundOutput {
            attempt,
            output,
            pages: pages_in(&start),
        }))
}

/// Whether the output of the current attempt exists, at its recorded location, without bytes.
async fn has_empty_output<P: ObjectStore>(ports: &P, job: &Job) -> Result<bool, Unavailable> {
    let record = job.attempt(job.state.attempt());
    let Some(output) = record.and_then(|record| record.output.as_ref()) else {
        return Ok(false);
    };
    Ok(ports
        .head(output)
        .await?
        .is_some_and(|output| output.bytes == 0))
}

/// Collects all evidence in S3 about the current attempt of `job`.
pub async fn gather<P: ObjectStore>(ports: &P, job: &Job) -> Result<Evidence, Unavailable> {
    if let Some(found) = find_output(ports, job).await? {
        return Ok(Evidence::Output {
            attempt: found.attempt,
            output: found.output,
            pages: found.pages,
        });
    }
    if let Some(FailureObject { reason }) = failure_object(ports, job, job.state.attempt()).await? {
        // The failure object does not contain the container's status code, so the cause stays unknown: one more attempt.
        let failure = |reason: String| Failure::new(Cause::Unknown, reason);
        return Ok(Evidence::Failure(match reason {
            // The container has read the input, whatever became of it since.
            Some(reason) => failure(reason),
            None => {
                let failure = failure(NO_READABLE_REASON.to_owned());
                input_deleted(ports, job, &failure)
                    .await?
                    .unwrap_or(failure)
            }
        }));
    }
    if has_empty_output(ports, job).await? {
        return Ok(Evidence::Failure(answered_with_nothing()));
    }
    Ok(Evidence::NothingFound)
}

/// The object that SageMaker wrote when an attempt failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureObject {
    /// The container's reason, if it can be read.
    pub reason: Option<String>,
}

/// The failure object of an attempt; `None` if there is none.
pub async fn failure_object<P: ObjectStore>(
    ports: &P,
    job: &Job,
    attempt: Attempt,
) -> Result<Option<FailureObject>, Unavailable> {
    let record = job.attempt(attempt);
    let Some(location) = record.and_then(|record| record.failure_object.as_ref()) else {
        return Ok(None);
    };
    let answer = ports.read(location, FAILURE_OBJECT_BYTES).await?;
    Ok(answer.map(|answer| FailureObject {
        reason: model_message(&answer.bytes),
    }))
}

/// What became of a job's input since it was uploaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputStatus {
    /// The endpoint would read the job's version, or the same bytes.
    Current,
    /// The endpoint would read other bytes.
    Replaced,
    /// It was deleted: by a user, or at the end of its retention.
    Deleted,
}

/// Asks S3 whether a job's input is still there: before an attempt is started, and when an attempt failed for an unknown
/// reason. Every start of an instance for a job that was seen before asks here first.
pub async fn input_status<P: ObjectStore>(ports: &P, job: &Job) -> Result<InputStatus, HeadError> {
    let input = Location {
        bucket: job.input.bucket.clone(),
        key: job.input.key.clone(),
    };
    let is_copied = matches!(
        input_location(job.id, &input.bucket, &input.key),
        InputLocation::Copy(_)
    );
    if let Some(current) = ports.head(&input).await? {
        // A copy is made of the job's version, whatever was written since.
        if is_copied || current.version == job.input.version {
            return Ok(InputStatus::Current);
        }
        let own = (job.input.etag.as_str(), job.input.bytes);
        if !may_be_same_bytes(own, (&current.etag, current.bytes)) {
            return Ok(InputStatus::Replaced);
        }
        let listed = ports.versions(&input.bucket, &input.key).await?;
        return Ok(if is_same_input(&listed, &current.version, &job.input) {
            InputStatus::Current
        } else {
            InputStatus::Replaced
        });
    }
    // Deleted since. What matters is whether another input was written before the delete marker.
    let listed = ports.versions(&input.bucket, &input.key).await?;
    Ok(match listed.first() {
        Some(newest) if !is_copied && !is_same_input(&listed, &newest.version, &job.input) => {
            InputStatus::Replaced
        }
        Some(_) | None => InputStatus::Deleted,
    })
}

/// Whether another input has replaced the job's since: other bytes, or bytes that were put after others. Always false for copies, which only this service writes.
pub async fn input_was_replaced<P: ObjectStore>(ports: &P, job: &Job) -> Result<bool, Unavailable> {
    match input_location(job.id, &job.input.bucket, &job.input.key) {
        InputLocation::Copy(_) => Ok(false),
        InputLocation::InPlace(_) => Ok(input_status(ports, job).await? == InputStatus::Replaced),
    }
}

/// The failure that explains `failure`, if its cause is unknown and the input was deleted: the endpoint found no input.
pub async fn input_deleted<P: ObjectStore>(
    ports: &P,
    job: &Job,
    failure: &Failure,
) -> Result<Option<Failure>, Unavailable> {
    if failure.cause != Cause::Unknown {
        return Ok(None);
    }
    Ok(match input_status(ports, job).await {
        Ok(InputStatus::Deleted) => Some(InputProblem::Deleted.failure()),
        Ok(InputStatus::Current | InputStatus::Replaced)
        // The next attempt asks again.
        | Err(HeadError::Denied(_) | HeadError::Unreadable(_)) => None,
        Err(HeadError::Unavailable(error)) => return Err(error),
    })
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
        State::Queued { .. }
        | State::Submitting { .. }
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
