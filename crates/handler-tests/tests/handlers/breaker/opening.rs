//! What opens a circuit breaker, and what keeps it closed.

use super::*;

#[test]
fn failures_of_several_documents_in_a_row_open_the_breaker_and_use_up_no_attempt() {
    let api = TestApi::new();
    let app = api.handler.app();
    for number in 0..FAILURES {
        upload(app, number);
    }
    for number in 0..FAILURES - 1 {
        let failed = fail(app, number);
        assert!(matches!(failed.state, State::RetryScheduled { .. }));
        assert!(open_breaker(app).is_none(), "{number}");
    }
    let fifth = fail(app, FAILURES - 1);
    assert!(is_queued(&fifth), "{:?}", fifth.state);
    assert_eq!(
        fifth.failure().map(|it| it.cause),
        Some(Cause::EndpointDown)
    );
    let budget = fifth.state.budget().unwrap();
    assert_eq!(
        budget.last_attempt.0, 4,
        "one more than the pipeline's three"
    );
    let open = open_breaker(app).and_then(|breaker| breaker.open).unwrap();
    assert_eq!(open.kind, FailureKind::FailedRun);

    // Uploads wait, and so do retries that are due.
    let sixth = upload(app, FAILURES);
    assert!(is_queued(&sixth) && sixth.attempts.is_empty());
    let invocations = app.ports.state().invocations.len();
    let checks = std::mem::take(&mut app.ports.state().checks);
    app.ports.state().checks = checks
        .into_iter()
        .filter(|it| it.delay_seconds < 30)
        .collect();
    run_checks(app);
    assert_eq!(app.ports.state().invocations.len(), invocations);

    // Another pipeline goes on.
    let other = app.ports.put(BUCKET, "inbound-batches/t0/a.pdf", PDF);
    let message = batch(app, &[upload_event("inbound-batches/t0/a.pdf", &other)], 1);
    run(upload_trigger::handle(app, message)).unwrap();
    let other = job(app, "inbound-batches/t0/a.pdf");
    assert!(matches!(other.state, State::InProgress { .. }));

    // Support sees it.
    let list: PauseList = api.support().get("/pauses");
    assert_eq!(list.pauses.len(), 1);
    assert!(list.pauses[0].breaker);
    assert!(
        list.pauses[0]
            .reason
            .as_ref()
            .unwrap()
            .contains("5 runs failed in a row")
    );
    let detail: JobDetail = api.support().get(&format!("/jobs/{}", sixth.id));
    let waits = serde_json::to_value(&detail.explanation.waiting).unwrap();
    assert_eq!(waits["on"], "breaker");
    assert!(
        detail.explanation.next[0]
            .what
            .contains("probes the endpoint")
    );
    // Support can close it by hand.
    let body = json!({"pipeline": "legal-review", "reason": "the image was rolled back"});
    let resumed: ResumeResult = api.support().post("/pauses/resume", body);
    assert!(resumed.wait_for_turn > 0);
    assert!(open_breaker(app).is_none());
}

#[test]
fn one_document_that_always_fails_opens_no_breaker() {
    let api = TestApi::new();
    let app = api.handler.app();
    upload(app, 0);
    for attempt in 1..=3 {
        let state = fail(app, 0).state;
        assert!(open_breaker(app).is_none());
        assert_eq!(matches!(state, State::Failed { .. }), attempt == 3);
        if attempt < 3 {
            run_checks(app);
        }
    }
}

#[test]
fn success_of_another_tenant_in_between_keeps_the_breaker_closed() {
    let api = TestApi::new();
    let app = api.handler.app();
    for number in 0..9 {
        upload(app, number);
    }
    for number in 0..3 {
        fail(app, number);
        advance(app, 1000);
    }
    // Not of the tenant whose failure is the fifth.
    succeed(app, 8);
    advance(app, 1000);
    for number in 3..7 {
        fail(app, number);
        advance(app, 1000);
        assert!(open_breaker(app).is_none(), "{number}");
    }
    // Five since the success.
    fail(app, 7);
    assert!(open_breaker(app).is_some());
}

/// The old document was uploaded long before the newest ready ones.
#[test]
fn success_of_an_old_document_keeps_the_breaker_closed() {
    let api = TestApi::new();
    let app = api.handler.app();
    let old = 100;
    upload(app, old);
    advance(app, MINUTE);
    for number in 0..60 {
        upload(app, number);
        succeed(app, number);
        advance(app, MINUTE);
    }
    for number in 60..60 + FAILURES {
        upload(app, number);
    }
    for number in 60..60 + FAILURES - 1 {
        fail(app, number);
        advance(app, MINUTE);
    }
    succeed(app, old);
    advance(app, MINUTE);
    fail(app, 60 + FAILURES - 1);
    assert!(open_breaker(app).is_none());
}

/// A job that waits for the endpoint is better than a job that failed with it.
#[test]
fn job_that_would_fail_opens_the_breaker_if_another_document_failed_and_none_succeeded() {
    let api = TestApi::new();
    let app = api.handler.app();
    upload(app, 0);
    upload(app, 1);
    fail(app, 1);
    for attempt in 1..=3 {
        let state = fail(app, 0).state;
        assert_eq!(open_breaker(app).is_some(), attempt == 3);
        assert!(!matches!(state, State::Failed { .. }), "{state:?}");
        if attempt < 3 {
            run_retry(app, 0);
        }
    }
}

#[test]
fn refused_calls_in_a_row_open_the_breaker_and_an_accepted_call_closes_it() {
    let api = TestApi::new();
    let app = api.handler.app();
    refuse(app, 100);
    for number in 0..FAILURES {
        let refused = upload(app, number);
        assert!(matches!(refused.state, State::RetryScheduled { .. }));
    }
    assert!(open_breaker(app).is_none());
    run_checks(app);
    let open = open_breaker(app).and_then(|breaker| breaker.open).unwrap();
    assert_eq!(open.kind, FailureKind::RefusedCall);
    let last = job(app, &key(FAILURES - 1));
    assert!((0..FAILURES).any(|number| is_queued(&job(app, &key(number)))));
    assert_eq!(last.state.attempt().0, 1, "nothing of it ran");

    // An hour: the reconciler runs every five minutes, and few calls are made.
    let before = app.ports.state().refusals.len();
    for _ in 0..12 {
        reconcile(app);
        let began = app.ports.state().now;
        run_checks(app);
        let now = app.ports.state().now.0;
        app.ports.state().now.0 = now.max(began.0 + 5 * MINUTE);
    }
    let probes = before - app.ports.state().refusals.len();
    assert!((5..=20).contains(&probes), "{probes} probes in an hour");

    app.ports.state().refusals.clear();
    advance(app, 10 * MINUTE);
    reconcile(app);
    run_checks(app);
    assert!(open_breaker(app).is_none());
    // The other jobs start at once.
    run_checks(app);
    for number in 0..FAILURES {
        let state = job(app, &key(number)).state;
        assert!(matches!(state, State::InProgress { .. }), "{state:?}");
    }
}
