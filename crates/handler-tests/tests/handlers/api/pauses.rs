//! Pausing and resuming, and cancelling what waits: the API, the submit path, retries and the reconciler together.

use api::types::{JobCommandResult, JobDetail, JobPage, PauseList, PauseView, ResumeResult};
use functions::handlers::{inference_error, reconciler, retry, upload_trigger};
use jobs::event::EventKind;
use jobs::expected_work::BaseWork;
use jobs::id::{JobId, Timestamp};
use jobs::job::Job;
use jobs::state::State;
use jobs::window::{KnownWindow, MIN_WINDOW, Window};
use serde_json::{Value, json};

use super::super::fixtures::{
    BUCKET, NOW, PDF, advance, batch, event, failed, job, run, upload_event,
};
use super::{TestApi, audit_log};

const KEY: &str = "inbound/acme/nda.pdf";
const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

fn pause(scope: &Value, lasts: u64) -> Value {
    let mut body = scope.clone();
    body["until"] = (NOW.0 + lasts).into();
    body["reason"] = "the GPU quota is used up".into();
    body
}

fn resume(scope: &Value) -> Value {
    let mut body = scope.clone();
    body["reason"] = "there is capacity again".into();
    body
}

fn pipeline() -> Value {
    json!({"pipeline": "legal-review"})
}

fn upload(api: &TestApi, key: &str) -> Job {
    let app = api.handler.app();
    let version = app.ports.put(BUCKET, key, PDF);
    let response = run(upload_trigger::handle(
        app,
        batch(app, &[upload_event(key, &version)], 1),
    ))
    .unwrap();
    assert!(response.batch_item_failures.is_empty());
    job(app, key)
}

/// Lets function `retry` process the requests for a release that were sent, each after its delay. Returns their delays.
fn run_releases(api: &TestApi) -> Vec<u32> {
    let app = api.handler.app();
    let sent = std::mem::take(&mut app.ports.state().release_requests);
    let began = app.ports.state().now;
    for request in &sent {
        app.ports.state().now.0 = began.0 + u64::from(request.delay_seconds) * 1000;
        to_retry(api, &json!({"release": request.message}));
    }
    sent.iter().map(|request| request.delay_seconds).collect()
}

/// Lets function `retry` process the requests and the checks that were sent, each after its delay. Returns the delays of the
/// checks.
fn run_checks(api: &TestApi) -> Vec<u32> {
    let app = api.handler.app();
    let before = app.ports.state().now;
    run_releases(api);
    let sent = std::mem::take(&mut app.ports.state().checks);
    let began = app.ports.state().now;
    let waited = u32::try_from((began.0 - before.0) / 1000).unwrap();
    for check in &sent {
        app.ports.state().now.0 = began.0 + u64::from(check.delay_seconds) * 1000;
        let message = check.message;
        let body = json!({"job_id": message.job.to_string(), "attempt": message.attempt.0, "due": message.due.map(|due| due.0)});
        to_retry(api, &body);
    }
    sent.iter()
        .map(|check| waited + check.delay_seconds)
        .collect()
}

fn to_retry(api: &TestApi, body: &Value) {
    let app = api.handler.app();
    let response = run(retry::handle(app, batch(app, &[body.to_string()], 1))).unwrap();
    assert!(response.batch_item_failures.is_empty());
}

fn reconcile(api: &TestApi) -> reconciler::Reconciled {
    let app = api.handler.app();
    run(reconciler::handle(app, event(app, json!({})))).unwrap()
}

fn invocations(api: &TestApi) -> Vec<JobId> {
    let state = api.ports().state();
    let calls = state.invocations.iter();
    calls.map(|call| call.inference_id.job).collect()
}

