//! Webhooks: what customers configure through `events-api`, and what function `webhooks` sends.

mod retries;
mod settings;

use api::feed;
use api::types::{AuditEntry, DeliveryList, WebhookList, WebhookView};
use api::webhooks::{MAX_FAILING_MS, MAX_REQUEST_BYTES, MAX_RESPONSE_BYTES, RETRY_DELAYS_SECONDS};
use functions::handlers::api::events::{self, EventsApi};
use functions::handlers::api::{HttpEvent, HttpResponse};
use functions::handlers::{event_feed, webhooks};
use jobs::id::{JobId, Timestamp};
use jobs::labels::Tags;
use lambda_runtime::{Context, LambdaEvent};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use testkit::memory::{Memory, ReceivedWebhook};

use super::api::claims;
use super::fixtures::{BUCKET, Environment, NOW, app, batch, failures, run};

const REVIEWER: &str = "[reviewer tenant:acme]";
const RECEIVER: &str = "https://receiver.example/hook";
const HOUR: u64 = 3_600_000;

struct Service {
    api: EventsApi<Memory, Environment>,
}

impl Service {
    fn new() -> Self {
        let app = app();
        let public = vec!["93.184.216.34".parse().unwrap()];
        let names = ["receiver.example", "other.example"];
        let addresses = names.map(|name| (name.to_owned(), public.clone()));
        app.ports.state().addresses.extend(addresses);
        Self {
            api: EventsApi::new(app),
        }
    }

    fn ports(&self) -> &Memory {
        &self.api.app.ports
    }

    fn send(&self, groups: &str, method: &str, path: &str, body: Option<Value>) -> HttpResponse {
        let now = self.ports().state().now.0;
        let mut claims = claims("p@acme.example", groups);
        claims["exp"] = json!((now / 1000 + 3600).to_string());
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let event = json!({
            "version": "2.0", "rawPath": path, "rawQueryString": query, "headers": {}, "isBase64Encoded": false,
            "body": body.map(|body| body.to_string()),
            "requestContext": {"http": {"method": method, "path": path}, "requestId": "r1", "stage": "$default",
                "authorizer": {"jwt": {"claims": claims}}},
        });
        let event: HttpEvent = serde_json::from_value(event).unwrap();
        let mut context = Context::default();
        context.deadline = now + 29_000;
        run(events::handle(&self.api, LambdaEvent::new(event, context))).unwrap()
    }

    fn ok<T: DeserializeOwned>(&self, method: &str, path: &str, body: Option<Value>) -> T {
        let response = self.send(REVIEWER, method, path, body);
        assert!(response.status_code < 300, "{}", response.body);
        let body = if response.body.is_empty() {
            "null"
        } else {
            &response.body
        };
        serde_json::from_str(body).unwrap()
    }

    fn problem(&self, groups: &str, method: &str, path: &str, body: Option<Value>) -> String {
        let response = self.send(groups, method, path, body);
        assert!(
            response.status_code >= 400,
            "{} was not refused",
            response.body
        );
        let problem: Value = serde_json::from_str(&response.body).unwrap();
        let kind = problem["type"].as_str().unwrap();
        kind.strip_prefix("urn:docket:problem:").unwrap().to_owned()
    }

    fn create(&self, url: &str) -> WebhookView {
        self.ok("POST", "/webhooks", Some(json!({"url": url})))
    }

    fn view(&self, webhook: &WebhookView) -> WebhookView {
        self.ok("GET", &format!("/webhooks/{}", webhook.id), None)
    }

    fn deliveries(&self, webhook: &WebhookView) -> DeliveryList {
        self.ok("GET", &format!("/webhooks/{}/deliveries", webhook.id), None)
    }

    fn answers(&self, response: Option<Result<u16, String>>) {
        self.ports().state().webhook_response = response;
    }

    /// An event of a job arrives at function `event-feed`.
    fn record(&self, number: u64, detail_type: &str) {
        let job = JobId::of_key(BUCKET, &number.to_string());
        let detail = json!({"job": {"id": job.to_string(), "version": 3, "tenant": "acme"}});
        let body = json!({"detail-type": detail_type, "source": "docket", "detail": detail});
        let messages = batch(&self.api.app, &[body.to_string()], 1);
        let response = run(event_feed::handle(&self.api.app, messages)).unwrap();
        assert!(failures(&response).is_empty());
    }

