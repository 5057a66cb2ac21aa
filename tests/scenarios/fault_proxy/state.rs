//! Which faults are planned for which calls, and which calls the proxy has seen.

use std::collections::{HashMap, VecDeque};

/// What can go wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallFault {
    /// `kill -9` of the caller before the call is forwarded.
    KillBefore,
    /// `kill -9` of the caller after the call took effect, before its response.
    KillAfter,
    /// The service answers that the rate is exceeded.
    Throttle,
    /// The service answers with an internal error.
    ServerError,
    /// The connection is reset before the call is forwarded.
    Reset,
    /// The call takes effect, and the connection is reset instead of a response.
    LoseResponse,
    /// The service answers with success and has done nothing. No real service does; it shows that tests can fail.
    FalseSuccess,
}

/// A fault for some calls of a function.
#[derive(Clone, Debug)]
pub(crate) struct PlannedFault {
    pub(crate) function: &'static str,
    /// As [`super::protocol::operation`] names it.
    pub(crate) operation: String,
    /// How many calls of this operation pass first, counted per document.
    pub(crate) after: usize,
    pub(crate) fault: CallFault,
    /// How many calls it affects.
    pub(crate) times: usize,
}

/// A planned fault, and how many calls it has affected.
#[derive(Debug)]
struct FaultUse {
    planned: PlannedFault,
    used: usize,
}

impl FaultUse {
    fn new(planned: PlannedFault) -> Self {
        Self { planned, used: 0 }
    }
}

/// A function and one of its operations.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct CallKind {
    function: String,
    operation: String,
}

/// Counts calls and applies planned faults to them.
#[derive(Debug, Default)]
struct FaultSchedule {
    faults: Vec<FaultUse>,
    /// Number of calls by kind.
    calls: HashMap<CallKind, usize>,
}

impl FaultSchedule {
    /// Counts a call. Returns the fault that is planned for it.
    fn next(&mut self, kind: &CallKind) -> Option<CallFault> {
        let calls = self.calls.entry(kind.clone()).or_default();
        let earlier = *calls;
        *calls += 1;
        let fault = self.faults.iter_mut().find(|fault| {
            let planned = &fault.planned;
            planned.function == kind.function
                && planned.operation == kind.operation
                && fault.used < planned.times
                && earlier >= planned.after
        })?;
        fault.used += 1;
        Some(fault.planned.fault)
    }
}

fn unused<'a>(faults: impl Iterator<Item = &'a FaultUse>) -> Vec<PlannedFault> {
    let unused = faults.filter(|fault| fault.used == 0);
    unused.map(|fault| fault.planned.clone()).collect()
}

/// A document that calls are about.
#[derive(Debug, Default)]
struct TrackedJob {
    schedule: FaultSchedule,
    /// Statuses with which the proxy answers in place of the model; the last one repeats. Empty: the model answers.
    model_statuses: VecDeque<u16>,
    /// The model works until the endpoint was invoked twice.
    held: bool,
    model_runs: usize,
    /// The inference ids of the invocations that the endpoint accepted.
    accepted: Vec<String>,
}

#[derive(Debug)]
struct RecordedCall {
    kind: CallKind,
    job: Option<String>,
}

/// What the endpoint and the model did for a job.
pub(crate) struct JobRuns {
    /// How often the model ran.
    pub(crate) model_runs: usize,
    /// The inference ids of the invocations that the endpoint accepted.
    pub(crate) accepted: Vec<String>,
}

/// Planned faults and recorded calls.
#[derive(Debug, Default)]
pub(crate) struct ProxyState {
    /// By job id.
    jobs: HashMap<String, TrackedJob>,
    /// Job ids by object key.
    job_by_key: HashMap<String, String>,
    /// The job that a process last named: some calls name no document.
    last_job_of_process: HashMap<u32, String>,
    /// Faults of functions, whatever job a call is about.
    armed: FaultSchedule,
    calls: Vec<RecordedCall>,
    /// Number of processes killed so far.
    pub(crate) killed: usize,
}

impl ProxyState {
    /// Tracks a document from now on.
    pub(crate) fn track(
        &mut self,
        job: &str,
        key: &str,
        faults: Vec<PlannedFault>,
        model_statuses: &[u16],
    ) {
        let tracked = TrackedJob {
            schedule: FaultSchedule {
                faults: faults.into_iter().map(FaultUse::new).collect(),
                ..FaultSchedule::default()
            },
            model_statuses: model_statuses.iter().copied().collect(),
            ..TrackedJob::default()
        };
        self.jobs.insert(job.to_owned(), tracked);
        self.job_by_key.insert(key.to_owned(), job.to_owned());
    }

