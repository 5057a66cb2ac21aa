//! The HTTP API: tokens, repeats, problems.

use std::time::Duration;

use api::types::Problem;
use http::{Method, Request};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::Mutex;

use crate::config;
use crate::exit::{Exit, Failure, Outcome};
use crate::http::{ANSWER, Answer, Http, NoAnswer, whole};
use crate::session::{Session, Sessions};
use crate::sign_in::SignIn;

/// How often something is sent at most.
const SENDS: u32 = 5;
/// The first pause is up to this long, the next up to twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// And no pause is longer, whatever `Retry-After` says.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);
/// A token that ends within this time is renewed first, in milliseconds.
const RENEW_BEFORE: u64 = 60_000;
/// What stands for itself in a path or a query (RFC 3986, section 2.3).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Whether a request may be sent again when it is not known what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Twice is the same as once.
    Harmless,
    /// Only if it was certainly not carried out: nothing was sent, or it was throttled.
    Unsafe,
}

/// The API and who is signed in to it.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) http: Http,
    base: String,
    session: Mutex<Option<Session>>,
}

/// A part of a path.
pub(crate) fn segment(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

/// Query parameters from a flat type: what is not set is left out.
pub(crate) fn query(parameters: &impl Serialize) -> String {
    let Ok(Value::Object(fields)) = serde_json::to_value(parameters) else {
        return String::new();
    };
    let pairs: Vec<String> = fields
        .iter()
        .filter_map(|(name, value)| {
            let value = match value {
                Value::Null => return None,
                Value::String(text) => segment(text),
                other => segment(&other.to_string()),
            };
            Some(format!("{name}={value}"))
        })
        .collect();
    if pairs.is_empty() {
        String::new()
    } else {
        format!("?{}", pairs.join("&"))
    }
}

impl Api {
    pub(crate) fn new(base: String, session: Option<Session>) -> Self {
        Self {
            http: Http::default(),
            base,
            session: Mutex::new(session),
        }
    }

    /// Its address.
    pub(crate) fn address(&self) -> &str {
        &self.base
    }

    /// Asks for something.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Outcome<T> {
        let answer = self
            .request(Method::GET, path, None, Repeat::Harmless)
            .await?;
        self.read(&answer)
    }

    /// Asks for something that everybody may know, and says how it was answered.
    pub(crate) async fn get_public(&self, path: &str) -> Outcome<Answer> {
        self.repeated(Method::GET, path, None, Repeat::Harmless, None)
            .await
    }

    /// Sends an order.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        repeat: Repeat,
    ) -> Outcome<T> {
        let answer = self.order(Method::POST, path, body, repeat).await?;
        self.read(&answer)
    }

    /// Sends an order, and hands back whatever is answered.
    pub(crate) async fn order(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
        repeat: Repeat,
    ) -> Outcome<Answer> {
        let body = serde_json::to_vec(body)
            .map_err(|error| Failure::here(format!("cannot be said in JSON: {error}")))?;
        self.request(method, path, Some(body), repeat).await
    }

    /// Reads an answer.
    pub(crate) fn read<T: DeserializeOwned>(&self, answer: &Answer) -> Outcome<T> {
        serde_json::from_slice(&answer.body).map_err(|error| {
            Failure::local(
                Exit::Unavailable,
                "not-understood",
                format!(
                    "the answer of {} cannot be understood: {error}",
                    self.address()
                ),
            )
            .hint("is that Docket's API, and this program as new as the service?")
        })
    }

    /// The sign-in, renewed if it is about to end.
    pub(crate) async fn token(&self) -> Outcome<String> {
        let mut session = self.session.lock().await;
        let Some(current) = session.as_ref() else {
            return Err(Failure::not_signed_in(format!(
                "not signed in to {}",
                self.base
            )));
        };
        if current.expires_at > config::now() + RENEW_BEFORE {
            return Ok(current.id_token.clone());
        }
        self.renew(&mut session).await
    }

    async fn renew(&self, session: &mut Option<Session>) -> Outcome<String> {
        let Some(current) = session.as_ref() else {
            return Err(Failure::not_signed_in("not signed in"));
        };
        let sign_in = SignIn {
            http: &self.http,
            url: &current.sign_in_url,
            client_id: &current.client_id,
        };
        let renewed = sign_in.refresh(current).await.map_err(|mut failure| {
            if failure.exit == Exit::Denied {
                failure = failure
                    .about("the sign-in has ended")
                    .hint("run `docket login`");
            }
            failure
        })?;
        Sessions::update(&self.base, Some(renewed.clone()))?;
        let token = renewed.id_token.clone();
        *session = Some(renewed);
        Ok(token)
    }

    /// Renews the sign-in although it has not ended by this machine's clock.
    pub(crate) async fn renewed(&self, refused: &str) -> Outcome<String> {
        let mut session = self.session.lock().await;
        // Another request may have renewed it while this one was under way.
        match session.as_ref() {
            Some(current) if current.id_token != refused => Ok(current.id_token.clone()),
            _ => self.renew(&mut session).await,
        }
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
        repeat: Repeat,
    ) -> Outcome<Answer> {
        let token = self.token().await?;
        let first = self
            .repeated(method.clone(), path, body.clone(), repeat, Some(&token))
            .await;
        match first {
            // A refused token: nothing was carried out, so it can be sent again whatever it was.
            Err(failure) if failure.problem.status == 401 => {
                let token = self.renewed(&token).await.map_err(|renewal| {
                    if renewal.exit == Exit::Denied {
                        renewal
                    } else {
                        failure
                    }
                })?;
                self.repeated(method, path, body, repeat, Some(&token))
                    .await
            }
            other => other,
        }
    }

    async fn repeated(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
        repeat: Repeat,
        token: Option<&str>,
    ) -> Outcome<Answer> {
        let url = format!("{}{path}", self.base);
        let mut sent = 0;
        loop {
            sent += 1;
            let mut request = Request::builder()
                .method(method.clone())
                .uri(&url)
                .header("accept", "application/json, application/problem+json")
                .header("user-agent", concat!("docket/", env!("CARGO_PKG_VERSION")));
            if let Some(token) = token {
                request = request.header("authorization", format!("Bearer {token}"));
            }
            if body.is_some() {
                request = request.header("content-type", "application/json");
            }
            let request = request
                .body(whole(body.clone().unwrap_or_default()))
                .map_err(|error| Failure::here(format!("cannot ask {url}: {error}")))?;
            let answer = self.http.call(request, ANSWER).await;
            let again = match &answer {
                Err(no) => !no.refused && (no.unsent || repeat == Repeat::Harmless),
                Ok(answer) => {
                    answer.status == 429
                        || (repeat == Repeat::Harmless
                            && matches!(answer.status, 500 | 502 | 503 | 504))
                }
            };
            if again && sent < SENDS {
                let said = answer.as_ref().ok().and_then(retry_after);
                tokio::time::sleep(pause(sent, said)).await;
                continue;
            }
            return match answer {
                Ok(answer) if answer.status < 300 => Ok(answer),
                Ok(answer) => Err(self.problem(&answer, sent)),
                Err(no) => Err(unreachable(&no)),
            };
        }
    }

    fn problem(&self, answer: &Answer, sent: u32) -> Failure {
        let tried = if sent > 1 {
            format!(" (asked {sent} times)")
        } else {
            String::new()
        };
        if let Ok(mut problem) = serde_json::from_slice::<Problem>(&answer.body) {
            problem.detail.push_str(&tried);
            // What stands on the wire counts.
            problem.status = answer.status;
            return Failure::from_problem(problem);
        }
        // API Gateway speaks for itself: {"message": …}.
        let exit = Exit::of_status(answer.status);
        let mut failure = match answer.status {
            401 => Failure::not_signed_in(format!("{} does not accept the sign-in", self.base)),
            429 => Failure::local(
                exit,
                "throttled",
                format!("too many requests at once{tried}"),
            )
            .hint("try again in a minute"),
            status @ 500.. => Failure::local(
                exit,
                "unavailable",
                format!("{} cannot answer now: {status}{tried}", self.base),
            )
            .hint("try again in a minute; `docket doctor` looks closer"),
            status => Failure::local(exit, "answered", format!("{} answered {status}", self.base))
                .hint("is that Docket's API? `docket doctor` looks closer"),
        };
        failure.problem.status = answer.status;
        failure
    }
}