#[test]
fn uploads_wait_while_their_pipeline_is_paused_and_start_in_order_when_it_is_resumed() {
    let api = TestApi::new();
    let _: PauseView = api.support().post("/pauses", pause(&pipeline(), HOUR));
    let mut expected = Vec::new();
    for number in 0..5 {
        let waiting = upload(&api, &format!("inbound/acme/{number}.pdf"));
        assert!(matches!(waiting.state, State::Queued { .. }));
        assert!(waiting.attempts.is_empty());
        expected.push(waiting.id);
        advance(api.handler.app(), 1000);
    }
    // Another pipeline goes on.
    let other = upload(&api, "inbound-batches/acme/a.pdf");
    assert!(matches!(other.state, State::InProgress { .. }));
    assert_eq!(reconcile(&api).queued_released, 0);
    assert_eq!(run_checks(&api), [0; 0]);
    assert_eq!(invocations(&api), [other.id]);

    let open: JobPage = api.support().get("/jobs?status=open");
    assert_eq!(open.jobs.len(), 6, "support sees those that wait, too");

    let resumed: ResumeResult = api.support().post("/pauses/resume", resume(&pipeline()));
    let five_wait = ResumeResult {
        wait_for_turn: 5,
        ..ResumeResult::default()
    };
    assert_eq!(resumed, five_wait, "the pipeline has a window");
    assert_eq!(run_checks(&api), [0; 5]);
    assert_eq!(invocations(&api)[1..], expected);
    let entries = audit_log(&api);
    let until = entries.last().unwrap().detail.as_deref().unwrap();
    assert!(
        until.starts_with("paused until 20") && until.ends_with('Z'),
        "{until}"
    );
    let log: Vec<(String, String)> = entries
        .into_iter()
        .map(|entry| (entry.action, entry.target))
        .collect();
    let target = || "pipeline legal-review".to_owned();
    assert_eq!(
        log,
        [
            ("resume".to_owned(), target()),
            ("pause".to_owned(), target())
        ]
    );
    assert_eq!(reconcile(&api).queued_released, 0, "nothing is left");
}

/// No instance is started for a document that it cannot read.
#[test]
fn document_that_became_unreadable_while_it_was_queued_starts_nothing() {
    for key in [KEY, "inbound/acme/a b.pdf"] {
        for (code, deliveries) in [
            ("InvalidObjectState", 1),
            ("InvalidRequest", 1),
            ("AccessDenied", 2),
            ("KMS.DisabledException", 2),
        ] {
            let api = TestApi::new();
            let app = api.handler.app();
            let _: PauseView = api.support().post("/pauses", pause(&pipeline(), HOUR));
            let waiting = upload(&api, key);
            assert!(matches!(waiting.state, State::Queued { .. }));
            api.ports()
                .state()
                .refused_reads
                .insert(key.to_owned(), code);
            let _: ResumeResult = api.support().post("/pauses/resume", resume(&pipeline()));
            run_releases(&api);
            let check = api.ports().state().checks.remove(0).message;
            let due = check.due.map(|due| due.0);
            let body =
                json!({"job_id": check.job.to_string(), "attempt": check.attempt.0, "due": due});
            for received in 1..=deliveries {
                let event = batch(app, &[body.to_string()], received);
                let response = run(retry::handle(app, event)).unwrap();
                let comes_back = usize::from(received < deliveries);
                assert_eq!(response.batch_item_failures.len(), comes_back, "{code}");
                advance(app, 6 * MINUTE);
            }
            let after = job(app, key);
            let detail = after.failure().map(|failure| failure.detail.as_str());
            let detail = detail.unwrap_or_default();
            let reason = format!("the file cannot be read ({code})");
            assert!(detail.starts_with(&reason), "{key} {code}: {detail}");
            assert!(matches!(after.state, State::Failed { .. }));
            assert_eq!(invocations(&api), [], "{key} {code}");
        }
    }
}

#[test]
fn pause_ends_by_itself_and_the_reconciler_releases_on_time() {
    let api = TestApi::new();
    let _: PauseView = api
        .support()
        .post("/pauses", pause(&pipeline(), 33 * MINUTE));
    let waiting = upload(&api, KEY);
    advance(api.handler.app(), 27 * MINUTE);
    assert_eq!(
        reconcile(&api).queued_released,
        0,
        "the next run is early enough"
    );
    advance(api.handler.app(), 5 * MINUTE);
    assert_eq!(reconcile(&api).queued_released, 1);
    assert_eq!(run_checks(&api), [62], "when the pause has ended");
    assert_eq!(invocations(&api), [waiting.id]);
}

