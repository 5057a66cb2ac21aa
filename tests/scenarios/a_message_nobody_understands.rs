//! Nothing is dropped: what cannot be understood is set aside for support, and delays nobody.

use async_endpoint::server::EndpointEventKind;
use async_endpoint::{FaultRate, Faults};
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use devstack::Stack;
use serde_json::{Value, json};

use crate::support::{Tenant, contract, messages, quarantined, run, s3_event, soon, text};

/// A notification as the endpoint sends it.
fn completed(inference_id: &str, output: &str) -> Value {
    let text = std::fs::read(devstack::repo_file(
        "events/inference-success/completed.json",
    ))
    .unwrap();
    let mut message: Value = serde_json::from_slice(&text).unwrap();
    message["inferenceId"] = inference_id.into();
    message["responseParameters"]["outputLocation"] = output.into();
    message
}

async fn publish(stack: &Stack, message: &Value) {
    let sns = aws_sdk_sns::Client::new(stack.cloud.config());
    let publish = sns
        .publish()
        .topic_arn(&stack.outputs.inference_success_topic_arn);
    publish.message(message.to_string()).send().await.unwrap();
}

#[test]
fn in_a_batch_of_ten_does_not_hold_up_the_nine_others() {
    run(async |stack| {
        let mut acme = Tenant::new(stack, "batch").await;
        let entry = |at: usize, body: String| {
            SendMessageBatchRequestEntry::builder()
                .id(format!("m{at}"))
                .message_body(body)
                .build()
                .unwrap()
        };
        let mut keys = Vec::new();
        let mut entries = Vec::new();
        for at in 0..10 {
            if at == 4 {
                entries.push(entry(
                    at,
                    "{\"Records\": \"this is no S3 event\"}".to_owned(),
                ));
                continue;
            }
            let key = format!("inbound/{}/{at}.pdf", acme.name);
            let version = acme.put(&key, contract()).await;
            entries.push(entry(at, s3_event(acme.bucket(), &key, &version)));
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
fn because_its_inference_id_is_unknown_is_quarantined() {
    run(async |stack| {
        let unknown = "b1c2d3e4-0000-5000-8000-00000000abcd.a1";
        let bucket = &stack.outputs.jobs_bucket_name;
        publish(
            stack,
            &completed(
                unknown,
                &format!("s3://{bucket}/outbound/legal-review/x.out"),
            ),
        )
        .await;
        let foreign = "somebody-elses-request-17";
        publish(
            stack,
            &completed(
                foreign,
                &format!("s3://{bucket}/outbound/legal-review/y.out"),
            ),
        )
        .await;

        let item = quarantined(stack, foreign).await;
        assert_eq!(
            (text(&item, &["source"]), text(&item, &["cause"])),
            ("inference-success", "Malformed")
        );
        // The job's row may be late, so this one was given back a few times first.
        let item = quarantined(stack, unknown).await;
        assert_eq!(
            (text(&item, &["source"]), text(&item, &["cause"])),
            ("inference-success", "UnknownJob")
        );
    });
}

#[test]
fn because_it_names_a_place_outside_the_pipeline_is_quarantined() {
    run(async |stack| {
        let mut acme = Tenant::new(stack, "elsewhere").await;
        let key = acme.upload("inbound/", "nda.pdf", contract()).await;
        let id = acme.job(&key);
        acme.ready(&id).await;
        let elsewhere = format!("s3://{}/{key}", acme.bucket());
        publish(stack, &completed(&format!("{id}.a1"), &elsewhere)).await;
        let item = quarantined(stack, &elsewhere).await;
        assert_eq!(text(&item, &["cause"]), "Contradiction");
        assert_eq!(acme.page.jobs[&id].status, "Ready");
    });
}

#[test]
fn that_is_only_a_test_is_dropped_silently() {
    run(async |stack| {
        let test = json!({"eventSource": "aws:sagemaker", "eventName": "TestNotification", "mark": "only a test"});
        publish(stack, &test).await;
        let send = stack
            .cloud
            .sqs
            .send_message()
            .queue_url(&stack.outputs.uploads_queue_url);
        let event =
            json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "only a test"});
        send.message_body(event.to_string()).send().await.unwrap();
        // A message that comes later, and is quarantined, has passed them by.
        publish(stack, &json!({"after": "the test"})).await;
        let send = stack
            .cloud
            .sqs
            .send_message()
            .queue_url(&stack.outputs.uploads_queue_url);
        send.message_body("{\"after\": \"the test event\"}")
            .send()
            .await
            .unwrap();
        quarantined(stack, "\"the test\"").await;
        quarantined(stack, "\"the test event\"").await;
        let query = stack
            .cloud
            .dynamodb
            .scan()
            .table_name(&stack.outputs.records_table_name)
            .send()
            .await
            .unwrap();
        let bodies = query.items.unwrap_or_default();
        assert!(bodies.iter().all(|item| {
            item.get("body")
                .is_none_or(|body| !body.as_s().unwrap().contains("only a test"))
        }));
    });
}

/// `Ready` means that the result is there. Here it is not, whatever the message says.
#[test]
fn because_the_output_it_names_is_missing_is_not_believed() {
    run(async |stack| {
        const ENDPOINT: &str = "docket-doc-understanding";
        let mut acme = Tenant::new(stack, "missing").await;
        let mut seen = stack.endpoint_events();
        let lossy = Faults {
            lose_notification: FaultRate::ALWAYS.times(1),
            ..Faults::default()
        };
        stack.endpoints.set_faults(ENDPOINT, lossy).unwrap();
        let key = acme
            .upload("inbound-documents/", "missing.pdf", contract())
            .await;
        let id = acme.job(&key);
        let stored = async {
            loop {
                let seen = seen.recv().await.unwrap();
                if let EndpointEventKind::Completed { output } = seen.kind
                    && seen
                        .inference_id
                        .is_some_and(|inference| inference == format!("{id}.a1"))
                {
                    return output;
                }
            }
        };
        let output = soon("the output", stored).await;
        let at: jobs::id::Location = output.parse().unwrap();
        stack
            .cloud
            .s3
            .delete_object()
            .bucket(&at.bucket)
            .key(&at.key)
            .send()
            .await
            .unwrap();
        publish(stack, &completed(&format!("{id}.a1"), &output)).await;

        let job = acme.see(&id, |job| job.status == "RetryScheduled").await;
        let detail = job.failure.unwrap().detail;
        assert!(detail.contains(&output), "{detail}");
        // The next attempt has its result.
        assert_eq!(acme.ready(&id).await.attempt, 2);
    });
}
