//! Spans are kept until the end of the invocation and then sent in one request, since Lambda freezes a function as soon
//! as it has answered. The library's own processors send on a thread of theirs, which would be frozen half-way.

use std::collections::HashMap;
use std::mem::take;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use jobs::id::JobId;
use lambda_runtime::{Error, LambdaEvent};
use opentelemetry::trace::{
    Link, SpanContext, SpanKind, TraceContextExt, TraceFlags, TraceId, TracerProvider,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::hyper::HyperClient;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, RetryPolicy, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::resource::{EnvResourceDetector, TelemetryResourceDetector};
use opentelemetry_sdk::trace::{
    Config, SamplingDecision, SamplingResult, SdkTracerProvider, ShouldSample, Span, SpanData,
    SpanExporter as _, SpanProcessor,
};
use rustls::{ClientConfig, RootCertStore};
use tracing::field::Empty;
use tracing::{Instrument, Level, Metadata, Subscriber, debug_span, warn};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::registry::LookupSpan;

use super::shape::{DOCUMENT, document_span_id, document_trace_id, shaped};
use crate::config::{self, TraceSettings};

/// After a failed export none is tried for this long, so that a receiver that is down costs one timeout a minute.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(60);
/// Further spans are dropped; a batch of ten messages makes about a hundred.
const MAX_SPANS: usize = 4096;

static EXPORTER: OnceLock<Exporter> = OnceLock::new();

/// The layer that makes spans of what the functions do and collects them for [`traced`] to send.
///
/// # Errors
/// What is wrong with the settings, in a sentence.
pub(super) fn layer<S>(settings: &TraceSettings) -> Result<impl Layer<S> + use<S>, String>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let resource = resource();
    let finished = FinishedSpans::default();
    let exporter = Exporter::new(settings, &resource, finished.clone())?;
    EXPORTER
        .set(exporter)
        .map_err(|_| "traces have an endpoint already".to_owned())?;
    let provider = SdkTracerProvider::builder()
        .with_sampler(DocumentSampler::from_environment())
        .with_resource(resource)
        .with_span_processor(finished);
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
    if let Some(exporter) = EXPORTER.get() {
        *locked(&exporter.invocation) = context_of(&span);
    }
    // Boxed: as a part of this future the handler's would nest deeper than the compiler's recursion limit.
    let answer = Box::pin(handle(event)).instrument(span.clone()).await;
    if answer.is_err() {
        span.record("otel.status_code", "ERROR");
    }
    drop(span);
    if let Some(exporter) = EXPORTER.get() {
        exporter.export_finished().await;
    }
    answer
}

/// Puts the current span, which must not have children yet, into the trace of this job's document, below the
/// document's own span. It is linked to the invocation, which may be about many documents.
pub(super) fn set_document(job: JobId) {
    let Some(exporter) = EXPORTER.get() else {
        return;
    };
    let span = tracing::Span::current();
    let document = Context::new().with_remote_span_context(exporter.document(job));
    if span.set_parent(document).is_ok() {
        span.add_link(locked(&exporter.invocation).clone());
    }
}

/// Links the current span to this job's document, if it is in the trace of another: until the row is read, an upload
/// event counts as one about the first version at its key.
pub(super) fn link_document(job: JobId) {
    let Some(exporter) = EXPORTER.get() else {
        return;
    };
    let span = tracing::Span::current();
    let context = context_of(&span);
    if context.is_valid() && context.trace_id() != document_trace_id(job) {
        span.add_link(exporter.document(job));
    }
}

fn context_of(span: &tracing::Span) -> SpanContext {
    span.context().span().span_context().clone()
}

