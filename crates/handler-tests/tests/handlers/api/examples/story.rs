//! The requests of the examples, in an order in which each finds what it needs.

use api::digests::ports::DirectoryUser;
use api::ports::UploadedPart;
use functions::handlers::{
    digests, event_feed, inference_error, inference_success, reconciler, upload_trigger, webhooks,
};
use jobs::job::Job;
use jobs::ports::{Quarantine, QuarantinedMessage};
use serde_json::{Map, Value, json};
use testkit::memory::Object;

use super::super::super::fixtures::{
    BUCKET, PDF, advance, batch, event, failed, failures, find, run, succeeded, upload_event_of,
    write_output,
};
use super::super::claims;
use super::{Examples, Service};

const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const MB: u64 = 1024 * 1024;
const DOCUMENT_BYTES: u64 = 48_213;
const CLIENT_ERROR: &str =
    "ClientError: Received client error (400) from model. See the SageMaker Endpoint logs.";

fn reviewer() -> Value {
    claims("rita@acme.example", "[reviewer tenant:acme]")
}

fn support() -> Value {
    claims("sam@docket.example", "[support]")
}

fn because(reason: &str) -> Option<Value> {
    Some(json!({"reason": reason}))
}

pub(super) fn tell() -> Examples {
    let mut service = Service::new();
    // The reconciler counts usage from its first run on.
    reconcile(&service);
    account(&mut service);
    let webhook = create_webhook(&mut service);
    upload_to_result(&mut service);
    upload_in_parts(&mut service);
    commands(&mut service);
    retry_plan(&mut service);
    quarantine(&mut service);
    events(&mut service, &webhook);
    overview(&mut service);
    service.examples
}

/// A request with a mistake that programs make.
pub(super) fn refused() -> Value {
    let service = Service::new();
    let (path, headers) = ("/jobs?limit=1000", Map::new());
    let response = service.send(Some(&reviewer()), "GET", path, &headers, None);
    assert_eq!(response.status_code, 400);
    serde_json::from_str(&response.body).unwrap()
}

fn account(service: &mut Service) {
    let (rita, sam) = (reviewer(), support());
    service.keep(None, "GET", "/configuration", None);
    let tenant = json!({"name": "acme", "reason": "contract 2026-118"});
    service.keep(Some(&sam), "POST", "/tenants", Some(tenant));
    let retention = json!({"days": 14, "reason": "their data processing agreement says so"});
    service.keep(
        Some(&sam),
        "POST",
        "/tenants/acme/retention",
        Some(retention),
    );
    let names = json!({"include_names": true, "reason": "Acme asked for it"});
    service.keep(Some(&sam), "POST", "/tenants/acme/digests", Some(names));
    service.keep(Some(&sam), "GET", "/tenants", None);
    service.keep(Some(&rita), "GET", "/me", None);
    let user = DirectoryUser {
        email: Some("rita@acme.example".to_owned()),
        email_verified: true,
        enabled: true,
        groups: vec!["reviewer".to_owned(), "tenant:acme".to_owned()],
    };
    let name = "id-of-rita@acme.example".to_owned();
    service.ports().state().directory.insert(name, user);
    let on = json!({"enabled": true, "scope": "tenant"});
    service.keep(Some(&rita), "POST", "/me/digests", Some(on));
    service.keep(Some(&rita), "GET", "/me/digests", None);
    service.keep(Some(&rita), "POST", "/ws-tickets", Some(json!({})));
    service.keep(Some(&rita), "GET", "/receipt-keys", None);
}

/// Returns the webhook's path.
fn create_webhook(service: &mut Service) -> String {
    let address = vec!["93.184.216.34".parse().unwrap()];
    let name = "receiver.acme.example".to_owned();
    service.ports().state().addresses.insert(name, address);
    let new = json!({"url": "https://receiver.acme.example/docket", "event_types": ["job.ready", "job.failed"]});
    let created = service.keep(Some(&reviewer()), "POST", "/webhooks", Some(new));
    format!("/webhooks/{}", created["id"].as_str().unwrap())
}

fn new_upload(name: &str, reference: &str) -> Value {
    json!({"pipeline": "legal-review", "name": name, "bytes": DOCUMENT_BYTES, "content_type": "application/pdf",
        "reference": reference, "batch": "2026-05", "tags": {"client": "Acme", "matter": "47-11"}})
}

