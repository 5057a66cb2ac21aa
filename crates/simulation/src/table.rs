//! The job table: conditional writes, and a look at each of them for what must never happen.

use std::collections::{BTreeMap, BTreeSet};

use jobs::event::EventKind;
use jobs::id::{Attempt, JobId, Tenant};
use jobs::job::Job;
use jobs::ports::{NewestJobs, SaveError};
use jobs::state::{Cause, State, StatusGroup};

use crate::bucket::Source;
use crate::check::{self, PROMISE_1, PROMISE_2, PROMISE_3, PROMISE_4, PROMISE_9};
use crate::fault::Fault;
use crate::mistake::Mistake;
use crate::world::{HOUR, MINUTE, SECOND, World, short};

#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) job: Job,
    /// When it was last saved, in virtual time.
    pub(crate) saved_at: u64,
    /// Its class before that.
    class_before: Option<StatusGroup>,
    /// The newer release wrote it.
    pub(crate) newer: bool,
    /// Its place in the index `by_next_check`.
    pub(crate) next_check_at: Option<u64>,
}

#[derive(Debug, Default)]
pub(crate) struct Table {
    pub(crate) rows: BTreeMap<JobId, Row>,
    by_input: BTreeMap<(String, String), JobId>,
    /// The index `by_next_check`.
    pub(crate) wake: BTreeSet<(u64, JobId)>,
}

impl Table {
    fn move_in_index(&mut self, id: JobId, from: Option<u64>, to: Option<u64>) {
        if let Some(from) = from {
            self.wake.remove(&(from, id));
        }
        if let Some(to) = to {
            self.wake.insert((to, id));
        }
    }

    /// Moves a row to another place in the index, if it is still at this one.
    pub(crate) fn postpone(&mut self, id: JobId, from: u64, to: u64) {
        if let Some(row) = self.rows.get_mut(&id)
            && row.next_check_at == Some(from)
        {
            row.next_check_at = Some(to);
            self.move_in_index(id, Some(from), Some(to));
        }
    }

    pub(crate) fn job_of(&self, key: &str, version: &str) -> Option<&Job> {
        let id = self.by_input.get(&(key.to_owned(), version.to_owned()))?;
        Some(&self.rows.get(id)?.job)
    }
}

/// How long after its bound a job may end: the last messages may have to be delivered several times over.
pub(crate) const SLACK: u64 = 2 * HOUR;
/// How far the clocks of two functions are apart at most.
pub(crate) const SKEW: u64 = 3 * SECOND;

impl World {
    pub(crate) fn create_row(&mut self, job: &Job) -> Result<(), SaveError> {
        if let Some(row) = self.table.rows.get(&job.id) {
            if row.job == *job {
                return Ok(());
            }
            if !self.made(Mistake::CreateReplaces) {
                return Err(SaveError::Conflict(Some(Box::new(row.job.clone()))));
            }
        }
        self.write(job);
        Ok(())
    }

    pub(crate) fn save_row(&mut self, job: &Job) -> Result<(), SaveError> {
        let Some(row) = self.table.rows.get(&job.id) else {
            return Err(SaveError::Conflict(None));
        };
        if row.job == *job {
            return Ok(());
        }
        if row.job.version + 1 != job.version && !self.made(Mistake::VersionIgnored) {
            return Err(SaveError::Conflict(Some(Box::new(row.job.clone()))));
        }
        self.write(job);
        Ok(())
    }

    fn write(&mut self, job: &Job) {
        let mut job = job.clone();
        if self.made(Mistake::ReasonForgotten) {
            job.history.iter_mut().for_each(|entry| entry.reason = None);
        }
        let before = self.table.rows.get(&job.id).cloned();
        let function = self.current;
        self.log(|| {
            let from = before.as_ref().map_or("-", |row| row.job.state.name());
            let event = job.history.last().map_or("", |entry| entry.event.name());
            format!(
                "f{:<9} saves {} v{}: {from} -> {} (attempt {}) by {event}{}",
                function.0,
                short(job.id),
                job.version,
                job.state.name(),
                job.state.attempt(),
                if let State::Failed { failure, .. } = &job.state {
                    format!(": {}", failure.cause.name())
                } else {
                    String::new()
                }
            )
        });
        self.judge(before.as_ref().map(|row| &row.job), &job);
        self.note_row(&job);
        let input = (job.input.key.clone(), job.input.version.clone());
        let other = self.table.by_input.insert(input, job.id);
        if other.is_some_and(|other| other != job.id) {
            self.broken(PROMISE_1, || {
                format!(
                    "{} and another job are about {} {}",
                    short(job.id),
                    job.input.key,
                    job.input.version
                )
            });
        }
        let next_check_at = job.next_check_at().map(|next_check_at| next_check_at.0);
        self.table.move_in_index(
            job.id,
            before.as_ref().and_then(|row| row.next_check_at),
            next_check_at,
        );
        let newer = self.functions.get(&function).is_some_and(|meta| meta.newer);
        let row = Row {
            saved_at: self.now,
            class_before: before.map(|row| row.job.state.status_group()),
            newer,
            next_check_at,
            job,
        };
        self.table.rows.insert(row.job.id, row);
    }

