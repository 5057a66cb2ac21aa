//! Numbers and edges that a small slip would change without anything else noticing.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use jobs::apply::{Change, RunContext, apply, context};
use jobs::classify::model_message;
use jobs::effects::{PendingEffects, run_effects};
use jobs::id::{Attempt, LeaseToken, Location, Timestamp};
use jobs::job::Job;
use jobs::pipeline::Pipelines;
use jobs::ports::{CheckRequest, Connection};
use jobs::record_outcome::{Outcome, record_outcome};
use jobs::retry::retry;
use jobs::state::{Cause, Failure, State};
use jobs::transition::{Decision, DecisionContext, Event, Evidence, IgnoreReason, transition};
use testkit::conformance::one_in_every_state;
use testkit::memory::Memory;

const NOW: Timestamp = Timestamp(1_767_608_042_118);
const TOML: &str = include_str!("../../../infra/pipelines.toml");

fn in_run<T>(toml: &str, work: impl AsyncFnOnce(&RunContext<'_>) -> T) -> T {
    let pipelines = Pipelines::parse(toml).unwrap();
    let run = RunContext {
        pipelines: &pipelines,
        lease_expires_at: Timestamp(NOW.0 + 65_000),
    };
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(work(&run))
}

fn in_state(wanted: &str) -> Job {
    let all = one_in_every_state("docket-jobs", "acme");
    all.into_iter()
        .find(|job| job.state.name() == wanted)
        .unwrap()
}

fn table(job: &Job) -> Memory {
    let memory = Memory::at(NOW);
    memory.state().jobs.insert(job.id, job.clone());
    memory
}

/// Retries that all wait for the same time come back all at once.
#[test]
fn the_jitter_covers_the_whole_delay() {
    let memory = Memory::at(NOW);
    let drawn = in_run(TOML, async |run| -> Vec<u16> {
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

/// An attempt runs under the numbers that hold when it begins; whatever happens to it is judged by those.
#[test]
fn new_numbers_of_a_pipeline_hold_from_the_next_attempt_on() {
    let changed = TOML.replacen(
        "invocation_timeout_seconds = 120",
        "invocation_timeout_seconds = 600",
        1,
    );
    let failure = Failure::new(Cause::ModelError, "500");
    let running = in_state("InProgress");
    let failed = Event::AttemptFailed {
        attempt: Attempt(1),
        failure,
    };
    let memory = table(&running);
    let (waiting, change) = in_run(&changed, async |run| {
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
    let (begun, _) = in_run(&changed, async |run| {
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
fn a_row_keeps_the_first_and_the_latest_of_its_machine_entries_and_every_person() {
    let mut job = in_state("InProgress");
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

/// A doubled notification of a job that has ended costs a read of the row, and no request of S3.
#[test]
fn a_message_about_a_job_that_has_ended_asks_s3_nothing() {
    for state in ["Ready", "Cancelled"] {
        let job = in_state(state);
        let memory = table(&job);
        for call in ["head", "list", "read", "versions"] {
            memory.state().fail_before.insert(call, 1);
        }
        let output = Location {
            bucket: job.input.bucket.clone(),
            key: format!("outbound/{}/x.out", job.pipeline),
        };
        let outcome = Outcome {
            inference_id: jobs::id::InferenceId {
                job: job.id,
                attempt: Attempt(1),
            },
            result: Ok(Some(output)),
            last_call: false,
        };
        let pending = in_run(TOML, async |run| {
            record_outcome(&memory, run, &outcome).await
        });
        assert!(pending.is_ok(), "{state}: {pending:?}");
        let look = CheckRequest {
            job: job.id,
            attempt: Attempt(1),
            due: None,
        };
        let pending = in_run(TOML, async |run| retry(&memory, run, &look, false).await);
        assert!(pending.is_ok(), "{state}: {pending:?}");
    }
}

#[test]
fn frames_that_did_not_arrive_are_counted() {
    let memory = Memory::at(NOW);
    for id in ["here", "gone", "gone too"] {
        memory.state().connections.push(Connection {
            uploader: None,
            subscription: "acme".to_owned(),
            connection_id: id.to_owned(),
            registered_at: NOW,
            token_expires_at: Timestamp(NOW.0 + 60_000),
        });
    }
    memory.state().gone = vec!["gone".to_owned(), "gone too".to_owned()];
    let pending = [PendingEffects {
        message: 0,
        job: in_state("Ready"),
    }];
    let until = Timestamp(NOW.0 + 1000);
    let done = in_run(TOML, async |_| run_effects(&memory, &pending, until).await);
    assert_eq!((done.pushed, done.dropped), (1, 2));
}

#[test]
fn a_model_that_says_nothing_has_said_nothing() {
    assert_eq!(
        model_message(br#"{"message": "  ", "detail": "page 3"}"#).as_deref(),
        Some("page 3")
    );
    assert_eq!(model_message(br#"{"message": ""}"#), None);
    assert_eq!(model_message(b""), None);
}

#[test]
fn only_s3_is_a_place_in_s3() {
    let read = |text: &str| text.parse::<Location>().is_ok();
    assert!(read("https://s3.eu-central-1.amazonaws.com/bucket/key"));
    assert!(read("https://bucket.s3.eu-central-1.amazonaws.com/key"));
    assert!(!read("https://sts.amazonaws.com/bucket/key"));
    assert!(!read("https://s3.example.com/bucket/key"));
}

#[test]
fn an_attempt_may_take_its_wait_its_run_and_the_time_its_messages_are_late() {
    let pipelines = Pipelines::parse(TOML).unwrap();
    let pipeline = pipelines.get("legal-review").unwrap();
    let policy = pipeline.policy();
    assert_eq!(policy.attempt_seconds, 21_600 + 120 + 1800);
    assert_eq!(pipeline.output_prefix(), "outbound/legal-review/");
    assert_eq!(pipeline.failure_prefix(), "failure/legal-review/");
    // Three attempts and the delays between them; the bound may be that, and not a second less.
    let worst = 3 * policy.attempt_seconds + 30 + 300;
    let with = |bound: u32| {
        let line = format!("job_deadline_seconds = {bound}");
        Pipelines::parse(&TOML.replacen("job_deadline_seconds = 82_800", &line, 1)).map(|_| ())
    };
    assert!(with(worst).is_ok(), "{:?}", with(worst));
    let message = with(worst - 1).unwrap_err().to_string();
    assert!(
        message.contains("legal-review.job_deadline_seconds"),
        "{message}"
    );
}

#[test]
fn a_name_or_prefix_that_does_not_fit_is_refused() {
    let with = |from: &str, to: &str| {
        assert!(TOML.contains(from), "{from}");
        Pipelines::parse(&TOML.replacen(from, to, 1)).map(|_| ())
    };
    let long = "a".repeat(40);
    assert!(with("[legal-review]", &format!("[{long}]")).is_ok());
    for (from, to) in [
        ("[legal-review]", format!("[{long}a]")),
        ("[legal-review]", "[Legal]".to_owned()),
        ("prefix = \"inbound/\"", "prefix = \"/\"".to_owned()),
        ("prefix = \"inbound/\"", "prefix = \"letters\"".to_owned()),
        ("prefix = \"inbound/\"", "prefix = \"/inbound/\"".to_owned()),
        ("prefix = \"inbound/\"", "prefix = \"work/x/\"".to_owned()),
    ] {
        assert!(with(from, &to).is_err(), "{to}");
    }
    assert!(with("prefix = \"inbound/\"", "prefix = \"i/\"").is_ok());
}

fn at(now: Timestamp) -> DecisionContext {
    DecisionContext {
        now,
        jitter_permille: 1000,
        lease_token: LeaseToken(7),
        lease_expires_at: Timestamp(now.0 + 65_000),
    }
}

fn decide(job: &Job, event: &Event, now: Timestamp) -> Decision {
    transition(&job.state, event, &at(now), &job.policy).unwrap()
}

#[test]
fn who_lost_a_claim_does_not_speak_for_the_attempt() {
    let job = in_state("Submitting");
    let State::Submitting {
        attempt,
        lease_token,
        ..
    } = job.state
    else {
        panic!("{:?}", job.state)
    };
    let refused = |lease_token| Event::SubmitFailed {
        attempt,
        lease_token,
        failure: Failure::new(Cause::Refused, "ThrottlingException"),
    };
    let other = decide(
        &job,
        &refused(LeaseToken(lease_token.0 ^ 1)),
        job.updated_at,
    );
    assert_eq!(other, Decision::Ignore(IgnoreReason::StaleEvidence));
    assert!(matches!(
        decide(&job, &refused(lease_token), job.updated_at),
        Decision::Advance(State::RetryScheduled { .. })
    ));
}

#[test]
fn an_attempt_without_a_trace_is_given_up_at_its_deadline_and_not_while_somebody_may_call() {
    let job = in_state("Submitting");
    let State::Submitting {
        attempt,
        deadline,
        lease_expires_at,
        ..
    } = job.state
    else {
        panic!("{:?}", job.state)
    };
    let none = Event::CheckDue {
        attempt,
        due: None,
        evidence: Evidence::NothingFound,
    };
    let before = Timestamp(deadline.0 - 1);
    assert!(before > lease_expires_at);
    assert!(
        matches!(
            decide(&job, &none, before),
            Decision::Advance(State::Submitting { .. })
        ),
        "before it the call is made again"
    );
    assert!(matches!(
        decide(&job, &none, deadline),
        Decision::Advance(State::RetryScheduled { .. })
    ));
    let mut held = job.clone();
    if let State::Submitting {
        lease_expires_at, ..
    } = &mut held.state
    {
        *lease_expires_at = Timestamp(deadline.0 + 1);
    }
    assert_eq!(
        decide(&held, &none, deadline),
        Decision::Ignore(IgnoreReason::Leased)
    );
}

#[test]
fn a_message_that_started_an_attempt_may_come_again_until_its_deadline() {
    let job = in_state("InProgress");
    let State::InProgress {
        attempt, deadline, ..
    } = job.state
    else {
        panic!("{:?}", job.state)
    };
    let again = Event::CheckDue {
        attempt,
        due: Some(job.created_at),
        evidence: Evidence::NotChecked,
    };
    let before = Timestamp(deadline.0 - 1);
    assert_eq!(
        decide(&job, &again, before),
        Decision::Ignore(IgnoreReason::AlreadyApplied)
    );
    assert_eq!(
        decide(&job, &again, deadline),
        Decision::Ignore(IgnoreReason::EvidenceNeeded)
    );
}

/// Half of the time that the job has been at it, within the list's first and last delay.
#[test]
fn a_refused_call_waits_half_as_long_as_the_job_has_waited() {
    let job = in_state("Submitting");
    let State::Submitting {
        attempt,
        lease_token,
        ..
    } = job.state
    else {
        panic!("{:?}", job.state)
    };
    let refused = Event::SubmitFailed {
        attempt,
        lease_token,
        failure: Failure::new(Cause::Refused, "ServiceUnavailable"),
    };
    for (minutes, seconds) in [(0, 30), (20, 600), (40, 1200), (600, 1800)] {
        let now = Timestamp(job.created_at.0 + minutes * 60_000);
        let Decision::Advance(State::RetryScheduled { due, .. }) = decide(&job, &refused, now)
        else {
            panic!("after {minutes} min")
        };
        assert_eq!(due.since(now).as_secs(), seconds, "after {minutes} min");
    }
}

/// [`Pipelines`] takes a bound that is exactly the longest delays and attempts, so that much must do.
#[test]
fn an_attempt_that_ends_just_at_the_bound_is_begun() {
    let mut job = in_state("InProgress");
    let failed = Event::AttemptFailed {
        attempt: Attempt(1),
        failure: Failure::new(Cause::ModelError, "500"),
    };
    let span = u64::from(30 + job.policy.attempt_seconds) * 1000;
    for (left, begins) in [(span, true), (span - 1, false)] {
        if let State::InProgress { budget, .. } = &mut job.state {
            budget.until = Timestamp(NOW.0 + left);
        }
        let Decision::Advance(state) = decide(&job, &failed, NOW) else {
            panic!("{left}")
        };
        assert_eq!(matches!(state, State::RetryScheduled { .. }), begins);
    }
}
