//! Open jobs of an older release: this one carries them on. `tests/scenarios/older_release` has rows and a message as
//! release 0.1.0 wrote them at commit 2bede52, before jobs had references, batches and tags. `make upgrade` captured them
//! (`crates/devstack/examples/upgrade.rs`), which also updates a running service from one release to another and back.

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::NotificationConfiguration;
use devstack::Stack;
use jobs::id::{JobId, Timestamp};
use jobs::ports::Clock;
use serde_json::{Value, json};

use crate::support::{
    Item, aws, contract, invoke, publish_success, row, run_alone, success_notification, text,
    until, update_row,
};

functions::environment! {
    struct Settings {
        bucket: Bucket,
    }
}

/// A row of the older release as if it had been written now, about an object that is uploaded without an event.
struct OlderRow {
    item: Item,
    id: String,
    key: String,
}

impl OlderRow {
    async fn insert(stack: &Stack, status: &str) -> Self {
        let path = devstack::repo_file(&format!("tests/scenarios/older_release/{status}.json"));
        let captured: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let AttributeValue::M(mut item) = attribute(&captured) else {
            panic!("a row is a map");
        };
        let bucket = stack.outputs.jobs_bucket_name.clone();
        let Timestamp(now) = aws(stack, Settings { bucket }).now();
        let created: u64 = item["created_at"].as_n().unwrap().parse().unwrap();
        for value in item.values_mut() {
            shift(value, now - created);
        }
        let key = text(&item, &["input", "key"]).to_owned();
        let bucket = &stack.outputs.jobs_bucket_name;
        let put = stack.cloud.s3.put_object().bucket(bucket).key(&key);
        let put = put.body(ByteStream::from(contract())).send().await.unwrap();
        let AttributeValue::M(input) = item.get_mut("input").unwrap() else {
            panic!("input is a map");
        };
        for (name, value) in [
            ("version", put.version_id.unwrap()),
            ("etag", put.e_tag.unwrap().replace('"', "")),
        ] {
            input.insert(name.to_owned(), AttributeValue::S(value));
        }
        let id = JobId::of_key(bucket, &key).to_string();
        assert_eq!(
            text(&item, &["job_id"]),
            id,
            "the id of a job never changes"
        );
        let table = stack.cloud.dynamodb.put_item();
        let table = table.table_name(&stack.outputs.jobs_table_name);
        table.set_item(Some(item.clone())).send().await.unwrap();
        Self { item, id, key }
    }
}

/// DynamoDB's JSON as an attribute value.
fn attribute(json: &Value) -> AttributeValue {
    let (kind, value) = json.as_object().unwrap().iter().next().unwrap();
    match kind.as_str() {
        "S" => AttributeValue::S(value.as_str().unwrap().to_owned()),
        "N" => AttributeValue::N(value.as_str().unwrap().to_owned()),
        "L" => AttributeValue::L(value.as_array().unwrap().iter().map(attribute).collect()),
        "M" => AttributeValue::M(
            value
                .as_object()
                .unwrap()
                .iter()
                .map(|(name, value)| (name.clone(), attribute(value)))
                .collect(),
        ),
        other => panic!("rows have no {other}"),
    }
}

/// Moves every time in milliseconds.
fn shift(value: &mut AttributeValue, by: u64) {
    const FIRST_TIME_MS: u64 = 1_600_000_000_000;
    match value {
        AttributeValue::N(number) => {
            let ms: u64 = number.parse().unwrap();
            if ms > FIRST_TIME_MS {
                *number = (ms + by).to_string();
            }
        }
        AttributeValue::L(list) => list.iter_mut().for_each(|value| shift(value, by)),
        AttributeValue::M(map) => map.values_mut().for_each(|value| shift(value, by)),
        _ => {}
    }
}

