//! Requests that must be refused for every caller. `tests/scenarios` tests what API Gateway refuses itself.

use api::types::{AuditPage, ClientConfiguration, JobPage};
use jobs::state::Cause;
use serde_json::{Value, json};

use super::super::fixtures::NOW;
use super::{Client, TestApi, claims};

#[test]
fn token_that_does_not_identify_the_caller_gives_access_to_the_configuration_only() {
    let api = TestApi::new();
    let with = |change: fn(&mut Value)| {
        let mut claims = claims("rita@acme.example", "[reviewer tenant:acme]");
        change(&mut claims);
        Client {
            handler: &api.handler,
            claims,
        }
    };
    let broken: [fn(&mut Value); 6] = [
        |claims| claims["token_use"] = json!("access"),
        |claims| claims["token_use"] = Value::Null,
        |claims| claims["exp"] = json!((NOW.0 / 1000).to_string()),
        |claims| claims["exp"] = json!("soon"),
        |claims| *claims = json!({}),
        |claims| {
            claims["email_verified"] = json!("false");
            claims["cognito:username"] = Value::Null;
        },
    ];
    for change in broken {
        let client = with(change);
        assert_eq!(
            client.problem_code("GET", "/jobs", None),
            "forbidden",
            "{}",
            client.claims
        );
        let _: ClientConfiguration = client.get("/configuration");
    }
    let no_groups = with(|claims| claims["cognito:groups"] = json!("[]"));
    assert_eq!(no_groups.problem_code("GET", "/me", None), "forbidden");
    let no_tenant = with(|claims| claims["cognito:groups"] = json!("[reviewer]"));
    assert_eq!(no_tenant.problem_code("GET", "/jobs", None), "forbidden");
    let only_tenant = with(|claims| claims["cognito:groups"] = json!("[tenant:acme]"));
    assert_eq!(only_tenant.problem_code("GET", "/jobs", None), "forbidden");
    let unverified = with(|claims| claims["email_verified"] = json!("false"));
    let me: api::types::CallerView = unverified.get("/me");
    assert_eq!(
        me.actor, "id-of-rita@acme.example",
        "an unverified address must not be used as the name"
    );
}

#[test]
fn group_with_a_similar_name_grants_no_access() {
    let api = TestApi::new();
    let job = api.job("inbound/acme/a.pdf", 10, |_| {});
    for groups in [
        "[Support]",
        "[supporter tenant:acme]",
        "[reviewer tenant:ACME]",
        "[reviewer Tenant:acme]",
        "[reviewer tenant:*]",
        "[reviewer tenant:]",
        "[reviewer custom:tenant:acme]",
        "[reviewer tenant:acme/../globex]",
    ] {
        let client = api.client("eve@evil.example", groups);
        let code = client.problem_code("GET", &format!("/jobs/{}", job.id), None);
        assert!(
            ["forbidden", "not-found"].contains(&code.as_str()),
            "{groups}: {code}"
        );
    }
}

#[test]
fn every_request_about_a_job_of_another_tenant_is_refused_as_not_found() {
    let api = TestApi::new();
    let job = api.failed_job("inbound/acme/a.pdf", 10, Cause::ModelError);
    let other_tenant = api.other_tenant();
    let reason = || Some(json!({"reason": "x"}));
    let problems = |id: &str| {
        [
            other_tenant.problem("GET", &format!("/jobs/{id}"), None),
            other_tenant.problem("GET", &format!("/jobs/{id}/result"), None),
            other_tenant.problem("GET", &format!("/jobs/{id}/document"), None),
            other_tenant.problem("POST", &format!("/jobs/{id}/retry"), reason()),
            other_tenant.problem("POST", &format!("/jobs/{id}/cancel"), reason()),
        ]
        .map(|(code, detail)| (code, detail.replace(id, "<id>")))
    };
    let none = "5b9c3e9e-8f6b-5f57-9b4e-0d6d1d1f5a2b";
    assert_eq!(
        problems(&job.id.to_string()),
        problems(none),
        "the response must not reveal that the job exists"
    );
    assert_eq!(problems(none)[0].0, "not-found");
    let log: AuditPage = api.support().get("/audit");
    assert!(log.entries.is_empty());
}

