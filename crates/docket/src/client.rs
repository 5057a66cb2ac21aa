//! The client of Docket's HTTP API: sign-in tokens, retries, and errors from problem documents.

use std::time::Duration;

use api::types::{ClientConfiguration, Problem};
use http::{Method, Request};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;

use crate::cognito::CognitoClient;
use crate::config;
use crate::error::{CliError, Exit, Result};
use crate::http_client::{
    HttpClient, HttpClientError, HttpErrorKind, HttpResponse, RESPONSE_TIMEOUT, full_body,
};
use crate::oauth::Domain;
use crate::print::sanitize;
use crate::session::{Session, Sessions, TokenPlace};
use crate::sign_in::SignIn;

/// A request is sent at most this often.
const MAX_ATTEMPTS: u32 = 5;
/// The upper limit of the first delay; it doubles with each attempt.
const INITIAL_RETRY_DELAY: Duration = Duration::from_millis(500);
/// No delay is longer than this, whatever `Retry-After` asks for.
const MAX_RETRY_DELAY: Duration = Duration::from_secs(20);
/// A token that expires within this time is refreshed before it is used.
const REFRESH_MARGIN_MS: u64 = 60_000;
/// Whether a request may be sent again when its outcome is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Idempotency {
    /// Sending it twice has the same effect as sending it once.
    Idempotent,
    /// As `Idempotent`, by an idempotency key that is sent along.
    WithKey,
    /// It is sent again only if the service certainly did not process it: it was not sent, or it was throttled.
    NotIdempotent,
}

/// The API at one address, with the sign-in there.
#[derive(Debug)]
pub(crate) struct ApiClient {
    pub(crate) http: HttpClient,
    base: String,
    sign_in: Mutex<Option<SignIn>>,
}

impl ApiClient {
    pub(crate) fn new(base: String, sign_in: Option<SignIn>) -> Self {
        Self {
            http: HttpClient::default(),
            base,
            sign_in: Mutex::new(sign_in),
        }
    }

    /// The address of the API, without a slash at the end.
    pub(crate) fn address(&self) -> &str {
        &self.base
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let response = self
            .request(Method::GET, path, None, Idempotency::Idempotent)
            .await?;
        self.decode(&response)
    }

    /// Sends a GET request without a token.
    pub(crate) async fn get_public(&self, path: &str) -> Result<HttpResponse> {
        self.send_with_retries(Method::GET, path, None, Idempotency::Idempotent, &[])
            .await
    }

