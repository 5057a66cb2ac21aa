//! References, tags and batches: where they come from, where they are shown, and what finds them.

use api::types::{JobDetail, JobPage, RetryPlanList, RetryPlanView, UploadView};
use functions::handlers::upload_trigger;
use jobs::id::Timestamp;
use jobs::job::Job;
use jobs::labels::{LabelMetadata, Tags};
use jobs::lane::Lane;
use jobs::ports::Connection;
use jobs::state::Cause;
use serde_json::{Value, json};
use testkit::memory::Object;

use super::super::fixtures::{BUCKET, NOW, PDF, batch, job, run, upload_event};
use super::TestApi;

fn labelled(reference: Option<&str>, batch: Option<&str>) -> impl Fn(&mut Job) {
    let (reference, batch) = (reference.map(str::to_owned), batch.map(str::to_owned));
    move |job| {
        job.input.labels.reference = reference.clone();
        job.input.labels.batch = batch.clone();
    }
}

fn names(page: &JobPage) -> Vec<&str> {
    page.jobs.iter().map(|job| job.name.as_str()).collect()
}

/// Puts an object as an S3 client does, and returns its job.
fn put(api: &TestApi, key: &str, reference: &str, batch_name: &str, tags: &str) -> Job {
    let object = Object {
        content: PDF.to_vec(),
        bytes: PDF.len() as u64,
        labels: LabelMetadata {
            reference: Some(reference.to_owned()),
            batch: Some(batch_name.to_owned()),
            tags: Some(tags.to_owned()),
            ..LabelMetadata::default()
        },
        ..Object::default()
    };
    let version = api.ports().put_object(BUCKET, key, Some(object));
    let app = api.handler.app();
    let events = batch(app, &[upload_event(key, &version)], 1);
    let response = run(upload_trigger::handle(app, events)).unwrap();
    assert!(response.batch_item_failures.is_empty());
    job(app, key)
}

#[test]
fn labels_of_an_upload_are_shown_until_and_after_it_is_a_job() {
    let api = TestApi::new();
    let customer = api.customer();
    let body = json!({"pipeline": "legal-review", "name": "nda.pdf", "bytes": PDF.len(), "content_type": "application/pdf",
        "reference": " INV/4711 ", "batch": "Mai 2026", "tags": {"matter": "47-11", "client": "Müller & Söhne"}});
    let view: UploadView = customer.post("/uploads", body);
    assert_eq!(view.reference.as_deref(), Some("INV/4711"));
    assert_eq!(view.batch.as_deref(), Some("Mai 2026"));
    assert_eq!(view.tags.get("client"), Some("Müller & Söhne"));
    let key = view.put.as_ref().unwrap().url.clone();
    let key = key.strip_prefix(&format!("memory:s3://{BUCKET}/")).unwrap();
    let key = key.split('?').next().unwrap();
    api.ports().state().connections.push(Connection {
        uploader: None,
        hides_contents: false,
        subscription: "acme".to_owned(),
        connection_id: "page".to_owned(),
        registered_at: NOW,
        token_expires_at: Timestamp(u64::MAX),
    });
    // What the object's metadata says does not count beside the upload session.
    put(&api, key, "forged", "forged", "forged=yes");
    let detail: JobDetail = customer.get(&format!("/jobs/{}", view.job_id));
    let shown = detail.job.unwrap();
    assert_eq!(shown.reference.as_deref(), Some("INV/4711"));
    assert_eq!(shown.batch.as_deref(), Some("Mai 2026"));
    assert_eq!(
        shown.tags.lines(),
        "client=Müller & Söhne
matter=47-11"
    );
    let frames = api.ports().state().frames.clone();
    assert!(!frames.is_empty());
    assert!(
        frames
            .iter()
            .all(|(_, frame)| frame.contains("\"reference\":\"INV/4711\"")),
        "{frames:?}"
    );
}

