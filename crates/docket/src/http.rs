//! HTTP over the client that the AWS SDKs use, too: one pool, HTTP/1.1, TLS by rustls with the machine's roots.

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

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);
/// How long an answer of the API may take: API Gateway gives up after 30 s (HTTP API quotas).
pub(crate) const ANSWER: Duration = Duration::from_secs(35);
/// The largest answer that is read into memory, in bytes: Lambda's are 6 MB at most (Lambda quotas).
const MAX_ANSWER: usize = 16 * 1024 * 1024;

/// What is sent.
pub(crate) type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// No answer came.
#[derive(Clone, Debug)]
pub(crate) struct NoAnswer {
    /// Whom it was sent to.
    pub(crate) address: String,
    /// Why.
    pub(crate) why: String,
    /// Nothing was sent, so it can be sent again whatever it was.
    pub(crate) unsent: bool,
    /// There is nobody at that address: asking again at once is of no use.
    pub(crate) refused: bool,
}

/// The clients. They are made when they are first needed: reading the machine's roots takes some milliseconds.
#[derive(Debug, Default)]
pub(crate) struct Http {
    plain: OnceLock<Client<HttpConnector, Body>>,
    secure: OnceLock<Client<HttpsConnector<HttpConnector>, Body>>,
    tls: OnceLock<Result<Arc<ClientConfig>, String>>,
}

/// A body of bytes.
pub(crate) fn whole(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// A request that the service has signed, as it is: whatever is changed about it, S3 refuses.
pub(crate) fn signed(request: &SignedRequest, body: Body) -> Result<Request<Body>, String> {
    let mut out = Request::builder()
        .method(request.method.as_str())
        .uri(&request.url);
    for (name, value) in &request.headers {
        // The client names the host by itself.
        if !name.eq_ignore_ascii_case("host") {
            out = out.header(name, value);
        }
    }
    out.body(body)
        .map_err(|error| format!("the signed request cannot be sent: {error}"))
}

impl Http {
    /// Sends a request and comes back with the head of the answer.
    pub(crate) async fn send(
        &self,
        request: Request<Body>,
    ) -> Result<Response<Incoming>, NoAnswer> {
        let uri = request.uri();
        let address = format!(
            "{}://{}",
            uri.scheme_str().unwrap_or("http"),
            uri.authority().map_or("", |authority| authority.as_str())
        );
        let secure = uri.scheme() == Some(&http::uri::Scheme::HTTPS);
        let sent = if secure {
            let tls = self.tls().map_err(|why| NoAnswer {
                address: address.clone(),
                why,
                unsent: true,
                refused: true,
            })?;
            self.secure
                .get_or_init(|| secure_client(&tls))
                .request(request)
        } else {
            self.plain.get_or_init(plain_client).request(request)
        };
        sent.await.map_err(|error| NoAnswer {
            address,
            unsent: error.is_connect(),
            refused: is_refused(&error),
            why: innermost(&error),
        })
    }

    /// Sends a request and reads the whole answer.
    pub(crate) async fn call(
        &self,
        request: Request<Body>,
        within: Duration,
    ) -> Result<Answer, NoAnswer> {
        let address = request.uri().to_string();
        let address = address.split('?').next().unwrap_or_default().to_owned();
        let lost = |why: String| NoAnswer {
            address: address.clone(),
            why,
            unsent: false,
            refused: false,
        };
        let answer = async {
            let (head, body) = self.send(request).await?.into_parts();
            let body = Limited::new(body, MAX_ANSWER)
                .collect()
                .await
                .map_err(|error| lost(format!("the answer broke off: {error}")))?;
            Ok(Answer {
                status: head.status.as_u16(),
                headers: head.headers,
                body: body.to_bytes(),
            })
        };
        match tokio::time::timeout(within, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(lost(format!("no answer within {} s", within.as_secs()))),
        }
    }

    /// How TLS is spoken.
    pub(crate) fn tls(&self) -> Result<Arc<ClientConfig>, String> {
        self.tls.get_or_init(tls_config).clone()
    }
}

fn plain_client() -> Client<HttpConnector, Body> {
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .build(connector())
}

fn secure_client(tls: &Arc<ClientConfig>) -> Client<HttpsConnector<HttpConnector>, Body> {
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
    connector.set_connect_timeout(Some(CONNECT));
    connector
}

fn tls_config() -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        return Err("this machine has no certificates to trust (see SSL_CERT_FILE)".to_owned());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map(|builder| builder.with_root_certificates(roots).with_no_client_auth())
        .map(Arc::new)
        .map_err(|error| error.to_string())
}

/// The cause at the end of the chain: what is before it says little more than "client error".
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

fn is_refused(error: &hyper_util::client::legacy::Error) -> bool {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            return error.kind() == std::io::ErrorKind::ConnectionRefused;
        }
        source = error.source();
    }
    false
}
