//! What is to happen to which call, and what has happened.

use std::collections::{HashMap, VecDeque};

/// What can go wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// `kill -9` of the caller before the call is passed on.
    KillBefore,
    /// `kill -9` of the caller after the call took effect, before its answer.
    KillAfter,
    /// The service says that there are too many calls.
    Throttle,
    /// The service says that it is broken.
    Break,
    /// The connection is reset before the call is passed on.
    Reset,
    /// The call takes effect, and the connection is reset instead of an answer.
    LoseReply,
    /// The service says that all is well and has done nothing. No service does; it shows that tests can fail.
    Swallow,
}

/// A fault at a call.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Who calls.
    pub(crate) function: &'static str,
    /// What, as [`super::call::operation`] says it.
    pub(crate) operation: String,
    /// From which call of that kind on, counted from zero, for each document.
    pub(crate) at: usize,
    pub(crate) fault: Fault,
    /// How often.
    pub(crate) times: usize,
}

/// Something that calls are about.
#[derive(Debug, Default)]
struct Subject {
    /// Faults, and how often each has struck.
    plans: Vec<(Plan, usize)>,
    /// How many calls of a kind there were.
    seen: HashMap<(String, String), usize>,
    /// What the model answers, if it is not asked itself; the last answer is repeated.
    model: VecDeque<u16>,
    /// The model works until the endpoint was called twice.
    held: bool,
    /// How often the model ran.
    runs: usize,
    /// The inference ids of the calls that the endpoint took.
    accepted: Vec<String>,
}

/// A call that was made.
#[derive(Debug)]
struct Call {
    function: String,
    operation: String,
    about: Option<String>,
}

/// What is planned, and what was seen.
#[derive(Debug, Default)]
pub(crate) struct Book {
    /// By job id.
    subjects: HashMap<String, Subject>,
    /// Job ids by key.
    keys: HashMap<String, String>,
    /// What a process last spoke of: some calls name no document.
    last: HashMap<u32, String>,
    /// Faults of a function, whatever it is about.
    armed: Subject,
    calls: Vec<Call>,
    /// How many processes were killed so far.
    pub(crate) killed: usize,
}

impl Book {
    /// Knows a document from now on.
    pub(crate) fn expect(&mut self, job: &str, key: &str, plans: Vec<Plan>, model: &[u16]) {
        let subject = Subject {
            plans: plans.into_iter().map(|plan| (plan, 0)).collect(),
            model: model.iter().copied().collect(),
            ..Subject::default()
        };
        self.subjects.insert(job.to_owned(), subject);
        self.keys.insert(key.to_owned(), job.to_owned());
    }

    /// Plans faults of functions, whatever their calls are about.
    pub(crate) fn arm(&mut self, plans: Vec<Plan>) {
        for plan in &plans {
            // Counted from now on.
            let kind = (plan.function.to_owned(), plan.operation.clone());
            self.armed.seen.remove(&kind);
        }
        let plans = plans.into_iter().map(|plan| (plan, 0));
        self.armed.plans.extend(plans);
    }

    /// Forgets the faults of a function; answers those that never struck.
    pub(crate) fn disarm(&mut self, function: &str) -> Vec<Plan> {
        let plans = &mut self.armed.plans;
        let all = plans.extract_if(.., |(plan, _)| plan.function == function);
        never(all.collect::<Vec<_>>().iter())
    }

    /// Lets the model work on a document until its endpoint was called twice.
    pub(crate) fn hold(&mut self, job: &str) {
        self.subjects.get_mut(job).unwrap().held = true;
    }

    /// The calls of a function, about a job or all, in their order.
    pub(crate) fn calls(&self, function: &str, about: Option<&str>) -> Vec<String> {
        let of = self.calls.iter().filter(|call| {
            call.function == function && (about.is_none() || call.about.as_deref() == about)
        });
        of.map(|call| call.operation.clone()).collect()
    }

    /// How often the model ran for a job, and the inference ids of the calls that its endpoint took.
    pub(crate) fn runs(&self, job: &str) -> (usize, Vec<String>) {
        let subject = &self.subjects[job];
        (subject.runs, subject.accepted.clone())
    }

    /// The faults of a job that never struck. One that was to strike every try may have struck only some: a function
    /// that is out of time does not try again.
    pub(crate) fn left(&self, job: &str) -> Vec<Plan> {
        never(self.subjects[job].plans.iter())
    }

    /// The endpoint took a call.
    pub(crate) fn accepted(&mut self, inference: String) {
        let subject = job_of(&inference).and_then(|job| self.subjects.get_mut(job));
        if let Some(subject) = subject {
            subject.accepted.push(inference);
        }
    }

    /// Whether a run of the model must last.
    pub(crate) fn is_held(&self, inference: Option<&str>) -> bool {
        let job = inference.and_then(job_of);
        let subject = job.and_then(|job| self.subjects.get(job));
        subject.is_some_and(|subject| subject.held && subject.accepted.len() < 2)
    }

    /// The model runs: what it is to answer; nothing if it is to be asked.
    pub(crate) fn model_says(&mut self, inference: Option<&str>) -> Option<u16> {
        let subject = self.subjects.get_mut(job_of(inference?)?)?;
        subject.runs += 1;
        if subject.model.len() > 1 {
            return subject.model.pop_front();
        }
        subject.model.front().copied()
    }

    /// Writes a call down, and answers what is planned for it.
    pub(crate) fn record(
        &mut self,
        pid: u32,
        function: &str,
        operation: &str,
        text: &str,
    ) -> Option<Fault> {
        let named = self.keys.iter().find(|(key, _)| text.contains(*key));
        let named = named.map(|(_, job)| job.clone()).or_else(|| {
            let mut jobs = self.subjects.keys();
            jobs.find(|job| text.contains(*job)).cloned()
        });
        let about = named.or_else(|| self.last.get(&pid).cloned());
        let kind = (function.to_owned(), operation.to_owned());
        let mut fault = self.armed.next(&kind);
        if let Some(job) = &about {
            self.last.insert(pid, job.clone());
            let subject = self.subjects.get_mut(job);
            fault = fault.or_else(|| subject?.next(&kind));
        }
        self.calls.push(Call {
            function: kind.0,
            operation: kind.1,
            about,
        });
        fault
    }
}

/// The job that an inference is about.
fn job_of(inference: &str) -> Option<&str> {
    Some(inference.split_once('.')?.0)
}

impl Subject {
    /// Counts a call and answers what is planned for it.
    fn next(&mut self, kind: &(String, String)) -> Option<Fault> {
        let seen = self.seen.entry(kind.clone()).or_default();
        let nth = *seen;
        *seen += 1;
        let (plan, struck) = self.plans.iter_mut().find(|(plan, struck)| {
            (plan.function, &plan.operation) == (kind.0.as_str(), &kind.1)
                && *struck < plan.times
                && nth >= plan.at
        })?;
        *struck += 1;
        Some(plan.fault)
    }
}

fn never<'a>(plans: impl Iterator<Item = &'a (Plan, usize)>) -> Vec<Plan> {
    let never = plans.filter(|(_, struck)| *struck == 0);
    never.map(|(plan, _)| plan.clone()).collect()
}
