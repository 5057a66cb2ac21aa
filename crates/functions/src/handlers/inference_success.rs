//! Function `inference-success`: the endpoint's success notifications.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use jobs::apply::RunContext;
use jobs::ports::{
    CheckQueue, Clock, JobStore, KeyValueStore, ObjectDeletion, ObjectStore, Queue, RecentJobs,
};
use jobs::record_outcome::record_outcome;
use lambda_runtime::{Error, LambdaEvent};

use super::batch::{
    BatchPorts, MAX_REDELIVERIES, MessageFailure, MessageResult, QueueSettings, process_batch,
};
use super::notification::outcome;
use super::sqs_message::SqsMessageExt;
use crate::bootstrap::App;
use crate::traces;

pub use super::batch::QueueEnvironment as Environment;

const QUEUE: &str = Queue::InferenceSuccess.name();

/// Records results.
///
/// - **Input**: a batch of notifications of the endpoint, raw or in SNS's envelope. Their body says whether they are a
///   success or an error, not their queue, since one topic may serve for both.
/// - **On bad input**: quarantined. A result of an unknown job is redelivered up to [`MAX_REDELIVERIES`] times first. So is
///   a success without its output, which then counts as a failure of the attempt.
/// - **On failure**: the message is redelivered after the queue's visibility timeout.
///
/// # Errors
/// None: single failures are in the response.
pub async fn handle<P, E>(
    app: &App<P, E>,
    event: LambdaEvent<SqsEvent>,
) -> Result<SqsBatchResponse, Error>
where
    P: BatchPorts + JobStore + ObjectStore + ObjectDeletion + KeyValueStore + RecentJobs,
    E: QueueSettings,
{
    Ok(process_batch(app, QUEUE, event, process).await)
}

pub(super) async fn process<P>(
    ports: &P,
    run: &RunContext<'_>,
    message: &SqsMessage,
) -> MessageResult
where
    P: JobStore + ObjectStore + ObjectDeletion + KeyValueStore + RecentJobs + CheckQueue + Clock,
{
    let last_call = message.receive_count() > MAX_REDELIVERIES;
    match outcome(message.body(), last_call) {
        Err(problem) => MessageFailure::Malformed(problem).into(),
        Ok(None) => MessageResult::default(),
        Ok(Some(outcome)) => {
            traces::about_id(outcome.inference_id.job);
            record_outcome(ports, run, &outcome).await.into()
        }
    }
}
