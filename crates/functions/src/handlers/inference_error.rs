//! Function `inference-error`: the endpoint's error notifications.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use jobs::ports::{JobStore, KeyValueStore, ObjectDeletion, ObjectStore, Queue, RecentJobs};
use lambda_runtime::{Error, LambdaEvent};

use super::batch::{BatchPorts, QueueSettings, process_batch};
use super::inference_success::process;
use crate::bootstrap::App;

pub use super::batch::QueueEnvironment as Environment;

const QUEUE: &str = Queue::InferenceError.name();

/// Records failures: classifies each, and schedules a retry or closes the job.
///
/// - **Input**, **On bad input**, **On failure**: as [`super::inference_success::handle`]; only the queue differs, so that
///   a storm of errors cannot delay results.
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
