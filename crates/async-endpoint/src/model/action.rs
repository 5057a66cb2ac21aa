//! The interface between the model and its driver: requests, actions, results.

use crate::{InstanceId, Millis, RunId};
use std::fmt;

/// A request to the model. `R` is the driver's own data about it, which the model only clones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request<R> {
    pub payload: R,
    /// `RequestTTLSeconds`, 60 s to 6 h: how long the request may wait in the queue.
    pub ttl: Millis,
    /// `InvocationTimeoutSeconds`, 1 s to 1 h: how long one invocation of the container may take.
    /// Time in the queue does not count.
    pub timeout: Millis,
}

impl<R> Request<R> {
    /// 6 hours, which is also the maximum.
    pub const DEFAULT_TTL: Millis = Millis::from_secs(21_600);
    /// 15 minutes.
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

/// The response to an accepted `InvokeEndpointAsync` call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcceptedInvocation {
    pub request: crate::RequestId,
    /// A fault: the driver drops the connection instead of responding.
    pub response_lost: bool,
}

/// Why an `InvokeEndpointAsync` call was rejected. Nothing was queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvokeEndpointError {
    /// The endpoint is not `InService`.
    #[error("endpoint is not in service")]
    NotInService,
    /// The TTL is not between 60 s and 6 h.
    #[error("RequestTTLSeconds is not between 60 and 21600")]
    TtlOutOfRange,
    /// The timeout is not between 1 s and 1 h.
    #[error("InvocationTimeoutSeconds is not between 1 and 3600")]
    TimeoutOutOfRange,
    /// Injected by a fault.
    #[error("rate exceeded")]
    Throttled,
    /// Injected by a fault.
    #[error("service unavailable")]
    Unavailable,
    /// Injected by a fault.
    #[error("internal failure")]
    Internal,
}

/// Why a change of the number of instances was rejected. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpdateInstanceCountError {
    /// The endpoint is not `InService`: an instance is starting.
    #[error("endpoint is updating")]
    Updating,
    /// The number is below the minimum or above the maximum. AWS itself does not check that; a scaling policy would
    /// undo it later.
    #[error("number of instances is outside of the limits")]
    OutsideLimits,
}

/// How an invocation ended; `invocationStatus` in the notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvocationStatus {
    /// The container responded with 2xx.
    Completed,
    Failed(InvocationFailure),
}

/// Why a request failed. Its `Display` is the notification's `failureReason`.
///
/// The texts for model errors are those of real notifications. For an expired request, an
/// unreadable input, an unwritable output and a response without length no real notification is
/// known: these texts are stand-ins, and callers must not match on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvocationFailure {
    /// The container responded with this 4xx status.
    ClientError(u16),
    /// The container responded with this status, neither 2xx nor 4xx.
    ServerError(u16),
    /// The container could not be reached, or closed the connection.
    NoResponse,
    /// The invocation exceeded `InvocationTimeoutSeconds`.
    TimedOut,
    /// The request waited in the queue for longer than `RequestTTLSeconds`.
    Expired,
    /// The input object is missing or cannot be read.
    InputUnreadable,
    /// The input object is larger than 1 GB.
    InputTooLarge,
    /// The container's response had no `Content-Length`.
    LengthRequired,
    /// The container's response had more than 4,096 bytes of headers.
    HeadersTooLarge,
    /// The output object could not be written.
    OutputUnwritable,
}

impl fmt::Display for InvocationFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (side, status) = match *self {
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
            "ClientError: Received {side} error ({status}) from model. See the SageMaker Endpoint \
             logs in your account for more information."
        )
    }
}

/// A notification of a success or an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultNotification<R> {
    pub request: R,
    /// `Completed` goes to the success topic, `Failed` to the error topic.
    pub status: InvocationStatus,
    pub received_at: Millis,
    pub finished_at: Millis,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// A scaling policy or a lower number of instances removed it.
    ScaleIn,
    /// It failed; a new one is started to replace it.
    Lost,
    /// It never started: no instance type had capacity until the provision timeout.
    NoCapacity,
}

/// Why the driver must abandon an invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AbandonReason {
    /// It exceeded the request's timeout; the request has failed.
    TimedOut,
    /// Its instance stopped; the request is back in the queue (or has expired).
    InstanceStopped,
}

/// What the driver must do. It carries actions out in the order in which the model returns them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndpointAction<R> {
    /// Publish a `TestNotification` to both topics. AWS does so when an endpoint is created and
    /// when its capacity changes.
    TestNotification,
    /// Read the input and call the container, then report with
    /// [`invocation_finished`](crate::Endpoint::invocation_finished).
    StartInvocation {
        run: RunId,
        instance: InstanceId,
        request: R,
    },
    /// Abandon an invocation. The model ignores later reports on it.
    Abandon {
        run: RunId,
        reason: AbandonReason,
    },
    /// Write the container's response to the output location, then report with
    /// [`object_stored`](crate::Endpoint::object_stored). The notification follows the report.
    PutOutput {
        run: RunId,
        request: R,
    },
    /// Write the failure object, then report with
    /// [`object_stored`](crate::Endpoint::object_stored).
    PutFailure {
        /// Identifies the write in the report. For an expired request no such invocation was started.
        run: RunId,
        request: R,
        /// The object's content if the container sent no response.
        failure: InvocationFailure,
    },
    Publish(ResultNotification<R>),
    /// A fault: a notification is not published. Nothing to do; for logs and tests.
    NotificationLost(ResultNotification<R>),
    /// A request expired. With [`notify_on_expiry`](crate::Settings::notify_on_expiry) the same
    /// actions follow as for other failures; otherwise none.
    Expired {
        request: R,
    },
    /// A request lost its instance and is back in the queue.
    Redelivered {
        request: R,
    },
    InstanceStarting {
        instance: InstanceId,
        /// When its cold start ends.
        ready_at: Millis,
    },
    /// The cold start is over: ping the container until it responds, then call
    /// [`instance_ready`](crate::Endpoint::instance_ready). Only with
    /// [`health_checks`](crate::Settings::health_checks).
    CheckHealth {
        instance: InstanceId,
    },
    /// An instance takes requests from now on.
    InstanceInService {
        instance: InstanceId,
    },
    InstanceStopped {
        instance: InstanceId,
        reason: StopReason,
    },
}
