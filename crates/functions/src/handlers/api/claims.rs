//! The principal of a request, by the claims of the token that API Gateway has checked.

use std::collections::BTreeMap;

use api::Principal;
use jobs::id::Timestamp;
use serde_json::Value;

use super::http::HttpEvent;

/// The principal of a request; none if its token does not identify one.
///
/// Only ID tokens count: an access token names neither the e-mail nor, of some flows, the groups. API Gateway has checked
/// signature, issuer, audience and time. The time is checked again here, and the kind of token only here.
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
    // Anyone can enter an unverified address.
    let verified = text("email_verified").is_some_and(|verified| verified == "true");
    let email = text("email").filter(|_| verified);
    let actor = email.or_else(|| text("cognito:username"))?;
    let groups = text("cognito:groups").unwrap_or_default();
    Some(Principal::of_groups(&actor, words(&groups), expires_at))
}

fn claim(claims: &BTreeMap<String, Value>, name: &str) -> Option<String> {
    match claims.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(yes.to_string()),
        Value::Array(many) => {
            let texts: Vec<&str> = many.iter().filter_map(Value::as_str).collect();
            Some(texts.join(" "))
        }
        Value::Null | Value::Object(_) => None,
    }
}

/// The words of a claim with several values. API Gateway writes `[a b]` (HTTP APIs), others `["a","b"]`.
/// Groups of ours have none of these characters in their names.
fn words(list: &str) -> impl Iterator<Item = &str> {
    list.split(|c: char| c.is_whitespace() || matches!(c, '[' | ']' | ',' | '"'))
        .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_values_of_a_claim_are_read_in_every_spelling() {
        for list in [
            "[support tenant:acme]",
            "support,tenant:acme",
            "[\"support\", \"tenant:acme\"]",
        ] {
            assert_eq!(
                words(list).collect::<Vec<_>>(),
                ["support", "tenant:acme"],
                "{list}"
            );
        }
        assert_eq!(words("[]").count(), 0);
    }
}
