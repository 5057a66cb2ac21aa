//! Why a request is not carried out.

use jobs::error::{ApplyError, CommandError};
use jobs::ports::{HeadError, LoadError, Unavailable};
use jobs::view::JobView;

/// Why a request is not carried out. Nothing was changed, unless the text says otherwise.
///
/// Every text tells the caller what is wrong and what to do. The HTTP layer maps the variants to statuses.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    #[error("{0}")]
    BadRequest(String),
    /// The principal may not do this.
    #[error("{0}")]
    Forbidden(String),
    /// It does not exist, or the principal may not see it.
    #[error("{0}")]
    NotFound(String),
    /// The job's version is not the one that the caller expected.
    #[error("{0}")]
    Changed(String),
    /// The job's current state does not allow it.
    #[error("{0}")]
    Refused(String),
    /// The job has repeated the same failure too often.
    #[error("{0}")]
    Poisoned(String),
    /// The job has no result yet.
    #[error("{0}")]
    NotReady(String),
    /// Parts of a multipart upload are missing.
    #[error("{0}")]
    PartsMissing(String),
    /// It existed and was deleted, aborted or has expired.
    #[error("{0}")]
    Gone(String),
    /// The file is larger than the pipeline takes.
    #[error("{0}")]
    TooLarge(String),
    /// The pipeline does not take this media type.
    #[error("{0}")]
    UnsupportedType(String),
    /// The cursor was not issued by this API, or for another query or caller.
    #[error("{0}")]
    BadCursor(String),
    /// The caller used the idempotency key for another request.
    #[error("{0}")]
    IdempotencyKeyReused(String),
    /// The tenant has uploaded the same content before. These are the jobs of it, newest first.
    #[error("{detail}")]
    Identical { detail: String, jobs: Vec<JobView> },
    /// The tenant has used up one of its limits.
    #[error("{detail}")]
    LimitReached {
        detail: String,
        /// When the same request may succeed at the earliest.
        retry_after_seconds: u64,
    },
    /// A dependency did not answer. The caller may try again.
    #[error("{0}")]
    Unavailable(String),
}

impl From<Unavailable> for ApiError {
    fn from(error: Unavailable) -> Self {
        // The log names the dependency; the caller can only try again.
        tracing::warn!(error = %error, source = %error.source, "a request was not carried out");
        Self::Unavailable("a dependency did not answer; try again in a moment".to_owned())
    }
}

impl From<HeadError> for ApiError {
    fn from(error: HeadError) -> Self {
        Unavailable::from(error).into()
    }
}

impl From<LoadError> for ApiError {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Unavailable(error) => error.into(),
            LoadError::NewerSchema(_) => Self::Unavailable(
                "a new release is being deployed; try again in a moment".to_owned(),
            ),
            LoadError::Unreadable { id, problem } => {
                tracing::error!(job.id = %id, problem, "a row cannot be read");
                Self::Unavailable(format!(
                    "the record of job {id} cannot be read; contact the operators of this service"
                ))
            }
        }
    }
}

impl From<ApplyError> for ApiError {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Unavailable(error) => error.into(),
            ApplyError::Load(error) => error.into(),
            ApplyError::Contended(_) => {
                Self::Unavailable(format!("{error}; try again in a moment"))
            }
            ApplyError::UnknownJob(_) => Self::NotFound("there is no such job".to_owned()),
            ApplyError::Contradiction(_) => Self::Refused(error.to_string()),
        }
    }
}

impl From<CommandError> for ApiError {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Changed { .. } => Self::Changed(format!("{error}; reload it first")),
            CommandError::Poisoned { .. } => Self::Poisoned(error.to_string()),
            CommandError::MayStillWrite { .. } => Self::Refused(error.to_string()),
            CommandError::InputDeleted
            | CommandError::InputReplaced
            | CommandError::InputUnreadable(_) => Self::Refused(error.to_string()),
            CommandError::Apply(error) => error.into(),
        }
    }
}
