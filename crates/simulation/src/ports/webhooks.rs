//! The ports of webhooks.

use api::webhooks::ports::{WebhookQueue, WebhookRequest, WebhookResponse, WebhookSender};
use jobs::ports::{Queue, Unavailable};

use super::call::Ports;
use crate::message::{MessageKind, QueueMessage, send};
use crate::mistake::Mistake;
use crate::simulation::Simulation;
use crate::time::SECOND;

impl WebhookSender for Ports {
    async fn post(&self, request: &WebhookRequest<'_>) -> Result<WebhookResponse, String> {
        let answer = self
            .call("post webhook", |Simulation { receivers, env, .. }| {
                receivers.post(env, request)
            })
            .await;
        answer.map_err(|error| error.to_string())?
    }
}

impl WebhookQueue for Ports {
    async fn send_instructions(&self, bodies: &[(String, u32)]) -> Result<(), Unavailable> {
        self.call("send", |simulation| {
            for (body, delay_seconds) in bodies {
                // A mistake: what is to be continued later is not.
                if simulation.env.has(Mistake::DelayedInstructionsLost) && *delay_seconds > 0 {
                    continue;
                }
                let delay = u64::from(*delay_seconds) * SECOND + 20;
                let message = QueueMessage::new(body.clone(), MessageKind::Instruction);
                simulation.plan([send(Queue::Webhooks, delay, message)]);
            }
        })
        .await
    }
}
