//! The end of all sessions of a user: `DELETE /me/sessions` of function `events-api`.

use functions::handlers::api::events::{self, EventsApi};
use functions::handlers::api::{HttpEvent, HttpResponse};
use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};
use testkit::memory::Memory;

use super::api::claims;
use super::fixtures::{Environment, app, run};

fn end_sessions(api: &EventsApi<Memory, Environment>, mut claims: Value) -> HttpResponse {
    let now = api.app.ports.state().now.0;
    claims["exp"] = json!((now / 1000 + 3600).to_string());
    let event = json!({
        "version": "2.0", "rawPath": "/me/sessions", "rawQueryString": "", "headers": {}, "isBase64Encoded": false,
        "requestContext": {"http": {"method": "DELETE", "path": "/me/sessions"}, "requestId": "r1", "stage": "$default",
            "authorizer": {"jwt": {"claims": claims}}},
    });
    let event: HttpEvent = serde_json::from_value(event).unwrap();
    let mut context = Context::default();
    context.deadline = now + 29_000;
    run(events::handle(api, LambdaEvent::new(event, context))).unwrap()
}

/// The actions in the audit log with their targets, actors and outcomes.
fn audit(api: &EventsApi<Memory, Environment>) -> Vec<Value> {
    let state = api.app.ports.state();
    let entries = state.records.iter();
    let entries = entries.filter(|(collection, ..)| *collection == "audit");
    entries
        .map(|(_, _, record)| serde_json::from_str::<Value>(&record.body).unwrap())
        .filter(|entry| entry["action"] == "end-sessions")
        .collect()
}

#[test]
fn caller_ends_the_own_sessions_and_no_others() {
    let api = EventsApi::new(app());
    // A user of a company, whose name is not the address.
    let mut user = claims("rita@acme.example", "[reviewer tenant:acme]");
    user["cognito:username"] = json!("acme_7");
    let response = end_sessions(&api, user);
    assert_eq!(response.status_code, 204, "{}", response.body);
    assert_eq!(api.app.ports.state().ended_sessions, ["acme_7"]);
    let entries = audit(&api);
    assert_eq!(entries.len(), 1, "{entries:?}");
    assert_eq!(
        (
            &entries[0]["actor"],
            &entries[0]["target"],
            &entries[0]["tenant"]
        ),
        (
            &json!("rita@acme.example"),
            &json!("acme_7"),
            &json!("acme")
        )
    );
    assert_eq!(entries[0]["detail"], "ended");
}

#[test]
fn program_has_no_sessions_to_end() {
    let api = EventsApi::new(app());
    let program = json!({
        "sub": "3n4b5urk1f", "token_use": "access", "client_id": "3n4b5urk1f",
        "scope": "docket/tenant:acme docket/reviewer docket/client:archive",
    });
    let response = end_sessions(&api, program);
    assert_eq!(response.status_code, 409, "{}", response.body);
    assert!(
        response.body.contains("a program has no sessions"),
        "{}",
        response.body
    );
    assert!(api.app.ports.state().ended_sessions.is_empty());
}

#[test]
fn caller_is_told_if_the_user_pool_does_not_answer() {
    let api = EventsApi::new(app());
    api.app.ports.state().fail_before.insert("end_sessions", 1);
    let user = claims("rita@acme.example", "[reviewer tenant:acme]");
    assert_eq!(end_sessions(&api, user.clone()).status_code, 503);
    assert_eq!(end_sessions(&api, user).status_code, 204);
}
