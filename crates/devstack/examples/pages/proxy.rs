//! A proxy between the functions and the emulator, which counts the read units of DynamoDB. Pages connect their WebSockets
//! through it ([`Sockets`]).

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::header::{CONNECTION, USER_AGENT};
use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::read_units::half_units;
use crate::sockets::Sockets;

/// What the first line of a WebSocket's handshake has, and no other request.
const WEB_SOCKET: &str = "?ticket=";
/// Longer than the first line of a handshake, which has the ticket.
const MAX_REQUEST_LINE_BYTES: usize = 512;
/// How long API Gateway takes for a `PostToConnection`, as docs/adr/0007 assumes.
const POST_LATENCY: Duration = Duration::from_millis(20);

#[derive(Debug, Default)]
pub(crate) struct Usage {
    /// Half read units, by operation and index.
    pub(crate) half_units: BTreeMap<String, u64>,
    /// Requests whose cost is not known, and why.
    pub(crate) unknown: Vec<String>,
}

/// Where calls are forwarded to.
#[derive(Clone, Copy, Debug)]
struct Upstreams {
    emulator: SocketAddr,
    model: SocketAddr,
}

#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) url: String,
    upstreams: watch::Sender<Option<Upstreams>>,
    pub(crate) sockets: Sockets,
    usage: Mutex<Usage>,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Proxy {
    /// Starts to listen. Calls wait until [`Proxy::set_upstreams`] is called.
    pub(crate) async fn start() -> Result<Arc<Self>> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let proxy = Arc::new(Self {
            url: format!("http://{}", listener.local_addr()?),
            upstreams: watch::Sender::new(None),
            sockets: Sockets::default(),
            usage: Mutex::default(),
            client: Client::builder(TokioExecutor::new()).build_http(),
        });
        let serving = Arc::clone(&proxy);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let serving = Arc::clone(&serving);
                // A connection that breaks is the matter of its two ends.
                tokio::spawn(async move { serving.serve(stream).await.ok() });
            }
        });
        Ok(proxy)
    }

    pub(crate) fn set_upstreams(&self, emulator_url: &str, model_url: &str) -> Result<()> {
        let address = |url: &str| url.trim_start_matches("http://").parse();
        self.upstreams.send_replace(Some(Upstreams {
            emulator: address(emulator_url)?,
            model: address(model_url)?,
        }));
        Ok(())
    }

    pub(crate) fn usage(&self) -> MutexGuard<'_, Usage> {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn upstreams(&self) -> Result<Upstreams> {
        let mut upstreams = self.upstreams.subscribe();
        let known = upstreams.wait_for(Option::is_some).await?;
        known.context("the emulator has no address")
    }

    async fn serve(self: Arc<Self>, stream: TcpStream) -> Result<()> {
        stream.set_nodelay(true)?;
        let mut start = [0; MAX_REQUEST_LINE_BYTES];
        stream.readable().await?;
        let length = stream.peek(&mut start).await?;
        let start = start.get(..length).unwrap_or_default();
        let start = String::from_utf8_lossy(start).into_owned();
        let line = start.lines().next().unwrap_or_default();
        if line.contains(WEB_SOCKET) {
            let path = line.split(' ').nth(1).context("no path")?;
            return self
                .sockets
                .relay(stream, self.upstreams().await?.emulator, path)
                .await;
        }
        let service = service_fn(|request| self.respond(request));
        let connection = hyper::server::conn::http1::Builder::new();
        connection
            .serve_connection(TokioIo::new(stream), service)
            .await?;
        Ok(())
    }

    async fn respond(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>> {
        let (head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let Some((_, connection)) = head.uri.path().split_once("/@connections/") else {
            return self.forward(head, body).await;
        };
        let connection = percent_encoding::percent_decode_str(connection).decode_utf8()?;
        tokio::time::sleep(POST_LATENCY).await;
        let emulator = self.upstreams().await?.emulator;
        let status = self
            .sockets
            .post(emulator, &head, &connection, &body)
            .await?;
        let response = Response::builder().status(status);
        let response = if status == StatusCode::GONE {
            response.header("x-amzn-errortype", "GoneException")
        } else {
            response
        };
        Ok(response.body(Full::default())?)
    }

    async fn forward(&self, mut head: Parts, body: Bytes) -> Result<Response<Full<Bytes>>> {
        let target = head
            .headers
            .get("x-amz-target")
            .and_then(|it| it.to_str().ok());
        let operation = target
            .and_then(|target| target.strip_prefix("DynamoDB_20120810."))
            .map(str::to_owned);
        let upstreams = self.upstreams().await?;
        let upstream = match head.uri.path() {
            // The asynchronous endpoints call the model through the same proxy.
            "/invocations" | "/ping" => upstreams.model,
            _ => upstreams.emulator,
        };
        let mut uri = head.uri.into_parts();
        uri.scheme = Some(http::uri::Scheme::HTTP);
        uri.authority = Some(upstream.to_string().parse()?);
        head.uri = Uri::from_parts(uri)?;
        let is_page = head.headers.get(USER_AGENT).is_some_and(|it| it == "node");
        let sent = Request::from_parts(head, Full::new(body.clone()));
        let (mut head, response) = self.client.request(sent).await?.into_parts();
        if is_page {
            // Node would open its WebSockets on the connections of earlier requests; `serve` finds them only on new ones.
            head.headers
                .insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let response = response.collect().await?.to_bytes();
        if let Some(operation) = operation
            && head.status.is_success()
        {
            self.count(&operation, &body, &response)?;
        }
        Ok(Response::from_parts(head, Full::new(response)))
    }

    fn count(&self, operation: &str, request: &[u8], response: &[u8]) -> Result<()> {
        let request: Value = serde_json::from_slice(request)?;
        let response: Value = serde_json::from_slice(response)?;
        let mut usage = self.usage();
        match half_units(operation, &request, &response) {
            Ok(half_units) => {
                let index = request.get("IndexName").and_then(Value::as_str);
                let name = format!("{operation} {}", index.unwrap_or_default());
                *usage.half_units.entry(name).or_default() += half_units;
            }
            Err(reason) => usage.unknown.push(format!("{operation}: {reason}")),
        }
        Ok(())
    }
}
