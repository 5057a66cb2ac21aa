//! A stack whose wires can be cut, beside the one that the other scenarios share.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{NotificationConfiguration, QueueConfiguration};
use aws_sdk_sqs::types::QueueAttributeName;
use bytes::Bytes;
use devstack::ChildProcesses;
use devstack::{RunDir, Stack, StackOptions, root_credentials, sign_request};
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use jobs::id::JobId;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::sync::RwLock;

use super::{Ways, Wire};
use crate::support::{Item, messages, text, until};

/// After this many seconds a message that was not worked off comes back: twice that is more than a claim lasts
/// (five seconds of the function's, five of margin), so the third delivery finds it over.
const VISIBILITY_SECONDS: &str = "6";
/// How many copies of a function run at a time.
const SIDE_BY_SIDE: u32 = 8;
/// The most that `BatchGetItem` takes.
const BATCH: usize = 100;

/// The stack, the proxy in it, and who listens.
pub(crate) struct Stage {
    pub(crate) stack: Stack,
    pub(crate) wire: Arc<Wire>,
    /// What was said on the bus, by job.
    events: Arc<Mutex<HashMap<String, Vec<String>>>>,
    /// How the bucket announces uploads.
    announcements: tokio::sync::Mutex<Vec<QueueConfiguration>>,
}

struct World {
    runtime: Runtime,
    stage: Stage,
    _dir: RunDir,
    _children: ChildProcesses,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let dir = RunDir::create_unique("wire").unwrap();
    let children = ChildProcesses::default();
    let stage = runtime.block_on(Stage::start(&dir, &children));
    World {
        runtime,
        stage,
        _dir: dir,
        _children: children,
    }
});

static TURN: RwLock<()> = RwLock::const_new(());

