//! A job as it is stored: its state, what it was made from, its attempts and its history.

use crate::id::TraceId;
use crate::id::{Attempt, JobId, Location, Tenant, Timestamp};
use crate::input::Input;
use crate::state::{Cause, Failure, State};
use crate::transition::{Event, Evidence, Policy};

/// One row of the job table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// Counts the saves, from 1. A save names the version it read; watchers keep the highest.
    pub version: u64,
    /// Whose it is.
    pub tenant: Tenant,
    /// The pipeline's name.
    pub pipeline: String,
    /// The object version that it is about.
    pub input: Input,
    /// Where it is.
    pub state: State,
    /// The pipeline's numbers as they were when the current attempt began.
    pub policy: Policy,
    /// Every attempt that was started.
    pub attempts: Vec<AttemptRecord>,
    /// What happened, oldest first.
    pub history: Vec<HistoryEntry>,
    /// How many entries were dropped from `history`; never ones with an actor.
    pub history_dropped: u32,
    /// When the row was made.
    pub created_at: Timestamp,
    /// When it was last saved.
    pub updated_at: Timestamp,
    /// When a final row may be deleted; none while it is open.
    pub expires_at: Option<Timestamp>,
    /// How many days a final row is kept.
    pub row_ttl_days: u16,
    /// It was `Failed` before it became `Ready`: its result is announced as a correction.
    pub corrected: bool,
    /// The trace that the upload came with, if it came with one. [`Job::trace`] is what the job goes by.
    pub trace_id: Option<TraceId>,
}

/// What is known about one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptRecord {
    /// Its number.
    pub attempt: Attempt,
    /// When it was decided on.
    pub started_at: Timestamp,
    /// Where its output is, or is said to become.
    pub output: Option<Location>,
    /// Where its failure object is said to become.
    pub failure_object: Option<Location>,
    /// When it ended.
    pub closed_at: Option<Timestamp>,
    /// Why it failed, if it did.
    pub failure: Option<Failure>,
}

/// One line of a job's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEntry {
    /// When.
    pub at: Timestamp,
    /// What happened, a word of [`Event::name`].
    pub event: String,
    /// Who did it, if it was a person.
    pub actor: Option<String>,
    /// Why, in that person's words.
    pub reason: Option<String>,
}

impl Event {
    /// Its stored and published name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Uploaded => "Uploaded",
            Self::Accepted { .. } => "Accepted",
            Self::SubmitFailed { .. } => "SubmitFailed",
            Self::Succeeded { .. } => "Succeeded",
            Self::AttemptFailed { .. } => "AttemptFailed",
            Self::CheckDue { .. } => "CheckDue",
            Self::Overwritten => "Overwritten",
            Self::Resubmit { .. } => "Resubmit",
            Self::Cancel { .. } => "Cancel",
        }
    }

    const fn principal(&self) -> Option<(&String, &String)> {
        match self {
            Self::Resubmit { actor, reason } | Self::Cancel { actor, reason } => {
                Some((actor, reason))
            }
            Self::Uploaded
            | Self::Accepted { .. }
            | Self::SubmitFailed { .. }
            | Self::Succeeded { .. }
            | Self::AttemptFailed { .. }
            | Self::CheckDue { .. }
            | Self::Overwritten => None,
        }
    }
}

/// What the history says when a job's data was deleted: no event, since its state stays as it is.
pub const ERASED: &str = "Erased";

/// The most history entries of machines that a row keeps. An ordinary job has three; a job whose endpoint is down
/// all day would otherwise outgrow its kilobyte.
const MACHINE_HISTORY: usize = 24;

/// The first look at an attempt comes after this part of the time that it may take: 24 minutes for an attempt of six and
/// a half hours. The reconciler then looks again whenever half as much time again has passed.
const FIRST_LOOK: u64 = 16;

