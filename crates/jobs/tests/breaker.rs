//! What a circuit breaker stores, what opens and closes it, and which job probes, at the limits of times and numbers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use jobs::breaker::{
    DetailSource, FailedAttempt, OpenBreaker, PROBE_OVERDUE, close_after_accepted,
    close_after_result, had_incident, judge_failure, judge_refusal, may_probe,
};
use jobs::container_error::NO_READABLE_REASON;
use jobs::event::EventKind;
use jobs::id::{Attempt, JobId, Location, Timestamp};
use jobs::job::{AttemptRecord, HistoryEntry, Job};
use jobs::pause::Pauses;
use jobs::pipeline::{Pipeline, Pipelines};
use jobs::state::{Cause, Failure, RetryBudget, State};
use testkit::conformance::{one_in_every_state, open_attempt};
use testkit::memory::Memory;

const NOW: Timestamp = Timestamp(1_767_608_042_118);
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

const fn after(ms: u64) -> Timestamp {
    Timestamp(NOW.0 + ms)
}

/// A job whose attempt of this number runs.
fn running(id: u128, tenant: &str, number: u8) -> Job {
    let mut job = one_in_every_state("docket-jobs", "acme").swap_remove(0);
    // All in one shard of the index of new jobs.
    job.id = JobId::of_bits(id * 256);
    job.tenant = tenant.parse().unwrap();
    job.created_at = NOW;
    job.history.clear();
    job.attempts = vec![open_attempt(number, NOW)];
    job.state = State::InProgress {
        attempt: Attempt(number),
        deadline: after(86_400_000),
        budget: BUDGET,
    };
    job
}

/// A job whose first attempt has a result.
fn ready(id: u128, tenant: &str, recorded_at: Timestamp) -> Job {
    let mut job = running(id, tenant, 1);
    job.state = State::Ready {
        attempt: Attempt(1),
    };
    job.attempts[0].closed_at = Some(recorded_at);
    job
}

fn failed(number: u8, cause: Cause, detail: &str) -> FailedAttempt {
    let failure = Failure::new(cause, detail);
    FailedAttempt {
        attempt: Attempt(number),
        detail_source: DetailSource::of(&failure),
        failure,
        ends_job: false,
    }
}

struct Scene {
    memory: Memory,
    pipeline: Pipeline,
}

impl Scene {
    fn new() -> Self {
        let all = Pipelines::parse(include_str!("../../../infra/pipelines.toml")).unwrap();
        let mut pipeline = all.get("legal-review").unwrap().clone();
        pipeline.breaker.failures = 5;
        Self {
            memory: Memory::at(NOW),
            pipeline,
        }
    }

    fn at(&self, time: Timestamp) {
        self.memory.state().now = time;
    }

    fn store(&self, job: &Job) {
        self.memory.state().jobs.insert(job.id, job.clone());
    }

    fn refuse(&self, id: u128) -> Cause {
        let job = running(id, "acme", 1);
        let why = "ThrottlingException".to_owned();
        let judged = wait(judge_refusal(&self.memory, &self.pipeline, &job, why));
        judged.unwrap().cause
    }

    fn fail(&self, job: &Job, failed: FailedAttempt) -> Failure {
        let pipeline = Some(&self.pipeline);
        wait(judge_failure(&self.memory, pipeline, job, failed)).unwrap()
    }

    /// Runs of as many documents fail, without words of the model.
    fn fail_runs(&self, ids: std::ops::Range<u128>) {
        for id in ids {
            self.fail(
                &running(id, "acme", 1),
                failed(1, Cause::ModelError, NO_READABLE_REASON),
            );
        }
    }

    fn open(&self) -> Option<OpenBreaker> {
        let now = self.memory.state().now;
        let pauses = wait(Pauses::load(&self.memory, now)).unwrap();
        let breaker = pauses.open_breaker(&self.pipeline.name);
        breaker.and_then(|breaker| breaker.open.clone())
    }

    fn may_probe(&self, job: &Job) -> bool {
        wait(may_probe(&self.memory, &self.pipeline, job)).unwrap()
    }
}

