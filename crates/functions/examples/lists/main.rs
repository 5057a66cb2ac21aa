//! What a page of jobs, a search and a report of usage cost, from a thousand jobs to a million: `make bench-lists`.
//!
//! Counts requests, places and rows, which are the same on DynamoDB, and the read units that follow from the sizes of
//! items (developer guide, "Read consistency" and "DynamoDB item sizes and formats"). No times: memory's say nothing.
//! Exit status 1 if a figure of a page or of a report grows with the number of jobs, or if the search for one job in a million
//! costs more than a fiftieth of reading page after page.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program for people, that fails by panicking"
)]

mod counted;
mod usage;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::process::ExitCode;

use api::Principal;
use api::job_list::list;
use api::search::search_texts;
use api::search_index::JOBS_PER_BLOCK;
use api::search_index::build::index_jobs;
use api::types::JobQuery;
use jobs::id::{Attempt, JobId, Timestamp};
use jobs::state::{Cause, Failure, RetryBudget, State};
use testkit::conformance::full_job;
use testkit::memory::Memory;

use counted::{Cost, Counted, lists, units};

const SIZES: [u64; 4] = [1_000, 10_000, 100_000, 1_000_000];
const TENANTS: u64 = 20;
/// The number of the job that is searched for: an old one, which a list reaches late.
const RARE: u64 = 477;
const NOW: Timestamp = Timestamp(1_767_607_442_118);

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
    if !usage::is_flat().await {
        println!("a report of usage grows with the number of jobs");
        return ExitCode::FAILURE;
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
