//! Circuit breakers: what opens one, which job probes, what closes it, and what happens to the jobs.

mod opening;
mod unprocessable;

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

/// Function `retry` processes the requests for a release, then the checks that were sent: each when it is due, the earliest first.
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

/// The model fails the newest attempt of a job, and its failure object has this message.
fn fail_with_message(app: &TestApp, number: usize, message: &str) -> Job {
    let running = job(app, &key(number));
    let place = running
        .attempts
        .last()
        .and_then(|it| it.failure_object.clone());
    let place = place.unwrap();
    let body = json!({"message": message}).to_string();
    app.ports.put(&place.bucket, &place.key, body.as_bytes());
    fail(app, number)
}

/// Starts the scheduled retry of one job. The checks of others wait.
fn run_retry(app: &TestApp, number: usize) {
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
fn one_job_at_a_time_probes_and_its_success_closes_the_breaker() {
    let api = TestApi::new();
    let app = api.handler.app();
    open(app);
    app.ports.state().checks.clear();
    let waiting: Vec<Job> = (10..14).map(|number| upload(app, number)).collect();
    assert!(waiting.iter().all(is_queued));
    let before = app.ports.state().invocations.len();

    // The reconciler sends checks of the oldest jobs when a probe is due. Only the first job starts.
    assert!(reconcile(app).queued_released >= 2);
    run_checks(app);
    let probes: Vec<_> = app.ports.state().invocations[before..].to_vec();
    assert_eq!(probes.len(), 1, "{probes:?}");
    let probe = probes[0].inference_id.job;
    assert_eq!(open_breaker(app).unwrap().open.unwrap().probe, Some(probe));

    // The oldest job probes: the one that opened the breaker. It fails, and queues again behind the others.
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
    // The other jobs start at once.
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
fn copy_of_an_old_success_message_does_not_close_the_breaker() {
    let api = TestApi::new();
    let app = api.handler.app();
    // A success after a retry reads the breaker.
    upload(app, 10);
    fail(app, 10);
    run_retry(app, 10);
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
fn run_again_without_a_result_does_not_close_the_breaker() {
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

/// Guarantee 2: the job ends at its deadline, although the rows of other documents cannot be read for hours.
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

/// Indexes `by_next_check` and `by_queue` both have them.
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
        fail_with_message(app, number, &format!("clause nine of document {number}"));
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

/// Its check arrives after the job was cancelled.
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
