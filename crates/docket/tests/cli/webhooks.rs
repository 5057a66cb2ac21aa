//! `docket webhooks`.

use serde_json::json;

use crate::setup::Setup;

fn webhook() -> serde_json::Value {
    json!({
        "id": "acme.0123456789abcdef", "tenant": "acme", "url": "https://a.example/", "event_types": ["job.failed"],
        "include_details": false, "created_by": "rita", "created_at": 1, "enabled": true, "sequence": 7, "waiting": 2,
    })
}

#[test]
fn webhooks_create_prints_the_secret_once() {
    let setup = Setup::signed_in();
    let mut created = webhook();
    created["secret"] = json!("whsec_abc");
    setup.service.respond_once("POST /webhooks", 201, &created);
    let create = [
        "webhooks",
        "create",
        "https://a.example/",
        "--event",
        "job.failed",
    ];
    let output = setup.run(create);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert!(output.stdout.contains("whsec_abc"), "{}", output.stdout);
    let sent = setup.service.state().requests.pop().unwrap();
    let sent: serde_json::Value = serde_json::from_slice(&sent.body).unwrap();
    assert_eq!(
        sent,
        json!({"url": "https://a.example/", "event_types": ["job.failed"]})
    );
    let one = "GET /webhooks/acme.0123456789abcdef";
    setup.service.respond_once(one, 200, &webhook());
    let output = setup.run(["webhooks", "show", "acme.0123456789abcdef"]);
    assert!(!output.stdout.contains("secret"), "{}", output.stdout);
}

#[test]
fn webhooks_commands_send_what_they_say() {
    let setup = Setup::signed_in();
    let path = "/webhooks/acme.0123456789abcdef";
    let id = "acme.0123456789abcdef";
    let none = json!({});
    for (arguments, request, status, response, body) in [
        (
            vec!["enable", id],
            format!("POST {path}"),
            200,
            webhook(),
            json!({"enabled": true}),
        ),
        (
            vec!["pause", id],
            format!("POST {path}"),
            200,
            webhook(),
            json!({"enabled": false}),
        ),
        (
            vec!["test", id],
            format!("POST {path}/test"),
            202,
            none.clone(),
            none.clone(),
        ),
        (
            vec!["redeliver", id, "--sequence", "7"],
            format!("POST {path}/redeliver"),
            202,
            none.clone(),
            json!({"sequence": 7}),
        ),
        (
            vec!["rotate-secret", id],
            format!("POST {path}/secret"),
            200,
            webhook(),
            none.clone(),
        ),
        (
            vec!["delete", id],
            format!("DELETE {path}"),
            204,
            none.clone(),
            none.clone(),
        ),
    ] {
        setup.service.respond_once(&request, status, &response);
        let mut all = vec!["webhooks"];
        all.extend(arguments);
        let output = setup.run(&all);
        assert_eq!(output.code, Some(0), "{all:?}: {}", output.stderr);
        // Operators may send a test event, and may not see deliveries.
        let is_shown = output.stdout.contains("docket webhooks show");
        assert_eq!(is_shown, all[1] == "test", "{}", output.stdout);
        let sent = setup.service.state().requests.pop().unwrap();
        assert_eq!(sent.request_line, request);
        let sent: serde_json::Value = serde_json::from_slice(&sent.body).unwrap();
        assert_eq!(sent, body, "{all:?}");
    }
    let output = setup.run(["webhooks", "redeliver", id]);
    assert_eq!(output.code, Some(2));
}

#[test]
fn webhooks_list_shows_states_and_deliveries_their_problems() {
    let setup = Setup::signed_in();
    let mut disabled = webhook();
    disabled["enabled"] = json!(false);
    disabled["disabled_reason"] = json!("the receiver answered 410 Gone");
    let list = json!({"webhooks": [webhook(), disabled]});
    setup
        .service
        .respond_once("GET /webhooks?tenant=acme", 200, &list);
    let output = setup.run(["webhooks", "list", "--tenant", "acme"]);
    assert!(
        output.stdout.contains("enabled") && output.stdout.contains("disabled"),
        "{}",
        output.stdout
    );
    let deliveries = json!({"deliveries": [{
        "at": 6, "event_id": "test_1", "sequence": 0, "attempt": 1, "url": "https://a.example/", "request_bytes": 7,
        "status": 204,
    }, {
        "at": 5, "event_id": "e:1", "sequence": 9, "attempt": 2, "url": "https://a.example/", "request_bytes": 7,
        "problem": "no response within 15 seconds", "retry_at": 9,
    }]});
    let path = "GET /webhooks/acme.0123456789abcdef/deliveries";
    setup.service.respond_once(path, 200, &deliveries);
    let output = setup.run(["webhooks", "deliveries", "acme.0123456789abcdef"]);
    assert!(
        output.stdout.contains("no response within 15 seconds"),
        "{}",
        output.stdout
    );
    let test = output.stdout.lines().find(|line| line.contains("204"));
    assert!(
        test.is_some_and(|line| line.contains("test") && !line.contains(" 0 ")),
        "{}",
        output.stdout
    );
}
