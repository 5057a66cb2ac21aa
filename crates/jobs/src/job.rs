//! The job row: state, input, attempts and history.

use std::borrow::Cow;

use crate::decision::{Advance, AttemptChange};
use crate::event::{Event, EventKind, Evidence};
use crate::file_name::NAME_DELETED;
use crate::id::{Attempt, JobId, Location, Tenant, Timestamp, TraceId};
use crate::input::Input;
use crate::labels::Labels;
use crate::marks::Marks;
use crate::model_version::{AttemptModel, ModelTag};
use crate::pipeline::output_prefix;
use crate::policy::Policy;
use crate::queue_position;
use crate::state::{Failure, State, StatusGroup};

/// One row of the job table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    pub id: JobId,
    /// Counts the saves, from 1. A save is conditional on the version that was read; clients keep the highest they have seen.
    pub version: u64,
    pub tenant: Tenant,
    pub pipeline: String,
    pub input: Input,
    pub state: State,
    /// The pipeline's settings when the current attempt began.
    pub policy: Policy,
    /// All attempts that were started.
    pub attempts: Vec<AttemptRecord>,
    /// Oldest first.
    pub history: Vec<HistoryEntry>,
    /// Number of entries dropped from `history`. Entries with an actor are never dropped.
    pub history_dropped: u32,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// When a final row may be deleted; `None` while the job is open.
    pub expires_at: Option<Timestamp>,
    /// How many days a final row is kept.
    pub row_ttl_days: u16,
    /// The job was `Failed` before it became `Ready`: its event is a correction.
    pub corrected: bool,
    /// The trace id of the upload, if it had one. Use [`Job::trace`].
    pub trace_id: Option<TraceId>,
    /// What people noted about it. A save does not write them ([`crate::marks`]).
    pub marks: Option<Box<Marks>>,
}

/// What a job is made from.
#[derive(Clone, Debug)]
pub struct NewJob {
    pub id: JobId,
    pub tenant: Tenant,
    pub pipeline: String,
    pub row_ttl_days: u16,
    pub policy: Policy,
    pub input: Input,
    /// The trace id of the upload, if it had one.
    pub trace_id: Option<TraceId>,
    /// `Submitting`, `Queued` while it is paused, or `Failed` if the input is invalid.
    pub state: State,
    pub created_at: Timestamp,
}

/// What the row records about one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptRecord {
    pub attempt: Attempt,
    /// When the attempt was last decided on: an attempt whose call has no known outcome, or was refused, begins anew.
    pub started_at: Timestamp,
    /// It began anew although its first call may have been made, so there may be two runs.
    pub may_run_twice: bool,
    /// Where the output is, or where SageMaker said it would be.
    pub output: Option<Location>,
    /// Where SageMaker said a failure object would be.
    pub failure_object: Option<Location>,
    pub closed_at: Option<Timestamp>,
    pub failure: Option<Failure>,
    /// The output's media type, if it is not the one that the pipeline asks for.
    pub unexpected_content_type: Option<String>,
    /// The pages of the document, if the output says how many.
    pub pages: Option<u32>,
    /// Of an attempt that is open: what the endpoint served when it was submitted, if that was known.
    pub model_tag: Option<ModelTag>,
    /// Of an attempt that has ended: what the endpoint served, if that was known.
    pub model: Option<AttemptModel>,
}

/// One entry of a job's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEntry {
    pub at: Timestamp,
    pub event: EventKind,
    /// The user who caused it, if it was not a machine.
    pub actor: Option<String>,
    /// The reason given by that user.
    pub reason: Option<String>,
}

/// See [`Job::output_prefix`].
pub fn job_output_prefix(pipeline: &str, id: JobId) -> String {
    format!("{}{id}/", output_prefix(pipeline))
}

/// Maximum history entries of machines per row. An ordinary job has three. A job whose endpoint is down all day
/// would otherwise outgrow one kilobyte.
const MAX_MACHINE_HISTORY: usize = 24;

/// The first check of an attempt comes after this fraction of its maximum duration: 24 minutes for an attempt of
/// 6.5 hours. The reconciler then checks again after every further half of the elapsed time.
const FIRST_CHECK_DIVISOR: u64 = 16;

