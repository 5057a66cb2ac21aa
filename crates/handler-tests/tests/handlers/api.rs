//! The HTTP API over in-memory ports: what each role may do, and what every caller is refused.

mod access_control;
mod audit_log;
mod batches;
mod boundaries;
mod cancel_plans;
mod commands;
mod company_users;
mod contract;
mod data_deletion;
mod data_export;
mod document;
mod downloads;
mod examples;
mod expired_documents;
mod idempotency;
mod identical;
mod labels;
mod links;
mod lists;
mod machine_clients;
mod marks;
mod pauses;
mod plans;
mod quarantine;
mod queue;
mod receipts;
mod roles;
mod run_again;
mod search;
mod summary;
mod tenants;
mod uploads;

use std::collections::BTreeMap;
use std::sync::Arc;

use api::types::Problem;
use functions::handlers::api::routes::ROUTES;
use functions::handlers::api::{Api, HttpEvent, HttpResponse, handle};
use jobs::id::{Attempt, JobId, Location, Timestamp};
use jobs::job::Job;
use jobs::pipeline::Pipelines;
use jobs::state::{Cause, Failure, State};
use lambda_runtime::{Context, LambdaEvent};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use testkit::memory::Memory;

use super::fixtures::{BUCKET, Environment, NOW, app, run};

/// The claims of an ID token as API Gateway passes them to the function.
pub(super) fn claims(name: &str, groups: &str) -> Value {
    json!({
        "sub": format!("sub-of-{name}"), "token_use": "id", "aud": "client", "iss": "https://cognito-idp.eu-central-1.amazonaws.com/pool",
        "email": name, "email_verified": "true", "cognito:username": format!("id-of-{name}"), "cognito:groups": groups,
        "exp": (NOW.0 / 1000 + 3600).to_string(),
    })
}

#[derive(Clone)]
pub(super) struct Client<'a> {
    pub(super) handler: &'a Api<Memory, Environment>,
    pub(super) claims: Value,
}

/// The API with its in-memory state.
pub(super) struct TestApi {
    pub(super) handler: Api<Memory, Environment>,
}

impl TestApi {
    pub(super) fn new() -> Self {
        let api = Self {
            handler: Api::new(app()),
        };
        for tenant in ["acme", "globex"] {
            let tenant = tenant.parse().unwrap();
            run(jobs::tenants::create(
                api.ports(),
                &tenant,
                "sam@docket.example",
            ))
            .unwrap();
        }
        api
    }

    /// With further lines in the table of the pipeline `legal-review`.
    pub(super) fn with_legal_review(lines: &str) -> Self {
        let text = include_str!("../../../../infra/pipelines.toml");
        Self::with_pipelines(&text.replacen(
            "[legal-review]\n",
            &format!("[legal-review]\n{lines}\n"),
            1,
        ))
    }

    /// With another `pipelines.toml`.
    pub(super) fn with_pipelines(text: &str) -> Self {
        let mut app = app();
        let environment = Arc::get_mut(&mut app.environment).unwrap();
        environment.pipelines = Pipelines::parse(text).unwrap();
        Self {
            handler: Api::new(app),
        }
    }

    pub(super) fn ports(&self) -> &Memory {
        &self.handler.app().ports
    }

    pub(super) fn client(&self, name: &str, groups: &str) -> Client<'_> {
        Client {
            handler: &self.handler,
            claims: claims(name, groups),
        }
    }

    pub(super) fn customer(&self) -> Client<'_> {
        self.client("carla@acme.example", "[customer tenant:acme]")
    }

    pub(super) fn reviewer(&self) -> Client<'_> {
        self.client("rita@acme.example", "[reviewer tenant:acme]")
    }

    pub(super) fn other_tenant(&self) -> Client<'_> {
        self.client("gustav@globex.example", "[reviewer customer tenant:globex]")
    }

    pub(super) fn support(&self) -> Client<'_> {
        self.client("sam@docket.example", "[support]")
    }

    /// Adds a job that was created `age_ms` milliseconds ago.
    pub(super) fn job(&self, key: &str, age_ms: u64, change: impl FnOnce(&mut Job)) -> Job {
        let mut job = testkit::conformance::full_job(BUCKET, "acme", 0);
        let at = Timestamp(NOW.0 - age_ms);
        job.id = JobId::of_key(BUCKET, key);
        job.input.key = key.to_owned();
        job.input.name = None;
        job.input.uploaded_by = None;
        job.created_at = at;
        job.updated_at = at;
        job.corrected = false;
        job.input.version = self.ports().put(BUCKET, key, b"%PDF-1.7");
        change(&mut job);
        self.ports().state().jobs.insert(job.id, job.clone());
        job
    }

    /// A job that is ready, with its result at `output`, where no object is yet.
    pub(super) fn ready_job(&self, key: &str, age_ms: u64, output: &str) -> Job {
        self.job(key, age_ms, |job| {
            job.state = State::Ready {
                attempt: Attempt(1),
            };
            job.attempts.truncate(1);
            job.attempts[0].attempt = Attempt(1);
            job.attempts[0].output = Some(Location {
                bucket: BUCKET.to_owned(),
                key: output.to_owned(),
            });
        })
    }

    pub(super) fn failed_job(&self, key: &str, age_ms: u64, cause: Cause) -> Job {
        self.job(key, age_ms, |job| fail(job, cause))
    }
}

