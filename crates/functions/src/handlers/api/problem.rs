//! Errors as HTTP problems (RFC 9457): status, code and title of every error.

use api::ApiError;
use api::types::Problem;

/// Why the HTTP API refuses a request.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// The path exists, but not with this method.
    #[error("this path does not take the method {method}; it takes {allowed}")]
    MethodNotAllowed {
        method: String,
        /// Separated by commas, as the header `Allow` has them (RFC 9110, section 10.2.1).
        allowed: String,
    },
    #[error(transparent)]
    Api(#[from] ApiError),
}

/// What all problems of one kind have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProblemKind {
    pub status: u16,
    /// The end of the problem type, `urn:docket:problem:<code>`.
    pub code: &'static str,
    pub title: &'static str,
}

const fn kind(status: u16, code: &'static str, title: &'static str) -> ProblemKind {
    ProblemKind {
        status,
        code,
        title,
    }
}

impl HttpError {
    pub const fn kind(&self) -> ProblemKind {
        match self {
            Self::MethodNotAllowed { .. } => kind(405, "method-not-allowed", "Method not allowed"),
            Self::Api(error) => match error {
                ApiError::BadRequest(_) => kind(400, "bad-request", "Invalid request"),
                ApiError::BadCursor(_) => kind(400, "bad-cursor", "Invalid cursor"),
                ApiError::Forbidden(_) => kind(403, "forbidden", "Not allowed"),
                ApiError::NotFound(_) => kind(404, "not-found", "Not found"),
                ApiError::Changed(_) => kind(409, "changed", "Changed in the meantime"),
                ApiError::Refused(_) => kind(409, "refused", "Not possible in the current state"),
                ApiError::Poisoned(_) => kind(409, "poisoned", "The job repeats the same failure"),
                ApiError::NotReady(_) => kind(409, "not-ready", "There is no result yet"),
                ApiError::PartsMissing(_) => kind(409, "parts-missing", "Parts are missing"),
                ApiError::Gone(_) => kind(410, "gone", "No longer available"),
                ApiError::TooLarge(_) => kind(413, "too-large", "File too large"),
                ApiError::UnsupportedType(_) => {
                    kind(415, "unsupported-type", "Unsupported media type")
                }
                ApiError::IdempotencyKeyReused(_) => kind(
                    422,
                    "idempotency-key-reused",
                    "Idempotency key used for another request",
                ),
                ApiError::Identical { .. } => {
                    kind(409, "identical", "The same content was uploaded before")
                }
                ApiError::LimitReached { .. } => {
                    kind(429, "limit-reached", "The tenant's limit is reached")
                }
                ApiError::Unavailable(_) => kind(503, "unavailable", "Temporarily unavailable"),
            },
        }
    }

    pub fn problem(&self) -> Problem {
        let kind = self.kind();
        Problem {
            kind: format!("urn:docket:problem:{}", kind.code),
            title: kind.title.to_owned(),
            status: kind.status,
            detail: self.to_string(),
            identical: match self {
                Self::Api(ApiError::Identical { jobs, .. }) => jobs.clone(),
                Self::Api(_) | Self::MethodNotAllowed { .. } => vec![],
            },
        }
    }
}