fn job_path(upload: &Value) -> String {
    format!("/jobs/{}", upload["job_id"].as_str().unwrap())
}

fn job(service: &Service, path: &str) -> Job {
    let id = path.strip_prefix("/jobs/").unwrap().parse().unwrap();
    find(service.app(), id).unwrap()
}

/// The uploader sends the file to the signed address, and S3's event arrives.
fn send_file(service: &Service, upload: &Value) {
    let url = upload["put"]["url"].as_str().unwrap();
    let key = url.strip_prefix(&format!("memory:s3://{BUCKET}/")).unwrap();
    let key = key.split('?').next().unwrap();
    let object = Object {
        content: PDF.to_vec(),
        bytes: upload["bytes"].as_u64().unwrap(),
        ..Object::default()
    };
    let app = service.app();
    let version = app.ports.put_object(BUCKET, key, Some(object));
    let body = upload_event_of(app, key, &version);
    let done = run(upload_trigger::handle(app, batch(app, &[body], 1))).unwrap();
    assert_eq!(failures(&done), [""; 0]);
}

/// A job whose file has been uploaded. Returns its path.
fn submitted(service: &Service, name: &str, reference: &str) -> String {
    let upload = Some(new_upload(name, reference));
    let upload = service.call(&reviewer(), "POST", "/uploads", upload);
    send_file(service, &upload);
    job_path(&upload)
}

fn succeed(service: &Service, path: &str) {
    let (app, job) = (service.app(), job(service, path));
    let output = write_output(app, &job);
    let body = succeeded(&job, &output);
    let done = run(inference_success::handle(app, batch(app, &[body], 1))).unwrap();
    assert_eq!(failures(&done), [""; 0]);
}

/// The model rejects the document.
fn reject(service: &Service, path: &str) {
    let (app, job) = (service.app(), job(service, path));
    let place = job.attempts.last().unwrap().failure_object.clone().unwrap();
    let answer = b"the PDF is cut off: its end is missing; upload it again";
    app.ports.put(&place.bucket, &place.key, answer);
    let body = failed(&job, CLIENT_ERROR);
    let done = run(inference_error::handle(app, batch(app, &[body], 1))).unwrap();
    assert_eq!(failures(&done), [""; 0]);
}

fn upload_to_result(service: &mut Service) {
    let rita = reviewer();
    let headers = json!({"idempotency-key": "6f1c1d3e-0a44-4c52-9d53-3c8f4d1c7a10"});
    let upload = service.keep_with(
        Some(&rita),
        "POST",
        "/uploads",
        headers.as_object().unwrap().clone(),
        Some(new_upload("nda.pdf", "INV-4711")),
    );
    let path = job_path(&upload);
    let session = path.replace("/jobs/", "/uploads/");
    service.keep(Some(&rita), "GET", &session, None);
    advance(service.app(), 2 * SECOND);
    send_file(service, &upload);
    advance(service.app(), 45 * SECOND);
    succeed(service, &path);
    advance(service.app(), SECOND);
    service.keep(Some(&rita), "GET", &path, None);
    service.keep(Some(&rita), "GET", &format!("{path}/result"), None);
    service.keep(Some(&rita), "GET", &format!("{path}/document"), None);
    service.keep(
        Some(&rita),
        "GET",
        &format!("{path}/receipt?attempt=1"),
        None,
    );
    let marks = json!({"reviewed": true, "assigned_to": "robin@acme.example", "note": "liability cap agreed by phone", "findings": {"attempt": 1, "serious": 0, "other": 2}});
    service.keep(Some(&rita), "POST", &format!("{path}/marks"), Some(marks));
    service.keep(
        Some(&rita),
        "GET",
        "/jobs?reference=INV-4711&limit=20",
        None,
    );
    feed(service);
    unsubscribe(service);
    let again = because("the new model finds liability caps");
    let path = format!("{path}/run-again");
    service.keep(Some(&support()), "POST", &path, again);
}

fn large_upload(service: &Service) -> (String, u64) {
    let bytes = 100 * MB + 1;
    let new = json!({"pipeline": "ocr-batch", "name": "archive.pdf", "bytes": bytes, "content_type": "application/pdf"});
    let upload = service.call(&reviewer(), "POST", "/uploads", Some(new));
    (job_path(&upload).replace("/jobs/", "/uploads/"), bytes)
}

