//! Signing in: Amazon Cognito user pools, by password and by refresh token.
//!
//! No SDK: these calls carry no AWS signature (Amazon Cognito user pools API reference, InitiateAuth,
//! RespondToAuthChallenge, RevokeToken).

use http::Request;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::config;
use crate::exit::{Exit, Failure, Outcome};
use crate::http::{ANSWER, Http, whole};
use crate::session::{Session, api_address};

/// Where and as what to sign in.
#[derive(Clone, Debug)]
pub(crate) struct SignIn<'a> {
    pub(crate) http: &'a Http,
    pub(crate) url: &'a str,
    pub(crate) client_id: &'a str,
}

/// What a sign-in came to.
pub(crate) enum Step {
    /// Signed in.
    Done(Tokens),
    /// The password was given by somebody else and has to be replaced; the session goes with the new one.
    NewPassword(String),
}

/// What Cognito hands out.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Tokens {
    id_token: String,
    refresh_token: Option<String>,
    /// Seconds.
    expires_in: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Reply {
    authentication_result: Option<Tokens>,
    challenge_name: Option<String>,
    session: Option<String>,
}

#[derive(Deserialize)]
struct ApiError {
    #[serde(rename = "__type")]
    kind: String,
    #[serde(default, alias = "Message")]
    message: String,
}

impl Tokens {
    /// The sign-in that these make.
    pub(crate) fn session(self, sign_in: &SignIn<'_>, email: &str) -> Session {
        Session {
            sign_in_url: sign_in.url.to_owned(),
            client_id: sign_in.client_id.to_owned(),
            email: email.to_owned(),
            id_token: self.id_token,
            refresh_token: self.refresh_token,
            expires_at: config::now() + self.expires_in * 1000,
        }
    }
}

impl SignIn<'_> {
    /// By password.
    pub(crate) async fn password(&self, email: &str, password: &str) -> Outcome<Step> {
        let reply = self
            .call(
                "InitiateAuth",
                json!({
                    "AuthFlow": "USER_PASSWORD_AUTH",
                    "ClientId": self.client_id,
                    "AuthParameters": {"USERNAME": email, "PASSWORD": password},
                }),
            )
            .await?;
        step(reply)
    }

    /// Replaces a password that somebody else gave.
    pub(crate) async fn new_password(
        &self,
        email: &str,
        password: &str,
        session: &str,
    ) -> Outcome<Step> {
        let reply = self
            .call(
                "RespondToAuthChallenge",
                json!({
                    "ChallengeName": "NEW_PASSWORD_REQUIRED",
                    "ClientId": self.client_id,
                    "Session": session,
                    "ChallengeResponses": {"USERNAME": email, "NEW_PASSWORD": password},
                }),
            )
            .await?;
        step(reply)
    }

    /// A new ID token for an old sign-in.
    pub(crate) async fn refresh(&self, session: &Session) -> Outcome<Session> {
        let Some(token) = &session.refresh_token else {
            return Err(Failure::not_signed_in("the sign-in has ended"));
        };
        let reply = self
            .call(
                "InitiateAuth",
                json!({
                    "AuthFlow": "REFRESH_TOKEN_AUTH",
                    "ClientId": self.client_id,
                    "AuthParameters": {"REFRESH_TOKEN": token},
                }),
            )
            .await?;
        let Step::Done(mut tokens) = step(reply)? else {
            return Err(Failure::not_signed_in("the password has to be replaced"));
        };
        // Only a pool that rotates its refresh tokens sends another one.
        tokens.refresh_token = tokens.refresh_token.or_else(|| Some(token.clone()));
        Ok(tokens.session(self, &session.email))
    }

    /// Makes a refresh token worthless.
    pub(crate) async fn revoke(&self, token: &str) -> Outcome<()> {
        self.call(
            "RevokeToken",
            json!({"ClientId": self.client_id, "Token": token}),
        )
        .await
        .map(|_| ())
    }

    async fn call(&self, action: &str, body: Value) -> Outcome<Value> {
        // The address comes from the API: a password goes there only over TLS.
        api_address(self.url)?;
        let request = Request::post(self.url)
            .header("content-type", "application/x-amz-json-1.1")
            .header(
                "x-amz-target",
                format!("AWSCognitoIdentityProviderService.{action}"),
            )
            .body(whole(body.to_string()))
            .map_err(|error| Failure::here(format!("cannot sign in at {}: {error}", self.url)))?;
        let answer = self.http.call(request, ANSWER).await.map_err(|no| {
            Failure::local(
                Exit::Unavailable,
                "unreachable",
                format!("cannot reach {} to sign in: {}", no.address, no.why),
            )
            .hint("`docket doctor` looks closer")
        })?;
        if answer.status == 200 {
            return Ok(serde_json::from_slice(&answer.body).unwrap_or(Value::Null));
        }
        Err(refusal(answer.status, &answer.body))
    }
}

