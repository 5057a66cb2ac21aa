//! The HTTP side: `POST /endpoints/{EndpointName}/async-invocations`, and for people
//! `GET /_endpoint/{EndpointName}`.

use super::driver::{Hosted, Invocation};
use super::observe::What;
use super::wire::{Call, MAX_INLINE, WireError};
use super::{EndpointState, Hosts};
use crate::{Phase, Request};
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

/// The account that local emulators give everyone.
const ACCOUNT: &str = "000000000000";

type Answer = Response<Full<Bytes>>;

/// By a fault, the connection is closed instead of answered.
#[derive(Debug, thiserror::Error)]
#[error("reply dropped by a fault")]
struct ReplyDropped;

/// Serves until it is aborted; its connections end with it.
pub(super) async fn serve(listener: TcpListener, hosts: Arc<Hosts>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, Arc::clone(&hosts)));
                }
                // Such as too many open files: others may still end.
                Err(error) => {
                    tracing::warn!(%error, "connection not accepted");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

async fn connection(stream: TcpStream, hosts: Arc<Hosts>) {
    stream.set_nodelay(true).ok();
    let service = service_fn(move |request| {
        let hosts = Arc::clone(&hosts);
        async move { route(&hosts, request).await }
    });
    hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await
        .ok();
}

async fn route(hosts: &Hosts, request: http::Request<Incoming>) -> Result<Answer, ReplyDropped> {
    let path = request.uri().path().to_owned();
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let answer = match (request.method(), &*parts) {
        (&Method::POST, ["endpoints", name, "async-invocations"]) => {
            match invoke(hosts, name, request).await {
                Ok(answer) => Ok(answer),
                Err(NotAnswered::Refused(error)) => Err(error),
                Err(NotAnswered::Dropped) => return Err(ReplyDropped),
            }
        }
        (&Method::GET, ["_endpoint", name]) => state(hosts, name),
        _ => Err(WireError::new(
            StatusCode::NOT_FOUND,
            "UnknownOperationException",
            format!(
                "{} {path} is no operation of this service",
                request.method()
            ),
        )),
    };
    Ok(answer.unwrap_or_else(|error| refusal(&error)))
}

enum NotAnswered {
    Refused(WireError),
    Dropped,
}

impl From<WireError> for NotAnswered {
    fn from(error: WireError) -> Self {
        Self::Refused(error)
    }
}

async fn invoke(
    hosts: &Hosts,
    name: &str,
    request: http::Request<Incoming>,
) -> Result<Answer, NotAnswered> {
    let (head, body) = request.into_parts();
    // The signature is not verified: there is no account whose key it could be made with.
    if !head.headers.contains_key(AUTHORIZATION) {
        return Err(WireError::new(
            StatusCode::FORBIDDEN,
            "MissingAuthenticationTokenException",
            "Missing Authentication Token".to_owned(),
        )
        .into());
    }
    let host = hosts.get(name).ok_or_else(|| {
        WireError::validation(format!("Endpoint {name} of account {ACCOUNT} not found."))
    })?;
    let body = collect(body).await?;
    let answer = accept(host, &head.headers, body);
    if let Err(NotAnswered::Refused(error)) = &answer {
        host.observe(None, What::Refused(error.kind));
    }
    answer
}

async fn collect(body: Incoming) -> Result<Bytes, WireError> {
    match Limited::new(body, MAX_INLINE).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(WireError::validation(format!(
            "1 validation error detected: Value at 'body' failed to satisfy constraint: Member \
             must have length less than or equal to {MAX_INLINE}"
        ))),
        Err(_) => Err(WireError::validation(
            "The request body broke off.".to_owned(),
        )),
    }
}

/// Queues a call. Nothing in here waits, so a call is queued whole or not at all.
fn accept(host: &Arc<Hosted>, headers: &HeaderMap, body: Bytes) -> Result<Answer, NotAnswered> {
    let mut call = Call::parse(headers, body)?;
    let object = random_name()?;
    let folder = call
        .output_path_extension
        .as_deref()
        .map(|extension| extension.trim_matches('/'))
        .filter(|extension| !extension.is_empty())
        .map_or_else(|| host.output.clone(), |path| host.output.join(path));
    // The object's name tells nothing of the inference id, as in every real answer we know.
    let output = folder.join(&match &call.filename {
        Some(filename) => filename.clone(),
        None => format!("{object}.out"),
    });
    let failure = host
        .failure
        .as_ref()
        .map(|folder| folder.join(&format!("{object}-error.out")));
    let inference_id = match call.inference_id.take() {
        Some(chosen) => chosen,
        None => random_name()?,
    };
    let job = Arc::new(Invocation {
        inference_id: inference_id.clone(),
        source: call.source.clone(),
        content_type: call.content_type.take(),
        accept: call.accept.take(),
        custom_attributes: call.custom_attributes.take(),
        output: output.clone(),
        failure: failure.clone(),
        reply: Mutex::new(None),
        ended: AtomicBool::new(false),
    });
    let request = Request {
        payload: Arc::clone(&job),
        ttl: call.ttl,
        timeout: call.timeout,
    };
    let accepted = {
        let mut model = host.model();
        let capacity = model.instances().any(|i| i.phase == Phase::InService);
        let accepted = model
            .invoke(host.clock.now(), request)
            .map_err(|refusal| WireError::refused(refusal, &host.name, &call))?;
        // Still under the lock, so that nothing that follows from it is observed before it.
        host.observe(Some(&job), What::Queued { capacity });
        accepted
    };
    host.wake.notify_one();
    if accepted.reply_lost {
        host.observe(Some(&job), What::ReplyLost);
        return Err(NotAnswered::Dropped);
    }
    #[derive(Serialize)]
    struct Body {
        #[serde(rename = "InferenceId")]
        inference_id: String,
    }
    let mut answer = json(StatusCode::ACCEPTED, &Body { inference_id });
    let locations = [
        ("x-amzn-sagemaker-outputlocation", Some(&output)),
        ("x-amzn-sagemaker-failurelocation", failure.as_ref()),
    ];
    for (name, location) in locations {
        if let Some(value) = location.and_then(|l| HeaderValue::from_str(l.as_str()).ok()) {
            answer.headers_mut().insert(name, value);
        }
    }
    Ok(answer)
}

fn state(hosts: &Hosts, name: &str) -> Result<Answer, WireError> {
    let host = hosts.get(name).ok_or_else(|| {
        WireError::validation(format!("Endpoint {name} of account {ACCOUNT} not found."))
    })?;
    Ok(json(StatusCode::OK, &EndpointState::of(host)))
}

/// A random UUID, version 4.
fn random_name() -> Result<String, WireError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        WireError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalFailure",
            format!("no random name: {error}"),
        )
    })?;
    let id = uuid::Builder::from_random_bytes(bytes).into_uuid();
    Ok(id.to_string())
}

fn refusal(error: &WireError) -> Answer {
    #[derive(Serialize)]
    struct Body<'a> {
        message: &'a str,
    }
    let mut answer = json(
        error.status,
        &Body {
            message: &error.message,
        },
    );
    let kind = HeaderValue::from_static(error.kind);
    answer.headers_mut().insert("x-amzn-errortype", kind);
    answer
}

fn json(status: StatusCode, body: &impl Serialize) -> Answer {
    // Our own structs of strings and numbers: they always serialize.
    let body = serde_json::to_vec(body).unwrap_or_default();
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(id) = random_name().ok().and_then(|id| id.parse().ok()) {
        headers.insert("x-amzn-requestid", id);
    }
    answer
}
