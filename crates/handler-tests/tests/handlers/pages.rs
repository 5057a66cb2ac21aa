//! Open pages: tickets, registration, snapshots and pushes, by the real handlers over in-memory ports.

use crate::fixtures::{BUCKET, NOW, PDF, TestApp, app, batch, event, run, upload_event};
use std::collections::BTreeSet;
use std::sync::Arc;

use api::snapshot::MAX_CHECKED_JOBS;
use functions::handlers::{upload_trigger, ws_authorizer, ws_connect, ws_default, ws_disconnect};
use jobs::effects::{MAX_PUSHES, MessageIndex, PendingEffects, run_effects};
use jobs::id::{Attempt, JobId, Timestamp};
use jobs::job::Job;
use jobs::ports::{Connection, Ticket};
use jobs::state::{Cause, Failure, State};
use serde_json::{Value, json};

fn fixture(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn connect_event() -> Value {
    fixture(include_str!(
        "../../../../events/ws-authorizer/connect.json"
    ))
}

fn authorize(app: &TestApp, payload: Value) -> Value {
    let answer = run(ws_authorizer::handle(app, event(app, payload))).unwrap();
    serde_json::to_value(answer).unwrap()
}

fn effect(policy: &Value) -> &str {
    policy["policyDocument"]["Statement"][0]["Effect"]
        .as_str()
        .unwrap()
}

fn with_ticket(expires_at: Timestamp) -> TestApp {
    let app = app();
    let ticket = Ticket {
        uploader: None,
        hides_contents: false,
        subscription: "acme".into(),
        actor: "rita@acme.example".into(),
        expires_at,
        token_expires_at: Timestamp(NOW.0 + 3_600_000),
    };
    app.ports.state().tickets.insert("0d5a1f".into(), ticket);
    app
}

#[test]
fn ticket_opens_one_connection() {
    let app = with_ticket(Timestamp(NOW.0 + 60_000));
    let policy = authorize(&app, connect_event());
    assert_eq!(effect(&policy), "Allow");
    assert_eq!(
        policy["context"],
        json!({"watches": "acme", "actor": "rita@acme.example", "token_expires_at": (NOW.0 + 3_600_000).to_string()})
    );
    assert_eq!(
        effect(&authorize(&app, connect_event())),
        "Deny",
        "a ticket is good once"
    );
}

#[test]
fn connection_without_a_valid_ticket_is_denied() {
    let app = with_ticket(Timestamp(NOW.0 - 1));
    assert_eq!(effect(&authorize(&app, connect_event())), "Deny", "expired");
    let mut none = connect_event();
    none["queryStringParameters"] = Value::Null;
    assert_eq!(effect(&authorize(&app, none)), "Deny", "missing");
    app.ports.state().fail_before.insert("redeem", 1);
    let unavailable: lambda_runtime::LambdaEvent<_> = event(&app, connect_event());
    assert!(
        run(ws_authorizer::handle(&app, unavailable)).is_err(),
        "unknown is neither yes nor no"
    );
}

#[test]
fn page_of_another_origin_is_denied_and_its_ticket_stays_unused() {
    let mut app = with_ticket(Timestamp(NOW.0 + 60_000));
    Arc::make_mut(&mut app.environment).page_origin = "https://elsewhere.example.com".to_owned();
    assert_eq!(effect(&authorize(&app, connect_event())), "Deny");
    Arc::make_mut(&mut app.environment).page_origin = "https://review.example.com".to_owned();
    assert_eq!(effect(&authorize(&app, connect_event())), "Allow");
}

#[test]
fn connection_is_registered_receives_a_snapshot_and_is_removed() {
    let app = app();
    let version = app.ports.put(BUCKET, "inbound/acme/nda.pdf", PDF);
    run(upload_trigger::handle(
        &app,
        batch(&app, &[upload_event("inbound/acme/nda.pdf", &version)], 1),
    ))
    .unwrap();
    run(ws_connect::handle(
        &app,
        event(
            &app,
            fixture(include_str!("../../../../events/ws-connect/connect.json")),
        ),
    ))
    .unwrap();
    assert_eq!(app.ports.state().connections.len(), 1);
    run(ws_default::handle(
        &app,
        event(
            &app,
            fixture(include_str!("../../../../events/ws-default/sync.json")),
        ),
    ))
    .unwrap();
    assert_eq!(
        app.ports.state().connections.len(),
        1,
        "a sync renews the registration"
    );
    let (connection, frame) = app.ports.state().frames[0].clone();
    let frame: Value = serde_json::from_str(&frame).unwrap();
    assert_eq!(connection, "TWegAcfRoowCGnA=");
    assert_eq!(
        (frame["type"].as_str(), frame["more"].as_bool()),
        (Some("snapshot"), Some(false))
    );
    assert_eq!(frame["jobs"][0]["name"], "nda.pdf");
    run(ws_disconnect::handle(
        &app,
        event(
            &app,
            fixture(include_str!(
                "../../../../events/ws-disconnect/disconnect.json"
            )),
        ),
    ))
    .unwrap();
    assert!(app.ports.state().connections.is_empty());
}

#[test]
fn snapshot_of_many_jobs_fits_one_frame_and_reports_that_there_are_more() {
    let app = app();
    for i in 0..130 {
        let key = format!("inbound/acme/{}{i}.pdf", "long name ".repeat(20));
        let version = app.ports.put(BUCKET, &key, PDF);
        run(upload_trigger::handle(
            &app,
            batch(&app, &[upload_event(&key, &version)], 1),
        ))
        .unwrap();
    }
    app.ports.state().frames.clear();
    run(ws_default::handle(
        &app,
        event(
            &app,
            fixture(include_str!("../../../../events/ws-default/sync.json")),
        ),
    ))
    .unwrap();
    let frame = app.ports.state().frames[0].1.clone();
    assert!(frame.len() <= 32 * 1024, "{}", frame.len());
    let frame: Value = serde_json::from_str(&frame).unwrap();
    assert_eq!(frame["more"], true);
    assert!(frame["jobs"].as_array().unwrap().len() >= 40);
}

#[test]
fn unknown_frame_is_answered_with_an_error() {
    let app = app();
    for body in [
        json!("hello"),
        json!("{\"action\":\"delete\"}"),
        json!("[\"sync\"]"),
        json!("[{\"action\":\"sync\"}]"),
        Value::Null,
    ] {
        let mut message = fixture(include_str!("../../../../events/ws-default/sync.json"));
        message["body"] = body;
        run(ws_default::handle(&app, event(&app, message))).unwrap();
        assert!(
            app.ports
                .state()
                .frames
                .pop()
                .unwrap()
                .1
                .contains("not understood")
        );
    }
    assert!(app.ports.state().connections.is_empty());
}

#[test]
fn connection_with_an_expired_sign_in_receives_nothing() {
    let app = app();
    let mut message = fixture(include_str!("../../../../events/ws-default/sync.json"));
    message["requestContext"]["authorizer"]["token_expires_at"] = (NOW.0 - 1).to_string().into();
    run(ws_default::handle(&app, event(&app, message))).unwrap();
    assert!(app.ports.state().frames[0].1.contains("expired"));
    assert!(app.ports.state().connections.is_empty());
}

fn connection(subscription: &str, id: &str, age_ms: u64, token_ms: i64) -> Connection {
    Connection {
        uploader: None,
        hides_contents: false,
        subscription: subscription.into(),
        connection_id: id.into(),
        registered_at: Timestamp(NOW.0 - age_ms),
        token_expires_at: Timestamp(NOW.0.saturating_add_signed(token_ms)),
    }
}

/// Guarantee 8: no one sees, is pushed, retries or downloads another tenant's job.
#[test]
fn change_is_pushed_only_to_its_tenant_and_to_support() {
    let app = app();
    app.ports.state().connections = vec![
        connection("acme", "own", 0, 1000),
        connection("globex", "other", 0, 1000),
        connection("*", "support", 0, 1000),
        connection("acme", "expired", 0, -1),
    ];
    let version = app.ports.put(BUCKET, "inbound/acme/nda.pdf", PDF);
    run(upload_trigger::handle(
        &app,
        batch(&app, &[upload_event("inbound/acme/nda.pdf", &version)], 1),
    ))
    .unwrap();
    let mut pushed: Vec<_> = app
        .ports
        .state()
        .frames
        .iter()
        .map(|(id, _)| id.clone())
        .collect();
    pushed.sort();
    assert_eq!(pushed, ["own", "support"]);
}

#[test]
fn gone_connection_is_removed_unless_it_was_just_opened() {
    let app = app();
    app.ports.state().connections = vec![
        connection("acme", "old", 60_000, 1000),
        connection("acme", "fresh", 1_000, 1000),
        connection("acme", "live", 60_000, 1000),
    ];
    app.ports.state().gone = vec!["old".into(), "fresh".into()];
    let version = app.ports.put(BUCKET, "inbound/acme/nda.pdf", PDF);
    let response = run(upload_trigger::handle(
        &app,
        batch(&app, &[upload_event("inbound/acme/nda.pdf", &version)], 1),
    ))
    .unwrap();
    assert!(
        response.batch_item_failures.is_empty(),
        "a push never fails a job"
    );
    let left: Vec<_> = app
        .ports
        .state()
        .connections
        .iter()
        .map(|connection| connection.connection_id.clone())
        .collect();
    assert_eq!(left, ["fresh", "live"]);
    assert_eq!(app.ports.state().frames.len(), 1);
}

#[test]
fn failed_push_does_not_fail_the_message() {
    let app = app();
    app.ports.state().connections = vec![
        connection("acme", "a", 0, 1000),
        connection("acme", "b", 0, 1000),
    ];
    app.ports
        .state()
        .fail_before
        .extend([("push", 1), ("unregister", 1)]);
    let version = app.ports.put(BUCKET, "inbound/acme/nda.pdf", PDF);
    let response = run(upload_trigger::handle(
        &app,
        batch(&app, &[upload_event("inbound/acme/nda.pdf", &version)], 1),
    ))
    .unwrap();
    assert!(response.batch_item_failures.is_empty());
    assert_eq!(app.ports.state().frames.len(), 1);
}

fn sync(app: &TestApp, message: &Value) -> Value {
    let mut payload = fixture(include_str!("../../../../events/ws-default/sync.json"));
    payload["body"] = message.to_string().into();
    app.ports.state().frames.clear();
    run(ws_default::handle(app, event(app, payload))).unwrap();
    serde_json::from_str(&app.ports.state().frames[0].1).unwrap()
}

fn upload(app: &TestApp, key: &str) {
    let version = app.ports.put(BUCKET, key, PDF);
    run(upload_trigger::handle(
        app,
        batch(app, &[upload_event(key, &version)], 1),
    ))
    .unwrap();
}

/// The message of a page that has seen these push messages.
fn sync_again(frames: &[&Value]) -> Value {
    let mut known = serde_json::Map::new();
    for job in frames
        .iter()
        .flat_map(|frame| frame["jobs"].as_array().unwrap())
    {
        let group = match job["status"].as_str().unwrap() {
            "Ready" => "ready",
            "Failed" => "failed",
            "Cancelled" => "cancelled",
            _ => "open",
        };
        let id = job["id"].as_str().unwrap();
        let revision = job["marks"]["revision"].as_u64();
        let known_job = match revision {
            Some(revision) => json!([id, job["version"], group, revision]),
            None => json!([id, job["version"], group]),
        };
        known.insert(id.to_owned(), known_job);
    }
    let known: Vec<Value> = known.into_iter().map(|(_, job)| job).collect();
    let mark = frames.iter().rev().find_map(|frame| frame["mark"].as_str());
    json!({"action": "sync", "mark": mark, "known": known})
}

fn set_state(app: &TestApp, key: &str, state: State) {
    let mut world = app.ports.state();
    let job = world
        .jobs
        .get_mut(&JobId::of_key(BUCKET, key))
        .expect("the job exists");
    job.state = state;
    job.version += 1;
}

const READY: State = State::Ready {
    attempt: Attempt(1),
};

#[test]
fn sync_without_changes_since_the_last_one_is_answered_with_nothing() {
    let app = app();
    for number in 0..60 {
        upload(&app, &format!("inbound/acme/{number}.pdf"));
        set_state(&app, &format!("inbound/acme/{number}.pdf"), READY);
    }
    let first = sync(&app, &json!({"action": "sync"}));
    assert_eq!(
        (&first["more"], first["jobs"].as_array().unwrap().len()),
        (&json!(true), 50)
    );
    let again = sync(&app, &sync_again(&[&first]));
    assert_eq!(again["jobs"], json!([]));
    assert_eq!(again["more"], false, "the page keeps what it has");
    assert_eq!(again["mark"], first["mark"]);
    // A page's fifty rows would be fifty units. The keys of the lists are four.
    assert_eq!(app.ports.state().rows_read, MAX_CHECKED_JOBS);
}

/// Guarantee 7: a connected page shows the table's state within a minute if a push was lost.
#[test]
fn sync_finds_every_change_whose_push_was_lost() {
    let app = app();
    for number in 0..8 {
        upload(&app, &format!("inbound/acme/{number}.pdf"));
    }
    let first = sync(&app, &json!({"action": "sync"}));
    // A new job; jobs that leave for each status group, one of which is not in a snapshot; one that stays open.
    upload(&app, "inbound/acme/new.pdf");
    set_state(&app, "inbound/acme/0.pdf", READY);
    let attempt = Attempt(1);
    let failure = Failure::new(Cause::ModelError, "it broke");
    set_state(
        &app,
        "inbound/acme/1.pdf",
        State::Failed { attempt, failure },
    );
    set_state(&app, "inbound/acme/2.pdf", State::Cancelled { attempt });
    let stays_open = app.ports.state().jobs[&JobId::of_key(BUCKET, "inbound/acme/3.pdf")]
        .state
        .clone();
    set_state(&app, "inbound/acme/3.pdf", stays_open);
    let answer = sync(&app, &sync_again(&[&first]));
    let mut changed: Vec<(&str, &str)> = answer["jobs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| {
            (
                job["name"].as_str().unwrap(),
                job["status"].as_str().unwrap(),
            )
        })
        .collect();
    changed.sort_unstable();
    assert_eq!(
        changed,
        [
            ("0.pdf", "Ready"),
            ("1.pdf", "Failed"),
            ("2.pdf", "Cancelled"),
            ("3.pdf", "InProgress"),
            ("new.pdf", "InProgress"),
        ]
    );
    let again = sync(&app, &sync_again(&[&first, &answer]));
    assert_eq!(again["jobs"], json!([]));
}

