//! The input was replaced, deleted or denied after the job was accepted.

use super::*;

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

/// The version before it is current again, and the endpoint would read that one.
#[test]
fn retry_is_not_invoked_if_the_own_version_was_deleted_by_its_id() {
    let app = app();
    app.ports.put(BUCKET, KEY, b"%PDF-1.7 older");
    advance(&app, 60_000);
    let version = app.ports.put(BUCKET, KEY, PDF);
    let event = batch(&app, &[upload_event(KEY, &version)], 1);
    run(upload_trigger::handle(&app, event)).unwrap();
    assert_eq!(error(&app, &failed(&job(&app, KEY), SERVER_ERROR)), 0);
    let object = (BUCKET.to_owned(), KEY.to_owned());
    let mut state = app.ports.state();
    state.objects.get_mut(&object).unwrap().pop();
    drop(state);
    advance(&app, 600_000);
    assert_eq!(run_check(&app), 0);
    assert_deleted(&app, KEY);
}

#[test]
fn input_whose_version_was_deleted_by_its_id_while_it_waited_fails_the_job_as_deleted() {
    let app = app();
    app.ports.put(BUCKET, KEY, b"%PDF-1.7 older");
    advance(&app, 60_000);
    let version = app.ports.put(BUCKET, KEY, PDF);
    let event = batch(&app, &[upload_event(KEY, &version)], 1);
    run(upload_trigger::handle(&app, event)).unwrap();
    let object = (BUCKET.to_owned(), KEY.to_owned());
    let mut state = app.ports.state();
    state.objects.get_mut(&object).unwrap().pop();
    drop(state);
    advance(&app, 600_000);
    assert_eq!(error(&app, &failed(&job(&app, KEY), NO_INPUT)), 0);
    assert_deleted(&app, KEY);
}

/// S3 refuses to read the object of `key` from now on.
fn refuse_reads(app: &TestApp, key: &str, code: &'static str) {
    app.ports.state().refused_reads.insert(key.to_owned(), code);
}

fn assert_unreadable(app: &TestApp, code: &str) {
    let after = job(app, KEY);
    let State::Failed { failure, .. } = &after.state else {
        panic!("{code}: {:?}", after.state)
    };
    assert_eq!(failure.cause, Cause::InvalidInput, "{code}");
    let reason = format!("the file cannot be read ({code})");
    assert!(failure.detail.starts_with(&reason), "{}", failure.detail);
    assert_eq!(app.ports.state().invocations.len(), 1, "no second run");
}

/// Archived, or encrypted with a key of the uploader: only an operator or the uploader can change that.
const UNREADABLE: [&str; 2] = ["InvalidObjectState", "InvalidRequest"];
/// A policy or a key, which its owner may change.
const DENIED: [&str; 3] = [
    "AccessDenied",
    "KMS.DisabledException",
    "KMS.NotFoundException",
];

#[test]
fn retry_is_not_invoked_if_the_input_became_unreadable() {
    for code in UNREADABLE {
        let app = submitted();
        error(&app, &failed(&job(&app, KEY), SERVER_ERROR));
        refuse_reads(&app, KEY, code);
        assert_eq!(run_check(&app), 0, "{code}");
        assert_unreadable(&app, code);
    }
}

/// Asked once more after the message came back: the policy or the key may have been changed.
#[test]
fn retry_is_not_invoked_if_the_input_is_denied() {
    for code in DENIED {
        let app = submitted();
        error(&app, &failed(&job(&app, KEY), SERVER_ERROR));
        refuse_reads(&app, KEY, code);
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
        assert_eq!(receive(1), 1, "{code}");
        advance(&app, 360_000);
        assert_eq!(receive(2), 0, "{code}");
        assert_unreadable(&app, code);
    }
}

/// The endpoint could not read it either, and says so in words that name no cause.
#[test]
fn input_that_became_unreadable_in_the_endpoints_queue_fails_the_job_without_a_retry() {
    for code in UNREADABLE {
        let app = submitted();
        refuse_reads(&app, KEY, code);
        assert_eq!(error(&app, &failed(&job(&app, KEY), NO_INPUT)), 0);
        assert_unreadable(&app, code);
    }
}

#[test]
fn result_of_an_input_that_became_unreadable_since_is_used() {
    for code in UNREADABLE.into_iter().chain(DENIED) {
        let app = submitted();
        let before = job(&app, KEY);
        let output = write_output(&app, &before);
        refuse_reads(&app, KEY, code);
        assert_eq!(success(&app, &succeeded(&before, &output), 1), 0, "{code}");
        assert!(
            matches!(job(&app, KEY).state, State::Ready { .. }),
            "{code}"
        );
    }
}

/// S3 refuses to read the newer version, and does not say so about the job's own.
#[test]
fn job_is_superseded_although_the_newer_version_cannot_be_read() {
    for code in UNREADABLE.into_iter().chain(DENIED) {
        let retried = submitted();
        error(&retried, &failed(&job(&retried, KEY), SERVER_ERROR));
        retried.ports.put(BUCKET, KEY, PDF);
        refuse_reads(&retried, KEY, code);
        assert_eq!(run_check(&retried), 0, "{code}");
        let succeeds = submitted();
        let before = job(&succeeds, KEY);
        let output = write_output(&succeeds, &before);
        succeeds.ports.put(BUCKET, KEY, PDF);
        refuse_reads(&succeeds, KEY, code);
        assert_eq!(success(&succeeds, &succeeded(&before, &output), 1), 0);
        for app in [retried, succeeds] {
            let after = job(&app, KEY);
            assert!(
                matches!(&after.state, State::Failed { failure, .. } if failure.cause == Cause::Superseded),
                "{code}: {:?}",
                after.state
            );
            assert_eq!(app.ports.state().invocations.len(), 1);
        }
    }
}
