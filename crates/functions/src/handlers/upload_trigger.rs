//! Objects were uploaded.

use jobs::apply::RunContext;
use jobs::ports::{
    CheckQueue, Clock, Connections, EventBus, InferenceEndpoint, JobStore, KeyValueStore,
    ObjectStore, Pusher, Quarantine, Queue,
};
use jobs::submit::submit;
use lambda_runtime::{Error, LambdaEvent};
use tracing::field::Empty;
use tracing::{Instrument, Span, info_span};

use super::batch::{Message, QueueSettings, SqsBatchResponse, SqsEvent, Trouble, Worked, work_off};
use super::s3_event::uploads;
use crate::bootstrap::App;

pub use super::batch::QueueEnvironment as Environment;

/// The queue that it works off.
const QUEUE: &str = Queue::Uploads.name();

/// Starts a job for every upload.
///
/// - **Input**: a batch of S3 event notifications, each with any number of records.
/// - **On bad input**: a message that is no S3 event is quarantined; an object that cannot be processed becomes a job
///   that failed and says why.
/// - **On failure**: the message comes back after the queue's visibility timeout.
///
/// # Errors
/// None: single failures are in the response.
pub async fn handle<P, E>(
    app: &App<P, E>,
    event: LambdaEvent<SqsEvent>,
) -> Result<SqsBatchResponse, Error>
where
    P: JobStore
        + ObjectStore
        + InferenceEndpoint
        + KeyValueStore
        + Clock
        + CheckQueue
        + EventBus
        + Connections
        + Pusher
        + Quarantine,
    E: QueueSettings,
{
    Ok(work_off(app, QUEUE, event, work).await)
}

async fn work<P>(ports: &P, run: &RunContext<'_>, message: &Message) -> Worked
where
    P: JobStore + ObjectStore + InferenceEndpoint + KeyValueStore + Clock,
{
    let uploads = match uploads(&message.body, message.trace_id()) {
        Ok(uploads) => uploads,
        Err(problem) => return Trouble::Malformed(problem).into(),
    };
    let mut worked = Worked::default();
    for upload in &uploads {
        // What is written about one of several is not said to be about the next.
        let span = if uploads.len() == 1 {
            Span::current()
        } else {
            info_span!("upload", job.id = Empty, trace.id = Empty)
        };
        let submitted = submit(ports, run, upload).instrument(span).await;
        worked.add(submitted.into());
    }
    worked
}
