//! The names of the exported spans, and one span for each document.
//!
//! A document's trace id has the 128 bits of its job's id, and the id of its span the last 64 of them, so every function knows
//! both as soon as it has parsed a message. The document's span lasts from the job's creation to its end. It is made from the
//! log line of the state change that ends the job.

use std::time::{Duration, SystemTime};

use jobs::id::JobId;
use jobs::state::JobStatus;
use opentelemetry::trace::{
    Event, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{Key, KeyValue, Value};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

/// The name of a document's span.
pub(super) const DOCUMENT: &str = "document";

pub(super) const fn document_trace_id(job: JobId) -> TraceId {
    TraceId::from_bytes(job.bits().to_be_bytes())
}

/// Never zero: a UUID's variant is in there.
pub(super) const fn document_span_id(job: JobId) -> SpanId {
    let [.., a, b, c, d, e, f, g, h] = job.bits().to_be_bytes();
    SpanId::from_bytes([a, b, c, d, e, f, g, h])
}

/// The last value of an attribute: fields that are recorded again are there twice.
fn value<'a>(attributes: &'a [KeyValue], name: &str) -> Option<&'a Value> {
    let mut found = attributes.iter().rev();
    let found = found.find(|attribute| attribute.key.as_str() == name);
    found.map(|attribute| &attribute.value)
}

fn text(attributes: &[KeyValue], name: &str) -> Option<String> {
    value(attributes, name).map(|value| value.as_str().into_owned())
}

/// `spans` under OpenTelemetry's names, and the spans of the documents whose jobs ended within them.
pub(super) fn shaped(mut spans: Vec<SpanData>) -> Vec<SpanData> {
    let documents: Vec<SpanData> = spans.iter().flat_map(documents).collect();
    spans.iter_mut().for_each(name);
    spans.extend(documents);
    spans
}

/// The spans of the documents whose jobs ended within this one, from its events about state changes.
fn documents(span: &SpanData) -> impl Iterator<Item = SpanData> {
    span.events.iter().filter_map(|event| document(span, event))
}

fn document(within: &SpanData, event: &Event) -> Option<SpanData> {
    let job: JobId = text(&event.attributes, "job.id")?.parse().ok()?;
    let status = match JobStatus::from_name(&text(&event.attributes, "job.to")?)? {
        JobStatus::Ready | JobStatus::Cancelled | JobStatus::Erased => Status::Unset,
        JobStatus::Failed => {
            Status::error(text(&event.attributes, "job.cause").unwrap_or_default())
        }
        JobStatus::Queued
        | JobStatus::Submitting
        | JobStatus::InProgress
        | JobStatus::RetryScheduled => return None,
    };
    let age: u64 = text(&event.attributes, "age_ms")?.parse().ok()?;
    let began = event.timestamp.checked_sub(Duration::from_millis(age));
    let kept = ["job.id", "job.to", "job.attempt", "job.tenant", "pipeline"];
    let kept = kept
        .into_iter()
        .filter_map(|name| Some(KeyValue::new(name, value(&event.attributes, name)?.clone())));
    Some(SpanData {
        span_context: SpanContext::new(
            document_trace_id(job),
            document_span_id(job),
            TraceFlags::SAMPLED,
            false,
            TraceState::default(),
        ),
        parent_span_id: SpanId::INVALID,
        parent_span_is_remote: false,
        span_kind: SpanKind::Internal,
        name: DOCUMENT.into(),
        start_time: began.unwrap_or(SystemTime::UNIX_EPOCH),
        end_time: event.timestamp,
        attributes: kept.collect(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status,
        instrumentation_scope: within.instrumentation_scope.clone(),
    })
}

/// The names of OpenTelemetry's semantic conventions ("Messaging spans", "HTTP spans", "AWS SDK") for ours.
fn name(span: &mut SpanData) {
    match &*span.name {
        "message" => {
            span.span_kind = SpanKind::Consumer;
            if let Some(queue) = text(&span.attributes, "queue") {
                span.name = format!("process {queue}").into();
            }
            rename(&mut span.attributes, "queue", "messaging.destination.name");
            rename(&mut span.attributes, "message.id", "messaging.message.id");
            for (name, value) in [
                ("messaging.system", "aws_sqs"),
                ("messaging.operation.type", "process"),
                ("messaging.operation.name", "process"),
            ] {
                span.attributes.push(KeyValue::new(name, value));
            }
            if let Some(cause) = text(&span.attributes, "cause") {
                span.status = Status::error(cause);
                rename(&mut span.attributes, "cause", "error.type");
            }
        }
        "request" => {
            if let (Some(method), Some(route)) = (
                text(&span.attributes, "http.method"),
                text(&span.attributes, "http.route"),
            ) {
                span.name = format!("{method} {route}").into();
            }
            rename(&mut span.attributes, "http.method", "http.request.method");
            rename(
                &mut span.attributes,
                "http.status",
                "http.response.status_code",
            );
        }
        _ if value(&span.attributes, "rpc.system").is_some() => span.span_kind = SpanKind::Client,
        _ => {}
    }
    last_of_each(&mut span.attributes);
}

fn rename(attributes: &mut [KeyValue], from: &str, to: &'static str) {
    for attribute in attributes.iter_mut().filter(|it| it.key.as_str() == from) {
        attribute.key = Key::from_static_str(to);
    }
}

fn last_of_each(attributes: &mut Vec<KeyValue>) {
    let mut seen = std::collections::HashSet::new();
    attributes.reverse();
    attributes.retain(|attribute| seen.insert(attribute.key.clone()));
    attributes.reverse();
}
