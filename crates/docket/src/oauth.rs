//! The OAuth 2.0 endpoints of the user pool's domain: sign-in by the company's identity provider (authorization code with
//! PKCE, RFC 6749 and RFC 7636) and machine clients (client credentials). Amazon Cognito developer guide, "OIDC and hosted
//! UI API endpoints".

use api::types::CompanySignIn;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::Request;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::config;
use crate::error::{CliError, Exit, Result};
use crate::http_client::{HttpClient, RESPONSE_TIMEOUT, full_body};
use crate::id_token;
use crate::session::{Session, parse_api_address};
use crate::url::{path_segment, query_string};

/// What the ID token shall say about the user.
const SCOPE: &str = "openid email profile";

/// The endpoints of one domain, for one app client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Domain<'a> {
    pub(crate) http: &'a HttpClient,
    /// Without a slash at the end.
    pub(crate) url: &'a str,
    pub(crate) client_id: &'a str,
}

/// What belongs to one sign-in alone. It is never stored.
pub(crate) struct PendingSignIn {
    /// Comes back with the code. A foreign code has another one.
    pub(crate) state: String,
    /// Comes back in the ID token.
    pub(crate) nonce: String,
    /// Only who began the sign-in can redeem its code (PKCE).
    verifier: String,
}

/// What the browser brings from the authorization endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AuthorizationResponse {
    pub(crate) state: String,
    /// The code, or why there is none.
    pub(crate) code: Result<String, AuthorizationError>,
}

/// An error of the authorization endpoint (RFC 6749, section 4.1.2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AuthorizationError {
    error: String,
    description: String,
}

#[derive(Deserialize)]
pub(crate) struct TokenResponse {
    pub(crate) id_token: Option<String>,
    pub(crate) access_token: String,
    pub(crate) refresh_token: Option<String>,
    /// In seconds.
    expires_in: u64,
}

#[derive(Deserialize)]
struct ErrorResponse {
    error: String,
    #[serde(default)]
    error_description: String,
}

impl PendingSignIn {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            state: config::random_secret()?,
            nonce: config::random_secret()?,
            verifier: config::random_secret()?,
        })
    }

    fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(&self.verifier))
    }
}

impl AuthorizationResponse {
    /// Reads the query of the redirect. `None` if it is none.
    pub(crate) fn from_query(query: &str) -> Option<Self> {
        let field = |name: &str| {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            let mut found = pairs.filter(|(key, _)| *key == name);
            // A field that comes twice is invalid (RFC 6749, section 3.1).
            let (value, more) = (found.next(), found.next());
            let text = more.is_none().then_some(value?.1)?.replace('+', " ");
            let text = percent_decode_str(&text).decode_utf8().ok()?;
            Some(text.into_owned())
        };
        let state = field("state")?;
        let code = match (field("code"), field("error")) {
            (Some(code), None) => Ok(code),
            (None, Some(error)) => Err(AuthorizationError {
                error,
                description: field("error_description").unwrap_or_default(),
            }),
            _ => return None,
        };
        Some(Self { state, code })
    }

    /// Reads what a person copied: `CODE#STATE` as the page shows it, or the page's address.
    pub(crate) fn from_pasted(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some((_, query)) = text.split_once('?') {
            return Self::from_query(query.split('#').next().unwrap_or_default());
        }
        let (code, state) = text.split_once('#')?;
        let is_word = |text: &str| !text.is_empty() && !text.contains(char::is_whitespace);
        (is_word(code) && is_word(state)).then(|| Self {
            state: state.to_owned(),
            code: Ok(code.to_owned()),
        })
    }
}

impl From<AuthorizationError> for CliError {
    fn from(refused: AuthorizationError) -> Self {
        let AuthorizationError { error, description } = refused;
        let detail = match (error.as_str(), description.as_str()) {
            ("access_denied", "") => "the sign-in was cancelled or refused".to_owned(),
            (error, "") => format!("the sign-in was refused: {error}"),
            (error, description) => format!("the sign-in was refused: {description} ({error})"),
        };
        Self::new(Exit::Denied, "sign-in", detail).with_hint(
            "run `docket login` again, or ask the administrator of your company's sign-in",
        )
    }
}

