//! Log lines, and traces for OpenTelemetry if the functions were built with the feature `otel` and are told where to
//! send them. Without the feature a span is only what log lines take their fields from.

#[cfg(feature = "otel")]
mod export;
#[cfg(feature = "otel")]
mod shape;

use lambda_runtime::{Error, LambdaEvent};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::log_format::LogFormat;

/// Sets up what log lines look like and where traces go: `otlp_endpoint` is the base URL of an OTLP/HTTP receiver, such
/// as `http://localhost:4318`, if there is one. Only the first call in a process counts.
pub fn subscribe(otlp_endpoint: Option<&str>) {
    // JSON is set here and not by the environment: alarms and searches rely on it.
    let lines = tracing_subscriber::fmt::layer()
        .fmt_fields(LogFormat)
        .event_format(LogFormat);
    let registry = tracing_subscriber::registry();
    #[cfg(feature = "otel")]
    if let Some(endpoint) = otlp_endpoint {
        use tracing_subscriber::Layer;
        let (traces, problem) = match export::layer(endpoint) {
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
    if otlp_endpoint.is_some() {
        let error =
            "the functions were built without it; `make package OTEL=1` builds them with it";
        tracing::warn!(error, "traces are not exported");
    }
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
