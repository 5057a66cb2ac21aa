//! Announcing, sending and completing uploads.

use api::ports::UploadedPart;
use api::types::{JobDetail, JobPage, SignedParts, UploadView};
use functions::handlers::upload_trigger;
use serde_json::{Value, json};

use super::super::world::{BUCKET, announced, batch, failures, run};
use super::Office;

const MB: u64 = 1024 * 1024;

fn wanted(bytes: u64) -> Value {
    json!({"pipeline": "ocr-batch", "name": " Müller & Söhne <b>.pdf ", "bytes": bytes, "content_type": "application/pdf"})
}

fn key(view: &UploadView) -> String {
    let url = &view.put.as_ref().unwrap().url;
    let key = url.strip_prefix(&format!("memory:s3://{BUCKET}/")).unwrap();
    key.split('?').next().unwrap().to_owned()
}

#[test]
fn a_customer_learns_the_job_at_once_and_that_its_file_has_not_arrived() {
    let office = Office::open();
    let customer = office.customer();
    let view: UploadView = customer.post("/uploads", wanted(7));
    assert_eq!(
        (view.name.as_str(), view.bytes),
        ("Müller & Söhne <b>.pdf", 7)
    );
    assert!(
        view.put.as_ref().unwrap().url.ends_with("?bytes=7"),
        "the size is bound"
    );
    let detail: JobDetail = customer.get(&format!("/jobs/{}", view.job_id));
    assert!(detail.job.is_none() && detail.upload.is_some());
    assert!(detail.explanation.summary.contains("has not arrived yet"));
    assert_eq!(
        office
            .stranger()
            .word("GET", &format!("/jobs/{}", view.job_id), None),
        "not-found"
    );

    // The file arrives: its job is the customer's, under the name that was announced.
    let key = key(&view);
    let version = office.ports().put(BUCKET, &key, b"%PDF-1.7");
    let batch = batch(office.api.app(), &[announced(&key, &version)], 1);
    let response = run(upload_trigger::handle(office.api.app(), batch)).unwrap();
    assert!(failures(&response).is_empty());
    let detail: JobDetail = customer.get(&format!("/jobs/{}", view.job_id));
    assert_eq!(detail.uploaded_by.as_deref(), Some("carla@acme.example"));
    assert_eq!(detail.job.unwrap().name, "Müller & Söhne <b>.pdf");

    let other = office.caller("olga@acme.example", "[customer tenant:acme]");
    let sees = |page: JobPage| page.jobs.len();
    assert_eq!(sees(customer.get("/jobs")), 1, "it is hers");
    assert_eq!(
        sees(other.get("/jobs")),
        0,
        "another customer of the tenant does not see it"
    );
    assert_eq!(
        other.word("GET", &format!("/jobs/{}", view.job_id), None),
        "not-found"
    );
    assert_eq!(
        sees(office.reviewer().get("/jobs")),
        1,
        "the tenant's reviewer does"
    );
    assert_eq!(
        sees(office.stranger().get("/jobs")),
        0,
        "another tenant does not"
    );
}

#[test]
fn an_object_cannot_attribute_itself() {
    let office = Office::open();
    // A key that looks like one of ours, without an announcement.
    let key = "inbound-batches/acme/5b9c3e9e-8f6b-4f57-9b4e-0d6d1d1f5a2b.pdf";
    let version = office.ports().put(BUCKET, key, b"%PDF-1.7");
    let batch = batch(office.api.app(), &[announced(key, &version)], 1);
    run(upload_trigger::handle(office.api.app(), batch)).unwrap();
    let page: JobPage = office.customer().get("/jobs");
    let detail: JobDetail = office.customer().get(&format!("/jobs/{}", page.jobs[0].id));
    assert_eq!(
        detail.uploaded_by, None,
        "nobody is known to have uploaded it, so the tenant sees it"
    );
}

#[test]
fn a_large_file_goes_in_parts_and_goes_on_after_a_break() {
    let office = Office::open();
    let customer = office.customer();
    let bytes = 100 * MB + 1;
    let view: UploadView = customer.post("/uploads", wanted(bytes));
    let parts = view.multipart.unwrap();
    assert_eq!(
        (view.put, parts.part_bytes, parts.parts, parts.arrived.len()),
        (None, 16 * MB, 7, 0)
    );
    let path = format!("/uploads/{}", view.job_id);
    let signed: SignedParts = customer.post(&format!("{path}/parts"), json!({"numbers": [1, 7]}));
    let last = &signed.parts[1].request.url;
    assert!(
        last.ends_with(&format!("part=7&bytes={}", bytes - 6 * 16 * MB)),
        "{last}"
    );
    for numbers in [
        json!([]),
        json!([0]),
        json!([8]),
        json!((1..=101).collect::<Vec<u32>>()),
    ] {
        let body = json!({"numbers": numbers});
        assert_eq!(
            customer.word("POST", &format!("{path}/parts"), Some(body)),
            "bad-request"
        );
    }

    let arrive = |number: u32, bytes: u64| {
        let mut world = office.ports().world();
        let upload = world.uploads.values_mut().next().unwrap();
        upload.parts.push(UploadedPart {
            number,
            etag: format!("e{number}"),
            bytes,
        });
    };
    (1..=5).for_each(|number| arrive(number, 16 * MB));
    arrive(6, 5);
    let view: UploadView = customer.get(&path);
    assert_eq!(
        view.multipart.unwrap().arrived,
        [1, 2, 3, 4, 5],
        "a part of a wrong size has not arrived"
    );
    let (word, detail) = customer.refused("POST", &format!("{path}/complete"), Some(json!({})));
    assert_eq!(word, "parts-missing");
    assert!(detail.contains("6, 7"), "{detail}");
    office
        .ports()
        .world()
        .uploads
        .values_mut()
        .next()
        .unwrap()
        .parts
        .pop();
    arrive(6, 16 * MB);
    arrive(7, bytes - 6 * 16 * MB);
    for _ in 0..2 {
        // The second time as after a lost answer.
        let _: UploadView = customer.post(&format!("{path}/complete"), json!({}));
    }
    let view: UploadView = customer.get(&path);
    assert_eq!(view.multipart.unwrap().arrived.len(), 7);
    assert_eq!(
        customer.word("DELETE", &path, None),
        "refused",
        "it has arrived"
    );
}

