//! Attempts are due.

use jobs::apply::Run;
use jobs::id::{Attempt, Timestamp};
use jobs::ports::{
    Clock, EventBus, InferenceEndpoint, JobStore, ObjectStore, Pusher, Quarantine, Queue, WakeUp,
    WakeUpQueue, Watchers,
};
use jobs::retry::retry;
use lambda_runtime::{Error, LambdaEvent};
use serde::{Deserialize, Serialize};

use super::batch::{Message, SqsBatchResponse, SqsEvent, Trouble, Worked, work_off};
use crate::bootstrap::App;

pub use super::batch::NEEDS;

/// The queue that it works off.
const QUEUE: &str = Queue::Wakeups.name();

/// A wake-up on the wire.
#[derive(Debug, Deserialize, Serialize)]
pub struct WakeUpMessage {
    job_id: String,
    attempt: u8,
    /// For which time the attempt was scheduled, in milliseconds since 1970 UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    due: Option<u64>,
}

impl From<&WakeUp> for WakeUpMessage {
    fn from(wake_up: &WakeUp) -> Self {
        Self {
            job_id: wake_up.job.to_string(),
            attempt: wake_up.attempt.0,
            due: wake_up.due.map(|due| due.0),
        }
    }
}

/// Starts the attempts that are due, and looks after those that are overdue.
///
/// - **Input**: a batch of `{"job_id":"…","attempt":2,"due":1767607442118}`.
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

async fn work<P>(ports: &P, run: &Run<'_>, message: &Message) -> Worked
where
    P: JobStore + ObjectStore + InferenceEndpoint + Clock,
{
    let wake_up = match wake_up(&message.body) {
        Ok(wake_up) => wake_up,
        Err(problem) => return Trouble::Malformed(format!("not a wake-up: {problem}")).into(),
    };
    let redelivered = message.receive_count() > 1;
    retry(ports, run, &wake_up, redelivered).await.into()
}

fn wake_up(body: &str) -> Result<WakeUp, String> {
    let told: WakeUpMessage = serde_json::from_str(body).map_err(|error| error.to_string())?;
    Ok(WakeUp {
        job: told
            .job_id
            .parse()
            .map_err(|error: jobs::id::BadId| error.to_string())?,
        attempt: Attempt(told.attempt),
        due: told.due.map(Timestamp),
    })
}
