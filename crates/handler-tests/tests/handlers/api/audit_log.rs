//! The audit log: sign-ins, and its export.

use api::types::{AuditEntry, AuditPage, CallerView};
use jobs::id::Timestamp;
use jobs::state::Cause;
use serde_json::json;

use super::super::fixtures::NOW;
use super::{Client, TestApi, claims};

const SIGNED_IN: u64 = NOW.0 / 1000 - 60;

fn session<'a>(api: &'a TestApi, origin_jti: &str, jti: &str) -> Client<'a> {
    let mut claims = claims("rita@acme.example", "[reviewer tenant:acme]");
    claims["auth_time"] = json!(SIGNED_IN.to_string());
    claims["origin_jti"] = json!(origin_jti);
    claims["jti"] = json!(jti);
    Client {
        handler: &api.handler,
        claims,
    }
}

fn sign_ins(api: &TestApi) -> Vec<AuditEntry> {
    let log: AuditPage = api.support().get("/audit");
    let mut entries = log.entries;
    entries.retain(|entry| entry.action == "sign-in");
    entries
}

#[test]
fn session_is_recorded_once_whatever_instance_and_token_it_comes_with() {
    let api = TestApi::new();
    let _: CallerView = session(&api, "first-token", "first-token").get("/me");
    let writes = |api: &TestApi| api.ports().state().calls.get("put_record").copied();
    let after_first = writes(&api);
    // A refreshed token is of the same session, which costs no write any more.
    let _: CallerView = session(&api, "first-token", "refreshed").get("/me");
    assert_eq!(writes(&api), after_first);
    let [entry]: [AuditEntry; 1] = sign_ins(&api).try_into().unwrap();
    assert_eq!(
        (entry.actor.as_str(), entry.tenant.as_deref(), entry.at),
        ("rita@acme.example", Some("acme"), SIGNED_IN * 1000)
    );
    assert!(
        !serde_json::to_string(&entry)
            .unwrap()
            .contains("first-token")
    );
    // Another instance of the function does not know it, and finds the entry.
    let mut other = TestApi::new();
    std::mem::swap(&mut *other.ports().state(), &mut *api.ports().state());
    other.ports().state().now = Timestamp(NOW.0 + 5000);
    let _: CallerView = session(&other, "first-token", "refreshed").get("/me");
    assert_eq!(sign_ins(&other).len(), 1);
    let _: CallerView = session(&other, "second-token", "second-token").get("/me");
    assert_eq!(sign_ins(&other).len(), 2);
    other = TestApi::new();
    let _: CallerView = other.reviewer().get("/me");
    assert_eq!(
        sign_ins(&other),
        [],
        "a token without a session has no sign-in"
    );
}

#[test]
fn request_goes_on_if_its_sign_in_cannot_be_recorded_and_the_next_one_records_it() {
    let api = TestApi::new();
    api.ports().state().fail_before.insert("put_record", 1);
    let _: CallerView = session(&api, "t", "t").get("/me");
    assert_eq!(sign_ins(&api), []);
    let _: CallerView = session(&api, "t", "t").get("/me");
    assert_eq!(sign_ins(&api).len(), 1);
}

#[test]
fn expired_sign_in_is_no_session() {
    let api = TestApi::new();
    let mut client = session(&api, "t", "t");
    client.claims["cognito:groups"] = json!("[]");
    assert_eq!(client.problem_code("GET", "/me", None), "forbidden");
    assert_eq!(sign_ins(&api), []);
}

#[test]
fn export_of_the_log_is_complete_between_two_times_and_says_what_may_have_expired() {
    let api = TestApi::new();
    let job = api.failed_job("inbound/acme/a.pdf", 10, Cause::ModelError);
    let path = format!("/jobs/{}/cancel", job.id);
    // Refused commands are entries too; 130 of them, one a second.
    for second in 0..130 {
        api.ports().state().now = Timestamp(NOW.0 + second * 1000);
        let body = Some(json!({"reason": format!("number {second}")}));
        assert_eq!(api.support().problem_code("POST", &path, body), "refused");
    }
    api.ports().state().now = Timestamp(NOW.0 + 200_000);
    let (since, until) = (NOW.0 + 10_000, NOW.0 + 120_000);
    let of = |cursor: &str| format!("/audit?since={since}&until={until}&export=true{cursor}");
    let mut found = Vec::new();
    let mut page: AuditPage = api.support().get(&of(""));
    assert_eq!(page.complete_since, NOW.0 + 200_000 - 365 * 86_400_000);
    loop {
        found.extend(page.entries.drain(..).map(|entry| entry.reason));
        let Some(cursor) = page.cursor.take() else {
            break;
        };
        page = api.support().get(&of(&format!("&cursor={cursor}")));
    }
    let expected: Vec<String> = (10..120).rev().map(|at| format!("number {at}")).collect();
    assert_eq!(found, expected);
    let newest: AuditPage = api.support().get("/audit");
    assert_eq!(newest.entries[0].action, "export-audit");
    // "Without an end", as programs write it: with more digits than a time of today has.
    for until in [10_000_000_000_000_u64, 1_000_000_000_000_000] {
        let page: AuditPage = api.support().get(&format!("/audit?until={until}"));
        assert_eq!(page.entries, newest.entries);
    }
    let exports = newest
        .entries
        .iter()
        .filter(|one| one.action == "export-audit");
    assert_eq!(exports.count(), 1, "only the first request is an entry");
    let backwards = format!("/audit?since={until}&until={since}");
    assert_eq!(
        api.support().problem_code("GET", &backwards, None),
        "bad-request"
    );
}
