//! Creating, continuing, completing and aborting uploads.

use api::ports::UploadedPart;
use api::types::{JobDetail, JobPage, SignedParts, UploadView};
use functions::handlers::upload_trigger;
use jobs::id::JobId;
use serde_json::{Value, json};

use super::super::fixtures::{BUCKET, batch, failures, run, upload_event};
use super::TestApi;

const MB: u64 = 1024 * 1024;

fn new_upload(bytes: u64) -> Value {
    json!({"pipeline": "ocr-batch", "name": " Müller & Söhne <b>.pdf ", "bytes": bytes, "content_type": "application/pdf"})
}

fn key(view: &UploadView) -> String {
    let url = &view.put.as_ref().unwrap().url;
    let key = url.strip_prefix(&format!("memory:s3://{BUCKET}/")).unwrap();
    key.split('?').next().unwrap().to_owned()
}

/// The names of files from right-to-left systems and of messengers' exports have direction marks.
#[test]
fn name_of_a_new_upload_is_cleaned_as_one_set_in_s3_is() {
    for (name, stored) in [
        ("invoice\u{202e}fdp.exe", "invoicefdp.exe"),
        ("\u{200f}עסקה.pdf", "עסקה.pdf"),
        ("\u{200e}WhatsApp Chat.pdf\u{200e}", "WhatsApp Chat.pdf"),
        ("\u{2068}عقد\u{2069} \u{61c}1.pdf", "عقد 1.pdf"),
        ("\u{feff} a \u{a0} b.pdf", "a b.pdf"),
    ] {
        let api = TestApi::new();
        let mut body = new_upload(7);
        body["name"] = json!(name);
        let view: UploadView = api.customer().post("/uploads", body);
        let id: JobId = view.job_id.parse().unwrap();
        let version = api.ports().put(BUCKET, &key(&view), b"%PDF-1.7");
        let event = upload_event(&key(&view), &version);
        let batch = batch(api.handler.app(), &[event], 1);
        run(upload_trigger::handle(api.handler.app(), batch)).unwrap();
        let job = api.ports().state().jobs[&id].clone();
        assert_eq!(job.display_name(), stored, "{name:?}");
    }
}

#[test]
fn created_upload_has_a_job_id_and_belongs_to_its_uploader() {
    let api = TestApi::new();
    let customer = api.customer();
    let view: UploadView = customer.post("/uploads", new_upload(7));
    assert_eq!(
        (view.name.as_str(), view.bytes),
        ("Müller & Söhne <b>.pdf", 7)
    );
    assert!(
        view.put.as_ref().unwrap().url.ends_with("?bytes=7"),
        "the signature must cover the size"
    );
    let detail: JobDetail = customer.get(&format!("/jobs/{}", view.job_id));
    assert!(detail.job.is_none() && detail.upload.is_some());
    assert!(detail.explanation.summary.contains("is not uploaded yet"));
    assert_eq!(
        api.other_tenant()
            .problem_code("GET", &format!("/jobs/{}", view.job_id), None),
        "not-found"
    );

    // The file is uploaded: its job belongs to the customer and has the name of the upload session.
    let key = key(&view);
    let version = api.ports().put(BUCKET, &key, b"%PDF-1.7");
    let batch = batch(api.handler.app(), &[upload_event(&key, &version)], 1);
    let response = run(upload_trigger::handle(api.handler.app(), batch)).unwrap();
    assert!(failures(&response).is_empty());
    let detail: JobDetail = customer.get(&format!("/jobs/{}", view.job_id));
    assert_eq!(detail.uploaded_by.as_deref(), Some("carla@acme.example"));
    assert_eq!(detail.job.unwrap().name, "Müller & Söhne <b>.pdf");

    let other = api.client("olga@acme.example", "[customer tenant:acme]");
    let sees = |page: JobPage| page.jobs.len();
    assert_eq!(
        sees(customer.get("/jobs")),
        1,
        "the uploader must see the job"
    );
    assert_eq!(
        sees(other.get("/jobs")),
        0,
        "another customer of the tenant must not see it"
    );
    assert_eq!(
        other.problem_code("GET", &format!("/jobs/{}", view.job_id), None),
        "not-found"
    );
    assert_eq!(
        sees(api.reviewer().get("/jobs")),
        1,
        "a reviewer of the tenant must see it"
    );
    assert_eq!(
        sees(api.other_tenant().get("/jobs")),
        0,
        "another tenant must not see it"
    );
}

