//! E-mail digests: what users set through `events-api`, and what function `digests` sends.

mod outages;
mod recipients;

use std::sync::Arc;

use api::digests::ports::{DirectoryUser, MailError};
use api::digests::{MAX_BATCH_MS, Mail, QUIET_MS, RETRY_MS, WINDOW_MS};
use api::types::{AuditEntry, DigestView, TenantDigestView};
use functions::bootstrap::App;
use functions::handlers::api::events::{self, EventsApi};
use functions::handlers::api::{HttpEvent, HttpResponse};
use functions::handlers::{digests, event_feed, webhooks};
use jobs::id::Attempt;
use jobs::job::Job;
use jobs::state::State;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};
use testkit::conformance::full_job;
use testkit::memory::Memory;

use super::api::claims;
use super::fixtures::{BUCKET, Environment, advance, app, batch, failures, run};

const ANA: &str = "ana@acme.example";
const REVIEWER: &str = "[reviewer tenant:acme]";
const CUSTOMER: &str = "[customer tenant:acme]";
const HOUR_MS: u64 = 3_600_000;

struct Service {
    api: EventsApi<Memory, Environment>,
}

impl Service {
    fn with_sender(sender: &str) -> Self {
        let App { ports, environment } = app();
        let environment = Environment {
            email_sender: sender.to_owned(),
            page_origin: "https://docket.example.com".to_owned(),
            ..(*environment).clone()
        };
        let environment = Arc::new(environment);
        Self {
            api: EventsApi::new(App { ports, environment }),
        }
    }

    fn new() -> Self {
        Self::with_sender("docket@example.com")
    }

    fn app(&self) -> &App<Memory, Environment> {
        &self.api.app
    }

    fn ports(&self) -> &Memory {
        &self.api.app.ports
    }

    /// A request; without claims for one without a token.
    fn request(&self, claims: Option<Value>, method: &str, path: &str, body: &str) -> HttpResponse {
        let now = self.ports().state().now.0;
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let authorizer = claims.map(|mut claims| {
            claims["exp"] = json!((now / 1000 + 3600).to_string());
            json!({"jwt": {"claims": claims}})
        });
        let event = json!({
            "version": "2.0", "rawPath": path, "rawQueryString": query, "headers": {}, "isBase64Encoded": false, "body": body,
            "requestContext": {"http": {"method": method, "path": path}, "requestId": "r1", "stage": "$default", "authorizer": authorizer},
        });
        let event: HttpEvent = serde_json::from_value(event).unwrap();
        let mut context = Context::default();
        context.deadline = now + 29_000;
        run(events::handle(&self.api, LambdaEvent::new(event, context))).unwrap()
    }

    fn send(&self, who: &str, groups: &str, path: &str, body: &Value) -> HttpResponse {
        let claims = Some(claims(who, groups));
        self.request(claims, "POST", path, &body.to_string())
    }

    fn change(&self, who: &str, groups: &str, body: &Value) -> DigestView {
        let response = self.send(who, groups, "/me/digests", body);
        assert_eq!(response.status_code, 200, "{}", response.body);
        serde_json::from_str(&response.body).unwrap()
    }

    fn show(&self, who: &str, groups: &str) -> DigestView {
        let response = self.request(Some(claims(who, groups)), "GET", "/me/digests", "");
        serde_json::from_str(&response.body).unwrap()
    }

    fn problem(&self, who: &str, groups: &str, path: &str, body: &Value) -> String {
        let response = self.send(who, groups, path, body);
        assert!(response.status_code >= 400, "{}", response.body);
        let problem: Value = serde_json::from_str(&response.body).unwrap();
        let kind = problem["type"].as_str().unwrap();
        kind.strip_prefix("urn:docket:problem:").unwrap().to_owned()
    }

    /// Switches digests on, and puts the user into the user pool.
    fn subscribe(&self, who: &str, groups: &str, body: &Value) -> DigestView {
        let words = groups.trim_matches(['[', ']']).split(' ');
        let user = DirectoryUser {
            email: Some(who.to_owned()),
            email_verified: true,
            enabled: true,
            groups: words.map(str::to_owned).collect(),
        };
        let name = format!("id-of-{who}");
        self.ports().state().directory.insert(name, user);
        self.change(who, groups, body)
    }

