//! The HTTP client: one connection pool, HTTP/1.1, and TLS by rustls with the system's certificates. The same libraries
//! as in the AWS SDKs.

use std::error::Error as _;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use api::types::SignedRequest;
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, RootCertStore};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait for an answer of the API. API Gateway's own timeout is 30 s (HTTP API quotas).
pub(crate) const RESPONSE_TIMEOUT: Duration = Duration::from_secs(35);
/// The largest answer that is read into memory. A Lambda function's are 6 MB at most (Lambda quotas).
const MAX_RESPONSE_BYTES: usize = 16 * 1024 * 1024;

pub(crate) type RequestBody = UnsyncBoxBody<Bytes, std::io::Error>;

/// An answer, read completely.
#[derive(Debug)]
pub(crate) struct HttpResponse {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A request that got no complete answer.
#[derive(Clone, Debug)]
pub(crate) struct HttpClientError {
    pub(crate) address: String,
    pub(crate) message: String,
    pub(crate) kind: HttpErrorKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HttpErrorKind {
    /// There is no server at the address, or this machine cannot use TLS. Trying again at once does not help.
    Refused,
    /// The connection failed before the request was sent. Any request can be sent again.
    NotSent,
    /// The connection failed later. The server may have processed the request.
    OutcomeUnknown,
}

/// The clients for plain and encrypted connections. They are created on first use, because reading the system's
/// certificates takes some milliseconds.
#[derive(Debug, Default)]
pub(crate) struct HttpClient {
    plain: OnceLock<Client<HttpConnector, RequestBody>>,
    secure: OnceLock<Client<HttpsConnector<HttpConnector>, RequestBody>>,
    tls: OnceLock<Result<Arc<ClientConfig>, String>>,
}

/// A body that is in memory.
pub(crate) fn full_body(bytes: impl Into<Bytes>) -> RequestBody {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// A request that the service has signed. S3 rejects it if anything about it is changed.
pub(crate) fn signed_request(
    request: &SignedRequest,
    body: RequestBody,
) -> Result<Request<RequestBody>, String> {
    let mut out = Request::builder()
        .method(request.method.as_str())
        .uri(&request.url);
    for (name, value) in &request.headers {
        // The client adds the host itself.
        if !name.eq_ignore_ascii_case("host") {
            out = out.header(name, value);
        }
    }
    out.body(body)
        .map_err(|error| format!("the signed request is invalid: {error}"))
}

impl HttpClient {
    /// Sends a request and returns as soon as the answer's head has arrived.
    pub(crate) async fn send(
        &self,
        request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, HttpClientError> {
        let uri = request.uri();
        let address = format!(
            "{}://{}",
            uri.scheme_str().unwrap_or("http"),
            uri.authority().map_or("", |authority| authority.as_str())
        );
        let secure = uri.scheme() == Some(&http::uri::Scheme::HTTPS);
        let result = if secure {
            let tls = self.tls().map_err(|message| HttpClientError {
                address: address.clone(),
                message,
                kind: HttpErrorKind::Refused,
            })?;
            self.secure
                .get_or_init(|| secure_client(&tls))
                .request(request)
        } else {
            self.plain.get_or_init(plain_client).request(request)
        };
        result.await.map_err(|error| HttpClientError {
            address,
            kind: error_kind(&error),
            message: root_cause(&error),
        })
    }

    /// Sends a request and reads the complete answer.
    pub(crate) async fn call(
        &self,
        request: Request<RequestBody>,
        timeout: Duration,
    ) -> Result<HttpResponse, HttpClientError> {
        let address = request.uri().to_string();
        let address = address.split('?').next().unwrap_or_default().to_owned();
        let outcome_unknown = |message: String| HttpClientError {
            address: address.clone(),
            message,
            kind: HttpErrorKind::OutcomeUnknown,
        };
        let response = async {
            let (head, body) = self.send(request).await?.into_parts();
            let body = Limited::new(body, MAX_RESPONSE_BYTES)
                .collect()
                .await
                .map_err(|error| outcome_unknown(format!("the answer is incomplete: {error}")))?;
            Ok(HttpResponse {
                status: head.status.as_u16(),
                headers: head.headers,
                body: body.to_bytes(),
            })
        };
        match tokio::time::timeout(timeout, response).await {
            Ok(result) => result,
            Err(_) => Err(outcome_unknown(format!(
                "no answer within {} s",
                timeout.as_secs()
            ))),
        }
    }

    /// The TLS configuration, also for WebSockets.
    pub(crate) fn tls(&self) -> Result<Arc<ClientConfig>, String> {
        self.tls.get_or_init(tls_config).clone()
    }
}

fn plain_client() -> Client<HttpConnector, RequestBody> {
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .build(connector())
}

fn secure_client(tls: &Arc<ClientConfig>) -> Client<HttpsConnector<HttpConnector>, RequestBody> {
    let https = HttpsConnectorBuilder::new()
        .with_tls_config(ClientConfig::clone(tls))
        .https_only()
        .enable_http1()
        .wrap_connector(connector());
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .build(https)
}

fn connector() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    connector
}

fn tls_config() -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        return Err(
            "this machine has no trusted certificates; set SSL_CERT_FILE to a file of them"
                .to_owned(),
        );
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map(|builder| builder.with_root_certificates(roots).with_no_client_auth())
        .map(Arc::new)
        .map_err(|error| error.to_string())
}

/// The last error of the chain. The ones before it say little more than "client error".
fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

fn error_kind(error: &hyper_util::client::legacy::Error) -> HttpErrorKind {
    if is_connection_refused(error) {
        HttpErrorKind::Refused
    } else if error.is_connect() {
        HttpErrorKind::NotSent
    } else {
        HttpErrorKind::OutcomeUnknown
    }
}

fn is_connection_refused(error: &hyper_util::client::legacy::Error) -> bool {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            return error.kind() == std::io::ErrorKind::ConnectionRefused;
        }
        source = error.source();
    }
    false
}
