//! The words between the model and its driver: what the driver is told to do, and how things end.

use crate::{InstanceId, Millis, RunId};
use std::fmt;

/// A request to the model. `R` is whatever the driver needs to carry it out; the model only
/// clones it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request<R> {
    /// The driver's own record.
    pub payload: R,
    /// `RequestTTLSeconds` as a span, 60 s to 6 h: how long it may wait to be started.
    pub ttl: Millis,
    /// `InvocationTimeoutSeconds` as a span, 1 s to 1 h: how long one run of it may take.
    /// Time in the queue does not count.
    pub timeout: Millis,
}

impl<R> Request<R> {
    /// The longest (and default) time in the queue: 6 hours.
    pub const DEFAULT_TTL: Millis = Millis::from_secs(21_600);
    /// The time one run may take unless the caller says otherwise: 15 minutes.
    pub const DEFAULT_TIMEOUT: Millis = Millis::from_secs(900);

    /// A request with the service's default limits.
    pub const fn new(payload: R) -> Self {
        Self {
            payload,
            ttl: Self::DEFAULT_TTL,
            timeout: Self::DEFAULT_TIMEOUT,
        }
    }
}

/// The answer to an invoke call that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The request's place in the model.
    pub request: crate::RequestId,
    /// By a fault, the caller must not hear of it: the driver drops the connection.
    pub reply_lost: bool,
}

/// Why an invoke call was not taken. Nothing was queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// The endpoint is not `InService`.
    #[error("endpoint is not in service")]
    NotInService,
    /// The TTL is not between 60 s and 6 h.
    #[error("RequestTTLSeconds is not between 60 and 21600")]
    TtlOutOfRange,
    /// The timeout is not between 1 s and 1 h.
    #[error("InvocationTimeoutSeconds is not between 1 and 3600")]
    TimeoutOutOfRange,
    /// A fault: too many calls.
    #[error("rate exceeded")]
    Throttled,
    /// A fault: the service is unavailable.
    #[error("service unavailable")]
    Unavailable,
    /// A fault: the service failed.
    #[error("internal failure")]
    Internal,
}

/// How a run ended, and then how its request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The container answered 2xx; its answer is (to be) stored.
    Completed,
    /// Anything else.
    Failed(Failure),
}

/// Why a request failed. Its `Display` is the notification's `failureReason`.
///
/// The model-error wordings are those seen in real notifications. For an expired request, an
/// unreadable input, an unwritable output and an answer without length no real notification is
/// known to us: these are plausible stand-ins, and nobody should match on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The container answered with this 4xx status.
    ClientError(u16),
    /// The container answered with this other status.
    ServerError(u16),
    /// The container could not be reached, or broke off.
    NoResponse,
    /// The run exceeded `InvocationTimeoutSeconds`.
    TimedOut,
    /// The request waited longer than `RequestTTLSeconds`.
    Expired,
    /// The input object is missing or cannot be read.
    InputUnreadable,
    /// The input object is larger than 1 GB.
    InputTooLarge,
    /// The container's answer had no `Content-Length`.
    LengthRequired,
    /// The container's answer had more than 4,096 bytes of headers.
    HeadersTooLarge,
    /// The output object could not be written.
    OutputUnwritable,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (class, status) = match *self {
            Self::ClientError(status) => ("client", status),
            Self::ServerError(status) => ("server", status),
            Self::NoResponse | Self::TimedOut => ("server", 0),
            Self::Expired => {
                return f.write_str(
                    "Request expired: it was not processed within the requested time to live.",
                );
            }
            Self::InputUnreadable => {
                return f.write_str(
                    "Failed to download the input from S3: the object does not exist or the \
                     endpoint's execution role may not read it.",
                );
            }
            Self::InputTooLarge => {
                return f.write_str(
                    "Failed to download the input from S3: the object is larger than 1 GB.",
                );
            }
            Self::LengthRequired => {
                return f.write_str(
                    "The response from container did not specify the required Content-Length header",
                );
            }
            Self::HeadersTooLarge => {
                return f.write_str(
                    "The response from container exceeded the maximum header size of 4096 bytes",
                );
            }
            Self::OutputUnwritable => {
                return f.write_str("Failed to upload the response to the S3 output location.");
            }
        };
        write!(
            f,
            "ClientError: Received {class} error ({status}) from model. See the SageMaker Endpoint \
             logs in your account for more information."
        )
    }
}

/// A result notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice<R> {
    /// Whose.
    pub request: R,
    /// Success topic for `Completed`, error topic for `Failed`.
    pub outcome: Outcome,
    /// When the request was accepted.
    pub received_at: Millis,
    /// When it ended.
    pub finished_at: Millis,
}

/// Why an instance went away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// A scaling policy gave it back.
    ScaleIn,
    /// It died; another one is started in its place.
    Lost,
}

/// Why the driver should drop a run it is working on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Abandoned {
    /// It took longer than its request allows; the request has failed.
    TimedOut,
    /// Its instance is gone; the request waits again (or has expired).
    InstanceGone,
}

/// What the driver is to do, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action<R> {
    /// Publish a `TestNotification` to both topics. AWS does so when an endpoint is created and
    /// when its capacity is changed.
    TestNotification,
    /// Fetch the input and call the container; report with
    /// [`model_answered`](crate::Endpoint::model_answered).
    StartInvocation {
        /// Names this run in the report.
        run: RunId,
        /// Where it runs.
        instance: InstanceId,
        /// What is to be run.
        request: R,
    },
    /// Stop working on a run. A report on it would be ignored.
    Abandon {
        /// Which.
        run: RunId,
        /// Why.
        why: Abandoned,
    },
    /// Write the container's answer to the output location; report with
    /// [`stored`](crate::Endpoint::stored). The notification follows the report.
    PutOutput {
        /// Whose answer.
        run: RunId,
        /// Its request.
        request: R,
    },
    /// Write the failure object; report with [`stored`](crate::Endpoint::stored).
    PutFailure {
        /// Names the write in the report; of an expired request, a run that never was.
        run: RunId,
        /// Its request.
        request: R,
        /// What it should say, if the container said nothing.
        failure: Failure,
    },
    /// Publish a result.
    Publish(Notice<R>),
    /// By a fault, a notification is not published. Nothing to do; for logs and tests.
    NotificationLost(Notice<R>),
    /// A request outlived its TTL. The rest follows as for other failures if the endpoint
    /// announces expiry; otherwise this is the last of it.
    Expired {
        /// Which.
        request: R,
    },
    /// A request lost its instance and waits again.
    Redelivered {
        /// Which.
        request: R,
    },
    /// An instance is being started.
    InstanceStarting {
        /// Its name.
        instance: InstanceId,
        /// When the cold start will be over.
        ready_at: Millis,
    },
    /// The cold start is over: ping the container until it answers, then call
    /// [`instance_ready`](crate::Endpoint::instance_ready). Only with
    /// [`health_checks`](crate::Settings::health_checks).
    CheckHealth {
        /// Which.
        instance: InstanceId,
    },
    /// An instance takes work from now on.
    InstanceInService {
        /// Which.
        instance: InstanceId,
    },
    /// An instance is gone.
    InstanceStopped {
        /// Which.
        instance: InstanceId,
        /// Why.
        why: Stopped,
    },
}
