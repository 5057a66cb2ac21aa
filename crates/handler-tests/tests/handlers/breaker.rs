//! Circuit breakers: what opens one, what probes, what closes it, and what that does to the jobs.

use std::collections::BTreeSet;

use api::types::{JobCommandResult, JobDetail, JobPage, JobSummary, PauseList, ResumeResult};
use functions::handlers::{inference_error, inference_success, reconciler, retry, upload_trigger};
use jobs::breaker::{Breaker, FailureKind};
use jobs::job::Job;
use jobs::pause::Pauses;
use jobs::state::{Cause, State};
use serde_json::json;

use super::api::TestApi;
use super::fixtures::{
    BUCKET, PDF, TestApp, advance, batch, event, failed, job, run, succeeded, upload_event,
    write_output,
};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const REFUSAL: &str = "ValidationError: Endpoint is not in service";
/// The shipped number of failures in a row.
const FAILURES: usize = 5;

fn key(number: usize) -> String {
    // Several tenants.
    format!("inbound/t{}/{number}.pdf", number % 3)
}

fn upload(app: &TestApp, number: usize) -> Job {
    let key = key(number);
    let version = app.ports.put(BUCKET, &key, PDF);
    let message = batch(app, &[upload_event(&key, &version)], 1);
    let response = run(upload_trigger::handle(app, message)).unwrap();
    assert!(response.batch_item_failures.is_empty());
    job(app, &key)
}

/// The model fails the newest attempt of a job with an internal error.
fn fail(app: &TestApp, number: usize) -> Job {
    let job_before = job(app, &key(number));
    let reason = "Received server error (500) from model. See the log.";
    let message = batch(app, &[failed(&job_before, reason)], 1);
    let response = run(inference_error::handle(app, message)).unwrap();
    assert!(response.batch_item_failures.is_empty());
    job(app, &key(number))
}

fn succeed(app: &TestApp, number: usize) -> Job {
    let running = job(app, &key(number));
    let output = write_output(app, &running);
    let message = batch(app, &[succeeded(&running, &output)], 1);
    let response = run(inference_success::handle(app, message)).unwrap();
    assert!(response.batch_item_failures.is_empty());
    job(app, &key(number))
}

/// Lets function `retry` process the requests for a release and the checks that were sent, each when it is due, earliest first.
fn run_checks(app: &TestApp) {
    let requests = std::mem::take(&mut app.ports.state().release_requests);
    for request in &requests {
        let body = json!({"release": request.message});
        let response = run(retry::handle(app, batch(app, &[body.to_string()], 1))).unwrap();
        assert!(response.batch_item_failures.is_empty());
    }
    let mut sent = std::mem::take(&mut app.ports.state().checks);
    sent.sort_by_key(|check| check.delay_seconds);
    let began = app.ports.state().now;
    for check in &sent {
        let due = began.0 + u64::from(check.delay_seconds) * 1000;
        let now = app.ports.state().now.0;
        app.ports.state().now.0 = now.max(due);
        let message = check.message;
        let body = json!({"job_id": message.job.to_string(), "attempt": message.attempt.0, "due": message.due.map(|due| due.0)});
        let response = run(retry::handle(app, batch(app, &[body.to_string()], 1))).unwrap();
        assert!(response.batch_item_failures.is_empty());
    }
}

fn reconcile(app: &TestApp) -> reconciler::Reconciled {
    run(reconciler::handle(app, event(app, json!({})))).unwrap()
}

fn open_breaker(app: &TestApp) -> Option<Breaker> {
    let now = app.ports.state().now;
    let pauses = run(Pauses::load(&app.ports, now)).unwrap();
    pauses.open_breaker("legal-review").cloned()
}

fn refuse(app: &TestApp, calls: usize) {
    for _ in 0..calls {
        app.ports.state().refusals.push_back(REFUSAL.to_owned());
    }
}

fn is_queued(job: &Job) -> bool {
    matches!(
        job.state,
        State::Queued {
            start_by: Some(_),
            ..
        }
    )
}