/// Nobody answered.
pub(crate) fn unreachable(no: &NoAnswer) -> Failure {
    Failure::local(
        Exit::Unavailable,
        "unreachable",
        format!("cannot reach {}: {}", no.address, no.why),
    )
    .hint("is the address right (--api)? `docket doctor` looks closer")
}

fn retry_after(answer: &Answer) -> Option<Duration> {
    let said = answer.headers.get("retry-after")?.to_str().ok()?;
    said.parse().ok().map(Duration::from_secs)
}

/// How long to wait before something is sent again: at least what was asked for, and a part that chance decides,
/// so that all who were turned away do not come back at once.
pub(crate) fn pause(sent: u32, asked: Option<Duration>) -> Duration {
    let most = FIRST_PAUSE
        .saturating_mul(1 << sent.saturating_sub(1).min(10))
        .min(LONGEST_PAUSE);
    let jitter = most.mul_f64(config::random());
    (asked.unwrap_or_default() + jitter).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use api::types::JobQuery;

    use super::*;

    #[test]
    fn ids_and_filters_cannot_leave_their_place() {
        assert_eq!(segment("retry:ab/../c?d"), "retry%3Aab%2F..%2Fc%3Fd");
        let filters = JobQuery {
            q: Some("a&b=c d".to_owned()),
            limit: Some(50),
            ..JobQuery::default()
        };
        assert_eq!(query(&filters), "?limit=50&q=a%26b%3Dc%20d");
        assert_eq!(query(&JobQuery::default()), "");
    }

    #[test]
    fn pauses_grow_and_end() {
        for sent in 1..40 {
            let pause = pause(sent, None);
            assert!(pause <= FIRST_PAUSE * 2_u32.saturating_pow(sent - 1));
            assert!(pause <= LONGEST_PAUSE);
        }
        assert!(pause(1, Some(Duration::from_secs(2))) >= Duration::from_secs(2));
        assert_eq!(pause(1, Some(Duration::from_secs(9999))), LONGEST_PAUSE);
    }
}
