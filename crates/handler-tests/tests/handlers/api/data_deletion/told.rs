//! Who is told of a document before its data is deleted: a program, people, those who read usage, support with a retry plan.

use api::Principal;
use api::digests::ports::DirectoryUser;
use api::digests::{
    DigestRequest, DigestScope, DigestTimes, MailSettings, Recipient, recipient_collection,
    recipient_key, send_due,
};
use api::forgotten_batches;
use api::lease::{DeliveredMessage, SentBy};
use api::types::NewWebhook;
use api::usage::count_hours;
use api::webhooks;
use api::webhooks::address::AllowedReceivers;
use functions::handlers::{event_feed, webhooks as webhooks_function};
use jobs::id::{Tenant, Timestamp};
use jobs::pipeline::Pipelines;
use jobs::ports::{KeyValueStore, Record};

use super::*;

const REVIEWER: &str = "rita@acme.example";
const MINUTE_MS: u64 = 60_000;
const NEVER: Timestamp = Timestamp(u64::MAX);

fn acme() -> Tenant {
    "acme".parse().unwrap()
}

fn pipelines() -> Pipelines {
    Pipelines::parse(include_str!("../../../../../../infra/pipelines.toml")).unwrap()
}

/// A program with a webhook with details, whose receiver repeats what it gets, and a reviewer who wants mails.
pub(super) fn subscribe(api: &TestApi) {
    let ports = api.ports();
    let public = vec!["93.184.216.34".parse().unwrap()];
    let mut state = ports.state();
    state
        .addresses
        .insert("receiver.example".to_owned(), public);
    state.webhook_echoes = true;
    drop(state);
    let groups = ["reviewer", "tenant:acme"];
    let reviewer = Principal::of_groups(REVIEWER, groups, NEVER);
    let new = NewWebhook {
        url: "https://receiver.example/hook".to_owned(),
        include_details: true,
        ..NewWebhook::default()
    };
    let allowed = AllowedReceivers::from_setting("public");
    run(webhooks::create(
        ports,
        &pipelines(),
        &reviewer,
        new,
        allowed,
    ))
    .unwrap();

    let user = DirectoryUser {
        email: Some(REVIEWER.to_owned()),
        email_verified: true,
        enabled: true,
        groups: groups.map(str::to_owned).into(),
    };
    ports.state().directory.insert("rita".to_owned(), user);
    let recipient = Recipient {
        address: REVIEWER.to_owned(),
        username: "rita".to_owned(),
        scope: DigestScope::Tenant,
        ready: true,
        failed: true,
        token: "t".to_owned(),
        enabled: true,
        enabled_at: 0,
        off_reason: None,
    };
    let record = Record {
        body: serde_json::to_string(&recipient).unwrap(),
        revision: 1,
        expires_at: None,
    };
    let collection = recipient_collection(&acme());
    assert!(
        run(KeyValueStore::put(
            ports,
            &collection,
            &recipient_key("rita"),
            &record
        ))
        .unwrap()
    );
    send_digests(api);
}

fn send_digests(api: &TestApi) {
    let settings = MailSettings {
        api_url: "https://api.example.com",
        page_url: None,
    };
    let now = api.ports().state().now.0;
    let times = DigestTimes {
        until: NEVER,
        lease_expires_at: Timestamp(now + MINUTE_MS),
    };
    let tenant = acme();
    let request = DigestRequest {
        tenant: &tenant,
        arrival: DeliveredMessage {
            message: "m0",
            receives: 1,
            sent_by: &SentBy::Feed,
        },
    };
    run(send_due(api.ports(), request, settings, times)).unwrap();
}

impl Story {
    /// All events reach the feed, the receiver and the mails; support makes a plan with the batch, if there is one.
    pub(super) fn tell(&self) {
        let (app, ports) = (self.app(), self.api.ports());
        let events = ports.state().events.clone();
        for (kind, job) in events {
            let job = json!({"id": job.id.to_string(), "version": job.version, "tenant": "acme"});
            let body = json!({"detail-type": kind, "source": "docket", "detail": {"job": job}});
            let messages = batch(app, &[body.to_string()], 1);
            let response = run(event_feed::handle(app, messages)).unwrap();
            assert!(response.batch_item_failures.is_empty());
        }
        loop {
            let Some((body, _)) = ports.state().instructions.pop() else {
                break;
            };
            let response = run(webhooks_function::handle(app, batch(app, &[body], 1))).unwrap();
            assert!(response.batch_item_failures.is_empty());
        }
        if let Some(batch) = self.job().input.labels.batch {
            let filter = json!({"tenant": "acme", "batch": batch});
            let plan = json!({"filter": filter, "reason": "after an incident"});
            self.support().send("POST", "/retry-plans", Some(&plan));
        }
        for _ in 0..20 {
            advance(app, MINUTE_MS);
            send_digests(&self.api);
        }
    }

    /// Sends an event of the feed to the webhook again.
    pub(super) fn resend(&self, sequence: u64) {
        let webhook = {
            let state = self.api.ports().state();
            let mut records = state.records.iter();
            let found = records.find(|(collection, ..)| *collection == "webhook#acme");
            let (_, key, _) = found.unwrap();
            format!("acme.{key}")
        };
        let body = json!({"webhook": webhook, "instruction": {"sequence": sequence}}).to_string();
        let app = self.app();
        let response = run(webhooks_function::handle(app, batch(app, &[body], 1))).unwrap();
        assert!(response.batch_item_failures.is_empty());
    }

    /// Function `reconciler` counts the hours that are over.
    pub(super) fn count_usage(&self) {
        run(count_hours(self.api.ports(), &pipelines(), NEVER)).unwrap();
    }

    /// What function `reconciler` does a quarter of an hour later.
    pub(super) fn forget_batches(&self) {
        let ports = self.api.ports();
        let now = ports.state().now;
        ports.state().now = Timestamp(now.0 + 15 * MINUTE_MS);
        self.count_usage();
        run(forgotten_batches::forget(ports, &pipelines(), NEVER)).unwrap();
        ports.state().now = now;
    }
}
