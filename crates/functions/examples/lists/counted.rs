//! Memory that counts requests, places, rows and read units.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};

use api::ports::{JobList, JobListEntry, JobListKey, Page, TimeRange};
use jobs::id::{JobId, Timestamp};
use jobs::job::Job;
use jobs::ports::{
    Clock, JobIndex, JobInput, KeyValueStore, Listing, LoadError, OpenJob, QueuePosition,
    QueuedJob, Record, ScheduledCheck, Unavailable,
};
use jobs::state::State;
use testkit::memory::Memory;

/// An entry of an index that holds keys only: its three keys, their names, and the index's own 100 bytes.
const PLACE_BYTES: u64 = 190;
/// A row of ordinary length; `ready_row_fits_into_one_write_unit` in `row.rs` bounds it.
const ROW_BYTES: u64 = 1_024;
/// What one read unit reads, half of that if the read need not be consistent, in bytes.
const UNIT_BYTES: u64 = 4_096;

/// Memory that counts.
pub(crate) struct Counted<'a> {
    pub(crate) memory: &'a Memory,
    /// Entries by the name of their list, sorted.
    pub(crate) lists: &'a Lists,
    pub(crate) cost: Cell<Cost>,
    /// Write units.
    pub(crate) written: Cell<u64>,
}

pub(crate) type Lists = HashMap<String, Vec<JobListEntry>>;

/// The lists that the questions read. Memory would go through all jobs for each query.
pub(crate) fn lists(memory: &Memory) -> Lists {
    let mut lists = Lists::new();
    for job in memory.state().jobs.values() {
        let mut add = |list: JobListKey, at: Timestamp| {
            let entry = JobListEntry { at, job: job.id };
            lists.entry(format!("{list:?}")).or_default().push(entry);
        };
        let (shard, group) = (job.id.shard(), job.state.status_group());
        add(
            JobListKey::OfTenant(job.tenant.clone(), group),
            job.created_at,
        );
        add(JobListKey::CreatedOldestFirst(shard), job.created_at);
        add(JobListKey::Created(shard), job.created_at);
        if let State::Failed { .. } = job.state {
            add(JobListKey::Failed(shard), job.updated_at);
        }
        if let Some(at) = job.next_check_at() {
            add(JobListKey::Open(shard), at);
        }
    }
    for entries in lists.values_mut() {
        entries.sort();
    }
    lists
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Cost {
    pub(crate) requests: u64,
    pub(crate) places: u64,
    pub(crate) rows: u64,
    /// Half units, so that they stay whole.
    pub(crate) half_units: u64,
}

impl Counted<'_> {
    fn add(&self, requests: u64, places: u64, rows: u64, half_units: u64) {
        let cost = self.cost.get();
        self.cost.set(Cost {
            requests: cost.requests + requests,
            places: cost.places + places,
            rows: cost.rows + rows,
            half_units: cost.half_units + half_units,
        });
    }
}

impl JobList for Counted<'_> {
    async fn list_entries(
        &self,
        list: &JobListKey,
        range: TimeRange,
        limit: u16,
    ) -> Result<Page<JobListEntry>, Unavailable> {
        let all = self.lists.get(&format!("{list:?}"));
        let all = all.map_or(&[][..], Vec::as_slice);
        let from = all.partition_point(|entry| entry.at < range.from);
        let to = all.partition_point(|entry| entry.at <= range.to);
        let within = all.get(from..to).unwrap_or_default();
        let more = within.len() > usize::from(limit);
        let items = if list.is_ascending() {
            within.iter().take(usize::from(limit)).copied().collect()
        } else {
            within
                .iter()
                .rev()
                .take(usize::from(limit))
                .copied()
                .collect()
        };
        let found = Page { items, more };
        let places = found.items.len() as u64;
        // A query is charged for the sum of what it reads, and for half a unit if that is nothing.
        self.add(
            1,
            places,
            0,
            (places * PLACE_BYTES).div_ceil(UNIT_BYTES).max(1),
        );
        Ok(found)
    }

    async fn get_jobs(&self, ids: &[JobId]) -> Result<Vec<Job>, LoadError> {
        let rows = self.memory.get_jobs(ids).await?;
        let each = ROW_BYTES.div_ceil(UNIT_BYTES);
        self.add(1, 0, rows.len() as u64, ids.len() as u64 * each);
        Ok(rows)
    }
}

