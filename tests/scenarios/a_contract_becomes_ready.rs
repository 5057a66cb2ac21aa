//! The main thing: a contract goes in, "ready" comes out, and everyone who waits for it is told.

use std::time::Duration;

use async_endpoint::{FaultRate, Faults};
use aws_sdk_sqs::types::QueueAttributeName;
use devstack::{PushFrame, Stack};
use serde_json::Value;

use crate::support::{Tenant, contract, row, run, run_alone, sample, soon, text};

/// A queue that a rule on the bus puts events into, as a machine downstream would have it.
pub(crate) struct Listener {
    queue: String,
    stack: &'static Stack,
}

impl Listener {
    pub(crate) async fn new(stack: &'static Stack, name: &str, tenant: &str) -> Self {
        let made = stack
            .cloud
            .sqs
            .create_queue()
            .queue_name(name)
            .send()
            .await
            .unwrap();
        let queue = made.queue_url.unwrap();
        let arn = QueueAttributeName::QueueArn;
        let get = stack
            .cloud
            .sqs
            .get_queue_attributes()
            .queue_url(&queue)
            .attribute_names(arn.clone());
        let arn = get.send().await.unwrap().attributes.unwrap()[&arn].clone();

        let events = aws_sdk_eventbridge::Client::new(stack.cloud.config());
        let bus = &stack.outputs.event_bus_name;
        let pattern =
            serde_json::json!({"source": ["docket"], "detail": {"job": {"tenant": [tenant]}}});
        let rule = events
            .put_rule()
            .name(name)
            .event_bus_name(bus)
            .event_pattern(pattern.to_string());
        rule.send().await.unwrap();
        let target = aws_sdk_eventbridge::types::Target::builder()
            .id("queue")
            .arn(arn)
            .build()
            .unwrap();
        events
            .put_targets()
            .rule(name)
            .event_bus_name(bus)
            .targets(target)
            .send()
            .await
            .unwrap();
        Self { queue, stack }
    }

    /// The next event.
    pub(crate) async fn next(&self) -> Value {
        let receiving = async {
            loop {
                let receive = self
                    .stack
                    .cloud
                    .sqs
                    .receive_message()
                    .queue_url(&self.queue);
                let got = receive
                    .wait_time_seconds(5)
                    .max_number_of_messages(1)
                    .send()
                    .await
                    .unwrap();
                if let Some(message) = got.messages.unwrap_or_default().pop() {
                    let delete = self.stack.cloud.sqs.delete_message().queue_url(&self.queue);
                    delete
                        .receipt_handle(message.receipt_handle.unwrap())
                        .send()
                        .await
                        .unwrap();
                    return serde_json::from_str(&message.body.unwrap()).unwrap();
                }
            }
        };
        soon("an event", receiving).await
    }
}

#[test]
fn with_its_clauses_a_push_an_event_and_a_true_row() {
    run(async |stack| {
        let mut acme = Tenant::new(stack, "ready").await;
        assert_eq!(acme.first_snapshot, []);
        let listener = Listener::new(stack, "ready-listener", acme.name).await;

        let key = acme.upload("inbound/", "nda.pdf", contract()).await;
        let id = acme.job(&key);
        let mut pushes = Vec::new();
        while pushes.last().is_none_or(|status| status != "Ready") {
            match acme.next().await.frame {
                PushFrame::JobChanged { job } if job.id == id => pushes.push(job.status),
                PushFrame::JobChanged { .. }
                | PushFrame::Snapshot { .. }
                | PushFrame::Error { .. } => {}
            }
        }
        // Two copies may come, and a late one after the end; but the way is this.
        pushes.dedup();
        assert_eq!(pushes, ["InProgress", "Ready"]);

        let job = &acme.page.jobs[&id];
        assert_eq!(
            (
                job.tenant.as_str(),
                job.pipeline.as_str(),
                job.name.as_str()
            ),
            ("ready", "legal-review", "nda.pdf")
        );
        assert_eq!((job.bytes, job.attempt), (contract().len() as u64, 1));

        // The row says the same, and where the result is.
        let row = row(stack, &id).await;
        assert_eq!(text(&row, &["status"]), "Ready");
        assert_eq!(row["version"].as_n().unwrap(), &job.version.to_string());
        assert_eq!(text(&row, &["input", "key"]), key);
        assert!(
            !row.contains_key("next_check_at"),
            "nobody has to look at it again"
        );
        assert_eq!(row["attempts"].as_l().unwrap().len(), 1);

        // Machines are told where it is; the clauses are there.
        let event = listener.next().await;
        assert_eq!(
            (&event["source"], &event["detail-type"]),
            (&"docket".into(), &"JobReady".into())
        );
        assert_eq!(event["detail"]["id"], format!("{id}:{}", job.version));
        let output: jobs::id::Location =
            event["detail"]["output"].as_str().unwrap().parse().unwrap();
        assert!(output.key.starts_with("outbound/legal-review/"), "{output}");
        let object = stack
            .cloud
            .s3
            .get_object()
            .bucket(output.bucket)
            .key(output.key)
            .send()
            .await
            .unwrap();
        let answer: Value =
            serde_json::from_slice(&object.body.collect().await.unwrap().into_bytes()).unwrap();
        let clauses: Vec<&str> = answer["clauses"]
            .as_array()
            .unwrap()
            .iter()
            .map(|clause| clause["type"].as_str().unwrap())
            .collect();
        assert!(
            clauses.contains(&"governing_law") && clauses.contains(&"confidentiality"),
            "{clauses:?}"
        );

        // A page that opens now sees it at once.
        let later = Tenant::new(stack, "ready").await;
        assert_eq!(later.first_snapshot.iter().collect::<Vec<_>>(), [job]);
    });
}

