//! Log lines, and traces for OpenTelemetry if the functions were built with the feature `otel` and are told where to
//! send them. Without the feature a span is only what log lines take their fields from.

#[cfg(feature = "otel")]
mod export;
#[cfg(feature = "otel")]
mod shape;

use jobs::id::{JobId, TraceId};
use jobs::job::Job;
use lambda_runtime::{Error, LambdaEvent};
use tracing::{Span, field};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::TraceSettings;
use crate::log_format::LogFormat;

/// Sets up what log lines look like, and where traces go if they are to be exported. Only the first call in a process
/// counts.
pub fn subscribe(settings: Option<&TraceSettings>) {
    // JSON is set here and not by the environment: alarms and searches rely on it.
    let lines = tracing_subscriber::fmt::layer()
        .fmt_fields(LogFormat)
        .event_format(LogFormat);
    let registry = tracing_subscriber::registry();
    #[cfg(feature = "otel")]
    if let Some(settings) = settings {
        use tracing_subscriber::Layer;
        let (traces, problem) = match export::layer(settings) {
            Ok(layer) => (Some(layer), None),
            Err(problem) => (None, Some(problem)),
        };
        let lines = lines.with_filter(LevelFilter::INFO);
        let _ = registry.with(lines).with(traces).try_init();
        if let Some(problem) = problem {
            tracing::warn!(error = problem, "traces are not exported");
        }
        return;
    }
    let _ = registry.with(lines).with(LevelFilter::INFO).try_init();
    if settings.is_some() {
        let error =
            "the functions were built without it; `make package OTEL=1` builds them with it";
        tracing::warn!(error, "traces are not exported");
    }
}

/// Records on the current span which job it is about, before the row is read: an own trace id of the upload is not known
/// yet. Every log line within the span has the fields `job.id` and `trace.id` then. Call it before the span has children.
pub fn about_id(id: JobId) {
    about_upload(id, None);
}

/// Like [`about_id`], for an upload that has this trace id or none.
pub fn about_upload(id: JobId, trace: Option<TraceId>) {
    record(id, trace.unwrap_or_else(|| TraceId::of_job(id)));
    #[cfg(feature = "otel")]
    export::set_document(id);
}

/// Like [`about_id`], once the row is known.
pub fn about_job(job: &Job) {
    record(job.id, job.trace());
    #[cfg(feature = "otel")]
    export::link_document(job.id);
}

/// Does nothing to spans without these fields.
fn record(id: JobId, trace: TraceId) {
    let span = Span::current();
    span.record("job.id", field::display(id));
    span.record("trace.id", field::display(trace));
}

/// Handles one event, and sends the traces of that before Lambda may freeze the function.
///
/// # Errors
/// The handler's own. What goes wrong with traces is logged.
pub async fn traced<E, R>(
    event: LambdaEvent<E>,
    handle: impl AsyncFnOnce(LambdaEvent<E>) -> Result<R, Error>,
) -> Result<R, Error> {
    #[cfg(feature = "otel")]
    {
        export::traced(event, handle).await
    }
    #[cfg(not(feature = "otel"))]
    {
        handle(event).await
    }
}