fn step(reply: Value) -> Outcome<Step> {
    let odd = |why: String| Failure::local(Exit::Unavailable, "sign-in", why);
    let reply: Reply = serde_json::from_value(reply)
        .map_err(|_| odd("the answer to the sign-in cannot be understood".to_owned()))?;
    match (
        reply.authentication_result,
        reply.challenge_name,
        reply.session,
    ) {
        (Some(tokens), ..) => Ok(Step::Done(tokens)),
        (None, Some(name), Some(session)) if name == "NEW_PASSWORD_REQUIRED" => {
            Ok(Step::NewPassword(session))
        }
        (None, Some(name), _) => Err(Failure::local(
            Exit::Denied,
            "challenge",
            format!("the sign-in asks for {name}, which this program cannot answer"),
        )),
        _ => Err(odd("the answer to the sign-in holds no token".to_owned())),
    }
}

fn refusal(status: u16, body: &[u8]) -> Failure {
    let Ok(refusal) = serde_json::from_slice::<ApiError>(body) else {
        let exit = if status < 500 {
            Exit::Denied
        } else {
            Exit::Unavailable
        };
        return Failure::local(exit, "sign-in", format!("the sign-in answered {status}"));
    };
    let kind = refusal.kind.rsplit('#').next().unwrap_or_default();
    let said = if refusal.message.is_empty() {
        kind.to_owned()
    } else {
        refusal.message
    };
    let denied = |said: String| Failure::local(Exit::Denied, "sign-in", said);
    match kind {
        "NotAuthorizedException" | "UserNotFoundException" => {
            denied(said).hint("run `docket login` with the right address and password")
        }
        "PasswordResetRequiredException" | "UserNotConfirmedException" => {
            denied(said).hint("ask whoever manages the sign-ins")
        }
        "InvalidPasswordException" => denied(said).hint("choose another new password"),
        "TooManyRequestsException" | "LimitExceededException" | "InternalErrorException" => {
            Failure::local(Exit::Unavailable, "sign-in", said).hint("try again in a minute")
        }
        _ => denied(format!("{kind}: {said}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_say_whether_to_sign_in_or_to_wait() {
        let exit = |kind: &str| {
            refusal(
                400,
                format!(r#"{{"__type":"{kind}","message":"m"}}"#).as_bytes(),
            )
            .exit
        };
        assert_eq!(exit("NotAuthorizedException"), Exit::Denied);
        assert_eq!(exit("com.amazonaws#UserNotFoundException"), Exit::Denied);
        assert_eq!(exit("TooManyRequestsException"), Exit::Unavailable);
        assert_eq!(refusal(502, b"<html>").exit, Exit::Unavailable);
    }

    #[test]
    fn a_challenge_that_is_not_known_is_named() {
        let reply = json!({"ChallengeName": "SMS_MFA", "Session": "s", "ChallengeParameters": {}});
        let Err(failure) = step(reply) else {
            panic!("signed in")
        };
        assert!(failure.problem.detail.contains("SMS_MFA"));
    }
}
