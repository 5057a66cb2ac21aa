//! Explores every state that a job can reach, by every event in every order: notifications lost, late, duplicated and
//! reordered, with time standing still or running out. Generates `docs/job-lifecycle.md` from the same exploration.
//!
//! `UPDATE_DOCS=1 cargo test --release -p jobs --test lifecycle` writes the document.

mod exploration;

use jobs::id::{Attempt, Timestamp};
use jobs::state::{Cause, Failure, State};
use jobs::transition::{
    Advance, Decision, Event, Evidence, IgnoreReason, Policy, first, transition,
};

use exploration::document::document;
use exploration::events::{context, policy};
use exploration::walk;

#[test]
fn every_history_advances_and_ends() {
    let walk = walk();
    println!("{} states, {} steps", walk.states, walk.steps);
    assert!(
        walk.states > 100,
        "the exploration is too small: {}",
        walk.states
    );
}

/// If the only events are the reconciler's checks, the job still ends within its deadline.
#[test]
fn job_without_any_notification_ends_within_its_deadline() {
    let policy = policy();
    let start = Timestamp(1_000_000);
    let mut state = first(&context(start, 1), &policy);
    let mut now = start;
    for _ in 0..50 {
        let Some(next_check_at) = state.check_deadline() else {
            break;
        };
        now = next_check_at;
        let event = Event::CheckDue {
            attempt: state.attempt(),
            due: None,
            evidence: Evidence::NothingFound,
        };
        let Ok(Decision::Advance(Advance { state: next, .. })) =
            transition(&state, &event, &context(now, 2), &policy)
        else {
            panic!("{state:?} does not advance")
        };
        state = next;
    }
    assert!(
        matches!(&state, State::Failed { failure, .. } if failure.cause == Cause::Lost),
        "{state:?}"
    );
    assert!(
        now.since(start).as_secs() <= u64::from(policy.job_deadline_seconds) + 2 * 120 + 100,
        "{now:?}"
    );
}

#[test]
fn refused_calls_use_up_time_but_no_attempts() {
    let policy = Policy {
        max_attempts: 3,
        backoff_seconds: vec![30, 1800],
        max_attempt_seconds: 100,
        job_deadline_seconds: 86_400,
    };
    let start = Timestamp(1_000_000);
    let mut now = start;
    let mut state = first(&context(start, 1), &policy);
    let mut calls = 0;
    while let State::Submitting {
        attempt,
        lease_token,
        ..
    } = state
    {
        calls += 1;
        assert_eq!(attempt, Attempt::FIRST, "a refused call costs no attempt");
        let refused = Event::SubmitFailed {
            attempt,
            lease_token,
            failure: Failure::new(Cause::Refused, "ServiceUnavailable"),
        };
        let Ok(Decision::Advance(Advance { state: next, .. })) =
            transition(&state, &refused, &context(now, 2), &policy)
        else {
            panic!("{state:?}")
        };
        state = next;
        if let State::RetryScheduled { next, due, .. } = state {
            now = due;
            let check = Event::CheckDue {
                attempt: next,
                due: None,
                evidence: Evidence::NotChecked,
            };
            let Ok(Decision::Advance(Advance { state: next, .. })) =
                transition(&state, &check, &context(now, 3), &policy)
            else {
                panic!("{state:?}")
            };
            state = next;
        }
    }
    assert!(
        matches!(&state, State::Failed { failure, .. } if failure.cause == Cause::Refused),
        "{state:?}"
    );
    assert!(now.since(start).as_secs() >= 86_400 - 1800);
    assert!(calls < 70, "a day's outage costs {calls} calls");
}

/// The deadline holds whenever the endpoint recovers and however the attempt then ends.
#[test]
fn attempt_that_could_end_after_the_job_deadline_is_not_started() {
    let policy = Policy {
        max_attempts: 3,
        backoff_seconds: vec![30, 1800],
        max_attempt_seconds: 20_000,
        job_deadline_seconds: 86_400,
    };
    let start = Timestamp(1_000_000);
    let mut now = start;
    let mut state = first(&context(start, 1), &policy);
    loop {
        let event = match &state {
            State::Submitting {
                attempt,
                lease_token,
                ..
            } => Event::SubmitFailed {
                attempt: *attempt,
                lease_token: *lease_token,
                failure: Failure::new(Cause::Refused, "ServiceUnavailable"),
            },
            State::RetryScheduled { next, due, .. } => {
                now = *due;
                Event::CheckDue {
                    attempt: *next,
                    due: Some(*due),
                    evidence: Evidence::NotChecked,
                }
            }
            _ => break,
        };
        let Ok(Decision::Advance(Advance { state: next, .. })) =
            transition(&state, &event, &context(now, 2), &policy)
        else {
            panic!("{state:?}")
        };
        state = next;
        if let Some(next_check_at) = state.check_deadline() {
            assert!(next_check_at.since(start).as_secs() <= 86_400, "{state:?}");
        }
    }
    assert!(matches!(&state, State::Failed { failure, .. } if failure.cause == Cause::Refused));
}

