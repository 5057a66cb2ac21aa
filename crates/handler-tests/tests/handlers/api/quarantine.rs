//! Listing, redriving and discarding messages in quarantine.

use api::types::{QuarantineEntry, QuarantinePage};
use functions::handlers::retry;
use jobs::ports::{Quarantine, QuarantinedMessage, Queue};
use serde_json::json;

use super::super::fixtures::{NOW, batch, run};
use super::{TestApi, audit_log};

fn keep(api: &TestApi, source: &str, id: &str) {
    let entry = QuarantinedMessage {
        source: source.to_owned(),
        message_id: id.to_owned(),
        cause: "Malformed".into(),
        problem: "not a check: <script>".to_owned(),
        body: "{\"broken\": 1}".to_owned(),
        at: NOW,
    };
    run(api.ports().quarantine(&entry)).unwrap();
}

fn reason() -> serde_json::Value {
    json!({"reason": "the sender was fixed"})
}

#[test]
fn messages_are_listed_in_pages_and_shown_with_their_body() {
    let api = TestApi::new();
    for number in 0..120 {
        keep(&api, "checks", &format!("m{number:03}"));
    }
    let mut listed = 0;
    let mut path = "/quarantine".to_owned();
    loop {
        let page: QuarantinePage = api.support().get(&path);
        listed += page.entries.len();
        assert!(page.entries.iter().all(|entry| entry.body.is_none()));
        match page.cursor {
            Some(cursor) => path = format!("/quarantine?cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(listed, 120);
    let entry: QuarantineEntry = api.support().get("/quarantine/checks%3Am007");
    assert_eq!(entry.body.as_deref(), Some("{\"broken\": 1}"));
    assert_eq!(
        api.support().problem_code("GET", "/quarantine/m007", None),
        "not-found"
    );
    for path in [
        "/quarantine",
        "/quarantine/checks:m007",
        "/audit",
        "/retry-plans",
    ] {
        assert_eq!(
            api.reviewer().problem_code("GET", path, None),
            "forbidden",
            "{path}"
        );
        assert_eq!(
            api.customer().problem_code("GET", path, None),
            "forbidden",
            "{path}"
        );
    }
}

#[test]
fn redriven_message_that_fails_again_is_quarantined_again() {
    let api = TestApi::new();
    keep(&api, "checks", "m1");
    let entry: QuarantineEntry = api
        .support()
        .post("/quarantine/checks:m1/redrive", reason());
    assert_eq!(entry.id, "checks:m1");
    let sent = api.ports().state().redriven.clone();
    assert_eq!(
        (sent.len(), sent[0].0, sent[0].1.first_id.as_str()),
        (1, Queue::Checks, "m1")
    );
    let page: QuarantinePage = api.support().get("/quarantine");
    assert!(
        page.entries.is_empty(),
        "a redriven message must leave the quarantine"
    );
    assert_eq!(
        api.support()
            .problem_code("POST", "/quarantine/checks:m1/redrive", Some(reason())),
        "not-found"
    );

    // The message carries the first message's id and is as invalid as before.
    let mut event = batch(api.handler.app(), &[sent[0].1.body.clone()], 1);
    let attribute = json!({"stringValue": "m1", "dataType": "String"});
    event.payload.records[0].message_attributes =
        serde_json::from_value(json!({"first-message-id": attribute})).unwrap();
    run(retry::handle(api.handler.app(), event)).unwrap();
    let page: QuarantinePage = api.support().get("/quarantine");
    assert_eq!(
        page.entries[0].id, "checks:m1",
        "the message must be quarantined under its first id"
    );
    assert_eq!(audit_log(&api)[0].action, "redrive");
}

#[test]
fn message_whose_redrive_fails_stays_in_quarantine() {
    let api = TestApi::new();
    keep(&api, "checks", "m1");
    // The response of the queue is lost: the message may have been sent.
    api.ports().state().fail_after.insert("redrive_letter", 1);
    assert_eq!(
        api.support()
            .problem_code("POST", "/quarantine/checks:m1/redrive", Some(reason())),
        "unavailable"
    );
    let page: QuarantinePage = api.support().get("/quarantine");
    assert_eq!(
        page.entries.len(),
        1,
        "the message must still be in quarantine"
    );
    assert!(
        audit_log(&api)[0]
            .detail
            .as_deref()
            .unwrap()
            .starts_with("refused")
    );
    // A redrive right after it could send the message twice.
    let code = api
        .support()
        .problem_code("POST", "/quarantine/checks:m1/redrive", Some(reason()));
    assert_eq!(code, "changed");
    super::super::fixtures::advance(api.handler.app(), 60_000);
    let entry: QuarantineEntry = api
        .support()
        .post("/quarantine/checks:m1/redrive", reason());
    assert_eq!(entry.id, "checks:m1");
}

#[test]
fn discarded_message_is_kept_in_the_audit_log_with_the_reason() {
    let api = TestApi::new();
    keep(&api, "uploads", "m1");
    let path = "/quarantine/uploads:m1/discard";
    assert_eq!(
        api.support()
            .problem_code("POST", path, Some(json!({"reason": ""}))),
        "bad-request"
    );
    assert_eq!(
        api.reviewer().problem_code("POST", path, Some(reason())),
        "forbidden"
    );
    assert_eq!(
        api.support()
            .send("POST", path, Some(&reason()))
            .status_code,
        204
    );
    assert_eq!(
        api.support()
            .problem_code("GET", "/quarantine/uploads:m1", None),
        "not-found"
    );
    let entry = &audit_log(&api)[0];
    assert_eq!(
        (entry.action.as_str(), entry.detail.as_deref()),
        ("discard", Some("13 bytes; its cause was Malformed"))
    );
}
