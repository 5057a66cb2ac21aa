//! The shared stack, and what scenarios do with it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_sqs::types::{MessageAttributeValue, QueueAttributeName};
use devstack::ChildProcesses;
use devstack::cloud::{ACCESS_KEY, REGION, SECRET_KEY};
use devstack::{JobView, PushClient, PushFrame, ReceivedMessage, RunDir, Stack, StackOptions};
use functions::aws::Aws;
use functions::config::{Config, Var};
use jobs::id::JobId;
use tokio::runtime::Runtime;
use tokio::sync::RwLock;

/// How long anything may take. Generous: it bounds a failure, it measures nothing.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);
/// A page asks again this often, as pages do, in case a push was lost.
const SYNC: Duration = Duration::from_secs(20);
/// After this many seconds a message that was not worked off comes back. The template's 30 s are for real functions.
const VISIBILITY_SECONDS: &str = "5";

pub(crate) type Item = HashMap<String, AttributeValue>;

/// One runtime for all scenarios, because the clients' connections belong to the runtime that opened them.
struct World {
    runtime: Runtime,
    stack: Stack,
    _dir: RunDir,
    _children: ChildProcesses,
}

/// Started by the first scenario. Nobody stops it: its processes end when this one does.
static WORLD: LazyLock<World> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let dir = RunDir::create_unique("test").unwrap();
    let children = ChildProcesses::default();
    let progress: devstack::ProgressCallback = Arc::new(|step| eprintln!("{step}"));
    let start = async {
        let stack = Stack::start(StackOptions::TESTS, &dir, &children, &progress).await?;
        for queue in [
            &stack.outputs.inference_success_queue_url,
            &stack.outputs.inference_error_queue_url,
        ] {
            let set = stack.cloud.sqs.set_queue_attributes().queue_url(queue);
            set.attributes(QueueAttributeName::VisibilityTimeout, VISIBILITY_SECONDS)
                .send()
                .await?;
        }
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(stack)
    };
    let stack = runtime
        .block_on(start)
        .unwrap_or_else(|error| panic!("the stack does not start: {error:#}"));
    World {
        runtime,
        stack,
        _dir: dir,
        _children: children,
    }
});

/// Scenarios share the stack by reading; one that needs it for itself writes.
static TURN: RwLock<()> = RwLock::const_new(());

/// Runs a scenario beside others. Fails if a part of the stack ends meanwhile.
pub(crate) fn run(scenario: impl AsyncFnOnce(&'static Stack)) {
    let World { runtime, stack, .. } = &*WORLD;
    runtime.block_on(async {
        let _turn = TURN.read().await;
        watched(stack, scenario).await;
    });
}

/// Runs a scenario by itself: one that keeps the emulator, a single thread, from answering others for seconds.
pub(crate) fn run_alone(scenario: impl AsyncFnOnce(&'static Stack)) {
    let World { runtime, stack, .. } = &*WORLD;
    runtime.block_on(async {
        let _turn = TURN.write().await;
        watched(stack, scenario).await;
    });
}

async fn watched(stack: &'static Stack, scenario: impl AsyncFnOnce(&'static Stack)) {
    tokio::select! {
        () = scenario(stack) => {}
        why = stack.failed() => panic!("a part of the stack ended: {why}"),
    }
}

/// Waits for something, but not for ever.
pub(crate) async fn soon<T>(what: &str, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(done) => done,
        Err(_) => panic!("waited {} s in vain for {what}", PATIENCE.as_secs()),
    }
}

/// Asks again until there is an answer.
pub(crate) async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    soon(what, asking).await
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

/// A tenant with an open page.
pub(crate) struct Tenant {
    pub(crate) stack: &'static Stack,
    pub(crate) name: &'static str,
    pub(crate) page: PushClient,
    /// The jobs of the first snapshot.
    pub(crate) first_snapshot: Vec<JobView>,
}

impl Tenant {
    /// Opens its page and waits for the first snapshot. `*` watches every tenant, and has none to upload for.
    pub(crate) async fn new(stack: &'static Stack, name: &'static str) -> Self {
        let mut page = stack.open_push_client(name).await.unwrap();
        let snapshot = async {
            loop {
                // Pushes may come before it.
                let arrival = page.next().await.expect("the page stays connected");
                if let PushFrame::Snapshot { jobs, .. } = arrival.frame {
                    return jobs;
                }
            }
        };
        let first_snapshot = soon("the first snapshot", snapshot).await;
        Self {
            stack,
            name,
            page,
            first_snapshot,
        }
    }

