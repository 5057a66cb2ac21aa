//! What a user, a company or a thief may try. Where Cognito or API Gateway must refuse, the test shows that our template asks
//! them to, as far as the emulator does it.

use serde_json::{Value, json};

use super::browser::{Browser, claims, parameter, tampered};
use super::stack::{CALLBACK, CompanyStack, run};
use super::{acme_user, later_second, strings};
use crate::api::{CUSTOMER, call_with_token};
use crate::support::until;

fn globex_user(company: &CompanyStack, name: &str, more: &Value) {
    let mut profile =
        json!({"name": name, "email": format!("{name}@globex.example"), "email_verified": true});
    for (key, value) in more.as_object().unwrap() {
        profile[key] = value.clone();
    }
    company.user("Globex", name, profile);
}

fn groups(token: &str) -> Vec<String> {
    let claims = claims(token);
    strings(&claims["cognito:groups"])
        .into_iter()
        .map(str::to_owned)
        .collect()
}

#[test]
fn company_can_give_only_the_groups_that_are_listed_for_it() {
    run(async |company| {
        // The same name of a group means what it means for Globex.
        globex_user(company, "hans", &json!({"roles": ["legal-reviewers"]}));
        let tokens = company.sign_in("Globex", "hans").await;
        assert_eq!(groups(&tokens.id), ["reviewer", "tenant:globex"]);
        let me = company.api(&tokens.id, "/me").await.json();
        assert_eq!(
            (&me["actor"], &me["tenants"]),
            (&json!("hans@globex.example"), &json!(["globex"]))
        );

        // Groups of Docket, a group of the other company, and claims that are named like Cognito's and ours.
        let forged = json!({
            "roles": ["support", "tenant:acme", "docket-helpdesk", "reviewer"],
            "groups": ["docket-helpdesk"],
            "cognito:groups": ["support"],
            "custom:company_groups": "{\"provider\":\"Acme\",\"groups\":[\"docket-helpdesk\"]}",
            "identities": "[{\"providerName\":\"Acme\",\"userId\":\"mallory\"}]",
        });
        globex_user(company, "mallory", &forged);
        let tokens = company.sign_in("Globex", "mallory").await;
        assert!(groups(&tokens.id).is_empty(), "{}", claims(&tokens.id));
        assert_eq!(company.api(&tokens.id, "/jobs").await.status, 403);
        // Where the operators allow it, a company gives support.
        acme_user(company, "sue", &["docket-helpdesk", "legal-reviewers"]);
        let sue = company.sign_in("Acme", "sue").await;
        assert_eq!(groups(&sue.id), ["reviewer", "support", "tenant:acme"]);
    });
}

#[test]
fn company_cannot_name_a_user_of_another_company() {
    run(async |company| {
        let forged = json!({"email": "rita@acme.example", "roles": ["legal-reviewers"]});
        globex_user(company, "nina", &forged);
        let tokens = company.sign_in("Globex", "nina").await;
        let me = company.api(&tokens.id, "/me").await.json();
        let actor = me["actor"].as_str().unwrap();
        assert_eq!(actor.to_lowercase(), "globex_nina", "{me}");
        assert_eq!(me["tenants"], json!(["globex"]));
    });
}

/// RFC 9700, 4.4: the answer of one provider is given to the sign-in that began at another.
#[test]
fn answer_of_another_provider_is_not_taken() {
    run(async |company| {
        acme_user(company, "mixa", &["docket-helpdesk", "legal-reviewers"]);
        globex_user(company, "mixa", &json!({"roles": ["legal-reviewers"]}));
        let back = format!("{}/oauth2/idpresponse", company.domain());
        let mut browser = Browser::new();
        let stopped = browser
            .sign_in(&company.authorize_url("Globex", &[]), "mixa", &back)
            .await;
        let code = parameter(&stopped.location.unwrap(), "code").unwrap();
        let first = Browser::new()
            .get(&company.authorize_url("Acme", &[]))
            .await;
        let state = parameter(&first.location.unwrap(), "state").unwrap();
        let mixed = Browser::new()
            .get(&format!("{back}?code={code}&state={state}"))
            .await;
        assert_eq!(mixed.status, 400, "{}", mixed.body);
        // The state is used up, too.
        let again = Browser::new()
            .get(&format!("{back}?code={code}&state={state}"))
            .await;
        assert_eq!(again.status, 400, "{}", again.body);
    });
}

