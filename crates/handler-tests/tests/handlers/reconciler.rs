//! The real reconciler over in-memory ports: lost messages are found and re-sent.

mod inventory;

use crate::fixtures::{
    BUCKET, NOW, PDF, TestApp, advance, app, batch, event, failed, job, run, upload_event,
    write_output,
};
use functions::config::HasPipelines;
use functions::handlers::reconciler::{self, Reconciled};
use functions::handlers::{inference_error, retry, upload_trigger};
use jobs::event::EventKind;
use jobs::id::{JobId, Timestamp};
use jobs::job::HistoryEntry;
use jobs::open_jobs::OpenJobs;
use jobs::ports::Queue;
use jobs::ports::Record;
use jobs::state::State;
use serde_json::json;
use testkit::conformance::TestEnvironment;
use testkit::memory::Object;

const KEY: &str = "inbound/acme/nda.pdf";
const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

fn reconcile(app: &TestApp) -> Reconciled {
    run(reconciler::handle(app, event(app, json!({})))).unwrap()
}

fn upload(app: &TestApp, key: &str) -> String {
    let version = app.ports.put(BUCKET, key, PDF);
    deliver_upload_event(app, key, &version);
    version
}

/// Delivers it again if it comes back, as that of an empty object does.
fn deliver_upload_event(app: &TestApp, key: &str, version: &str) {
    let comes_back = |received| {
        let event = batch(app, &[upload_event(key, version)], received);
        let response = run(upload_trigger::handle(app, event)).unwrap();
        !response.batch_item_failures.is_empty()
    };
    assert!(!comes_back(1) || !comes_back(2));
}

/// Lets function `retry` process all checks, each after its delay.
fn run_checks(app: &TestApp) -> usize {
    let sent = std::mem::take(&mut app.ports.state().checks);
    for delayed in &sent {
        advance(app, u64::from(delayed.delay_seconds) * 1000);
        let check = delayed.message;
        let body = json!({"job_id": check.job.to_string(), "attempt": check.attempt.0, "due": check.due.map(|due| due.0)});
        let response = run(retry::handle(app, batch(app, &[body.to_string()], 1))).unwrap();
        assert!(response.batch_item_failures.is_empty());
    }
    sent.len()
}

fn next_check_at(app: &TestApp) -> Timestamp {
    job(app, KEY)
        .state
        .check_deadline()
        .expect("the job is open")
}

/// Guarantee 2: every job ends within its pipeline's deadline, whatever messages are lost, duplicated, late or reordered,
/// and wherever a function dies.
#[test]
fn result_whose_notification_was_lost_is_found_long_before_the_deadline() {
    let app = app();
    upload(&app, KEY);
    write_output(&app, &job(&app, KEY));
    let check_at = job(&app, KEY).next_check_at().unwrap();
    let minutes = (check_at.0 - NOW.0) / MINUTE;
    assert!((15..30).contains(&minutes), "after a while: {minutes}");

    advance(&app, check_at.0 - NOW.0 - 10 * MINUTE);
    assert_eq!(
        reconcile(&app).checks_sent,
        0,
        "nothing is done before that time: the notification may only be late"
    );
    advance(&app, 5 * MINUTE);
    assert_eq!(reconcile(&app).checks_sent, 1);
    assert_eq!(
        app.ports.state().checks[0].delay_seconds,
        5 * 60 + 2,
        "the check arrives on time, not at the next run after it"
    );
    assert_eq!(run_checks(&app), 1);
    assert!(matches!(job(&app, KEY).state, State::Ready { .. }));
    advance(&app, HOUR);
    assert_eq!(
        reconcile(&app).checks_sent,
        0,
        "a job that has ended is not checked"
    );
}

#[test]
fn slow_attempt_is_checked_at_growing_intervals_and_not_given_up() {
    let app = app();
    upload(&app, KEY);
    let deadline = next_check_at(&app);
    let mut checks = Vec::new();
    while app.ports.state().now.0 + 10 * MINUTE < deadline.0 {
        if reconcile(&app).checks_sent > 0 {
            checks.push((app.ports.state().now.0 - NOW.0) / MINUTE);
        }
        run_checks(&app);
        advance(&app, 5 * MINUTE);
    }
    assert!((5..12).contains(&checks.len()), "{checks:?}");
    assert!(matches!(job(&app, KEY).state, State::InProgress { .. }));
    assert_eq!(app.ports.state().invocations.len(), 1, "and not run again");
}

#[test]
fn attempt_without_evidence_is_retried_and_finally_fails() {
    let app = app();
    upload(&app, KEY);
    for _ in 0..400 {
        if !job(&app, KEY).state.is_open() {
            break;
        }
        advance(&app, 5 * MINUTE);
        reconcile(&app);
        run_checks(&app);
    }
    let job = job(&app, KEY);
    assert!(matches!(job.state, State::Failed { .. }), "{:?}", job.state);
    let pipeline = app.environment.pipelines.get("legal-review").unwrap();
    let deadline = job.created_at.0 + u64::from(pipeline.job_deadline_seconds) * 1000;
    assert!(job.updated_at.0 <= deadline, "within the job's deadline");
    assert_eq!(
        app.ports.state().invocations.len(),
        3,
        "the maximum number of attempts"
    );
}

