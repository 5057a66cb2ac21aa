//! What a function cannot understand is quarantined for support, and does not delay other messages.

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use serde_json::json;

use crate::api::{SUPPORT, call_as};
use crate::support::{
    TestTenant, contract, messages, publish_success, quarantined, queues, run, s3_event,
    send_to_uploads, success_notification, text, until,
};

/// Longer than what a row stores of a body (`BODY_BYTES` in `crates/functions/src/aws/quarantine.rs`).
const LONG_BODY_BYTES: usize = 5000;

#[test]
fn malformed_message_does_not_delay_the_rest_of_its_batch() {
    run(async |stack| {
        let mut acme = TestTenant::new(stack, "batch").await;
        let entry = |index: usize, body: String| {
            SendMessageBatchRequestEntry::builder()
                .id(format!("m{index}"))
                .message_body(body)
                .build()
                .unwrap()
        };
        let mut keys = Vec::new();
        let mut entries = Vec::new();
        for index in 0..10 {
            if index == 4 {
                entries.push(entry(
                    index,
                    "{\"Records\": \"this is no S3 event\"}".to_owned(),
                ));
                continue;
            }
            let key = format!("inbound/{}/{index}.pdf", acme.name);
            let version = acme.put(&key, contract()).await;
            entries.push(entry(index, s3_event(acme.bucket(), &key, &version)));
            keys.push(key);
        }
        let send = stack
            .cloud
            .sqs
            .send_message_batch()
            .queue_url(&stack.outputs.uploads_queue_url);
        let sent = send.set_entries(Some(entries)).send().await.unwrap();
        assert_eq!(sent.successful().len(), 10);
        for key in &keys {
            let id = acme.job(key);
            acme.ready(&id).await;
        }
        let item = quarantined(stack, "this is no S3 event").await;
        assert_eq!(
            (text(&item, &["source"]), text(&item, &["cause"])),
            ("uploads", "Malformed")
        );
        assert_eq!(
            messages(stack, &stack.outputs.uploads_dead_letters_url).await,
            0
        );
    });
}

#[test]
fn notification_with_unknown_inference_id_is_quarantined() {
    run(async |stack| {
        let outputs = format!(
            "s3://{}/outbound/legal-review",
            stack.outputs.jobs_bucket_name
        );
        let unknown_job = "b1c2d3e4-0000-5000-8000-00000000abcd.a1";
        let notification = success_notification(unknown_job, &format!("{outputs}/x.out"));
        publish_success(stack, &notification).await;
        let foreign = "request-of-another-system-17";
        let notification = success_notification(foreign, &format!("{outputs}/y.out"));
        publish_success(stack, &notification).await;

        let entry = quarantined(stack, foreign).await;
        assert_eq!(
            (text(&entry, &["source"]), text(&entry, &["cause"])),
            ("inference-success", "Malformed")
        );
        // Delivered several times first, because the job's row might have been late.
        let entry = quarantined(stack, unknown_job).await;
        assert_eq!(
            (text(&entry, &["source"]), text(&entry, &["cause"])),
            ("inference-success", "UnknownJob")
        );
    });
}

#[test]
fn notification_with_output_outside_the_pipeline_is_quarantined() {
    run(async |stack| {
        let mut acme = TestTenant::new(stack, "elsewhere").await;
        let key = acme.upload("inbound/", "nda.pdf", contract()).await;
        let id = acme.job(&key);
        acme.ready(&id).await;
        let elsewhere = format!("s3://{}/{key}", acme.bucket());
        let notification = success_notification(&format!("{id}.a1"), &elsewhere);
        publish_success(stack, &notification).await;
        let entry = quarantined(stack, &elsewhere).await;
        assert_eq!(text(&entry, &["cause"]), "Contradiction");
        assert_eq!(acme.page.jobs[&id].status, "Ready");
    });
}

#[test]
fn test_notifications_are_ignored() {
    run(async |stack| {
        let of_sagemaker = json!({"eventSource": "aws:sagemaker", "eventName": "TestNotification", "mark": "only a test"});
        publish_success(stack, &of_sagemaker).await;
        let of_s3 =
            json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "only a test"});
        send_to_uploads(stack, of_s3.to_string()).await;
        // Once later messages are in quarantine, the test notifications have been handled.
        publish_success(stack, &json!({"after": "the test"})).await;
        send_to_uploads(stack, "{\"after\": \"the test event\"}").await;
        quarantined(stack, "\"the test\"").await;
        quarantined(stack, "\"the test event\"").await;
        let scan = stack.cloud.dynamodb.scan();
        let scan = scan.table_name(&stack.outputs.records_table_name);
        let items = scan.send().await.unwrap().items.unwrap_or_default();
        let is_test = |body: &AttributeValue| body.as_s().unwrap().contains("only a test");
        let is_malformed = |cause: &AttributeValue| cause.as_s().is_ok_and(|it| it == "Malformed");
        let mut found = items.iter().filter(|item| {
            item.get("body").is_some_and(is_test) && item.get("cause").is_some_and(is_malformed)
        });
        assert_eq!(found.next(), None);
    });
}

/// Guarantee 6: no message is dropped. What cannot be understood is quarantined and visible to support.
#[test]
fn malformed_message_of_every_queue_is_quarantined_shown_and_redriven() {
    run(async |stack| {
        let post = async |path: &str, reason: &str| {
            let body = Some(json!({"reason": reason}));
            let response = call_as(stack, SUPPORT, "POST", path, body).await;
            let text = String::from_utf8_lossy(&response.body).into_owned();
            assert!((200..300).contains(&response.status), "{path}: {text}");
        };
        let mut sent = Vec::new();
        for queue in queues(stack) {
            let body = json!({"any": queue.name, "padding": "x".repeat(LONG_BODY_BYTES)});
            let body = body.to_string();
            let send = stack.cloud.sqs.send_message().queue_url(queue.url);
            let send = send.message_body(&body).send().await.unwrap();
            sent.push((format!("{}:{}", queue.name, send.message_id.unwrap()), body));
        }
        for (id, body) in &sent {
            let path = format!("/quarantine/{id}");
            let shown = until("the quarantined message", async || {
                let response = call_as(stack, SUPPORT, "GET", &path, None).await;
                (response.status == 200).then(|| response.json())
            })
            .await;
            assert_eq!(shown["body"], body.as_str(), "the whole body is kept");
            post(&format!("{path}/redrive"), "repaired").await;
            until("the redriven message in quarantine again", async || {
                let response = call_as(stack, SUPPORT, "GET", &path, None).await;
                (response.status == 200 && response.json()["at"] != shown["at"]).then_some(())
            })
            .await;
            post(&format!("{path}/discard"), "a test").await;
            let key = format!("quarantine/{}", id.replacen(':', "/", 1));
            let listing = stack.cloud.s3.list_object_versions().prefix(&key);
            let listing = listing.bucket(&stack.outputs.jobs_bucket_name);
            let versions = listing.send().await.unwrap().versions;
            assert_eq!(versions.unwrap_or_default(), [], "{key} is still there");
        }
    });
}
