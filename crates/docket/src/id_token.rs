//! What a client checks about an ID token that it got itself from the token endpoint.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

use crate::error::{CliError, Exit, Result};

/// How far this machine's clock may be off, in milliseconds.
const CLOCK_TOLERANCE_MS: u64 = 300_000;

/// What the token of this sign-in must say.
pub(crate) struct ExpectedClaims<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) nonce: &'a str,
}

#[derive(Deserialize)]
pub(crate) struct Claims {
    iss: String,
    sub: String,
    /// A name or a list of names.
    aud: Value,
    /// In seconds since 1970 UTC.
    exp: u64,
    nonce: Option<String>,
    email: Option<String>,
    /// `id` or `access`: Cognito's own claim.
    token_use: Option<String>,
}

impl Claims {
    /// What people call the user.
    pub(crate) fn name(&self) -> &str {
        self.email.as_deref().unwrap_or(&self.sub)
    }

    fn is_for(&self, client_id: &str) -> bool {
        match &self.aud {
            // With several audiences, the token would have to name the one that it was issued to.
            Value::Array(all) => all.len() == 1 && all[0] == client_id,
            one => one == client_id,
        }
    }
}

/// Checks the token of a new sign-in (OpenID Connect Core 1.0, section 3.1.3.7).
///
/// Not the signature: the token came from the issuer's own token endpoint over TLS, which stands in for it (number 6 there).
/// The service checks the signature of every request's token.
pub(crate) fn check(token: &str, expected: &ExpectedClaims<'_>, now: u64) -> Result<Claims> {
    let claims = claims(token)?;
    if claims.iss != expected.issuer {
        return Err(foreign("it is of another issuer"));
    }
    if !claims.is_for(expected.client_id) {
        return Err(foreign("it is for another client"));
    }
    if claims.nonce.as_deref() != Some(expected.nonce) {
        return Err(foreign("it belongs to another sign-in"));
    }
    check_kind_and_time(&claims, now)?;
    Ok(claims)
}

/// Checks a token that a refresh token brought: issuer, user and client stay what they were (section 12.2 there).
pub(crate) fn check_refreshed(before: &str, token: &str, now: u64) -> Result<()> {
    let (before, claims) = (claims(before)?, claims(token)?);
    if (&claims.iss, &claims.sub, &claims.aud) != (&before.iss, &before.sub, &before.aud) {
        return Err(foreign("it is of another user"));
    }
    check_kind_and_time(&claims, now)
}

fn check_kind_and_time(claims: &Claims, now: u64) -> Result<()> {
    if claims.token_use.as_deref().is_some_and(|kind| kind != "id") {
        return Err(foreign("it is no ID token"));
    }
    if claims
        .exp
        .saturating_mul(1000)
        .saturating_add(CLOCK_TOLERANCE_MS)
        <= now
    {
        return Err(
            foreign("it has expired").with_hint("check this machine's clock: `docket doctor`")
        );
    }
    Ok(())
}

fn claims(token: &str) -> Result<Claims> {
    let mut parts = token.split('.');
    let (Some(_), Some(payload), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(foreign("it is no JSON Web Token"));
    };
    URL_SAFE_NO_PAD
        .decode(payload)
        .ok()
        .and_then(|json| serde_json::from_slice(&json).ok())
        .ok_or_else(|| foreign("its claims cannot be read"))
}

fn foreign(why: &str) -> CliError {
    let detail = format!("the ID token of the sign-in was refused: {why}");
    CliError::new(Exit::Denied, "id-token", detail).with_hint("run `docket login` again")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: u64 = 1_800_000_000_000;
    const EXPECTED: ExpectedClaims<'_> = ExpectedClaims {
        issuer: "https://issuer.example/pool",
        client_id: "client",
        nonce: "n-1",
    };

    fn token(changes: &Value) -> String {
        let mut claims = json!({
            "iss": EXPECTED.issuer, "sub": "user-1", "aud": "client", "exp": NOW / 1000 + 3600, "nonce": "n-1",
            "email": "ann@example.com", "token_use": "id",
        });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()))
    }

    fn refusal(token: &str) -> String {
        let Err(error) = check(token, &EXPECTED, NOW) else {
            return "accepted".to_owned();
        };
        error.problem.detail
    }

    #[test]
    fn token_of_this_sign_in_is_accepted_and_names_the_user() {
        assert_eq!(
            check(&token(&json!({})), &EXPECTED, NOW).unwrap().name(),
            "ann@example.com"
        );
        let list = token(&json!({"aud": ["client"], "email": null}));
        assert_eq!(check(&list, &EXPECTED, NOW).unwrap().name(), "user-1");
        // A clock that is a little fast.
        let old = token(&json!({"exp": NOW / 1000 - 60}));
        assert_eq!(refusal(&old), "accepted");
    }

    #[test]
    fn token_that_is_not_of_this_sign_in_is_refused() {
        for (changes, why) in [
            (
                json!({"iss": "https://issuer.example/other"}),
                "another issuer",
            ),
            (
                json!({"iss": "https://issuer.example/pool/"}),
                "another issuer",
            ),
            (json!({"aud": "other"}), "another client"),
            (json!({"aud": ["client", "other"]}), "another client"),
            (json!({"nonce": "n-2"}), "another sign-in"),
            (json!({"nonce": null}), "another sign-in"),
            (json!({"exp": NOW / 1000 - 301}), "expired"),
            (json!({"token_use": "access"}), "no ID token"),
            (json!({"sub": null}), "cannot be read"),
        ] {
            let said = refusal(&token(&changes));
            assert!(said.contains(why), "{changes}: {said}");
        }
        for broken in ["", "a.b", "a.b.c.d", "a.%.c"] {
            assert!(refusal(broken).contains("ID token"), "{broken}");
        }
    }

    #[test]
    fn refreshed_token_must_be_of_the_same_user() {
        let before = token(&json!({}));
        let after = |changes: &Value| check_refreshed(&before, &token(changes), NOW);
        // A refreshed token need not have a nonce.
        assert!(after(&json!({"nonce": null})).is_ok());
        for changes in [
            json!({"sub": "user-2"}),
            json!({"iss": "https://issuer.example/other"}),
            json!({"aud": "other"}),
            json!({"exp": 1}),
        ] {
            assert!(after(&changes).is_err(), "{changes}");
        }
    }
}
