//! The people of a local stack, one a role, and one of another tenant. On AWS an operator adds people, with the same
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

use crate::signed::{root, signed};

/// Somebody who can sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignIn {
    /// The name, and what the audit log shows.
    pub email: &'static str,
    /// The role, and whose jobs it is for.
    pub groups: &'static [&'static str],
}

/// Everybody's password. It opens only stacks that listen on 127.0.0.1.
pub const PASSWORD: &str = "docket-on-this-machine";

/// Everybody.
pub const SIGN_INS: [SignIn; 4] = [
    SignIn {
        email: "customer@acme.example",
        groups: &["customer", "tenant:acme"],
    },
    SignIn {
        email: "reviewer@acme.example",
        groups: &["reviewer", "tenant:acme"],
    },
    SignIn {
        email: "support@docket.example",
        groups: &["support"],
    },
    SignIn {
        email: "reviewer@globex.example",
        groups: &["reviewer", "tenant:globex"],
    },
];

/// Amazon Cognito's user pools API.
#[derive(Debug)]
pub(crate) struct UserPools {
    url: String,
    http: Client<HttpConnector, Full<Bytes>>,
}

impl UserPools {
    /// The API at that address.
    pub(crate) fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            http: Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    /// Adds everybody to a pool. The roles' groups are there, from the template; the tenants' are made.
    pub(crate) async fn add_all(&self, pool: &str) -> Result<()> {
        let tenants: BTreeSet<&str> = SIGN_INS
            .iter()
            .flat_map(|one| one.groups)
            .copied()
            .filter(|group| group.starts_with("tenant:"))
            .collect();
        try_join_all(tenants.into_iter().map(|group| {
            let group = json!({"UserPoolId": pool, "GroupName": group});
            self.call("CreateGroup", group)
        }))
        .await?;
        try_join_all(SIGN_INS.iter().map(|one| self.add(pool, one))).await?;
        Ok(())
    }

    async fn add(&self, pool: &str, one: &SignIn) -> Result<()> {
        let with = |mut more: Value| {
            more["UserPoolId"] = pool.into();
            more["Username"] = one.email.into();
            more
        };
        let attributes = json!([
            {"Name": "email", "Value": one.email},
            {"Name": "email_verified", "Value": "true"},
        ]);
        // No invitation: there is no such mailbox.
        let created = json!({"MessageAction": "SUPPRESS", "UserAttributes": attributes});
        self.call("AdminCreateUser", with(created)).await?;
        let password = json!({"Password": PASSWORD, "Permanent": true});
        self.call("AdminSetUserPassword", with(password)).await?;
        for group in one.groups {
            self.call("AdminAddUserToGroup", with(json!({"GroupName": group})))
                .await?;
        }
        Ok(())
    }

    /// Signs one of [`SIGN_INS`] in and answers the ID token.
    pub(crate) async fn id_token(&self, client_id: &str, email: &str) -> Result<String> {
        let given = json!({
            "ClientId": client_id,
            "AuthFlow": "USER_PASSWORD_AUTH",
            "AuthParameters": {"USERNAME": email, "PASSWORD": PASSWORD},
        });
        let answer = self.call("InitiateAuth", given).await?;
        answer["AuthenticationResult"]["IdToken"]
            .as_str()
            .map(str::to_owned)
            .with_context(|| format!("{email} is asked for more than a password"))
    }

    async fn call(&self, operation: &str, input: Value) -> Result<Value> {
        let target = format!("AWSCognitoIdentityProviderService.{operation}");
        let request = Request::post(format!("{}/", self.url))
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", target)
            .body(Bytes::from(input.to_string()))?;
        let request = signed(request, "cognito-idp", &root())?;
        let answer = self.http.request(request).await.context("no answer")?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        if status != StatusCode::OK {
            bail!("Cognito {operation}: {}", String::from_utf8_lossy(&body));
        }
        serde_json::from_slice(&body).with_context(|| format!("Cognito {operation}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place;

    #[test]
    fn everybody_fits_the_template() {
        let template = std::fs::read_to_string(place::file("infra/service.yaml")).unwrap();
        let after = |key: &str| -> Vec<&str> {
            let lines = template.lines();
            lines
                .filter_map(|line| line.trim().strip_prefix(key))
                .collect()
        };
        let roles = after("GroupName: ");
        for one in SIGN_INS {
            let (tenants, role): (Vec<&str>, Vec<&str>) = one
                .groups
                .iter()
                .partition(|group| group.starts_with("tenant:"));
            assert!(role.len() == 1 && roles.contains(&role[0]), "{one:?}");
            // Support works with all tenants and is in none.
            assert_eq!(tenants.len(), usize::from(role[0] != "support"), "{one:?}");
        }
        for role in roles {
            assert!(
                SIGN_INS.iter().any(|one| one.groups.contains(&role)),
                "{role}"
            );
        }
        let least: usize = after("MinimumLength: ")[0].parse().unwrap();
        assert!(PASSWORD.len() >= least);
    }
}
