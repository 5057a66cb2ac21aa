//! Receivers of webhooks in memory.

use std::net::IpAddr;

use api::webhooks::ports::{
    NameResolver, WebhookQueue, WebhookRequest, WebhookResponse, WebhookSender,
};
use api::webhooks::{MAX_RESPONSE_BYTES, check_addresses};
use jobs::ports::Unavailable;

use super::Memory;

/// A request that reached a receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedWebhook {
    pub host: String,
    pub path: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

impl ReceivedWebhook {
    /// A header's value.
    ///
    /// # Panics
    /// If there is no such header.
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| *known == name);
        found.map_or_else(|| panic!("no header {name}"), |(_, value)| value)
    }
}

impl NameResolver for Memory {
    async fn resolve(&self, host: &str, _: u16) -> Result<Vec<IpAddr>, String> {
        if let Ok(address) = host.parse() {
            return Ok(vec![address]);
        }
        let known = self.state().addresses.get(host).cloned();
        known.ok_or_else(|| "there is no such name".to_owned())
    }
}

impl WebhookSender for Memory {
    async fn post(&self, request: &WebhookRequest<'_>) -> Result<WebhookResponse, String> {
        let addresses = self.resolve(&request.url.host, request.url.port).await?;
        check_addresses(&addresses, request.allowed)?;
        let mut state = self.state();
        state.now.0 += state.webhook_ms;
        if let Some(job) = state.after_webhook.take() {
            state.jobs.insert(job.id, job);
        }
        state.webhooks.push(ReceivedWebhook {
            host: request.url.host.clone(),
            path: request.url.path.clone(),
            headers: request.headers.clone(),
            body: request.body.to_owned(),
        });
        let echo = &request.body[..request.body.floor_char_boundary(MAX_RESPONSE_BYTES)];
        let body = if state.webhook_echoes { echo } else { "" };
        let answered = |status| WebhookResponse {
            status,
            body: body.to_owned(),
        };
        let scripted = state.webhook_responses.pop_front();
        let always = state.webhook_response.clone();
        scripted.or(always).unwrap_or(Ok(204)).map(answered)
    }
}

impl WebhookQueue for Memory {
    async fn send_instructions(&self, bodies: &[(String, u32)]) -> Result<(), Unavailable> {
        self.operation("send_instructions", |state| {
            state.instructions.extend(bodies.iter().cloned());
        })
    }
}
