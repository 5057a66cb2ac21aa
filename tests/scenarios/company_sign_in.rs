//! Companies sign their users in: with the code flow and PKCE at the user pool's domain, through two providers that run on this
//! machine (npm `oidc-provider`), with the function that ships between them and the token.
//!
//! What the emulator does instead of Cognito is in `crates/devstack/python/stack_sign_in.py`. So these tests show what Docket's
//! template, function and API make of a sign-in. They do not show that Cognito checks a provider's signature, issuer,
//! audience and nonce: it documents that, and nothing of ours could.

mod attacks;
mod browser;
mod machines;
mod saml;
mod stack;

use serde_json::{Value, json};

use crate::api::call_with_token;
use crate::support::until;
use browser::claims;
use stack::{CompanyStack, Tokens, run};

/// A user of Acme with these groups of the company.
fn acme_user(stack: &CompanyStack, name: &str, groups: &[&str]) {
    let profile = json!({"name": name, "email": format!("{name}@acme.example"), "email_verified": true, "groups": groups});
    stack.user("Acme", name, profile);
}

fn strings(value: &Value) -> Vec<&str> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

#[test]
fn user_signs_in_by_the_company_works_and_signs_out() {
    run(async |company| {
        acme_user(company, "rita", &["everyone", "legal-reviewers"]);
        let tokens = company.sign_in("Acme", "rita").await;
        let id = claims(&tokens.id);
        assert_eq!(strings(&id["cognito:groups"]), ["reviewer", "tenant:acme"]);
        assert_eq!(id["aud"], company.client_id());
        assert_eq!(id["nonce"], "nonce-of-the-client");
        assert_eq!(id["email"], "rita@acme.example");
        assert!(id.get("custom:company_groups").is_none(), "{id}");
        let access = claims(&tokens.access);
        let scopes = access["scope"].as_str().unwrap();
        assert!(
            !scopes.contains("aws.cognito.signin.user.admin"),
            "{scopes}"
        );

        let me = company.api(&tokens.id, "/me").await.json();
        assert_eq!(me["actor"], "rita@acme.example");
        assert_eq!(
            (&me["roles"], &me["tenants"]),
            (&json!(["reviewer"]), &json!(["acme"]))
        );
        assert_eq!(company.api(&tokens.id, "/jobs").await.status, 200);
        assert_eq!(company.api(&tokens.id, "/audit").await.status, 403);
        let ticket = call_with_token(
            &company.stack,
            &tokens.id,
            "POST",
            "/ws-tickets",
            Some(json!({})),
        )
        .await;
        let url = ticket.json()["url"].as_str().unwrap().to_owned();
        let (_, secret) = url.split_once("ticket=").unwrap();
        company.stack.connect(secret).await.unwrap();

        let refreshed = company.refresh(&tokens.refresh).await;
        let newer = refreshed.json()["id_token"].as_str().unwrap().to_owned();
        assert_eq!(
            strings(&claims(&newer)["cognito:groups"]),
            ["reviewer", "tenant:acme"]
        );
        assert_eq!(company.api(&newer, "/jobs").await.status, 200);

        let fields = [
            ("token", tokens.refresh.as_str()),
            ("client_id", company.client_id()),
        ];
        assert_eq!(company.oauth("/oauth2/revoke", &fields).await.status, 200);
        let stolen = company.refresh(&tokens.refresh).await;
        assert_eq!(
            (stolen.status, &stolen.json()["error"]),
            (400, &json!("invalid_grant"))
        );
        // An ID token stays valid until it expires: it is checked without a call to Cognito (docs/deploy.md).
        assert_eq!(company.api(&newer, "/jobs").await.status, 200);
    });
}

#[test]
fn configuration_offers_the_companies() {
    run(async |company| {
        let found = company.api("", "/configuration").await.json()["company_sign_in"].clone();
        assert_eq!(found["url"], company.domain());
        assert_eq!(found["client_id"], company.client_id());
        acme_user(company, "carl", &["legal-customers"]);
        let tokens = company.sign_in("Acme", "carl").await;
        assert_eq!(found["issuer"], claims(&tokens.id)["iss"]);
        let names: Vec<&str> = found["providers"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|one| one["name"].as_str())
            .collect();
        assert_eq!(names, ["Acme", "Globex", "Initech"]);
    });
}

