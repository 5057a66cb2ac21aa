//! The examples of `docs/openapi.json` and `docs/api-examples.md`. Each is a request that the story sends to the handlers, and
//! their response; only the addresses in S3 are written as S3's own.

mod story;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, LazyLock};

use functions::handlers::api::events::{self, EventsApi};
use functions::handlers::api::routes::{ROUTES, Route};
use functions::handlers::api::{Api, HttpEvent, HttpResponse, handle};
use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Map, Value, json};
use testkit::memory::Memory;

use super::super::fixtures::{BUCKET, Environment, TestApp, app, run};
use super::{TestApi, document, route};

/// A request that was sent, and the response.
pub(super) struct Example {
    /// With the query.
    path: String,
    headers: Map<String, Value>,
    request: Option<Value>,
    status: u16,
    /// JSON, a page as text, or `None` without a body.
    response: Option<Value>,
}

/// By operation.
pub(super) type Examples = BTreeMap<String, Example>;

pub(super) static EXAMPLES: LazyLock<Examples> = LazyLock::new(story::tell);

/// A request that was refused.
pub(super) static REFUSED: LazyLock<Value> = LazyLock::new(story::refused);

/// Two functions over the same state, as on AWS, and the examples so far.
struct Service {
    api: TestApi,
    events: EventsApi<Memory, Environment>,
    examples: Examples,
}

fn configured_app() -> TestApp {
    let mut app = app();
    let environment = Arc::get_mut(&mut app.environment).unwrap();
    environment.page_origin = "https://docket.example.com".to_owned();
    environment.email_sender = "docket@example.com".to_owned();
    app
}

impl Service {
    fn new() -> Self {
        Self {
            api: TestApi {
                handler: Api::new(configured_app()),
            },
            events: EventsApi::new(configured_app()),
            examples: Examples::new(),
        }
    }

    fn app(&self) -> &TestApp {
        self.api.handler.app()
    }

    fn ports(&self) -> &Memory {
        self.api.ports()
    }

    /// Gives the state to the other function, and takes it back with the second call.
    fn swap_state(&self) {
        let mut ours = self.api.ports().state();
        let mut theirs = self.events.app.ports.state();
        std::mem::swap(&mut *ours, &mut *theirs);
    }

    /// Sends a request to the function that serves its path; without claims, one without a token.
    fn send(
        &self,
        claims: Option<&Value>,
        method: &str,
        path: &str,
        headers: &Map<String, Value>,
        body: Option<&Value>,
    ) -> HttpResponse {
        let now = self.ports().state().now.0;
        let authorizer = claims.map(|claims| {
            let mut claims = claims.clone();
            claims["exp"] = json!((now / 1000 + 3600).to_string());
            json!({"jwt": {"claims": claims}})
        });
        let (raw_path, query) = path.split_once('?').unwrap_or((path, ""));
        let body = body.map(|body| {
            body.as_str()
                .map_or_else(|| body.to_string(), str::to_owned)
        });
        let event = json!({
            "version": "2.0", "rawPath": raw_path, "rawQueryString": query, "headers": headers, "isBase64Encoded": false, "body": body,
            "requestContext": {"http": {"method": method, "path": raw_path}, "requestId": "r1", "stage": "$default", "authorizer": authorizer},
        });
        let event: HttpEvent = serde_json::from_value(event).unwrap();
        let mut context = Context::default();
        context.deadline = now + 29_000;
        let event = LambdaEvent::new(event, context);
        let is_of_events = ["/events", "/usage", "/webhooks", "/unsubscribe"]
            .iter()
            .any(|start| raw_path.starts_with(start))
            || raw_path.ends_with("/digests")
            || raw_path == "/me/sessions";
        if !is_of_events {
            return run(handle(&self.api.handler, event)).unwrap();
        }
        self.swap_state();
        let response = run(events::handle(&self.events, event)).unwrap();
        self.swap_state();
        response
    }

    /// Sends a request that must succeed, and returns the body of the response.
    fn call(&self, claims: &Value, method: &str, path: &str, body: Option<Value>) -> Value {
        let response = self.send(Some(claims), method, path, &Map::new(), body.as_ref());
        let expected = route(method, path).status;
        assert_eq!(response.status_code, expected, "{path}: {}", response.body);
        body_of(&response).unwrap_or_default()
    }

    /// As [`Self::call`], and keeps request and response as the example of the operation.
    fn keep(
        &mut self,
        claims: Option<&Value>,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Value {
        self.keep_with(claims, method, path, Map::new(), body)
    }

    fn keep_with(
        &mut self,
        claims: Option<&Value>,
        method: &str,
        path: &str,
        headers: Map<String, Value>,
        request: Option<Value>,
    ) -> Value {
        let response = self.send(claims, method, path, &headers, request.as_ref());
        let route = route(method, path);
        assert_eq!(
            response.status_code, route.status,
            "{path}: {}",
            response.body
        );
        let example = Example {
            path: path.to_owned(),
            headers,
            request,
            status: response.status_code,
            response: body_of(&response).map(as_in_s3),
        };
        let replaced = self.examples.insert(name(route), example);
        assert!(replaced.is_none(), "{path} has two examples");
        body_of(&response).unwrap_or_default()
    }
}

fn name(route: &Route) -> String {
    format!("{:?}", route.operation)
}

fn body_of(response: &HttpResponse) -> Option<Value> {
    let body = response.body.as_str();
    if body.is_empty() {
        return None;
    }
    Some(serde_json::from_str(body).unwrap_or_else(|_| body.into()))
}

/// The ports in memory sign addresses of their own. A reader should see S3's.
fn as_in_s3(value: Value) -> Value {
    match value {
        Value::String(text) => match text.strip_prefix(&format!("memory:s3://{BUCKET}/")) {
            Some(rest) => {
                let key = rest.split('?').next().unwrap_or_default();
                let host = format!("{BUCKET}.s3.eu-central-1.amazonaws.com");
                json!(format!("https://{host}/{key}?X-Amz-Signature=…"))
            }
            None => text.into(),
        },
        Value::Array(values) => values.into_iter().map(as_in_s3).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, value)| (name, as_in_s3(value)))
            .collect(),
        other => other,
    }
}

