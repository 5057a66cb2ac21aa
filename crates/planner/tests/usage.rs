//! The usage that is counted from rows and readings agrees with what the endpoint did.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use api::types::{UsageQuery, UsageView};
use api::usage::{count_hours, report};
use api::{Principal, Role};
use futures_util::FutureExt;
use jobs::expected_work::learned_base;
use jobs::id::Timestamp;
use jobs::instance_history::{InstanceCounts, add};
use jobs::pipeline::Pipelines;
use planner::{Day, ReplayOptions, Scenario, objective_of, replay};
use testkit::memory::Memory;

const PIPELINES: &str = include_str!("../../../infra/pipelines.toml");
const HOUR: u64 = 3_600_000;
/// How often function `capacity` reads the endpoint.
const READING_INTERVAL: u64 = 30_000;
/// The days that are compared. An ordinary day has a few runs only, most of them after a start.
const fn days(scenario: Scenario) -> u64 {
    match scenario {
        Scenario::Ordinary => 100,
        _ => 20,
    }
}
/// For the sum of their runs, and for that of their instance time.
const MAX_DIFFERENCE_PERCENT: u64 = 2;
/// With two runs at once on a busy instance, it is less certain which end of a run let the next one begin.
const MAX_DIFFERENCE_PERCENT_AT_ONCE: u64 = 3;

fn day(scenario: Scenario, seed: u64, concurrent: u32) -> Day {
    let mut options = ReplayOptions::new(scenario).unwrap_or_else(|error| panic!("{error}"));
    options.seed = seed;
    options.endpoint.settings.max_concurrent_per_instance = concurrent;
    let objective = objective_of(scenario.pipeline()).unwrap_or_else(|error| panic!("{error}"));
    let options = options.scaled_by_docket(objective);
    replay(&options).unwrap_or_else(|error| panic!("{error}"))
}

/// The day's rows and readings in a store, counted.
fn counted(day: &Day, pipeline: &str) -> (UsageView, Memory) {
    let at = |of_day: u64| Timestamp(day.started_at.0 + of_day);
    let end = at(day.until + 2 * HOUR);
    let memory = Memory::at(at(0));
    let pipelines = Pipelines::parse(PIPELINES).unwrap();
    let count = || {
        let until = Timestamp(u64::MAX);
        count_hours(&memory, &pipelines, until)
            .now_or_never()
            .unwrap()
    };
    // The first call begins with the hour before.
    count().unwrap();
    let jobs = day.documents.iter().filter_map(|it| it.job.clone());
    memory.state().jobs.extend(jobs.map(|job| (job.id, job)));
    let mut last = None;
    for now in (0..=day.until).step_by(usize::try_from(READING_INTERVAL).unwrap()) {
        let sample = day.samples.iter().rfind(|sample| sample.at <= now).unwrap();
        let counts = InstanceCounts {
            in_service: sample.in_service,
            starting: sample.starting,
            concurrent_runs: day.options.endpoint.settings.max_concurrent_per_instance,
        };
        if last.replace(counts) != Some(counts) {
            let added = add(&memory, pipeline, at(now), counts);
            added.now_or_never().unwrap().unwrap();
        }
    }
    memory.state().now = end;
    count().unwrap();
    let support = Principal {
        actor: "sam@docket.example".to_owned(),
        roles: [Role::Support].into(),
        audits_all_tenants: false,
        program: api::ClientProgram::Unknown,
        tenants: [].into(),
        expires_at: Timestamp(u64::MAX),
    };
    let query = UsageQuery::default();
    let view = report(&memory, &pipelines, &support, &query);
    let view = view.now_or_never().unwrap().unwrap();
    (view, memory)
}

fn assert_close(what: &str, counted: u64, actual: u64, max_percent: u64) {
    let difference = counted.abs_diff(actual) * 10_000 / actual.max(1);
    assert!(
        difference <= max_percent * 100,
        "{what}: {counted} ms counted, {actual} ms"
    );
}

/// The instance time from midnight on.
fn instance_ms(day: &Day, until: u64) -> u64 {
    let ends = day
        .samples
        .iter()
        .skip(1)
        .map(|next| next.at)
        .chain([until]);
    let of = day.samples.iter().zip(ends);
    of.map(|(sample, end)| u64::from(sample.instances()) * end.saturating_sub(sample.at))
        .sum()
}

/// A single start of an instance is known within 15 seconds, so the sum of a day with a dozen runs can differ by more.
#[test]
fn counted_run_time_and_instance_time_are_close_to_those_of_the_endpoint() {
    for scenario in Scenario::ALL {
        for concurrent in [1, 2] {
            let what = format!("{scenario:?}, {concurrent} at once");
            let max_percent = match concurrent {
                1 => MAX_DIFFERENCE_PERCENT,
                _ => MAX_DIFFERENCE_PERCENT_AT_ONCE,
            };
            let (mut runs, mut instances) = ((0, 0), (0, 0));
            for seed in 1..=days(scenario) {
                let day = day(scenario, seed, concurrent);
                assert_eq!(day.violations, [""; 0], "{what}, seed {seed}");
                let (view, _) = counted(&day, scenario.pipeline());
                let documents: u64 = view.sums.iter().map(|sum| sum.documents).sum();
                let bytes: u64 = view.sums.iter().map(|sum| sum.bytes).sum();
                let rows = day.documents.iter().filter_map(|it| it.job.as_ref());
                let actual = rows.map(|job| job.input.bytes).sum::<u64>();
                assert_eq!(documents, day.documents.len() as u64, "{what}, seed {seed}");
                assert_eq!(bytes, actual, "{what}, seed {seed}");
                for sum in &view.sums {
                    assert_eq!(sum.open, 0, "{what}, seed {seed}");
                    assert!(sum.run_ms <= sum.max_run_ms, "{what}: {sum:?}");
                    runs.0 += sum.run_ms;
                }
                let waits = day.documents.iter().filter_map(|document| document.wait);
                runs.1 += waits.map(|wait| wait.run).sum::<u64>();
                let mut of_endpoints = view.instances.iter();
                let of_endpoint = of_endpoints.find(|it| it.pipeline == scenario.pipeline());
                let of_endpoint = of_endpoint.unwrap();
                instances.0 += of_endpoint.in_service_ms + of_endpoint.starting_ms;
                instances.1 += instance_ms(&day, view.counted_until - day.started_at.0);
            }
            assert_close(&format!("{what}: runs"), runs.0, runs.1, max_percent);
            assert_close(
                &format!("{what}: instances"),
                instances.0,
                instances.1,
                max_percent,
            );
        }
    }
}

/// Run times of contracts are random, whatever their size is: up to 8 MB. So the largest counts for at most half as much again as
/// the smallest.
#[test]
fn counted_runs_teach_that_run_times_do_not_depend_on_sizes() {
    for concurrent in [1, 2] {
        for seed in 1..=5 {
            let day = day(Scenario::Busy, seed, concurrent);
            let pipeline = Scenario::Busy.pipeline();
            let (_, memory) = counted(&day, pipeline);
            let base = learned_base(&memory, pipeline);
            let base = base.now_or_never().unwrap().unwrap();
            assert!(base.bytes() > 16_000_000, "{concurrent}, {seed}: {base:?}");
        }
    }
}