    fn call(&self, body: String) {
        let messages = batch(&self.api.app, &[body], 1);
        let response = run(webhooks::handle(&self.api.app, messages)).unwrap();
        assert!(failures(&response).is_empty());
    }

    /// Runs all instructions that are due, until none is due at this time.
    fn work(&self) {
        let mut turns = 0;
        loop {
            let mut state = self.ports().state();
            let Some(at) = state.instructions.iter().position(|(_, delay)| *delay == 0) else {
                return;
            };
            let (body, _) = state.instructions.remove(at);
            drop(state);
            self.call(body);
            turns += 1;
            assert!(turns < 300, "the instructions do not end");
        }
    }

    /// Lets time pass. Delayed instructions arrive when they are due.
    fn pass(&self, ms: u64) {
        let end = self.ports().state().now.0 + ms;
        loop {
            self.work();
            let mut state = self.ports().state();
            let first = state
                .instructions
                .iter()
                .map(|(_, delay)| u64::from(*delay))
                .min();
            let first = first.filter(|delay| state.now.0 + delay * 1000 <= end);
            let Some(delay) = first else {
                let left = end.saturating_sub(state.now.0).div_ceil(1000);
                for (_, other) in &mut state.instructions {
                    *other = other.saturating_sub(u32::try_from(left).unwrap());
                }
                state.now = Timestamp(end.max(state.now.0));
                return;
            };
            state.now.0 += delay * 1000;
            for (_, other) in &mut state.instructions {
                *other -= u32::try_from(delay).unwrap().min(*other);
            }
        }
    }

    fn received(&self) -> Vec<ReceivedWebhook> {
        self.ports().state().webhooks.clone()
    }

    fn sequences(&self) -> Vec<u64> {
        let received = self.received();
        let body = |it: &ReceivedWebhook| serde_json::from_str::<Value>(&it.body).unwrap();
        received
            .iter()
            .filter_map(|it| body(it)["data"]["sequence"].as_u64())
            .collect()
    }
}

/// The reference library makes one of the request's signatures with this secret.
fn is_signed(request: &ReceivedWebhook, secret: &str, now: u64) -> bool {
    let timestamp: u64 = request.header("webhook-timestamp").parse().unwrap();
    assert!(timestamp.abs_diff(now / 1000) < 30, "{timestamp}");
    let signer = standardwebhooks::Webhook::new(secret).unwrap();
    let timestamp = i64::try_from(timestamp).unwrap();
    let id = request.header("webhook-id");
    let expected = signer.sign(id, timestamp, request.body.as_bytes()).unwrap();
    let signatures = request.header("webhook-signature");
    signatures.split(' ').any(|signature| signature == expected)
}

#[test]
fn reference_library_verifies_a_request_with_either_secret() {
    let service = Service::new();
    // It compares the timestamp with the real time.
    #[expect(
        clippy::disallowed_methods,
        reason = "the library reads the real clock"
    )]
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    service.ports().state().now = Timestamp(u64::try_from(now.as_millis()).unwrap());
    let webhook = service.create(RECEIVER);
    let path = format!("/webhooks/{}/secret", webhook.id);
    let rotated: WebhookView = service.ok("POST", &path, None);
    service.record(1, "JobReady");
    service.work();
    let request = service.received().pop().unwrap();
    let mut headers = http::HeaderMap::new();
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        headers.insert(name, request.header(name).parse().unwrap());
    }
    for secret in [webhook.secret, rotated.secret] {
        let verifier = standardwebhooks::Webhook::new(&secret.unwrap()).unwrap();
        assert!(verifier.verify(request.body.as_bytes(), &headers).is_ok());
        let changed = request.body.replace("acme", "acne");
        assert!(verifier.verify(changed.as_bytes(), &headers).is_err());
    }
}