/// Opens the breaker: five documents fail.
fn open(app: &TestApp) {
    for number in 0..FAILURES {
        upload(app, number);
    }
    for number in 0..FAILURES {
        fail(app, number);
        advance(app, 1000);
    }
    assert!(open_breaker(app).is_some());
}

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

    // People see it.
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
fn one_job_at_a_time_probes_and_its_success_closes_the_breaker() {
    let api = TestApi::new();
    let app = api.handler.app();
    open(app);
    app.ports.state().checks.clear();
    let waiting: Vec<Job> = (10..14).map(|number| upload(app, number)).collect();
    assert!(waiting.iter().all(is_queued));
    let before = app.ports.state().invocations.len();

    // The reconciler lets the oldest come when probes are due. Only the first starts.
    assert!(reconcile(app).queued_released >= 2);
    run_checks(app);
    let probes: Vec<_> = app.ports.state().invocations[before..].to_vec();
    assert_eq!(probes.len(), 1, "{probes:?}");
    let probe = probes[0].inference_id.job;
    assert_eq!(open_breaker(app).unwrap().open.unwrap().probe, Some(probe));

    // It is the oldest that waits: the one that opened the breaker. It fails, and waits again, behind the others.
    assert_eq!(probe, job(app, &key(FAILURES - 1)).id);
    let failed = fail(app, FAILURES - 1);
    assert!(is_queued(&failed));
    let open = open_breaker(app).unwrap().open.unwrap();
    assert_eq!(open.probe, None);
    assert!(open.probe_at > app.ports.state().now);
    reconcile(app);
    run_checks(app);
    let probes: Vec<_> = app.ports.state().invocations[before + 1..].to_vec();
    assert_eq!(probes.len(), 1, "{probes:?}");
    assert_ne!(probes[0].inference_id.job, probe);

    // The next one succeeds.
    let number = (10..14).find(|number| job(app, &key(*number)).id == probes[0].inference_id.job);
    assert!(matches!(
        succeed(app, number.unwrap()).state,
        State::Ready { .. }
    ));
    assert!(open_breaker(app).is_none());
    // The others follow at once.
    run_checks(app);
    for number in 10..14 {
        let state = job(app, &key(number)).state;
        assert!(
            matches!(state, State::Ready { .. } | State::InProgress { .. }),
            "{state:?}"
        );
    }
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

/// Its document was uploaded long before the newest that are ready.
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

#[test]
fn copy_of_an_old_success_message_does_not_close_the_breaker() {
    let api = TestApi::new();
    let app = api.handler.app();
    // Its success looks at the breaker, since it was tried again.
    upload(app, 10);
    fail(app, 10);
    retry_of(app, 10);
    let running = job(app, &key(10));
    let ready = succeed(app, 10);
    assert!(matches!(ready.state, State::Ready { .. }));
    advance(app, MINUTE);
    open(app);
    let output = running.attempts.last().and_then(|it| it.output.clone());
    let copy = succeeded(&running, &output.unwrap().key);
    run(inference_success::handle(app, batch(app, &[copy], 1))).unwrap();
    assert!(open_breaker(app).is_some());
}

/// A job that is run again and fails is `Ready` with its earlier result: no success.
#[test]
fn run_again_without_a_result_is_no_success() {
    let api = TestApi::new();
    let app = api.handler.app();
    upload(app, 10);
    succeed(app, 10);
    advance(app, MINUTE);
    let path = format!("/jobs/{}/run-again", job(app, &key(10)).id);
    let _: JobCommandResult = api
        .support()
        .post(&path, json!({"reason": "the new model knows annexes"}));
    run_checks(app);
    advance(app, MINUTE);
    open(app);
    let rejected = failed(
        &job(app, &key(10)),
        "ClientError: Received client error (400) from model.",
    );
    run(inference_error::handle(app, batch(app, &[rejected], 1))).unwrap();
    let ended = job(app, &key(10));
    assert!(
        matches!(ended.state, State::Ready { .. }),
        "{:?}",
        ended.state
    );
    assert!(open_breaker(app).is_some());
}

/// Guarantee 2: the rows of other documents cannot be read for hours, and its own deadline comes.
#[test]
fn failure_of_a_job_at_its_end_is_recorded_although_the_rows_of_others_cannot_be_read() {
    let api = TestApi::new();
    let app = api.handler.app();
    for number in 0..FAILURES {
        upload(app, number);
    }
    for number in 0..FAILURES - 1 {
        fail(app, number);
    }
    let last = job(app, &key(FAILURES - 1));
    let budget = last.state.budget().unwrap();
    let attempt = u64::from(last.policy.max_attempt_seconds) * 1000;
    let reason = "Received server error (500) from model. See the log.";
    let message = failed(&last, reason);
    let report = |now: u64| {
        let mut state = app.ports.state();
        state.now.0 = now;
        state.fail_before.insert("recently_created", u32::MAX);
        drop(state);
        let response = run(inference_error::handle(
            app,
            batch(app, std::slice::from_ref(&message), 1),
        ));
        response.unwrap().batch_item_failures.len()
    };
    let start_by = budget.expires_at.0 - attempt;
    assert_eq!(report(start_by), 1, "another attempt may still help");
    assert_eq!(report(start_by + 1), 0);
    let ended = job(app, &key(FAILURES - 1));
    assert_eq!(cause(&ended), Some(Cause::ModelError));
}

/// Lost work is worse than slow work.
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
            retry_of(app, 0);
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
    // The others follow at once.
    run_checks(app);
    for number in 0..FAILURES {
        let state = job(app, &key(number)).state;
        assert!(matches!(state, State::InProgress { .. }), "{state:?}");
    }
}