#[test]
fn in_every_pipeline() {
    run(async |stack| {
        let mut acme = Tenant::new(stack, "pipelines").await;
        let batch = sample("batches/Scan 2026-03-14 0001.pdf");
        let batch = acme.upload("inbound-batches/", "scan.pdf", batch).await;
        let document = acme
            .upload("inbound-documents/", "document.pdf", contract())
            .await;
        for (key, pipeline) in [(batch, "ocr-batch"), (document, "doc-understanding")] {
            let id = acme.job(&key);
            assert_eq!(acme.ready(&id).await.pipeline, pipeline);
        }
    });
}

#[test]
fn also_without_a_tenant_in_its_key() {
    run(async |stack| {
        let mut nobody = Tenant::new(stack, "default").await;
        let key = "inbound/without-a-folder.pdf";
        nobody.put(key, contract()).await;
        let id = nobody.job(key);
        assert_eq!(nobody.ready(&id).await.tenant, "default");
    });
}

#[test]
fn with_one_result_however_often_it_is_announced() {
    run(async |stack| {
        let mut acme = Tenant::new(stack, "doubled").await;
        let mut seen = stack.endpoint_events();
        let key = format!("inbound/{}/once.pdf", acme.name);
        let version = acme.put(&key, contract()).await;
        let id = acme.job(&key);
        let event = crate::support::s3_event(acme.bucket(), &key, &version);
        for _ in 0..3 {
            let send = stack
                .cloud
                .sqs
                .send_message()
                .queue_url(&stack.outputs.uploads_queue_url);
            send.message_body(&event).send().await.unwrap();
        }
        acme.ready(&id).await;
        crate::support::until("the copies to be worked off", async || {
            (crate::support::messages(stack, &stack.outputs.uploads_queue_url).await == 0)
                .then_some(())
        })
        .await;
        let mut runs = 0;
        while let Ok(Ok(seen)) = tokio::time::timeout(Duration::ZERO, seen.recv()).await {
            let is_run = matches!(
                seen.kind,
                async_endpoint::server::EndpointEventKind::InvocationStarted { .. }
            );
            runs += usize::from(
                is_run
                    && seen
                        .inference_id
                        .is_some_and(|inference| inference.starts_with(&id)),
            );
        }
        assert_eq!(runs, 1, "a duplicate event costs no second GPU run");
    });
}

/// The function that was refused says itself when to try again.
#[test]
fn although_the_endpoint_takes_it_only_the_second_time() {
    run_alone(async |stack| {
        let mut acme = Tenant::new(stack, "refused").await;
        let refuses = Faults {
            invoke_unavailable: FaultRate::ALWAYS.times(1),
            ..Faults::default()
        };
        let endpoint = "docket-doc-understanding";
        stack.endpoints.set_faults(endpoint, refuses).unwrap();
        let key = acme
            .upload("inbound-documents/", "refused.pdf", contract())
            .await;
        let id = acme.job(&key);
        acme.see(&id, |job| job.status == "RetryScheduled").await;
        assert_eq!(acme.ready(&id).await.attempt, 1, "nothing of it ran before");
    });
}
