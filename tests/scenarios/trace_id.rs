//! One trace id marks a document in the log of every function, in pushes and events, and in the API.

use devstack::Stack;
use jobs::id::TraceId;
use serde_json::{Value, json};

use crate::api::{SUPPORT, call_as};
use crate::logs::logs;
use crate::support::{EventListener, TestTenant, contract, run, sample, until, within_timeout};

/// The log lines of a function with a trace id.
async fn traced_lines(stack: &Stack, function: &str, trace: &str) -> Vec<Value> {
    let lines = logs(stack, function, trace).await;
    let lines = lines.into_iter();
    lines.filter(|line| line["trace.id"] == trace).collect()
}

/// Waits until a function has logged a line with a field and its value. Returns all lines with the trace id.
async fn wait_for_line(
    stack: &Stack,
    function: &str,
    trace: &str,
    field: (&str, &str),
) -> Vec<Value> {
    let (name, value) = field;
    until(&format!("{name} {value} from {function}"), async || {
        let lines = traced_lines(stack, function, trace).await;
        lines
            .iter()
            .any(|line| line[name] == value)
            .then_some(lines)
    })
    .await
}

/// Waits for the push of a job with a status. Returns the message as it was sent.
async fn wait_for_push(page: &mut TestTenant, id: &str, status: &str) -> Value {
    let receive = async {
        loop {
            let frame: Value = serde_json::from_str(&page.next().await.text).unwrap();
            if frame["job"]["id"] == id && frame["job"]["status"] == status {
                return frame;
            }
        }
    };
    within_timeout(&format!("the push that {id} is {status}"), receive).await
}

#[test]
fn trace_id_links_logs_push_and_event_of_an_upload() {
    run(async |stack| {
        let mut acme = TestTenant::new(stack, "traced").await;
        let listener = EventListener::new(stack, "traced-listener", Some(acme.name)).await;
        let key = acme.upload("inbound/", "nda.pdf", contract()).await;
        let id = acme.job(&key);
        // The trace id follows from the job id, which follows from the key.
        let trace = TraceId::of_job(id.parse().unwrap()).to_string();

        let frame = wait_for_push(&mut acme, &id, "Ready").await;
        assert_eq!(frame["trace_id"], trace.as_str());
        let event = listener.next().await;
        assert_eq!(event["detail"]["trace_id"], trace.as_str());

        // Other uploads to this stack may be before it in the queue. Then function retry submits it.
        for (function, message, event) in [
            ("upload-trigger", "job changed", "Uploaded"),
            ("inference-success", "job changed", "Succeeded"),
        ] {
            let lines = wait_for_line(stack, function, &trace, ("job.event", event)).await;
            assert!(
                lines.iter().all(|line| line["job.id"] == id.as_str()),
                "{lines:?}"
            );
            assert!(
                lines.iter().any(|line| line["message"] == message),
                "{lines:?}"
            );
        }
        let lines = wait_for_line(
            stack,
            "inference-success",
            &trace,
            ("message", "change pushed"),
        )
        .await;
        let pushed = lines.iter().find(|line| line["message"] == "change pushed");
        assert!(pushed.unwrap()["pages"].as_u64() >= Some(1), "{pushed:?}");
        wait_for_line(
            stack,
            "inference-success",
            &trace,
            ("message", "event published"),
        )
        .await;
    });
}

#[test]
fn trace_id_is_kept_across_a_support_retry() {
    run(async |stack| {
        let mut acme = TestTenant::new(stack, "traced-again").await;
        let broken = sample("bad/broken.pdf");
        let key = acme
            .upload("inbound/", "traced-and-broken.pdf", broken)
            .await;
        let id = acme.job(&key);
        let first = wait_for_push(&mut acme, &id, "Failed").await;
        let trace = first["trace_id"].as_str().unwrap().to_owned();

        let reason = json!({"reason": "the model was repaired"});
        let path = format!("/jobs/{id}/retry");
        let retried = call_as(stack, SUPPORT, "POST", &path, Some(reason)).await;
        assert_eq!(retried.status / 100, 2, "{}", retried.json());
        let mut again = wait_for_push(&mut acme, &id, "Failed").await;
        while again["job"]["attempt"] != 2 {
            again = wait_for_push(&mut acme, &id, "Failed").await;
        }
        assert_eq!(again["trace_id"], trace.as_str());

        wait_for_line(stack, "upload-trigger", &trace, ("job.event", "Uploaded")).await;
        wait_for_line(stack, "inference-error", &trace, ("job.to", "Failed")).await;
        let answered = wait_for_line(stack, "support-api", &trace, ("message", "answered")).await;
        assert!(
            answered.iter().any(|line| line["job.event"] == "Retry"),
            "{answered:?}"
        );
        wait_for_line(stack, "retry", &trace, ("job.to", "Submitting")).await;

        let shown = call_as(stack, SUPPORT, "GET", &format!("/jobs/{id}"), None).await;
        assert_eq!(shown.json()["trace_id"], trace.as_str());
    });
}
