//! `docs/openapi.json`, `docs/api.md` and `docs/api-examples.md` are generated from the table of routes and the types of the API. `make docs`
//! updates them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use api::ApiError;
use api::{Permission, Role};
use functions::handlers::api::problem::{HttpError, ProblemKind};
use functions::handlers::api::routes::{MAX_ID_BYTES, Operation, ROUTES, Route};
use functions::handlers::json::MAX_INTEGER;
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::examples::{self, EXAMPLES, REFUSED};
use super::links;

fn generator() -> SchemaGenerator {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = "/components/schemas".into();
    settings
        .with_transform(RecursiveTransform(for_client_generators))
        .into_generator()
}

/// Rewrites what client generators read wrongly: an enum as alternatives of constants, and unsigned integers.
fn for_client_generators(schema: &mut Schema) {
    let Some(fields) = schema.as_object_mut() else {
        return;
    };
    if let Some(values) = fields.get("oneOf").and_then(enum_values) {
        let (names, descriptions): (Vec<Value>, Vec<Value>) = values.into_iter().unzip();
        fields.remove("oneOf");
        fields.insert("type".to_owned(), json!("string"));
        fields.insert("enum".to_owned(), json!(names));
        // As openapi-generator reads it.
        fields.insert("x-enum-descriptions".to_owned(), json!(descriptions));
    }
    if let Some(constant) = fields.remove("const") {
        fields.insert("enum".to_owned(), json!([constant]));
    }
    let format = fields.get("format").and_then(Value::as_str);
    match format.and_then(|format| format.strip_prefix("uint")) {
        Some("8" | "16") => fields.insert("format".to_owned(), json!("int32")),
        Some("32") => {
            fields.entry("maximum").or_insert_with(|| json!(u32::MAX));
            fields.insert("format".to_owned(), json!("int64"))
        }
        Some("64") => {
            fields
                .entry("maximum")
                .or_insert_with(|| json!(MAX_INTEGER));
            fields.insert("format".to_owned(), json!("int64"))
        }
        Some(_) | None => None,
    };
    // A request may say `null` for an optional field; no response does.
    let is_request = fields.get("additionalProperties") == Some(&json!(false));
    if let Some(properties) = fields.get_mut("properties").and_then(Value::as_object_mut)
        && !is_request
    {
        properties.values_mut().for_each(not_null);
    }
}

/// The names and descriptions of an enum's values, if the alternatives are an enum.
fn enum_values(alternatives: &Value) -> Option<Vec<(Value, Value)>> {
    let mut values = Vec::new();
    for alternative in alternatives.as_array()? {
        let description = alternative
            .get("description")
            .cloned()
            .unwrap_or_else(|| json!(""));
        let names = match (alternative.get("const"), alternative.get("enum")) {
            (Some(name), _) => vec![name.clone()],
            (None, Some(names)) => names.as_array()?.clone(),
            (None, None) => return None,
        };
        values.extend(names.into_iter().map(|name| (name, description.clone())));
    }
    Some(values)
}

fn not_null(schema: &mut Value) {
    let Some(fields) = schema.as_object_mut() else {
        return;
    };
    if let Some(Value::Array(types)) = fields.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            fields.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(any)) = fields.get_mut("anyOf") {
        any.retain(|schema| schema["type"] != "null");
        if let [Value::Object(only)] = any.as_slice() {
            let only = only.clone();
            fields.remove("anyOf");
            fields.extend(only);
        }
    }
}

/// Gives each alternative of a tagged union a name of its own, its title, and the union a discriminator.
fn name_alternatives(union: &str, tag: &str, schemas: &mut Map<String, Value>) {
    let alternatives = schemas[union]["oneOf"].as_array().unwrap().clone();
    let mut mapping = Map::new();
    let mut references = Vec::new();
    for mut alternative in alternatives {
        let title = alternative
            .as_object_mut()
            .unwrap()
            .remove("title")
            .unwrap();
        let title = title.as_str().unwrap().to_owned();
        let value = alternative["properties"][tag]["enum"][0].as_str().unwrap();
        let to = reference(&title);
        mapping.insert(value.to_owned(), to["$ref"].clone());
        references.push(to);
        let replaced = schemas.insert(title, alternative);
        assert_eq!(replaced, None, "two schemas have this name");
    }
    schemas[union]["oneOf"] = json!(references);
    schemas[union]["discriminator"] = json!({"propertyName": tag, "mapping": mapping});
}