    pub(crate) fn bucket(&self) -> &'static str {
        &self.stack.outputs.jobs_bucket_name
    }

    /// Uploads to `<prefix><tenant>/<name>` and answers the key.
    pub(crate) async fn upload(&self, prefix: &str, name: &str, bytes: Vec<u8>) -> String {
        let key = format!("{prefix}{}/{name}", self.name);
        self.put(&key, bytes).await;
        key
    }

    /// Uploads to a key and answers the version.
    pub(crate) async fn put(&self, key: &str, bytes: Vec<u8>) -> String {
        let put = self
            .stack
            .cloud
            .s3
            .put_object()
            .bucket(self.bucket())
            .key(key)
            .content_type("application/pdf");
        let put = put.body(ByteStream::from(bytes)).send().await.unwrap();
        put.version_id.expect("the bucket keeps versions")
    }

    /// The id of the job of the first version at a key.
    pub(crate) fn job(&self, key: &str) -> String {
        JobId::of_key(self.bucket(), key).to_string()
    }

    /// The next frame, after asking again now and then.
    pub(crate) async fn next(&mut self) -> ReceivedMessage {
        let page = &mut self.page;
        let next = async {
            loop {
                match tokio::time::timeout(SYNC, page.next()).await {
                    Ok(arrival) => return arrival.expect("the page stays connected"),
                    Err(_) => page.sync().await.unwrap(),
                }
            }
        };
        soon("a frame", next).await
    }

    /// Waits until the page shows a job as wanted.
    pub(crate) async fn see(&mut self, id: &str, wanted: impl Fn(&JobView) -> bool) -> JobView {
        let give_up = Instant::now() + PATIENCE;
        loop {
            if let Some(job) = self.page.jobs.get(id)
                && wanted(job)
            {
                return job.clone();
            }
            assert!(
                Instant::now() < give_up,
                "{id} never became as wanted: {:?}",
                self.page.jobs.get(id)
            );
            self.next().await;
        }
    }

    /// Waits until the page shows the end of a job.
    pub(crate) async fn ended(&mut self, id: &str) -> JobView {
        self.see(id, devstack::has_ended).await
    }

    /// Waits until the page shows that a job is ready; any other end is a failure.
    pub(crate) async fn ready(&mut self, id: &str) -> JobView {
        let job = self.ended(id).await;
        assert_eq!(job.status, "Ready", "{job:?}");
        job
    }

    /// Waits until the page shows that a job failed; answers the cause and the reason.
    pub(crate) async fn failed(&mut self, id: &str) -> (String, String) {
        let job = self.ended(id).await;
        assert_eq!(job.status, "Failed", "{job:?}");
        let failure = job.failure.expect("a failure has a reason");
        (failure.cause.into_owned(), failure.detail)
    }
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

/// A text in an item, by a path of attribute names.
pub(crate) fn text<'a>(item: &'a Item, path: &[&str]) -> &'a str {
    let (last, folders) = path.split_last().unwrap();
    let inner = folders
        .iter()
        .fold(item, |item, name| item[*name].as_m().unwrap());
    inner[*last].as_s().unwrap()
}

/// Waits for a quarantined message whose text has `part` in it.
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

/// Puts a message among the dead letters of a queue that has been sent back for a day: it is not sent back again.
pub(crate) async fn bury_for_good(stack: &Stack, dead: &str, body: &str, first_id: &str) {
    let attribute = |kind: &str, value: &str| {
        let attribute = MessageAttributeValue::builder().data_type(kind);
        attribute.string_value(value).build().unwrap()
    };
    let send = stack.cloud.sqs.send_message().queue_url(dead);
    send.message_body(body)
        .message_attributes("dead-since", attribute("Number", "1767607442118"))
        .message_attributes("first-message-id", attribute("String", first_id))
        .send()
        .await
        .unwrap();
}

/// The functions' own adapters for the running stack, with what they are told of it.
pub(crate) fn aws(stack: &Stack, names: &[(Var, &str)]) -> Aws {
    let credentials = Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "test");
    let url = Some(stack.cloud.url.as_str());
    Aws::new(Config::new(REGION, credentials, names, url))
}

/// How many messages a queue holds, on their way included.
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

/// An S3 event, as the bucket would send it.
pub(crate) fn s3_event(bucket: &str, key: &str, version: &str) -> String {
    let mut event: serde_json::Value = serde_json::from_slice(
        &std::fs::read(devstack::repo_file("events/upload-trigger/put.json")).unwrap(),
    )
    .unwrap();
    let s3 = &mut event["Records"][0]["s3"];
    s3["bucket"]["name"] = bucket.into();
    s3["object"]["key"] = key.into();
    s3["object"]["versionId"] = version.into();
    event.to_string()
}

/// Lets the deadline of an open job pass: in the row, and in the index.
pub(crate) async fn let_the_deadline_pass(stack: &Stack, id: &str) {
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
        .expression_attribute_values(":past", AttributeValue::N("1767607442118".to_owned()))
        .expression_attribute_values(":running", AttributeValue::S("InProgress".to_owned()))
        .send()
        .await
        .unwrap();
}
