//! A test server for S3 and SNS: objects by path, published messages, and a journal of both.

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::WAIT_TIMEOUT;

/// A write call that the server received.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum CloudCall {
    Put(String),
    Published(String, serde_json::Value),
}

#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub(crate) bytes: Bytes,
    pub(crate) content_type: Option<String>,
}

#[derive(Default)]
struct State {
    objects: HashMap<String, Object>,
    journal: Vec<CloudCall>,
    rejects_writes: bool,
}

pub(crate) struct Cloud {
    address: SocketAddr,
    shared: Arc<(Mutex<State>, Notify)>,
    _task: JoinSet<()>,
}

impl Cloud {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared: Arc<(Mutex<State>, Notify)> = Arc::default();
        let mut task = JoinSet::new();
        let state = Arc::clone(&shared);
        task.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&state);
                let service = service_fn(move |request| response(Arc::clone(&state), request));
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
            shared,
            _task: task,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn put(&self, path: &str, bytes: &[u8]) {
        let object = Object {
            bytes: Bytes::copy_from_slice(bytes),
            content_type: None,
        };
        let mut state = self.shared.0.lock().unwrap();
        state.objects.insert(path.to_owned(), object);
    }

    /// Rejects every PUT from now on.
    pub(crate) fn reject_writes(&self) {
        self.shared.0.lock().unwrap().rejects_writes = true;
    }

    /// The object at an `s3://` location.
    pub(crate) fn object(&self, location: &str) -> Option<Object> {
        let path = location.strip_prefix("s3:/").unwrap();
        self.shared.0.lock().unwrap().objects.get(path).cloned()
    }

    pub(crate) fn journal(&self) -> Vec<CloudCall> {
        self.shared.0.lock().unwrap().journal.clone()
    }

    /// The messages about a request, once there are `n`.
    pub(crate) async fn result_messages(&self, id: &str, n: usize) -> Vec<serde_json::Value> {
        self.wait(n, |entry| match entry {
            CloudCall::Published(_, message) if message["inferenceId"] == id => {
                Some(message.clone())
            }
            _ => None,
        })
        .await
    }

    /// The topics of the `TestNotification`s, once there are `n`.
    pub(crate) async fn test_notifications(&self, n: usize) -> Vec<String> {
        self.wait(n, |entry| match entry {
            CloudCall::Published(topic, message) if message["eventName"] == "TestNotification" => {
                Some(topic.clone())
            }
            _ => None,
        })
        .await
    }

    async fn wait<T>(&self, n: usize, pick: impl Fn(&CloudCall) -> Option<T>) -> Vec<T> {
        let wait = async {
            loop {
                let mut changed = std::pin::pin!(self.shared.1.notified());
                changed.as_mut().enable();
                let found: Vec<T> = self.journal().iter().filter_map(&pick).collect();
                if found.len() >= n {
                    return found;
                }
                changed.await;
            }
        };
        tokio::time::timeout(WAIT_TIMEOUT, wait)
            .await
            .unwrap_or_else(|_| panic!("not {n} such calls; journal: {:#?}", self.journal()))
    }
}

async fn response(
    shared: Arc<(Mutex<State>, Notify)>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let path = decode(head.uri.path(), false);
    let mut state = shared.0.lock().unwrap();
    let response = match head.method {
        Method::GET => match state.objects.get(&path) {
            Some(object) => Response::new(Full::new(object.bytes.clone())),
            None => xml(
                StatusCode::NOT_FOUND,
                "<Error><Code>NoSuchKey</Code><Message>no</Message></Error>",
            ),
        },
        Method::PUT if state.rejects_writes => xml(
            StatusCode::FORBIDDEN,
            "<Error><Code>AccessDenied</Code><Message>no</Message></Error>",
        ),
        Method::PUT => {
            let content_type = head.headers.get("content-type");
            let object = Object {
                bytes: body,
                content_type: content_type.map(|v| v.to_str().unwrap().to_owned()),
            };
            state.objects.insert(path.clone(), object);
            state.journal.push(CloudCall::Put(path));
            xml(StatusCode::OK, "")
        }
        _ => {
            let form = String::from_utf8(body.to_vec()).unwrap();
            let field = |name: &str| {
                let found = form.split('&').find_map(|pair| {
                    let (key, value) = pair.split_once('=')?;
                    (key == name).then(|| decode(value, true))
                });
                found.unwrap()
            };
            assert_eq!(field("Action"), "Publish");
            let message = serde_json::from_str(&field("Message")).unwrap();
            state
                .journal
                .push(CloudCall::Published(field("TopicArn"), message));
            xml(
                StatusCode::OK,
                "<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\">\
                 <PublishResult><MessageId>m</MessageId></PublishResult>\
                 <ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></PublishResponse>",
            )
        }
    };
    drop(state);
    shared.1.notify_waiters();
    Ok(response)
}

fn xml(status: StatusCode, body: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(body.as_bytes())));
    *response.status_mut() = status;
    response
}

fn decode(text: &str, form: bool) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                let digits = std::str::from_utf8(&digits).unwrap().to_owned();
                u8::from_str_radix(&digits, 16).unwrap()
            }
            b'+' if form => b' ',
            other => other,
        });
    }
    String::from_utf8(bytes).unwrap()
}
