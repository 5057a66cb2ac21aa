//! Looking for what no message speaks of any more: open jobs that nothing was heard of for a while, and dead letters.
//!
//! Nothing here writes a job's state. What is found is said again, as a message to the function that knows what to do,
//! so that there is one way into every state. Saying it twice does no harm, hence two of these may run at once.
//! [`crate::inventory_scan`] does the same for objects without a job.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use tracing::{error, info, warn};

use crate::id::TraceId;
use crate::id::{JobId, Timestamp};
use crate::job::Job;
use crate::ports::{
    CheckQueue, CheckRequest, Clock, DeadLetter, DeadLetters, JobIndex, JobStore, LoadError,
    Quarantine, QuarantinedMessage, Queue, ScheduledCheck, Unavailable,
};
use crate::state::State;

/// How many jobs of a shard are read from the index at once.
const PAGE: u16 = 100;
/// How many rows are looked at, or dead letters are settled, at once.
const SIDE_BY_SIDE: usize = 8;
/// Jobs that are due before the next run (5 min) are woken by a message with a delay, so that they are woken on time.
/// A retry has its place in the index two minutes after it is due.
pub const AHEAD: Duration = Duration::from_secs(300 + 120);
/// How much later than due a wake-up with a delay comes: to the clock of who gets it, it must not be too early.
const CLOCKS_SECONDS: u32 = 2;
/// A job that was woken is left alone for at least that long, and longer the longer it has been overdue: while a
/// service is down, messages must not pile up.
const SHORTEST_PAUSE: Duration = Duration::from_secs(600);
/// And at most that long.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// For how long a dead letter is sent back again and again before a person has to look at it: an outage of some hours
/// heals by itself.
const HOPE: Duration = Duration::from_secs(6 * 3600);

/// What came of a look at the open jobs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Jobs that a wake-up was sent for.
    pub checks_sent: u64,
    /// Rows that cannot be read.
    pub unreadable: u64,
    /// Something did not answer, so that not all was looked at.
    pub incomplete: bool,
}

/// Sends a wake-up for every open job that is due and that no message is on its way for. Stops at `until`; what is
/// left is found by the next run.
pub async fn check_overdue<P>(ports: &P, until: Timestamp) -> CheckReport
where
    P: JobIndex + JobStore + CheckQueue + Clock,
{
    let mut done = CheckReport::default();
    // A run that ends early must not always leave out the same shards.
    let first = u8::try_from(ports.random() % u64::from(JobId::SHARDS)).unwrap_or(0);
    for i in 0..JobId::SHARDS {
        let shard = (first + i) % JobId::SHARDS;
        // One shard that does not answer is no reason to leave the others alone.
        if let Err(error) = check_shard(ports, shard, until, &mut done).await {
            warn!(shard, error = %error, "not all open jobs were looked at");
            done.incomplete = true;
        }
    }
    done
}

