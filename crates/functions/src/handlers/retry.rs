//! Attempts are due.

use jobs::apply::RunContext;
use jobs::commands;
use jobs::id::{Attempt, Timestamp};
use jobs::ports::{
    CheckQueue, CheckRequest, Clock, Connections, EventBus, InferenceEndpoint, JobStore,
    ObjectStore, Pusher, Quarantine, Queue, RetryCommand,
};
use jobs::retry::{retry, run_command};
use lambda_runtime::{Error, LambdaEvent};
use serde::{Deserialize, Serialize};

use super::batch::{Message, QueueSettings, SqsBatchResponse, SqsEvent, Trouble, Worked, work_off};
use crate::bootstrap::App;

pub use super::batch::QueueEnvironment as Environment;

/// The queue that it works off.
const QUEUE: &str = Queue::Checks.name();

/// A wake-up on the wire.
#[derive(Debug, Deserialize, Serialize)]
pub struct CheckMessage {
    job_id: String,
    attempt: u8,
    /// For which time the attempt was scheduled, in milliseconds since 1970 UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    due: Option<u64>,
}

/// An order on the wire: somebody wants a failed job to run again.
#[derive(Debug, Deserialize, Serialize)]
pub struct RetryCommandMessage {
    job_id: String,
    resubmit: Order,
}

#[derive(Debug, Deserialize, Serialize)]
struct Order {
    seen: u64,
    actor: String,
    reason: String,
    #[serde(default)]
    force: bool,
}

impl From<&RetryCommand> for RetryCommandMessage {
    fn from(order: &RetryCommand) -> Self {
        Self {
            job_id: order.job.to_string(),
            resubmit: Order {
                seen: order.seen,
                actor: order.actor.clone(),
                reason: order.reason.clone(),
                force: order.force,
            },
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Told {
    Order(RetryCommandMessage),
    CheckRequest(CheckMessage),
}

impl From<&CheckRequest> for CheckMessage {
    fn from(check: &CheckRequest) -> Self {
        Self {
            job_id: check.job.to_string(),
            attempt: check.attempt.0,
            due: check.due.map(|due| due.0),
        }
    }
}

/// Starts the attempts that are due, and looks after those that are overdue.
///
/// - **Input**: a batch of `{"job_id":"…","attempt":2,"due":1767607442118}`, and of orders of a retry plan,
///   `{"job_id":"…","resubmit":{"seen":7,"actor":"…","reason":"…"}}`.
/// - **On bad input**: quarantined.
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
    P: JobStore + ObjectStore + InferenceEndpoint + Clock,
{
    let redelivered = message.receive_count() > 1;
    match told(&message.body) {
        Ok(Told::CheckRequest(message)) => match check(&message) {
            Ok(check) => retry(ports, run, &check, redelivered).await.into(),
            Err(bad) => Trouble::Malformed(format!("not a wake-up: {bad}")).into(),
        },
        Ok(Told::Order(message)) => match order(&message) {
            Ok(order) => run_command(ports, run, &order, redelivered).await.into(),
            Err(problem) => Trouble::Malformed(format!("not an order: {problem}")).into(),
        },
        Err(problem) => Trouble::Malformed(format!("not a wake-up: {problem}")).into(),
    }
}

fn told(body: &str) -> Result<Told, serde_json::Error> {
    serde_json::from_str(body)
}

fn check(told: &CheckMessage) -> Result<CheckRequest, jobs::id::BadId> {
    Ok(CheckRequest {
        job: told.job_id.parse()?,
        attempt: Attempt(told.attempt),
        due: told.due.map(Timestamp),
    })
}

fn order(told: &RetryCommandMessage) -> Result<commands::JobCommand, String> {
    let job = told.job_id.parse();
    let job = job.map_err(|bad: jobs::id::BadId| bad.to_string())?;
    let Order {
        seen,
        actor,
        reason,
        force,
    } = &told.resubmit;
    let order = commands::JobCommand::new(job, Some(*seen), actor, reason);
    let order = order.map_err(|bad| bad.to_string())?;
    Ok(if *force { order.forced() } else { order })
}
