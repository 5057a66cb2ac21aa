//! A batch from a queue: work off each message, then carry out what they owe, then report which must come back.
//!
//! The order is all saves, then all retry messages and events, then pushes. A message is reported as failed, and so
//! comes back, if anything but a push of its jobs is left undone. What nobody can understand is quarantined and
//! acknowledged: redelivering it would only delay its neighbors.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, stream};
use jobs::apply::RunContext;
use jobs::effects::{MessageIndex, PendingEffects, run_effects};
use jobs::error::{Disposition, MessageError};
use jobs::id::Timestamp;
use jobs::id::TraceId;
use jobs::job::Job;
use jobs::ports::{
    CheckQueue, Clock, Connections, EventBus, Pusher, Quarantine, QuarantinedMessage, Unavailable,
};
use lambda_runtime::LambdaEvent;
use serde::{Deserialize, Serialize};
use tracing::field::Empty;
use tracing::{Instrument, Span, error, info, info_span, warn};

use crate::bootstrap::App;
use crate::config::{Has, HasPipelines, variable};
use crate::environment;
use crate::handlers::report::report;

environment! {
    /// What each of the four functions behind queues is told.
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

/// The settings that a batch is processed with.
pub trait QueueSettings: HasPipelines + Has<variable::ServiceName> {}

impl<E: HasPipelines + Has<variable::ServiceName>> QueueSettings for E {}

/// How many messages of a batch are worked off at once. `MaximumConcurrency` in `infra/service.yaml` counts on it.
pub const SIDE_BY_SIDE: usize = 4;

/// How often a message is given back whose other half may be late, such as an outcome of an unknown job.
/// Below the queues' `maxReceiveCount` of 5, so that it ends in quarantine and not among the dead letters.
pub const PATIENCE: u32 = 3;

/// The message attribute with which a text that is sent again names the first message that carried it.
pub const FIRST_MESSAGE_ID: &str = "first-message-id";

/// The message attribute with which such a text names the trace that its first message came with, if there was one.
pub const TRACE_ID: &str = "trace-id";

/// How long one message may take if every call of it takes as long as it may: a look at the object (8 s), a row (8 s),
/// the call of the endpoint (20 s), the row again (8 s).
const MESSAGE_MS: u64 = 44_000;

/// How much of a problem's description is kept: it may quote the message, and an item has 400 KB.
const PROBLEM_BYTES: usize = 1024;

/// How long after the function's own end its claims may be taken over: clocks differ a little.
const LEASE_MARGIN_MS: u64 = 5_000;

/// A batch of messages (Lambda developer guide, "Using Lambda with Amazon SQS").
#[derive(Debug, Deserialize)]
pub struct SqsEvent {
    /// The messages.
    #[serde(rename = "Records")]
    pub records: Vec<Message>,
}

/// One message.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// Its id; a redrive changes it.
    pub message_id: String,
    /// Its text.
    pub body: String,
    /// What the queue says about it.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// What its sender says about it.
    #[serde(default)]
    pub message_attributes: BTreeMap<String, MessageAttribute>,
}

/// An attribute that the sender of a message set.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageAttribute {
    /// Its value, if it is text.
    #[serde(default)]
    pub string_value: Option<String>,
}

impl Message {
    /// How often it was received, this time included.
    pub fn receive_count(&self) -> u32 {
        self.attributes
            .get("ApproximateReceiveCount")
            .and_then(|text| text.parse().ok())
            .unwrap_or(1)
    }

    /// The trace that it came with. The queue's own header is not asked in a message that was sent again: there it is
    /// about the run that did that.
    pub fn trace_id(&self) -> Option<TraceId> {
        match self.attribute(FIRST_MESSAGE_ID) {
            Some(_) => self.attribute(TRACE_ID)?.parse().ok(),
            None => TraceId::from_header(self.attributes.get("AWSTraceHeader")?),
        }
    }

    /// The id of the first message that carried this text: a replay brings the original's along.
    fn first_id(&self) -> &str {
        self.attribute(FIRST_MESSAGE_ID).unwrap_or(&self.message_id)
    }

