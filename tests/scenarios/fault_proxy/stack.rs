//! A stack whose functions reach every service through a [`FaultProxy`], beside the one that the other scenarios share.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{NotificationConfiguration, QueueConfiguration};
use bytes::Bytes;
use devstack::ChildProcesses;
use devstack::{RunDir, Stack, StackOptions, root_credentials, sign_request};
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use jobs::id::JobId;
use serde_json::{Value, json};

use super::{FaultProxy, Upstreams};
use crate::support::{
    EventListener, Item, SharedStack, deploy_with_settings, messages, queues,
    set_visibility_timeout, start_stack, text, until,
};

/// Visibility timeout of all queues, so that a message that failed returns soon. Twice this is more than a lease lasts
/// (five seconds of function timeout and five of margin), so the lease is over at the third delivery.
const VISIBILITY_TIMEOUT_SECONDS: u32 = 6;
/// Concurrent executions of a function.
const MAX_CONCURRENCY: u32 = 8;
/// The limit of `BatchGetItem`.
const MAX_BATCH_KEYS: usize = 100;

pub(crate) struct FaultStack {
    pub(crate) stack: Stack,
    pub(crate) proxy: Arc<FaultProxy>,
    /// Detail types of the events on the bus, by job.
    events: Arc<Mutex<HashMap<String, Vec<String>>>>,
    /// The bucket's notification configuration as deployed.
    notifications: tokio::sync::Mutex<Vec<QueueConfiguration>>,
}

impl Borrow<Stack> for FaultStack {
    fn borrow(&self) -> &Stack {
        &self.stack
    }
}

static SHARED: LazyLock<SharedStack<FaultStack>> =
    LazyLock::new(|| SharedStack::start("faults", FaultStack::start));

