//! Messages of the queues.

use jobs::id::{InferenceId, Timestamp};
use jobs::ports::Queue;

use crate::timeline::After;

/// The true nature of a message, for the checks; functions do not see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MessageKind {
    Upload,
    /// A success of this request, with its output's key.
    Success(InferenceId, String),
    Failure(InferenceId),
    /// A delayed check message or a retry command.
    Check,
    /// An event of the bus.
    Event,
    /// For function `webhooks`.
    Instruction,
    /// SageMaker's `TestNotification`.
    Test,
    /// Redriven by support.
    RedriveReport,
    /// Belongs into quarantine.
    Junk,
}

#[derive(Clone, Debug)]
pub(crate) struct QueueMessage {
    pub(crate) body: String,
    pub(crate) kind: MessageKind,
    /// The id of the first message with this body, if it was sent again.
    pub(crate) first_id: Option<String>,
    /// Since when it has been a dead letter, if it was redriven.
    pub(crate) dead_since: Option<Timestamp>,
}

impl QueueMessage {
    pub(crate) const fn new(body: String, kind: MessageKind) -> Self {
        Self {
            body,
            kind,
            first_id: None,
            dead_since: None,
        }
    }
}

/// A message on its way to a queue.
#[derive(Debug)]
pub(crate) struct OutgoingMessage {
    pub(crate) queue: Queue,
    pub(crate) message: QueueMessage,
}

/// A message that reaches a queue after `delay` milliseconds.
pub(crate) const fn send(
    queue: Queue,
    delay: u64,
    message: QueueMessage,
) -> After<OutgoingMessage> {
    After::new(delay, OutgoingMessage { queue, message })
}
