//! What the model's container answers: reasons, statuses, empty and unexpected outputs.

use super::*;
use testkit::memory::Object;

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

/// After the first attempt already, not only after the last.
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
fn statuses_that_say_nothing_about_the_document_are_retried_and_explained() {
    for status in [409, 421, 423, 424, 425, 429] {
        let app = submitted();
        let said = format!("ClientError: Received client error ({status}) from model. See …");
        let body = br#"{"code":7,"message":"prediction failed"}"#;
        let failure = fail_with(&app, body, &said);
        assert_eq!(failure.container_status, Some(status));
        let after = job(&app, KEY);
        assert!(
            matches!(after.state, State::RetryScheduled { .. }),
            "{status}"
        );
        let summary = api::explain::explain(&after, after.updated_at).summary;
        let words = format!("returned an error (HTTP {status}): prediction failed");
        assert!(summary.ends_with(&words), "{summary}");
    }
}

/// Whatever happens to the failure's cause.
#[test]
fn status_of_the_container_stays_until_the_job_fails() {
    let app = submitted();
    let said = "Received client error (424) from primary with message \"no memory\". See …";
    for attempt in 1..=3 {
        assert_eq!(error(&app, &failed(&job(&app, KEY), said)), 0);
        if attempt < 3 {
            run_check(&app);
        }
    }
    let after = job(&app, KEY);
    let State::Failed { failure, .. } = &after.state else {
        panic!("{after:?}")
    };
    assert_eq!(failure.container_status, Some(424));
    let of_attempts = after.attempts.iter().map(|record| {
        let failure = record.failure.as_ref().unwrap();
        (failure.container_status, failure.detail.as_str())
    });
    assert!(of_attempts.eq([(Some(424), "no memory"); 3]));
}

#[test]
fn status_is_read_from_a_failure_object_that_reports_it() {
    let report = "Received client error (424) from primary with message \"no memory\". See …";
    let notified = submitted();
    let failure = fail_with(&notified, report.as_bytes(), "an unknown sentence");
    assert_eq!(
        (failure.container_status, failure.detail.as_str()),
        (Some(424), "no memory")
    );
    // The notification is lost.
    let checked = submitted();
    let place = job(&checked, KEY).attempts[0].failure_object.clone();
    let place = place.unwrap();
    checked
        .ports
        .put(&place.bucket, &place.key, report.as_bytes());
    check_first_attempt(&checked);
    let after = job(&checked, KEY);
    let failure = after.failure().unwrap();
    assert_eq!(
        (failure.container_status, failure.detail.as_str()),
        (Some(424), "no memory")
    );
    assert_eq!(failure.cause, Cause::Unknown);
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

fn write_answer(app: &TestApp, before: &jobs::job::Job, answer: &[u8]) -> String {
    let place = before.attempts.last().unwrap().output.clone().unwrap();
    app.ports.put(&place.bucket, &place.key, answer);
    place.to_string()
}

#[test]
fn answer_of_nothing_is_a_failed_attempt() {
    let app = submitted();
    for (attempt, answer) in [(1, ""), (2, " \r\n"), (3, "null\n")] {
        let before = job(&app, KEY);
        let output = write_answer(&app, &before, answer.as_bytes());
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

/// An empty list may be a true answer, such as that there are no findings.
#[test]
fn empty_list_or_object_is_a_result() {
    for answer in ["{}", "[]", "false"] {
        let app = submitted();
        let before = job(&app, KEY);
        let output = write_answer(&app, &before, answer.as_bytes());
        assert_eq!(success(&app, &succeeded(&before, &output), 1), 0);
        assert!(
            matches!(job(&app, KEY).state, State::Ready { .. }),
            "{answer}"
        );
    }
}

/// Asks what became of the first attempt, as the reconciler does.
fn check_first_attempt(app: &TestApp) {
    let id = job(app, KEY).id.to_string();
    let body = serde_json::json!({"job_id": id, "attempt": 1}).to_string();
    let response = run(retry::handle(app, batch(app, &[body], 1))).unwrap();
    assert!(response.batch_item_failures.is_empty());
}

/// The empty outputs of earlier attempts are no results either, and without a notification the check finds them.
#[test]
fn answer_of_nothing_is_found_by_a_check() {
    let app = submitted();
    let before = job(&app, KEY);
    write_answer(&app, &before, b"\n");
    check_first_attempt(&app);
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

/// A notification may lack the type, and a lost one says nothing. The object has it.
#[test]
fn media_type_of_an_output_is_the_objects_if_no_notification_names_it() {
    for (stored, said) in [
        ("text/html", Some("text/html")),
        ("application/json", None),
        ("application/octet-stream", None),
        ("binary/octet-stream", None),
    ] {
        let notified = submitted();
        let found = submitted();
        let corrected = submitted();
        for app in [&notified, &found, &corrected] {
            let place = job(app, KEY).attempts[0].output.clone().unwrap();
            let html = Object {
                content: b"<html>no clauses here</html>".to_vec(),
                bytes: 28,
                content_type: stored.to_owned(),
                ..Object::default()
            };
            app.ports.put_object(&place.bucket, &place.key, Some(html));
        }
        let before = job(&notified, KEY);
        let output = before.attempts[0].output.clone().unwrap().to_string();
        let body = succeeded(&before, &output).replace("application/json", "");
        assert_eq!(success(&notified, &body, 1), 0);
        check_first_attempt(&found);
        // A failure of the whole job finds the result, too.
        assert_eq!(error(&corrected, &failed(&before, CLIENT_ERROR)), 0);
        for app in [notified, found, corrected] {
            let after = job(&app, KEY);
            assert!(matches!(after.state, State::Ready { .. }), "{stored}");
            let of_attempt = &after.attempts[0].unexpected_content_type;
            assert_eq!(of_attempt.as_deref(), said, "{stored}");
        }
    }
}
