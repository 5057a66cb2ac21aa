//! Exported traces: the real handlers, and a receiver that decodes what they send.
#![cfg(feature = "otel")]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod receiver;

use std::sync::mpsc::Receiver;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use aws_credential_types::Credentials;
use functions::aws::Aws;
use functions::config::AwsConfig;
use functions::handlers::{inference_error, inference_success, upload_trigger};
use functions::traces::{subscribe, traced};
use jobs::id::JobId;
use jobs::ports::JobStore;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use prost::Message;
use receiver::{
    BUCKET, KEY, ReceivedRequest, app, batch, event, id, receiver, run, settings, upload,
};
use serde_json::json;

/// The one receiver of this process. One test at a time holds it, since spans of several would come in one request.
static RECEIVER: LazyLock<(String, Mutex<Receiver<ReceivedRequest>>)> = LazyLock::new(|| {
    let (url, got) = receiver();
    subscribe(Some(&settings(&url)));
    (url, Mutex::new(got))
});

functions::environment! {
    struct Tables {
        jobs_table: JobsTable,
    }
}

fn receiving() -> MutexGuard<'static, Receiver<ReceivedRequest>> {
    RECEIVER.1.lock().unwrap_or_else(PoisonError::into_inner)
}

fn next(got: &Receiver<ReceivedRequest>) -> Vec<ResourceSpans> {
    let got = got.recv().unwrap();
    assert_eq!(got.line, "POST /v1/traces HTTP/1.1");
    let type_is_told = |line: &String| line.ends_with("application/x-protobuf");
    assert!(got.headers.iter().any(type_is_told), "{:?}", got.headers);
    ExportTraceServiceRequest::decode(got.body.as_slice())
        .unwrap()
        .resource_spans
}

fn spans(got: &Receiver<ReceivedRequest>) -> Vec<Span> {
    let resources = next(got).into_iter();
    let scopes = resources.flat_map(|resource| resource.scope_spans);
    scopes.flat_map(|scope| scope.spans).collect()
}

fn named<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    let mut found = spans.iter().filter(|span| span.name == name);
    let span = found
        .next()
        .unwrap_or_else(|| panic!("no {name} in {names:?}"));
    assert!(found.next().is_none(), "two of {name} in {names:?}");
    span
}

fn attribute(attributes: &[KeyValue], name: &str) -> String {
    let mut found = attributes.iter().filter(|it| it.key == name);
    let value = found
        .next()
        .unwrap_or_else(|| panic!("no {name} in {attributes:?}"));
    assert!(found.next().is_none(), "two of {name} in {attributes:?}");
    match value.value.as_ref().unwrap().value.as_ref().unwrap() {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        Value::BoolValue(is) => is.to_string(),
        other => panic!("{name} is {other:?}"),
    }
}

#[test]
fn document_is_one_trace_from_its_upload_to_its_end() {
    let got = receiving();
    let app = app();
    let message = upload(&app);
    let uploaded = run(traced(batch(&app, &message), async |event| {
        upload_trigger::handle(&app, event).await
    }));
    assert!(uploaded.unwrap().batch_item_failures.is_empty());
    let resources = next(&got);
    let resource = resources[0].resource.as_ref().unwrap();
    assert_eq!(
        attribute(&resource.attributes, "service.namespace"),
        "docket"
    );
    assert_eq!(attribute(&resource.attributes, "cloud.provider"), "aws");
    let spans: Vec<Span> = resources[0].scope_spans[0].spans.clone();

    let id = id();
    let invocation = named(&spans, "invocation");
    assert_eq!(
        attribute(&invocation.attributes, "faas.invocation_id"),
        "request-1"
    );
    assert_eq!(invocation.kind, SpanKind::Server as i32);
    let first = named(&spans, "process uploads");
    assert_eq!(first.kind, SpanKind::Consumer as i32);
    for (name, value) in [
        ("messaging.system", "aws_sqs"),
        ("messaging.operation.type", "process"),
        ("messaging.destination.name", "uploads"),
        ("messaging.message.id", "m-1"),
        ("job.id", &id.to_string()),
    ] {
        assert_eq!(attribute(&first.attributes, name), value);
    }
    assert_eq!(first.trace_id, id.bits().to_be_bytes());
    assert_ne!(
        invocation.trace_id, first.trace_id,
        "an invocation may be about many documents"
    );
    assert_eq!(first.links.len(), 1);
    assert_eq!(first.links[0].span_id, invocation.span_id);
    assert_eq!(first.links[0].trace_id, invocation.trace_id);
    let events: Vec<&str> = first.events.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(events, ["job changed", "job changed"]);

    let output = app.ports.state().jobs[&id].attempts[0].output.clone();
    let output = output.unwrap();
    app.ports.put(&output.bucket, &output.key, b"{}");
    app.ports.state().now.0 += 90_000;
    let message = json!({"eventSource": "aws:sagemaker", "eventName": "InferenceResult", "invocationStatus": "Completed",
        "inferenceId": format!("{id}.a1"), "responseParameters": {"outputLocation": output.to_string()}});
    let ended = run(traced(batch(&app, &message.to_string()), async |event| {
        inference_success::handle(&app, event).await
    }));
    assert!(ended.unwrap().batch_item_failures.is_empty());
    let spans = self::spans(&got);
    let second = named(&spans, "process inference-success");
    let document = named(&spans, "document");
    assert_eq!(second.trace_id, first.trace_id);
    assert_eq!(document.trace_id, first.trace_id);
    assert_eq!(first.parent_span_id, document.span_id);
    assert_eq!(second.parent_span_id, document.span_id);
    assert!(document.parent_span_id.is_empty());
    assert_eq!(attribute(&document.attributes, "job.to"), "Ready");
    assert_eq!(
        document.end_time_unix_nano - document.start_time_unix_nano,
        90_000_000_000,
        "from the creation of the job to its end"
    );
}

