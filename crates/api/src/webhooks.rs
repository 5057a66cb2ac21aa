//! Webhooks after the Standard Webhooks specification 1.0: requests that tell a customer's program what has happened.
//!
//! A webhook is a reader of its tenant's feed. One record says what the customer wants ([`Webhook`]), another how far delivery
//! has come ([`DeliveryState`]). Only [`deliver()`] writes the second, while it holds a lease on it; so events are sent at least
//! once, whatever is lost, and a receiver that does not answer costs a few requests, however many events there are.

pub mod address;
mod commands;
mod deliver;
mod endpoint;
mod instruction;
mod log;
mod payload;
pub mod ports;
pub(crate) mod records;
mod signature;
mod state;
mod url;

use jobs::id::{Tenant, Timestamp};
use serde::{Deserialize, Serialize};

use crate::feed::EventType;

pub use commands::{change, create, delete, redeliver, rotate_secret, send_test};
pub use deliver::{DeliveryReport, DeliveryTimes, ReceivedInstruction, deliver};
pub(crate) use endpoint::of_tenant;
pub use endpoint::{deliveries, list, notify, show};
pub use instruction::Instruction;
pub(crate) use log::forget_deliveries;
pub use state::{DeliveryState, MAX_FAILING_MS, MAX_WAITING, RETRY_DELAYS_SECONDS};
pub(crate) use url::origin;
pub use url::{ReceiverUrl, check_addresses};

pub const MAX_URL_BYTES: usize = 500;
/// How many webhooks a tenant may have.
pub const MAX_WEBHOOKS: u16 = 5;
/// How long the secret before a rotation is also used.
pub const PREVIOUS_SECRET_HOURS: u64 = 24;
/// How many secrets before rotations are used at once: a rotation whose answer was lost is repeated.
pub const MAX_PREVIOUS_SECRETS: usize = 3;
/// How long attempts are kept in the log.
pub const LOG_DAYS: u64 = 7;
/// How much of a request is kept. A payload without tags has about 600 bytes.
pub const MAX_REQUEST_BYTES: usize = 2048;
/// How much of a response is read and kept.
pub const MAX_RESPONSE_BYTES: usize = 512;

/// What a customer wants, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    pub url: String,
    pub event_types: Vec<EventType>,
    pub include_details: bool,
    pub secret: String,
    /// The secret before the last rotation, and until when it is used too.
    pub previous_secret: Option<(String, u64)>,
    /// Those before it, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier_secrets: Vec<(String, u64)>,
    pub created_by: String,
    pub created_at: u64,
    pub paused: bool,
    /// When it was last enabled. A state that was disabled before that counts as enabled.
    pub enabled_at: u64,
}

impl Webhook {
    fn secrets(&self, now: Timestamp) -> Vec<&str> {
        let previous = self.previous_secret.iter().chain(&self.earlier_secrets);
        let previous = previous.filter(|(_, until)| now.0 < *until);
        let previous = previous.map(|(secret, _)| secret.as_str());
        [self.secret.as_str()].into_iter().chain(previous).collect()
    }

    /// Replaces the secret. Requests are also signed with the one before, until then.
    fn replace_secret(&mut self, new: String, until: Timestamp) {
        let before = std::mem::replace(&mut self.secret, new);
        let earlier = self.previous_secret.replace((before, until.0));
        self.earlier_secrets.splice(0..0, earlier);
        self.earlier_secrets.truncate(MAX_PREVIOUS_SECRETS - 1);
    }

    fn wants(&self, event_type: EventType) -> bool {
        self.event_types.is_empty() || self.event_types.contains(&event_type)
    }
}

/// The collection of a tenant's webhooks, by the last part of their ids.
pub fn collection(tenant: &Tenant) -> String {
    format!("webhook#{tenant}")
}

/// The collection of how far delivery has come, by the same keys.
pub fn state_collection(tenant: &Tenant) -> String {
    format!("webhook-state#{tenant}")
}

fn log_collection(tenant: &Tenant, key: &str) -> String {
    format!("webhook-log#{tenant}#{key}")
}

/// Names a webhook: `<tenant>.<key>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookId {
    pub tenant: Tenant,
    pub key: String,
}

impl std::str::FromStr for WebhookId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("{text:?} is not the id of a webhook");
        let (tenant, key) = text.split_once('.').ok_or_else(bad)?;
        let is_key = key.len() == 16 && key.bytes().all(|byte| byte.is_ascii_hexdigit());
        Ok(Self {
            tenant: tenant.parse().map_err(|_| bad())?,
            key: is_key.then(|| key.to_owned()).ok_or_else(bad)?,
        })
    }
}

impl std::fmt::Display for WebhookId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.tenant, self.key)
    }
}
