//! A stack of its own, with the providers of two companies beside it.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{LazyLock, Mutex, PoisonError};

use devstack::{ChildProcesses, Companies, RunDir, Stack, StackOptions};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::browser::{Answer, Browser, challenge, form, parameter};
use crate::api::{HttpResponse, call_with_token};
use crate::support::{SharedStack, start_stack};

/// Where the command line waits for the code. Nothing listens there: the browser of the tests stops before.
pub(super) const CALLBACK: &str = "http://127.0.0.1:18457/callback";
pub(super) const VERIFIER: &str = "a verifier of a sign-in, 43 characters or more, once";

/// The providers and their ports in `tests/company/sign-in.toml`.
const PROVIDERS: [(&str, u16); 2] = [("Acme", 29001), ("Globex", 29002)];

pub(super) struct CompanyStack {
    pub(super) stack: Stack,
    /// The users of each company, and the file with them.
    users: Mutex<BTreeMap<&'static str, (PathBuf, Value)>>,
    _providers: Vec<Child>,
}

impl Borrow<Stack> for CompanyStack {
    fn borrow(&self) -> &Stack {
        &self.stack
    }
}

static STACK: LazyLock<SharedStack<CompanyStack>> =
    LazyLock::new(|| SharedStack::start("company", start));

/// Runs a scenario, unless this machine lacks what the providers need.
pub(super) fn run(scenario: impl AsyncFnOnce(&'static CompanyStack)) {
    if !devstack::repo_file("tests/company/node_modules").is_dir() {
        assert!(
            std::env::var_os("CI").is_none(),
            "CI needs `npm ci` in tests/company"
        );
        eprintln!("skipped: the companies' providers need `npm ci` in tests/company");
        return;
    }
    STACK.run(scenario);
}

async fn start(dir: &RunDir, children: &ChildProcesses) -> CompanyStack {
    let mut text =
        std::fs::read_to_string(devstack::repo_file("tests/company/sign-in.toml")).unwrap();
    let mut ports = BTreeMap::new();
    for (company, port) in PROVIDERS {
        let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let free = free.local_addr().unwrap().port();
        text = text.replace(&format!(":{port}"), &format!(":{free}"));
        ports.insert(company, free);
    }
    let sign_in = dir.file("sign-in.toml");
    std::fs::write(&sign_in, text).unwrap();
    let options = StackOptions {
        companies: Some(Companies {
            sign_in,
            page_origin: Some("http://127.0.0.1:9".to_owned()),
        }),
        ..StackOptions::TESTS
    };
    let stack = start_stack(options, dir, children, "companies: ").await;
    let mut providers = Vec::new();
    let mut users = BTreeMap::new();
    for (company, port) in ports {
        let file = dir.file(&format!("users-of-{company}.json"));
        std::fs::write(&file, "{}").unwrap();
        providers.push(start_provider(port, &file, &stack.cloud.url).await);
        users.insert(company, (file, json!({})));
    }
    CompanyStack {
        stack,
        users: Mutex::new(users),
        _providers: providers,
    }
}

async fn start_provider(port: u16, users: &Path, cognito: &str) -> Child {
    let mut child = Command::new("node")
        .arg(devstack::repo_file("tests/company/provider.mjs"))
        .arg(port.to_string())
        .arg(users)
        .arg(format!("{cognito}/oauth2/idpresponse"))
        // Never written to. Its end, also if this process is killed, ends the provider.
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        if line.contains("issuer") {
            // Nothing it prints later may block it.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return child;
        }
    }
    panic!("the provider on port {port} did not start");
}

/// What a sign-in brings.
#[derive(Clone, Debug)]
pub(super) struct Tokens {
    pub(super) id: String,
    pub(super) access: String,
    pub(super) refresh: String,
}

impl CompanyStack {
    /// Says what a company knows of a user, from the next sign-in on.
    pub(super) fn user(&self, company: &'static str, name: &str, profile: Value) {
        let mut all = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        let (file, users) = all.get_mut(company).unwrap();
        users[name] = profile;
        std::fs::write(file, users.to_string()).unwrap();
    }

    pub(super) fn domain(&self) -> &str {
        self.stack.outputs.company_sign_in_url.as_deref().unwrap()
    }

    pub(super) fn client_id(&self) -> &str {
        self.stack
            .outputs
            .company_sign_in_client_id
            .as_deref()
            .unwrap()
    }

    /// The address at which a sign-in starts.
    pub(super) fn authorize_url(&self, company: &str, more: &[(&str, &str)]) -> String {
        let challenge = challenge(VERIFIER);
        let mut fields = vec![
            ("response_type", "code"),
            ("client_id", self.client_id()),
            ("redirect_uri", CALLBACK),
            ("identity_provider", company),
            ("state", "state-of-the-client"),
            ("nonce", "nonce-of-the-client"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        if !more.iter().any(|(name, _)| *name == "scope") {
            fields.push(("scope", "openid email profile"));
        }
        fields.extend(more);
        format!("{}/oauth2/authorize?{}", self.domain(), form(&fields))
    }

    /// Signs a user of a company in, and returns the code.
    pub(super) async fn code(&self, company: &str, user: &str) -> String {
        let url = self.authorize_url(company, &[]);
        let answer = Browser::new().sign_in(&url, user, CALLBACK).await;
        let location = answer
            .location
            .unwrap_or_else(|| panic!("{} {}", answer.status, answer.body));
        assert_eq!(
            parameter(&location, "state").as_deref(),
            Some("state-of-the-client")
        );
        parameter(&location, "code").unwrap_or_else(|| panic!("{location}"))
    }

    /// Calls `/oauth2/token`, or another path of the domain.
    pub(super) async fn oauth(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let url = format!("{}{path}", self.domain());
        Browser::new().post(&url, fields).await
    }

    pub(super) async fn exchange(&self, code: &str, more: &[(&str, &str)]) -> Answer {
        let mut fields = BTreeMap::from([
            ("grant_type", "authorization_code"),
            ("client_id", self.client_id()),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
            ("code", code),
        ]);
        fields.extend(more.iter().copied());
        let fields: Vec<(&str, &str)> = fields.into_iter().collect();
        self.oauth("/oauth2/token", &fields).await
    }

    pub(super) async fn sign_in(&self, company: &str, user: &str) -> Tokens {
        let answer = self.exchange(&self.code(company, user).await, &[]).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let tokens = answer.json();
        let token = |name: &str| tokens[name].as_str().unwrap().to_owned();
        Tokens {
            id: token("id_token"),
            access: token("access_token"),
            refresh: token("refresh_token"),
        }
    }

    pub(super) async fn refresh(&self, refresh_token: &str) -> Answer {
        let fields = [
            ("grant_type", "refresh_token"),
            ("client_id", self.client_id()),
            ("refresh_token", refresh_token),
        ];
        self.oauth("/oauth2/token", &fields).await
    }

    /// Calls the API with a token.
    pub(super) async fn api(&self, token: &str, path: &str) -> HttpResponse {
        call_with_token(&self.stack, token, "GET", path, None).await
    }

    pub(super) async fn user_pools(&self, operation: &str, input: Value) -> Result<Value, String> {
        let mut input = input;
        if operation.starts_with("Admin")
            || operation.starts_with("List")
            || operation.starts_with("Describe")
        {
            input["UserPoolId"] = self.stack.outputs.user_pool_id.clone().into();
        }
        let answer = self.stack.user_pools(operation, input).await;
        answer.map_err(|error| format!("{error:#}"))
    }
}
