//! What a page of jobs and a search cost, from a thousand jobs to a million: `make bench-lists`.
//!
//! Counts requests, places and rows, which are the same on DynamoDB, and the read units that follow from the sizes of
//! items (developer guide, "Read consistency" and "DynamoDB item sizes and formats"). No times: memory's say nothing.
//! Exit status 1 if a figure of a page grows with the number of jobs, or if the search for one job in a million costs more than
//! a fiftieth of reading page after page.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program for people, that fails by panicking"
)]

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::process::ExitCode;

use api::Principal;
use api::job_list::list;
use api::ports::{JobList, JobListEntry, JobListKey, Page, TimeRange};
use api::search::search_texts;
use api::search_index::JOBS_PER_BLOCK;
use api::search_index::build::index_jobs;
use api::types::JobQuery;
use jobs::id::{Attempt, JobId, Timestamp};
use jobs::job::Job;
use jobs::ports::{
    Clock, JobIndex, JobInput, KeyValueStore, Listing, LoadError, OpenJob, QueuePosition,
    QueuedJob, Record, ScheduledCheck, Unavailable,
};
use jobs::state::{Cause, Failure, RetryBudget, State};
use testkit::conformance::full_job;
use testkit::memory::Memory;

const SIZES: [u64; 4] = [1_000, 10_000, 100_000, 1_000_000];
const TENANTS: u64 = 20;
/// The number of the job that is searched for: an old one, which a list reaches late.
const RARE: u64 = 477;
const NOW: Timestamp = Timestamp(1_767_607_442_118);
/// An entry of an index that holds keys only: its three keys, their names, and the index's own 100 bytes.
const PLACE_BYTES: u64 = 190;
/// A row of ordinary length; `ready_row_fits_into_one_write_unit` in `row.rs` bounds it.
const ROW_BYTES: u64 = 1_024;
/// What one read unit reads, half of that if the read need not be consistent, in bytes.
const UNIT_BYTES: u64 = 4_096;

/// Memory that counts.
struct Counted<'a> {
    memory: &'a Memory,
    /// Entries by the name of their list, sorted.
    lists: &'a Lists,
    cost: Cell<Cost>,
    /// Write units.
    written: Cell<u64>,
}

type Lists = HashMap<String, Vec<JobListEntry>>;

