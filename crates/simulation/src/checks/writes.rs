//! Checks of every write of a row.

use jobs::event::EventKind;
use jobs::id::Attempt;
use jobs::job::{HistoryEntry, Job};
use jobs::state::{Cause, State};
use testkit::key_value_map::KeyValueMap;

use super::guarantees::{
    GUARANTEE_1, GUARANTEE_2, GUARANTEE_3, GUARANTEE_4, GUARANTEE_9, MAX_CLOCK_SKEW,
    MAX_DEADLINE_DELAY, RESULTS_STAY,
};
use crate::bucket::{ObjectSource, SimulatedBucket};
use crate::environment::SimulationEnvironment;
use crate::ids::short;
use crate::table::Write;
use crate::time::{MINUTE, SECOND};

/// Checks a write that took effect.
pub(crate) fn check(env: &mut SimulationEnvironment, bucket: &SimulatedBucket, write: &Write) {
    let job = &write.job;
    if let Some(before) = &write.before {
        check_final(env, before, job);
        check_deadline(env, before, job);
        check_start(env, before, job);
        check_results(env, before, job);
        check_evidence(env, bucket, before, job);
    }
    let was_ready = |before: &Job| matches!(before.state, State::Ready { .. });
    if let State::Ready { attempt } = job.state
        && !write.before.as_deref().is_some_and(was_ready)
    {
        check_ready(env, bucket, job, attempt);
    }
    check_history(env, write.before.as_deref(), job);
    if write.duplicate_of.is_some() {
        env.violation(GUARANTEE_1, || {
            format!(
                "{} and another job are about {} {}",
                short(job.id),
                job.input.key,
                job.input.version
            )
        });
    }
}

/// What support does to a job is in the audit log before it is done.
pub(crate) fn check_audit(env: &mut SimulationEnvironment, records: &KeyValueMap, write: &Write) {
    let is_new = |before: &Job| before.history.len() < write.job.history.len();
    let Some(entry) = write.job.history.last().filter(|_| {
        let before = write.before.as_deref();
        before.is_none_or(is_new)
    }) else {
        return;
    };
    let (Some(actor), Some(reason)) = (&entry.actor, &entry.reason) else {
        return;
    };
    let id = write.job.id.to_string();
    // The entry of a retry plan is about the plan, whose id ends the reason.
    let plan = reason.strip_suffix(']').and_then(|it| it.rsplit_once(" ["));
    let (reason, target) = plan.unwrap_or((reason, &id));
    let names = |text: &str| {
        [actor.as_str(), reason, target]
            .iter()
            .all(|it| text.contains(it))
    };
    let mut audits = records.iter().filter(|(of, ..)| *of == "audit");
    if !audits.any(|(_, _, record)| names(&record.body)) {
        env.violation(GUARANTEE_9, || {
            format!(
                "{} is not in the audit log: {} by {actor}",
                entry.event.name(),
                short(write.job.id)
            )
        });
    }
}

/// The actions of people stay in the history, each with its reason.
fn check_history(env: &mut SimulationEnvironment, before: Option<&Job>, job: &Job) {
    let by_people = |job: &Job| {
        job.history
            .iter()
            .filter(|entry| entry.actor.is_some())
            .count()
    };
    // The deletion of data takes the reasons before it.
    let has_reason = |entry: &HistoryEntry| {
        entry.actor.is_some() && (!job.is_erased() || entry.event == EventKind::Erase)
    };
    let complete = job
        .history
        .iter()
        .all(|entry| entry.reason.is_some() == has_reason(entry));
    if before.is_some_and(|before| by_people(before) > by_people(job)) || !complete {
        env.violation(GUARANTEE_9, || {
            format!("the history of {} lost an actor or a reason", short(job.id))
        });
    }
}

