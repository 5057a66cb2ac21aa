//! Login, logout and token refresh.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::setup::Setup;

fn tokens(id: &str) -> Value {
    json!({"AuthenticationResult": {
        "IdToken": id, "AccessToken": "a", "RefreshToken": "refresh-1", "ExpiresIn": 3600, "TokenType": "Bearer"
    }, "ChallengeParameters": {}})
}

#[test]
fn login_stores_the_tokens_in_a_file_that_only_its_owner_can_read() {
    let setup = Setup::new();
    setup
        .service
        .respond_once("POST /sign-in", 200, &tokens("token-9"));
    let api = format!("{}/", setup.service.address());
    let output: crate::setup::CommandOutput = setup
        .command(["login", "--api", &api, "--email", "ann@example.com"])
        .env("DOCKET_PASSWORD", "s3cret-word")
        .output()
        .unwrap()
        .into();
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(
        output.stdout.contains("ann@example.com (customer; acme)"),
        "{output:?}"
    );
    let mode = std::fs::metadata(setup.session_path())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let kept = std::fs::read_to_string(setup.session_path()).unwrap();
    assert!(!format!("{kept}{}{}", output.stdout, output.stderr).contains("s3cret-word"));
    assert!(!format!("{}{}", output.stdout, output.stderr).contains("token-9"));
    let state = setup.service.state();
    let sent: Value = serde_json::from_slice(&state.requests[1].body).unwrap();
    assert_eq!(sent["AuthFlow"], "USER_PASSWORD_AUTH");
    assert_eq!(sent["AuthParameters"]["PASSWORD"], "s3cret-word");
    assert_eq!(
        state.requests[2].authorization.as_deref(),
        Some("Bearer token-9")
    );
    drop(state);
    // Later commands use the stored address.
    assert_eq!(setup.run(["whoami"]).code, Some(0));
}

#[test]
fn login_reads_the_password_from_standard_input_and_sets_a_new_one_if_required() {
    let setup = Setup::new();
    let challenge = json!({"ChallengeName": "NEW_PASSWORD_REQUIRED", "Session": "session-1", "ChallengeParameters": {}});
    setup.service.respond_once("POST /sign-in", 200, &challenge);
    setup
        .service
        .respond_once("POST /sign-in", 200, &tokens("token-9"));
    let mut child = setup
        .command([
            "login",
            "--api",
            &setup.service.address(),
            "--email",
            "ann@example.com",
        ])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"first\nsecond word\n")
        .unwrap();
    let output: crate::setup::CommandOutput = child.wait_with_output().unwrap().into();
    assert_eq!(output.code, Some(0), "{output:?}");
    let state = setup.service.state();
    let sent: Value = serde_json::from_slice(&state.requests[2].body).unwrap();
    assert_eq!(sent["Session"], "session-1");
    assert_eq!(
        sent["ChallengeResponses"],
        json!({"USERNAME": "ann@example.com", "NEW_PASSWORD": "second word"})
    );
}

#[test]
fn login_with_a_wrong_password_fails_with_the_message_of_cognito() {
    let setup = Setup::new();
    let refusal =
        json!({"__type": "NotAuthorizedException", "message": "Incorrect username or password."});
    setup.service.respond_once("POST /sign-in", 400, &refusal);
    let output: crate::setup::CommandOutput = setup
        .command([
            "login",
            "--api",
            &setup.service.address(),
            "--email",
            "a@example.com",
        ])
        .env("DOCKET_PASSWORD", "wrong")
        .output()
        .unwrap()
        .into();
    assert_eq!(output.code, Some(3));
    assert!(
        output
            .stderr
            .starts_with("docket: Incorrect username or password."),
        "{output:?}"
    );
    assert!(!setup.session_path().exists());
}

#[test]
fn command_without_a_sign_in_fails_with_a_hint_to_log_in() {
    let setup = Setup::new();
    let output = setup.run(["--api", &setup.service.address(), "jobs", "list"]);
    assert_eq!(output.code, Some(3));
    assert!(output.stderr.contains("run `docket login`"), "{output:?}");
    assert!(setup.service.state().requests.is_empty());
    let output = setup.run(["jobs", "list"]);
    assert_eq!(output.code, Some(2));
    assert!(
        output.stderr.contains("docket login --api URL"),
        "{output:?}"
    );
}

#[test]
fn token_is_not_sent_to_another_service() {
    let setup = Setup::signed_in();
    let other = Setup::new();
    let output = setup.run(["--api", &other.service.address(), "whoami"]);
    assert_eq!(output.code, Some(3), "{output:?}");
    assert!(other.service.state().requests.is_empty());
}

#[test]
fn expired_token_is_refreshed_silently() {
    let setup = Setup::signed_in();
    setup.save_session("token-old", 1);
    let answer = json!({"AuthenticationResult": {"IdToken": "token-new", "ExpiresIn": 3600}});
    setup.service.respond_once("POST /sign-in", 200, &answer);
    let output = setup.run(["whoami"]);
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
    let state = setup.service.state();
    let sent: Value = serde_json::from_slice(&state.requests[0].body).unwrap();
    assert_eq!(sent["AuthFlow"], "REFRESH_TOKEN_AUTH");
    assert_eq!(
        state.requests[1].authorization.as_deref(),
        Some("Bearer token-new")
    );
    assert_eq!(setup.session()["id_token"], "token-new");
    // Cognito sends no new refresh token here, so the old one stays.
    assert_eq!(setup.session()["refresh_token"], "refresh-1");
}

