//! The caller, from the claims of a token that API Gateway has verified.

use std::collections::BTreeMap;

use api::digests::Account;
use api::sign_ins::SignInSession;
use api::{ApiError, Principal, Role};
use jobs::id::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::http::HttpEvent;
use crate::handlers::sign_in_groups::COMPANY_GROUPS_CLAIM;

/// The caller of a request; `None` without a valid token.
///
/// A person has an ID token; access tokens of people are refused: they have no e-mail address and, with some sign-in flows,
/// no groups. A machine client has an access token. API Gateway has verified signature, issuer, audience and expiry. The
/// expiry is checked again; the kind of token is checked only here.
pub(super) fn principal(request: &HttpEvent, now: Timestamp) -> Option<Principal> {
    let claims = request.claims()?;
    let text = |name: &str| claim(claims, name);
    let expires_at = Timestamp(text("exp")?.parse::<u64>().ok()?.checked_mul(1000)?);
    if expires_at <= now {
        return None;
    }
    match text("token_use")?.as_str() {
        "id" => {
            let actor = verified_email(claims).or_else(|| text("cognito:username"))?;
            let groups = groups(claims.get("cognito:groups"));
            let groups = groups.iter().map(String::as_str);
            Some(Principal {
                program: request.program(),
                ..Principal::of_groups(&actor, groups, expires_at)
            })
        }
        "access" => machine_client(claims, expires_at).map(|client| Principal {
            program: request.program(),
            ..client
        }),
        _ => None,
    }
}

/// The session of a request's token; `None` if the token does not name it.
///
/// `origin_jti` is the id of the session's first token, `auth_time` when the user signed in; refreshed tokens have the same
/// (Amazon Cognito developer guide, "Understanding the identity (ID) token").
pub(super) fn session(request: &HttpEvent) -> Option<SignInSession> {
    let claims = request.claims()?;
    let signed_in_at = claim(claims, "auth_time")?.parse::<u64>().ok()?;
    let digest = Sha256::digest(claim(claims, "origin_jti")?.as_bytes());
    Some(SignInSession {
        id: digest
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect(),
        signed_in_at: Timestamp(signed_in_at.checked_mul(1000)?),
    })
}

/// The resource server of machine clients' scopes in the user pool. A scope is named like a group.
const SCOPE_PREFIX: &str = "docket/";
/// The scope that names a machine client.
const CLIENT_SCOPE: &str = "docket/client:";
/// The roles that a machine client can have.
const MACHINE_ROLES: [Role; 2] = [Role::Customer, Role::Reviewer];

/// A machine client, from the scopes of its access token; `None` if they do not name one, one role and one tenant.
///
/// A token that a person got, whatever its scopes, has a user name, and a subject that is not the client.
fn machine_client(claims: &BTreeMap<String, Value>, expires_at: Timestamp) -> Option<Principal> {
    let client_id = claim(claims, "client_id")?;
    let is_of_person = ["username", "cognito:username", "cognito:groups"]
        .iter()
        .any(|name| claims.contains_key(*name));
    if is_of_person || claim(claims, "sub")? != client_id {
        return None;
    }
    let scopes = claim(claims, "scope")?;
    let mut names = scopes
        .split(' ')
        .filter_map(|s| s.strip_prefix(CLIENT_SCOPE));
    let (Some(name), None) = (names.next().filter(|name| !name.is_empty()), names.next()) else {
        return None;
    };
    let groups = scopes
        .split(' ')
        .filter_map(|s| s.strip_prefix(SCOPE_PREFIX));
    let mut principal = Principal::of_groups(&format!("client:{name}"), groups, expires_at);
    principal.roles.retain(|role| MACHINE_ROLES.contains(role));
    (!principal.roles.is_empty() && principal.tenants.len() == 1).then_some(principal)
}

/// Why a request without a caller is refused.
pub(super) fn unidentified() -> ApiError {
    ApiError::Forbidden(
        "the token does not identify you; send the ID token of your sign-in, or the access token of a machine client with all its scopes"
            .to_owned(),
    )
}

/// Checks that a caller has a role and a tenant. A user of a company is told which groups the company sent.
///
/// # Errors
/// If the sign-in has expired, or the caller has no role or no tenant.
pub(super) fn check(
    request: &HttpEvent,
    principal: &Principal,
    now: Timestamp,
) -> Result<(), ApiError> {
    principal.check(now).map_err(|error| {
        let claims = request.claims();
        match claims.and_then(|claims| claim(claims, COMPANY_GROUPS_CLAIM)) {
            Some(arrived) if now < principal.expires_at => ApiError::Forbidden(format!(
                "{} has no role with a tenant here ({arrived}). Ask your company's administrators to put you into a group that gives both, or the operators of this service to map one of these in infra/sign-in.toml; then sign in again",
                principal.actor
            )),
            _ => error,
        }
    })
}