/// Marks change without a new version of the job.
#[test]
fn sync_finds_marks_whose_push_was_lost() {
    let app = app();
    upload(&app, "inbound/acme/a.pdf");
    let first = sync(&app, &json!({"action": "sync"}));
    let id = JobId::of_key(BUCKET, "inbound/acme/a.pdf");
    let marks = jobs::marks::Marks {
        revision: 1,
        note: Some("ask about § 7".to_owned()),
        ..Default::default()
    };
    app.ports.state().jobs.get_mut(&id).unwrap().marks = Some(Box::new(marks));
    let answer = sync(&app, &sync_again(&[&first]));
    assert_eq!(answer["jobs"][0]["marks"]["note"], "ask about § 7");
    let again = sync(&app, &sync_again(&[&first, &answer]));
    assert_eq!(again["jobs"], json!([]));
}

#[test]
fn sync_after_more_new_jobs_than_fit_says_that_there_are_more() {
    let app = app();
    upload(&app, "inbound/acme/first.pdf");
    let first = sync(&app, &json!({"action": "sync"}));
    for number in 0..51 {
        upload(&app, &format!("inbound/acme/{number}.pdf"));
        let mut world = app.ports.state();
        let id = JobId::of_key(BUCKET, &format!("inbound/acme/{number}.pdf"));
        world.jobs.get_mut(&id).unwrap().created_at = Timestamp(NOW.0 + 1 + number);
    }
    assert_eq!(sync(&app, &sync_again(&[&first]))["more"], true);
}

