//! Applying events, the history of the row, running effects, and reading what other services say.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeSet;

use jobs::apply::{Change, apply, context};
use jobs::container_error::model_message;
use jobs::effects::{MAX_PUSHES, MessageIndex, PendingEffects, run_effects};
use jobs::event::EventKind;
use jobs::id::{Attempt, InferenceId, Location, Timestamp};
use jobs::job::Job;
use jobs::pipeline::Pipelines;
use jobs::ports::{CheckRequest, Connection};
use jobs::record_outcome::{AttemptOutcome, record_outcome};
use jobs::retry::retry;
use jobs::state::{Cause, Failure, State};
use jobs::transition::{Event, Evidence};
use testkit::conformance::{job_in_state, one_in_every_state};
use testkit::fixture::AdvanceJob as _;
use testkit::memory::Memory;

use common::{BUCKET, TOML, in_run};

const NOW: Timestamp = Timestamp(1_767_608_042_118);

fn table(job: &Job) -> Memory {
    let memory = Memory::at(NOW);
    memory.state().jobs.insert(job.id, job.clone());
    memory
}

/// Without jitter, retries that were scheduled together would all start at once.
#[test]
fn jitter_is_distributed_over_the_whole_delay() {
    let memory = Memory::at(NOW);
    let drawn = in_run(TOML, NOW, async |run| -> Vec<u16> {
        (0..2000)
            .map(|_| context(&memory, run).jitter_permille)
            .collect()
    });
    assert!(drawn.iter().all(|permille| *permille <= 1000));
    for quarter in 0..4 {
        let (from, to) = (quarter * 250, quarter * 250 + 250);
        let count = drawn
            .iter()
            .filter(|permille| (from..to).contains(*permille))
            .count();
        assert!(
            (400..600).contains(&count),
            "{count} of 2000 in {from}..{to}"
        );
    }
}

/// An attempt runs with the settings at its start; later events about it use the same settings.
#[test]
fn changed_pipeline_settings_apply_from_the_next_attempt_on() {
    let changed = TOML.replacen(
        "invocation_timeout_seconds = 120",
        "invocation_timeout_seconds = 600",
        1,
    );
    let failure = Failure::new(Cause::ModelError, "500");
    let running = job_in_state("InProgress");
    let failed = Event::AttemptFailed {
        attempt: Attempt(1),
        failure,
    };
    let memory = table(&running);
    let (waiting, change) = in_run(&changed, NOW, async |run| {
        apply(&memory, run, running.clone(), async |_, _| {
            Ok(failed.clone())
        })
        .await
    })
    .unwrap();
    assert_eq!(change, Change::Advanced);
    assert_eq!(waiting.policy, running.policy, "judged by the old ones");

    let begins = Event::CheckDue {
        attempt: Attempt(2),
        due: None,
        evidence: Evidence::NotChecked,
    };
    let (begun, _) = in_run(&changed, NOW, async |run| {
        apply(&memory, run, waiting.clone(), async |_, _| {
            Ok(begins.clone())
        })
        .await
    })
    .unwrap();
    assert!(matches!(begun.state, State::Submitting { .. }));
    let pipelines = Pipelines::parse(&changed).unwrap();
    let policy = pipelines.get("legal-review").unwrap().policy();
    assert_eq!(begun.policy, policy, "begun under the new ones");
    assert_ne!(begun.policy, running.policy);
}