#[test]
fn invalid_labels_of_a_request_are_refused() {
    let api = TestApi::new();
    let nine: serde_json::Map<String, Value> = (0..9)
        .map(|number| (format!("t{number}"), json!("v")))
        .collect();
    for (field, value) in [
        ("reference", json!("")),
        ("reference", json!("x".repeat(65))),
        ("reference", json!("a\nb")),
        ("reference", json!("\u{200b}")),
        ("reference", json!(4711)),
        ("batch", json!("a\u{0}b")),
        ("batch", json!("a\u{202e}b")),
        ("tags", json!(nine)),
        ("tags", json!({"a b": "v"})),
        ("tags", json!({"a": ""})),
        ("tags", json!({"a": null})),
        ("tags", json!({"a": "x".repeat(65)})),
        ("tags", json!(["a"])),
        ("tags", json!(["a=b"])),
        ("tags", json!({"a=b": "v"})),
        ("lane", json!("express")),
        ("lane", json!("")),
    ] {
        let mut body = json!({"pipeline": "legal-review", "name": "nda.pdf", "bytes": 9, "content_type": "application/pdf"});
        body[field] = value;
        let code = api
            .customer()
            .problem_code("POST", "/uploads", Some(body.clone()));
        assert_eq!(code, "bad-request", "{body}");
    }
}

#[test]
fn labels_in_the_metadata_of_an_object_are_used() {
    let api = TestApi::new();
    let job = put(
        &api,
        "inbound/acme/a.pdf",
        "INV%2F4711",
        "Mai 2026",
        "matter=47-11&client=M%C3%BCller+AG",
    );
    let labels = &job.input.labels;
    assert_eq!(labels.reference.as_deref(), Some("INV/4711"));
    assert_eq!(labels.batch.as_deref(), Some("Mai 2026"));
    assert_eq!(labels.tags.get("client"), Some("Müller AG"));
    assert_eq!(job.input.labels.invalid, "");
}

#[test]
fn invalid_metadata_costs_no_job_and_leaves_a_warning() {
    let api = TestApi::new();
    let long = "x".repeat(65);
    let job = put(&api, "inbound/acme/a.pdf", &long, "May", "a=1&a=2");
    assert_eq!(job.input.labels.reference, None);
    assert_eq!(job.input.labels.batch.as_deref(), Some("May"));
    assert!(job.input.labels.tags.is_empty());
    assert_eq!(api.ports().state().invocations.len(), 1);
    let detail: JobDetail = api.reviewer().get(&format!("/jobs/{}", job.id));
    let timeline: Vec<&str> = detail
        .explanation
        .timeline
        .iter()
        .map(|step| step.what.as_str())
        .collect();
    let warnings: Vec<&&str> = timeline
        .iter()
        .filter(|what| what.starts_with("warning: "))
        .collect();
    assert_eq!(
        warnings,
        [
            &"warning: the object's metadata x-amz-meta-docket-reference was not used: reference must have 1 to 64 characters, at least one of them visible",
            &"warning: the object's metadata x-amz-meta-docket-tags was not used: tags must not name a tag twice",
        ]
    );
    assert!(!timeline[0].starts_with("warning"), "{timeline:?}");
}

