//! Finds out from S3 what became of an attempt. SageMaker has no status call, so the objects are the only evidence.

use crate::container_error::{ContainerError, NO_READABLE_REASON};
use crate::error::{IfUnusable, MessageError};
use crate::event::{Event, Evidence};
use crate::id::{Attempt, Location};
use crate::input::{InputLocation, InputProblem, input_location};
use crate::job::Job;
use crate::ports::{FirstBytes, HeadError, ListedVersion, ObjectHead, ObjectStore, Unavailable};
use crate::result_pages::{RESULT_START_BYTES, pages_in};
use crate::same_bytes::{is_same_input, may_be_same_bytes};
use crate::state::{Cause, Failure, State};

/// Bytes read of a failure object. The reason may be the last line of a long traceback.
const FAILURE_OBJECT_BYTES: usize = 65_536;

/// The failure of an attempt whose output is nothing.
pub fn answered_with_nothing() -> Failure {
    Failure::new(Cause::ModelError, "the model answered with nothing")
}

/// The failure of an attempt whose output exists and cannot be read.
pub(crate) fn unreadable_result(why: &str) -> Failure {
    Failure::new(Cause::Unknown, format!("the result cannot be read ({why})"))
}

/// An output of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundOutput {
    pub attempt: Attempt,
    pub location: Location,
    /// The media type of the object. SageMaker does not document whether it stores the container's.
    pub content_type: String,
    /// The pages of the document, if the output says how many.
    pub pages: Option<u32>,
}

impl FoundOutput {
    /// As [`unexpected_content_type`].
    pub fn unexpected_content_type(&self, asked: Option<&str>) -> Option<String> {
        unexpected_content_type(stated_content_type(&self.content_type), asked)
    }

    /// That it was found without a notification of it. `asked` is the media type that the pipeline asks for.
    pub(crate) fn into_event(self, asked: Option<&str>) -> Event {
        Event::Succeeded {
            unexpected_content_type: self.unexpected_content_type(asked),
            attempt: self.attempt,
            output: self.location,
            pages: self.pages,
        }
    }
}

/// Finds the output of any attempt of `job`: first at the recorded locations, then under the job's own prefix,
/// which also holds the output of a call whose response was lost. An answer of nothing is not an output, nor is one that cannot
/// be read. While a job is run again, only outputs of newer attempts count.
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
    location: Location,
) -> Result<Option<FoundOutput>, Unavailable> {
    let found = look_at(ports, &location).await?;
    Ok(match found {
        ObjectOfOutput::Answer {
            content_type,
            pages,
        } => Some(FoundOutput {
            attempt,
            location,
            content_type,
            pages,
        }),
        ObjectOfOutput::Missing | ObjectOfOutput::Nothing | ObjectOfOutput::Unreadable(_) => None,
    })
}

/// What is at the location of an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObjectOfOutput {
    Missing,
    /// The model answered with nothing: without bytes, with blanks, or with JSON's `null` or an empty text. An empty list or
    /// object is an answer, such as that there are no findings.
    Nothing,
    /// It exists, and S3 does not let this service read it: its error code.
    Unreadable(String),
    Answer {
        content_type: String,
        /// The pages of the document, if it says how many.
        pages: Option<u32>,
    },
}

/// Looks at the start of an output: one request.
pub async fn look_at<P: ObjectStore>(
    ports: &P,
    location: &Location,
) -> Result<ObjectOfOutput, Unavailable> {
    let start = match ports.read(location, RESULT_START_BYTES).await {
        Ok(start) => start,
        Err(HeadError::Unavailable(error)) => return Err(error),
        Err(HeadError::Unreadable(_) | HeadError::Denied(_))
            if !exists(ports, location).await? =>
        {
            None
        }
        Err(HeadError::Unreadable(why) | HeadError::Denied(why)) => {
            return Ok(ObjectOfOutput::Unreadable(why));
        }
    };
    Ok(match start {
        None => ObjectOfOutput::Missing,
        Some(FirstBytes { bytes, size, .. }) if is_nothing(size, &bytes) => ObjectOfOutput::Nothing,
        Some(start) => ObjectOfOutput::Answer {
            pages: pages_in(&start),
            content_type: start.content_type,
        },
    })
}

/// Whether S3 lists an object that it refuses to read: it refuses by a policy whether there is one or not, and a listing needs no
/// permission on the object.
async fn exists<P: ObjectStore>(ports: &P, location: &Location) -> Result<bool, Unavailable> {
    let listed = ports.list(&location.bucket, &location.key).await?;
    Ok(listed.contains(&location.key))
}

/// Whether an answer of `size` bytes that starts with `beginning` is [nothing](ObjectOfOutput::Nothing), blanks left aside.
/// If not all could be read, it is an answer.
pub fn is_nothing(size: u64, beginning: &[u8]) -> bool {
    let text = beginning.strip_prefix(b"\xef\xbb\xbf").unwrap_or(beginning);
    beginning.len() as u64 == size && matches!(text.trim_ascii(), b"" | b"null" | b"\"\"")
}

