//! What S3, SageMaker or a queue should have said, and did not: the reconciler finds it.

use std::process::Command;

use async_endpoint::{FaultRate, Faults};
use aws_sdk_s3::types::NotificationConfiguration;
use devstack::Stack;
use devstack::cloud::{ACCESS_KEY, REGION, SECRET_KEY};
use serde_json::Value;

use crate::support::{
    Tenant, bury_for_good, contract, let_the_deadline_pass, messages, quarantined, row, run_alone,
    s3_event, text, until,
};

/// Calls the reconciler as `docs/operations.md` says, and answers what it says.
pub(crate) fn reconcile(stack: &Stack, payload: &str) -> Value {
    let answer = std::env::temp_dir().join(format!("reconciled-{}.json", std::process::id()));
    let done = Command::new(devstack::venv_python().unwrap())
        .args(["-m", "awscli", "lambda", "invoke"])
        .args(["--function-name", &stack.outputs.reconciler_function_name])
        .args(["--payload", payload])
        .arg(&answer)
        .env_clear()
        .envs([
            ("AWS_ENDPOINT_URL", stack.cloud.url.as_str()),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
            ("AWS_DEFAULT_REGION", REGION),
        ])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
    let text = std::fs::read_to_string(&answer).unwrap();
    std::fs::remove_file(&answer).unwrap();
    assert!(
        done.status.success() && !said.contains("FunctionError"),
        "{said}{text}"
    );
    serde_json::from_str(&text).unwrap()
}

/// "Every job reaches `Ready`, `Failed` or `Cancelled` within a bound that its pipeline states, whatever messages are
/// lost, doubled, late or swapped, and wherever a function dies."
#[test]
fn about_a_result_and_it_is_found_at_the_deadline() {
    run_alone(async |stack| {
        let mut acme = Tenant::new(stack, "lost-result").await;
        let loses = Faults {
            lose_notification: FaultRate::ALWAYS,
            ..Faults::default()
        };
        let endpoint = "docket-legal-review";
        stack.endpoints.set_faults(endpoint, loses).unwrap();
        let key = acme.upload("inbound/", "nda.pdf", contract()).await;
        let id = acme.job(&key);
        acme.see(&id, |job| job.status == "InProgress").await;
        // The output is there, and nobody has said so.
        let prefix = format!("outbound/legal-review/{id}/");
        until("the output", async || {
            let list = stack.cloud.s3.list_objects_v2().bucket(acme.bucket());
            let found = list.prefix(&prefix).send().await.unwrap();
            found.key_count.filter(|count| *count > 0)
        })
        .await;
        stack
            .endpoints
            .set_faults(endpoint, Faults::default())
            .unwrap();
        let idle = reconcile(stack, "{}");
        assert_eq!(
            row(stack, &id).await["status"].as_s().unwrap(),
            "InProgress"
        );
        assert_eq!(idle["woken"], 0, "it is not late yet");

        let_the_deadline_pass(stack, &id).await;
        assert_eq!(reconcile(stack, "{}")["woken"], 1);
        let job = acme.ready(&id).await;
        assert_eq!(job.attempt, 1, "and no second run was made");
    });
}

/// "Every object version that is current when it is processed has exactly one job, whatever S3 events are lost, doubled
/// or reordered."
#[test]
fn about_an_upload_and_it_is_found_by_looking_through_the_bucket() {
    run_alone(async |stack| {
        let mut acme = Tenant::new(stack, "lost-upload").await;
        let s3 = &stack.cloud.s3;
        let get = s3.get_bucket_notification_configuration();
        let configured = get.bucket(acme.bucket()).send().await.unwrap();
        let set = async |configuration| {
            s3.put_bucket_notification_configuration()
                .bucket(acme.bucket())
                .notification_configuration(configuration)
                .send()
                .await
                .unwrap();
        };
        set(NotificationConfiguration::builder().build()).await;
        let plain = acme.upload("inbound/", "nda.pdf", contract()).await;
        let odd = acme
            .upload("inbound-documents/", "Müller + Söhne (1).pdf", contract())
            .await;
        let restored = NotificationConfiguration::builder()
            .set_queue_configurations(configured.queue_configurations)
            .build();
        set(restored).await;

        let done = reconcile(stack, "{\"everything\": true}");
        assert_eq!(done["announced"], 2, "{done}");
        for key in [&plain, &odd] {
            let id = acme.job(key);
            acme.ready(&id).await;
        }
        let again = reconcile(stack, "{\"everything\": true}");
        assert_eq!(again["announced"], 0, "{again}");
    });
}

/// "Nothing is dropped with a 200: what cannot be understood is quarantined, visible to support, and alarmed."
#[test]
fn about_a_dead_letter_and_it_is_sent_back_or_quarantined() {
    run_alone(async |stack| {
        let mut acme = Tenant::new(stack, "dead-letters").await;
        let dead = &stack.outputs.uploads_dead_letters_url;
        let sqs = &stack.cloud.sqs;
        // An event that was given up while the table was down.
        let key = acme.upload("inbound/", "nda.pdf", contract()).await;
        let id = acme.job(&key);
        acme.ready(&id).await;
        let version = text(&row(stack, &id).await, &["input", "version"]).to_owned();
        let event = s3_event(acme.bucket(), &key, &version);
        let send = sqs.send_message().queue_url(dead).message_body(event);
        send.send().await.unwrap();
        // And one that has been sent back for a day.
        bury_for_good(stack, dead, "a message that kills functions", "the-first").await;

        let done = reconcile(stack, "{}");
        assert_eq!(
            (&done["sentBack"], &done["quarantined"]),
            (&1.into(), &1.into()),
            "{done}"
        );
        let entry = quarantined(stack, "kills functions").await;
        assert_eq!(text(&entry, &["sk"]), "uploads#the-first");
        assert_eq!(text(&entry, &["cause"]), "DeadLetter");
        until("the queues to be empty", async || {
            let left = messages(stack, dead).await
                + messages(stack, &stack.outputs.uploads_queue_url).await;
            (left == 0).then_some(())
        })
        .await;
        assert_eq!(
            row(stack, &id).await["status"].as_s().unwrap(),
            "Ready",
            "the event was an old one"
        );
    });
}