impl Job {
    /// A new job that nobody has saved yet.
    #[expect(
        clippy::too_many_arguments,
        reason = "one caller; a builder would hide that all of it is needed"
    )]
    pub fn new(
        id: JobId,
        tenant: Tenant,
        pipeline: &str,
        row_ttl_days: u16,
        policy: Policy,
        input: Input,
        trace_id: Option<TraceId>,
        state: State,
        now: Timestamp,
    ) -> Self {
        let mut job = Self {
            id,
            version: 1,
            tenant,
            pipeline: pipeline.to_owned(),
            input,
            state: state.clone(),
            policy,
            attempts: Vec::new(),
            history: Vec::new(),
            history_dropped: 0,
            created_at: now,
            updated_at: now,
            expires_at: None,
            row_ttl_days,
            corrected: false,
            trace_id,
        };
        job.enter(&Event::Uploaded, state, now);
        job
    }

    /// This job after `event` led it to `state`: one version on, with the event in its history.
    #[must_use]
    pub fn advanced(&self, event: &Event, state: State, now: Timestamp) -> Self {
        let mut next = self.clone();
        next.version += 1;
        next.enter(event, state, now);
        next
    }

    /// The trace that everything about it carries.
    pub fn trace(&self) -> TraceId {
        self.trace_id.unwrap_or_else(|| TraceId::of_job(self.id))
    }

    /// Whether its data was deleted.
    pub fn is_erased(&self) -> bool {
        self.history.iter().any(|entry| entry.event == ERASED)
    }

    /// Until when an attempt that was begun and not heard of may still write a result; none if there is no such attempt.
    pub fn may_write_until(&self, now: Timestamp) -> Option<Timestamp> {
        let span = u64::from(self.policy.attempt_seconds) * 1000;
        let open = self
            .attempts
            .iter()
            .filter(|record| record.closed_at.is_none());
        let ends = open.map(|record| Timestamp(record.started_at.0 + span));
        ends.filter(|end| *end > now).max()
    }

    /// This job after its data was deleted: one version on, with who ordered that, and without the file's name.
    /// The time of its last change stays, since that is when it ended.
    #[must_use]
    pub fn erased(&self, actor: &str, reason: &str, now: Timestamp) -> Self {
        let mut next = self.clone();
        next.version += 1;
        next.input.name = None;
        next.history.push(HistoryEntry {
            at: now,
            event: ERASED.to_owned(),
            actor: Some(actor.to_owned()),
            reason: Some(reason.to_owned()),
        });
        next
    }

    fn enter(&mut self, event: &Event, state: State, now: Timestamp) {
        self.updated_at = now;
        self.note_attempts(event, &state, now);
        let principal = event.principal();
        self.history.push(HistoryEntry {
            at: now,
            event: event.name().to_owned(),
            actor: principal.map(|(actor, _)| actor.clone()),
            reason: principal.map(|(_, reason)| reason.clone()),
        });
        let machine = |entry: &HistoryEntry| entry.actor.is_none();
        if self.history.iter().filter(|entry| machine(entry)).count() > MACHINE_HISTORY
            // The first entry says where the job came from; the second oldest goes.
            && let Some(oldest) = self.history.iter().skip(1).position(machine)
        {
            self.history.remove(oldest + 1);
            self.history_dropped += 1;
        }
        let is_final = state.check_deadline().is_none();
        // To the second: that is what a time to live is counted in.
        let seconds = now.0 / 1000 + u64::from(self.row_ttl_days) * 86_400;
        self.expires_at = is_final.then_some(Timestamp(seconds * 1000));
        self.corrected = matches!(
            (&self.state, &state),
            (State::Failed { .. }, State::Ready { .. })
        );
        self.state = state;
    }

    fn note_attempts(&mut self, event: &Event, state: &State, now: Timestamp) {
        match event {
            Event::Accepted {
                attempt,
                output,
                failure,
            } => {
                let record = self.record(*attempt, now);
                record.output.clone_from(output);
                record.failure_object.clone_from(failure);
            }
            Event::Succeeded { attempt, output }
            | Event::CheckDue {
                evidence: Evidence::Output { attempt, output },
                ..
            } => {
                let record = self.record(*attempt, now);
                record.output = Some(output.clone());
                record.closed_at = Some(now);
                record.failure = None;
            }
            Event::SubmitFailed {
                attempt, failure, ..
            }
            | Event::AttemptFailed { attempt, failure }
            | Event::CheckDue {
                attempt,
                evidence: Evidence::Failure(failure),
                ..
            } => self.close(*attempt, failure, now),
            Event::CheckDue {
                attempt,
                evidence: Evidence::NothingFound,
                ..
            } => {
                // Only if it was given up; the same event also starts attempts.
                if !matches!(state, State::Submitting { .. }) {
                    self.close(*attempt, &Failure::new(Cause::Lost, ""), now);
                }
            }
            Event::CheckDue {
                evidence: Evidence::NotChecked,
                ..
            }
            | Event::Uploaded
            | Event::Overwritten
            | Event::Resubmit { .. }
            | Event::Cancel { .. } => {}
        }
        if let State::Submitting { attempt, .. } = state {
            let record = self.record(*attempt, now);
            record.closed_at = None;
            record.failure = None;
        }
    }

    fn close(&mut self, attempt: Attempt, failure: &Failure, now: Timestamp) {
        let record = self.record(attempt, now);
        record.closed_at = Some(now);
        record.failure = Some(failure.clone());
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
                    output: None,
                    failure_object: None,
                    closed_at: None,
                    failure: None,
                });
                self.attempts.len() - 1
            });
        &mut self.attempts[at]
    }

    /// When somebody must look at the job, if it is not saved before; none once it has ended.
    ///
    /// An attempt is looked at long before its deadline, since its notification may be lost and its result be there.
    /// The time is the same for `Submitting` and `InProgress`, so that going on costs no write to an index.
    pub fn next_check_at(&self) -> Option<Timestamp> {
        match self.state {
            State::Submitting { deadline, .. } | State::InProgress { deadline, .. } => {
                let span = u64::from(self.policy.attempt_seconds) * 1000;
                Some(Timestamp(
                    deadline.0.saturating_sub(span - span / FIRST_LOOK),
                ))
            }
            State::RetryScheduled { .. }
            | State::Ready { .. }
            | State::Failed { .. }
            | State::Cancelled { .. } => self.state.check_deadline(),
        }
    }

    /// Where the result lies, once the job is `Ready`.
    pub fn output(&self) -> Option<&Location> {
        let State::Ready { attempt } = self.state else {
            return None;
        };
        self.attempts
            .iter()
            .find(|record| record.attempt == attempt)?
            .output
            .as_ref()
    }

    /// The latest failure: of the job if it failed, else of its last attempt that did.
    pub fn failure(&self) -> Option<&Failure> {
        if let State::Failed { failure, .. } = &self.state {
            return Some(failure);
        }
        self.attempts
            .iter()
            .rev()
            .find_map(|record| record.failure.as_ref())
    }
}