#[test]
fn history_keeps_the_first_and_latest_machine_entries_and_all_entries_of_people() {
    let mut job = job_in_state("InProgress");
    let (first, state) = (job.history[0].clone(), job.state.clone());
    let people = Event::Cancel {
        actor: "ops".to_owned(),
        reason: "why".to_owned(),
    };
    job = job.advanced(&people, state.clone(), NOW);
    for i in 0..40 {
        job = job.advanced(&Event::Uploaded, state.clone(), Timestamp(NOW.0 + i));
    }
    let machine = job.history.iter().filter(|entry| entry.actor.is_none());
    assert_eq!(machine.count(), 24);
    assert_eq!(job.history.len(), 25, "and the person's");
    assert_eq!(job.history[0], first);
    assert_eq!(job.history[1].actor.as_deref(), Some("ops"));
    assert_eq!(job.history.last().unwrap().at, Timestamp(NOW.0 + 39));
    assert_eq!(
        job.history_dropped,
        42 - 24,
        "what was dropped is counted: {:?}",
        job.history.len()
    );
}

/// A duplicate notification of a final job costs one read of the row.
#[test]
fn message_about_a_final_job_makes_no_s3_request() {
    for state in ["Ready", "Cancelled"] {
        let job = job_in_state(state);
        let memory = table(&job);
        for call in ["head", "list", "read", "versions"] {
            memory.state().fail_before.insert(call, 1);
        }
        let output = Location {
            bucket: job.input.bucket.clone(),
            key: format!("outbound/{}/x.out", job.pipeline),
        };
        let outcome = success_of_first_attempt(&job, Some(output));
        let pending = in_run(TOML, NOW, async |run| {
            record_outcome(&memory, run, &outcome).await
        });
        assert!(pending.is_ok(), "{state}: {pending:?}");
        let check = CheckRequest {
            job: job.id,
            attempt: Attempt(1),
            due: None,
        };
        let pending = in_run(TOML, NOW, async |run| {
            retry(&memory, run, &check, false).await
        });
        assert!(pending.is_ok(), "{state}: {pending:?}");
    }
}

fn success_of_first_attempt(job: &Job, output: Option<Location>) -> AttemptOutcome {
    AttemptOutcome {
        inference_id: InferenceId {
            job: job.id,
            attempt: Attempt(1),
        },
        result: Ok(output),
        content_type: None,
        last_call: false,
    }
}

/// The response to its call, which named the location, was lost. Its result is deleted.
#[test]
fn success_without_a_location_of_an_erased_job_is_not_waited_for() {
    let mut job = job_in_state("Erased");
    for record in &mut job.attempts {
        record.output = None;
    }
    let memory = table(&job);
    let outcome = success_of_first_attempt(&job, None);
    let pending = in_run(TOML, NOW, async |run| {
        record_outcome(&memory, run, &outcome).await
    });
    assert_eq!(pending.unwrap(), []);
}

/// Only a job that was held, refused or tried again may have been the probe of a circuit breaker.
#[test]
fn result_of_a_job_without_an_incident_costs_no_read_of_the_breaker() {
    for (event, reads) in [(EventKind::Accepted, 0), (EventKind::CheckDue, 1)] {
        let mut job = job_in_state("InProgress");
        let memory = Memory::at(NOW);
        job.input.version = memory.put(BUCKET, &job.input.key, b"%PDF-1.7");
        job.history[1].event = event.clone();
        memory.state().jobs.insert(job.id, job.clone());
        let output = job.attempts[0].output.clone();
        memory.put(BUCKET, &output.as_ref().unwrap().key, b"{}");
        let outcome = success_of_first_attempt(&job, output);
        let pending = in_run(TOML, NOW, async |run| {
            record_outcome(&memory, run, &outcome).await
        });
        assert_eq!(pending.unwrap()[0].state.name(), "Ready");
        let calls = memory.state().calls.get("get_record").copied();
        assert_eq!(calls.unwrap_or(0), reads, "{event:?}");
    }
}

#[test]
fn frames_that_did_not_arrive_are_counted_as_dropped() {
    let memory = Memory::at(NOW);
    for id in ["here", "gone", "gone too"] {
        memory.state().connections.push(Connection {
            uploader: None,
            hides_contents: false,
            subscription: "acme".to_owned(),
            connection_id: id.to_owned(),
            registered_at: NOW,
            token_expires_at: Timestamp(NOW.0 + 60_000),
        });
    }
    memory.state().gone = vec!["gone".to_owned(), "gone too".to_owned()];
    let pending = [PendingEffects {
        message: MessageIndex(0),
        job: job_in_state("Ready"),
    }];
    let until = Timestamp(NOW.0 + 1000);
    let done = in_run(TOML, NOW, async |_| {
        run_effects(&memory, &pending, until).await
    });
    assert_eq!((done.pushed, done.dropped), (1, 2));
}

