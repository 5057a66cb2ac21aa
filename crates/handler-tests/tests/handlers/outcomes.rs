//! What becomes of the endpoint's notifications: the real handlers over in-memory ports.

mod input_changes;
mod model_answers;
mod result_pages;

use crate::fixtures::{
    BUCKET, PDF, TestApp, advance, app, batch, failed, failures, job, run, succeeded, upload_event,
    write_output,
};
use functions::handlers::{inference_error, inference_success, retry, upload_trigger};
use jobs::id::Attempt;
use jobs::state::{Cause, State};

const KEY: &str = "inbound/acme/nda.pdf";

/// An app with one job in progress.
fn submitted() -> TestApp {
    let app = app();
    let version = app.ports.put(BUCKET, KEY, PDF);
    let response = run(upload_trigger::handle(
        &app,
        batch(&app, &[upload_event(KEY, &version)], 1),
    ))
    .unwrap();
    assert!(failures(&response).is_empty());
    app
}

fn success(app: &TestApp, body: &str, received: u32) -> usize {
    run(inference_success::handle(
        app,
        batch(app, &[body.to_owned()], received),
    ))
    .unwrap()
    .batch_item_failures
    .len()
}

fn error(app: &TestApp, body: &str) -> usize {
    run(inference_error::handle(
        app,
        batch(app, &[body.to_owned()], 1),
    ))
    .unwrap()
    .batch_item_failures
    .len()
}

fn run_check(app: &TestApp) -> usize {
    let check = app
        .ports
        .state()
        .checks
        .pop()
        .expect("a retry was scheduled")
        .message;
    let body = serde_json::json!({"job_id": check.job.to_string(), "attempt": check.attempt.0, "due": check.due.map(|due| due.0)})
        .to_string();
    run(retry::handle(app, batch(app, &[body], 1)))
        .unwrap()
        .batch_item_failures
        .len()
}

fn fail_with(app: &TestApp, answer: &[u8], reason: &str) -> jobs::state::Failure {
    let before = job(app, KEY);
    let place = before.attempts.last().unwrap().failure_object.clone();
    let place = place.unwrap();
    app.ports.put(&place.bucket, &place.key, answer);
    assert_eq!(error(app, &failed(&before, reason)), 0);
    job(app, KEY).failure().unwrap().clone()
}

const SERVER_ERROR: &str =
    "ClientError: Received server error (500) from model. See the SageMaker Endpoint logs.";
const CLIENT_ERROR: &str =
    "ClientError: Received client error (400) from model. See the SageMaker Endpoint logs.";

/// Guarantee 3: `Ready` means that the output object exists, its location is recorded, and it was made from this version
/// of the input.
#[test]
fn success_notification_with_output_object_makes_the_job_ready() {
    let app = submitted();
    let before = job(&app, KEY);
    let output = write_output(&app, &before);
    assert_eq!(success(&app, &succeeded(&before, &output), 1), 0);
    let ready = job(&app, KEY);
    assert_eq!(
        ready.state,
        State::Ready {
            attempt: Attempt::FIRST
        }
    );
    assert_eq!(ready.output().unwrap().to_string(), output);
    assert_eq!(app.ports.state().events[0].0, "JobReady");
}

#[test]
fn success_without_output_object_is_redelivered_and_then_retried() {
    let app = submitted();
    let before = job(&app, KEY);
    let body = succeeded(
        &before,
        &before.attempts[0].output.as_ref().unwrap().to_string(),
    );
    for received in 1..=3 {
        assert_eq!(success(&app, &body, received), 1, "comes back");
        assert!(matches!(job(&app, KEY).state, State::InProgress { .. }));
    }
    assert_eq!(success(&app, &body, 4), 0);
    assert!(matches!(
        job(&app, KEY).state,
        State::RetryScheduled {
            next: Attempt(2),
            ..
        }
    ));
}

/// S3 refuses to read an output, or a failure object, from now on: also to say whether it is there.
fn refuse_output(app: &TestApp, place: &jobs::id::Location) {
    app.ports
        .state()
        .refused_reads
        .insert(place.key.clone(), "AccessDenied");
}

const UNREADABLE_RESULT: &str = "the result cannot be read (AccessDenied)";