/// The spans that have ended since the last request.
#[derive(Clone, Debug, Default)]
struct FinishedSpans(Arc<Mutex<Vec<SpanData>>>);

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SpanProcessor for FinishedSpans {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        let mut spans = locked(&self.0);
        if spans.len() < MAX_SPANS {
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
    finished: FinishedSpans,
    sender: SpanExporter,
    sampler: DocumentSampler,
    /// The span of the current invocation.
    invocation: Mutex<SpanContext>,
    last_network_error: LastError,
    paused_until: Mutex<Option<Instant>>,
}

impl Exporter {
    fn new(
        settings: &TraceSettings,
        resource: &Resource,
        finished: FinishedSpans,
    ) -> Result<Self, String> {
        let last_network_error = LastError::default();
        let client = OtlpHttpClient {
            inner: HyperClient::new(connector(&settings.url)?, settings.timeout, None),
            last_error: Arc::clone(&last_network_error),
        };
        // A connection that slept through a freeze is dead as often as not.
        let headers = [("connection", "close")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        // The library itself reads OTEL_EXPORTER_OTLP_HEADERS and OTEL_EXPORTER_OTLP_TRACES_HEADERS.
        let mut sender = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(&settings.url)
            .with_timeout(settings.timeout)
            .with_headers(HashMap::from(headers))
            // The answer to Lambda would wait for further tries, too.
            .with_retry_policy(RetryPolicy::disabled())
            .build()
            .map_err(|error| error.to_string())?;
        sender.set_resource(resource);
        Ok(Self {
            finished,
            sender,
            sampler: DocumentSampler::from_environment(),
            invocation: Mutex::new(SpanContext::NONE),
            last_network_error,
            paused_until: Mutex::new(None),
        })
    }

    /// The span of a job's document, in the document's trace.
    fn document(&self, job: JobId) -> SpanContext {
        let trace = document_trace_id(job);
        let sampled =
            self.sampler
                .should_sample(None, trace, DOCUMENT, &SpanKind::Internal, &[], &[]);
        let is_sampled = sampled.decision == SamplingDecision::RecordAndSample;
        SpanContext::new(
            trace,
            document_span_id(job),
            TraceFlags::default().with_sampled(is_sampled),
            true,
            sampled.trace_state,
        )
    }

    /// Sends the finished spans, or drops them during the pause after a failure.
    async fn export_finished(&self) {
        let spans = take(&mut *locked(&self.finished.0));
        if spans.is_empty()
            || locked(&self.paused_until).is_some_and(|until| until > Instant::now())
        {
            return;
        }
        let count = spans.len();
        let Err(error) = self.sender.export(shaped(spans)).await else {
            return;
        };
        *locked(&self.paused_until) = Some(Instant::now() + PAUSE_AFTER_FAILURE);
        let cause = take(&mut *locked(&self.last_network_error));
        let error = cause.unwrap_or_else(|| error.to_string());
        warn!(error, spans = count, "traces were not exported");
    }
}

/// The sampler that `OTEL_TRACES_SAMPLER` names. Samplers by ratio compare the last 64 bits of a trace id, and the first
/// two of these are the same in all UUIDs. So they get the id with its halves exchanged, and decide the same for all
/// spans of a document, in all functions.
#[derive(Clone, Debug)]
struct DocumentSampler(Box<dyn ShouldSample>);

impl DocumentSampler {
    fn from_environment() -> Self {
        Self(Config::default().sampler)
    }
}

impl ShouldSample for DocumentSampler {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let exchanged = u128::from_be_bytes(trace.to_bytes()).rotate_left(64);
        let trace = TraceId::from_bytes(exchanged.to_be_bytes());
        let sampler = &self.0;
        sampler.should_sample(parent, trace, name, kind, attributes, links)
    }
}

type LastError = Arc<Mutex<Option<String>>>;

/// Keeps the last error: the exporter's says no more than "network error".
#[derive(Debug)]
struct OtlpHttpClient {
    inner: HyperClient<HttpsConnector<HttpConnector>>,
    last_error: LastError,
}

#[async_trait::async_trait]
impl HttpClient for OtlpHttpClient {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer = self.inner.send_bytes(request).await;
        answer.inspect_err(|error| *locked(&self.last_error) = Some(chain(&**error)))
    }
}

/// An error with all its causes: the HTTP client's own says no more than "client error (Connect)".
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

fn connector(url: &str) -> Result<HttpsConnector<HttpConnector>, String> {
    let roots = match url.split_once("://") {
        Some(("http", _)) => RootCertStore::empty(),
        Some(("https", _)) => system_roots()?,
        _ => return Err(format!("{url:?} begins with neither http:// nor https://")),
    };
    let tls =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
    Ok(HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .build())
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

/// The function as the source of the spans (OpenTelemetry semantic conventions, "Resource": service, faas, cloud).
/// `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` override it.
fn resource() -> Resource {
    let function = config::function_name().unwrap_or_default();
    let words = [
        ("service.name", function.clone()),
        ("service.namespace", "docket".to_owned()),
        ("faas.name", function),
        ("cloud.provider", "aws".to_owned()),
        ("cloud.platform", "aws_lambda".to_owned()),
        ("cloud.region", config::region().unwrap_or_default()),
    ];
    let resource = Resource::builder_empty()
        .with_attributes(words.map(|(name, value)| KeyValue::new(name, value)))
        .with_detectors(&[
            Box::new(TelemetryResourceDetector),
            Box::new(EnvResourceDetector::new()),
        ]);
    match config::otel_service_name() {
        Some(name) => resource.with_service_name(name).build(),
        None => resource.build(),
    }
}
