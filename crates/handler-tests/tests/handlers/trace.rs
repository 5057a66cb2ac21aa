//! One trace for everything that is about a document.

use crate::fixtures::{
    BUCKET, NOW, PDF, TestApp, app, event, failed, find, job, run, succeeded, upload_event,
    write_output,
};
use aws_lambda_events::sqs::SqsEvent;
use functions::handlers::{inference_error, inference_success, retry, upload_trigger};
use jobs::id::TraceId;
use jobs::id::{JobId, Timestamp};
use jobs::ports::Connection;
use jobs::state::State;
use lambda_runtime::LambdaEvent;
use serde_json::{Value, json};

const KEY: &str = "inbound/acme/nda.pdf";
const OTHER: &str = "1-67891233-abcdef012345678912345678";

/// A batch of one message. `queue` are the attributes that SQS sets, `sender` those that the sender sets.
fn batch(app: &TestApp, body: &str, queue: &Value, sender: &Value) -> LambdaEvent<SqsEvent> {
    let record =
        json!({"messageId": "m", "body": body, "attributes": queue, "messageAttributes": sender});
    event(app, json!({"Records": [record]}))
}

fn plain(app: &TestApp, body: &str) -> LambdaEvent<SqsEvent> {
    batch(app, body, &json!({}), &json!({}))
}

fn header() -> Value {
    json!({"AWSTraceHeader": format!("Root={OTHER};Parent=53995c3f42cd8ad8;Sampled=0")})
}

/// An app with an open page.
fn watched() -> TestApp {
    let app = app();
    app.ports.state().connections.push(Connection {
        uploader: None,
        hides_contents: false,
        subscription: "acme".into(),
        connection_id: "c".into(),
        registered_at: NOW,
        token_expires_at: Timestamp(u64::MAX),
    });
    app
}

/// The traces of all calls of the endpoint and of all pushes.
fn carried(app: &TestApp) -> Vec<String> {
    let state = app.ports.state();
    let calls = state
        .invocations
        .iter()
        .map(|call| call.trace_id.to_string());
    let frames = state.frames.iter().map(|(_, frame)| {
        let frame: Value = serde_json::from_str(frame).unwrap();
        frame["trace_id"].as_str().unwrap().to_owned()
    });
    calls.chain(frames).collect()
}

fn uploaded(app: &TestApp, queue: &Value, sender: &Value) {
    let version = app.ports.put(BUCKET, KEY, PDF);
    let event = batch(app, &upload_event(KEY, &version), queue, sender);
    let response = run(upload_trigger::handle(app, event)).unwrap();
    assert!(response.batch_item_failures.is_empty());
}

#[test]
fn upload_without_a_trace_id_uses_its_job_id_through_retries_and_in_the_push() {
    let app = watched();
    uploaded(&app, &json!({}), &json!({}));
    let first = job(&app, KEY);
    assert_eq!(first.trace_id, None, "it costs the row nothing");

    let body = failed(&first, "ModelError: it crashed");
    let response = run(inference_error::handle(&app, plain(&app, &body))).unwrap();
    assert!(response.batch_item_failures.is_empty());
    let check = app.ports.state().checks.pop().unwrap().message;
    app.ports.state().now = check.due.unwrap();
    let body = json!({"job_id": check.job.to_string(), "attempt": check.attempt.0, "due": check.due.map(|due| due.0)});
    let response = run(retry::handle(&app, plain(&app, &body.to_string()))).unwrap();
    assert!(response.batch_item_failures.is_empty());
    let second = job(&app, KEY);
    assert_eq!(second.state.attempt().0, 2);
    let output = write_output(&app, &second);
    let body = succeeded(&second, &output);
    run(inference_success::handle(&app, plain(&app, &body))).unwrap();
    assert!(matches!(job(&app, KEY).state, State::Ready { .. }));

    let carried = carried(&app);
    let own = TraceId::of_job(JobId::of_key(BUCKET, KEY)).to_string();
    assert!(carried.len() >= 5, "{carried:?}");
    assert!(carried.iter().all(|trace| *trace == own), "{carried:?}");
}

#[test]
fn upload_with_a_trace_id_keeps_it() {
    let app = watched();
    uploaded(&app, &header(), &json!({}));
    let job = job(&app, KEY);
    assert_eq!(job.trace_id, OTHER.parse().ok());
    let output = write_output(&app, &job);
    // The notification comes with a trace id of its own, which is not used.
    let queue = json!({"AWSTraceHeader": "Root=1-00000000-000000000000000000000001"});
    let event = batch(&app, &succeeded(&job, &output), &queue, &json!({}));
    run(inference_success::handle(&app, event)).unwrap();
    let carried = carried(&app);
    assert_eq!(carried, [OTHER, OTHER, OTHER]);
}

/// What an SDK sends from a Lambda function carries the trace id of that function's run. One run of the reconciler can re-send
/// the events of a hundred documents, and each document must have a trace of its own.
#[test]
fn trace_id_of_the_reconciler_run_that_re_sent_an_event_is_not_used() {
    let again = |trace: Option<&str>| {
        let mut sender = json!({"first-message-id": {"stringValue": "m-0"}});
        if let Some(trace) = trace {
            sender["trace-id"] = json!({"stringValue": trace});
        }
        sender
    };
    let found = |app: &TestApp| find(app, JobId::of_key(BUCKET, KEY)).unwrap().trace_id;

    let app = watched();
    uploaded(&app, &header(), &again(None));
    assert_eq!(found(&app), None);

    let app = watched();
    let first = "1-5759e988-bd862e3fe1be46a994272793";
    uploaded(&app, &header(), &again(Some(first)));
    assert_eq!(found(&app), first.parse().ok());

    let app = watched();
    let version = app.ports.put(BUCKET, KEY, PDF);
    let body = upload_event(KEY, &version).replace("aws:s3", "docket:reconciler");
    let event = batch(&app, &body, &header(), &json!({}));
    run(upload_trigger::handle(&app, event)).unwrap();
    assert_eq!(found(&app), None);
}

#[test]
fn malformed_trace_header_is_ignored() {
    let app = watched();
    let queue = json!({"AWSTraceHeader": "Root=1-2-3\r\nx: y"});
    uploaded(&app, &queue, &json!({}));
    assert_eq!(job(&app, KEY).trace_id, None);
}
