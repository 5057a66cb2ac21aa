//! The schemas of the API's types.

use functions::handlers::api::routes::ROUTES;
use functions::handlers::json::MAX_INTEGER;
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::openapi::reference;

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
pub(super) fn schemas() -> Map<String, Value> {
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
