//! What must not work, whoever tries. What API Gateway refuses before the function is asked, `tests/scenarios` try.

use api::types::{AuditPage, Configuration, JobPage};
use jobs::state::Cause;
use serde_json::{Value, json};

use super::super::world::NOW;
use super::{Caller, Office, claims};

#[test]
fn a_token_that_does_not_say_who_it_is_opens_nothing_but_the_configuration() {
    let office = Office::open();
    let with = |change: fn(&mut Value)| {
        let mut claims = claims("rita@acme.example", "[reviewer tenant:acme]");
        change(&mut claims);
        Caller {
            api: &office.api,
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
        let caller = with(change);
        assert_eq!(
            caller.word("GET", "/jobs", None),
            "forbidden",
            "{}",
            caller.claims
        );
        let _: Configuration = caller.get("/configuration");
    }
    let nobody = with(|claims| claims["cognito:groups"] = json!("[]"));
    assert_eq!(nobody.word("GET", "/me", None), "forbidden");
    let no_tenant = with(|claims| claims["cognito:groups"] = json!("[reviewer]"));
    assert_eq!(no_tenant.word("GET", "/jobs", None), "forbidden");
    let only_tenant = with(|claims| claims["cognito:groups"] = json!("[tenant:acme]"));
    assert_eq!(only_tenant.word("GET", "/jobs", None), "forbidden");
    let unverified = with(|claims| claims["email_verified"] = json!("false"));
    let me: api::types::Me = unverified.get("/me");
    assert_eq!(
        me.actor, "id-of-rita@acme.example",
        "an unverified address is not a name"
    );
}

#[test]
fn groups_that_only_look_like_ours_mean_nothing() {
    let office = Office::open();
    let job = office.job("inbound/acme/a.pdf", 10, |_| {});
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
        let caller = office.caller("eve@evil.example", groups);
        let word = caller.word("GET", &format!("/jobs/{}", job.id), None);
        assert!(
            ["forbidden", "not-found"].contains(&word.as_str()),
            "{groups}: {word}"
        );
    }
}

#[test]
fn another_tenants_job_is_as_good_as_none_for_every_request() {
    let office = Office::open();
    let job = office.failed("inbound/acme/a.pdf", 10, Cause::ModelError);
    let stranger = office.stranger();
    let reason = || Some(json!({"reason": "x"}));
    let of = |id: &str| {
        [
            stranger.refused("GET", &format!("/jobs/{id}"), None),
            stranger.refused("GET", &format!("/jobs/{id}/result"), None),
            stranger.refused("POST", &format!("/jobs/{id}/retry"), reason()),
            stranger.refused("POST", &format!("/jobs/{id}/cancel"), reason()),
        ]
        .map(|(word, detail)| (word, detail.replace(id, "<id>")))
    };
    let none = "5b9c3e9e-8f6b-5f57-9b4e-0d6d1d1f5a2b";
    assert_eq!(
        of(&job.id.to_string()),
        of(none),
        "not even its existence shows"
    );
    assert_eq!(of(none)[0].0, "not-found");
    let log: AuditPage = office.support().get("/audit");
    assert!(log.entries.is_empty());
}

#[test]
fn a_cursor_serves_its_own_question_and_person_and_nobody_can_make_one() {
    let office = Office::open();
    for number in 0..20_u64 {
        office.job(&format!("inbound/acme/{number}.pdf"), number * 1000, |_| {});
    }
    let page: JobPage = office.reviewer().get("/jobs?limit=5&pipeline=legal-review");
    let cursor = page.cursor.unwrap();
    let next: JobPage = office.reviewer().get(&format!(
        "/jobs?limit=7&pipeline=legal-review&cursor={cursor}"
    ));
    assert_eq!(next.jobs.len(), 7, "how many are wanted may change");
    let bad = |caller: Caller<'_>, path: String| {
        assert_eq!(caller.word("GET", &path, None), "bad-cursor", "{path}")
    };
    bad(office.reviewer(), format!("/jobs?limit=5&cursor={cursor}"));
    bad(
        office.reviewer(),
        format!("/jobs?pipeline=legal-review&status=open&cursor={cursor}"),
    );
    bad(
        office.stranger(),
        format!("/jobs?pipeline=legal-review&cursor={cursor}"),
    );
    bad(
        office.caller("rita@acme.example", "[reviewer tenant:globex]"),
        format!("/jobs?pipeline=legal-review&cursor={cursor}"),
    );
    bad(office.support(), format!("/audit?cursor={cursor}"));
    for at in [0, cursor.len() / 2, cursor.len() - 1] {
        let mut tampered = cursor.clone().into_bytes();
        tampered[at] = if tampered[at] == b'A' { b'B' } else { b'A' };
        let tampered = String::from_utf8(tampered).unwrap();
        bad(
            office.reviewer(),
            format!("/jobs?pipeline=legal-review&cursor={tampered}"),
        );
    }
    for made in ["", "A", "eyJhdCI6MH0", "%00", &"A".repeat(50_000)] {
        bad(office.reviewer(), format!("/jobs?cursor={made}"));
    }
    // The key outlives the instance of the function.
    let key = office.ports().world().folders.read("state", "cursor-key");
    assert!(key.is_some_and(|document| document.text.len() == 44));
}

#[test]
fn text_of_users_stays_text() {
    let office = Office::open();
    let name = "inbound/acme/<img src=x onerror=alert(1)>.pdf";
    let job = office.failed(name, 10, Cause::ModelError);
    let reason = "x\",\"actor\":\"root\"}\n{\"level\":\"ERROR\"";
    let path = format!("/jobs/{}/retry", job.id);
    let reply = office
        .reviewer()
        .reply("POST", &path, Some(&json!({"reason": reason})));
    assert_eq!(reply.status_code, 202);
    assert_eq!(reply.headers["content-type"], "application/json");
    assert_eq!(reply.headers["x-content-type-options"], "nosniff");
    assert_eq!(reply.headers["cache-control"], "no-store");
    let log: AuditPage = office.support().get("/audit");
    assert_eq!(
        (
            log.entries[0].reason.as_str(),
            log.entries[0].actor.as_str()
        ),
        (reason, "rita@acme.example")
    );
}

#[test]
fn addresses_and_methods_that_are_not_ours_are_refused() {
    let office = Office::open();
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
        let word = office.support().word("GET", path, None);
        assert!(
            ["not-found", "method-not-allowed"].contains(&word.as_str()),
            "{path}: {word}"
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
            office.support().word(method, path, None),
            "method-not-allowed",
            "{method} {path}"
        );
    }
    for body in ["", "{", "[]", "null", "\"x\"", "{\"reason\":1}"] {
        let caller = office.support();
        let job = office.failed("inbound/acme/a.pdf", 10, Cause::ModelError);
        let reply = caller.reply(
            "POST",
            &format!("/jobs/{}/retry", job.id),
            serde_json::from_str(body).ok().as_ref(),
        );
        assert_eq!(reply.status_code, 400, "{body}");
    }
}
