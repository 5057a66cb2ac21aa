//! Function `event-feed`: adds the events of the bus to the feeds of their tenants.

use std::collections::BTreeMap;

use api::digests;
use api::digests::ports::DigestQueue;
use api::feed::{EventType, FeedError, NewEvent, append};
use api::webhooks::notify;
use api::webhooks::ports::WebhookQueue;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use jobs::id::Tenant;
use jobs::ports::{Clock, KeyValueStore, Quarantine, Queue};
use lambda_runtime::{Error, LambdaEvent};
use serde::Deserialize;
use tracing::{info, warn};

use super::settled_messages::SettledMessages;
use super::sqs_message::SqsMessageExt;
use crate::bootstrap::App;
use crate::config::{self, Has, variable};
use crate::environment;

environment! {
    pub struct Environment {
        records_table: RecordsTable,
        bucket: Bucket,
        webhooks_queue_url: WebhooksQueueUrl,
        digests_queue_url: DigestsQueueUrl,
        email_sender: EmailSender,
        service_name: ServiceName,
    }
}

const QUEUE: &str = Queue::Events.name();

/// An event as EventBridge delivers it, with the fields that are used.
#[derive(Debug, Deserialize)]
struct BusEvent {
    #[serde(rename = "detail-type")]
    detail_type: String,
    detail: Detail,
}

#[derive(Debug, Deserialize)]
struct Detail {
    job: DetailJob,
}

#[derive(Debug, Deserialize)]
struct DetailJob {
    id: String,
    version: u64,
    tenant: String,
}

/// The messages of a batch about one tenant, and their events, in the same order.
#[derive(Default)]
struct TenantBatch<'a> {
    messages: Vec<&'a SqsMessage>,
    events: Vec<NewEvent>,
}

/// Adds events to the feeds of their tenants.
///
/// - **Input**: a batch of the events `JobReady` and `JobFailed`, which a rule of the event bus sends to queue `events`.
/// - **On bad input**: quarantined.
/// - **On failure**: the message is redelivered after the queue's visibility timeout.
///
/// # Errors
/// None: single failures are in the response.
pub async fn handle<P, E>(
    app: &App<P, E>,
    event: LambdaEvent<SqsEvent>,
) -> Result<SqsBatchResponse, Error>
where
    P: Clock + KeyValueStore + Quarantine + WebhookQueue + DigestQueue,
    E: Has<variable::ServiceName> + Has<variable::EmailSender>,
{
    let ports = &app.ports;
    let sends_digests = config::email_sender(&*app.environment).is_some();
    let messages = &event.payload.records;
    let mut settled = SettledMessages::default();
    let mut batches: BTreeMap<Tenant, TenantBatch<'_>> = BTreeMap::new();
    for message in messages {
        match parse(message.body()) {
            Ok((tenant, event)) => {
                let batch = batches.entry(tenant).or_default();
                batch.messages.push(message);
                batch.events.push(event);
            }
            Err(problem) => settled.malformed(ports, QUEUE, message, problem).await,
        }
    }
    for (tenant, TenantBatch { messages, events }) in batches {
        match record(ports, &tenant, &events, sends_digests).await {
            Ok(()) => info!(tenant = %tenant, events = events.len(), "events added to the feed"),
            Err(error) => {
                warn!(tenant = %tenant, error = %error, "events were not added to the feed and come back");
                for message in messages {
                    settled.redeliver(message);
                }
            }
        }
    }
    Ok(settled.finish(app, QUEUE))
}

/// Adds events to a feed, and asks the functions that read it to run.
async fn record<P: Clock + KeyValueStore + WebhookQueue + DigestQueue>(
    ports: &P,
    tenant: &Tenant,
    events: &[NewEvent],
    sends_digests: bool,
) -> Result<(), FeedError> {
    append(ports, tenant, events).await?;
    notify(ports, tenant).await?;
    if sends_digests {
        digests::notify(ports, tenant).await?;
    }
    Ok(())
}

fn parse(body: &str) -> Result<(Tenant, NewEvent), String> {
    let event: BusEvent =
        serde_json::from_str(body).map_err(|error| format!("not an event: {error}"))?;
    let event_type = match event.detail_type.as_str() {
        "JobReady" => EventType::JobReady,
        "JobFailed" => EventType::JobFailed,
        other => return Err(format!("not an event of a job: {other:?}")),
    };
    let DetailJob {
        id,
        version,
        tenant,
    } = event.detail.job;
    let job = id
        .parse()
        .map_err(|_| format!("{id:?} is not a job's id"))?;
    let tenant = tenant
        .parse()
        .map_err(|_| format!("{tenant:?} is not a tenant"))?;
    Ok((
        tenant,
        NewEvent {
            job,
            version,
            event_type,
        },
    ))
}
