//! Operations of support: job lists over all tenants, retries, deletion of data, retry plans.

use aws_sdk_dynamodb::types::AttributeValue;
use devstack::Stack;
use jobs::id::JobId;
use serde_json::{Value, json};

use super::{CUSTOMER, CliUser, SUPPORT, call_as};
use crate::support::{
    Item, UnreportedJob, publish_success, reconcile, row, run, run_alone, sample,
    success_notification, text, until,
};

pub(super) struct FailedJob {
    pub(super) key: String,
    pub(super) id: String,
}

/// Uploads a document for tenant `acme` that the model rejects, and waits until its job has failed.
pub(super) async fn failed_job(stack: &Stack, name: &str) -> FailedJob {
    let bucket = &stack.outputs.jobs_bucket_name;
    let key = format!("inbound-documents/acme/{name}");
    let put = stack.cloud.s3.put_object().bucket(bucket).key(&key);
    let put = put
        .content_type("application/pdf")
        .metadata("docket-batch", "2026-11");
    put.body(sample("bad/broken.pdf").into())
        .send()
        .await
        .unwrap();
    let id = JobId::of_key(bucket, &key).to_string();
    until("the job to fail", async || {
        let reply = call_as(stack, SUPPORT, "GET", &format!("/jobs/{id}"), None).await;
        (reply.status == 200 && reply.json()["job"]["status"] == "Failed").then_some(())
    })
    .await;
    FailedJob { key, id }
}

/// A webhook of tenant `acme` with details. Its address does not answer, so each delivery fails, which its log says.
pub(super) struct DeafWebhook {
    path: String,
}

impl DeafWebhook {
    pub(super) async fn create(stack: &Stack) -> Self {
        let body =
            json!({"url": "http://127.0.0.1:47111/", "tenant": "acme", "include_details": true});
        let created = call_as(stack, SUPPORT, "POST", "/webhooks", Some(body)).await;
        assert_eq!(created.status, 201);
        let id = created.json()["id"].as_str().unwrap().to_owned();
        Self {
            path: format!("/webhooks/{id}"),
        }
    }

    /// Whether the log has a delivery about a job.
    async fn has_logged(&self, stack: &Stack, job: &str) -> bool {
        let path = format!("{}/deliveries", self.path);
        let log = call_as(stack, SUPPORT, "GET", &path, None).await.json();
        let mut deliveries = log["deliveries"].as_array().unwrap().iter();
        deliveries.any(|it| it["event_id"].as_str().unwrap().starts_with(job))
    }

    pub(super) async fn wait_for(&self, stack: &Stack, job: &str) {
        until("a delivery in the log", async || {
            self.has_logged(stack, job).await.then_some(())
        })
        .await;
    }

    pub(super) async fn assert_forgotten(self, stack: &Stack, job: &str) {
        assert!(!self.has_logged(stack, job).await, "{job} is in the log");
        let deleted = call_as(stack, SUPPORT, "DELETE", &self.path, None).await;
        assert_eq!(deleted.status, 204);
    }
}

#[test]
fn support_counts_and_lists_jobs_of_every_tenant() {
    run(async |stack| {
        failed_job(stack, "counted-before.pdf").await;
        let FailedJob { id, .. } = failed_job(stack, "counted.pdf").await;
        let get = async |path: &str| call_as(stack, SUPPORT, "GET", path, None).await.json();
        let summary = get("/summary").await;
        assert!(summary["failed"].as_u64() >= Some(1), "{summary}");
        let listed = get("/jobs?status=failed&pipeline=doc-understanding").await;
        let mut jobs = listed["jobs"].as_array().unwrap().iter();
        assert!(jobs.any(|job| job["id"] == id.as_str()), "{listed}");
        let first = get("/jobs?status=failed&limit=1").await;
        let cursor = first["cursor"].as_str().unwrap();
        let second = get(&format!("/jobs?status=failed&limit=1&cursor={cursor}")).await;
        assert_ne!(first["jobs"][0]["id"], second["jobs"][0]["id"], "{second}");
        let open = get("/jobs?status=open").await;
        assert!(open["jobs"].is_array(), "{open}");
        assert_eq!(
            call_as(stack, CUSTOMER, "GET", "/jobs?tenant=globex", None)
                .await
                .status,
            403
        );
    });
}

