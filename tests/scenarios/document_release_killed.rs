//! The release of queued jobs is killed at any of its calls, and two releases run at once: every job that waits for its turn is
//! started, and only once.

use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;

use crate::fault_proxy::stack::FaultStack;
use crate::fault_proxy::state::{CallFault, JobRuns, PlannedFault};
use crate::support::{SharedStack, contract, until};

/// A stack of its own: for minutes this scenario waits for messages to come back.
static STACK: LazyLock<SharedStack<FaultStack>> =
    LazyLock::new(|| SharedStack::start("release", FaultStack::start));

const RETRY: &str = "retry";
const PIPELINE: &str = "doc-understanding";
/// The last call of a release: the checks that start the jobs.
const SEND: &str = "SQS SendMessageBatch";
const QUERY: &str = "DynamoDB Query";
/// Queries of open jobs: one per shard. A release that dies after one has changed nothing, so all but the first and the last are
/// tried with the same jobs.
const SHARDS: usize = 16;
/// Two tenants, so that the release stores whose turn it is.
const TENANTS: [&str; 2] = ["release-a", "release-b"];
/// Releases at once, how often.
const ROUNDS: usize = 3;

/// A document of each tenant, which wait.
struct WaitingJobs {
    name: String,
    jobs: Vec<String>,
}

impl WaitingJobs {
    async fn upload(stack: &FaultStack, name: &str) -> Self {
        let mut jobs = Vec::new();
        for tenant in TENANTS {
            let key = format!("inbound-documents/{tenant}/{name}.pdf");
            let job = stack.job(&key);
            stack.proxy.state().track(&job, &key, vec![], &[200]);
            stack.upload(&key, &contract()).await;
            jobs.push(job);
        }
        until("the jobs to be queued", async || {
            let statuses = stack.statuses(&jobs).await;
            let is_queued = |status: &&String| *status == "Queued";
            (statuses.values().filter(is_queued).count() == jobs.len()).then_some(())
        })
        .await;
        stack.wait_for_empty_queues().await;
        Self {
            name: name.to_owned(),
            jobs,
        }
    }

    /// Waits until they are ready. Asks for further releases, as function `capacity` does while jobs are queued.
    async fn finish(&self, stack: &FaultStack) {
        let mut asked_at = Instant::now();
        until("the jobs to be ready", async || {
            if asked_at.elapsed() > Duration::from_secs(10) {
                asked_at = Instant::now();
                ask_for_release(stack).await;
            }
            let statuses = stack.statuses(&self.jobs).await;
            let is_ready = |status: &&String| *status == "Ready";
            (statuses.values().filter(is_ready).count() == self.jobs.len()).then_some(())
        })
        .await;
        stack.wait_for_empty_queues().await;
    }

    fn problems(&self, stack: &FaultStack) -> Vec<String> {
        let mut problems = Vec::new();
        for job in &self.jobs {
            let JobRuns {
                model_runs,
                accepted,
            } = stack.proxy.state().runs(job);
            if (model_runs, accepted.len()) != (1, 1) {
                problems.push(format!("{}: {job} ran {accepted:?}", self.name));
            }
        }
        problems
    }
}

async fn ask_for_release(stack: &FaultStack) {
    let send = stack.stack.cloud.sqs.send_message();
    let send = send.queue_url(&stack.stack.outputs.checks_queue_url);
    let message = json!({"release": PIPELINE}).to_string();
    send.message_body(message).send().await.unwrap();
}

/// What function `capacity`, which this stack stops, writes about a full window.
async fn fill_window(stack: &FaultStack) {
    // Later than any test runs.
    let until_ms = 9_999_999_999_999_u64;
    let text = |text: String| AttributeValue::S(text);
    let put = stack.stack.cloud.dynamodb.put_item();
    put.table_name(&stack.stack.outputs.records_table_name)
        .item("pk", text("pauses".to_owned()))
        .item("sk", text("now".to_owned()))
        .item("body", text(format!(">{PIPELINE}\tfull\t{until_ms}\t4\t0")))
        .item("revision", AttributeValue::N("1000".to_owned()))
        .send()
        .await
        .unwrap();
}

async fn forget_window(stack: &FaultStack) {
    let delete = stack.stack.cloud.dynamodb.delete_item();
    delete
        .table_name(&stack.stack.outputs.records_table_name)
        .key("pk", AttributeValue::S("pauses".to_owned()))
        .key("sk", AttributeValue::S("now".to_owned()))
        .send()
        .await
        .unwrap();
}

