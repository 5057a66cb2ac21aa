//! Which trace a span belongs to, and what it is called.
//!
//! Spans are made long before it is known which job they are about: a message has to be read for that, and its row. So
//! they are put into their traces when all of them are there. A span with the fields `job.id` and `trace.id` goes into
//! that trace with all below it, and hangs under the document's own span, whose id everybody can tell from the job's;
//! what was above it is linked. The document's span reaches from the making of its job to its end, and is made of the
//! log line that says so.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use jobs::id::JobId;
use jobs::id::TraceId as JobTrace;
use opentelemetry::trace::{
    Event, Link, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{Key, KeyValue, Value};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

/// A job's trace, and its document's span in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    trace: TraceId,
    document: SpanId,
}

impl Place {
    fn of(attributes: &[KeyValue]) -> Option<Self> {
        let job: JobId = text(attributes, "job.id")?.parse().ok()?;
        let trace: JobTrace = text(attributes, "trace.id")?.parse().ok()?;
        let [.., a, b, c, d, e, f, g, h] = job.bits().to_be_bytes();
        Some(Self {
            trace: TraceId::from_bytes(trace.to_bytes()),
            // Never zero: a UUID's variant is in there.
            document: SpanId::from_bytes([a, b, c, d, e, f, g, h]),
        })
    }

    fn context(self, span: SpanId) -> SpanContext {
        let state = TraceState::default();
        SpanContext::new(self.trace, span, TraceFlags::SAMPLED, false, state)
    }
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

/// All of `spans` and the documents' own, each in its trace and under the name that OpenTelemetry has for it.
pub(super) fn shaped(mut spans: Vec<SpanData>) -> Vec<SpanData> {
    let places = places(&spans);
    let documents: Vec<SpanData> = spans.iter().flat_map(documents).collect();
    for span in &mut spans {
        let id = span.span_context.span_id();
        let above = places.get(&span.parent_span_id).copied().flatten();
        if let Some(place) = places.get(&id).copied().flatten() {
            if above != Some(place) {
                let parent = span.parent_span_id;
                let was = above.map_or_else(
                    || {
                        let state = TraceState::default();
                        let trace = span.span_context.trace_id();
                        SpanContext::new(trace, parent, TraceFlags::SAMPLED, false, state)
                    },
                    |above| above.context(parent),
                );
                if was.is_valid() {
                    span.links.links.push(Link::with_context(was));
                }
                span.parent_span_id = place.document;
                span.parent_span_is_remote = true;
            }
            span.span_context = place.context(id);
        }
        name(span);
    }
    spans.extend(documents);
    spans
}

/// The place of each span: its own, or that of the nearest span above it that has one.
fn places(spans: &[SpanData]) -> HashMap<SpanId, Option<Place>> {
    let by_id: HashMap<SpanId, &SpanData> = spans
        .iter()
        .map(|span| (span.span_context.span_id(), span))
        .collect();
    let place = |span: &SpanData| {
        let above = |span: &&SpanData| by_id.get(&span.parent_span_id).copied();
        let mut way = std::iter::successors(Some(span), above);
        way.find_map(|span| Place::of(&span.attributes))
    };
    let places = spans
        .iter()
        .map(|span| (span.span_context.span_id(), place(span)));
    places.collect()
}

/// The spans of the documents whose jobs ended within this one, by the events that say what state a job has gone to.
fn documents(span: &SpanData) -> impl Iterator<Item = SpanData> {
    span.events.iter().filter_map(|event| document(span, event))
}

fn document(within: &SpanData, event: &Event) -> Option<SpanData> {
    let place = Place::of(&event.attributes)?;
    let state = text(&event.attributes, "job.to")?;
    let status = match state.as_str() {
        "Ready" | "Cancelled" | "Erased" => Status::Unset,
        "Failed" => Status::error(text(&event.attributes, "job.cause").unwrap_or_default()),
        _ => return None,
    };
    let age: u64 = text(&event.attributes, "age_ms")?.parse().ok()?;
    let began = event.timestamp.checked_sub(Duration::from_millis(age));
    let kept = ["job.id", "job.to", "job.attempt", "job.tenant", "pipeline"];
    let kept = kept
        .into_iter()
        .filter_map(|name| Some(KeyValue::new(name, value(&event.attributes, name)?.clone())));
    Some(SpanData {
        span_context: place.context(place.document),
        parent_span_id: SpanId::INVALID,
        parent_span_is_remote: false,
        span_kind: SpanKind::Internal,
        name: "document".into(),
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
