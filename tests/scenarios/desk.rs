//! The desk as its people use it: the CLI that ships, and requests like those of a page, with real sign-ins.

mod attacks;
mod care;
mod people;
mod uploads;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use devstack::{Stack, TEST_PASSWORD};
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tokio::process::Command;

pub(crate) const CUSTOMER: &str = "customer@acme.example";
pub(crate) const REVIEWER: &str = "reviewer@acme.example";
pub(crate) const SUPPORT: &str = "support@docket.example";
pub(crate) const STRANGER: &str = "reviewer@globex.example";

/// An answer.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Bytes,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }
}

/// Asks anything that speaks HTTP.
pub(crate) async fn ask(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Reply {
    let http: Client<HttpConnector, Full<Bytes>> =
        Client::builder(TokioExecutor::new()).build_http();
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(body.into())).unwrap();
    let answer = http.request(request).await.unwrap();
    let status = answer.status().as_u16();
    let text = |value: &http::HeaderValue| value.to_str().unwrap_or_default().to_owned();
    let headers = answer.headers().iter();
    let headers = headers
        .map(|(name, value)| (name.as_str().to_owned(), text(value)))
        .collect();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    Reply {
        status,
        headers,
        body,
    }
}

/// Asks the API with a token.
pub(crate) async fn with_token(
    stack: &Stack,
    token: &str,
    method: &str,
    path: &str,
    body: Option<Value>,
) -> Reply {
    let url = format!("{}{path}", stack.outputs.http_api_url);
    let authorization = format!("Bearer {token}");
    let headers = [
        ("authorization", authorization.as_str()),
        ("content-type", "application/json"),
    ];
    let body = body.map_or_else(Bytes::new, |body| body.to_string().into());
    ask(method, &url, &headers, body).await
}

/// Asks the API as somebody.
pub(crate) async fn api(
    stack: &Stack,
    who: &str,
    method: &str,
    path: &str,
    body: Option<Value>,
) -> Reply {
    let token = stack.id_token(who).await.unwrap();
    with_token(stack, &token, method, path, body).await
}

/// Somebody with a terminal, signed in.
pub(crate) struct Terminal {
    home: PathBuf,
    url: String,
}

impl Drop for Terminal {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.home).ok();
    }
}

/// What a command did.
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Terminal {
    pub(crate) async fn sign_in(stack: &Stack, who: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let home =
            std::env::temp_dir().join(format!("docket-desk-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&home).unwrap();
        let terminal = Self {
            home,
            url: stack.outputs.http_api_url.clone(),
        };
        let signed_in = terminal.docket(&["login", "--email", who]).await;
        assert_eq!(signed_in.status, 0, "{}", signed_in.err);
        terminal
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.home
    }

    /// Runs the CLI.
    pub(crate) async fn docket(&self, arguments: &[&str]) -> Ran {
        let program = devstack::repo_file("target/release/docket");
        let program = match std::env::var_os("CARGO_TARGET_DIR") {
            Some(target) => PathBuf::from(target).join("release/docket"),
            None => program,
        };
        let output: Output = Command::new(&program)
            .args(arguments)
            .env("DOCKET_API", &self.url)
            .env("DOCKET_PASSWORD", TEST_PASSWORD)
            .env("XDG_CONFIG_HOME", &self.home)
            .env("XDG_STATE_HOME", &self.home)
            .current_dir(&self.home)
            .output()
            .await
            .unwrap_or_else(|error| {
                panic!("{}: {error}; `make build` makes it", program.display())
            });
        Ran {
            status: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Runs the CLI for its JSON, which it must print.
    pub(crate) async fn json(&self, arguments: &[&str]) -> Value {
        let ran = self.docket(&[arguments, &["--json"]].concat()).await;
        assert_eq!(ran.status, 0, "{arguments:?}: {}{}", ran.out, ran.err);
        serde_json::from_str(&ran.out)
            .unwrap_or_else(|error| panic!("{arguments:?}: {error}: {}", ran.out))
    }
}
