//! Processes a batch from a queue: first each message, then the pending effects of their jobs, then the response that
//! says which messages must be redelivered.
//!
//! The order is all saves, then all retry messages and events, then pushes. A message is reported as failed, and so
//! redelivered, if anything but a push of its jobs is left undone. A message that cannot be understood is quarantined
//! and acknowledged: redelivering it would only delay its neighbors.

use std::collections::BTreeSet;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use futures_util::{StreamExt, stream};
use jobs::apply::RunContext;
use jobs::effects::{MessageIndex, PendingEffects, run_effects};
use jobs::error::{Disposition, MessageError};
use jobs::id::Timestamp;
use jobs::job::Job;
use jobs::ports::{
    CheckQueue, Clock, Connections, EventBus, KnownModels, Pusher, Quarantine, QuarantinedMessage,
    Unavailable,
};
use lambda_runtime::LambdaEvent;
use tracing::field::Empty;
use tracing::{Instrument, Span, error, info, info_span, warn};

use super::lease_expiry;
use crate::bootstrap::App;
use crate::config::{Has, HasPipelines, variable};
use crate::environment;
use crate::handlers::report::{BatchReport, report};
use crate::handlers::sqs_message::SqsMessageExt;
use crate::traces;

environment! {
    /// The settings of the four functions behind queues.
    pub struct QueueEnvironment with pipelines {
        jobs_table: JobsTable,
        connections_table: ConnectionsTable,
        records_table: RecordsTable,
        bucket: Bucket,
        checks_queue_url: ChecksQueueUrl,
        event_bus: EventBus,
        websocket_url: WebsocketManagementUrl,
        service_name: ServiceName,
    }
}

/// The settings for processing a batch.
pub trait QueueSettings: HasPipelines + Has<variable::Bucket> + Has<variable::ServiceName> {}

impl<E: HasPipelines + Has<variable::Bucket> + Has<variable::ServiceName>> QueueSettings for E {}

/// The ports for processing a batch: invalid messages are quarantined, and the effects of saved states run.
pub trait BatchPorts:
    Clock + KnownModels + CheckQueue + EventBus + Connections + Pusher + Quarantine
{
}

impl<P: Clock + KnownModels + CheckQueue + EventBus + Connections + Pusher + Quarantine> BatchPorts
    for P
{
}

/// How many messages of a batch are processed concurrently. `MaximumConcurrency` in `infra/service.yaml` relies on it.
pub const MAX_CONCURRENT_MESSAGES: usize = 4;

/// How often a message is redelivered that may only be early, such as an outcome of an unknown job. Below the queues'
/// `maxReceiveCount` of 5, so that it is quarantined and does not become a dead letter.
pub const MAX_REDELIVERIES: u32 = 3;

/// Maximum duration of one message, if every call takes as long as it may: the object's head (8 s), a row (8 s),
/// the call of the endpoint (20 s), the row again (8 s).
const MAX_MESSAGE_MS: u64 = 44_000;

/// Maximum length of a problem's description: it may quote the message, and a DynamoDB item has at most 400 KB.
const MAX_PROBLEM_BYTES: usize = 1024;

/// Why a message, or a part of it, was not processed.
#[derive(Debug)]
pub enum MessageFailure {
    /// The body is not what this queue carries. Redelivery would not change that.
    Malformed(String),
    UseCase(MessageError),
}

impl MessageFailure {
    const fn disposition(&self) -> Disposition {
        match self {
            Self::Malformed(_) => Disposition::Quarantine,
            Self::UseCase(error) => error.disposition(),
        }
    }

    /// The name under which it is logged and quarantined.
    const fn cause(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "Malformed",
            Self::UseCase(error) => error.kind(),
        }
    }

    fn problem(&self) -> String {
        match self {
            Self::Malformed(problem) => problem.clone(),
            Self::UseCase(error) => chain(error),
        }
    }
}

/// The result of processing one message.
#[derive(Debug, Default)]
pub struct MessageResult {
    /// The jobs whose effects are pending.
    pub pending: Vec<Job>,
    pub failure: Option<MessageFailure>,
}

impl MessageResult {
    /// Adds the result of a further part of the same message. A message with several failures is redelivered as long
    /// as one of them may pass.
    pub fn add(&mut self, part: Self) {
        self.pending.extend(part.pending);
        let is_final = |failure: &MessageFailure| failure.disposition() == Disposition::Quarantine;
        let keep_ours = self.failure.as_ref().is_some_and(|ours| !is_final(ours));
        if !keep_ours {
            self.failure = part.failure.or_else(|| self.failure.take());
        }
    }
}

impl From<MessageFailure> for MessageResult {
    fn from(failure: MessageFailure) -> Self {
        Self {
            pending: vec![],
            failure: Some(failure),
        }
    }
}

impl From<Result<Vec<Job>, MessageError>> for MessageResult {
    fn from(result: Result<Vec<Job>, MessageError>) -> Self {
        match result {
            Ok(pending) => Self {
                pending,
                failure: None,
            },
            Err(error) => MessageFailure::UseCase(error).into(),
        }
    }
}

/// How long the function may still run.
#[derive(Clone, Copy, Debug)]
struct TimeLimits {
    /// When Lambda ends the function.
    deadline: Timestamp,
    /// No message is begun after this.
    last_start: Timestamp,
    /// When a lease that is taken now expires.
    lease_expires_at: Timestamp,
}

