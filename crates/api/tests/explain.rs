//! The explanation of a job in every typical situation, as a text for review: `explain.golden.txt` beside this file.
//! `make docs` updates it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use api::explain::{Explanation, JobAction, WaitsOn, explain};
use jobs::id::{Attempt, Timestamp};
use jobs::job::Job;
use jobs::model_version::{AttemptModel, ModelVersion};
use jobs::state::{Cause, Failure, RetryBudget, State};
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

/// A ready job that support runs again, at the endpoint.
fn run_again(ready: &Job, budget: RetryBudget) -> Job {
    let mut ready = ready.clone();
    ready.attempts[0].model = Some(AttemptModel {
        version: ModelVersion::new("Legal-1", None),
        other: None,
        uncertain: false,
    });
    let budget = RetryBudget {
        earlier_result: Attempt(1),
        last_attempt: Attempt(2),
        ..budget
    };
    let requested = ready.advanced(
        &Event::RunAgain {
            actor: "sam@docket.example".to_owned(),
            reason: "model 2.4 reads annexes".to_owned(),
            newest: Attempt(1),
        },
        State::RetryScheduled {
            next: Attempt(2),
            due: after(&ready, 6),
            budget,
        },
        after(&ready, 6),
    );
    let started = requested.advanced(
        &Event::CheckDue {
            attempt: Attempt(2),
            due: None,
            evidence: Evidence::NotChecked,
        },
        State::Submitting {
            attempt: Attempt(2),
            lease_token: jobs::id::LeaseToken(2),
            lease_expires_at: after(&ready, 8),
            deadline: after(&ready, 398),
            budget,
        },
        after(&ready, 6),
    );
    let accepted = Event::Accepted {
        attempt: Attempt(2),
        output: None,
        failure: None,
    };
    let state = State::InProgress {
        attempt: Attempt(2),
        deadline: after(&ready, 398),
        budget,
    };
    started.advanced(&accepted, state, after(&ready, 6))
}

struct Case {
    title: String,
    job: Job,
    /// When the job is explained, in minutes after its creation.
    minutes: u64,
}

fn case(title: impl Into<String>, job: Job, minutes: u64) -> Case {
    Case {
        title: title.into(),
        job,
        minutes,
    }
}

