//! The feed of events.

use serde::{Deserialize, Serialize};

#[cfg(feature = "schema")]
use super::schema::TENANT_PATTERN;

/// Query parameters of `GET /events`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct EventQuery {
    /// The tenant. Support must name one, and so must a caller of several tenants.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = TENANT_PATTERN)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The `cursor` of an earlier response: only events after those. Without it and without `from`, events from the oldest
    /// that is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Only events that were recorded at or after this time, in milliseconds since 1970 UTC. Not together with `since`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// Maximum number of events in the response. The default is 100.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = crate::feed::MAX_EVENTS_PER_PAGE)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u16>,
    /// If there is no event after the position yet, wait for one, at most so many seconds. The response comes up to 5 seconds
    /// after the event, and without events if there is none. The default is 0: the response comes at once.
    #[cfg_attr(feature = "schema", schemars(range(max = crate::events::MAX_WAIT_SECONDS)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait: Option<u16>,
}

/// A page of the feed. `hash` is the hash of the last of `events`; a reader that computes the hashes of all events from
/// `previous_hash` on and arrives at `hash` has received each of them unchanged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EventPage {
    pub tenant: String,
    /// In the order of their sequence, without gaps.
    pub events: Vec<EventView>,
    /// The number of events in this page.
    pub count: u16,
    /// The hash of the event before the first of this page; 64 zeros before the first event of all.
    pub previous_hash: String,
    /// The sequence of the last event of this page, or of the one before it if it has none.
    pub sequence: u64,
    /// The hash of that event.
    pub hash: String,
    /// The sequence of the newest event of the feed: how many events the tenant has had.
    pub end_sequence: u64,
    /// The hash of that event. A program that has received all events has computed the same one.
    pub end_hash: String,
    /// Always present. Pass it as `since` in the next request, now or later. It belongs to the tenant, not to the caller.
    pub cursor: String,
}

/// An event of the feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EventView {
    /// Counts the tenant's events, from 1.
    pub sequence: u64,
    /// `<job id>:<version>`, as in webhooks and on the event bus. An event that occurs twice has the same id.
    pub id: String,
    #[serde(rename = "type")]
    pub event_type: crate::feed::EventType,
    pub job_id: String,
    /// The version of the job. Of two events of a job, the one with the higher version is newer.
    pub version: u64,
    /// When the event was added to the feed. Never earlier than the event before.
    pub recorded_at: u64,
    /// SHA-256, in lower-case hexadecimal digits, of the previous event's hash, `sequence`, `id`, `type` and `recorded_at`,
    /// with a line feed between each two.
    pub hash: String,
}
