//! The reconciler dies, or what it calls does, at any of its calls: what it was to find is found by the next one.

use std::collections::HashMap;
use std::time::Instant;

use async_endpoint::{Fault as Chance, Faults};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use crate::support::{let_the_deadline_pass, sample, until};
use crate::wire::book::{Fault, Plan};
use crate::wire::call::START;
use crate::wire::experiment::TRIES;
use crate::wire::stage::{Stage, run_alone};

const ENDPOINT: &str = "docket-legal-review";
const RECONCILER: &str = "reconciler";

/// The faults that the first call of every kind meets, every try of it; every call is also killed before and after.
const OTHERS: [Fault; 2] = [Fault::Throttle, Fault::LoseReply];
/// It asks as often for what is due: one query a shard. The first and the last of them stand for all.
const SHARDS: usize = 16;

/// What one run of the reconciler is to find.
struct Lost {
    /// A document whose result nobody has heard of; its deadline is past.
    silent: String,
    /// One whose result is a dead letter.
    dead: String,
    /// The key of one that was never announced.
    unseen: String,
}

impl Lost {
    fn new(stage: &Stage, number: usize) -> Self {
        let key = |kind: &str| format!("inbound/reconciled/{kind}-{number:03}.pdf");
        for kind in ["silent", "dead", "unseen"] {
            let key = key(kind);
            stage
                .wire
                .book()
                .expect(&stage.job(&key), &key, vec![], &[200]);
        }
        Self {
            silent: key("silent"),
            dead: key("dead"),
            unseen: key("unseen"),
        }
    }

    /// Loses it.
    async fn lose(&self, stage: &Stage, bytes: &[u8]) {
        let_the_deadline_pass(&stage.stack, &stage.job(&self.silent)).await;
        stage.upload(&self.unseen, bytes).await;
        let said = json!({
            "invocationStatus": "Completed",
            "inferenceId": format!("{}.a1", stage.job(&self.dead)),
            "eventSource": "aws:sagemaker",
            "eventName": "InferenceResult",
        });
        let dead = &stage.stack.outputs.inference_success_dead_letters_url;
        let send = stage.stack.cloud.sqs.send_message().queue_url(dead);
        send.message_body(said.to_string()).send().await.unwrap();
    }

    fn jobs(&self, stage: &Stage) -> [String; 3] {
        [&self.silent, &self.dead, &self.unseen].map(|key| stage.job(key))
    }
}

/// Every call of an undisturbed run, as what to do to it.
fn plans(calls: &[String]) -> Vec<Plan> {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    let mut plans = Vec::new();
    for operation in calls {
        let at = seen.entry(operation).and_modify(|at| *at += 1).or_default();
        let at = *at;
        if operation == "DynamoDB Query" && (1..SHARDS - 1).contains(&at) {
            continue;
        }
        let plan = |fault, times| Plan {
            function: RECONCILER,
            operation: operation.clone(),
            at,
            fault,
            times,
        };
        plans.extend([Fault::KillBefore, Fault::KillAfter].map(|fault| plan(fault, 1)));
        if at == 0 {
            plans.extend(OTHERS.map(|fault| plan(fault, TRIES)));
        }
    }
    // Now that a process was killed, one begins anew, which is killed at its first call. Of functions behind queues that
    // cannot be told: when a process dies as it begins, the emulator ends all others of its function, busy ones too.
    let starts = [Fault::KillBefore, Fault::KillAfter].map(|fault| Plan {
        function: RECONCILER,
        operation: START.to_owned(),
        at: 0,
        fault,
        times: 1,
    });
    plans.splice(1..1, starts);
    plans
}

