//! What support does now and then: a look at everybody's jobs, a document with an odd name, the rest of a plan.

use aws_sdk_dynamodb::types::AttributeValue;
use devstack::Stack;
use jobs::id::JobId;
use serde_json::{Value, json};

use super::{CUSTOMER, SUPPORT, Terminal, api};
use crate::nobody_says_a_word::reconcile;
use crate::support::{Item, row, run, run_alone, sample, text, until};

/// Uploads a document that the model will not take, for `acme`, and waits for its failure.
async fn failed(stack: &Stack, name: &str) -> (String, String) {
    let bucket = &stack.outputs.jobs_bucket_name;
    let key = format!("inbound-documents/acme/{name}");
    let put = stack.cloud.s3.put_object().bucket(bucket).key(&key);
    let put = put.content_type("application/pdf");
    put.body(sample("bad/broken.pdf").into())
        .send()
        .await
        .unwrap();
    let id = JobId::of_key(bucket, &key).to_string();
    until("the job to fail", async || {
        let reply = api(stack, SUPPORT, "GET", &format!("/jobs/{id}"), None).await;
        (reply.status == 200 && reply.json()["job"]["status"] == "Failed").then_some(())
    })
    .await;
    (key, id)
}

#[test]
fn everybodys_jobs_are_counted_and_listed() {
    run(async |stack| {
        failed(stack, "counted-before.pdf").await;
        let (_, id) = failed(stack, "counted.pdf").await;
        let asked = async |path: &str| api(stack, SUPPORT, "GET", path, None).await.json();
        let summary = asked("/summary").await;
        assert!(summary["failed"].as_u64() >= Some(1), "{summary}");
        let listed = asked("/jobs?status=failed&pipeline=doc-understanding").await;
        let mut jobs = listed["jobs"].as_array().unwrap().iter();
        assert!(jobs.any(|job| job["id"] == id.as_str()), "{listed}");
        let first = asked("/jobs?status=failed&limit=1").await;
        let cursor = first["cursor"].as_str().unwrap();
        let second = asked(&format!("/jobs?status=failed&limit=1&cursor={cursor}")).await;
        assert_ne!(first["jobs"][0]["id"], second["jobs"][0]["id"], "{second}");
        let open = asked("/jobs?status=open").await;
        assert!(open["jobs"].is_array(), "{open}");
        assert_eq!(
            api(stack, CUSTOMER, "GET", "/jobs?tenant=globex", None)
                .await
                .status,
            403
        );
    });
}

/// Its name cannot be called, so the endpoint is given a copy; when the retry comes, S3 has removed that.
#[test]
fn a_document_with_an_odd_name_is_run_again_and_then_deleted() {
    run(async |stack| {
        let support = Terminal::sign_in(stack, SUPPORT).await;
        let (key, id) = failed(stack, "Prüfung + Anhang.pdf").await;
        let s3 = &stack.cloud.s3;
        let bucket = &stack.outputs.jobs_bucket_name;
        let copy = format!("work/{id}");
        let delete = s3.delete_object().bucket(bucket).key(&copy);
        delete.send().await.unwrap();
        let order = ["jobs", "retry", &id, "--reason", "a new model"];
        let ran = support.docket(&order).await;
        assert_eq!(ran.status, 0, "{}{}", ran.out, ran.err);
        until("the second run to fail", async || {
            let detail = support.json(&["jobs", "show", &id]).await;
            let over =
                detail["job"]["status"] == "Failed" && detail["job"]["attempt"].as_u64() == Some(2);
            over.then_some(())
        })
        .await;
        let there = s3.head_object().bucket(bucket).key(&copy).send().await;
        assert!(there.is_ok(), "it was copied anew");
        let row = row(stack, &id).await;
        let attempts = row["attempts"].as_l().unwrap();
        let failures = attempts
            .iter()
            .map(|attempt| text(attempt.as_m().unwrap(), &["err"]).to_owned());
        let places: Vec<String> = [key, copy].into_iter().chain(failures).collect();

        let order = ["jobs", "delete-data", &id, "--reason", "a letter", "--yes"];
        let ran = support.docket(&order).await;
        assert_eq!(ran.status, 0, "{}{}", ran.out, ran.err);
        for place in &places {
            let listing = s3.list_object_versions().bucket(bucket).prefix(place);
            let listed = listing.send().await.unwrap();
            assert!(listed.versions().is_empty(), "{place} is left");
        }
    });
}

/// Support's function sends the first orders of a plan. Should it die before, the reconciler does.
#[test]
fn a_plan_that_was_applied_is_released_whoever_dies() {
    run_alone(async |stack| {
        let (_, id) = failed(stack, "planned.pdf").await;
        let detail = api(stack, SUPPORT, "GET", &format!("/jobs/{id}"), None).await;
        let since = detail.json()["job"]["updated_at"].clone();
        let asked = json!({"filter": {"tenant": "acme", "pipeline": "doc-understanding", "since": since},
            "reason": "checked", "per_minute": 600});
        let made = api(stack, SUPPORT, "POST", "/retry-plans", Some(asked)).await;
        let plan = made.json()["id"].as_str().unwrap().to_owned();
        let path = format!("/retry-plans/{plan}/apply");
        let applied = api(stack, SUPPORT, "POST", &path, None).await;
        assert_eq!(applied.status, 200);
        let all = api(stack, SUPPORT, "GET", "/retry-plans", None).await;
        let all = all.json();
        let mut plans = all["plans"].as_array().unwrap().iter();
        assert!(plans.any(|one| one["id"] == plan.as_str()), "{all}");

        // As if it had died before it sent any order.
        let mut item = document(stack, "plan", &plan).await.unwrap();
        let mut content: Value = serde_json::from_str(text(&item, &["text"])).unwrap();
        let jobs = content["jobs"].clone();
        assert_eq!(content["released"], jobs);
        content["released"] = 0.into();
        put(&mut item, "text", content.to_string());
        write(stack, item.clone()).await;
        put(&mut item, "pk", "plan-active".to_owned());
        put(&mut item, "text", String::new());
        item.insert("revision".to_owned(), AttributeValue::N("1".to_owned()));
        write(stack, item).await;

        reconcile(stack, "{}");
        let item = document(stack, "plan", &plan).await.unwrap();
        let content: Value = serde_json::from_str(text(&item, &["text"])).unwrap();
        assert_eq!(content["released"], jobs);
        assert_eq!(document(stack, "plan-active", &plan).await, None);
    });
}

fn put(item: &mut Item, name: &str, value: String) {
    item.insert(name.to_owned(), AttributeValue::S(value));
}

async fn document(stack: &Stack, folder: &str, name: &str) -> Option<Item> {
    let get = stack.cloud.dynamodb.get_item();
    let get = get
        .table_name(&stack.outputs.records_table_name)
        .consistent_read(true)
        .key("pk", AttributeValue::S(folder.to_owned()))
        .key("sk", AttributeValue::S(name.to_owned()));
    get.send().await.unwrap().item
}

async fn write(stack: &Stack, item: Item) {
    let put = stack.cloud.dynamodb.put_item();
    let put = put.table_name(&stack.outputs.records_table_name);
    put.set_item(Some(item)).send().await.unwrap();
}