/// A refused attempt keeps its number, so duplicates of one message must not each start it and send another message.
#[test]
fn duplicate_of_an_old_message_does_not_start_a_refused_attempt_again() {
    let policy = policy();
    let now = Timestamp(1_000_000);
    let refused = |state: &State| {
        let State::Submitting {
            attempt,
            lease_token,
            ..
        } = *state
        else {
            panic!("{state:?}")
        };
        let failure = Failure::new(Cause::Refused, "ThrottlingException");
        let event = Event::SubmitFailed {
            attempt,
            lease_token,
            failure,
        };
        let Ok(Decision::Advance(Advance { state: next, .. })) =
            transition(state, &event, &context(now, 2), &policy)
        else {
            panic!()
        };
        next
    };
    let scheduled = refused(&first(&context(now, 1), &policy));
    let State::RetryScheduled { next, due, .. } = scheduled else {
        panic!()
    };
    let message = Event::CheckDue {
        attempt: next,
        due: Some(due),
        evidence: Evidence::NotChecked,
    };
    let later = context(Timestamp(due.0 + 1), 3);
    let Ok(Decision::Advance(Advance { state: started, .. })) =
        transition(&scheduled, &message, &later, &policy)
    else {
        panic!()
    };
    let State::Submitting {
        attempt,
        lease_token,
        ..
    } = started
    else {
        panic!()
    };
    let again = Event::SubmitFailed {
        attempt,
        lease_token,
        failure: Failure::new(Cause::Refused, ""),
    };
    let Ok(Decision::Advance(Advance { state: again, .. })) =
        transition(&started, &again, &later, &policy)
    else {
        panic!()
    };
    assert_eq!(
        transition(&again, &message, &later, &policy),
        Ok(Decision::Ignore(IgnoreReason::StaleEvidence))
    );
}

#[test]
fn expired_request_gets_a_new_number_and_uses_up_no_attempt() {
    let policy = policy();
    let now = Timestamp(1_000_000);
    let state = first(&context(now, 1), &policy);
    let expired = Event::AttemptFailed {
        attempt: Attempt(1),
        failure: Failure::new(Cause::Expired, ""),
    };
    let Ok(Decision::Advance(Advance {
        state: State::RetryScheduled { next, budget, .. },
        ..
    })) = transition(&state, &expired, &context(now, 2), &policy)
    else {
        panic!()
    };
    assert_eq!((next, budget.last_attempt), (Attempt(2), Attempt(4)));
}

#[test]
fn unknown_failure_is_retried_once() {
    let policy = policy();
    let now = Timestamp(1_000_000);
    let unknown = |attempt| Event::AttemptFailed {
        attempt,
        failure: Failure::new(Cause::Unknown, "?"),
    };
    let state = first(&context(now, 1), &policy);
    let Ok(Decision::Advance(Advance { state, .. })) =
        transition(&state, &unknown(Attempt(1)), &context(now, 2), &policy)
    else {
        panic!()
    };
    let check = Event::CheckDue {
        attempt: Attempt(2),
        due: None,
        evidence: Evidence::NotChecked,
    };
    let Ok(Decision::Advance(Advance { state, .. })) =
        transition(&state, &check, &context(now, 2), &policy)
    else {
        panic!()
    };
    let Ok(Decision::Advance(Advance { state, .. })) =
        transition(&state, &unknown(Attempt(2)), &context(now, 2), &policy)
    else {
        panic!()
    };
    assert!(matches!(state, State::Failed { .. }), "{state:?}");
}

