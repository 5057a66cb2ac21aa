//! `docs/openapi.json` and `docs/api.md` are generated from the table of routes and the types of the API. `make docs`
//! updates them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use api::ApiError;
use functions::handlers::api::problem::{HttpError, ProblemKind};
use functions::handlers::api::routes::{Access, ROUTES, Route};
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

fn generator() -> SchemaGenerator {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = "/components/schemas".into();
    settings.into_generator()
}

/// The schemas of all types that the routes name, and of the types within them.
fn schemas() -> Map<String, Value> {
    let mut generator = generator();
    macro_rules! all {
        ($($name:ident),*) => {{ use api::types::*; $(let _ = generator.subschema_for::<$name>();)* }};
    }
    all!(
        Configuration,
        Me,
        NewUpload,
        UploadView,
        SignPartsRequest,
        SignedParts,
        JobQuery,
        JobPage,
        JobDetail,
        ResultView,
        JobCommandRequest,
        JobCommandResult,
        NewRetryPlan,
        RetryPlanView,
        RetryPlans,
        QuarantinePage,
        QuarantineEntry,
        QuarantineCommandRequest,
        PageQuery,
        SummaryQuery,
        AuditPage,
        NewTicket,
        TicketView,
        Summary,
        Problem
    );
    generator.take_definitions(true)
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

fn operation(route: &Route, schemas: &Map<String, Value>) -> Value {
    let name = format!("{:?}", route.operation);
    let mut operation = json!({"operationId": name, "summary": route.summary, "description": format!("Access: {}.", route.access.description())});
    let mut parameters: Vec<Value> = route
        .path
        .split('/')
        .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
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
    if !parameters.is_empty() {
        operation["parameters"] = json!(parameters);
    }
    let mut success = json!({"description": "Success."});
    if let Some(name) = route.response {
        assert!(schemas.contains_key(name), "{name} has no schema");
        success["content"] = json!({"application/json": {"schema": reference(name)}});
    }
    let problem = json!({"description": "The request was refused.", "content": {"application/problem+json": {"schema": reference("Problem")}}});
    operation["responses"] = json!({route.status.to_string(): success, "default": problem});
    if route.access == Access::Public {
        operation["security"] = json!([]);
    }
    operation
}

fn openapi() -> Value {
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
        "security": [{"signIn": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"signIn": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "The ID token of a sign-in to the Amazon Cognito user pool."}},
            "schemas": schemas,
        },
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
        ApiError::Unavailable(text()),
    ];
    let mut kinds: Vec<ProblemKind> = api_errors
        .into_iter()
        .map(HttpError::from)
        .chain([HttpError::MethodNotAllowed(text())])
        .map(|error| error.kind())
        .collect();
    kinds.sort_by_key(|kind| kind.status);
    kinds
}

fn type_of(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.rsplit('/').next().unwrap_or_default();
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if let Some(any) = schema["anyOf"].as_array() {
        return any
            .iter()
            .map(type_of)
            .filter(|kind| kind != "null")
            .collect::<Vec<_>>()
            .join(" or ");
    }
    let name = |kind: &Value| match kind.as_str() {
        Some("array") if schema["prefixItems"].is_array() => "pair".to_owned(),
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
    if let Some(values) = schema["oneOf"].as_array() {
        writeln!(text, "\n| value | |\n|---|---|").unwrap();
        for value in values {
            let constant = value["const"].as_str().unwrap_or_default();
            writeln!(
                text,
                "| `{constant}` | {} |",
                cell(value["description"].as_str().unwrap_or_default())
            )
            .unwrap();
        }
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
        "# HTTP API\n\nGenerated from the code by `make docs`. The same API as an OpenAPI 3.1 document: [openapi.json](openapi.json).\n\n\
         - **URL**: the output `HttpApiUrl` of the stack. `make up` prints the local one.\n\
         - **Authentication**: every request except `GET /configuration` needs the header `Authorization: Bearer <ID token>`, with the ID token of a sign-in to the Amazon Cognito user pool.\n\
         - **Authorization**: the groups in the token decide what the caller may see and do: `customer`, `reviewer`, `support`, `tenant:<name>`.\n\
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
            "| `{} {}` | {} | {} {} | {} | {} |",
            route.method,
            route.path,
            link(route.request),
            route.status,
            link(route.response),
            route.access.description(),
            route.summary
        )
        .unwrap();
    }
    text.push_str(
        "\n## Problems\n\nA refused request returns `application/problem+json` ([Problem](#problem), RFC 9457) with the type `urn:docket:problem:<code>`.\n\
         API Gateway itself returns 401 for a token that is missing, expired or of another user pool, and 429 for too many requests.\n\n\
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
    text.push_str("\n## Types\n");
    for (name, schema) in &schemas {
        describe(name, schema, &mut text);
    }
    text
}

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
