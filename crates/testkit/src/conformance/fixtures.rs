//! Jobs for the suite and for other tests.

use std::time::Duration;

use jobs::id::{Attempt, JobId, LeaseToken, Location, Tenant, Timestamp};
use jobs::input::Input;
use jobs::job::{AttemptRecord, Job, NewJob};
use jobs::labels::Labels;
use jobs::state::{Cause, Failure, RetryBudget, State};
use jobs::transition::{Event, Evidence, HeldBy, Policy};

use crate::fixture::AdvanceJob as _;

/// A job with a value in every field, in the tenant `unique`.
pub fn full_job(bucket: &str, unique: &str, number: u64) -> Job {
    let key = format!("inbound/{unique}/Mietvertrag Müller + Söhne {number}.pdf");
    let policy = Policy {
        max_attempts: 3,
        backoff_seconds: vec![30, 300, 1800],
        max_attempt_seconds: 23_520,
        job_deadline_seconds: 82_800,
    };
    let input = Input {
        bucket: bucket.to_owned(),
        key: key.clone(),
        version: "3sL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY".to_owned(),
        etag: "9b2cf535f27731c974343645a3985328".to_owned(),
        bytes: 3_141_592,
        content_type: "application/pdf".to_owned(),
        name: Some("Mietvertrag Müller + Söhne.pdf".to_owned()),
        uploaded_by: Some("b1946ac9-2492-4e1f-8d3b-0a1c2d3e4f50".to_owned()),
        labels: Labels::default(),
    };
    let now = Timestamp(1_767_607_442_118 + number * 1000);
    let budget = RetryBudget {
        last_attempt: Attempt(3),
        expires_at: now.plus(Duration::from_secs(82_800)),
        earlier_result: Attempt::NONE,
    };
    let deadline = now.plus(Duration::from_secs(23_520));
    let state = State::Submitting {
        attempt: Attempt(1),
        lease_token: LeaseToken(u64::MAX - number),
        lease_expires_at: now.plus(Duration::from_secs(65)),
        deadline,
        budget,
    };
    let tenant = unique.parse().unwrap_or_else(|_| Tenant::fallback());
    Job::new(NewJob {
        id: JobId::of_key(bucket, &key),
        tenant,
        pipeline: "legal-review".to_owned(),
        row_ttl_days: 180,
        policy,
        input,
        trace_id: "1-5759e988-bd862e3fe1be46a994272793".parse().ok(),
        state,
        created_at: now,
    })
}

/// A job of tenant `acme` in bucket `docket-jobs`, in the state with this name.
///
/// # Panics
/// If no state has this name.
#[expect(clippy::expect_used, reason = "a mistake of the test")]
pub fn job_in_state(name: &str) -> Job {
    one_in_every_state("docket-jobs", "acme")
        .into_iter()
        .find(|job| job.state.name() == name)
        .expect("a state has this name")
}

/// The record of an open attempt, before the endpoint accepted it.
pub const fn open_attempt(number: u8, started_at: Timestamp) -> AttemptRecord {
    AttemptRecord {
        attempt: Attempt(number),
        started_at,
        may_run_twice: false,
        output: None,
        failure_object: None,
        closed_at: None,
        failure: None,
        unexpected_content_type: None,
        pages: None,
        model_tag: None,
        model: None,
    }
}

/// A job in every state, all derived from the same first version.
pub fn one_in_every_state(bucket: &str, unique: &str) -> Vec<Job> {
    let job = full_job(bucket, unique, 0);
    let State::Submitting {
        attempt,
        deadline,
        budget,
        ..
    } = job.state
    else {
        return vec![];
    };
    let output = Location {
        bucket: bucket.to_owned(),
        key: format!("outbound/legal-review/{}/a1/0c6b1f9679f3.out", job.id),
    };
    let failure_object = Location {
        bucket: "another-bucket".to_owned(),
        key: "failure/legal-review/0c6b-error.out".to_owned(),
    };
    let at = |ms| job.created_at.plus(Duration::from_millis(ms));
    let failure = Failure::new(
        Cause::ModelError,
        "ClientError: Received server error (500) from model.",
    )
    .with_container_status(Some(500));
    let accepted = Event::Accepted {
        attempt,
        output: Some(output.clone()),
        failure: Some(failure_object),
    };
    let running = job.advanced(
        &accepted,
        State::InProgress {
            attempt,
            deadline,
            budget,
        },
        at(180),
    );
    let failed = Event::AttemptFailed {
        attempt,
        failure: failure.clone(),
    };
    let retry = State::RetryScheduled {
        next: attempt.next(),
        due: at(90_000),
        budget,
    };
    let user_command = |is_cancel: bool| {
        let (actor, reason) = (
            "ops@example.com".to_owned(),
            "the client sent the wrong file; \"again\"\n".to_owned(),
        );
        if is_cancel {
            Event::Cancel { actor, reason }
        } else {
            Event::Retry { actor, reason }
        }
    };
    let erase = Event::Erase {
        actor: "ops@example.com".to_owned(),
        reason: "the client asked".to_owned(),
    };
    let found = Event::CheckDue {
        attempt,
        due: None,
        evidence: Evidence::Output {
            attempt,
            output: output.clone(),
            unexpected_content_type: None,
            pages: None,
        },
    };
    let queued = State::Queued {
        next: attempt.next(),
        since: at(91_000),
        start_by: None,
        urgent: false,
        budget,
    };
    let held = Event::Held {
        attempt: attempt.next(),
        due: Some(at(90_000)),
        by: HeldBy::Pause,
    };
    vec![
        job.clone(),
        running.clone(),
        running.advanced(&failed, retry.clone(), at(60_000)),
        running.advanced(
            &Event::Succeeded {
                attempt,
                output,
                unexpected_content_type: None,
                pages: None,
            },
            State::Ready { attempt },
            at(45_000),
        ),
        running.advanced(&found, State::Ready { attempt }, at(46_000)),
        running.advanced(&failed, State::Failed { attempt, failure }, at(60_000)),
        running.advanced(
            &user_command(true),
            State::Cancelled { attempt },
            at(61_000),
        ),
        running
            .advanced(&failed, retry.clone(), at(60_000))
            .advanced(
                &user_command(false),
                State::RetryScheduled {
                    next: attempt.next(),
                    due: at(62_000),
                    budget,
                },
                at(62_000),
            ),
        running
            .advanced(
                &user_command(true),
                State::Cancelled { attempt },
                at(61_000),
            )
            .advanced(&erase, State::Erased { attempt }, at(62_000)),
        running
            .advanced(&failed, retry, at(60_000))
            .advanced(&held, queued, at(91_000)),
    ]
}
