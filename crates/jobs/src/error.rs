//! The errors of the use cases: one type for messages, which queues redeliver, and one for commands, which users read.

use crate::decision::TransitionError;
use crate::id::{JobId, Timestamp};
use crate::input::InputProblem;
use crate::ports::{LoadError, Unavailable};

/// An event could not be applied to a job.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The row cannot be read, or not by this release.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Other functions kept saving the row first.
    #[error("the row changed {0} times while it was being decided on")]
    Contended(u8),
    /// No job has this id. Its row may not be written yet.
    #[error("there is no job {0}")]
    UnknownJob(JobId),
    #[error("contradiction: {0}")]
    Contradiction(#[from] TransitionError),
}

/// A message could not be processed. [`MessageError::disposition`] says what to do with it.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The row cannot be read, or not by this release.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Another function holds the lease of this attempt.
    #[error("another function is submitting this attempt")]
    Leased,
    /// Other functions kept saving the row first.
    #[error("the row changed {0} times while it was being decided on")]
    Contended(u8),
    /// No job has this id. Its row may not be written yet.
    #[error("there is no job {0}")]
    UnknownJob(JobId),
    /// The endpoint reported success, but its output does not exist.
    #[error("the output {0} does not exist")]
    OutputMissing(String),
    /// The output exists, and S3 does not let this service read it.
    #[error("the output cannot be read: {0}")]
    OutputUnreadable(String),
    /// S3 does not let this service read the input.
    #[error("the input cannot be read: {0}")]
    InputDenied(String),
    /// The uploaded object is empty.
    #[error("the input is empty")]
    InputEmpty,
    /// The message contradicts the row.
    #[error("contradiction: {0}")]
    Contradiction(String),
    /// The message is about an object or job of another system.
    #[error("{0}")]
    NotOurs(String),
}

/// What to do with a message that could not be processed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// Return it to the queue.
    Redeliver,
    /// Return it a few times, since a related message may be late; then quarantine it.
    RedeliverLimited,
    /// Quarantine it now: no retry can help.
    Quarantine,
}

/// What to do about an object that cannot be used now, and may be usable when the message comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfUnusable {
    Redeliver,
    Fail,
}

impl MessageError {
    pub const fn disposition(&self) -> Disposition {
        match self {
            Self::Unavailable(_) | Self::Load(_) | Self::Leased | Self::Contended(_) => {
                Disposition::Redeliver
            }
            Self::UnknownJob(_)
            | Self::OutputMissing(_)
            | Self::OutputUnreadable(_)
            | Self::InputDenied(_)
            | Self::InputEmpty => Disposition::RedeliverLimited,
            Self::Contradiction(_) | Self::NotOurs(_) => Disposition::Quarantine,
        }
    }

    /// A constant name for logs, metrics and alarms.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "Unavailable",
            Self::Load(_) => "Unreadable",
            Self::Leased => "Leased",
            Self::Contended(_) => "Contended",
            Self::UnknownJob(_) => "UnknownJob",
            Self::OutputMissing(_) => "OutputMissing",
            Self::OutputUnreadable(_) => "OutputUnreadable",
            Self::InputDenied(_) => "InputDenied",
            Self::InputEmpty => "InputEmpty",
            Self::Contradiction(_) => "Contradiction",
            Self::NotOurs(_) => "NotOurs",
        }
    }
}

impl From<ApplyError> for MessageError {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Unavailable(error) => Self::Unavailable(error),
            ApplyError::Load(error) => Self::Load(error),
            ApplyError::Contended(times) => Self::Contended(times),
            ApplyError::UnknownJob(id) => Self::UnknownJob(id),
            ApplyError::Contradiction(error) => error.into(),
        }
    }
}

impl From<TransitionError> for MessageError {
    fn from(error: TransitionError) -> Self {
        Self::Contradiction(error.to_string())
    }
}

/// A command of a user failed.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The job's version is not the one that the user saw.
    #[error(
        "the job has changed: version {expected} was expected, but it is now at version {actual}"
    )]
    Changed { expected: u64, actual: u64 },
    /// The same input has failed the same way repeatedly, and the command is not forced.
    #[error(
        "it failed {times} times in the same way ({cause}), each time after all its attempts; force another run with --force"
    )]
    Poisoned { cause: &'static str, times: usize },
    /// The job's data cannot be deleted yet.
    #[error(
        "SageMaker cannot cancel a request: an earlier attempt may still write a result until {until} (milliseconds since 1970 UTC); delete the data after that", until = until.0
    )]
    MayStillWrite { until: Timestamp },
    /// There is no document to run.
    #[error(
        "the document is no longer stored: it was deleted, or its retention has ended; upload it again"
    )]
    InputDeleted,
    /// The document was replaced; the result is about the version before.
    #[error("a newer version of the document was uploaded; run that one again")]
    InputReplaced,
    /// S3 does not let this service read the document.
    #[error("{0}")]
    InputUnreadable(InputProblem),
    #[error(transparent)]
    Apply(#[from] ApplyError),
}

impl From<Unavailable> for CommandError {
    fn from(error: Unavailable) -> Self {
        ApplyError::from(error).into()
    }
}

impl From<LoadError> for CommandError {
    fn from(error: LoadError) -> Self {
        ApplyError::from(error).into()
    }
}