/// Maximum length of a media type that is recorded, in characters.
const MAX_CONTENT_TYPE_CHARS: usize = 80;

/// The output's media type, if it is not the one that the pipeline asks for. Parameters such as `charset` do not matter.
pub fn unexpected_content_type(got: Option<&str>, asked: Option<&str>) -> Option<String> {
    let essence = |text: &str| {
        text.split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase()
    };
    let got = essence(got?);
    let is_unexpected = !got.is_empty() && got != essence(asked?);
    let is_plain = |char: &char| char.is_ascii_graphic();
    is_unexpected.then(|| {
        got.chars()
            .filter(is_plain)
            .take(MAX_CONTENT_TYPE_CHARS)
            .collect()
    })
}

/// The media type of an object, if it says anything. S3 stores `binary/octet-stream` if the writer names none.
pub fn stated_content_type(stored: &str) -> Option<&str> {
    let says_nothing = matches!(
        stored,
        "" | "binary/octet-stream" | "application/octet-stream"
    );
    (!says_nothing).then_some(stored)
}

/// Collects all evidence in S3 about the current attempt of `job`. `asked` is the media type that its pipeline asks for.
///
/// # Errors
/// [`MessageError::OutputUnreadable`] if `if_unreadable` says so.
pub async fn gather<P: ObjectStore>(
    ports: &P,
    job: &Job,
    asked: Option<&str>,
    if_unreadable: IfUnusable,
) -> Result<Evidence, MessageError> {
    if let Some(found) = find_output(ports, job).await? {
        return Ok(Evidence::Output {
            unexpected_content_type: found.unexpected_content_type(asked),
            attempt: found.attempt,
            output: found.location,
            pages: found.pages,
        });
    }
    if let Some(ContainerError { status, reason }) =
        failure_object(ports, job, job.state.attempt()).await?
    {
        // A failure object is the container's body, without its status: the cause stays unknown, one more attempt.
        let failure =
            |reason: String| Failure::new(Cause::Unknown, reason).with_container_status(status);
        return Ok(Evidence::Failure(match reason {
            // The container gave a reason, so it has read the input, even if the input was deleted since.
            Some(reason) => failure(reason),
            None => {
                let failure = failure(NO_READABLE_REASON.to_owned());
                input_failure(ports, job, &failure)
                    .await?
                    .unwrap_or(failure)
            }
        }));
    }
    let record = job.attempt(job.state.attempt());
    let Some(output) = record.and_then(|record| record.output.as_ref()) else {
        return Ok(Evidence::NothingFound);
    };
    Ok(match (look_at(ports, output).await?, if_unreadable) {
        (ObjectOfOutput::Nothing, _) => Evidence::Failure(answered_with_nothing()),
        (ObjectOfOutput::Unreadable(why), IfUnusable::Redeliver) => {
            return Err(MessageError::OutputUnreadable(format!("{output}: {why}")));
        }
        (ObjectOfOutput::Unreadable(why), IfUnusable::Fail) => {
            Evidence::Failure(unreadable_result(&why))
        }
        (ObjectOfOutput::Missing | ObjectOfOutput::Answer { .. }, _) => Evidence::NothingFound,
    })
}

