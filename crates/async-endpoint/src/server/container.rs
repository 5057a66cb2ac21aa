//! The client of the model container: `GET /ping`, `POST /invocations`
//! (SageMaker developer guide, "Custom inference code with hosting services").

use super::aws::AwsClients;
use super::body_buffer::BufferedBody;
use super::location::S3Location;
use super::request::{AcceptedRequest, ContainerResponse};
use super::wire::{CUSTOM_ATTRIBUTES, INFERENCE_ID, InputSource};
use crate::{InvocationFailure, InvocationStatus};
use bytes::Bytes;
use futures_util::stream;
use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, Method, Request, Uri};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, Full, StreamBody};
use hyper::body::Frame;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// 1 GB (SageMaker developer guide, asynchronous inference).
const MAX_INPUT_BYTES: u64 = 1024 * 1024 * 1024;
/// Limit for the headers of a response.
const MAX_HEADER_BYTES: usize = 4096;
/// For requests without a content type.
const DEFAULT_CONTENT_TYPE: &str = "application/octet-stream";

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type RequestBody = UnsyncBoxBody<Bytes, BoxError>;

/// A client of one container.
#[derive(Clone, Debug)]
pub(super) struct Container {
    http: Client<HttpConnector, RequestBody>,
    base: Uri,
}

impl Container {
    pub(super) fn new(base: Uri) -> Self {
        Self {
            http: Client::builder(TokioExecutor::new()).build_http(),
            base,
        }
    }

    /// Whether the container is ready.
    pub(super) async fn ping(&self) -> bool {
        let Ok(request) = self.request(Method::GET, "/ping", empty()) else {
            return false;
        };
        match self.http.request(request).await {
            Ok(response) => response.status().is_success(),
            Err(_) => false,
        }
    }

    /// Invokes the container. The input streams from S3 to the container.
    pub(super) async fn invoke(
        &self,
        aws: &AwsClients,
        invocation: &AcceptedRequest,
    ) -> (InvocationStatus, Option<ContainerResponse>) {
        match self.try_invoke(aws, invocation).await {
            Ok((status, response)) => (status, Some(response)),
            Err(failure) => (InvocationStatus::Failed(failure), None),
        }
    }

    async fn try_invoke(
        &self,
        aws: &AwsClients,
        invocation: &AcceptedRequest,
    ) -> Result<(InvocationStatus, ContainerResponse), InvocationFailure> {
        let input_failed = Arc::new(AtomicBool::new(false));
        let (length, body) = input(aws, &invocation.source, &input_failed).await?;
        let mut request = self
            .request(Method::POST, "/invocations", body)
            .map_err(|_| InvocationFailure::NoResponse)?;
        let headers = request.headers_mut();
        headers.insert(CONTENT_LENGTH, length.into());
        let content_type = invocation
            .content_type
            .as_deref()
            .unwrap_or(DEFAULT_CONTENT_TYPE);
        for (name, value) in [
            (CONTENT_TYPE.as_str(), Some(content_type)),
            (ACCEPT.as_str(), invocation.accept.as_deref()),
            (INFERENCE_ID, Some(invocation.inference_id.as_str())),
            (CUSTOM_ATTRIBUTES, invocation.custom_attributes.as_deref()),
        ] {
            if let Some(value) = value.and_then(|v| v.parse().ok()) {
                headers.insert(http::HeaderName::from_static(name), value);
            }
        }
        let response = self.http.request(request).await.map_err(|error| {
            tracing::warn!(inference.id = invocation.inference_id, custom_attributes = invocation.custom_attributes, %error, "the container did not respond");
            no_response(&input_failed)
        })?;
        let (head, body) = response.into_parts();
        if header_bytes(&head.headers) > MAX_HEADER_BYTES {
            return Err(InvocationFailure::HeadersTooLarge);
        }
        if head.status.is_success() && !head.headers.contains_key(CONTENT_LENGTH) {
            return Err(InvocationFailure::LengthRequired);
        }
        let body = BufferedBody::read(body).await.map_err(|error| {
            tracing::warn!(inference.id = invocation.inference_id, custom_attributes = invocation.custom_attributes, %error, "cannot read the container's response");
            no_response(&input_failed)
        })?;
        let status = match head.status.as_u16() {
            200..=299 => InvocationStatus::Completed,
            code @ 400..=499 => InvocationStatus::Failed(InvocationFailure::ClientError(code)),
            code => InvocationStatus::Failed(InvocationFailure::ServerError(code)),
        };
        let content_type = head.headers.get(CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok());
        Ok((
            status,
            ContainerResponse {
                content_type: content_type.map(str::to_owned),
                body,
            },
        ))
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: RequestBody,
    ) -> http::Result<Request<RequestBody>> {
        let base = self.base.path().trim_end_matches('/');
        let mut parts = self.base.clone().into_parts();
        parts.path_and_query = Some(format!("{base}{path}").try_into()?);
        Request::builder()
            .method(method)
            .uri(Uri::from_parts(parts)?)
            .body(body)
    }
}

/// If reading the input failed, that is the reason, not the container.
fn no_response(input_failed: &AtomicBool) -> InvocationFailure {
    if input_failed.load(Ordering::Relaxed) {
        InvocationFailure::InputUnreadable
    } else {
        InvocationFailure::NoResponse
    }
}

/// The input's length and bytes. Sets `input_failed` if reading fails midway.
async fn input(
    aws: &AwsClients,
    source: &InputSource,
    input_failed: &Arc<AtomicBool>,
) -> Result<(u64, RequestBody), InvocationFailure> {
    let location = match source {
        InputSource::Inline(bytes) => {
            let body = Full::new(bytes.clone()).map_err(|never| match never {});
            return Ok((bytes.len() as u64, body.boxed_unsync()));
        }
        InputSource::Object(location) => {
            S3Location::parse(location).ok_or(InvocationFailure::InputUnreadable)?
        }
    };
    let (length, object) = aws
        .open(&location)
        .await
        .ok_or(InvocationFailure::InputUnreadable)?;
    if length > MAX_INPUT_BYTES {
        return Err(InvocationFailure::InputTooLarge);
    }
    let input_failed = Arc::clone(input_failed);
    let frames = stream::unfold(object, move |mut object| {
        let input_failed = Arc::clone(&input_failed);
        async move {
            let next = object.next().await?;
            let frame = next.map(Frame::data).map_err(|error| {
                input_failed.store(true, Ordering::Relaxed);
                BoxError::from(error)
            });
            Some((frame, object))
        }
    });
    Ok((length, StreamBody::new(frames).boxed_unsync()))
}

fn empty() -> RequestBody {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// The approximate size of the headers on the wire.
fn header_bytes(headers: &HeaderMap) -> usize {
    headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum()
}
