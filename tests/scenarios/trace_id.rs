//! Whoever has one id finds everything about a document: in every function's log, in what pages and programs are told,
//! and in the API.

use devstack::Stack;
use jobs::id::TraceId;
use serde_json::{Value, json};

use crate::support::EventListener;
use crate::api::{SUPPORT, api};
use crate::logs::logs;
use crate::support::{TestTenant, contract, run, sample, soon, until};

/// The log lines of a function that say a trace.
async fn lines(stack: &Stack, function: &str, trace: &str) -> Vec<Value> {
    let lines = logs(stack, function, trace).await;
    let of_trace = lines.into_iter();
    of_trace.filter(|line| line["trace.id"] == trace).collect()
}

/// Waits until a function has logged such a line about a document; answers all that it logged.
async fn logged(stack: &Stack, function: &str, trace: &str, is: (&str, &str)) -> Vec<Value> {
    let (name, value) = is;
    until(&format!("{name} {value} from {function}"), async || {
        let lines = lines(stack, function, trace).await;
        lines
            .iter()
            .any(|line| line[name] == value)
            .then_some(lines)
    })
    .await
}

/// The frame that tells of a job in a state, word for word.
async fn told(page: &mut TestTenant, id: &str, status: &str) -> Value {
    let hear = async {
        loop {
            let frame: Value = serde_json::from_str(&page.next().await.text).unwrap();
            if frame["job"]["id"] == id && frame["job"]["status"] == status {
                return frame;
            }
        }
    };
    soon(&format!("the push that {id} is {status}"), hear).await
}

#[test]
fn trace_id_links_logs_push_and_event_of_an_upload() {
    run(async |stack| {
        let mut acme = TestTenant::new(stack, "traced").await;
        let listener = EventListener::new(stack, "traced-listener", acme.name).await;
        let key = acme.upload("inbound/", "nda.pdf", contract()).await;
        let id = acme.job(&key);
        // Known to whoever knows where the file lies.
        let trace = TraceId::of_job(id.parse().unwrap()).to_string();

        let frame = told(&mut acme, &id, "Ready").await;
        assert_eq!(frame["trace_id"], trace.as_str());
        let event = listener.next().await;
        assert_eq!(event["detail"]["trace_id"], trace.as_str());

        for (function, message, status) in [
            ("upload-trigger", "job changed", "Submitting"),
            ("inference-success", "job changed", "Ready"),
        ] {
            let lines = logged(stack, function, &trace, ("job.to", status)).await;
            assert!(
                lines.iter().all(|line| line["job.id"] == id.as_str()),
                "{lines:?}"
            );
            assert!(
                lines.iter().any(|line| line["message"] == message),
                "{lines:?}"
            );
        }
        let lines = logged(
            stack,
            "inference-success",
            &trace,
            ("message", "pages told"),
        )
        .await;
        let pushed = lines.iter().find(|line| line["message"] == "pages told");
        assert!(pushed.unwrap()["pages"].as_u64() >= Some(1), "{pushed:?}");
        logged(
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
        let first = told(&mut acme, &id, "Failed").await;
        let trace = first["trace_id"].as_str().unwrap().to_owned();

        let order = json!({"reason": "perhaps the model was ill"});
        let path = format!("/jobs/{id}/retry");
        let ordered = api(stack, SUPPORT, "POST", &path, Some(order)).await;
        assert_eq!(ordered.status / 100, 2, "{}", ordered.json());
        let mut again = told(&mut acme, &id, "Failed").await;
        while again["job"]["attempt"] != 2 {
            again = told(&mut acme, &id, "Failed").await;
        }
        assert_eq!(again["trace_id"], trace.as_str());

        logged(stack, "upload-trigger", &trace, ("job.to", "Submitting")).await;
        logged(stack, "inference-error", &trace, ("job.to", "Failed")).await;
        let said = logged(stack, "support-api", &trace, ("message", "answered")).await;
        assert!(
            said.iter().any(|line| line["job.event"] == "Resubmit"),
            "{said:?}"
        );
        logged(stack, "retry", &trace, ("job.to", "Submitting")).await;

        let shown = api(stack, SUPPORT, "GET", &format!("/jobs/{id}"), None).await;
        assert_eq!(shown.json()["trace_id"], trace.as_str());
    });
}
