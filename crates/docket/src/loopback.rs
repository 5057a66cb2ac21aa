//! The address on this machine to which the browser brings the code of a sign-in (RFC 8252, section 7.3).

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::oauth::AuthorizationResponse;

/// Cognito compares whole addresses, ports included, so these are the ones that the user pool knows.
const PORTS: [u16; 3] = [18457, 28457, 38457];
const PATH: &str = "/callback";
/// How long the browser has to fetch the last page.
const PAGE_TIMEOUT: Duration = Duration::from_secs(2);

/// What the browser shows at the end.
#[derive(Clone, Copy, Debug)]
pub(crate) enum BrowserPage {
    SignedIn,
    Failed,
    /// The state is not that of this sign-in.
    Foreign,
}

/// Waits for one browser on a port that was free.
pub(crate) struct Loopback {
    listener: TcpListener,
    port: u16,
}

/// The browser has arrived, and waits for a page.
pub(crate) struct Callback {
    pub(crate) response: AuthorizationResponse,
    page: oneshot::Sender<BrowserPage>,
    connections: JoinSet<()>,
}

type Arrivals = mpsc::Sender<(AuthorizationResponse, oneshot::Sender<BrowserPage>)>;

impl Loopback {
    /// `None` if all ports are taken.
    pub(crate) async fn bind() -> Option<Self> {
        for port in PORTS {
            if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)).await {
                return Some(Self { listener, port });
            }
        }
        None
    }

    pub(crate) fn redirect_uri(&self) -> String {
        format!("http://127.0.0.1:{}{PATH}", self.port)
    }

    /// Waits for the browser with this state. Whatever comes with another one is refused, and the wait goes on: any
    /// program on this machine can send requests here. Afterwards the port is closed.
    pub(crate) async fn wait(self, state: &str) -> Callback {
        let (sender, mut arrivals) = mpsc::channel(1);
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        connections.spawn(serve(stream, self.port, sender.clone()));
                    }
                    // For example too many open files: try again after other connections have ended.
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                },
                Some((response, page)) = arrivals.recv() => {
                    if response.state == state {
                        return Callback { response, page, connections };
                    }
                    page.send(BrowserPage::Foreign).ok();
                }
            }
        }
    }
}

impl Callback {
    /// Shows the page, and gives the browser time to fetch it.
    pub(crate) async fn answer(mut self, page: BrowserPage) {
        self.page.send(page).ok();
        let all = async { while self.connections.join_next().await.is_some() {} };
        tokio::time::timeout(PAGE_TIMEOUT, all).await.ok();
    }
}

async fn serve(stream: TcpStream, port: u16, arrivals: Arrivals) {
    let service = service_fn(|request| {
        let arrivals = arrivals.clone();
        async move { Ok::<_, Infallible>(respond(&request, port, &arrivals).await) }
    });
    hyper::server::conn::http1::Builder::new()
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await
        .ok();
}

async fn respond(
    request: &Request<Incoming>,
    port: u16,
    arrivals: &Arrivals,
) -> Response<Full<Bytes>> {
    let host = request.headers().get(header::HOST);
    // Another name that points to this machine is not ours (DNS rebinding).
    if host.is_none_or(|host| host.as_bytes() != format!("127.0.0.1:{port}").as_bytes()) {
        return page(StatusCode::MISDIRECTED_REQUEST, "Not here", "");
    }
    if request.uri().path() != PATH {
        return page(StatusCode::NOT_FOUND, "Not found", "");
    }
    if request.method() != Method::GET {
        return page(StatusCode::METHOD_NOT_ALLOWED, "Only GET is allowed", "");
    }
    let query = request.uri().query().unwrap_or_default();
    let Some(response) = AuthorizationResponse::from_query(query) else {
        return foreign();
    };
    let (sender, shown) = oneshot::channel();
    let is_over = arrivals.send((response, sender)).await.is_err();
    match shown.await {
        Ok(BrowserPage::SignedIn) => page(
            StatusCode::OK,
            "You are signed in",
            "You can close this tab and go back to the terminal.",
        ),
        Ok(BrowserPage::Failed) => page(
            StatusCode::OK,
            "You are not signed in",
            "The terminal says why. You can close this tab.",
        ),
        Ok(BrowserPage::Foreign) => foreign(),
        Err(_) => page(
            StatusCode::GONE,
            if is_over {
                "This sign-in is over"
            } else {
                "This sign-in was cancelled"
            },
            "Run docket login again.",
        ),
    }
}

fn foreign() -> Response<Full<Bytes>> {
    page(
        StatusCode::BAD_REQUEST,
        "This sign-in was not started here",
        "Go back to the terminal, and use the address that it shows now.",
    )
}

fn page(status: StatusCode, title: &str, text: &str) -> Response<Full<Bytes>> {
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><meta name=\"color-scheme\" content=\"light dark\">\
         <title>{title} · Docket</title><h1>{title}</h1><p>{text}</p></html>\n"
    );
    let mut response = Response::new(Full::from(html));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, header::HeaderValue::from_static(value));
    }
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(header::ALLOW, header::HeaderValue::from_static("GET"));
    }
    response
}
