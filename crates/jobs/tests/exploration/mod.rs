//! Applies every event to every reachable state, and checks each decision.

pub(crate) mod document;
pub(crate) mod events;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use jobs::id::{Attempt, Timestamp};
use jobs::state::{Cause, State};
use jobs::transition::{
    Advance, Decision, Event, Evidence, HeldBy, IgnoreReason, TransitionError, first, first_queued,
    transition,
};

use events::{context, events, moments, policy, rank, shape};

#[derive(Default)]
pub(crate) struct Walk {
    pub(crate) states: usize,
    pub(crate) steps: usize,
    /// state → event → possible results
    pub(crate) table: BTreeMap<(&'static str, String), BTreeSet<String>>,
    pub(crate) edges: BTreeSet<(&'static str, String, &'static str)>,
}

pub(crate) fn phase(name: &str) -> usize {
    [
        "Queued",
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

pub(crate) fn walk() -> Walk {
    let policy = policy();
    let start = Timestamp(1_000_000);
    let initial = [
        first(&context(start, 1), &policy),
        first_queued(HeldBy::Pause, start, &policy),
        first_queued(HeldBy::Breaker, start, &policy),
    ];
    let mut out = Walk::default();
    let mut seen: HashSet<String> = initial
        .iter()
        .map(|state| format!("{} 0", shape(state, start)))
        .collect();
    let mut queue: Vec<_> = initial.map(|state| (state, start, 0u8)).into();
    while let Some((state, now, retries)) = queue.pop() {
        out.states += 1;
        assert_eq!(
            !state.is_open(),
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
                // Two manual retries or runs again show everything that a third could.
                if is_retry(&event) && retries == 2 {
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
                        let again = retries + u8::from(is_retry(&event));
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

const fn is_retry(event: &Event) -> bool {
    matches!(event, Event::Retry { .. } | Event::RunAgain { .. })
}

fn earlier_result(state: &State) -> Attempt {
    let budget = state.budget();
    budget.map_or(Attempt::NONE, |budget| budget.earlier_result)
}

fn check(
    state: &State,
    event: &Event,
    now: Timestamp,
    decision: &Result<Decision, TransitionError>,
) {
    let context_text = || format!("{state:?}\n  + {event:?} at {now:?}\n  = {decision:?}");
    let by_person = is_retry(event) || matches!(event, Event::Urgent { .. });
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
                let released = matches!((state, next), (State::Queued { next: a, .. }, State::Submitting { attempt: b, .. }) if a == b);
                let held = matches!((event, state, next), (Event::Held { .. }, State::RetryScheduled { next: a, .. } | State::Queued { next: a, .. }, State::Queued { next: b, .. }) if a == b);
                let refused = matches!((event, next), (Event::SubmitFailed { failure, .. }, State::RetryScheduled { .. } | State::Queued { .. }) if matches!(failure.cause, Cause::Refused | Cause::EndpointDown));
                assert!(
                    rank(state, now) < rank(next, now)
                        || takes_over
                        || starts
                        || released
                        || held
                        || refused,
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
                State::Ready { .. } if matches!(event, Event::RunAgain { .. }) => {
                    assert_ne!(earlier_result(next), Attempt::NONE, "{}", context_text());
                }
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
                State::Queued { .. }
                | State::Submitting { .. }
                | State::InProgress { .. }
                | State::RetryScheduled { .. } => {}
            }
            check_queued(state, event, next, now, &context_text);
            // A result stays: a job that is run again ends with a new result, or with the earlier one.
            match earlier_result(state) {
                Attempt::NONE => {}
                earlier => match next {
                    State::Ready { attempt } => {
                        assert!(*attempt >= earlier, "{}", context_text());
                    }
                    State::Queued { .. }
                    | State::Submitting { .. }
                    | State::InProgress { .. }
                    | State::RetryScheduled { .. } => {
                        assert_eq!(earlier_result(next), earlier, "{}", context_text());
                    }
                    State::Failed { .. } | State::Cancelled { .. } | State::Erased { .. } => {
                        panic!("the earlier result is lost: {}", context_text())
                    }
                },
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
                    State::Queued { .. }
                    | State::Submitting { .. }
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
    // No attempt is declared lost without evidence, and no job ends without it.
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

/// A job is held only before an attempt, a queued job leaves the queue only by a check, a result, a newer version or a
/// person, and the time in the queue does not count during a pause.
fn check_queued(
    state: &State,
    event: &Event,
    next: &State,
    now: Timestamp,
    context_text: &dyn Fn() -> String,
) {
    let is_down = matches!(event, Event::SubmitFailed { failure, .. } | Event::AttemptFailed { failure, .. } if failure.cause == Cause::EndpointDown);
    match (event, next) {
        (Event::Held { .. }, State::Queued { .. }) => assert!(
            matches!(state, State::RetryScheduled { .. } | State::Queued { .. }),
            "{}",
            context_text()
        ),
        // No attempt can end by the job's deadline any more.
        (Event::Held { by, .. }, _) => {
            assert_eq!(*by, HeldBy::Breaker, "{}", context_text());
            let start_by = state.budget().map(|budget| budget.expires_at.0 - 100_000);
            assert!(start_by.is_some_and(|at| now.0 > at), "{}", context_text());
        }
        (Event::Urgent { .. }, State::Queued { urgent, .. }) => {
            assert!(urgent, "{}", context_text());
        }
        (_, State::Queued { start_by, .. }) => {
            assert!(is_down && start_by.is_some(), "{}", context_text())
        }
        _ => {}
    }
    if let (
        State::Queued {
            since,
            start_by: None,
            budget,
            ..
        },
        State::Submitting {
            budget: released, ..
        },
    ) = (state, next)
    {
        assert!(
            matches!(event, Event::CheckDue { .. }),
            "{}",
            context_text()
        );
        assert_eq!(released.last_attempt, budget.last_attempt);
        assert_eq!(
            released.expires_at.since(now),
            budget.expires_at.since(*since),
            "the time in the queue counted: {}",
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
        | Event::Held { .. }
        | Event::Succeeded { .. }
        | Event::AttemptFailed { .. }
        | Event::Overwritten => event.clone(),
        // Not triggered by messages of their own: they occur while another message is processed.
        Event::Accepted { .. }
        | Event::SubmitFailed { .. }
        | Event::Retry { .. }
        | Event::RunAgain { .. }
        | Event::Urgent { .. }
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