/// Runs a scenario concurrently with others. Fails if a part of the stack ends meanwhile.
pub(crate) fn run(scenario: impl AsyncFnOnce(&'static FaultStack)) {
    SHARED.run(scenario);
}

/// Runs a scenario while no other scenario of this stack runs.
pub(crate) fn run_alone(scenario: impl AsyncFnOnce(&'static FaultStack)) {
    SHARED.run_alone(scenario);
}

impl FaultStack {
    pub(crate) async fn start(dir: &RunDir, children: &ChildProcesses) -> Self {
        let proxy = FaultProxy::start().await;
        let options = StackOptions {
            proxy_url: Some(proxy.url.clone()),
            // Slower than in other scenarios: hundreds of documents queue at the endpoint and must not expire there.
            time_factor: 100.0,
            ..StackOptions::TESTS
        };
        let mut stack = start_stack(options, dir, children, "(fault proxy) ").await;
        let address = |url: &str| url.trim_start_matches("http://").parse().unwrap();
        proxy.set_upstreams(Upstreams {
            cloud: address(&stack.cloud.url),
            model: address(&stack.model_url),
        });
        // Pages connect directly: the proxy does not forward WebSockets.
        let direct = stack.cloud.url.replace("http", "ws");
        let proxied = proxy.url.replace("http", "ws");
        stack.outputs.web_socket_url = stack.outputs.web_socket_url.replace(&proxied, &direct);
        for queue in queues(&stack) {
            set_visibility_timeout(&stack, queue.url, VISIBILITY_TIMEOUT_SECONDS).await;
        }
        let stack = Self {
            stack,
            proxy,
            events: Arc::default(),
            notifications: tokio::sync::Mutex::default(),
        };
        // Many documents fail at once, in a row. An open circuit breaker would let them probe one by one, for an hour.
        let no_breaker = "breaker = { failures = 0 }\nrepeated_failures = \"retry\"";
        deploy_with_settings(
            &stack.stack,
            "inference-error",
            "doc-understanding",
            no_breaker,
        );
        stack.set_batch_size(1).await;
        stack.stop_capacity().await;
        stack.record_events().await;
        // A page, so that functions have a connection to push to.
        let mut page = stack.stack.open_push_client("*").await.unwrap();
        tokio::spawn(async move { while page.next().await.is_some() {} });
        stack
    }

    /// Sets how many messages a function receives at once. With one, all calls of an invocation are about one document.
    pub(crate) async fn set_batch_size(&self, size: u32) {
        let path = "/2015-03-31/event-source-mappings";
        let all = self.call_lambda(Method::GET, path, "").await;
        let is_queue = |mapping: &&Value| {
            let arn = mapping["EventSourceArn"].as_str();
            arn.unwrap().contains(":sqs:")
        };
        let mappings = all["EventSourceMappings"].as_array().unwrap();
        for mapping in mappings.iter().filter(is_queue) {
            let path = format!("{path}/{}", mapping["UUID"].as_str().unwrap());
            let settings = json!({"BatchSize": size, "ScalingConfig": {"MaximumConcurrency": MAX_CONCURRENCY}});
            let set = self
                .call_lambda(Method::PUT, &path, &settings.to_string())
                .await;
            assert_eq!(set["BatchSize"], size, "{set}");
        }
    }

    /// Lets function `capacity` run no more. The reconciler stores what it did not, so the reconciler's calls would depend on
    /// when it ran last.
    async fn stop_capacity(&self) {
        let path = "/2017-10-31/functions/docket-capacity/concurrency";
        let none = json!({"ReservedConcurrentExecutions": 0});
        let set = self.call_lambda(Method::PUT, path, &none.to_string()).await;
        assert_eq!(set, none);
        // What it has written about windows would hold uploads for minutes.
        let delete = self.stack.cloud.dynamodb.delete_item();
        delete
            .table_name(&self.stack.outputs.records_table_name)
            .key("pk", AttributeValue::S("pauses".to_owned()))
            .key("sk", AttributeValue::S("now".to_owned()))
            .send()
            .await
            .unwrap();
    }

    /// Invokes the reconciler. Returns its answer, or the error text if it was killed.
    pub(crate) async fn reconcile(&self, everything: bool) -> Value {
        let name = &self.stack.outputs.reconciler_function_name;
        let path = format!("/2015-03-31/functions/{name}/invocations");
        let payload = json!({"everything": everything}).to_string();
        self.call_lambda(Method::POST, &path, &payload).await
    }

    /// Calls Lambda's API directly, not through the proxy.
    async fn call_lambda(&self, method: Method, path: &str, body: &str) -> Value {
        let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.stack.cloud.url))
            .body(Bytes::from(body.to_owned()))
            .unwrap();
        let request = sign_request(request, "lambda", &root_credentials()).unwrap();
        let response = client.request(request).await.unwrap();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        serde_json::from_slice(&body).unwrap_or_else(|_| String::from_utf8_lossy(&body).into())
    }

    /// Records the detail type of every event on the bus.
    async fn record_events(&self) {
        let listener = EventListener::new(&self.stack, "listener", None).await;
        let recorded = Arc::clone(&self.events);
        tokio::spawn(async move {
            loop {
                let Some(events) = listener.receive(10).await else {
                    // The emulator was too busy to answer, or it ended with the tests.
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    continue;
                };
                for event in events {
                    // Events about the audit log have no job.
                    let Some(job) = event["detail"]["job"]["id"].as_str() else {
                        continue;
                    };
                    let job = job.to_owned();
                    let kind = event["detail-type"].as_str().unwrap().to_owned();
                    let mut recorded = recorded.lock().unwrap();
                    recorded.entry(job).or_default().push(kind);
                }
            }
        });
    }

    /// The detail types of the events about a job.
    pub(crate) fn events_of(&self, job: &str) -> Vec<String> {
        let events = self.events.lock().unwrap();
        events.get(job).cloned().unwrap_or_default()
    }

    /// Switches the bucket's event notifications on or off.
    pub(crate) async fn set_s3_notifications(&self, enabled: bool) {
        let s3 = &self.stack.cloud.s3;
        let bucket = &self.stack.outputs.jobs_bucket_name;
        let get = s3.get_bucket_notification_configuration().bucket(bucket);
        let mut deployed = self.notifications.lock().await;
        if deployed.is_empty() {
            *deployed = get.send().await.unwrap().queue_configurations.unwrap();
        }
        let queues = enabled.then(|| deployed.clone());
        let wanted = NotificationConfiguration::builder().set_queue_configurations(queues);
        let put = s3.put_bucket_notification_configuration().bucket(bucket);
        let put = put.notification_configuration(wanted.build());
        put.send().await.unwrap();
    }

    /// The id of the job of the first version at a key.
    pub(crate) fn job(&self, key: &str) -> String {
        JobId::of_key(&self.stack.outputs.jobs_bucket_name, key).to_string()
    }

    pub(crate) async fn upload(&self, key: &str, bytes: &[u8]) {
        let bucket = &self.stack.outputs.jobs_bucket_name;
        let put = self.stack.cloud.s3.put_object().bucket(bucket).key(key);
        let put = put.content_type("application/pdf");
        put.body(ByteStream::from(bytes.to_vec()))
            .send()
            .await
            .unwrap();
    }

    /// The statuses of jobs by id. Jobs without a row are left out.
    pub(crate) async fn statuses(&self, jobs: &[String]) -> HashMap<String, String> {
        let mut all = HashMap::new();
        for chunk in jobs.chunks(MAX_BATCH_KEYS) {
            let key =
                |id: &String| HashMap::from([("job_id".to_owned(), AttributeValue::S(id.clone()))]);
            let keys = KeysAndAttributes::builder()
                .set_keys(Some(chunk.iter().map(key).collect()))
                .consistent_read(true)
                .projection_expression("job_id, #status")
                .expression_attribute_names("#status", "status")
                .build()
                .unwrap();
            let get = self.stack.cloud.dynamodb.batch_get_item();
            let get = get.request_items(&self.stack.outputs.jobs_table_name, keys);
            let got = get.send().await.unwrap().responses.unwrap_or_default();
            all.extend(got.into_values().flatten().map(|item| {
                let get = |name: &str| text(&item, &[name]).to_owned();
                (get("job_id"), get("status"))
            }));
        }
        all
    }

    /// Waits until jobs are `Ready` or `Failed`.
    pub(crate) async fn wait_for_end(&self, jobs: impl Iterator<Item = String>) {
        let jobs: Vec<String> = jobs.collect();
        until("jobs to end", async || {
            let statuses = self.statuses(&jobs).await;
            let ended = |status: &&String| matches!(status.as_str(), "Ready" | "Failed");
            (statuses.values().filter(ended).count() == jobs.len()).then_some(())
        })
        .await;
    }

    /// Waits until no queue holds a message.
    pub(crate) async fn wait_for_empty_queues(&self) {
        until("the queues to be empty", async || {
            for queue in queues(&self.stack) {
                if messages(&self.stack, queue.url).await > 0 {
                    return None;
                }
            }
            Some(())
        })
        .await;
    }

    /// Descriptions of all dead letters and quarantined messages.
    pub(crate) async fn unprocessed_messages(&self) -> Vec<String> {
        let mut all = Vec::new();
        for queue in queues(&self.stack) {
            let count = messages(&self.stack, queue.dead_letters_url).await;
            if count > 0 {
                all.push(format!("{count} dead letters of {}", queue.name));
            }
        }
        let query = self.stack.cloud.dynamodb.query();
        let query = query.table_name(&self.stack.outputs.records_table_name);
        let query = query.key_condition_expression("pk = :pk");
        let entry = AttributeValue::S("quarantine".to_owned());
        let found = query.expression_attribute_values(":pk", entry).send();
        let items: Vec<Item> = found.await.unwrap().items.unwrap_or_default();
        all.extend(items.iter().map(|item| format!("quarantined: {item:?}")));
        all
    }
}
