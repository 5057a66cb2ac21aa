//! Spans are kept until the end of the invocation and then sent in one request, since Lambda freezes a function as soon
//! as it has answered. The library's own processors do that on a thread of theirs, which would be frozen half-way.

use std::mem::take;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use lambda_runtime::{Error, LambdaEvent};
use opentelemetry::trace::TracerProvider;
use opentelemetry::{Context, KeyValue};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, Span, SpanData, SpanProcessor};
use prost::Message;
use rustls::{ClientConfig, RootCertStore};
use tracing::field::Empty;
use tracing::{Instrument, Level, Metadata, Subscriber, debug_span, warn};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::registry::LookupSpan;

use super::shape::shaped;
use crate::config;

/// How long a request may take. An invocation is that much longer at the most, and only if the receiver is slow.
const PATIENCE: Duration = Duration::from_millis(1000);
/// After a request in vain none is made for that long, so that a receiver that is down costs a second a minute.
const REST: Duration = Duration::from_secs(60);
/// The most spans that are kept; a batch of ten messages makes about a hundred.
const MOST: usize = 4096;
/// The most bytes of an answer that are read.
const ANSWER_BYTES: usize = 64 * 1024;
/// What the receiver listens on (OTLP specification, "OTLP/HTTP request").
const PATH: &str = "/v1/traces";

static EXPORTER: OnceLock<Exporter> = OnceLock::new();

/// Everything that makes spans of what the functions do, and keeps them for [`traced`] to send.
///
/// # Errors
/// What is wrong with the endpoint, in a sentence.
pub(super) fn layer<S>(endpoint: &str) -> Result<impl Layer<S> + use<S>, String>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let kept = QuarantineItem::default();
    let exporter = Exporter::new(endpoint, kept.clone())?;
    EXPORTER
        .set(exporter)
        .map_err(|_| "traces have an endpoint already".to_owned())?;
    let provider = SdkTracerProvider::builder().with_span_processor(kept);
    let tracer = provider.build().tracer("docket");
    Ok(tracing_opentelemetry::layer()
        .with_tracer(tracer)
        // Spans of messages that are worked off side by side take turns on one thread.
        .with_context_activation(false)
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_filter(filter_fn(is_told).with_max_level_hint(LevelFilter::DEBUG)))
}

/// What becomes a span, or an event in one: our own work, and each call of AWS as its SDK tells it.
fn is_told(of: &Metadata<'_>) -> bool {
    let target = of.target();
    if target == module_path!() || target.starts_with("aws_sdk_") {
        return of.is_span();
    }
    let ours = target.starts_with("functions::") || target.starts_with("jobs::");
    ours && *of.level() <= Level::INFO
}

/// See [`super::traced`].
pub(super) async fn traced<E, R>(
    event: LambdaEvent<E>,
    handle: impl AsyncFnOnce(LambdaEvent<E>) -> Result<R, Error>,
) -> Result<R, Error> {
    static IS_WARM: AtomicBool = AtomicBool::new(false);
    let span = debug_span!(
        "invocation",
        faas.invocation_id = event.context.request_id,
        faas.coldstart = !IS_WARM.swap(true, Ordering::Relaxed),
        otel.kind = "server",
        otel.status_code = Empty,
    );
    // Boxed: as a part of this future the handler's would nest deeper than the compiler's recursion limit.
    let answer = Box::pin(handle(event)).instrument(span.clone()).await;
    if answer.is_err() {
        span.record("otel.status_code", "ERROR");
    }
    drop(span);
    if let Some(exporter) = EXPORTER.get() {
        exporter.send_kept().await;
    }
    answer
}

