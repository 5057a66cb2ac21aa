//! Carrying out what saved states owe, for a whole batch of messages: retry messages and events first,
//! since without them a message must come back; pushes last, since a push is only a hint.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, stream};
use tracing::{info, warn};

use crate::id::{JobId, Tenant, Timestamp};
use crate::job::Job;
use crate::ports::{Clock, EventBus, PushError, Pusher, WakeUp, WakeUpQueue, Watcher, Watchers};
use crate::state::{Effect, State};
use crate::view::{Frame, JobView};

/// A job whose effects are owed, and the message (by its place in the batch) that owes them.
#[derive(Clone, Debug)]
pub struct Owed {
    /// Its place in the batch.
    pub message: usize,
    /// The job, as it was saved or found.
    pub job: Job,
}

/// How many posts to pages are under way at once.
const CONCURRENT_PUSHES: usize = 32;
/// A connection that answers "gone" is forgotten only when it is older than this, in milliseconds:
/// a page can be registered moments before API Gateway opens it.
const GONE_GRACE_MS: u64 = 30_000;
/// Who watches every tenant.
pub const EVERY_TENANT: &str = "*";

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// The messages (by place) whose effects could not all be carried out: they must come back.
    pub undelivered: BTreeSet<usize>,
    /// Frames that reached a page.
    pub pushed: usize,
    /// Frames that did not.
    pub dropped: usize,
}

/// Carries out the effects of a batch. No push is begun after `push_until`.
pub async fn deliver<P>(ports: &P, owed: &[Owed], push_until: Timestamp) -> Delivered
where
    P: WakeUpQueue + EventBus + Watchers + Pusher + Clock,
{
    let mut done = Delivered::default();
    done.undelivered.extend(schedule_retries(ports, owed).await);
    done.undelivered.extend(publish_events(ports, owed).await);
    push(ports, owed, push_until, &mut done).await;
    done
}

/// Carries out what a person's order about a job owes, as far as that can be done now: an order leads to a retry or to
/// the end that somebody asked for, so never to an event. What is left undone, the reconciler and the pages' own asking do.
pub async fn deliver_order<P>(ports: &P, job: Job, push_until: Timestamp)
where
    P: WakeUpQueue + Watchers + Pusher + Clock,
{
    let owed = [Owed { message: 0, job }];
    schedule_retries(ports, &owed).await;
    push(ports, &owed, push_until, &mut Delivered::default()).await;
}

fn owing(owed: &[Owed], effect: Effect) -> Vec<&Owed> {
    owed.iter()
        .filter(|owed| owed.job.state.effects().contains(&effect))
        .collect()
}

async fn schedule_retries<P: WakeUpQueue + Clock>(ports: &P, owed: &[Owed]) -> Vec<usize> {
    let now = ports.now();
    let mut places = Vec::new();
    let mut messages = Vec::new();
    for owed in owing(owed, Effect::ScheduleRetry) {
        let State::RetryScheduled { next, due, .. } = owed.job.state else {
            continue;
        };
        let delay = due.since(now).as_millis().div_ceil(1000);
        // A longer delay than a message can have is the reconciler's: it sends the message when the retry is due.
        if let Ok(delay) = u32::try_from(delay)
            && delay <= P::MAX_DELAY_SECONDS
        {
            places.push(owed.message);
            messages.push((
                WakeUp {
                    job: owed.job.id,
                    attempt: next,
                    due: Some(due),
                },
                delay,
            ));
        }
    }
    if messages.is_empty() {
        return vec![];
    }
    ports
        .send(&messages)
        .await
        .into_iter()
        .filter_map(|at| places.get(at).copied())
        .collect()
}

