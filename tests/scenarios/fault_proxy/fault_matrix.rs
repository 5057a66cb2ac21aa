//! Documents that all take the same way, each with one fault at one call of one function.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};

use super::book::{Fault, Plan};
use super::call::{INVOKE, PUSH};
use super::stage::Stage;

use crate::support::{WAIT_TIMEOUT, sample, until};

/// How often a function tries a call (`retries` in `crates/functions/src/aws/mod.rs`).
pub(crate) const TRIES: usize = 3;
/// The faults that every call meets, and how often: some have to strike at every try to be felt.
const FAULTS: [(Fault, usize); 7] = [
    (Fault::KillBefore, 1),
    (Fault::KillAfter, 1),
    (Fault::Throttle, TRIES),
    (Fault::Break, TRIES),
    (Fault::Reset, TRIES),
    (Fault::LoseReply, 1),
    (Fault::LoseReply, TRIES),
];

/// The call that saves a row.
pub(crate) const SAVE: &str = "DynamoDB UpdateItem";
/// The calls that no SDK tries again.
const ONCE: [&str; 2] = [INVOKE, PUSH];
const UPLOADS_AT_A_TIME: usize = 8;

/// What happens to all documents of an experiment, and how they end.
pub(crate) struct Experiment {
    pub(crate) name: &'static str,
    pub(crate) prefix: &'static str,
    /// Which function meets the faults.
    pub(crate) function: &'static str,
    /// Refuse the first call of the endpoint, so that there is something to try again.
    pub(crate) refused: bool,
    /// What the model answers, one run after another.
    pub(crate) model: &'static [u16],
    /// `Ready` or `Failed`.
    pub(crate) end: &'static str,
}

/// One document and what happens to it.
pub(crate) struct Document {
    key: String,
    pub(crate) job: String,
    /// Nobody can know that the endpoint was called: it is called once more.
    pub(crate) is_repeated: bool,
    name: String,
}

impl Experiment {
    /// A document that is expected by the proxy, and not yet uploaded.
    pub(crate) fn document(
        &self,
        stage: &Stage,
        name: &str,
        plan: Option<Plan>,
        is_repeated: bool,
    ) -> Document {
        let key = format!("{}{}/{name}.pdf", self.prefix, self.name);
        let job = stage.job(&key);
        let refusal = self.refused.then(|| Plan {
            function: "upload-trigger",
            operation: INVOKE.to_owned(),
            at: 0,
            fault: Fault::Throttle,
            times: 1,
        });
        let plans = refusal.into_iter().chain(plan).collect();
        stage.wire.book().expect(&job, &key, plans, self.model);
        if is_repeated {
            stage.wire.book().hold(&job);
        }
        Document {
            key,
            job,
            is_repeated,
            name: name.to_owned(),
        }
    }

    /// Watches an undisturbed run, disturbs each of its calls with each fault, and checks what became of it.
    pub(crate) async fn run(&self, stage: &'static Stage) {
        let began = Instant::now();
        let calls = self.watch(stage).await;
        let documents = self.disturbed(stage, &calls);
        self.process(stage, &documents).await;
        stage.quiet().await;
        let mut problems = self.problems(stage, &documents, WAIT_TIMEOUT).await;
        problems.extend(stage.set_aside().await);
        let name = self.name;
        assert!(problems.is_empty(), "{name}:\n{}", problems.join("\n"));
        let repeated = documents.iter().filter(|one| one.is_repeated).count();
        eprintln!(
            "{name}: {} documents with a fault each, {repeated} called for twice, all as they should be after {} s; \
             {} processes killed by now",
            documents.len(),
            began.elapsed().as_secs(),
            stage.wire.book().killed,
        );
    }

    /// The calls that the function makes about a document when nothing goes wrong.
    async fn watch(&self, stage: &Stage) -> Vec<String> {
        let first = self.document(stage, "undisturbed", None, false);
        self.process(stage, std::slice::from_ref(&first)).await;
        let calls = until("the last call, which is a push", async || {
            let calls = stage.wire.book().calls(self.function, Some(&first.job));
            calls
                .last()
                .is_some_and(|last| last == PUSH)
                .then_some(calls)
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

    /// A document for every fault at every call.
    fn disturbed(&self, stage: &Stage, calls: &[String]) -> Vec<Document> {
        let mut documents = Vec::new();
        let mut seen: HashMap<&str, usize> = HashMap::new();
        let mut before = "";
        for (place, operation) in calls.iter().enumerate() {
            let at = seen.entry(operation).and_modify(|at| *at += 1).or_default();
            for (fault, times) in FAULTS {
                let times = if ONCE.contains(&operation.as_str()) {
                    1
                } else {
                    times
                };
                let took_effect = matches!(fault, Fault::KillAfter | Fault::LoseReply);
                let is_repeated = (operation == INVOKE && took_effect)
                    || (before == INVOKE && operation == SAVE && !took_effect);
                let plan = Plan {
                    function: self.function,
                    operation: operation.clone(),
                    at: *at,
                    fault,
                    times,
                };
                let word = operation.split(' ').next_back().unwrap_or_default();
                let name = format!("{place:02}-{word}-{fault:?}-{times}");
                documents.push(self.document(stage, &name, Some(plan), is_repeated));
            }
            before = operation;
        }
        documents.dedup_by(|a, b| a.job == b.job);
        documents
    }

    /// Uploads documents and waits until all have ended.
    pub(crate) async fn process(&self, stage: &Stage, documents: &[Document]) {
        self.upload(stage, documents).await;
        stage
            .ended(documents.iter().map(|one| one.job.clone()))
            .await;
    }

    /// Uploads documents.
    pub(crate) async fn upload(&self, stage: &Stage, documents: &[Document]) {
        let bytes = sample("contracts/Ledgerly SaaS subscription (36 months).pdf");
        stream::iter(documents)
            .for_each_concurrent(UPLOADS_AT_A_TIME, |one| stage.upload(&one.key, &bytes))
            .await;
    }

    /// What is not as it should be. An event takes its time through the bus: so long is it waited for.
    pub(crate) async fn problems(
        &self,
        stage: &Stage,
        documents: &[Document],
        patience: Duration,
    ) -> Vec<String> {
        let jobs: Vec<String> = documents.iter().map(|one| one.job.clone()).collect();
        let states = stage.states(&jobs).await;
        let event = format!("Job{}", self.end);
        let give_up = Instant::now() + patience;
        let mut problems = Vec::new();
        for one in documents {
            let mut wrong = |why: String| problems.push(format!("{}: {why}", one.name));
            let state = states.get(&one.job).map_or("absent", String::as_str);
            if state != self.end {
                wrong(format!("is {state}"));
            }
            while stage.heard(&one.job).is_empty() && Instant::now() < give_up {
                Stage::moment().await;
            }
            let heard = stage.heard(&one.job);
            if heard.is_empty() || heard.iter().any(|kind| *kind != event) {
                wrong(format!("the bus said {heard:?}"));
            }
            for plan in stage.wire.book().left(&one.job) {
                wrong(format!("was not disturbed as planned: {plan:?}"));
            }
            let (runs, accepted) = stage.wire.book().runs(&one.job);
            let least = self.model.len();
            let planned = least + usize::from(one.is_repeated);
            let attempts: BTreeSet<&String> = accepted.iter().collect();
            let accepted = accepted.len();
            // One that was called for twice ends with the first result, maybe before the second run.
            if accepted != planned || attempts.len() != least || runs < least || runs > planned {
                wrong(format!(
                    "{runs} runs of {accepted} calls of attempts {attempts:?}, and {planned} were planned"
                ));
            }
        }
        problems
    }
}
