//! An accepted request and the container's response to it.

use super::body_buffer::BufferedBody;
use super::location::S3Location;
use super::wire::InputSource;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

/// What the server keeps about an accepted request until its result is published.
#[derive(Debug)]
pub(super) struct AcceptedRequest {
    pub(super) inference_id: String,
    pub(super) source: InputSource,
    pub(super) content_type: Option<String>,
    pub(super) accept: Option<String>,
    pub(super) custom_attributes: Option<String>,
    pub(super) output: S3Location,
    pub(super) failure: Option<S3Location>,
    /// The container's response to the latest invocation.
    pub(super) response: Mutex<Option<Arc<ContainerResponse>>>,
    /// Whether an event reported the end of the request. Several notifications can follow one end.
    pub(super) end_reported: AtomicBool,
}

/// Also the container's error responses: the driver writes them to `S3FailurePath`.
#[derive(Debug)]
pub(super) struct ContainerResponse {
    pub(super) content_type: Option<String>,
    pub(super) body: BufferedBody,
}