async fn check_shard<P>(
    ports: &P,
    shard: u8,
    until: Timestamp,
    done: &mut CheckReport,
) -> Result<(), Unavailable>
where
    P: JobIndex + JobStore + CheckQueue + Clock,
{
    let mut after = None;
    while ports.now() < until {
        let by = ports.now().plus(AHEAD);
        let page = ports.due_by(shard, by, after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = Some(*last);
        check_page(ports, &page, done).await?;
    }
    info!(shard, "the time is up; the next run goes on");
    Ok(())
}

async fn check_page<P>(
    ports: &P,
    page: &[ScheduledCheck],
    done: &mut CheckReport,
) -> Result<(), Unavailable>
where
    P: JobIndex + JobStore + CheckQueue + Clock,
{
    let rows: Vec<(ScheduledCheck, Result<Option<Job>, LoadError>)> = stream::iter(page)
        .map(async |due| (*due, ports.load(due.job).await))
        .buffered(SIDE_BY_SIDE)
        .collect()
        .await;
    let now = ports.now();
    let mut calls = Vec::new();
    for (due, row) in rows {
        match row {
            Ok(Some(job)) => calls.extend(call_for::<P>(&job, due, now).map(|call| (due, call))),
            // The index lags, and the row is gone.
            Ok(None) => {}
            Err(LoadError::Unavailable(error)) => return Err(error),
            Err(LoadError::NewerSchema(id)) => {
                info!(job.id = %id, trace.id = %TraceId::of_job(id), "a newer release wrote this row; one of its functions will look at it");
            }
            // It stays where it is and is complained about until somebody mends it; the others behind it are not held up.
            Err(error @ LoadError::Unreadable { .. }) => {
                error!(job.id = %due.job, trace.id = %TraceId::of_job(due.job), problem = %error, "an open job cannot be read");
                done.unreadable += 1;
            }
        }
    }
    if calls.is_empty() {
        return Ok(());
    }
    let messages: Vec<(CheckRequest, u32)> = calls
        .iter()
        .map(|(_, call)| (call.check, call.delay_seconds))
        .collect();
    let failed = ports.send(&messages).await;
    let sent = calls
        .iter()
        .enumerate()
        .filter(|(at, _)| !failed.contains(at));
    let postponed: Vec<Result<(), Unavailable>> = stream::iter(sent)
        .map(async |(_, (due, call))| ports.postpone(*due, call.again_at).await)
        .buffered(SIDE_BY_SIDE)
        .collect()
        .await;
    done.checks_sent += postponed.len() as u64;
    for (at, (due, call)) in calls.iter().enumerate() {
        if !failed.contains(&at) {
            info!(job.id = %due.job, trace.id = %call.trace, job.attempt = call.check.attempt.0, "job woken");
        }
    }
    // Those that were not taken are found again by the next run, as are those that were not put off.
    done.incomplete |= !failed.is_empty();
    postponed.into_iter().collect()
}

struct Call {
    trace: TraceId,
    check: CheckRequest,
    delay_seconds: u32,
    /// If nothing has happened by then, another wake-up is sent.
    again_at: Timestamp,
}

/// The wake-up that an open job at this place of the index needs from us, if any.
fn call_for<P: CheckQueue>(job: &Job, place: ScheduledCheck, now: Timestamp) -> Option<Call> {
    let next_check_at = job.state.check_deadline()?;
    let (due, at) = match job.state {
        // If the delay was short enough for a message, that one starts it; it is lost only once the job is overdue.
        State::RetryScheduled { due, .. }
            if seconds(due.since(job.updated_at)) <= P::MAX_DELAY_SECONDS =>
        {
            if next_check_at > now {
                return None;
            }
            (Some(due), next_check_at)
        }
        State::RetryScheduled { due, .. } => (Some(due), due),
        // Without a time the wake-up asks for a look.
        State::Submitting { .. }
        | State::InProgress { .. }
        | State::Ready { .. }
        | State::Failed { .. }
        | State::Cancelled { .. }
            if next_check_at > now.plus(AHEAD) =>
        {
            (None, place.next_check_at)
        }
        State::Submitting { .. }
        | State::InProgress { .. }
        | State::Ready { .. }
        | State::Failed { .. }
        | State::Cancelled { .. } => (None, next_check_at),
    };
    let delay_seconds = match seconds(at.since(now)) {
        0 => 0,
        delay => delay + CLOCKS_SECONDS,
    };
    let again_at = if at < next_check_at && due.is_none() {
        let span = Duration::from_secs(job.policy.attempt_seconds.into());
        let so_far = span.saturating_sub(next_check_at.since(at.max(now)));
        at.max(now)
            .plus((so_far / 2).max(SHORTEST_PAUSE))
            .min(next_check_at)
    } else {
        let pause = (now.since(at) / 2).clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
        at.max(now).plus(pause)
    };
    Some(Call {
        trace: job.trace(),
        check: CheckRequest {
            job: job.id,
            attempt: job.state.attempt(),
            due,
        },
        delay_seconds,
        again_at,
    })
}

/// A delay in whole seconds, rounded up.
fn seconds(delay: Duration) -> u32 {
    u32::try_from(delay.as_millis().div_ceil(1000)).unwrap_or(u32::MAX)
}

/// What came of a look at the dead letters of one queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RedriveReport {
    /// Sent back to their queue.
    pub redriven: u64,
    /// Set aside for a person.
    pub quarantined: u64,
    /// Something did not answer, so that some were left.
    pub incomplete: bool,
}

/// Sends dead letters back to their queue, or quarantines those that have come back too often. Stops at `until`.
pub async fn redrive<P>(ports: &P, queue: Queue, until: Timestamp) -> RedriveReport
where
    P: DeadLetters + Quarantine + Clock,
{
    let mut done = RedriveReport::default();
    while ports.now() < until && !done.incomplete {
        let letters = match ports.receive(queue).await {
            Ok(letters) => letters,
            Err(error) => {
                warn!(queue = queue.name(), error = %error, "the dead letters cannot be had");
                done.incomplete = true;
                break;
            }
        };
        if letters.is_empty() {
            break;
        }
        let settled: Vec<Result<bool, Unavailable>> = stream::iter(&letters)
            .map(async |letter| settle(ports, queue, letter).await)
            .buffered(SIDE_BY_SIDE)
            .collect()
            .await;
        for settled in settled {
            match settled {
                Ok(true) => done.quarantined += 1,
                Ok(false) => done.redriven += 1,
                // It shows up again after its visibility timeout.
                Err(error) => {
                    warn!(queue = queue.name(), error = %error, "a dead letter stays where it is");
                    done.incomplete = true;
                }
            }
        }
    }
    done
}

/// First sent or kept, then deleted: in this order none is lost. Answers whether it was quarantined.
async fn settle<P>(ports: &P, queue: Queue, letter: &DeadLetter) -> Result<bool, Unavailable>
where
    P: DeadLetters + Quarantine + Clock,
{
    let now = ports.now();
    let dead_since = letter.dead_since.unwrap_or(now);
    let gives_up = now.since(dead_since) >= HOPE;
    if gives_up {
        let entry = QuarantinedMessage {
            source: queue.name().to_owned(),
            message_id: letter.first_id.clone(),
            cause: "DeadLetter".into(),
            problem: format!(
                "could not be worked off for {} hours; the log of the queue's function says why",
                HOPE.as_secs() / 3600
            ),
            body: letter.body.clone(),
            at: now,
        };
        ports.keep(&entry).await?;
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
            "dead letter sent back"
        );
    }
    ports.discard(queue, letter).await?;
    Ok(gives_up)
}
