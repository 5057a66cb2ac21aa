//! Function `audit-events`: what the bus is told about the audit log.

use api::audit::{AuditEvent, AuditOutcome};
use api::types::AuditEntry;
use aws_lambda_events::dynamodb::Event;
use functions::handlers::audit_events::handle;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};

use super::fixtures::{TestApp, app, run};

const EXAMPLE: &str = include_str!("../../../../events/audit-events/entries.json");
const PUBLISHED: &str = include_str!("../../../../events/audit-events/audit-entry.json");

fn entry(action: &str, detail: Option<&str>) -> AuditEntry {
    AuditEntry {
        at: 7,
        actor: "sam@docket.example".to_owned(),
        action: action.to_owned(),
        target: "acme".to_owned(),
        tenant: Some("acme".to_owned()),
        reason: "the lease of Mr. Kowalski".to_owned(),
        program: Some("browser".to_owned()),
        detail: detail.map(str::to_owned),
    }
}

fn record(key: &str, body: &str) -> Value {
    json!({"eventID": "1", "eventName": "INSERT", "awsRegion": "eu-west-1", "dynamodb": {
        "Keys": {"pk": {"S": "audit"}, "sk": {"S": key}}, "SequenceNumber": "1", "SizeBytes": 1,
        "NewImage": {"pk": {"S": "audit"}, "sk": {"S": key}, "body": {"S": body}, "revision": {"N": "1"}},
    }})
}

fn send(app: &TestApp, records: &[Value]) -> Result<(), String> {
    let event: Event = serde_json::from_value(json!({"Records": records})).unwrap();
    run(handle(app, LambdaEvent::new(event, Context::default()))).map_err(|it| it.to_string())
}

fn published(app: &TestApp) -> Vec<AuditEvent> {
    app.ports.state().audit_events.clone()
}

#[test]
fn examples_are_what_the_function_gets_and_publishes() {
    let app = app();
    let event: Value = serde_json::from_str(EXAMPLE).unwrap();
    send(&app, event["Records"].as_array().unwrap()).unwrap();
    let example: Value = serde_json::from_str(PUBLISHED).unwrap();
    assert_eq!(
        serde_json::to_value(published(&app)).unwrap(),
        json!([example["detail"]])
    );
}

#[test]
fn beginning_and_outcome_are_two_events_without_reasons_and_words() {
    let app = app();
    let bodies = [
        entry("retry", None),
        entry("retry", Some("attempt 2 is scheduled of Kowalski.pdf")),
        entry("retry", Some("refused: Kowalski.pdf is not failed")),
        entry("sign-in", None),
    ];
    let record = |entry: &AuditEntry| record("0007-ab", &serde_json::to_string(entry).unwrap());
    let records: Vec<Value> = bodies.iter().map(record).collect();
    send(&app, &records).unwrap();
    let events = published(&app);
    let outcomes: Vec<AuditOutcome> = events.iter().map(|event| event.outcome).collect();
    let (begun, done, refused) = (
        AuditOutcome::Begun,
        AuditOutcome::Done,
        AuditOutcome::Refused,
    );
    assert_eq!(outcomes, [begun, done, refused, done]);
    assert_eq!(events[1].id, "0007-ab:done");
    let text = serde_json::to_string(&events).unwrap();
    assert!(!text.contains("Kowalski"), "{text}");
}

#[test]
fn batch_that_the_bus_does_not_take_comes_again_and_an_unreadable_entry_does_not_hold_it() {
    let app = app();
    let good = serde_json::to_string(&entry("retry", None)).unwrap();
    let records = [record("1", "{"), record("2", &good)];
    app.ports.state().fail_before.insert("publish_audit", 1);
    let error = send(&app, &records).unwrap_err();
    assert!(error.contains("the batch comes again"), "{error}");
    assert!(published(&app).is_empty());
    send(&app, &records).unwrap();
    assert_eq!(published(&app)[0].entry, "2");
}

/// What the time to live deletes has no new image. The filter leaves it out; a filter may change.
#[test]
fn deleted_entry_is_no_event() {
    let app = app();
    let keys = json!({"pk": {"S": "audit"}, "sk": {"S": "1"}});
    let removed = json!({"eventID": "1", "eventName": "REMOVE", "awsRegion": "eu-west-1",
        "dynamodb": {"Keys": keys, "SizeBytes": 1}});
    send(&app, &[removed]).unwrap();
    assert!(published(&app).is_empty());
}
