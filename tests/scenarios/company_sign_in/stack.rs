//! A stack of its own, with the providers of two companies beside it.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex, PoisonError};

use devstack::{ChildProcesses, Companies, RunDir, Stack, StackOptions};
use serde_json::{Value, json};

use super::browser::{Answer, Browser, challenge, form, parameter};
use crate::api::{HttpResponse, call_with_token};
use crate::support::{SharedStack, start_stack};

/// Where the command line waits for the code. Nothing listens there: the browser of the tests stops before.
pub(super) const CALLBACK: &str = "http://127.0.0.1:18457/callback";
pub(super) const VERIFIER: &str = "a verifier of a sign-in, 43 characters or more, once";

/// The providers of `tests/company/sign-in.toml` that run on this machine.
const PROVIDERS: [&str; 2] = ["Acme", "Globex"];
const MODULES: &str = "crates/devstack/company/node_modules";

pub(super) struct CompanyStack {
    pub(super) stack: Stack,
    /// The users of each company, and the file with them.
    users: Mutex<BTreeMap<&'static str, (PathBuf, Value)>>,
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
    if !devstack::repo_file(MODULES).is_dir() {
        assert!(
            std::env::var_os("CI").is_none(),
            "CI needs `make company-modules`"
        );
        eprintln!("skipped: the companies' providers need `make company-modules`");
        return;
    }
    STACK.run(scenario);
}

async fn start(dir: &RunDir, children: &ChildProcesses) -> CompanyStack {
    let users = PROVIDERS.map(|company| {
        let file = dir.file(&format!("users-of-{company}.json"));
        std::fs::write(&file, "{}").unwrap();
        (company, file)
    });
    let options = StackOptions {
        companies: Some(Companies {
            sign_in: devstack::repo_file("tests/company/sign-in.toml"),
            users: users
                .iter()
                .map(|(company, file)| ((*company).to_owned(), file.clone()))
                .collect(),
            page_origin: Some("http://127.0.0.1:9".to_owned()),
        }),
        ..StackOptions::TESTS
    };
    let users = users.map(|(company, file)| (company, (file, json!({}))));
    CompanyStack {
        stack: start_stack(options, dir, children, "companies: ").await,
        users: Mutex::new(users.into()),
    }
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
        // The provider reads it at any time, so it must always be whole.
        let new = file.with_extension("new");
        std::fs::write(&new, users.to_string()).unwrap();
        std::fs::rename(&new, file).unwrap();
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