/// Makes documents whose results are there and were announced to nobody.
async fn without_a_word(stage: &Stage, lost: &[Lost], bytes: &[u8]) {
    let endpoints = &stage.stack.endpoints;
    let lose = Faults {
        lose_notification: Chance::ALWAYS,
        ..Faults::default()
    };
    endpoints.set_faults(ENDPOINT, lose).unwrap();
    let before = endpoints.state(ENDPOINT).unwrap().completed;
    let keys = lost.iter().flat_map(|lost| [&lost.silent, &lost.dead]);
    stream::iter(keys)
        .for_each_concurrent(8, |key| stage.upload(key, bytes))
        .await;
    let all = before + 2 * lost.len() as u64;
    let made = async || (endpoints.state(ENDPOINT).unwrap().completed == all).then_some(());
    until("results", made).await;
    endpoints.set_faults(ENDPOINT, Faults::default()).unwrap();
    stage.quiet().await;
}

/// "Every job reaches `Ready`, `Failed` or `Cancelled` within a bound that its pipeline states, whatever messages are
/// lost, doubled, late or swapped, and wherever a function dies."
#[test]
fn and_the_next_one_finds_what_it_was_to_find() {
    run_alone(async |stage| {
        let began = Instant::now();
        let bytes = sample("contracts/Ledgerly SaaS subscription (36 months).pdf");
        let mut lost = vec![Lost::new(stage, 0)];
        without_a_word(stage, &lost, &bytes).await;
        stage.announce_uploads(false).await;
        let found = stage.reconcile(true).await;
        assert_eq!(found["incomplete"], false, "{found}");
        let before = stage.wire.book().calls(RECONCILER, None).len();
        lost[0].lose(stage, &bytes).await;
        let found = stage.reconcile(true).await;
        let one = Value::from(1);
        let what = [
            &found["checksSent"],
            &found["redriven"],
            &found["uploadEventsReenqueued"],
        ];
        assert_eq!(what, [&one; 3], "{found}");
        let calls = stage.wire.book().calls(RECONCILER, None).split_off(before);
        stage.ended(lost[0].jobs(stage).into_iter()).await;
        eprintln!("reconcile: {} calls {}", calls.len(), calls.join(", "));

        let plans = plans(&calls);
        lost.extend((1..=plans.len()).map(|number| Lost::new(stage, number)));
        stage.announce_uploads(true).await;
        without_a_word(stage, &lost[1..], &bytes).await;
        stage.announce_uploads(false).await;
        let prepared = began.elapsed();
        let mut problems = Vec::new();
        for (plan, lost) in plans.iter().zip(&lost[1..]) {
            lost.lose(stage, &bytes).await;
            stage.wire.book().arm(vec![plan.clone()]);
            let said = stage.reconcile(true).await;
            let left = stage.wire.book().disarm(RECONCILER);
            if !left.is_empty() {
                problems.push(format!("did not happen: {left:?} {said}"));
            }
        }
        let disturbed = began.elapsed() - prepared;
        // What was received and not settled shows up again.
        let nothing = async || {
            let found = stage.reconcile(true).await;
            stage.quiet().await;
            let count = |name: &str| found[name].as_u64().unwrap();
            let some = count("checksSent") + count("redriven") + count("uploadEventsReenqueued");
            (some == 0 && stage.set_aside().await.is_empty()).then_some(())
        };
        until("nothing more to be found", nothing).await;
        stage.announce_uploads(true).await;
        let jobs = || lost.iter().flat_map(|lost| lost.jobs(stage));
        stage.ended(jobs()).await;
        let states = stage.states(&jobs().collect::<Vec<_>>()).await;
        for job in jobs() {
            let heard = async || (!stage.heard(&job).is_empty()).then_some(());
            until("the event of a job", heard).await;
            let (runs, accepted) = stage.wire.book().runs(&job);
            if states[&job] != "Ready" || (runs, accepted.len()) != (1, 1) {
                problems.push(format!("{job} is {} after {accepted:?}", states[&job]));
            }
        }
        assert!(problems.is_empty(), "{}", problems.join("\n"));
        eprintln!(
            "reconcile: {} runs with a fault each in {} s, all as it should be after {} s; {} processes killed by now",
            plans.len(),
            disturbed.as_secs(),
            began.elapsed().as_secs(),
            stage.wire.book().killed,
        );
    });
}