/// Turns a job into one that failed after its first attempt.
pub(super) fn fail(job: &mut Job, cause: Cause) {
    let failure = Failure::new(cause, "an error message of the model");
    for record in &mut job.attempts {
        record.closed_at = Some(job.updated_at);
        record.failure = Some(failure.clone());
        record.output = None;
    }
    job.state = State::Failed {
        attempt: Attempt(u8::try_from(job.attempts.len()).unwrap()),
        failure,
    };
}

impl Client<'_> {
    /// Sends a request and returns the response.
    pub(super) fn send(&self, method: &str, path: &str, body: Option<&Value>) -> HttpResponse {
        let body = body.map(ToString::to_string);
        self.send_text(method, path, body.as_deref())
    }

    /// Sends a request whose body need not be JSON, and returns the response.
    pub(super) fn send_text(&self, method: &str, path: &str, body: Option<&str>) -> HttpResponse {
        let headers = json!({"authorization": "Bearer eyJ"});
        self.send_with_headers(method, path, body, &headers)
    }

    pub(super) fn send_with_headers(
        &self,
        method: &str,
        path: &str,
        body: Option<&str>,
        headers: &Value,
    ) -> HttpResponse {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let event = json!({
            "version": "2.0", "routeKey": "ANY /{proxy+}", "rawPath": path, "rawQueryString": query,
            "headers": headers, "isBase64Encoded": false, "body": body,
            "requestContext": {"http": {"method": method, "path": path, "sourceIp": "192.0.2.1"}, "requestId": "r1", "stage": "$default",
                "routeKey": "ANY /{proxy+}", "authorizer": {"jwt": {"claims": self.claims, "scopes": null}}},
        });
        let event: HttpEvent = serde_json::from_value(event).unwrap();
        let mut context = Context::default();
        context.deadline = self.handler.app().ports.state().now.0 + 29_000;
        run(handle(self.handler, LambdaEvent::new(event, context))).unwrap()
    }

    /// Sends a request that must succeed, and decodes its response. Checks that the route table names the type and that the
    /// type has every field of the response.
    pub(super) fn request<T: DeserializeOwned + Serialize>(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> T {
        let response = self.send(method, path, body.as_ref());
        let route = route(method, path);
        assert_eq!(response.status_code, route.status, "{}", response.body);
        let type_name = std::any::type_name::<T>().rsplit("::").next();
        assert_eq!(
            route.response, type_name,
            "the route table names another type for {method} {path}"
        );
        let value: T = serde_json::from_str(&response.body).unwrap();
        let json: Value = serde_json::from_str(&response.body).unwrap();
        assert_eq!(
            serde_json::to_value(&value).unwrap(),
            json,
            "the type lacks a field of the response"
        );
        value
    }

    pub(super) fn get<T: DeserializeOwned + Serialize>(&self, path: &str) -> T {
        self.request("GET", path, None)
    }

    pub(super) fn post<T: DeserializeOwned + Serialize>(&self, path: &str, body: Value) -> T {
        self.request("POST", path, Some(body))
    }

    /// Sends a request that must be refused, and returns the code and the detail of the problem.
    pub(super) fn problem(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> (String, String) {
        let response = self.send(method, path, body.as_ref());
        assert_eq!(
            response.headers.get("content-type").map(AsRef::as_ref),
            Some("application/problem+json"),
            "{method} {path} was not refused: {} {}",
            response.status_code,
            response.body
        );
        let problem: Problem = serde_json::from_str(&response.body).unwrap();
        assert_eq!(problem.status, response.status_code);
        let code = problem.kind.strip_prefix("urn:docket:problem:").unwrap();
        (code.to_owned(), problem.detail)
    }

    /// The code of the problem with which a request is refused.
    pub(super) fn problem_code(&self, method: &str, path: &str, body: Option<Value>) -> String {
        self.problem(method, path, body).0
    }
}

fn route(method: &str, path: &str) -> &'static functions::handlers::api::routes::Route {
    let path = path.split('?').next().unwrap_or_default();
    let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
    let fits = |pattern: &str| {
        let pattern: Vec<&str> = pattern.trim_matches('/').split('/').collect();
        pattern.len() == segments.len()
            && pattern
                .iter()
                .zip(&segments)
                .all(|(want, have)| want.starts_with('{') || want == have)
    };
    ROUTES
        .iter()
        .find(|route| route.method == method && fits(route.path))
        .unwrap_or_else(|| panic!("there is no route for {method} {path}"))
}

/// The audit log, newest first.
pub(super) fn audit_log(api: &TestApi) -> Vec<api::types::AuditEntry> {
    let page: api::types::AuditPage = api.support().get("/audit");
    page.entries
}

pub(super) fn counts(counts: &[api::types::NamedCount]) -> BTreeMap<&str, u32> {
    counts
        .iter()
        .map(|count| (count.name.as_str(), count.count))
        .collect()
}

/// The detail of the problem with which a GET is refused.
pub(super) fn refusal(client: &Client<'_>, path: &str) -> String {
    client.problem("GET", path, None).1
}
