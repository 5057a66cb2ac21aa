//! The real handlers over in-memory ports: what becomes of uploads, of notifications, and of open pages.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod api;
mod outcomes;
mod pages;
mod reconciler;
mod upload_trigger;
mod world;