#[test]
fn success_whose_output_cannot_be_read_is_redelivered_and_then_retried() {
    let app = submitted();
    let before = job(&app, KEY);
    let output = write_output(&app, &before);
    refuse_output(&app, before.attempts[0].output.as_ref().unwrap());
    for received in 1..=3 {
        assert_eq!(success(&app, &succeeded(&before, &output), received), 1);
        assert!(matches!(job(&app, KEY).state, State::InProgress { .. }));
    }
    assert_eq!(success(&app, &succeeded(&before, &output), 4), 0);
    let after = job(&app, KEY);
    assert!(matches!(after.state, State::RetryScheduled { .. }));
    let failure = after.failure().unwrap();
    assert_eq!(
        (failure.cause, failure.detail.as_str()),
        (Cause::Unknown, UNREADABLE_RESULT)
    );
    // The result counts as soon as it can be read.
    app.ports.state().refused_reads.clear();
    assert_eq!(success(&app, &succeeded(&before, &output), 1), 0);
    assert!(matches!(job(&app, KEY).state, State::Ready { .. }));
}

fn check_of_first_attempt(app: &TestApp, received: u32) -> usize {
    let id = job(app, KEY).id.to_string();
    let body = serde_json::json!({"job_id": id, "attempt": 1}).to_string();
    let response = run(retry::handle(app, batch(app, &[body], received))).unwrap();
    response.batch_item_failures.len()
}

/// Guarantee 2: every job ends.
#[test]
fn check_of_an_output_that_cannot_be_read_fails_the_attempt() {
    let app = submitted();
    let before = job(&app, KEY);
    write_output(&app, &before);
    refuse_output(&app, before.attempts[0].output.as_ref().unwrap());
    assert_eq!(check_of_first_attempt(&app, 1), 1, "it comes back");
    assert_eq!(check_of_first_attempt(&app, 2), 0);
    let after = job(&app, KEY);
    assert!(matches!(after.state, State::RetryScheduled { .. }));
    assert_eq!(after.failure().unwrap().detail, UNREADABLE_RESULT);
}

/// A policy that denies a prefix denies what is not there as well.
#[test]
fn check_of_an_output_that_is_not_there_waits_although_it_could_not_be_read() {
    let app = submitted();
    let before = job(&app, KEY);
    refuse_output(&app, before.attempts[0].output.as_ref().unwrap());
    refuse_output(&app, before.attempts[0].failure_object.as_ref().unwrap());
    for received in [1, 2] {
        assert_eq!(check_of_first_attempt(&app, received), 0);
        assert_eq!(job(&app, KEY), before);
    }
}

#[test]
fn check_of_a_failure_object_that_cannot_be_read_fails_the_attempt_without_a_reason() {
    let app = submitted();
    let place = job(&app, KEY).attempts[0].failure_object.clone().unwrap();
    app.ports.put(&place.bucket, &place.key, b"no xref");
    refuse_output(&app, &place);
    assert_eq!(check_of_first_attempt(&app, 1), 0);
    let after = job(&app, KEY);
    assert!(matches!(after.state, State::RetryScheduled { .. }));
    assert_eq!(
        after.failure().unwrap().detail,
        "the model failed without a readable reason"
    );
}

/// Guarantee 4: a late or duplicated message never overwrites a final state, with one exception: a success of any attempt
/// counts unless the job is `Ready` or `Cancelled`.
#[test]
fn late_and_duplicate_messages_do_not_change_a_final_job() {
    let app = submitted();
    let before = job(&app, KEY);
    let output = write_output(&app, &before);
    success(&app, &succeeded(&before, &output), 1);
    let ready = job(&app, KEY);
    assert_eq!(success(&app, &succeeded(&before, &output), 1), 0);
    assert_eq!(error(&app, &failed(&before, SERVER_ERROR)), 0);
    assert_eq!(error(&app, &failed(&before, CLIENT_ERROR)), 0);
    assert_eq!(job(&app, KEY), ready);
}

#[test]
fn late_success_of_a_failed_job_is_published_as_a_correction() {
    let app = submitted();
    let before = job(&app, KEY);
    error(&app, &failed(&before, CLIENT_ERROR));
    assert!(
        matches!(&job(&app, KEY).state, State::Failed { failure, .. } if failure.cause == Cause::ModelRejected)
    );
    let output = write_output(&app, &before);
    assert_eq!(success(&app, &succeeded(&before, &output), 1), 0);
    assert!(matches!(job(&app, KEY).state, State::Ready { .. }));
    let published: Vec<_> = app
        .ports
        .state()
        .events
        .iter()
        .map(|(kind, _)| *kind)
        .collect();
    assert_eq!(published, ["JobFailed", "JobReady"]);
}

