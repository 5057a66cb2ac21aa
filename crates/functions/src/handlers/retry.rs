//! Attempts are due.

use jobs::apply::Run;
use jobs::id::Attempt;
use jobs::job::Job;
use jobs::ports::{
    Clock, EventBus, InferenceEndpoint, JobStore, ObjectStore, Pusher, Quarantine, WakeUp,
    WakeUpQueue, Watchers,
};
use jobs::retry::retry;
use lambda_runtime::{Error, LambdaEvent};
use serde::{Deserialize, Serialize};

use super::batch::{Message, SqsBatchResponse, SqsEvent, Trouble, work_off};
use crate::bootstrap::App;

pub use super::batch::NEEDS;

/// The queue that it works off.
const QUEUE: &str = "wakeups";

/// A wake-up on the wire.
#[derive(Debug, Deserialize, Serialize)]
pub struct WakeUpMessage {
    job_id: String,
    attempt: u8,
}

impl From<&WakeUp> for WakeUpMessage {
    fn from(wake_up: &WakeUp) -> Self {
        Self {
            job_id: wake_up.job.to_string(),
            attempt: wake_up.attempt.0,
        }
    }
}

/// Starts the attempts that are due, and looks after those that are overdue.
///
/// - **Input**: a batch of `{"job_id":"…","attempt":2}`.
/// - **On bad input**: quarantined.
/// - **On failure**: the message comes back after the queue's visibility timeout.
///
/// # Errors
/// None: single failures are in the response.
pub async fn handle<P>(
    app: &App<P>,
    event: LambdaEvent<SqsEvent>,
) -> Result<SqsBatchResponse, Error>
where
    P: JobStore
        + ObjectStore
        + InferenceEndpoint
        + Clock
        + WakeUpQueue
        + EventBus
        + Watchers
        + Pusher
        + Quarantine,
{
    Ok(work_off(app, QUEUE, event, work).await)
}

async fn work<P>(ports: &P, run: &Run<'_>, message: &Message) -> Result<Vec<Job>, Trouble>
where
    P: JobStore + ObjectStore + InferenceEndpoint + Clock,
{
    let malformed = |problem: String| Trouble::Malformed(format!("not a wake-up: {problem}"));
    let told: WakeUpMessage =
        serde_json::from_str(&message.body).map_err(|error| malformed(error.to_string()))?;
    let job = told
        .job_id
        .parse()
        .map_err(|error: jobs::id::BadId| malformed(error.to_string()))?;
    Ok(retry(
        ports,
        run,
        &WakeUp {
            job,
            attempt: Attempt(told.attempt),
        },
    )
    .await?)
}