/// The invocation cannot carry this key, so the endpoint reads a copy under `work/`. When the retry starts, the copy
/// has expired.
#[test]
fn retry_recreates_a_deleted_work_copy_and_delete_data_removes_all_objects() {
    run(async |stack| {
        let support = CliUser::sign_in(stack, SUPPORT).await;
        let webhook = DeafWebhook::create(stack).await;
        let FailedJob { key, id } = failed_job(stack, "Prüfung + Anhang.pdf").await;
        webhook.wait_for(stack, &id).await;
        let s3 = &stack.cloud.s3;
        let bucket = &stack.outputs.jobs_bucket_name;
        let copy = format!("work/{id}");
        let delete = s3.delete_object().bucket(bucket).key(&copy);
        delete.send().await.unwrap();
        let retry = ["jobs", "retry", &id, "--reason", "a new model"];
        let ran = support.docket(&retry).await;
        assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
        until("the second failure", async || {
            let detail = support.json(&["jobs", "show", &id]).await;
            let over =
                detail["job"]["status"] == "Failed" && detail["job"]["attempt"].as_u64() == Some(2);
            over.then_some(())
        })
        .await;
        let head = s3.head_object().bucket(bucket).key(&copy).send().await;
        assert!(head.is_ok(), "the retry has made a new copy");
        let row = row(stack, &id).await;
        let attempts = row["attempts"].as_l().unwrap();
        let failures = attempts
            .iter()
            .map(|attempt| text(attempt.as_m().unwrap(), &["failure"]).to_owned());
        let keys: Vec<String> = [key, copy].into_iter().chain(failures).collect();

        let delete = ["jobs", "delete-data", &id, "--reason", "a letter", "--yes"];
        let ran = support.docket(&delete).await;
        assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
        webhook.assert_forgotten(stack, &id).await;
        for key in &keys {
            let listing = s3.list_object_versions().bucket(bucket).prefix(key);
            let listed = listing.send().await.unwrap();
            assert!(listed.versions().is_empty(), "{key} still exists");
        }

        // What an attempt writes and reports after that is deleted too, and the deletion can be repeated.
        let failure = keys.last().unwrap().clone();
        let output = format!("outbound/doc-understanding/late-{id}.out");
        let late = UnreportedJob {
            key: keys[0].clone(),
            id: id.clone(),
            result: failure.clone(),
        };
        let own = format!("outbound/doc-understanding/{id}/a1/late.out");
        let put_late = async |key: &str| {
            let put = s3.put_object().bucket(bucket).key(key);
            put.body(b"late".to_vec().into()).send().await.unwrap();
        };
        let deleted = async |key: &str| {
            until("the deletion of a late result", async || {
                let listing = s3.list_object_versions().bucket(bucket).prefix(key);
                let listed = listing.send().await.unwrap();
                listed.versions().is_empty().then_some(())
            })
            .await;
        };
        put_late(&output).await;
        put_late(&failure).await;
        let location = format!("s3://{bucket}/{output}");
        publish_success(stack, &success_notification(&format!("{id}.a1"), &location)).await;
        deleted(&output).await;
        deleted(&failure).await;
        put_late(&own).await;
        put_late(&failure).await;
        late.publish_error(stack).await;
        deleted(&own).await;
        deleted(&failure).await;
        let ran = support.docket(&delete).await;
        assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
        let detail = support.json(&["jobs", "show", &id]).await;
        assert_eq!(detail["job"]["status"], "Erased");
        assert!(!detail.to_string().contains("Anhang"), "{detail}");
    });
}

/// The API's function sends the first retry commands of a plan when it is applied. If it dies before, the reconciler
/// sends them.
#[test]
fn reconciler_releases_a_retry_plan_after_the_api_function_died() {
    run_alone(async |stack| {
        let FailedJob { id, .. } = failed_job(stack, "planned.pdf").await;
        let detail = call_as(stack, SUPPORT, "GET", &format!("/jobs/{id}"), None).await;
        let since = detail.json()["job"]["updated_at"].clone();
        let request = json!({"filter": {"tenant": "acme", "pipeline": "doc-understanding", "since": since},
            "reason": "checked", "per_minute": 600});
        let created = call_as(stack, SUPPORT, "POST", "/retry-plans", Some(request)).await;
        let plan = created.json()["id"].as_str().unwrap().to_owned();
        let path = format!("/retry-plans/{plan}/apply");
        let applied = call_as(stack, SUPPORT, "POST", &path, None).await;
        assert_eq!(applied.status, 200);
        let all = call_as(stack, SUPPORT, "GET", "/retry-plans", None).await;
        let all = all.json();
        let mut plans = all["plans"].as_array().unwrap().iter();
        assert!(plans.any(|listed| listed["id"] == plan.as_str()), "{all}");

        // As if the function had died before it sent a command.
        let mut item = record(stack, "plan", &plan).await.unwrap();
        let mut content: Value = serde_json::from_str(text(&item, &["body"])).unwrap();
        let jobs = content["jobs"].clone();
        assert_eq!(content["released"], jobs);
        content["released"] = 0.into();
        set(&mut item, "body", content.to_string());
        put_record(stack, item.clone()).await;
        set(&mut item, "pk", "plan-active".to_owned());
        set(&mut item, "body", String::new());
        item.insert("revision".to_owned(), AttributeValue::N("1".to_owned()));
        put_record(stack, item).await;

        reconcile(stack, "{}");
        let item = record(stack, "plan", &plan).await.unwrap();
        let content: Value = serde_json::from_str(text(&item, &["body"])).unwrap();
        assert_eq!(content["released"], jobs);
        assert_eq!(record(stack, "plan-active", &plan).await, None);
    });
}

fn set(item: &mut Item, name: &str, value: String) {
    item.insert(name.to_owned(), AttributeValue::S(value));
}

async fn record(stack: &Stack, collection: &str, key: &str) -> Option<Item> {
    let get = stack.cloud.dynamodb.get_item();
    let get = get
        .table_name(&stack.outputs.records_table_name)
        .consistent_read(true)
        .key("pk", AttributeValue::S(collection.to_owned()))
        .key("sk", AttributeValue::S(key.to_owned()));
    get.send().await.unwrap().item
}

async fn put_record(stack: &Stack, item: Item) {
    let put = stack.cloud.dynamodb.put_item();
    let put = put.table_name(&stack.outputs.records_table_name);
    put.set_item(Some(item)).send().await.unwrap();
}
