//! Refresh and end of a company's sign-in, and the sign-in of programs.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::company::acme;
use crate::fake_domain::CLIENT;
use crate::setup::{CommandOutput, Setup};

const FIRST: &str = "0190a5c1-0000-7000-8000-000000000001";
const SECOND: &str = "0190a5c1-0000-7000-8000-000000000002";

/// Stores a sign-in by the company.
fn save_session(setup: &Setup, expires_at: u64) {
    setup.save_session("", expires_at);
    let path = setup.session_path();
    let mut all: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let api = setup.service.address();
    let mut state = setup.service.state();
    state.domain.refresh_tokens.insert("refresh-1".to_owned());
    let session = &mut all["sign_ins"][&api];
    session["client_id"] = CLIENT.into();
    session["domain_url"] = format!("{api}/domain").into();
    session["id_token"] = state.domain.id_token(Some("n".to_owned())).into();
    std::fs::write(path, all.to_string()).unwrap();
}

#[test]
fn token_of_a_company_sign_in_is_refreshed_at_the_token_endpoint() {
    let setup = acme();
    save_session(&setup, 1);
    let output = setup.run(["whoami"]);
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
    let state = setup.service.state();
    assert_eq!(state.requests[0].request_line, "POST /domain/oauth2/token");
    drop(state);
    assert!(setup.session()["expires_at"].as_u64() > Some(1));
    assert_eq!(setup.session()["refresh_token"], "refresh-1");
}

#[test]
fn refreshed_token_of_another_user_and_a_revoked_refresh_token_end_the_sign_in() {
    let setup = acme();
    save_session(&setup, 1);
    setup.service.state().domain.claims = vec![("sub", json!("acme_bob"))];
    let output = setup.run(["whoami"]);
    assert_eq!(output.code, Some(3), "{output:?}");
    assert!(
        output.stderr.contains("it is of another user"),
        "{output:?}"
    );
    assert_eq!(setup.service.state().count("GET /me"), 0);
    setup.service.state().domain.refresh_tokens.clear();
    let output = setup.run(["whoami"]);
    assert_eq!(output.code, Some(3), "{output:?}");
    assert!(output.stderr.contains("run `docket login`"), "{output:?}");
}

#[test]
fn user_in_no_group_that_gives_something_is_told_what_to_do_next() {
    let setup = acme();
    save_session(&setup, u64::MAX / 2);
    let detail = "ann@acme.example has no role with a tenant here (Acme sent no groups)";
    setup.service.fail_once("GET /me", 403, "forbidden", detail);
    let output = setup.run(["whoami"]);
    assert_eq!(output.code, Some(3), "{output:?}");
    assert!(output.stderr.contains("Acme sent no groups"), "{output:?}");
    assert!(
        output.stderr.contains("run `docket login` again"),
        "{output:?}"
    );
}