impl Job {
    /// A job that is not saved yet.
    pub fn new(new: NewJob) -> Self {
        let NewJob {
            id,
            tenant,
            pipeline,
            row_ttl_days,
            policy,
            input,
            trace_id,
            state,
            created_at,
        } = new;
        let mut job = Self {
            id,
            version: 1,
            tenant,
            pipeline,
            input,
            state: state.clone(),
            policy,
            attempts: Vec::new(),
            history: Vec::new(),
            history_dropped: 0,
            created_at,
            updated_at: created_at,
            expires_at: None,
            row_ttl_days,
            corrected: false,
            trace_id,
            marks: None,
        };
        let attempts = match state {
            State::Submitting { attempt, .. } => AttemptChange::Started(attempt),
            State::Queued { .. }
            | State::InProgress { .. }
            | State::RetryScheduled { .. }
            | State::Ready { .. }
            | State::Failed { .. }
            | State::Cancelled { .. }
            | State::Erased { .. } => AttemptChange::Unchanged,
        };
        job.enter(&Event::Uploaded, Advance { state, attempts }, created_at);
        job
    }

    /// This job after `event`: version incremented, event added to the history.
    #[must_use]
    pub fn next_version(&self, event: &Event, advance: Advance, now: Timestamp) -> Self {
        let mut next = self.clone();
        next.version += 1;
        next.enter(event, advance, now);
        next
    }

    /// Whether the protocol has saved the same: equal except for the marks, which others write.
    pub fn is_same_save(&self, other: &Self) -> bool {
        let marked = Self {
            marks: self.marks.clone(),
            ..other.clone()
        };
        *self == marked
    }

    /// The trace id for log lines, messages and spans about this job.
    pub fn trace(&self) -> TraceId {
        self.trace_id.unwrap_or_else(|| TraceId::of_job(self.id))
    }

    /// When it was submitted: at its upload, or at the last manual retry or run again. The SLO counts from here.
    pub fn submitted_at(&self) -> Timestamp {
        let retries = self.history.iter().rev();
        let is_retry =
            |entry: &&HistoryEntry| matches!(entry.event, EventKind::Retry | EventKind::RunAgain);
        let mut retries = retries.filter(is_retry);
        retries.next().map_or(self.created_at, |entry| entry.at)
    }

