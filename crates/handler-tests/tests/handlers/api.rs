//! The HTTP API over in-memory ports: what each kind of person gets, and what nobody gets.

mod attacks;
mod document;
mod lists;
mod orders;
mod plans;
mod quarantine;
mod uploads;

use std::collections::BTreeMap;

use api::types::Problem;
use functions::handlers::api::routes::ROUTES;
use functions::handlers::api::{Api, HttpEvent, HttpReply, handle};
use jobs::id::{JobId, Timestamp};
use jobs::job::Job;
use jobs::state::{Cause, Failure, State};
use lambda_runtime::{Context, LambdaEvent};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use testkit::memory::Memory;

use super::world::{BUCKET, Environment, NOW, app, run};

/// The claims of an ID token as API Gateway hands them on.
pub(super) fn claims(name: &str, groups: &str) -> Value {
    json!({
        "sub": format!("sub-of-{name}"), "token_use": "id", "aud": "client", "iss": "https://cognito-idp.eu-central-1.amazonaws.com/pool",
        "email": name, "email_verified": "true", "cognito:username": format!("id-of-{name}"), "cognito:groups": groups,
        "exp": (NOW.0 / 1000 + 3600).to_string(),
    })
}

/// Somebody with a browser.
#[derive(Clone)]
pub(super) struct Caller<'a> {
    pub(super) api: &'a Api<Memory, Environment>,
    pub(super) claims: Value,
}

/// The desk and the people at it.
pub(super) struct Office {
    pub(super) api: Api<Memory, Environment>,
}

impl Office {
    pub(super) fn open() -> Self {
        Self {
            api: Api::new(app()),
        }
    }

    pub(super) fn ports(&self) -> &Memory {
        &self.api.app().ports
    }

    pub(super) fn caller(&self, name: &str, groups: &str) -> Caller<'_> {
        Caller {
            api: &self.api,
            claims: claims(name, groups),
        }
    }

    pub(super) fn customer(&self) -> Caller<'_> {
        self.caller("carla@acme.example", "[customer tenant:acme]")
    }

    pub(super) fn reviewer(&self) -> Caller<'_> {
        self.caller("rita@acme.example", "[reviewer tenant:acme]")
    }

    pub(super) fn stranger(&self) -> Caller<'_> {
        self.caller("gustav@globex.example", "[reviewer customer tenant:globex]")
    }

    pub(super) fn support(&self) -> Caller<'_> {
        self.caller("sam@docket.example", "[support]")
    }

    /// Puts a job into the table, made `age` milliseconds ago, in a state.
    pub(super) fn job(&self, key: &str, age: u64, change: impl FnOnce(&mut Job)) -> Job {
        let mut job = testkit::conformance::full_job(BUCKET, "acme", 0);
        let at = Timestamp(NOW.0 - age);
        job.id = JobId::of_key(BUCKET, key);
        job.input.key = key.to_owned();
        job.input.name = None;
        job.input.uploaded_by = None;
        job.created_at = at;
        job.updated_at = at;
        job.corrected = false;
        job.input.version = self.ports().put(BUCKET, key, b"%PDF-1.7");
        change(&mut job);
        self.ports().world().jobs.insert(job.id, job.clone());
        job
    }

    pub(super) fn failed(&self, key: &str, age: u64, cause: Cause) -> Job {
        self.job(key, age, |job| fail(job, cause))
    }
}

/// Makes a job one that failed after its first attempt.
pub(super) fn fail(job: &mut Job, cause: Cause) {
    let failure = Failure::new(cause, "the model's own words");
    for record in &mut job.attempts {
        record.closed_at = Some(job.updated_at);
        record.failure = Some(failure.clone());
        record.output = None;
    }
    job.state = State::Failed {
        attempt: jobs::id::Attempt(u8::try_from(job.attempts.len()).unwrap()),
        failure,
    };
}

impl Caller<'_> {
    /// Asks, and answers the reply as it is.
    pub(super) fn reply(&self, method: &str, path: &str, body: Option<&Value>) -> HttpReply {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let event = json!({
            "version": "2.0", "routeKey": "ANY /{proxy+}", "rawPath": path, "rawQueryString": query,
            "headers": {"authorization": "Bearer eyJ"}, "isBase64Encoded": false, "body": body.map(ToString::to_string),
            "requestContext": {"http": {"method": method, "path": path, "sourceIp": "192.0.2.1"}, "requestId": "r1", "stage": "$default",
                "routeKey": "ANY /{proxy+}", "authorizer": {"jwt": {"claims": self.claims, "scopes": null}}},
        });
        let event: HttpEvent = serde_json::from_value(event).unwrap();
        let mut context = Context::default();
        context.deadline = self.api.app().ports.world().now.0 + 29_000;
        run(handle(self.api, LambdaEvent::new(event, context))).unwrap()
    }

    /// Asks for something that must be answered, by a type that has every field of the answer.
    pub(super) fn ask<T: DeserializeOwned + Serialize>(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> T {
        let reply = self.reply(method, path, body.as_ref());
        let route = route(method, path);
        assert_eq!(reply.status_code, route.answers.0, "{}", reply.body);
        let named = std::any::type_name::<T>().rsplit("::").next();
        assert_eq!(
            route.answers.1, named,
            "{method} {path} is said to answer another type"
        );
        let answer: T = serde_json::from_str(&reply.body).unwrap();
        let said: Value = serde_json::from_str(&reply.body).unwrap();
        assert_eq!(
            serde_json::to_value(&answer).unwrap(),
            said,
            "the type says it all"
        );
        answer
    }

    pub(super) fn get<T: DeserializeOwned + Serialize>(&self, path: &str) -> T {
        self.ask("GET", path, None)
    }

    pub(super) fn post<T: DeserializeOwned + Serialize>(&self, path: &str, body: Value) -> T {
        self.ask("POST", path, Some(body))
    }

    /// Asks for something that must be refused, and answers the word for why and what was said.
    pub(super) fn refused(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> (String, String) {
        let reply = self.reply(method, path, body.as_ref());
        assert_eq!(
            reply.headers.get("content-type"),
            Some(&"application/problem+json"),
            "{method} {path} was not refused: {} {}",
            reply.status_code,
            reply.body
        );
        let problem: Problem = serde_json::from_str(&reply.body).unwrap();
        assert_eq!(problem.status, reply.status_code);
        let word = problem.kind.strip_prefix("urn:docket:problem:").unwrap();
        (word.to_owned(), problem.detail)
    }

    /// Why a request is refused, in a word.
    pub(super) fn word(&self, method: &str, path: &str, body: Option<Value>) -> String {
        self.refused(method, path, body).0
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

/// The lines of the audit log: what was done to what, and what came of it.
pub(super) fn audited(office: &Office) -> Vec<(String, String, Option<String>)> {
    let page: api::types::AuditPage = office.support().get("/audit");
    let lines = page.entries.into_iter();
    lines
        .map(|entry| (entry.actor, entry.action, entry.detail))
        .collect()
}

/// How many of each there are.
pub(super) fn counts(counts: &[api::types::Count]) -> BTreeMap<&str, u32> {
    counts
        .iter()
        .map(|count| (count.name.as_str(), count.count))
        .collect()
}
