//! Webhooks are created, changed and shown: permissions, the audit log, and receivers that are refused.

use super::*;

#[test]
fn every_change_of_a_webhook_is_in_the_audit_log_without_secrets() {
    let service = Service::new();
    let secret_path = "https://receiver.example/hook/token?key=value";
    let webhook = service.create(secret_path);
    let path = format!("/webhooks/{}", webhook.id);
    service.record(1, "JobReady");
    let change = |body: Value| {
        service.ok::<WebhookView>("POST", &path, Some(body));
    };
    change(json!({"url": "https://other.example/x", "include_details": true}));
    change(json!({"enabled": false, "event_types": ["job.failed", "job.failed"]}));
    let redeliver = format!("{path}/redeliver");
    let refused = service.problem(REVIEWER, "POST", &redeliver, Some(json!({"sequence": 1})));
    assert_eq!(refused, "refused");
    change(json!({"enabled": true}));
    let rotated: WebhookView = service.ok("POST", &format!("{path}/secret"), None);
    service.ok::<Value>("POST", &redeliver, Some(json!({"sequence": 1})));
    service.ok::<Value>(
        "POST",
        &redeliver,
        Some(json!({"from": 951_782_400_000_u64})),
    );
    service.ok::<Value>("DELETE", &path, None);

    let state = service.ports().state();
    let entries: Vec<AuditEntry> = state
        .records
        .iter()
        .filter(|(collection, ..)| *collection == "audit")
        .map(|(_, _, record)| {
            let secrets = [&webhook.secret, &rotated.secret];
            let secrets = secrets.map(|secret| secret.as_deref().unwrap());
            let hidden = [secrets[0], secrets[1], "token", "key=value"];
            assert!(
                hidden.iter().all(|word| !record.body.contains(word)),
                "{}",
                record.body
            );
            serde_json::from_str(&record.body).unwrap()
        })
        .collect();
    let mut outcomes: Vec<(&str, &str)> = entries
        .iter()
        .map(|entry| (entry.action.as_str(), entry.detail.as_deref().unwrap()))
        .collect();
    outcomes.sort_unstable();
    assert_eq!(
        outcomes,
        [
            ("change-webhook", "enabled"),
            ("change-webhook", "job.failed; paused"),
            (
                "change-webhook",
                "url from https://receiver.example to https://other.example; with details"
            ),
            (
                "create-webhook",
                "created: https://receiver.example, all events"
            ),
            (
                "delete-webhook",
                "deleted: https://other.example, job.failed, with details"
            ),
            ("redeliver-events", "event 1"),
            (
                "redeliver-events",
                "events from 2000-02-29T00:00:00.000Z on"
            ),
            (
                "rotate-webhook-secret",
                "the previous secret is used for 24 h more"
            ),
        ]
    );
    let who = |entry: &AuditEntry| (entry.target.clone(), entry.tenant.clone());
    assert!(
        entries
            .iter()
            .all(|entry| who(entry) == (webhook.id.clone(), Some("acme".to_owned())))
    );
    assert!(entries.iter().all(|entry| entry.actor == "p@acme.example"));
}

#[test]
fn webhook_is_not_changed_if_the_audit_log_does_not_answer() {
    let service = Service::new();
    let webhook = service.create(RECEIVER);
    let path = format!("/webhooks/{}", webhook.id);
    let put_fails = || service.ports().state().fail_before.insert("put_record", 1);
    put_fails();
    let change = Some(json!({"enabled": false}));
    assert_eq!(
        service.problem(REVIEWER, "POST", &path, change),
        "unavailable"
    );
    put_fails();
    assert_eq!(
        service.problem(REVIEWER, "DELETE", &path, None),
        "unavailable"
    );
    assert!(service.view(&webhook).enabled);
}

