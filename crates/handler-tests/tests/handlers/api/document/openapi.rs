//! The OpenAPI document.

use std::collections::BTreeMap;

use api::Role;
use functions::handlers::api::routes::{MAX_ID_BYTES, Operation, ROUTES, Route};
use serde_json::{Map, Value, json};

use super::schemas::schemas;
use crate::api::examples::{EXAMPLES, REFUSED};
use crate::api::links;

/// What API Gateway refuses or answers itself (API Gateway developer guide, "HTTP APIs", status codes seen with AWS).
fn gateway_responses(route: &Route) -> Value {
    let gateway = json!({"schema": reference("GatewayError")});
    let either = json!({"schema": reference("ProblemOrGatewayError")});
    let both = json!({"application/problem+json": either, "application/json": either});
    let mut responses = json!({
        "403": {"description": "The caller may not do this. From API Gateway: the host name is not one of this API.", "content": both},
        "404": {"description": "There is no such thing, or the caller may not see it. From API Gateway: there is no such path.", "content": both},
        "429": {"description": "Too many requests. Send it again after a second.", "content": {"application/json": gateway}},
        "5XX": {"description": "Temporarily unavailable. Send it again after the seconds of `Retry-After`, or after a second.", "content": both},
    });
    if route.operation == Operation::CreateUpload {
        let description = "The tenant has reached one of its limits; send the request again after the seconds of `Retry-After`. From API Gateway: too many requests; send it again after a second.";
        responses["429"] = json!({"description": description, "content": both});
    }
    if route.permission.is_some() {
        responses["401"] = json!({"description": "The token is missing, expired, or of another user pool.", "content": {"application/json": gateway}});
    }
    responses
}

/// The roles that may send a request.
pub(super) fn access(route: &Route) -> String {
    let Some(permission) = route.permission else {
        return "public".to_owned();
    };
    let roles = permission.roles();
    if roles.len() == Role::ALL.len() {
        return "any role".to_owned();
    }
    let names: Vec<&str> = roles.iter().map(|role| role.name()).collect();
    names.join(", ")
}

/// The tag of a route, by the first segment of its path.
fn tag(route: &Route) -> &'static str {
    let segment = route.path.split('/').nth(1).unwrap_or_default();
    let tag = TAGS
        .iter()
        .find(|(_, _, segments)| segments.contains(&segment));
    tag.unwrap_or_else(|| panic!("{} has no tag", route.path)).0
}

/// Name, description, and the first segments of the paths.
const TAGS: [(&str, &str, &[&str]); 10] = [
    (
        "account",
        "Signing in, what the caller may do, and e-mail digests.",
        &["configuration", "me", "unsubscribe"],
    ),
    ("uploads", "Uploading documents.", &["uploads"]),
    (
        "jobs",
        "Following jobs, fetching results, retrying and cancelling.",
        &["jobs", "summary", "batches", "receipt-keys"],
    ),
    (
        "messages",
        "Changes of jobs as they happen, over a WebSocket.",
        &["ws-tickets"],
    ),
    (
        "events",
        "For programs: all events of a tenant in one sequence, and webhooks.",
        &["events", "webhooks"],
    ),
    ("usage", "What a tenant has used in a month.", &["usage"]),
    (
        "retry-plans",
        "Retrying many failed jobs together.",
        &["retry-plans"],
    ),
    ("tenants", "The known tenants.", &["tenants"]),
    (
        "pauses",
        "What is paused; pausing and resuming.",
        &["pauses"],
    ),
    (
        "repair",
        "Messages in quarantine, and the audit log.",
        &["quarantine", "audit"],
    ),
];

pub(super) fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

fn operation(route: &Route, schemas: &Map<String, Value>) -> Value {
    let name = format!("{:?}", route.operation);
    let mut operation = json!({"operationId": name, "tags": [tag(route)], "summary": route.summary, "description": format!("Access: {}.", access(route))});
    let mut parameters: Vec<Value> = route
        .path
        .split('/')
        .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string", "minLength": 1, "maxLength": MAX_ID_BYTES}}))
        .collect();
    if let Some(name) = route.request {
        let schema = schemas
            .get(name)
            .unwrap_or_else(|| panic!("{name} has no schema"));
        if route.method == "GET" {
            for (name, schema) in schema["properties"].as_object().unwrap() {
                let description = schema["description"].clone();
                let mut schema = schema.clone();
                schema.as_object_mut().unwrap().remove("description");
                parameters.push(
                    json!({"name": name, "in": "query", "description": description, "schema": schema}),
                );
            }
        } else {
            operation["requestBody"] = json!({"required": true, "content": {"application/json": {"schema": reference(name)}}});
        }
    }
    if route.operation == Operation::CreateUpload {
        parameters.push(json!({"name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[ -~]{1,128}$"},
            "description": "A key of your choice, such as a UUID, that is new for each file. For 24 hours a repeated request with the same key returns the same upload. With another body it is refused as `idempotency-key-reused`."}));
    }
    if !parameters.is_empty() {
        operation["parameters"] = json!(parameters);
    }
    let mut success = json!({"description": "Success."});
    if let Some(name) = route.response {
        assert!(schemas.contains_key(name), "{name} has no schema");
        success["content"] = json!({"application/json": {"schema": reference(name)}});
    }
    let is_page = matches!(
        route.operation,
        Operation::ShowUnsubscribe | Operation::Unsubscribe
    );
    let page = json!({"schema": {"type": "string"}});
    if is_page {
        success["content"] = json!({"text/html": page.clone()});
    }
    let links = links::of(route);
    if !links.is_empty() {
        success["links"] = links.into();
    }
    let refused = json!({"refused": {"$ref": "#/components/examples/Refused"}});
    let problem = json!({"schema": reference("Problem"), "examples": refused});
    let mut problem = json!({"description": "The request was refused.", "content": {"application/problem+json": problem}});
    if is_page {
        problem["content"]["text/html"] = page.clone();
    }
    let mut responses = gateway_responses(route);
    if is_page {
        responses["404"]["content"]["text/html"] = page.clone();
    }
    responses[route.status.to_string()] = success;
    responses["default"] = problem;
    operation["responses"] = responses;
    EXAMPLES[&name].add_to(route, &mut operation);
    if route.permission.is_none() {
        operation["security"] = json!([]);
    }
    operation
}

pub(in super::super) fn openapi() -> Value {
    let schemas = schemas();
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for route in ROUTES {
        let path = paths.entry(route.path).or_default();
        path.insert(route.method.to_lowercase(), operation(route, &schemas));
    }
    json!({
        "openapi": "3.1.0",
        "info": {"title": "Docket", "version": env!("CARGO_PKG_VERSION"), "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": "Upload documents, follow their jobs and download results. For support: find, retry and repair jobs."},
        "servers": [{"url": "{HttpApiUrl}", "variables": {"HttpApiUrl": {"default": "https://docket.example.com",
            "description": "The output HttpApiUrl of the stack. `make up` prints the local one."}}}],
        "tags": TAGS.map(|(name, description, _)| json!({"name": name, "description": description})),
        "security": [{"signIn": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"signIn": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "The ID token of a sign-in to the Amazon Cognito user pool, or the access token of a machine client."}},
            "schemas": schemas,
            "examples": {"Refused": {"value": *REFUSED}},
        },
        "x-limits": api::limits::limits(),
    })
}
