//! Planted mistakes that take more than one service to make: they change what the product sees.

use api::digests::DigestState;
use api::webhooks::Webhook;
use aws_lambda_events::sqs::SqsMessage;
use jobs::event::EventKind;
use jobs::id::{Attempt, InferenceId, Timestamp};
use jobs::job::{AttemptRecord, HistoryEntry, Job};
use jobs::ports::{ListedVersion, Record};
use jobs::state::{Cause, RetryBudget, State};
use testkit::key_value_map::KeyValueMap;

use crate::environment::SimulationEnvironment;
use crate::function::Functions;
use crate::ledger::Ledger;
use crate::message::MessageKind;
use crate::mistake::Mistake;
use crate::table::JobTable;
use crate::time::{HOUR, SECOND};

/// [`Mistake::EvidenceOfAnotherAttempt`]: a failure's message names the newest attempt instead of its own.
pub(crate) fn name_newest_attempt(table: &JobTable, record: &mut SqsMessage) {
    for row in table.rows() {
        let job = row.job.id;
        let newest = row.job.state.attempt();
        let name = |attempt| InferenceId { job, attempt }.to_string();
        for number in 1..newest.0 {
            let own = name(Attempt(number));
            if let Some(body) = &mut record.body
                && body.contains(&format!("{own}\""))
            {
                *body = body.replace(&own, &name(newest));
                return;
            }
        }
    }
}

/// [`Mistake::LateSuccessDropped`]: whether the message is the success of a job that has failed.
pub(crate) fn is_late_success(table: &JobTable, message: &MessageKind) -> bool {
    let MessageKind::Success(inference, _) = message else {
        return false;
    };
    let row = table.row(inference.job);
    row.is_some_and(|row| matches!(row.job.state, State::Failed { .. }))
}

/// Shows a job to the current function as the planted mistake has it.
pub(crate) fn loaded_job(
    env: &SimulationEnvironment,
    functions: &Functions,
    ledger: &Ledger,
    mut job: Job,
) -> Job {
    if env.has(Mistake::LeaseIgnored) {
        free_lease(&mut job);
    }
    let submitted_by_its_messages = || {
        functions.current().is_some_and(|function| {
            let mut messages = function.messages.iter();
            messages.any(|message| ledger.was_submitted_for(job.id, message))
        })
    };
    if env.has(Mistake::LeaseByMessageId) && submitted_by_its_messages() {
        free_lease(&mut job);
    }
    if env.has(Mistake::EarlierResultForgotten)
        && let State::Submitting { budget, .. }
        | State::InProgress { budget, .. }
        | State::RetryScheduled { budget, .. }
        | State::Queued { budget, .. } = &mut job.state
    {
        budget.earlier_result = Attempt::NONE;
    }
    if env.has(Mistake::DeadlineForgotten)
        && let State::Submitting { budget, .. } | State::RetryScheduled { budget, .. } =
            &mut job.state
    {
        let whole = u64::from(job.policy.job_deadline_seconds) * SECOND;
        budget.expires_at = Timestamp(env.wall().0 + whole);
    }
    if env.has(Mistake::LateFailureOverwrites)
        && functions.current_is("inference-error")
        && let State::Ready { attempt } = job.state
    {
        job.state = reopened(env, attempt);
    }
    if env.has(Mistake::CancelledJobReleased) || env.has(Mistake::CancelledJobProbed) {
        job = still_queued(env, job);
    }
    // A copy of the release comes after the attempt has begun.
    if env.has(Mistake::ReleasedTwice)
        && functions.current_is("retry")
        && let State::InProgress {
            attempt, budget, ..
        } = job.state
        && attempt == Attempt::FIRST
    {
        job.state = State::Queued {
            next: attempt,
            since: job.created_at,
            start_by: None,
            urgent: false,
            budget,
        };
    }
    if env.has(Mistake::ErasedJobReopened)
        && job.is_erased()
        && (functions.current_is("inference-error") || functions.current_is("inference-success"))
    {
        job.state = reopened(env, job.state.attempt());
    }
    job
}

/// [`Mistake::CancelledJobReleased`] and [`Mistake::CancelledJobProbed`]: a job that was cancelled before anything ran, or
/// while its endpoint was down, still looks queued.
fn still_queued(env: &SimulationEnvironment, mut job: Job) -> Job {
    let was_held = job.attempts.is_empty() && env.has(Mistake::CancelledJobReleased);
    let was_down = |record: &AttemptRecord| {
        let cause = record.failure.as_ref().map(|failure| failure.cause);
        matches!(cause, Some(Cause::Refused | Cause::EndpointDown))
    };
    let was_probe = job.attempts.iter().any(was_down) && env.has(Mistake::CancelledJobProbed);
    if (was_held || was_probe)
        && let State::Cancelled { attempt } = job.state
    {
        let is_held = |entry: &&HistoryEntry| {
            let event = &entry.event;
            matches!(
                event,
                EventKind::Held | EventKind::SubmitFailed | EventKind::AttemptFailed
            )
        };
        let held = job.history.iter().rev().find(is_held);
        job.state = State::Queued {
            next: attempt,
            since: held.map_or(job.created_at, |entry| entry.at),
            start_by: None,
            urgent: false,
            budget: RetryBudget {
                last_attempt: attempt,
                expires_at: Timestamp(env.wall().0 + HOUR),
                earlier_result: Attempt::NONE,
            },
        };
    }
    job
}