    /// Plans a fault of a function, whatever job its calls are about. Calls are counted from now on.
    pub(crate) fn arm(&mut self, planned: PlannedFault) {
        self.armed.calls.remove(&CallKind {
            function: planned.function.to_owned(),
            operation: planned.operation.clone(),
        });
        self.armed.faults.push(FaultUse::new(planned));
    }

    /// Drops the armed faults of a function. Returns those that affected no call.
    pub(crate) fn disarm(&mut self, function: &str) -> Vec<PlannedFault> {
        let faults = &mut self.armed.faults;
        let removed = faults.extract_if(.., |fault| fault.planned.function == function);
        unused(removed.collect::<Vec<_>>().iter())
    }

    /// Lets the model work on a document until its endpoint was invoked twice.
    pub(crate) fn hold(&mut self, job: &str) {
        self.jobs.get_mut(job).unwrap().held = true;
    }

    /// The operations that a function called, in order: about a job, or all.
    pub(crate) fn calls(&self, function: &str, job: Option<&str>) -> Vec<String> {
        let calls = self.calls.iter().filter(|call| {
            call.kind.function == function && (job.is_none() || call.job.as_deref() == job)
        });
        calls.map(|call| call.kind.operation.clone()).collect()
    }

    pub(crate) fn runs(&self, job: &str) -> JobRuns {
        let tracked = &self.jobs[job];
        JobRuns {
            model_runs: tracked.model_runs,
            accepted: tracked.accepted.clone(),
        }
    }

    /// The faults of a job that affected no call. One planned for every try may affect only some: a function that is
    /// out of time does not try again.
    pub(crate) fn unused_faults(&self, job: &str) -> Vec<PlannedFault> {
        unused(self.jobs[job].schedule.faults.iter())
    }

    /// Records that the endpoint accepted an invocation.
    pub(crate) fn record_accepted(&mut self, inference_id: String) {
        let tracked = job_of(&inference_id).and_then(|job| self.jobs.get_mut(job));
        if let Some(tracked) = tracked {
            tracked.accepted.push(inference_id);
        }
    }

    /// Whether a run of the model has to wait.
    pub(crate) fn is_held(&self, inference_id: Option<&str>) -> bool {
        let job = inference_id.and_then(job_of);
        let tracked = job.and_then(|job| self.jobs.get(job));
        tracked.is_some_and(|tracked| tracked.held && tracked.accepted.len() < 2)
    }

    /// Records a run of the model. Returns the status to answer with; `None` if the model itself answers.
    pub(crate) fn record_model_run(&mut self, inference_id: Option<&str>) -> Option<u16> {
        let tracked = self.jobs.get_mut(job_of(inference_id?)?)?;
        tracked.model_runs += 1;
        if tracked.model_statuses.len() > 1 {
            return tracked.model_statuses.pop_front();
        }
        tracked.model_statuses.front().copied()
    }

    /// Records a call. Returns the fault that is planned for it.
    pub(crate) fn record_call(
        &mut self,
        pid: u32,
        function: &str,
        operation: &str,
        text: &str,
    ) -> Option<CallFault> {
        let mut keys = self.job_by_key.iter();
        let by_key = keys.find(|(key, _)| text.contains(*key));
        let named = by_key.map(|(_, job)| job.clone()).or_else(|| {
            let mut jobs = self.jobs.keys();
            jobs.find(|job| text.contains(*job)).cloned()
        });
        let job = named.or_else(|| self.last_job_of_process.get(&pid).cloned());
        let kind = CallKind {
            function: function.to_owned(),
            operation: operation.to_owned(),
        };
        let mut fault = self.armed.next(&kind);
        if let Some(job) = &job {
            self.last_job_of_process.insert(pid, job.clone());
            let tracked = self.jobs.get_mut(job);
            fault = fault.or_else(|| tracked?.schedule.next(&kind));
        }
        self.calls.push(RecordedCall { kind, job });
        fault
    }
}

/// The job of an inference id `<job>.a<attempt>`.
fn job_of(inference_id: &str) -> Option<&str> {
    Some(inference_id.split_once('.')?.0)
}
