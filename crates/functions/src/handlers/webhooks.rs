//! Function `webhooks`: sends events to the receivers of webhooks.

use std::time::Duration;

use api::lease::DeliveredMessage;
use api::webhooks::address::AllowedReceivers;
use api::webhooks::ports::{WebhookQueue, WebhookSender};
use api::webhooks::{DeliveryTimes, Instruction, ReceivedInstruction, deliver};
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use jobs::id::Timestamp;
use jobs::ports::{Clock, JobStore, KeyValueStore, Quarantine, Queue};
use lambda_runtime::{Error, LambdaEvent};
use tracing::warn;

use super::lease_expiry;
use super::report::count;
use super::settled_messages::SettledMessages;
use super::sqs_message::SqsMessageExt;
use crate::bootstrap::App;
use crate::config::{Has, variable};
use crate::environment;
use crate::metrics::{Dimension, Metric, emit};

environment! {
    pub struct Environment {
        jobs_table: JobsTable,
        records_table: RecordsTable,
        bucket: Bucket,
        webhooks_queue_url: WebhooksQueueUrl,
        webhook_receivers: WebhookReceivers,
        service_name: ServiceName,
    }
}

const QUEUE: &str = Queue::Webhooks.name();
/// How long a receiver may take.
const MAX_REQUEST_TIME: Duration = Duration::from_secs(15);
/// No request begins after this time, in milliseconds; the rest of a webhook's events waits its turn behind the other
/// webhooks. A request takes 17 s at most.
const MAX_TURN_MS: u64 = 20_000;

/// Sends events to the receivers of webhooks.
///
/// - **Input**: one message per call, `{"webhook":"acme.0123456789abcdef","instruction":"continue"}`. A batch with more is
///   processed one after another.
/// - **On bad input**: quarantined.
/// - **On failure of a receiver**: the event is sent again later ([`api::webhooks::RETRY_DELAYS_SECONDS`]).
/// - **On failure of AWS**: the message is redelivered after the queue's visibility timeout.
///
/// # Errors
/// None: single failures are in the response.
pub async fn handle<P, E>(
    app: &App<P, E>,
    event: LambdaEvent<SqsEvent>,
) -> Result<SqsBatchResponse, Error>
where
    P: Clock + KeyValueStore + Quarantine + JobStore + WebhookSender + WebhookQueue,
    E: Has<variable::ServiceName> + Has<variable::WebhookReceivers>,
{
    let ports = &app.ports;
    let deadline = event.context.deadline;
    let setting = Has::<variable::WebhookReceivers>::value(&*app.environment);
    let allowed = AllowedReceivers::from_setting(setting);
    let mut settled = SettledMessages::default();
    for message in &event.payload.records {
        let (id, instruction, sent_by) = match Instruction::parse(message.body()) {
            Ok(parsed) => parsed,
            Err(problem) => {
                settled.malformed(ports, QUEUE, message, problem).await;
                continue;
            }
        };
        let now = ports.now().0;
        // A request that begins at the last moment must end before the function does.
        let third = deadline.saturating_sub(now) / 3;
        let turn = MAX_TURN_MS.min(third);
        let times = DeliveryTimes {
            until: Timestamp(now + turn),
            request_timeout: MAX_REQUEST_TIME.min(Duration::from_millis(third)),
            lease_expires_at: lease_expiry(deadline),
        };
        let received = ReceivedInstruction {
            instruction,
            arrival: DeliveredMessage {
                message: message.id(),
                receives: message.receive_count(),
                sent_by: &sent_by,
            },
        };
        match deliver(ports, &id, received, allowed, times).await {
            Ok(report) => emit_report(app, &report),
            Err(error) => {
                warn!(webhook.id = %id, error = %error, "a delivery was not completed and comes back");
                settled.redeliver(message);
            }
        }
    }
    Ok(settled.finish(app, QUEUE))
}

fn emit_report<P, E>(app: &App<P, E>, report: &api::webhooks::DeliveryReport)
where
    P: Clock,
    E: Has<variable::ServiceName>,
{
    let number = |number: u32| count(usize::try_from(number).unwrap_or(usize::MAX));
    emit(
        Has::<variable::ServiceName>::value(&*app.environment),
        app.ports.now().0,
        Dimension::Service,
        &[
            (Metric::WebhooksDelivered, number(report.delivered)),
            (Metric::WebhooksFailed, number(report.failed)),
            (Metric::WebhooksGivenUp, number(report.given_up)),
            (
                Metric::WebhooksExpired,
                count(usize::try_from(report.expired).unwrap_or(usize::MAX)),
            ),
            (Metric::WebhooksDisabled, number(report.disabled.into())),
        ],
    );
}