#[test]
fn end_of_an_attempt_that_had_to_wait_asks_for_a_release() {
    for has_waited in [false, true] {
        for mut job in one_in_every_state(BUCKET, "acme") {
            for record in &mut job.attempts {
                record.started_at = Timestamp(job.created_at.0 + u64::from(has_waited));
            }
            let memory = table(&job);
            let name = job.state.name();
            let pending = [PendingEffects {
                message: MessageIndex(0),
                job,
            }];
            in_run(TOML, NOW, async |_| {
                run_effects(&memory, &pending, Timestamp(NOW.0 + 1000)).await
            });
            let asked = memory.state().release_requests.clone();
            let asked: Vec<&str> = asked.iter().map(|it| it.message.as_str()).collect();
            let has_ended = matches!(name, "Ready" | "Failed" | "RetryScheduled");
            let expected: &[&str] = if has_ended && has_waited {
                &["legal-review"]
            } else {
                &[]
            };
            assert_eq!(asked, expected, "{name}, {has_waited}");
        }
    }
}

#[test]
fn of_more_pages_than_a_change_is_pushed_to_not_always_the_same_are_left_out() {
    let memory = Memory::at(NOW);
    let page = |number: usize| Connection {
        uploader: None,
        hides_contents: false,
        subscription: "acme".to_owned(),
        connection_id: number.to_string(),
        registered_at: NOW,
        token_expires_at: Timestamp(NOW.0 + 60_000),
    };
    memory.state().connections = (0..=MAX_PUSHES).map(page).collect();
    let pending = [PendingEffects {
        message: MessageIndex(0),
        job: job_in_state("Ready"),
    }];
    let until = Timestamp(NOW.0 + 1000);
    let reached = || {
        let done = in_run(TOML, NOW, async |_| {
            run_effects(&memory, &pending, until).await
        });
        assert_eq!((done.pushed, done.dropped), (MAX_PUSHES, 1));
        let frames = std::mem::take(&mut memory.state().frames);
        frames.into_iter().map(|(id, _)| id).collect()
    };
    let (first, second): (BTreeSet<String>, BTreeSet<String>) = (reached(), reached());
    assert_ne!(first, second);
}

#[test]
fn empty_model_message_is_ignored() {
    assert_eq!(
        model_message(br#"{"message": "  ", "detail": "page 3"}"#).as_deref(),
        Some("page 3")
    );
    assert_eq!(model_message(br#"{"message": ""}"#), None);
    assert_eq!(model_message(b""), None);
}

#[test]
fn location_is_parsed_only_from_s3_hosts() {
    let read = |text: &str| text.parse::<Location>().is_ok();
    assert!(read("https://s3.eu-central-1.amazonaws.com/bucket/key"));
    assert!(read("https://bucket.s3.eu-central-1.amazonaws.com/key"));
    assert!(!read("https://sts.amazonaws.com/bucket/key"));
    assert!(!read("https://s3.example.com/bucket/key"));
}

/// The table's time to live deletes rows by `expires_at`.
#[test]
fn only_a_final_row_may_expire() {
    for job in one_in_every_state(BUCKET, "acme") {
        let is_open = job.state.is_open();
        assert_eq!(job.expires_at.is_none(), is_open, "{:?}", job.state);
        if let Some(at) = job.expires_at {
            let days = u64::from(job.row_ttl_days);
            assert_eq!(at.0, job.updated_at.0 / 1000 * 1000 + days * 86_400_000);
        }
    }
}
