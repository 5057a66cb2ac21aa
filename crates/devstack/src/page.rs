//! A reviewer's page without the browser: it connects, asks where its jobs stand, and keeps the newest of each.

use std::collections::BTreeMap;
use std::time::Instant;

use futures_util::stream::SplitSink;
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A job as pages see it; the format is `jobs::view`'s, read here as a page would.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "jobs::view documents the fields")]
pub struct PageJob {
    pub id: String,
    pub version: u64,
    pub status: String,
    pub pipeline: String,
    pub tenant: String,
    pub name: String,
    pub bytes: u64,
    pub attempt: u8,
    pub created_at: u64,
    pub updated_at: u64,
    pub retry_at: Option<u64>,
    pub failure: Option<PageFailure>,
}

impl PageJob {
    /// Whether nothing more will happen to it unless somebody asks.
    pub fn has_ended(&self) -> bool {
        matches!(self.status.as_str(), "Ready" | "Failed" | "Cancelled")
    }
}

/// Why a job failed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct PageFailure {
    /// A word of `jobs::state::Cause`.
    pub cause: String,
    /// A sentence.
    pub detail: String,
}

/// What the service sends.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "type")]
pub enum Frame {
    /// A job changed.
    #[serde(rename = "job.changed")]
    JobChanged {
        /// The job as it is now.
        job: PageJob,
    },
    /// The answer to `sync`.
    #[serde(rename = "snapshot")]
    Snapshot {
        /// The jobs of the tenant.
        jobs: Vec<PageJob>,
        /// There are more than these.
        more: bool,
    },
    /// The answer to something that was not understood.
    #[serde(rename = "error")]
    Error {
        /// What to do.
        message: String,
    },
}

/// A frame and when it came.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// When the page had it.
    pub at: Instant,
    /// What it says.
    pub frame: Frame,
    /// The same word for word, for what pages do not read.
    pub text: String,
}

/// The connection was refused or cannot be used.
#[derive(Debug)]
pub enum PageError {
    /// The handshake was answered with this HTTP status.
    Refused(u16),
    /// Anything else.
    Socket(String),
}

impl std::fmt::Display for PageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(status) => {
                write!(f, "the WebSocket was refused with HTTP status {status}")
            }
            Self::Socket(why) => write!(f, "the WebSocket cannot be used: {why}"),
        }
    }
}

impl std::error::Error for PageError {}

impl From<tungstenite::Error> for PageError {
    fn from(error: tungstenite::Error) -> Self {
        match error {
            tungstenite::Error::Http(response) => Self::Refused(response.status().as_u16()),
            other => Self::Socket(other.to_string()),
        }
    }
}

/// An open page.
#[derive(Debug)]
pub struct Page {
    sink: SplitSink<Socket, Message>,
    arrivals: mpsc::UnboundedReceiver<Arrival>,
    reader: JoinHandle<()>,
    /// The newest of each job that was seen, by id.
    pub jobs: BTreeMap<String, PageJob>,
}

impl Drop for Page {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Page {
    /// Connects with a ticket.
    ///
    /// # Errors
    /// [`PageError::Refused`] if the ticket is unknown, used or too old.
    pub async fn connect(url: &str, ticket: &str) -> Result<Self, PageError> {
        let (socket, _) = connect_async(format!("{url}?ticket={ticket}")).await?;
        let (sink, mut stream) = socket.split();
        let (sender, arrivals) = mpsc::unbounded_channel();
        let reader = tokio::spawn(async move {
            while let Some(Ok(message)) = stream.next().await {
                let at = Instant::now();
                let Ok(text) = message.to_text() else {
                    continue;
                };
                // A frame of a type that this page does not know yet is skipped, as a browser's would.
                if let Ok(frame) = serde_json::from_str(text)
                    && sender
                        .send(Arrival {
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
            arrivals,
            reader,
            jobs: BTreeMap::new(),
        })
    }

    /// Asks for a snapshot; it arrives as a frame.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn sync(&mut self) -> Result<(), PageError> {
        self.send(r#"{"action":"sync"}"#).await
    }

    /// Sends any text.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn send(&mut self, text: &str) -> Result<(), PageError> {
        Ok(self.sink.send(Message::text(text)).await?)
    }

    /// The next frame, taken into [`Page::jobs`]. `None`: the connection is gone.
    pub async fn next(&mut self) -> Option<Arrival> {
        let arrival = self.arrivals.recv().await?;
        match &arrival.frame {
            Frame::JobChanged { job } => self.keep(job),
            Frame::Snapshot { jobs, .. } => jobs.iter().for_each(|job| self.keep(job)),
            Frame::Error { .. } => {}
        }
        Some(arrival)
    }

    /// Frames overtake each other: the highest version is the truth.
    fn keep(&mut self, job: &PageJob) {
        let known = self.jobs.get(&job.id).map_or(0, |known| known.version);
        if job.version >= known {
            self.jobs.insert(job.id.clone(), job.clone());
        }
    }

    /// Takes frames until a job has ended, and answers it. `None`: the connection is gone.
    pub async fn until_ended(&mut self, id: &str) -> Option<PageJob> {
        loop {
            if let Some(job) = self.jobs.get(id)
                && job.has_ended()
            {
                return Some(job.clone());
            }
            self.next().await?;
        }
    }

    /// Closes the connection as a browser does when its tab is closed.
    pub async fn close(mut self) {
        self.sink.close().await.ok();
        while self.arrivals.recv().await.is_some() {}
    }
}
