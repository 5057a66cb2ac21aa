//! Explores every state that a job can reach, by every event in every order: notifications lost, late, duplicated and
//! reordered, with time standing still or running out. Generates `docs/job-lifecycle.md` from the same exploration.
//!
//! `UPDATE_DOCS=1 cargo test --release -p jobs --test lifecycle` writes the document.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt::Write as _;

use jobs::event::EventKind;
use jobs::id::{Attempt, LeaseToken, Location, Timestamp};
use jobs::state::{Cause, Failure, State};
use jobs::transition::{
    Advance, Decision, DecisionContext, Event, Evidence, IgnoreReason, Policy, TransitionError,
    first, transition,
};

const LEASE_MS: u64 = 3_000;

fn policy() -> Policy {
    Policy {
        max_attempts: 3,
        backoff_seconds: vec![10, 60],
        max_attempt_seconds: 100,
        job_deadline_seconds: 400,
    }
}

fn somewhere() -> Location {
    Location {
        bucket: "b".into(),
        key: "outbound/x".into(),
    }
}

fn context(now: Timestamp, lease_token: u64) -> DecisionContext {
    DecisionContext {
        now,
        jitter_permille: 1000,
        lease_token: LeaseToken(lease_token),
        lease_expires_at: Timestamp(now.0 + LEASE_MS),
    }
}

/// All attempts that a message can name, including one that was never started.
fn attempts(state: &State) -> impl Iterator<Item = Attempt> + use<> {
    (1..=state.attempt().0 + 1).map(Attempt)
}

fn lease_of(state: &State) -> LeaseToken {
    if let State::Submitting { lease_token, .. } = state {
        *lease_token
    } else {
        LeaseToken(0)
    }
}

fn events(state: &State) -> Vec<Event> {
    let failure = |cause| Failure::new(cause, "");
    let principal = || ("someone".to_owned(), "because".to_owned());
    let mut all = vec![Event::Uploaded, Event::Overwritten];
    let (actor, reason) = principal();
    all.push(Event::Retry { actor, reason });
    let (actor, reason) = principal();
    all.push(Event::Cancel { actor, reason });
    let (actor, reason) = principal();
    all.push(Event::Erase { actor, reason });
    for attempt in attempts(state) {
        all.push(Event::Accepted {
            attempt,
            output: Some(somewhere()),
            failure: None,
        });
        all.push(Event::Succeeded {
            attempt,
            output: somewhere(),
            unexpected_content_type: None,
        });
        for cause in [Cause::Refused, Cause::InvalidInput, Cause::PipelineGone] {
            for lease_token in [lease_of(state), LeaseToken(99)] {
                all.push(Event::SubmitFailed {
                    attempt,
                    lease_token,
                    failure: failure(cause),
                });
            }
        }
        for cause in [
            Cause::ModelRejected,
            Cause::ModelError,
            Cause::Expired,
            Cause::Unknown,
        ] {
            all.push(Event::AttemptFailed {
                attempt,
                failure: failure(cause),
            });
        }
        all.push(Event::CheckDue {
            attempt,
            due: None,
            evidence: Evidence::NotChecked,
        });
        all.push(Event::CheckDue {
            attempt,
            due: None,
            evidence: Evidence::NothingFound,
        });
        all.push(Event::CheckDue {
            attempt,
            due: None,
            evidence: Evidence::Output {
                attempt,
                output: somewhere(),
            },
        });
        all.push(Event::CheckDue {
            attempt,
            due: None,
            evidence: Evidence::Failure(failure(Cause::Unknown)),
        });
    }
    all
}

/// The state without its times. Rules compare `now` with the times of the state, and [`moments`] tries every outcome of
/// these comparisons. So one representative of each shape is enough, and the exploration is finite.
fn shape(state: &State, now: Timestamp) -> String {
    let name = state.name();
    let attempt = state.attempt();
    match state {
        State::Submitting { budget, .. }
        | State::InProgress { budget, .. }
        | State::RetryScheduled { budget, .. } => {
            format!(
                "{name} {attempt} {} {}",
                budget.last_attempt,
                now >= budget.expires_at
            )
        }
        State::Failed { failure, .. } => format!("{name} {attempt} {:?}", failure.cause),
        State::Ready { .. } | State::Cancelled { .. } | State::Erased { .. } => {
            format!("{name} {attempt}")
        }
    }
}

