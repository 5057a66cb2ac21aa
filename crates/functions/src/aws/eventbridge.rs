//! The event bus for downstream systems: `EventBus`, `AuditEventBus`.

#[cfg(feature = "api")]
use api::audit::{AuditEvent, AuditEventBus};
use jobs::job::Job;
use jobs::ports::{EventBus, FailedEntries};
use jobs::state::StatusGroup;
use jobs::view::JobView;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::json_call::{JsonError, JsonService};
use super::{Aws, unavailable};
use crate::config::{Has, variable};

const EVENT_BRIDGE: JsonService = JsonService {
    name: "events",
    target: "AWSEvents",
};
/// Maximum number of entries of `PutEvents` (API reference).
const MAX_PUT_EVENTS: usize = 10;
/// The `source` that rules match.
const SOURCE: &str = "docket";

/// The detail of `JobReady` and `JobFailed`.
#[derive(Serialize)]
struct Detail {
    /// `<job id>:<version>`: the same event published twice has the same id.
    id: String,
    job: JobView,
    trace_id: String,
    input: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<String>,
}

/// An entry of `PutEvents` (API reference, `PutEventsRequestEntry`).
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PutEventsEntry<'a> {
    event_bus_name: &'a str,
    source: &'static str,
    detail_type: &'static str,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_header: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutEventsResponse {
    /// In the order of the entries of the request.
    entries: Vec<EntryResult>,
}

/// An entry with an error code was not accepted (API reference, `PutEventsResultEntry`).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EntryResult {
    error_code: Option<String>,
    error_message: Option<String>,
}

impl<E: Has<variable::EventBus>> Aws<E> {
    /// The service's URL in the function's region (AWS general reference, "Amazon EventBridge endpoints").
    fn events_url(&self) -> String {
        self.endpoint("EVENTBRIDGE").unwrap_or_else(|| {
            let region = &self.config.region;
            let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
            format!("https://events.{region}.amazonaws.com{suffix}")
        })
    }

    fn entry(&self, job: &Job) -> PutEventsEntry<'_> {
        let detail = Detail {
            id: format!("{}:{}", job.id, job.version),
            job: JobView::of_event(job),
            trace_id: job.trace().to_string(),
            input: format!("s3://{}/{}", job.input.bucket, job.input.key),
            output: job.output().map(ToString::to_string),
        };
        PutEventsEntry {
            event_bus_name: self.name::<variable::EventBus>(),
            source: SOURCE,
            detail_type: if job.state.status_group() == StatusGroup::Ready {
                "JobReady"
            } else {
                "JobFailed"
            },
            detail: serde_json::to_string(&detail).unwrap_or_default(),
            trace_header: Some(job.trace().to_header()),
        }
    }
}

impl<E: Has<variable::EventBus>> Aws<E> {
    /// Sends entries, ten with each call. `failed` is called with the number of each that was not taken, and why if EventBridge said.
    async fn put_events(
        &self,
        entries: &[PutEventsEntry<'_>],
        refused: impl Fn(usize, &EntryResult),
    ) -> FailedEntries {
        let mut failed = Vec::new();
        let url = self.events_url();
        for (chunk, start) in entries
            .chunks(MAX_PUT_EVENTS)
            .zip((0..).step_by(MAX_PUT_EVENTS))
        {
            let input = json!({"Entries": chunk});
            let response: Result<PutEventsResponse, JsonError> = self
                .call_json(EVENT_BRIDGE, &url, "PutEvents", &input)
                .await;
            match response {
                Ok(response) => {
                    for (i, result) in response.entries.iter().enumerate() {
                        if result.error_code.is_some() {
                            refused(start + i, result);
                            failed.push(start + i);
                        }
                    }
                }
                Err(error) => {
                    let _ = unavailable("EventBridge PutEvents", error);
                    failed.extend(start..start + chunk.len());
                }
            }
        }
        failed.into_iter().collect()
    }
}

impl<E: Has<variable::EventBus>> EventBus for Aws<E> {
    async fn publish(&self, jobs: &[&Job]) -> FailedEntries {
        let entries: Vec<PutEventsEntry<'_>> = jobs.iter().map(|job| self.entry(job)).collect();
        self.put_events(&entries, |index, entry| {
            tracing::warn!(
                job.id = jobs.get(index).map(|job| tracing::field::display(job.id)),
                trace.id = jobs
                    .get(index)
                    .map(|job| tracing::field::display(job.trace())),
                code = entry.error_code,
                problem = entry.error_message,
                "an event was not taken"
            );
        })
        .await
    }
}

#[cfg(feature = "api")]
impl<E: Has<variable::EventBus>> AuditEventBus for Aws<E> {
    async fn publish_audit(&self, events: &[AuditEvent]) -> FailedEntries {
        let entry = |event: &AuditEvent| PutEventsEntry {
            event_bus_name: self.name::<variable::EventBus>(),
            source: SOURCE,
            detail_type: "AuditEntry",
            detail: serde_json::to_string(event).unwrap_or_default(),
            trace_header: None,
        };
        let entries: Vec<PutEventsEntry<'_>> = events.iter().map(entry).collect();
        self.put_events(&entries, |_, entry| {
            tracing::warn!(
                code = entry.error_code,
                problem = entry.error_message,
                "an event was not taken"
            );
        })
        .await
    }
}