#[test]
fn object_without_an_upload_session_has_no_uploader() {
    let api = TestApi::new();
    // The key has the form of the keys that the API issues, but there is no upload session.
    let key = "inbound-batches/acme/5b9c3e9e-8f6b-4f57-9b4e-0d6d1d1f5a2b.pdf";
    let version = api.ports().put(BUCKET, key, b"%PDF-1.7");
    let batch = batch(api.handler.app(), &[upload_event(key, &version)], 1);
    run(upload_trigger::handle(api.handler.app(), batch)).unwrap();
    let page: JobPage = api.customer().get("/jobs");
    let detail: JobDetail = api.customer().get(&format!("/jobs/{}", page.jobs[0].id));
    assert_eq!(
        detail.uploaded_by, None,
        "without a known uploader the tenant must see the job"
    );
}

#[test]
fn large_file_is_uploaded_in_parts_and_can_be_continued() {
    let api = TestApi::new();
    let customer = api.customer();
    let bytes = 100 * MB + 1;
    let view: UploadView = customer.post("/uploads", new_upload(bytes));
    let parts = view.multipart.unwrap();
    assert_eq!(
        (
            view.put,
            parts.part_bytes,
            parts.part_count,
            parts.uploaded_parts.len()
        ),
        (None, 16 * MB, 7, 0)
    );
    let path = format!("/uploads/{}", view.job_id);
    let signed: SignedParts =
        customer.post(&format!("{path}/parts"), json!({"part_numbers": [1, 7]}));
    let last = &signed.parts[1].request.url;
    assert!(
        last.ends_with(&format!("part=7&bytes={}", bytes - 6 * 16 * MB)),
        "{last}"
    );
    for part_numbers in [
        json!([]),
        json!([0]),
        json!([8]),
        json!((1..=101).collect::<Vec<u32>>()),
    ] {
        let body = json!({"part_numbers": part_numbers});
        assert_eq!(
            customer.problem_code("POST", &format!("{path}/parts"), Some(body)),
            "bad-request"
        );
    }

    let upload_part = |part_number: u32, bytes: u64| {
        let mut state = api.ports().state();
        let upload = state.multipart_uploads.values_mut().next().unwrap();
        upload.parts.push(UploadedPart {
            part_number,
            etag: format!("e{part_number}"),
            bytes,
        });
    };
    (1..=5).for_each(|part_number| upload_part(part_number, 16 * MB));
    upload_part(6, 5);
    let view: UploadView = customer.get(&path);
    assert_eq!(
        view.multipart.unwrap().uploaded_parts,
        [1, 2, 3, 4, 5],
        "a part of the wrong size must not count as uploaded"
    );
    let (code, detail) = customer.problem("POST", &format!("{path}/complete"), Some(json!({})));
    assert_eq!(code, "parts-missing");
    assert!(detail.contains("6, 7"), "{detail}");
    api.ports()
        .state()
        .multipart_uploads
        .values_mut()
        .next()
        .unwrap()
        .parts
        .pop();
    upload_part(6, 16 * MB);
    upload_part(7, bytes - 6 * 16 * MB);
    for _ in 0..2 {
        // The second time as after a lost response.
        let _: UploadView = customer.post(&format!("{path}/complete"), json!({}));
    }
    let view: UploadView = customer.get(&path);
    assert_eq!(view.multipart.unwrap().uploaded_parts.len(), 7);
    assert_eq!(
        customer.problem_code("DELETE", &path, None),
        "refused",
        "a completed upload cannot be aborted"
    );
}

