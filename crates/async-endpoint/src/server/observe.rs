//! What goes on in a server's endpoints, for a live view and for tests that wait for something.

use crate::Millis;
use std::sync::Arc;
use std::time::Duration;

/// Something that happened at an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// Its name.
    pub endpoint: Arc<str>,
    /// The request it happened to, if it did not happen to the whole endpoint.
    pub inference_id: Option<String>,
    /// Model time since the server's start.
    pub at: Millis,
    /// What it was.
    pub what: What,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum What {
    /// A request was accepted. With `capacity` false no instance is in service.
    Queued {
        /// Whether an instance is in service.
        capacity: bool,
    },
    /// A call was refused; the text is the error's type.
    Refused(&'static str),
    /// By a fault, a call was accepted and its reply dropped.
    ReplyLost,
    /// An instance is being started.
    Waking {
        /// Its number.
        instance: u32,
        /// Real time until its cold start is over.
        ready_in: Duration,
    },
    /// An instance takes work.
    InstanceInService {
        /// Its number.
        instance: u32,
    },
    /// An instance is gone, by scale-in or because it was lost.
    InstanceStopped {
        /// Its number.
        instance: u32,
        /// Whether it died rather than being given back.
        lost: bool,
    },
    /// A request was handed to the container.
    Running {
        /// The number of the instance.
        instance: u32,
        /// 1, or more if an instance was lost under it.
        delivery: u32,
    },
    /// A request lost its instance and waits again.
    Redelivered,
    /// A request's output is stored.
    Completed {
        /// Its location.
        output: String,
    },
    /// A request failed.
    Failed {
        /// The `failureReason`.
        reason: String,
    },
    /// A request outlived its TTL.
    Expired,
    /// A notification was published. Twice for a doubled one.
    Notified,
    /// By a fault, a notification was not published.
    NotificationLost,
    /// SNS did not take a notification; as on AWS, it is not sent again.
    NotificationFailed,
}
