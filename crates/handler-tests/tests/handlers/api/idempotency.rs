//! `POST /uploads` with the header `Idempotency-Key`.

use api::types::{JobCommandResult, UploadView};
use functions::handlers::upload_trigger;
use serde_json::{Value, json};

use super::super::fixtures::{BUCKET, advance, batch, run, upload_event};
use super::{Client, TestApi};

const DAY_MS: u64 = 86_400_000;
const KEY: &str = "8e03978e-40d5-43dd-bc93-6894a57f9324";
const MB: u64 = 1024 * 1024;

fn new_upload() -> Value {
    json!({"pipeline": "ocr-batch", "name": "nda.pdf", "bytes": 7, "content_type": "application/pdf", "reference": "4711", "tags": {"a": "1", "b": "2"}})
}

fn with_key(client: &Client<'_>, key: &str, body: &Value) -> Result<UploadView, (u16, String)> {
    with_key_text(client, key, &body.to_string())
}

fn with_key_text(client: &Client<'_>, key: &str, body: &str) -> Result<UploadView, (u16, String)> {
    let headers = json!({"authorization": "Bearer eyJ", "idempotency-key": key});
    let response = client.send_with_headers("POST", "/uploads", Some(body), &headers);
    if response.status_code == 201 {
        return Ok(serde_json::from_str(&response.body).unwrap());
    }
    let problem: Value = serde_json::from_str(&response.body).unwrap();
    let code = problem["type"].as_str().unwrap().rsplit(':').next();
    Err((response.status_code, code.unwrap().to_owned()))
}

/// The number of upload sessions.
fn sessions(api: &TestApi) -> usize {
    let everything = format!("{:?}", api.ports().state().records);
    everything.matches("\\\"uploaded_by\\\"").count()
}

#[test]
fn repeated_request_is_answered_with_the_same_upload() {
    let api = TestApi::new();
    let customer = api.customer();
    let first = with_key(&customer, KEY, &new_upload()).unwrap();
    // The order of the fields and blanks do not matter.
    let body = r#"{ "reference":"4711", "tags":{"b":"2","a":"1"}, "content_type":"application/pdf", "bytes":7.0, "name":"nda.pdf", "pipeline":"ocr-batch" }"#;
    advance(api.handler.app(), 3_500_000);
    let again = with_key_text(&customer, KEY, body).unwrap();
    assert_eq!(again.job_id, first.job_id);
    assert_eq!(again.expires_at, first.expires_at);
    assert!(again.put.is_some() && !again.uploaded);
    assert_eq!(sessions(&api), 1);
    let other_key = with_key(&customer, "another", &new_upload()).unwrap();
    assert_ne!(other_key.job_id, first.job_id);
    let without_key: UploadView = customer.post("/uploads", new_upload());
    assert_ne!(without_key.job_id, first.job_id);
}

#[test]
fn key_of_another_request_is_refused() {
    let api = TestApi::new();
    let customer = api.customer();
    with_key(&customer, KEY, &new_upload()).unwrap();
    let changes = [
        ("bytes", json!(8)),
        ("reference", json!("4712")),
        ("reference", json!(null)),
        ("batch", json!("May")),
        ("tags", json!({"a": "b"})),
        ("tenant", json!("acme")),
    ];
    for (field, value) in changes {
        let mut other = new_upload();
        other[field] = value;
        let refused = (422, "idempotency-key-reused".to_owned());
        assert_eq!(with_key(&customer, KEY, &other), Err(refused), "{other}");
    }
    assert_eq!(sessions(&api), 1);
}

#[test]
fn key_belongs_to_its_caller() {
    let api = TestApi::new();
    let first = with_key(&api.customer(), KEY, &new_upload()).unwrap();
    let colleague = api.client("olga@acme.example", "[customer tenant:acme]");
    let other = with_key(&colleague, KEY, &new_upload()).unwrap();
    assert_ne!(first.job_id, other.job_id);
    let elsewhere = with_key(&api.other_tenant(), KEY, &new_upload()).unwrap();
    assert_eq!(elsewhere.tenant, "globex");
}

#[test]
fn key_is_forgotten_after_a_day() {
    let api = TestApi::new();
    let mut customer = api.customer();
    let first = with_key(&customer, KEY, &new_upload()).unwrap();
    advance(api.handler.app(), DAY_MS);
    let now = api.ports().state().now.0;
    customer.claims["exp"] = json!((now / 1000 + 3600).to_string());
    let mut other = new_upload();
    other["bytes"] = json!(8);
    let next = with_key(&customer, KEY, &other).unwrap();
    assert_ne!(next.job_id, first.job_id);
    let again = with_key(&customer, KEY, &other).unwrap();
    assert_eq!(again.job_id, next.job_id);
}

