//! Webhooks.

use serde::{Deserialize, Serialize};

#[cfg(feature = "schema")]
use super::schema::TENANT_PATTERN;
use crate::feed::EventType;

/// Query parameters of `GET /webhooks`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct WebhookQuery {
    /// The tenant. Support must name one, and so must a caller of several tenants.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = TENANT_PATTERN)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
}

/// Body of `POST /webhooks`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NewWebhook {
    /// The tenant. Support must name one, and so must a caller of several tenants.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = TENANT_PATTERN)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Where events are posted to: `https://`, a name or an address on the public internet, port 443 or above 1023, without
    /// user name and fragment.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = crate::webhooks::MAX_URL_BYTES)))]
    pub url: String,
    /// Only these events. Without it, all.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<EventType>"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub event_types: Vec<String>,
    /// Also send the file's name and the model's words about a failure. Off unless it is set.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub include_details: bool,
}

/// Body of `POST /webhooks/{webhook_id}`. What is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct WebhookChange {
    /// As in [`NewWebhook`].
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = crate::webhooks::MAX_URL_BYTES)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// As in [`NewWebhook`]; an empty list means all.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Vec<EventType>>"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_types: Option<Vec<String>>,
    /// As in [`NewWebhook`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub include_details: Option<bool>,
    /// `false` pauses it. `true` goes on where it stopped, also after it was disabled because it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

/// A webhook.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WebhookView {
    /// `<tenant>.<16 hexadecimal digits>`.
    pub id: String,
    pub tenant: String,
    pub url: String,
    /// Empty: all.
    pub event_types: Vec<EventType>,
    pub include_details: bool,
    pub created_by: String,
    pub created_at: u64,
    /// Whether events are sent.
    pub enabled: bool,
    /// Why Docket disabled it: it failed for too long, or the receiver answered 410. Absent if a user paused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_reason: Option<String>,
    /// Since when no delivery has succeeded, while deliveries fail. After three days it is disabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<u64>,
    /// The sequence up to which events were sent, or wait to be sent again.
    pub sequence: u64,
    /// How many events wait to be sent again after a failure.
    pub waiting: u16,
    /// How many events expired before they were delivered, since events are kept for 30 days. They cannot be sent again.
    #[serde(default)]
    pub expired: u64,
    /// The secret, which is shown only once: in the response that creates the webhook or rotates its secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// Until when the secret before a rotation is also used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_secret_until: Option<u64>,
}

/// Response of `GET /webhooks`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WebhookList {
    pub webhooks: Vec<WebhookView>,
}

/// Body of `POST /webhooks/{webhook_id}/redeliver`: one of `sequence` and `from`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct RedeliverRequest {
    /// Send this event again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// Send all events again that were recorded at or after this time, in milliseconds since 1970 UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
}

/// Response of `GET /webhooks/{webhook_id}/deliveries`: the newest 50 attempts, newest first. They are kept for 7 days. Those that
/// name a document are deleted with the document's data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeliveryList {
    pub deliveries: Vec<DeliveryView>,
}

/// An attempt to deliver an event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeliveryView {
    pub at: u64,
    /// The header `webhook-id`.
    pub event_id: String,
    /// The event's sequence in the feed; 0 for a test event.
    pub sequence: u64,
    /// Counts the attempts for this event, from 1.
    pub attempt: u16,
    pub url: String,
    /// The size of the request's body.
    pub request_bytes: u32,
    /// The beginning of the request's body, at most 2,048 bytes. Plain text. Escape it before you show it as HTML.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub request: String,
    /// The status of the response; absent if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The beginning of the response's body. Plain text. Escape it before you show it as HTML.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub response: String,
    /// Why the attempt failed; absent if it succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// When it is tried again. Absent if it succeeded or is given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<u64>,
}
