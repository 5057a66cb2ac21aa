//! The caller, from the claims of a token that API Gateway has verified.

use std::collections::BTreeMap;

use api::Principal;
use jobs::id::Timestamp;
use serde_json::Value;

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
    // Users can enter any address; only a verified one identifies them.
    let verified = text("email_verified").is_some_and(|verified| verified == "true");
    let email = text("email").filter(|_| verified);
    let actor = email.or_else(|| text("cognito:username"))?;
    let groups = text("cognito:groups").unwrap_or_default();
    Some(Principal::of_groups(&actor, values(&groups), expires_at))
}

fn claim(claims: &BTreeMap<String, Value>, name: &str) -> Option<String> {
    match claims.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(yes.to_string()),
        Value::Array(values) => {
            let texts: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
            Some(texts.join(" "))
        }
        Value::Null | Value::Object(_) => None,
    }
}

/// The values of a claim with several values. API Gateway's HTTP APIs write `[a b]`, other programs `["a","b"]`.
/// The names of this service's groups contain none of these characters.
fn values(list: &str) -> impl Iterator<Item = &str> {
    list.split(|c: char| c.is_whitespace() || matches!(c, '[' | ']' | ',' | '"'))
        .filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claim_with_several_values_is_parsed_in_every_format() {
        for list in [
            "[support tenant:acme]",
            "support,tenant:acme",
            "[\"support\", \"tenant:acme\"]",
        ] {
            assert_eq!(
                values(list).collect::<Vec<_>>(),
                ["support", "tenant:acme"],
                "{list}"
            );
        }
        assert_eq!(values("[]").count(), 0);
    }
}
