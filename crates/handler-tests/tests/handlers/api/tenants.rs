//! Tenants are created on purpose; a mistyped one is refused, and what S3 clients put under an unknown prefix is not lost.

use api::types::{AuditPage, JobPage, JobSummary, TenantList, TenantView, UploadView};
use functions::handlers::{reconciler, upload_trigger};
use jobs::id::JobId;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};

use super::super::fixtures::{BUCKET, NOW, PDF, batch, find, run, upload_event_of};
use super::TestApi;

fn upload_to(tenant: &str) -> Value {
    json!({"pipeline": "legal-review", "tenant": tenant, "name": "nda.pdf", "bytes": PDF.len(), "content_type": "application/pdf"})
}

fn names(api: &TestApi) -> Vec<(String, bool)> {
    let known: TenantList = api.support().get("/tenants");
    let tenants = known.tenants.into_iter();
    tenants
        .map(|one| (one.name, one.created_by.is_some()))
        .collect()
}

#[test]
fn upload_to_a_mistyped_tenant_is_refused_with_the_right_name_until_it_is_created() {
    let api = TestApi::new();
    let support = api.support();
    for (mistyped, meant) in [("acm", "acme"), ("globx", "globex"), ("glob", "globex")] {
        let (code, detail) = support.problem("POST", "/uploads", Some(upload_to(mistyped)));
        assert_eq!(code, "not-found");
        assert!(
            detail.contains(&format!("did you mean {meant}?")),
            "{detail}"
        );
    }
    let (_, detail) = support.problem("POST", "/uploads", Some(upload_to("initech")));
    assert!(detail.contains("docket tenants list"), "{detail}");
    let new = json!({"name": "initech", "reason": "contract signed"});
    for _ in 0..2 {
        let created: TenantView = support.post("/tenants", new.clone());
        assert_eq!(created.created_by.as_deref(), Some("sam@docket.example"));
    }
    let upload: UploadView = support.post("/uploads", upload_to("initech"));
    assert_eq!(upload.tenant, "initech");
    let audit: AuditPage = support.get("/audit");
    let newest = &audit.entries[0];
    assert_eq!(newest.action, "create-tenant");
    assert_eq!(newest.target, "initech");
    for client in [api.reviewer(), api.customer()] {
        assert_eq!(client.problem_code("GET", "/tenants", None), "forbidden");
        assert_eq!(
            client.problem_code("POST", "/tenants", Some(new.clone())),
            "forbidden"
        );
    }
}

#[test]
fn group_of_a_tenant_is_enough_for_its_members() {
    let api = TestApi::new();
    let member = api.client("m@newco.example", "[customer tenant:newco]");
    let upload: UploadView = member.post("/uploads", upload_to("newco"));
    assert_eq!(upload.tenant, "newco");
    let page: JobPage = member.get("/jobs?tenant=newco");
    assert!(page.jobs.is_empty());
}

#[test]
fn mistyped_tenant_is_not_an_empty_list() {
    let api = TestApi::new();
    let support = api.support();
    for path in [
        "/jobs?tenant=acm",
        "/summary?tenant=acm",
        "/jobs?search=lease&tenant=acm",
    ] {
        let (code, detail) = support.problem("GET", path, None);
        assert_eq!(code, "not-found", "{path}");
        assert!(detail.contains("did you mean acme?"), "{detail}");
    }
    let plan = json!({"filter": {"tenant": "acm"}, "reason": "outage"});
    let pause = json!({"tenant": "acm", "until": NOW.0 + 3_600_000, "reason": "too much"});
    let ticket = json!({"tenant": "acm"});
    for (path, body) in [
        ("/retry-plans", plan),
        ("/pauses", pause),
        ("/ws-tickets", ticket),
    ] {
        let (code, detail) = support.problem("POST", path, Some(body));
        assert_eq!(code, "not-found", "{path}: {detail}");
        assert!(detail.contains("did you mean acme?"), "{detail}");
    }
    let empty: JobPage = support.get("/jobs?tenant=acme");
    assert!(empty.jobs.is_empty());
    let empty: JobSummary = support.get("/summary?tenant=acme");
    assert_eq!(empty.open, 0);
}

#[test]
fn object_under_an_unknown_prefix_is_processed_and_its_tenant_is_listed_as_found() {
    let api = TestApi::new();
    let app = api.handler.app();
    let key = "inbound/newco/nda.pdf";
    let version = app.ports.put(BUCKET, key, PDF);
    let event = batch(app, &[upload_event_of(app, key, &version)], 1);
    run(upload_trigger::handle(app, event)).unwrap();
    assert!(find(app, JobId::of_key(BUCKET, key)).is_some());
    let page: JobPage = api.support().get("/jobs?tenant=newco");
    assert_eq!(page.jobs.len(), 1, "before the scan has found it");
    let mut context = Context::default();
    context.deadline = NOW.0 + 300_000;
    let event = LambdaEvent::new(reconciler::ReconcileEvent::default(), context);
    run(reconciler::handle(app, event)).unwrap();
    let found = ("newco".to_owned(), false);
    assert!(names(&api).contains(&found), "{:?}", names(&api));
    let (_, detail) = api
        .support()
        .problem("POST", "/uploads", Some(upload_to("newco")));
    assert!(detail.contains("docket tenants create newco"), "{detail}");
    let _: TenantView = api
        .support()
        .post("/tenants", json!({"name": "newco", "reason": "theirs"}));
    assert!(names(&api).contains(&("newco".to_owned(), true)));
}
