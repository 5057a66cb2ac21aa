//! `docs/openapi.json` and `docs/api.md` say what the code does: they are written from its table of routes and its types.
//! `make docs` writes them anew.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use api::ApiError;
use functions::handlers::api::routes::{ROUTES, Route};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

/// Where the cursor of a simple list goes.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is looked at")]
struct Page {
    /// Where to go on, as an earlier answer said.
    cursor: Option<String>,
}

/// Of which tenant.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is looked at")]
struct Of {
    /// Of which tenant; support that names none means all.
    tenant: Option<String>,
}

fn generator() -> SchemaGenerator {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = "/components/schemas".into();
    settings.into_generator()
}

/// Every type that the routes name, and those within them.
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
        PartsWanted,
        SignedParts,
        JobQuery,
        JobPage,
        JobDetail,
        ResultView,
        JobCommandRequest,
        JobCommandResult,
        NewPlan,
        PlanView,
        Plans,
        QuarantinePage,
        QuarantineEntry,
        Reason,
        AuditPage,
        NewTicket,
        TicketView,
        Summary,
        Problem
    );
    let _ = generator.subschema_for::<Page>();
    let _ = generator.subschema_for::<Of>();
    generator.take_definitions(true)
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

fn operation(route: &Route, schemas: &Map<String, Value>) -> Value {
    let name = format!("{:?}", route.what);
    let mut operation = json!({"operationId": name, "summary": route.does, "description": format!("Who: {}.", route.who)});
    let mut parameters: Vec<Value> = route
        .path
        .split('/')
        .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
        .collect();
    if let Some(takes) = route.takes {
        let schema = schemas
            .get(takes)
            .unwrap_or_else(|| panic!("{takes} has no schema"));
        if route.method == "GET" {
            for (name, schema) in schema["properties"].as_object().unwrap() {
                let about = schema["description"].clone();
                let mut schema = schema.clone();
                schema.as_object_mut().unwrap().remove("description");
                parameters.push(
                    json!({"name": name, "in": "query", "description": about, "schema": schema}),
                );
            }
        } else {
            operation["requestBody"] = json!({"required": true, "content": {"application/json": {"schema": reference(takes)}}});
        }
    }
    if !parameters.is_empty() {
        operation["parameters"] = json!(parameters);
    }
    let (status, answers) = route.answers;
    let mut answer = json!({"description": "Done."});
    if let Some(answers) = answers {
        assert!(schemas.contains_key(answers), "{answers} has no schema");
        answer["content"] = json!({"application/json": {"schema": reference(answers)}});
    }
    let refused = json!({"description": "Refused, and why.", "content": {"application/problem+json": {"schema": reference("Problem")}}});
    operation["responses"] = json!({status.to_string(): answer, "default": refused});
    if route.who == "anyone" {
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
            "description": "Upload documents, follow their jobs, fetch results; for support, find and repair."},
        "security": [{"signIn": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"signIn": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "The ID token of a sign-in to the user pool."}},
            "schemas": schemas,
        },
    })
}

/// Every problem, by the word for it.
fn problems() -> Vec<(u16, &'static str, &'static str)> {
    let text = String::new;
    [
        ApiError::BadRequest(text()),
        ApiError::BadCursor(text()),
        ApiError::Forbidden(text()),
        ApiError::NotFound(text()),
        ApiError::MethodNotAllowed(text()),
        ApiError::Changed(text()),
        ApiError::Refused(text()),
        ApiError::Poisoned(text()),
        ApiError::NotReady(text()),
        ApiError::PartsMissing(text()),
        ApiError::Gone(text()),
        ApiError::TooLarge(text()),
        ApiError::UnsupportedType(text()),
        ApiError::Unavailable(text()),
    ]
    .iter()
    .map(ApiError::kind)
    .collect()
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
    let about = schema["description"].as_str().unwrap_or_default();
    writeln!(text, "{}", about.replace('\n', " ")).unwrap();
    if let Some(words) = schema["oneOf"].as_array() {
        writeln!(text, "\n| word | |\n|---|---|").unwrap();
        for word in words {
            let constant = word["const"].as_str().unwrap_or_default();
            writeln!(
                text,
                "| `{constant}` | {} |",
                cell(word["description"].as_str().unwrap_or_default())
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
        "# The HTTP API\n\nWritten from the code by `make docs`; the same as an OpenAPI 3.1 document is [openapi.json](openapi.json).\n\
         Its address is the output `HttpApiUrl` of the stack; `make up` prints the local one.\n\
         Every request but `GET /configuration` bears `Authorization: Bearer <ID token>` of a sign-in to the user pool.\n\
         What a principal may see and do follows from the groups in that token: `customer`, `reviewer`, `support`, `tenant:<name>`.\n\
         All times are milliseconds since 1970 UTC; ids in paths are percent-encoded; a field that is not listed here is refused.\n\n\
         ## Requests\n\n| request | takes | answers | who | |\n|---|---|---|---|---|\n",
    );
    let link = |name: Option<&str>| {
        name.map_or_else(String::new, |name| {
            format!("[{name}](#{})", name.to_lowercase())
        })
    };
    for route in ROUTES {
        let (status, answers) = route.answers;
        writeln!(
            text,
            "| `{} {}` | {} | {status} {} | {} | {} |",
            route.method,
            route.path,
            link(route.takes),
            link(answers),
            route.who,
            route.does
        )
        .unwrap();
    }
    text.push_str(
        "\n## Problems\n\nWhat is refused is answered as `application/problem+json` ([Problem](#problem), RFC 9457) with the type `urn:docket:problem:<word>`.\n\
         API Gateway itself answers 401 to a token that is missing, expired or not of this user pool, and 429 when there are too many requests.\n\n\
         | status | word | |\n|---|---|---|\n",
    );
    for (status, word, title) in problems() {
        writeln!(text, "| {status} | `{word}` | {title} |").unwrap();
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
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        there == text,
        "docs/{name} is not what the code says; `make docs` writes it anew"
    );
}

#[test]
fn the_documents_say_what_the_code_does() {
    let document = openapi();
    check(
        "openapi.json",
        &format!("{}\n", serde_json::to_string_pretty(&document).unwrap()),
    );
    check("api.md", &markdown());
}

#[test]
fn every_reference_of_the_document_leads_somewhere() {
    fn walk(value: &Value, root: &Value) {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(to)) = fields.get("$ref") {
                    assert!(
                        root.pointer(to.trim_start_matches('#')).is_some(),
                        "{to} leads nowhere"
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
        .map(|route| format!("{:?}", route.what))
        .collect();
    assert_eq!(ids.len(), routes, "each request has a name of its own");
}
