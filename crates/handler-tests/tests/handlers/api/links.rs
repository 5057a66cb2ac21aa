//! The links of `docs/openapi.json`: which response has the value that a later request takes. Tools that test an API follow them
//! from upload to job, result and retry, and through batches, plans, webhooks and pauses.

use functions::handlers::api::routes::Operation::{self, *};
use functions::handlers::api::routes::{ROUTES, Route};
use serde_json::{Map, Value, json};

/// What a response has: the operation, where the value is (OpenAPI 3.1, "Runtime Expressions"), the parameter that takes it,
/// and the operations that have this parameter.
type Link = (Operation, &'static str, &'static str, &'static [Operation]);

const OF_UPLOAD: &[Operation] = &[
    GetUpload,
    SignUploadParts,
    CompleteUpload,
    AbortUpload,
    GetJob,
];

const OF_JOB: &[Operation] = &[
    GetJob,
    GetResult,
    GetDocument,
    GetReceipt,
    MarkJob,
    RetryJob,
    RunJobAgain,
    MakeJobUrgent,
    CancelJob,
    DeleteJobData,
];

const OF_PLAN: &[Operation] = &[
    GetRetryPlan,
    ListRetryPlanJobs,
    ApplyRetryPlan,
    StopRetryPlan,
];

const OF_WEBHOOK: &[Operation] = &[
    GetWebhook,
    ChangeWebhook,
    RotateWebhookSecret,
    SendTestEvent,
    RedeliverEvents,
    ListDeliveries,
    DeleteWebhook,
];

const LINKS: &[Link] = &[
    (CreateUpload, "$response.body#/job_id", "job_id", OF_UPLOAD),
    (
        CompleteUpload,
        "$response.body#/job_id",
        "job_id",
        &[GetJob, CancelJob],
    ),
    (ListJobs, "$response.body#/jobs/0/id", "job_id", OF_JOB),
    (
        ListJobs,
        "$response.body#/jobs/0/batch",
        "batch",
        &[GetBatch],
    ),
    (
        GetJob,
        "$request.path.job_id",
        "job_id",
        &[GetResult, GetReceipt, RetryJob, CancelJob, RunJobAgain],
    ),
    (RetryJob, "$request.path.job_id", "job_id", OF_JOB),
    (
        RunJobAgain,
        "$request.path.job_id",
        "job_id",
        &[GetJob, GetResult, CancelJob],
    ),
    (
        CancelJob,
        "$request.path.job_id",
        "job_id",
        &[GetJob, RetryJob],
    ),
    (
        DeleteJobData,
        "$request.path.job_id",
        "job_id",
        &[GetJob, GetResult, GetDocument, RetryJob],
    ),
    (GetBatch, "$request.path.batch", "batch", &[ListJobs]),
    (CreateRetryPlan, "$response.body#/id", "plan_id", OF_PLAN),
    (
        ListRetryPlans,
        "$response.body#/plans/0/id",
        "plan_id",
        OF_PLAN,
    ),
    (
        ApplyRetryPlan,
        "$request.path.plan_id",
        "plan_id",
        &[GetRetryPlan, ListRetryPlanJobs, StopRetryPlan],
    ),
    (
        ListRetryPlanJobs,
        "$response.body#/jobs/0/job_id",
        "job_id",
        &[GetJob],
    ),
    (
        CreateWebhook,
        "$response.body#/id",
        "webhook_id",
        OF_WEBHOOK,
    ),
    (
        ListWebhooks,
        "$response.body#/webhooks/0/id",
        "webhook_id",
        OF_WEBHOOK,
    ),
    (
        DeleteWebhook,
        "$request.path.webhook_id",
        "webhook_id",
        &[GetWebhook],
    ),
    (
        ListEvents,
        "$response.body#/events/0/job_id",
        "job_id",
        &[GetJob, GetResult],
    ),
    (ListEvents, "$response.body#/cursor", "since", &[ListEvents]),
    (
        ListQuarantine,
        "$response.body#/entries/0/id",
        "entry_id",
        &[
            GetQuarantineEntry,
            RedriveQuarantineEntry,
            DiscardQuarantineEntry,
        ],
    ),
    (
        CreateTenant,
        "$response.body#/name",
        "tenant",
        &[ChangeTenantRetention, ChangeTenantDigests, GetSummary],
    ),
    (
        ListTenants,
        "$response.body#/tenants/0/name",
        "tenant",
        &[ListJobs, GetSummary, GetUsage, ListEvents],
    ),
];

/// A link that names its parameter by the operation that it leads to.
fn link(to: Operation, parameter: &str, value: &str) -> Value {
    json!({"operationId": format!("{to:?}"), "parameters": {parameter: value}})
}

/// The links of an operation's successful response, by the operations that they lead to. None has a request body: openapi-generator
/// takes only a text for it.
pub(super) fn of(route: &Route) -> Map<String, Value> {
    let mut links = Map::new();
    for (_, value, parameter, targets) in LINKS.iter().filter(|link| link.0 == route.operation) {
        for to in *targets {
            let replaced = links.insert(format!("{to:?}"), link(*to, parameter, value));
            assert!(
                replaced.is_none(),
                "two links from {} to {to:?}",
                route.path
            );
        }
    }
    links
}

/// A link that finds nothing in the example of its response, or leads to a parameter that does not exist, is a mistake in the
/// table above.
#[test]
fn every_link_finds_its_value_in_the_example_and_its_parameter_in_the_target() {
    let document = super::document::openapi();
    let operation = |operation: Operation| {
        let route = ROUTES.iter().find(|route| route.operation == operation);
        let route = route.unwrap();
        let found = &document["paths"][route.path][route.method.to_lowercase()];
        (route.status.to_string(), found)
    };
    for (from, value, parameter, targets) in LINKS {
        let (status, source) = operation(*from);
        if let Some(pointer) = value.strip_prefix("$response.body#") {
            let example = &source["responses"][status]["content"]["application/json"]["example"];
            assert!(example.pointer(pointer).is_some(), "{from:?}: {value}");
        } else {
            let name = value.strip_prefix("$request.path.").unwrap();
            assert!(has_parameter(source, name), "{from:?}: {value}");
        }
        for to in *targets {
            assert!(
                has_parameter(operation(*to).1, parameter),
                "{to:?}: {parameter}"
            );
        }
    }
}

fn has_parameter(operation: &Value, name: &str) -> bool {
    let mut parameters = operation["parameters"].as_array().into_iter().flatten();
    parameters.any(|known| known["name"] == name)
}