#[test]
fn code_is_worth_nothing_twice_elsewhere_or_without_its_verifier() {
    run(async |company| {
        acme_user(company, "paul", &["legal-customers"]);
        let refused = async |code: &str, more: &[(&str, &str)]| {
            let answer = company.exchange(code, more).await;
            assert_eq!(answer.status, 400, "{more:?} {}", answer.body);
        };
        // PKCE in the emulator is the stand-in's (stack_sign_in.py); on AWS Cognito checks the verifier.
        let code = company.code("Acme", "paul").await;
        refused(
            &code,
            &[(
                "code_verifier",
                "another verifier of the same length, but of a thief",
            )],
        )
        .await;
        refused(&code, &[("code_verifier", "")]).await;
        let code = company.code("Acme", "paul").await;
        refused(
            &code,
            &[("redirect_uri", "http://127.0.0.1:28457/callback")],
        )
        .await;
        let code = company.code("Acme", "paul").await;
        refused(
            &code,
            &[("client_id", &company.stack.outputs.user_pool_client_id)],
        )
        .await;
        let code = company.code("Acme", "paul").await;
        assert_eq!(company.exchange(&code, &[]).await.status, 200);
        refused(&code, &[]).await;
        refused("never-issued", &[]).await;
        for (name, value) in [
            ("redirect_uri", "https://evil.example/callback"),
            (
                "redirect_uri",
                "http://127.0.0.1:18457/callback/../elsewhere",
            ),
            ("identity_provider", "Evil"),
        ] {
            let url = company.authorize_url("Acme", &[]);
            let wrong = url.replace(
                &format!(
                    "{name}={}",
                    super::browser::encoded(if name == "redirect_uri" {
                        CALLBACK
                    } else {
                        "Acme"
                    })
                ),
                &format!("{name}={}", super::browser::encoded(value)),
            );
            assert_ne!(url, wrong);
            let answer = Browser::new().get(&wrong).await;
            assert_eq!(answer.status, 400, "{name}={value}: {:?}", answer.location);
        }
    });
}

#[test]
fn token_of_another_kind_client_pool_or_signature_is_refused() {
    run(async |company| {
        acme_user(company, "vera", &["legal-reviewers"]);
        let tokens = company.sign_in("Acme", "vera").await;
        // An access token passes API Gateway: the client is the same. The function refuses it. So does the emulator's refresh
        // token, which is encrypted on AWS.
        assert_eq!(company.api(&tokens.access, "/me").await.status, 403);
        assert_eq!(company.api(&tokens.refresh, "/me").await.status, 403);
        for (token, why) in [
            (
                tampered(&tokens.id, |claims| {
                    claims["cognito:groups"] = json!(["support"])
                }),
                "other groups",
            ),
            (
                tampered(&tokens.id, |claims| {
                    claims["exp"] = json!(4_102_444_800_u64)
                }),
                "a later end",
            ),
            (
                tampered(&tokens.access, |claims| claims["token_use"] = json!("id")),
                "another kind",
            ),
            (token_of_another_pool(company).await, "another pool"),
            (String::new(), "none"),
        ] {
            assert_eq!(company.api(&token, "/me").await.status, 401, "{why}");
        }
        let password_client = company.stack.outputs.user_pool_client_id.as_str();
        let stolen = [
            ("grant_type", "refresh_token"),
            ("client_id", password_client),
            ("refresh_token", &tokens.refresh),
        ];
        assert_eq!(
            company.oauth("/oauth2/token", &stolen).await.status,
            400,
            "a refresh token belongs to its client"
        );
        let foreign = [
            ("token", tokens.refresh.as_str()),
            ("client_id", password_client),
        ];
        assert_eq!(company.oauth("/oauth2/revoke", &foreign).await.status, 400);
        assert_eq!(company.refresh(&tokens.refresh).await.status, 200);
    });
}

