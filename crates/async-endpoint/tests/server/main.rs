//! The local server between real HTTP neighbors: callers, S3, SNS and a model container.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test helper that cannot go on has failed"
)]

mod results;
mod support;
mod wire;