/// A pause that is extended after the check was sent holds the job on.
#[test]
fn check_that_arrives_during_another_pause_starts_nothing() {
    let api = TestApi::new();
    let _: PauseView = api
        .support()
        .post("/pauses", pause(&pipeline(), 3 * MINUTE));
    let waiting = upload(&api, KEY);
    assert_eq!(reconcile(&api).queued_released, 1);
    assert_eq!(run_releases(&api), [182]);
    assert_eq!(api.ports().state().checks.len(), 1);
    let tenant = json!({"tenant": "acme"});
    let _: PauseView = api.support().post("/pauses", pause(&tenant, HOUR));
    run_checks(&api);
    assert_eq!(job(api.handler.app(), KEY), waiting);
    assert_eq!(invocations(&api), []);
}

#[test]
fn pause_of_a_tenant_or_of_a_tenant_in_a_pipeline_holds_no_one_else() {
    let both = json!({"pipeline": "legal-review", "tenant": "acme"});
    for (scope, held) in [
        (json!({"tenant": "acme"}), [true, true, false]),
        (both, [true, false, false]),
        (pipeline(), [true, false, true]),
    ] {
        let api = TestApi::new();
        let _: PauseView = api.support().post("/pauses", pause(&scope, HOUR));
        let keys = [KEY, "inbound-batches/acme/a.pdf", "inbound/globex/a.pdf"];
        let found = keys.map(|key| matches!(upload(&api, key).state, State::Queued { .. }));
        assert_eq!(found, held, "{scope}");
    }
}

#[test]
fn retry_that_is_due_during_a_pause_waits_and_its_deadline_with_it() {
    let api = TestApi::new();
    let app = api.handler.app();
    upload(&api, KEY);
    let reason = "Received server error (500) from model.";
    let message = batch(app, &[failed(&job(app, KEY), reason)], 1);
    run(inference_error::handle(app, message)).unwrap();
    let State::RetryScheduled { due, budget, .. } = job(app, KEY).state else {
        panic!("no retry")
    };
    let until = due.0 + 40 * HOUR - NOW.0;
    let _: PauseView = api.support().post("/pauses", pause(&pipeline(), until));
    run_checks(&api);
    let held = job(app, KEY);
    assert!(
        matches!(held.state, State::Queued { .. }),
        "{:?}",
        held.state
    );
    assert_eq!(held.history.last().unwrap().event, EventKind::Held);
    assert_eq!(held.failure().map(|it| it.cause.name()), Some("ModelError"));

    // Longer than the job's deadline.
    app.ports.state().now.0 = NOW.0 + until;
    assert_eq!(reconcile(&api).queued_released, 1);
    let at = app.ports.state().now;
    run_checks(&api);
    let State::InProgress {
        attempt,
        budget: released,
        ..
    } = job(app, KEY).state
    else {
        panic!("it did not start: {:?}", job(app, KEY).state)
    };
    assert_eq!(attempt.0, 2);
    let State::Queued { since, .. } = held.state else {
        unreachable!()
    };
    assert_eq!(released.expires_at.0 - budget.expires_at.0, at.0 - since.0);
}

#[test]
fn cancelled_while_it_waits_it_is_never_sent_and_its_data_can_be_deleted_at_once() {
    let api = TestApi::new();
    let _: PauseView = api.support().post("/pauses", pause(&pipeline(), HOUR));
    let waiting = upload(&api, KEY);
    let path = format!("/jobs/{}/cancel", waiting.id);
    let reason = json!({"reason": "the wrong file"});
    let answer: JobCommandResult = api.reviewer().post(&path, reason.clone());
    assert_eq!(answer.job.status, "Cancelled");
    assert!(answer.job.cancelled_without_run);
    let _: ResumeResult = api.support().post("/pauses/resume", resume(&pipeline()));
    assert_eq!(run_checks(&api), [0; 0]);
    assert_eq!(invocations(&api), []);
    let path = format!("/jobs/{}/data-deletion", waiting.id);
    let deleted: JobCommandResult = api.support().post(&path, reason);
    assert_eq!(deleted.job.status, "Erased");
}