impl Clock for Counted<'_> {
    fn now(&self) -> Timestamp {
        self.memory.now()
    }

    fn random(&self) -> u64 {
        self.memory.random()
    }
}

/// A list reads the heads of the queues if one of its jobs is queued. Here none is.
impl JobIndex for Counted<'_> {
    async fn due_by(
        &self,
        shard: u8,
        by: Timestamp,
        after: Option<ScheduledCheck>,
        limit: u16,
    ) -> Result<Vec<ScheduledCheck>, Unavailable> {
        self.memory.due_by(shard, by, after, limit).await
    }

    async fn open_jobs(
        &self,
        shard: u8,
        after: Option<ScheduledCheck>,
        limit: u16,
    ) -> Result<Listing<OpenJob, ScheduledCheck>, Unavailable> {
        self.memory.open_jobs(shard, after, limit).await
    }

    async fn queued_jobs(
        &self,
        shard: u8,
        from: u64,
        after: Option<QueuePosition>,
        limit: u16,
    ) -> Result<Listing<QueuedJob, QueuePosition>, Unavailable> {
        let page = self.memory.queued_jobs(shard, from, after, limit).await?;
        let bytes = PLACE_BYTES * page.items.len().max(1) as u64;
        self.add(1, page.items.len() as u64, 0, bytes.div_ceil(UNIT_BYTES));
        Ok(page)
    }

    async fn postpone(&self, due: ScheduledCheck, until: Timestamp) -> Result<(), Unavailable> {
        self.memory.postpone(due, until).await
    }

    async fn inputs_of(&self, ids: &[JobId]) -> Result<BTreeMap<JobId, JobInput>, Unavailable> {
        self.memory.inputs_of(ids).await
    }
}

/// A list reads one record per pipeline of its open jobs, consistently.
impl KeyValueStore for Counted<'_> {
    async fn get(&self, collection: &str, key: &str) -> Result<Option<Record>, Unavailable> {
        let found = self.memory.get(collection, key).await?;
        let bytes = found
            .as_ref()
            .map_or(1, |record| record.body.len() as u64 + 100);
        self.add(1, 0, 0, 2 * bytes.div_ceil(UNIT_BYTES));
        Ok(found)
    }

    async fn put(&self, collection: &str, key: &str, record: &Record) -> Result<bool, Unavailable> {
        let bytes = collection.len() + key.len() + record.body.len() + 50;
        self.written
            .set(self.written.get() + bytes.div_ceil(1024) as u64);
        KeyValueStore::put(self.memory, collection, key, record).await
    }

    async fn delete(&self, collection: &str, key: &str) -> Result<(), Unavailable> {
        self.memory.delete(collection, key).await
    }

    async fn list_descending(
        &self,
        collection: &str,
        before: Option<&str>,
        limit: u16,
    ) -> Result<Vec<(String, Record)>, Unavailable> {
        let found = self
            .memory
            .list_descending(collection, before, limit)
            .await?;
        let bytes = found.iter().map(|(key, record)| {
            // Names and values of the keys, of revision and expiry; an item's 100 bytes are not charged when it is read.
            (collection.len() + key.len() + record.body.len() + 50) as u64
        });
        self.add(1, 0, 0, bytes.sum::<u64>().div_ceil(UNIT_BYTES).max(1));
        Ok(found)
    }
}

pub(crate) fn units(cost: Cost) -> f64 {
    f64::from(u32::try_from(cost.half_units).unwrap()) / 2.0
}