/// What SageMaker stored when an attempt failed; `None` if there is no failure object.
pub async fn failure_object<P: ObjectStore>(
    ports: &P,
    job: &Job,
    attempt: Attempt,
) -> Result<Option<ContainerError>, Unavailable> {
    let record = job.attempt(attempt);
    let Some(location) = record.and_then(|record| record.failure_object.as_ref()) else {
        return Ok(None);
    };
    let bytes = match ports.read(location, FAILURE_OBJECT_BYTES).await {
        Ok(Some(answer)) => answer.bytes,
        Ok(None) => return Ok(None),
        Err(HeadError::Unavailable(error)) => return Err(error),
        Err(HeadError::Unreadable(_) | HeadError::Denied(_))
            if !exists(ports, location).await? =>
        {
            return Ok(None);
        }
        Err(HeadError::Unreadable(_) | HeadError::Denied(_)) => vec![],
    };
    Ok(Some(ContainerError::read(&bytes)))
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

/// Asks S3 whether a job's input can still be read: before an attempt is started, and when an attempt failed for an unknown
/// reason. Every start of an instance for a job that was seen before asks here first.
///
/// It reads the first bytes: a HEAD request succeeds for an archived object, and for one whose KMS key is disabled (S3 API
/// reference, `HeadObject`).
///
/// # Errors
/// [`HeadError::Unreadable`] and [`HeadError::Denied`] are about the job's version.
pub async fn input_status<P: ObjectStore>(ports: &P, job: &Job) -> Result<InputStatus, HeadError> {
    let input = &job.input;
    let refused = match ports.head_current(&input.bucket, &input.key).await {
        Ok(current) => match status_of(ports, job, current).await? {
            InputStatus::Replaced => return Ok(replaced_or_deleted(ports, job).await?),
            status @ (InputStatus::Current | InputStatus::Deleted) => return Ok(status),
        },
        Err(HeadError::Unavailable(error)) => return Err(error.into()),
        Err(refused) => refused,
    };
    // S3 does not say which version it refuses.
    let listed = ports.versions(&input.bucket, &input.key).await?;
    match listed.first() {
        Some(newest) if newest.version == input.version => Err(refused),
        // A copy of the job's version may be there already, or may still be made.
        Some(_) if is_copied(job) => Ok(InputStatus::Current),
        Some(newest) if !is_same_input(&listed, &newest.version, input) => {
            Ok(if is_older(newest, &listed, job) {
                InputStatus::Deleted
            } else {
                InputStatus::Replaced
            })
        }
        Some(_) | None => Err(refused),
    }
}

/// Other bytes are current: a newer version, or an older one, because the job's was deleted by its id.
async fn replaced_or_deleted<P: ObjectStore>(
    ports: &P,
    job: &Job,
) -> Result<InputStatus, Unavailable> {
    let listed = ports.versions(&job.input.bucket, &job.input.key).await?;
    let is_older = |newest| is_older(newest, &listed, job);
    Ok(if listed.first().is_some_and(is_older) {
        InputStatus::Deleted
    } else {
        InputStatus::Replaced
    })
}

/// Whether a version is older than the job's, which is no longer stored. The job's was current when its row was written.
fn is_older(version: &ListedVersion, listed: &[ListedVersion], job: &Job) -> bool {
    let is_stored = listed
        .iter()
        .any(|known| known.version == job.input.version);
    !is_stored && version.put_at <= job.created_at
}

fn is_copied(job: &Job) -> bool {
    matches!(
        input_location(job.id, &job.input.bucket, &job.input.key),
        InputLocation::Copy(_)
    )
}

async fn status_of<P: ObjectStore>(
    ports: &P,
    job: &Job,
    current: Option<ObjectHead>,
) -> Result<InputStatus, Unavailable> {
    let (input, is_copied) = (&job.input, is_copied(job));
    if let Some(current) = current {
        // A copy is made of the job's version, whatever was written since.
        if is_copied || current.version == input.version {
            return Ok(InputStatus::Current);
        }
        let own = (input.etag.as_str(), input.bytes);
        if !may_be_same_bytes(own, (&current.etag, current.bytes)) {
            return Ok(InputStatus::Replaced);
        }
        let listed = ports.versions(&input.bucket, &input.key).await?;
        return Ok(if is_same_input(&listed, &current.version, input) {
            InputStatus::Current
        } else {
            InputStatus::Replaced
        });
    }
    // Deleted since. What matters is whether another input was written before the delete marker.
    let listed = ports.versions(&input.bucket, &input.key).await?;
    Ok(match listed.first() {
        Some(newest) if !is_copied && !is_same_input(&listed, &newest.version, input) => {
            InputStatus::Replaced
        }
        Some(_) | None => InputStatus::Deleted,
    })
}

/// Whether another input has replaced the job's since: other bytes, or bytes that were put after others. Always false for copies, which only this service writes.
///
/// Whether the input can still be read does not matter: a result that was made from it counts.
pub async fn input_was_replaced<P: ObjectStore>(ports: &P, job: &Job) -> Result<bool, Unavailable> {
    if is_copied(job) {
        return Ok(false);
    }
    let input = &job.input;
    let at = Location {
        bucket: input.bucket.clone(),
        key: input.key.clone(),
    };
    let current = match ports.head(&at).await {
        Ok(current) => current,
        Err(HeadError::Unavailable(error)) => return Err(error),
        // A listing needs no permission on the object.
        Err(HeadError::Unreadable(_) | HeadError::Denied(_)) => None,
    };
    Ok(status_of(ports, job, current).await? == InputStatus::Replaced)
}

/// The failure that explains `failure`, if its cause is unknown and the input cannot be read for good: the endpoint could not read
/// it either.
pub async fn input_failure<P: ObjectStore>(
    ports: &P,
    job: &Job,
    failure: &Failure,
) -> Result<Option<Failure>, Unavailable> {
    if failure.cause != Cause::Unknown {
        return Ok(None);
    }
    Ok(match input_status(ports, job).await {
        Ok(InputStatus::Deleted) => Some(InputProblem::Deleted.failure()),
        Err(HeadError::Unreadable(why)) => Some(InputProblem::Unreadable(why).failure()),
        Ok(InputStatus::Current | InputStatus::Replaced)
        // The next attempt asks again.
        | Err(HeadError::Denied(_)) => None,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answer_of_nothing_is_told_from_an_empty_list() {
        let padded = format!("{}null\n", " ".repeat(60_000));
        for body in [
            "", "\n", " \r\n\t", "null", "null\n", "\u{feff}", "\"\"", &padded,
        ] {
            assert!(is_nothing(body.len() as u64, body.as_bytes()), "{body:?}");
        }
        for body in ["{}", "[]", "0", "false", "nil", "\" \""] {
            assert!(!is_nothing(body.len() as u64, body.as_bytes()), "{body:?}");
        }
    }
}
