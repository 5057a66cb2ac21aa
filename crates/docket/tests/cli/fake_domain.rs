//! The domain of a user pool with companies' providers behind it. It checks what a real one checks: the client, the
//! redirect URI, PKCE, and that a code is used once.

use std::collections::{HashMap, HashSet};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::fake_service::ReceivedRequest;

pub(crate) const CLIENT: &str = "company-client";
pub(crate) const ISSUER: &str = "https://issuer.example/pool-1";
pub(crate) const PAGE: &str = "https://docket.example.com";
const MACHINE: (&str, &str) = ("ci", "a secret: 100%");

#[derive(Debug, Default)]
pub(crate) struct FakeDomain {
    /// Names and labels. Without a provider the service has no sign-in by a company.
    pub(crate) providers: Vec<(&'static str, &'static str)>,
    /// Whether machine clients sign in here.
    pub(crate) has_machines: bool,
    /// What the ID tokens say otherwise than they should.
    pub(crate) claims: Vec<(&'static str, Value)>,
    /// The provider's error, such as `access_denied`.
    pub(crate) refusal: Option<&'static str>,
    codes: HashMap<String, Grant>,
    pub(crate) refresh_tokens: HashSet<String>,
    issued: u32,
}

#[derive(Debug)]
struct Grant {
    challenge: String,
    redirect_uri: String,
    nonce: Option<String>,
}

pub(crate) type Answer = Response<Full<Bytes>>;

impl FakeDomain {
    pub(crate) fn configure(&self, base: &str, configuration: &mut Value) {
        if self.providers.is_empty() && !self.has_machines {
            return;
        }
        let providers: Vec<_> = self
            .providers
            .iter()
            .map(|(name, label)| json!({"name": name, "label": label}))
            .collect();
        configuration["page_url"] = PAGE.into();
        configuration["company_sign_in"] = json!({
            "url": format!("{base}/domain"), "client_id": CLIENT, "issuer": ISSUER, "providers": providers,
        });
    }

    pub(crate) fn respond(&mut self, request: &ReceivedRequest) -> Answer {
        let (method, target) = request.request_line.split_once(' ').unwrap();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let body = std::str::from_utf8(&request.body).unwrap();
        match (method, path) {
            ("GET", "/domain/oauth2/authorize") => self.authorize(&fields(query)),
            ("POST", "/domain/oauth2/token") => {
                self.token(&fields(body), request.authorization.as_deref())
            }
            ("POST", "/domain/oauth2/revoke") => {
                self.refresh_tokens.remove(&fields(body)["token"]);
                answer(200, &json!({}))
            }
            _ => answer(404, &json!({})),
        }
    }

    /// The user signs in at once.
    fn authorize(&mut self, given: &HashMap<String, String>) -> Answer {
        let field = |name: &str| given.get(name).map_or("", String::as_str);
        let redirect_uri = field("redirect_uri");
        let is_known = [18457, 28457, 38457]
            .map(|port| format!("http://127.0.0.1:{port}/callback"))
            .iter()
            .any(|known| known == redirect_uri)
            || redirect_uri == format!("{PAGE}/sign-in/code");
        let provider = self
            .providers
            .iter()
            .any(|(name, _)| *name == field("identity_provider"));
        if field("client_id") != CLIENT || !is_known || !provider {
            return answer(400, &json!({"error": "invalid_request"}));
        }
        let is_valid = field("response_type") == "code"
            && field("code_challenge_method") == "S256"
            && field("code_challenge").len() == 43
            && field("scope").split(' ').any(|scope| scope == "openid");
        let result = match (is_valid, self.refusal) {
            (false, _) => "error=invalid_request".to_owned(),
            (true, Some(error)) => format!("error={error}"),
            (true, None) => {
                self.issued += 1;
                let code = format!("code-{}", self.issued);
                let grant = Grant {
                    challenge: field("code_challenge").to_owned(),
                    redirect_uri: redirect_uri.to_owned(),
                    nonce: given.get("nonce").cloned(),
                };
                self.codes.insert(code.clone(), grant);
                format!("code={code}")
            }
        };
        let location = format!("{redirect_uri}?{result}&state={}", field("state"));
        Response::builder()
            .status(302)
            .header("location", location)
            .body(Full::default())
            .unwrap()
    }

    fn token(&mut self, given: &HashMap<String, String>, authorization: Option<&str>) -> Answer {
        let field = |name: &str| given.get(name).map_or("", String::as_str);
        let refused = |error: &str| answer(400, &json!({"error": error}));
        match field("grant_type") {
            "client_credentials" => {
                // RFC 6749, section 2.3.1: both are form-encoded before they are joined.
                let pair = format!("{}:a%20secret%3A%20100%25", MACHINE.0);
                let expected = format!("Basic {}", STANDARD.encode(pair));
                if !self.has_machines || authorization != Some(&expected) {
                    return refused("invalid_client");
                }
                self.issued += 1;
                let token = format!("machine-{}", self.issued);
                answer(
                    200,
                    &json!({"access_token": token, "expires_in": 3600, "token_type": "Bearer"}),
                )
            }
            _ if field("client_id") != CLIENT => refused("invalid_client"),
            "authorization_code" => {
                // A code works once, also if the rest of the request is wrong.
                let Some(grant) = self.codes.remove(field("code")) else {
                    return refused("invalid_grant");
                };
                let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(field("code_verifier")));
                if grant.challenge != challenge || grant.redirect_uri != field("redirect_uri") {
                    return refused("invalid_grant");
                }
                let refresh_token = format!("refresh-{}", self.issued);
                self.refresh_tokens.insert(refresh_token.clone());
                let mut tokens = self.tokens(grant.nonce);
                tokens["refresh_token"] = refresh_token.into();
                answer(200, &tokens)
            }
            "refresh_token" if self.refresh_tokens.contains(field("refresh_token")) => {
                answer(200, &self.tokens(None))
            }
            "refresh_token" => refused("invalid_grant"),
            _ => refused("unsupported_grant_type"),
        }
    }

    fn tokens(&self, nonce: Option<String>) -> Value {
        json!({
            "id_token": self.id_token(nonce), "access_token": "access", "expires_in": 3600, "token_type": "Bearer",
        })
    }

    pub(crate) fn id_token(&self, nonce: Option<String>) -> String {
        let mut claims = json!({
            "iss": ISSUER, "aud": CLIENT, "sub": "acme_ann", "email": "ann@acme.example", "exp": 4_000_000_000_u64,
            "token_use": "id", "nonce": nonce, "jti": self.issued,
        });
        for (name, value) in &self.claims {
            claims[name] = value.clone();
        }
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()))
    }
}

fn answer(status: u16, body: &Value) -> Answer {
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(Full::from(body.to_string()))
        .unwrap()
}

/// The fields of a query or a form.
pub(crate) fn fields(text: &str) -> HashMap<String, String> {
    text.split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| {
            let value = percent_encoding::percent_decode_str(value).decode_utf8();
            (name.to_owned(), value.unwrap().into_owned())
        })
        .collect()
}
