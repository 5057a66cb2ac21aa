//! A browser without scripts: it follows redirects, keeps cookies and fills in the one form of a company's provider.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// More than any sign-in takes.
const MAX_REDIRECTS: usize = 12;

pub(super) struct Answer {
    pub(super) status: u16,
    /// Where a redirect leads.
    pub(super) location: Option<String>,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

pub(super) struct Browser {
    http: Client<HttpConnector, Full<Bytes>>,
    /// By host and port, then by name.
    cookies: BTreeMap<String, BTreeMap<String, String>>,
}

impl Browser {
    pub(super) fn new() -> Self {
        Self {
            http: Client::builder(TokioExecutor::new()).build_http(),
            cookies: BTreeMap::new(),
        }
    }

    pub(super) async fn get(&mut self, url: &str) -> Answer {
        self.send("GET", url, None).await
    }

    pub(super) async fn post(&mut self, url: &str, fields: &[(&str, &str)]) -> Answer {
        self.send("POST", url, Some(form(fields))).await
    }

    async fn send(&mut self, method: &str, url: &str, body: Option<String>) -> Answer {
        let uri: Uri = url.parse().unwrap();
        let host = uri.authority().unwrap().to_string();
        let jar = self.cookies.entry(host.clone()).or_default();
        let sent: Vec<String> = jar
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut request = Request::builder().method(method).uri(url);
        if !sent.is_empty() {
            request = request.header("cookie", sent.join("; "));
        }
        if body.is_some() {
            request = request.header("content-type", "application/x-www-form-urlencoded");
        }
        let request = request
            .body(Full::new(Bytes::from(body.unwrap_or_default())))
            .unwrap();
        let response = self.http.request(request).await.unwrap();
        let status = response.status().as_u16();
        for cookie in response.headers().get_all("set-cookie") {
            let text = cookie.to_str().unwrap();
            let (name, value) = text.split(';').next().unwrap().split_once('=').unwrap();
            jar.insert(name.to_owned(), value.to_owned());
        }
        let location = response.headers().get("location");
        let location = location.map(|location| {
            let text = location.to_str().unwrap();
            if text.starts_with('/') {
                format!("http://{host}{text}")
            } else {
                text.to_owned()
            }
        });
        let body = response.into_body().collect().await.unwrap().to_bytes();
        Answer {
            status,
            location,
            body: String::from_utf8_lossy(&body).into_owned(),
        }
    }

    /// Follows redirects until one leads to `end`, or there are no more. Returns the last answer.
    pub(super) async fn follow(&mut self, mut answer: Answer, end: &str) -> Answer {
        for _ in 0..MAX_REDIRECTS {
            match &answer.location {
                Some(location) if !location.starts_with(end) => {
                    answer = self.get(&location.clone()).await;
                }
                _ => return answer,
            }
        }
        panic!("more than {MAX_REDIRECTS} redirects");
    }

    /// Signs in at a provider whose form an address leads to, and returns where it leads after that: to `end`, if all goes
    /// well.
    pub(super) async fn sign_in(&mut self, url: &str, user: &str, end: &str) -> Answer {
        let mut address = url.to_owned();
        let mut page = self.get(url).await;
        while let Some(location) = &page.location {
            address = location.clone();
            page = self.get(&address).await;
        }
        assert!(
            page.body.contains("<form"),
            "{address}: {} {}",
            page.status,
            page.body
        );
        // The form is sent to its own address.
        let answer = self.post(&address, &[("user", user)]).await;
        self.follow(answer, end).await
    }
}

/// Fields as a form sends them.
pub(super) fn form(fields: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{name}={}", encoded(value)))
        .collect();
    pairs.join("&")
}

pub(super) fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// A parameter of an address.
pub(super) fn parameter(url: &str, name: &str) -> Option<String> {
    let (_, query) = url.split_once('?')?;
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.to_owned())
}

/// The challenge of a PKCE verifier (RFC 7636, S256).
pub(super) fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

/// The claims of a token, without a check.
pub(super) fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// The same token with other claims, under the old signature.
pub(super) fn tampered(token: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut claims = claims(token);
    change(&mut claims);
    let parts: Vec<&str> = token.split('.').collect();
    let payload = URL_SAFE_NO_PAD.encode(claims.to_string());
    format!("{}.{payload}.{}", parts[0], parts[2])
}
