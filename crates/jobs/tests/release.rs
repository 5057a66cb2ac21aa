//! What a run of the reconciler releases, of pipelines without a window, and what it says about that.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use jobs::id::{Attempt, JobId, Timestamp};
use jobs::pause::{Pause, PauseDetails, PauseScope, store};
use jobs::pipeline::Pipelines;
use jobs::ports::Record;
use jobs::release::{ReleaseReport, release_queued};
use jobs::state::{RetryBudget, State};
use testkit::conformance::one_in_every_state;
use testkit::memory::Memory;

const NOW: Timestamp = Timestamp(1_767_608_042_118);
/// The file that ships. Its pipelines have windows.
const TOML: &str = include_str!("../../../infra/pipelines.toml");
const PIPELINE: &str = "legal-review";
const BUDGET: RetryBudget = RetryBudget {
    last_attempt: Attempt(3),
    expires_at: Timestamp(u64::MAX),
    earlier_result: Attempt::NONE,
};

fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(work)
}

/// A job that was queued so many seconds ago.
fn queue(memory: &Memory, pipeline: &str, seconds: u64, next: Attempt) -> JobId {
    let mut job = one_in_every_state("docket-jobs", "acme").swap_remove(0);
    let mut state = memory.state();
    job.id = JobId::of_bits(state.jobs.len() as u128);
    job.pipeline = pipeline.to_owned();
    job.attempts.clear();
    job.state = State::Queued {
        next,
        since: Timestamp(NOW.0 - seconds * 1000),
        start_by: None,
        urgent: false,
        budget: BUDGET,
    };
    let id = job.id;
    state.jobs.insert(id, job);
    id
}

fn release(memory: &Memory, toml: &str) -> ReleaseReport {
    let pipelines = Pipelines::parse(toml).unwrap();
    let until = NOW.plus(Duration::from_secs(600));
    wait(release_queued(memory, &pipelines, until))
}

fn without_windows() -> String {
    TOML.replace("scaling = \"docket\"\n", "")
}

#[test]
fn queued_jobs_are_counted_by_pipeline_and_a_hundred_checks_are_sent_at_a_time() {
    let memory = Memory::at(NOW);
    for _ in 0..250 {
        queue(&memory, PIPELINE, 1, Attempt::FIRST);
    }
    for _ in 0..3 {
        queue(&memory, "ocr-batch", 1, Attempt::FIRST);
    }
    let report = release(&memory, &without_windows());
    let queued: Vec<(&str, u64)> = report.queued.iter().map(|(at, n)| (&**at, *n)).collect();
    assert_eq!(queued, [(PIPELINE, 250), ("ocr-batch", 3)]);
    assert_eq!((report.released, memory.state().calls["send"]), (253, 3));
}

/// The function that releases by turns is asked once for each pipeline.
#[test]
fn jobs_that_wait_for_their_turn_only_are_counted() {
    let memory = Memory::at(NOW);
    for _ in 0..3 {
        queue(&memory, PIPELINE, 1, Attempt::FIRST);
    }
    let report = release(&memory, TOML);
    assert_eq!((report.released, report.wait_for_turn), (3, 3));
    let requests = memory.state().release_requests.clone();
    let asked: Vec<&str> = requests.iter().map(|it| it.message.as_str()).collect();
    assert_eq!(asked, [PIPELINE]);
}

#[test]
fn release_whose_messages_were_not_taken_is_incomplete() {
    for (toml, call) in [
        (without_windows(), "send"),
        (TOML.to_owned(), "request_releases"),
    ] {
        for failing in [0, 1] {
            let memory = Memory::at(NOW);
            queue(&memory, PIPELINE, 1, Attempt::FIRST);
            memory.state().fail_before.insert(call, failing);
            let report = release(&memory, &toml);
            assert_eq!(report.incomplete, failing == 1, "{call}: {report:?}");
        }
    }
}

/// Runs are five minutes apart. A check arrives two seconds after the end of the pause.
#[test]
fn job_whose_pause_ends_before_the_next_run_gets_a_check_for_its_end() {
    for (left, delay) in [(1, Some(3)), (300, Some(302)), (301, None)] {
        let memory = Memory::at(NOW);
        queue(&memory, PIPELINE, 1, Attempt::FIRST);
        let pause = Pause {
            scope: PauseScope::Tenant("acme".parse().unwrap()),
            details: PauseDetails {
                actor: "sam@docket.example".to_owned(),
                reason: "the wrong folder".to_owned(),
                since: NOW,
                until: NOW.plus(Duration::from_secs(left)),
            },
        };
        wait(store(&memory, &pause, NOW)).unwrap();
        release(&memory, &without_windows());
        let checks = memory.state().checks.clone();
        let delays: Vec<u32> = checks.iter().map(|check| check.delay_seconds).collect();
        assert_eq!(delays, Vec::from_iter(delay), "{left} s");
    }
}

/// A probe that runs and fails uses up an attempt.
#[test]
fn jobs_with_few_attempts_left_probe_after_the_others() {
    let memory = Memory::at(NOW);
    let few = queue(&memory, PIPELINE, 20, Attempt::MAX);
    let many = queue(&memory, PIPELINE, 10, Attempt::FIRST);
    let since = NOW.0 - 60_000;
    let record = Record {
        body: format!(
            "!{PIPELINE}:*\t{}\t{since}\t-\tfails\t-\tthe endpoint is down",
            NOW.0
        ),
        revision: 1,
        expires_at: None,
    };
    memory.state().records.put("pauses", "now", &record);
    let report = release(&memory, TOML);
    assert_eq!(report.open_breakers, [PIPELINE]);
    let checks = memory.state().checks.clone();
    let order: Vec<JobId> = checks.iter().map(|check| check.message.job).collect();
    assert_eq!(order, [many, few]);
}