    fn attribute(&self, name: &str) -> Option<&str> {
        let attribute = self.message_attributes.get(name)?;
        attribute.string_value.as_deref()
    }

    /// What is written while it is worked off says so; which job it is about, the use case adds.
    fn span(&self, queue: &'static str) -> Span {
        info_span!(
            "message",
            message.id = self.message_id,
            queue,
            job.id = Empty,
            trace.id = Empty
        )
    }
}

/// Which messages must come back (Lambda developer guide, "Reporting batch item failures").
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SqsBatchResponse {
    /// One entry for each.
    pub batch_item_failures: Vec<BatchItemFailure>,
}

/// A message that must come back.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchItemFailure {
    /// Its id.
    pub item_identifier: String,
}

/// Why a message was not worked off.
#[derive(Debug)]
pub enum Trouble {
    /// Its text cannot be understood, whoever tries.
    Malformed(String),
    /// The use case says why.
    Failed(MessageError),
}

impl Trouble {
    /// A message with several troubles comes back as long as one of them may pass.
    const fn is_final(&self) -> bool {
        match self {
            Self::Malformed(_) => true,
            Self::Failed(error) => matches!(error.disposition(), Disposition::Quarantine),
        }
    }
}

/// What came of one message.
#[derive(Debug, Default)]
pub struct Worked {
    /// The jobs whose effects it owes.
    pub pending: Vec<Job>,
    /// Why it, or a part of it, was not worked off.
    pub trouble: Option<Trouble>,
}

impl Worked {
    /// Adds what came of a further part of the same message.
    pub fn add(&mut self, part: Self) {
        self.pending.extend(part.pending);
        let keep_ours = self.trouble.as_ref().is_some_and(|ours| !ours.is_final());
        if !keep_ours {
            self.trouble = part.trouble.or_else(|| self.trouble.take());
        }
    }
}

impl From<Trouble> for Worked {
    fn from(trouble: Trouble) -> Self {
        Self {
            pending: vec![],
            trouble: Some(trouble),
        }
    }
}

impl From<Result<Vec<Job>, MessageError>> for Worked {
    fn from(result: Result<Vec<Job>, MessageError>) -> Self {
        match result {
            Ok(pending) => Self {
                pending,
                trouble: None,
            },
            Err(error) => Trouble::Failed(error).into(),
        }
    }
}

/// How long the function may still take.
#[derive(Clone, Copy, Debug)]
pub struct Time {
    /// When Lambda ends it.
    pub deadline: Timestamp,
    /// Until when a further message may be begun.
    pub begin_until: Timestamp,
    /// A claim taken now may be taken over from then on.
    pub lease_expires_at: Timestamp,
}

impl Time {
    /// From Lambda's deadline in milliseconds since 1970.
    pub fn until(deadline_ms: u64, now: Timestamp) -> Self {
        let left = deadline_ms.saturating_sub(now.0);
        // In a function with less time than a message may take, the first quarter has to do.
        let begin = left.saturating_sub(MESSAGE_MS).max(left / 4);
        Self {
            deadline: Timestamp(deadline_ms),
            begin_until: Timestamp(now.0 + begin),
            lease_expires_at: Timestamp(deadline_ms + LEASE_MARGIN_MS),
        }
    }
}

