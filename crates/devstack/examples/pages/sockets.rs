//! The WebSockets of the pages, and what the functions post to them.
//!
//! The emulator is one Python process, and a thousand posts take it five seconds, which API Gateway does not. So only the
//! first post to a connection goes through the emulator, as a message that names the connection. From then on the proxy
//! delivers the posts itself.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use devstack::{root_credentials, sign_request};
use futures_util::{SinkExt, StreamExt};
use http::request::Parts;
use http::{Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{accept_async, connect_async};

/// How a message begins that names its connection.
const NAME: &str = "connection: ";
/// How long the service takes to notice the end of all connections that were cut. API Gateway reports the end of a
/// connection late, if at all (developer guide, "Manage connected users and client apps").
const NOTICED_WITHIN_MS: u64 = 60_000;

#[derive(Debug)]
pub(crate) struct Sockets {
    /// Frames to the pages, by connection.
    pages: Mutex<HashMap<String, mpsc::UnboundedSender<Bytes>>>,
    /// Grows with each cut.
    cuts: watch::Sender<u64>,
    /// Connections that were refused with 429.
    refused: AtomicU64,
}

impl Default for Sockets {
    fn default() -> Self {
        Self {
            pages: Mutex::default(),
            cuts: watch::Sender::new(0),
            refused: AtomicU64::new(0),
        }
    }
}

impl Sockets {
    /// Cuts all connections of pages without a word.
    pub(crate) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    fn pages(&self) -> MutexGuard<'_, HashMap<String, mpsc::UnboundedSender<Bytes>>> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Connects a page with the emulator until one of them, or [`Sockets::cut`], ends it.
    pub(crate) async fn relay(
        &self,
        mut page: TcpStream,
        emulator: SocketAddr,
        path: &str,
    ) -> Result<()> {
        let mut cuts = self.cuts.subscribe();
        let service = match connect_async(format!("ws://{emulator}{path}")).await {
            Ok((service, _)) => service,
            Err(Error::Http(response)) => {
                let status = response.status();
                if status == StatusCode::TOO_MANY_REQUESTS {
                    self.refused.fetch_add(1, Ordering::Relaxed);
                }
                let refusal = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
                return Ok(page.write_all(refusal.as_bytes()).await?);
            }
            Err(error) => return Err(error.into()),
        };
        // Dropped, the page's end is reset.
        page.set_zero_linger()?;
        let (mut to_page, mut from_page) = accept_async(page).await?.split();
        let (mut to_service, mut from_service) = service.split();
        let (post, mut posts) = mpsc::unbounded_channel::<Bytes>();
        let mut name = None;
        let relayed = async {
            loop {
                tokio::select! {
                    message = from_page.next() => match message {
                        Some(message) => to_service.send(message?).await?,
                        None => return anyhow::Ok(()),
                    },
                    message = from_service.next() => {
                        let Some(message) = message.transpose()? else { return Ok(()) };
                        match message.to_text().ok().and_then(|text| text.strip_prefix(NAME)) {
                            Some(connection) => {
                                self.pages().insert(connection.to_owned(), post.clone());
                                name = Some(connection.to_owned());
                            }
                            None => to_page.send(message).await?,
                        }
                    }
                    Some(frame) = posts.recv() => {
                        to_page.send(Message::text(std::str::from_utf8(&frame)?)).await?;
                    }
                }
            }
        };
        let is_cut = tokio::select! {
            _ = relayed => false,
            _ = cuts.changed() => true,
        };
        if let Some(name) = name {
            self.pages().remove(&name);
        }
        if is_cut {
            drop((to_page, from_page));
            let mut random = [0; 8];
            getrandom::fill(&mut random).context("cannot get random bytes")?;
            let delay = u64::from_le_bytes(random) % NOTICED_WITHIN_MS;
            tokio::time::sleep(Duration::from_millis(delay)).await;
        }
        Ok(())
    }

    /// `PostToConnection`: delivers a frame to a page.
    pub(crate) async fn post(
        &self,
        emulator: SocketAddr,
        head: &Parts,
        connection: &str,
        frame: &Bytes,
    ) -> Result<StatusCode> {
        if !self.pages().contains_key(connection) {
            let name = Bytes::from(format!("{NAME}{connection}"));
            let url = format!("http://{emulator}{}", head.uri.path());
            let request = sign_request(
                Request::post(url).body(name)?,
                "execute-api",
                &root_credentials(),
            )?;
            let client = Client::builder(TokioExecutor::new()).build_http();
            let status = client.request(request).await?.status();
            if !status.is_success() {
                return Ok(status);
            }
        }
        // The emulator forwards the name of the connection within half a second.
        for _ in 0..100 {
            if let Some(page) = self.pages().get(connection) {
                let delivered = page.send(frame.clone()).is_ok();
                return Ok(if delivered {
                    StatusCode::OK
                } else {
                    StatusCode::GONE
                });
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(StatusCode::GONE)
    }
}
