//! The table of jobs: conditional writes, and two indexes.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use api::ports::{JobListEntry, Page, TimeRange};
use jobs::id::{JobId, Tenant, Timestamp};
use jobs::job::Job;
use jobs::ports::Listing;
use jobs::ports::NewestJobs;
use jobs::ports::{OpenJob, QueuePosition, QueuedJob, SaveError, ScheduledCheck};
use jobs::state::{State, StatusGroup};

use crate::environment::SimulationEnvironment;
use crate::ids::{FunctionId, short};
use crate::mistake::Mistake;
use crate::time::HOUR;

#[derive(Clone, Debug)]
pub(crate) struct TableRow {
    pub(crate) job: Rc<Job>,
    /// When it was last saved.
    pub(crate) saved_at: u64,
    /// The status group before that.
    group_before: Option<StatusGroup>,
    /// The newer release wrote it.
    pub(crate) newer: bool,
    /// Its key in the index of open jobs.
    next_check_at: Option<u64>,
}

impl TableRow {
    /// Its status group in an index that is as old as this.
    fn group_at(&self, known_at: u64) -> Option<StatusGroup> {
        if self.saved_at > known_at {
            self.group_before
        } else {
            Some(self.job.state.status_group())
        }
    }

    /// Whether snapshots list it: a page drops cancelled and erased jobs, which a complete snapshot does not have.
    pub(crate) fn is_listed(&self) -> bool {
        !matches!(
            self.job.state,
            State::Cancelled { .. } | State::Erased { .. }
        )
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Writer {
    pub(crate) function: FunctionId,
    /// It belongs to the newer release.
    pub(crate) newer: bool,
}

/// A write that took effect.
#[derive(Debug)]
pub(crate) struct Write {
    pub(crate) before: Option<Rc<Job>>,
    pub(crate) job: Rc<Job>,
    /// Another job about the same version of the same object.
    pub(crate) duplicate_of: Option<JobId>,
}

/// An index whose partitions are the shards, sorted by time.
#[derive(Debug, Default)]
struct ShardedIndex([BTreeSet<(u64, JobId)>; JobId::SHARDS as usize]);

impl ShardedIndex {
    fn shard(&self, shard: u8) -> impl Iterator<Item = &(u64, JobId)> {
        self.0.get(usize::from(shard)).into_iter().flatten()
    }

    fn is_empty(&self) -> bool {
        self.0.iter().all(BTreeSet::is_empty)
    }

    fn remove(&mut self, at: u64, id: JobId) {
        self.0[usize::from(id.shard())].remove(&(at, id));
    }

    fn insert(&mut self, at: u64, id: JobId) {
        self.0[usize::from(id.shard())].insert((at, id));
    }
}

#[derive(Debug, Default)]
pub(crate) struct JobTable {
    rows: BTreeMap<JobId, TableRow>,
    by_input: BTreeMap<(String, String), JobId>,
    /// The index of open jobs by their next check.
    by_next_check: ShardedIndex,
    /// The index of queued jobs, oldest first.
    by_queue: ShardedIndex,
    /// The index of all jobs by their creation.
    by_created: ShardedIndex,
}

impl JobTable {
    pub(crate) fn row(&self, id: JobId) -> Option<&TableRow> {
        self.rows.get(&id)
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = &TableRow> {
        self.rows.values()
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn job_of(&self, key: &str, version: &str) -> Option<&TableRow> {
        let id = self.by_input.get(&(key.to_owned(), version.to_owned()))?;
        self.rows.get(id)
    }

    /// Whether no job waits for a check.
    pub(crate) fn has_no_open_jobs(&self) -> bool {
        self.by_next_check.is_empty() && self.by_queue.is_empty()
    }

    /// Creates a row. `Ok(None)`: the row exists already as it is.
    pub(crate) fn create(
        &mut self,
        env: &mut SimulationEnvironment,
        writer: Writer,
        job: &Job,
    ) -> Result<Option<Write>, SaveError> {
        if let Some(row) = self.rows.get(&job.id) {
            if *row.job == *job {
                return Ok(None);
            }
            if !env.has(Mistake::CreateReplaces) {
                return Err(SaveError::Conflict(Some(Box::new(Job::clone(&row.job)))));
            }
        }
        Ok(Some(self.write(env, writer, job)))
    }

    /// Saves the next version of a row. `Ok(None)`: the row is as it should be already.
    pub(crate) fn save(
        &mut self,
        env: &mut SimulationEnvironment,
        writer: Writer,
        job: &Job,
    ) -> Result<Option<Write>, SaveError> {
        let Some(row) = self.rows.get(&job.id) else {
            return Err(SaveError::Conflict(None));
        };
        if *row.job == *job {
            return Ok(None);
        }
        if row.job.version + 1 != job.version && !env.has(Mistake::VersionIgnored) {
            return Err(SaveError::Conflict(Some(Box::new(Job::clone(&row.job)))));
        }
        Ok(Some(self.write(env, writer, job)))
    }

    fn write(&mut self, env: &mut SimulationEnvironment, writer: Writer, job: &Job) -> Write {
        let mut job = job.clone();
        if env.has(Mistake::ReasonDropped) {
            job.history.iter_mut().for_each(|entry| entry.reason = None);
        }
        let job = Rc::new(job);
        let before = self.rows.get(&job.id).cloned();
        let job_before = before.as_ref().map(|row| &*row.job);
        env.log(|| describe_write(writer.function, job_before, &job));
        let input = (job.input.key.clone(), job.input.version.clone());
        let other = self.by_input.insert(input, job.id);
        let next_check_at = job.next_check_at().map(|at| at.0);
        let indexed = before.as_ref().and_then(|row| row.next_check_at);
        self.move_in_index(job.id, indexed, next_check_at);
        self.move_in_queue(env, job_before, &job);
        if let Some(before) = job_before {
            self.by_created.remove(before.created_at.0, job.id);
        }
        self.by_created.insert(job.created_at.0, job.id);
        let row = TableRow {
            saved_at: env.now,
            group_before: before.as_ref().map(|row| row.job.state.status_group()),
            newer: writer.newer,
            next_check_at,
            job: Rc::clone(&job),
        };
        self.rows.insert(job.id, row);
        Write {
            before: before.map(|row| row.job),
            duplicate_of: other.filter(|other| *other != job.id),
            job,
        }
    }

    fn move_in_index(&mut self, id: JobId, from: Option<u64>, to: Option<u64>) {
        if let Some(from) = from {
            self.by_next_check.remove(from, id);
        }
        if let Some(to) = to {
            self.by_next_check.insert(to, id);
        }
    }

    fn move_in_queue(&mut self, env: &SimulationEnvironment, before: Option<&Job>, job: &Job) {
        let is_kept =
            env.has(Mistake::CancelledJobReleased) && matches!(job.state, State::Cancelled { .. });
        if let Some(from) = before.and_then(Job::queued_at).filter(|_| !is_kept) {
            self.by_queue.remove(from.0, job.id);
        }
        if let Some(to) = job.queued_at() {
            self.by_queue.insert(to.0, job.id);
        }
    }

    /// Postpones the next check of a job, if it is still due when the caller found it.
    pub(crate) fn postpone(
        &mut self,
        env: &SimulationEnvironment,
        due: ScheduledCheck,
        until: Timestamp,
    ) {
        let to = if env.has(Mistake::PostponedForGood) {
            until.0 + 21 * 24 * HOUR
        } else {
            until.0
        };
        let (id, from) = (due.job, due.next_check_at.0);
        if let Some(row) = self.rows.get_mut(&id)
            && row.next_check_at == Some(from)
        {
            row.next_check_at = Some(to);
            self.move_in_index(id, Some(from), Some(to));
        }
    }

    /// The jobs of a shard whose check is due. The index may lag behind the rows.
    pub(crate) fn due_by(
        &self,
        env: &mut SimulationEnvironment,
        shard: u8,
        by: Timestamp,
        after: Option<ScheduledCheck>,
        limit: u16,
    ) -> Vec<ScheduledCheck> {
        if env.has(Mistake::OverdueJobsSkipped) {
            return vec![];
        }
        let known_at = env.now.saturating_sub(env.index_lag());
        let known = |id| {
            self.rows
                .get(id)
                .is_some_and(|row| row.saved_at <= known_at)
        };
        self.by_next_check
            .shard(shard)
            .take_while(|(at, _)| *at <= by.0)
            .filter(|(_, id)| known(id))
            .map(due)
            .filter(|due| after.is_none_or(|after| *due > after))
            .take(usize::from(limit.min(2)))
            .collect()
    }

    /// The failed jobs of a shard within a range of time, the newest failure first.
    pub(crate) fn failed(
        &self,
        env: &mut SimulationEnvironment,
        shard: u8,
        range: TimeRange,
        limit: usize,
    ) -> Page<JobListEntry> {
        let known_at = env.now.saturating_sub(env.index_lag());
        let is_failed = |row: &&TableRow| {
            row.group_at(known_at) == Some(StatusGroup::Failed) && row.job.id.shard() == shard
        };
        let mut items: Vec<JobListEntry> = self
            .rows()
            .filter(is_failed)
            .map(|row| JobListEntry {
                at: row.job.updated_at,
                job: row.job.id,
            })
            .filter(|entry| (range.from..=range.to).contains(&entry.at))
            .collect();
        items.sort_by_key(|entry| std::cmp::Reverse(*entry));
        let more = items.len() > limit;
        items.truncate(limit);
        Page { items, more }
    }

    /// The jobs of a shard within a range of the times at which they were created, the oldest first.
    pub(crate) fn created(
        &self,
        env: &mut SimulationEnvironment,
        shard: u8,
        range: TimeRange,
        limit: usize,
    ) -> Page<JobListEntry> {
        let known_at = env.now.saturating_sub(env.index_lag());
        let known = |id| {
            let row: Option<&TableRow> = self.rows.get(id);
            row.is_some_and(|row| row.group_at(known_at).is_some())
        };
        let mut items: Vec<JobListEntry> = self
            .by_created
            .shard(shard)
            .filter(|(at, id)| (range.from.0..=range.to.0).contains(at) && known(id))
            .map(|(at, id)| JobListEntry {
                at: Timestamp(*at),
                job: *id,
            })
            .take(limit.saturating_add(1))
            .collect();
        let more = items.len() > limit;
        items.truncate(limit);
        Page { items, more }
    }

    /// A page of the open jobs of a shard, and where the next page begins.
    pub(crate) fn open_jobs(
        &self,
        shard: u8,
        after: Option<ScheduledCheck>,
        limit: u16,
    ) -> Listing<OpenJob, ScheduledCheck> {
        let mut rest = self
            .by_next_check
            .shard(shard)
            .map(due)
            .filter(|due| after.is_none_or(|after| *due > after))
            .peekable();
        let page: Vec<ScheduledCheck> = rest.by_ref().take(usize::from(limit.min(3))).collect();
        let next = page.last().copied().filter(|_| rest.peek().is_some());
        let rows = page.iter().filter_map(|due| self.rows.get(&due.job));
        Listing {
            items: rows.map(|row| OpenJob::from(&*row.job)).collect(),
            next,
        }
    }

    /// A page of the queued jobs of a shard. The index may lag behind the rows: it lacks those that were saved just now.
    pub(crate) fn queued_jobs(
        &self,
        env: &mut SimulationEnvironment,
        shard: u8,
        after: Option<QueuePosition>,
        limit: u16,
    ) -> Listing<QueuedJob, QueuePosition> {
        let known_at = env.now.saturating_sub(env.index_lag());
        let is_forgotten = env.has(Mistake::ReleaseForgotten);
        let position = |(at, job): &(u64, JobId)| QueuePosition {
            queued_at: Timestamp(*at),
            job: *job,
        };
        let entries = self.by_queue.shard(shard).filter(|_| !is_forgotten);
        let mut rest = entries
            .map(position)
            .filter(|it| after.is_none_or(|after| *it > after))
            .filter_map(|position| {
                let row = self.rows.get(&position.job)?;
                (row.saved_at <= known_at).then(|| QueuedJob {
                    position,
                    attempt: row.job.state.attempt(),
                    pipeline: row.job.pipeline.clone(),
                    tenant: row.job.tenant.clone(),
                })
            })
            .peekable();
        let items: Vec<QueuedJob> = rest.by_ref().take(usize::from(limit.min(2))).collect();
        let next = items.last().map(|queued| queued.position);
        Listing {
            next: next.filter(|_| rest.peek().is_some()),
            items,
        }
    }

    /// As [`open_jobs`](Self::open_jobs), of an index that lags behind the rows.
    pub(crate) fn open_jobs_at(
        &self,
        known_at: u64,
        shard: u8,
        after: Option<ScheduledCheck>,
        limit: u16,
    ) -> Listing<OpenJob, ScheduledCheck> {
        let was_open = |row: &&TableRow| {
            let is_paused = row.job.queued_at().is_some() && row.job.next_check_at().is_none();
            let is_queued = row.saved_at <= known_at && is_paused;
            row.job.id.shard() == shard
                && row.group_at(known_at) == Some(StatusGroup::Open)
                && !is_queued
        };
        let mut dues: Vec<ScheduledCheck> = self
            .rows()
            .filter(was_open)
            .map(|row| due(&(row.next_check_at.unwrap_or(row.saved_at), row.job.id)))
            .filter(|due| after.is_none_or(|after| *due > after))
            .collect();
        dues.sort_unstable();
        let more = dues.len() > usize::from(limit.min(3));
        dues.truncate(usize::from(limit.min(3)));
        let rows = dues.iter().filter_map(|due| self.rows.get(&due.job));
        Listing {
            items: rows.map(|row| OpenJob::from(&*row.job)).collect(),
            next: dues.last().copied().filter(|_| more),
        }
    }

    /// The newest jobs of a tenant in a status group, and whether there are more. The index may lag behind the rows.
    pub(crate) fn newest(
        &self,
        env: &mut SimulationEnvironment,
        tenant: &Tenant,
        group: StatusGroup,
        limit: usize,
    ) -> NewestJobs {
        let (mut jobs, more) = self.listed(env, tenant, group, limit);
        jobs.retain(|job| job.state.status_group() == group);
        NewestJobs {
            jobs: jobs.into_iter().cloned().collect(),
            more,
        }
    }

    /// The newest entries of index `by_tenant`, with the rows that they name.
    pub(crate) fn listed(
        &self,
        env: &mut SimulationEnvironment,
        tenant: &Tenant,
        group: StatusGroup,
        limit: usize,
    ) -> (Vec<&Job>, bool) {
        let known_at = env.now.saturating_sub(env.index_lag());
        let listed = |row: &TableRow| row.group_at(known_at) == Some(group);
        let mut jobs: Vec<&Job> = self
            .rows()
            .filter(|row| row.job.tenant == *tenant && listed(row))
            .map(|row| &*row.job)
            .collect();
        jobs.sort_by_key(|job| std::cmp::Reverse((job.created_at, job.id)));
        let more = jobs.len() > limit;
        jobs.truncate(limit);
        (jobs, more)
    }
}

fn due((at, job): &(u64, JobId)) -> ScheduledCheck {
    ScheduledCheck {
        next_check_at: Timestamp(*at),
        job: *job,
    }
}

fn describe_write(function: FunctionId, before: Option<&Job>, job: &Job) -> String {
    let from = before.map_or("-", |job| job.state.name());
    let event = job.history.last().map_or("", |entry| entry.event.name());
    let cause = if let State::Failed { failure, .. } = &job.state {
        format!(": {}", failure.cause.name())
    } else {
        String::new()
    };
    format!(
        "f{:<9} saves {} v{}: {from} -> {} (attempt {}) by {event}{cause}",
        function.0,
        short(job.id),
        job.version,
        job.state.name(),
        job.state.attempt(),
    )
}