fn check_final(env: &mut SimulationEnvironment, before: &Job, job: &Job) {
    let event = job.history.last().map(|entry| &entry.event);
    let allowed = match (&before.state, &job.state) {
        (
            State::Queued { .. }
            | State::Submitting { .. }
            | State::InProgress { .. }
            | State::RetryScheduled { .. },
            _,
        ) => true,
        (State::Failed { failure, .. }, State::Ready { .. }) => failure.cause != Cause::Superseded,
        (State::Failed { .. }, State::RetryScheduled { .. }) => event == Some(&EventKind::Retry),
        (State::Ready { .. }, State::RetryScheduled { .. }) => event == Some(&EventKind::RunAgain),
        (
            State::Ready { .. } | State::Failed { .. } | State::Cancelled { .. },
            State::Erased { .. },
        ) => event == Some(&EventKind::Erase),
        (
            State::Ready { .. }
            | State::Failed { .. }
            | State::Cancelled { .. }
            | State::Erased { .. },
            _,
        ) => false,
    };
    if !allowed {
        env.violation(GUARANTEE_4, || {
            format!(
                "{} went from {} to {} by {}",
                short(job.id),
                before.state.name(),
                job.state.name(),
                event.map_or("no event", EventKind::name)
            )
        });
    }
}

/// A result stays: a job that has one ends with one. A run again ends with its own result, or because that did not come.
fn check_results(env: &mut SimulationEnvironment, before: &Job, job: &Job) {
    let had = before.results().count();
    if had == 0 {
        return;
    }
    let is_lost = matches!(job.state, State::Failed { .. } | State::Cancelled { .. });
    let was_open = before.state.is_open();
    let is_earlier = before.results().any(|(record, _)| {
        job.state
            == State::Ready {
                attempt: record.attempt,
            }
    });
    let newest = job.attempt(job.newest_attempt());
    let newest_is_open = newest.is_some_and(|record| record.closed_at.is_none());
    let event = job.history.last().map(|entry| &entry.event);
    let is_replaced = event == Some(&EventKind::Overwritten);
    let drops_a_run = was_open && is_earlier && newest_is_open && !is_replaced;
    if job.results().count() < had || is_lost || drops_a_run {
        env.violation(RESULTS_STAY, || {
            format!(
                "{} had {had} results, and went from {} to {}",
                short(job.id),
                before.state.name(),
                job.state.name()
            )
        });
    }
}

fn check_deadline(env: &mut SimulationEnvironment, before: &Job, job: &Job) {
    let until = match before.state {
        State::Submitting { budget, .. }
        | State::InProgress { budget, .. }
        | State::RetryScheduled { budget, .. } => budget.expires_at.0,
        // The time in the queue does not count.
        State::Queued { .. }
        | State::Ready { .. }
        | State::Failed { .. }
        | State::Cancelled { .. }
        | State::Erased { .. } => return,
    };
    let now = env.wall().0;
    if !job.state.is_open() && now > until + MAX_DEADLINE_DELAY {
        env.violation(GUARANTEE_2, || {
            format!(
                "{} ended as {} {} min after its deadline",
                short(job.id),
                job.state.name(),
                (now - until) / MINUTE
            )
        });
    }
}

/// An attempt starts only if it can end by the job's deadline, also when a lease is taken over.
fn check_start(env: &mut SimulationEnvironment, before: &Job, job: &Job) {
    let State::Submitting { budget, .. } = &job.state else {
        return;
    };
    let (expires_at, counts) = match &before.state {
        State::Submitting { budget, .. } | State::RetryScheduled { budget, .. } => {
            (budget.expires_at, true)
        }
        State::Queued {
            budget, start_by, ..
        } => (budget.expires_at, start_by.is_some()),
        State::InProgress { .. }
        | State::Ready { .. }
        | State::Failed { .. }
        | State::Cancelled { .. }
        | State::Erased { .. } => return,
    };
    let attempt = u64::from(job.policy.max_attempt_seconds) * SECOND;
    let begins = env.wall().0.saturating_sub(env.timing.function);
    let is_late = begins + attempt > expires_at.0 + MAX_CLOCK_SKEW;
    if counts && (is_late || budget.expires_at != expires_at) {
        env.violation(GUARANTEE_2, || {
            let id = short(job.id);
            format!("{id} starts an attempt that could end after the deadline of its job")
        });
    }
}

