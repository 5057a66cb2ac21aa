//! What `GET /usage` costs for a month, and what counting its hours did.

use std::cell::Cell;

use api::Principal;
use api::types::{UsageQuery, UsageView};
use api::usage::{count_hours, report};
use jobs::id::{JobId, Timestamp};
use jobs::pipeline::Pipelines;
use jobs::state::State;
use testkit::conformance::full_job;
use testkit::memory::Memory;

use crate::TENANTS;
use crate::counted::{Cost, Counted, lists, units};

const SIZES: [u64; 3] = [10_000, 100_000, 1_000_000];
/// 2025-12-01, and half an hour after the end of that month.
const FROM: u64 = 1_764_547_200_000;
const DAYS: u64 = 31;
const NOW: Timestamp = Timestamp(FROM + DAYS * 86_400_000 + 1_800_000);
/// With ten thousand documents a month some tenants have none in some hours, whose sums are then not stored.
const MAX_GROWTH: u64 = 2;

/// So many jobs, evenly over the month and over the tenants.
fn month_of_jobs(size: u64) -> Memory {
    let memory = Memory::at(NOW);
    let model = full_job("docket-jobs", "acme", 0);
    let mut world = memory.state();
    for number in 0..size {
        let mut job = model.clone();
        let key = format!("inbound/t{}/{number}.pdf", number % TENANTS);
        job.id = JobId::of_key("docket-jobs", &key);
        job.tenant = format!("t{}", number % TENANTS).parse().unwrap();
        job.input.key = key;
        job.input.labels.batch = None;
        job.created_at = Timestamp(FROM + number * (DAYS * 86_400_000 / size));
        job.updated_at = job.created_at;
        job.state = State::Ready {
            attempt: job.state.attempt(),
        };
        world.jobs.insert(job.id, job);
    }
    drop(world);
    memory
}

async fn cost_of_report(
    ports: &Counted<'_>,
    pipelines: &Pipelines,
    principal: &Principal,
) -> (Cost, UsageView) {
    ports.cost.set(Cost::default());
    let query = UsageQuery {
        month: Some("2025-12".to_owned()),
        ..UsageQuery::default()
    };
    let view = report(ports, pipelines, principal, &query).await.unwrap();
    (ports.cost.get(), view)
}

/// Prints the costs. Returns whether a report of a million jobs costs about as much as one of ten thousand.
pub(crate) async fn is_flat() -> bool {
    let pipelines = Pipelines::parse(include_str!("../../../../infra/pipelines.toml")).unwrap();
    let reviewer = Principal::of_groups("r", ["reviewer", "tenant:t7"], NOW);
    let support = Principal::of_groups("s", ["support"], NOW);
    let mut reports: Vec<[Cost; 2]> = Vec::new();
    println!(
        "{:<26}{:>10}  requests read units",
        "a month's usage", "jobs"
    );
    for size in SIZES {
        let memory = month_of_jobs(size);
        let lists = lists(&memory);
        let ports = Counted {
            memory: &memory,
            lists: &lists,
            cost: Cell::default(),
            written: Cell::default(),
        };
        let hours = count_hours(&ports, &pipelines, Timestamp(u64::MAX)).await;
        let (hours, counting) = (hours.unwrap(), ports.cost.get());
        let of_one = cost_of_report(&ports, &pipelines, &reviewer).await;
        let of_all = cost_of_report(&ports, &pipelines, &support).await;
        let documents = |view: &UsageView| view.sums.iter().map(|sum| sum.documents).sum::<u64>();
        assert_eq!(documents(&of_all.1), size);
        assert_eq!(documents(&of_one.1), size / TENANTS);
        let reports_of_size = [of_one.0, of_all.0];
        for (name, cost) in ["report of one tenant", "report of all 20"]
            .iter()
            .zip(reports_of_size)
            .chain([(&"counting all hours once", counting)])
        {
            println!(
                "{name:<26}{size:>10}{:>10}{:>11.1}",
                cost.requests,
                units(cost)
            );
        }
        println!("{hours} hours counted: {} write units", ports.written.get());
        reports.push(reports_of_size);
    }
    let (few, many) = (reports[0], reports[reports.len() - 1]);
    few.iter().zip(many).all(|(few, many)| {
        many.requests <= few.requests && many.half_units <= MAX_GROWTH * few.half_units
    })
}
