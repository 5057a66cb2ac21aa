//! A model container whose behaviour depends on the request's custom attributes.

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;

#[derive(Default)]
struct State {
    unhealthy: AtomicBool,
    pings: AtomicUsize,
    calls: Mutex<Vec<(HeaderMap, usize)>>,
    release_hanging: Notify,
}

pub(crate) struct Container {
    address: SocketAddr,
    state: Arc<State>,
    _task: JoinSet<()>,
}

impl Container {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state: Arc<State> = Arc::default();
        let mut task = JoinSet::new();
        let shared = Arc::clone(&state);
        task.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&shared);
                let service = service_fn(move |request| response(Arc::clone(&shared), request));
                connections.spawn(async move {
                    let http = hyper::server::conn::http1::Builder::new();
                    http.serve_connection(TokioIo::new(stream), service)
                        .await
                        .ok();
                });
            }
        });
        Self {
            address,
            state,
            _task: task,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn set_unhealthy(&self, unhealthy: bool) {
        self.state.unhealthy.store(unhealthy, Ordering::SeqCst);
    }

    pub(crate) fn pings(&self) -> usize {
        self.state.pings.load(Ordering::SeqCst)
    }

    /// Headers and body length of every invocation so far.
    pub(crate) fn calls(&self) -> Vec<(HeaderMap, usize)> {
        self.state.calls.lock().unwrap().clone()
    }

    /// Lets every `hang` invocation received so far respond.
    pub(crate) fn release_hanging(&self) {
        self.state.release_hanging.notify_waiters();
    }
}

type HttpResponse = Response<BoxBody<Bytes, Infallible>>;

async fn response(
    state: Arc<State>,
    request: Request<Incoming>,
) -> Result<HttpResponse, std::io::Error> {
    if request.uri().path() == "/ping" {
        state.pings.fetch_add(1, Ordering::SeqCst);
        let unhealthy = state.unhealthy.load(Ordering::SeqCst);
        return Ok(full(if unhealthy { 503 } else { 200 }, "", ""));
    }
    assert_eq!(request.uri().path(), "/invocations");
    let (head, mut body) = request.into_parts();
    let command = head.headers.get("x-amzn-sagemaker-custom-attributes");
    let command = command.map_or("", |v| v.to_str().unwrap()).to_owned();
    if command == "reject-unread" {
        return Ok(full(413, "text/plain", "too large"));
    }
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        length += frame.unwrap().into_data().map_or(0, |data| data.len());
    }
    // Registered before the call is counted, so that a test that sees the count can release it.
    let mut release_hanging = std::pin::pin!(state.release_hanging.notified());
    release_hanging.as_mut().enable();
    state.calls.lock().unwrap().push((head.headers, length));
    let (command, value) = command.split_once('=').unwrap_or((&command, ""));
    Ok(match command {
        "status" => full(
            value.parse().unwrap(),
            "text/plain",
            "rejected by the model",
        ),
        "bytes" => full(200, "application/pdf", &"x".repeat(value.parse().unwrap())),
        "chunked" => {
            let frames = stream::iter([Ok(Frame::data(Bytes::from_static(b"{}")))]);
            Response::new(BodyExt::boxed(StreamBody::new(frames)))
        }
        "headers" => {
            let mut response = full(200, "text/plain", "");
            let long = "x".repeat(5000).parse().unwrap();
            response.headers_mut().insert("x-long", long);
            response
        }
        "die" => return Err(std::io::Error::other("the process died")),
        "hang" => {
            release_hanging.await;
            full(200, "application/json", "{\"late\":true}")
        }
        _ => full(200, "application/json", &format!("{{\"bytes\":{length}}}")),
    })
}

fn full(status: u16, content_type: &str, body: &str) -> HttpResponse {
    let mut response = Response::new(BodyExt::boxed(Full::new(Bytes::from(body.to_owned()))));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    if !content_type.is_empty() {
        let value = content_type.parse().unwrap();
        response.headers_mut().insert("content-type", value);
    }
    response
}