#[test]
fn invalid_key_is_refused() {
    let api = TestApi::new();
    for key in ["", "ä", "a\tb", &"x".repeat(129)] {
        let refused = with_key(&api.customer(), key, &new_upload());
        assert_eq!(refused, Err((400, "bad-request".to_owned())), "{key:?}");
    }
    assert!(with_key(&api.customer(), &"x".repeat(128), &new_upload()).is_ok());
}

#[test]
fn request_that_the_service_refuses_does_not_use_the_key_up() {
    let api = TestApi::new();
    let mut invalid = new_upload();
    invalid["name"] = json!("a/b.pdf");
    assert!(with_key(&api.customer(), KEY, &invalid).is_err());
    assert!(with_key(&api.customer(), KEY, &new_upload()).is_ok());
}

/// The first write of each try is not carried out, or it is carried out and its response is lost.
#[test]
fn interrupted_request_is_completed_by_its_repetition() {
    let faults: Vec<[Option<bool>; 3]> = (0..27)
        .map(|number| {
            let fault =
                |digit: u32| [None, Some(false), Some(true)][number / 3_usize.pow(digit) % 3];
            [fault(0), fault(1), fault(2)]
        })
        .collect();
    for bytes in [7, 101 * MB] {
        for faults in &faults {
            let api = TestApi::new();
            let customer = api.customer();
            let mut body = new_upload();
            body["bytes"] = json!(bytes);
            let mut ids = Vec::new();
            for fault in faults.iter().chain([&None, &None]) {
                {
                    let mut state = api.ports().state();
                    let (before, after) = match fault {
                        None => (0, 0),
                        Some(false) => (1, 0),
                        Some(true) => (0, 1),
                    };
                    state.fail_before.insert("put_record", before);
                    state.fail_after.insert("put_record", after);
                }
                ids.extend(with_key(&customer, KEY, &body).map(|view| view.job_id));
            }
            assert!(ids.len() >= 2, "{faults:?}");
            assert!(ids.iter().all(|id| *id == ids[0]), "{faults:?}");
            assert_eq!(sessions(&api), 1, "{bytes} {faults:?}");
        }
    }
}

#[test]
fn uploaded_file_need_not_be_sent_again() {
    let api = TestApi::new();
    let customer = api.customer();
    let first = with_key(&customer, KEY, &new_upload()).unwrap();
    let url = &first.put.as_ref().unwrap().url;
    let key = url.strip_prefix(&format!("memory:s3://{BUCKET}/")).unwrap();
    let key = key.split('?').next().unwrap();
    let version = api.ports().put(BUCKET, key, b"%PDF-1.7");
    let again = with_key(&customer, KEY, &new_upload()).unwrap();
    assert_eq!(again.job_id, first.job_id);
    assert!(again.uploaded && again.put.is_none());

    // Once the data is deleted, the key and what the customer said of the document are forgotten.
    let events = batch(api.handler.app(), &[upload_event(key, &version)], 1);
    run(upload_trigger::handle(api.handler.app(), events)).unwrap();
    let support = api.support();
    let command = |action: &str| {
        let path = format!("/jobs/{}/{action}", first.job_id);
        let _: JobCommandResult = support.post(&path, json!({"reason": "the client asked"}));
    };
    command("cancel");
    advance(api.handler.app(), 8 * 3_600_000);
    let now = api.ports().state().now.0;
    let mut support = api.support();
    support.claims["exp"] = json!((now / 1000 + 3600).to_string());
    let path = format!("/jobs/{}/data-deletion", first.job_id);
    let _: JobCommandResult = support.post(&path, json!({"reason": "the client asked"}));
    let records = format!("{:?}", api.ports().state().records);
    assert!(!records.contains("idempotency#"), "{records}");
    assert!(!records.contains("4711"), "{records}");
}

#[test]
fn aborted_upload_is_gone() {
    let api = TestApi::new();
    let customer = api.customer();
    let first = with_key(&customer, KEY, &new_upload()).unwrap();
    let path = format!("/uploads/{}", first.job_id);
    assert_eq!(customer.send("DELETE", &path, None).status_code, 204);
    let again = with_key(&customer, KEY, &new_upload());
    assert_eq!(again, Err((410, "gone".to_owned())));
}
