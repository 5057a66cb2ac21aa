//! The users of a local stack: one per role, and one of another tenant. On AWS an operator adds users with the same
//! calls of Amazon Cognito (user pools API reference).

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use futures_util::future::try_join_all;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use crate::cloud::root_credentials;
use crate::deploy::AwsCli;
use crate::sigv4::sign_request;
use crate::ticket::now_ms;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TestUser {
    /// The user name, which is also the actor in the audit log.
    pub email: &'static str,
    /// The role, and the tenant if the role has one.
    pub groups: &'static [&'static str],
}

/// The password of all users. It only works on stacks that listen on 127.0.0.1.
pub const TEST_PASSWORD: &str = "docket-on-this-machine";

pub const TEST_USERS: [TestUser; 6] = [
    TestUser {
        email: "customer@acme.example",
        groups: &["customer", "tenant:acme"],
    },
    TestUser {
        email: "reviewer@acme.example",
        groups: &["reviewer", "tenant:acme"],
    },
    TestUser {
        email: "support@docket.example",
        groups: &["support"],
    },
    TestUser {
        email: "reviewer@globex.example",
        groups: &["reviewer", "tenant:globex"],
    },
    TestUser {
        email: "operator@docket.example",
        groups: &["operator"],
    },
    TestUser {
        email: "auditor@acme.example",
        groups: &["auditor", "tenant:acme"],
    },
];

/// A client of Amazon Cognito's user pools API.
#[derive(Debug)]
pub(crate) struct UserPools {
    url: String,
    http: Client<HttpConnector, Full<Bytes>>,
}

/// The names of the users' tenants.
fn tenants() -> BTreeSet<&'static str> {
    let groups = TEST_USERS.iter().flat_map(|user| user.groups);
    groups
        .filter_map(|group| group.strip_prefix("tenant:"))
        .collect()
}

/// Records the users' tenants as `POST /tenants` does (`crates/jobs/src/tenants.rs`).
pub(crate) async fn create_tenants(cli: &AwsCli<'_>, records_table: &str) -> Result<()> {
    let since = u64::try_from(now_ms())?;
    let items = tenants().into_iter().map(|tenant| {
        let body = json!({"since": since, "created_by": "devstack"}).to_string();
        json!({"PutRequest": {"Item": {"pk": {"S": "tenant"}, "sk": {"S": tenant}, "body": {"S": body}, "revision": {"N": "1"}}}})
    });
    let items: Vec<Value> = items.collect();
    let request = json!({records_table: items}).to_string();
    let arguments = ["dynamodb", "batch-write-item", "--request-items", &request];
    cli.aws(&arguments).await.map(drop)
}

impl UserPools {
    pub(crate) fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            http: Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    /// Adds all users to a pool. The template creates the groups of the roles; this creates those of the tenants.
    pub(crate) async fn add_all(&self, pool: &str) -> Result<()> {
        try_join_all(tenants().into_iter().map(|tenant| {
            let group = json!({"UserPoolId": pool, "GroupName": format!("tenant:{tenant}")});
            self.call("CreateGroup", group)
        }))
        .await?;
        try_join_all(TEST_USERS.iter().map(|user| self.add(pool, user))).await?;
        Ok(())
    }

    async fn add(&self, pool: &str, user: &TestUser) -> Result<()> {
        let with = |mut more: Value| {
            more["UserPoolId"] = pool.into();
            more["Username"] = user.email.into();
            more
        };
        let attributes = json!([
            {"Name": "email", "Value": user.email},
            {"Name": "email_verified", "Value": "true"},
        ]);
        // No invitation mail: the address does not exist.
        let created = json!({"MessageAction": "SUPPRESS", "UserAttributes": attributes});
        self.call("AdminCreateUser", with(created)).await?;
        let password = json!({"Password": TEST_PASSWORD, "Permanent": true});
        self.call("AdminSetUserPassword", with(password)).await?;
        for group in user.groups {
            self.call("AdminAddUserToGroup", with(json!({"GroupName": group})))
                .await?;
        }
        Ok(())
    }

    /// Signs in one of [`TEST_USERS`] and returns the ID token.
    pub(crate) async fn id_token(&self, client_id: &str, email: &str) -> Result<String> {
        let input = json!({
            "ClientId": client_id,
            "AuthFlow": "USER_PASSWORD_AUTH",
            "AuthParameters": {"USERNAME": email, "PASSWORD": TEST_PASSWORD},
        });
        let response = self.call("InitiateAuth", input).await?;
        response["AuthenticationResult"]["IdToken"]
            .as_str()
            .map(str::to_owned)
            .with_context(|| format!("Cognito asks {email} for more than a password"))
    }

    pub(crate) async fn call(&self, operation: &str, input: Value) -> Result<Value> {
        let target = format!("AWSCognitoIdentityProviderService.{operation}");
        let request = Request::post(format!("{}/", self.url))
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", target)
            .body(Bytes::from(input.to_string()))?;
        let request = sign_request(request, "cognito-idp", &root_credentials())?;
        let response = self
            .http
            .request(request)
            .await
            .context("Cognito did not respond")?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        if status != StatusCode::OK {
            bail!("Cognito {operation}: {}", String::from_utf8_lossy(&body));
        }
        serde_json::from_slice(&body).with_context(|| format!("Cognito {operation}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repo;

    #[test]
    fn users_have_the_roles_and_the_password_length_of_the_template() {
        let template = std::fs::read_to_string(repo::file("infra/service.yaml")).unwrap();
        let after = |key: &str| -> Vec<&str> {
            let lines = template.lines();
            lines
                .filter_map(|line| line.trim().strip_prefix(key))
                .collect()
        };
        let roles = after("GroupName: ");
        for user in TEST_USERS {
            let (tenants, role): (Vec<&str>, Vec<&str>) = user
                .groups
                .iter()
                .partition(|group| group.starts_with("tenant:"));
            assert!(role.len() == 1 && roles.contains(&role[0]), "{user:?}");
            // They work with all tenants and belong to none.
            let is_of_all = ["support", "operator"].contains(&role[0]);
            assert_eq!(tenants.len(), usize::from(!is_of_all), "{user:?}");
        }
        for role in roles {
            assert!(
                TEST_USERS.iter().any(|user| user.groups.contains(&role)),
                "{role}"
            );
        }
        let min_length: usize = after("MinimumLength: ")[0].parse().unwrap();
        assert!(TEST_PASSWORD.len() >= min_length);
    }
}
