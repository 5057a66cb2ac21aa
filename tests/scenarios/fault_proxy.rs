//! A proxy between the functions and every service that they call, and between the endpoints and the model. It knows
//! which process makes which call about which document, and injects the planned faults.
//!
//! HTTP/1.1. The calling process is found by its port in `/proc`: Linux only.

pub(crate) mod fault_matrix;
mod process;
pub(crate) mod protocol;
pub(crate) mod stack;
pub(crate) mod state;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use http::uri::Authority;
use http::{Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OnceCell, watch};

use process::FunctionProcess;
use protocol::ProxyResponse;
use state::{CallFault, ProxyState};

/// How often the proxy checks whether a held run of the model may continue.
const HOLD_CHECK_INTERVAL: Duration = Duration::from_millis(100);

/// Where calls are forwarded to, as `host:port`.
#[derive(Clone, Debug)]
pub(crate) struct Upstreams {
    pub(crate) cloud: Authority,
    pub(crate) model: Authority,
}

#[derive(Debug)]
pub(crate) struct FaultProxy {
    pub(crate) url: String,
    upstreams: watch::Sender<Option<Upstreams>>,
    client: Client<HttpConnector, Full<Bytes>>,
    state: Mutex<ProxyState>,
}

/// The connection ends without a response.
#[derive(Debug)]
struct ConnectionDropped;

impl std::fmt::Display for ConnectionDropped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the proxy dropped the connection")
    }
}

impl std::error::Error for ConnectionDropped {}

impl FaultProxy {
    /// Starts to listen. Calls wait until [`FaultProxy::set_upstreams`] is called.
    pub(crate) async fn start() -> Arc<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let proxy = Arc::new(Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            upstreams: watch::Sender::new(None),
            client: Client::builder(TokioExecutor::new()).build_http(),
            state: Mutex::default(),
        });
        let serving = Arc::clone(&proxy);
        tokio::spawn(async move {
            while let Ok((stream, peer)) = listener.accept().await {
                tokio::spawn(Arc::clone(&serving).serve(stream, peer));
            }
        });
        proxy
    }

    pub(crate) fn set_upstreams(&self, upstreams: Upstreams) {
        self.upstreams.send_replace(Some(upstreams));
    }

    async fn upstreams(&self) -> Option<Upstreams> {
        let mut upstreams = self.upstreams.subscribe();
        let known = upstreams.wait_for(Option::is_some).await.ok()?;
        known.clone()
    }

    /// Planned faults and recorded calls.
    pub(crate) fn state(&self) -> MutexGuard<'_, ProxyState> {
        self.state.lock().unwrap()
    }

    async fn serve(self: Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        stream.set_nodelay(true).unwrap();
        // A dropped connection is reset, not closed.
        stream.set_zero_linger().unwrap();
        let process = OnceCell::new();
        let service = service_fn(|request| self.respond(&process, peer, request));
        let connection = hyper::server::conn::http1::Builder::new();
        let served = connection.serve_connection(TokioIo::new(stream), service);
        // Ends with an error whenever a connection is dropped.
        served.await.ok();
    }

    async fn respond(
        &self,
        process: &OnceCell<FunctionProcess>,
        peer: SocketAddr,
        request: Request<Incoming>,
    ) -> Result<ProxyResponse, ConnectionDropped> {
        let (mut head, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| ConnectionDropped)?;
        let mut body = body.to_bytes();
        let upstreams = self.upstreams().await.ok_or(ConnectionDropped)?;
        let operation = protocol::operation(&head, &body);
        if operation == protocol::MODEL {
            while self.state().is_held(protocol::inference_id(&head)) {
                tokio::time::sleep(HOLD_CHECK_INTERVAL).await;
            }
            let status = self.state().record_model_run(protocol::inference_id(&head));
            if let Some(status) = status {
                return Ok(protocol::model_response(status));
            }
            return self.forward(upstreams.model, head, body).await;
        }
        let find = async || process::by_port(peer.port(), &self.url).await;
        let process = process.get_or_init(find).await;
        let FunctionProcess { pid, function, .. } = process;
        if operation == protocol::RECEIVE {
            body = protocol::with_short_waits(&body);
            process.sign(&mut head, &body, &self.url);
        }
        let text = protocol::text(&head, &body);
        let fault = self.state().record_call(*pid, function, &operation, &text);
        let method = head.method.clone();
        match fault {
            Some(CallFault::KillBefore) => self.kill(*pid),
            Some(CallFault::Reset) => {}
            Some(CallFault::Throttle) => return Ok(protocol::throttled(&operation, &method)),
            Some(CallFault::ServerError) => {
                return Ok(protocol::server_error(&operation, &method));
            }
            Some(CallFault::FalseSuccess) => return Ok(protocol::false_success()),
            None | Some(CallFault::KillAfter | CallFault::LoseResponse) => {
                head.extensions.clear();
                let inference_id = protocol::inference_id(&head).map(str::to_owned);
                let response = self.forward(upstreams.cloud, head, body).await?;
                if let Some(inference_id) = inference_id
                    && response.status().is_success()
                {
                    self.state().record_accepted(inference_id);
                }
                match fault {
                    None => return Ok(response),
                    Some(CallFault::KillAfter) => self.kill(*pid),
                    Some(_) => {}
                }
            }
        }
        Err(ConnectionDropped)
    }

    fn kill(&self, pid: u32) {
        process::kill(pid);
        self.state().killed += 1;
    }

    async fn forward(
        &self,
        upstream: Authority,
        mut head: http::request::Parts,
        body: Bytes,
    ) -> Result<ProxyResponse, ConnectionDropped> {
        let mut uri = head.uri.into_parts();
        uri.scheme = Some(http::uri::Scheme::HTTP);
        uri.authority = Some(upstream);
        head.uri = Uri::from_parts(uri).map_err(|_| ConnectionDropped)?;
        let request = Request::from_parts(head, Full::new(body));
        let response = self.client.request(request).await;
        let (head, body) = response.map_err(|_| ConnectionDropped)?.into_parts();
        let body = body.collect().await.map_err(|_| ConnectionDropped)?;
        Ok(ProxyResponse::from_parts(head, Full::new(body.to_bytes())))
    }
}
