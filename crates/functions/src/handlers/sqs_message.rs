//! What the handlers ask of a message of a queue.

use aws_lambda_events::sqs::SqsMessage;
use jobs::id::TraceId;

/// The message attribute with which a text that is sent again names the first message that carried it.
pub const FIRST_MESSAGE_ID: &str = "first-message-id";

/// The message attribute with which such a text names the trace that its first message came with, if there was one.
pub const TRACE_ID: &str = "trace-id";

/// Questions that the library's type leaves open.
pub trait SqsMessageExt {
    /// Its id; a redrive changes it. SQS always sets it: without one, Lambda redelivers the whole batch (developer guide,
    /// "Reporting batch item failures").
    fn id(&self) -> &str;

    fn text(&self) -> &str;

    /// How often it was received, this time included.
    fn receive_count(&self) -> u32;

    /// The trace that it came with. The queue's own header is not asked in a message that was sent again: there it
    /// names the run that sent it.
    fn trace_id(&self) -> Option<TraceId>;

    /// The id of the first message that carried this text: a replay brings the original's along.
    fn first_id(&self) -> &str;
}

impl SqsMessageExt for SqsMessage {
    fn id(&self) -> &str {
        self.message_id.as_deref().unwrap_or_default()
    }

    fn text(&self) -> &str {
        self.body.as_deref().unwrap_or_default()
    }

    fn receive_count(&self) -> u32 {
        let text = self.attributes.get("ApproximateReceiveCount");
        text.and_then(|text| text.parse().ok()).unwrap_or(1)
    }

    fn trace_id(&self) -> Option<TraceId> {
        match attribute(self, FIRST_MESSAGE_ID) {
            Some(_) => attribute(self, TRACE_ID)?.parse().ok(),
            None => TraceId::from_header(self.attributes.get("AWSTraceHeader")?),
        }
    }

    fn first_id(&self) -> &str {
        attribute(self, FIRST_MESSAGE_ID).unwrap_or_else(|| self.id())
    }
}

/// The value of an attribute that the sender set, if it is text.
fn attribute<'a>(message: &'a SqsMessage, name: &str) -> Option<&'a str> {
    let attribute = message.message_attributes.get(name)?;
    attribute.string_value.as_deref()
}