    /// What every save must keep to.
    fn judge(&mut self, before: Option<&Job>, job: &Job) {
        if let Some(before) = before {
            self.judge_final(before, job);
            self.judge_bound(before, job);
            self.judge_giving_up(before, job);
        }
        if let State::Ready { attempt } = job.state
            && !before.is_some_and(|before| matches!(before.state, State::Ready { .. }))
        {
            self.judge_ready(job, attempt);
        }
        let people = |job: &Job| {
            job.history
                .iter()
                .filter(|entry| entry.actor.is_some())
                .count()
        };
        let complete = job
            .history
            .iter()
            .all(|entry| entry.actor.is_some() == entry.reason.is_some());
        if before.is_some_and(|before| people(before) > people(job)) || !complete {
            self.broken(PROMISE_9, || {
                format!("{} lost who did what and why", short(job.id))
            });
        }
    }

    fn judge_final(&mut self, before: &Job, job: &Job) {
        let event = job.history.last().map(|entry| &entry.event);
        let fine = match (&before.state, &job.state) {
            (
                State::Submitting { .. } | State::InProgress { .. } | State::RetryScheduled { .. },
                _,
            ) => true,
            (State::Failed { failure, .. }, State::Ready { .. }) => {
                failure.cause != Cause::Superseded
            }
            (State::Failed { .. }, State::RetryScheduled { .. }) => {
                event == Some(&EventKind::Resubmit)
            }
            (State::Ready { .. } | State::Failed { .. } | State::Cancelled { .. }, _) => false,
        };
        if !fine {
            self.broken(PROMISE_4, || {
                format!(
                    "{} went from {} to {} by {}",
                    short(job.id),
                    before.state.name(),
                    job.state.name(),
                    event.map_or("", EventKind::name)
                )
            });
        }
    }

    fn judge_bound(&mut self, before: &Job, job: &Job) {
        let until = match before.state {
            State::Submitting { budget, .. }
            | State::InProgress { budget, .. }
            | State::RetryScheduled { budget, .. } => budget.expires_at.0,
            State::Ready { .. } | State::Failed { .. } | State::Cancelled { .. } => return,
        };
        let now = self.wall().0;
        if job.state.check_deadline().is_none() && now > until + SLACK {
            self.broken(PROMISE_2, || {
                format!(
                    "{} ended as {} {} min after its bound",
                    short(job.id),
                    job.state.name(),
                    (now - until) / MINUTE
                )
            });
        }
    }

    /// Before an attempt counts as lost, and before a job fails, S3 is asked.
    fn judge_giving_up(&mut self, before: &Job, job: &Job) {
        let was_open = before.state.check_deadline().is_some();
        let attempt = before.state.attempt();
        let lost = job.attempts.iter().any(|record| {
            record.attempt == attempt
                && record.closed_at == Some(job.updated_at)
                && record
                    .failure
                    .as_ref()
                    .is_some_and(|failure| failure.cause == Cause::Lost)
        });
        let failed = match &job.state {
            State::Failed { failure, .. } => {
                !matches!(failure.cause, Cause::Superseded | Cause::InvalidInput)
            }
            State::Submitting { .. }
            | State::InProgress { .. }
            | State::RetryScheduled { .. }
            | State::Ready { .. }
            | State::Cancelled { .. } => false,
        };
        if !was_open || !(lost || failed) {
            return;
        }
        let replaced = self
            .bucket
            .current(&job.input.key)
            .is_some_and(|(version, _)| version.id != job.input.version);
        let settled = self.now.saturating_sub(self.timing.function + SKEW);
        if let Some((key, at)) = self.findable(before)
            && at < settled
            && !replaced
        {
            let (what, since) = (
                if lost { "gave an attempt up" } else { "failed" },
                (self.now - at) / SECOND,
            );
            self.broken(PROMISE_2, || {
                format!(
                    "{} {what} although its output {key} has been there for {since} s",
                    short(job.id)
                )
            });
        }
    }

