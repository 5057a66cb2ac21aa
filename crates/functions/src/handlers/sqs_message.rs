//! Accessors of an SQS message.

use aws_lambda_events::sqs::SqsMessage;
use jobs::id::TraceId;

/// The message attribute with the id of the first message with this body, if a dead letter or a quarantined message was redriven.
pub const FIRST_MESSAGE_ID: &str = "first-message-id";

/// The message attribute with the trace id of that first message, if it had one.
pub const TRACE_ID: &str = "trace-id";

/// Accessors that the library's type lacks.
pub trait SqsMessageExt {
    /// The message id, which a redrive changes. SQS always sets it: without one, Lambda redelivers the whole batch (developer guide,
    /// "Reporting batch item failures").
    fn id(&self) -> &str;

    /// The body; empty without one.
    fn body(&self) -> &str;

    /// How often it was received, including this time.
    fn receive_count(&self) -> u32;

    /// The trace id of the original message. Ignores the header of a re-sent message, which contains the trace of the run
    /// that sent it.
    fn trace_id(&self) -> Option<TraceId>;

    /// The id of the first message with this body; a redrive keeps it.
    fn first_id(&self) -> &str;
}

impl SqsMessageExt for SqsMessage {
    fn id(&self) -> &str {
        self.message_id.as_deref().unwrap_or_default()
    }

    fn body(&self) -> &str {
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

/// The value of a message attribute, if it is text.
fn attribute<'a>(message: &'a SqsMessage, name: &str) -> Option<&'a str> {
    let attribute = message.message_attributes.get(name)?;
    attribute.string_value.as_deref()
}
