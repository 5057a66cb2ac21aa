//! Tests of the local server over HTTP, with test servers for S3, SNS and the model container.
#![expect(
    clippy::unwrap_used,
    reason = "a test helper that fails fails its test"
)]

mod results;
mod support;
mod wire;
