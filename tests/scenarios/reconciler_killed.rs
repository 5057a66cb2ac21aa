//! The reconciler is killed, or a call fails, at any of its calls: the next run does the rest of its work.

use std::collections::HashMap;
use std::time::Instant;

use async_endpoint::{FaultRate, Faults};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use crate::fault_proxy::fault_matrix::MAX_TRIES;
use crate::fault_proxy::protocol::CONNECT;
use crate::fault_proxy::stack::{FaultStack, run_alone};
use crate::fault_proxy::state::{CallFault, JobRuns, PlannedFault};
use crate::support::{CHECKS_SENT, LEGAL_REVIEW, REDRIVEN, RESENT, expire_deadline, sample, until};

const RECONCILER: &str = "reconciler";

/// The faults of the first call of every operation, at every try. In addition, every call is killed before and after.
const FIRST_CALL_FAULTS: [CallFault; 2] = [CallFault::Throttle, CallFault::LoseResponse];
/// Number of queries for due jobs: one per shard. The first and the last stand for all.
const SHARDS: usize = 16;

/// Three documents that one run of the reconciler has to recover.
struct LostWork {
    /// Key of a document whose success notification was lost and whose deadline is past.
    unreported: String,
    /// Key of a document whose success notification is a dead letter.
    dead_letter: String,
    /// Key of a document whose S3 event was lost.
    unseen: String,
}

impl LostWork {
    fn new(stack: &FaultStack, number: usize) -> Self {
        let key = |kind: &str| {
            let key = format!("inbound/reconciled/{kind}-{number:03}.pdf");
            let job = stack.job(&key);
            stack.proxy.state().track(&job, &key, vec![], &[200]);
            key
        };
        Self {
            unreported: key("unreported"),
            dead_letter: key("dead-letter"),
            unseen: key("unseen"),
        }
    }

    async fn lose(&self, stack: &FaultStack, bytes: &[u8]) {
        expire_deadline(&stack.stack, &stack.job(&self.unreported)).await;
        stack.upload(&self.unseen, bytes).await;
        let notification = json!({
            "invocationStatus": "Completed",
            "inferenceId": format!("{}.a1", stack.job(&self.dead_letter)),
            "eventSource": "aws:sagemaker",
            "eventName": "InferenceResult",
        });
        let dead_letters = &stack.stack.outputs.inference_success_dead_letters_url;
        let send = stack.stack.cloud.sqs.send_message();
        let send = send.queue_url(dead_letters);
        let send = send.message_body(notification.to_string());
        send.send().await.unwrap();
    }

    fn jobs(&self, stack: &FaultStack) -> [String; 3] {
        [&self.unreported, &self.dead_letter, &self.unseen].map(|key| stack.job(key))
    }
}

/// The faults for every call of a run without faults.
fn planned_faults(calls: &[String]) -> Vec<PlannedFault> {
    let mut earlier_calls: HashMap<&str, usize> = HashMap::new();
    let mut planned = Vec::new();
    for operation in calls {
        let earlier = earlier_calls.entry(operation).or_default();
        let after = *earlier;
        *earlier += 1;
        if operation == "DynamoDB Query" && (1..SHARDS - 1).contains(&after) {
            continue;
        }
        let plan = |fault, times| PlannedFault {
            function: RECONCILER,
            operation: operation.clone(),
            after,
            fault,
            times,
        };
        planned.extend([CallFault::KillBefore, CallFault::KillAfter].map(|fault| plan(fault, 1)));
        if after == 0 {
            planned.extend(FIRST_CALL_FAULTS.map(|fault| plan(fault, MAX_TRIES)));
        }
    }
    // After the first kill a new process starts, which is killed at its first call. This is not possible for functions
    // behind queues: when a process dies as it starts, the emulator ends all others of its function, busy ones too.
    let at_start = [CallFault::KillBefore, CallFault::KillAfter].map(|fault| PlannedFault {
        function: RECONCILER,
        operation: CONNECT.to_owned(),
        after: 0,
        fault,
        times: 1,
    });
    planned.splice(1..1, at_start);
    planned
}

