//! A WebSocket test client that does what the web app does: it connects, requests a snapshot, and keeps the newest
//! version of each job.

use std::collections::BTreeMap;
use std::time::Instant;

use futures_util::stream::SplitSink;
use futures_util::{SinkExt, StreamExt};
use jobs::view::JobView;
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

type PushSocket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Whether a job has ended. It then changes only if a user requests it.
pub fn has_ended(job: &JobView) -> bool {
    matches!(
        job.status.as_ref(),
        "Ready" | "Failed" | "Cancelled" | "Erased"
    )
}

/// A message that the service pushes, as clients read it. `jobs::view::PushMessage` is the server's side.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "type")]
#[expect(
    clippy::large_enum_variant,
    reason = "one message exists at a time, and nearly all are of the large variant"
)]
pub enum PushMessage {
    #[serde(rename = "job.changed")]
    JobChanged { job: JobView },
    /// The response to `sync`.
    #[serde(rename = "snapshot")]
    Snapshot {
        jobs: Vec<JobView>,
        /// The tenant has more jobs than these.
        more: bool,
    },
    /// The response to an unknown message.
    #[serde(rename = "error")]
    Error { message: String },
}

/// A push message and its time of arrival.
#[derive(Clone, Debug)]
pub struct ReceivedPush {
    pub at: Instant,
    pub frame: PushMessage,
    /// The original text, with fields that [`PushMessage`] does not have.
    pub text: String,
}

/// The connection was rejected or has failed.
#[derive(Debug)]
pub enum PushClientError {
    /// The handshake got this HTTP status.
    Rejected(u16),
    Socket(String),
}

impl std::fmt::Display for PushClientError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rejected(status) => {
                write!(
                    f,
                    "the WebSocket connection was rejected with HTTP status {status}"
                )
            }
            Self::Socket(reason) => write!(f, "the WebSocket connection failed: {reason}"),
        }
    }
}

impl std::error::Error for PushClientError {}

impl From<tungstenite::Error> for PushClientError {
    fn from(error: tungstenite::Error) -> Self {
        match error {
            tungstenite::Error::Http(response) => Self::Rejected(response.status().as_u16()),
            other => Self::Socket(other.to_string()),
        }
    }
}

#[derive(Debug)]
pub struct PushClient {
    sink: SplitSink<PushSocket, Message>,
    received: mpsc::UnboundedReceiver<ReceivedPush>,
    reader: JoinHandle<()>,
    /// The newest version of each received job, by id.
    pub jobs: BTreeMap<String, JobView>,
}

impl Drop for PushClient {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl PushClient {
    /// Connects with a ticket.
    ///
    /// # Errors
    /// [`PushClientError::Rejected`] if the ticket is unknown, used or expired.
    pub async fn connect(url: &str, ticket: &str) -> Result<Self, PushClientError> {
        let (socket, _) = connect_async(format!("{url}?ticket={ticket}")).await?;
        let (sink, mut stream) = socket.split();
        let (sender, received) = mpsc::unbounded_channel();
        let reader = tokio::spawn(async move {
            while let Some(Ok(message)) = stream.next().await {
                let at = Instant::now();
                let Ok(text) = message.to_text() else {
                    continue;
                };
                // Unknown types of messages are skipped, as the web app does.
                if let Ok(frame) = serde_json::from_str(text)
                    && sender
                        .send(ReceivedPush {
                            at,
                            frame,
                            text: text.to_owned(),
                        })
                        .is_err()
                {
                    return;
                }
            }
        });
        Ok(Self {
            sink,
            received,
            reader,
            jobs: BTreeMap::new(),
        })
    }

    /// Requests a snapshot, which arrives as a push message.
    ///
    /// # Errors
    /// The connection is closed.
    pub async fn sync(&mut self) -> Result<(), PushClientError> {
        self.send(r#"{"action":"sync"}"#).await
    }

    /// Sends any text.
    ///
    /// # Errors
    /// The connection is closed.
    pub async fn send(&mut self, text: &str) -> Result<(), PushClientError> {
        Ok(self.sink.send(Message::text(text)).await?)
    }

    /// Receives the next push message and updates [`PushClient::jobs`]. `None`: the connection is closed.
    pub async fn next(&mut self) -> Option<ReceivedPush> {
        let message = self.received.recv().await?;
        match &message.frame {
            PushMessage::JobChanged { job } => self.keep(job),
            PushMessage::Snapshot { jobs, .. } => jobs.iter().for_each(|job| self.keep(job)),
            PushMessage::Error { .. } => {}
        }
        Some(message)
    }

    /// Messages can arrive out of order: the highest version is the current one.
    fn keep(&mut self, job: &JobView) {
        let known = self.jobs.get(&job.id).map_or(0, |known| known.version);
        if job.version >= known {
            self.jobs.insert(job.id.clone(), job.clone());
        }
    }

    /// Receives messages until a job has ended, and returns it. `None`: the connection is closed.
    pub async fn wait_until_ended(&mut self, id: &str) -> Option<JobView> {
        loop {
            if let Some(job) = self.jobs.get(id)
                && has_ended(job)
            {
                return Some(job.clone());
            }
            self.next().await?;
        }
    }

    /// Closes the connection as a browser does when its tab is closed.
    pub async fn close(mut self) {
        self.sink.close().await.ok();
        while self.received.recv().await.is_some() {}
    }
}
