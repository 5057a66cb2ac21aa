//! A ledger of every request to an endpoint, for the question who paid for which run on a GPU.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use jobs::id::{InferenceId, JobId};
use jobs::job::Job;
use jobs::state::State;

use crate::check::PROMISE_5;
use crate::endpoint::Req;
use crate::table::SKEW;
use crate::world::{SECOND, World, short};

/// What has been asked of endpoints, for the checks.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) runs: BTreeMap<(JobId, u8), Vec<Rc<Req>>>,
    /// Calls that were refused.
    pub(crate) refused: BTreeSet<(JobId, u8)>,
    /// When the place of an output was first on its row.
    recorded: BTreeMap<String, u64>,
    /// When a job was last decided to be submitted.
    decided: BTreeMap<JobId, u64>,
    /// Bodies that belong into quarantine.
    pub(crate) junk: BTreeSet<String>,
    /// Messages that carried a claim.
    pub(crate) claims: BTreeSet<(JobId, String)>,
    /// Requests that were accepted.
    pub(crate) accepted: u64,
    /// Requests that were accepted although their attempt already had one.
    pub(crate) repeated: u64,
}

impl Ledger {
    pub(crate) fn claimed_by(&self, job: JobId, message: &str) -> bool {
        self.claims.contains(&(job, message.to_owned()))
    }
}

impl World {
    /// Keeps in mind when a row said what.
    pub(crate) fn note_row(&mut self, job: &Job) {
        if matches!(job.state, State::Submitting { .. }) {
            self.ledger.decided.insert(job.id, self.now);
        }
        for place in job
            .attempts
            .iter()
            .filter_map(|record| record.output.as_ref())
        {
            if !self.ledger.recorded.contains_key(&place.key) {
                self.ledger.recorded.insert(place.key.clone(), self.now);
            }
        }
    }

    /// Whether anyone may ask for this run.
    pub(crate) fn judge_run(&mut self, req: &Req) {
        let InferenceId { job, attempt } = req.inference;
        let name = Self::short(req.inference);
        let Some(row) = self.table.rows.get(&job) else {
            self.broken(PROMISE_5, || format!("{name} runs without a row"));
            return;
        };
        let row = row.job.clone();
        for earlier in self
            .ledger
            .runs
            .get(&(job, attempt.0))
            .cloned()
            .unwrap_or_default()
        {
            if self
                .functions
                .get(&earlier.by)
                .is_some_and(|meta| !meta.dead)
                && earlier.by != req.by
            {
                let by = earlier.by.0;
                self.broken(PROMISE_5, || {
                    format!("{name} runs twice while f{by}, which made the first call, is alive")
                });
            }
            // A success may be recorded while the call that nobody would miss any more is on its way.
            let recorded = self.ledger.recorded.get(&earlier.output).is_some_and(|at| {
                self.ledger
                    .decided
                    .get(&job)
                    .is_some_and(|decided| at < decided)
            });
            if recorded {
                self.broken(PROMISE_5, || {
                    format!("{name} runs twice although its first call is recorded")
                });
            }
        }
        let wall = self.wall().0;
        for number in 1..attempt.0 {
            let runs = self
                .ledger
                .runs
                .get(&(job, number))
                .cloned()
                .unwrap_or_default();
            let any_ended = runs.iter().any(|run| run.ended.get().is_some())
                || self.ledger.refused.contains(&(job, number));
            let started = row
                .attempts
                .iter()
                .find(|record| record.attempt.0 == number)
                .map(|record| record.started_at.0);
            let over = started.is_some_and(|started| {
                wall + SKEW >= started + u64::from(row.policy.attempt_seconds) * SECOND
            });
            if !runs.is_empty() && !any_ended && !over {
                self.broken(PROMISE_5, || {
                    format!(
                        "{name} starts while attempt {number} still has time and nothing ended it"
                    )
                });
            }
        }
        if matches!(row.state, State::Ready { .. })
            && row.updated_at.0 + self.timing.function + SKEW < wall
        {
            self.broken(PROMISE_5, || {
                format!("{} runs again although it is ready", short(job))
            });
        }
    }
}
