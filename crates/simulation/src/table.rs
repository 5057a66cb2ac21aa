//! The table of jobs: conditional writes, and two indexes.

mod pages;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use jobs::id::{JobId, Tenant, Timestamp};
use jobs::job::Job;
use jobs::ports::{SaveError, ScheduledCheck};
use jobs::queue_position;
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

/// An index whose partitions are the shards, sorted by a time or a position.
#[derive(Debug, Default)]
struct ShardedIndex([BTreeSet<(u64, JobId)>; JobId::SHARDS as usize]);

impl ShardedIndex {
    fn shard(&self, shard: u8) -> impl DoubleEndedIterator<Item = &(u64, JobId)> {
        self.0.get(usize::from(shard)).into_iter().flatten()
    }

    fn is_empty(&self) -> bool {
        self.0.iter().all(BTreeSet::is_empty)
    }

    fn remove(&mut self, shard: u8, at: u64, id: JobId) {
        self.0[usize::from(shard)].remove(&(at, id));
    }

    fn insert(&mut self, shard: u8, at: u64, id: JobId) {
        self.0[usize::from(shard)].insert((at, id));
    }
}

#[derive(Debug, Default)]
pub(crate) struct JobTable {
    rows: BTreeMap<JobId, TableRow>,
    /// By key and version.
    by_input: BTreeMap<String, BTreeMap<String, JobId>>,
    /// The index of open jobs by their next check.
    by_next_check: ShardedIndex,
    /// The index of queued jobs by their positions. Its partitions are those of the pipelines.
    by_queue: ShardedIndex,
    /// The index of all jobs by their creation.
    by_created: ShardedIndex,
    /// The jobs of each tenant by their creation.
    by_tenant: BTreeMap<Tenant, BTreeSet<(Timestamp, JobId)>>,
}

impl JobTable {
    pub(crate) fn row(&self, id: JobId) -> Option<&TableRow> {
        self.rows.get(&id)
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = &TableRow> {
        self.rows.values()
    }

    /// The rows of a shard.
    fn of_shard(&self, shard: u8) -> impl Iterator<Item = &TableRow> {
        let ids = self.by_created.shard(shard).map(|(_, id)| id);
        ids.filter_map(|id| self.rows.get(id))
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn job_of(&self, key: &str, version: &str) -> Option<&TableRow> {
        let id = self.by_input.get(key)?.get(version)?;
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
        let other = self.move_in_inputs(&job);
        let next_check_at = job.next_check_at().map(|at| at.0);
        let indexed = before.as_ref().and_then(|row| row.next_check_at);
        self.move_in_index(job.id, indexed, next_check_at);
        self.move_in_queue(env, job_before, &job);
        self.move_in_created(job_before, &job);
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

    /// Returns the job that was known to be about its input.
    fn move_in_inputs(&mut self, job: &Job) -> Option<JobId> {
        let (key, version) = (&job.input.key, &job.input.version);
        let versions = self.by_input.get_mut(key);
        if let Some(known) = versions.and_then(|versions| versions.get_mut(version)) {
            return Some(std::mem::replace(known, job.id));
        }
        let versions = self.by_input.entry(key.clone()).or_default();
        versions.insert(version.clone(), job.id)
    }

    fn move_in_created(&mut self, before: Option<&Job>, job: &Job) {
        let place = |job: &Job| (job.created_at, job.id);
        if let Some(before) = before {
            if place(before) == place(job) && before.tenant == job.tenant {
                return;
            }
            self.by_created
                .remove(job.id.shard(), before.created_at.0, job.id);
            if let Some(jobs) = self.by_tenant.get_mut(&before.tenant) {
                jobs.remove(&place(before));
            }
        }
        self.by_created
            .insert(job.id.shard(), job.created_at.0, job.id);
        let jobs = self.by_tenant.entry(job.tenant.clone()).or_default();
        jobs.insert(place(job));
    }

    fn move_in_index(&mut self, id: JobId, from: Option<u64>, to: Option<u64>) {
        if let Some(from) = from {
            self.by_next_check.remove(id.shard(), from, id);
        }
        if let Some(to) = to {
            self.by_next_check.insert(id.shard(), to, id);
        }
    }

    fn move_in_queue(&mut self, env: &SimulationEnvironment, before: Option<&Job>, job: &Job) {
        let is_kept =
            env.has(Mistake::CancelledJobReleased) && matches!(job.state, State::Cancelled { .. });
        if let Some(from) = before.and_then(Job::queue_position).filter(|_| !is_kept) {
            let shard = queue_position::shard(&job.pipeline);
            self.by_queue.remove(shard, from, job.id);
        }
        if let Some(to) = job.queue_position() {
            let shard = queue_position::shard(&job.pipeline);
            self.by_queue.insert(shard, to, job.id);
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