/// A message starts with the trace of its key. The sender's trace id and the trace of a second version are known only later.
#[test]
fn message_has_the_senders_trace_id_and_a_link_to_the_trace_of_a_second_version() {
    let got = receiving();
    let app = app();
    upload(&app);
    let message = upload(&app);
    let own = "1-67891233-abcdef012345678912345678";
    let header = json!({"AWSTraceHeader": format!("Root={own};Parent=53995c3f42cd8ad8;Sampled=0")});
    for version in 1..=2 {
        let body = message.replace("v2", &format!("v{version}"));
        let record = json!({"messageId": "m-1", "body": body, "attributes": header});
        let event = event(&app, json!({"Records": [record]}));
        let answer = run(traced(event, async |event| {
            upload_trigger::handle(&app, event).await
        }));
        assert!(answer.unwrap().batch_item_failures.is_empty());
        let spans = spans(&got);
        let first = named(&spans, "process uploads");
        assert_eq!(first.trace_id, id().bits().to_be_bytes());
        assert_eq!(attribute(&first.attributes, "trace.id"), own);
        let job: JobId = attribute(&first.attributes, "job.id").parse().unwrap();
        let bits = job.bits().to_be_bytes();
        let to_other = first.links.iter().any(|link| link.trace_id == bits);
        assert_eq!(to_other, job != id(), "{:?}", first.links);
        assert_eq!(first.links.len(), if to_other { 2 } else { 1 });
    }
    let second = JobId::of_version(BUCKET, KEY, "v2");
    let job = app.ports.state().jobs[&second].clone();
    let message = json!({"eventSource": "aws:sagemaker", "eventName": "InferenceResult", "invocationStatus": "Failed",
        "inferenceId": format!("{second}.a1"), "failureReason": "it crashed"});
    let answer = run(traced(batch(&app, &message.to_string()), async |event| {
        inference_error::handle(&app, event).await
    }));
    assert!(answer.unwrap().batch_item_failures.is_empty());
    let spans = spans(&got);
    let message = named(&spans, "process inference-error");
    assert_eq!(message.trace_id, second.bits().to_be_bytes());
    assert_eq!(
        attribute(&message.attributes, "trace.id"),
        job.trace_id.unwrap().to_string(),
        "of the row"
    );
    assert_eq!(message.links.len(), 1);
}

#[test]
fn redelivered_message_is_a_span_with_an_error_and_its_type() {
    let got = receiving();
    let app = app();
    let message = json!({"eventSource": "aws:sagemaker", "eventName": "InferenceResult", "invocationStatus": "Completed",
        "inferenceId": format!("{}.a1", id())});
    let answer = run(traced(batch(&app, &message.to_string()), async |event| {
        inference_success::handle(&app, event).await
    }));
    assert_eq!(answer.unwrap().batch_item_failures.len(), 1);
    let spans = spans(&got);
    let message = named(&spans, "process inference-success");
    assert_eq!(attribute(&message.attributes, "error.type"), "UnknownJob");
    let status = message.status.as_ref().unwrap();
    assert_eq!(status.code, StatusCode::Error as i32);
    // A job without a row has its trace, too: the trace follows from the job's id.
    assert_eq!(message.trace_id, id().bits().to_be_bytes());
}

#[test]
fn aws_call_is_a_child_span_of_its_invocation() {
    let got = receiving();
    let app = app();
    let credentials = Credentials::new("key", "secret", None, None, "test");
    let environment = Tables {
        jobs_table: "jobs".to_owned(),
    };
    let config = AwsConfig::new("us-east-1", credentials, Some(&RECEIVER.0));
    let aws = Aws::new(config, Arc::new(environment));
    let loaded = run(traced(
        event::<serde_json::Value>(&app, json!({})),
        async |_| Ok(aws.load(id()).await),
    ));
    assert!(loaded.unwrap().is_err(), "the receiver is no DynamoDB");
    assert!(
        got.recv().unwrap().line.starts_with("POST / "),
        "the call itself"
    );
    let spans = spans(&got);
    let invocation = named(&spans, "invocation");
    let call = named(&spans, "DynamoDB.GetItem");
    assert_eq!(call.kind, SpanKind::Client as i32);
    assert_eq!(attribute(&call.attributes, "rpc.service"), "DynamoDB");
    assert_eq!(call.trace_id, invocation.trace_id);
    assert_eq!(call.parent_span_id, invocation.span_id);
    assert_eq!(spans.len(), 2, "{spans:?}");
}