#[test]
fn an_upload_is_its_uploaders_alone_and_can_be_given_up() {
    let office = Office::open();
    let view: UploadView = office.customer().post("/uploads", wanted(101 * MB));
    let path = format!("/uploads/{}", view.job_id);
    let parts = Some(json!({"numbers": [1]}));
    for other in [office.stranger(), office.reviewer(), office.support()] {
        assert_eq!(other.word("GET", &path, None), "not-found");
        assert_eq!(
            other.word("POST", &format!("{path}/parts"), parts.clone()),
            "not-found"
        );
        assert_eq!(
            other.word("POST", &format!("{path}/complete"), Some(json!({}))),
            "not-found"
        );
        assert_eq!(other.word("DELETE", &path, None), "not-found");
    }
    assert_eq!(
        office.customer().reply("DELETE", &path, None).status_code,
        204
    );
    assert!(office.ports().world().uploads.is_empty(), "S3 is told");
    assert_eq!(office.customer().word("GET", &path, None), "gone");
}

#[test]
fn a_file_that_arrives_after_its_upload_was_given_up_is_still_its_uploaders() {
    let office = Office::open();
    let view: UploadView = office.customer().post("/uploads", wanted(7));
    let path = format!("/uploads/{}", view.job_id);
    assert_eq!(
        office.customer().reply("DELETE", &path, None).status_code,
        204
    );
    let key = key(&view);
    let version = office.ports().put(BUCKET, &key, b"%PDF-1.7");
    let batch = batch(office.api.app(), &[announced(&key, &version)], 1);
    run(upload_trigger::handle(office.api.app(), batch)).unwrap();
    let detail: JobDetail = office.customer().get(&format!("/jobs/{}", view.job_id));
    assert_eq!(detail.uploaded_by.as_deref(), Some("carla@acme.example"));
    let other = office.caller("olga@acme.example", "[customer tenant:acme]");
    assert_eq!(
        other.word("GET", &format!("/jobs/{}", view.job_id), None),
        "not-found"
    );
}

#[test]
fn who_has_left_a_tenant_cannot_go_on_with_an_upload_for_it() {
    let office = Office::open();
    let view: UploadView = office.customer().post("/uploads", wanted(101 * MB));
    let moved = office.caller("carla@acme.example", "[customer tenant:globex]");
    let path = format!("/uploads/{}", view.job_id);
    assert_eq!(moved.word("GET", &path, None), "not-found");
    assert_eq!(
        moved.word("GET", &format!("/jobs/{}", view.job_id), None),
        "not-found"
    );
}

#[test]
fn what_a_pipeline_does_not_take_is_refused_before_a_byte_is_sent() {
    let office = Office::open();
    let with = |field: &str, value: Value| {
        let mut body = wanted(7);
        body[field] = value;
        let (word, detail) = office.customer().refused("POST", "/uploads", Some(body));
        (word, detail)
    };
    assert_eq!(with("pipeline", json!("legal")).0, "bad-request");
    assert!(
        with("pipeline", json!("legal")).1.contains("legal-review"),
        "it names the pipelines"
    );
    assert_eq!(
        with("content_type", json!("text/html")).0,
        "unsupported-type"
    );
    assert_eq!(with("bytes", json!(0)).0, "bad-request");
    assert_eq!(with("bytes", json!((1u64 << 30) + 1)).0, "too-large");
    assert_eq!(with("bytes", json!(-1)).0, "bad-request");
    for name in [
        "",
        "  ",
        "a/b.pdf",
        "..\\b.pdf",
        "a\r\nx-amz-meta: b.pdf",
        "invoice\u{202e}fdp.exe",
        &"x".repeat(201),
    ] {
        assert_eq!(with("name", json!(name)).0, "bad-request", "{name:?}");
    }
    assert_eq!(with("tenant", json!("globex")).0, "forbidden");
    assert_eq!(
        with("uploaded_by", json!("somebody@else.example")).0,
        "bad-request",
        "no field more"
    );
    assert_eq!(with("key", json!("inbound/globex/x.pdf")).0, "bad-request");
    let body = Some(wanted(7));
    assert_eq!(
        office.support().word("POST", "/uploads", body),
        "bad-request",
        "support names the tenant"
    );
}
