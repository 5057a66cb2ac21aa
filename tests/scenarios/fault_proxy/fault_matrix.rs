//! Uploads documents that all take the same path, each with one fault at one call of one function.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};

use super::protocol::{INVOKE, PUSH};
use super::stack::FaultStack;
use super::state::{CallFault, JobRuns, PlannedFault};

use crate::support::{WAIT_TIMEOUT, sample, until};

/// How often a function tries a call (`retries` in `crates/functions/src/aws/mod.rs`).
pub(crate) const MAX_TRIES: usize = 3;

/// A fault, and how many tries of a call it affects.
struct RepeatedFault {
    fault: CallFault,
    times: usize,
}

const fn once(fault: CallFault) -> RepeatedFault {
    RepeatedFault { fault, times: 1 }
}

const fn every_try(fault: CallFault) -> RepeatedFault {
    RepeatedFault {
        fault,
        times: MAX_TRIES,
    }
}

/// The faults that are injected into every call. Those that the SDK retries must affect every try to have an effect.
const FAULTS: [RepeatedFault; 7] = [
    once(CallFault::KillBefore),
    once(CallFault::KillAfter),
    every_try(CallFault::Throttle),
    every_try(CallFault::ServerError),
    every_try(CallFault::Reset),
    once(CallFault::LoseResponse),
    every_try(CallFault::LoseResponse),
];

/// The call that saves a row.
pub(crate) const SAVE: &str = "DynamoDB UpdateItem";
/// The calls that the SDK does not retry.
const NOT_RETRIED: [&str; 2] = [INVOKE, PUSH];
const MAX_CONCURRENT_UPLOADS: usize = 8;
const EVENT_CHECK_INTERVAL: Duration = Duration::from_millis(300);
/// How long after the end of a job its push may come.
const PUSH_TIMEOUT: Duration = Duration::from_secs(15);

/// A path of documents through one function, and how they end.
pub(crate) struct FaultMatrix {
    pub(crate) name: &'static str,
    pub(crate) prefix: &'static str,
    /// The function whose calls meet the faults.
    pub(crate) function: &'static str,
    /// Throttle the first invocation of the endpoint, so that the document needs a retry.
    pub(crate) throttle_first_invocation: bool,
    /// The status of each run of the model.
    pub(crate) model_statuses: &'static [u16],
    /// `Ready` or `Failed`.
    pub(crate) final_status: &'static str,
}

/// One document and its fault.
pub(crate) struct FaultCase {
    key: String,
    pub(crate) job: String,
    /// The function cannot know that the endpoint accepted the invocation, and invokes it once more.
    pub(crate) is_invoked_twice: bool,
    name: String,
}

impl FaultMatrix {
    /// A document that the proxy tracks, and that is not uploaded yet.
    pub(crate) fn case(
        &self,
        stack: &FaultStack,
        name: &str,
        fault: Option<PlannedFault>,
    ) -> FaultCase {
        let key = format!("{}{}/{name}.pdf", self.prefix, self.name);
        let job = stack.job(&key);
        let throttle = self.throttle_first_invocation.then(|| PlannedFault {
            function: "upload-trigger",
            operation: INVOKE.to_owned(),
            after: 0,
            fault: CallFault::Throttle,
            times: 1,
        });
        let faults = throttle.into_iter().chain(fault).collect();
        let mut state = stack.proxy.state();
        state.track(&job, &key, faults, self.model_statuses);
        FaultCase {
            key,
            job,
            is_invoked_twice: false,
            name: name.to_owned(),
        }
    }

    /// As [`FaultMatrix::case`], with a fault after which the endpoint is invoked twice. The model works until then.
    pub(crate) fn case_invoked_twice(
        &self,
        stack: &FaultStack,
        name: &str,
        fault: PlannedFault,
    ) -> FaultCase {
        let case = self.case(stack, name, Some(fault));
        stack.proxy.state().hold(&case.job);
        FaultCase {
            is_invoked_twice: true,
            ..case
        }
    }

    /// Records the calls of a run without faults, injects each fault into each of them, and checks the results.
    pub(crate) async fn run(&self, stack: &'static FaultStack) {
        let started = Instant::now();
        let calls = self.record_calls(stack).await;
        let mut cases = self.cases(stack, &calls);
        self.process(stack, &cases).await;
        stack.wait_for_empty_queues().await;
        self.repeat_skipped_pushes(stack, &mut cases).await;
        let mut problems = self.problems(stack, &cases, WAIT_TIMEOUT).await;
        problems.extend(stack.unprocessed_messages().await);
        let name = self.name;
        assert!(problems.is_empty(), "{name}:\n{}", problems.join("\n"));
        let twice = cases.iter().filter(|case| case.is_invoked_twice).count();
        eprintln!(
            "{name}: {} documents with one fault each, {twice} invoked twice, all correct after {} s; \
             {} processes killed so far",
            cases.len(),
            started.elapsed().as_secs(),
            stack.proxy.state().killed,
        );
    }

    /// The calls that the function makes about a document without faults. On a busy stack another function may do a part of
    /// the work, for example release the document. Then another document is tried.
    async fn record_calls(&self, stack: &FaultStack) -> Vec<String> {
        let mut tried = 0;
        let calls = until("a document about which the function pushes", async || {
            tried += 1;
            let case = self.case(stack, &format!("no-fault-{tried}"), None);
            self.process(stack, std::slice::from_ref(&case)).await;
            let give_up = Instant::now() + PUSH_TIMEOUT;
            loop {
                let mut calls = stack.proxy.state().calls(self.function, Some(&case.job));
                // A message that is delivered twice makes calls after the push.
                if let Some(last) = calls.iter().rposition(|call| call == PUSH) {
                    calls.truncate(last + 1);
                    return Some(calls);
                }
                if Instant::now() > give_up {
                    eprintln!("{}: no push among {calls:?}", self.name);
                    return None;
                }
                tokio::time::sleep(EVENT_CHECK_INTERVAL).await;
            }
        })
        .await;
        eprintln!(
            "{}: {} calls {}",
            self.name,
            self.function,
            calls.join(", ")
        );
        calls
    }

