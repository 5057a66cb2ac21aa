//! The HTTP API: `POST /endpoints/{EndpointName}/async-invocations`, the calls of [`mod@control_plane`], and
//! `GET /_endpoint/{EndpointName}` for the state of an endpoint.

use super::control_plane;
use super::driver::{HostedEndpoint, HostedEndpoints};
use super::events::EndpointEventKind;
use super::request::AcceptedRequest;
use super::state::EndpointState;
use super::wire::{InvokeRequest, MAX_INLINE_BYTES, WireError};
use crate::{InstanceStatus, Request};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// The account id of local emulators.
const ACCOUNT: &str = "000000000000";

type HttpResponse = Response<Full<Bytes>>;

/// A fault: the connection is closed without a response.
#[derive(Debug, thiserror::Error)]
#[error("response dropped by a fault")]
struct ResponseDropped;

/// Serves until the task is aborted; its connections end with it.
pub(super) async fn serve(listener: TcpListener, endpoints: Arc<HostedEndpoints>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, Arc::clone(&endpoints)));
                }
                // For example too many open files: retry after other connections have ended.
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

async fn connection(stream: TcpStream, endpoints: Arc<HostedEndpoints>) {
    stream.set_nodelay(true).ok();
    let service = service_fn(move |request| {
        let endpoints = Arc::clone(&endpoints);
        async move { route(&endpoints, request).await }
    });
    hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await
        .ok();
}

async fn route(
    endpoints: &HostedEndpoints,
    request: http::Request<Incoming>,
) -> Result<HttpResponse, ResponseDropped> {
    let path = request.uri().path().to_owned();
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let response = match (request.method(), &*parts) {
        (&Method::POST, ["endpoints", name, "async-invocations"]) => {
            match invoke(endpoints, name, request).await {
                Ok(response) => Ok(response),
                Err(Unsuccessful::Rejected(error)) => Err(error),
                Err(Unsuccessful::ResponseDropped) => return Err(ResponseDropped),
            }
        }
        (&Method::GET, ["_endpoint", name]) => state(endpoints, name),
        (&Method::POST, [""]) => control_plane(endpoints, request).await,
        _ => Err(WireError::new(
            StatusCode::NOT_FOUND,
            "UnknownOperationException",
            format!(
                "{} {path} is not an operation of this service",
                request.method()
            ),
        )),
    };
    Ok(response.unwrap_or_else(|error| error_response(&error)))
}

/// A call of the control plane.
async fn control_plane(
    endpoints: &HostedEndpoints,
    request: http::Request<Incoming>,
) -> Result<HttpResponse, WireError> {
    let (head, body) = request.into_parts();
    check_signed(&head.headers)?;
    let target = head.headers.get("x-amz-target");
    let target = target.and_then(|value| value.to_str().ok());
    let body = collect(body).await?;
    let answer = control_plane::answer(endpoints, target.unwrap_or_default(), &body);
    Ok(match answer {
        Ok(answer) => json(StatusCode::OK, &answer),
        // The error's name is in the body (Smithy, "AWS JSON 1.1 protocol").
        Err(error) => json(
            error.status,
            &serde_json::json!({"__type": error.kind, "message": error.message}),
        ),
    })
}

/// The signature is not verified: there is no account with a key.
fn check_signed(headers: &HeaderMap) -> Result<(), WireError> {
    if headers.contains_key(AUTHORIZATION) {
        return Ok(());
    }
    Err(WireError::new(
        StatusCode::FORBIDDEN,
        "MissingAuthenticationTokenException",
        "Missing Authentication Token".to_owned(),
    ))
}

/// Why a call got no 202.
enum Unsuccessful {
    Rejected(WireError),
    ResponseDropped,
}

impl From<WireError> for Unsuccessful {
    fn from(error: WireError) -> Self {
        Self::Rejected(error)
    }
}

async fn invoke(
    endpoints: &HostedEndpoints,
    name: &str,
    request: http::Request<Incoming>,
) -> Result<HttpResponse, Unsuccessful> {
    let (head, body) = request.into_parts();
    check_signed(&head.headers)?;
    let endpoint = endpoints.get(name).ok_or_else(|| {
        WireError::validation(format!("Endpoint {name} of account {ACCOUNT} not found."))
    })?;
    let body = collect(body).await?;
    let response = accept(endpoint, &head.headers, body);
    if let Err(Unsuccessful::Rejected(error)) = &response {
        endpoint.emit(None, EndpointEventKind::Rejected(error.kind));
    }
    response
}