/// The schemas of all types that the routes name, and of the types within them.
fn schemas() -> Map<String, Value> {
    let mut generator = generator();
    macro_rules! all {
        ($($name:ident),*) => {{ use api::types::*; $(let _ = generator.subschema_for::<$name>();)* }};
    }
    all!(
        ClientConfiguration,
        CallerView,
        NewUpload,
        UploadView,
        SignPartsRequest,
        SignedParts,
        JobQuery,
        JobPage,
        JobDetail,
        ResultQuery,
        ResultView,
        ReceiptView,
        ReceiptKeys,
        JobCommandRequest,
        MarksChange,
        RetryPlanJobs,
        RetryPlanJobsQuery,
        JobCommandResult,
        NewRetryPlan,
        RetryPlanView,
        RetryPlanList,
        NewPause,
        PauseView,
        PauseList,
        ResumeRequest,
        ResumeResult,
        QuarantinePage,
        QuarantineEntry,
        QuarantineCommandRequest,
        PageQuery,
        DataExportPage,
        SummaryQuery,
        AuditPage,
        AuditQuery,
        NewTicket,
        TicketView,
        BatchQuery,
        BatchView,
        NewTenant,
        TenantList,
        TenantRetentionChange,
        TenantView,
        JobSummary,
        EventQuery,
        EventPage,
        UsageQuery,
        UsageView,
        WebhookQuery,
        NewWebhook,
        WebhookChange,
        WebhookView,
        WebhookList,
        RedeliverRequest,
        DeliveryList,
        DigestQuery,
        DigestChange,
        DigestView,
        TenantDigestChange,
        TenantDigestView,
        Problem
    );
    let _ = generator.subschema_for::<jobs::view::PushMessage>();
    let mut schemas = generator.take_definitions(true);
    name_alternatives("PushMessage", "type", &mut schemas);
    // A query has no `null`.
    for query in ROUTES
        .iter()
        .filter(|route| route.method == "GET")
        .filter_map(|route| route.request)
    {
        let properties = schemas[query]["properties"].as_object_mut().unwrap();
        properties.values_mut().for_each(not_null);
    }
    let message = json!({"type": "object", "required": ["message"], "properties": {"message": {"type": "string", "description": "A short English text, such as `Unauthorized`."}},
        "description": "The body of a response that API Gateway makes itself, without calling the service."});
    schemas.insert("GatewayError".to_owned(), message);
    // Under both media types: client generators choose one by the document, not by the response.
    let either = json!({"anyOf": [reference("Problem"), reference("GatewayError")], "description": "An error of the service, or one of API Gateway."});
    schemas.insert("ProblemOrGatewayError".to_owned(), either);
    schemas
}

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
fn access(route: &Route) -> String {
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

/// The table of roles and permissions.
fn roles() -> String {
    let mut text = String::from(ROLES);
    let columns = Role::ALL.map(Role::name).join(" | ");
    let lines = "---|".repeat(Role::ALL.len());
    writeln!(text, "| permission | {columns} | may |\n|---|{lines}---|").unwrap();
    for permission in Permission::ALL {
        let marks = Role::ALL.map(|role| if permission.is_of(role) { "yes" } else { "" });
        let (name, marks) = (permission.name(), marks.join(" | "));
        writeln!(
            text,
            "| `{name}` | {marks} | {} |",
            permission.description()
        )
        .unwrap();
    }
    text
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

fn reference(name: &str) -> Value {
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

pub(super) fn openapi() -> Value {
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

/// The kinds of all problems.
fn problems() -> Vec<ProblemKind> {
    let text = String::new;
    let api_errors = [
        ApiError::BadRequest(text()),
        ApiError::BadCursor(text()),
        ApiError::Forbidden(text()),
        ApiError::NotFound(text()),
        ApiError::Changed(text()),
        ApiError::Refused(text()),
        ApiError::Poisoned(text()),
        ApiError::NotReady(text()),
        ApiError::PartsMissing(text()),
        ApiError::Gone(text()),
        ApiError::TooLarge(text()),
        ApiError::UnsupportedType(text()),
        ApiError::IdempotencyKeyReused(text()),
        ApiError::Identical {
            detail: text(),
            jobs: vec![],
        },
        ApiError::LimitReached {
            detail: text(),
            retry_after_seconds: 1,
        },
        ApiError::Unavailable(text()),
    ];
    let mut kinds: Vec<ProblemKind> = api_errors
        .into_iter()
        .map(HttpError::from)
        .chain([HttpError::MethodNotAllowed {
            method: text(),
            allowed: text(),
        }])
        .map(|error| error.kind())
        .collect();
    kinds.sort_by_key(|kind| kind.status);
    kinds
}

/// What a caller can do about a problem.
fn remedy(code: &str) -> &'static str {
    match code {
        "bad-request" => {
            "Correct the request: `detail` names the field or parameter. The same request is refused again."
        }
        "bad-cursor" => {
            "Start the list again without `cursor`. Send a cursor only with the filters and the sign-in that it was issued for."
        }
        "forbidden" => {
            "Sign in again if `detail` says that the sign-in has expired; send the ID token, not the access token. Otherwise `detail` names the roles that may do it; ask the administrators for the group."
        }
        "not-found" => {
            "Check the id. Of another tenant's or another customer's document the answer is the same. A job that was uploaded a moment ago exists after a few seconds; its row is deleted some months after its end."
        }
        "method-not-allowed" => "Use a method of the header `Allow`.",
        "changed" => {
            "Read the job again and decide anew; then send its `version` as `expected_version`."
        }
        "refused" => {
            "Read the job: its state does not allow the command, and `detail` says why. Repeat the command only after the state has changed."
        }
        "poisoned" => {
            "The job fails in the same way again and again. Correct the document or the model first; support can force another attempt."
        }
        "not-ready" => {
            "Wait until the job's status is `Ready`: poll `GET /jobs/{job_id}`, or listen to the WebSocket or to the event `JobReady`."
        }
        "parts-missing" => "Upload the parts that `detail` names, then complete the upload again.",
        "gone" => {
            "Upload the document again, with another idempotency key. What has expired, was aborted or was deleted does not come back."
        }
        "too-large" => {
            "Split the file, or choose a pipeline with a higher `max_bytes` (`GET /me`)."
        }
        "unsupported-type" => "Send a media type of the pipeline's `content_types` (`GET /me`).",
        "idempotency-key-reused" => {
            "Use a new key for each file. If this is the repetition of an earlier request, send it with the same fields and values."
        }
        "identical" => {
            "Use the jobs in `identical`: each is open, or ready with its result stored. To process the file once more, send the request with `run_anyway`, and with another idempotency key."
        }
        "limit-reached" => {
            "Send the request again after the seconds of `Retry-After`. `detail` says which limit of the tenant it is; the operators set it (`tenant_limits` in `pipelines.toml`)."
        }
        "unavailable" => {
            "Send the request again after the seconds of `Retry-After`. Commands can be repeated: one that was already carried out is refused as `changed` or `refused`, or changes nothing."
        }
        other => panic!("say what to do about the problem {other}"),
    }
}

/// The page of all problems with their remedies.
fn catalogue() -> String {
    let mut text = String::from(
        "# Problems of the HTTP API\n\nGenerated from the code by `make docs`.\n\n\
         A refused request returns `application/problem+json` (RFC 9457): `type` is `urn:docket:problem:<code>`, and `detail` says what is wrong with this request.\n\
         Programs should decide by the code or, if they do not know it, by the status.\n\
         No request that was refused has changed anything, unless `detail` says otherwise.\n",
    );
    for ProblemKind {
        status,
        code,
        title,
    } in problems()
    {
        writeln!(
            text,
            "\n## {code}\n\n{status}: {title}.\n\n{}",
            remedy(code)
        )
        .unwrap();
    }
    text.push_str(
        "\n## Answers of API Gateway\n\nAPI Gateway refuses some requests before they reach the service, with `application/json` and `{\"message\": …}`:\n\n\
         | status | cause | what to do |\n|---|---|---|\n\
         | 401 | The token is missing, expired or of another user pool. | Sign in again, or refresh the token. |\n\
         | 403 | The host name is not one of this API. | Use the output `HttpApiUrl` of the stack. |\n\
         | 404 | There is no such path or method. | Compare the path with [api.md](api.md). |\n\
         | 413 | The request is larger than 10 MB. | Upload files with the signed request, not through the API. |\n\
         | 429 | Too many requests. | Send it again after a second, then after longer pauses. |\n\
         | 500, 503, 504 | The service did not answer. | Send it again after a second. Create uploads with an idempotency key. |\n",
    );
    text
}

fn type_of(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.rsplit('/').next().unwrap_or_default();
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if let Some(any) = schema["anyOf"]
        .as_array()
        .or_else(|| schema["oneOf"].as_array())
    {
        return any
            .iter()
            .map(type_of)
            .filter(|kind| kind != "null")
            .collect::<Vec<_>>()
            .join(" or ");
    }
    let name = |kind: &Value| match kind.as_str() {
        Some("array") => format!("list of {}", type_of(&schema["items"])),
        Some(kind) => kind.to_owned(),
        None => String::new(),
    };
    match &schema["type"] {
        Value::Array(kinds) => kinds
            .iter()
            .filter(|kind| *kind != "null")
            .map(name)
            .collect::<Vec<_>>()
            .join(" or "),
        kind => name(kind),
    }
}

fn cell(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|")
}

fn describe(name: &str, schema: &Value, text: &mut String) {
    writeln!(text, "\n### {name}\n").unwrap();
    let description = schema["description"].as_str().unwrap_or_default();
    writeln!(text, "{}", description.replace('\n', " ")).unwrap();
    if let Some(values) = schema["enum"].as_array() {
        writeln!(text, "\n| value | |\n|---|---|").unwrap();
        for (index, value) in values.iter().enumerate() {
            let description = &schema["x-enum-descriptions"][index];
            let description = cell(description.as_str().unwrap_or_default());
            writeln!(text, "| `{}` | {description} |", value.as_str().unwrap()).unwrap();
        }
    }
    if schema["oneOf"].is_array() || schema["anyOf"].is_array() {
        writeln!(text, "\nOne of {}.", type_of(schema)).unwrap();
    }
    let Some(fields) = schema["properties"].as_object() else {
        return;
    };
    let required: Vec<&str> = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    writeln!(text, "\n| field | type | |\n|---|---|---|").unwrap();
    for (field, schema) in fields {
        let kind = type_of(schema);
        let optional = if required.contains(&field.as_str()) {
            ""
        } else {
            ", optional"
        };
        writeln!(
            text,
            "| `{field}` | {kind}{optional} | {} |",
            cell(schema["description"].as_str().unwrap_or_default())
        )
        .unwrap();
    }
}

fn markdown() -> String {
    let schemas = schemas();
    let mut text = String::from(
        "# HTTP API\n\nGenerated from the code by `make docs`. The same API as an OpenAPI 3.1 document: [openapi.json](openapi.json). [api-examples.md](api-examples.md) has an example of each request.\n\n\
         - **URL**: the output `HttpApiUrl` of the stack. `make up` prints the local one.\n\
         - **Authentication**: every request except `GET /configuration` and `/unsubscribe` needs the header `Authorization: Bearer <ID token>`, with the ID token of a sign-in to the Amazon Cognito user pool. A program with a client of its own sends the access token that it got by client credentials (RFC 6749, 4.4) at `company_sign_in.url` + `/oauth2/token`, without naming scopes.\n\
         - **Authorization**: the groups in the token decide what the caller may see and do: `customer`, `reviewer`, `support`, `operator`, `auditor` and `tenant:<name>` ([Roles](#roles)). Those of a machine client are its scopes.\n\
         - **Format**: times are milliseconds since 1970 UTC. Percent-encode ids in paths. A request with an unknown field is refused.\n\n\
         ## Requests\n\n| request | takes | returns | access | |\n|---|---|---|---|---|\n",
    );
    let link = |name: Option<&str>| {
        name.map_or_else(String::new, |name| {
            format!("[{name}](#{})", name.to_lowercase())
        })
    };
    for route in ROUTES {
        writeln!(
            text,
            "| [`{} {}`](api-examples.md#{}) | {} | {} {} | {} | {} |",
            route.method,
            route.path,
            examples::anchor(route),
            link(route.request),
            route.status,
            link(route.response),
            access(route),
            route.summary
        )
        .unwrap();
    }
    text.push_str(&roles());
    text.push_str(
        "\n## Problems\n\nA refused request returns `application/problem+json` ([Problem](#problem), RFC 9457) with the type `urn:docket:problem:<code>`.\n\
         API Gateway itself returns `application/json` ([GatewayError](#gatewayerror)): 401 for a token that is missing, expired or of another user pool, 404 for a path that does not exist, 429 for too many requests, and 500, 503 or 504 if the service does not answer.\n\n\
         | status | code | |\n|---|---|---|\n",
    );
    for kind in problems() {
        let ProblemKind {
            status,
            code,
            title,
        } = kind;
        writeln!(text, "| {status} | `{code}` | {title} |").unwrap();
    }
    text.push_str("\n[problems.md](problems.md) says for each what to do.\n");
    text.push_str(UPLOADS);
    text.push_str(EVENTS);
    text.push_str(WEBHOOKS);
    text.push_str(DIGESTS);
    text.push_str(RECEIPTS);
    text.push_str(USAGE);
    text.push_str(VERSIONS);
    text.push_str("\n## Types\n");
    for (name, schema) in &schemas {
        describe(name, schema, &mut text);
    }
    text
}

const ROLES: &str = "
## Roles

A caller may have several roles; it may do what any one of them may do, within that role's scope:

- `customer`: its own uploads and those without a known uploader, in its tenants
- `reviewer`: its tenants
- `support`, `operator`: all tenants
- `auditor`: its tenants; with the group `tenant:*`, all tenants. That group counts for auditors only.

**Without contents.** `operator` and `auditor` work with jobs and read no contents: no document, no result, no findings, no words of the model.
Names are contents too, since a contract's name says who concluded it: in their responses, messages and receipts the file's name and key, the reference, the batch, the tags and the note are left out, and lists cannot be filtered by them.
`contents_hidden` in a [JobView](#jobview) says so. What they see: ids, tenant, pipeline, status, cause, times, sizes, attempts, models, who uploaded, assigned, reviewed or commanded what, and the reasons that people gave.
[stored-data.md](stored-data.md) says what else is stored.

";

const UPLOADS: &str = "
## Uploads by programs

**Repeated requests.** Send `POST /uploads` with the header `Idempotency-Key`, 1 to 128 characters of ASCII, such as a UUID that is new for each file.
For 24 hours, a repeated request with the same key and the same body returns the same upload, newly signed, however often it is sent and also if two are sent at once.
If `uploaded` is true in the response, the file has already arrived and there is nothing to send.
A key belongs to its caller. With another body it is refused as `idempotency-key-reused` (422), after an aborted upload as `gone` (410).

**References, batches and tags.** An upload may have a `reference` (your own id of the document), a `batch` and up to 8 `tags`; [NewUpload](#newupload) has the limits.
They are in every view of the job: responses, lists, WebSocket messages, and the events `JobReady` and `JobFailed`.
`GET /jobs?reference=…` and `GET /jobs?batch=…` list jobs by them; both are compared exactly but for invisible characters, which are removed; upper and lower case are different.
They are fixed when the document is uploaded, and deleted with the document's data.

**With an S3 client**, put the object under `<prefix><tenant>/` and set user metadata:

| metadata | value |
|---|---|
| `x-amz-meta-docket-reference` | as `reference` |
| `x-amz-meta-docket-batch` | as `batch` |
| `x-amz-meta-docket-lane` | as `lane`: `standard` or `bulk` |
| `x-amz-meta-docket-tags` | `name=value&name=value`, as in S3's own header `x-amz-tagging` |
| `x-amz-meta-original-name` | the file's name, if it is not the end of the key |

Values are percent-encoded UTF-8, since most clients send ASCII only; write `%25` for a percent sign before two hexadecimal digits.
A value with other characters than ASCII is not used, since S3 returns it in another form. A name may have them, and may be percent-encoded Windows-1252.
A value that breaks the limits is not used. The document gets its job all the same, and the job's explanation says what is wrong.
Metadata counts when the object is first uploaded. Changing it later, by a copy of the object onto itself, makes no second job and changes no job, as long as the copy has the same ETag ([docs/reliability.md](reliability.md#known-limits): a copy of a multipart upload may have another).
An empty object is waited for: its job fails after about six minutes, unless the file was put at its key by then, as programs do that mount a bucket.

```sh
aws s3 cp nda.pdf s3://$BUCKET/inbound/acme/nda.pdf --content-type application/pdf \\
  --metadata 'docket-reference=INV-4711,docket-batch=2026-05,docket-tags=matter=47-11&client=ACME'
```

A test uploads with each of these clients to the local stack, sends the same file again, and changes the metadata of the object that is there: name, size, type and labels are right, and it costs one run.

| client | upload with a reference | change of metadata |
|---|---|---|
| AWS CLI 1.46 | as above | `aws s3 cp s3://$BUCKET/$KEY s3://$BUCKET/$KEY --metadata-directive REPLACE --content-type application/pdf --metadata …` |
| boto3 1.44 | `s3.upload_file(\"nda.pdf\", bucket, key, ExtraArgs={\"ContentType\": \"application/pdf\", \"Metadata\": {\"docket-reference\": \"INV-4711\"}})` | `s3.copy_object(Bucket=bucket, Key=key, CopySource={\"Bucket\": bucket, \"Key\": key}, MetadataDirective=\"REPLACE\", ContentType=\"application/pdf\", Metadata=…)` |
| minio 7.2 (Python) | `client.fput_object(bucket, key, \"nda.pdf\", content_type=\"application/pdf\", metadata={\"docket-reference\": \"INV-4711\"})` | `client.copy_object(bucket, key, CopySource(bucket, key), metadata={\"Content-Type\": \"application/pdf\", …}, metadata_directive=REPLACE)` |
| obstore 0.12 (Python) | `obstore.put(store, key, Path(\"nda.pdf\"), attributes={\"Content-Type\": \"application/pdf\", \"docket-reference\": \"INV-4711\"})` | none; the same again |
| rclone 1.75 | `rclone copyto nda.pdf s3:$BUCKET/$KEY --metadata --metadata-set docket-reference=INV-4711` | `rclone touch s3:$BUCKET/$KEY` |
| s3cmd 2.4 | `s3cmd put nda.pdf s3://$BUCKET/$KEY --mime-type=application/pdf --add-header=x-amz-meta-docket-reference:INV-4711` | `s3cmd modify --acl-private s3://$BUCKET/$KEY --add-header=…`; without `--acl-private` it changes the object and then fails, since the bucket has no ACLs |
";

const EVENTS: &str = "
## Events for programs

`GET /events` returns the events `job.ready` and `job.failed` of a tenant in one sequence, without gaps.
It needs the permission `read-events`, since it has the events of all users of the tenant. An event names its job; `GET /jobs/{job_id}` returns the job with its reference and its failure.

**Reading.** Start without parameters, or with `from`. Then pass the `cursor` of each response as `since` of the next request; an empty page means that there is nothing new yet.
A cursor belongs to its tenant and does not expire with the sign-in. With another tenant it is refused as `bad-cursor`. Ask at most once a second, or wait:

**Waiting.** With `wait=20` a request at the feed's end waits up to 20 seconds for an event, and looks for one every 5 seconds, which costs five read units in 20 seconds.
An answer without events is no error: ask again. Set your client's time limit to 35 seconds. About 40 programs can wait at a time (parameter `Scale`); beyond that requests are answered with 503, and you repeat them after some seconds. Webhooks are faster.

**Order.** An event that is added later has a higher `sequence`. Nothing is ever added before an event that has been returned.
The sequence is the order in which events were recorded, usually within seconds of the job's change. Of two events of one job, the one with the higher `version` is newer, whatever their order.
An event can occur twice, with the same `id`: process it once.

**Proving that none is missing.** Each event has a `hash`: SHA-256, in lower-case hexadecimal digits, of the text

```text
<hash of the previous event>\\n<sequence>\\n<id>\\n<type>\\n<recorded_at>
```

The hash before the first event is 64 zeros. Store the sequence and the hash of the last event that you processed, and compute the next hash from each new event.
If it differs from `hash`, an event is missing or changed. One request is enough to check all that you have: if `end_sequence` and `end_hash` are yours, you have received every event.
`docket events --verify` does this.

**Retention.** Events are kept for 30 days, in groups of ten; an event may stay longer. A cursor whose next event has expired is refused as `gone`, as is one of a feed that was restored from a backup.
Then compare your jobs with `GET /jobs`, and start again without `since`.

**Limits.** At most 100 events in a response, and 600 recorded events a second of one tenant.
";

const WEBHOOKS: &str = "
## Webhooks

`POST /webhooks` tells the service where to post the events of a tenant, after the Standard Webhooks specification 1.0. [webhooks.md](webhooks.md) says what a receiver gets and must do.
";

const DIGESTS: &str = "
## E-mail digests

`POST /me/digests` switches the caller's e-mail digests of a tenant on or off. [digests.md](digests.md) says when a mail comes and what is in it.
`GET` and `POST /unsubscribe/{link}` are for people and mail programs; they answer HTML, and their problems are HTML too.
";

const RECEIPTS: &str = "
## Receipts

`GET /jobs/{job_id}/receipt` returns a signed statement of what became of a document. [receipts.md](receipts.md) says what it proves and how to check it.
";

const USAGE: &str = "
## Usage

`GET /usage` returns what a tenant has used in a month. [usage.md](usage.md) says what is known of it, what is estimated, and when it is counted.
";

const VERSIONS: &str = "
## Versions

There is one version of the API. It changes only in ways that a tolerant client does not notice:

- Responses, messages and events may get new fields, and strings with listed values may get new values. Ignore what you do not know; generate a client anew if it has closed lists of values.
- Requests may get new optional fields and headers, and there may be new paths.
- Problems may get new codes with the same status. Decide by the status if you do not know a code.
- Texts for people (`title`, `detail`, explanations) may change at any time.

A field, value, path or code that is to be removed is first marked as deprecated: in this document, with `deprecated` in openapi.json, and in the [changelog](../CHANGELOG.md).
It keeps working for at least twelve months after the release that deprecates it.
A change that would break clients gets a new path prefix (`/v2`), and both versions are served for at least twelve months.
`info.version` of openapi.json is the release of the service.
";

fn check(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs")
        .join(name);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stored == text,
        "docs/{name} does not match the code; `make docs` updates it"
    );
}

#[test]
fn api_documents_match_the_code() {
    let document = openapi();
    check(
        "openapi.json",
        &format!("{}\n", serde_json::to_string_pretty(&document).unwrap()),
    );
    check("api.md", &markdown());
    check("api-examples.md", &examples::page());
    check("problems.md", &catalogue());
}

#[test]
fn every_reference_in_the_openapi_document_resolves() {
    fn walk(value: &Value, root: &Value) {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(to)) = fields.get("$ref") {
                    assert!(
                        root.pointer(to.trim_start_matches('#')).is_some(),
                        "{to} does not resolve"
                    );
                }
                fields.values().for_each(|value| walk(value, root));
            }
            Value::Array(values) => values.iter().for_each(|value| walk(value, root)),
            _ => {}
        }
    }
    let document = openapi();
    walk(&document, &document);
    let routes = ROUTES.len();
    let ids: std::collections::BTreeSet<String> = ROUTES
        .iter()
        .map(|route| format!("{:?}", route.operation))
        .collect();
    assert_eq!(ids.len(), routes, "operation ids must be unique");
}