    /// One document for every fault at every call.
    fn cases(&self, stack: &FaultStack, calls: &[String]) -> Vec<FaultCase> {
        let mut cases = Vec::new();
        let mut earlier_calls: HashMap<&str, usize> = HashMap::new();
        let mut previous = "";
        for (index, operation) in calls.iter().enumerate() {
            let earlier = earlier_calls.entry(operation).or_default();
            let after = *earlier;
            *earlier += 1;
            for RepeatedFault { fault, times } in FAULTS {
                let times = if NOT_RETRIED.contains(&operation.as_str()) {
                    1
                } else {
                    times
                };
                let took_effect = matches!(fault, CallFault::KillAfter | CallFault::LoseResponse);
                let is_invoked_twice = (operation == INVOKE && took_effect)
                    || (previous == INVOKE && operation == SAVE && !took_effect);
                let planned = PlannedFault {
                    function: self.function,
                    operation: operation.clone(),
                    after,
                    fault,
                    times,
                };
                let action = operation.split(' ').next_back().unwrap_or_default();
                let name = format!("{index:02}-{action}-{fault:?}-{times}");
                cases.push(if is_invoked_twice {
                    self.case_invoked_twice(stack, &name, planned)
                } else {
                    self.case(stack, &name, Some(planned))
                });
            }
            previous = operation;
        }
        cases.dedup_by(|a, b| a.job == b.job);
        cases
    }

    /// On a busy stack a function skips a push that would start late (`push_until` in `crates/jobs/src/effects.rs`). Then its
    /// fault is injected into the push of another document.
    async fn repeat_skipped_pushes(&self, stack: &FaultStack, cases: &mut Vec<FaultCase>) {
        let skipped_push = |case: &FaultCase| {
            let mut unused = stack.proxy.state().unused_faults(&case.job);
            let only_push = unused.len() == 1 && unused[0].operation == PUSH;
            only_push.then(|| unused.remove(0))
        };
        let mut tried = 0;
        until("a push for every fault of a push", async || {
            tried += 1;
            let mut again = Vec::new();
            cases.retain(|case| {
                let Some(fault) = skipped_push(case) else {
                    return true;
                };
                let name = format!("{}-again-{tried}", case.name);
                again.push(self.case(stack, &name, Some(fault)));
                false
            });
            if again.is_empty() {
                return Some(());
            }
            self.process(stack, &again).await;
            stack.wait_for_empty_queues().await;
            cases.append(&mut again);
            None
        })
        .await;
    }

    /// Uploads the documents and waits until all jobs have ended.
    pub(crate) async fn process(&self, stack: &FaultStack, cases: &[FaultCase]) {
        self.upload(stack, cases).await;
        stack
            .wait_for_end(cases.iter().map(|case| case.job.clone()))
            .await;
    }

    pub(crate) async fn upload(&self, stack: &FaultStack, cases: &[FaultCase]) {
        let bytes = sample("contracts/Ledgerly SaaS subscription (36 months).pdf");
        stream::iter(cases)
            .for_each_concurrent(MAX_CONCURRENT_UPLOADS, |case| {
                stack.upload(&case.key, &bytes)
            })
            .await;
    }

    /// The differences from the expected outcome. Waits up to `event_timeout` for the events, which take time to pass the bus.
    pub(crate) async fn problems(
        &self,
        stack: &FaultStack,
        cases: &[FaultCase],
        event_timeout: Duration,
    ) -> Vec<String> {
        let jobs: Vec<String> = cases.iter().map(|case| case.job.clone()).collect();
        let statuses = stack.statuses(&jobs).await;
        let expected_event = format!("Job{}", self.final_status);
        let give_up = Instant::now() + event_timeout;
        let mut problems = Vec::new();
        for case in cases {
            let mut report = |problem: String| problems.push(format!("{}: {problem}", case.name));
            let status = statuses.get(&case.job).map_or("absent", String::as_str);
            if status != self.final_status {
                report(format!("is {status}"));
            }
            while stack.events_of(&case.job).is_empty() && Instant::now() < give_up {
                tokio::time::sleep(EVENT_CHECK_INTERVAL).await;
            }
            let events = stack.events_of(&case.job);
            if events.is_empty() || events.iter().any(|kind| *kind != expected_event) {
                report(format!("the bus received {events:?}"));
            }
            for fault in stack.proxy.state().unused_faults(&case.job) {
                report(format!("the planned fault was not injected: {fault:?}"));
            }
            let JobRuns {
                model_runs,
                accepted,
            } = stack.proxy.state().runs(&case.job);
            let attempts_expected = self.model_statuses.len();
            let expected = attempts_expected + usize::from(case.is_invoked_twice);
            let attempts: BTreeSet<&String> = accepted.iter().collect();
            let accepted = accepted.len();
            // A job that was invoked twice ends with the first result, possibly before the second run.
            if accepted != expected
                || attempts.len() != attempts_expected
                || model_runs < attempts_expected
                || model_runs > expected
            {
                report(format!(
                    "{model_runs} runs of {accepted} invocations of attempts {attempts:?}, expected {expected}"
                ));
            }
        }
        problems
    }
}