#[test]
fn events_are_signed_and_delivered_in_their_order() {
    let service = Service::new();
    service.record(0, "JobReady");
    let webhook = service.create(RECEIVER);
    assert_eq!((webhook.sequence, webhook.enabled), (1, true));
    for number in 1..=25 {
        service.record(number, if number == 4 { "JobFailed" } else { "JobReady" });
    }
    service.work();
    // Not the one before its creation.
    assert_eq!(service.sequences(), (2..=26).collect::<Vec<u64>>());
    let received = service.received();
    let secret = webhook.secret.clone().unwrap();
    for request in &received {
        assert!(is_signed(request, &secret, NOW.0));
        assert!(!is_signed(
            request,
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            NOW.0
        ));
    }
    let body: Value = serde_json::from_str(&received[3].body).unwrap();
    assert_eq!(body["type"], "job.failed");
    assert_eq!(body["data"]["event_id"], received[3].header("webhook-id"));
    assert_eq!(service.view(&webhook).sequence, 26);
    assert_eq!(service.view(&webhook).secret, None, "it is shown once");
    assert_eq!(service.deliveries(&webhook).deliveries.len(), 25);
}

#[test]
fn payload_has_labels_and_no_names_unless_they_are_switched_on() {
    let service = Service::new();
    let webhook = service.create(RECEIVER);
    let mut job = testkit::conformance::full_job(BUCKET, "acme", 0);
    job.id = JobId::of_key(BUCKET, "1");
    job.input.name = Some("Müller's contract.pdf".to_owned());
    job.input.labels.reference = Some("INV-4711".to_owned());
    service.ports().state().jobs.insert(job.id, job);
    service.record(1, "JobReady");
    service.work();
    let body = service.received()[0].body.clone();
    assert!(
        body.contains("INV-4711") && body.contains("legal-review"),
        "{body}"
    );
    assert!(
        !body.contains("contract.pdf") && !body.contains("detail"),
        "{body}"
    );
    let path = format!("/webhooks/{}", webhook.id);
    let _: WebhookView = service.ok("POST", &path, Some(json!({"include_details": true})));
    service.ok::<Value>(
        "POST",
        &format!("{path}/redeliver"),
        Some(json!({"sequence": 1})),
    );
    service.work();
    assert!(service.received()[1].body.contains("contract.pdf"));
}

#[test]
fn log_has_the_beginning_of_request_and_response() {
    let service = Service::new();
    let webhook = service.create(RECEIVER);
    service.ports().state().webhook_echoes = true;
    let mut job = testkit::conformance::full_job(BUCKET, "acme", 0);
    job.id = JobId::of_key(BUCKET, "1");
    // More than the API takes.
    job.input.labels.tags = Tags::from_lines(format!("tag={}", "é".repeat(2000)));
    service.ports().state().jobs.insert(job.id, job);
    service.record(1, "JobReady");
    service.work();
    let sent = service.received()[0].body.clone();
    let log = service.deliveries(&webhook).deliveries;
    let [delivery] = log.as_slice() else {
        panic!("{log:?}")
    };
    assert!(sent.len() > MAX_REQUEST_BYTES);
    assert_eq!(delivery.request_bytes as usize, sent.len());
    for (kept, limit) in [
        (&delivery.request, MAX_REQUEST_BYTES),
        (&delivery.response, MAX_RESPONSE_BYTES),
    ] {
        assert!(sent.starts_with(kept.as_str()));
        assert!((limit - 1..=limit).contains(&kept.len()), "{}", kept.len());
    }
}

#[test]
fn events_that_expire_before_they_are_delivered_are_counted() {
    let service = Service::new();
    let webhook = service.create(RECEIVER);
    let path = format!("/webhooks/{}", webhook.id);
    // The first one waits to be sent again.
    service.ports().state().webhook_responses = [Ok(500)].into();
    service.record(1, "JobReady");
    service.work();
    let _: WebhookView = service.ok("POST", &path, Some(json!({"enabled": false})));
    for number in 2..=25 {
        service.record(number, "JobReady");
    }
    let collection = feed::segment_collection(&"acme".parse().unwrap());
    let first = feed::segment_key(0);
    service.ports().state().records.delete(&collection, &first);
    service.pass(HOUR);
    let _: WebhookView = service.ok("POST", &path, Some(json!({"enabled": true})));
    service.work();
    assert_eq!(service.sequences()[1..], (11..=25).collect::<Vec<u64>>());
    let view = service.view(&webhook);
    assert_eq!((view.expired, view.waiting), (10, 0));
}

