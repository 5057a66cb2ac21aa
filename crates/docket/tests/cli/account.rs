//! Signing in and staying signed in.

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
fn a_sign_in_is_kept_where_only_its_owner_can_read_it() {
    let setup = Setup::new();
    setup
        .server
        .script("POST /sign-in", 200, &tokens("token-9"));
    let api = format!("{}/", setup.server.address());
    let ran: crate::setup::Ran = setup
        .command(["login", "--api", &api, "--email", "ann@example.com"])
        .env("DOCKET_PASSWORD", "s3cret-word")
        .output()
        .unwrap()
        .into();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(
        ran.out.contains("ann@example.com (customer; acme)"),
        "{ran:?}"
    );
    let mode = std::fs::metadata(setup.session_path())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let kept = std::fs::read_to_string(setup.session_path()).unwrap();
    assert!(!format!("{kept}{}{}", ran.out, ran.err).contains("s3cret-word"));
    assert!(!format!("{}{}", ran.out, ran.err).contains("token-9"));
    let world = setup.server.world();
    let sent: Value = serde_json::from_slice(&world.asked[1].body).unwrap();
    assert_eq!(sent["AuthFlow"], "USER_PASSWORD_AUTH");
    assert_eq!(sent["AuthParameters"]["PASSWORD"], "s3cret-word");
    assert_eq!(
        world.asked[2].authorization.as_deref(),
        Some("Bearer token-9")
    );
    drop(world);
    // From now on the address need not be said.
    assert_eq!(setup.run(["whoami"]).code, Some(0));
}

#[test]
fn a_password_comes_from_standard_input_and_is_replaced_where_it_must_be() {
    let setup = Setup::new();
    let challenge = json!({"ChallengeName": "NEW_PASSWORD_REQUIRED", "Session": "session-1", "ChallengeParameters": {}});
    setup.server.script("POST /sign-in", 200, &challenge);
    setup
        .server
        .script("POST /sign-in", 200, &tokens("token-9"));
    let mut child = setup
        .command([
            "login",
            "--api",
            &setup.server.address(),
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
    let ran: crate::setup::Ran = child.wait_with_output().unwrap().into();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let world = setup.server.world();
    let sent: Value = serde_json::from_slice(&world.asked[2].body).unwrap();
    assert_eq!(sent["Session"], "session-1");
    assert_eq!(
        sent["ChallengeResponses"],
        json!({"USERNAME": "ann@example.com", "NEW_PASSWORD": "second word"})
    );
}

#[test]
fn a_wrong_password_is_said() {
    let setup = Setup::new();
    let refusal =
        json!({"__type": "NotAuthorizedException", "message": "Incorrect username or password."});
    setup.server.script("POST /sign-in", 400, &refusal);
    let ran: crate::setup::Ran = setup
        .command([
            "login",
            "--api",
            &setup.server.address(),
            "--email",
            "a@example.com",
        ])
        .env("DOCKET_PASSWORD", "wrong")
        .output()
        .unwrap()
        .into();
    assert_eq!(ran.code, Some(3));
    assert!(
        ran.err
            .starts_with("docket: Incorrect username or password."),
        "{ran:?}"
    );
    assert!(!setup.session_path().exists());
}

#[test]
fn nobody_signed_in_is_told_to_sign_in() {
    let setup = Setup::new();
    let ran = setup.run(["--api", &setup.server.address(), "jobs", "list"]);
    assert_eq!(ran.code, Some(3));
    assert!(ran.err.contains("run `docket login`"), "{ran:?}");
    assert!(setup.server.world().asked.is_empty());
    let ran = setup.run(["jobs", "list"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("docket login --api URL"), "{ran:?}");
}

#[test]
fn tokens_go_to_the_service_that_they_were_made_for() {
    let setup = Setup::signed_in();
    let other = Setup::new();
    let ran = setup.run(["--api", &other.server.address(), "whoami"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(other.server.world().asked.is_empty());
}

#[test]
fn a_sign_in_that_has_ended_is_renewed_without_a_word() {
    let setup = Setup::signed_in();
    setup.save_session("token-old", 1);
    let answer = json!({"AuthenticationResult": {"IdToken": "token-new", "ExpiresIn": 3600}});
    setup.server.script("POST /sign-in", 200, &answer);
    let ran = setup.run(["whoami"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    let world = setup.server.world();
    let sent: Value = serde_json::from_slice(&world.asked[0].body).unwrap();
    assert_eq!(sent["AuthFlow"], "REFRESH_TOKEN_AUTH");
    assert_eq!(
        world.asked[1].authorization.as_deref(),
        Some("Bearer token-new")
    );
    assert_eq!(setup.session()["id_token"], "token-new");
    // Cognito sends no other one.
    assert_eq!(setup.session()["refresh_token"], "refresh-1");
}

#[test]
fn a_token_that_is_refused_is_renewed_and_the_order_sent_again() {
    let setup = Setup::signed_in();
    setup
        .server
        .script("GET /me", 401, &json!({"message": "Unauthorized"}));
    setup
        .server
        .script("POST /sign-in", 200, &tokens("token-2"));
    let ran = setup.run(["whoami"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let world = setup.server.world();
    let sent: Vec<_> = world
        .asked
        .iter()
        .map(|asked| asked.authorization.as_deref())
        .collect();
    assert_eq!(sent, [Some("Bearer token-1"), None, Some("Bearer token-2")]);
}

#[test]
fn a_sign_in_that_cannot_be_renewed_is_over() {
    let setup = Setup::signed_in();
    setup
        .server
        .script("GET /me", 401, &json!({"message": "Unauthorized"}));
    let refusal =
        json!({"__type": "NotAuthorizedException", "message": "Refresh Token has expired"});
    setup.server.script("POST /sign-in", 400, &refusal);
    let ran = setup.run(["whoami"]);
    assert_eq!(ran.code, Some(3));
    assert!(ran.err.contains("Refresh Token has expired"), "{ran:?}");
    assert!(ran.err.contains("run `docket login`"), "{ran:?}");
}

#[test]
fn signing_out_forgets_and_revokes() {
    let setup = Setup::signed_in();
    setup.server.script("POST /sign-in", 200, &json!({}));
    let ran = setup.run(["logout"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(setup.session().is_null());
    let sent: Value = serde_json::from_slice(&setup.server.world().asked[0].body).unwrap();
    assert_eq!(sent["Token"], "refresh-1");
    assert_eq!(setup.run(["whoami"]).code, Some(3));
}
