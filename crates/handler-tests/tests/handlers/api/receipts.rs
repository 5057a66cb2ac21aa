//! `GET /jobs/{job_id}/receipt` and `GET /receipt-keys`.

use api::types::{ReceiptKeys, ReceiptView};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL;
use jobs::state::Cause;
use ring::signature::{ED25519, UnparsedPublicKey};
use serde_json::{Value, json};

use super::super::fixtures::BUCKET;
use super::TestApi;

/// `printf '{"clauses":[]}' | sha256sum`
const RESULT: &[u8] = b"{\"clauses\":[]}";
const RESULT_SHA256: &str = "c29f837cede9d344db69480690ec544f033bffc904ecf8fa02658d036f70e2af";
/// `printf '%%PDF-1.7 a' | sha256sum`
const DOCUMENT: &[u8] = b"%PDF-1.7 a";
const DOCUMENT_SHA256: &str = "ce2ec9eaddc5fc471759b0454d1e1a79e0c21b1f6b1de7d2c8ab79d41d91ab5a";

/// A ready job whose document and result are in the bucket.
fn ready(api: &TestApi) -> jobs::job::Job {
    let output = "outbound/legal-review/a.json";
    let mut job = api.ready_job("inbound/acme/a.pdf", 5000, output);
    api.ports().put(BUCKET, output, RESULT);
    job.input.version = api.ports().put(BUCKET, &job.input.key, DOCUMENT);
    job.input.bytes = DOCUMENT.len() as u64;
    api.ports().state().jobs.insert(job.id, job.clone());
    // A newer document under the same key is none of this job's business.
    api.ports().put(BUCKET, &job.input.key, b"%PDF-1.7 another");
    job
}

#[test]
fn receipt_is_signed_and_names_both_files_by_their_hashes() {
    let api = TestApi::new();
    let job = ready(&api);
    let path = format!("/jobs/{}/receipt", job.id);
    let view: ReceiptView = api.reviewer().get(&path);
    let receipt = &view.receipt;
    assert_eq!(receipt.document.sha256.as_deref(), Some(DOCUMENT_SHA256));
    assert_eq!(receipt.document.version, job.input.version);
    assert_eq!(receipt.result.sha256.as_deref(), Some(RESULT_SHA256));
    assert_eq!(receipt.result.bytes, RESULT.len() as u64);
    assert_eq!(
        (receipt.job_id.clone(), receipt.attempt),
        (job.id.to_string(), 1)
    );

    let keys: ReceiptKeys = api.reviewer().get("/receipt-keys");
    let parts: Vec<&str> = view.jws.split('.').collect();
    let decode = |part: &str| BASE64URL.decode(part).unwrap();
    let header: Value = serde_json::from_slice(&decode(parts[0])).unwrap();
    assert_eq!(
        (&header["alg"], &header["kid"]),
        (&json!("EdDSA"), &json!(keys.keys[0].kid))
    );
    let payload: Value = serde_json::from_slice(&decode(parts[1])).unwrap();
    assert_eq!(payload, serde_json::to_value(receipt).unwrap());
    let message = format!("{}.{}", parts[0], parts[1]);
    UnparsedPublicKey::new(&ED25519, decode(&keys.keys[0].x))
        .verify(message.as_bytes(), &decode(parts[2]))
        .unwrap();
}

#[test]
fn receipt_is_for_those_who_see_the_job_and_only_for_results_that_exist() {
    let api = TestApi::new();
    let job = ready(&api);
    let path = format!("/jobs/{}/receipt", job.id);
    let code = |path: &str| api.reviewer().problem_code("GET", path, None);
    assert_eq!(
        api.other_tenant().problem_code("GET", &path, None),
        "not-found"
    );
    assert_eq!(code(&format!("{path}?attempt=2")), "not-ready");
    assert_eq!(code(&format!("{path}?attempt=x")), "bad-request");
    let failed = api.failed_job("inbound/acme/b.pdf", 5000, Cause::ModelError);
    assert_eq!(code(&format!("/jobs/{}/receipt", failed.id)), "not-ready");
    api.ports()
        .put_object(BUCKET, "outbound/legal-review/a.json", None);
    assert_eq!(code(&path), "gone");
}

#[test]
fn document_that_is_gone_or_large_has_no_hash() {
    let api = TestApi::new();
    let job = ready(&api);
    let path = format!("/jobs/{}/receipt", job.id);
    let key = (BUCKET.to_owned(), job.input.key.clone());
    api.ports().state().objects.remove(&key);
    let view: ReceiptView = api.support().get(&path);
    assert_eq!(view.receipt.document.sha256, None);
    assert_eq!(view.receipt.document.version, job.input.version);
    api.ports()
        .state()
        .jobs
        .get_mut(&job.id)
        .unwrap()
        .input
        .bytes = 64 * 1024 * 1024 + 1;
    let before = api.ports().state().calls["sha256"];
    let view: ReceiptView = api.support().get(&path);
    assert_eq!(view.receipt.document.sha256, None);
    assert_eq!(
        api.ports().state().calls["sha256"],
        before + 1,
        "only the result"
    );
}

#[test]
fn receipt_that_the_key_would_refuse_as_too_long_is_refused() {
    let api = TestApi::new();
    let job = ready(&api);
    api.ports().state().jobs.get_mut(&job.id).unwrap().input.key = "\u{1}".repeat(1000);
    let path = format!("/jobs/{}/receipt", job.id);
    assert_eq!(api.reviewer().problem_code("GET", &path, None), "refused");
    assert!(!api.ports().state().calls.contains_key("sign"));
}
