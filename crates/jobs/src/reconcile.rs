//! Finds open jobs whose messages were lost, and redrives dead letters.
//!
//! The reconciler never writes a job's state. It sends checks to the function that processes them, so that every state has
//! one way in. A second check of the same job is harmless, so two runs may overlap.
//! [`crate::inventory_scan`] does the same for objects without a job.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use tracing::{error, info, warn};

use crate::id::{JobId, Timestamp, TraceId};
use crate::job::Job;
use crate::ports::{
    CheckQueue, CheckRequest, Clock, DeadLetter, DeadLetters, DelayedMessage, JobIndex, JobStore,
    LoadError, Quarantine, QuarantinedMessage, Queue, ScheduledCheck, Unavailable,
};
use crate::state::{LOST_RETRY_DELAY, State};

/// Index entries of a shard read per query.
const PAGE_SIZE: u16 = 100;
/// Rows loaded, or dead letters settled, concurrently.
const CONCURRENCY: usize = 8;
/// Added to the delay of a check, so that clock differences do not let it arrive before it is due.
const DELAY_MARGIN_SECONDS: u32 = 2;
/// Minimum time between two checks of a job. It grows with the time that the job is overdue, so that messages do not pile up
/// while a service is down.
const MIN_CHECK_INTERVAL: Duration = Duration::from_secs(600);
const MAX_CHECK_INTERVAL: Duration = Duration::from_secs(3600);
/// How long a dead letter is redriven before it is quarantined: long enough for an outage of some hours to end.
const REDRIVE_WINDOW: Duration = Duration::from_secs(6 * 3600);

/// Jobs whose check is due within this time get a message with a delay now, so that the check is on time although the next
/// run, an `interval` later, is not. A retry's index entry is due two minutes (`LOST_RETRY_DELAY`) after the retry itself.
pub const fn lookahead(interval: Duration) -> Duration {
    interval.saturating_add(LOST_RETRY_DELAY)
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Jobs for which a check was sent.
    pub checks_sent: u64,
    /// Rows that could not be read.
    pub unreadable: u64,
    /// A service was unavailable, so some jobs were not checked.
    pub incomplete: bool,
}

/// Sends a check for every open job that is due and has no message on its way. Stops at `until`; the next run, an `interval`
/// after this one, continues.
pub async fn check_overdue<P>(ports: &P, interval: Duration, until: Timestamp) -> CheckReport
where
    P: JobIndex + JobStore + CheckQueue + Clock,
{
    let mut report = CheckReport::default();
    let lookahead = lookahead(interval);
    // Start at a random shard, so that runs that end early do not always skip the same ones.
    let first = u8::try_from(ports.random() % u64::from(JobId::SHARDS)).unwrap_or(0);
    for i in 0..JobId::SHARDS {
        let shard = (first + i) % JobId::SHARDS;
        // If one shard fails, continue with the others.
        if let Err(error) = check_shard(ports, shard, lookahead, until, &mut report).await {
            warn!(shard, error = %error, "not all open jobs were checked");
            report.incomplete = true;
        }
    }
    report
}

async fn check_shard<P>(
    ports: &P,
    shard: u8,
    lookahead: Duration,
    until: Timestamp,
    report: &mut CheckReport,
) -> Result<(), Unavailable>
where
    P: JobIndex + JobStore + CheckQueue + Clock,
{
    let mut after = None;
    while ports.now() < until {
        let by = ports.now().plus(lookahead);
        let page = ports.due_by(shard, by, after, PAGE_SIZE).await?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = Some(*last);
        check_page(ports, &page, lookahead, report).await?;
    }
    info!(shard, "time is up, the next run continues");
    Ok(())
}

async fn check_page<P>(
    ports: &P,
    page: &[ScheduledCheck],
    lookahead: Duration,
    report: &mut CheckReport,
) -> Result<(), Unavailable>
where
    P: JobIndex + JobStore + CheckQueue + Clock,
{
    let rows: Vec<(ScheduledCheck, Result<Option<Job>, LoadError>)> = stream::iter(page)
        .map(async |due| (*due, ports.load(due.job).await))
        .buffered(CONCURRENCY)
        .collect()
        .await;
    let now = ports.now();
    let mut planned = Vec::new();
    for (due, row) in rows {
        match row {
            Ok(Some(job)) => {
                planned.extend(plan_check::<P>(&job, due, lookahead, now).map(|check| (due, check)))
            }
            // The index is behind, and the row is gone.
            Ok(None) => {}
            Err(LoadError::Unavailable(error)) => return Err(error),
            Err(LoadError::NewerSchema(id)) => {
                info!(job.id = %id, trace.id = %TraceId::of_job(id), "a newer release wrote this row, one of its functions will process it");
            }
            // It stays in the index and is logged by every run until an operator repairs it. The jobs after it continue.
            Err(error @ LoadError::Unreadable { .. }) => {
                error!(job.id = %due.job, trace.id = %TraceId::of_job(due.job), problem = %error, "an open job cannot be read");
                report.unreadable += 1;
            }
        }
    }
    if planned.is_empty() {
        return Ok(());
    }
    let messages: Vec<DelayedMessage<CheckRequest>> = planned
        .iter()
        .map(|(_, plan)| DelayedMessage {
            message: plan.request,
            delay_seconds: plan.delay_seconds,
        })
        .collect();
    let failed = ports.send_checks(&messages).await;
    let sent = planned
        .iter()
        .enumerate()
        .filter(|(at, _)| !failed.contains(*at));
    let postponed: Vec<Result<(), Unavailable>> = stream::iter(sent)
        .map(async |(_, (due, plan))| ports.postpone(*due, plan.next_check_at).await)
        .buffered(CONCURRENCY)
        .collect()
        .await;
    report.checks_sent += postponed.len() as u64;
    for (at, (due, plan)) in planned.iter().enumerate() {
        if !failed.contains(at) {
            info!(job.id = %due.job, trace.id = %plan.trace, job.attempt = plan.request.attempt.0, "check sent");
        }
    }
    // The next run finds those that were not accepted or not postponed.
    report.incomplete |= !failed.is_empty();
    postponed.into_iter().collect()
}

