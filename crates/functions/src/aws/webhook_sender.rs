//! Posts to the receivers of webhooks: `WebhookSender`, `NameResolver`, `WebhookQueue`.
//!
//! The connection is opened here, to an address that was checked, and not by a client that would resolve the name again.
//! Nothing follows a redirect.

use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use api::webhooks::ports::{
    NameResolver, WebhookQueue, WebhookRequest, WebhookResponse, WebhookSender,
};
use api::webhooks::{MAX_RESPONSE_BYTES, check_addresses};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use jobs::ports::{DelayedMessage, Unavailable};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::{Aws, broken};
use crate::config::{Environment, Has, variable};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The part of the request's time limit that the beginning of the response's body has, which only the log shows.
const BODY_TIMEOUT_PART: u32 = 8;
/// More than any sensible head of a response has.
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// Addresses of a name that are tried.
const MAX_ADDRESSES: usize = 3;

impl<E: Environment> NameResolver for Aws<E> {
    async fn resolve(&self, host: &str, port: u16) -> Result<Vec<IpAddr>, String> {
        resolve(host, port).await
    }
}

async fn resolve(host: &str, port: u16) -> Result<Vec<IpAddr>, String> {
    let found = timeout(CONNECT_TIMEOUT, lookup_host((host, port))).await;
    let found = found.map_err(|_| format!("no answer for {host} in time"))?;
    let found = found.map_err(|error| error.to_string())?;
    Ok(found.map(|address| address.ip()).collect())
}

impl<E: Environment> WebhookSender for Aws<E> {
    async fn post(&self, request: &WebhookRequest<'_>) -> Result<WebhookResponse, String> {
        post(request).await
    }
}

async fn post(request: &WebhookRequest<'_>) -> Result<WebhookResponse, String> {
    let answered = timeout(request.timeout, async {
        let addresses = resolve(&request.url.host, request.url.port).await?;
        check_addresses(&addresses, request.allowed)?;
        let stream = connect(&addresses, request.url.port).await?;
        if !request.url.is_tls {
            return answer(stream, request).await;
        }
        let name = ServerName::try_from(request.url.host.clone());
        let name = name.map_err(|error| error.to_string())?;
        let connector = TlsConnector::from(tls_settings()?);
        let stream = connector.connect(name, stream).await;
        answer(stream.map_err(|error| format!("TLS: {error}"))?, request).await
    });
    let response = answered
        .await
        .map_err(|_| format!("no response within {:?}", request.timeout))??;
    let status = response.status().as_u16();
    let body = timeout(
        request.timeout / BODY_TIMEOUT_PART,
        beginning(response.into_body()),
    )
    .await;
    Ok(WebhookResponse {
        status,
        body: body.unwrap_or_default(),
    })
}

async fn connect(addresses: &[IpAddr], port: u16) -> Result<TcpStream, String> {
    let mut problem = String::new();
    for address in addresses.iter().take(MAX_ADDRESSES) {
        let address = SocketAddr::new(*address, port);
        match timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => problem = format!("{address}: {error}"),
            Err(_) => problem = format!("{address}: no connection in time"),
        }
    }
    Err(problem)
}

async fn answer<S>(stream: S, request: &WebhookRequest<'_>) -> Result<Response<Incoming>, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = Request::post(&request.url.path)
        .header("host", &request.url.authority)
        .header("connection", "close");
    for (name, value) in &request.headers {
        builder = builder.header(*name, value);
    }
    let http_request = builder.body(request.body.to_owned());
    let http_request = http_request.map_err(|error| error.to_string())?;
    let mut settings = http1::Builder::new();
    settings.max_buf_size(MAX_HEAD_BYTES);
    let (mut sender, connection) = settings
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    // Ends with the response, or when `sender` and the response are dropped.
    tokio::spawn(async move { connection.await.ok() });
    let response = sender.send_request(http_request).await;
    response.map_err(|error| format!("no complete response: {error}"))
}