    fn judge_ready(&mut self, job: &Job, attempt: Attempt) {
        let id = short(job.id);
        let Some(output) = job.output() else {
            self.broken(PROMISE_3, || {
                format!("{id} is ready, and the place of its output is not recorded")
            });
            return;
        };
        let versions = self
            .bucket
            .objects
            .get(&output.key)
            .map_or(&[][..], Vec::as_slice);
        // A deletion that strikes between the look and this save is nobody's fault.
        let settled = self.now.saturating_sub(self.timing.function);
        let there = versions
            .iter()
            .rev()
            .find_map(|version| version.object.as_ref());
        let deleted = versions
            .last()
            .is_some_and(|last| last.object.is_none() && last.at < settled);
        let Some(object) = there.filter(|_| !deleted) else {
            self.broken(PROMISE_3, || {
                format!("{id} is ready, and there is no {}", output.key)
            });
            return;
        };
        let Source::Output {
            job: owner,
            made_from,
        } = &object.source
        else {
            self.broken(PROMISE_3, || {
                format!("{id} is ready, and {} is no output", output.key)
            });
            return;
        };
        if *owner != job.id || *made_from != job.input.version {
            let (owner, made_from) = (short(*owner), made_from.clone());
            self.broken(PROMISE_3, || {
                format!("{id} (attempt {attempt}) is about {}, and its output was made for {owner} from {made_from}", job.input.version)
            });
        }
    }

    /// An output of a job that a look at S3 must find: the place and when it was written.
    fn findable(&self, job: &Job) -> Option<(String, u64)> {
        let recorded = job
            .attempts
            .iter()
            .filter_map(|record| Some(record.output.as_ref()?.key.clone()));
        let listed = self
            .bucket
            .list(&format!("outbound/{}/{}/", job.pipeline, job.id));
        recorded
            .chain(listed)
            .filter_map(|key| {
                let (version, _) = self.bucket.current(&key)?;
                let at = version.at;
                Some((key, at))
            })
            .min_by_key(|(_, at)| *at)
    }

    /// The index `by_tenant`, which may lag behind by moments; the rows do not.
    pub(crate) fn newest(
        &mut self,
        tenant: &Tenant,
        class: StatusGroup,
        limit: usize,
    ) -> NewestJobs {
        let lag = if self.strikes(Fault::IndexLags) {
            self.between(0, 2 * SECOND)
        } else {
            0
        };
        let known_at = self.now - lag.min(self.now);
        let listed = |row: &Row| {
            let then = if row.saved_at > known_at {
                row.class_before
            } else {
                Some(row.job.state.status_group())
            };
            then == Some(class)
        };
        let rows = self.table.rows.values();
        let mut jobs: Vec<&Job> = rows
            .filter(|row| row.job.tenant == *tenant && listed(row))
            .map(|row| &row.job)
            .collect();
        jobs.sort_by_key(|job| std::cmp::Reverse((job.created_at, job.id)));
        let more = jobs.len() > limit;
        jobs.truncate(limit);
        jobs.retain(|job| job.state.status_group() == class);
        NewestJobs {
            jobs: jobs.into_iter().cloned().collect(),
            more,
        }
    }
}

/// A claim that this function took itself counts as free: what "claim by message id" amounts to.
pub(crate) fn free_lease(job: &mut Job) {
    if let State::Submitting {
        lease_expires_at, ..
    } = &mut job.state
    {
        lease_expires_at.0 = 0;
    }
}

/// Shows a job as the mistakes would see it.
pub(crate) fn as_mistaken(world: &World, mut job: Job) -> Job {
    let meta = world.functions.get(&world.current);
    if world.made(Mistake::LeaseIgnored) {
        free_lease(&mut job);
    }
    if world.made(Mistake::ClaimByMessageId)
        && meta.is_some_and(|meta| {
            meta.messages
                .iter()
                .any(|id| world.ledger.claimed_by(job.id, id))
        })
    {
        free_lease(&mut job);
    }
    if world.made(Mistake::LateFailureOverwrites)
        && meta.is_some_and(|meta| meta.name == "inference-error")
        && let State::Ready { attempt } = job.state
    {
        job.state = check::reopened(world, attempt);
    }
    job
}