    fn user(&self, who: &str, change: impl FnOnce(&mut DirectoryUser)) {
        let mut state = self.ports().state();
        change(state.directory.get_mut(&format!("id-of-{who}")).unwrap());
    }

    /// The row of a document, `Ready`.
    fn job(&self, number: u64, change: impl FnOnce(&mut Job)) -> Job {
        let mut job = full_job(BUCKET, "acme", number);
        job.input.uploaded_by = Some(ANA.to_owned());
        job.input.labels.batch = None;
        job.state = State::Ready {
            attempt: Attempt(1),
        };
        job.updated_at = self.ports().state().now;
        change(&mut job);
        self.ports().state().jobs.insert(job.id, job.clone());
        job
    }

    /// A document becomes ready or fails: its event arrives at function `event-feed`.
    fn finish(&self, number: u64, detail_type: &str, change: impl FnOnce(&mut Job)) -> Job {
        let job = self.job(number, change);
        let detail =
            json!({"job": {"id": job.id.to_string(), "version": job.version, "tenant": "acme"}});
        let body = json!({"detail-type": detail_type, "source": "docket", "detail": detail});
        let messages = batch(self.app(), &[body.to_string()], 1);
        let response = run(event_feed::handle(self.app(), messages)).unwrap();
        assert!(failures(&response).is_empty());
        job
    }

    fn ready(&self, number: u64) -> Job {
        self.finish(number, "JobReady", |_| {})
    }

    fn in_batch(&self, number: u64, name: &str) {
        let name = Some(name.to_owned());
        self.finish(number, "JobReady", |job| job.input.labels.batch = name);
    }

    /// The messages that came back.
    fn call(&self, body: &str) -> usize {
        self.call_as("m0", 1, body)
    }

    fn call_as(&self, message_id: &str, receives: u32, body: &str) -> usize {
        let mut messages = batch(self.app(), &[body.to_owned()], receives);
        messages.payload.records[0].message_id = Some(message_id.to_owned());
        let response = run(digests::handle(self.app(), messages)).unwrap();
        failures(&response).len()
    }

    /// Lets time pass. Messages arrive when they are due.
    fn pass(&self, ms: u64) {
        let end = self.ports().state().now.0 + ms;
        for _ in 0..10_000 {
            let mut state = self.ports().state();
            let now = state.now.0;
            let next = state.digest_messages.iter().enumerate();
            let next = next.min_by_key(|(_, (_, delay))| *delay).map(|(at, _)| at);
            let is_due = |at: &usize| now + u64::from(state.digest_messages[*at].1) * 1000 <= end;
            let Some(at) = next.filter(is_due) else {
                let left = u32::try_from((end - now).div_ceil(1000)).unwrap();
                for (_, delay) in &mut state.digest_messages {
                    *delay = delay.saturating_sub(left);
                }
                state.now.0 = end;
                return;
            };
            let (body, delay) = state.digest_messages.remove(at);
            for (_, other) in &mut state.digest_messages {
                *other -= delay;
            }
            state.now.0 += u64::from(delay) * 1000;
            drop(state);
            if self.call(&body) > 0 {
                // It becomes visible again after the queue's visibility timeout.
                self.ports().state().digest_messages.push((body, 180));
            }
        }
        panic!("the messages do not end");
    }

    fn mails(&self) -> Vec<Mail> {
        self.ports().state().mails.clone()
    }

    fn subjects(&self) -> Vec<String> {
        let mails = self.mails();
        mails.into_iter().map(|mail| mail.subject).collect()
    }

    fn answer(&self, error: MailError, times: usize) {
        let mut state = self.ports().state();
        let errors = std::iter::repeat_n(Err(error), times);
        state.mail_responses.extend(errors);
    }
}

fn on() -> Value {
    json!({"enabled": true})
}

