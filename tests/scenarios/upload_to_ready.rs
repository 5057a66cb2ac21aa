//! The main flow: a customer uploads a document, the job becomes `Ready`, and pages and other systems are notified.

use std::time::Duration;

use async_endpoint::server::EndpointEventKind;
use async_endpoint::{FaultRate, Faults};
use devstack::PushMessage;
use serde_json::Value;

use crate::support::{
    DOC_UNDERSTANDING, EventListener, TestTenant, contract, messages, row, run, run_alone,
    s3_event, sample, send_to_uploads, text, until,
};

#[test]
fn uploaded_contract_becomes_ready_with_push_event_and_row() {
    run(async |stack| {
        let mut acme = TestTenant::new(stack, "ready").await;
        assert_eq!(acme.first_snapshot, []);
        let listener = EventListener::new(stack, "ready-listener", Some(acme.name)).await;

        let key = acme.upload("inbound/", "nda.pdf", contract()).await;
        let id = acme.job(&key);
        let mut pushes = Vec::new();
        while pushes.last().is_none_or(|status| status != "Ready") {
            match acme.next().await.frame {
                PushMessage::JobChanged { job } if job.id == id => pushes.push(job.status),
                PushMessage::JobChanged { .. }
                | PushMessage::Snapshot { .. }
                | PushMessage::Error { .. } => {}
            }
        }
        // Failed documents of other scenarios may have opened the circuit breaker for a moment.
        pushes.retain(|status| status != "Queued");
        // A push may arrive twice.
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

        let row = row(stack, &id).await;
        assert_eq!(text(&row, &["status"]), "Ready");
        assert_eq!(row["version"].as_n().unwrap(), &job.version.to_string());
        assert_eq!(text(&row, &["input", "key"]), key);
        assert!(!row.contains_key("next_check_at"), "no check is due");
        assert_eq!(row["attempts"].as_l().unwrap().len(), 1);

        // The event names the output, which contains the clauses.
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

        // A page that opens now shows the job in its first snapshot.
        let later = TestTenant::new(stack, "ready").await;
        assert_eq!(later.first_snapshot.iter().collect::<Vec<_>>(), [job]);
    });
}

#[test]
fn upload_becomes_ready_in_every_pipeline() {
    run(async |stack| {
        let mut acme = TestTenant::new(stack, "pipelines").await;
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
fn key_without_tenant_folder_belongs_to_the_default_tenant() {
    run(async |stack| {
        let mut default = TestTenant::new(stack, "default").await;
        let key = "inbound/without-a-folder.pdf";
        default.put(key, contract()).await;
        let id = default.job(key);
        assert_eq!(default.ready(&id).await.tenant, "default");
    });
}

#[test]
fn duplicate_s3_events_cause_one_gpu_run() {
    run(async |stack| {
        let mut acme = TestTenant::new(stack, "doubled").await;
        let mut observations = stack.endpoint_events();
        let key = format!("inbound/{}/once.pdf", acme.name);
        let version = acme.put(&key, contract()).await;
        let id = acme.job(&key);
        let event = s3_event(acme.bucket(), &key, &version);
        for _ in 0..3 {
            send_to_uploads(stack, &event).await;
        }
        acme.ready(&id).await;
        until("an empty queue of uploads", async || {
            (messages(stack, &stack.outputs.uploads_queue_url).await == 0).then_some(())
        })
        .await;
        let mut runs = 0;
        while let Ok(Ok(seen)) = tokio::time::timeout(Duration::ZERO, observations.recv()).await {
            let is_run = matches!(seen.kind, EndpointEventKind::InvocationStarted { .. });
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

/// The function schedules the next invocation itself.
#[test]
fn refused_invocation_is_retried_and_becomes_ready() {
    run_alone(async |stack| {
        let mut acme = TestTenant::new(stack, "refused").await;
        let refuse_once = Faults {
            invoke_unavailable: FaultRate::ALWAYS.times(1),
            ..Faults::default()
        };
        stack
            .endpoints
            .set_faults(DOC_UNDERSTANDING, refuse_once)
            .unwrap();
        let key = acme
            .upload("inbound-documents/", "refused.pdf", contract())
            .await;
        let id = acme.job(&key);
        acme.wait_for_status(&id, "RetryScheduled").await;
        assert_eq!(
            acme.ready(&id).await.attempt,
            1,
            "the refused invocation was not an attempt"
        );
    });
}