    /// Posts JSON and decodes the JSON of the answer.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        idempotency: Idempotency,
    ) -> Result<T> {
        let response = self
            .send_json(Method::POST, path, body, idempotency)
            .await?;
        self.decode(&response)
    }

    /// Sends JSON and returns the answer as it is.
    pub(crate) async fn send_json(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
        idempotency: Idempotency,
    ) -> Result<HttpResponse> {
        let body = serde_json::to_vec(body)
            .map_err(|error| CliError::local(format!("cannot encode the request: {error}")))?;
        self.request(method, path, Some(body), idempotency).await
    }

    pub(crate) fn decode<T: DeserializeOwned>(&self, response: &HttpResponse) -> Result<T> {
        serde_json::from_slice(&response.body).map_err(|error| {
            CliError::new(
                Exit::Unavailable,
                "not-understood",
                format!("unexpected answer from {}: {error}", self.address()),
            )
            .with_hint(
                "check that this is Docket's API, and that this program is as new as the service",
            )
        })
    }

    /// The token, refreshed first if it is about to expire.
    pub(crate) async fn token(&self) -> Result<String> {
        let mut sign_in = self.sign_in.lock().await;
        if let Some(SignIn::User(session)) = sign_in.as_mut() {
            session.read_tokens(&self.base).await?;
        }
        match sign_in
            .as_ref()
            .and_then(|one| one.token(REFRESH_MARGIN_MS))
        {
            Some(token) => Ok(token),
            None => self.refresh(&mut sign_in).await,
        }
    }

    async fn refresh(&self, sign_in: &mut Option<SignIn>) -> Result<String> {
        match sign_in {
            None => Err(CliError::not_signed_in(format!(
                "not signed in to {}",
                self.base
            ))),
            Some(SignIn::Machine(client)) => {
                let response = self.get_public("/configuration").await?;
                let configuration: ClientConfiguration = self.decode(&response)?;
                client
                    .fetch_token(&self.http, &configuration, &self.base)
                    .await
            }
            Some(SignIn::User(session)) => {
                let refreshed = self.refreshed(session).await.map_err(|error| {
                    if error.exit == Exit::Denied {
                        return error
                            .with_subject("the sign-in has expired")
                            .with_hint("run `docket login`");
                    }
                    error
                })?;
                let place = Sessions::set(&self.base, refreshed.clone(), false).await?;
                if let TokenPlace::FileBecause(why) = place {
                    let why = sanitize(&why);
                    eprintln!(
                        "docket: warning: the keyring cannot be used, so the new tokens are in the file: {why}"
                    );
                }
                *session = refreshed;
                Ok(session.id_token.clone())
            }
        }
    }

    async fn refreshed(&self, session: &Session) -> Result<Session> {
        let (http, client_id) = (&self.http, session.client_id.as_str());
        match &session.domain_url {
            Some(url) => {
                Domain {
                    http,
                    url,
                    client_id,
                }
                .refresh(session)
                .await
            }
            None => {
                let url = &session.sign_in_url;
                CognitoClient {
                    http,
                    url,
                    client_id,
                }
                .refresh(session)
                .await
            }
        }
    }

    /// Replaces a token that the service rejected although it has not expired by this machine's clock.
    async fn replace_token(&self, rejected: &str) -> Result<String> {
        let mut sign_in = self.sign_in.lock().await;
        // Another request may have replaced it already.
        let replaced = sign_in.as_ref().filter(|one| !one.is_current(rejected));
        match replaced.and_then(|one| one.token(0)) {
            Some(token) => Ok(token),
            None => self.refresh(&mut sign_in).await,
        }
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
        idempotency: Idempotency,
    ) -> Result<HttpResponse> {
        let token = self.token().await?;
        let key = (idempotency == Idempotency::WithKey).then(config::random_key);
        let send = async |token: &str| {
            let headers = [
                ("authorization", Some(format!("Bearer {token}"))),
                ("idempotency-key", key.clone()),
            ];
            self.send_with_retries(method.clone(), path, body.clone(), idempotency, &headers)
                .await
        };
        let first = send(&token).await;
        match first {
            // A request with a rejected token was not processed, so any request can be sent again.
            Err(error) if error.problem.status == 401 => {
                let token = self.replace_token(&token).await.map_err(|refresh_error| {
                    if refresh_error.exit == Exit::Denied {
                        refresh_error
                    } else {
                        error
                    }
                })?;
                send(&token).await
            }
            other => other,
        }
    }

    async fn send_with_retries(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
        idempotency: Idempotency,
        headers: &[(&str, Option<String>)],
    ) -> Result<HttpResponse> {
        let url = format!("{}{path}", self.base);
        let mut attempts = 0;
        loop {
            attempts += 1;
            let mut request = Request::builder()
                .method(method.clone())
                .uri(&url)
                .header("accept", "application/json, application/problem+json")
                .header("user-agent", concat!("docket/", env!("CARGO_PKG_VERSION")));
            for (name, value) in headers {
                if let Some(value) = value {
                    request = request.header(*name, value);
                }
            }
            if body.is_some() {
                request = request.header("content-type", "application/json");
            }
            let request = request
                .body(full_body(body.clone().unwrap_or_default()))
                .map_err(|error| CliError::local(format!("cannot send to {url}: {error}")))?;
            let result = self.http.call(request, RESPONSE_TIMEOUT).await;
            if attempts < MAX_ATTEMPTS && is_retryable(&result, idempotency) {
                let retry_after = result.as_ref().ok().and_then(retry_after);
                tokio::time::sleep(retry_delay(attempts, retry_after)).await;
                continue;
            }
            return match result {
                Ok(response) if response.status < 300 => Ok(response),
                Ok(response) => Err(self.response_error(&response, attempts)),
                Err(error) => Err(unreachable_error(&error)),
            };
        }
    }

    fn response_error(&self, response: &HttpResponse, attempts: u32) -> CliError {
        let tried = if attempts > 1 {
            format!(" (tried {attempts} times)")
        } else {
            String::new()
        };
        if let Ok(mut problem) = serde_json::from_slice::<Problem>(&response.body) {
            problem.detail.push_str(&tried);
            // The body might name another status; the response's own decides.
            problem.status = response.status;
            return CliError::from_problem(problem);
        }
        // API Gateway's own errors are no problem documents but {"message": …}.
        let exit = Exit::of_status(response.status);
        let mut error = match response.status {
            401 => CliError::not_signed_in(format!("{} rejected the sign-in", self.base)),
            429 => CliError::new(exit, "throttled", format!("too many requests{tried}"))
                .with_hint("try again in a minute"),
            status @ 500.. => CliError::new(
                exit,
                "unavailable",
                format!("{} is unavailable: HTTP {status}{tried}", self.base),
            )
            .with_hint("try again in a minute; `docket doctor` checks the connection"),
            status => CliError::new(
                exit,
                "answered",
                format!("unexpected answer from {}: HTTP {status}", self.base),
            )
            .with_hint("check that this is Docket's API; `docket doctor` checks the connection"),
        };
        error.problem.status = response.status;
        error
    }
}