fn upload_in_parts(service: &mut Service) {
    let rita = reviewer();
    let (path, bytes) = large_upload(service);
    let numbers = Some(json!({"part_numbers": [1, 2]}));
    service.keep(Some(&rita), "POST", &format!("{path}/parts"), numbers);
    let parts = (1..=7).map(|part_number| UploadedPart {
        part_number,
        etag: format!("e{part_number}"),
        bytes: if part_number == 7 {
            bytes - 6 * 16 * MB
        } else {
            16 * MB
        },
    });
    let mut state = service.ports().state();
    let upload = state.multipart_uploads.values_mut().next().unwrap();
    upload.parts.extend(parts);
    drop(state);
    service.keep(Some(&rita), "POST", &format!("{path}/complete"), None);
    let (path, _) = large_upload(service);
    service.keep(Some(&rita), "DELETE", &path, None);
}

fn commands(service: &mut Service) {
    let (rita, sam) = (reviewer(), support());
    let lease = submitted(service, "lease.pdf", "INV-4712");
    advance(service.app(), 20 * SECOND);
    reject(service, &lease);
    let retry = because("the file was repaired in place");
    service.keep(Some(&rita), "POST", &format!("{lease}/retry"), retry);

    let now = service.ports().state().now.0;
    let pause = json!({"pipeline": "legal-review", "until": now + 2 * HOUR, "reason": "the GPU quota is used up"});
    service.keep(Some(&sam), "POST", "/pauses", Some(pause));
    service.keep(Some(&rita), "GET", "/pauses", None);
    let waiting = submitted(service, "loan.pdf", "INV-4713");
    let urgent = because("closing is at noon");
    service.keep(Some(&sam), "POST", &format!("{waiting}/urgent"), urgent);
    let cancel = because("the client sent another version");
    service.keep(Some(&rita), "POST", &format!("{waiting}/cancel"), cancel);
    let resume = json!({"pipeline": "legal-review", "reason": "there is capacity again"});
    service.keep(Some(&sam), "POST", "/pauses/resume", Some(resume));
    let deletion = because("the client withdrew its consent");
    let path = format!("{waiting}/data-deletion");
    service.keep(Some(&sam), "POST", &path, deletion);
}

fn retry_plan(service: &mut Service) {
    let sam = support();
    for (name, reference) in [("a.pdf", "INV-4714"), ("b.pdf", "INV-4715")] {
        let path = submitted(service, name, reference);
        advance(service.app(), 15 * SECOND);
        reject(service, &path);
    }
    let plan = json!({"filter": {"tenant": "acme", "cause": "ModelRejected"}, "per_minute": 10,
        "reason": "the model reads these files since today"});
    let plan = service.keep(Some(&sam), "POST", "/retry-plans", Some(plan));
    let path = format!("/retry-plans/{}", plan["id"].as_str().unwrap());
    service.keep(Some(&sam), "POST", &format!("{path}/apply"), None);
    service.keep(Some(&sam), "GET", &path, None);
    service.keep(Some(&sam), "GET", &format!("{path}/jobs"), None);
    service.keep(Some(&sam), "POST", &format!("{path}/stop"), None);
    service.keep(Some(&sam), "GET", "/retry-plans", None);
}

fn quarantine(service: &mut Service) {
    let sam = support();
    for id in [
        "059f36b4-87a3-44ab-83d2-661975830a7d",
        "2e1424d4-f796-459a-8184-9c92662be6da",
    ] {
        let message = QuarantinedMessage {
            source: "checks".to_owned(),
            message_id: id.to_owned(),
            cause: "Malformed".into(),
            problem: "not a check: missing field `job_id` at line 1 column 11".to_owned(),
            body: "{\"job\": 7}".to_owned(),
            at: service.ports().state().now,
        };
        run(service.ports().quarantine(&message)).unwrap();
    }
    let page = service.keep(Some(&sam), "GET", "/quarantine", None);
    let path = |index: usize| {
        let id = page["entries"][index]["id"].as_str().unwrap();
        format!("/quarantine/{}", id.replace(':', "%3A"))
    };
    service.keep(Some(&sam), "GET", &path(0), None);
    let fixed = because("the sender is fixed");
    service.keep(Some(&sam), "POST", &format!("{}/redrive", path(0)), fixed);
    let done = because("its job is ready");
    service.keep(Some(&sam), "POST", &format!("{}/discard", path(1)), done);
}