/// Uploads documents whose runs end without a notification.
async fn run_without_notifications(stack: &FaultStack, lost: &[LostWork], bytes: &[u8]) {
    let endpoints = &stack.stack.endpoints;
    let lose = Faults {
        lose_notification: FaultRate::ALWAYS,
        ..Faults::default()
    };
    endpoints.set_faults(LEGAL_REVIEW, lose).unwrap();
    let before = endpoints.state(LEGAL_REVIEW).unwrap().completed;
    let keys = lost
        .iter()
        .flat_map(|lost| [&lost.unreported, &lost.dead_letter]);
    stream::iter(keys)
        .for_each_concurrent(8, |key| stack.upload(key, bytes))
        .await;
    let all = before + 2 * lost.len() as u64;
    let completed =
        async || (endpoints.state(LEGAL_REVIEW).unwrap().completed == all).then_some(());
    until("the results", completed).await;
    endpoints
        .set_faults(LEGAL_REVIEW, Faults::default())
        .unwrap();
    stack.wait_for_empty_queues().await;
}

/// Guarantee 2: every job ends within its pipeline's deadline, whatever messages are lost and wherever a function dies.
#[test]
fn work_of_a_killed_reconciler_is_done_by_the_next_run() {
    run_alone(async |stack| {
        let started = Instant::now();
        let bytes = sample("contracts/Ledgerly SaaS subscription (36 months).pdf");
        let mut lost = vec![LostWork::new(stack, 0)];
        run_without_notifications(stack, &lost, &bytes).await;
        stack.set_s3_notifications(false).await;
        let report = stack.reconcile(true).await;
        assert_eq!(report["incomplete"], false, "{report}");
        let before = stack.proxy.state().calls(RECONCILER, None).len();
        lost[0].lose(stack, &bytes).await;
        let report = stack.reconcile(true).await;
        let one = Value::from(1);
        let counts = [&report[CHECKS_SENT], &report[REDRIVEN], &report[RESENT]];
        assert_eq!(counts, [&one; 3], "{report}");
        let calls = stack
            .proxy
            .state()
            .calls(RECONCILER, None)
            .split_off(before);
        stack.wait_for_end(lost[0].jobs(stack).into_iter()).await;
        eprintln!("reconcile: {} calls {}", calls.len(), calls.join(", "));

        let planned = planned_faults(&calls);
        lost.extend((1..=planned.len()).map(|number| LostWork::new(stack, number)));
        stack.set_s3_notifications(true).await;
        run_without_notifications(stack, &lost[1..], &bytes).await;
        stack.set_s3_notifications(false).await;
        let prepared = started.elapsed();
        let mut problems = Vec::new();
        for (fault, lost) in planned.iter().zip(&lost[1..]) {
            lost.lose(stack, &bytes).await;
            stack.proxy.state().arm(fault.clone());
            let report = stack.reconcile(true).await;
            let unused = stack.proxy.state().disarm(RECONCILER);
            if !unused.is_empty() {
                problems.push(format!(
                    "the planned fault was not injected: {unused:?} {report}"
                ));
            }
        }
        let faulted = started.elapsed() - prepared;
        // Dead letters that were received and not deleted reappear after their visibility timeout.
        let nothing_left = async || {
            let report = stack.reconcile(true).await;
            stack.wait_for_empty_queues().await;
            let count = |name: &str| report[name].as_u64().unwrap();
            let recovered = count(CHECKS_SENT) + count(REDRIVEN) + count(RESENT);
            (recovered == 0 && stack.unprocessed_messages().await.is_empty()).then_some(())
        };
        until("a run that finds nothing to recover", nothing_left).await;
        stack.set_s3_notifications(true).await;
        let jobs: Vec<String> = lost.iter().flat_map(|lost| lost.jobs(stack)).collect();
        stack.wait_for_end(jobs.iter().cloned()).await;
        let statuses = stack.statuses(&jobs).await;
        for job in &jobs {
            let published = async || (!stack.events_of(job).is_empty()).then_some(());
            until("the event of a job", published).await;
            let JobRuns {
                model_runs,
                accepted,
            } = stack.proxy.state().runs(job);
            if statuses[job] != "Ready" || (model_runs, accepted.len()) != (1, 1) {
                problems.push(format!("{job} is {} after {accepted:?}", statuses[job]));
            }
        }
        assert!(problems.is_empty(), "{}", problems.join("\n"));
        eprintln!(
            "reconcile: {} runs with one fault each in {} s, all correct after {} s; {} processes killed so far",
            planned.len(),
            faulted.as_secs(),
            started.elapsed().as_secs(),
            stack.proxy.state().killed,
        );
    });
}