/// Guarantee 8: no one sees, is pushed, retries or downloads another tenant's job.
#[test]
fn page_that_names_a_job_of_another_tenant_gets_nothing_about_it() {
    let app = app();
    upload(&app, "inbound/globex/secret.pdf");
    let id = JobId::of_key(BUCKET, "inbound/globex/secret.pdf").to_string();
    for mark in ["", "another"] {
        let known = json!([[id, 0, "open"], ["not an id", 0, "open"]]);
        let answer = sync(
            &app,
            &json!({"action": "sync", "mark": mark, "known": known}),
        );
        assert_eq!(answer["jobs"], json!([]));
    }
}

/// Index and rows are read eventually consistently: the row may be older than its place in the index.
#[test]
fn job_whose_row_lags_behind_its_index_is_sent_by_the_next_sync() {
    let app = app();
    upload(&app, "inbound/acme/a.pdf");
    let first = sync(&app, &json!({"action": "sync"}));
    let id = JobId::of_key(BUCKET, "inbound/acme/a.pdf");
    let before = app.ports.state().jobs[&id].clone();
    set_state(&app, "inbound/acme/a.pdf", READY);
    app.ports.state().lagging_rows.insert(id, before);
    let lagging = sync(&app, &sync_again(&[&first]));
    assert_eq!(lagging["jobs"], json!([]));
    app.ports.state().lagging_rows.clear();
    let next = sync(&app, &sync_again(&[&first, &lagging]));
    assert_eq!(next["jobs"][0]["status"], "Ready");
}

