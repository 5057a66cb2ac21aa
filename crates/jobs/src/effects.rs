//! Runs the side effects of saved states for a whole batch of messages. Retry messages and events go first: if one fails,
//! its message must be redelivered. Pushes go last, since a push is only a hint.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tracing::{info, warn};

use crate::id::{JobId, Tenant, Timestamp};
use crate::job::Job;
use crate::ports::{
    CheckQueue, CheckRequest, Clock, Connection, Connections, DelayedMessage, EventBus, PushError,
    Pusher,
};
use crate::random::split_mix_64;
use crate::release_window;
use crate::state::{Effect, State};
use crate::view::{JobView, PushMessage};

/// The index of a message in its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MessageIndex(pub usize);

/// A job with effects to run, and the message that is redelivered if they fail.
#[derive(Clone, Debug)]
pub struct PendingEffects {
    pub message: MessageIndex,
    /// The job, as it was saved or found.
    pub job: Job,
}

/// Maximum number of concurrent posts to pages.
const CONCURRENT_PUSHES: usize = 32;
/// Maximum number of posts of one batch: two for each of a thousand open pages. With 32 at a time and 20 ms for each they
/// take about a second. Pages that are left out sync within a minute.
pub const MAX_PUSHES: usize = 2_000;
/// How long the pushes of a batch take at most, so that a change that very many pages show does not delay the next one.
const MAX_PUSH_TIME: Duration = Duration::from_millis(1_500);
/// A connection that answers "gone" is only deleted once it is older than this: a page can be registered moments before
/// API Gateway opens its connection.
const MIN_GONE_AGE_MS: u64 = 30_000;
/// The subscription of connections that show every tenant.
pub const ALL_TENANTS: &str = "*";

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EffectsReport {
    /// The messages whose effects did not all run: they must be redelivered.
    pub undelivered: BTreeSet<MessageIndex>,
    /// Push messages that reached a page.
    pub pushed: usize,
    /// Push messages that did not reach a page.
    pub dropped: usize,
}

/// Runs the effects of a batch. No push starts after `push_until`, nor later than `MAX_PUSH_TIME` after the first.
pub async fn run_effects<P>(
    ports: &P,
    pending: &[PendingEffects],
    push_until: Timestamp,
) -> EffectsReport
where
    P: CheckQueue + EventBus + Connections + Pusher + Clock,
{
    let mut report = EffectsReport::default();
    report
        .undelivered
        .extend(schedule_retries(ports, pending).await);
    report
        .undelivered
        .extend(publish_events(ports, pending).await);
    request_releases(ports, pending).await;
    push(ports, pending, push_until, &mut report).await;
    report
}

/// An attempt that had waited has ended: others may wait for its place at the endpoint. Without this, function `capacity` asks.
async fn request_releases<P: CheckQueue>(ports: &P, pending: &[PendingEffects]) {
    let has_left = |job: &&Job| {
        let is_closed = match job.state {
            State::Ready { .. } | State::Failed { .. } | State::RetryScheduled { .. } => true,
            State::Queued { .. }
            | State::Submitting { .. }
            | State::InProgress { .. }
            | State::Cancelled { .. }
            | State::Erased { .. } => false,
        };
        is_closed && job.has_waited()
    };
    let jobs = pending.iter().map(|pending| &pending.job).filter(has_left);
    let pipelines: BTreeSet<&str> = jobs.map(|job| job.pipeline.as_str()).collect();
    for pipeline in pipelines {
        release_window::request(ports, pipeline).await;
    }
}

/// Runs the effects of a user's command once, without redelivery. A command leads to a retry or to a cancelled job, never
/// to an event. The reconciler sends a retry message that fails here, and pages sync a lost push.
pub async fn run_command_effects<P>(ports: &P, job: Job, push_until: Timestamp)
where
    P: CheckQueue + Connections + Pusher + Clock,
{
    let pending = [PendingEffects {
        message: MessageIndex(0),
        job,
    }];
    schedule_retries(ports, &pending).await;
    push(ports, &pending, push_until, &mut EffectsReport::default()).await;
}

