//! Fixtures of the handler tests: the real handlers over in-memory ports.

use std::sync::Arc;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use functions::bootstrap::App;
use jobs::id::{JobId, Timestamp};
use jobs::job::Job;
use jobs::pipeline::Pipelines;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};
use testkit::memory::Memory;

pub(crate) const BUCKET: &str = "docket-jobs";
pub(crate) const NOW: Timestamp = Timestamp(1_767_607_442_118);
pub(crate) const PDF: &[u8] = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj";

functions::environment! {
    /// The settings of all handlers in one.
    pub(crate) struct Environment with pipelines {
        service_name: ServiceName,
        bucket: Bucket,
        page_origin: PageOrigin,
        sign_in_url: SignInUrl,
        company_sign_in: CompanySignIn,
        user_pool_client_id: UserPoolClientId,
        websocket_connect_url: WebsocketConnectUrl,
        webhook_receivers: WebhookReceivers,
        email_sender: EmailSender,
        http_api_url: HttpApiUrl,
    }
}

pub(crate) type TestApp = App<Memory, Environment>;

pub(crate) fn app() -> TestApp {
    let toml = include_str!("../../../../infra/pipelines.toml");
    let environment = Environment {
        service_name: "docket".to_owned(),
        bucket: BUCKET.to_owned(),
        page_origin: "*".to_owned(),
        sign_in_url: "https://sign-in.example.com".to_owned(),
        company_sign_in: "off".to_owned(),
        user_pool_client_id: "client".to_owned(),
        websocket_connect_url: "wss://pages.example.com".to_owned(),
        webhook_receivers: "public".to_owned(),
        email_sender: "off".to_owned(),
        http_api_url: "https://api.example.com".to_owned(),
        pipelines: Pipelines::parse(toml).unwrap(),
    };
    App {
        ports: Memory::at(NOW),
        environment: Arc::new(environment),
    }
}

/// A batch of bodies, each received for the `received`-th time, to a function with a minute to live.
pub(crate) fn batch(app: &TestApp, bodies: &[String], received: u32) -> LambdaEvent<SqsEvent> {
    let records: Vec<Value> = bodies
        .iter()
        .enumerate()
        .map(|(i, body)| json!({"messageId": format!("m{i}"), "body": body, "attributes": {"ApproximateReceiveCount": received.to_string(), "AWSTraceHeader": "Root=1-67891233-abcdef012345678912345678;Parent=53995c3f42cd8ad8;Sampled=1"}}))
        .collect();
    event(app, json!({"Records": records}))
}

pub(crate) fn event<T: serde::de::DeserializeOwned>(
    app: &TestApp,
    payload: Value,
) -> LambdaEvent<T> {
    let mut context = Context::default();
    context.deadline = app.ports.state().now.0 + 60_000;
    LambdaEvent::new(serde_json::from_value(payload).unwrap(), context)
}

/// S3's event for an object version.
pub(crate) fn upload_event(key: &str, version: &str) -> String {
    upload_event_with(key, version, "e", 7)
}

/// S3's event for a version that is in the bucket, with its ETag and size.
pub(crate) fn upload_event_of(app: &TestApp, key: &str, version: &str) -> String {
    let state = app.ports.state();
    let versions = &state.objects[&(BUCKET.to_owned(), key.to_owned())];
    let (_, object) = versions.iter().find(|(known, _)| known == version).unwrap();
    let object = object.as_ref().unwrap();
    upload_event_with(key, version, &object.etag(version), object.bytes)
}

fn upload_event_with(key: &str, version: &str, etag: &str, bytes: u64) -> String {
    let encoded: String = key
        .bytes()
        .map(|b| match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' => {
                char::from(b).to_string()
            }
            b' ' => "+".to_owned(),
            _ => format!("%{b:02X}"),
        })
        .collect();
    json!({"Records": [{"eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": BUCKET}, "object": {"key": encoded, "size": bytes, "eTag": etag, "versionId": version}}}]})
    .to_string()
}

pub(crate) fn succeeded(job: &Job, output: &str) -> String {
    json!({"awsRegion": "eu-central-1", "invocationStatus": "Completed", "eventSource": "aws:sagemaker", "eventName": "InferenceResult", "eventVersion": "1.0",
        "requestParameters": {"endpointName": "docket-legal-review"}, "responseParameters": {"contentType": "application/json", "outputLocation": output},
        "inferenceId": format!("{}.a{}", job.id, job.state.attempt())})
    .to_string()
}

pub(crate) fn failed(job: &Job, reason: &str) -> String {
    json!({"awsRegion": "eu-central-1", "invocationStatus": "Failed", "failureReason": reason, "eventSource": "aws:sagemaker", "eventName": "InferenceResult",
        "eventVersion": "1.0", "requestParameters": {"endpointName": "docket-legal-review"}, "inferenceId": format!("{}.a{}", job.id, job.state.attempt())})
    .to_string()
}

pub(crate) fn failures(response: &SqsBatchResponse) -> Vec<&str> {
    response
        .batch_item_failures
        .iter()
        .map(|failure| failure.item_identifier.as_str())
        .collect()
}

pub(crate) fn job(app: &TestApp, key: &str) -> Job {
    find(app, JobId::of_key(BUCKET, key)).unwrap_or_else(|| panic!("there is no job for {key}"))
}

pub(crate) fn find(app: &TestApp, id: JobId) -> Option<Job> {
    app.ports.state().jobs.get(&id).cloned()
}

/// The place that the endpoint named for the output of a job's newest attempt, now with an object in it.
pub(crate) fn write_output(app: &TestApp, job: &Job) -> String {
    let place = job
        .attempts
        .last()
        .and_then(|record| record.output.clone())
        .unwrap();
    app.ports
        .put(&place.bucket, &place.key, b"{\"clauses\":[]}");
    place.to_string()
}

pub(crate) fn advance(app: &TestApp, ms: u64) {
    app.ports.state().now.0 += ms;
}

/// Runs a future that never waits for anything but memory.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}
