//! The exact limits at which a job that something holds is queued, started or failed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use jobs::event::HeldBy;
use jobs::id::{Attempt, LeaseToken, Timestamp};
use jobs::job::Job;
use jobs::state::{Cause, Failure, RetryBudget, State};
use jobs::transition::{Decision, DecisionContext, Event, Evidence, IgnoreReason, transition};
use testkit::conformance::one_in_every_state;

const NOW: Timestamp = Timestamp(1_767_608_042_118);
/// The last moment at which an attempt can start and still end by the job's deadline.
const LAST: Timestamp = Timestamp(NOW.0 + 5_000_000);
const LATE: Timestamp = Timestamp(LAST.0 + 1);

fn job() -> Job {
    one_in_every_state("docket-jobs", "acme").swap_remove(0)
}

fn budget(job: &Job) -> RetryBudget {
    RetryBudget {
        last_attempt: Attempt(3),
        expires_at: Timestamp(LAST.0 + u64::from(job.policy.max_attempt_seconds) * 1000),
        earlier_result: Attempt::NONE,
    }
}

fn decide(state: State, event: &Event, now: Timestamp) -> Decision {
    let context = DecisionContext {
        now,
        jitter_permille: 1000,
        lease_token: LeaseToken(7),
        lease_expires_at: Timestamp(now.0 + 65_000),
    };
    transition(&state, event, &context, &job().policy).unwrap()
}

/// The name of the new state, with the cause if it failed.
fn leads_to(decision: &Decision) -> (&'static str, Option<Cause>) {
    match decision.new_state() {
        Some(State::Failed { failure, .. }) => ("Failed", Some(failure.cause)),
        Some(state) => (state.name(), None),
        None => ("nothing", None),
    }
}

const DOWN: (&str, Option<Cause>) = ("Failed", Some(Cause::EndpointDown));
const QUEUED: (&str, Option<Cause>) = ("Queued", None);

fn held_by(by: HeldBy) -> Event {
    Event::Held {
        attempt: Attempt(2),
        due: None,
        by,
    }
}

fn scheduled() -> State {
    State::RetryScheduled {
        next: Attempt(2),
        due: NOW,
        budget: budget(&job()),
    }
}

fn queued(start_by: Option<Timestamp>) -> State {
    State::Queued {
        next: Attempt(2),
        since: NOW,
        start_by,
        urgent: false,
        budget: budget(&job()),
    }
}

#[test]
fn retry_that_the_breaker_holds_is_queued_while_it_can_still_end_in_time() {
    let at = |by, now| leads_to(&decide(scheduled(), &held_by(by), now));
    assert_eq!(at(HeldBy::Breaker, LAST), QUEUED);
    assert_eq!(at(HeldBy::Breaker, LATE), DOWN);
    // The time of a pause does not count.
    assert_eq!(at(HeldBy::Pause, LATE), QUEUED);
}

#[test]
fn hold_of_another_message_changes_nothing() {
    let of = |due| Event::Held {
        attempt: Attempt(2),
        due: Some(due),
        by: HeldBy::Pause,
    };
    let stale = Decision::Ignore(IgnoreReason::StaleEvidence);
    assert_eq!(leads_to(&decide(scheduled(), &of(NOW), NOW)), QUEUED);
    let other = Timestamp(NOW.0 + 1);
    assert_eq!(decide(scheduled(), &of(other), NOW), stale);
}

#[test]
fn queued_job_stays_as_it_is_until_its_hold_changes_or_its_time_is_over() {
    let unchanged = Decision::Ignore(IgnoreReason::AlreadyApplied);
    let at = |start_by, by, now| decide(queued(start_by), &held_by(by), now);
    assert_eq!(at(Some(LAST), HeldBy::Breaker, LAST), unchanged);
    assert_eq!(leads_to(&at(Some(LAST), HeldBy::Breaker, LATE)), DOWN);
    assert_eq!(at(None, HeldBy::Pause, LATE), unchanged);
    // The breaker opens while it is paused: from then on its time counts.
    let counts = at(None, HeldBy::Breaker, LAST);
    let Some(State::Queued { start_by, .. }) = counts.new_state() else {
        panic!("{counts:?}")
    };
    let paused_for = LAST.0 - NOW.0;
    assert_eq!(*start_by, Some(Timestamp(LAST.0 + paused_for)));
    let paused = at(Some(LAST), HeldBy::Pause, LAST);
    let Some(State::Queued { start_by, .. }) = paused.new_state() else {
        panic!("{paused:?}")
    };
    assert_eq!(*start_by, None);
}

#[test]
fn queued_job_is_started_while_it_can_still_end_in_time() {
    let check = |evidence| Event::CheckDue {
        attempt: Attempt(2),
        due: Some(NOW),
        evidence,
    };
    let unseen = check(Evidence::NotChecked);
    let at = |start_by, now| decide(queued(start_by), &unseen, now);
    assert_eq!(leads_to(&at(Some(LAST), LAST)).0, "Submitting");
    // Before it ends, S3 is asked for a result of an earlier attempt.
    let needed = Decision::Ignore(IgnoreReason::EvidenceNeeded);
    assert_eq!(at(Some(LAST), LATE), needed);
    let nothing = check(Evidence::NothingFound);
    assert_eq!(leads_to(&decide(queued(Some(LAST)), &nothing, LATE)), DOWN);
    // Paused time is added to its deadline.
    assert_eq!(leads_to(&at(None, LATE)).0, "Submitting");
}

#[test]
fn attempt_that_failed_with_the_endpoint_waits_while_another_can_end_in_time() {
    let failed = |attempt, cause| {
        let running = State::InProgress {
            attempt,
            deadline: Timestamp(LAST.0 + 1_000_000),
            budget: budget(&job()),
        };
        let event = Event::AttemptFailed {
            attempt,
            failure: Failure::new(cause, "no"),
        };
        (running, event)
    };
    let at = |attempt, cause, now| {
        let (state, event) = failed(attempt, cause);
        leads_to(&decide(state, &event, now))
    };
    let down = Cause::EndpointDown;
    assert_eq!(at(Attempt(1), down, LAST), QUEUED);
    assert_eq!(at(Attempt(1), down, LATE), DOWN);
    // Both need a new number.
    let newest = Attempt(Attempt::MAX.0 - 1);
    assert_eq!(at(newest, down, NOW), QUEUED);
    assert_eq!(at(Attempt::MAX, down, NOW), DOWN);
    assert_eq!(at(newest, Cause::Expired, NOW).0, "RetryScheduled");
    let expired = ("Failed", Some(Cause::Expired));
    assert_eq!(at(Attempt::MAX, Cause::Expired, NOW), expired);
}

#[test]
fn upload_message_starts_no_run_again() {
    let submitting = |earlier_result| State::Submitting {
        attempt: Attempt(2),
        lease_token: LeaseToken(1),
        lease_expires_at: NOW,
        deadline: LAST,
        budget: RetryBudget {
            earlier_result,
            ..budget(&job())
        },
    };
    let of = |earlier| decide(submitting(earlier), &Event::Uploaded, NOW);
    assert_eq!(leads_to(&of(Attempt::NONE)).0, "Submitting");
    assert_eq!(
        of(Attempt(1)),
        Decision::Ignore(IgnoreReason::StaleEvidence)
    );
}
