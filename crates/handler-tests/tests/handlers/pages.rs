//! Open pages: tickets, registration, snapshots and pushes, by the real handlers over in-memory ports.

use crate::fixtures::{BUCKET, NOW, PDF, TestApp, app, batch, event, run, upload_event};
use std::sync::Arc;

use functions::handlers::{upload_trigger, ws_authorizer, ws_connect, ws_default, ws_disconnect};
use jobs::id::Timestamp;
use jobs::ports::{Connection, Ticket};
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
        subscription: "acme".into(),
        actor: "someone".into(),
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
        json!({"watches": "acme", "actor": "someone", "token_expires_at": (NOW.0 + 3_600_000).to_string()})
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