/// A kill before and after each call of an undisturbed release; those at the queries of the other shards apart.
async fn planned_faults(stack: &FaultStack) -> (Vec<PlannedFault>, Vec<PlannedFault>) {
    let waiting = WaitingJobs::upload(stack, "undisturbed").await;
    let before = stack.proxy.state().calls(RETRY, None).len();
    ask_for_release(stack).await;
    waiting.finish(stack).await;
    let mut calls = stack.proxy.state().calls(RETRY, None).split_off(before);
    let last = calls.iter().position(|call| call == SEND).unwrap();
    calls.truncate(last + 1);
    eprintln!("release: {} calls {}", calls.len(), calls.join(", "));
    let mut earlier_calls: HashMap<String, usize> = HashMap::new();
    let (mut planned, mut at_other_shards) = (Vec::new(), Vec::new());
    for operation in calls {
        let earlier = earlier_calls.entry(operation.clone()).or_default();
        let after = *earlier;
        *earlier += 1;
        let is_of_other_shard = operation == QUERY && (1..SHARDS - 1).contains(&after);
        let plan = |fault| PlannedFault {
            function: RETRY,
            operation: operation.clone(),
            after,
            fault,
            times: 1,
        };
        let plans = [plan(CallFault::KillBefore), plan(CallFault::KillAfter)];
        if is_of_other_shard {
            at_other_shards.extend(plans);
        } else {
            planned.extend(plans);
        }
    }
    (planned, at_other_shards)
}

/// Kills a release for each of the faults, while the same jobs wait.
async fn kill_releases(stack: &FaultStack, faults: &[PlannedFault]) {
    for fault in faults {
        let killed = stack.proxy.state().killed;
        // The message of the release that died must not start another one during this one.
        let purge = stack.stack.cloud.sqs.purge_queue();
        let purge = purge.queue_url(&stack.stack.outputs.checks_queue_url);
        purge.send().await.unwrap();
        stack.proxy.state().arm(fault.clone());
        ask_for_release(stack).await;
        until("the release to be killed", async || {
            (stack.proxy.state().killed > killed).then_some(())
        })
        .await;
        assert_eq!(stack.proxy.state().disarm(RETRY).len(), 0);
    }
}

/// Guarantee 2: every job ends, wherever a function dies. Guarantee 5: no second run.
#[test]
fn release_survives_a_kill_at_every_call_and_another_at_the_same_time() {
    STACK.run_alone(async |stack| {
        let started = Instant::now();
        fill_window(stack).await;
        let (planned, at_other_shards) = planned_faults(stack).await;
        assert_eq!(at_other_shards.len(), 2 * (SHARDS - 2));
        let killed_before = stack.proxy.state().killed;
        let mut problems = Vec::new();
        for (number, fault) in planned.iter().enumerate() {
            let waiting = WaitingJobs::upload(stack, &format!("fault-{number:03}")).await;
            stack.proxy.state().arm(fault.clone());
            ask_for_release(stack).await;
            waiting.finish(stack).await;
            let unused = stack.proxy.state().disarm(RETRY);
            if !unused.is_empty() {
                problems.push(format!("the planned fault was not injected: {unused:?}"));
            }
            problems.extend(waiting.problems(stack));
        }
        let waiting = WaitingJobs::upload(stack, "other-shards").await;
        kill_releases(stack, &at_other_shards).await;
        waiting.finish(stack).await;
        problems.extend(waiting.problems(stack));
        for number in 0..ROUNDS {
            let waiting = WaitingJobs::upload(stack, &format!("two-{number}")).await;
            tokio::join!(ask_for_release(stack), ask_for_release(stack));
            waiting.finish(stack).await;
            problems.extend(waiting.problems(stack));
        }
        forget_window(stack).await;
        problems.extend(stack.unprocessed_messages().await);
        assert!(problems.is_empty(), "{}", problems.join("\n"));
        eprintln!(
            "release: {} releases with one fault each, {} processes killed, {ROUNDS} times two at once, all correct after {} s",
            planned.len() + at_other_shards.len(),
            stack.proxy.state().killed - killed_before,
            started.elapsed().as_secs(),
        );
    });
}
