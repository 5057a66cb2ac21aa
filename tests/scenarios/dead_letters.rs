//! Every queue's garbage is kept whole, shown to support, and sent again; every queue's dead letters come back to it.

use devstack::Stack;
use serde_json::{Value, json};

use crate::api::{SUPPORT, api};
use crate::lost_notifications::reconcile;
use crate::support::{add_expired_dead_letter, messages, quarantined, run, run_alone, text, until};

/// More than a row keeps of it (`BODY_BYTES` in `crates/functions/src/aws/quarantine.rs`).
const LONG: usize = 5000;

/// Each queue's name, the queue and its dead letters.
fn queues(stack: &Stack) -> [(&'static str, &str, &str); 4] {
    let outputs = &stack.outputs;
    [
        (
            "uploads",
            &outputs.uploads_queue_url,
            &outputs.uploads_dead_letters_url,
        ),
        (
            "inference-success",
            &outputs.inference_success_queue_url,
            &outputs.inference_success_dead_letters_url,
        ),
        (
            "inference-error",
            &outputs.inference_error_queue_url,
            &outputs.inference_error_dead_letters_url,
        ),
        (
            "checks",
            &outputs.checks_queue_url,
            &outputs.checks_dead_letters_url,
        ),
    ]
}

/// "Nothing is dropped with a 200: what cannot be understood is quarantined, visible to support, and alarmed."
#[test]
fn malformed_message_of_every_queue_is_quarantined_shown_and_replayed() {
    run(async |stack| {
        let ask = async |method: &str, path: &str, body: Option<Value>| {
            let reply = api(stack, SUPPORT, method, path, body).await;
            let said = String::from_utf8_lossy(&reply.body).into_owned();
            assert!((200..300).contains(&reply.status), "{path}: {said}");
            reply
        };
        let mut sent = Vec::new();
        for (name, queue, _) in queues(stack) {
            let body = json!({"any": name, "padding": "x".repeat(LONG)}).to_string();
            let send = stack.cloud.sqs.send_message().queue_url(queue);
            let send = send.message_body(&body).send().await.unwrap();
            sent.push((format!("{name}:{}", send.message_id.unwrap()), body));
        }
        for (id, body) in &sent {
            let path = format!("/quarantine/{id}");
            let shown = until("the message to be quarantined", async || {
                let reply = api(stack, SUPPORT, "GET", &path, None).await;
                (reply.status == 200).then(|| reply.json())
            })
            .await;
            assert_eq!(shown["body"], body.as_str(), "all of it");
            let reason = Some(json!({"reason": "mended"}));
            ask("POST", &format!("{path}/replay"), reason).await;
            until("it to be back, since nothing was mended", async || {
                let reply = api(stack, SUPPORT, "GET", &path, None).await;
                (reply.status == 200 && reply.json()["at"] != shown["at"]).then_some(())
            })
            .await;
            let reason = Some(json!({"reason": "a test"}));
            ask("POST", &format!("{path}/discard"), reason).await;
        }
    });
}

#[test]
fn dead_letters_of_every_queue_are_redriven_or_quarantined() {
    run_alone(async |stack| {
        let sqs = &stack.cloud.sqs;
        for (name, _, dead) in queues(stack) {
            let body = json!({"dead letter of": name}).to_string();
            let send = sqs.send_message().queue_url(dead).message_body(body);
            send.send().await.unwrap();
        }
        // And one that has been sent back for a day, longer than a row keeps of it.
        let (_, _, dead) = queues(stack)[3];
        let body = format!("one that never ends {}", "x".repeat(LONG));
        add_expired_dead_letter(stack, dead, &body, "the-very-first").await;

        let done = reconcile(stack, "{}");
        assert_eq!(
            (&done["sentBack"], &done["quarantined"]),
            (&4.into(), &1.into()),
            "{done}"
        );
        for (name, _, dead) in queues(stack) {
            let entry = quarantined(stack, &format!("\"dead letter of\":\"{name}\"")).await;
            assert_eq!(text(&entry, &["source"]), name);
            assert_eq!(messages(stack, dead).await, 0, "{name}");
        }
        let entry = quarantined(stack, "one that never ends").await;
        let kept = text(&entry, &["body_key"]);
        assert_eq!(kept, "quarantine/checks/the-very-first");
        let get = stack.cloud.s3.head_object();
        let get = get.bucket(&stack.outputs.jobs_bucket_name).key(kept);
        assert!(get.send().await.unwrap().content_length.unwrap() > 5000);
    });
}
