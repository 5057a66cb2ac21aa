//! The stack that scenarios share, and common steps of scenarios.

mod event_listener;
mod function_code;
pub(crate) mod json_call;
mod notifications;
mod shared_stack;
mod test_tenant;

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sqs::types::{MessageAttributeValue, QueueAttributeName};
use devstack::ChildProcesses;
use devstack::cloud::{ACCESS_KEY, Cloud, REGION, SECRET_KEY};
use devstack::{RunDir, Stack, StackOptions};
use functions::aws::Aws;
use functions::config::{AwsConfig, Environment};
use serde_json::Value;

pub(crate) use event_listener::EventListener;
pub(crate) use function_code::{aws_cli, deploy_shipped, deploy_with_settings};
pub(crate) use notifications::{
    DOC_UNDERSTANDING, EndpointFaults, LEGAL_REVIEW, RunResult, UnreportedJob, publish_success,
    success_notification,
};
pub(crate) use shared_stack::{SharedStack, start_stack};
pub(crate) use test_tenant::TestTenant;

/// How long a scenario waits for anything. Generous: it limits the time of a failing test and measures nothing.
pub(crate) const WAIT_TIMEOUT: Duration = Duration::from_secs(180);
/// Visibility timeout of the result queues, so that a message that failed returns soon. The template's 30 s are for
/// real functions.
const VISIBILITY_TIMEOUT_SECONDS: u32 = 5;
/// 5 January 2026: a time long past, in milliseconds.
pub(crate) const PAST_MS: &str = "1767607442118";

/// Counts in the report of the reconciler: checks sent for due jobs, dead letters redriven, S3 events re-sent.
pub(crate) const CHECKS_SENT: &str = "checksSent";
pub(crate) const REDRIVEN: &str = "redriven";
pub(crate) const RESENT: &str = "uploadEventsReenqueued";

pub(crate) type Item = HashMap<String, AttributeValue>;

static SHARED: LazyLock<SharedStack<Stack>> = LazyLock::new(|| SharedStack::start("test", start));

async fn start(dir: &RunDir, children: &ChildProcesses) -> Stack {
    let stack = start_stack(StackOptions::TESTS, dir, children, "").await;
    for queue in [
        &stack.outputs.inference_success_queue_url,
        &stack.outputs.inference_error_queue_url,
    ] {
        set_visibility_timeout(&stack, queue, VISIBILITY_TIMEOUT_SECONDS).await;
    }
    stack
}