#[test]
fn one_job_probes_when_it_is_time_and_may_go_on_until_the_next_one_is_due() {
    let scene = Scene::new();
    let refused: Vec<Cause> = (1..=5).map(|id| scene.refuse(id)).collect();
    assert_eq!(refused[..4], [Cause::Refused; 4]);
    assert_eq!(refused[4], Cause::EndpointDown);
    let [first, second] = [11, 12].map(|id| running(id, "acme", 1));
    let due = scene.open().unwrap().probe_at;
    scene.at(Timestamp(due.0 - 1));
    assert!(!scene.may_probe(&first));
    scene.at(due);
    assert!(scene.may_probe(&first));
    assert!(scene.may_probe(&first), "it has not started");
    assert!(!scene.may_probe(&second));
    let next = scene.open().unwrap().probe_at;
    assert!(next > due);
    scene.at(Timestamp(next.0 - 1));
    assert!(scene.may_probe(&first) && !scene.may_probe(&second));
    scene.at(next);
    assert!(scene.may_probe(&second));
}

#[test]
fn job_with_few_attempts_left_probes_only_if_no_other_did() {
    let scene = Scene::new();
    for id in 1..=5 {
        scene.refuse(id);
    }
    let due = scene.open().unwrap().probe_at;
    let few = running(11, "acme", Attempt::MAX.0 - 3);
    let overdue = due.plus(PROBE_OVERDUE);
    scene.at(Timestamp(overdue.0 - 1));
    assert!(!scene.may_probe(&few));
    scene.at(overdue);
    assert!(scene.may_probe(&few));
    scene.at(scene.open().unwrap().probe_at);
    assert!(!scene.may_probe(&few), "its time as the probe is over");
    assert!(scene.may_probe(&running(12, "acme", Attempt::MAX.0 - 4)));
}

#[test]
fn result_lets_failures_before_it_count_no_more() {
    let closes = |recorded_at| {
        let scene = Scene::new();
        scene.fail_runs(1..5);
        wait(close_after_result(
            &scene.memory,
            &ready(11, "acme", recorded_at),
        ));
        scene.at(after(2));
        scene.fail_runs(5..6);
        scene.open().is_none()
    };
    assert!(closes(after(1)));
    assert!(!closes(NOW), "it is not after them");
    assert!(!closes(Timestamp(NOW.0 - 1)));

    let scene = Scene::new();
    scene.fail_runs(1..5);
    let accepted = ready(11, "acme", after(1));
    wait(close_after_accepted(&scene.memory, &accepted));
    scene.at(after(2));
    scene.fail_runs(5..6);
    assert!(scene.open().is_some(), "a call that was accepted is no run");
}

#[test]
fn only_a_later_result_closes_a_breaker_that_opened_because_of_runs() {
    let scene = Scene::new();
    scene.fail_runs(1..6);
    let since = scene.open().unwrap().since;
    let result = |at| {
        let job = ready(11, "acme", at);
        wait(close_after_result(&scene.memory, &job));
        scene.open().is_none()
    };
    assert!(!result(since));
    assert!(result(Timestamp(since.0 + 1)));
}

#[test]
fn breaker_that_is_off_never_opens() {
    let mut scene = Scene::new();
    scene.pipeline.breaker.failures = 0;
    for id in 1..=6 {
        assert_eq!(scene.refuse(id), Cause::Refused);
    }
    scene.fail_runs(1..8);
    assert_eq!(scene.open(), None);
}

/// Whether the breaker opens beside this job of another document.
fn opens_beside(other: &Job, fail: impl Fn(&Scene)) -> bool {
    let scene = Scene::new();
    scene.store(other);
    fail(&scene);
    scene.at(after(10));
    fail(&scene);
    scene.open().is_some()
}

#[test]
fn result_of_the_pipeline_after_the_first_failure_keeps_the_breaker_closed() {
    let opens = |other: &Job| {
        opens_beside(other, |scene| {
            let first = u128::from(scene.memory.state().now.0 - NOW.0);
            scene.fail_runs(first + 1..first + 4);
        })
    };
    assert!(!opens(&ready(99, "acme", after(1))));
    assert!(opens(&ready(99, "acme", NOW)), "it is not after it");
    let mut elsewhere = ready(99, "acme", after(1));
    elsewhere.pipeline = "ocr-batch".to_owned();
    assert!(opens(&elsewhere), "another endpoint");
}

