//! OpenTelemetry's own variables. Its library reads them from the environment of the process, so each test runs the
//! function in a process of its own.
#![cfg(feature = "otel")]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]
#![expect(
    dead_code,
    reason = "the receiver is shared with tests that use more of it"
)]

mod receiver;

use std::net::TcpListener;
use std::process::Command;
use std::sync::mpsc::Receiver;

use functions::config::TraceSettings;
use functions::handlers::upload_trigger;
use functions::traces::{subscribe, traced};
use jobs::state::State;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use prost::Message;
use receiver::{ReceivedRequest, app, batch, id, listen, receiver, run, upload};

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

#[test]
#[ignore = "no test: the process that the tests start"]
#[expect(
    clippy::disallowed_methods,
    reason = "the variables are what is tested"
)]
fn function_in_a_process_of_its_own() {
    subscribe(TraceSettings::read(&|name| std::env::var(name).ok()).as_ref());
    let app = app();
    let message = upload(&app);
    let response = run(traced(batch(&app, &message), async |event| {
        upload_trigger::handle(&app, event).await
    }));
    assert!(response.unwrap().batch_item_failures.is_empty());
    let job = app.ports.state().jobs[&id()].clone();
    assert!(
        matches!(job.state, State::InProgress { .. }),
        "{:?}",
        job.state
    );
}

/// Runs the function with these variables, in which `URL` stands for `url`, and returns its log. Panics unless it processed
/// the upload.
fn log_of_function(url: &str, variables: &[(&str, &str)]) -> String {
    let variables = variables
        .iter()
        .map(|(name, value)| (*name, value.replace("URL", url)));
    let ended = Command::new(std::env::current_exe().unwrap())
        .args(["function_in_a_process_of_its_own", "--exact"])
        .args(["--ignored", "--nocapture"])
        .envs(variables)
        .output()
        .unwrap();
    let log = String::from_utf8(ended.stdout).unwrap();
    assert!(ended.status.success(), "{log}");
    assert!(log.contains("job changed"), "{log}");
    log
}

/// The one request that was received. The process that sent it has ended.
fn only(got: &Receiver<ReceivedRequest>) -> ReceivedRequest {
    let request = got.try_recv().unwrap();
    assert!(got.try_recv().is_err(), "one request per invocation");
    request
}

fn names(request: &ReceivedRequest) -> Vec<String> {
    let decoded = ExportTraceServiceRequest::decode(request.body.as_slice()).unwrap();
    let resources = decoded.resource_spans.into_iter();
    let scopes = resources.flat_map(|resource| resource.scope_spans);
    let spans = scopes.flat_map(|scope| scope.spans);
    spans.map(|span| span.name).collect()
}

#[test]
fn headers_and_resource_are_those_of_the_variables() {
    let (url, got) = receiver();
    let log = log_of_function(
        &url,
        &[
            (ENDPOINT, "URL/"),
            (
                "OTEL_EXPORTER_OTLP_HEADERS",
                "authorization=Bearer%20secret,x-tenant=legal",
            ),
            ("OTEL_SERVICE_NAME", "contracts"),
            (
                "OTEL_RESOURCE_ATTRIBUTES",
                "deployment.environment.name=staging,service.namespace=ours",
            ),
        ],
    );
    assert!(!log.contains("secret"), "{log}");
    let request = only(&got);
    assert_eq!(request.line, "POST /v1/traces HTTP/1.1");
    let headers: Vec<String> = request.headers.iter().map(|it| it.to_lowercase()).collect();
    for header in [
        "authorization: bearer secret",
        "x-tenant: legal",
        "content-type: application/x-protobuf",
    ] {
        assert!(headers.iter().any(|it| it == header), "{headers:?}");
    }
    let decoded = ExportTraceServiceRequest::decode(request.body.as_slice()).unwrap();
    let resource = decoded.resource_spans[0].resource.clone().unwrap();
    for (name, value) in [
        ("service.name", "contracts"),
        ("service.namespace", "ours"),
        ("deployment.environment.name", "staging"),
        ("cloud.platform", "aws_lambda"),
    ] {
        let mut found = resource.attributes.iter().filter(|it| it.key == name);
        let found = found.next().unwrap().value.clone().unwrap().value.unwrap();
        assert_eq!(found, Value::StringValue(value.to_owned()), "{name}");
    }
}

#[test]
fn disabled_sdk_and_sampler_that_is_off_send_nothing() {
    for (name, value) in [
        ("OTEL_SDK_DISABLED", "true"),
        ("OTEL_TRACES_SAMPLER", "always_off"),
    ] {
        let (url, got) = receiver();
        let log = log_of_function(&url, &[(ENDPOINT, "URL"), (name, value)]);
        assert!(got.try_recv().is_err(), "{name}");
        assert!(!log.contains("not exported"), "{log}");
    }
}

/// All spans of a document are sent, or none: every function decides by the same id.
#[test]
fn sampler_by_ratio_decides_for_a_document_by_its_id() {
    // Of the 122 random bits of a job's id, 63 are compared.
    let place = ((id().bits() >> 65) as f64) / (1_u64 << 63) as f64;
    for sampler in ["traceidratio", "parentbased_traceidratio"] {
        for (ratio, is_sent) in [(place - 0.001, false), (place + 0.001, true)] {
            let (url, got) = receiver();
            let ratio = ratio.to_string();
            log_of_function(
                &url,
                &[
                    (ENDPOINT, "URL"),
                    ("OTEL_TRACES_SAMPLER", sampler),
                    ("OTEL_TRACES_SAMPLER_ARG", &ratio),
                ],
            );
            let names = got.try_recv().map_or(vec![], |request| names(&request));
            let message = names.contains(&"process uploads".to_owned());
            assert_eq!(message, is_sent, "{sampler} {ratio} of {place}: {names:?}");
        }
    }
}

#[test]
fn receiver_that_refuses_is_named_in_the_log_and_the_work_is_done() {
    let (url, got) = receiver();
    let elsewhere = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "URL/elsewhere");
    let log = log_of_function(&url, &[(ENDPOINT, "http://none.invalid"), elsewhere]);
    assert_eq!(only(&got).line, "POST /elsewhere HTTP/1.1");
    assert!(log.contains("traces were not exported"), "{log}");
    assert!(log.contains("status code: 400"), "{log}");
}

#[test]
fn receiver_that_cannot_be_reached_is_named_in_the_log_and_the_work_is_done() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let log = log_of_function(&url, &[(ENDPOINT, "URL")]);
    assert!(log.contains("traces were not exported"), "{log}");
    assert!(log.contains("Connection refused"), "{log}");
}

#[test]
fn receiver_that_hangs_is_given_up_after_the_timeout_and_the_work_is_done() {
    // Kept open, so that the client is not told that there will be no response.
    let open = std::sync::Mutex::new(Vec::new());
    let url = listen(move |stream| open.lock().unwrap().push(stream));
    let timeout = ("OTEL_EXPORTER_OTLP_TIMEOUT", "100");
    let log = log_of_function(&url, &[(ENDPOINT, "URL"), timeout]);
    assert!(log.contains("traces were not exported"), "{log}");
    assert!(log.contains("deadline has elapsed"), "{log}");
}

#[test]
fn endpoint_that_is_no_url_is_named_in_the_log_and_the_work_is_done() {
    for endpoint in ["localhost:4318", "http://[", "ftp://localhost"] {
        let log = log_of_function("", &[(ENDPOINT, endpoint)]);
        assert!(log.contains("traces are not exported"), "{log}");
        assert!(log.contains(endpoint), "{log}");
    }
}