/// A new row may be in an index before it is in an eventually consistent read, and during a deployment the older release
/// cannot read it.
#[test]
fn new_job_whose_row_cannot_be_read_yet_is_sent_by_the_next_sync() {
    let app = app();
    upload(&app, "inbound/acme/a.pdf");
    let first = sync(&app, &json!({"action": "sync"}));
    upload(&app, "inbound/acme/b.pdf");
    let id = JobId::of_key(BUCKET, "inbound/acme/b.pdf");
    app.ports.state().newer_schema.insert(id);
    let early = sync(&app, &sync_again(&[&first]));
    assert_eq!(early["jobs"], json!([]));
    app.ports.state().newer_schema.clear();
    let next = sync(&app, &sync_again(&[&first, &early]));
    assert_eq!(next["jobs"][0]["id"], id.to_string());
}

/// Which of many pages get the push about one change.
fn pushed_pages(app: &TestApp, job: Job) -> BTreeSet<String> {
    app.ports.state().frames.clear();
    let pending = [PendingEffects {
        message: MessageIndex(0),
        job,
    }];
    let report = run(async {
        Ok::<_, lambda_runtime::Error>(
            run_effects(&app.ports, &pending, Timestamp(NOW.0 + 1_000_000)).await,
        )
    })
    .unwrap();
    assert_eq!(report.pushed, MAX_PUSHES);
    assert_eq!(report.dropped, PAGES - MAX_PUSHES);
    let frames = &app.ports.state().frames;
    frames.iter().map(|(id, _)| id.clone()).collect()
}

