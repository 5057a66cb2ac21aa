//! The handlers: each parses an event, calls a use case and maps the result. One module per function.

#[cfg(feature = "api")]
pub mod api;
#[cfg(feature = "api")]
pub mod audit_events;
pub mod batch;
pub mod capacity;
#[cfg(feature = "api")]
pub mod digests;
#[cfg(feature = "api")]
pub mod event_feed;
pub mod inference_error;
pub mod inference_success;
#[cfg(feature = "api")]
pub mod json;
mod notification;
#[cfg(feature = "api")]
pub mod reconciler;
mod report;
#[cfg(feature = "api")]
pub mod retention;
pub mod retry;
pub(crate) mod s3_event;
#[cfg(feature = "api")]
mod settled_messages;
pub mod sign_in_groups;
pub mod sqs_message;
pub mod upload_trigger;
#[cfg(feature = "api")]
pub mod webhooks;
pub mod ws;
pub mod ws_authorizer;
pub mod ws_connect;
#[cfg(feature = "api")]
pub mod ws_default;
pub mod ws_disconnect;

use jobs::id::Timestamp;

/// How long after the function's deadline its leases expire, because of clock skew.
const LEASE_MARGIN_MS: u64 = 5_000;

/// When the leases of a call expire whose function is ended at `deadline_ms`, in milliseconds since 1970 UTC.
const fn lease_expiry(deadline_ms: u64) -> Timestamp {
    Timestamp(deadline_ms + LEASE_MARGIN_MS)
}