#[test]
fn upload_can_be_used_and_aborted_only_by_its_uploader() {
    let api = TestApi::new();
    let view: UploadView = api.customer().post("/uploads", new_upload(101 * MB));
    let path = format!("/uploads/{}", view.job_id);
    let parts = Some(json!({"part_numbers": [1]}));
    for other in [api.other_tenant(), api.reviewer(), api.support()] {
        assert_eq!(other.problem_code("GET", &path, None), "not-found");
        assert_eq!(
            other.problem_code("POST", &format!("{path}/parts"), parts.clone()),
            "not-found"
        );
        assert_eq!(
            other.problem_code("POST", &format!("{path}/complete"), Some(json!({}))),
            "not-found"
        );
        assert_eq!(other.problem_code("DELETE", &path, None), "not-found");
    }
    assert_eq!(api.customer().send("DELETE", &path, None).status_code, 204);
    assert!(
        api.ports().state().multipart_uploads.is_empty(),
        "the multipart upload must be aborted in S3"
    );
    assert_eq!(api.customer().problem_code("GET", &path, None), "gone");
}

#[test]
fn file_that_arrives_after_its_upload_was_aborted_still_belongs_to_its_uploader() {
    let api = TestApi::new();
    let view: UploadView = api.customer().post("/uploads", new_upload(7));
    let path = format!("/uploads/{}", view.job_id);
    assert_eq!(api.customer().send("DELETE", &path, None).status_code, 204);
    let key = key(&view);
    let version = api.ports().put(BUCKET, &key, b"%PDF-1.7");
    let batch = batch(api.handler.app(), &[upload_event(&key, &version)], 1);
    run(upload_trigger::handle(api.handler.app(), batch)).unwrap();
    let detail: JobDetail = api.customer().get(&format!("/jobs/{}", view.job_id));
    assert_eq!(detail.uploaded_by.as_deref(), Some("carla@acme.example"));
    let other = api.client("olga@acme.example", "[customer tenant:acme]");
    assert_eq!(
        other.problem_code("GET", &format!("/jobs/{}", view.job_id), None),
        "not-found"
    );
}

#[test]
fn uploader_who_has_left_the_tenant_cannot_continue_the_upload() {
    let api = TestApi::new();
    let view: UploadView = api.customer().post("/uploads", new_upload(101 * MB));
    let moved = api.client("carla@acme.example", "[customer tenant:globex]");
    let path = format!("/uploads/{}", view.job_id);
    assert_eq!(moved.problem_code("GET", &path, None), "not-found");
    assert_eq!(
        moved.problem_code("GET", &format!("/jobs/{}", view.job_id), None),
        "not-found"
    );
}

#[test]
fn file_that_the_pipeline_does_not_take_is_refused_when_the_upload_is_created() {
    let api = TestApi::new();
    let with = |field: &str, value: Value| {
        let mut body = new_upload(7);
        body[field] = value;
        let (code, detail) = api.customer().problem("POST", "/uploads", Some(body));
        (code, detail)
    };
    assert_eq!(with("pipeline", json!("legal")).0, "bad-request");
    assert!(
        with("pipeline", json!("legal")).1.contains("legal-review"),
        "the problem must name the pipelines"
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
        "\u{fe0f}",
        "\u{200f}\u{202e}",
        &"x".repeat(201),
    ] {
        assert_eq!(with("name", json!(name)).0, "bad-request", "{name:?}");
    }
    assert_eq!(with("tenant", json!("globex")).0, "forbidden");
    assert_eq!(
        with("uploaded_by", json!("other@acme.example")).0,
        "bad-request",
        "an unknown field must be refused"
    );
    assert_eq!(with("key", json!("inbound/globex/x.pdf")).0, "bad-request");
    let body = Some(new_upload(7));
    assert_eq!(
        api.support().problem_code("POST", "/uploads", body),
        "bad-request",
        "support must name the tenant"
    );
}