/// The check is on its way when the job is cancelled.
#[test]
fn released_and_then_cancelled_it_is_not_sent() {
    let api = TestApi::new();
    let _: PauseView = api.support().post("/pauses", pause(&pipeline(), HOUR));
    let waiting = upload(&api, KEY);
    let _: ResumeResult = api.support().post("/pauses/resume", resume(&pipeline()));
    assert_eq!(run_releases(&api), [0]);
    let path = format!("/jobs/{}/cancel", waiting.id);
    let _: JobCommandResult = api
        .reviewer()
        .post(&path, json!({"reason": "the wrong file"}));
    assert_eq!(run_checks(&api), [0]);
    assert_eq!(invocations(&api), []);
}

#[test]
fn job_that_runs_is_cancelled_with_the_warning_that_its_run_may_continue() {
    let api = TestApi::new();
    let running = upload(&api, KEY);
    let path = format!("/jobs/{}/cancel", running.id);
    let answer: JobCommandResult = api
        .reviewer()
        .post(&path, json!({"reason": "the wrong file"}));
    assert!(!answer.job.cancelled_without_run);
    let detail: JobDetail = api.reviewer().get(&format!("/jobs/{}", running.id));
    assert!(detail.explanation.summary.contains("is ignored"));
}

#[test]
fn customers_see_until_when_and_only_support_sees_who_and_why() {
    let api = TestApi::new();
    let created: PauseView = api.support().post("/pauses", pause(&pipeline(), HOUR));
    let globex = json!({"tenant": "globex"});
    let _: PauseView = api.support().post("/pauses", pause(&globex, 2 * HOUR));
    let seen: PauseList = api.customer().get("/pauses");
    let shown = PauseView {
        actor: None,
        reason: None,
        ..created.clone()
    };
    assert_eq!(seen.pauses, [shown]);
    let all: PauseList = api.support().get("/pauses");
    assert_eq!(all.pauses.len(), 2);
    assert_eq!(created.actor.as_deref(), Some("sam@docket.example"));

    let waiting = upload(&api, KEY);
    let path = format!("/jobs/{}", waiting.id);
    let detail: JobDetail = api.customer().get(&path);
    let text = serde_json::to_string(&detail.explanation).unwrap();
    assert!(text.contains("the pipeline is paused by support"), "{text}");
    assert!(!text.contains("quota") && !text.contains("sam@"), "{text}");
    assert!(
        detail
            .explanation
            .next
            .iter()
            .any(|step| step.at == created.until)
    );
    let ready = detail.explanation.ready_by.unwrap_or_default();
    let times = (ready.earliest, ready.about, ready.latest);
    assert_eq!(
        times,
        (Some(created.until), None, None),
        "{}",
        ready.explanation
    );
    let list: JobPage = api.customer().get("/jobs?status=open");
    let listed = list.jobs[0].ready_by.clone().unwrap();
    assert_eq!(listed, ready, "the list says the same");
    let detail: JobDetail = api.support().get(&path);
    let text = serde_json::to_string(&detail.explanation).unwrap();
    assert!(text.contains("quota") && text.contains("sam@"), "{text}");
}

#[test]
fn pause_without_an_end_a_scope_or_a_reason_is_refused() {
    let api = TestApi::new();
    let week = 7 * 24 * HOUR;
    for (body, words) in [
        (
            pause(&json!({}), HOUR),
            "name a pipeline, a tenant, or both",
        ),
        (
            pause(&json!({"pipeline": "nda"}), HOUR),
            "there is no pipeline",
        ),
        (
            pause(&json!({"tenant": "A B"}), HOUR),
            "not a tenant's name",
        ),
        (pause(&pipeline(), 0), "in the future"),
        (pause(&pipeline(), week + 1), "at most 7 days"),
        (
            json!({"pipeline": "legal-review", "until": NOW.0 + HOUR, "reason": " "}),
            "give a reason",
        ),
    ] {
        let (code, detail) = api.support().problem("POST", "/pauses", Some(body));
        assert_eq!(code, "bad-request");
        assert!(detail.contains(words), "{detail}");
    }
    let body = Some(pause(&pipeline(), HOUR));
    let code = api.reviewer().problem_code("POST", "/pauses", body);
    assert_eq!(code, "forbidden");
    let body = Some(resume(&pipeline()));
    let (code, detail) = api.support().problem("POST", "/pauses/resume", body);
    assert_eq!(code, "not-found");
    assert!(detail.contains("is not paused"), "{detail}");
    let _: PauseView = api.support().post("/pauses", pause(&pipeline(), week));
}

