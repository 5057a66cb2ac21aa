//! The endpoint reports failures.

use jobs::ports::{
    CheckQueue, Clock, Connections, EventBus, JobStore, ObjectStore, Pusher, Quarantine, Queue,
};
use lambda_runtime::{Error, LambdaEvent};

use super::batch::{QueueSettings, SqsBatchResponse, SqsEvent, work_off};
use super::inference_success::work;
use crate::bootstrap::App;

pub use super::batch::QueueEnvironment as Environment;

/// The queue that it works off.
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
    P: JobStore + ObjectStore + Clock + CheckQueue + EventBus + Connections + Pusher + Quarantine,
    E: QueueSettings,
{
    Ok(work_off(app, QUEUE, event, work).await)
}