#[test]
fn documents_of_a_quarter_of_an_hour_are_one_mail() {
    let service = Service::new();
    let view = service.subscribe(ANA, CUSTOMER, &on());
    assert_eq!((view.enabled, view.address.as_deref()), (true, Some(ANA)));
    service.pass(20_000);
    for number in 0..3 {
        service.ready(number);
        service.pass(60_000);
    }
    service.finish(3, "JobFailed", |_| {});
    service.pass(WINDOW_MS - 200_000);
    assert_eq!(service.subjects(), [""; 0]);
    service.pass(HOUR_MS);
    assert_eq!(service.subjects(), ["Docket: 3 ready, 1 failed"]);
    assert_eq!(service.ports().state().digest_messages, [], "nothing waits");
    // The next document is in the next mail.
    service.ready(4);
    service.pass(HOUR_MS);
    assert_eq!(service.subjects()[1..], ["Docket: 1 ready"]);
}

#[test]
fn batch_is_one_mail_when_it_is_complete() {
    let service = Service::new();
    service.subscribe(ANA, CUSTOMER, &on());
    service.in_batch(0, "data room");
    service.job(1, |job| {
        let open = full_job(BUCKET, "acme", 1);
        job.state = open.state;
        job.input.labels.batch = Some("data room".to_owned());
    });
    service.pass(3 * HOUR_MS);
    assert_eq!(service.subjects(), [""; 0], "a job of the batch is open");
    service.in_batch(1, "data room");
    service.pass(2 * QUIET_MS + 5_000);
    assert_eq!(service.subjects(), ["Docket: 2 ready"]);
    service.pass(2 * MAX_BATCH_MS);
    assert_eq!(service.mails().len(), 1);
}

#[test]
fn batch_is_complete_when_its_last_job_is_cancelled_or_deleted() {
    let attempt = Attempt(1);
    let ends = [
        (State::Cancelled { attempt }, Some("data room")),
        (State::Erased { attempt }, None),
    ];
    for (end, batch) in ends {
        let service = Service::new();
        service.subscribe(ANA, CUSTOMER, &on());
        service.in_batch(0, "data room");
        let change = |state: State, batch: Option<&str>| {
            service.job(1, |job| {
                job.state = state;
                job.input.labels.batch = batch.map(str::to_owned);
            });
        };
        change(full_job(BUCKET, "acme", 1).state, Some("data room"));
        service.pass(3 * HOUR_MS);
        assert_eq!(service.subjects(), [""; 0], "a job of the batch is open");
        change(end, batch);
        service.pass(WINDOW_MS + QUIET_MS);
        assert_eq!(service.mails().len(), 1);
    }
}

#[test]
fn batch_that_does_not_end_is_reported_after_a_day_and_again_when_it_ends() {
    let service = Service::new();
    service.subscribe(ANA, CUSTOMER, &on());
    service.in_batch(0, "slow");
    service.job(1, |job| {
        job.state = full_job(BUCKET, "acme", 1).state;
        job.input.labels.batch = Some("slow".to_owned());
    });
    service.pass(MAX_BATCH_MS + QUIET_MS);
    assert_eq!(service.subjects(), ["Docket: 1 ready, 1 open"]);
    service.in_batch(1, "slow");
    service.pass(HOUR_MS);
    assert_eq!(service.subjects()[1..], ["Docket: 2 ready"]);
}

#[test]
fn job_that_failed_and_became_ready_is_counted_once() {
    let service = Service::new();
    service.subscribe(ANA, CUSTOMER, &on());
    service.finish(0, "JobFailed", |job| job.version = 3);
    service.finish(0, "JobReady", |job| job.version = 4);
    service.pass(HOUR_MS);
    assert_eq!(service.subjects(), ["Docket: 1 ready"]);
}

#[test]
fn deployment_without_a_sender_says_so_and_costs_nothing() {
    let service = Service::with_sender("off");
    let view = service.show(ANA, CUSTOMER);
    assert!(!view.available && view.unavailable_reason.unwrap().contains("no e-mail"));
    assert_eq!(
        service.problem(ANA, CUSTOMER, "/me/digests", &on()),
        "refused"
    );
    let lists = |service: &Service| service.ports().state().calls.get("list_records").copied();
    service.ready(0);
    // The one list is of the webhooks.
    assert_eq!(lists(&service), Some(1));
    assert_eq!(service.ports().state().digest_messages, []);
    assert_eq!(service.call(r#"{"tenant":"acme"}"#), 0);
}
