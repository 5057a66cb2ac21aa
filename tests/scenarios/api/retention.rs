//! A tenant's retention deletes the data of a job that ended long ago: objects, name, session, quarantined messages.

use aws_sdk_dynamodb::types::AttributeValue;
use devstack::Stack;
use serde_json::{Value, json};

use super::operations::{DeafWebhook, failed_job};
use super::{CliUser, REVIEWER, SUPPORT, call_as};
use crate::support::{PAST_MS, invoke, row, run_alone, text, until, update_row};

fn sample(name: &str) -> String {
    let path = devstack::repo_file("samples").join(name);
    path.to_string_lossy().into_owned()
}

const FUNCTION: &str = "docket-retention";

/// As if it had been set long ago: it begins a day after it is set.
async fn set_long_ago(stack: &Stack) {
    let update = stack.cloud.dynamodb.update_item();
    let body = json!({"since": 1, "created_by": SUPPORT, "retention": {"days": 1, "set_at": 1}});
    let update = update
        .table_name(&stack.outputs.records_table_name)
        .key("pk", AttributeValue::S("tenant".to_owned()))
        .key("sk", AttributeValue::S("acme".to_owned()))
        .update_expression("SET body = :body")
        .expression_attribute_values(":body", AttributeValue::S(body.to_string()));
    update.send().await.unwrap();
}

/// A page whose connection is gone, which a push finds out.
async fn connect_and_vanish(stack: &Stack) {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let number = |number: &str| AttributeValue::N(number.to_owned());
    let put = stack.cloud.dynamodb.put_item();
    let put = put
        .table_name(&stack.outputs.connections_table_name)
        .item("tenant", text("acme"))
        .item("connection_id", text("vanished="))
        .item("registered_at", number(PAST_MS))
        .item("token_expires_at", number("9999999999999"))
        .item("expires_at", number("9999999999"));
    put.send().await.unwrap();
}

async fn versions(stack: &Stack, prefix: &str, part: &str) -> usize {
    let listing = stack.cloud.s3.list_object_versions();
    let listing = listing.bucket(&stack.outputs.jobs_bucket_name);
    let listed = listing.prefix(prefix).send().await.unwrap();
    let keys = listed.versions().iter().filter_map(|it| it.key());
    keys.filter(|key| key.contains(part)).count()
}

#[test]
fn retention_deletes_an_old_job_with_all_its_objects_and_leaves_a_young_one() {
    run_alone(async |stack| {
        let support = CliUser::sign_in(stack, SUPPORT).await;
        let reviewer = CliUser::sign_in(stack, REVIEWER).await;
        let new = json!({"name": "acme", "reason": "a customer"});
        let created = call_as(stack, SUPPORT, "POST", "/tenants", Some(new)).await;
        assert_eq!(created.status, 201);
        let set = [
            "tenants",
            "retention",
            "acme",
            "--days",
            "1",
            "--reason",
            "as agreed",
        ];
        assert_eq!(support.json(&set).await["retention_days"], 1);
        let folder = reviewer.directory().to_string_lossy().into_owned();
        let mut jobs: Vec<Value> = Vec::new();
        for file in [
            "contracts/NDA Halden-Brightwater.pdf",
            "contracts/DPA_Stadtwerke+Meteor.pdf",
        ] {
            let file = sample(file);
            let upload = [
                "upload",
                &file,
                "-p",
                "legal-review",
                "--run-anyway",
                "--wait",
                "--json",
                "--save",
                &folder,
            ];
            let ran = reviewer.docket(&upload).await;
            assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
            jobs.push(serde_json::from_str(ran.stdout.lines().last().unwrap()).unwrap());
        }
        let id = |job: &Value| job["job"]["id"].as_str().unwrap().to_owned();
        let (old, young) = (id(&jobs[0]), id(&jobs[1]));
        let detail = support.json(&["jobs", "show", &old]).await;
        let begins = detail["document_kept_until"].as_u64().unwrap();
        assert_eq!(begins % 86_400_000, 0);
        assert_eq!(detail["result_kept_until"], begins);
        let key = jobs[0]["input"].as_str().unwrap().to_owned();
        let key = key.rsplit('/').next().unwrap();

        let sent = stack.cloud.sqs.send_message();
        let sent = sent
            .queue_url(&stack.outputs.checks_queue_url)
            .message_body(json!({"malformed": old, "long": "x".repeat(5000)}).to_string());
        let sent = sent.send().await.unwrap().message_id.unwrap();
        let entry = format!("checks:{sent}");
        let shown = async || support.docket(&["quarantine", "show", &entry]).await.status;
        until("the quarantined message", async || {
            (shown().await == 0).then_some(())
        })
        .await;
        let nothing = json!({"deleted": 0, "completed": 0, "failed": 0, "incomplete": false});
        assert_eq!(invoke(stack, FUNCTION, "{}"), nothing, "nothing is due");

        // The endpoint read a copy of this one, since its key cannot be in an invocation, and wrote a failure object.
        let webhook = DeafWebhook::create(stack).await;
        let failed = failed_job(stack, "Kündigung + Anhang.pdf").await;
        webhook.wait_for(stack, &failed.id).await;
        let attempts = row(stack, &failed.id).await["attempts"].clone();
        let attempt = attempts.as_l().unwrap()[0].as_m().unwrap();
        let objects = [
            failed.key,
            text(attempt, &["failure"]).to_owned(),
            format!("work/{}", failed.id),
        ];
        for key in &objects {
            assert_eq!(versions(stack, key, "").await, 1, "{key}");
        }
        for id in [&old, &failed.id] {
            let past = AttributeValue::N(PAST_MS.to_owned());
            let expression = "SET created_at = :past, updated_at = :past";
            update_row(stack, id, expression, &[(":past", past)]).await;
        }
        set_long_ago(stack).await;
        connect_and_vanish(stack).await;
        let done = invoke(stack, FUNCTION, "{}");
        assert_eq!(done["deleted"], 2, "{done}");
        assert_eq!(done["incomplete"], false, "{done}");
        webhook.assert_forgotten(stack, &failed.id).await;
        let detail = support.json(&["jobs", "show", &old]).await;
        assert_eq!(detail["job"]["status"], "Erased");
        assert_eq!(detail["document_kept_until"], Value::Null);
        assert_eq!(versions(stack, "inbound/acme/", key).await, 0);
        assert_eq!(versions(stack, "outbound/legal-review/", &old).await, 0);
        for key in &objects {
            assert_eq!(versions(stack, key, "").await, 0, "{key}");
        }
        assert_eq!(versions(stack, "quarantine/", &sent).await, 0);
        assert_eq!(shown().await, 4, "the quarantined message names the job");
        let found = support.json(&["audit"]).await;
        let mut entries = found["entries"].as_array().unwrap().iter();
        let entry = entries.find(|entry| entry["target"] == old.as_str());
        let entry = entry.unwrap();
        assert_eq!(
            (&entry["actor"], &entry["action"]),
            (&json!("retention"), &json!("delete-data"))
        );
        let detail = support.json(&["jobs", "show", &young]).await;
        assert_eq!(detail["job"]["status"], "Ready");
        assert!(versions(stack, "outbound/legal-review/", &young).await > 0);
        let take_back = [
            "tenants",
            "retention",
            "acme",
            "--as-pipelines",
            "--reason",
            "a test",
        ];
        let back = support.json(&take_back).await;
        assert_eq!(back["retention_days"], Value::Null);
    });
}