#[test]
fn checked_job_is_not_checked_again_until_the_interval_has_passed() {
    let app = app();
    upload(&app, KEY);
    let deadline = next_check_at(&app);
    advance(&app, deadline.0 - NOW.0 + 10 * MINUTE);
    // The queue takes the checks, but the function that receives them is down for hours.
    let mut checks_sent = 0;
    for _ in 0..(5 * 12) {
        checks_sent += reconcile(&app).checks_sent;
        advance(&app, 5 * MINUTE);
    }
    assert!(
        (6..18).contains(&checks_sent),
        "at growing intervals, not every five minutes: {checks_sent}"
    );
    assert_eq!(next_check_at(&app), deadline, "the row is unchanged");
    app.ports.state().checks.truncate(1);
    run_checks(&app);
    assert!(matches!(job(&app, KEY).state, State::RetryScheduled { .. }));
}

#[test]
fn check_that_the_queue_did_not_take_is_sent_by_the_next_run() {
    let app = app();
    upload(&app, KEY);
    advance(&app, next_check_at(&app).0 - NOW.0);
    app.ports.state().fail_before.insert("send", 1);
    let done = reconcile(&app);
    assert_eq!((done.checks_sent, done.incomplete), (0, true));
    let done = reconcile(&app);
    assert_eq!((done.checks_sent, done.incomplete), (1, false));
}

#[test]
fn retry_is_started_on_time_by_its_message_or_by_the_reconciler() {
    for (attempt_fails, has_message) in [(1, true), (3, false)] {
        let mut app = app();
        // The third delay of legal-review is half an hour, which no message can wait.
        let toml = include_str!("../../../../infra/pipelines.toml");
        let toml = toml.replacen("attempts = 3", "attempts = 4", 1);
        let toml = toml.replacen(
            "job_deadline_seconds = 82_800",
            "job_deadline_seconds = 172_800",
            1,
        );
        let pipelines = jobs::pipeline::Pipelines::parse(&toml).unwrap();
        std::sync::Arc::make_mut(&mut app.environment).pipelines = pipelines;
        upload(&app, KEY);
        for _ in 0..attempt_fails {
            // Until the random delay of the last one is what is asked for, with another seed.
            run_checks(&app);
            fail(&app);
        }
        let State::RetryScheduled { due, .. } = job(&app, KEY).state else {
            panic!("{:?}", job(&app, KEY).state)
        };
        let delay = due.since(app.ports.state().now).as_secs();
        if !has_message && delay <= 900 {
            // Full jitter drew a short delay; the state is what counts here.
            continue;
        }
        assert_eq!(app.ports.state().checks.len(), usize::from(has_message));
        app.ports.state().checks.clear();
        advance(&app, (delay.saturating_sub(60)) * 1000);
        let checks_sent = reconcile(&app).checks_sent;
        assert_eq!(
            checks_sent,
            u64::from(!has_message),
            "after {attempt_fails}"
        );
        if !has_message {
            let delayed = app.ports.state().checks[0];
            let check = delayed.message;
            let at = app.ports.state().now.0 + u64::from(delayed.delay_seconds) * 1000;
            assert!(at.abs_diff(due.0) <= 3000, "on time: {at} {due:?}");
            assert_eq!(check.due, Some(due));
        }
        // A check is sent even if there was a message, once that must have been lost.
        advance(&app, 60_000 + 2 * MINUTE + 11 * MINUTE);
        assert_eq!(reconcile(&app).checks_sent, 1);
    }
}

fn fail(app: &TestApp) {
    let body = failed(
        &job(app, KEY),
        "ClientError: Received server error (500) from model.",
    );
    let response = run(inference_error::handle(app, batch(app, &[body], 1))).unwrap();
    assert!(response.batch_item_failures.is_empty());
}

#[test]
fn unreadable_row_or_shard_does_not_block_the_others() {
    let app = app();
    for number in 0..40 {
        upload(&app, &format!("inbound/acme/{number}.pdf"));
    }
    let newer = JobId::of_key(BUCKET, "inbound/acme/7.pdf");
    app.ports.state().newer_schema.insert(newer);
    advance(&app, 12 * HOUR);
    app.ports.state().fail_before.insert("due_by", 1);
    let first = reconcile(&app);
    assert!(
        first.incomplete && (20..39).contains(&first.checks_sent),
        "{first:?}"
    );
    let second = reconcile(&app);
    assert!(!second.incomplete);
    assert_eq!(
        first.checks_sent + second.checks_sent,
        39,
        "all but the newer one"
    );
}

