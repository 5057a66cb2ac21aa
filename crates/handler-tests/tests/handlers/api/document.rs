//! `docs/openapi.json`, `docs/api.md` and `docs/api-examples.md` are generated from the table of routes and the types of the API. `make docs`
//! updates them.

mod markdown;
mod openapi;
mod problems;
mod schemas;

use std::path::Path;

use functions::handlers::api::routes::ROUTES;
use serde_json::Value;

use super::examples;
use markdown::markdown;
use problems::catalogue;

pub(super) use openapi::openapi;

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