/// The times at which a rule can decide differently: now, and each time of the state that has not passed.
fn moments(state: &State, now: Timestamp) -> Vec<Timestamp> {
    let mut all = vec![now];
    match state {
        State::Submitting {
            lease_expires_at,
            deadline,
            budget,
            ..
        } => all.extend([*lease_expires_at, *deadline, budget.expires_at]),
        State::InProgress {
            deadline, budget, ..
        } => all.extend([*deadline, budget.expires_at]),
        State::RetryScheduled { due, budget, .. } => all.extend([*due, budget.expires_at]),
        State::Ready { .. }
        | State::Failed { .. }
        | State::Cancelled { .. }
        | State::Erased { .. } => {}
    }
    all.extend(state.check_deadline());
    all.retain(|at| *at >= now);
    all.sort();
    all.dedup();
    all
}

/// The progress of a job. Machine events only raise it, so every history without people ends.
fn rank(state: &State, now: Timestamp) -> (u8, u8, u64) {
    match state {
        // A refused call returns the job to before its attempt, but at a later time.
        State::RetryScheduled { next, .. } => (next.0, 0, now.0),
        State::Submitting { attempt, .. } => (attempt.0, 0, now.0),
        State::InProgress { attempt, .. } => (attempt.0, 1, 0),
        State::Failed { .. } => (u8::MAX - 1, 0, 0),
        State::Ready { .. } | State::Cancelled { .. } => (u8::MAX, 0, 0),
        State::Erased { .. } => (u8::MAX, 1, 0),
    }
}