#[test]
fn webhook_gets_only_events_that_its_filter_selects() {
    let service = Service::new();
    let body = json!({"url": RECEIVER, "event_types": ["job.failed"]});
    let webhook: WebhookView = service.ok("POST", "/webhooks", Some(body));
    for number in 0..30 {
        service.record(
            number,
            if number % 10 == 7 {
                "JobFailed"
            } else {
                "JobReady"
            },
        );
    }
    service.work();
    assert_eq!(service.sequences(), [8, 18, 28]);
    assert_eq!(service.view(&webhook).sequence, 30);
}

#[test]
fn test_event_is_sent_once_and_an_event_again_on_request() {
    let service = Service::new();
    let webhook = service.create(RECEIVER);
    service.answers(Some(Ok(500)));
    let path = format!("/webhooks/{}", webhook.id);
    service.ok::<Value>("POST", &format!("{path}/test"), None);
    service.pass(HOUR);
    assert_eq!(service.received().len(), 1);
    assert!(service.received()[0].body.contains("webhook.test"));
    service.answers(None);
    for number in 0..15 {
        service.record(number, "JobReady");
    }
    service.pass(60_000);
    service.ok::<Value>(
        "POST",
        &format!("{path}/redeliver"),
        Some(json!({"sequence": 3})),
    );
    service.work();
    assert_eq!(service.sequences().pop(), Some(3));
    for body in [json!({"sequence": 99}), json!({"sequence": 0})] {
        let code = service.problem(REVIEWER, "POST", &format!("{path}/redeliver"), Some(body));
        assert_eq!(code, "not-found");
    }
    let tomorrow = service.ports().state().now.0 + 24 * HOUR;
    for body in [
        json!({}),
        json!({"sequence": 1, "from": 1}),
        json!({"from": tomorrow}),
    ] {
        let code = service.problem(REVIEWER, "POST", &format!("{path}/redeliver"), Some(body));
        assert_eq!(code, "bad-request");
    }
}

#[test]
fn paused_webhook_sends_nothing_and_continues_where_it_stopped() {
    let service = Service::new();
    let webhook = service.create(RECEIVER);
    let path = format!("/webhooks/{}", webhook.id);
    let _: WebhookView = service.ok("POST", &path, Some(json!({"enabled": false})));
    for number in 0..12 {
        service.record(number, "JobReady");
    }
    service.pass(HOUR);
    assert!(service.received().is_empty());
    let _: WebhookView = service.ok("POST", &path, Some(json!({"enabled": true})));
    service.work();
    assert_eq!(service.sequences(), (1..=12).collect::<Vec<u64>>());
}

#[test]
fn message_that_is_no_instruction_is_quarantined() {
    let service = Service::new();
    let bodies = [
        "{}",
        "no JSON",
        "{\"webhook\":\"acme\",\"instruction\":\"continue\"}",
    ];
    let messages = batch(&service.api.app, &bodies.map(str::to_owned), 1);
    let response = run(webhooks::handle(&service.api.app, messages)).unwrap();
    assert!(failures(&response).is_empty());
    assert_eq!(service.ports().state().quarantine.len(), 3);
}

#[test]
fn mistyped_tenant_is_not_one_without_webhooks() {
    let service = Service::new();
    let globex = "globex".parse().unwrap();
    run(jobs::tenants::create(service.ports(), &globex, "sam")).unwrap();
    let list = |tenant: &str| {
        let path = format!("/webhooks?tenant={tenant}");
        service.send("[support]", "GET", &path, None)
    };
    assert_eq!(list("globex").status_code, 200);
    let mistyped = list("globx");
    assert_eq!(mistyped.status_code, 404);
    let problem = mistyped.body;
    assert!(problem.contains("did you mean globex?"), "{problem}");
}
