//! What becomes of the endpoint's notifications: the real handlers over in-memory ports.

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
fn result_made_from_another_version_is_not_published() {
    let app = submitted();
    let before = job(&app, KEY);
    app.ports.put(BUCKET, KEY, PDF);
    let output = write_output(&app, &before);
    assert_eq!(success(&app, &succeeded(&before, &output), 1), 0);
    assert!(
        matches!(&job(&app, KEY).state, State::Failed { failure, .. } if failure.cause == Cause::Superseded)
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

/// The customer gets the model's message, not a reference to a log that only operators can read.
#[test]
fn rejected_document_fails_with_the_models_message() {
    let app = submitted();
    let before = job(&app, KEY);
    let place = before.attempts[0].failure_object.clone().unwrap();
    app.ports.put(&place.bucket, &place.key, br#"{"error":{"status":400,"code":"broken","reason":"the cross-reference table is missing"}}"#);
    assert_eq!(error(&app, &failed(&before, CLIENT_ERROR)), 0);
    let State::Failed { failure, .. } = job(&app, KEY).state else {
        panic!()
    };
    assert_eq!(
        (failure.cause, failure.detail.as_str()),
        (Cause::ModelRejected, "the cross-reference table is missing")
    );
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

/// The endpoint reads the version that is current when the request leaves its queue.
#[test]
fn failure_made_from_another_version_does_not_fail_the_job() {
    let app = submitted();
    let before = job(&app, KEY);
    app.ports.put(BUCKET, KEY, b"not a PDF at all");
    assert_eq!(error(&app, &failed(&before, CLIENT_ERROR)), 0);
    assert!(
        matches!(&job(&app, KEY).state, State::Failed { failure, .. } if failure.cause == Cause::Superseded)
    );
}

#[test]
fn result_of_an_object_that_was_replaced_and_then_deleted_is_not_published() {
    let app = submitted();
    let before = job(&app, KEY);
    app.ports.put(BUCKET, KEY, PDF);
    app.ports.put_object(BUCKET, KEY, None);
    let output = write_output(&app, &before);
    assert_eq!(success(&app, &succeeded(&before, &output), 1), 0);
    assert!(
        matches!(&job(&app, KEY).state, State::Failed { failure, .. } if failure.cause == Cause::Superseded)
    );
}

#[test]
fn retry_is_not_invoked_if_the_input_was_replaced() {
    let app = submitted();
    error(&app, &failed(&job(&app, KEY), SERVER_ERROR));
    app.ports.put(BUCKET, KEY, b"not a PDF at all");
    assert_eq!(run_check(&app), 0);
    assert!(
        matches!(&job(&app, KEY).state, State::Failed { failure, .. } if failure.cause == Cause::Superseded)
    );
    assert_eq!(app.ports.state().invocations.len(), 1);
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

fn fail_with(app: &TestApp, answer: &[u8], reason: &str) -> jobs::state::Failure {
    let before = job(app, KEY);
    let place = before.attempts.last().unwrap().failure_object.clone();
    let place = place.unwrap();
    app.ports.put(&place.bucket, &place.key, answer);
    assert_eq!(error(app, &failed(&before, reason)), 0);
    job(app, KEY).failure().unwrap().clone()
}

/// The words are known after the first attempt, not only after the last.
#[test]
fn models_message_is_recorded_at_each_failed_attempt() {
    let app = submitted();
    let body =
        b"Traceback (most recent call last):\n  File \"serve.py\", line 3\nValueError: no xref\n";
    let failure = fail_with(&app, body, SERVER_ERROR);
    assert_eq!(
        (failure.cause, failure.detail.as_str()),
        (Cause::ModelError, "ValueError: no xref")
    );
    assert!(matches!(job(&app, KEY).state, State::RetryScheduled { .. }));
}

#[test]
fn answer_without_a_readable_reason_keeps_the_status() {
    for (body, said, want) in [
        (
            &b""[..],
            "Received client error (422) from model. See …",
            "HTTP 422 without a readable reason",
        ),
        (
            b"{}",
            "Received client error (400) from model: page 3 is broken",
            "page 3 is broken",
        ),
        (
            b"\xff\xfe\x00",
            "Received server error (0) from model. See …",
            "the model failed without a readable reason",
        ),
    ] {
        let app = submitted();
        assert_eq!(fail_with(&app, body, said).detail, want);
    }
}

#[test]
fn statuses_that_say_nothing_about_the_document_are_retried() {
    for status in [409, 421, 423, 424, 425, 429] {
        let app = submitted();
        let said = format!("ClientError: Received client error ({status}) from model. See …");
        assert_eq!(error(&app, &failed(&job(&app, KEY), &said)), 0);
        let after = job(&app, KEY);
        assert!(
            matches!(after.state, State::RetryScheduled { .. }),
            "{status}"
        );
    }
}

#[test]
fn the_word_expired_in_a_models_message_uses_up_an_attempt() {
    let app = submitted();
    let said = "ModelError: the licence of the recogniser has expired";
    assert_eq!(error(&app, &failed(&job(&app, KEY), said)), 0);
    run_check(&app);
    assert_eq!(error(&app, &failed(&job(&app, KEY), said)), 0);
    assert!(
        matches!(&job(&app, KEY).state, State::Failed { failure, .. } if failure.cause == Cause::Unknown)
    );
}

fn write_empty_output(app: &TestApp, before: &jobs::job::Job) -> String {
    let place = before.attempts.last().unwrap().output.clone().unwrap();
    app.ports.put(&place.bucket, &place.key, b"");
    place.to_string()
}

#[test]
fn output_without_bytes_is_a_failed_attempt() {
    let app = submitted();
    for attempt in 1..=3 {
        let before = job(&app, KEY);
        let output = write_empty_output(&app, &before);
        assert_eq!(success(&app, &succeeded(&before, &output), 1), 0);
        let failure = job(&app, KEY).failure().unwrap().clone();
        assert_eq!(
            (failure.cause, failure.detail.as_str()),
            (Cause::ModelError, "the model answered with nothing")
        );
        if attempt < 3 {
            run_check(&app);
        }
    }
    assert!(matches!(job(&app, KEY).state, State::Failed { .. }));
}

/// The empty outputs of earlier attempts are no results either, and without a notification the check finds them.
#[test]
fn output_without_bytes_is_found_by_a_check() {
    let app = submitted();
    let before = job(&app, KEY);
    write_empty_output(&app, &before);
    let body = serde_json::json!({"job_id": before.id.to_string(), "attempt": 1}).to_string();
    assert_eq!(
        run(retry::handle(&app, batch(&app, &[body], 1)))
            .unwrap()
            .batch_item_failures
            .len(),
        0
    );
    let after = job(&app, KEY);
    assert!(matches!(after.state, State::RetryScheduled { .. }));
    assert_eq!(
        after.failure().unwrap().detail,
        "the model answered with nothing"
    );
    run_check(&app);
    let second = job(&app, KEY);
    let output = write_output(&app, &second);
    assert_eq!(success(&app, &succeeded(&second, &output), 1), 0);
    assert_eq!(
        job(&app, KEY).state,
        State::Ready {
            attempt: Attempt(2)
        }
    );
}

const NO_INPUT: &str = "Failed to download the input from S3: the object does not exist.";
const DELETED: &str = "the file was deleted before it could be processed";

fn assert_deleted(app: &TestApp, key: &str) {
    let after = job(app, key);
    let State::Failed { failure, .. } = &after.state else {
        panic!("{:?}", after.state)
    };
    assert_eq!(
        (failure.cause, failure.detail.as_str()),
        (Cause::InvalidInput, DELETED)
    );
    assert_eq!(app.ports.state().invocations.len(), 1, "no second run");
}

#[test]
fn input_that_was_deleted_while_it_waited_fails_the_job_without_a_retry() {
    for with_object in [false, true] {
        let app = submitted();
        app.ports.put_object(BUCKET, KEY, None);
        if with_object {
            fail_with(&app, NO_INPUT.as_bytes(), NO_INPUT);
        } else {
            assert_eq!(error(&app, &failed(&job(&app, KEY), NO_INPUT)), 0);
        }
        assert_deleted(&app, KEY);
    }
}

#[test]
fn retry_is_not_invoked_if_the_input_was_deleted() {
    for key in [KEY, "inbound/acme/a b.pdf"] {
        let app = app();
        let version = app.ports.put(BUCKET, key, PDF);
        let event = batch(&app, &[upload_event(key, &version)], 1);
        run(upload_trigger::handle(&app, event)).unwrap();
        assert_eq!(error(&app, &failed(&job(&app, key), SERVER_ERROR)), 0);
        app.ports.put_object(BUCKET, key, None);
        assert_eq!(run_check(&app), 0);
        assert_deleted(&app, key);
    }
}

/// Asked once more after the message came back: the policy or the key may have been changed.
#[test]
fn retry_is_not_invoked_if_the_input_is_denied() {
    let app = submitted();
    error(&app, &failed(&job(&app, KEY), SERVER_ERROR));
    app.ports
        .state()
        .denied
        .insert(KEY.to_owned(), "KMS.NotFoundException");
    let check = app.ports.state().checks.pop().unwrap().message;
    let body = serde_json::json!({"job_id": check.job.to_string(), "attempt": check.attempt.0, "due": check.due.map(|due| due.0)})
        .to_string();
    let receive = |count| {
        let event = batch(&app, std::slice::from_ref(&body), count);
        run(retry::handle(&app, event))
            .unwrap()
            .batch_item_failures
            .len()
    };
    assert_eq!(receive(1), 1);
    advance(&app, 360_000);
    assert_eq!(receive(2), 0);
    let after = job(&app, KEY);
    assert!(
        matches!(&after.state, State::Failed { failure, .. } if failure.detail.starts_with("the file cannot be read (KMS.NotFoundException)")),
        "{:?}",
        after.state
    );
    assert_eq!(app.ports.state().invocations.len(), 1);
}

/// The result is kept, since it may be right; the explanation says so.
#[test]
fn output_of_another_media_type_is_ready_and_said() {
    for (content_type, said) in [
        ("text/html; charset=utf-8", Some("text/html")),
        ("Application/JSON; charset=utf-8", None),
        ("", None),
    ] {
        let app = submitted();
        let before = job(&app, KEY);
        let output = write_output(&app, &before);
        let body = succeeded(&before, &output).replace("application/json", content_type);
        assert_eq!(success(&app, &body, 1), 0);
        let after = job(&app, KEY);
        assert!(matches!(after.state, State::Ready { .. }));
        let summary = api::explain::explain(&after, after.updated_at).summary;
        match said {
            Some(said) => assert!(summary.contains(said), "{summary}"),
            None => assert_eq!(summary, "ready (attempt 1)"),
        }
    }
}