async fn collect(body: Incoming) -> Result<Bytes, WireError> {
    match Limited::new(body, MAX_INLINE_BYTES).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(WireError::validation(format!(
            "1 validation error detected: Value at 'body' failed to satisfy constraint: Member \
             must have length less than or equal to {MAX_INLINE_BYTES}"
        ))),
        Err(_) => Err(WireError::validation(
            "The request body is incomplete.".to_owned(),
        )),
    }
}

/// Queues a request. Nothing in here awaits, so a request is queued completely or not at all.
fn accept(
    endpoint: &Arc<HostedEndpoint>,
    headers: &HeaderMap,
    body: Bytes,
) -> Result<HttpResponse, Unsuccessful> {
    let mut call = InvokeRequest::parse(headers, body)?;
    let object = random_name()?;
    let folder = call
        .output_path_extension
        .as_deref()
        .map(|extension| extension.trim_matches('/'))
        .filter(|extension| !extension.is_empty())
        .map_or_else(
            || endpoint.output.clone(),
            |path| endpoint.output.join(path),
        );
    // The object's name does not contain the inference id, as in all known real responses.
    let output = folder.join(&match &call.filename {
        Some(filename) => filename.clone(),
        None => format!("{object}.out"),
    });
    let failure = endpoint
        .failure
        .as_ref()
        .map(|folder| folder.join(&format!("{object}-error.out")));
    let inference_id = match call.inference_id.take() {
        Some(chosen) => chosen,
        None => random_name()?,
    };
    let accepted_request = Arc::new(AcceptedRequest {
        inference_id: inference_id.clone(),
        source: call.source.clone(),
        content_type: call.content_type.take(),
        accept: call.accept.take(),
        custom_attributes: call.custom_attributes.take(),
        output: output.clone(),
        failure: failure.clone(),
        response: Mutex::new(None),
        end_reported: AtomicBool::new(false),
    });
    let request = Request {
        payload: Arc::clone(&accepted_request),
        ttl: call.ttl,
        timeout: call.timeout,
    };
    let accepted = {
        let mut model = endpoint.model();
        let has_capacity = model
            .instances()
            .any(|i| i.status == InstanceStatus::InService);
        let accepted = model
            .invoke(endpoint.clock.now(), request)
            .map_err(|error| WireError::rejected(error, &endpoint.name, &call))?;
        // Still under the lock, so that this event comes before all that follow from it.
        endpoint.emit(
            Some(&accepted_request),
            EndpointEventKind::Queued { has_capacity },
        );
        accepted
    };
    endpoint.changed.notify_one();
    if accepted.response_lost {
        endpoint.emit(Some(&accepted_request), EndpointEventKind::ResponseLost);
        return Err(Unsuccessful::ResponseDropped);
    }
    #[derive(Serialize)]
    struct AcceptedBody {
        #[serde(rename = "InferenceId")]
        inference_id: String,
    }
    let mut response = json(StatusCode::ACCEPTED, &AcceptedBody { inference_id });
    let locations = [
        ("x-amzn-sagemaker-outputlocation", Some(&output)),
        ("x-amzn-sagemaker-failurelocation", failure.as_ref()),
    ];
    for (name, location) in locations {
        if let Some(value) = location.and_then(|l| HeaderValue::from_str(l.as_str()).ok()) {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}

fn state(endpoints: &HostedEndpoints, name: &str) -> Result<HttpResponse, WireError> {
    let endpoint = endpoints.get(name).ok_or_else(|| {
        WireError::validation(format!("Endpoint {name} of account {ACCOUNT} not found."))
    })?;
    Ok(json(StatusCode::OK, &EndpointState::of(endpoint)))
}

/// A random UUID, version 4.
fn random_name() -> Result<String, WireError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        WireError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalFailure",
            format!("cannot create a random name: {error}"),
        )
    })?;
    let id = uuid::Builder::from_random_bytes(bytes).into_uuid();
    Ok(id.to_string())
}

fn error_response(error: &WireError) -> HttpResponse {
    #[derive(Serialize)]
    struct ErrorBody<'a> {
        message: &'a str,
    }
    let mut response = json(
        error.status,
        &ErrorBody {
            message: &error.message,
        },
    );
    let kind = HeaderValue::from_static(error.kind);
    response.headers_mut().insert("x-amzn-errortype", kind);
    response
}

fn json(status: StatusCode, body: &impl Serialize) -> HttpResponse {
    // Structs of strings and numbers always serialize.
    let body = serde_json::to_vec(body).unwrap_or_default();
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(id) = random_name().ok().and_then(|id| id.parse().ok()) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}
