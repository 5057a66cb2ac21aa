//! The reconciler redrives dead letters, and quarantines those that it has redriven for a day.

use serde_json::json;

use crate::support::{
    TestTenant, add_expired_dead_letter, contract, messages, quarantined, queues, reconcile, row,
    run_alone, s3_event, text, until,
};

/// Longer than what a row stores of a body (`BODY_BYTES` in `crates/functions/src/aws/quarantine.rs`).
const LONG_BODY_BYTES: usize = 5000;

#[test]
fn dead_letters_of_every_queue_are_redriven_or_quarantined() {
    run_alone(async |stack| {
        let sqs = &stack.cloud.sqs;
        for queue in queues(stack) {
            let body = json!({"dead letter of": queue.name}).to_string();
            let send = sqs.send_message().queue_url(queue.dead_letters_url);
            send.message_body(body).send().await.unwrap();
        }
        let body = format!("expired dead letter {}", "x".repeat(LONG_BODY_BYTES));
        let checks = &stack.outputs.checks_dead_letters_url;
        add_expired_dead_letter(stack, checks, &body, "first-id-of-check").await;

        // Or the run of the schedule does it.
        reconcile(stack, "{}");
        // The functions cannot parse the redriven messages.
        for queue in queues(stack) {
            let part = format!("\"dead letter of\":\"{}\"", queue.name);
            let entry = quarantined(stack, &part).await;
            assert_eq!(text(&entry, &["source"]), queue.name);
            let left = messages(stack, queue.dead_letters_url).await;
            assert_eq!(left, 0, "{}", queue.name);
        }
        let entry = quarantined(stack, "expired dead letter").await;
        let body_key = text(&entry, &["body_key"]);
        assert_eq!(body_key, "quarantine/checks/first-id-of-check");
        let head = stack.cloud.s3.head_object();
        let head = head.bucket(&stack.outputs.jobs_bucket_name).key(body_key);
        let bytes = head.send().await.unwrap().content_length.unwrap();
        assert!(bytes > 5000, "{bytes}");
    });
}

/// Guarantee 6: no message is dropped. What cannot be understood is quarantined and visible to support.
#[test]
fn dead_letter_is_redriven_and_after_a_day_quarantined() {
    run_alone(async |stack| {
        let mut acme = TestTenant::new(stack, "dead-letters").await;
        let dead_letters = &stack.outputs.uploads_dead_letters_url;
        let sqs = &stack.cloud.sqs;
        // An S3 event that used up its deliveries.
        let key = acme.upload("inbound/", "nda.pdf", contract()).await;
        let id = acme.job(&key);
        acme.ready(&id).await;
        let version = text(&row(stack, &id).await, &["input", "version"]).to_owned();
        let event = s3_event(acme.bucket(), &key, &version);
        let send = sqs.send_message().queue_url(dead_letters);
        send.message_body(event).send().await.unwrap();
        // A message that has been redriven for a day.
        let body = "a message that kills functions";
        add_expired_dead_letter(stack, dead_letters, body, "first-id").await;

        reconcile(stack, "{}");
        let entry = quarantined(stack, "kills functions").await;
        assert_eq!(text(&entry, &["sk"]), "uploads#first-id");
        assert_eq!(text(&entry, &["cause"]), "DeadLetter");
        until("empty queues", async || {
            let left = messages(stack, dead_letters).await
                + messages(stack, &stack.outputs.uploads_queue_url).await;
            (left == 0).then_some(())
        })
        .await;
        assert_eq!(
            text(&row(stack, &id).await, &["status"]),
            "Ready",
            "a duplicate event changes nothing"
        );
    });
}