#[test]
fn job_has_at_most_twenty_attempts_in_its_lifetime() {
    let policy = policy();
    let mut state = State::Failed {
        attempt: Attempt(1),
        failure: Failure::new(Cause::ModelError, ""),
    };
    let mut submissions = 0;
    loop {
        let now = Timestamp(1_000_000);
        let retry = Event::Retry {
            actor: "ops".into(),
            reason: "again".into(),
        };
        match transition(&state, &retry, &context(now, 2), &policy) {
            Ok(Decision::Advance(Advance {
                state: State::RetryScheduled { next, budget, .. },
                ..
            })) => {
                submissions += 1;
                assert!(next <= Attempt::MAX && budget.last_attempt <= Attempt::MAX);
                state = State::Failed {
                    attempt: budget.last_attempt,
                    failure: Failure::new(Cause::ModelError, ""),
                };
            }
            Ok(Decision::Ignore(IgnoreReason::NoAttemptsLeft)) => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(submissions, 7);
}

fn run_again(newest: Attempt) -> Event {
    Event::RunAgain {
        actor: "ops".into(),
        reason: "another model".into(),
        newest,
    }
}

/// The number of a run again follows the newest attempt, which may be newer than the one with the result.
#[test]
fn run_again_that_brings_no_result_ends_ready_with_the_earlier_one_within_the_deadline() {
    let policy = policy();
    let start = Timestamp(1_000_000);
    let mut state = State::Ready {
        attempt: Attempt(1),
    };
    let mut now = start;
    let mut event = run_again(Attempt(3));
    for _ in 0..50 {
        let Ok(Decision::Advance(Advance { state: next, .. })) =
            transition(&state, &event, &context(now, 2), &policy)
        else {
            panic!("{state:?} does not advance on {event:?}")
        };
        state = next;
        assert!(!state.is_open() || state.attempt() >= Attempt(4));
        let Some(next_check_at) = state.check_deadline() else {
            break;
        };
        now = next_check_at;
        event = Event::CheckDue {
            attempt: state.attempt(),
            due: None,
            evidence: Evidence::NothingFound,
        };
    }
    let earlier = State::Ready {
        attempt: Attempt(1),
    };
    assert_eq!(state, earlier);
    assert!(now.since(start).as_secs() <= u64::from(policy.job_deadline_seconds) + 2 * 120 + 100);
    // Every job has at most twenty attempts.
    assert_eq!(
        transition(&state, &run_again(Attempt::MAX), &context(now, 2), &policy),
        Ok(Decision::Ignore(IgnoreReason::NoAttemptsLeft))
    );
}

/// Its notifications may be late or duplicated.
#[test]
fn success_of_an_attempt_before_the_run_again_does_not_end_it_and_its_own_does() {
    let policy = policy();
    let now = Timestamp(1_000_000);
    let ready = State::Ready {
        attempt: Attempt(2),
    };
    let decide =
        |state: &State, event: &Event| match transition(state, event, &context(now, 2), &policy) {
            Ok(Decision::Advance(Advance { state, .. })) => Ok(state),
            Ok(Decision::Ignore(why)) => Err(why),
            Err(error) => panic!("{error}"),
        };
    let scheduled = decide(&ready, &run_again(Attempt(2))).unwrap();
    let check = Event::CheckDue {
        attempt: Attempt(3),
        due: None,
        evidence: Evidence::NotChecked,
    };
    let submitting = decide(&scheduled, &check).unwrap();
    let succeeded = |attempt| Event::Succeeded {
        attempt: Attempt(attempt),
        output: exploration::events::somewhere(),
        unexpected_content_type: None,
        pages: None,
    };
    for state in [&scheduled, &submitting] {
        for attempt in [1, 2] {
            let decision = decide(state, &succeeded(attempt));
            assert_eq!(decision, Err(IgnoreReason::StaleEvidence), "{state:?}");
        }
        let cancel = Event::Cancel {
            actor: "ops".into(),
            reason: "no".into(),
        };
        assert_eq!(decide(state, &cancel), Err(IgnoreReason::RunningAgain));
    }
    let own = State::Ready {
        attempt: Attempt(3),
    };
    assert_eq!(decide(&submitting, &succeeded(3)), Ok(own));
}

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/job-lifecycle.md");

#[test]
fn lifecycle_document_matches_the_rules() {
    let text = document(&walk());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(DOCUMENT, &text).unwrap();
    }
    let stored = std::fs::read_to_string(DOCUMENT).unwrap_or_default();
    assert!(
        stored == text,
        "docs/job-lifecycle.md is out of date: make docs"
    );
}
