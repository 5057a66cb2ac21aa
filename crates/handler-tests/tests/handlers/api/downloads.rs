//! Downloads of a job's document and result.

use api::types::{AuditPage, ResultView};
use jobs::state::Cause;
use testkit::memory::Object;

use super::super::fixtures::BUCKET;
use super::TestApi;

#[test]
fn document_is_the_version_that_the_job_processes_under_its_name_and_inline() {
    let api = TestApi::new();
    let key = "inbound/acme/Vertrag Müller.pdf";
    let job = api.failed_job(key, 5000, Cause::ModelError);
    let path = format!("/jobs/{}/document", job.id);
    let expected = format!(
        "memory:s3://{BUCKET}/{key}?version={}&Inline=Vertrag Müller.pdf",
        job.input.version
    );
    let view: ResultView = api.reviewer().get(&path);
    assert_eq!(view.request.url, expected);
    assert_eq!(
        (view.name.as_str(), view.content_type.as_str(), view.bytes),
        ("Vertrag Müller.pdf", "application/pdf", job.input.bytes)
    );
    assert_eq!(
        api.other_tenant().problem_code("GET", &path, None),
        "not-found"
    );
    let of_support: ResultView = api.support().get(&path);
    assert_eq!(of_support.request.url, expected);

    api.ports().put(BUCKET, key, b"%PDF-1.7 another contract");
    let after_overwrite: ResultView = api.reviewer().get(&path);
    assert_eq!(
        after_overwrite.request.url, expected,
        "the job's own version"
    );
    api.ports()
        .state()
        .objects
        .get_mut(&(BUCKET.to_owned(), key.to_owned()))
        .unwrap()
        .retain(|(version, _)| *version != job.input.version);
    let (code, detail) = api.reviewer().problem("GET", &path, None);
    assert_eq!(code, "gone");
    assert!(detail.contains("a newer one was uploaded"), "{detail}");
    let log: AuditPage = api.support().get("/audit");
    let actions: Vec<&str> = log
        .entries
        .iter()
        .map(|entry| entry.action.as_str())
        .collect();
    assert!(!actions.is_empty());
    assert!(actions.iter().all(|action| *action == "download-document"));
}

#[test]
fn document_that_was_deleted_or_has_expired_is_gone() {
    let api = TestApi::new();
    let key = "inbound/acme/a.pdf";
    let job = api.job(key, 5000, |_| {});
    api.ports().put_object(BUCKET, key, None);
    let path = format!("/jobs/{}/document", job.id);
    let (code, detail) = api.reviewer().problem("GET", &path, None);
    assert_eq!(code, "gone");
    assert!(detail.contains("the document was deleted"), "{detail}");
}

#[test]
fn document_that_s3_does_not_let_us_read_is_refused_with_the_reason() {
    for code in [
        "InvalidObjectState",
        "InvalidRequest",
        "AccessDenied",
        "KMS.DisabledException",
    ] {
        let api = TestApi::new();
        let key = "inbound/acme/a.pdf";
        let job = api.job(key, 5000, |_| {});
        let mut state = api.ports().state();
        state.refused_reads.insert(key.to_owned(), code);
        drop(state);
        let path = format!("/jobs/{}/document", job.id);
        let (_, detail) = api.reviewer().problem("GET", &path, None);
        assert!(
            detail.contains(&format!("cannot be read ({code})")),
            "{detail}"
        );
        // S3 refuses the newer version only.
        api.ports().put(BUCKET, key, b"%PDF-1.7 another contract");
        let view: ResultView = api.reviewer().get(&path);
        assert!(view.request.url.contains(&job.input.version), "{code}");
    }
}

#[test]
fn document_of_another_type_is_saved_and_not_shown() {
    let api = TestApi::new();
    let html = Object {
        content_type: "text/html".to_owned(),
        ..Object::default()
    };
    let key = "inbound/acme/page.html";
    let mut job = api.job(key, 5000, |job| {
        job.pipeline = "a-pipeline-that-is-gone".to_owned();
        job.input.content_type = "text/html".to_owned();
    });
    job.input.version = api.ports().put_object(BUCKET, key, Some(html));
    api.ports().state().jobs.insert(job.id, job.clone());
    let view: ResultView = api.reviewer().get(&format!("/jobs/{}/document", job.id));
    assert!(
        view.request.url.ends_with("&Attachment=page.html"),
        "{}",
        view.request.url
    );
    assert_eq!(view.content_type, "text/html");
}

#[test]
fn pdf_that_a_client_stored_as_bytes_is_shown_as_pdf() {
    let api = TestApi::new();
    let job = api.job("inbound/acme/a.pdf", 5000, |job| {
        job.input.content_type = "binary/octet-stream".to_owned();
    });
    let view: ResultView = api.reviewer().get(&format!("/jobs/{}/document", job.id));
    assert_eq!(view.content_type, "application/pdf");
    assert!(view.request.url.contains("&Inline="));
}

#[test]
fn result_says_where_its_parts_are_if_the_pipeline_does() {
    for (paths, expected) in [
        ("", serde_json::json!({})),
        (
            "result_paths = [\"findings=/output/issues\", \"finding_page_index=/at/page\"]",
            serde_json::json!({"findings": "/output/issues", "finding_page_index": "/at/page"}),
        ),
    ] {
        let api = TestApi::with_legal_review(paths);
        let output = "outbound/legal-review/opaque/x.out";
        let job = api.ready_job("inbound/acme/a.pdf", 5000, output);
        api.ports().put(BUCKET, output, b"{}");
        let view: ResultView = api.reviewer().get(&format!("/jobs/{}/result", job.id));
        let paths = serde_json::to_value(view.paths).unwrap();
        assert_eq!(paths, expected);
    }
}