/// The caller's account in the user pool.
///
/// # Errors
/// If the token names none, or one of a company: whether its user still has access is known only when the user signs in
/// again.
pub(super) fn account(request: &HttpEvent) -> Result<Account, ApiError> {
    let none = || {
        ApiError::Forbidden(
            "the token does not name your account; send the ID token of your sign-in".to_owned(),
        )
    };
    let claims = request.claims().ok_or_else(none)?;
    if claims.contains_key("identities") {
        return Err(ApiError::Forbidden(
            "your company signs you in, and e-mail digests go only to users with a password of this service: it would not learn that you left the company"
                .to_owned(),
        ));
    }
    Ok(Account {
        username: claim(claims, "cognito:username").ok_or_else(none)?,
        verified_email: verified_email(claims),
    })
}

/// The caller's name in the user pool, which people have, and machine clients have not.
///
/// # Errors
/// If the caller is a machine client.
pub(super) fn username(request: &HttpEvent) -> Result<String, ApiError> {
    let claims = request.claims();
    let name = claims.and_then(|claims| claim(claims, "cognito:username"));
    name.ok_or_else(|| {
        ApiError::Refused(
            "a program has no sessions: its tokens end within an hour, and operators can replace its secret"
                .to_owned(),
        )
    })
}

/// Users can enter any address; only a verified one identifies them.
fn verified_email(claims: &BTreeMap<String, Value>) -> Option<String> {
    let verified = claim(claims, "email_verified").is_some_and(|verified| verified == "true");
    claim(claims, "email").filter(|_| verified)
}

fn claim(claims: &BTreeMap<String, Value>, name: &str) -> Option<String> {
    match claims.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(yes.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The names of the caller's groups. API Gateway's HTTP APIs write a claim with several values as `[a b]`.
///
/// The names are taken exactly as they are: Cognito allows every punctuation mark in them, and no white space
/// (`CreateGroup`, `GroupName`). So a group `x,support` or `"support"` is not the group `support`.
fn groups(claim: Option<&Value>) -> Vec<String> {
    match claim {
        Some(Value::String(list)) => {
            let inner = list
                .strip_prefix('[')
                .and_then(|rest| rest.strip_suffix(']'));
            match inner {
                Some(inner) => inner.split(' ').map(str::to_owned).collect(),
                None => vec![list.clone()],
            }
        }
        Some(Value::Array(values)) => {
            let names = values.iter().filter_map(Value::as_str);
            names.map(str::to_owned).collect()
        }
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => vec![],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn names(claim: Value) -> Vec<String> {
        groups(Some(&claim))
            .into_iter()
            .filter(|name| !name.is_empty())
            .collect()
    }

    #[test]
    fn groups_are_read_in_every_format_of_the_claim() {
        for claim in [
            json!("[support tenant:acme]"),
            json!(["support", "tenant:acme"]),
        ] {
            assert_eq!(names(claim), ["support", "tenant:acme"]);
        }
        assert_eq!(names(json!("[support]")), ["support"]);
        assert_eq!(names(json!("support")), ["support"]);
        for none in [json!("[]"), json!(""), json!([]), json!(null), json!(7)] {
            assert!(names(none).is_empty());
        }
    }

    #[test]
    fn name_that_only_contains_the_name_of_a_role_is_not_that_role() {
        for name in [
            "x,support",
            "support,x",
            "\"support\"",
            "[support]",
            "[support",
            "support]",
            "x;support",
            "support;",
            "x\tsupport",
            "Support",
            "'support'",
            "x\u{a0}support",
            "x,tenant:acme",
        ] {
            for claim in [
                json!(name),
                json!([name]),
                json!(format!("[{name}]")),
                json!(format!("[a {name} b]")),
            ] {
                let groups = groups(Some(&claim));
                let groups = groups.iter().map(String::as_str);
                let principal = Principal::of_groups("eve", groups, Timestamp(0));
                // `[support]` is how the group `support` arrives.
                if claim != json!("[support]") {
                    assert!(principal.roles.is_empty(), "{claim}");
                    assert!(principal.tenants.is_empty(), "{claim}");
                }
            }
        }
        assert!(names(json!(["x support"])) == ["x support"]);
    }
}