/// Before an attempt counts as lost, and before a job fails, the function has to check S3.
fn check_evidence(
    env: &mut SimulationEnvironment,
    bucket: &SimulatedBucket,
    before: &Job,
    job: &Job,
) {
    let was_open = before.state.is_open();
    let attempt = before.state.attempt();
    let lost = job.attempts.iter().any(|record| {
        record.attempt == attempt
            && record.closed_at == Some(job.updated_at)
            && record
                .failure
                .as_ref()
                .is_some_and(|failure| failure.cause == Cause::Lost)
    });
    let failed = match &job.state {
        State::Failed { failure, .. } => {
            !matches!(failure.cause, Cause::Superseded | Cause::InvalidInput)
        }
        State::Queued { .. }
        | State::Submitting { .. }
        | State::InProgress { .. }
        | State::RetryScheduled { .. }
        | State::Ready { .. }
        | State::Cancelled { .. }
        | State::Erased { .. } => false,
    };
    if !was_open || !(lost || failed) {
        return;
    }
    let replaced = bucket.is_replaced(&job.input.key, &job.input.version);
    let settled = env.now.saturating_sub(env.timing.function + MAX_CLOCK_SKEW);
    if let Some((key, written_at)) = findable_output(bucket, before)
        && written_at < settled
        && !replaced
    {
        let what = if lost { "gave an attempt up" } else { "failed" };
        let since = (env.now - written_at) / SECOND;
        env.violation(GUARANTEE_2, || {
            format!(
                "{} {what} although its output {key} has been there for {since} s",
                short(job.id)
            )
        });
    }
}

fn check_ready(
    env: &mut SimulationEnvironment,
    bucket: &SimulatedBucket,
    job: &Job,
    attempt: Attempt,
) {
    let id = short(job.id);
    let Some(output) = job.output() else {
        env.violation(GUARANTEE_3, || {
            format!("{id} is ready, and the location of its output is not recorded")
        });
        return;
    };
    let versions = bucket
        .objects
        .get(&output.key)
        .map_or(&[][..], Vec::as_slice);
    // A deletion between the check of S3 and this save is not an error of the service.
    let settled = env.now.saturating_sub(env.timing.function);
    let newest = versions
        .iter()
        .rev()
        .find_map(|version| version.object.as_ref());
    let deleted = versions
        .last()
        .is_some_and(|last| last.object.is_none() && last.at < settled);
    let Some(object) = newest.filter(|_| !deleted) else {
        env.violation(GUARANTEE_3, || {
            format!("{id} is ready, and there is no {}", output.key)
        });
        return;
    };
    let ObjectSource::Output {
        job: owner,
        made_from,
    } = &object.source
    else {
        env.violation(GUARANTEE_3, || {
            format!("{id} is ready, and {} is no output", output.key)
        });
        return;
    };
    let is_made_from = |version| bucket.has_same_bytes(&job.input.key, version, &job.input.version);
    if *owner != job.id || !is_made_from(made_from.as_str()) {
        env.violation(GUARANTEE_3, || {
            format!(
                "{id} (attempt {attempt}) is about {}, and its output was made for {} from {made_from}",
                job.input.version,
                short(*owner)
            )
        });
    }
}

/// The oldest output of a job that a check of S3 must find: its key, and when it was written. Not one of an attempt before the
/// job was run again, nor one that cannot be read.
fn findable_output(bucket: &SimulatedBucket, job: &Job) -> Option<(String, u64)> {
    let recorded = job
        .attempts
        .iter()
        .filter(|record| record.attempt > job.earlier_result())
        .filter_map(|record| Some(record.output.as_ref()?.key.clone()));
    let prefix = format!("outbound/{}/{}/", job.pipeline, job.id);
    let is_earlier = |key: &String| {
        let mut earlier = (1..=job.earlier_result().0).map(|number| format!("{prefix}a{number}/"));
        earlier.any(|of_attempt| key.starts_with(&of_attempt))
    };
    let listed = bucket.list(&prefix).into_iter();
    recorded
        .chain(listed.filter(|key| !is_earlier(key)))
        .filter_map(|key| {
            let (version, object) = bucket.current(&key)?;
            let at = version.at;
            object.sealed_at.is_none().then_some((key, at))
        })
        .min_by_key(|(_, at)| *at)
}
