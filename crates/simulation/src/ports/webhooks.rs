//! The ports of webhooks.

use std::net::IpAddr;

use api::lease::SentBy;
use api::webhooks::Instruction;
use api::webhooks::ports::{
    NameResolver, WebhookQueue, WebhookRequest, WebhookResponse, WebhookSender,
};
use jobs::ports::{Queue, Unavailable};

use super::call::Ports;
use crate::message::{MessageKind, QueueMessage, send};
use crate::mistake::Mistake;
use crate::receiver;
use crate::time::SECOND;

impl WebhookSender for Ports {
    async fn post(&self, request: &WebhookRequest<'_>) -> Result<WebhookResponse, String> {
        let answer = self
            .call("post webhook", |simulation| {
                simulation.post_webhook(request)
            })
            .await;
        let answer = answer.map_err(|error| error.to_string())?;
        if answer.after > 0 {
            self.wait(answer.after).await;
        }
        answer.response
    }
}

impl NameResolver for Ports {
    async fn resolve(&self, _: &str, _: u16) -> Result<Vec<IpAddr>, String> {
        panic!("no simulated user changes the address of a webhook")
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
                if simulation.env.has(Mistake::RedeliverySkips)
                    && let Ok((id, Instruction::From(_), _)) = Instruction::parse(body)
                {
                    receiver::skip_to_end(&mut simulation.records, &id.tenant);
                }
                let delay = u64::from(*delay_seconds) * SECOND + 20;
                let body = match Instruction::parse(body) {
                    Ok((id, instruction, SentBy::Run(_)))
                        if simulation.env.has(Mistake::ContinuationDropped) =>
                    {
                        instruction.to_body(&id, SentBy::Feed)
                    }
                    _ => body.clone(),
                };
                let message = QueueMessage::new(body, MessageKind::Instruction);
                simulation.plan([send(Queue::Webhooks, delay, message)]);
            }
        })
        .await
    }
}
