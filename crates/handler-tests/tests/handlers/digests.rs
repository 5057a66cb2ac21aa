//! E-mail digests: what users set through `events-api`, and what function `digests` sends.

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
        let messages = batch(self.app(), &[body.to_owned()], 1);
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
fn user_whom_a_company_signs_in_is_refused_with_the_reason() {
    let service = Service::new();
    let mut company_user = claims(ANA, REVIEWER);
    company_user["identities"] = json!("[map[providerName:Acme userId:7]]");
    for (method, body) in [("GET", ""), ("POST", "{\"frequency\":\"daily\"}")] {
        let response = service.request(Some(company_user.clone()), method, "/me/digests", body);
        assert_eq!(response.status_code, 403, "{}", response.body);
        assert!(
            response.body.contains("your company signs you in"),
            "{}",
            response.body
        );
    }
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
fn mail_is_only_about_what_the_recipient_may_see_and_asked_for() {
    let service = Service::new();
    service.subscribe(ANA, CUSTOMER, &on());
    service.subscribe("bob@acme.example", CUSTOMER, &on());
    let all = json!({"enabled": true, "scope": "tenant", "ready": false});
    service.subscribe("rita@acme.example", REVIEWER, &all);
    service.ready(0);
    service.finish(1, "JobFailed", |job| {
        job.input.uploaded_by = Some("cy@acme.example".to_owned())
    });
    service.finish(2, "JobFailed", |job| job.input.uploaded_by = None);
    service.pass(HOUR_MS);
    let mut mails: Vec<(String, String)> = service
        .mails()
        .into_iter()
        .map(|mail| (mail.to, mail.subject))
        .collect();
    mails.sort();
    let expected = [
        (ANA, "Docket: 1 ready"),
        ("rita@acme.example", "Docket: 2 failed"),
    ];
    assert_eq!(
        mails,
        expected.map(|(to, subject)| (to.to_owned(), subject.to_owned()))
    );
    // A customer cannot ask for the documents of others.
    let refused = service.problem(ANA, CUSTOMER, "/me/digests", &json!({"scope": "tenant"}));
    assert_eq!(refused, "forbidden");
    let refused = service.problem(
        ANA,
        CUSTOMER,
        "/me/digests",
        &json!({"tenant": "globex", "enabled": true}),
    );
    assert_eq!(refused, "forbidden");
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
fn names_are_in_mails_only_if_support_allows_it_for_the_tenant() {
    let hostile = "Evil\r\nBcc: x@y.example <script>alert(1)</script>.pdf";
    let service = Service::new();
    service.subscribe(ANA, CUSTOMER, &on());
    let rename = |job: &mut Job| job.input.name = Some(hostile.to_owned());
    service.finish(0, "JobReady", rename);
    service.in_batch(1, "Project Swan");
    service.pass(HOUR_MS);
    for mail in service.mails() {
        for part in [&mail.subject, &mail.text, &mail.html] {
            for name in ["Evil", "Mietvertrag", "Swan"] {
                assert!(!part.contains(name), "{part}");
            }
        }
    }
    let path = "/tenants/acme/digests";
    let body = json!({"include_names": true, "reason": "they asked for it"});
    assert_eq!(service.problem(ANA, REVIEWER, path, &body), "forbidden");
    let response = service.send("sam@docket.example", "[support]", path, &body);
    let view: TenantDigestView = serde_json::from_str(&response.body).unwrap();
    assert!(view.include_names && service.show(ANA, CUSTOMER).include_names);
    service.finish(2, "JobReady", rename);
    service.in_batch(3, "Project Swan");
    service.pass(HOUR_MS);
    let mails = service.mails().split_off(2);
    let texts: String = mails.iter().map(|mail| mail.text.as_str()).collect();
    assert!(
        texts.contains("Project Swan") && texts.contains("Mietvertrag Müller"),
        "{texts}"
    );
    for mail in &mails {
        assert!(!mail.html.contains("<script>") && !mail.subject.contains("Swan"));
        assert!(
            mail.text.lines().all(|line| !line.starts_with("Bcc")),
            "{}",
            mail.text
        );
        assert!(!mail.text.contains('\r'));
    }
    let state = service.ports().state();
    let audit = state
        .records
        .iter()
        .find(|(collection, ..)| *collection == "audit");
    let entry: AuditEntry = serde_json::from_str(&audit.unwrap().2.body).unwrap();
    let done = (
        entry.action.as_str(),
        entry.reason.as_str(),
        entry.detail.as_deref(),
    );
    assert_eq!(
        done,
        (
            "change-digests",
            "they asked for it",
            Some("digests with names")
        )
    );
}

#[test]
fn one_click_stops_digests_without_a_sign_in_and_a_get_does_not() {
    let service = Service::new();
    service.subscribe(ANA, CUSTOMER, &on());
    service.ready(0);
    service.pass(HOUR_MS);
    let mail = service.mails().pop().unwrap();
    let path = mail
        .unsubscribe_url
        .strip_prefix("https://api.example.com")
        .unwrap();
    assert!(mail.text.contains(&mail.unsubscribe_url) && mail.html.contains(&mail.unsubscribe_url));
    let page = service.request(None, "GET", path, "");
    assert_eq!(page.status_code, 200);
    assert!(page.headers["content-type"].starts_with("text/html"));
    assert!(
        page.body.contains("<form method=\"post\">"),
        "{}",
        page.body
    );
    assert!(service.show(ANA, CUSTOMER).enabled);
    let wrong = format!(
        "{}{}",
        &path[..path.len() - 1],
        if path.ends_with('0') { '1' } else { '0' }
    );
    for bad in [wrong.as_str(), "/unsubscribe/acme", "/unsubscribe/acme.x.y"] {
        let refused = service.request(None, "POST", bad, "List-Unsubscribe=One-Click");
        assert_eq!(refused.status_code, 404, "{bad}");
    }
    assert!(service.show(ANA, CUSTOMER).enabled);
    for _ in 0..2 {
        let done = service.request(None, "POST", path, "List-Unsubscribe=One-Click");
        assert_eq!(done.status_code, 200, "{}", done.body);
    }
    let view = service.show(ANA, CUSTOMER);
    assert!(!view.enabled && view.off_reason.unwrap().contains("unsubscribed"));
    service.ready(1);
    service.pass(HOUR_MS);
    assert_eq!(service.mails().len(), 1);
    // What happened in between is not sent later.
    assert_eq!(service.change(ANA, CUSTOMER, &on()).off_reason, None);
    service.ready(2);
    service.pass(HOUR_MS);
    assert_eq!(service.subjects()[1..], ["Docket: 1 ready"]);
}

#[test]
fn user_who_lost_access_or_changed_the_address_gets_no_mail() {
    type Change = fn(&mut DirectoryUser);
    let changes: [(Change, &str); 5] = [
        (
            |user| user.groups = vec!["customer".to_owned(), "tenant:globex".to_owned()],
            "no longer have access",
        ),
        (
            |user| user.groups = vec!["tenant:acme".to_owned()],
            "no longer have access",
        ),
        (|user| user.enabled = false, "disabled"),
        (|user| user.email_verified = false, "verified"),
        (
            |user| user.email = Some("other@acme.example".to_owned()),
            "changed",
        ),
    ];
    for (change, reason) in changes {
        let service = Service::new();
        service.subscribe(ANA, CUSTOMER, &on());
        service.user(ANA, change);
        service.ready(0);
        service.pass(HOUR_MS);
        assert_eq!(service.mails(), []);
        let view = service.show(ANA, CUSTOMER);
        assert!(!view.enabled && view.off_reason.unwrap().contains(reason));
    }
    let service = Service::new();
    let all = json!({"enabled": true, "scope": "tenant"});
    service.subscribe(ANA, REVIEWER, &all);
    service.user(ANA, |user| user.groups[0] = "customer".to_owned());
    service.ready(0);
    service.pass(HOUR_MS);
    assert_eq!(service.mails(), []);
    // Without the role it can be switched off, and on only for the user's own documents.
    service.change(ANA, CUSTOMER, &json!({"enabled": false}));
    assert_eq!(
        service.problem(ANA, CUSTOMER, "/me/digests", &on()),
        "forbidden"
    );
    let own = json!({"enabled": true, "scope": "own"});
    assert!(service.change(ANA, CUSTOMER, &own).enabled);
}

#[test]
fn only_a_verified_address_can_be_chosen() {
    let service = Service::new();
    let mut unverified = claims(ANA, CUSTOMER);
    unverified["email_verified"] = json!("false");
    let body = on().to_string();
    let response = service.request(Some(unverified.clone()), "POST", "/me/digests", &body);
    assert_eq!(response.status_code, 409, "{}", response.body);
    let response = service.request(Some(unverified), "GET", "/me/digests", "");
    let view: DigestView = serde_json::from_str(&response.body).unwrap();
    assert!(!view.available && view.unavailable_reason.unwrap().contains("verified"));
    let other = json!({"enabled": true, "address": "x@y.example"});
    assert_eq!(
        service.problem(ANA, CUSTOMER, "/me/digests", &other),
        "bad-request"
    );
    let neither = json!({"enabled": true, "ready": false, "failed": false});
    assert_eq!(
        service.problem(ANA, CUSTOMER, "/me/digests", &neither),
        "bad-request"
    );
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
    // That of the webhooks.
    assert_eq!(lists(&service), Some(1));
    assert_eq!(service.ports().state().digest_messages, []);
    assert_eq!(service.call(r#"{"tenant":"acme"}"#), 0);
}

#[test]
fn nothing_is_lost_while_ses_takes_no_mail() {
    let service = Service::new();
    service.subscribe(ANA, CUSTOMER, &on());
    let all = json!({"enabled": true, "scope": "tenant"});
    service.subscribe("rita@acme.example", REVIEWER, &all);
    let paused = MailError::NotNow("SendingPausedException: paused".to_owned());
    service.answer(paused, 40);
    service.ready(0);
    service.pass(HOUR_MS);
    service.in_batch(1, "data room");
    service.pass(2 * HOUR_MS);
    assert_eq!(service.mails(), []);
    let tries = |service: &Service| 40 - service.ports().state().mail_responses.len();
    assert!((5..20).contains(&tries(&service)), "{}", tries(&service));
    service.pass(24 * HOUR_MS);
    let mut mails: Vec<(String, String)> = service
        .mails()
        .into_iter()
        .map(|mail| (mail.to, mail.subject))
        .collect();
    mails.sort();
    let both = |to: &str| {
        [
            (to.to_owned(), "Docket: 1 ready".to_owned()),
            (to.to_owned(), "Docket: 1 ready".to_owned()),
        ]
    };
    assert_eq!(mails, [both(ANA), both("rita@acme.example")].concat());
    assert_eq!(service.ports().state().digest_messages, []);
}

#[test]
fn refused_mail_does_not_hold_up_others_and_is_tried_for_three_days() {
    let service = Service::new();
    let all = json!({"enabled": true, "scope": "tenant"});
    service.subscribe(ANA, CUSTOMER, &on());
    service.subscribe("rita@acme.example", REVIEWER, &all);
    let refused = || MailError::Refused("MessageRejected: not verified".to_owned());
    service.answer(refused(), 1);
    service.ready(0);
    service.pass(WINDOW_MS + QUIET_MS);
    assert_eq!(service.mails().len(), 1, "the other recipient has its mail");
    service.pass(HOUR_MS + QUIET_MS);
    let mut to: Vec<String> = service.mails().into_iter().map(|mail| mail.to).collect();
    to.sort();
    assert_eq!(to, [ANA, "rita@acme.example"]);

    service.answer(refused(), 1000);
    service.ready(1);
    service.pass(RETRY_MS + 2 * HOUR_MS);
    assert_eq!(
        service.ports().state().digest_messages,
        [],
        "it is given up"
    );
    assert_eq!(service.mails().len(), 2);
}

#[test]
fn function_that_dies_sends_at_most_one_mail_twice() {
    let who: Vec<String> = (0..4)
        .map(|number| format!("r{number}@acme.example"))
        .collect();
    // The function dies after each of its writes in turn.
    for dies_at in 0..10 {
        let service = Service::new();
        let all = json!({"enabled": true, "scope": "tenant"});
        for who in &who {
            service.subscribe(who, REVIEWER, &all);
        }
        service.pass(20_000);
        service.ready(0);
        service.pass(2_000);
        advance(service.app(), WINDOW_MS);
        // A call whose writes fail from some point on has the effect of a dead function: what it did before remains.
        {
            let mut state = service.ports().state();
            state.calls.clear();
            state.digest_messages.clear();
        }
        let body = r#"{"tenant":"acme"}"#;
        service
            .ports()
            .state()
            .fail_from
            .insert("put_record", dies_at);
        let came_back = service.call(body);
        service.ports().state().fail_from.clear();
        assert_eq!(came_back, usize::from(dies_at < 8), "dies at {dies_at}");
        // The message comes back after its visibility timeout, when the lease has expired.
        service
            .ports()
            .state()
            .digest_messages
            .push((body.to_owned(), 180));
        service.pass(HOUR_MS);
        let mails = service.mails();
        let twice = mails.len() - 4;
        assert!(twice <= 1, "{twice} mails twice, dies at {dies_at}");
        for who in &who {
            assert!(
                mails.iter().any(|mail| mail.to == *who),
                "{who}, dies at {dies_at}"
            );
        }
    }
}

#[test]
fn mail_that_came_back_or_was_reported_as_spam_switches_its_recipient_off() {
    let event = |kind: &str, detail: Value, mail: &Mail| {
        let mut event = json!({"eventType": kind, "mail": {"tags": {}}});
        for (name, value) in &mail.tags {
            event["mail"]["tags"][*name] = json!([value]);
        }
        event[kind.to_lowercase()] = detail;
        json!({"source": "aws.ses", "detail-type": "…", "detail": event}).to_string()
    };
    let bounce = |kind: &str, to: &str| json!({"bounceType": kind, "bouncedRecipients": [{"emailAddress": to}]});
    let complaint = |to: &str| json!({"complainedRecipients": [{"emailAddress": to}]});
    let service = Service::new();
    service.subscribe(ANA, CUSTOMER, &on());
    service.ready(0);
    service.pass(HOUR_MS);
    let mail = service.mails().pop().unwrap();
    // A full mailbox, or another address.
    for detail in [
        bounce("Transient", ANA),
        bounce("Permanent", "old@acme.example"),
    ] {
        assert_eq!(service.call(&event("Bounce", detail, &mail)), 0);
        assert!(service.show(ANA, CUSTOMER).enabled);
    }
    assert_eq!(
        service.call(&event(
            "Bounce",
            bounce("Permanent", "Ana@ACME.example"),
            &mail
        )),
        0
    );
    let view = service.show(ANA, CUSTOMER);
    assert!(!view.enabled && view.off_reason.unwrap().contains("came back"));
    service.change(ANA, CUSTOMER, &on());
    assert_eq!(service.call(&event("Complaint", complaint(ANA), &mail)), 0);
    assert!(
        service
            .show(ANA, CUSTOMER)
            .off_reason
            .unwrap()
            .contains("spam")
    );
    // It cannot be written now: the message comes back.
    service.change(ANA, CUSTOMER, &on());
    service.ports().state().fail_before.insert("put_record", 1);
    assert_eq!(service.call(&event("Complaint", complaint(ANA), &mail)), 1);
    // What is neither is quarantined.
    assert_eq!(service.call("{\"x\":1}"), 0);
    assert_eq!(service.ports().state().quarantine.len(), 1);
}

#[test]
fn second_function_for_the_same_tenant_waits_for_the_lease() {
    let service = Service::new();
    service.subscribe(ANA, CUSTOMER, &on());
    service.ready(0);
    service.pass(2_000);
    // A function takes the lease and dies.
    advance(service.app(), WINDOW_MS);
    service.ports().state().digest_messages.clear();
    service.ports().state().calls.clear();
    service.ports().state().fail_from.insert("put_record", 1);
    assert_eq!(service.call(r#"{"tenant":"acme"}"#), 1);
    service.ports().state().fail_from.clear();
    service.ports().state().digest_messages.clear();
    assert_eq!(service.call(r#"{"tenant":"acme"}"#), 0);
    let delays: Vec<u32> = service
        .ports()
        .state()
        .digest_messages
        .iter()
        .map(|(_, delay)| *delay)
        .collect();
    assert_eq!(delays, [70], "60 s, 5 s for clocks, 5 s");
    service.pass(HOUR_MS);
    assert_eq!(service.subjects(), ["Docket: 1 ready"]);
}

#[test]
fn digest_says_that_a_webhook_is_disabled_to_those_who_may_enable_it() {
    let service = Service::new();
    let public = vec!["93.184.216.34".parse().unwrap()];
    let mut state = service.ports().state();
    state
        .addresses
        .insert("receiver.example".to_owned(), public);
    drop(state);
    let body = json!({"url": "https://receiver.example/secret-path"});
    let created = service.send(ANA, REVIEWER, "/webhooks", &body);
    assert_eq!(created.status_code, 201, "{}", created.body);
    let reviewer = json!({"enabled": true, "scope": "tenant"});
    service.subscribe("rita@acme.example", REVIEWER, &reviewer);
    service.subscribe(ANA, CUSTOMER, &on());
    service.pass(1000);
    let told = |mails: &[Mail]| -> Vec<String> {
        let is_told = |mail: &&Mail| {
            assert!(!mail.text.contains("secret-path"), "{}", mail.text);
            mail.text.contains("https://receiver.example is disabled")
                && mail.html.contains("the receiver answered 410 Gone")
        };
        let to = |mail: &Mail| mail.to.clone();
        mails.iter().filter(is_told).map(to).collect()
    };
    service.ready(1);
    service.pass(2 * WINDOW_MS);
    assert_eq!((service.mails().len(), told(&service.mails())), (2, vec![]));

    service.ports().state().webhook_responses = [Ok(410)].into();
    service.ready(2);
    loop {
        let Some((body, _)) = service.ports().state().instructions.pop() else {
            break;
        };
        let response = run(webhooks::handle(
            service.app(),
            batch(service.app(), &[body], 1),
        ));
        assert!(failures(&response.unwrap()).is_empty());
    }
    service.pass(2 * WINDOW_MS);
    let mails = service.mails().split_off(2);
    assert_eq!(mails.len(), 2);
    assert_eq!(told(&mails), ["rita@acme.example"]);
}