#[test]
fn jobs_are_listed_by_reference_and_by_batch() {
    let api = TestApi::new();
    api.job(
        "inbound/acme/a.pdf",
        4000,
        labelled(Some("4711"), Some("May")),
    );
    api.job(
        "inbound/acme/b.pdf",
        3000,
        labelled(Some("4712"), Some("May")),
    );
    api.job("inbound/acme/c.pdf", 2000, labelled(Some("4711"), None));
    api.job("inbound/globex/d.pdf", 1000, |job| {
        job.tenant = "globex".parse().unwrap();
        labelled(Some("4711"), Some("May"))(job);
    });
    api.job("inbound/acme/e.pdf", 500, |_| {});
    let list = |query: &str| -> JobPage { api.reviewer().get(&format!("/jobs?{query}")) };
    assert_eq!(names(&list("batch=May")), ["b.pdf", "a.pdf"]);
    assert_eq!(names(&list("reference=4711")), ["c.pdf", "a.pdf"]);
    assert_eq!(names(&list("reference=+4711+&batch=May")), ["a.pdf"]);
    assert_eq!(names(&list("batch=May&status=failed")), [""; 0]);
    assert_eq!(names(&list("batch=may")), [""; 0]);
    assert_eq!(names(&list("find=4711")), ["c.pdf", "a.pdf"]);
    // An invisible character before the name.
    assert_eq!(names(&list("batch=%E2%80%8BMay")), ["b.pdf", "a.pdf"]);
    let other: JobPage = api.other_tenant().get("/jobs?batch=May");
    assert_eq!(names(&other), ["d.pdf"]);
    let other: JobPage = api.other_tenant().get("/jobs?find=4712");
    assert_eq!(names(&other), [""; 0]);

    // Two tenants may use the same reference, so support names the tenant.
    let support = api.support();
    for query in ["batch=May", "reference=4711", "batch=May&status=failed"] {
        assert_eq!(
            support.problem_code("GET", &format!("/jobs?{query}"), None),
            "bad-request"
        );
    }
    let found: JobPage = support.get("/jobs?tenant=globex&batch=May");
    assert_eq!(names(&found), ["d.pdf"]);
    let found: JobPage = support.get("/jobs?tenant=acme&find=4712");
    assert_eq!(names(&found), ["b.pdf"]);
    let found: JobPage = support.get("/jobs?find=4712");
    assert_eq!(names(&found), [""; 0]);
    for query in [
        "batch=",
        "find=4711&batch=",
        "find=4711&limit=101",
        "find=4711&status=x",
        "find=4711&cause=x",
        "reference=%0A",
        &format!("batch={}", "x".repeat(65)),
    ] {
        assert_eq!(
            api.reviewer()
                .problem_code("GET", &format!("/jobs?{query}"), None),
            "bad-request"
        );
    }
}

#[test]
fn list_of_a_batch_has_pages() {
    let api = TestApi::new();
    for number in 0..25 {
        let key = format!("inbound/acme/{number:02}.pdf");
        api.job(&key, 1000 + number, labelled(None, Some("May")));
    }
    let first: JobPage = api.reviewer().get("/jobs?batch=May&limit=20");
    assert_eq!(first.jobs.len(), 20);
    let cursor = first.cursor.unwrap();
    let rest: JobPage = api
        .reviewer()
        .get(&format!("/jobs?batch=May&limit=20&cursor={cursor}"));
    assert_eq!((rest.jobs.len(), rest.cursor), (5, None));
    let path = format!("/jobs?batch=June&limit=20&cursor={cursor}");
    assert_eq!(
        api.reviewer().problem_code("GET", &path, None),
        "bad-cursor"
    );
}

#[test]
fn customer_finds_only_its_own_uploads_by_reference() {
    let api = TestApi::new();
    api.job("inbound/acme/a.pdf", 1000, |job| {
        labelled(Some("4711"), Some("May"))(job);
        job.input.uploaded_by = Some("olga@acme.example".to_owned());
    });
    for query in ["find=4711", "reference=4711", "batch=May"] {
        let page: JobPage = api.customer().get(&format!("/jobs?{query}"));
        assert_eq!(names(&page), [""; 0], "{query}");
    }
}