/// Pushes a job to the pages that show it, without its other effects. Pages that it does not reach sync within some minutes.
pub async fn push_update<P: Connections + Pusher + Clock>(
    ports: &P,
    job: Job,
    push_until: Timestamp,
) {
    let pending = [PendingEffects {
        message: MessageIndex(0),
        job,
    }];
    push(ports, &pending, push_until, &mut EffectsReport::default()).await;
}

fn with_effect(pending: &[PendingEffects], effect: Effect) -> Vec<&PendingEffects> {
    pending
        .iter()
        .filter(|pending| pending.job.state.effects().contains(&effect))
        .collect()
}

async fn schedule_retries<P: CheckQueue + Clock>(
    ports: &P,
    pending: &[PendingEffects],
) -> Vec<MessageIndex> {
    let now = ports.now();
    let mut senders = Vec::new();
    let mut messages = Vec::new();
    for pending in with_effect(pending, Effect::ScheduleRetry) {
        let State::RetryScheduled { next, due, .. } = pending.job.state else {
            continue;
        };
        let delay = due.since(now).as_millis().div_ceil(1000);
        // SQS delays no message for longer. The reconciler sends the message once the retry is due.
        if let Ok(delay) = u32::try_from(delay)
            && delay <= P::MAX_DELAY_SECONDS
        {
            senders.push(pending.message);
            messages.push(DelayedMessage {
                message: CheckRequest {
                    job: pending.job.id,
                    attempt: next,
                    due: Some(due),
                },
                delay_seconds: delay,
            });
        }
    }
    if messages.is_empty() {
        return vec![];
    }
    let failed = ports.send_checks(&messages).await;
    failed
        .iter()
        .filter_map(|at| senders.get(at).copied())
        .collect()
}

async fn publish_events<P: EventBus>(ports: &P, pending: &[PendingEffects]) -> Vec<MessageIndex> {
    let mut with_effect = with_effect(pending, Effect::PublishEvent);
    with_effect.retain(|pending| !pending.job.tenant.is_probe());
    if with_effect.is_empty() {
        return vec![];
    }
    let jobs: Vec<&Job> = with_effect.iter().map(|pending| &pending.job).collect();
    let failed = ports.publish(&jobs).await;
    for (at, job) in jobs.iter().enumerate() {
        if !failed.contains(at) {
            info!(job.id = %job.id, trace.id = %job.trace(), job.status = job.state.name(), "event published");
        }
    }
    let message = |at: usize| with_effect.get(at).map(|pending| pending.message);
    failed.iter().filter_map(message).collect()
}

/// A job and the push messages about it.
struct Frames<'a> {
    job: &'a Job,
    full: OnceCell<Vec<u8>>,
    without_contents: OnceCell<Vec<u8>>,
}

impl<'a> Frames<'a> {
    const fn new(job: &'a Job) -> Self {
        Self {
            job,
            full: OnceCell::new(),
            without_contents: OnceCell::new(),
        }
    }

    fn for_connection(&self, connection: &Connection) -> &[u8] {
        let with_contents = !connection.hides_contents;
        let frame = if with_contents {
            &self.full
        } else {
            &self.without_contents
        };
        frame.get_or_init(|| {
            let message = PushMessage::JobChanged {
                job: Box::new(JobView::for_reader(self.job, with_contents)),
                trace_id: Some(self.job.trace().to_string()),
            };
            message.to_json()
        })
    }
}