#[test]
fn backlog_is_reported_by_pipeline_with_age_and_jobs_at_risk() {
    let app = app();
    let none = reconcile(&app).open.unwrap();
    assert_eq!(none["legal-review"], OpenJobs::default());
    assert_eq!(
        none.len(),
        app.environment.pipelines().iter().count(),
        "a pipeline without open jobs says so"
    );

    let slo = 8 * HOUR;
    upload(&app, "inbound/acme/early.pdf");
    advance(&app, HOUR);
    for number in 0..40 {
        upload(&app, &format!("inbound/acme/{number}.pdf"));
    }
    upload(&app, "inbound-documents/acme/a.pdf");
    advance(&app, slo * 3 / 4 - HOUR - 1000);
    let open = |pipeline: &str| reconcile(&app).open.unwrap()[pipeline];
    assert_eq!(open("legal-review").open, 41);
    assert_eq!(open("legal-review").at_risk, 0);
    assert_eq!(open("doc-understanding").at_risk, 1, "half an hour is over");
    advance(&app, 1000);
    let backlog = open("legal-review");
    assert_eq!((backlog.open, backlog.at_risk), (41, 1));
    assert_eq!(backlog.oldest_age_seconds, slo * 3 / 4 / 1000);
}

#[test]
fn job_at_risk_counts_from_its_last_submission() {
    let app = app();
    upload(&app, KEY);
    let slo = 8 * HOUR;
    advance(&app, slo);
    let at_risk = || reconcile(&app).open.unwrap()["legal-review"].at_risk;
    assert_eq!(at_risk(), 1);
    let mut retried = job(&app, KEY);
    retried.history.push(HistoryEntry {
        at: Timestamp(NOW.0 + slo),
        event: EventKind::Retry,
        actor: Some("sam@docket.example".to_owned()),
        reason: Some("the endpoint was down".to_owned()),
    });
    app.ports.state().jobs.insert(retried.id, retried);
    assert_eq!(at_risk(), 0);
    advance(&app, slo);
    assert_eq!(at_risk(), 1);
}

/// The backlog decides when instances are removed, so a partial count must not be published.
#[test]
fn incomplete_backlog_is_not_reported() {
    let app = app();
    upload(&app, KEY);
    app.ports.state().fail_before.insert("open_jobs", 1);
    let done = reconcile(&app);
    assert!(done.open.is_none() && done.incomplete, "{done:?}");
    let done = reconcile(&app);
    assert!(done.open.is_some() && !done.incomplete, "{done:?}");
}

/// Guarantee 6: no message is dropped with a 200. What cannot be understood is quarantined.
#[test]
fn dead_letters_are_redriven_and_finally_quarantined() {
    let app = app();
    for queue in Queue::ALL {
        run(app
            .ports
            .add_dead_letter(queue, &format!("poison of {}", queue.name())));
    }
    let mut redriven = 0;
    let mut quarantined = 0;
    let began = app.ports.state().now.0;
    while quarantined == 0 {
        let done = reconcile(&app);
        redriven += done.redriven;
        quarantined += done.quarantined;
        for queue in Queue::ALL {
            run(app.ports.fail_redriven(queue));
        }
        advance(&app, 37 * MINUTE);
    }
    let tried = (app.ports.state().now.0 - began) / HOUR;
    assert_eq!((redriven, quarantined, tried), (7 * 10, 7, 6));
    let state = app.ports.state();
    assert!(state.dead_letters.is_empty() && state.redriven.is_empty());
    for (queue, entry) in Queue::ALL.iter().zip(&state.quarantine) {
        assert_eq!(entry.source, queue.name());
        assert_eq!(entry.cause, "DeadLetter");
        assert_eq!(entry.body, format!("poison of {}", queue.name()));
        assert_eq!(
            entry.message_id,
            "m0".replace('0', &(*queue as u8).to_string())
        );
    }
}

#[test]
fn dead_letter_is_deleted_only_after_it_was_redriven_or_quarantined() {
    let long_ago = Some(Timestamp(NOW.0 - 6 * HOUR));
    for (step, since) in [
        ("redrive_letter", None),
        ("discard", None),
        ("quarantine", long_ago),
        ("discard", long_ago),
    ] {
        let app = app();
        run(app.ports.add_dead_letter(Queue::Uploads, "text"));
        app.ports.state().dead_letters[0].1.dead_since = since;
        app.ports.state().fail_before.insert(step, 1);
        assert!(reconcile(&app).incomplete, "{step}");
        assert_eq!(app.ports.state().dead_letters.len(), 1, "{step}");
        let done = reconcile(&app);
        assert!(!done.incomplete, "{step}");
        let state = app.ports.state();
        assert!(state.dead_letters.is_empty());
        assert!(
            !state.redriven.is_empty() || state.quarantine.len() == 1,
            "{step}"
        );
    }
}

#[test]
fn run_without_remaining_time_does_nothing_and_reports_no_wrong_numbers() {
    let app = app();
    app.ports.put(BUCKET, KEY, PDF);
    run(app.ports.add_dead_letter(Queue::Uploads, "text"));
    advance(&app, HOUR);
    let mut now = event(&app, json!({}));
    now.context.deadline = app.ports.state().now.0;
    let done = run(reconciler::handle(&app, now)).unwrap();
    assert_eq!((done.upload_events_reenqueued, done.redriven), (0, 0));
    assert_eq!(reconcile(&app).upload_events_reenqueued, 1);
}
