//! Programs with tokens of their own: what their scopes allow, and which other tokens are taken for one of theirs.

use api::types::{CallerView, JobPage, TicketView, UploadView};
use jobs::state::Cause;
use serde_json::{Value, json};

use super::super::fixtures::NOW;
use super::{Client, TestApi, audit_log, refusal};

const ID: &str = "1example23456789";
const REVIEWER: &str = "docket/client:archive docket/reviewer docket/tenant:acme";

/// The claims of an access token by client credentials, as API Gateway passes them to the function.
fn machine_claims(scopes: &str) -> Value {
    json!({
        "sub": ID, "client_id": ID, "token_use": "access", "scope": scopes, "version": "2",
        "iss": "https://cognito-idp.eu-central-1.amazonaws.com/pool", "auth_time": "1767607400", "iat": "1767607400",
        "exp": (NOW.0 / 1000 + 3600).to_string(), "jti": "e8f1c3b0",
    })
}

fn machine<'a>(api: &'a TestApi, scopes: &str) -> Client<'a> {
    Client {
        handler: &api.handler,
        claims: machine_claims(scopes),
    }
}

#[test]
fn machine_client_has_the_tenant_and_the_role_of_its_scopes_and_its_own_name() {
    let api = TestApi::new();
    let client = machine(&api, REVIEWER);
    let me: CallerView = client.get("/me");
    assert_eq!(me.actor, "client:archive");
    assert_eq!(
        (me.roles, me.tenants),
        (vec!["reviewer".to_owned()], vec!["acme".to_owned()])
    );
    let own = api.failed_job("inbound/acme/a.pdf", 10, Cause::ModelError);
    let foreign = api.failed_job("inbound/globex/b.pdf", 10, Cause::ModelError);
    let globex = |job: &mut jobs::job::Job| job.tenant = "globex".parse().unwrap();
    let mut changed = foreign.clone();
    globex(&mut changed);
    api.ports().state().jobs.insert(changed.id, changed);
    let list: JobPage = client.get("/jobs");
    assert_eq!(list.jobs.len(), 1);
    assert_eq!(
        client.problem_code("GET", &format!("/jobs/{}", foreign.id), None),
        "not-found"
    );
    let path = format!("/jobs/{}/retry", own.id);
    let response = client.send("POST", &path, Some(&json!({"reason": "nightly"})));
    assert_eq!(response.status_code, 202, "{}", response.body);
    assert_eq!(audit_log(&api)[0].actor, "client:archive");
    let _: TicketView = client.post("/ws-tickets", json!({}));
    let upload: UploadView = client.post(
        "/uploads",
        json!({"pipeline": "legal-review", "name": "c.pdf", "bytes": 10, "content_type": "application/pdf"}),
    );
    assert!(!upload.job_id.is_empty());
    for forbidden in ["/audit", "/quarantine", "/tenants"] {
        assert_eq!(
            client.problem_code("GET", forbidden, None),
            "forbidden",
            "{forbidden}"
        );
    }
}

#[test]
fn machine_client_cannot_exceed_its_scopes() {
    let api = TestApi::new();
    for scopes in [
        // Without a name, a role or a tenant, or with several names or tenants.
        "docket/reviewer docket/tenant:acme",
        "docket/client: docket/reviewer docket/tenant:acme",
        "docket/client:a docket/client:b docket/reviewer docket/tenant:acme",
        "docket/client:archive docket/reviewer",
        "docket/client:archive docket/tenant:acme",
        "docket/client:archive docket/reviewer docket/tenant:acme docket/tenant:globex",
        // Roles of people.
        "docket/client:archive docket/support",
        "docket/client:archive docket/support docket/tenant:acme",
        // Scopes of other resource servers, or that only look like ours.
        "other/client:archive other/reviewer other/tenant:acme",
        "client:archive reviewer tenant:acme",
        "docket/client:archive docket/Reviewer docket/tenant:acme",
        "docket/client:archive docket/reviewer docket/tenant:*",
        "xdocket/client:archive xdocket/reviewer xdocket/tenant:acme",
        "openid email profile aws.cognito.signin.user.admin",
        "",
    ] {
        let client = machine(&api, scopes);
        assert_eq!(
            client.problem_code("GET", "/jobs", None),
            "forbidden",
            "{scopes}"
        );
    }
    let both = machine(
        &api,
        "docket/client:archive docket/support docket/reviewer docket/tenant:acme",
    );
    let me: CallerView = both.get("/me");
    assert_eq!(me.roles, ["reviewer"], "support is for people");
    assert!(refusal(&machine(&api, "docket/reviewer"), "/me").contains("all its scopes"));
}

#[test]
fn token_of_a_person_is_no_machine_client_whatever_its_scopes() {
    let api = TestApi::new();
    let changes: [fn(&mut Value); 7] = [
        |claims| claims["username"] = json!("acme_7"),
        |claims| claims["cognito:groups"] = json!("[reviewer tenant:acme]"),
        |claims| claims["sub"] = json!("c3d4a8f2-1031-70f5-8a6e-5f7d1c2b3a40"),
        |claims| drop(claims.as_object_mut().unwrap().remove("sub")),
        |claims| drop(claims.as_object_mut().unwrap().remove("client_id")),
        |claims| claims["token_use"] = json!("id"),
        |claims| claims["exp"] = json!((NOW.0 / 1000).to_string()),
    ];
    for change in changes {
        let mut claims = machine_claims(REVIEWER);
        change(&mut claims);
        let client = Client {
            handler: &api.handler,
            claims,
        };
        assert_eq!(
            client.problem_code("GET", "/me", None),
            "forbidden",
            "{}",
            client.claims
        );
    }
}

#[test]
fn scopes_in_an_id_token_give_nothing() {
    let api = TestApi::new();
    let mut client = api.client("eve@acme.example", "[]");
    client.claims["scope"] = json!(REVIEWER);
    client.claims["client_id"] = json!(ID);
    assert_eq!(client.problem_code("GET", "/jobs", None), "forbidden");
}
