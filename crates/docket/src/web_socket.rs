//! A WebSocket connection to the service, opened with a ticket. TLS is configured as for HTTP.

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

use crate::CommandContext;
use crate::client::Idempotency;
use crate::error::{CliError, Exit, Result};
use crate::session::is_loopback_host;

const OPEN_TIMEOUT: Duration = Duration::from_secs(20);

/// A push message from the service, as in `jobs::view::PushMessage`, but tolerant of types that a later release adds.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "type")]
#[expect(
    clippy::large_enum_variant,
    reason = "one message exists at a time, and nearly all are of the large variant"
)]
pub(crate) enum ReceivedMessage {
    #[serde(rename = "job.changed")]
    JobChanged {
        job: JobView,
        /// The trace id in the service's logs.
        trace_id: Option<String>,
    },
    /// The answer to a `sync` request.
    #[serde(rename = "snapshot")]
    Snapshot {
        jobs: Vec<JobView>,
        /// There are more jobs than fit into a snapshot.
        more: bool,
    },
    /// The service did not understand a message.
    #[serde(rename = "error")]
    Error { message: String },
    /// A type that this release does not know.
    #[serde(other)]
    Other,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

pub(crate) struct WebSocket(WebSocketStream<Box<dyn Stream>>);

impl WebSocket {
    /// Requests a ticket and connects with it.
    pub(crate) async fn open(context: &CommandContext, tenant: Option<&str>) -> Result<Self> {
        let ticket = NewTicket {
            tenant: tenant.map(str::to_owned),
        };
        // Idempotent: an unused ticket expires.
        let ticket: TicketView = context
            .client
            .post("/ws-tickets", &ticket, Idempotency::Idempotent)
            .await?;
        match tokio::time::timeout(OPEN_TIMEOUT, connect(context, &ticket.url)).await {
            Ok(opened) => opened,
            Err(_) => Err(web_socket_error(format!(
                "not open after {} s",
                OPEN_TIMEOUT.as_secs()
            ))),
        }
    }

    /// Requests a snapshot of all jobs.
    pub(crate) async fn sync(&mut self) -> Result<()> {
        let text = Message::text(r#"{"action":"sync"}"#);
        self.0
            .send(text)
            .await
            .map_err(|error| web_socket_error(error.to_string()))
    }

    /// Receives the next push message; `None` if the service closed the connection.
    pub(crate) async fn next(&mut self) -> Result<Option<ReceivedMessage>> {
        loop {
            let message = match self.0.next().await {
                None => return Ok(None),
                Some(Err(error)) => return Err(web_socket_error(error.to_string())),
                Some(Ok(message)) => message,
            };
            match message {
                Message::Text(text) => {
                    return serde_json::from_str(&text)
                        .map(Some)
                        .map_err(|error| web_socket_error(format!("unexpected message: {error}")));
                }
                Message::Close(_) => return Ok(None),
                // The library answers pings.
                _ => {}
            }
        }
    }
}

fn web_socket_error(reason: String) -> CliError {
    CliError::new(
        Exit::Unavailable,
        "web-socket",
        format!("WebSocket connection failed: {reason}"),
    )
}

async fn connect(context: &CommandContext, url: &str) -> Result<WebSocket> {
    let invalid = |reason: &str| web_socket_error(format!("invalid address: {reason}"));
    let uri: http::Uri = url.parse().map_err(|_| invalid("not a URL"))?;
    let host = uri.host().unwrap_or_default().to_owned();
    let secure = match uri.scheme_str() {
        Some("wss") => true,
        Some("ws") if is_loopback_host(&host) => false,
        Some("ws") => return Err(invalid("ws:// would send the ticket unencrypted")),
        _ => return Err(invalid("it must start with wss://")),
    };
    let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
    let bare = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned();
    let tcp = TcpStream::connect((bare.as_str(), port))
        .await
        .map_err(|error| web_socket_error(format!("{host}:{port}: {error}")))?;
    tcp.set_nodelay(true).ok();
    let stream: Box<dyn Stream> = if secure {
        let tls = context.client.http.tls().map_err(web_socket_error)?;
        let name =
            ServerName::try_from(bare).map_err(|error| web_socket_error(error.to_string()))?;
        let tls = TlsConnector::from(tls)
            .connect(name, tcp)
            .await
            .map_err(|error| web_socket_error(format!("{host}: {error}")))?;
        Box::new(tls)
    } else {
        Box::new(tcp)
    };
    match client_async(url, stream).await {
        Ok((socket, _)) => Ok(WebSocket(socket)),
        Err(tungstenite::Error::Http(response)) => Err(web_socket_error(format!(
            "refused with HTTP {}",
            response.status()
        ))),
        Err(error) => Err(web_socket_error(error.to_string())),
    }
}
