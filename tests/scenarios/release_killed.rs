//! A release of queued jobs is killed, or a call fails, at any of its calls. Its message comes back, or the next release does the
//! rest: each job starts once.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use jobs::id::Timestamp;
use jobs::ports::{Clock, KeyValueStore, Record};
use jobs::window::{KnownWindow, Window};
use serde_json::json;

use crate::conformance::Place;
use crate::fault_proxy::fault_matrix::MAX_TRIES;
use crate::fault_proxy::stack::{FaultStack, run_alone};
use crate::fault_proxy::state::{CallFault, PlannedFault};
use crate::support::{sample, until};

/// The function that releases.
const FUNCTION: &str = "retry";
const PIPELINE: &str = "legal-review";
/// The last call of a release: it sends the checks that start the jobs.
const LAST_CALL: &str = "SQS SendMessageBatch";
/// Longer than a message that failed stays invisible, so that it comes back first.
const RELEASE_INTERVAL: Duration = Duration::from_secs(10);
/// The records of pauses and windows.
const RECORD: (&str, &str) = ("pauses", "now");

/// Queued documents of two tenants, so that whose turn it is is stored.
struct QueuedPair {
    keys: [String; 2],
}

impl QueuedPair {
    async fn upload(stack: &FaultStack, number: usize, bytes: &[u8]) -> Self {
        let keys =
            ["first", "second"].map(|tenant| format!("inbound/release-{tenant}/{number:03}.pdf"));
        for key in &keys {
            stack
                .proxy
                .state()
                .track(&stack.job(key), key, vec![], &[200]);
        }
        join_all(keys.iter().map(|key| stack.upload(key, bytes))).await;
        let waiting = Self { keys };
        let jobs = waiting.jobs(stack);
        until("two queued jobs", async || {
            let statuses = stack.statuses(&jobs).await;
            let queued = statuses.values().filter(|status| *status == "Queued");
            (queued.count() == jobs.len()).then_some(())
        })
        .await;
        waiting
    }

    fn jobs(&self, stack: &FaultStack) -> Vec<String> {
        self.keys.iter().map(|key| stack.job(key)).collect()
    }
}

/// The record of windows of the stack's service.
struct FullWindow {
    place: Place,
}

impl FullWindow {
    /// Uploads of the pipeline are queued until this is removed. Function `capacity` does not run in this stack.
    async fn store(stack: &FaultStack) -> Self {
        let outputs = &stack.stack.outputs;
        let place = Place {
            cloud: stack.stack.cloud.clone(),
            bucket: outputs.jobs_bucket_name.clone(),
            connections_table: outputs.connections_table_name.clone(),
            records_table: outputs.records_table_name.clone(),
        };
        let ports = place.ports();
        let run = Duration::from_secs(45);
        let known = KnownWindow {
            pipeline: PIPELINE.to_owned(),
            until: ports.now().plus(Duration::from_secs(3600)),
            window: Window::new(1, 1, 1, run, run),
            is_full: true,
        };
        let record = Record {
            body: known.to_line(),
            revision: 1,
            expires_at: Some(Timestamp(known.until.0)),
        };
        ports.delete(RECORD.0, RECORD.1).await.unwrap();
        assert!(ports.put(RECORD.0, RECORD.1, &record).await.unwrap());
        Self { place }
    }

    async fn remove(self) {
        let ports = self.place.ports();
        ports.delete(RECORD.0, RECORD.1).await.unwrap();
    }
}

async fn request_release(stack: &FaultStack) {
    let send = stack.stack.cloud.sqs.send_message();
    let send = send.queue_url(&stack.stack.outputs.checks_queue_url);
    let body = json!({"release": PIPELINE}).to_string();
    send.message_body(body).send().await.unwrap();
}

/// Asks for a release until the jobs have ended, as function `capacity` does every ten seconds while jobs are queued.
async fn release_until_end(stack: &FaultStack, jobs: Vec<String>) {
    loop {
        request_release(stack).await;
        let ended = stack.wait_for_end(jobs.iter().cloned());
        if tokio::time::timeout(RELEASE_INTERVAL, ended).await.is_ok() {
            return;
        }
    }
}

/// The faults for each call of a release. Its queries for the open jobs are one per shard: the first and the last of all queries
/// stand for the others.
fn planned_faults(calls: &[String]) -> Vec<PlannedFault> {
    let queries = calls.iter().filter(|it| *it == "DynamoDB Query").count();
    let mut earlier_calls: HashMap<&str, usize> = HashMap::new();
    let mut planned = Vec::new();
    for operation in calls {
        let earlier = earlier_calls.entry(operation).or_default();
        let after = *earlier;
        *earlier += 1;
        if operation == "DynamoDB Query" && (1..queries - 1).contains(&after) {
            continue;
        }
        let faults = [
            (CallFault::KillBefore, 1),
            (CallFault::KillAfter, 1),
            (CallFault::Throttle, MAX_TRIES),
            (CallFault::LoseResponse, MAX_TRIES),
        ];
        planned.extend(faults.map(|(fault, times)| PlannedFault {
            function: FUNCTION,
            operation: operation.clone(),
            after,
            fault,
            times,
        }));
    }
    planned
}

/// Guarantee 2: every job ends within its pipeline's deadline, whatever messages are lost and wherever a function dies.
#[test]
fn release_survives_every_fault_at_every_call() {
    run_alone(async |stack| {
        let started = Instant::now();
        let bytes = sample("contracts/Ledgerly SaaS subscription (36 months).pdf");
        let window = FullWindow::store(stack).await;
        let before = stack.proxy.state().calls(FUNCTION, None).len();
        let first = QueuedPair::upload(stack, 0, &bytes).await;
        request_release(stack).await;
        stack.wait_for_end(first.jobs(stack).into_iter()).await;
        let mut calls = stack.proxy.state().calls(FUNCTION, None).split_off(before);
        let sends = calls.iter().position(|call| call == LAST_CALL).unwrap();
        calls.truncate(sends + 1);
        eprintln!("release: {} calls {}", calls.len(), calls.join(", "));

        let planned = planned_faults(&calls);
        let mut problems = Vec::new();
        for (number, fault) in planned.iter().enumerate() {
            let waiting = QueuedPair::upload(stack, number + 1, &bytes).await;
            stack.proxy.state().arm(fault.clone());
            release_until_end(stack, waiting.jobs(stack)).await;
            let unused = stack.proxy.state().disarm(FUNCTION);
            if !unused.is_empty() {
                problems.push(format!("the planned fault was not injected: {unused:?}"));
            }
            for job in waiting.jobs(stack) {
                let accepted = stack.proxy.state().runs(&job).accepted;
                if accepted.len() != 1 {
                    problems.push(format!("{fault:?}: {job} was started as {accepted:?}"));
                }
            }
        }
        window.remove().await;
        stack.wait_for_empty_queues().await;
        problems.extend(stack.unprocessed_messages().await);
        assert!(problems.is_empty(), "{}", problems.join("\n"));
        eprintln!(
            "release: {} releases with one fault each, all correct after {} s; {} processes killed so far",
            planned.len(),
            started.elapsed().as_secs(),
            stack.proxy.state().killed,
        );
    });
}
