//! `docket digests`.

use serde_json::{Value, json};

use crate::setup::Setup;

fn view(enabled: bool) -> Value {
    json!({
        "tenant": "acme", "available": true, "address": "ana@acme.example", "enabled": enabled, "scope": "own",
        "ready": true, "failed": true, "include_names": false,
    })
}

#[test]
fn digests_commands_send_what_they_say() {
    let setup = Setup::signed_in();
    let mut all = view(true);
    all["scope"] = json!("tenant");
    let names = json!({"tenant": "acme", "include_names": true});
    for (arguments, request, response, body, printed) in [
        (
            vec!["on"],
            "POST /me/digests",
            view(true),
            json!({"enabled": true}),
            "ana@acme.example",
        ),
        (
            vec!["on", "--scope", "tenant", "--ready", "false"],
            "POST /me/digests",
            all,
            json!({"enabled": true, "scope": "tenant", "ready": false}),
            "all of the tenant",
        ),
        (
            vec!["off", "--tenant", "acme"],
            "POST /me/digests",
            view(false),
            json!({"enabled": false, "tenant": "acme"}),
            "off",
        ),
        (
            vec!["names", "acme", "true", "--reason", "they asked"],
            "POST /tenants/acme/digests",
            names,
            json!({"include_names": true, "reason": "they asked"}),
            "yes",
        ),
    ] {
        setup.service.respond_once(request, 200, &response);
        let output = setup.run([vec!["digests"], arguments].concat());
        assert_eq!(output.code, Some(0), "{}", output.stderr);
        assert!(output.stdout.contains(printed), "{}", output.stdout);
        let sent = setup.service.state().requests.pop().unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&sent.body).unwrap(), body);
    }
}

#[test]
fn digests_show_says_why_there_are_none() {
    let setup = Setup::signed_in();
    let mut off = view(false);
    off["available"] = json!(false);
    off["unavailable_reason"] = json!("this deployment sends no e-mail");
    off["off_reason"] = json!("mail to your address came back");
    setup.service.respond_once("GET /me/digests", 200, &off);
    let output = setup.run(["digests", "show"]);
    assert!(
        output.stdout.contains("sends no e-mail"),
        "{}",
        output.stdout
    );
    assert!(output.stdout.contains("came back"), "{}", output.stdout);
    setup.service.respond_once("GET /me/digests", 200, &off);
    let output = setup.run(["digests", "show", "--json"]);
    assert_eq!(
        serde_json::from_str::<Value>(&output.stdout).unwrap()["enabled"],
        json!(false)
    );
}
