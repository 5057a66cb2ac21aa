//! The real handlers over in-memory ports: what becomes of uploads, of notifications, and of open pages.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod api;
mod audit_events;
mod breaker;
mod capacity;
mod digests;
mod event_feed;
mod fixtures;
mod models;
mod outcomes;
mod pages;
mod probes;
mod reconciler;
mod same_bytes;
mod sessions;
mod sign_in_groups;
mod trace;
mod upload_trigger;
mod usage;
mod webhooks;