/// SECURITY.md says what a thief has of a refresh token, and how its user ends that.
#[test]
fn stolen_refresh_token_gives_the_users_rights_until_the_user_ends_all_sessions() {
    run(async |company| {
        acme_user(company, "stella", &["legal-customers"]);
        let tokens = company.sign_in("Acme", "stella").await;
        let stolen = tokens.refresh.clone();

        // It needs no secret and no browser, and gives what its user has.
        let first = company.refresh(&stolen).await.json();
        let by_the_thief = first["id_token"].as_str().unwrap().to_owned();
        let me = company.api(&by_the_thief, "/me").await.json();
        assert_eq!(me["actor"], "stella@acme.example");
        assert_eq!(me["roles"], json!(["customer"]));
        assert_eq!(company.api(&by_the_thief, "/jobs").await.status, 200);
        // No more than that: no other tenant, no role, no change of the account, and no later end than the first token's.
        for path in ["/jobs?tenant=globex", "/audit", "/webhooks"] {
            assert_eq!(company.api(&by_the_thief, path).await.status, 403, "{path}");
        }
        let change = json!({"AccessToken": first["access_token"], "UserAttributes": [{"Name": "name", "Value": "mallory"}]});
        let refused = company.user_pools("UpdateUserAttributes", change).await;
        assert!(refused.unwrap_err().contains("NotAuthorized"));
        assert!(first.get("refresh_token").is_none(), "{first}");

        // `docket logout --everywhere`, from another session of the user.
        let own = company.sign_in("Acme", "stella").await;
        later_second(company, "stella", &own).await;
        let ended = call_with_token(&company.stack, &own.id, "DELETE", "/me/sessions", None).await;
        assert_eq!(ended.status, 204);
        for token in [&stolen, &own.refresh] {
            let refused = company.refresh(token).await;
            assert_eq!(
                (refused.status, &refused.json()["error"]),
                (400, &json!("invalid_grant"))
            );
        }
        // An ID token that the thief has already is checked without Cognito, until it expires.
        assert_eq!(company.api(&by_the_thief, "/jobs").await.status, 200);
        // The user signs in again, and that does not help the thief.
        let again = company.sign_in("Acme", "stella").await;
        assert_eq!(company.refresh(&again.refresh).await.status, 200);
        assert_eq!(company.refresh(&stolen).await.status, 400);
    });
}