impl TokenResponse {
    /// When the tokens expire, by this machine's clock.
    pub(crate) fn expires_at(&self) -> u64 {
        config::now() + self.expires_in.saturating_mul(1000)
    }
}

impl Domain<'_> {
    /// The address at which the provider asks the user to sign in.
    pub(crate) fn authorization_url(
        &self,
        attempt: &PendingSignIn,
        provider: &str,
        redirect_uri: &str,
    ) -> Result<String> {
        let url = self.endpoint("/oauth2/authorize")?;
        let query = query_string(&json!({
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": redirect_uri,
            "scope": SCOPE,
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": attempt.challenge(),
            "code_challenge_method": "S256",
            "identity_provider": provider,
        }));
        Ok(format!("{url}{query}"))
    }

    /// Redeems a code. The tokens are those of this sign-in: the ID token is checked.
    pub(crate) async fn redeem(
        &self,
        company: &CompanySignIn,
        attempt: &PendingSignIn,
        code: &str,
        redirect_uri: &str,
    ) -> Result<Session> {
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", self.client_id),
            ("code", code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", &attempt.verifier),
        ];
        let tokens = self.token(&form, None).await.map_err(|error| {
            if error.exit == Exit::Denied {
                error.with_hint("a code works once and for five minutes; run `docket login` again")
            } else {
                error
            }
        })?;
        let id_token = tokens.id_token.as_deref().unwrap_or_default();
        let expected = id_token::ExpectedClaims {
            issuer: &company.issuer,
            client_id: self.client_id,
            nonce: &attempt.nonce,
        };
        let claims = id_token::check(id_token, &expected, config::now())?;
        Ok(Session {
            sign_in_url: String::new(),
            client_id: self.client_id.to_owned(),
            domain_url: Some(self.url.to_owned()),
            email: claims.name().to_owned(),
            in_keyring: false,
            expires_at: tokens.expires_at(),
            id_token: id_token.to_owned(),
            refresh_token: tokens.refresh_token,
        })
    }

    pub(crate) async fn refresh(&self, session: &Session) -> Result<Session> {
        let Some(refresh_token) = &session.refresh_token else {
            return Err(CliError::not_signed_in("the sign-in has expired"));
        };
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", self.client_id),
            ("refresh_token", refresh_token),
        ];
        let tokens = self.token(&form, None).await?;
        let id_token = tokens.id_token.as_deref().unwrap_or_default();
        id_token::check_refreshed(&session.id_token, id_token, config::now())?;
        Ok(Session {
            expires_at: tokens.expires_at(),
            id_token: id_token.to_owned(),
            // A new one comes only if the app client rotates them.
            refresh_token: tokens.refresh_token.or_else(|| Some(refresh_token.clone())),
            ..session.clone()
        })
    }

    /// Signs a program in by its client id and secret.
    pub(crate) async fn client_credentials(&self, secret: &str) -> Result<TokenResponse> {
        let form = [("grant_type", "client_credentials")];
        // Both parts are form-encoded first (RFC 6749, section 2.3.1).
        let pair = format!("{}:{}", path_segment(self.client_id), path_segment(secret));
        let authorization = format!("Basic {}", STANDARD.encode(pair));
        self.token(&form, Some(authorization))
            .await
            .map_err(|error| {
                if error.exit == Exit::Denied {
                    error.with_hint("check DOCKET_CLIENT_ID and DOCKET_CLIENT_SECRET")
                } else {
                    error
                }
            })
    }

    /// Revokes a refresh token, and with it the access tokens that it brought.
    pub(crate) async fn revoke(&self, refresh_token: &str) -> Result<()> {
        let form = [("token", refresh_token), ("client_id", self.client_id)];
        self.post("/oauth2/revoke", &form, None).await.map(drop)
    }

    async fn token(
        &self,
        form: &[(&str, &str)],
        authorization: Option<String>,
    ) -> Result<TokenResponse> {
        let body = self.post("/oauth2/token", form, authorization).await?;
        serde_json::from_slice(&body).map_err(|_| {
            CliError::new(
                Exit::Unavailable,
                "sign-in",
                "unexpected answer to the sign-in",
            )
        })
    }

    async fn post(
        &self,
        path: &str,
        form: &[(&str, &str)],
        authorization: Option<String>,
    ) -> Result<bytes::Bytes> {
        let url = self.endpoint(path)?;
        let pairs: Vec<String> = form
            .iter()
            .map(|(name, value)| format!("{name}={}", path_segment(value)))
            .collect();
        let mut request = Request::post(&url)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/json");
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        let request = request
            .body(full_body(pairs.join("&")))
            .map_err(|error| CliError::local(format!("cannot sign in at {url}: {error}")))?;
        let response = self.http.call(request, RESPONSE_TIMEOUT).await;
        let response = response.map_err(|error| {
            let detail = format!("cannot sign in at {}: {}", error.address, error.message);
            CliError::new(Exit::Unavailable, "unreachable", detail)
                .with_hint("`docket doctor` checks the connection")
        })?;
        if response.status == 200 {
            return Ok(response.body);
        }
        Err(endpoint_error(response.status, &response.body))
    }

    fn endpoint(&self, path: &str) -> Result<String> {
        // The address comes from the API. The check ensures that tokens are sent only over TLS.
        Ok(format!("{}{path}", parse_api_address(self.url)?))
    }
}

