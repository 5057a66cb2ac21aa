//! A WebSocket of the service: opened by a ticket, over TLS by the same roots as everything else.

use std::time::Duration;

use api::types::{NewTicket, TicketView};
use futures_util::{SinkExt, StreamExt};
use jobs::view::JobView;
use rustls::pki_types::ServerName;
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::Context;
use crate::api::Repeat;
use crate::exit::{Exit, Failure, Outcome};
use crate::session::is_this_machine;

/// How long a connection may take to open.
const OPEN: Duration = Duration::from_secs(20);

/// What the service sends (`jobs::view::Frame`).
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "type")]
#[expect(
    clippy::large_enum_variant,
    reason = "frames are made one at a time, and nearly all are of the large kind"
)]
pub(crate) enum Frame {
    /// One job changed.
    #[serde(rename = "job.changed")]
    JobChanged {
        /// As it is now.
        job: JobView,
        /// The trace that its log lines carry.
        trace_id: Option<String>,
    },
    /// The answer to `sync`.
    #[serde(rename = "snapshot")]
    Snapshot {
        jobs: Vec<JobView>,
        /// There are more jobs than fit.
        more: bool,
    },
    /// Something was not understood.
    #[serde(rename = "error")]
    Error { message: String },
    /// What a later release sends.
    #[serde(other)]
    Other,
}

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// An open WebSocket.
pub(crate) struct Socket(WebSocketStream<Box<dyn Io>>);

impl Socket {
    /// Asks for a ticket and connects with it.
    pub(crate) async fn open(context: &Context, tenant: Option<&str>) -> Outcome<Self> {
        let ticket = NewTicket {
            tenant: tenant.map(str::to_owned),
        };
        // A ticket that nobody uses ends by itself.
        let ticket: TicketView = context
            .api
            .post("/ws-tickets", &ticket, Repeat::Harmless)
            .await?;
        match tokio::time::timeout(OPEN, connect(context, &ticket.url)).await {
            Ok(opened) => opened,
            Err(_) => Err(lost(format!("it did not open within {} s", OPEN.as_secs()))),
        }
    }

    /// Asks where all jobs stand.
    pub(crate) async fn sync(&mut self) -> Outcome<()> {
        let text = Message::text(r#"{"action":"sync"}"#);
        self.0
            .send(text)
            .await
            .map_err(|error| lost(error.to_string()))
    }

    /// The next frame; none once the service has closed the connection.
    pub(crate) async fn next(&mut self) -> Outcome<Option<Frame>> {
        loop {
            let message = match self.0.next().await {
                None => return Ok(None),
                Some(Err(error)) => return Err(lost(error.to_string())),
                Some(Ok(message)) => message,
            };
            match message {
                Message::Text(text) => {
                    return serde_json::from_str(&text)
                        .map(Some)
                        .map_err(|error| lost(format!("a frame cannot be understood: {error}")));
                }
                Message::Close(_) => return Ok(None),
                // Pings are answered by the library.
                _ => {}
            }
        }
    }
}

fn lost(why: String) -> Failure {
    Failure::local(
        Exit::Unavailable,
        "web-socket",
        format!("the WebSocket is lost: {why}"),
    )
}

async fn connect(context: &Context, url: &str) -> Outcome<Socket> {
    let wrong = |why: &str| lost(format!("its address is of no use: {why}"));
    let uri: http::Uri = url.parse().map_err(|_| wrong("it cannot be read"))?;
    let host = uri.host().unwrap_or_default().to_owned();
    let secure = match uri.scheme_str() {
        Some("wss") => true,
        Some("ws") if is_this_machine(&host) => false,
        Some("ws") => return Err(wrong("tickets do not travel over ws://")),
        _ => return Err(wrong("it is no WebSocket's")),
    };
    let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
    let bare = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned();
    let tcp = TcpStream::connect((bare.as_str(), port))
        .await
        .map_err(|error| lost(format!("{host}:{port}: {error}")))?;
    tcp.set_nodelay(true).ok();
    let stream: Box<dyn Io> = if secure {
        let tls = context.api.http.tls().map_err(lost)?;
        let name = ServerName::try_from(bare).map_err(|error| lost(error.to_string()))?;
        let tls = TlsConnector::from(tls)
            .connect(name, tcp)
            .await
            .map_err(|error| lost(format!("{host}: {error}")))?;
        Box::new(tls)
    } else {
        Box::new(tcp)
    };
    match client_async(url, stream).await {
        Ok((socket, _)) => Ok(Socket(socket)),
        Err(tungstenite::Error::Http(answer)) => {
            Err(lost(format!("it was refused: {}", answer.status())))
        }
        Err(error) => Err(lost(error.to_string())),
    }
}