#[derive(Default)]
struct Walk {
    states: usize,
    steps: usize,
    /// state → event → possible results
    table: BTreeMap<(&'static str, String), BTreeSet<String>>,
    edges: BTreeSet<(&'static str, String, &'static str)>,
}

fn phase(name: &str) -> usize {
    [
        "Submitting",
        "InProgress",
        "RetryScheduled",
        "Ready",
        "Failed",
        "Cancelled",
        "Erased",
    ]
    .iter()
    .position(|known| *known == name)
    .unwrap_or(9)
}

fn walk() -> Walk {
    let policy = policy();
    let start = Timestamp(1_000_000);
    let initial = first(&context(start, 1), &policy);
    let mut out = Walk::default();
    let mut seen = HashSet::from([format!("{} 0", shape(&initial, start))]);
    let mut queue = vec![(initial, start, 0u8)];
    while let Some((state, now, retries)) = queue.pop() {
        out.states += 1;
        assert_eq!(
            state.check_deadline().is_none(),
            matches!(
                state,
                State::Ready { .. }
                    | State::Failed { .. }
                    | State::Cancelled { .. }
                    | State::Erased { .. }
            )
        );
        for now in moments(&state, now) {
            for event in events(&state) {
                out.steps += 1;
                // Two manual retries show everything that a third could.
                if matches!(event, Event::Retry { .. }) && retries == 2 {
                    continue;
                }
                let decision = transition(&state, &event, &context(now, 2), &policy);
                check(&state, &event, now, &decision);
                let name = event.kind().name().to_owned();
                let cell = out.table.entry((state.name(), name.clone())).or_default();
                match decision {
                    Ok(Decision::Advance(Advance { state: next, .. })) => {
                        cell.insert(format!("**{}**", next.name()));
                        out.edges.insert((state.name(), name, next.name()));
                        let again = retries + u8::from(matches!(event, Event::Retry { .. }));
                        if seen.insert(format!("{} {again}", shape(&next, now))) {
                            queue.push((next, now, again));
                        }
                    }
                    Ok(Decision::Ignore(why)) => {
                        cell.insert(format!("{why:?}"));
                    }
                    Err(TransitionError::UnknownAttempt { .. }) => {}
                }
            }
        }
    }
    out
}

fn check(
    state: &State,
    event: &Event,
    now: Timestamp,
    decision: &Result<Decision, TransitionError>,
) {
    let context_text = || format!("{state:?}\n  + {event:?} at {now:?}\n  = {decision:?}");
    let by_person = matches!(event, Event::Retry { .. });
    match decision {
        Ok(Decision::Advance(Advance { state: next, .. })) => {
            assert!(
                next != state,
                "an advance that changes nothing: {}",
                context_text()
            );
            assert!(
                next.attempt() <= Attempt::MAX,
                "more attempts than a job may have: {}",
                context_text()
            );
            if !by_person {
                let takes_over = matches!((state, next), (State::Submitting { lease_expires_at, .. }, State::Submitting { .. }) if now >= *lease_expires_at);
                let starts = matches!((state, next), (State::RetryScheduled { next: a, .. }, State::Submitting { attempt: b, .. }) if a == b);
                let refused = matches!((event, next), (Event::SubmitFailed { failure, .. }, State::RetryScheduled { .. }) if failure.cause == Cause::Refused);
                assert!(
                    rank(state, now) < rank(next, now) || takes_over || starts || refused,
                    "a history that may not end: {}",
                    context_text()
                );
            }
            let erases = matches!((event, next), (Event::Erase { .. }, State::Erased { .. }));
            assert_eq!(
                erases,
                matches!(next, State::Erased { .. }),
                "only an erasure erases: {}",
                context_text()
            );
            // Guarantee 4: only a success changes a final state, and only a failed one. Every final state can be erased,
            // and nothing changes that.
            match state {
                State::Erased { .. } => panic!("an erased job changed: {}", context_text()),
                State::Ready { .. } | State::Failed { .. } | State::Cancelled { .. } if erases => {}
                State::Ready { .. } | State::Cancelled { .. } => {
                    panic!("a settled job changed: {}", context_text())
                }
                State::Failed { failure, .. } => {
                    let success = matches!(
                        event,
                        Event::Succeeded { .. }
                            | Event::CheckDue {
                                evidence: Evidence::Output { .. },
                                ..
                            }
                    );
                    assert!(
                        (success && failure.cause != Cause::Superseded) || by_person,
                        "a failed job changed: {}",
                        context_text()
                    );
                }
                State::Submitting { .. }
                | State::InProgress { .. }
                | State::RetryScheduled { .. } => {}
            }
            finds_its_effects_again(event, next, now, &context_text);
            // Refused calls and expired requests are not retried after the budget has expired.
            if let (
                State::Submitting { budget, .. } | State::InProgress { budget, .. },
                State::RetryScheduled { .. },
            ) = (state, next)
            {
                assert!(
                    now < budget.expires_at,
                    "retried after the budget expired: {}",
                    context_text()
                );
            }
        }
        Ok(Decision::Ignore(why)) => {
            let is_erasure = matches!(event, Event::Erase { .. });
            if is_erasure {
                let expected = match state {
                    State::Submitting { .. }
                    | State::InProgress { .. }
                    | State::RetryScheduled { .. } => IgnoreReason::StillOpen,
                    State::Erased { .. } => IgnoreReason::AlreadyApplied,
                    State::Ready { .. } | State::Failed { .. } | State::Cancelled { .. } => {
                        panic!("a final job was not erased: {}", context_text())
                    }
                };
                assert_eq!(*why, expected, "{}", context_text());
            } else {
                assert_eq!(
                    *why == IgnoreReason::Erased,
                    matches!(state, State::Erased { .. }),
                    "{}",
                    context_text()
                );
            }
            if let Event::CheckDue {
                attempt,
                due: None,
                evidence: Evidence::NothingFound,
            } = event
            {
                let overdue = state
                    .check_deadline()
                    .is_some_and(|next_check_at| now >= next_check_at);
                assert!(
                    !(overdue && *attempt == state.attempt()),
                    "it would sleep for ever: {}",
                    context_text()
                );
            }
            if *why == IgnoreReason::Leased {
                assert!(
                    matches!(state, State::Submitting { lease_expires_at, .. } if now < *lease_expires_at),
                    "{}",
                    context_text()
                );
            }
        }
        Err(TransitionError::UnknownAttempt { newest, got }) => {
            assert!(!matches!(state, State::Erased { .. }), "{}", context_text());
            assert!(got > newest, "{}", context_text())
        }
    }
    // No attempt is declared lost without evidence.
    if let (
        Event::CheckDue {
            evidence: Evidence::NotChecked,
            ..
        },
        Ok(Decision::Advance(Advance { state: next, .. })),
    ) = (event, decision)
    {
        assert!(
            matches!(next, State::Submitting { .. }),
            "given up unseen: {}",
            context_text()
        );
    }
}

/// A message is acknowledged only after the effects of its state have run. So a message that is redelivered after it was
/// applied must be recognized as such, with the event that the shell builds for it, which has no evidence.
fn finds_its_effects_again(
    event: &Event,
    next: &State,
    now: Timestamp,
    context_text: &dyn Fn() -> String,
) {
    let again = match event {
        Event::CheckDue { attempt, due, .. } => Event::CheckDue {
            attempt: *attempt,
            due: *due,
            evidence: Evidence::NotChecked,
        },
        Event::Uploaded
        | Event::Succeeded { .. }
        | Event::AttemptFailed { .. }
        | Event::Overwritten => event.clone(),
        // Not triggered by messages of their own: they occur while another message is processed.
        Event::Accepted { .. }
        | Event::SubmitFailed { .. }
        | Event::Retry { .. }
        | Event::Cancel { .. }
        | Event::Erase { .. } => return,
    };
    let second = transition(next, &again, &context(now, 3), &policy());
    let runs_effects = matches!(
        second,
        Ok(Decision::Advance(_)
            | Decision::Ignore(IgnoreReason::AlreadyApplied | IgnoreReason::Leased))
    );
    assert!(
        runs_effects,
        "its effects would not run: {}\n  then {second:?}",
        context_text()
    );
}

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

fn document(walk: &Walk) -> String {
    let mut text = String::from(
        "# Job lifecycle\n\n\
         Generated by `make docs` from the exploration in `crates/jobs/tests/lifecycle.rs`; do not edit.\n\
         The exploration applies every event with every attempt number, at every time that a rule can distinguish, to every reachable state.\n\n\
         ```mermaid\nstateDiagram-v2\n    [*] --> Submitting: valid upload\n    [*] --> Failed: invalid upload\n",
    );
    let mut arrows: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for (from, event, to) in &walk.edges {
        arrows.entry((from, to)).or_default().push(event);
    }
    let mut arrows: Vec<_> = arrows.into_iter().collect();
    arrows.sort_by_key(|((from, to), _)| (phase(from), phase(to)));
    for ((from, to), events) in arrows {
        let _ = writeln!(text, "    {from} --> {to}: {}", events.join(", "));
    }
    for end in ["Ready", "Failed", "Cancelled", "Erased"] {
        let _ = writeln!(text, "    {end} --> [*]");
    }
    text.push_str("```\n\n## Effects and checks\n\n| state | effects | checked by the reconciler at the latest |\n|---|---|---|\n");
    let at = Timestamp(0);
    let samples: HashMap<&str, State> = samples(at);
    for name in [
        "Submitting",
        "InProgress",
        "RetryScheduled",
        "Ready",
        "Failed",
        "Cancelled",
        "Erased",
    ] {
        let state = &samples[name];
        let effects: Vec<String> = state
            .effects()
            .iter()
            .map(|effect| format!("{effect:?}"))
            .collect();
        let checked = match state {
            State::Submitting { .. } | State::InProgress { .. } => "the attempt's deadline",
            State::RetryScheduled { .. } => "two minutes after it is due",
            State::Ready { .. }
            | State::Failed { .. }
            | State::Cancelled { .. }
            | State::Erased { .. } => "– (final)",
        };
        let _ = writeln!(text, "| `{name}` | {} | {checked} |", effects.join(", "));
    }
    text.push_str(
        "\n## Events\n\nA bold word is the state that is entered; a plain word is the reason why the event is ignored.\n\
         An event that names an attempt that was never started is a contradiction in every state, and its message is quarantined.\n\n| event |",
    );
    let states = [
        "Submitting",
        "InProgress",
        "RetryScheduled",
        "Ready",
        "Failed",
        "Cancelled",
        "Erased",
    ];
    for state in states {
        let _ = write!(text, " `{state}` |");
    }
    text.push_str("\n|---|---|---|---|---|---|---|---|\n");
    for event in EventKind::ALL {
        let event = event.name();
        let _ = write!(text, "| `{event}` |");
        for state in states {
            let cell = walk
                .table
                .get(&(state, event.to_owned()))
                .map(|cell| cell.iter().cloned().collect::<Vec<_>>().join(", "));
            let _ = write!(text, " {} |", cell.unwrap_or_default());
        }
        text.push('\n');
    }
    text.push_str("\n## Causes of failure\n\n| cause | retry |\n|---|---|\n");
    for cause in Cause::ALL {
        let retryability = match cause.retryability() {
            jobs::state::Retryability::Permanent => "never: another run cannot help",
            jobs::state::Retryability::Retry => "while the pipeline's attempts last",
            jobs::state::Retryability::RetryOnce => "once",
            jobs::state::Retryability::Wait => {
                "until the job's deadline; uses up time, not attempts"
            }
        };
        let _ = writeln!(text, "| `{}` | {retryability} |", cause.name());
    }
    text
}

fn samples(at: Timestamp) -> HashMap<&'static str, State> {
    let State::Submitting {
        attempt,
        deadline,
        budget,
        ..
    } = first(&context(at, 1), &policy())
    else {
        unreachable!()
    };
    let all = [
        first(&context(at, 1), &policy()),
        State::InProgress {
            attempt,
            deadline,
            budget,
        },
        State::RetryScheduled {
            next: attempt,
            due: at,
            budget,
        },
        State::Ready { attempt },
        State::Failed {
            attempt,
            failure: Failure::new(Cause::Lost, ""),
        },
        State::Cancelled { attempt },
        State::Erased { attempt },
    ];
    all.into_iter().map(|state| (state.name(), state)).collect()
}