/// Runs a scenario concurrently with others. Fails if a part of the stack ends meanwhile.
pub(crate) fn run(scenario: impl AsyncFnOnce(&'static Stack)) {
    SHARED.run(scenario);
}

/// Runs a scenario alone: for those that keep the single-threaded emulator busy for seconds, or change its state.
pub(crate) fn run_alone(scenario: impl AsyncFnOnce(&'static Stack)) {
    SHARED.run_alone(scenario);
}

/// Fails if the work takes longer than [`WAIT_TIMEOUT`].
pub(crate) async fn within_timeout<T>(what: &str, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(WAIT_TIMEOUT, work).await {
        Ok(done) => done,
        Err(_) => panic!("no result after {} s: {what}", WAIT_TIMEOUT.as_secs()),
    }
}

/// Polls until there is a value.
pub(crate) async fn until<T>(what: &str, mut poll: impl AsyncFnMut() -> Option<T>) -> T {
    let polling = async {
        loop {
            if let Some(value) = poll().await {
                return value;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    within_timeout(what, polling).await
}

/// A document of `samples/`.
pub(crate) fn sample(name: &str) -> Vec<u8> {
    let path: PathBuf = devstack::repo_file("samples").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A small contract.
pub(crate) fn contract() -> Vec<u8> {
    sample("contracts/NDA Halden-Brightwater.pdf")
}

/// A queue that functions read, and its dead-letter queue.
pub(crate) struct QueuePair<'a> {
    /// As quarantine entries name it.
    pub(crate) name: &'static str,
    pub(crate) url: &'a str,
    pub(crate) dead_letters_url: &'a str,
}

pub(crate) fn queues(stack: &Stack) -> [QueuePair<'_>; 7] {
    let outputs = &stack.outputs;
    [
        QueuePair {
            name: "uploads",
            url: &outputs.uploads_queue_url,
            dead_letters_url: &outputs.uploads_dead_letters_url,
        },
        QueuePair {
            name: "inference-success",
            url: &outputs.inference_success_queue_url,
            dead_letters_url: &outputs.inference_success_dead_letters_url,
        },
        QueuePair {
            name: "inference-error",
            url: &outputs.inference_error_queue_url,
            dead_letters_url: &outputs.inference_error_dead_letters_url,
        },
        QueuePair {
            name: "checks",
            url: &outputs.checks_queue_url,
            dead_letters_url: &outputs.checks_dead_letters_url,
        },
        QueuePair {
            name: "events",
            url: &outputs.events_queue_url,
            dead_letters_url: &outputs.events_dead_letters_url,
        },
        QueuePair {
            name: "webhooks",
            url: &outputs.webhooks_queue_url,
            dead_letters_url: &outputs.webhooks_dead_letters_url,
        },
        QueuePair {
            name: "digests",
            url: &outputs.digests_queue_url,
            dead_letters_url: &outputs.digests_dead_letters_url,
        },
    ]
}

pub(crate) async fn set_visibility_timeout(stack: &Stack, queue: &str, seconds: u32) {
    let set = stack.cloud.sqs.set_queue_attributes().queue_url(queue);
    let set = set.attributes(QueueAttributeName::VisibilityTimeout, seconds.to_string());
    set.send().await.unwrap();
}

/// Sends a message to the queue of uploads.
pub(crate) async fn send_to_uploads(stack: &Stack, body: impl Into<String>) {
    let send = stack.cloud.sqs.send_message();
    let send = send.queue_url(&stack.outputs.uploads_queue_url);
    send.message_body(body).send().await.unwrap();
}

/// The row of a job.
pub(crate) async fn row(stack: &Stack, id: &str) -> Item {
    let get = stack
        .cloud
        .dynamodb
        .get_item()
        .table_name(&stack.outputs.jobs_table_name)
        .consistent_read(true);
    let found = get
        .key("job_id", AttributeValue::S(id.to_owned()))
        .send()
        .await
        .unwrap();
    found.item.unwrap_or_else(|| panic!("there is no row {id}"))
}

/// A string in an item, by a path of attribute names.
pub(crate) fn text<'a>(item: &'a Item, path: &[&str]) -> &'a str {
    let (last, maps) = path.split_last().unwrap();
    let inner = maps
        .iter()
        .fold(item, |item, name| item[*name].as_m().unwrap());
    inner[*last].as_s().unwrap()
}

/// Waits for a quarantined message whose body contains `part`.
pub(crate) async fn quarantined(stack: &Stack, part: &str) -> Item {
    until(
        &format!("a quarantined message with {part:?}"),
        async || {
            let query = stack
                .cloud
                .dynamodb
                .query()
                .table_name(&stack.outputs.records_table_name);
            let query = query
                .key_condition_expression("pk = :pk")
                .consistent_read(true);
            let found = query
                .expression_attribute_values(":pk", AttributeValue::S("quarantine".to_owned()));
            let items = found.send().await.unwrap().items.unwrap_or_default();
            items
                .into_iter()
                .find(|item| text(item, &["body"]).contains(part))
        },
    )
    .await
}

/// Sends a message to a dead-letter queue that has been redriven for more than a day: the reconciler quarantines it
/// instead of redriving it again.
pub(crate) async fn add_expired_dead_letter(
    stack: &Stack,
    dead_letters: &str,
    body: &str,
    first_id: &str,
) {
    let attribute = |kind: &str, value: &str| {
        let attribute = MessageAttributeValue::builder().data_type(kind);
        attribute.string_value(value).build().unwrap()
    };
    let send = stack.cloud.sqs.send_message().queue_url(dead_letters);
    send.message_body(body)
        .message_attributes("dead-since", attribute("Number", PAST_MS))
        .message_attributes("first-message-id", attribute("String", first_id))
        .send()
        .await
        .unwrap();
}

/// The AWS adapters of the functions, connected to the running stack.
pub(crate) fn aws<E: Environment>(stack: &Stack, environment: E) -> Aws<E> {
    aws_of(&stack.cloud, environment)
}

/// The AWS adapters of the functions, connected to any emulator.
pub(crate) fn aws_of<E: Environment>(cloud: &Cloud, environment: E) -> Aws<E> {
    let credentials = Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "test");
    let url = Some(cloud.url.as_str());
    let config = AwsConfig::new(REGION, credentials, url);
    Aws::new(config, Arc::new(environment))
}

/// Number of messages in a queue, those in flight included.
pub(crate) async fn messages(stack: &Stack, queue: &str) -> u64 {
    let names = [
        QueueAttributeName::ApproximateNumberOfMessages,
        QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
    ];
    let get = stack
        .cloud
        .sqs
        .get_queue_attributes()
        .queue_url(queue)
        .set_attribute_names(Some(names.to_vec()));
    let found = get.send().await.unwrap().attributes.unwrap_or_default();
    found
        .values()
        .map(|number| number.parse::<u64>().unwrap())
        .sum()
}

/// An S3 event notification, as the bucket would send it.
pub(crate) fn s3_event(bucket: &str, key: &str, version: &str) -> String {
    let mut event: Value = serde_json::from_slice(
        &std::fs::read(devstack::repo_file("events/upload-trigger/put.json")).unwrap(),
    )
    .unwrap();
    let s3 = &mut event["Records"][0]["s3"];
    s3["bucket"]["name"] = bucket.into();
    s3["object"]["key"] = key.into();
    s3["object"]["versionId"] = version.into();
    event.to_string()
}

/// Deletes an object of the jobs bucket.
pub(crate) async fn delete(stack: &Stack, key: &str) {
    let delete = stack.cloud.s3.delete_object();
    let delete = delete.bucket(&stack.outputs.jobs_bucket_name).key(key);
    delete.send().await.unwrap();
}

/// Changes the row of a job without any function.
pub(crate) async fn update_row(
    stack: &Stack,
    id: &str,
    expression: &str,
    values: &[(&str, AttributeValue)],
) {
    let update = stack.cloud.dynamodb.update_item();
    let mut update = update
        .table_name(&stack.outputs.jobs_table_name)
        .key("job_id", AttributeValue::S(id.to_owned()))
        .update_expression(expression);
    let reserved = ["status", "state", "schema"];
    for name in reserved {
        let placeholder = format!("#{name}");
        if expression.contains(&placeholder) {
            update = update.expression_attribute_names(placeholder, name);
        }
    }
    for (name, value) in values {
        update = update.expression_attribute_values(*name, value.clone());
    }
    update.send().await.unwrap();
}

/// Moves the deadline of a running job into the past: in the row and in the index.
pub(crate) async fn expire_deadline(stack: &Stack, id: &str) {
    let update = stack
        .cloud
        .dynamodb
        .update_item()
        .table_name(&stack.outputs.jobs_table_name)
        .key("job_id", AttributeValue::S(id.to_owned()));
    update
        .update_expression("SET #state.deadline = :past, next_check_at = :past")
        .condition_expression("#status = :running")
        .expression_attribute_names("#state", "state")
        .expression_attribute_names("#status", "status")
        .expression_attribute_values(":past", AttributeValue::N(PAST_MS.to_owned()))
        .expression_attribute_values(":running", AttributeValue::S("InProgress".to_owned()))
        .send()
        .await
        .unwrap();
}

/// Invokes the reconciler with the AWS CLI, as `docs/operations.md` describes, and returns its answer.
pub(crate) fn reconcile(stack: &Stack, payload: &str) -> Value {
    invoke(stack, &stack.outputs.reconciler_function_name, payload)
}

/// A path in the system's folder for temporary files that no other call returns.
pub(crate) fn temporary_file(name: &str) -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("{}-{number}-{name}", std::process::id()))
}

/// Invokes a function with the AWS CLI and returns its answer.
pub(crate) fn invoke(stack: &Stack, function: &str, payload: &str) -> Value {
    let answer = temporary_file("answer.json");
    let done = Command::new(devstack::venv_python().unwrap())
        .args(["-m", "awscli", "lambda", "invoke"])
        .args(["--function-name", function])
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
    let printed = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
    let text = std::fs::read_to_string(&answer).unwrap();
    std::fs::remove_file(&answer).unwrap();
    assert!(
        done.status.success() && !printed.contains("FunctionError"),
        "{printed}{text}"
    );
    serde_json::from_str(&text).unwrap()
}