#[test]
fn group_that_the_company_took_away_ends_with_the_next_sign_in() {
    run(async |company| {
        acme_user(company, "lena", &["legal-reviewers"]);
        let before = company.sign_in("Acme", "lena").await;
        let profile = json!({"name": "lena", "email": "lena@acme.example", "email_verified": true});
        company.user("Acme", "lena", profile);
        // Cognito does not ask the company at a refresh: the refresh token's eight hours are the bound.
        let refreshed = company.refresh(&before.refresh).await.json();
        assert_eq!(
            strings(&claims(refreshed["id_token"].as_str().unwrap())["cognito:groups"]),
            ["reviewer", "tenant:acme"]
        );
        // The claim is missing altogether, and the attribute must not stay as it was.
        let after = company.sign_in("Acme", "lena").await;
        assert!(strings(&claims(&after.id)["cognito:groups"]).is_empty());
        let refused = company.api(&after.id, "/jobs").await;
        assert_eq!(refused.status, 403);
        let detail = refused.json()["detail"].as_str().unwrap().to_owned();
        assert!(
            detail.contains("Acme Corporation sent no groups"),
            "{detail}"
        );
        let again = company.refresh(&before.refresh).await.json();
        assert!(strings(&claims(again["id_token"].as_str().unwrap())["cognito:groups"]).is_empty());
    });
}

#[test]
fn user_of_a_group_that_was_renamed_is_told_what_arrived() {
    run(async |company| {
        acme_user(company, "ria", &["legal-reviewers-2027", "everyone"]);
        let tokens = company.sign_in("Acme", "ria").await;
        let refused = company.api(&tokens.id, "/me").await;
        assert_eq!(refused.status, 403);
        let detail = refused.json()["detail"].as_str().unwrap().to_owned();
        for part in [
            "everyone, legal-reviewers-2027",
            "Acme Corporation",
            "infra/sign-in.toml",
        ] {
            assert!(detail.contains(part), "{detail}");
        }
        assert!(
            !detail.contains("Globex") && !detail.contains("legal-customers"),
            "{detail}"
        );
    });
}

/// Waits until the emulator issues a token of a later second, since it compares whole seconds.
async fn later_second(company: &CompanyStack, user: &str, than: &Tokens) {
    let issued_at = |tokens: &Tokens| claims(&tokens.id)["iat"].as_u64().unwrap();
    until("a token of a later second", async || {
        let later = company.sign_in("Acme", user).await;
        (issued_at(&later) > issued_at(than)).then_some(())
    })
    .await;
}

#[test]
fn administrator_ends_all_sessions_of_a_user() {
    run(async |company| {
        acme_user(company, "otto", &["legal-customers"]);
        let one = company.sign_in("Acme", "otto").await;
        let two = company.sign_in("Acme", "otto").await;
        later_second(company, "otto", &two).await;
        let user = json!({"Username": claims(&one.id)["cognito:username"]});
        company
            .user_pools("AdminUserGlobalSignOut", user)
            .await
            .unwrap();
        for tokens in [&one, &two] {
            assert_eq!(company.refresh(&tokens.refresh).await.status, 400);
        }
        let new = company.sign_in("Acme", "otto").await;
        assert_eq!(company.refresh(&new.refresh).await.status, 200);
    });
}

#[test]
fn user_ends_all_own_sessions_and_no_others() {
    run(async |company| {
        acme_user(company, "olga", &["legal-customers"]);
        acme_user(company, "omar", &["legal-customers"]);
        let one = company.sign_in("Acme", "olga").await;
        let two = company.sign_in("Acme", "olga").await;
        let other = company.sign_in("Acme", "omar").await;
        later_second(company, "olga", &two).await;
        let ended = call_with_token(&company.stack, &one.id, "DELETE", "/me/sessions", None).await;
        assert_eq!(ended.status, 204);
        for tokens in [&one, &two] {
            assert_eq!(company.refresh(&tokens.refresh).await.status, 400);
        }
        assert_eq!(company.refresh(&other.refresh).await.status, 200);
    });
}

#[test]
fn digests_are_refused_to_company_users_with_the_reason() {
    run(async |company| {
        acme_user(company, "dora", &["legal-customers"]);
        let tokens = company.sign_in("Acme", "dora").await;
        let refused = company.api(&tokens.id, "/me/digests").await;
        assert_eq!(refused.status, 403);
        let detail = refused.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("your company signs you in"), "{detail}");
    });
}
