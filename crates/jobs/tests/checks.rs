//! What a check starts, what it asks before, and what a pause has to do with it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::time::Duration;

use jobs::commands::JobCommand;
use jobs::error::MessageError;
use jobs::evidence::{InputStatus, find_output, input_status};
use jobs::id::{Attempt, LeaseToken, Location, Timestamp};
use jobs::job::{AttemptRecord, Job};
use jobs::pause::{MAX_PAUSES, Pause, PauseChange, PauseDetails, PauseScope, store};
use jobs::ports::CheckRequest;
use jobs::retry::{retry, run_command};
use jobs::state::{Cause, RetryBudget, State};
use testkit::conformance::one_in_every_state;
use testkit::memory::{Memory, Object};

use common::{BUCKET, TOML, in_run};

const NOW: Timestamp = Timestamp(1_767_608_042_118);
const FAR: Timestamp = Timestamp(NOW.0 + 100 * 86_400_000);

const BUDGET: RetryBudget = RetryBudget {
    last_attempt: Attempt(3),
    expires_at: FAR,
    earlier_result: Attempt::NONE,
};

/// A job whose document is in S3.
fn scene(state: State) -> (Memory, Job) {
    let memory = Memory::at(NOW);
    let mut job = one_in_every_state(BUCKET, "acme").swap_remove(0);
    job.state = state;
    job.attempts.clear();
    job.input.version = memory.put(BUCKET, &job.input.key, b"%PDF-1.7");
    memory.state().jobs.insert(job.id, job.clone());
    (memory, job)
}

fn pause(memory: &Memory) {
    pause_tenant(memory, "acme");
}

fn pause_tenant(memory: &Memory, tenant: &str) -> PauseChange {
    let pause = Pause {
        scope: PauseScope::Tenant(tenant.parse().unwrap()),
        details: PauseDetails {
            actor: "sam@docket.example".to_owned(),
            reason: "the wrong folder".to_owned(),
            since: NOW,
            until: NOW.plus(Duration::from_secs(3600)),
        },
    };
    in_run(TOML, NOW, async |_| store(memory, &pause, NOW).await).unwrap()
}

#[test]
fn another_pause_is_refused_once_there_are_too_many_but_each_can_be_renewed() {
    let memory = Memory::at(NOW);
    for number in 0..MAX_PAUSES {
        let done = pause_tenant(&memory, &format!("tenant-{number}"));
        assert_eq!(done, PauseChange::Done);
    }
    assert_eq!(pause_tenant(&memory, "acme"), PauseChange::TooMany);
    assert_eq!(pause_tenant(&memory, "tenant-0"), PauseChange::Done);
}

/// The job after a check of its attempt that was sent for `due`.
fn checked(memory: &Memory, job: &Job, due: Option<Timestamp>) -> Result<Job, MessageError> {
    let check = CheckRequest {
        job: job.id,
        attempt: job.state.attempt(),
        due,
    };
    in_run(TOML, NOW, async |run| {
        retry(memory, run, &check, false).await
    })?;
    Ok(memory.state().jobs[&job.id].clone())
}

fn scheduled(due: Timestamp, budget: RetryBudget) -> State {
    State::RetryScheduled {
        next: Attempt(2),
        due,
        budget,
    }
}

/// It was sent before the pause, and may run.
#[test]
fn attempt_whose_function_died_is_taken_over_although_its_tenant_is_paused_since() {
    let (memory, job) = scene(State::Submitting {
        attempt: Attempt(1),
        lease_token: LeaseToken(1),
        lease_expires_at: NOW,
        deadline: FAR,
        budget: BUDGET,
    });
    pause(&memory);
    let after = checked(&memory, &job, Some(NOW)).unwrap();
    assert_eq!(after.state.name(), "InProgress");
    assert_eq!(memory.state().invocations.len(), 1);
}

#[test]
fn retry_of_a_paused_tenant_is_queued_unless_it_is_too_late_for_an_attempt() {
    let (memory, job) = scene(scheduled(NOW, BUDGET));
    pause(&memory);
    let after = checked(&memory, &job, Some(NOW)).unwrap();
    assert_eq!(after.state.name(), "Queued");
    let late = RetryBudget {
        expires_at: NOW,
        ..BUDGET
    };
    let (memory, job) = scene(scheduled(NOW, late));
    pause(&memory);
    let after = checked(&memory, &job, None).unwrap();
    assert_eq!(after.failure().map(|it| it.cause), Some(Cause::Lost));
    assert_eq!(after.state.name(), "Failed");
}

/// A list of the job's outputs costs a request.
#[test]
fn queued_job_is_released_without_a_search_for_results() {
    for (due, searches) in [(Some(Timestamp(NOW.0 - 9_000_000)), false), (None, true)] {
        let (memory, job) = scene(State::Queued {
            next: Attempt(1),
            since: Timestamp(NOW.0 - 9_000_000),
            start_by: None,
            urgent: false,
            budget: BUDGET,
        });
        memory.state().fail_before.insert("list", 1);
        let after = checked(&memory, &job, due);
        assert_eq!(after.is_err(), searches, "{after:?}");
        assert_eq!(memory.state().invocations.len(), usize::from(!searches));
    }
}

/// Its message was lost. Meanwhile an earlier attempt may have written a result, whose notification was lost as well.
#[test]
fn retry_that_is_two_minutes_late_searches_for_results_before_another_run() {
    for (late_ms, searches) in [(119_999, false), (120_000, true)] {
        let due = Timestamp(NOW.0 - late_ms);
        let (memory, job) = scene(scheduled(due, BUDGET));
        memory.state().fail_before.insert("list", 1);
        let after = checked(&memory, &job, Some(due));
        assert_eq!(after.is_err(), searches, "{late_ms}: {after:?}");
        assert_eq!(memory.state().invocations.len(), usize::from(!searches));
    }
}