fn is_retryable(result: &Result<HttpResponse, HttpClientError>, idempotency: Idempotency) -> bool {
    let idempotent = idempotency != Idempotency::NotIdempotent;
    match result {
        Ok(response) => {
            response.status == 429
                || (idempotent && matches!(response.status, 500 | 502 | 503 | 504))
        }
        Err(error) => match error.kind {
            HttpErrorKind::Refused => false,
            HttpErrorKind::NotSent => true,
            HttpErrorKind::OutcomeUnknown => idempotent,
        },
    }
}

/// The error for a request without an answer.
pub(crate) fn unreachable_error(error: &HttpClientError) -> CliError {
    CliError::new(
        Exit::Unavailable,
        "unreachable",
        format!("cannot reach {}: {}", error.address, error.message),
    )
    .with_hint("check the address (--api); `docket doctor` checks the connection")
}

fn retry_after(response: &HttpResponse) -> Option<Duration> {
    let value = response.headers.get("retry-after")?.to_str().ok()?;
    value.parse().ok().map(Duration::from_secs)
}

/// The delay before the next attempt: what `Retry-After` asked for, plus exponential backoff with full jitter, so that
/// throttled clients do not all come back at once.
pub(crate) fn retry_delay(attempts: u32, retry_after: Option<Duration>) -> Duration {
    let backoff = INITIAL_RETRY_DELAY
        .saturating_mul(1 << attempts.saturating_sub(1).min(10))
        .min(MAX_RETRY_DELAY);
    let jitter = backoff.mul_f64(config::random());
    (retry_after.unwrap_or_default() + jitter).min(MAX_RETRY_DELAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_delay_grows_up_to_its_maximum_and_respects_retry_after() {
        for attempts in 1..40 {
            let delay = retry_delay(attempts, None);
            assert!(delay <= INITIAL_RETRY_DELAY * 2_u32.saturating_pow(attempts - 1));
            assert!(delay <= MAX_RETRY_DELAY);
        }
        assert!(retry_delay(1, Some(Duration::from_secs(2))) >= Duration::from_secs(2));
        assert_eq!(
            retry_delay(1, Some(Duration::from_secs(9999))),
            MAX_RETRY_DELAY
        );
    }
}