#[test]
fn logout_revokes_a_company_sign_in_and_everywhere_ends_all() {
    let setup = acme();
    save_session(&setup, u64::MAX / 2);
    let output = setup.run(["logout"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(setup.session().is_null());
    assert!(setup.service.state().domain.refresh_tokens.is_empty());
    assert_eq!(setup.service.state().count("DELETE /me/sessions"), 0);
    save_session(&setup, u64::MAX / 2);
    setup
        .service
        .respond_once("DELETE /me/sessions", 204, &json!({}));
    let output = setup.run(["logout", "--everywhere"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.stdout.contains("on all devices"), "{output:?}");
    assert!(setup.session().is_null());
}

#[test]
fn sign_in_that_cannot_be_ended_everywhere_is_ended_here() {
    let setup = acme();
    save_session(&setup, u64::MAX / 2);
    let detail = "the user pool did not say";
    setup
        .service
        .fail_once("DELETE /me/sessions", 409, "refused", detail);
    let output = setup.run(["logout", "--everywhere"]);
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(
        output
            .stderr
            .contains("signed out here, but not everywhere"),
        "{output:?}"
    );
    assert!(setup.session().is_null());
    assert!(setup.service.state().domain.refresh_tokens.is_empty());
}

#[test]
fn logout_everywhere_ends_all_sign_ins_with_a_password() {
    let setup = Setup::signed_in();
    setup
        .service
        .respond_once("DELETE /me/sessions", 204, &json!({}));
    let output = setup.run(["logout", "--everywhere"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert_eq!(setup.service.state().count("DELETE /me/sessions"), 1);
    assert!(setup.session().is_null());
    let output = setup.run(["logout", "--everywhere"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.stdout.contains("not signed in"), "{output:?}");
    assert_eq!(setup.service.state().count("DELETE /me/sessions"), 1);
}

fn as_machine(setup: &Setup, id: &str, secret: &str, arguments: &[&str]) -> CommandOutput {
    setup
        .command(arguments)
        .env("DOCKET_API", setup.service.address())
        .env("DOCKET_CLIENT_ID", id)
        .env("DOCKET_CLIENT_SECRET", secret)
        .output()
        .unwrap()
        .into()
}

fn with_machines() -> Setup {
    let setup = Setup::new();
    setup.service.state().domain.has_machines = true;
    setup
}

#[test]
fn program_signs_in_with_its_client_id_and_secret_once_for_many_commands() {
    let setup = with_machines();
    // The service refuses the first token, so the program fetches another one.
    setup
        .service
        .respond_once("GET /me", 401, &json!({"message": "Unauthorized"}));
    let output = as_machine(&setup, "ci", "a secret: 100%", &["whoami"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    let state = setup.service.state();
    let sent = state
        .requests
        .iter()
        .filter(|request| request.request_line == "GET /me");
    let tokens: Vec<_> = sent
        .map(|request| request.authorization.as_deref().unwrap())
        .collect();
    assert_eq!(tokens, ["Bearer machine-1", "Bearer machine-2"]);
    drop(state);
    // One token is enough for all requests of all commands, until it expires.
    let output = as_machine(
        &setup,
        "ci",
        "a secret: 100%",
        &["jobs", "cancel", "--reason", "r", FIRST, SECOND],
    );
    assert_eq!(output.code, Some(4), "{output:?}");
    let signed_in = || setup.service.state().count("POST /domain/oauth2/token");
    assert_eq!(signed_in(), 2);
    assert!(!setup.session_path().exists());
    let path = setup.session_path().with_file_name("program-tokens.json");
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains("a secret"), "{text}");
    // A token is that of one secret.
    let output = as_machine(&setup, "ci", "another", &["whoami"]);
    assert_eq!(output.code, Some(3), "{output:?}");
    assert_eq!(signed_in(), 3);
    let mut tokens: BTreeMap<String, Value> = serde_json::from_str(&text).unwrap();
    for token in tokens.values_mut() {
        token["expires_at"] = json!(1);
    }
    std::fs::write(&path, serde_json::to_vec(&tokens).unwrap()).unwrap();
    for _ in 0..2 {
        let output = as_machine(&setup, "ci", "a secret: 100%", &["whoami"]);
        assert_eq!(output.code, Some(0), "{output:?}");
        assert_eq!(signed_in(), 4, "an expired token is replaced");
    }
    // So is a damaged file.
    std::fs::write(&path, "{").unwrap();
    let output = as_machine(&setup, "ci", "a secret: 100%", &["whoami"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert_eq!(signed_in(), 5);
}

#[test]
fn program_is_told_what_is_wrong_with_its_sign_in() {
    let setup = with_machines();
    let output = as_machine(&setup, "ci", "wrong", &["whoami"]);
    assert_eq!(output.code, Some(3), "{output:?}");
    assert!(output.stderr.contains("invalid_client"), "{output:?}");
    assert!(
        output.stderr.contains("check DOCKET_CLIENT_ID"),
        "{output:?}"
    );
    assert!(!output.stderr.contains("wrong"), "{output:?}");
    let output = as_machine(&setup, "ci", "", &["whoami"]);
    assert_eq!(output.code, Some(2), "{output:?}");
    assert!(
        output.stderr.contains("DOCKET_CLIENT_SECRET is not"),
        "{output:?}"
    );
    let output = as_machine(&setup, "ci", "s", &["login", "--email", "a@example.com"]);
    assert_eq!(output.code, Some(2), "{output:?}");
    let without = Setup::new();
    let output = as_machine(&without, "ci", "s", &["whoami"]);
    assert_eq!(output.code, Some(2), "{output:?}");
    assert!(
        output.stderr.contains("no clients for programs"),
        "{output:?}"
    );
}
