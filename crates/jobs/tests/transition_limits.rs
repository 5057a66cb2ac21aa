//! The exact limits at which the state machine decides differently.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use jobs::id::{Attempt, LeaseToken, Timestamp};
use jobs::job::Job;
use jobs::state::{Cause, Failure, State};
use jobs::transition::{
    Advance, Decision, DecisionContext, Event, Evidence, IgnoreReason, transition,
};
use testkit::conformance::job_in_state;

const NOW: Timestamp = Timestamp(1_767_608_042_118);

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
fn submit_failure_from_a_lost_lease_is_ignored() {
    let job = job_in_state("Submitting");
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
        Decision::Advance(Advance {
            state: State::RetryScheduled { .. },
            ..
        })
    ));
}

#[test]
fn attempt_without_evidence_is_lost_at_its_deadline_but_not_while_leased() {
    let job = job_in_state("Submitting");
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
            Decision::Advance(Advance {
                state: State::Submitting { .. },
                ..
            })
        ),
        "before it the call is made again"
    );
    assert!(matches!(
        decide(&job, &none, deadline),
        Decision::Advance(Advance {
            state: State::RetryScheduled { .. },
            ..
        })
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
fn redelivered_start_message_changes_nothing_before_the_deadline() {
    let job = job_in_state("InProgress");
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

/// The delay is half of the elapsed time, within the first and the last configured delay.
#[test]
fn refused_call_is_retried_after_half_of_the_elapsed_time() {
    let job = job_in_state("Submitting");
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
        let Decision::Advance(Advance {
            state: State::RetryScheduled { due, .. },
            ..
        }) = decide(&job, &refused, now)
        else {
            panic!("after {minutes} min")
        };
        assert_eq!(due.since(now).as_secs(), seconds, "after {minutes} min");
    }
}

/// [`jobs::pipeline::Pipelines`] accepts a deadline that equals all attempts plus all delays, so exactly that must suffice.
#[test]
fn attempt_that_can_end_exactly_at_the_job_deadline_is_started() {
    let mut job = job_in_state("InProgress");
    let failed = Event::AttemptFailed {
        attempt: Attempt(1),
        failure: Failure::new(Cause::ModelError, "500"),
    };
    let span = u64::from(30 + job.policy.max_attempt_seconds) * 1000;
    for (left, begins) in [(span, true), (span - 1, false)] {
        if let State::InProgress { budget, .. } = &mut job.state {
            budget.expires_at = Timestamp(NOW.0 + left);
        }
        let Decision::Advance(Advance { state, .. }) = decide(&job, &failed, NOW) else {
            panic!("{left}")
        };
        assert_eq!(matches!(state, State::RetryScheduled { .. }), begins);
    }
}

/// A job and the last moment at which an attempt of it can start, whose lease and whose retry have long been over.
fn near_its_end(state: &str) -> (Job, Timestamp) {
    let mut job = job_in_state(state);
    let last = Timestamp(NOW.0 + 5_000_000);
    let attempt = u64::from(job.policy.max_attempt_seconds) * 1000;
    match &mut job.state {
        State::Submitting {
            budget, deadline, ..
        } => {
            budget.expires_at = Timestamp(last.0 + attempt);
            *deadline = Timestamp(last.0 + 1000);
        }
        State::RetryScheduled { budget, .. } => budget.expires_at = Timestamp(last.0 + attempt),
        other => panic!("{other:?}"),
    }
    (job, last)
}

fn check(job: &Job, evidence: Evidence) -> Event {
    Event::CheckDue {
        attempt: job.state.attempt(),
        due: None,
        evidence,
    }
}

fn starts(decision: &Decision) -> bool {
    matches!(decision.new_state(), Some(State::Submitting { .. }))
}

/// Guarantee 2: a function that dies at the call for hours delays no job past its deadline.
#[test]
fn lease_is_not_taken_over_when_the_attempt_could_end_after_the_job_deadline() {
    let (job, last) = near_its_end("Submitting");
    let late = Timestamp(last.0 + 1);
    let events = [
        Event::Uploaded,
        check(&job, Evidence::NotChecked),
        check(&job, Evidence::NothingFound),
    ];
    for event in &events {
        assert!(starts(&decide(&job, event, last)), "{event:?}");
        let waits = Decision::Ignore(IgnoreReason::TooEarly);
        assert_eq!(decide(&job, event, late), waits, "{event:?}");
    }
    // The call may have been made. Its own deadline decides, with evidence.
    let deadline = Timestamp(last.0 + 1000);
    for event in &events[..2] {
        let needed = Decision::Ignore(IgnoreReason::EvidenceNeeded);
        assert_eq!(decide(&job, event, deadline), needed, "{event:?}");
    }
    let ended = decide(&job, &events[2], deadline);
    let Some(State::Failed { failure, .. }) = ended.new_state() else {
        panic!("{ended:?}")
    };
    assert_eq!(failure.cause, Cause::Lost);
}

#[test]
fn retry_whose_message_is_so_late_that_it_could_end_after_the_job_deadline_is_not_started() {
    let (job, last) = near_its_end("RetryScheduled");
    let unseen = check(&job, Evidence::NotChecked);
    assert!(starts(&decide(&job, &unseen, last)));
    let late = Timestamp(last.0 + 1);
    assert_eq!(
        decide(&job, &unseen, late),
        Decision::Ignore(IgnoreReason::EvidenceNeeded),
        "an earlier attempt may have a result"
    );
    let ended = decide(&job, &check(&job, Evidence::NothingFound), late);
    let Some(State::Failed { attempt, failure }) = ended.new_state() else {
        panic!("{ended:?}")
    };
    assert_eq!(
        (*attempt, failure.cause),
        (job.state.attempt(), Cause::Lost)
    );
}
