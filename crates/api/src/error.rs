//! Why somebody's request is not carried out, in words that say what to do.

use crate::types::Problem;
use jobs::error::{ApplyError, CommandError};
use jobs::ports::{LoadError, Unavailable};

/// Why a request is refused. Nothing was done, unless the text says so.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// The request makes no sense.
    #[error("{0}")]
    BadRequest(String),
    /// The person may not do this.
    #[error("{0}")]
    Forbidden(String),
    /// There is no such thing, or it is somebody else's.
    #[error("{0}")]
    NotFound(String),
    /// There is such a thing, but it takes other methods.
    #[error("{0}")]
    MethodNotAllowed(String),
    /// The job is no longer as the person saw it.
    #[error("{0}")]
    Changed(String),
    /// It makes no sense for the job as it is.
    #[error("{0}")]
    Refused(String),
    /// The same input has failed the same way again and again.
    #[error("{0}")]
    Poisoned(String),
    /// There is no result yet.
    #[error("{0}")]
    NotReady(String),
    /// The upload is not complete.
    #[error("{0}")]
    PartsMissing(String),
    /// It was there, and is no more.
    #[error("{0}")]
    Gone(String),
    /// The file is too large.
    #[error("{0}")]
    TooLarge(String),
    /// The file is of a wrong type.
    #[error("{0}")]
    UnsupportedType(String),
    /// The cursor is none of ours, or of another question.
    #[error("{0}")]
    BadCursor(String),
    /// Something did not answer.
    #[error("{0}")]
    Unavailable(String),
}

impl ApiError {
    /// Its HTTP status, the word that programs know it by, and its title.
    pub const fn kind(&self) -> (u16, &'static str, &'static str) {
        match self {
            Self::BadRequest(_) => (400, "bad-request", "The request makes no sense"),
            Self::BadCursor(_) => (400, "bad-cursor", "The cursor does not fit"),
            Self::Forbidden(_) => (403, "forbidden", "Not allowed"),
            Self::NotFound(_) => (404, "not-found", "Not found"),
            Self::MethodNotAllowed(_) => (405, "method-not-allowed", "Method not allowed"),
            Self::Changed(_) => (409, "changed", "It has changed"),
            Self::Refused(_) => (409, "refused", "It makes no sense now"),
            Self::Poisoned(_) => (409, "poisoned", "It fails again and again"),
            Self::NotReady(_) => (409, "not-ready", "There is no result yet"),
            Self::PartsMissing(_) => (409, "parts-missing", "Parts are missing"),
            Self::Gone(_) => (410, "gone", "It is gone"),
            Self::TooLarge(_) => (413, "too-large", "Too large"),
            Self::UnsupportedType(_) => (415, "unsupported-type", "Wrong type"),
            Self::Unavailable(_) => (503, "unavailable", "Try again later"),
        }
    }

    /// As it goes over the wire.
    pub fn problem(&self) -> Problem {
        let (status, word, title) = self.kind();
        Problem {
            kind: format!("urn:docket:problem:{word}"),
            title: title.to_owned(),
            status,
            detail: self.to_string(),
        }
    }
}

impl From<Unavailable> for ApiError {
    fn from(error: Unavailable) -> Self {
        // What did not answer is in the log; the person can only try again.
        tracing::warn!(error = %error, source = %error.source, "a request was not carried out");
        Self::Unavailable("something did not answer; try again in a moment".to_owned())
    }
}

impl From<LoadError> for ApiError {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Unavailable(error) => error.into(),
            LoadError::NewerSchema(_) => Self::Unavailable(
                "a new release is being rolled out; try again in a moment".to_owned(),
            ),
            LoadError::Unreadable { id, problem } => {
                tracing::error!(job.id = %id, problem, "a row cannot be read");
                Self::Unavailable(format!(
                    "the record of job {id} cannot be read; tell whoever runs this service"
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
            CommandError::Changed { .. } => {
                Self::Changed(format!("{error}; look at it again first"))
            }
            CommandError::Poisoned { .. } => Self::Poisoned(error.to_string()),
            CommandError::Apply(error) => error.into(),
        }
    }
}
