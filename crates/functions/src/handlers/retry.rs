//! Function `retry`: starts attempts that are due, checks on those that are overdue, and releases queued jobs.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use jobs::apply::RunContext;
use jobs::commands;
use jobs::error::MessageError;
use jobs::id::{Attempt, Timestamp};
use jobs::ports::{
    CheckQueue, CheckRequest, Clock, InferenceEndpoint, JobIndex, JobStore, KeyValueStore,
    ObjectStore, Queue, RecentJobs, RetryCommand,
};
use jobs::release_window::release_window;
use jobs::retry::{retry, run_command};
use jobs::window::has_window;
use lambda_runtime::{Error, LambdaEvent};
use serde::{Deserialize, Serialize};

use super::batch::{BatchPorts, MessageFailure, MessageResult, QueueSettings, process_batch};
use super::sqs_message::SqsMessageExt;
use crate::bootstrap::App;
use crate::traces;

pub use super::batch::QueueEnvironment as Environment;

const QUEUE: &str = Queue::Checks.name();

/// A check as a message of queue `checks`.
#[derive(Debug, Deserialize, Serialize)]
pub struct CheckMessage {
    job_id: String,
    attempt: u8,
    /// The time for which the attempt is scheduled, in milliseconds since 1970 UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    due: Option<u64>,
}

/// A retry command as a message of queue `checks`.
#[derive(Debug, Deserialize, Serialize)]
pub struct RetryCommandMessage {
    job_id: String,
    retry: RetryRequest,
}

#[derive(Debug, Deserialize, Serialize)]
struct RetryRequest {
    expected_version: u64,
    actor: String,
    reason: String,
    #[serde(default)]
    force: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    run_again: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    cancel: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    plan: Option<String>,
}

impl From<&RetryCommand> for RetryCommandMessage {
    fn from(command: &RetryCommand) -> Self {
        Self {
            job_id: command.job.to_string(),
            retry: RetryRequest {
                expected_version: command.expected_version,
                actor: command.actor.clone(),
                reason: command.reason.clone(),
                force: command.force,
                run_again: command.run_again,
                cancel: command.cancel,
                plan: command.plan.clone(),
            },
        }
    }
}

/// A request to release queued jobs as a message of queue `checks`.
#[derive(Debug, Deserialize, Serialize)]
pub struct ReleaseMessage {
    /// The pipeline.
    release: String,
}

impl From<&String> for ReleaseMessage {
    fn from(pipeline: &String) -> Self {
        Self {
            release: pipeline.clone(),
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ChecksMessage {
    Release(ReleaseMessage),
    RetryCommand(RetryCommandMessage),
    Check(CheckMessage),
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

/// Starts the attempts that are due, and checks on those that are overdue.
///
/// - **Input**: a batch of `{"job_id":"…","attempt":2,"due":1767607442118}`, and of commands of a retry plan,
///   `{"job_id":"…","retry":{"expected_version":7,"actor":"…","reason":"…"}}`, and requests to release queued jobs,
///   `{"release":"legal-review"}`.
/// - **On bad input**: quarantined.
/// - **On failure**: the message is redelivered after the queue's visibility timeout.
///
/// # Errors
/// None: single failures are in the response.
pub async fn handle<P, E>(
    app: &App<P, E>,
    event: LambdaEvent<SqsEvent>,
) -> Result<SqsBatchResponse, Error>
where
    P: BatchPorts
        + JobStore
        + JobIndex
        + ObjectStore
        + InferenceEndpoint
        + KeyValueStore
        + RecentJobs,
    E: QueueSettings,
{
    Ok(process_batch(app, QUEUE, event, process).await)
}

async fn process<P>(ports: &P, run: &RunContext<'_>, message: &SqsMessage) -> MessageResult
where
    P: JobStore
        + JobIndex
        + ObjectStore
        + InferenceEndpoint
        + KeyValueStore
        + RecentJobs
        + CheckQueue
        + Clock,
{
    let redelivered = message.receive_count() > 1;
    match serde_json::from_str(message.body()) {
        Ok(ChecksMessage::Release(ReleaseMessage { release })) => {
            // A pipeline that has no window any more: the reconciler releases its jobs.
            let pipeline = run.pipelines.get(&release).filter(|it| has_window(it));
            let Some(pipeline) = pipeline else {
                return MessageResult::default();
            };
            let released = release_window(ports, pipeline).await;
            released.map(|_| vec![]).map_err(MessageError::from).into()
        }
        Ok(ChecksMessage::Check(message)) => match check(&message) {
            Ok(check) => {
                traces::about_id(check.job);
                retry(ports, run, &check, redelivered).await.into()
            }
            Err(bad) => MessageFailure::Malformed(format!("not a check: {bad}")).into(),
        },
        Ok(ChecksMessage::RetryCommand(message)) => match command(&message) {
            Ok(command) => {
                traces::about_id(command.job);
                run_command(ports, run, &command, redelivered).await.into()
            }
            Err(problem) => {
                MessageFailure::Malformed(format!("not a retry command: {problem}")).into()
            }
        },
        Err(problem) => MessageFailure::Malformed(format!("not a check: {problem}")).into(),
    }
}

fn check(message: &CheckMessage) -> Result<CheckRequest, jobs::id::BadId> {
    Ok(CheckRequest {
        job: message.job_id.parse()?,
        attempt: Attempt(message.attempt),
        due: message.due.map(Timestamp),
    })
}

fn command(message: &RetryCommandMessage) -> Result<commands::JobCommand, String> {
    let job = message.job_id.parse();
    let job = job.map_err(|bad: jobs::id::BadId| bad.to_string())?;
    let RetryRequest {
        expected_version,
        actor,
        reason,
        force,
        run_again,
        cancel,
        plan,
    } = &message.retry;
    // An open job that a plan cancels may have moved on since.
    let expected_version = Some(*expected_version).filter(|_| !*cancel);
    let command = commands::JobCommand::new(job, expected_version, actor, reason);
    let command = command.map_err(|bad| bad.to_string())?;
    let command = if *run_again {
        command.running_again()
    } else {
        command
    };
    let command = if *cancel {
        command.cancelling()
    } else {
        command
    };
    let command = command.of_plan(plan.clone());
    Ok(if *force { command.forced() } else { command })
}