/// The spans that have ended since the last request.
#[derive(Clone, Debug, Default)]
struct QuarantineItem(Arc<Mutex<Vec<SpanData>>>);

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SpanProcessor for QuarantineItem {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        let mut spans = locked(&self.0);
        if spans.len() < MOST {
            spans.push(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

#[derive(Debug)]
struct Exporter {
    kept: QuarantineItem,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    url: Uri,
    resource: ResourceAttributesWithSchema,
    rests_until: Mutex<Option<Instant>>,
}

impl Exporter {
    fn new(endpoint: &str, kept: QuarantineItem) -> Result<Self, String> {
        let url = format!("{}{PATH}", endpoint.trim_end_matches('/'));
        let url: Uri = url.parse().map_err(|bad| format!("{endpoint:?}: {bad}"))?;
        let roots = match url.scheme_str() {
            Some("http") => RootCertStore::empty(),
            Some("https") => system_roots()?,
            _ => {
                return Err(format!(
                    "{endpoint:?} begins with neither http:// nor https://"
                ));
            }
        };
        let tls =
            ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .map_err(|error| error.to_string())?
                .with_root_certificates(roots)
                .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self {
            kept,
            // A connection that slept through a freeze is dead as often as not.
            client: Client::builder(TokioExecutor::new())
                .pool_max_idle_per_host(0)
                .build(connector),
            url,
            resource: (&resource()).into(),
            rests_until: Mutex::new(None),
        })
    }

    /// Sends what has ended, or forgets it.
    async fn send_kept(&self) {
        let spans = take(&mut *locked(&self.kept.0));
        if spans.is_empty() || locked(&self.rests_until).is_some_and(|until| until > Instant::now())
        {
            return;
        }
        let count = spans.len();
        let request = ExportTraceServiceRequest {
            resource_spans: group_spans_by_resource_and_scope(shaped(spans), &self.resource),
        };
        let sent = tokio::time::timeout(PATIENCE, self.post(request.encode_to_vec())).await;
        let problem = match sent {
            Ok(Ok(())) => return,
            Ok(Err(problem)) => problem,
            Err(_) => format!("no answer within {} ms", PATIENCE.as_millis()),
        };
        *locked(&self.rests_until) = Some(Instant::now() + REST);
        warn!(error = problem, spans = count, "traces were not exported");
    }

    async fn post(&self, body: Vec<u8>) -> Result<(), String> {
        let request = Request::post(self.url.clone())
            .header(CONTENT_TYPE, "application/x-protobuf")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| error.to_string())?;
        let answer = self.client.request(request).await;
        let answer = answer.map_err(|error| chain(&error))?;
        let status = answer.status();
        if !status.is_success() {
            return Err(format!("the receiver answered with HTTP status {status}"));
        }
        let body = Limited::new(answer.into_body(), ANSWER_BYTES);
        let body = body.collect().await.map_err(|error| error.to_string())?;
        // Whoever answers in JSON, or with a page, has taken the spans all the same.
        let answer = ExportTraceServiceResponse::decode(body.to_bytes()).unwrap_or_default();
        match answer.partial_success {
            Some(partly) if partly.rejected_spans > 0 => Err(format!(
                "the receiver refused {} spans: {}",
                partly.rejected_spans, partly.error_message
            )),
            _ => Ok(()),
        }
    }
}

/// An error with all its causes: the HTTP client's own says no more than "client error (Connect)".
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Receivers are no AWS service, so the pinned roots do not do.
fn system_roots() -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err("the function's system has no certificates to trust".to_owned());
    }
    Ok(roots)
}

/// Who speaks (OpenTelemetry semantic conventions, "Resource": service, faas, cloud).
fn resource() -> Resource {
    let function = config::function_name().unwrap_or_default();
    let words = [
        ("service.namespace", "docket".to_owned()),
        ("faas.name", function.clone()),
        ("cloud.provider", "aws".to_owned()),
        ("cloud.platform", "aws_lambda".to_owned()),
        ("cloud.region", config::region().unwrap_or_default()),
    ];
    Resource::builder()
        .with_service_name(function)
        .with_attributes(words.map(|(name, value)| KeyValue::new(name, value)))
        .build()
}
