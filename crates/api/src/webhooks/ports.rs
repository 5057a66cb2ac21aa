//! Ports of webhooks.

#![expect(
    async_fn_in_trait,
    reason = "each program has one adapter type and one thread; these futures are never boxed"
)]

use std::net::IpAddr;
use std::time::Duration;

use jobs::ports::Unavailable;

use super::ReceiverUrl;
use super::address::AllowedReceivers;

/// A request to a receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookRequest<'a> {
    pub url: &'a ReceiverUrl,
    /// Addresses that the name must resolve to.
    pub allowed: AllowedReceivers,
    /// Until the head of the response has arrived.
    pub timeout: Duration,
    pub headers: Vec<(&'static str, String)>,
    pub body: &'a str,
}

/// The complete response of a receiver.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebhookResponse {
    pub status: u16,
    /// The first [`super::MAX_RESPONSE_BYTES`] bytes of the body.
    pub body: String,
}

/// Posts to receivers.
pub trait WebhookSender {
    /// Resolves the name, checks every address, connects to one of those that were checked, and posts. Follows no redirect.
    ///
    /// # Errors
    /// Says why there is no response: no address is allowed, no connection, no response in time.
    async fn post(&self, request: &WebhookRequest<'_>) -> Result<WebhookResponse, String>;
}

/// Resolves names of receivers.
pub trait NameResolver {
    async fn resolve(&self, host: &str, port: u16) -> Result<Vec<IpAddr>, String>;
}

/// Sends instructions to function `webhooks`.
pub trait WebhookQueue {
    /// Sends bodies, each with its delay in seconds, at most 900.
    async fn send_instructions(&self, bodies: &[(String, u32)]) -> Result<(), Unavailable>;
}