#[test]
fn time_held_by_a_breaker_counts_toward_the_deadline() {
    let api = TestApi::new();
    let app = api.handler.app();
    open(app);
    app.ports.state().checks.clear();
    let waiting = upload(app, 10);
    let State::Queued {
        start_by: Some(start_by),
        urgent: false,
        ..
    } = waiting.state
    else {
        panic!("{:?}", waiting.state)
    };
    assert_eq!(waiting.next_check_at(), Some(start_by));
    // No job probes, and the breaker is kept.
    let message = json!({"job_id": waiting.id.to_string(), "attempt": 1}).to_string();
    let body = {
        let state = app.ports.state();
        state.records.get("pauses", "now").unwrap().body
    };
    app.ports.state().now.0 = start_by.0 + 1;
    let probe_at = start_by.0 + HOUR;
    let columns: Vec<String> = body.split('\t').map(str::to_owned).collect();
    let mut changed = columns.clone();
    changed[1] = probe_at.to_string();
    let mut record = app.ports.state().records.get("pauses", "now").unwrap();
    record.body = changed.join("\t");
    record.revision += 1;
    assert!(app.ports.state().records.put("pauses", "now", &record));
    run(retry::handle(app, batch(app, &[message], 1))).unwrap();
    let State::Failed { failure, .. } = job(app, &key(10)).state else {
        panic!("{:?}", job(app, &key(10)).state)
    };
    assert_eq!(failure.cause, Cause::EndpointDown);
}

/// Its notification is lost, and it came after the attempt had failed.
#[test]
fn result_of_an_earlier_attempt_is_found_before_a_job_that_waited_too_long_fails() {
    let api = TestApi::new();
    let app = api.handler.app();
    open(app);
    let waiting = job(app, &key(FAILURES - 1));
    let State::Queued {
        since,
        start_by: Some(start_by),
        ..
    } = waiting.state
    else {
        panic!("{:?}", waiting.state)
    };
    write_output(app, &waiting);
    app.ports.state().now.0 = start_by.0 + 1;
    let attempt = waiting.state.attempt().0;
    let message = json!({"job_id": waiting.id.to_string(), "attempt": attempt, "due": since.0});
    let response = run(retry::handle(app, batch(app, &[message.to_string()], 1))).unwrap();
    assert!(response.batch_item_failures.is_empty());
    let ended = job(app, &key(FAILURES - 1)).state;
    assert!(matches!(ended, State::Ready { .. }), "{ended:?}");
}

#[test]
fn record_that_is_lost_or_stale_holds_no_job_for_good() {
    // Lost.
    let api = TestApi::new();
    let app = api.handler.app();
    open(app);
    let waiting = upload(app, 10);
    app.ports.state().records.delete("pauses", "now");
    reconcile(app);
    run_checks(app);
    let state = job(app, &key(10)).state;
    assert!(matches!(state, State::InProgress { .. }), "{state:?}");
    assert_eq!(waiting.state.attempt().0, 1);
    // Stale: no job waited, so there was no probe.
    let api = TestApi::new();
    let app = api.handler.app();
    open(app);
    advance(app, HOUR);
    assert!(matches!(upload(app, 10).state, State::InProgress { .. }));
}

/// The model fails the newest attempt of a job, and its failure object has these words.
fn fail_with_words(app: &TestApp, number: usize, words: &str) -> Job {
    let running = job(app, &key(number));
    let place = running
        .attempts
        .last()
        .and_then(|it| it.failure_object.clone());
    let place = place.unwrap();
    let body = json!({"message": words}).to_string();
    app.ports.put(&place.bucket, &place.key, body.as_bytes());
    fail(app, number)
}

/// Starts the retry of a job, and of no other.
fn retry_of(app: &TestApp, number: usize) {
    let id = job(app, &key(number)).id;
    let sent = std::mem::take(&mut app.ports.state().checks);
    let (own, others): (Vec<_>, Vec<_>) =
        sent.into_iter().partition(|check| check.message.job == id);
    app.ports.state().checks = own;
    run_checks(app);
    app.ports.state().checks.extend(others);
}

fn cause(job: &Job) -> Option<Cause> {
    let State::Failed { failure, .. } = &job.state else {
        return None;
    };
    Some(failure.cause)
}