/// The first [`MAX_RESPONSE_BYTES`] bytes as text. The rest is not read.
async fn beginning(mut body: Incoming) -> String {
    let mut bytes: Vec<u8> = Vec::new();
    while bytes.len() < MAX_RESPONSE_BYTES {
        let frame = poll_fn(|context| std::pin::Pin::new(&mut body).poll_frame(context)).await;
        let Some(Ok(frame)) = frame else {
            break;
        };
        if let Some(data) = frame.data_ref() {
            bytes.extend_from_slice(data);
        }
    }
    bytes.truncate(MAX_RESPONSE_BYTES);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The system's certificates, read once: receivers are no AWS services.
fn tls_settings() -> Result<Arc<ClientConfig>, String> {
    static SETTINGS: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if let Some(settings) = SETTINGS.get() {
        return Ok(Arc::clone(settings));
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let settings = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::clone(SETTINGS.get_or_init(|| Arc::new(settings))))
}

impl<E: Has<variable::WebhooksQueueUrl>> WebhookQueue for Aws<E> {
    async fn send_instructions(&self, bodies: &[(String, u32)]) -> Result<(), Unavailable> {
        let messages: Vec<DelayedMessage<String>> = bodies
            .iter()
            .map(|(body, delay_seconds)| DelayedMessage {
                message: body.clone(),
                delay_seconds: *delay_seconds,
            })
            .collect();
        let url = self.name::<variable::WebhooksQueueUrl>();
        let failed = self.send_all(url, &messages).await;
        if failed == jobs::ports::FailedEntries::none() {
            return Ok(());
        }
        Err(broken("SQS SendMessageBatch", "a message was not taken"))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use api::webhooks::ReceiverUrl;
    use api::webhooks::address::AllowedReceivers;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// A receiver that answers each connection with these bytes. Returns its port, and counts connections.
    async fn receiver(response: &'static [u8], stays_open: bool) -> (u16, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    let mut request = [0; 4096];
                    let _start_of_the_request = stream.read(&mut request).await.unwrap_or(0);
                    stream.write_all(response).await.ok();
                    if stays_open {
                        std::future::pending::<()>().await;
                    }
                });
            }
        });
        (port, connections)
    }

    async fn post_to(url: &str, allowed: AllowedReceivers) -> Result<WebhookResponse, String> {
        let url = ReceiverUrl::parse(url, AllowedReceivers::Loopback).unwrap();
        let request = WebhookRequest {
            url: &url,
            allowed,
            timeout: Duration::from_secs(1),
            headers: vec![("webhook-id", "e1".to_owned())],
            body: "{}",
        };
        post(&request).await
    }

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(future)
    }

    const LOOPBACK: AllowedReceivers = AllowedReceivers::Loopback;

    #[test]
    fn status_and_beginning_of_the_response_are_returned() {
        block_on(async {
            let (port, _) =
                receiver(b"HTTP/1.1 503 No\r\ncontent-length: 4\r\n\r\nbusy", false).await;
            let response = post_to(&format!("http://127.0.0.1:{port}/hook"), LOOPBACK).await;
            let (status, body) = (503, "busy".to_owned());
            assert_eq!(response, Ok(WebhookResponse { status, body }));
        });
    }

    #[test]
    fn internal_address_is_not_connected_to_under_any_of_its_names() {
        block_on(async {
            let (port, connections) = receiver(b"HTTP/1.1 204 No\r\n\r\n", false).await;
            for host in [
                "127.0.0.1",
                "localhost",
                "2130706433",
                "0x7f.1",
                "[::ffff:127.0.0.1]",
                "[::1]",
                "0.0.0.0",
            ] {
                let url = format!("http://{host}:{port}/");
                let problem = post_to(&url, AllowedReceivers::Public).await;
                assert!(problem.is_err(), "{host}: {problem:?}");
            }
            assert_eq!(connections.load(Ordering::SeqCst), 0);
        });
    }

    #[test]
    fn redirect_is_returned_and_not_followed() {
        block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let target = listener.local_addr().unwrap().port();
            let head = format!(
                "HTTP/1.1 307 T\r\nlocation: http://127.0.0.1:{target}/\r\ncontent-length: 0\r\n\r\n"
            );
            let (port, _) = receiver(head.leak().as_bytes(), false).await;
            let response = post_to(&format!("http://127.0.0.1:{port}/"), LOOPBACK).await;
            assert_eq!(response.map(|it| it.status), Ok(307));
            let followed = timeout(Duration::from_millis(200), listener.accept()).await;
            assert!(followed.is_err());
        });
    }

    #[test]
    fn receiver_that_does_not_answer_correctly_is_a_failure() {
        block_on(async {
            let endless = format!("HTTP/1.1 200 OK\r\nx: {}\r\n", "y".repeat(100_000));
            let cases: [(&'static [u8], bool); 5] = [
                (b"", true),
                (b"", false),
                (b"HTTP/1.1 2", true),
                (b"nonsense\r\n\r\n", false),
                (endless.leak().as_bytes(), true),
            ];
            for (response, stays_open) in cases {
                let (port, _) = receiver(response, stays_open).await;
                let problem = post_to(&format!("http://127.0.0.1:{port}/"), LOOPBACK).await;
                assert!(problem.is_err(), "{problem:?}");
            }
            let closed = post_to("http://127.0.0.1:1024/", LOOPBACK).await;
            assert!(closed.is_err());
        });
    }

    /// Whether the receiver has processed the event is not known, so it is sent again.
    #[test]
    fn answer_after_the_time_limit_is_a_failure() {
        block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            let answered = tokio::spawn(async move {
                let (mut stream, _) = listener.accept().await.unwrap();
                // The sender closes the connection when it has given up.
                let mut request = Vec::new();
                stream.read_to_end(&mut request).await.ok();
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                    .await
                    .ok();
                request
            });
            let problem = post_to(&format!("http://127.0.0.1:{port}/"), LOOPBACK).await;
            let problem = problem.unwrap_err();
            assert!(problem.contains("no response within"), "{problem}");
            let request = answered.await.unwrap();
            assert!(request.ends_with(b"{}"), "the request had arrived");
        });
    }

    #[test]
    fn body_is_read_up_to_its_limit_and_its_end_is_not_waited_for_long() {
        block_on(async {
            let large = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: 999999\r\n\r\n{}",
                "z".repeat(3000)
            );
            let (port, _) = receiver(large.leak().as_bytes(), true).await;
            let response = post_to(&format!("http://127.0.0.1:{port}/"), LOOPBACK)
                .await
                .unwrap();
            assert_eq!(
                (response.status, response.body.len()),
                (200, MAX_RESPONSE_BYTES)
            );
            let (port, _) = receiver(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nab", true).await;
            let response = post_to(&format!("http://127.0.0.1:{port}/"), LOOPBACK)
                .await
                .unwrap();
            assert_eq!(response.status, 200);
        });
    }
}
