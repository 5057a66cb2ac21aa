//! The endpoint reports results.

use jobs::apply::RunContext;
use jobs::ports::{
    CheckQueue, Clock, Connections, EventBus, JobStore, ObjectStore, Pusher, Quarantine, Queue,
};
use jobs::record_outcome::record_outcome;
use lambda_runtime::{Error, LambdaEvent};

use super::batch::{
    Message, PATIENCE, QueueSettings, SqsBatchResponse, SqsEvent, Trouble, Worked, work_off,
};
use super::notification::outcome;
use crate::bootstrap::App;

pub use super::batch::QueueEnvironment as Environment;

/// The queue that it works off.
const QUEUE: &str = Queue::InferenceSuccess.name();

/// Records results.
///
/// - **Input**: a batch of notifications of the endpoint, raw or in SNS's envelope. Successes and errors are told apart
///   by what they say and not by where they came from, since both topics may be one.
/// - **On bad input**: quarantined; a result of an unknown job comes back a few times first. A success without its output
///   comes back a few times too, and then counts as a failure of the attempt.
/// - **On failure**: the message comes back after the queue's visibility timeout.
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

pub(super) async fn work<P: JobStore + ObjectStore + Clock>(
    ports: &P,
    run: &RunContext<'_>,
    message: &Message,
) -> Worked {
    let last_call = message.receive_count() > PATIENCE;
    match outcome(&message.body, last_call) {
        Err(problem) => Trouble::Malformed(problem).into(),
        Ok(None) => Worked::default(),
        Ok(Some(outcome)) => record_outcome(ports, run, &outcome).await.into(),
    }
}
