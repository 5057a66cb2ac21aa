//! What people are told about a job, for each kind of trouble, as a text that a person can read through and judge:
//! `explain.golden.txt` beside this file. `make docs` writes it anew.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use api::explain::{Action, Explanation, WaitsOn, explain};
use jobs::id::{Attempt, Timestamp};
use jobs::job::Job;
use jobs::state::{Cause, Failure, State};
use jobs::transition::{Event, Evidence};
use testkit::conformance::one_in_every_state;
use testkit::fixture::AdvanceJob as _;

fn jobs() -> Vec<Job> {
    one_in_every_state("docket-jobs", "acme")
}

fn running() -> Job {
    jobs().swap_remove(1)
}

fn after(job: &Job, minutes: u64) -> Timestamp {
    job.created_at.plus(Duration::from_secs(60 * minutes))
}

fn failed(cause: Cause, detail: &str) -> Job {
    let job = running();
    let failure = Failure::new(cause, detail);
    let attempt = Attempt(1);
    let event = Event::AttemptFailed {
        attempt,
        failure: failure.clone(),
    };
    job.advanced(&event, State::Failed { attempt, failure }, after(&job, 9))
}

/// Each kind of trouble, with the minutes after its beginning at which somebody asks.
fn cases() -> Vec<(String, Job, u64)> {
    let all = jobs();
    let budget_of = |job: &Job| match job.state {
        State::InProgress { budget, .. } => budget,
        _ => panic!("{:?}", job.state),
    };
    let mut cases = vec![
        ("just uploaded".to_owned(), all[0].clone(), 0),
        ("at the endpoint".to_owned(), running(), 3),
        (
            "at the endpoint, and nobody looks".to_owned(),
            running(),
            480,
        ),
        ("waiting for a retry".to_owned(), all[2].clone(), 1),
        (
            "waiting for a retry, and nobody starts it".to_owned(),
            all[2].clone(),
            60,
        ),
        ("ready".to_owned(), all[3].clone(), 5),
        (
            "ready, found when nobody told".to_owned(),
            all[4].clone(),
            5,
        ),
        ("canceled".to_owned(), all[6].clone(), 5),
        ("retried by support".to_owned(), all[7].clone(), 2),
    ];
    let refused = all[0].advanced(
        &Event::SubmitFailed {
            attempt: Attempt(1),
            lease_token: jobs::id::LeaseToken(1),
            failure: Failure::new(Cause::Refused, "ThrottlingException: Rate exceeded"),
        },
        State::RetryScheduled {
            next: Attempt(1),
            due: after(&all[0], 2),
            budget: budget_of(&running()),
        },
        after(&all[0], 1),
    );
    cases.push(("refused by the endpoint".to_owned(), refused, 1));
    let lost = running();
    let given_up = lost.advanced(
        &Event::CheckDue {
            attempt: Attempt(1),
            due: None,
            evidence: Evidence::NothingFound,
        },
        State::RetryScheduled {
            next: Attempt(2),
            due: after(&lost, 400),
            budget: budget_of(&lost),
        },
        after(&lost, 392),
    );
    let begun = given_up.advanced(
        &Event::CheckDue {
            attempt: Attempt(2),
            due: None,
            evidence: Evidence::NotChecked,
        },
        State::Submitting {
            attempt: Attempt(2),
            lease_token: jobs::id::LeaseToken(2),
            lease_expires_at: after(&lost, 402),
            deadline: after(&lost, 792),
            budget: budget_of(&lost),
        },
        after(&lost, 400),
    );
    cases.push(("lost once, and made again".to_owned(), begun, 401));
    let late = failed(Cause::ModelError, "500");
    let corrected = late.advanced(
        &Event::Succeeded {
            attempt: Attempt(1),
            output: jobs::id::Location {
                bucket: "docket-jobs".to_owned(),
                key: "outbound/legal-review/x.out".to_owned(),
            },
        },
        State::Ready {
            attempt: Attempt(1),
        },
        after(&late, 30),
    );
    cases.push(("corrected".to_owned(), corrected, 31));
    for cause in Cause::ALL {
        let detail = match cause {
            Cause::Lost | Cause::Superseded => "",
            Cause::ModelRejected => "broken PDF: it has no end (no startxref)",
            _ => "what was said about it",
        };
        cases.push((
            format!("failed: {}", cause.name()),
            failed(cause, detail),
            10,
        ));
    }
    let mut used_up = failed(Cause::ModelError, "500");
    used_up.state = State::Failed {
        attempt: Attempt::MAX,
        failure: Failure::new(Cause::ModelError, "500"),
    };
    cases.push(("failed for the twentieth time".to_owned(), used_up, 10));
    cases
}

/// Times as minutes since the job was made.
fn told(job: &Job, explanation: &Explanation) -> String {
    let minutes = |at: u64| {
        let seconds = at.saturating_sub(job.created_at.0) / 1000;
        format!("{:>6}:{:02}", seconds / 60, seconds % 60)
    };
    let mut text = format!("  {}\n", explanation.summary);
    if let Some(waiting) = &explanation.waiting {
        let on = serde_json::to_value(waiting.on).unwrap();
        writeln!(
            text,
            "  waits on {} since {}",
            on.as_str().unwrap(),
            minutes(waiting.since).trim()
        )
        .unwrap();
    }
    for (title, steps) in [
        ("happened", &explanation.timeline),
        ("next", &explanation.next),
    ] {
        for step in steps {
            write!(text, "  {title:<8} {} {}", minutes(step.at), step.what).unwrap();
            if let (Some(actor), Some(reason)) = (&step.actor, &step.reason) {
                write!(text, " ({actor}: {reason:?})").unwrap();
            }
            text.push('\n');
        }
    }
    for help in &explanation.help {
        let action = serde_json::to_value(help.action).unwrap();
        writeln!(
            text,
            "  help     {}: {}",
            action.as_str().unwrap(),
            help.why
        )
        .unwrap();
    }
    text
}

#[test]
fn every_kind_of_trouble_is_told_in_plain_words() {
    let mut text = String::new();
    for (title, job, minutes) in cases() {
        let explanation = explain(&job, after(&job, minutes));
        writeln!(text, "{title}\n{}", told(&job, &explanation)).unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/explain.golden.txt");
    let update = std::env::var_os("UPDATE_DOCS").is_some();
    if update {
        std::fs::write(&path, &text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text, golden, "`make docs` writes {} anew", path.display());
}

#[test]
fn an_open_job_says_what_comes_next_and_a_final_one_what_can_be_done() {
    for (title, job, minutes) in cases() {
        let now = after(&job, minutes);
        let explanation = explain(&job, now);
        let open = job.state.check_deadline().is_some();
        assert_eq!(explanation.waiting.is_some(), open, "{title}");
        assert!(!explanation.next.is_empty(), "{title}");
        assert!(explanation.next.is_sorted_by_key(|step| step.at), "{title}");
        assert!(
            explanation.timeline.is_sorted_by_key(|step| step.at),
            "{title}"
        );
        let may = |action| explanation.help.iter().any(|help| help.action == action);
        assert_eq!(may(Action::Cancel), open, "{title}");
        assert!(!(open && may(Action::Retry)), "{title}");
        let stalled = explanation
            .waiting
            .is_some_and(|waiting| waiting.on == WaitsOn::Stalled);
        assert_eq!(
            stalled,
            title.contains("nobody looks") || title.contains("nobody starts"),
            "{title}"
        );
    }
}
