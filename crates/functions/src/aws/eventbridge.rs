//! The event bus for downstream systems: `EventBus`.

use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use jobs::job::Job;
use jobs::ports::{EventBus, FailedEntries};
use jobs::state::StatusGroup;
use jobs::view::JobView;
use serde::Serialize;

use super::{Aws, client, retries, timeouts, unavailable};
use crate::config::{Has, variable};

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

impl<E: Has<variable::EventBus>> Aws<E> {
    fn events(&self) -> &aws_sdk_eventbridge::Client {
        self.events.get_or_init(|| {
            client!(
                self,
                aws_sdk_eventbridge,
                self.endpoint("EVENTBRIDGE"),
                timeouts(),
                retries()
            )
        })
    }

    fn entry(&self, job: &Job) -> PutEventsRequestEntry {
        let detail = Detail {
            id: format!("{}:{}", job.id, job.version),
            job: JobView::from(job),
            trace_id: job.trace().to_string(),
            input: format!("s3://{}/{}", job.input.bucket, job.input.key),
            output: job.output().map(ToString::to_string),
        };
        let kind = if job.state.status_group() == StatusGroup::Ready {
            "JobReady"
        } else {
            "JobFailed"
        };
        PutEventsRequestEntry::builder()
            .event_bus_name(self.name::<variable::EventBus>())
            .source(SOURCE)
            .detail_type(kind)
            .detail(serde_json::to_string(&detail).unwrap_or_default())
            .trace_header(job.trace().to_header())
            .build()
    }
}

impl<E: Has<variable::EventBus>> EventBus for Aws<E> {
    async fn publish(&self, jobs: &[&Job]) -> FailedEntries {
        let mut failed = Vec::new();
        for (chunk, start) in jobs
            .chunks(MAX_PUT_EVENTS)
            .zip((0..).step_by(MAX_PUT_EVENTS))
        {
            let entries = chunk.iter().map(|job| self.entry(job)).collect();
            match self
                .events()
                .put_events()
                .set_entries(Some(entries))
                .send()
                .await
            {
                // Results are in the order of the entries; one with an error code was not accepted (API reference).
                Ok(response) if response.failed_entry_count() == 0 => {}
                Ok(response) => {
                    let refused = response
                        .entries()
                        .iter()
                        .enumerate()
                        .filter(|(_, entry)| entry.error_code().is_some());
                    failed.extend(refused.map(|(i, entry)| {
                        tracing::warn!(
                            job.id = chunk.get(i).map(|job| tracing::field::display(job.id)),
                            trace.id = chunk.get(i).map(|job| tracing::field::display(job.trace())),
                            code = entry.error_code(),
                            problem = entry.error_message(),
                            "an event was not taken"
                        );
                        start + i
                    }));
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