/// The lists that the questions read. Memory would go through all jobs for each query.
fn lists(memory: &Memory) -> Lists {
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
struct Cost {
    requests: u64,
    places: u64,
    rows: u64,
    /// Half units, so that they stay whole.
    half_units: u64,
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

/// Names as people give them: kind, parties, date and number. One in a million is searched for.
fn name_of(number: u64) -> String {
    const KINDS: [&str; 8] = [
        "Lease",
        "Services agreement",
        "NDA",
        "Mietvertrag",
        "DPA",
        "Supply contract",
        "Loan",
        "Licence",
    ];
    const PARTIES: [&str; 10] = [
        "Acme",
        "Globex",
        "Meteor Data",
        "Stadtwerke Nordhafen",
        "Fjordline",
        "Hansen & Søn",
        "Müller",
        "Kowalski",
        "Ortega",
        "Blake",
    ];
    let pick = |from: &[&str], salt: u64| {
        let at = number
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(salt as u32)
            % from.len() as u64;
        from[usize::try_from(at).unwrap()].to_owned()
    };
    if number == RARE {
        return "Erbpachtvertrag Quellental 2026.pdf".to_owned();
    }
    let (kind, one, two) = (pick(&KINDS, 7), pick(&PARTIES, 19), pick(&PARTIES, 37));
    format!(
        "{number} {kind} {one} - {two} 2026-{:02}.pdf",
        number % 12 + 1
    )
}

/// A table of jobs of twenty tenants: one in twenty failed, one in fifty open.
fn table(size: u64) -> Memory {
    let memory = Memory::at(NOW);
    let model = full_job("docket-jobs", "acme", 0);
    let mut world = memory.state();
    for number in 0..size {
        let mut job = model.clone();
        let key = format!("inbound/t{}/{number}.pdf", number % TENANTS);
        job.id = JobId::of_key("docket-jobs", &key);
        job.tenant = format!("t{}", number % TENANTS).parse().unwrap();
        job.input.name = Some(name_of(number));
        job.input.key = key;
        job.created_at = Timestamp(NOW.0 - (size - number) * 500);
        job.updated_at = job.created_at;
        let attempt = Attempt(1);
        if number % 20 == 7 {
            let failure = Failure::new(Cause::ModelError, "it broke");
            job.state = State::Failed { attempt, failure };
        } else if number % 50 == 3 {
            job.state = State::InProgress {
                attempt,
                deadline: Timestamp(NOW.0 + number * 500),
                budget: RetryBudget {
                    last_attempt: Attempt(3),
                    expires_at: NOW,
                    earlier_result: Attempt::NONE,
                },
            };
        } else {
            job.state = State::Ready { attempt };
        }
        world.jobs.insert(job.id, job);
    }
    drop(world);
    memory
}

/// The cost of a search for one job, as it was without the index: page after page of each tenant, until the job is found and
/// nothing is left to look at.
async fn cost_of_paging(ports: &Counted<'_>) -> Cost {
    ports.cost.set(Cost::default());
    let support = Principal::of_groups("s", ["support"], NOW);
    let mut found = 0;
    for tenant in 0..TENANTS {
        let query = query(&[("tenant", &format!("t{tenant}")), ("q", "erbpacht")]);
        let mut from = None;
        loop {
            let (page, next) = list(ports, &support, &query, from.take()).await.unwrap();
            found += page.jobs.len();
            match next {
                Some(next) => from = Some(next),
                None => break,
            }
        }
    }
    assert_eq!(found, 1);
    ports.cost.get()
}

/// The cost of the same with the index, in all pages of the search.
async fn cost_of_search(ports: &Counted<'_>) -> Cost {
    ports.cost.set(Cost::default());
    let support = Principal::of_groups("s", ["support"], NOW);
    let mut found = 0;
    let mut from = None;
    loop {
        let (jobs, next) = search_texts(ports, &support, "pachtvertrag quellental", from.take())
            .await
            .unwrap();
        found += jobs.len();
        match next {
            Some(next) => from = Some(next),
            None => break,
        }
    }
    assert_eq!(found, 1);
    ports.cost.get()
}

/// The cost of the first page and of the tenth.
async fn pages(ports: &Counted<'_>, principal: &Principal, query: &JobQuery) -> [Cost; 2] {
    let mut from = None;
    let mut costs = Vec::new();
    for _ in 0..10 {
        ports.cost.set(Cost::default());
        let (_, next) = list(ports, principal, query, from.take()).await.unwrap();
        costs.push(ports.cost.get());
        match next {
            Some(next) => from = Some(next),
            None => break,
        }
    }
    [costs[0], costs[costs.len() - 1]]
}

fn units(cost: Cost) -> f64 {
    f64::from(u32::try_from(cost.half_units).unwrap()) / 2.0
}

fn query(fields: &[(&str, &str)]) -> JobQuery {
    let fields: BTreeMap<&str, &str> = fields.iter().copied().collect();
    serde_json::from_value(serde_json::to_value(fields).unwrap()).unwrap()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let reviewer = Principal::of_groups("r", ["reviewer", "tenant:t7"], NOW);
    let support = Principal::of_groups("s", ["support"], NOW);
    let questions = [
        ("a reviewer's jobs", &reviewer, query(&[])),
        (
            "a reviewer's failed jobs",
            &reviewer,
            query(&[("status", "failed")]),
        ),
        ("a name that begins so", &reviewer, query(&[("q", "99")])),
        ("all failed jobs", &support, query(&[("status", "failed")])),
        ("all open jobs", &support, query(&[("status", "open")])),
    ];
    println!(
        "{:<26}{:>10}  first page: requests places rows read units | tenth page",
        "", "jobs"
    );
    let mut most: BTreeMap<&str, Vec<Cost>> = BTreeMap::new();
    let mut searches: Vec<Cost> = Vec::new();
    for size in SIZES {
        let memory = table(size);
        let lists = lists(&memory);
        let ports = Counted {
            memory: &memory,
            lists: &lists,
            cost: Cell::default(),
            written: Cell::default(),
        };
        let indexed = index_jobs(&ports, JOBS_PER_BLOCK, 90, Timestamp(u64::MAX)).await;
        let indexed = indexed.unwrap();
        let written = ports.written.get();
        for (name, principal, query) in &questions {
            let costs = pages(&ports, principal, query).await;
            let text = costs.map(|cost| {
                let units = units(cost);
                format!(
                    "{:>8}{:>7}{:>5}{units:>7.1}",
                    cost.requests, cost.places, cost.rows
                )
            });
            println!("{name:<26}{size:>10}            {}", text.join("        |"));
            most.entry(name).or_default().extend(costs);
        }
        for (name, cost) in [
            ("one job, page after page", cost_of_paging(&ports).await),
            ("one job, with the index", cost_of_search(&ports).await),
        ] {
            let units = units(cost);
            let Cost {
                requests,
                places,
                rows,
                ..
            } = cost;
            println!(
                "{name:<26}{size:>10}            {requests:>8}{places:>7}{rows:>5}{units:>7.1}"
            );
            searches.push(cost);
        }
        println!("index of {indexed} jobs: {written} write units, besides one for each job");
    }
    // A thousand jobs are few: a page may hold them all. From ten thousand on, nothing may grow.
    let grows = most.iter().filter(|(_, costs)| {
        let worst = |costs: &[Cost]| costs.iter().map(|cost| cost.half_units).max();
        worst(&costs[6..]) > worst(&costs[2..6]).map(|units| units + units / 10)
    });
    let [.., paging, search] = searches.as_slice() else {
        return ExitCode::FAILURE;
    };
    let is_cheap =
        search.requests * 50 <= paging.requests && search.half_units * 50 <= paging.half_units;
    if !is_cheap {
        println!("the search for one job costs more than a fiftieth of reading page after page");
        return ExitCode::FAILURE;
    }
    let grown: Vec<_> = grows.map(|(name, _)| *name).collect();
    if grown.is_empty() {
        ExitCode::SUCCESS
    } else {
        println!("grows with the number of jobs: {}", grown.join(", "));
        ExitCode::FAILURE
    }
}
