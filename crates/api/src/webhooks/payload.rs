//! The body of a webhook.

use jobs::id::{Tenant, Timestamp};
use jobs::job::Job;
use jobs::view::JobView;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::feed::{EventType, FeedEvent};
use crate::usage::utc;

/// The body (Standard Webhooks specification 1.0, "Payload structure").
#[derive(Serialize)]
struct Payload<'a> {
    #[serde(rename = "type")]
    event_type: &'a str,
    timestamp: String,
    data: Map<String, Value>,
}

/// The body for an event. `job` is its row as it is now, if it can be read; fields of a newer version are left out.
pub(super) fn of_event(
    tenant: &Tenant,
    event: &FeedEvent,
    job: Option<&Job>,
    include_details: bool,
) -> String {
    let mut data = Map::new();
    let mut put = |name: &str, value: Value| _ = data.insert(name.to_owned(), value);
    put("event_id", json!(event.event.id()));
    put("sequence", json!(event.sequence));
    put("hash", json!(event.hash));
    put("tenant", json!(tenant.as_str()));
    put("job_id", json!(event.event.job.to_string()));
    put("version", json!(event.event.version));
    let is_ready = event.event.event_type == EventType::JobReady;
    put("status", json!(if is_ready { "Ready" } else { "Failed" }));
    if let Some(job) = job {
        let view = JobView::from(job);
        put("pipeline", json!(view.pipeline));
        put("created_at", json!(view.created_at));
        let labels = [("reference", &view.reference), ("batch", &view.batch)];
        for (name, label) in labels {
            if let Some(label) = label {
                put(name, json!(label));
            }
        }
        if !view.tags.is_empty() {
            put("tags", json!(view.tags));
        }
        if include_details {
            put("name", json!(view.name));
        }
        if job.version == event.event.version
            && let Some(failure) = &view.failure
        {
            put("cause", json!(failure.cause));
            if include_details {
                put("detail", json!(failure.detail));
            }
        }
    }
    to_json(event.event.event_type.name(), event.recorded_at, data)
}

/// Whether the body for an event of this job has something that a deletion of its data removes.
pub(super) fn names_document(job: &Job, include_details: bool) -> bool {
    let labels = &job.input.labels;
    let has_labels =
        labels.reference.is_some() || labels.batch.is_some() || !labels.tags.is_empty();
    !job.is_erased() && (include_details || has_labels)
}

pub(super) fn of_test(tenant: &Tenant, at: Timestamp) -> String {
    let mut data = Map::new();
    data.insert("tenant".to_owned(), json!(tenant.as_str()));
    to_json("webhook.test", at, data)
}

fn to_json(event_type: &str, at: Timestamp, data: Map<String, Value>) -> String {
    let payload = Payload {
        event_type,
        timestamp: utc(at),
        data,
    };
    // Cannot fail: texts and numbers.
    serde_json::to_string(&payload).unwrap_or_default()
}