/// The function that cancelled it may have died before the push.
#[test]
fn redelivered_cancellation_of_a_plan_runs_its_effects_again() {
    let (memory, job) = scene(State::Cancelled {
        attempt: Attempt(1),
    });
    let command = JobCommand::new(job.id, None, "sam@docket.example", "the wrong folder");
    let command = command.unwrap().cancelling();
    for (redelivered, pending) in [(true, 1), (false, 0)] {
        let done = in_run(TOML, NOW, async |run| {
            run_command(&memory, run, &command, redelivered).await
        });
        assert_eq!(done.unwrap().len(), pending, "{redelivered}");
    }
}

/// While a job is run again, the result that it has is not that of the new run.
#[test]
fn only_outputs_of_newer_attempts_count_while_a_job_is_run_again() {
    let (memory, mut job) = scene(State::InProgress {
        attempt: Attempt(3),
        deadline: FAR,
        budget: RetryBudget {
            earlier_result: Attempt(1),
            ..BUDGET
        },
    });
    let found = |memory: &Memory, job: &Job| {
        let found = in_run(TOML, NOW, async |_| find_output(memory, job).await).unwrap();
        found.map(|found| found.attempt.0)
    };
    let own = job.output_prefix();
    memory.put(BUCKET, &format!("{own}a1/x.out"), b"{}");
    assert_eq!(found(&memory, &job), None, "the earlier result");
    memory.put(BUCKET, &format!("{own}a2/x.out"), b"{}");
    assert_eq!(found(&memory, &job), Some(2));
    // Where the endpoint said that it writes, which is looked at first.
    let record = |attempt: u8| AttemptRecord {
        attempt: Attempt(attempt),
        started_at: NOW,
        may_run_twice: false,
        output: Some(Location {
            bucket: BUCKET.to_owned(),
            key: format!("outbound/elsewhere/{attempt}.out"),
        }),
        failure_object: None,
        closed_at: None,
        failure: None,
        unexpected_content_type: None,
        pages: None,
        model_tag: None,
        model: None,
    };
    job.attempts = vec![record(1), record(3)];
    memory.put(BUCKET, "outbound/elsewhere/1.out", b"{}");
    assert_eq!(found(&memory, &job), Some(2));
    memory.put(BUCKET, "outbound/elsewhere/3.out", b"{}");
    assert_eq!(found(&memory, &job), Some(3));
}

/// S3 refuses to read the newest version at the key of a job, but does not say which one that is.
#[test]
fn refusal_to_read_is_about_the_version_of_the_job_or_one_of_the_same_bytes() {
    let document = |etag: &str| {
        Some(Object {
            content: b"%PDF-1.7".to_vec(),
            bytes: 8,
            etag: etag.to_owned(),
            ..Object::default()
        })
    };
    let status = |key: &str, newer: Option<&str>| {
        let memory = Memory::at(NOW);
        let mut job = one_in_every_state(BUCKET, "acme").swap_remove(0);
        job.input.key = key.to_owned();
        job.input.version = memory.put_object(BUCKET, key, document("one"));
        job.input.etag = "one".to_owned();
        job.input.bytes = 8;
        if let Some(etag) = newer {
            memory.put_object(BUCKET, key, document(etag));
        }
        let refusal = "InvalidObjectState";
        memory.state().refused_reads.insert(key.to_owned(), refusal);
        in_run(TOML, NOW, async |_| input_status(&memory, &job).await).ok()
    };
    let plain = "inbound/acme/nda.pdf";
    assert_eq!(status(plain, None), None, "its own version");
    assert_eq!(status(plain, Some("one")), None, "the same bytes");
    assert_eq!(status(plain, Some("two")), Some(InputStatus::Replaced));
    // The endpoint reads a copy of it, because of its key.
    let copied = "inbound/acme/n d a.pdf";
    assert_eq!(status(copied, Some("two")), Some(InputStatus::Current));
}

/// A newer one replaced the job's, or the job's was deleted by its id and an older one is current again.
#[test]
fn other_current_version_tells_a_replaced_input_from_a_deleted_one() {
    for (is_stored, put_after_seconds, expected) in [
        (true, 0, InputStatus::Replaced),
        (true, 1, InputStatus::Replaced),
        (false, 0, InputStatus::Deleted),
        (false, 1, InputStatus::Replaced),
    ] {
        for is_refused in [false, true] {
            let (memory, mut job) = scene(scheduled(NOW, BUDGET));
            let key = "inbound/acme/nda.pdf".to_owned();
            job.input.key.clone_from(&key);
            memory.state().now = job.created_at;
            job.input.version = memory.put(BUCKET, &key, b"%PDF-1.7");
            memory.state().now = Timestamp(job.created_at.0 + put_after_seconds * 1000);
            memory.put(BUCKET, &key, b"%PDF-1.7 other");
            let at = (BUCKET.to_owned(), key.clone());
            if !is_stored {
                memory.state().objects.get_mut(&at).unwrap().remove(0);
            }
            if is_refused {
                let refusal = "InvalidObjectState";
                memory.state().refused_reads.insert(key, refusal);
            }
            let status = in_run(TOML, NOW, async |_| input_status(&memory, &job).await);
            let case = format!("{is_stored}, {put_after_seconds} s, {is_refused}");
            assert_eq!(status.ok(), Some(expected), "{case}");
        }
    }
}