#[test]
fn webhook_to_an_internal_address_is_refused() {
    let service = Service::new();
    let state = || service.ports().state();
    for (name, addresses) in [
        ("private.example", vec!["10.0.0.7"]),
        ("metadata.example", vec!["169.254.169.254"]),
        ("mapped.example", vec!["::ffff:192.168.0.1"]),
        ("mixed.example", vec!["93.184.216.34", "127.0.0.1"]),
        ("local6.example", vec!["fe80::1"]),
    ] {
        let addresses = addresses.iter().map(|it| it.parse().unwrap()).collect();
        state().addresses.insert(name.to_owned(), addresses);
        let body = json!({"url": format!("https://{name}/")});
        assert_eq!(
            service.problem(REVIEWER, "POST", "/webhooks", Some(body)),
            "bad-request"
        );
    }
    for url in [
        "https://127.0.0.1/",
        "https://10.1.2.3/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://169.254.169.254/latest/meta-data",
        "http://receiver.example/",
        "https://unknown.example/",
        "https://user:pw@receiver.example/",
        "https://receiver.example:22/",
        "receiver.example",
        "",
    ] {
        let body = json!({"url": url});
        assert_eq!(
            service.problem(REVIEWER, "POST", "/webhooks", Some(body)),
            "bad-request",
            "{url}"
        );
    }
    let webhook = service.create(RECEIVER);
    let path = format!("/webhooks/{}", webhook.id);
    for (path, body) in [
        ("/webhooks".to_owned(), json!([])),
        ("/webhooks".to_owned(), json!([null, RECEIVER])),
        (
            "/webhooks".to_owned(),
            json!({"url": RECEIVER, "colour": 1}),
        ),
        (
            "/webhooks".to_owned(),
            json!({"url": RECEIVER, "event_types": ["job.lost"]}),
        ),
        (path.clone(), json!([])),
        (format!("{path}/redeliver"), json!([])),
    ] {
        let code = service.problem(REVIEWER, "POST", &path, Some(body.clone()));
        assert_eq!(code, "bad-request", "{path} {body}");
    }
    let body = json!({"url": "https://10.0.0.1/"});
    assert_eq!(
        service.problem(REVIEWER, "POST", &path, Some(body)),
        "bad-request"
    );
    assert_eq!(service.view(&webhook).url, RECEIVER);
}

#[test]
fn name_that_resolves_to_an_internal_address_later_is_not_connected_to() {
    let service = Service::new();
    let webhook = service.create(RECEIVER);
    let internal = vec!["169.254.169.254".parse().unwrap()];
    service
        .ports()
        .state()
        .addresses
        .insert("receiver.example".to_owned(), internal);
    service.record(1, "JobReady");
    service.work();
    assert!(service.received().is_empty());
    let log = service.deliveries(&webhook).deliveries;
    assert!(log[0].problem.as_ref().unwrap().contains("169.254.169.254"));
}

#[test]
fn webhooks_belong_to_their_tenant() {
    let service = Service::new();
    let webhook = service.create(RECEIVER);
    let path = format!("/webhooks/{}", webhook.id);
    for groups in ["[reviewer tenant:globex]", "[customer tenant:acme]"] {
        for (method, end, body) in [
            ("GET", "", None),
            ("POST", "", Some(json!({"enabled": false}))),
            ("DELETE", "", None),
            ("POST", "/secret", None),
            ("POST", "/test", None),
            ("POST", "/redeliver", Some(json!({"from": 0}))),
            ("GET", "/deliveries", None),
        ] {
            let code = service.problem(groups, method, &format!("{path}{end}"), body);
            // A customer has nothing to do with any webhook, whether it exists or not.
            let expected = if groups.contains("customer") {
                "forbidden"
            } else {
                "not-found"
            };
            assert_eq!(code, expected, "{groups} {method} {end}");
        }
        assert_eq!(
            service.problem(groups, "GET", "/webhooks?tenant=acme", None),
            "forbidden"
        );
        let body = json!({"url": RECEIVER, "tenant": "acme"});
        assert_eq!(
            service.problem(groups, "POST", "/webhooks", Some(body)),
            "forbidden"
        );
    }
    for id in [
        "acme",
        "acme.",
        "acme.0123456789abcdex",
        "ACME.0123456789abcdef",
        "acme.0123456789abcdef",
    ] {
        assert_eq!(
            service.problem(REVIEWER, "GET", &format!("/webhooks/{id}"), None),
            "not-found"
        );
    }
    let list: WebhookList = service.ok("GET", "/webhooks", None);
    assert_eq!(list.webhooks.len(), 1);
    for _ in 0..4 {
        service.create("https://other.example/");
    }
    let body = json!({"url": RECEIVER});
    assert_eq!(
        service.problem(REVIEWER, "POST", "/webhooks", Some(body)),
        "refused"
    );
    let deleted = service.send(REVIEWER, "DELETE", &path, None);
    assert_eq!(deleted.status_code, 204);
    service.record(1, "JobReady");
    service.pass(60_000);
    assert!(
        service
            .received()
            .iter()
            .all(|it| it.host == "other.example")
    );
    assert_eq!(service.received().len(), 4);
}
