//! A notification of S3 or SageMaker did not arrive, or the result of a call was not recorded: the job ends anyway.

use std::time::{SystemTime, UNIX_EPOCH};

use async_endpoint::{FaultRate, Faults};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_s3::types::NotificationConfiguration;

use crate::support::{
    CHECKS_SENT, DOC_UNDERSTANDING, EndpointFaults, LEGAL_REVIEW, PAST_MS, RESENT, RunResult,
    TestTenant, UnreportedJob, contract, delete, expire_deadline, reconcile, row, run_alone,
    s3_event, sample, send_to_uploads, text, until, update_row,
};

/// Guarantee 2: every job ends within its pipeline's deadline, whatever messages are lost and wherever a function dies.
#[test]
fn lost_success_notification_is_recovered_at_the_deadline() {
    run_alone(async |stack| {
        let mut acme = TestTenant::new(stack, "lost-result").await;
        let faults = EndpointFaults::lose_notifications(stack, LEGAL_REVIEW);
        let key = acme.upload("inbound/", "nda.pdf", contract()).await;
        let id = acme.job(&key);
        acme.wait_for_status(&id, "InProgress").await;
        let prefix = format!("outbound/legal-review/{id}/");
        until("the output", async || {
            let list = stack.cloud.s3.list_objects_v2().bucket(acme.bucket());
            let found = list.prefix(&prefix).send().await.unwrap();
            found.key_count.filter(|count| *count > 0)
        })
        .await;
        drop(faults);
        let report = reconcile(stack, "{}");
        assert_eq!(text(&row(stack, &id).await, &["status"]), "InProgress");
        assert_eq!(report[CHECKS_SENT], 0, "the deadline has not passed");

        expire_deadline(stack, &id).await;
        assert_eq!(reconcile(stack, "{}")[CHECKS_SENT], 1);
        let job = acme.ready(&id).await;
        assert_eq!(job.attempt, 1, "the model ran once");
    });
}

/// Guarantee 2: every job ends within its pipeline's deadline, whatever messages are lost and wherever a function dies.
/// Here the input was deleted as well.
#[test]
fn lost_error_notification_is_recovered_at_the_deadline() {
    run_alone(async |stack| {
        let mut acme = TestTenant::new(stack, "lost-failure").await;
        let faults = EndpointFaults::lose_notifications(stack, DOC_UNDERSTANDING);
        let broken = sample("bad/broken.pdf");
        let job = UnreportedJob::create(&mut acme, "broken.pdf", broken, RunResult::Failure).await;
        delete(stack, &job.key).await;
        drop(faults);
        expire_deadline(stack, &job.id).await;
        assert_eq!(reconcile(stack, "{}")[CHECKS_SENT], 1);
        let scheduled = acme.wait_for_status(&job.id, "RetryScheduled").await;
        let detail = scheduled.failure.unwrap().detail;
        assert!(
            detail.contains("the PDF is cut off: its end is missing"),
            "{detail}"
        );
        // The second attempt finds no input.
        let (cause, detail) = acme.failed(&job.id).await;
        assert_eq!(acme.page.jobs[&job.id].attempt, 2, "{cause}: {detail}");
    });
}

#[expect(
    clippy::disallowed_methods,
    reason = "the functions of the stack go by this clock"
)]
fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(now.as_millis()).unwrap()
}

/// Guarantee 5: only a lost answer or record of the invoke call, or an attempt past its deadline, repeats a GPU run.
///
/// The function died before it recorded that the endpoint accepted the invocation, and the endpoint refuses a second
/// one: the result of the first counts.
#[test]
fn unrecorded_invocation_is_recovered_from_its_output() {
    run_alone(async |stack| {
        let mut acme = TestTenant::new(stack, "unrecorded").await;
        let silent = EndpointFaults::lose_notifications(stack, DOC_UNDERSTANDING);
        let output = RunResult::Output;
        let job = UnreportedJob::create(&mut acme, "document.pdf", contract(), output).await;
        // Time for one more attempt if it starts at once, and for none after a refused call.
        let found = row(stack, &job.id).await;
        let number = |value: &AttributeValue| value.as_n().unwrap().parse::<u64>().unwrap();
        let deadline = number(&found["state"].as_m().unwrap()["deadline"]);
        let attempt_ms = deadline - number(&found["created_at"]);
        let budget_ms = now_ms() + attempt_ms + 8000;
        let expression = "SET #status = :submitting, #state.lease_token = :token, #state.lease_expires_at = :past, \
             #state.budget_expires_at = :budget";
        let values = [
            (":submitting", AttributeValue::S("Submitting".to_owned())),
            (":token", AttributeValue::N("1".to_owned())),
            (":past", AttributeValue::N(PAST_MS.to_owned())),
            (":budget", AttributeValue::N(budget_ms.to_string())),
        ];
        update_row(stack, &job.id, expression, &values).await;
        let refuse = Faults {
            invoke_unavailable: FaultRate::ALWAYS,
            ..Faults::default()
        };
        let refusing = EndpointFaults::set(stack, DOC_UNDERSTANDING, refuse);
        let version = text(&found, &["input", "version"]).to_owned();
        send_to_uploads(stack, s3_event(acme.bucket(), &job.key, &version)).await;
        assert_eq!(acme.ready(&job.id).await.attempt, 1);
        drop((refusing, silent));
    });
}

/// Guarantee 1: every current object version has exactly one job, whatever S3 events are lost, duplicated or reordered.
#[test]
fn lost_s3_event_is_recovered_by_the_inventory_scan() {
    run_alone(async |stack| {
        let mut acme = TestTenant::new(stack, "lost-upload").await;
        let s3 = &stack.cloud.s3;
        let get = s3.get_bucket_notification_configuration();
        let deployed = get.bucket(acme.bucket()).send().await.unwrap();
        let configure = async |configuration| {
            s3.put_bucket_notification_configuration()
                .bucket(acme.bucket())
                .notification_configuration(configuration)
                .send()
                .await
                .unwrap();
        };
        configure(NotificationConfiguration::builder().build()).await;
        let plain = acme.upload("inbound/", "nda.pdf", contract()).await;
        let odd = acme
            .upload("inbound-documents/", "Müller + Söhne (1).pdf", contract())
            .await;
        let restored = NotificationConfiguration::builder()
            .set_queue_configurations(deployed.queue_configurations)
            .build();
        configure(restored).await;

        let report = reconcile(stack, "{\"everything\": true}");
        assert_eq!(report[RESENT], 2, "{report}");
        for key in [&plain, &odd] {
            let id = acme.job(key);
            acme.ready(&id).await;
        }
        let report = reconcile(stack, "{\"everything\": true}");
        assert_eq!(report[RESENT], 0, "{report}");
    });
}