#[test]
fn success_of_an_older_attempt_counts_and_its_failure_does_not() {
    let app = submitted();
    let first = job(&app, KEY);
    error(&app, &failed(&first, SERVER_ERROR));
    assert_eq!(run_check(&app), 0);
    let second = job(&app, KEY);
    assert!(matches!(
        second.state,
        State::InProgress {
            attempt: Attempt(2),
            ..
        }
    ));
    assert_eq!(
        error(&app, &failed(&first, SERVER_ERROR)),
        0,
        "stale evidence is acknowledged"
    );
    assert_eq!(job(&app, KEY), second);
    let place = first.attempts[0].output.clone().unwrap();
    app.ports.put(&place.bucket, &place.key, b"{}");
    assert_eq!(success(&app, &succeeded(&first, &place.to_string()), 1), 0);
    assert_eq!(
        job(&app, KEY).state,
        State::Ready {
            attempt: Attempt::FIRST
        }
    );
}

#[test]
fn transient_failures_are_retried_until_the_attempts_are_used_up() {
    let app = submitted();
    for attempt in 1..=3 {
        let running = job(&app, KEY);
        assert!(
            matches!(running.state, State::InProgress { .. })
                && running.state.attempt() == Attempt(attempt),
            "{:?}",
            running.state
        );
        assert_eq!(error(&app, &failed(&running, SERVER_ERROR)), 0);
        if attempt < 3 {
            assert!(matches!(job(&app, KEY).state, State::RetryScheduled { .. }));
            advance(&app, 900_000);
            assert_eq!(run_check(&app), 0);
        }
    }
    let done = job(&app, KEY);
    assert!(
        matches!(&done.state, State::Failed { failure, .. } if failure.cause == Cause::ModelError)
    );
    assert_eq!(app.ports.state().invocations.len(), 3);
    assert_eq!(done.attempts.len(), 3);
}

#[test]
fn outputs_of_all_attempts_are_checked_before_the_job_fails() {
    let app = submitted();
    let before = job(&app, KEY);
    write_output(&app, &before);
    assert_eq!(error(&app, &failed(&before, CLIENT_ERROR)), 0);
    assert_eq!(
        job(&app, KEY).state,
        State::Ready {
            attempt: Attempt::FIRST
        }
    );
}

#[test]
fn output_of_an_unanswered_invocation_is_found_by_its_key_prefix() {
    let app = submitted();
    let before = job(&app, KEY);
    app.ports.put(
        BUCKET,
        &format!("outbound/legal-review/{}/a1/other.out", before.id),
        b"{}",
    );
    assert_eq!(error(&app, &failed(&before, CLIENT_ERROR)), 0);
    assert!(
        job(&app, KEY)
            .output()
            .unwrap()
            .key
            .ends_with("a1/other.out")
    );
}

#[test]
fn notification_that_arrives_before_the_invocation_is_recorded_counts() {
    let app = app();
    let version = app.ports.put(BUCKET, KEY, PDF);
    // The call goes through, the record of it does not.
    app.ports.state().fail_before.insert("save", 1);
    let body = upload_event(KEY, &version);
    assert_eq!(
        run(upload_trigger::handle(
            &app,
            batch(&app, std::slice::from_ref(&body), 1)
        ))
        .unwrap()
        .batch_item_failures
        .len(),
        1
    );
    let submitting = job(&app, KEY);
    assert!(matches!(submitting.state, State::Submitting { .. }));
    let output = format!(
        "s3://{BUCKET}/outbound/legal-review/{}/a1/x.out",
        submitting.id
    );
    app.ports.put(
        BUCKET,
        output.strip_prefix(&format!("s3://{BUCKET}/")).unwrap(),
        b"{}",
    );
    assert_eq!(success(&app, &succeeded(&submitting, &output), 1), 0);
    assert!(matches!(job(&app, KEY).state, State::Ready { .. }));
    advance(&app, 66_000);
    assert_eq!(
        run(upload_trigger::handle(&app, batch(&app, &[body], 1)))
            .unwrap()
            .batch_item_failures
            .len(),
        0
    );
    assert_eq!(app.ports.state().invocations.len(), 1, "no second run");
}