const PAGES: usize = 2 * MAX_PUSHES;

#[test]
fn pushes_take_two_seconds_at_most_however_long_the_function_may_run() {
    let app = app();
    upload(&app, "inbound/acme/nda.pdf");
    let id = JobId::of_key(BUCKET, "inbound/acme/nda.pdf");
    let job = app.ports.state().jobs[&id].clone();
    app.ports.state().connections = (0..PAGES)
        .map(|number| connection("acme", &format!("page-{number}"), 0, 600_000))
        .collect();
    app.ports.state().push_ms = 3;
    let began_at = app.ports.state().now;
    let pending = [PendingEffects {
        message: MessageIndex(0),
        job,
    }];
    let until = Timestamp(began_at.0 + 20_000);
    let report = run(async {
        Ok::<_, lambda_runtime::Error>(run_effects(&app.ports, &pending, until).await)
    })
    .unwrap();
    let took = app.ports.state().now.since(began_at);
    assert!(took.as_secs() < 2, "{took:?}");
    assert!(report.pushed > 0 && report.dropped > 0, "{report:?}");
}

#[test]
fn change_that_very_many_pages_show_is_pushed_to_a_limited_number_and_not_always_to_the_same() {
    let app = app();
    upload(&app, "inbound/acme/nda.pdf");
    let id = JobId::of_key(BUCKET, "inbound/acme/nda.pdf");
    let job = app.ports.state().jobs[&id].clone();
    app.ports.state().connections = (0..PAGES)
        .map(|number| connection("acme", &format!("page-{number}"), 0, 1000))
        .collect();
    let mut reached = BTreeSet::new();
    for _ in 0..16 {
        let pages = pushed_pages(&app, job.clone());
        assert_eq!(pages.len(), MAX_PUSHES);
        reached.extend(pages);
    }
    // Half of the pages each time: one in 65,536 is left out every time.
    assert!(reached.len() > PAGES - 10, "{}", reached.len());
}