/// The same for a user with a password, whose tokens come from Cognito's own API.
#[test]
fn stolen_refresh_token_of_a_user_with_a_password_ends_with_all_sessions_too() {
    run(async |company| {
        let (name, password) = ("stefan@acme.example", "Correct-horse-battery-8");
        let call = async |operation: &str, input: Value| company.user_pools(operation, input).await;
        let attributes =
            json!([{"Name": "email", "Value": name}, {"Name": "email_verified", "Value": "true"}]);
        for (operation, input) in [
            (
                "AdminCreateUser",
                json!({"Username": name, "MessageAction": "SUPPRESS", "UserAttributes": attributes}),
            ),
            (
                "AdminSetUserPassword",
                json!({"Username": name, "Password": password, "Permanent": true}),
            ),
            (
                "AdminAddUserToGroup",
                json!({"Username": name, "GroupName": "customer"}),
            ),
            (
                "AdminAddUserToGroup",
                json!({"Username": name, "GroupName": "tenant:acme"}),
            ),
        ] {
            call(operation, input).await.unwrap();
        }
        let client = company.stack.outputs.user_pool_client_id.as_str();
        let sign_in = async || {
            let input = json!({"ClientId": client, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": {"USERNAME": name, "PASSWORD": password}});
            let answer = call("InitiateAuth", input).await.unwrap();
            let token = |name: &str| {
                answer["AuthenticationResult"][name]
                    .as_str()
                    .unwrap()
                    .to_owned()
            };
            (token("IdToken"), token("RefreshToken"))
        };
        let refresh = async |token: &str| {
            let input = json!({"ClientId": client, "AuthFlow": "REFRESH_TOKEN_AUTH", "AuthParameters": {"REFRESH_TOKEN": token}});
            call("InitiateAuth", input).await
        };
        let (id, stolen) = sign_in().await;
        let answer = refresh(&stolen).await.unwrap();
        let by_the_thief = answer["AuthenticationResult"]["IdToken"].as_str().unwrap();
        assert_eq!(groups(by_the_thief), ["customer", "tenant:acme"]);
        // The emulator compares whole seconds.
        let issued_at = claims(&id)["iat"].as_u64();
        until("a token of a later second", async || {
            let (later, _) = sign_in().await;
            (claims(&later)["iat"].as_u64() > issued_at).then_some(())
        })
        .await;
        let ended = call_with_token(&company.stack, &id, "DELETE", "/me/sessions", None).await;
        assert_eq!(ended.status, 204, "{:?}", ended.body);
        assert!(
            refresh(&stolen)
                .await
                .unwrap_err()
                .contains("NotAuthorized")
        );
        let (_, newer) = sign_in().await;
        refresh(&newer).await.unwrap();
    });
}

/// An ID token with Docket's groups, of a pool that is not Docket's.
async fn token_of_another_pool(company: &CompanyStack) -> String {
    let call = async |operation: &str, input: Value| {
        company.stack.user_pools(operation, input).await.unwrap()
    };
    let pool =
        call("CreateUserPool", json!({"PoolName": "another"})).await["UserPool"]["Id"].clone();
    let of_pool = |mut input: Value| {
        input["UserPoolId"] = pool.clone();
        input
    };
    let flows = json!({"ClientName": "users", "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]});
    let client =
        call("CreateUserPoolClient", of_pool(flows)).await["UserPoolClient"]["ClientId"].clone();
    let password = "Correct-horse-battery-7";
    call(
        "AdminCreateUser",
        of_pool(json!({"Username": "eve", "MessageAction": "SUPPRESS"})),
    )
    .await;
    call(
        "AdminSetUserPassword",
        of_pool(json!({"Username": "eve", "Password": password, "Permanent": true})),
    )
    .await;
    call("CreateGroup", of_pool(json!({"GroupName": "support"}))).await;
    call(
        "AdminAddUserToGroup",
        of_pool(json!({"Username": "eve", "GroupName": "support"})),
    )
    .await;
    let sign_in = json!({"ClientId": client, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": {"USERNAME": "eve", "PASSWORD": password}});
    let token = call("InitiateAuth", sign_in).await["AuthenticationResult"]["IdToken"].clone();
    assert_eq!(groups(token.as_str().unwrap()), ["support"]);
    token.as_str().unwrap().to_owned()
}

#[test]
fn attribute_of_the_groups_gives_nothing_to_who_writes_it() {
    run(async |company| {
        let value = json!([{"Name": "custom:company_groups", "Value": "{\"provider\":\"Acme\",\"groups\":[\"docket-helpdesk\"]}"}]);
        // A company's user has no token for Cognito's own API.
        globex_user(company, "wanda", &json!({"roles": ["legal-reviewers"]}));
        let tokens = company.sign_in("Globex", "wanda").await;
        let change = json!({"AccessToken": tokens.access, "UserAttributes": value});
        let refused = company.user_pools("UpdateUserAttributes", change).await;
        assert!(refused.unwrap_err().contains("NotAuthorized"));
        // Nor does it help if an operator writes it for a user: of another company, or with a password.
        let username = claims(&tokens.id)["cognito:username"].clone();
        let change = json!({"Username": username, "UserAttributes": value});
        company
            .user_pools("AdminUpdateUserAttributes", change)
            .await
            .unwrap();
        let refreshed = company.refresh(&tokens.refresh).await.json();
        assert!(groups(refreshed["id_token"].as_str().unwrap()).is_empty());
        let change = json!({"Username": CUSTOMER, "UserAttributes": value});
        company
            .user_pools("AdminUpdateUserAttributes", change)
            .await
            .unwrap();
        let token = company.stack.id_token(CUSTOMER).await.unwrap();
        assert_eq!(groups(&token), ["customer", "tenant:acme"]);
    });
}