#[test]
fn accepted_call_after_the_first_refusal_keeps_the_breaker_closed() {
    let opens = |other: &Job| {
        opens_beside(other, |scene| {
            let first = u128::from(scene.memory.state().now.0 - NOW.0);
            for id in first + 1..first + 4 {
                scene.refuse(id);
            }
        })
    };
    let location = |key: &str| Location {
        bucket: "docket-jobs".to_owned(),
        key: key.to_owned(),
    };
    let mut other = running(99, "acme", 1);
    other.attempts[0].started_at = after(1);
    assert!(opens(&other), "its call was not answered");
    other.attempts[0].failure_object = Some(location("failure/a"));
    assert!(!opens(&other));
    other.attempts[0].failure_object = None;
    other.attempts[0].output = Some(location("outbound/a"));
    assert!(!opens(&other));
    other.attempts[0].started_at = NOW;
    assert!(opens(&other), "it is not after it");
}

/// It is not among the newest jobs of all tenants.
#[test]
fn result_of_a_tenant_that_is_active_is_found_whatever_pipeline_it_uses_now() {
    for pipeline in ["legal-review", "ocr-batch"] {
        let scene = Scene::new();
        scene.store(&ready(90, "globex", after(1)));
        for id in 91..96 {
            let mut newer = running(id, "globex", 1);
            newer.created_at = after(2);
            newer.pipeline = pipeline.to_owned();
            scene.store(&newer);
        }
        scene.fail_runs(1..6);
        assert_eq!(scene.open(), None, "{pipeline}");
    }
}

/// A job whose first attempt failed with this cause and detail, and whose second attempt runs.
fn job_in_second_attempt(cause: Cause, detail: &str) -> Job {
    let mut job = running(50, "acme", 2);
    let first = AttemptRecord {
        closed_at: Some(after(1)),
        failure: Some(Failure::new(cause, detail)),
        ..open_attempt(1, NOW)
    };
    job.attempts.insert(0, first);
    job
}

#[test]
fn second_run_at_the_time_limit_is_unprocessable_unless_runs_of_others_failed_meanwhile() {
    let timed_out = || failed(2, Cause::TimedOut, "");
    let job = job_in_second_attempt(Cause::TimedOut, "");
    let scene = Scene::new();
    let judged = scene.fail(&job, timed_out());
    assert_eq!(judged.cause, Cause::Unprocessable);
    let limit = scene.pipeline.invocation_timeout_seconds;
    let said = format!("two runs of {limit} s");
    assert!(judged.detail.starts_with(&said), "{}", judged.detail);

    // What others met, and when.
    let refused = |scene: &Scene| assert_eq!(scene.refuse(1), Cause::Refused);
    let run_failed = |scene: &Scene| scene.fail_runs(1..2);
    let beside = |at, other: &dyn Fn(&Scene)| {
        let scene = Scene::new();
        scene.at(at);
        other(&scene);
        scene.at(after(5));
        scene.fail(&job, timed_out()).cause
    };
    assert_eq!(beside(after(2), &refused), Cause::Unprocessable);
    assert_eq!(beside(after(1), &run_failed), Cause::Unprocessable);
    assert_eq!(beside(after(2), &run_failed), Cause::TimedOut);

    // It failed in another way before, or this is the message about the first attempt again.
    let other = job_in_second_attempt(Cause::ModelError, "out of memory");
    let judged = Scene::new().fail(&other, timed_out());
    assert_eq!(judged.cause, Cause::TimedOut);
    let judged = Scene::new().fail(&job, failed(1, Cause::TimedOut, ""));
    assert_eq!(judged.cause, Cause::TimedOut);
}

#[test]
fn detail_is_of_the_model_unless_it_is_empty_or_general() {
    for (detail, source) in [
        ("", DetailSource::General),
        (NO_READABLE_REASON, DetailSource::General),
        ("out of memory", DetailSource::Model),
    ] {
        let failure = Failure::new(Cause::ModelError, detail);
        assert_eq!(DetailSource::of(&failure), source, "{detail}");
    }
}

#[test]
fn job_that_was_never_held_refused_or_tried_again_had_no_incident() {
    let mut job = running(1, "acme", 1);
    assert!(!had_incident(&job));
    for (event, expected) in [
        (EventKind::Accepted, false),
        (EventKind::CheckDue, true),
        (EventKind::Held, true),
        (EventKind::SubmitFailed, true),
    ] {
        job.history = vec![HistoryEntry {
            at: NOW.plus(Duration::from_secs(1)),
            event,
            actor: None,
            reason: None,
        }];
        assert_eq!(had_incident(&job), expected, "{:?}", job.history);
    }
}