#[test]
fn cursor_is_valid_only_for_its_query_and_caller_and_cannot_be_forged() {
    let api = TestApi::new();
    for number in 0..20_u64 {
        api.job(&format!("inbound/acme/{number}.pdf"), number * 1000, |_| {});
    }
    let page: JobPage = api.reviewer().get("/jobs?limit=5&pipeline=legal-review");
    let cursor = page.cursor.unwrap();
    let next: JobPage = api.reviewer().get(&format!(
        "/jobs?limit=7&pipeline=legal-review&cursor={cursor}"
    ));
    assert_eq!(next.jobs.len(), 7, "the limit may differ between pages");
    let check_refused = |client: Client<'_>, path: String| {
        assert_eq!(
            client.problem_code("GET", &path, None),
            "bad-cursor",
            "{path}"
        )
    };
    check_refused(api.reviewer(), format!("/jobs?limit=5&cursor={cursor}"));
    check_refused(
        api.reviewer(),
        format!("/jobs?pipeline=legal-review&status=open&cursor={cursor}"),
    );
    check_refused(
        api.other_tenant(),
        format!("/jobs?pipeline=legal-review&cursor={cursor}"),
    );
    check_refused(
        api.client("rita@acme.example", "[reviewer tenant:globex]"),
        format!("/jobs?pipeline=legal-review&cursor={cursor}"),
    );
    check_refused(api.support(), format!("/audit?cursor={cursor}"));
    for at in [0, cursor.len() / 2, cursor.len() - 1] {
        let mut tampered = cursor.clone().into_bytes();
        tampered[at] = if tampered[at] == b'A' { b'B' } else { b'A' };
        let tampered = String::from_utf8(tampered).unwrap();
        check_refused(
            api.reviewer(),
            format!("/jobs?pipeline=legal-review&cursor={tampered}"),
        );
    }
    for forged in ["", "A", "eyJhdCI6MH0", "%00", &"A".repeat(50_000)] {
        check_refused(api.reviewer(), format!("/jobs?cursor={forged}"));
    }
    // The key is stored, so that cursors stay valid in other instances of the function.
    let key = api.ports().state().records.get("state", "cursor-key");
    assert!(key.is_some_and(|record| record.body.len() == 44));
}

#[test]
fn text_of_users_is_returned_as_json_text_and_not_as_markup() {
    let api = TestApi::new();
    let name = "inbound/acme/<img src=x onerror=alert(1)>.pdf";
    let job = api.failed_job(name, 10, Cause::ModelError);
    let reason = "x\",\"actor\":\"root\"}\n{\"level\":\"ERROR\"";
    let path = format!("/jobs/{}/retry", job.id);
    let response = api
        .reviewer()
        .send("POST", &path, Some(&json!({"reason": reason})));
    assert_eq!(response.status_code, 202);
    assert_eq!(response.headers["content-type"], "application/json");
    assert_eq!(response.headers["x-content-type-options"], "nosniff");
    assert_eq!(response.headers["cache-control"], "no-store");
    let log: AuditPage = api.support().get("/audit");
    assert_eq!(
        (
            log.entries[0].reason.as_str(),
            log.entries[0].actor.as_str()
        ),
        (reason, "rita@acme.example")
    );
}

#[test]
fn unknown_path_unknown_method_or_malformed_body_is_refused() {
    let api = TestApi::new();
    for path in [
        "/",
        "/job",
        "/jobs/a/b/c",
        "/jobs//retry",
        "/admin",
        "/jobs/%ff",
        "/jobs/..%2f..%2faudit",
        "/quarantine/%00",
        &format!("/retry-plans/{}", "p".repeat(2000)),
    ] {
        let code = api.support().problem_code("GET", path, None);
        assert!(
            ["not-found", "method-not-allowed"].contains(&code.as_str()),
            "{path}: {code}"
        );
    }
    for (method, path) in [
        ("PUT", "/jobs"),
        ("PATCH", "/me"),
        ("POST", "/configuration"),
        ("GET", "/ws-tickets"),
        ("HEAD", "/me"),
    ] {
        assert_eq!(
            api.support().problem_code(method, path, None),
            "method-not-allowed",
            "{method} {path}"
        );
    }
    for body in ["", "{", "[]", "null", "\"x\"", "{\"reason\":1}"] {
        let client = api.support();
        let job = api.failed_job("inbound/acme/a.pdf", 10, Cause::ModelError);
        let response = client.send(
            "POST",
            &format!("/jobs/{}/retry", job.id),
            serde_json::from_str(body).ok().as_ref(),
        );
        assert_eq!(response.status_code, 400, "{body}");
    }
}