/// Uploads make no events while this is at work.
async fn without_events<T>(stack: &Stack, work: impl Future<Output = T>) -> T {
    let bucket = &stack.outputs.jobs_bucket_name;
    let get = stack.cloud.s3.get_bucket_notification_configuration();
    let deployed = get.bucket(bucket).send().await.unwrap();
    let configure = async |configuration| {
        let put = stack.cloud.s3.put_bucket_notification_configuration();
        let put = put.bucket(bucket).notification_configuration(configuration);
        put.send().await.unwrap();
    };
    configure(NotificationConfiguration::builder().build()).await;
    let done = work.await;
    let restored = NotificationConfiguration::builder()
        .set_queue_configurations(deployed.queue_configurations)
        .build();
    configure(restored).await;
    done
}

/// The older release's message about a job, to be tried again.
fn check(id: &str) -> String {
    let path = devstack::repo_file("tests/scenarios/older_release/check.json");
    let mut message: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    message["job_id"] = id.into();
    message["attempt"] = 1.into();
    message.to_string()
}

/// Waits until a job's row is ready. Not with a page, because both scenarios have the same job.
async fn until_ready(stack: &Stack, id: &str) -> Item {
    until("the job is ready", async || {
        let row = row(stack, id).await;
        (text(&row, &["status"]) == "Ready").then_some(row)
    })
    .await
}

#[test]
fn open_jobs_of_an_older_release_end_with_this_one() {
    run_alone(async |stack| {
        let (running, scheduled) = without_events(stack, async {
            let running = OlderRow::insert(stack, "InProgress").await;
            (running, OlderRow::insert(stack, "RetryScheduled").await)
        })
        .await;

        // The endpoint ended the run of the older release during the update.
        let attempt = running.item["attempts"].as_l().unwrap()[0].as_m().unwrap();
        let output = text(attempt, &["output"]);
        let bucket = &stack.outputs.jobs_bucket_name;
        let put = stack.cloud.s3.put_object().bucket(bucket).key(output);
        let put = put.content_type("application/json");
        put.body(ByteStream::from_static(b"{}"))
            .send()
            .await
            .unwrap();
        let location = format!("s3://{bucket}/{output}");
        let inference_id = format!("{}.a1", running.id);
        publish_success(stack, &success_notification(&inference_id, &location)).await;
        let ready = until_ready(stack, &running.id).await;
        assert_eq!(ready["attempts"].as_l().unwrap().len(), 1);

        // The older release left a message about the attempt that is due.
        let send = stack.cloud.sqs.send_message();
        let send = send.queue_url(&stack.outputs.checks_queue_url);
        let send = send.message_body(check(&scheduled.id));
        send.send().await.unwrap();
        until_ready(stack, &scheduled.id).await;
        assert!(scheduled.key.starts_with("inbound-documents/"));
    });
}

/// After a downgrade: this release leaves a row of a newer schema alone, and its messages wait for the newer release.
#[test]
fn jobs_of_a_newer_release_wait_for_it() {
    run_alone(async |stack| {
        let scheduled = without_events(stack, OlderRow::insert(stack, "RetryScheduled")).await;
        let schema = |number: u32| [(":schema", AttributeValue::N(number.to_string()))];
        let newer = functions::aws::SCHEMA + 1;
        let set = "SET #schema = :schema";
        update_row(stack, &scheduled.id, set, &schema(newer)).await;
        let before = row(stack, &scheduled.id).await;
        let mut event: Value =
            serde_json::from_str(include_str!("older_release/batch.json")).unwrap();
        event["Records"][0]["body"] = check(&scheduled.id).into();
        let answer = invoke(stack, "docket-retry", &event.to_string());
        assert_eq!(
            answer["batchItemFailures"][0]["itemIdentifier"], event["Records"][0]["messageId"],
            "the message returns to its queue: {answer}"
        );
        assert_eq!(row(stack, &scheduled.id).await, before);
        update_row(stack, &scheduled.id, set, &schema(newer - 1)).await;
        // The newer release is deployed again.
        let answer = invoke(stack, "docket-retry", &event.to_string());
        assert_eq!(answer["batchItemFailures"], json!([]), "{answer}");
        until_ready(stack, &scheduled.id).await;
    });
}
