//! `docket doctor`.

use serde_json::{Value, json};

use crate::setup::Setup;
use crate::web_sockets::serve_web_sockets;

#[test]
fn doctor_passes_every_check_of_a_working_setup() {
    let setup = Setup::signed_in();
    setup.service.state().web_socket = serve_web_sockets(vec![vec![
        json!({"type": "snapshot", "jobs": [], "more": false}),
    ]]);
    let output = setup.run(["doctor", "--json"]);
    let report: Value = output.json();
    let checks = report["checks"].as_array().unwrap();
    let states: Vec<_> = checks
        .iter()
        .map(|check| {
            (
                check["name"].as_str().unwrap(),
                check["state"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        states,
        [
            // The test creates the file without restricting its mode.
            ("configuration", "warn"),
            ("service", "ok"),
            ("clock", "ok"),
            ("sign-in", "ok"),
            ("signed in", "ok"),
            ("roles", "ok"),
            ("web socket", "ok"),
            ("uploads", "ok"),
        ],
        "{output:?}"
    );
    assert_eq!(output.code, Some(0));
    // The upload was deleted.
    assert!(setup.service.state().uploads.is_empty());
}

#[test]
fn doctor_prints_failed_checks_with_hints() {
    let setup = Setup::new();
    let output = setup.run(["--api", &setup.service.address(), "doctor"]);
    assert_eq!(output.code, Some(3), "{output:?}");
    assert!(output.stdout.contains("fail  signed in"), "{output:?}");
    assert!(output.stdout.contains("→ run `docket login`"), "{output:?}");
    let setup = Setup::signed_in();
    let date = vec![("date", "Mon, 01 Jan 2024 00:00:00 GMT".to_owned())];
    let answer = json!({"sign_in_url": format!("{}/sign-in", setup.service.address()), "client_id": "c", "web_socket_url": "ws://x"});
    setup
        .service
        .respond_once_with_headers("GET /configuration", 200, date, &answer);
    setup.service.respond_once(
        "GET /me",
        200,
        &json!({
            "actor": "ann", "roles": [], "tenants": [], "expires_at": 1, "pipelines": []
        }),
    );
    let output = setup.run(["doctor"]);
    assert!(output.stdout.contains("fail  clock"), "{output:?}");
    assert!(output.stdout.contains("fail  roles"), "{output:?}");
    assert_eq!(output.code, Some(1));
}