/// It is unknown what is paused. So no job may start, and none may be lost.
#[test]
fn unreadable_pauses_hold_every_upload_until_they_are_repaired() {
    let api = TestApi::new();
    let app = api.handler.app();
    let record = |body: &str, revision| jobs::ports::Record {
        body: body.to_owned(),
        revision,
        expires_at: None,
    };
    let put = |record| app.ports.state().records.put("pauses", "now", &record);
    assert!(put(record("{}", 1)));
    let waiting = upload(&api, KEY);
    assert!(matches!(waiting.state, State::Queued { .. }));
    let reconciled = reconcile(&api);
    assert_eq!(
        (reconciled.queued_released, reconciled.incomplete),
        (0, true)
    );
    assert!(put(record("", 2)));
    assert_eq!(reconcile(&api).queued_released, 1);
    run_checks(&api);
    assert_eq!(invocations(&api), [waiting.id]);
}

/// Without a record the path is the one without pauses: one read more, and no write.
#[test]
fn upload_without_a_pause_costs_one_read_and_no_write_more() {
    let api = TestApi::new();
    api.ports().state().calls.clear();
    upload(&api, KEY);
    let state = api.ports().state();
    let calls = |name: &str| state.calls.get(name).copied().unwrap_or(0);
    assert_eq!((calls("get_record"), calls("list_records")), (1, 0));
    assert_eq!((calls("create"), calls("save")), (1, 1));
    assert_eq!(state.checks.len(), 0);
}

/// Function `capacity` has seen one instance in service.
fn know_window(api: &TestApi) {
    let seconds = std::time::Duration::from_secs;
    let known = KnownWindow {
        pipeline: "legal-review".to_owned(),
        until: Timestamp(NOW.0 + 2 * HOUR),
        window: Window::new(1, 1, 1, seconds(45), seconds(120)),
        is_full: false,
        base: BaseWork::default(),
    };
    let record = jobs::ports::Record {
        body: known.to_line(),
        revision: 1,
        expires_at: None,
    };
    api.ports().state().records.put("pauses", "now", &record);
}

/// A resume does not hand everything to the endpoint at once.
#[test]
fn many_queued_jobs_are_released_as_the_window_has_places() {
    let api = TestApi::new();
    let app = api.handler.app();
    know_window(&api);
    let _: PauseView = api.support().post("/pauses", pause(&pipeline(), HOUR));
    for number in 0..250 {
        upload(&api, &format!("inbound/acme/{number}.pdf"));
        advance(app, 1);
    }
    let resumed: ResumeResult = api.support().post("/pauses/resume", resume(&pipeline()));
    let counts = (resumed.released, resumed.wait_for_turn);
    assert_eq!(counts, (0, 250), "nothing but their turn holds them");
    let window = usize::try_from(MIN_WINDOW).unwrap();
    assert_eq!(run_checks(&api).len(), window);
    assert_eq!(reconcile(&api).queued_released, 250 - window as u64);
    assert_eq!(run_checks(&api), [0; 0], "the window is full");
    let path = format!("/jobs/{}", upload(&api, KEY).id);
    let detail: JobDetail = api.customer().get(&path);
    let waiting = detail.explanation.waiting.unwrap();
    assert_eq!(waiting.on, api::explain::WaitsOn::Turn);
    let turn = waiting.turn.unwrap();
    let place = "247th of 247 in its organization's turn, next release in about 11 min";
    assert_eq!(turn, place);
}

/// A burst finds no full window at first. It is noticed before function `capacity` looks.
#[test]
fn burst_of_uploads_is_queued_once_the_window_is_full() {
    let api = TestApi::new();
    know_window(&api);
    let mut states = Vec::new();
    for number in 0..10 {
        states.push(upload(&api, &format!("inbound/acme/{number}.pdf")).state);
        run_checks(&api);
    }
    let window = usize::try_from(MIN_WINDOW).unwrap();
    let sent = states
        .iter()
        .filter(|it| matches!(it, State::InProgress { .. }));
    assert_eq!(sent.count(), window);
}