#[test]
fn notification_of_an_unknown_job_is_redelivered_and_then_quarantined() {
    let app = app();
    let body = include_str!("../../../../events/inference-success/completed.json");
    for received in 1..=3 {
        assert_eq!(success(&app, body, received), 1);
    }
    assert_eq!(success(&app, body, 4), 0);
    assert_eq!(app.ports.state().quarantine[0].cause, "UnknownJob");
}

#[test]
fn notification_with_a_foreign_inference_id_is_quarantined_at_once() {
    let app = app();
    let job_id = jobs::id::JobId::of_key(BUCKET, KEY).to_string();
    let body = include_str!("../../../../events/inference-success/completed.json").replace(
        &format!("{job_id}.a1\""),
        "6f1c1b9e-9e7e-4d0e-8a53-6d1a7a0e7c11\"",
    );
    assert_eq!(success(&app, &body, 1), 0);
    assert_eq!(app.ports.state().quarantine[0].cause, "Malformed");
}

#[test]
fn notification_with_output_outside_the_pipeline_prefix_is_quarantined() {
    let app = submitted();
    let before = job(&app, KEY);
    for place in [
        "s3://evil/outbound/legal-review/x.out",
        "s3://docket-jobs/outbound/ocr-batch/x.out",
        "s3://docket-jobs/inbound/acme/nda.pdf",
    ] {
        assert_eq!(success(&app, &succeeded(&before, place), 1), 0);
    }
    assert_eq!(job(&app, KEY), before);
    assert_eq!(
        app.ports.state().quarantine.len(),
        1,
        "the same message is kept once"
    );
    assert_eq!(app.ports.state().quarantine[0].cause, "Contradiction");
}

#[test]
fn notification_of_an_attempt_that_was_never_made_is_quarantined() {
    let app = submitted();
    let before = job(&app, KEY);
    let body = failed(&before, SERVER_ERROR).replace(".a1", ".a7");
    assert_eq!(error(&app, &body), 0);
    assert_eq!(job(&app, KEY), before);
    assert_eq!(app.ports.state().quarantine[0].cause, "Contradiction");
}

#[test]
fn test_notification_is_acknowledged_and_ignored() {
    let app = app();
    assert_eq!(
        success(
            &app,
            include_str!("../../../../events/inference-success/test-notification.json"),
            1
        ),
        0
    );
    assert!(app.ports.state().quarantine.is_empty());
}

#[test]
fn failed_event_publication_causes_redelivery_of_the_message() {
    let app = submitted();
    let before = job(&app, KEY);
    let output = write_output(&app, &before);
    app.ports.state().fail_before.insert("publish", 1);
    assert_eq!(success(&app, &succeeded(&before, &output), 1), 1);
    assert_eq!(success(&app, &succeeded(&before, &output), 2), 0);
    assert_eq!(app.ports.state().events.len(), 1);
}

/// Guarantee 10: every effect of a state (invoke, retry message, push, event) runs at least once.
#[test]
fn result_found_while_failing_is_published_even_if_the_first_publication_failed() {
    let app = submitted();
    let before = job(&app, KEY);
    write_output(&app, &before);
    app.ports.state().fail_before.insert("publish", 1);
    assert_eq!(error(&app, &failed(&before, CLIENT_ERROR)), 1);
    assert_eq!(error(&app, &failed(&before, CLIENT_ERROR)), 0);
    assert_eq!(app.ports.state().events.len(), 1);
}

#[test]
fn result_found_at_the_deadline_is_published_even_if_the_first_publication_failed() {
    let app = submitted();
    let before = job(&app, KEY);
    write_output(&app, &before);
    advance(&app, 24 * 3_600_000);
    let body = serde_json::json!({"job_id": before.id.to_string(), "attempt": 1}).to_string();
    app.ports.state().fail_before.insert("publish", 1);
    for (received, comes_back) in [(1, 1), (2, 0)] {
        let response = run(retry::handle(
            &app,
            batch(&app, std::slice::from_ref(&body), received),
        ))
        .unwrap();
        assert_eq!(response.batch_item_failures.len(), comes_back);
    }
    assert!(matches!(job(&app, KEY).state, State::Ready { .. }));
    assert_eq!(app.ports.state().events.len(), 1);
}

#[test]
fn correction_event_is_marked_as_a_correction() {
    let app = submitted();
    let before = job(&app, KEY);
    error(&app, &failed(&before, CLIENT_ERROR));
    let output = write_output(&app, &before);
    success(&app, &succeeded(&before, &output), 1);
    assert!(job(&app, KEY).corrected);
}
