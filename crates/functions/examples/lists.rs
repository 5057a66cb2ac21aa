//! What a page of jobs costs, from a thousand jobs to a million: `make bench-lists`.
//!
//! Counts requests, places and rows, which are the same on DynamoDB, and the read units that follow from the sizes of
//! items (developer guide, "Read consistency" and "DynamoDB item sizes and formats"). No times: memory's say nothing.
//! Exit status 1 if a figure grows with the number of jobs.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program for people, that fails by panicking"
)]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::process::ExitCode;

use api::Principal;
use api::job_list::list;
use api::ports::{JobList, JobListEntry, JobListKey, Page, TimeRange};
use api::types::JobQuery;
use jobs::id::{Attempt, JobId, Timestamp};
use jobs::job::Job;
use jobs::ports::{Clock, KeyValueStore, LoadError, Record, Unavailable};
use jobs::state::{Cause, Failure, RetryBudget, State};
use testkit::conformance::full_job;
use testkit::memory::Memory;

const SIZES: [u64; 4] = [1_000, 10_000, 100_000, 1_000_000];
const TENANTS: u64 = 20;
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
    cost: Cell<Cost>,
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
        let found = self.memory.list_entries(list, range, limit).await?;
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

/// A list reads one record per pipeline of its open jobs, consistently.
impl KeyValueStore for Counted<'_> {
    async fn get(&self, collection: &str, key: &str) -> Result<Option<Record>, Unavailable> {
        self.add(1, 0, 0, 2);
        self.memory.get(collection, key).await
    }

    async fn put(&self, collection: &str, key: &str, record: &Record) -> Result<bool, Unavailable> {
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
        self.memory.list_descending(collection, before, limit).await
    }
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

/// The cost of the first page and of the tenth.
async fn pages(memory: &Memory, principal: &Principal, query: &JobQuery) -> [Cost; 2] {
    let ports = Counted {
        memory,
        cost: Cell::default(),
    };
    let mut from = None;
    let mut costs = Vec::new();
    for _ in 0..10 {
        ports.cost.set(Cost::default());
        let (_, next) = list(&ports, principal, query, from.take()).await.unwrap();
        costs.push(ports.cost.get());
        match next {
            Some(next) => from = Some(next),
            None => break,
        }
    }
    [costs[0], costs[costs.len() - 1]]
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
    for size in SIZES {
        let memory = table(size);
        for (name, principal, query) in &questions {
            let costs = pages(&memory, principal, query).await;
            let text = costs.map(|cost| {
                let units = f64::from(u32::try_from(cost.half_units).unwrap()) / 2.0;
                format!(
                    "{:>8}{:>7}{:>5}{units:>7.1}",
                    cost.requests, cost.places, cost.rows
                )
            });
            println!("{name:<26}{size:>10}            {}", text.join("        |"));
            most.entry(name).or_default().extend(costs);
        }
    }
    // A thousand jobs are few: a page may hold them all. From ten thousand on, nothing may grow.
    let grows = most.iter().filter(|(_, costs)| {
        let worst = |costs: &[Cost]| costs.iter().map(|cost| cost.half_units).max();
        worst(&costs[6..]) > worst(&costs[2..6]).map(|units| units + units / 10)
    });
    let grown: Vec<_> = grows.map(|(name, _)| *name).collect();
    if grown.is_empty() {
        ExitCode::SUCCESS
    } else {
        println!("grows with the number of jobs: {}", grown.join(", "));
        ExitCode::FAILURE
    }
}
