//! Pages of the table's indexes, which may lag behind the rows.

use api::ports::{JobListEntry, Page, TimeRange};
use jobs::id::{JobId, Tenant, Timestamp};
use jobs::job::Job;
use jobs::lane::Lane;
use jobs::ports::{Listing, NewestJobs, OpenJob, QueuePosition, QueuedJob, ScheduledCheck};
use jobs::queue_position;
use jobs::state::StatusGroup;

use super::{JobTable, TableRow};
use crate::environment::SimulationEnvironment;
use crate::mistake::Mistake;

impl JobTable {
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
        let is_failed = |row: &&TableRow| row.group_at(known_at) == Some(StatusGroup::Failed);
        let mut items: Vec<JobListEntry> = self
            .of_shard(shard)
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
            .take_while(|(at, _)| *at <= range.to.0)
            .filter(|(at, id)| *at >= range.from.0 && known(id))
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

    /// The newest jobs of a shard, the newest first.
    pub(crate) fn newest_created(
        &self,
        env: &mut SimulationEnvironment,
        shard: u8,
        limit: usize,
    ) -> Vec<JobId> {
        let known_at = env.now.saturating_sub(env.index_lag());
        let known = |id| {
            let row: Option<&TableRow> = self.rows.get(id);
            row.is_some_and(|row| row.group_at(known_at).is_some())
        };
        let ids = self.by_created.shard(shard).rev().map(|(_, id)| id);
        ids.filter(|id| known(*id)).take(limit).copied().collect()
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

    /// For [`Mistake::PlaceLeaked`]: the jobs that have ended, as if their attempts were at the endpoint.
    pub(crate) fn ended_in(&self, shard: u8, now: Timestamp) -> impl Iterator<Item = OpenJob> {
        let is_ended = move |row: &&TableRow| {
            let state = &row.job.state;
            state.status_group() != StatusGroup::Open
        };
        self.of_shard(shard)
            .filter(is_ended)
            .map(move |row| OpenJob {
                sent_at: Some(now),
                ..OpenJob::from(&*row.job)
            })
    }

    /// A page of the queued jobs of a shard. The index may lag behind the rows: it lacks those that were saved just now.
    pub(crate) fn queued_jobs(
        &self,
        env: &mut SimulationEnvironment,
        shard: u8,
        from: u64,
        after: Option<QueuePosition>,
        limit: u16,
    ) -> Listing<QueuedJob, QueuePosition> {
        let known_at = env.now.saturating_sub(env.index_lag());
        let is_forgotten = env.has(Mistake::ReleaseForgotten);
        // All tenants are in the same queue then, in which the oldest job is first.
        let by_arrival = env.has(Mistake::TenantsByArrival);
        let position = |(position, job): &(u64, JobId)| QueuePosition {
            position: if by_arrival {
                queue_position::queued_at(*position).0
            } else {
                *position
            },
            job: *job,
        };
        let is_bulk = |(position, job): &&(u64, JobId)| {
            let job = self.rows.get(job).map(|row| &row.job);
            let is_bulk = job.map(|it| it.input.labels.lane) == Some(Lane::Bulk);
            is_bulk && !queue_position::is_urgent(*position)
        };
        // Documents of lane `bulk` are seen when no others wait.
        let entries = || {
            let all = self.by_queue.shard(shard);
            all.filter(move |_| !is_forgotten)
        };
        let starves = env.has(Mistake::BulkStarves) && !entries().all(|it| is_bulk(&it));
        let entries = entries().filter(|it| !(starves && is_bulk(it)));
        let mut entries = entries.map(position);
        let mut sorted = Vec::new();
        if by_arrival {
            sorted.extend(entries.by_ref());
            sorted.sort_unstable();
        }
        let mut rest = entries
            .chain(sorted)
            .filter(|it| it.position >= from)
            .filter(|it| after.is_none_or(|after| *it > after))
            .filter_map(|position| {
                let row = self.rows.get(&position.job)?;
                (row.saved_at <= known_at).then(|| QueuedJob {
                    position,
                    attempt: row.job.state.attempt(),
                    pipeline: row.job.pipeline.clone(),
                    tenant: row.job.tenant.clone(),
                    bytes: row.job.input.bytes,
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
            row.group_at(known_at) == Some(StatusGroup::Open) && !is_queued
        };
        let mut dues: Vec<ScheduledCheck> = self
            .of_shard(shard)
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
        let listed = |row: &&TableRow| row.group_at(known_at) == Some(group);
        let ids = self.by_tenant.get(tenant).into_iter().flatten().rev();
        let mut jobs: Vec<&Job> = ids
            .filter_map(|(_, id)| self.rows.get(id))
            .filter(listed)
            .map(|row| &*row.job)
            .take(limit.saturating_add(1))
            .collect();
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
