//! The container's address, and one HTTP exchange with it.
//!
//! Each exchange has its own connection, and what arrives is kept as it is: whether a length was declared, how large the
//! head is, and how an answer broke off.

use std::time::{Duration, Instant};

use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, Method, Request, Uri};
use http_body_util::BodyExt;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use jobs::evidence::is_nothing;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::AbortHandle;

use crate::error::{CliError, Exit, Result};
use crate::http_client::{RequestBody, full_body};

use super::documents::Document;

/// How long a connection may take to open.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Bytes of an answer that are kept, as many as the service reads of a failure object.
const MAX_KEPT_BYTES: usize = 65_536;
/// More than a container sends; hyper's own limit is 100.
const MAX_HEADERS: usize = 1_000;
const INFERENCE_ID: &str = "x-amzn-sagemaker-inference-id";
const CUSTOM_ATTRIBUTES: &str = "x-amzn-sagemaker-custom-attributes";

/// A client of a container, by its base address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ContainerClient {
    /// `host:port`.
    address: String,
    /// The path before `/ping` and `/invocations`; empty, or with a leading slash.
    path: String,
}

/// A complete answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body_bytes: u64,
    /// The beginning of the body.
    pub(super) body: Vec<u8>,
    pub(super) took: Duration,
}

/// Why there is no complete answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NoAnswer {
    /// No connection.
    Unreachable(String),
    /// The connection was closed or reset before the answer was complete.
    Closed {
        reason: String,
        took: Duration,
    },
    /// Something answered, and not in HTTP/1.
    NotHttp(String),
    TimedOut(Duration),
}

pub(super) type Exchange = std::result::Result<Answer, NoAnswer>;

/// The headers of an invocation that do not follow from the document.
#[derive(Clone, Debug)]
pub(super) struct InvocationHeaders {
    pub(super) accept: String,
    pub(super) inference_id: String,
    pub(super) custom_attributes: String,
}

impl Answer {
    /// The service takes it for no answer.
    pub(super) fn is_nothing(&self) -> bool {
        is_nothing(self.body_bytes, &self.body)
    }

    pub(super) fn header(&self, name: &http::HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(super) const fn is_success(&self) -> bool {
        200 <= self.status && self.status <= 299
    }

    pub(super) fn has_length(&self) -> bool {
        self.headers.contains_key(CONTENT_LENGTH)
    }

    pub(super) fn is_chunked(&self) -> bool {
        self.headers.contains_key(TRANSFER_ENCODING)
    }

    /// The approximate size of the headers on the wire.
    pub(super) fn header_bytes(&self) -> usize {
        let bytes = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
            name.as_str().len() + value.len() + ": \r\n".len()
        };
        self.headers.iter().map(bytes).sum()
    }
}

impl ContainerClient {
    /// Parses a base address.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let invalid = |problem: &str| {
            CliError::usage(format!(
                "`{text}` is not the address of a container: {problem}"
            ))
            .with_hint("give its base address, such as http://127.0.0.1:8080")
        };
        let uri: Uri = text
            .parse()
            .map_err(|error: http::uri::InvalidUri| invalid(&error.to_string()))?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => {
                return Err(invalid(
                    "SageMaker calls containers by plain http; check the container itself, without TLS",
                ));
            }
            Some(_) | None => return Err(invalid("it does not start with http://")),
        }
        let authority = uri.authority().ok_or_else(|| invalid("it has no host"))?;
        if authority.host().is_empty() || authority.as_str().contains('@') {
            return Err(invalid("it must have a host and no user name"));
        }
        let port = match authority.port_u16() {
            None if authority.as_str() == authority.host() => 80,
            None | Some(0) => return Err(invalid("its port is not a number from 1 to 65535")),
            Some(port) => port,
        };
        if uri.query().is_some() || text.contains('#') {
            return Err(invalid("it must not contain ? or #"));
        }
        let path = uri.path().trim_end_matches('/');
        if let Some(end) = ["/ping", "/invocations"]
            .iter()
            .find(|end| path.ends_with(**end))
        {
            return Err(invalid(&format!("leave out {end}")));
        }
        Ok(Self {
            address: format!("{}:{port}", authority.host()),
            path: path.to_owned(),
        })
    }

    /// The base address, without a trailing slash.
    pub(super) fn url(&self) -> String {
        format!("http://{}{}", self.address, self.path)
    }

    /// `GET /ping`.
    pub(super) async fn ping(&self, limit: Duration) -> Exchange {
        let request = self.request(Method::GET, "/ping", full_body(""));
        self.exchange(request, limit).await
    }

    /// `POST /invocations` with the document.
    pub(super) async fn invoke(
        &self,
        document: &Document,
        headers: &InvocationHeaders,
        limit: Duration,
    ) -> Exchange {
        let mut request = self.request(Method::POST, "/invocations", document.body());
        request
            .headers_mut()
            .insert(CONTENT_LENGTH, document.bytes().into());
        for (name, value) in [
            (CONTENT_TYPE.as_str(), document.content_type.as_str()),
            (ACCEPT.as_str(), headers.accept.as_str()),
            (INFERENCE_ID, headers.inference_id.as_str()),
            (CUSTOM_ATTRIBUTES, headers.custom_attributes.as_str()),
        ] {
            if let Ok(value) = value.parse() {
                request
                    .headers_mut()
                    .insert(http::HeaderName::from_static(name), value);
            }
        }
        self.exchange(request, limit).await
    }

    /// Begins an invocation, sends a part of the document and closes the connection.
    pub(super) async fn hang_up(&self, document: &Document) -> std::result::Result<(), NoAnswer> {
        let mut stream = self.connect().await?;
        let head = format!(
            "POST {}/invocations HTTP/1.1\r\nHost: {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n",
            self.path,
            self.address,
            document.content_type,
            document.bytes()
        );
        // Whatever the container does meanwhile, the connection is closed.
        stream.write_all(head.as_bytes()).await.ok();
        stream.write_all(&document.beginning()).await.ok();
        Ok(())
    }

    fn request(&self, method: Method, path: &str, body: RequestBody) -> Request<RequestBody> {
        let mut request = Request::new(body);
        *request.method_mut() = method;
        // Both parts were parsed before.
        *request.uri_mut() = format!("{}{path}", self.path).parse().unwrap_or_default();
        if let Ok(host) = self.address.parse() {
            request.headers_mut().insert(HOST, host);
        }
        request
    }

    async fn connect(&self) -> std::result::Result<TcpStream, NoAnswer> {
        let unreachable = |error: std::io::Error| NoAnswer::Unreachable(error.to_string());
        let connecting = TcpStream::connect(&self.address);
        let stream = tokio::time::timeout(CONNECT_LIMIT, connecting)
            .await
            .map_err(|_| NoAnswer::TimedOut(CONNECT_LIMIT))?
            .map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        Ok(stream)
    }

    async fn exchange(&self, request: Request<RequestBody>, limit: Duration) -> Exchange {
        let started = Instant::now();
        let answer = tokio::time::timeout(limit, self.try_exchange(request, started));
        answer.await.unwrap_or(Err(NoAnswer::TimedOut(limit)))
    }

    async fn try_exchange(&self, request: Request<RequestBody>, started: Instant) -> Exchange {
        let stream = TokioIo::new(self.connect().await?);
        let (mut sender, connection) = http1::Builder::new()
            .max_headers(MAX_HEADERS)
            .handshake(stream)
            .await
            .map_err(|error| no_answer(&error, started))?;
        let _close = CloseOnDrop(tokio::spawn(connection).abort_handle());
        let response = sender
            .send_request(request)
            .await
            .map_err(|error| no_answer(&error, started))?;
        let (head, mut incoming) = response.into_parts();
        let (mut body, mut body_bytes) = (Vec::new(), 0);
        while let Some(frame) = incoming.frame().await {
            let frame = frame.map_err(|error| no_answer(&error, started))?;
            if let Ok(data) = frame.into_data() {
                body_bytes += data.len() as u64;
                let room = MAX_KEPT_BYTES - body.len();
                body.extend_from_slice(&data[..data.len().min(room)]);
            }
        }
        Ok(Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            body_bytes,
            body,
            took: started.elapsed(),
        })
    }
}