impl TimeLimits {
    /// From Lambda's deadline in milliseconds since 1970.
    fn new(deadline_ms: u64, now: Timestamp) -> Self {
        let left = deadline_ms.saturating_sub(now.0);
        // If the function has less time than one message may take, it starts messages during the first quarter of it.
        let start = left.saturating_sub(MAX_MESSAGE_MS).max(left / 4);
        Self {
            deadline: Timestamp(deadline_ms),
            last_start: Timestamp(now.0 + start),
            lease_expires_at: lease_expiry(deadline_ms),
        }
    }
}

/// Processes a batch of the queue named `queue`. `process` handles one message and returns the jobs with pending effects.
///
/// # Errors
/// None for single messages: those are in the response.
pub async fn process_batch<P, E, F>(
    app: &App<P, E>,
    queue: &'static str,
    event: LambdaEvent<SqsEvent>,
    process: F,
) -> SqsBatchResponse
where
    P: BatchPorts,
    E: QueueSettings,
    F: AsyncFn(&P, &RunContext<'_>, &SqsMessage) -> MessageResult,
{
    let ports = &app.ports;
    let limits = TimeLimits::new(event.context.deadline, ports.now());
    let models = ports.known_models().await;
    let run = RunContext {
        pipelines: app.environment.pipelines(),
        bucket: Has::<variable::Bucket>::value(&*app.environment),
        lease_expires_at: limits.lease_expires_at,
        on_job_found: traces::about_job,
        models: &models,
    };
    let messages = &event.payload.records;

    let spans: Vec<Span> = messages
        .iter()
        .map(|message| span(queue, message))
        .collect();
    let results: Vec<(usize, MessageResult)> = stream::iter(messages.iter().enumerate())
        .map(async |(index, message)| {
            if ports.now() >= limits.last_start {
                let late = Unavailable {
                    what: "time",
                    source: "the function's time is nearly up".into(),
                };
                return (index, MessageFailure::UseCase(late.into()).into());
            }
            // Boxed, because it is large and the stream moves its futures.
            let result = Box::pin(process(ports, &run, message));
            (index, result.instrument(spans[index].clone()).await)
        })
        .buffer_unordered(MAX_CONCURRENT_MESSAGES)
        .collect()
        .await;

    let mut redelivered = BTreeSet::new();
    let mut pending = Vec::new();
    let mut quarantined = 0;
    for (index, result) in results {
        pending.extend(result.pending.into_iter().map(|mut job| {
            job.name_models(&models, ports.now());
            PendingEffects {
                message: MessageIndex(index),
                job,
            }
        }));
        let Some(failure) = result.failure else {
            continue;
        };
        let settled = settle(ports, queue, &messages[index], &failure);
        match settled.instrument(spans[index].clone()).await {
            Settled::Redelivered => {
                redelivered.insert(index);
            }
            Settled::Quarantined => quarantined += 1,
        }
    }
    // Pushes get a third of the remaining time. A page's next sync makes up for those that are not sent by then.
    let now = ports.now();
    let push_until = Timestamp(now.0 + limits.deadline.0.saturating_sub(now.0) / 3);
    let effects = run_effects(ports, &pending, push_until).await;
    for MessageIndex(index) in &effects.undelivered {
        let problem = "an event or a retry message was not taken";
        spans[*index].record("cause", "Undelivered");
        let _span = spans[*index].enter();
        info!(
            message.id = messages[*index].id(),
            queue,
            cause = "Undelivered",
            problem,
            "message comes back"
        );
    }
    redelivered.extend(effects.undelivered.iter().map(|message| message.0));
    report(&BatchReport {
        service: Has::<variable::ServiceName>::value(&*app.environment),
        now,
        queue,
        pending: &pending,
        effects: &effects,
        quarantined,
        redelivered: redelivered.len(),
    });
    let mut response = SqsBatchResponse::default();
    for index in redelivered {
        response.add_failure(messages[index].id());
    }
    response
}

/// The log fields of a message. Its job is recorded once it is known; the cause is why the message is redelivered or quarantined.
fn span(queue: &'static str, message: &SqsMessage) -> Span {
    info_span!(
        "message",
        message.id = message.id(),
        queue,
        cause = Empty,
        job.id = Empty,
        trace.id = Empty
    )
}

/// Decides what happens to a message that failed.
pub(super) enum Settled {
    Redelivered,
    Quarantined,
}

pub(super) async fn settle<P: Quarantine + Clock>(
    ports: &P,
    queue: &'static str,
    message: &SqsMessage,
    failure: &MessageFailure,
) -> Settled {
    let (cause, mut problem) = (failure.cause(), failure.problem());
    Span::current().record("cause", cause);
    let redeliver = match failure.disposition() {
        Disposition::Redeliver => true,
        Disposition::RedeliverLimited => message.receive_count() <= MAX_REDELIVERIES,
        Disposition::Quarantine => false,
    };
    if redeliver {
        info!(
            message.id = message.id(),
            queue,
            cause,
            problem,
            received = message.receive_count(),
            "message comes back"
        );
        return Settled::Redelivered;
    }
    problem.truncate(problem.floor_char_boundary(MAX_PROBLEM_BYTES));
    let entry = QuarantinedMessage {
        source: queue.to_owned(),
        message_id: message.first_id().to_owned(),
        cause: cause.into(),
        problem,
        body: message.body().to_owned(),
        at: ports.now(),
    };
    match ports.quarantine(&entry).await {
        Ok(()) => {
            error!(
                message.id = message.id(),
                queue,
                cause,
                problem = entry.problem,
                "message quarantined"
            );
            Settled::Quarantined
        }
        Err(error) => {
            warn!(message.id = message.id(), queue, cause, error = %error, "message could not be quarantined and comes back");
            Settled::Redelivered
        }
    }
}

/// An error with all its causes.
fn chain(error: &MessageError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