/// [`Mistake::BreakerOpensOnOneDocument`]: the failures of a breaker are each of another job.
pub(crate) fn failures_of_other_jobs(body: &str) -> String {
    let mut number = 0;
    let mut lines = Vec::new();
    for line in body.lines() {
        let mut columns: Vec<String> = line.split('\t').map(str::to_owned).collect();
        if line.starts_with('!')
            && let Some(failures) = columns.get_mut(5)
        {
            let other = failures.split(';').map(|failure| {
                number += 1;
                let mut parts: Vec<String> = failure.split(',').map(str::to_owned).collect();
                if let Some(job) = parts.get_mut(1) {
                    job.replace_range(..8, &format!("{number:08x}"));
                }
                parts.join(",")
            });
            *failures = other.collect::<Vec<_>>().join(";");
        }
        lines.push(columns.join("\t"));
    }
    lines.join("\n")
}

/// The row that is saved instead of `job`, if a mistake is planted about it.
pub(crate) fn saved_job(
    env: &SimulationEnvironment,
    before: Option<&Job>,
    job: &Job,
) -> Option<Job> {
    // An attempt is used up although its endpoint is down.
    if env.has(Mistake::AttemptsUsedUpWhileDown)
        && let State::Queued { next, .. } = job.state
        && let Some(failure) = job.failure()
        && failure.cause == Cause::EndpointDown
    {
        let mut failed = job.clone();
        failed.state = State::Failed {
            attempt: next,
            failure: failure.clone(),
        };
        failed.expires_at = Some(Timestamp(
            (job.updated_at.0 / 1000 + u64::from(job.row_ttl_days) * 86_400) * 1000,
        ));
        return Some(failed);
    }
    let before = before.filter(|_| job.is_erased())?;
    let mut kept = job.clone();
    if env.has(Mistake::ReasonsNotErased) {
        for (entry, old) in kept.history.iter_mut().zip(&before.history) {
            entry.reason.clone_from(&old.reason);
        }
        return Some(kept);
    }
    if env.has(Mistake::WordsNotErased) {
        for (record, old) in kept.attempts.iter_mut().zip(&before.attempts) {
            record.failure.clone_from(&old.failure);
        }
        return Some(kept);
    }
    None
}

/// [`Mistake::PlanIgnoresVersion`]: a retry command expects the version that the job has now.
pub(crate) fn expect_current_version(table: &JobTable, record: &mut SqsMessage) {
    let Some(body) = &mut record.body else { return };
    let Ok(mut command) = serde_json::from_str::<serde_json::Value>(body) else {
        return;
    };
    let id = command["job_id"].as_str().and_then(|id| id.parse().ok());
    if let Some(row) = id.and_then(|id| table.row(id))
        && command["retry"].is_object()
    {
        command["retry"]["expected_version"] = row.job.version.into();
        *body = command.to_string();
    }
}

/// [`Mistake::OlderSameBytesCount`]: leaves only the versions with the same bytes as the current one.
pub(crate) fn hide_what_was_between(versions: &mut Vec<ListedVersion>, etag: &str) {
    versions.retain(|version| version.etag == etag);
    for version in versions {
        version.may_follow_deletion = false;
    }
}

const fn free_lease(job: &mut Job) {
    if let State::Submitting {
        lease_expires_at, ..
    } = &mut job.state
    {
        lease_expires_at.0 = 0;
    }
}

const fn reopened(env: &SimulationEnvironment, attempt: Attempt) -> State {
    let later = Timestamp(env.wall().0 + HOUR);
    State::InProgress {
        attempt,
        deadline: later,
        budget: RetryBudget {
            last_attempt: Attempt(attempt.0 + 1),
            expires_at: later,
            earlier_result: Attempt::NONE,
        },
    }
}

/// A mistake: the state of a tenant's digests forgets the events that wait to be reported.
pub(crate) fn without_waiting_events(
    env: &SimulationEnvironment,
    collection: &str,
    record: &Record,
) -> Option<Record> {
    if !env.has(Mistake::DigestEventForgotten) || !collection.starts_with("digest-state#") {
        return None;
    }
    let mut state: DigestState = serde_json::from_str(&record.body).ok()?;
    state.window = None;
    Some(Record {
        body: serde_json::to_string(&state).ok()?,
        ..record.clone()
    })
}

/// [`Mistake::OnlyNewSecretSigns`]: a webhook is stored without the secrets before a rotation.
pub(crate) fn without_previous_secrets(
    env: &SimulationEnvironment,
    collection: &str,
    record: &Record,
) -> Option<Record> {
    if !env.has(Mistake::OnlyNewSecretSigns) || !collection.starts_with("webhook#") {
        return None;
    }
    let mut webhook: Webhook = serde_json::from_str(&record.body).ok()?;
    webhook.previous_secret = None;
    webhook.earlier_secrets.clear();
    Some(Record {
        body: serde_json::to_string(&webhook).ok()?,
        ..record.clone()
    })
}

/// [`Mistake::NewSecretNotStored`]: whether a record is a webhook with another secret than before.
pub(crate) fn is_rotation(
    records: &KeyValueMap,
    collection: &str,
    key: &str,
    record: &Record,
) -> bool {
    if !collection.starts_with("webhook#") {
        return false;
    }
    let secret = |record: &Record| {
        let webhook = serde_json::from_str::<Webhook>(&record.body);
        webhook.map(|webhook| webhook.secret).ok()
    };
    let stored = records.get(collection, key);
    stored.is_some_and(|stored| secret(&stored) != secret(record))
}
