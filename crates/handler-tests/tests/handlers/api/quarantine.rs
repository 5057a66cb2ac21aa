//! The desk's side of the quarantine.

use api::types::{QuarantineEntry, QuarantinePage};
use functions::handlers::retry;
use jobs::ports::{Quarantine, QuarantinedMessage, Queue};
use serde_json::json;

use super::super::world::{NOW, batch, run};
use super::{Office, audited};

fn keep(office: &Office, source: &str, id: &str) {
    let entry = QuarantinedMessage {
        source: source.to_owned(),
        message_id: id.to_owned(),
        cause: "Malformed".into(),
        problem: "not a wake-up: <script>".to_owned(),
        body: "{\"broken\": 1}".to_owned(),
        at: NOW,
    };
    run(office.ports().keep(&entry)).unwrap();
}

fn reason() -> serde_json::Value {
    json!({"reason": "the sender was mended"})
}

#[test]
fn messages_are_listed_in_pages_and_shown_whole() {
    let office = Office::open();
    for number in 0..120 {
        keep(&office, "checks", &format!("m{number:03}"));
    }
    let mut seen = 0;
    let mut path = "/quarantine".to_owned();
    loop {
        let page: QuarantinePage = office.support().get(&path);
        seen += page.entries.len();
        assert!(page.entries.iter().all(|entry| entry.body.is_none()));
        match page.cursor {
            Some(cursor) => path = format!("/quarantine?cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen, 120);
    let entry: QuarantineEntry = office.support().get("/quarantine/checks%3Am007");
    assert_eq!(entry.body.as_deref(), Some("{\"broken\": 1}"));
    assert_eq!(
        office.support().word("GET", "/quarantine/m007", None),
        "not-found"
    );
    for path in [
        "/quarantine",
        "/quarantine/checks:m007",
        "/audit",
        "/retry-plans",
    ] {
        assert_eq!(
            office.reviewer().word("GET", path, None),
            "forbidden",
            "{path}"
        );
        assert_eq!(
            office.customer().word("GET", path, None),
            "forbidden",
            "{path}"
        );
    }
}

#[test]
fn a_message_is_sent_again_and_comes_back_if_it_fails_again() {
    let office = Office::open();
    keep(&office, "checks", "m1");
    let entry: QuarantineEntry = office
        .support()
        .post("/quarantine/checks:m1/replay", reason());
    assert_eq!(entry.id, "checks:m1");
    let sent = office.ports().world().redriven.clone();
    assert_eq!(
        (sent.len(), sent[0].0, sent[0].1.first_id.as_str()),
        (1, Queue::Checks, "m1")
    );
    let page: QuarantinePage = office.support().get("/quarantine");
    assert!(page.entries.is_empty(), "it has left");
    assert_eq!(
        office
            .support()
            .word("POST", "/quarantine/checks:m1/replay", Some(reason())),
        "not-found"
    );

    // It has the first message's id with it, and is as broken as before.
    let mut event = batch(office.api.app(), &[sent[0].1.body.clone()], 1);
    let attribute = json!({"stringValue": "m1", "dataType": "String"});
    event.payload.records[0].message_attributes =
        serde_json::from_value(json!({"first-message-id": attribute})).unwrap();
    run(retry::handle(office.api.app(), event)).unwrap();
    let page: QuarantinePage = office.support().get("/quarantine");
    assert_eq!(
        page.entries[0].id, "checks:m1",
        "it is back, under its name"
    );
    assert_eq!(audited(&office)[0].1, "replay");
}

#[test]
fn what_fails_while_it_is_being_sent_again_is_not_taken_out() {
    let office = Office::open();
    keep(&office, "checks", "m1");
    // The queue's answer is lost: it may have been sent.
    office.ports().world().fail_after.insert("send_back", 1);
    assert_eq!(
        office
            .support()
            .word("POST", "/quarantine/checks:m1/replay", Some(reason())),
        "unavailable"
    );
    let page: QuarantinePage = office.support().get("/quarantine");
    assert_eq!(page.entries.len(), 1, "it is still here");
    assert!(
        audited(&office)[0]
            .2
            .as_deref()
            .unwrap()
            .starts_with("refused")
    );
    // Whoever tries at once may be sending it a second time.
    let word = office
        .support()
        .word("POST", "/quarantine/checks:m1/replay", Some(reason()));
    assert_eq!(word, "changed");
    super::super::world::advance(office.api.app(), 60_000);
    let entry: QuarantineEntry = office
        .support()
        .post("/quarantine/checks:m1/replay", reason());
    assert_eq!(entry.id, "checks:m1");
}

#[test]
fn a_message_is_discarded_with_a_reason_that_is_kept() {
    let office = Office::open();
    keep(&office, "uploads", "m1");
    let path = "/quarantine/uploads:m1/discard";
    assert_eq!(
        office
            .support()
            .word("POST", path, Some(json!({"reason": ""}))),
        "bad-request"
    );
    assert_eq!(
        office.reviewer().word("POST", path, Some(reason())),
        "forbidden"
    );
    assert_eq!(
        office
            .support()
            .reply("POST", path, Some(&reason()))
            .status_code,
        204
    );
    assert_eq!(
        office.support().word("GET", "/quarantine/uploads:m1", None),
        "not-found"
    );
    let line = &audited(&office)[0];
    assert_eq!(
        (line.1.as_str(), line.2.as_deref()),
        (
            "discard",
            Some("it was not a wake-up: <script>: {\"broken\": 1}")
        )
    );
}