#[test]
fn same_words_about_a_document_twice_are_permanent_if_another_succeeded_in_between() {
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
        fail_with_words(app, 0, first);
        advance(app, 1000);
        if let Some(words) = other_words {
            fail_with_words(app, 2, words);
        }
        if succeeds {
            succeed(app, 1);
        }
        advance(app, 1000);
        retry_of(app, 0);
        let failed = fail_with_words(app, 0, second);
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
fn unprocessable_documents_are_told_from_a_broken_endpoint_and_from_an_unreliable_one() {
    for recovers in [false, true] {
        let api = TestApi::new();
        let app = api.handler.app();
        for number in 0..6 {
            upload(app, number);
        }
        let fail_again = |number| {
            advance(app, 1000);
            retry_of(app, number);
            fail_with_words(app, number, "no xref")
        };
        fail_with_words(app, 0, "no xref");
        fail_with_words(app, 1, "no xref");
        advance(app, 1000);
        succeed(app, 2);
        // Document 1 has failed once and may yet become ready.
        assert_eq!(cause(&fail_again(0)), None);
        if recovers {
            advance(app, 1000);
            retry_of(app, 0);
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
        fail_with_words(app, 3, "no xref");
        advance(app, 1000);
        succeed(app, 4);
        assert_eq!(cause(&fail_again(3)), unprocessable);
        assert_eq!(open_breaker(app), None);
    }
}

/// `failures = 0` turns the breaker off, and `repeated_failures` the judgement of documents.
#[test]
fn document_is_judged_without_a_breaker_unless_the_pipeline_says_otherwise() {
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
        fail_with_words(app, 0, "page 3");
        advance(app, 1000);
        succeed(app, 1);
        retry_of(app, 0);
        assert_eq!(
            cause(&fail_with_words(app, 0, "page 3")),
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

/// They are in two indexes.
#[test]
fn jobs_that_a_breaker_holds_are_listed_and_counted_once() {
    let api = TestApi::new();
    let app = api.handler.app();
    open(app);
    for number in 10..14 {
        upload(app, number);
    }
    let support = api.support();
    let list: JobPage = support.get("/jobs?status=open");
    let ids: BTreeSet<&str> = list.jobs.iter().map(|job| job.id.as_str()).collect();
    let open = FAILURES + 4;
    assert_eq!((list.jobs.len(), ids.len()), (open, open));
    let summary: JobSummary = support.get("/summary");
    assert_eq!(usize::try_from(summary.open), Ok(open));
}

#[test]
fn open_breaker_names_the_last_failed_job_and_does_not_repeat_the_message_of_the_model() {
    let api = TestApi::new();
    let app = api.handler.app();
    for number in 0..FAILURES {
        upload(app, number);
    }
    for number in 0..FAILURES {
        fail_with_words(app, number, &format!("clause nine of document {number}"));
        advance(app, 1000);
    }
    let list: PauseList = api.support().get("/pauses");
    let reason = list.pauses[0].reason.clone().unwrap();
    let last = job(app, &key(FAILURES - 1)).id;
    assert!(
        reason.contains(&format!("the last was job {last}")),
        "{reason}"
    );
    let state = app.ports.state();
    for (collection, key, record) in state.records.iter() {
        assert!(
            !record.body.contains("clause nine"),
            "{collection} {key}: {}",
            record.body
        );
    }
}

#[test]
fn sentence_of_sagemaker_twice_says_nothing_about_the_document() {
    let api = TestApi::new();
    let app = api.handler.app();
    upload(app, 0);
    upload(app, 1);
    fail(app, 0);
    advance(app, 1000);
    succeed(app, 1);
    retry_of(app, 0);
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
        retry_of(app, 0);
        assert_eq!(cause(&time_out(app, 0)), expected, "{other_fails}");
    }
}

/// A copy of a check, and one of a job that was cancelled meanwhile.
#[test]
fn cancelled_job_does_not_probe() {
    let api = TestApi::new();
    let app = api.handler.app();
    open(app);
    app.ports.state().checks.clear();
    let waiting = upload(app, 10);
    reconcile(app);
    for number in (0..FAILURES).chain([10]) {
        let path = format!("/jobs/{}/cancel", job(app, &key(number)).id);
        let body = json!({"reason": "sent by mistake"});
        let _: JobCommandResult = api.support().post(&path, body);
    }
    let before = app.ports.state().invocations.len();
    run_checks(app);
    assert_eq!(app.ports.state().invocations.len(), before);
    assert!(job(app, &key(10)).is_cancelled_without_run());
    assert_eq!(job(app, &key(10)).id, waiting.id);
}