fn cases() -> Vec<Case> {
    let all = jobs();
    let budget_of = |job: &Job| match job.state {
        State::InProgress { budget, .. } => budget,
        _ => panic!("{:?}", job.state),
    };
    let mut cases = vec![
        case("just uploaded", all[0].clone(), 0),
        case("at the endpoint", running(), 3),
        case("at the endpoint, stalled", running(), 480),
        case("waiting for a retry", all[2].clone(), 1),
        case("waiting for a retry, stalled", all[2].clone(), 60),
        case("ready", all[3].clone(), 5),
        case("ready, found by a check", all[4].clone(), 5),
        case("cancelled", all[6].clone(), 5),
        case("retried by support", all[7].clone(), 2),
        case("erased", all[8].clone(), 5),
        case("paused before its second attempt", all[9].clone(), 3),
    ];
    let uploaded = all[0].clone();
    let waiting = Job {
        state: State::Queued {
            next: Attempt(1),
            since: uploaded.created_at,
            start_by: None,
            urgent: false,
            budget: budget_of(&running()),
        },
        attempts: vec![],
        ..uploaded
    };
    cases.push(case("paused since its upload", waiting.clone(), 100));
    let cancel = Event::Cancel {
        actor: "ops@example.com".to_owned(),
        reason: "the wrong file".to_owned(),
    };
    let cancelled = State::Cancelled {
        attempt: Attempt(1),
    };
    let cancelled = waiting.advanced(&cancel, cancelled, after(&waiting, 101));
    cases.push(case("cancelled while paused", cancelled, 102));
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
    cases.push(case("refused by the endpoint", refused, 1));
    let lost = running();
    let scheduled = lost.advanced(
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
    let started = scheduled.advanced(
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
    cases.push(case("lost once, then sent again", started, 401));
    let late = failed(Cause::ModelError, "500");
    let corrected = late.advanced(
        &Event::Succeeded {
            attempt: Attempt(1),
            output: jobs::id::Location {
                bucket: "docket-jobs".to_owned(),
                key: "outbound/legal-review/x.out".to_owned(),
            },
            unexpected_content_type: None,
            pages: None,
        },
        State::Ready {
            attempt: Attempt(1),
        },
        after(&late, 30),
    );
    cases.push(case("corrected", corrected, 31));
    let mut html = jobs()
        .into_iter()
        .find(|job| job.state.name() == "Ready")
        .unwrap();
    html.attempts[0].unexpected_content_type = Some("text/html".to_owned());
    cases.push(case("ready, of another media type", html, 31));
    cases.push(case(
        "run again",
        run_again(&all[3], budget_of(&running())),
        7,
    ));
    for cause in Cause::ALL {
        let detail = match cause {
            Cause::Lost | Cause::Superseded => "",
            Cause::ModelRejected => "broken PDF: it has no end (no startxref)",
            _ => "message of the endpoint",
        };
        let title = format!("failed: {}", cause.name());
        cases.push(case(title, failed(cause, detail), 10));
    }
    let mut sent = running();
    sent.attempts[0].model = Some(AttemptModel {
        version: ModelVersion::new("Legal-1", None),
        other: Some(ModelVersion::new("Legal-2", None)),
        uncertain: true,
    });
    cases.push(case("in progress, with its model", sent, 2));
    let mut answered = failed(Cause::ModelError, "prediction failed");
    let status = |failure: &mut Failure| failure.container_status = Some(424);
    answered.attempts[0].failure.as_mut().map(status);
    if let State::Failed { failure, .. } = &mut answered.state {
        status(failure);
    }
    cases.push(case("failed: the container's status", answered, 10));
    let mut used_up = failed(Cause::ModelError, "500");
    used_up.state = State::Failed {
        attempt: Attempt::MAX,
        failure: Failure::new(Cause::ModelError, "500"),
    };
    cases.push(case("failed in the last attempt", used_up, 10));
    cases
}

/// The explanation as text, with times as minutes since the job was created.
fn to_text(job: &Job, explanation: &Explanation) -> String {
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
fn explanations_match_the_golden_file() {
    let mut text = String::new();
    for case in cases() {
        let Case {
            title,
            job,
            minutes,
        } = case;
        let explanation = explain(&job, after(&job, minutes));
        writeln!(text, "{title}\n{}", to_text(&job, &explanation)).unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/explain.golden.txt");
    let update = std::env::var_os("UPDATE_DOCS").is_some();
    if update {
        std::fs::write(&path, &text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text, golden, "`make docs` updates {}", path.display());
}

#[test]
fn explanation_of_an_open_job_offers_cancel_and_that_of_a_final_job_does_not() {
    for case in cases() {
        let Case {
            title,
            job,
            minutes,
        } = case;
        let now = after(&job, minutes);
        let explanation = explain(&job, now);
        let open = job.state.is_open();
        assert_eq!(explanation.waiting.is_some(), open, "{title}");
        // The wait for a turn has no limit.
        let waits_for_turn = matches!(job.state, State::Queued { start_by: None, .. });
        assert_eq!(explanation.next.is_empty(), waits_for_turn, "{title}");
        assert!(explanation.next.is_sorted_by_key(|step| step.at), "{title}");
        assert!(
            explanation.timeline.is_sorted_by_key(|step| step.at),
            "{title}"
        );
        let offers = |action| explanation.help.iter().any(|help| help.action == action);
        let may_be_cancelled = open && job.earlier_result() == Attempt::NONE;
        assert_eq!(offers(JobAction::Cancel), may_be_cancelled, "{title}");
        assert!(!(open && offers(JobAction::Retry)), "{title}");
        let stalled = explanation
            .waiting
            .is_some_and(|waiting| waiting.on == WaitsOn::Stalled);
        assert_eq!(stalled, title.ends_with("stalled"), "{title}");
    }
}
