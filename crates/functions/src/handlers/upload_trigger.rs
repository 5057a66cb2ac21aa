//! Function `upload-trigger`: starts a job for every upload.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use jobs::apply::RunContext;
use jobs::error::IfUnusable;
use jobs::id::JobId;
use jobs::ports::{
    CheckQueue, Clock, InferenceEndpoint, JobStore, KeyValueStore, ObjectStore, Queue, RecentStarts,
};
use jobs::submit::{Delivery, IfDenied, submit};
use lambda_runtime::{Error, LambdaEvent};
use tracing::field::Empty;
use tracing::{Instrument, Span, info_span};

use super::batch::{
    BatchPorts, MAX_REDELIVERIES, MessageFailure, MessageResult, QueueSettings, process_batch,
};
use super::s3_event::uploads;
use super::sqs_message::SqsMessageExt;
use crate::bootstrap::App;
use crate::traces;

pub use super::batch::QueueEnvironment as Environment;

const QUEUE: &str = Queue::Uploads.name();

/// How often a message about an empty object is redelivered: the file follows within seconds, or minutes if it is large.
const MAX_REDELIVERIES_OF_EMPTY: u32 = 1;

/// Starts a job for every upload.
///
/// - **Input**: a batch of S3 event notifications, each with any number of records.
/// - **On bad input**: a message that is no S3 event, or has a record that is none, is quarantined; an object that cannot be processed becomes a job
///   that failed and says why. An object that a policy or a key does not let this service read becomes one after up to
///   [`MAX_REDELIVERIES`] redeliveries, an empty one after one.
/// - **On failure**: the message is redelivered after the queue's visibility timeout.
///
/// # Errors
/// None: single failures are in the response.
pub async fn handle<P, E>(
    app: &App<P, E>,
    event: LambdaEvent<SqsEvent>,
) -> Result<SqsBatchResponse, Error>
where
    P: BatchPorts + JobStore + ObjectStore + InferenceEndpoint + KeyValueStore + RecentStarts,
    E: QueueSettings,
{
    Ok(process_batch(app, QUEUE, event, process).await)
}

async fn process<P>(ports: &P, run: &RunContext<'_>, message: &SqsMessage) -> MessageResult
where
    P: JobStore
        + ObjectStore
        + InferenceEndpoint
        + KeyValueStore
        + CheckQueue
        + RecentStarts
        + Clock,
{
    let records = match uploads(message.body(), message.trace_id()) {
        Ok(records) => records,
        Err(problem) => return MessageFailure::Malformed(problem).into(),
    };
    let received = message.receive_count();
    let delivery = Delivery {
        if_denied: if received > MAX_REDELIVERIES {
            IfDenied::Fail
        } else {
            IfDenied::Redeliver
        },
        if_empty: if received > MAX_REDELIVERIES_OF_EMPTY {
            IfUnusable::Fail
        } else {
            IfUnusable::Redeliver
        },
    };
    let mut result = MessageResult::default();
    let count = records.len();
    for record in records {
        let upload = match record {
            Ok(upload) => upload,
            Err(problem) => {
                result.add(MessageFailure::Malformed(problem).into());
                continue;
            }
        };
        // Log lines about one of several uploads must not carry the next one's ids.
        let span = if count == 1 {
            Span::current()
        } else {
            info_span!("upload", job.id = Empty, trace.id = Empty)
        };
        // A later version has an id of its own, which is known once the row is read.
        let id = JobId::of_key(&upload.bucket, &upload.key);
        span.in_scope(|| traces::about_upload(id, upload.trace_id));
        let submitted = submit(ports, run, &upload, delivery).instrument(span).await;
        result.add(submitted.into());
    }
    result
}
