//! Why S3 refuses a read: the one table of its error codes (S3 API reference, "Error responses"; KMS's codes begin with
//! `KMS.` and are those of the KMS API reference).

use jobs::ports::{CopyError, HeadError, Unavailable};

/// What a refused read means for the job that needs the object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ReadRefusal {
    /// There is no such object or version.
    Missing,
    /// The object is empty: it has no first byte (RFC 9110, 416).
    Empty,
    /// The object is stored so that no policy makes it readable: archived, or encrypted with a key that the uploader kept.
    Unreadable(String),
    /// A policy or a key refuses, until an operator changes it.
    Denied(String),
    /// The next try may succeed, or this service itself is set up wrongly. The object is not to blame: the message is
    /// redelivered, and becomes a dead letter that an alarm reports.
    Ours,
}

impl ReadRefusal {
    /// From the code of an error response and its status. The response to a HEAD request has no code, only the status.
    pub(super) fn new(code: Option<&str>, status: Option<u16>) -> Self {
        let Some(code) = code else {
            return match status {
                Some(403) => Self::Denied("AccessDenied".to_owned()),
                Some(404) => Self::Missing,
                // Encrypted with a key that the uploader kept (S3 API reference, `HeadObject`).
                Some(400) => Self::Unreadable("BadRequest".to_owned()),
                Some(_) | None => Self::Ours,
            };
        };
        match code {
            "NoSuchKey" | "NoSuchVersion" | "NotFound" => Self::Missing,
            "InvalidRange" => Self::Empty,
            // `InvalidRequest`: the request needs the key that the uploader kept (SSE-C).
            "InvalidObjectState"
            | "ObjectNotInActiveTierError"
            | "InvalidRequest"
            | "InvalidEncryptionAlgorithmError"
            | "MethodNotAllowed" => Self::Unreadable(code.to_owned()),
            // The account, credentials, clocks and names: nothing about this object.
            "AccountProblem"
            | "AllAccessDisabled"
            | "ExpiredToken"
            | "InvalidAccessKeyId"
            | "InvalidSecurity"
            | "InvalidToken"
            | "TokenRefreshRequired"
            | "NotSignedUp"
            | "RequestExpired"
            | "RequestTimeTooSkewed"
            | "SignatureDoesNotMatch"
            | "NoSuchBucket"
            // KMS is busy.
            | "KMS.ThrottlingException"
            | "KMS.LimitExceededException"
            | "KMS.DependencyTimeoutException"
            | "KMS.KMSInternalException"
            | "KMS.InternalException"
            | "KMS.KeyUnavailableException" => Self::Ours,
            // Disabled, unknown or to be deleted, or a grant or policy is missing.
            _ if code.starts_with("KMS.") || status == Some(403) => Self::Denied(code.to_owned()),
            "AccessDenied" => Self::Denied(code.to_owned()),
            _ => Self::Ours,
        }
    }

    /// The error of a head or read request; `None` if there is no object, or if it is empty.
    pub(super) fn head_error(self, otherwise: impl FnOnce() -> Unavailable) -> Option<HeadError> {
        match self {
            Self::Missing | Self::Empty => None,
            Self::Unreadable(code) => Some(HeadError::Unreadable(code)),
            Self::Denied(code) => Some(HeadError::Denied(code)),
            Self::Ours => Some(otherwise().into()),
        }
    }

    pub(super) fn copy_error(self, otherwise: impl FnOnce() -> Unavailable) -> CopyError {
        match self {
            Self::Missing => CopyError::NotFound,
            Self::Unreadable(code) => CopyError::Unreadable(code),
            Self::Denied(code) => CopyError::Denied(code),
            Self::Empty | Self::Ours => otherwise().into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_its_meaning() {
        let denied = |code: &str| ReadRefusal::Denied(code.to_owned());
        let unreadable = |code: &str| ReadRefusal::Unreadable(code.to_owned());
        for (code, status, want) in [
            ("NoSuchKey", 404, ReadRefusal::Missing),
            ("NoSuchVersion", 404, ReadRefusal::Missing),
            ("InvalidRange", 416, ReadRefusal::Empty),
            ("InvalidObjectState", 403, unreadable("InvalidObjectState")),
            ("InvalidRequest", 400, unreadable("InvalidRequest")),
            ("AccessDenied", 403, denied("AccessDenied")),
            ("AllAccessDisabled", 403, ReadRefusal::Ours),
            ("AccountProblem", 403, ReadRefusal::Ours),
            (
                "ObjectNotInActiveTierError",
                403,
                unreadable("ObjectNotInActiveTierError"),
            ),
            ("SomethingNew", 403, denied("SomethingNew")),
            (
                "KMS.DisabledException",
                400,
                denied("KMS.DisabledException"),
            ),
            (
                "KMS.NotFoundException",
                400,
                denied("KMS.NotFoundException"),
            ),
            (
                "KMS.KMSInvalidStateException",
                400,
                denied("KMS.KMSInvalidStateException"),
            ),
            (
                "KMS.InvalidKeyUsageException",
                400,
                denied("KMS.InvalidKeyUsageException"),
            ),
            ("KMS.ThrottlingException", 400, ReadRefusal::Ours),
            ("KMS.DependencyTimeoutException", 503, ReadRefusal::Ours),
            ("SlowDown", 503, ReadRefusal::Ours),
            ("InternalError", 500, ReadRefusal::Ours),
            ("SomethingNew", 400, ReadRefusal::Ours),
            ("ExpiredToken", 400, ReadRefusal::Ours),
            ("InvalidAccessKeyId", 403, ReadRefusal::Ours),
            ("RequestTimeTooSkewed", 403, ReadRefusal::Ours),
            ("SignatureDoesNotMatch", 403, ReadRefusal::Ours),
            ("NoSuchBucket", 404, ReadRefusal::Ours),
        ] {
            assert_eq!(ReadRefusal::new(Some(code), Some(status)), want, "{code}");
        }
        for (status, want) in [
            (Some(403), denied("AccessDenied")),
            (Some(404), ReadRefusal::Missing),
            (Some(400), unreadable("BadRequest")),
            (Some(503), ReadRefusal::Ours),
            (None, ReadRefusal::Ours),
        ] {
            assert_eq!(ReadRefusal::new(None, status), want, "{status:?}");
        }
    }
}