/// An error of the token endpoint (RFC 6749, section 5.2).
fn endpoint_error(status: u16, body: &[u8]) -> CliError {
    if status == 429 || status >= 500 {
        return CliError::new(
            Exit::Unavailable,
            "sign-in",
            format!("the sign-in is unavailable: HTTP {status}"),
        )
        .with_hint("try again in a minute");
    }
    let detail = match serde_json::from_slice(body) {
        Ok(ErrorResponse {
            error,
            error_description,
        }) if !error_description.is_empty() => format!("{error_description} ({error})"),
        Ok(ErrorResponse { error, .. }) => error,
        Err(_) => format!("HTTP {status}"),
    };
    let detail = format!("the sign-in was refused: {detail}");
    CliError::new(Exit::Denied, "sign-in", detail).with_hint("run `docket login`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str, state: &str) -> AuthorizationResponse {
        AuthorizationResponse {
            state: state.to_owned(),
            code: Ok(text.to_owned()),
        }
    }

    #[test]
    fn redirect_holds_a_code_or_an_error_once() {
        let read = AuthorizationResponse::from_query;
        assert_eq!(read("code=a%2Fb&state=s-1"), Some(code("a/b", "s-1")));
        let refused = read("error=access_denied&error_description=not+for+you%21&state=s");
        let refused = refused.unwrap().code.unwrap_err();
        let error = CliError::from(refused);
        assert_eq!(
            error.problem.detail,
            "the sign-in was refused: not for you! (access_denied)"
        );
        for broken in [
            "",
            "code=a",
            "state=s",
            "code=a&error=b&state=s",
            "code=a&code=b&state=s",
            "code=a&state=s&state=t",
            "code=%ff&state=s",
        ] {
            assert_eq!(read(broken), None, "{broken}");
        }
    }

    #[test]
    fn pasted_text_is_the_code_with_its_state_or_the_address_of_the_page() {
        let read = AuthorizationResponse::from_pasted;
        assert_eq!(read(" c-1#s-1\n"), Some(code("c-1", "s-1")));
        let address = "https://docket.example.com/sign-in/code?code=c-1&state=s-1";
        assert_eq!(read(address), Some(code("c-1", "s-1")));
        for broken in ["c-1", "c-1#", "#s-1", "c 1#s-1", ""] {
            assert_eq!(read(broken), None, "{broken}");
        }
    }

    #[test]
    fn challenge_is_the_hash_of_the_verifier() {
        // RFC 7636, appendix B.
        let attempt = PendingSignIn {
            state: String::new(),
            nonce: String::new(),
            verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned(),
        };
        assert_eq!(
            attempt.challenge(),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }

    #[test]
    fn errors_of_the_endpoint_distinguish_a_refusal_from_an_outage() {
        let refused = endpoint_error(400, br#"{"error":"invalid_grant"}"#);
        assert_eq!(refused.exit, Exit::Denied);
        assert!(refused.problem.detail.ends_with("invalid_grant"));
        assert_eq!(endpoint_error(503, b"").exit, Exit::Unavailable);
        assert_eq!(endpoint_error(429, b"").exit, Exit::Unavailable);
    }
}
