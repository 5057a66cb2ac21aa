//! The caller, from the claims of a token that API Gateway has verified.

use std::collections::BTreeMap;

use api::Principal;
use api::digests::Account;
use api::sign_ins::SignInSession;
use jobs::id::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::http::HttpEvent;

/// The caller of a request; `None` without a valid ID token.
///
/// Access tokens are refused: they have no e-mail address and, with some sign-in flows, no groups. API Gateway has verified
/// signature, issuer, audience and expiry. The expiry is checked again; the kind of token is checked only here.
pub(super) fn principal(request: &HttpEvent, now: Timestamp) -> Option<Principal> {
    let claims = request.claims()?;
    let text = |name: &str| claim(claims, name);
    if text("token_use")? != "id" {
        return None;
    }
    let expires_at = Timestamp(text("exp")?.parse::<u64>().ok()?.checked_mul(1000)?);
    if expires_at <= now {
        return None;
    }
    let actor = verified_email(claims).or_else(|| text("cognito:username"))?;
    let groups = groups(claims.get("cognito:groups"));
    let groups = groups.iter().map(String::as_str);
    Some(Principal {
        program: request.program(),
        ..Principal::of_groups(&actor, groups, expires_at)
    })
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

/// The caller's account in the user pool; `None` if the token does not name it.
pub(super) fn account(request: &HttpEvent) -> Option<Account> {
    let claims = request.claims()?;
    Some(Account {
        username: claim(claims, "cognito:username")?,
        verified_email: verified_email(claims),
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