async fn publish_events<P: EventBus>(ports: &P, owed: &[Owed]) -> Vec<usize> {
    let mut owing = owing(owed, Effect::PublishEvent);
    owing.retain(|owed| !owed.job.tenant.is_probe());
    if owing.is_empty() {
        return vec![];
    }
    let jobs: Vec<&Job> = owing.iter().map(|owed| &owed.job).collect();
    let failed = ports.publish(&jobs).await;
    for (at, job) in jobs.iter().enumerate() {
        if !failed.contains(&at) {
            info!(job.id = %job.id, trace.id = %job.trace(), job.status = job.state.name(), "event published");
        }
    }
    let of = |at: &usize| owing.get(*at).map(|owed| owed.message);
    failed.iter().filter_map(of).collect()
}

/// A frame, and the job that it is about.
type JobAndFrame<'a> = (&'a Job, Vec<u8>);

async fn push<P: Watchers + Pusher + Clock>(
    ports: &P,
    owed: &[Owed],
    until: Timestamp,
    done: &mut Delivered,
) {
    let mut by_tenant: BTreeMap<&Tenant, Vec<JobAndFrame<'_>>> = BTreeMap::new();
    for owed in owing(owed, Effect::NotifyWatchers) {
        let frame = Frame::JobChanged {
            job: JobView::from(&owed.job),
            trace_id: Some(owed.job.trace().to_string()),
        };
        by_tenant
            .entry(&owed.job.tenant)
            .or_default()
            .push((&owed.job, frame.to_json()));
    }
    if by_tenant.is_empty() {
        return;
    }
    let everyone = watching(ports, EVERY_TENANT, until).await;
    let mut posts: Vec<(Watcher, &JobAndFrame<'_>)> = Vec::new();
    for (tenant, frames) in &by_tenant {
        let own = watching(ports, tenant.as_str(), until).await;
        let everyone = everyone.iter().filter(|_| !tenant.is_probe());
        for watcher in own.iter().chain(everyone) {
            let shown = frames
                .iter()
                .filter(|(job, _)| watcher.shows(job.input.uploaded_by.as_deref()));
            posts.extend(shown.map(|frame| (watcher.clone(), frame)));
        }
    }
    let total = posts.len();
    let reached: Vec<JobId> = stream::iter(posts)
        .map(async |(watcher, (job, frame))| {
            let reached = post(ports, &watcher, job, frame, until).await;
            reached.then_some(job.id)
        })
        .buffer_unordered(CONCURRENT_PUSHES)
        .filter_map(std::future::ready)
        .collect()
        .await;
    for (job, _) in by_tenant.values().flatten() {
        let pages = reached.iter().filter(|id| **id == job.id).count();
        info!(job.id = %job.id, trace.id = %job.trace(), job.status = job.state.name(), pages, "pages told");
    }
    done.pushed = reached.len();
    done.dropped = total - reached.len();
}

async fn watching<P: Watchers + Clock>(ports: &P, watches: &str, until: Timestamp) -> Vec<Watcher> {
    // A table that answers slowly must not cost the batch.
    if ports.now() >= until {
        return vec![];
    }
    ports.watching(watches).await.unwrap_or_else(|error| {
        // The table is the truth; the pages sync within a minute.
        warn!(error = %error, "the open pages could not be listed, nothing is pushed to them");
        vec![]
    })
}

async fn post<P: Watchers + Pusher + Clock>(
    ports: &P,
    watcher: &Watcher,
    job: &Job,
    frame: &[u8],
    until: Timestamp,
) -> bool {
    let now = ports.now();
    if now >= until || now >= watcher.token_expires_at {
        return false;
    }
    match ports.push(&watcher.connection_id, frame).await {
        Ok(()) => true,
        Err(PushError::Gone) => {
            if now.0.saturating_sub(watcher.registered_at.0) > GONE_GRACE_MS
                && let Err(error) = ports.forget(&watcher.watches, &watcher.connection_id).await
            {
                info!(connection.id = %watcher.connection_id, error = %error, "a gone connection stays listed until its time to live");
            }
            false
        }
        Err(PushError::Dropped(error)) => {
            info!(job.id = %job.id, trace.id = %job.trace(), connection.id = %watcher.connection_id, error = %error, "push dropped");
            false
        }
    }
}
