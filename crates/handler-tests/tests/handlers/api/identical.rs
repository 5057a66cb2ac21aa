//! A content that the tenant has uploaded before is noticed before anything runs.

use api::types::{JobCommandResult, Problem, UploadView};
use functions::handlers::upload_trigger;
use jobs::id::{Attempt, JobId, Location};
use jobs::job::Job;
use jobs::state::{Cause, State};
use serde_json::{Value, json};

use super::super::fixtures::{BUCKET, batch, failures, run, upload_event};
use super::{Client, TestApi, fail};

const DAY_MS: u64 = 86_400_000;

fn sha256(digit: char) -> String {
    digit.to_string().repeat(64)
}

fn new_upload(digit: char) -> Value {
    json!({"pipeline": "legal-review", "name": "nda.pdf", "bytes": 8, "content_type": "application/pdf", "tenant": "acme",
        "sha256": sha256(digit)})
}

/// Uploads a file, so that its job runs.
fn upload(api: &TestApi, by: &Client<'_>, body: Value) -> JobId {
    let view: UploadView = by.post("/uploads", body);
    let url = &view.put.as_ref().unwrap().url;
    let key = url.strip_prefix(&format!("memory:s3://{BUCKET}/")).unwrap();
    let key = key.split('?').next().unwrap();
    let version = api.ports().put(BUCKET, key, b"%PDF-1.7");
    let batch = batch(api.handler.app(), &[upload_event(key, &version)], 1);
    let response = run(upload_trigger::handle(api.handler.app(), batch)).unwrap();
    assert!(failures(&response).is_empty());
    view.job_id.parse().unwrap()
}

fn change(api: &TestApi, job: JobId, change: impl FnOnce(&mut Job)) {
    change(api.ports().state().jobs.get_mut(&job).unwrap());
}

fn make_ready(api: &TestApi, job: JobId) {
    change(api, job, |job| {
        job.attempts[0].closed_at = Some(job.updated_at);
        job.attempts[0].failure = None;
        job.attempts[0].output = Some(Location {
            bucket: BUCKET.to_owned(),
            key: "out/nda.json".to_owned(),
        });
        job.state = State::Ready {
            attempt: Attempt(1),
        };
    });
}

/// The jobs that an upload is identical to; none if it is accepted.
fn identical(by: &Client<'_>, body: &Value) -> Vec<String> {
    let response = by.send("POST", "/uploads", Some(body));
    if response.status_code == 201 {
        return vec![];
    }
    let problem: Problem = serde_json::from_str(&response.body).unwrap();
    assert_eq!(problem.kind, "urn:docket:problem:identical", "{problem:?}");
    assert_eq!(problem.status, 409);
    problem.identical.into_iter().map(|job| job.id).collect()
}

#[test]
fn content_that_is_open_or_ready_is_refused_with_its_jobs_unless_run_anyway() {
    let api = TestApi::new();
    let customer = api.customer();
    let first = upload(&api, &customer, new_upload('a'));
    assert_eq!(identical(&customer, &new_upload('a')), [first.to_string()]);
    make_ready(&api, first);
    assert_eq!(identical(&customer, &new_upload('a')), [first.to_string()]);
    assert!(identical(&customer, &new_upload('b')).is_empty());
    let mut larger = new_upload('a');
    larger["bytes"] = json!(9);
    assert!(identical(&customer, &larger).is_empty());
    let mut without = new_upload('a');
    without.as_object_mut().unwrap().remove("sha256");
    assert!(identical(&customer, &without).is_empty());

    let mut anyway = new_upload('a');
    anyway["run_anyway"] = json!(true);
    let second = upload(&api, &customer, anyway);
    let both = identical(&customer, &new_upload('a'));
    assert_eq!(both, [second.to_string(), first.to_string()]);
}

#[test]
fn identical_jobs_without_a_result_do_not_count() {
    let api = TestApi::new();
    let customer = api.customer();
    let first = upload(&api, &customer, new_upload('a'));
    for cause in [Cause::ModelError, Cause::InvalidInput] {
        change(&api, first, |job| fail(job, cause));
        assert!(identical(&customer, &new_upload('a')).is_empty());
    }
    // The upload sessions above were never completed; they are no jobs.
    make_ready(&api, first);
    assert_eq!(identical(&customer, &new_upload('a')), [first.to_string()]);
    // Its result is deleted by now.
    change(&api, first, |job| {
        job.attempts[0].closed_at = Some(jobs::id::Timestamp(job.created_at.0 - 400 * DAY_MS));
    });
    assert!(identical(&customer, &new_upload('a')).is_empty());
}

#[test]
fn identical_documents_are_found_only_among_those_that_the_caller_may_see() {
    let api = TestApi::new();
    let first = upload(&api, &api.customer(), new_upload('a'));
    // A customer sees own documents only, a reviewer those of the tenant. Neither sees those of another tenant.
    let colleague = api.client("cora@acme.example", "[customer tenant:acme]");
    assert!(identical(&colleague, &new_upload('a')).is_empty());
    let mut other = new_upload('a');
    other["tenant"] = json!("globex");
    assert!(identical(&api.other_tenant(), &other).is_empty());
    for sees in [api.reviewer(), api.support()] {
        assert_eq!(identical(&sees, &new_upload('a')), [first.to_string()]);
    }
}

#[test]
fn repeated_request_is_not_identical_to_its_own_upload() {
    let api = TestApi::new();
    let customer = api.customer();
    let body = new_upload('a').to_string();
    let headers = json!({"authorization": "Bearer eyJ", "idempotency-key": "k1"});
    let create = || customer.send_with_headers("POST", "/uploads", Some(&body), &headers);
    let first: UploadView = serde_json::from_str(&create().body).unwrap();
    let url = &first.put.as_ref().unwrap().url;
    let key = url.strip_prefix(&format!("memory:s3://{BUCKET}/")).unwrap();
    let key = key.split('?').next().unwrap();
    let version = api.ports().put(BUCKET, key, b"%PDF-1.7");
    let batch = batch(api.handler.app(), &[upload_event(key, &version)], 1);
    run(upload_trigger::handle(api.handler.app(), batch)).unwrap();
    let again = create();
    assert_eq!(again.status_code, 201, "{}", again.body);
    let again: UploadView = serde_json::from_str(&again.body).unwrap();
    assert_eq!((&again.job_id, again.uploaded), (&first.job_id, true));
}

#[test]
fn deletion_of_a_documents_data_forgets_its_content() {
    let api = TestApi::new();
    let customer = api.customer();
    let first = upload(&api, &customer, new_upload('a'));
    let contents = || {
        let state = api.ports().state();
        let all = format!("{:?}", state.records);
        all.matches("content#").count()
    };
    assert_eq!(contents(), 1);
    change(&api, first, |job| fail(job, Cause::ModelError));
    let path = format!("/jobs/{first}/data-deletion");
    let body = json!({"reason": "the client asked"});
    let answer: JobCommandResult = api.support().post(&path, body);
    assert_eq!(answer.job.status, "Erased");
    assert_eq!(contents(), 0);
}

#[test]
fn sha256_that_is_none_is_refused() {
    let api = TestApi::new();
    for wrong in ["", "abc", &"A".repeat(64), &"g".repeat(64)] {
        let mut body = new_upload('a');
        body["sha256"] = json!(wrong);
        let code = api.customer().problem_code("POST", "/uploads", Some(body));
        assert_eq!(code, "bad-request", "{wrong}");
    }
}