#[test]
fn retry_plan_selects_failed_jobs_by_reference_tag_and_lane() {
    let api = TestApi::new();
    for (key, reference, client, lane) in [
        ("inbound/acme/a.pdf", "INV-1", "ACME", Lane::Standard),
        ("inbound/acme/b.pdf", "INV-2", "ACME", Lane::Bulk),
        ("inbound/acme/c.pdf", "INV-3", "ACME=1", Lane::Bulk),
    ] {
        api.job(key, 1000, |job| {
            labelled(Some(reference), None)(job);
            job.input.labels.tags = Tags::from_lines(format!("client={client}"));
            job.input.labels.lane = lane;
            super::fail(job, Cause::ModelError);
        });
    }
    let plan = |filter: &Value| json!({"filter": filter, "reason": "the model was repaired"});
    let support = api.support();
    for (mut filter, jobs) in [
        (json!({"reference": "INV-2"}), 1),
        (json!({"reference": "INV"}), 0),
        (json!({"tag": "client=ACME"}), 2),
        (json!({"tag": "client=ACME=1"}), 1),
        (json!({"tag": "client=acme"}), 0),
        (json!({"tag": "client= AC\u{200b}ME"}), 2),
        (json!({"reference": "INV\u{200b}-2 "}), 1),
        (json!({"tag": "client=ACME", "lane": "bulk"}), 1),
        (json!({"lane": "bulk"}), 2),
    ] {
        filter["tenant"] = json!("acme");
        let view: RetryPlanView = support.post("/retry-plans", plan(&filter));
        assert_eq!(view.jobs, jobs, "{filter}");
        assert_eq!(serde_json::to_value(view.filter).unwrap(), filter);
    }
    let lane: RetryPlanView = support.post("/retry-plans", plan(&json!({"lane": "bulk"})));
    assert_eq!(lane.jobs, 2, "a lane is no tenant's");
    for filter in [
        json!({"reference": "INV-1"}),
        json!({"tag": "client=ACME"}),
        json!({"tenant": "acme", "tag": "client"}),
        // As of a script whose variable is not set.
        json!({"tenant": "acme", "tag": "matter="}),
        json!({"tenant": "acme", "tag": "matter= \u{200b}"}),
        json!({"tenant": "acme", "tag": format!("matter={}", "x".repeat(65))}),
        json!({"tenant": "acme", "tag": "=ACME"}),
        json!({"tenant": "acme", "reference": ""}),
        json!({"tenant": "acme", "lane": "urgent"}),
    ] {
        let code = support.problem_code("POST", "/retry-plans", Some(plan(&filter)));
        assert_eq!(code, "bad-request", "{filter}");
    }
    // Names that customers chose are contents; a lane is none.
    let operator = api.client("olaf@docket.example", "[operator]");
    for filter in [
        json!({"tenant": "acme", "reference": "INV-1"}),
        json!({"tenant": "acme", "tag": "client=ACME"}),
    ] {
        let code = operator.problem_code("POST", "/retry-plans", Some(plan(&filter)));
        assert_eq!(code, "forbidden", "{filter}");
    }
    let _: RetryPlanView = operator.post("/retry-plans", plan(&json!({"lane": "bulk"})));
    let listed: RetryPlanList = operator.get("/retry-plans");
    let hidden =
        |plan: &RetryPlanView| plan.filter.reference.is_none() && plan.filter.tag.is_none();
    assert!(listed.plans.iter().all(hidden), "{listed:?}");
}

#[test]
fn retry_plan_selects_the_failed_jobs_of_a_batch() {
    let api = TestApi::new();
    for (key, name) in [
        ("inbound/acme/a.pdf", "May"),
        ("inbound/acme/b.pdf", "June"),
    ] {
        api.job(key, 1000, |job| {
            labelled(None, Some(name))(job);
            super::fail(job, Cause::ModelError);
        });
    }
    let plan = |filter: Value| json!({"filter": filter, "reason": "the model was repaired"});
    let support = api.support();
    let view: RetryPlanView = support.post(
        "/retry-plans",
        plan(json!({"tenant": "acme", "batch": "May"})),
    );
    assert_eq!((view.jobs, view.filter.batch.as_deref()), (1, Some("May")));
    for filter in [
        json!({"batch": "May"}),
        json!({"tenant": "acme", "batch": ""}),
    ] {
        let code = support.problem_code("POST", "/retry-plans", Some(plan(filter)));
        assert_eq!(code, "bad-request");
    }
}
