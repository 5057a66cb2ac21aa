//! The messages of function `webhooks`.

use jobs::ports::Unavailable;
use serde::{Deserialize, Serialize};

use super::WebhookId;
use super::ports::WebhookQueue;
use crate::lease::SentBy;

/// What function `webhooks` is told, as a message of its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Instruction {
    /// Send what is due.
    Continue,
    /// Send a test event, once.
    Test,
    /// Send this event again.
    Sequence(u64),
    /// Send all events again from this time on.
    From(u64),
}

#[derive(Debug, Serialize, Deserialize)]
struct Message {
    webhook: String,
    instruction: Instruction,
    #[serde(default, skip_serializing_if = "SentBy::is_user")]
    sent_by: SentBy,
}

impl Instruction {
    /// The body of the message.
    pub fn to_body(self, id: &WebhookId, sent_by: SentBy) -> String {
        let message = Message {
            webhook: id.to_string(),
            instruction: self,
            sent_by,
        };
        // Cannot fail: texts and a number.
        serde_json::to_string(&message).unwrap_or_default()
    }

    /// Reads the body of a message.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(body: &str) -> Result<(WebhookId, Self, SentBy), String> {
        let message: Message = serde_json::from_str(body).map_err(|error| error.to_string())?;
        Ok((
            message.webhook.parse()?,
            message.instruction,
            message.sent_by,
        ))
    }
}

/// Sends an instruction, delayed by at most 900 seconds.
pub(super) async fn send<P: WebhookQueue>(
    ports: &P,
    id: &WebhookId,
    instruction: Instruction,
    sent_by: SentBy,
    delay_seconds: u32,
) -> Result<(), Unavailable> {
    let message = (instruction.to_body(id, sent_by), delay_seconds);
    ports.send_instructions(&[message]).await
}