/// Runs a scenario beside others.
pub(crate) fn run(scenario: impl AsyncFnOnce(&'static Stage)) {
    let World { runtime, stage, .. } = &*WORLD;
    runtime.block_on(async {
        let _turn = TURN.read().await;
        stage.watched(scenario).await;
    });
}

/// Runs a scenario by itself.
pub(crate) fn run_alone(scenario: impl AsyncFnOnce(&'static Stage)) {
    let World { runtime, stage, .. } = &*WORLD;
    runtime.block_on(async {
        let _turn = TURN.write().await;
        stage.watched(scenario).await;
    });
}

impl Stage {
    async fn start(dir: &RunDir, children: &ChildProcesses) -> Self {
        let wire = Wire::start().await;
        let options = StackOptions {
            proxy_url: Some(wire.url.clone()),
            // Slower than elsewhere: hundreds of documents wait in line, and must not expire there.
            time_factor: 100.0,
            ..StackOptions::TESTS
        };
        let progress: devstack::ProgressCallback = Arc::new(|step| eprintln!("(wires) {step}"));
        let mut stack = Stack::start(options, dir, children, &progress)
            .await
            .unwrap_or_else(|error| panic!("the stack does not start: {error:#}"));
        let address = |url: &str| url.trim_start_matches("http://").parse().unwrap();
        wire.lead_to(Ways {
            cloud: address(&stack.cloud.url),
            model: address(&stack.model_url),
        });
        // Pages connect directly: a WebSocket is no call.
        let direct = stack.cloud.url.replace("http", "ws");
        let wired = wire.url.replace("http", "ws");
        stack.outputs.web_socket_url = stack.outputs.web_socket_url.replace(&wired, &direct);
        let stage = Self {
            stack,
            wire,
            events: Arc::default(),
            announcements: tokio::sync::Mutex::default(),
        };
        for queue in stage.queues() {
            let set = stage
                .stack
                .cloud
                .sqs
                .set_queue_attributes()
                .queue_url(queue);
            set.attributes(QueueAttributeName::VisibilityTimeout, VISIBILITY_SECONDS)
                .send()
                .await
                .unwrap();
        }
        stage.batches_of(1).await;
        stage.listen().await;
        // So that there is somebody to push to.
        let mut page = stage.stack.open_push_client("*").await.unwrap();
        tokio::spawn(async move { while page.next().await.is_some() {} });
        stage
    }

    async fn watched(&'static self, scenario: impl AsyncFnOnce(&'static Self)) {
        tokio::select! {
            () = scenario(self) => {}
            why = self.stack.failed() => panic!("a part of the stack ended: {why}"),
        }
    }

    fn queues(&self) -> [&str; 4] {
        let outputs = &self.stack.outputs;
        [
            &outputs.uploads_queue_url,
            &outputs.inference_success_queue_url,
            &outputs.inference_error_queue_url,
            &outputs.checks_queue_url,
        ]
    }

    fn dead_letters(&self) -> [&str; 4] {
        let outputs = &self.stack.outputs;
        [
            &outputs.uploads_dead_letters_url,
            &outputs.inference_success_dead_letters_url,
            &outputs.inference_error_dead_letters_url,
            &outputs.checks_dead_letters_url,
        ]
    }

    /// How many messages functions get at once. With one, whatever a process does is about one document.
    pub(crate) async fn batches_of(&self, size: u32) {
        let path = "/2015-03-31/event-source-mappings";
        let all = self.ask(Method::GET, path, "").await;
        for mapping in all["EventSourceMappings"].as_array().unwrap() {
            let path = format!("{path}/{}", mapping["UUID"].as_str().unwrap());
            let wanted =
                json!({"BatchSize": size, "ScalingConfig": {"MaximumConcurrency": SIDE_BY_SIDE}});
            let set = self.ask(Method::PUT, &path, &wanted.to_string()).await;
            assert_eq!(set["BatchSize"], size, "{set}");
        }
    }

    /// Calls the reconciler; answers what it says, which is an error's text if it died.
    pub(crate) async fn reconcile(&self, everything: bool) -> Value {
        let name = &self.stack.outputs.reconciler_function_name;
        let path = format!("/2015-03-31/functions/{name}/invocations");
        let payload = json!({"everything": everything}).to_string();
        self.ask(Method::POST, &path, &payload).await
    }

    /// A call of Lambda's API, past the proxy.
    async fn ask(&self, method: Method, path: &str, body: &str) -> Value {
        let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.stack.cloud.url))
            .body(Bytes::from(body.to_owned()))
            .unwrap();
        let request = sign_request(request, "lambda", &root_credentials()).unwrap();
        let answer = client.request(request).await.unwrap();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        serde_json::from_slice(&body).unwrap_or_else(|_| String::from_utf8_lossy(&body).into())
    }

    /// Writes down what is said on the bus, as a machine downstream would hear it.
    async fn listen(&self) {
        let sqs = self.stack.cloud.sqs.clone();
        let made = sqs.create_queue().queue_name("listener").send().await;
        let queue = made.unwrap().queue_url.unwrap();
        let name = QueueAttributeName::QueueArn;
        let get = sqs.get_queue_attributes().queue_url(&queue);
        let got = get.attribute_names(name.clone()).send().await.unwrap();
        let arn = &got.attributes.unwrap()[&name];
        let events = aws_sdk_eventbridge::Client::new(self.stack.cloud.config());
        let bus = &self.stack.outputs.event_bus_name;
        let rule = events.put_rule().name("listener").event_bus_name(bus);
        let pattern = json!({"source": ["docket"]}).to_string();
        rule.event_pattern(pattern).send().await.unwrap();
        let target = aws_sdk_eventbridge::types::Target::builder();
        let target = target.id("queue").arn(arn).build().unwrap();
        let put = events.put_targets().rule("listener").event_bus_name(bus);
        put.targets(target).send().await.unwrap();
        let heard = Arc::clone(&self.events);
        tokio::spawn(async move {
            loop {
                let receive = sqs.receive_message().queue_url(&queue);
                let receive = receive.wait_time_seconds(2).max_number_of_messages(10);
                // The emulator is gone when the tests end.
                let Ok(got) = receive.send().await else { break };
                for message in got.messages.unwrap_or_default() {
                    let event: Value = serde_json::from_str(&message.body.unwrap()).unwrap();
                    let job = event["detail"]["job"]["id"].as_str().unwrap().to_owned();
                    let kind = event["detail-type"].as_str().unwrap().to_owned();
                    heard.lock().unwrap().entry(job).or_default().push(kind);
                    let delete = sqs.delete_message().queue_url(&queue);
                    let receipt = message.receipt_handle.unwrap();
                    delete.receipt_handle(receipt).send().await.unwrap();
                }
            }
        });
    }

    /// What was said on the bus about a job.
    pub(crate) fn heard(&self, job: &str) -> Vec<String> {
        let events = self.events.lock().unwrap();
        events.get(job).cloned().unwrap_or_default()
    }

    /// Whether the bucket says that something was uploaded.
    pub(crate) async fn announce_uploads(&self, wanted: bool) {
        let s3 = &self.stack.cloud.s3;
        let bucket = &self.stack.outputs.jobs_bucket_name;
        let get = s3.get_bucket_notification_configuration().bucket(bucket);
        let mut kept = self.announcements.lock().await;
        if kept.is_empty() {
            *kept = get.send().await.unwrap().queue_configurations.unwrap();
        }
        let told = wanted.then(|| kept.clone());
        let told = NotificationConfiguration::builder().set_queue_configurations(told);
        let put = s3.put_bucket_notification_configuration().bucket(bucket);
        let put = put.notification_configuration(told.build());
        put.send().await.unwrap();
    }

    /// The id of the job of a key.
    pub(crate) fn job(&self, key: &str) -> String {
        JobId::of_key(&self.stack.outputs.jobs_bucket_name, key).to_string()
    }

    /// Uploads a document.
    pub(crate) async fn upload(&self, key: &str, bytes: &[u8]) {
        let bucket = &self.stack.outputs.jobs_bucket_name;
        let put = self.stack.cloud.s3.put_object().bucket(bucket).key(key);
        let put = put.content_type("application/pdf");
        put.body(ByteStream::from(bytes.to_vec()))
            .send()
            .await
            .unwrap();
    }

    /// The states of jobs, by id. One without a row is not among them.
    pub(crate) async fn states(&self, jobs: &[String]) -> HashMap<String, String> {
        let mut all = HashMap::new();
        for chunk in jobs.chunks(BATCH) {
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

    /// Waits until jobs have ended.
    pub(crate) async fn ended(&self, jobs: impl Iterator<Item = String>) {
        let jobs: Vec<String> = jobs.collect();
        until("jobs to end", async || {
            let states = self.states(&jobs).await;
            let ended = |state: &&String| matches!(state.as_str(), "Ready" | "Failed");
            (states.values().filter(ended).count() == jobs.len()).then_some(())
        })
        .await;
    }

    /// Waits until no queue holds a message.
    pub(crate) async fn quiet(&self) {
        until("the queues to be empty", async || {
            for queue in self.queues() {
                if messages(&self.stack, queue).await > 0 {
                    return None;
                }
            }
            Some(())
        })
        .await;
    }

    /// What was set aside: dead letters and quarantined messages.
    pub(crate) async fn set_aside(&self) -> Vec<String> {
        let mut all = Vec::new();
        for queue in self.dead_letters() {
            let count = messages(&self.stack, queue).await;
            if count > 0 {
                all.push(format!("{count} in {queue}"));
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

    /// Waits a moment: for asking again.
    pub(crate) async fn moment() {
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}