struct PlannedCheck {
    trace: TraceId,
    request: CheckRequest,
    delay_seconds: u32,
    /// If nothing has happened by then, another check is sent.
    next_check_at: Timestamp,
}

/// The check that an open job with this index entry needs, if any.
fn plan_check<P: CheckQueue>(
    job: &Job,
    entry: ScheduledCheck,
    lookahead: Duration,
    now: Timestamp,
) -> Option<PlannedCheck> {
    let deadline = job.state.check_deadline()?;
    let (due, at) = if let State::RetryScheduled { due, .. } = job.state {
        // A message starts the retry if the delay allowed one. It counts as lost only once the job is overdue.
        let has_message = seconds(due.since(job.updated_at)) <= P::MAX_DELAY_SECONDS;
        if has_message && deadline > now {
            return None;
        }
        (Some(due), if has_message { deadline } else { due })
    } else if deadline > now.plus(lookahead) {
        // Without a due time, the check gathers evidence.
        (None, entry.next_check_at)
    } else {
        (None, deadline)
    };
    let delay_seconds = match seconds(at.since(now)) {
        0 => 0,
        delay => delay + DELAY_MARGIN_SECONDS,
    };
    let delivered_at = at.max(now);
    let next_check_at = if at < deadline && due.is_none() {
        let span = Duration::from_secs(job.policy.max_attempt_seconds.into());
        let elapsed = span.saturating_sub(deadline.since(delivered_at));
        delivered_at
            .plus((elapsed / 2).max(MIN_CHECK_INTERVAL))
            .min(deadline)
    } else {
        let interval = (now.since(at) / 2).clamp(MIN_CHECK_INTERVAL, MAX_CHECK_INTERVAL);
        delivered_at.plus(interval)
    };
    Some(PlannedCheck {
        trace: job.trace(),
        request: CheckRequest {
            job: job.id,
            attempt: job.state.attempt(),
            due,
        },
        delay_seconds,
        next_check_at,
    })
}

/// A delay in seconds, rounded up.
fn seconds(delay: Duration) -> u32 {
    u32::try_from(delay.as_millis().div_ceil(1000)).unwrap_or(u32::MAX)
}

/// The result of [`redrive`] for one queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RedriveReport {
    /// Returned to their queue.
    pub redriven: u64,
    pub quarantined: u64,
    /// A service was unavailable, so some dead letters remain.
    pub incomplete: bool,
}

/// Redrives the dead letters of a queue, and quarantines those that have been redriven for six hours. Stops at `until`.
pub async fn redrive<P>(ports: &P, queue: Queue, until: Timestamp) -> RedriveReport
where
    P: DeadLetters + Quarantine + Clock,
{
    let mut report = RedriveReport::default();
    while ports.now() < until && !report.incomplete {
        let letters = match ports.receive(queue).await {
            Ok(letters) => letters,
            Err(error) => {
                warn!(queue = queue.name(), error = %error, "dead letters could not be received");
                report.incomplete = true;
                break;
            }
        };
        if letters.is_empty() {
            break;
        }
        let settled: Vec<Result<bool, Unavailable>> = stream::iter(&letters)
            .map(async |letter| settle(ports, queue, letter).await)
            .buffered(CONCURRENCY)
            .collect()
            .await;
        for settled in settled {
            match settled {
                Ok(true) => report.quarantined += 1,
                Ok(false) => report.redriven += 1,
                // It becomes visible again after its visibility timeout.
                Err(error) => {
                    warn!(queue = queue.name(), error = %error, "dead letter could not be redriven");
                    report.incomplete = true;
                }
            }
        }
    }
    report
}

/// Sends or quarantines the letter first and deletes it last, so that none is lost. Returns whether it was quarantined.
async fn settle<P>(ports: &P, queue: Queue, letter: &DeadLetter) -> Result<bool, Unavailable>
where
    P: DeadLetters + Quarantine + Clock,
{
    let now = ports.now();
    let dead_since = letter.dead_since.unwrap_or(now);
    let is_expired = now.since(dead_since) >= REDRIVE_WINDOW;
    if is_expired {
        let entry = QuarantinedMessage {
            source: queue.name().to_owned(),
            message_id: letter.first_id.clone(),
            cause: "DeadLetter".into(),
            problem: format!(
                "could not be processed for {} hours; see the log of the queue's function",
                REDRIVE_WINDOW.as_secs() / 3600
            ),
            body: letter.body.clone(),
            at: now,
        };
        ports.quarantine(&entry).await?;
        error!(
            message.id = letter.first_id,
            queue = queue.name(),
            cause = %entry.cause,
            problem = entry.problem,
            "message quarantined"
        );
    } else {
        ports.redrive_letter(queue, letter, dead_since).await?;
        info!(
            message.id = letter.first_id,
            queue = queue.name(),
            dead_since = dead_since.0,
            "dead letter redriven"
        );
    }
    ports.discard(queue, letter).await?;
    Ok(is_expired)
}