#[test]
fn rejected_token_is_refreshed_and_the_request_sent_again() {
    let setup = Setup::signed_in();
    setup
        .service
        .respond_once("GET /me", 401, &json!({"message": "Unauthorized"}));
    setup
        .service
        .respond_once("POST /sign-in", 200, &tokens("token-2"));
    let output = setup.run(["whoami"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    let state = setup.service.state();
    let sent: Vec<_> = state
        .requests
        .iter()
        .map(|request| request.authorization.as_deref())
        .collect();
    assert_eq!(sent, [Some("Bearer token-1"), None, Some("Bearer token-2")]);
}

#[test]
fn command_fails_with_a_hint_to_log_in_if_the_token_cannot_be_refreshed() {
    let setup = Setup::signed_in();
    setup
        .service
        .respond_once("GET /me", 401, &json!({"message": "Unauthorized"}));
    let refusal =
        json!({"__type": "NotAuthorizedException", "message": "Refresh Token has expired"});
    setup.service.respond_once("POST /sign-in", 400, &refusal);
    let output = setup.run(["whoami"]);
    assert_eq!(output.code, Some(3));
    assert!(
        output.stderr.contains("Refresh Token has expired"),
        "{output:?}"
    );
    assert!(output.stderr.contains("run `docket login`"), "{output:?}");
}

#[test]
fn logout_deletes_the_sign_in_and_revokes_the_refresh_token() {
    let setup = Setup::signed_in();
    setup.service.respond_once("POST /sign-in", 200, &json!({}));
    let output = setup.run(["logout"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(setup.session().is_null());
    let sent: Value = serde_json::from_slice(&setup.service.state().requests[0].body).unwrap();
    assert_eq!(sent["Token"], "refresh-1");
    assert_eq!(setup.run(["whoami"]).code, Some(3));
}

#[test]
fn login_asks_for_the_code_of_the_authenticator_app() {
    let setup = Setup::new();
    let challenge = json!({"ChallengeName": "SOFTWARE_TOKEN_MFA", "Session": "session-1", "ChallengeParameters": {}});
    setup.service.respond_once("POST /sign-in", 200, &challenge);
    setup
        .service
        .respond_once("POST /sign-in", 200, &tokens("token-9"));
    let api = setup.service.address();
    let output: crate::setup::CommandOutput = setup
        .command(["login", "--api", &api, "--email", "ann@example.com"])
        .env("DOCKET_PASSWORD", "s3cret-word")
        .env("DOCKET_CODE", "123456")
        .output()
        .unwrap()
        .into();
    assert_eq!(output.code, Some(0), "{output:?}");
    let state = setup.service.state();
    let sent: Value = serde_json::from_slice(&state.requests[2].body).unwrap();
    assert_eq!(sent["ChallengeName"], "SOFTWARE_TOKEN_MFA");
    assert_eq!(
        sent["ChallengeResponses"],
        json!({"USERNAME": "ann@example.com", "SOFTWARE_TOKEN_MFA_CODE": "123456"})
    );
}

/// Runs a command about the own sign-in and returns what it sent to Cognito, without the sign-in itself.
fn sent_to_cognito(arguments: [&str; 2], answers: &[Value]) -> Vec<Value> {
    let setup = Setup::new();
    for answer in answers {
        setup.service.respond_once("POST /sign-in", 200, answer);
    }
    let api = setup.service.address();
    let output: crate::setup::CommandOutput = setup
        .command(arguments)
        .args(["--api", &api, "--email", "ann@example.com"])
        .env("DOCKET_PASSWORD", "old pass phrase")
        .env("DOCKET_NEW_PASSWORD", "new pass phrase")
        .env("DOCKET_CODE", "654321")
        .output()
        .unwrap()
        .into();
    assert_eq!(output.code, Some(0), "{output:?}");
    let state = setup.service.state();
    let sent = state.requests.iter().map(|request| &request.body);
    let bodies = sent.filter_map(|body| serde_json::from_slice::<Value>(body).ok());
    bodies
        .filter(|body| body.is_object() && body.get("AuthFlow").is_none())
        .collect()
}

#[test]
fn password_is_changed_with_the_current_one_and_reset_with_a_code() {
    let change = sent_to_cognito(["password", "change"], &[tokens("token-9"), json!({})]);
    let expected = json!({"AccessToken": "a", "PreviousPassword": "old pass phrase", "ProposedPassword": "new pass phrase"});
    assert_eq!(change, [expected]);
    let forgot = sent_to_cognito(["password", "forgot"], &[json!({}), json!({})]);
    assert_eq!(forgot[0]["Username"], "ann@example.com");
    assert_eq!(forgot[1]["ConfirmationCode"], "654321");
    assert_eq!(forgot[1]["Password"], "new pass phrase");
}

#[test]
fn authenticator_counts_only_after_a_code_of_the_app() {
    let key = json!({"SecretCode": "JBSWY3DPEHPK3PXP", "Session": "s"});
    let on = sent_to_cognito(
        ["authenticator", "on"],
        &[
            tokens("token-9"),
            key,
            json!({"Status": "SUCCESS"}),
            json!({}),
        ],
    );
    assert_eq!(on[0], json!({"AccessToken": "a"}));
    assert_eq!(on[1], json!({"AccessToken": "a", "UserCode": "654321"}));
    assert_eq!(on[2]["SoftwareTokenMfaSettings"]["Enabled"], true);
    let off = sent_to_cognito(["authenticator", "off"], &[tokens("token-9"), json!({})]);
    assert_eq!(off[0]["SoftwareTokenMfaSettings"]["Enabled"], false);
}