/// The events that were published arrive at function `event-feed`.
fn feed(service: &Service) {
    let app = service.app();
    let published = std::mem::take(&mut app.ports.state().events);
    for (detail_type, job) in published {
        let detail = json!({"job": {"id": job.id.to_string(), "version": job.version, "tenant": job.tenant.to_string()}});
        let body = json!({"detail-type": detail_type, "source": "docket", "detail": detail});
        let events = batch(app, &[body.to_string()], 1);
        let done = run(event_feed::handle(app, events)).unwrap();
        assert_eq!(failures(&done), [""; 0]);
    }
}

/// Function `webhooks` processes what is due.
fn deliver(service: &Service) {
    let app = service.app();
    loop {
        let mut state = app.ports.state();
        let due = state.instructions.iter().position(|(_, delay)| *delay == 0);
        let Some(at) = due else { return };
        let (body, _) = state.instructions.remove(at);
        drop(state);
        let done = run(webhooks::handle(app, batch(app, &[body], 1))).unwrap();
        assert_eq!(failures(&done), [""; 0]);
    }
}

fn events(service: &mut Service, webhook: &str) {
    let rita = reviewer();
    feed(service);
    deliver(service);
    service.keep(Some(&rita), "GET", "/events?limit=2", None);
    service.keep(Some(&rita), "GET", "/webhooks", None);
    service.keep(Some(&rita), "GET", webhook, None);
    service.keep(Some(&rita), "POST", &format!("{webhook}/test"), None);
    deliver(service);
    let redeliver = Some(json!({"sequence": 1}));
    let path = format!("{webhook}/redeliver");
    service.keep(Some(&rita), "POST", &path, redeliver);
    service.ports().state().webhook_responses.push_back(Ok(503));
    deliver(service);
    service.keep(Some(&rita), "GET", &format!("{webhook}/deliveries"), None);
    let change = Some(json!({"include_details": true}));
    service.keep(Some(&rita), "POST", webhook, change);
    service.keep(Some(&rita), "POST", &format!("{webhook}/secret"), None);
    service.keep(Some(&rita), "DELETE", webhook, None);
}

/// Lets function `digests` process its messages, each when it is due, until a mail is sent. Returns the mail's link.
fn mailed_link(service: &Service) -> String {
    let app = service.app();
    loop {
        let mut state = app.ports.state();
        if let Some(mail) = state.mails.pop() {
            return mail.unsubscribe_url;
        }
        let messages = state.digest_messages.iter().enumerate();
        let next = messages.min_by_key(|(_, (_, delay))| *delay);
        let at = next.expect("a mail is sent").0;
        let (body, delay) = state.digest_messages.remove(at);
        for (_, other) in &mut state.digest_messages {
            *other -= delay;
        }
        state.now.0 += u64::from(delay) * SECOND;
        drop(state);
        let done = run(digests::handle(app, batch(app, &[body], 1))).unwrap();
        assert_eq!(failures(&done), [""; 0]);
    }
}

fn unsubscribe(service: &mut Service) {
    let link = mailed_link(service);
    let path = link.strip_prefix("https://api.example.com").unwrap();
    service.keep(None, "GET", path, None);
    let one_click = Some(json!("List-Unsubscribe=One-Click"));
    service.keep(None, "POST", path, one_click);
}

fn reconcile(service: &Service) {
    let app = service.app();
    run(reconciler::handle(app, event(app, json!({})))).unwrap();
}

fn overview(service: &mut Service) {
    let (rita, sam) = (reviewer(), support());
    advance(service.app(), 2 * HOUR);
    reconcile(service);
    service.keep(Some(&rita), "GET", "/usage?month=2026-01", None);
    service.keep(Some(&rita), "GET", "/batches/2026-05", None);
    service.keep(Some(&sam), "GET", "/summary?tenant=acme", None);
    let first = "/audit?since=1767607442118&until=1767607442119";
    service.keep(Some(&sam), "GET", first, None);
    let robin = claims("robin@acme.example", "[reviewer tenant:acme]");
    service.keep(Some(&robin), "GET", "/me/data", None);
    service.keep(Some(&robin), "DELETE", "/me/sessions", None);
}
