//! A proxy between the functions and everything they call, and between the endpoints and the model: it knows which
//! process makes which call about which document, and cuts the wire, or kills the process, where it was told to.
//!
//! HTTP/1.1. Who calls is found out by the client's port, in `/proc`: Linux only.

pub(crate) mod book;
pub(crate) mod call;
mod caller;
pub(crate) mod experiment;
pub(crate) mod stage;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use http::uri::Authority;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OnceCell, watch};

use book::{Book, Fault};
use caller::Caller;

/// How often is looked whether a run of the model is over.
const LOOK: Duration = Duration::from_millis(100);

/// Where calls go, as `host:port`.
#[derive(Clone, Debug)]
pub(crate) struct Ways {
    pub(crate) cloud: Authority,
    pub(crate) model: Authority,
}

/// The proxy.
#[derive(Debug)]
pub(crate) struct Wire {
    /// Its base URL.
    pub(crate) url: String,
    ways: watch::Sender<Option<Ways>>,
    client: Client<HttpConnector, Full<Bytes>>,
    book: Mutex<Book>,
}

/// The connection ends without an answer.
#[derive(Debug)]
struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the wire is cut")
    }
}

impl std::error::Error for Cut {}

impl Wire {
    /// Starts to listen. Calls wait until [`Wire::lead_to`] says where they go.
    pub(crate) async fn start() -> Arc<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let wire = Arc::new(Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            ways: watch::Sender::new(None),
            client: Client::builder(TokioExecutor::new()).build_http(),
            book: Mutex::default(),
        });
        let serving = Arc::clone(&wire);
        tokio::spawn(async move {
            while let Ok((stream, peer)) = listener.accept().await {
                tokio::spawn(Arc::clone(&serving).serve(stream, peer));
            }
        });
        wire
    }

    pub(crate) fn lead_to(&self, ways: Ways) {
        self.ways.send_replace(Some(ways));
    }

    async fn ways(&self) -> Option<Ways> {
        let mut ways = self.ways.subscribe();
        let known = ways.wait_for(Option::is_some).await.ok()?;
        known.clone()
    }

    /// What is planned, and what was seen.
    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap()
    }

    async fn serve(self: Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        stream.set_nodelay(true).unwrap();
        // Whoever is cut off is told so by a reset.
        stream.set_zero_linger().unwrap();
        let caller = OnceCell::new();
        let service = service_fn(|request| self.answer(&caller, peer, request));
        let connection = hyper::server::conn::http1::Builder::new();
        let served = connection.serve_connection(TokioIo::new(stream), service);
        // It ends with an error whenever a wire is cut.
        served.await.ok();
    }

    async fn answer(
        &self,
        caller: &OnceCell<Caller>,
        peer: SocketAddr,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Cut> {
        let (mut head, body) = request.into_parts();
        let mut body = body.collect().await.map_err(|_| Cut)?.to_bytes();
        let ways = self.ways().await.ok_or(Cut)?;
        let operation = call::operation(&head, &body);
        let way = match operation.as_str() {
            call::MODEL => ways.model,
            _ => ways.cloud,
        };
        if operation == call::MODEL {
            while self.book().is_held(call::inference(&head)) {
                tokio::time::sleep(LOOK).await;
            }
            if let Some(status) = self.book().model_says(call::inference(&head)) {
                return Ok(call::said_by_model(status));
            }
            return self.forward(way, head, body).await;
        }
        let look = async || caller::of(peer.port(), &self.url).await;
        let caller = caller.get_or_init(look).await;
        let Caller { pid, function, .. } = caller;
        if operation == call::RECEIVE {
            body = call::hurried(&body);
            caller.sign(&mut head, &body, &self.url);
        }
        let text = call::text(&head, &body);
        let fault = self.book().record(*pid, function, &operation, &text);
        let method = head.method.clone();
        match fault {
            Some(Fault::KillBefore) => self.kill(*pid),
            Some(Fault::Reset) => {}
            Some(Fault::Throttle) => return Ok(call::throttled(&operation, &method)),
            Some(Fault::Break) => return Ok(call::broken(&operation, &method)),
            Some(Fault::Swallow) => return Ok(call::swallowed()),
            None | Some(Fault::KillAfter | Fault::LoseReply) => {
                head.extensions.clear();
                let inference = call::inference(&head).map(str::to_owned);
                let answer = self.forward(way, head, body).await?;
                if let Some(inference) = inference
                    && answer.status().is_success()
                {
                    self.book().accepted(inference);
                }
                match fault {
                    None => return Ok(answer),
                    Some(Fault::KillAfter) => self.kill(*pid),
                    Some(_) => {}
                }
            }
        }
        Err(Cut)
    }

    fn kill(&self, pid: u32) {
        caller::kill(pid);
        self.book().killed += 1;
    }

    async fn forward(
        &self,
        way: Authority,
        mut head: http::request::Parts,
        body: Bytes,
    ) -> Result<Response<Full<Bytes>>, Cut> {
        let mut uri = head.uri.into_parts();
        uri.scheme = Some(http::uri::Scheme::HTTP);
        uri.authority = Some(way);
        head.uri = Uri::from_parts(uri).map_err(|_| Cut)?;
        let request = Request::from_parts(head, Full::new(body));
        let answer = self.client.request(request).await.map_err(|_| Cut)?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
        Ok(Response::from_parts(head, Full::new(body)))
    }
}
