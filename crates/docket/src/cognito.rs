//! Sign-in at an Amazon Cognito user pool, by password and by refresh token, and what users change about it.
//!
//! These calls are not signed with AWS credentials, so they need no SDK (Amazon Cognito user pools API reference, under
//! the name of each call).

use http::Request;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::config;
use crate::error::{CliError, Exit, Result};
use crate::http_client::{HttpClient, RESPONSE_TIMEOUT, full_body};
use crate::session::{Session, parse_api_address};

/// The client of one app client in a user pool.
#[derive(Clone, Debug)]
pub(crate) struct CognitoClient<'a> {
    pub(crate) http: &'a HttpClient,
    pub(crate) url: &'a str,
    pub(crate) client_id: &'a str,
}

/// The answer to a password.
pub(crate) enum SignInResult {
    SignedIn(Tokens),
    /// Cognito asks for more. The answer is sent with this session.
    Challenged {
        challenge: Challenge,
        session: String,
    },
}

/// What Cognito asks for after the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// An administrator set the password, and the user must replace it.
    NewPassword,
    /// The code of the user's authenticator app (TOTP).
    AppCode,
}

impl Challenge {
    const ALL: [Self; 2] = [Self::NewPassword, Self::AppCode];

    fn name(self) -> &'static str {
        match self {
            Self::NewPassword => "NEW_PASSWORD_REQUIRED",
            Self::AppCode => "SOFTWARE_TOKEN_MFA",
        }
    }

    /// The parameter of `RespondToAuthChallenge` that has the answer.
    fn answer_key(self) -> &'static str {
        match self {
            Self::NewPassword => "NEW_PASSWORD",
            Self::AppCode => "SOFTWARE_TOKEN_MFA_CODE",
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Tokens {
    id_token: String,
    refresh_token: Option<String>,
    /// For Cognito's calls about the user. It is not stored.
    #[serde(default)]
    pub(crate) access_token: String,
    /// In seconds.
    expires_in: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AuthResponse {
    authentication_result: Option<Tokens>,
    challenge_name: Option<String>,
    session: Option<String>,
}

#[derive(Deserialize)]
struct CognitoError {
    #[serde(rename = "__type")]
    kind: String,
    #[serde(default, alias = "Message")]
    message: String,
}

impl Tokens {
    pub(crate) fn into_session(self, cognito: &CognitoClient<'_>, email: &str) -> Session {
        Session {
            sign_in_url: cognito.url.to_owned(),
            client_id: cognito.client_id.to_owned(),
            domain_url: None,
            email: email.to_owned(),
            in_keyring: false,
            id_token: self.id_token,
            refresh_token: self.refresh_token,
            expires_at: config::now() + self.expires_in * 1000,
        }
    }
}

impl CognitoClient<'_> {
    pub(crate) async fn sign_in(&self, email: &str, password: &str) -> Result<SignInResult> {
        let response = self
            .call(
                "InitiateAuth",
                json!({
                    "AuthFlow": "USER_PASSWORD_AUTH",
                    "ClientId": self.client_id,
                    "AuthParameters": {"USERNAME": email, "PASSWORD": password},
                }),
            )
            .await?;
        parse_auth_response(response)
    }

    /// Answers a challenge.
    pub(crate) async fn answer(
        &self,
        email: &str,
        challenge: Challenge,
        session: &str,
        answer: &str,
    ) -> Result<SignInResult> {
        let mut responses = json!({"USERNAME": email});
        responses[challenge.answer_key()] = answer.into();
        let response = self
            .call(
                "RespondToAuthChallenge",
                json!({
                    "ChallengeName": challenge.name(),
                    "ClientId": self.client_id,
                    "Session": session,
                    "ChallengeResponses": responses,
                }),
            )
            .await?;
        parse_auth_response(response)
    }

    /// Has a code sent to the user's e-mail address. The answer is the same if there is no such user.
    pub(crate) async fn forgot_password(&self, email: &str) -> Result<()> {
        let body = json!({"ClientId": self.client_id, "Username": email});
        self.call("ForgotPassword", body).await.map(drop)
    }

    /// Sets a new password with the code that was sent.
    pub(crate) async fn reset_password(
        &self,
        email: &str,
        code: &str,
        password: &str,
    ) -> Result<()> {
        let body = json!({
            "ClientId": self.client_id,
            "Username": email,
            "ConfirmationCode": code,
            "Password": password,
        });
        self.call("ConfirmForgotPassword", body).await.map(drop)
    }

    pub(crate) async fn change_password(
        &self,
        access_token: &str,
        old: &str,
        new: &str,
    ) -> Result<()> {
        let body = json!({
            "AccessToken": access_token,
            "PreviousPassword": old,
            "ProposedPassword": new,
        });
        self.call("ChangePassword", body).await.map(drop)
    }

    /// The key that an authenticator app needs. It counts once [`Self::verify_app`] has seen a code.
    pub(crate) async fn new_app_key(&self, access_token: &str) -> Result<String> {
        let body = json!({"AccessToken": access_token});
        let response = self.call("AssociateSoftwareToken", body).await?;
        response["SecretCode"]
            .as_str()
            .map(str::to_owned)
            .ok_or_else(|| CliError::new(Exit::Unavailable, "sign-in", "Cognito returned no key"))
    }

    pub(crate) async fn verify_app(&self, access_token: &str, code: &str) -> Result<()> {
        let body = json!({"AccessToken": access_token, "UserCode": code});
        self.call("VerifySoftwareToken", body).await.map(drop)
    }

    /// Whether sign-in asks for the app's code from now on.
    pub(crate) async fn use_app(&self, access_token: &str, is_on: bool) -> Result<()> {
        let body = json!({
            "AccessToken": access_token,
            "SoftwareTokenMfaSettings": {"Enabled": is_on, "PreferredMfa": is_on},
        });
        self.call("SetUserMFAPreference", body).await.map(drop)
    }

    /// Gets a new ID token with the refresh token.
    pub(crate) async fn refresh(&self, session: &Session) -> Result<Session> {
        let tokens = self.refreshed_tokens(session).await?;
        Ok(tokens.into_session(self, &session.email))
    }

    async fn refreshed_tokens(&self, session: &Session) -> Result<Tokens> {
        let Some(token) = &session.refresh_token else {
            return Err(CliError::not_signed_in("the sign-in has expired"));
        };
        let response = self
            .call(
                "InitiateAuth",
                json!({
                    "AuthFlow": "REFRESH_TOKEN_AUTH",
                    "ClientId": self.client_id,
                    "AuthParameters": {"REFRESH_TOKEN": token},
                }),
            )
            .await?;
        let SignInResult::SignedIn(mut tokens) = parse_auth_response(response)? else {
            return Err(CliError::not_signed_in("Cognito asks for a new sign-in"));
        };
        // Cognito sends a new refresh token only if the pool rotates them.
        tokens.refresh_token = tokens.refresh_token.or_else(|| Some(token.clone()));
        Ok(tokens)
    }

    pub(crate) async fn revoke(&self, refresh_token: &str) -> Result<()> {
        self.call(
            "RevokeToken",
            json!({"ClientId": self.client_id, "Token": refresh_token}),
        )
        .await
        .map(|_| ())
    }

    async fn call(&self, action: &str, body: Value) -> Result<Value> {
        // The address comes from the API. The check ensures that passwords are sent only over TLS.
        parse_api_address(self.url)?;
        let request = Request::post(self.url)
            .header("content-type", "application/x-amz-json-1.1")
            .header(
                "x-amz-target",
                format!("AWSCognitoIdentityProviderService.{action}"),
            )
            .body(full_body(body.to_string()))
            .map_err(|error| CliError::local(format!("cannot sign in at {}: {error}", self.url)))?;
        let response = self
            .http
            .call(request, RESPONSE_TIMEOUT)
            .await
            .map_err(|error| {
                CliError::new(
                    Exit::Unavailable,
                    "unreachable",
                    format!("cannot sign in at {}: {}", error.address, error.message),
                )
                .with_hint("`docket doctor` checks the connection")
            })?;
        if response.status == 200 {
            return Ok(serde_json::from_slice(&response.body).unwrap_or(Value::Null));
        }
        Err(cognito_error(response.status, &response.body))
    }
}

fn parse_auth_response(response: Value) -> Result<SignInResult> {
    let unexpected = |detail: String| CliError::new(Exit::Unavailable, "sign-in", detail);
    let response: AuthResponse = serde_json::from_value(response)
        .map_err(|_| unexpected("unexpected answer to the sign-in".to_owned()))?;
    match (
        response.authentication_result,
        response.challenge_name,
        response.session,
    ) {
        (Some(tokens), ..) => Ok(SignInResult::SignedIn(tokens)),
        (None, Some(name), session) => {
            let known = Challenge::ALL.into_iter().find(|one| one.name() == name);
            known
                .zip(session)
                .map(|(challenge, session)| SignInResult::Challenged { challenge, session })
                .ok_or_else(|| {
                    let detail =
                        format!("the sign-in requires {name}, which this program does not support");
                    CliError::new(Exit::Denied, "challenge", detail)
                })
        }
        _ => Err(unexpected(
            "the answer to the sign-in holds no token".to_owned(),
        )),
    }
}

fn cognito_error(status: u16, body: &[u8]) -> CliError {
    let Ok(error) = serde_json::from_slice::<CognitoError>(body) else {
        let exit = if status < 500 {
            Exit::Denied
        } else {
            Exit::Unavailable
        };
        return CliError::new(
            exit,
            "sign-in",
            format!("the sign-in failed: HTTP {status}"),
        );
    };
    let kind = error.kind.rsplit('#').next().unwrap_or_default();
    let message = if error.message.is_empty() {
        kind.to_owned()
    } else {
        error.message
    };
    let denied = |message: String| CliError::new(Exit::Denied, "sign-in", message);
    match kind {
        "NotAuthorizedException" | "UserNotFoundException" => denied(message)
            .with_hint("run `docket login` with the right e-mail address and password"),
        "PasswordResetRequiredException" => {
            denied(message).with_hint("`docket password forgot` sets a new one")
        }
        "UserNotConfirmedException" => {
            denied(message).with_hint("ask the administrator of the user pool")
        }
        "CodeMismatchException" | "EnableSoftwareTokenMFAException" | "ExpiredCodeException" => {
            denied(message).with_hint("run the command again, with a new code")
        }
        "InvalidPasswordException" => denied(message).with_hint("choose another new password"),
        "TooManyRequestsException" | "LimitExceededException" | "InternalErrorException" => {
            CliError::new(Exit::Unavailable, "sign-in", message).with_hint("try again in a minute")
        }
        _ => denied(format!("{kind}: {message}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cognito_errors_distinguish_wrong_credentials_from_an_outage() {
        let exit = |kind: &str| {
            cognito_error(
                400,
                format!(r#"{{"__type":"{kind}","message":"m"}}"#).as_bytes(),
            )
            .exit
        };
        assert_eq!(exit("NotAuthorizedException"), Exit::Denied);
        assert_eq!(exit("com.amazonaws#UserNotFoundException"), Exit::Denied);
        assert_eq!(exit("TooManyRequestsException"), Exit::Unavailable);
        assert_eq!(cognito_error(502, b"<html>").exit, Exit::Unavailable);
    }

    #[test]
    fn error_names_an_unsupported_challenge() {
        let response =
            json!({"ChallengeName": "SMS_MFA", "Session": "s", "ChallengeParameters": {}});
        let Err(error) = parse_auth_response(response) else {
            panic!("signed in")
        };
        assert!(error.problem.detail.contains("SMS_MFA"));
    }
}
