//! Events of a server's endpoints, for live views and for tests.

use crate::Millis;
use std::sync::Arc;
use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointEvent {
    pub endpoint: Arc<str>,
    /// The request that the event is about, if it is about one.
    pub inference_id: Option<String>,
    /// Model time since the server's start.
    pub at: Millis,
    pub kind: EndpointEventKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndpointEventKind {
    /// A request was accepted.
    Queued {
        /// Whether an instance is in service.
        has_capacity: bool,
    },
    /// A call was rejected with this error type.
    Rejected(&'static str),
    /// A fault: a call was accepted but its response was dropped.
    ResponseLost,
    InstanceStarting {
        instance: u32,
        /// Real time until its cold start ends.
        ready_in: Duration,
    },
    /// An instance takes requests.
    InstanceInService {
        instance: u32,
    },
    InstanceStopped {
        instance: u32,
        /// Whether it failed; otherwise a scale-in removed it.
        lost: bool,
    },
    /// A request was sent to the container.
    InvocationStarted {
        instance: u32,
        /// Counts from 1; above 1 after the request lost an instance.
        delivery: u32,
    },
    /// A request lost its instance and is back in the queue.
    Redelivered,
    /// A request's output is stored.
    Completed {
        output: String,
    },
    Failed {
        reason: String,
    },
    /// A request exceeded its TTL in the queue.
    Expired,
    /// A notification was published. Two events for a duplicate.
    NotificationPublished,
    /// A fault: a notification was not published.
    NotificationLost,
    /// SNS rejected a notification; as on AWS, it is not sent again.
    NotificationFailed,
}
