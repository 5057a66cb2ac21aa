//! Programs that sign in by themselves: OAuth 2.0 client credentials with the scopes that the template gave them.

use serde_json::{Value, json};

use super::browser::{Browser, claims};
use super::stack::{CALLBACK, CompanyStack, run};
use super::{acme_user, strings};
use crate::api::call_with_token;

/// A machine client's id and secret, as an operator finds them (docs/deploy.md).
async fn credentials(company: &CompanyStack, name: &str) -> (String, String) {
    let listed = company
        .user_pools("ListUserPoolClients", json!({"MaxResults": 60}))
        .await
        .unwrap();
    let clients = listed["UserPoolClients"].as_array().unwrap();
    let client = clients
        .iter()
        .find(|client| client["ClientName"] == name)
        .unwrap();
    let id = client["ClientId"].as_str().unwrap().to_owned();
    let described = company
        .user_pools("DescribeUserPoolClient", json!({"ClientId": id}))
        .await
        .unwrap();
    let secret = described["UserPoolClient"]["ClientSecret"]
        .as_str()
        .unwrap()
        .to_owned();
    (id, secret)
}

async fn token(
    company: &CompanyStack,
    client: &(String, String),
    more: &[(&str, &str)],
) -> Result<String, Value> {
    let mut fields = vec![
        ("grant_type", "client_credentials"),
        ("client_id", client.0.as_str()),
        ("client_secret", client.1.as_str()),
    ];
    fields.extend(more);
    let answer = company.oauth("/oauth2/token", &fields).await.json();
    match answer["access_token"].as_str() {
        Some(token) => Ok(token.to_owned()),
        None => Err(answer["error"].clone()),
    }
}

#[test]
fn machine_client_works_in_its_tenant_under_its_own_name() {
    run(async |company| {
        let client = credentials(company, "machine-archive").await;
        let token = token(company, &client, &[]).await.unwrap();
        let me = company.api(&token, "/me").await.json();
        assert_eq!(me["actor"], "client:archive");
        assert_eq!(
            (&me["roles"], &me["tenants"]),
            (&json!(["reviewer"]), &json!(["acme"]))
        );
        assert_eq!(company.api(&token, "/jobs?tenant=acme").await.status, 200);
        assert_eq!(company.api(&token, "/jobs?tenant=globex").await.status, 403);
        assert_eq!(company.api(&token, "/events?tenant=acme").await.status, 200);
        assert_eq!(
            company.api(&token, "/events?tenant=globex").await.status,
            403
        );
        assert_eq!(company.api(&token, "/audit").await.status, 403);
        let ticket = call_with_token(
            &company.stack,
            &token,
            "POST",
            "/ws-tickets",
            Some(json!({})),
        )
        .await;
        assert_eq!(ticket.status, 201, "{:?}", ticket.json());
        let url = ticket.json()["url"].as_str().unwrap().to_owned();
        let (_, secret) = url.split_once("ticket=").unwrap();
        company.stack.connect(secret).await.unwrap();
    });
}

#[test]
fn machine_client_cannot_get_more_than_it_was_given() {
    run(async |company| {
        let client = credentials(company, "machine-archive").await;
        for scope in [
            "docket/client:archive docket/reviewer docket/tenant:globex",
            "docket/client:scan-room docket/customer docket/tenant:globex",
            "docket/support",
            "openid email aws.cognito.signin.user.admin",
        ] {
            let error = token(company, &client, &[("scope", scope)])
                .await
                .unwrap_err();
            assert!(
                error == "invalid_scope" || error == "invalid_grant",
                "{scope}: {error}"
            );
        }
        // Less than its scopes is less than the API needs.
        let less = token(
            company,
            &client,
            &[("scope", "docket/reviewer docket/tenant:acme")],
        )
        .await
        .unwrap();
        let refused = company.api(&less, "/me").await;
        assert_eq!(refused.status, 403);
        assert!(
            refused.json()["detail"]
                .as_str()
                .unwrap()
                .contains("all its scopes")
        );
        let (id, secret) = client;
        let wrong = token(company, &(id.clone(), format!("{secret}x")), &[]).await;
        assert_eq!(wrong.unwrap_err(), "invalid_client");
        let (_, other) = credentials(company, "machine-scan-room").await;
        assert_eq!(
            token(company, &(id, other), &[]).await.unwrap_err(),
            "invalid_client"
        );
    });
}

#[test]
fn user_cannot_get_the_scopes_of_a_machine_client() {
    run(async |company| {
        acme_user(company, "tina", &["legal-customers"]);
        let scope = "openid docket/client:archive docket/reviewer docket/tenant:acme";
        let url = company.authorize_url("Acme", &[("scope", scope)]);
        let answer = Browser::new().get(&url).await;
        let location = answer.location.unwrap_or_default();
        assert!(
            location.starts_with(CALLBACK) && location.contains("invalid_scope"),
            "{} {location}",
            answer.status
        );
        // Neither of the clients for people is a confidential one.
        for id in [
            company.client_id(),
            company.stack.outputs.user_pool_client_id.as_str(),
        ] {
            let client = (id.to_owned(), String::new());
            token(company, &client, &[("scope", "docket/reviewer")])
                .await
                .unwrap_err();
        }
        let tokens = company.sign_in("Acme", "tina").await;
        let scopes = claims(&tokens.access)["scope"].as_str().unwrap().to_owned();
        assert!(!scopes.contains("docket/"), "{scopes}");
        assert_eq!(
            strings(&claims(&tokens.id)["cognito:groups"]),
            ["customer", "tenant:acme"]
        );
    });
}