/// Closes a connection whose answer is no longer awaited.
struct CloseOnDrop(AbortHandle);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn no_answer(error: &hyper::Error, started: Instant) -> NoAnswer {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    // If nothing in the connection failed, what arrived was no answer: no HTTP, or bytes before the request.
    let about_bytes = |error: &hyper::Error| {
        let about_connection =
            error.is_incomplete_message() || error.is_closed() || error.is_canceled();
        !about_connection
    };
    if error.is_parse() || cause.downcast_ref().is_some_and(about_bytes) {
        return NoAnswer::NotHttp(cause.to_string());
    }
    NoAnswer::Closed {
        reason: cause.to_string(),
        took: started.elapsed(),
    }
}

/// The error of a command that cannot begin.
pub(super) fn unreachable_container(url: &str, problem: &NoAnswer) -> CliError {
    let error = |detail: String| CliError::new(Exit::Unavailable, "unreachable", detail);
    match problem {
        NoAnswer::Unreachable(why) => error(format!("cannot reach {url}: {why}"))
            .with_hint("start the container, and publish its port; --wait SECONDS waits for it"),
        NoAnswer::NotHttp(why) => error(format!("{url} does not speak HTTP/1.1: {why}"))
            .with_hint("check the port; SageMaker calls the container by plain HTTP/1.1, without TLS"),
        NoAnswer::Closed { reason, .. } => error(format!("{url} answers nothing: {reason}"))
            .with_hint("check the port: a server that expects TLS or another protocol closes the connection"),
        NoAnswer::TimedOut(limit) => error(format!(
            "{url} does not answer within {} s",
            limit.as_secs()
        ))
        .with_hint("check the host and the port"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_address_is_parsed_with_and_without_port_and_path() {
        for (text, url) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://gpu/", "http://gpu:80"),
            ("http://[::1]:81/v1/", "http://[::1]:81/v1"),
        ] {
            assert_eq!(ContainerClient::parse(text).unwrap().url(), url);
        }
    }

    #[test]
    fn invalid_address_is_a_usage_error_that_names_the_problem() {
        for (text, problem) in [
            ("127.0.0.1:8080", "http://"),
            ("localhost", "http://"),
            ("ftp://x", "http://"),
            ("https://x", "plain http"),
            ("http://", "address of a container"),
            ("http://user@x", "user name"),
            ("http://x:0", "port"),
            ("http://x:99999", "port"),
            ("http://x/?a=1", "?"),
            ("http://x/ping", "/ping"),
            ("http://x/v1/invocations/", "/invocations"),
        ] {
            let error = ContainerClient::parse(text).unwrap_err();
            assert_eq!(error.exit, Exit::Usage, "{text}");
            assert!(error.problem.detail.contains(problem), "{text}: {error:?}");
        }
    }
}
