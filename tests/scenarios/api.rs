//! The HTTP API as its users call it: with the CLI that ships, and with requests like those of the page. Users are
//! signed in to a real user pool of the emulator.

mod audit_events;
mod authorization;
mod cancel_plans;
mod cli;
mod generated_client;
mod labels;
mod operations;
mod pauses;
mod python_client;
mod receipts;
mod retention;
mod tenants;
mod upload_sessions;
mod usage;

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
pub(crate) const OTHER_TENANT_REVIEWER: &str = "reviewer@globex.example";

pub(crate) struct HttpResponse {
    pub(crate) status: u16,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Bytes,
}

impl HttpResponse {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }
}

/// Sends an HTTP request to any URL.
pub(crate) async fn http_request(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> HttpResponse {
    let http: Client<HttpConnector, Full<Bytes>> =
        Client::builder(TokioExecutor::new()).build_http();
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(body.into())).unwrap();
    let response = http.request(request).await.unwrap();
    let status = response.status().as_u16();
    let text = |value: &http::HeaderValue| value.to_str().unwrap_or_default().to_owned();
    let headers = response.headers().iter();
    let headers = headers
        .map(|(name, value)| (name.as_str().to_owned(), text(value)))
        .collect();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    HttpResponse {
        status,
        headers,
        body,
    }
}

/// Calls the API with a token.
pub(crate) async fn call_with_token(
    stack: &Stack,
    token: &str,
    method: &str,
    path: &str,
    body: Option<Value>,
) -> HttpResponse {
    let url = format!("{}{path}", stack.outputs.http_api_url);
    let authorization = format!("Bearer {token}");
    let headers = [
        ("authorization", authorization.as_str()),
        ("content-type", "application/json"),
    ];
    let body = body.map_or_else(Bytes::new, |body| body.to_string().into());
    http_request(method, &url, &headers, body).await
}

/// Calls the API as a user.
pub(crate) async fn call_as(
    stack: &Stack,
    email: &str,
    method: &str,
    path: &str,
    body: Option<Value>,
) -> HttpResponse {
    let token = stack.id_token(email).await.unwrap();
    call_with_token(stack, &token, method, path, body).await
}

/// A user who is signed in with the CLI, with configuration files of their own.
pub(crate) struct CliUser {
    home: PathBuf,
    url: String,
}

impl Drop for CliUser {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.home).ok();
    }
}

pub(crate) struct CliOutput {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl CliUser {
    pub(crate) async fn sign_in(stack: &Stack, email: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let home = std::env::temp_dir().join(format!("docket-cli-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&home).unwrap();
        let user = Self {
            home,
            url: stack.outputs.http_api_url.clone(),
        };
        let signed_in = user.docket(&["login", "--email", email]).await;
        assert_eq!(signed_in.status, 0, "{}", signed_in.stderr);
        user
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.home
    }

    pub(crate) async fn docket(&self, arguments: &[&str]) -> CliOutput {
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
                panic!("{}: {error}; `make build` creates it", program.display())
            });
        CliOutput {
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Runs the CLI with `--json`. Fails unless it succeeds and prints JSON.
    pub(crate) async fn json(&self, arguments: &[&str]) -> Value {
        let output = self.docket(&[arguments, &["--json"]].concat()).await;
        assert_eq!(
            output.status, 0,
            "{arguments:?}: {}{}",
            output.stdout, output.stderr
        );
        serde_json::from_str(&output.stdout)
            .unwrap_or_else(|error| panic!("{arguments:?}: {error}: {}", output.stdout))
    }
}