    /// The file name to show to users.
    pub fn display_name(&self) -> Cow<'_, str> {
        if self.is_erased() {
            return Cow::Borrowed(NAME_DELETED);
        }
        self.input.display_name()
    }

    /// Whether its data was deleted.
    pub const fn is_erased(&self) -> bool {
        matches!(self.state, State::Erased { .. })
    }

    /// Its status group, or that in which it ended if its data was deleted since.
    pub fn group_before_erasure(&self) -> StatusGroup {
        if !self.is_erased() {
            return self.state.status_group();
        }
        if self.results().next().is_some() {
            return StatusGroup::Ready;
        }
        let mut entries = self.history.iter().rev();
        let last = entries.find(|it| matches!(it.event, EventKind::Cancel | EventKind::Retry));
        match last {
            Some(entry) if entry.event == EventKind::Cancel => StatusGroup::Cancelled,
            Some(_) | None => StatusGroup::Failed,
        }
    }

    /// When a final job ended, or when its data was deleted.
    pub fn ended_or_erased_at(&self) -> Timestamp {
        let mut entries = self.history.iter().rev();
        let erased = entries.find(|entry| entry.event == EventKind::Erase);
        erased.map_or(self.updated_at, |entry| entry.at)
    }

    /// Until when a started attempt may still write a result: one without a known end, or one that may run twice, whose
    /// end is that of one run. `None` if there is no such attempt.
    pub fn may_write_until(&self, now: Timestamp) -> Option<Timestamp> {
        let span = u64::from(self.policy.max_attempt_seconds) * 1000;
        let open = self
            .attempts
            .iter()
            .filter(|record| record.closed_at.is_none() || record.may_run_twice);
        let ends = open.map(|record| Timestamp(record.started_at.0 + span));
        ends.filter(|end| *end > now).max()
    }

    fn enter(&mut self, event: &Event, advance: Advance, now: Timestamp) {
        let Advance { state, attempts } = advance;
        if let State::Erased { .. } = state {
            self.erase_words();
        } else {
            self.updated_at = now;
        }
        self.change_attempts(attempts, now);
        if let (
            Event::Succeeded {
                attempt,
                unexpected_content_type: Some(content_type),
                ..
            }
            | Event::CheckDue {
                evidence:
                    Evidence::Output {
                        attempt,
                        unexpected_content_type: Some(content_type),
                        ..
                    },
                ..
            },
            State::Ready { .. },
        ) = (event, &state)
        {
            self.record(*attempt, now).unexpected_content_type = Some(content_type.clone());
        }
        if let (Some((attempt, pages)), State::Ready { .. }) = (event.output_pages(), &state) {
            self.record(attempt, now).pages = Some(pages);
        }
        let principal = event.principal();
        self.history.push(HistoryEntry {
            at: now,
            event: event.kind(),
            actor: principal.map(|(actor, _)| actor.clone()),
            reason: principal.map(|(_, reason)| reason.clone()),
        });
        let machine = |entry: &HistoryEntry| entry.actor.is_none();
        if self.history.iter().filter(|entry| machine(entry)).count() > MAX_MACHINE_HISTORY
            // Keep the first entry, which says where the job came from, and drop the second oldest.
            && let Some(oldest) = self.history.iter().skip(1).position(machine)
        {
            self.history.remove(oldest + 1);
            self.history_dropped += 1;
        }
        let is_final = !state.is_open();
        // From the job's end. DynamoDB's time to live counts in whole seconds.
        let seconds = self.updated_at.0 / 1000 + u64::from(self.row_ttl_days) * 86_400;
        self.expires_at = is_final.then_some(Timestamp(seconds * 1000));
        self.corrected = matches!(
            (&self.state, &state),
            (State::Failed { .. }, State::Ready { .. })
        );
        self.state = state;
    }

    /// Removes what says anything about the document. The version stays: it tells the object of this job from later ones at
    /// the same key. `updated_at` stays too, since it says when the job ended.
    fn erase_words(&mut self) {
        self.input.name = None;
        self.input.key.clear();
        self.input.etag.clear();
        self.input.labels = Labels::default();
        self.marks = None;
        for entry in &mut self.history {
            entry.reason = None;
        }
    }

    fn change_attempts(&mut self, change: AttemptChange, now: Timestamp) {
        match change {
            AttemptChange::Unchanged => {}
            AttemptChange::Started(attempt) => {
                let begins_anew = self.attempt(attempt).is_some();
                let record = self.record(attempt, now);
                // A closed record is that of a refused call: nothing of it ran.
                record.may_run_twice |= begins_anew && record.closed_at.is_none();
                record.started_at = now;
                record.closed_at = None;
                record.failure = None;
            }
            AttemptChange::Accepted {
                attempt,
                output,
                failure_object,
            } => {
                let record = self.record(attempt, now);
                record.output = output;
                record.failure_object = failure_object;
            }
            AttemptChange::Succeeded { attempt, output } => {
                let record = self.record(attempt, now);
                record.output = Some(output);
                record.closed_at = Some(now);
                record.failure = None;
            }
            AttemptChange::Failed { attempt, failure } => {
                let record = self.record(attempt, now);
                record.closed_at = Some(now);
                record.failure = Some(failure);
            }
            AttemptChange::Erased => {
                let failures = self
                    .attempts
                    .iter_mut()
                    .filter_map(|record| record.failure.as_mut());
                failures.for_each(|failure| failure.detail.clear());
            }
        }
    }

    fn record(&mut self, attempt: Attempt, now: Timestamp) -> &mut AttemptRecord {
        let at = self
            .attempts
            .iter()
            .position(|record| record.attempt == attempt)
            .unwrap_or_else(|| {
                self.attempts.push(AttemptRecord {
                    attempt,
                    started_at: now,
                    may_run_twice: false,
                    output: None,
                    failure_object: None,
                    closed_at: None,
                    failure: None,
                    unexpected_content_type: None,
                    pages: None,
                    model_tag: None,
                    model: None,
                });
                self.attempts.len() - 1
            });
        &mut self.attempts[at]
    }

    /// When the reconciler checks the job next, unless it is saved before; `None` once the job is final, and while a pause
    /// holds it: then it is in the index of queued jobs instead ([`Job::queued_at`]). A job that the circuit breaker holds is
    /// in both: it ends when no attempt can end by its deadline any more.
    ///
    /// An attempt is checked long before its deadline, since its notification may be lost while its result exists.
    /// The time is the same for `Submitting` and `InProgress`, so that advancing between them writes no index entry.
    pub fn next_check_at(&self) -> Option<Timestamp> {
        match self.state {
            State::Submitting { deadline, .. } | State::InProgress { deadline, .. } => {
                let span = u64::from(self.policy.max_attempt_seconds) * 1000;
                Some(Timestamp(
                    deadline.0.saturating_sub(span - span / FIRST_CHECK_DIVISOR),
                ))
            }
            State::Queued { start_by, .. } => start_by,
            State::RetryScheduled { .. }
            | State::Ready { .. }
            | State::Failed { .. }
            | State::Cancelled { .. }
            | State::Erased { .. } => self.state.check_deadline(),
        }
    }

    /// Since when it is queued; `None` in every other state.
    pub const fn queued_at(&self) -> Option<Timestamp> {
        match self.state {
            State::Queued { since, .. } => Some(since),
            State::Submitting { .. }
            | State::InProgress { .. }
            | State::RetryScheduled { .. }
            | State::Ready { .. }
            | State::Failed { .. }
            | State::Cancelled { .. }
            | State::Erased { .. } => None,
        }
    }

    /// Its place among the queued jobs of its pipeline's shard ([`crate::queue_position`]); `None` in every other state.
    pub fn queue_position(&self) -> Option<u64> {
        let State::Queued { since, urgent, .. } = self.state else {
            return None;
        };
        if urgent {
            return Some(queue_position::urgent_position(since));
        }
        let (pipeline, lane) = (&self.pipeline, self.input.labels.lane);
        Some(queue_position::position(
            pipeline,
            &self.tenant,
            lane,
            since,
        ))
    }

    /// Whether it is queued, and support made it urgent.
    pub const fn is_urgent(&self) -> bool {
        matches!(self.state, State::Queued { urgent: true, .. })
    }

    /// When the current attempt was sent to the endpoint; `None` while no attempt is there. The same for `Submitting` and
    /// `InProgress`, so that advancing between them writes no index entry.
    pub fn sent_at(&self) -> Option<Timestamp> {
        match self.state {
            State::Submitting { attempt, .. } | State::InProgress { attempt, .. } => {
                let record = self.attempt(attempt);
                Some(record.map_or(self.created_at, |record| record.started_at))
            }
            State::Queued { .. }
            | State::RetryScheduled { .. }
            | State::Ready { .. }
            | State::Failed { .. }
            | State::Cancelled { .. }
            | State::Erased { .. } => None,
        }
    }

    /// Whether its newest attempt waited before it was sent: in the queue, or for a retry. When such an attempt ends, others
    /// may be waiting for its place at the endpoint.
    pub fn has_waited(&self) -> bool {
        let newest = self.attempt(self.newest_attempt());
        newest.is_some_and(|record| record.started_at > self.created_at)
    }

    /// Whether it was cancelled before the endpoint had a request for it, or after every request had ended: nothing runs.
    pub fn is_cancelled_without_run(&self) -> bool {
        let is_cancelled = matches!(self.state, State::Cancelled { .. });
        let mut records = self.attempts.iter();
        is_cancelled && records.all(|record| record.closed_at.is_some() && !record.may_run_twice)
    }

    /// The location of the result, once the job is `Ready`.
    pub fn output(&self) -> Option<&Location> {
        let State::Ready { attempt } = self.state else {
            return None;
        };
        self.attempt(attempt)?.output.as_ref()
    }

    /// The attempt with the result that the job had before it was run again, while that lasts; otherwise [`Attempt::NONE`].
    pub fn earlier_result(&self) -> Attempt {
        let budget = self.state.budget();
        budget.map_or(Attempt::NONE, |budget| budget.earlier_result)
    }

    /// The attempts with a result, oldest first. A job that was run again may have several.
    pub fn results(&self) -> impl Iterator<Item = (&AttemptRecord, &Location)> {
        self.attempts.iter().filter_map(|record| {
            let is_of_job =
                matches!(self.state, State::Ready { attempt } if attempt == record.attempt);
            let has_result = is_of_job || record.closed_at.is_some() && record.failure.is_none();
            let output = record.output.as_ref().filter(|_| has_result)?;
            Some((record, output))
        })
    }

    /// The newest attempt that was started.
    pub fn newest_attempt(&self) -> Attempt {
        let attempts = self.attempts.iter().map(|record| record.attempt);
        attempts.max().unwrap_or(Attempt::NONE)
    }

    /// The record of an attempt; `None` if the attempt was never started.
    pub fn attempt(&self, attempt: Attempt) -> Option<&AttemptRecord> {
        self.attempts
            .iter()
            .find(|record| record.attempt == attempt)
    }

    /// The prefix of the outputs of all its attempts. The endpoint writes them to `a<attempt>/` under it.
    pub fn output_prefix(&self) -> String {
        job_output_prefix(&self.pipeline, self.id)
    }

    /// The latest failure: the job's own if it failed, otherwise that of its last failed attempt. While it is run again, failures
    /// before that do not count.
    pub fn failure(&self) -> Option<&Failure> {
        if let State::Failed { failure, .. } = &self.state {
            return Some(failure);
        }
        let earlier = self.earlier_result();
        let mut records = self.attempts.iter().rev();
        records
            .by_ref()
            .take_while(|record| record.attempt > earlier)
            .find_map(|record| record.failure.as_ref())
    }
}