impl Example {
    /// The value of a parameter that the request has, in the type of its schema.
    fn parameter(&self, route: &Route, parameter: &Value) -> Option<Value> {
        let name = parameter["name"].as_str()?;
        let (path, query) = self.path.split_once('?').unwrap_or((&self.path, ""));
        let text = match parameter["in"].as_str()? {
            "header" => return self.headers.get(&name.to_lowercase()).cloned(),
            "path" => {
                let mut segments = route.path.split('/').zip(path.split('/'));
                let braced = format!("{{{name}}}");
                segments.find(|(known, _)| *known == braced)?.1
            }
            _ => {
                let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
                pairs.find(|(known, _)| *known == name)?.1
            }
        };
        let text = percent_decoded(text);
        let is_text = parameter["schema"]["type"] == "string";
        let value = serde_json::from_str(&text).ok().filter(|_| !is_text);
        Some(value.unwrap_or_else(|| text.into()))
    }

    /// Writes itself into the operation of the OpenAPI document.
    pub(super) fn add_to(&self, route: &Route, operation: &mut Value) {
        let parameters = operation.get_mut("parameters");
        let parameters = parameters.and_then(Value::as_array_mut);
        for parameter in parameters.into_iter().flatten() {
            if let Some(value) = self.parameter(route, parameter) {
                parameter["example"] = value;
            }
        }
        if let Some(request) = &self.request
            && operation.get("requestBody").is_some()
        {
            operation["requestBody"]["content"]["application/json"]["example"] = request.clone();
        }
        if let Some(response) = &self.response {
            let content = &mut operation["responses"][route.status.to_string()]["content"];
            for media_type in content.as_object_mut().unwrap().values_mut() {
                media_type["example"] = response.clone();
            }
        }
    }
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, more @ ..] = rest {
        let hex = more.get(..2).filter(|_| *first == b'%');
        let digits = hex.and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &more[2..] } else { more };
    }
    String::from_utf8(bytes).unwrap()
}

/// The anchor of an operation in `docs/api-examples.md`, as GitHub makes it of the heading.
pub(super) fn anchor(route: &Route) -> String {
    name(route).to_lowercase()
}

/// `docs/api-examples.md`.
pub(super) fn page() -> String {
    let mut text = String::from(
        "# Examples of the HTTP API\n\nGenerated by `make docs`: a test sends these requests to the functions, over ports in memory, and this is what they answer. \
         [openapi.json](openapi.json) has the same examples, and [api.md](api.md) says what each request is for.\n\n\
         Every request but `GET /configuration` and `/unsubscribe` has the header `Authorization: Bearer <token>`. \
         Addresses in S3 are shortened: on AWS they have more parameters, and `headers` has what S3 wants.\n",
    );
    for route in ROUTES {
        let example = &EXAMPLES[&name(route)];
        writeln!(
            text,
            "\n## {}\n\n```http\n{} {}",
            name(route),
            route.method,
            example.path
        )
        .unwrap();
        for (name, value) in &example.headers {
            writeln!(text, "{name}: {}", value.as_str().unwrap()).unwrap();
        }
        if let Some(request) = &example.request {
            writeln!(text, "\n{}", shown(request)).unwrap();
        }
        writeln!(text, "```\n\n```http\n{}", example.status).unwrap();
        if let Some(response) = &example.response {
            writeln!(text, "\n{}", shown(response)).unwrap();
        }
        text.push_str("```\n");
    }
    let refused = serde_json::to_string_pretty(&*REFUSED).unwrap();
    writeln!(text, "\n## A refused request\n\n```json\n{refused}\n```").unwrap();
    text
}

fn shown(body: &Value) -> String {
    let text = body.as_str().map(str::to_owned);
    text.unwrap_or_else(|| serde_json::to_string_pretty(body).unwrap())
}

/// `tests/clients/examples_test.py` compares them with their schemas.
#[test]
fn every_operation_has_an_example_of_each_body_and_path() {
    let document = document::openapi();
    for route in ROUTES {
        let id = name(route);
        let operation = &document["paths"][route.path][route.method.to_lowercase()];
        if route.method != "GET" && route.request.is_some() {
            let body = &operation["requestBody"]["content"]["application/json"];
            assert!(body.get("example").is_some(), "{id} has no request");
        }
        let success = &operation["responses"][route.status.to_string()];
        for media_type in success["content"]
            .as_object()
            .into_iter()
            .flat_map(Map::values)
        {
            assert!(media_type.get("example").is_some(), "{id} has no response");
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let is_path = parameter["in"] == "path";
            assert!(!is_path || parameter.get("example").is_some(), "{id}");
        }
    }
}