#[test]
fn only_the_newest_version_of_a_job_is_pushed() {
    let app = app();
    upload(&app, "inbound/acme/nda.pdf");
    let id = JobId::of_key(BUCKET, "inbound/acme/nda.pdf");
    let older = app.ports.state().jobs[&id].clone();
    let mut newer = older.clone();
    newer.version += 1;
    app.ports.state().connections = vec![connection("acme", "page", 0, 1000)];
    app.ports.state().frames.clear();
    for pending in [[newer.clone(), older.clone()], [older, newer.clone()]] {
        let pending = pending.map(|job| PendingEffects {
            message: MessageIndex(0),
            job,
        });
        app.ports.state().frames.clear();
        run(async {
            Ok::<_, lambda_runtime::Error>(
                run_effects(&app.ports, &pending, Timestamp(NOW.0 + 1_000_000)).await,
            )
        })
        .unwrap();
        let frames = app.ports.state().frames.clone();
        assert_eq!(frames.len(), 1);
        let frame: Value = serde_json::from_str(&frames[0].1).unwrap();
        assert_eq!(frame["job"]["version"], newer.version);
    }
}

#[test]
fn page_that_shows_only_own_uploads_gets_no_push_about_those_of_others() {
    let app = app();
    upload(&app, "inbound/acme/nda.pdf");
    let id = JobId::of_key(BUCKET, "inbound/acme/nda.pdf");
    let mut job = app.ports.state().jobs[&id].clone();
    let page_of = |uploader: &str| Connection {
        uploader: Some(uploader.to_owned()),
        ..connection("acme", uploader, 0, 600_000)
    };
    app.ports.state().connections = vec![page_of("ann@acme.test"), page_of("bob@acme.test")];
    let mut pushed = |uploaded_by: Option<&str>| {
        job.input.uploaded_by = uploaded_by.map(str::to_owned);
        app.ports.state().frames.clear();
        let pending = [PendingEffects {
            message: MessageIndex(0),
            job: job.clone(),
        }];
        run(async {
            Ok::<_, lambda_runtime::Error>(
                run_effects(&app.ports, &pending, Timestamp(NOW.0 + 1_000_000)).await,
            )
        })
        .unwrap();
        let frames = &app.ports.state().frames;
        frames
            .iter()
            .map(|(id, _)| id.clone())
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(
        pushed(Some("ann@acme.test")),
        BTreeSet::from(["ann@acme.test".to_owned()])
    );
    // Who uploaded an object that an S3 client put is not known.
    assert_eq!(pushed(None).len(), 2);
}