/// Works off a batch. `queue` is the queue's name, `work` what to do with one message; it answers the jobs whose
/// effects the message owes.
///
/// # Errors
/// None for single messages: those are in the response.
pub async fn work_off<P, E, W>(
    app: &App<P, E>,
    queue: &'static str,
    event: LambdaEvent<SqsEvent>,
    work: W,
) -> SqsBatchResponse
where
    P: Clock + CheckQueue + EventBus + Connections + Pusher + Quarantine,
    E: QueueSettings,
    W: AsyncFn(&P, &RunContext<'_>, &Message) -> Worked,
{
    let ports = &app.ports;
    let time = Time::until(event.context.deadline, ports.now());
    let run = RunContext {
        pipelines: app.environment.pipelines(),
        lease_expires_at: time.lease_expires_at,
    };
    let messages = &event.payload.records;

    let spans: Vec<Span> = messages.iter().map(|message| message.span(queue)).collect();
    let results: Vec<(usize, Worked)> = stream::iter(messages.iter().enumerate())
        .map(async |(place, message)| {
            if ports.now() >= time.begin_until {
                let late = Unavailable {
                    what: "time",
                    source: "the function's time is nearly up".into(),
                };
                return (place, Trouble::Failed(late.into()).into());
            }
            let worked = work(ports, &run, message).instrument(spans[place].clone());
            (place, worked.await)
        })
        .buffer_unordered(SIDE_BY_SIDE)
        .collect()
        .await;

    let mut come_back = BTreeSet::new();
    let mut pending = Vec::new();
    let mut quarantined = 0;
    for (place, worked) in results {
        pending.extend(worked.pending.into_iter().map(|job| PendingEffects {
            message: MessageIndex(place),
            job,
        }));
        let Some(trouble) = worked.trouble else {
            continue;
        };
        let aside = set_aside(ports, queue, &messages[place], &trouble);
        match aside.instrument(spans[place].clone()).await {
            Aside::ComesBack => {
                come_back.insert(place);
            }
            Aside::QuarantinedMessage => quarantined += 1,
        }
    }
    // Pushes get a third of the time that is left; what is not sent by then, the page's next sync brings.
    let now = ports.now();
    let push_until = Timestamp(now.0 + time.deadline.0.saturating_sub(now.0) / 3);
    let delivered = run_effects(ports, &pending, push_until).await;
    for MessageIndex(place) in &delivered.undelivered {
        let problem = "an event or a retry message was not taken";
        let _span = spans[*place].enter();
        info!(
            message.id = messages[*place].message_id,
            queue,
            cause = "Undelivered",
            problem,
            "message comes back"
        );
    }
    come_back.extend(delivered.undelivered.iter().map(|message| message.0));
    report(
        Has::<variable::ServiceName>::value(&*app.environment),
        now,
        queue,
        &pending,
        &delivered,
        quarantined,
        come_back.len(),
    );
    let failure = |place: &usize| BatchItemFailure {
        item_identifier: messages[*place].message_id.clone(),
    };
    SqsBatchResponse {
        batch_item_failures: come_back.iter().map(failure).collect(),
    }
}

enum Aside {
    ComesBack,
    QuarantinedMessage,
}

/// Decides about a message that was not worked off.
async fn set_aside<P: Quarantine + Clock>(
    ports: &P,
    queue: &'static str,
    message: &Message,
    trouble: &Trouble,
) -> Aside {
    let (disposition, cause, problem) = match trouble {
        Trouble::Malformed(problem) => (Disposition::Quarantine, "Malformed", problem.clone()),
        Trouble::Failed(error) => (error.disposition(), error.kind(), chain(error)),
    };
    let patient = message.receive_count() <= PATIENCE;
    if disposition == Disposition::Redeliver
        || (disposition == Disposition::RedeliverLimited && patient)
    {
        info!(
            message.id = message.message_id,
            queue,
            cause,
            problem,
            received = message.receive_count(),
            "message comes back"
        );
        return Aside::ComesBack;
    }
    let mut problem = problem;
    problem.truncate(problem.floor_char_boundary(PROBLEM_BYTES));
    let entry = QuarantinedMessage {
        source: queue.to_owned(),
        message_id: message.first_id().to_owned(),
        cause: cause.into(),
        problem,
        body: message.body.clone(),
        at: ports.now(),
    };
    match ports.keep(&entry).await {
        Ok(()) => {
            error!(
                message.id = message.message_id,
                queue,
                cause,
                problem = entry.problem,
                "message quarantined"
            );
            Aside::QuarantinedMessage
        }
        Err(error) => {
            warn!(message.id = message.message_id, queue, cause, error = %error, "message could not be quarantined and comes back");
            Aside::ComesBack
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