async fn push<P: Connections + Pusher + Clock>(
    ports: &P,
    pending: &[PendingEffects],
    until: Timestamp,
    report: &mut EffectsReport,
) {
    let mut by_tenant: BTreeMap<&Tenant, Vec<Frames<'_>>> = BTreeMap::new();
    for pending in newest_versions(with_effect(pending, Effect::PushUpdate)) {
        let frames = by_tenant.entry(&pending.job.tenant).or_default();
        frames.push(Frames::new(&pending.job));
    }
    if by_tenant.is_empty() {
        return;
    }
    let until = until.min(ports.now().plus(MAX_PUSH_TIME));
    let everyone = connected(ports, ALL_TENANTS, until).await;
    let mut posts: Vec<(Connection, &Frames<'_>)> = Vec::new();
    for (tenant, frames) in &by_tenant {
        let own = connected(ports, tenant.as_str(), until).await;
        let everyone = everyone.iter().filter(|_| !tenant.is_probe());
        for connection in own.iter().chain(everyone) {
            let shown = frames
                .iter()
                .filter(|frames| connection.shows(frames.job.input.uploaded_by.as_deref()));
            posts.extend(shown.map(|frames| (connection.clone(), frames)));
        }
    }
    let total = posts.len();
    if total > 1 {
        // In a random order, so that a limit does not leave out the same pages each time.
        shuffle(&mut posts, ports.random());
    }
    if total > MAX_PUSHES {
        warn!(
            posts = total,
            limit = MAX_PUSHES,
            "not every open page gets its push"
        );
        posts.truncate(MAX_PUSHES);
    }
    let reached: Vec<JobId> = stream::iter(posts)
        .map(async |(connection, frames)| {
            let frame = frames.for_connection(&connection);
            let reached = post(ports, &connection, frames.job, frame, until).await;
            reached.then_some(frames.job.id)
        })
        .buffer_unordered(CONCURRENT_PUSHES)
        .filter_map(std::future::ready)
        .collect()
        .await;
    for Frames { job, .. } in by_tenant.values().flatten() {
        let pages = reached.iter().filter(|id| **id == job.id).count();
        info!(job.id = %job.id, trace.id = %job.trace(), job.status = job.state.name(), pages, "change pushed");
    }
    report.pushed = reached.len();
    report.dropped = total - reached.len();
}

/// Of each job the newest version: pages ignore the others.
fn newest_versions(pending: Vec<&PendingEffects>) -> impl Iterator<Item = &PendingEffects> {
    let mut newest: BTreeMap<JobId, &PendingEffects> = BTreeMap::new();
    for pending in pending {
        let known = newest.entry(pending.job.id).or_insert(pending);
        if known.job.version < pending.job.version {
            *known = pending;
        }
    }
    newest.into_values()
}

/// Puts the items into a random order (Fisher-Yates).
fn shuffle<T>(items: &mut [T], mut seed: u64) {
    for last in (1..items.len()).rev() {
        let random = split_mix_64(&mut seed);
        let other = usize::try_from(random % (last as u64 + 1)).unwrap_or(0);
        items.swap(last, other);
    }
}

async fn connected<P: Connections + Clock>(
    ports: &P,
    subscription: &str,
    until: Timestamp,
) -> Vec<Connection> {
    // A slow table must not delay the batch.
    if ports.now() >= until {
        return vec![];
    }
    ports.connected(subscription).await.unwrap_or_else(|error| {
        // The table is the source of truth; the pages sync within a minute.
        warn!(error = %error, "open pages could not be listed, nothing is pushed to them");
        vec![]
    })
}

async fn post<P: Connections + Pusher + Clock>(
    ports: &P,
    connection: &Connection,
    job: &Job,
    frame: &[u8],
    until: Timestamp,
) -> bool {
    let now = ports.now();
    if now >= until || now >= connection.token_expires_at {
        return false;
    }
    match ports.push(&connection.connection_id, frame).await {
        Ok(()) => true,
        Err(PushError::Gone) => {
            if now.0.saturating_sub(connection.registered_at.0) > MIN_GONE_AGE_MS
                && let Err(error) = ports
                    .unregister(&connection.subscription, &connection.connection_id)
                    .await
            {
                info!(connection.id = %connection.connection_id, error = %error, "a closed connection stays listed until its time to live");
            }
            false
        }
        Err(PushError::Dropped(error)) => {
            info!(job.id = %job.id, trace.id = %job.trace(), connection.id = %connection.connection_id, error = %error, "push dropped");
            false
        }
    }
}
