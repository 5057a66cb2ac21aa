//! Function `event-feed`: adds the events of the bus to the feeds of their tenants.

use std::collections::{BTreeMap, BTreeSet};

use api::digests;
use api::digests::ports::DigestQueue;
use api::feed::{EventType, FeedError, NewEvent, append};
use api::webhooks::notify;
use api::webhooks::ports::WebhookQueue;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use jobs::id::Tenant;
use jobs::ports::{Clock, KeyValueStore, Quarantine, Queue};
use lambda_runtime::{Error, LambdaEvent};
use serde::Deserialize;
use tracing::{info, warn};

use super::EMAIL_OFF;
use super::batch::{MessageFailure, Settled, settle};
use super::report::count;
use super::sqs_message::SqsMessageExt;
use crate::bootstrap::App;
use crate::config::{Has, variable};
use crate::environment;
use crate::metrics::{Dimension, Metric, emit};

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
    let sends_digests = Has::<variable::EmailSender>::value(&*app.environment) != EMAIL_OFF;
    let messages = &event.payload.records;
    let mut redelivered = BTreeSet::new();
    let mut quarantined = 0;
    let mut feeds: BTreeMap<Tenant, (Vec<usize>, Vec<NewEvent>)> = BTreeMap::new();
    for (index, message) in messages.iter().enumerate() {
        match parse(message.text()) {
            Ok((tenant, event)) => {
                let (indexes, events) = feeds.entry(tenant).or_default();
                indexes.push(index);
                events.push(event);
            }
            Err(problem) => {
                let failure = MessageFailure::Malformed(problem);
                match settle(ports, QUEUE, message, &failure).await {
                    Settled::Redelivered => _ = redelivered.insert(index),
                    Settled::Quarantined => quarantined += 1,
                }
            }
        }
    }
    for (tenant, (indexes, events)) in feeds {
        match record(ports, &tenant, &events, sends_digests).await {
            Ok(()) => info!(tenant = %tenant, events = events.len(), "events added to the feed"),
            Err(error) => {
                warn!(tenant = %tenant, error = %error, "events were not added to the feed and come back");
                redelivered.extend(indexes);
            }
        }
    }
    emit(
        Has::<variable::ServiceName>::value(&*app.environment),
        ports.now().0,
        Dimension::Queue(QUEUE),
        &[
            (Metric::Quarantined, count(quarantined)),
            (Metric::Redelivered, count(redelivered.len())),
        ],
    );
    let mut response = SqsBatchResponse::default();
    for index in redelivered {
        response.add_failure(messages[index].id());
    }
    Ok(response)
}

/// Adds events to a feed, and tells those who read it.
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
