//! The model container and its contract: `GET /ping`, `POST /invocations`.
//! (SageMaker developer guide, "Custom inference code with hosting services".)

use super::spool::Spooled;
use super::wire::{CUSTOM_ATTRIBUTES, INFERENCE_ID, Source};
use super::{Invocation, aws::Aws, location::Location};
use crate::{Failure, Outcome};
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

/// Largest input object: 1 GB (SageMaker developer guide, asynchronous inference).
const MAX_INPUT: u64 = 1024 * 1024 * 1024;
/// Most bytes of headers in an answer.
const MAX_HEADERS: usize = 4096;
/// What a caller who names no content type is taken to send.
const DEFAULT_CONTENT_TYPE: &str = "application/octet-stream";

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Body = UnsyncBoxBody<Bytes, BoxError>;

/// What a run left: the container's answer, if it gave one.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) content_type: Option<String>,
    pub(super) body: Spooled,
}

/// A client for one container.
#[derive(Clone, Debug)]
pub(super) struct Container {
    http: Client<HttpConnector, Body>,
    base: Uri,
}

impl Container {
    pub(super) fn new(base: Uri) -> Self {
        Self {
            http: Client::builder(TokioExecutor::new()).build_http(),
            base,
        }
    }

    /// Whether the container says that it is ready.
    pub(super) async fn ping(&self) -> bool {
        let Ok(request) = self.request(Method::GET, "/ping", empty()) else {
            return false;
        };
        match self.http.request(request).await {
            Ok(answer) => answer.status().is_success(),
            Err(_) => false,
        }
    }

    /// Runs one request: the input streams from S3 to the container without being kept.
    pub(super) async fn run(&self, aws: &Aws, job: &Invocation) -> (Outcome, Option<Reply>) {
        match self.try_run(aws, job).await {
            Ok((outcome, reply)) => (outcome, Some(reply)),
            Err(failure) => (Outcome::Failed(failure), None),
        }
    }

    async fn try_run(&self, aws: &Aws, job: &Invocation) -> Result<(Outcome, Reply), Failure> {
        let broken = Arc::new(AtomicBool::new(false));
        let (length, body) = input(aws, &job.source, &broken).await?;
        let mut request = self
            .request(Method::POST, "/invocations", body)
            .map_err(|_| Failure::NoResponse)?;
        let headers = request.headers_mut();
        headers.insert(CONTENT_LENGTH, length.into());
        let content_type = job.content_type.as_deref().unwrap_or(DEFAULT_CONTENT_TYPE);
        for (name, value) in [
            (CONTENT_TYPE.as_str(), Some(content_type)),
            (ACCEPT.as_str(), job.accept.as_deref()),
            (INFERENCE_ID, Some(job.inference_id.as_str())),
            (CUSTOM_ATTRIBUTES, job.custom_attributes.as_deref()),
        ] {
            if let Some(value) = value.and_then(|v| v.parse().ok()) {
                headers.insert(http::HeaderName::from_static(name), value);
            }
        }
        let answer = self.http.request(request).await.map_err(|error| {
            tracing::warn!(inference.id = job.inference_id, custom_attributes = job.custom_attributes, %error, "container gave no answer");
            no_response(&broken)
        })?;
        let (head, body) = answer.into_parts();
        if size(&head.headers) > MAX_HEADERS {
            return Err(Failure::HeadersTooLarge);
        }
        if head.status.is_success() && !head.headers.contains_key(CONTENT_LENGTH) {
            return Err(Failure::LengthRequired);
        }
        let body = Spooled::read(body).await.map_err(|error| {
            tracing::warn!(inference.id = job.inference_id, custom_attributes = job.custom_attributes, %error, "answer is lost");
            no_response(&broken)
        })?;
        let outcome = match head.status.as_u16() {
            200..=299 => Outcome::Completed,
            status @ 400..=499 => Outcome::Failed(Failure::ClientError(status)),
            status => Outcome::Failed(Failure::ServerError(status)),
        };
        let content_type = head.headers.get(CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok());
        Ok((
            outcome,
            Reply {
                content_type: content_type.map(str::to_owned),
                body,
            },
        ))
    }

    fn request(&self, method: Method, path: &str, body: Body) -> http::Result<Request<Body>> {
        let base = self.base.path().trim_end_matches('/');
        let mut parts = self.base.clone().into_parts();
        parts.path_and_query = Some(format!("{base}{path}").try_into()?);
        Request::builder()
            .method(method)
            .uri(Uri::from_parts(parts)?)
            .body(body)
    }
}

/// If the input broke off, the container is not to blame for having no answer.
fn no_response(broken: &AtomicBool) -> Failure {
    if broken.load(Ordering::Relaxed) {
        Failure::InputUnreadable
    } else {
        Failure::NoResponse
    }
}

/// The input's length and bytes; `broken` is set if reading fails on the way.
async fn input(
    aws: &Aws,
    source: &Source,
    broken: &Arc<AtomicBool>,
) -> Result<(u64, Body), Failure> {
    let location = match source {
        Source::Inline(bytes) => {
            let body = Full::new(bytes.clone()).map_err(|never| match never {});
            return Ok((bytes.len() as u64, body.boxed_unsync()));
        }
        Source::Object(location) => Location::parse(location).ok_or(Failure::InputUnreadable)?,
    };
    let (length, object) = aws.open(&location).await.ok_or(Failure::InputUnreadable)?;
    if length > MAX_INPUT {
        return Err(Failure::InputTooLarge);
    }
    let broken = Arc::clone(broken);
    let frames = stream::unfold(object, move |mut object| {
        let broken = Arc::clone(&broken);
        async move {
            let next = object.next().await?;
            let frame = next.map(Frame::data).map_err(|error| {
                broken.store(true, Ordering::Relaxed);
                BoxError::from(error)
            });
            Some((frame, object))
        }
    });
    Ok((length, StreamBody::new(frames).boxed_unsync()))
}

fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// Bytes of the headers as they were on the wire, about.
fn size(headers: &HeaderMap) -> usize {
    headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum()
}
