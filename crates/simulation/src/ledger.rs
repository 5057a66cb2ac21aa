//! A record of the requests to the endpoints and of the writes of rows, for the checks.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use jobs::id::{InferenceId, JobId};
use jobs::job::Job;
use jobs::state::State;

use crate::request::InferenceRequest;

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Accepted requests by job and attempt.
    requests: BTreeMap<(JobId, u8), Vec<Rc<InferenceRequest>>>,
    /// Attempts of which a call was refused.
    refused: BTreeSet<(JobId, u8)>,
    /// When the location of an output was first on its row.
    output_recorded: BTreeMap<String, u64>,
    /// When a job was last about to be submitted.
    submitting_since: BTreeMap<JobId, u64>,
    /// Bodies that belong into quarantine.
    pub(crate) junk: BTreeSet<String>,
    /// The messages for which a job was submitted.
    submitted_for: BTreeSet<(JobId, String)>,
    pub(crate) accepted: u64,
    /// Accepted requests whose attempt already had one.
    pub(crate) repeated: u64,
}

impl Ledger {
    pub(crate) fn requests(&self, job: JobId, attempt: u8) -> &[Rc<InferenceRequest>] {
        self.requests
            .get(&(job, attempt))
            .map_or(&[], Vec::as_slice)
    }

    /// The requests of all attempts, in their order.
    pub(crate) fn all_requests(&self, job: JobId) -> impl Iterator<Item = &InferenceRequest> {
        self.requests
            .range((job, 0)..=(job, u8::MAX))
            .flat_map(|(_, requests)| requests)
            .map(Rc::as_ref)
    }

    pub(crate) fn was_refused(&self, job: JobId, attempt: u8) -> bool {
        self.refused.contains(&(job, attempt))
    }

    pub(crate) fn was_submitted_for(&self, job: JobId, message: &str) -> bool {
        self.submitted_for.contains(&(job, message.to_owned()))
    }

    /// Whether the output location of a request was on the row before the job was last about to be submitted.
    pub(crate) fn was_recorded_before_submitting(&self, request: &InferenceRequest) -> bool {
        let recorded = self.output_recorded.get(&request.output);
        let submitting = self.submitting_since.get(&request.inference.job);
        recorded
            .zip(submitting)
            .is_some_and(|(recorded, submitting)| recorded < submitting)
    }

    pub(crate) fn record_write(&mut self, now: u64, job: &Job) {
        if matches!(job.state, State::Submitting { .. }) {
            self.submitting_since.insert(job.id, now);
        }
        for location in job
            .attempts
            .iter()
            .filter_map(|record| record.output.as_ref())
        {
            if !self.output_recorded.contains_key(&location.key) {
                self.output_recorded.insert(location.key.clone(), now);
            }
        }
    }

    /// Records an accepted request, and the messages of the function that made it.
    pub(crate) fn record_request(&mut self, request: Rc<InferenceRequest>, messages: &[String]) {
        let InferenceId { job, attempt } = request.inference;
        self.accepted += 1;
        let requests = self.requests.entry((job, attempt.0)).or_default();
        if !requests.is_empty() {
            self.repeated += 1;
        }
        requests.push(request);
        let messages = messages.iter().map(|message| (job, message.clone()));
        self.submitted_for.extend(messages);
    }

    pub(crate) fn record_refusal(&mut self, id: InferenceId) {
        self.refused.insert((id.job, id.attempt.0));
    }
}
