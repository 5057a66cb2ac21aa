//! Documents on which the model fails in the same way twice, while it succeeds on others.

use super::*;

#[test]
fn same_message_twice_is_permanent_if_another_document_succeeded_in_between() {
    for (first, second, other_words, succeeds, expected) in [
        ("page 3", "page 3", None, true, Some(Cause::Unprocessable)),
        ("page 3", "page 4", None, true, None),
        ("page 3", "page 3", None, false, None),
        // The model says so about every document that it fails on.
        ("CUDA error", "CUDA error", Some("CUDA error"), true, None),
    ] {
        let api = TestApi::new();
        let app = api.handler.app();
        for number in 0..3 {
            upload(app, number);
        }
        fail_with_message(app, 0, first);
        advance(app, 1000);
        if let Some(words) = other_words {
            fail_with_message(app, 2, words);
        }
        if succeeds {
            succeed(app, 1);
        }
        advance(app, 1000);
        run_retry(app, 0);
        let failed = fail_with_message(app, 0, second);
        assert_eq!(
            cause(&failed),
            expected,
            "{first} {second} {other_words:?} {succeeds}"
        );
        if expected.is_some() {
            let detail: JobDetail = api.support().get(&format!("/jobs/{}", failed.id));
            let said = detail.explanation.summary;
            assert!(
                said.contains("twice in the same way, and not on all others (HTTP 500): page 3"),
                "{said}"
            );
        }
    }
}

/// A batch of broken files gets the same message for each.
#[test]
fn same_message_of_several_documents_is_permanent_unless_one_of_them_recovers() {
    for recovers in [false, true] {
        let api = TestApi::new();
        let app = api.handler.app();
        for number in 0..6 {
            upload(app, number);
        }
        let fail_again = |number| {
            advance(app, 1000);
            run_retry(app, number);
            fail_with_message(app, number, "no xref")
        };
        fail_with_message(app, 0, "no xref");
        fail_with_message(app, 1, "no xref");
        advance(app, 1000);
        succeed(app, 2);
        // Document 1 has failed once and may yet become ready.
        assert_eq!(cause(&fail_again(0)), None);
        if recovers {
            advance(app, 1000);
            run_retry(app, 0);
            succeed(app, 0);
        }
        let unprocessable = (!recovers).then_some(Cause::Unprocessable);
        assert_eq!(cause(&fail_again(1)), unprocessable, "{recovers}");
        if recovers {
            continue;
        }
        succeed(app, 5);
        assert_eq!(cause(&fail_again(0)), unprocessable, "its last attempt");
        // Those that come later fail after two runs.
        fail_with_message(app, 3, "no xref");
        advance(app, 1000);
        succeed(app, 4);
        assert_eq!(cause(&fail_again(3)), unprocessable);
        assert_eq!(open_breaker(app), None);
    }
}

/// `failures = 0` turns the breaker off, and `repeated_failures` the judgement of documents.
#[test]
fn same_message_twice_is_permanent_without_a_breaker_unless_repeated_failures_is_retry() {
    let off = "breaker = { failures = 0 }\n";
    let retry = "repeated_failures = \"retry\"\n";
    for (settings, expected) in [
        (off.to_owned(), Some(Cause::Unprocessable)),
        (format!("{off}{retry}"), None),
        (retry.to_owned(), None),
    ] {
        let api = TestApi::with_legal_review(&settings);
        let app = api.handler.app();
        upload(app, 0);
        upload(app, 1);
        fail_with_message(app, 0, "page 3");
        advance(app, 1000);
        succeed(app, 1);
        run_retry(app, 0);
        assert_eq!(
            cause(&fail_with_message(app, 0, "page 3")),
            expected,
            "{settings}"
        );
        for number in 2..10 {
            upload(app, number);
            fail(app, number);
        }
        let is_on = !settings.starts_with(off);
        assert_eq!(open_breaker(app).is_some(), is_on, "{settings}");
    }
}

#[test]
fn message_of_sagemaker_twice_is_not_permanent() {
    let api = TestApi::new();
    let app = api.handler.app();
    upload(app, 0);
    upload(app, 1);
    fail(app, 0);
    advance(app, 1000);
    succeed(app, 1);
    run_retry(app, 0);
    assert_eq!(cause(&fail(app, 0)), None);
}

#[test]
fn two_runs_at_the_full_time_limit_are_permanent_unless_others_fail_as_well() {
    let time_out = |app: &TestApp, number: usize| {
        let reason = "Received server error (0) from model with message \"Your invocation timed out while waiting for a response from container\"";
        let running = job(app, &key(number));
        let message = batch(app, &[failed(&running, reason)], 1);
        run(inference_error::handle(app, message)).unwrap();
        job(app, &key(number))
    };
    for (other_fails, expected) in [(false, Some(Cause::Unprocessable)), (true, None)] {
        let api = TestApi::new();
        let app = api.handler.app();
        upload(app, 0);
        upload(app, 1);
        assert_eq!(cause(&time_out(app, 0)), None);
        advance(app, 1000);
        if other_fails {
            time_out(app, 1);
        }
        run_retry(app, 0);
        assert_eq!(cause(&time_out(app, 0)), expected, "{other_fails}");
    }
}
