//! A job in plain words: where it stands, what it waits for, what happens next by itself, and what would help.
//!
//! A pure function of the row and the time. It says only what the row knows: SageMaker does not tell whether a request
//! still waits or already runs, and neither does this. Times stay numbers, for the reader's own clock and zone.

use serde::{Deserialize, Serialize};

use jobs::commands::{POISON, equal_failures};
use jobs::event::EventKind;
use jobs::id::{Attempt, Timestamp};
use jobs::job::{AttemptRecord, HistoryEntry, Job};
use jobs::state::{Cause, Failure, RetryBudget, State};

/// A job that is this much past the time at which somebody had to look is stalled: the reconciler comes every five
/// minutes, its message takes seconds, and a message that failed once comes back after six minutes. In milliseconds.
const STALLED_AFTER_MS: u64 = 15 * 60 * 1000;

/// What people are told about a job. All times are milliseconds since 1970 UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Explanation {
    /// Where it stands, in a sentence.
    pub summary: String,
    /// What it waits for; none once it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
    /// What happens by itself if nothing else does, soonest first.
    pub next: Vec<Step>,
    /// What happened, oldest first.
    pub timeline: Vec<Step>,
    /// What a person can do now that helps.
    pub help: Vec<Help>,
}

/// What an open job waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Waiting {
    /// A word for it, for programs.
    pub on: WaitsOn,
    /// Since when.
    pub since: u64,
}

/// What an open job can wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum WaitsOn {
    /// The file has been announced and has not arrived.
    Upload,
    /// The call of the endpoint is being made.
    Submission,
    /// The endpoint has the request; it waits there or runs.
    Endpoint,
    /// The next attempt is not due yet.
    Retry,
    /// Somebody should have looked, and nobody has.
    Stalled,
}

/// Something that happened, or will.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Step {
    /// When; for what is to come, at the latest.
    pub at: u64,
    /// What, in a sentence.
    pub what: String,
    /// Who did it, if it was a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// Why, in that person's words. Text, never markup.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Something that a person can do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Help {
    /// A word for it, for programs.
    pub action: Action,
    /// Why it helps, or what to know before.
    pub why: String,
}

/// What a person can do about a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Have it run once more.
    Retry,
    /// Give it up.
    Cancel,
    /// Fetch the result.
    Result,
    /// Upload the document again, perhaps another one.
    Upload,
    /// Look after the service itself: the alarms, the endpoint.
    Operate,
}

/// Explains a job as of `now`.
pub fn explain(job: &Job, now: Timestamp) -> Explanation {
    Explanation {
        summary: summary(job, now),
        waiting: waiting(job, now),
        next: next(job, now),
        timeline: job.history.iter().map(|entry| past(job, entry)).collect(),
        help: help(job, now),
    }
}

/// Whether somebody should have looked at a job by `now`, and nobody has.
pub fn is_stalled(state: &State, now: Timestamp) -> bool {
    state
        .check_deadline()
        .is_some_and(|next_check_at| now.0 > next_check_at.0 + STALLED_AFTER_MS)
}

fn summary(job: &Job, now: Timestamp) -> String {
    if is_stalled(&job.state, now) {
        return "stalled: it should have been looked at, and nobody has".to_owned();
    }
    match &job.state {
        State::Submitting { attempt, .. } => {
            format!("attempt {attempt} is being handed to the endpoint")
        }
        State::InProgress { attempt, .. } => format!(
            "the endpoint has attempt {attempt}; it waits for an instance or runs, which SageMaker does not tell"
        ),
        State::RetryScheduled { next, .. } => match job.failure() {
            Some(failure) if failure.cause == Cause::Refused => format!(
                "the endpoint did not take attempt {next}, which is offered again: {}",
                failure.detail
            ),
            Some(failure) => format!(
                "attempt {next} is scheduled; the last one failed, since {}",
                words(failure)
            ),
            None => format!("attempt {next} is scheduled"),
        },
        State::Ready { attempt } if job.corrected => format!(
            "ready, by attempt {attempt}: its result came after the job had been announced as failed"
        ),
        State::Ready { attempt } => format!("ready, by attempt {attempt}"),
        State::Failed { failure, .. } => format!("failed, since {}", words(failure)),
        State::Cancelled { .. } => {
            "canceled; if the endpoint still answers, its answer is dropped".to_owned()
        }
    }
}

/// What a failure was, to stand after "since", with what was said about it.
fn words(failure: &Failure) -> String {
    let words = match failure.cause {
        Cause::InvalidInput => "the document cannot be processed by anyone",
        Cause::Superseded => "a newer version of the document took over",
        Cause::ModelRejected => "the model will not take this document",
        Cause::ModelError => "the model broke down over it",
        Cause::TimedOut => "the model did not answer in time",
        Cause::Expired => "the request waited in the endpoint's queue for too long",
        Cause::Lost => {
            "nothing was heard of it by its deadline, and neither a result nor a failure was found"
        }
        Cause::PipelineGone => "the pipeline no longer takes documents",
        Cause::Refused => "the endpoint did not take the request",
        Cause::Unknown => "the endpoint reported a failure of an unknown kind",
    };
    if failure.detail.is_empty() {
        words.to_owned()
    } else {
        format!("{words}: {}", failure.detail)
    }
}

fn waiting(job: &Job, now: Timestamp) -> Option<Waiting> {
    let (on, since) = match &job.state {
        State::Submitting { .. } => (WaitsOn::Submission, job.updated_at),
        State::InProgress { .. } => (WaitsOn::Endpoint, job.updated_at),
        State::RetryScheduled { .. } => (WaitsOn::Retry, job.updated_at),
        State::Ready { .. } | State::Failed { .. } | State::Cancelled { .. } => return None,
    };
    let stalled = job
        .state
        .check_deadline()
        .filter(|_| is_stalled(&job.state, now));
    Some(match stalled {
        Some(next_check_at) => Waiting {
            on: WaitsOn::Stalled,
            since: next_check_at.0,
        },
        None => Waiting { on, since: since.0 },
    })
}

fn next(job: &Job, now: Timestamp) -> Vec<Step> {
    let step = |at: Timestamp, what: String| Step {
        at: at.0,
        what,
        actor: None,
        reason: None,
    };
    let look = |deadline: Timestamp, budget: &RetryBudget, attempt: Attempt| {
        let then = if attempt < budget.last_attempt && !is_too_late(job, deadline, budget) {
            "if there is none, another attempt is made"
        } else {
            "if there is none, the job fails"
        };
        step(
            deadline,
            format!(
                "S3 is searched for a result now and again, and then for the last time; {then}"
            ),
        )
    };
    if is_stalled(&job.state, now) {
        let what = match job.state {
            State::RetryScheduled { next, .. } => format!("attempt {next} is handed over"),
            State::Submitting { .. }
            | State::InProgress { .. }
            | State::Ready { .. }
            | State::Failed { .. }
            | State::Cancelled { .. } => "S3 is searched for a result".to_owned(),
        };
        let again = format!("{what} as soon as jobs are looked after again");
        return vec![step(now, again)];
    }
    match &job.state {
        State::Submitting {
            attempt,
            lease_expires_at,
            deadline,
            budget,
            ..
        } => vec![
            step(
                (*lease_expires_at).max(now),
                "if the call was never answered, it is made again".to_owned(),
            ),
            look(*deadline, budget, *attempt),
        ],
        State::InProgress {
            attempt,
            deadline,
            budget,
        } => vec![look(*deadline, budget, *attempt)],
        State::RetryScheduled { next, due, budget } => vec![
            step(*due, format!("attempt {next} is handed to the endpoint")),
            step(budget.expires_at, "the job has ended by then".to_owned()),
        ],
        State::Ready { .. } | State::Failed { .. } | State::Cancelled { .. } => job
            .expires_at
            .map(|at| step(at, "this record may be deleted".to_owned()))
            .into_iter()
            .collect(),
    }
}

/// Whether an attempt that begins at the deadline of this one could end after the job's bound.
fn is_too_late(job: &Job, deadline: Timestamp, budget: &RetryBudget) -> bool {
    deadline.0 + u64::from(job.policy.attempt_seconds) * 1000 > budget.expires_at.0
}

fn past(job: &Job, entry: &HistoryEntry) -> Step {
    let closed = job
        .attempts
        .iter()
        .find(|record| record.closed_at == Some(entry.at));
    let started = job
        .attempts
        .iter()
        .find(|record| record.started_at == entry.at);
    Step {
        at: entry.at.0,
        what: past_words(&entry.event, closed, started),
        actor: entry.actor.clone(),
        reason: entry.reason.clone(),
    }
}

fn past_words(
    event: &EventKind,
    closed: Option<&AttemptRecord>,
    started: Option<&AttemptRecord>,
) -> String {
    let failed = |record: &AttemptRecord| {
        let failure = record.failure.as_ref();
        let why = failure.map_or_else(String::new, |failure| format!(", since {}", words(failure)));
        format!("attempt {} failed{why}", record.attempt)
    };
    match (event, closed, started) {
        (EventKind::Uploaded, ..) => "the upload was announced".to_owned(),
        (EventKind::Accepted, ..) => "the endpoint took the request".to_owned(),
        (EventKind::SubmitFailed, Some(record), _) => format!(
            "the endpoint did not take attempt {}{}",
            record.attempt,
            record
                .failure
                .as_ref()
                .map_or_else(String::new, |failure| format!(": {}", failure.detail))
        ),
        (EventKind::SubmitFailed, None, _) => "the endpoint did not take the request".to_owned(),
        (EventKind::Succeeded, Some(record), _) => {
            format!(
                "the endpoint reported the result of attempt {}",
                record.attempt
            )
        }
        (EventKind::AttemptFailed, Some(record), _) if record.failure.is_some() => failed(record),
        // It has a result since, or was made again.
        (EventKind::AttemptFailed, ..) => "an attempt failed".to_owned(),
        (EventKind::Succeeded, None, _) => "the endpoint reported a result".to_owned(),
        (EventKind::CheckDue, Some(record), _) if record.failure.is_some() => failed(record),
        (EventKind::CheckDue, Some(record), _) => {
            format!("the result of attempt {} was found in S3", record.attempt)
        }
        (EventKind::CheckDue, None, Some(record)) => {
            format!("attempt {} was begun", record.attempt)
        }
        (EventKind::CheckDue, None, None) => "the attempt was begun again".to_owned(),
        (EventKind::Overwritten, ..) => "a newer version of the document took over".to_owned(),
        (EventKind::Resubmit, ..) => "another run was asked for".to_owned(),
        (EventKind::Cancel, ..) => "it was given up".to_owned(),
        (EventKind::Erased, ..) => "its data was deleted".to_owned(),
        (EventKind::Other(name), ..) => name.clone(),
    }
}

fn help(job: &Job, now: Timestamp) -> Vec<Help> {
    let help = |action: Action, why: &str| Help {
        action,
        why: why.to_owned(),
    };
    let cancel = help(
        Action::Cancel,
        "gives it up; what runs at the endpoint runs on, and its result is dropped",
    );
    if is_stalled(&job.state, now) {
        return vec![
            help(
                Action::Operate,
                "see the alarms reconciler-silent and checks-dead-letters: jobs are not being looked after",
            ),
            cancel,
        ];
    }
    if job.is_erased() {
        return vec![help(
            Action::Upload,
            "its data was deleted; the document uploaded again is a new job",
        )];
    }
    match &job.state {
        State::Submitting { .. } | State::InProgress { .. } => vec![cancel],
        State::RetryScheduled { .. } => match job.failure().map(|failure| failure.cause) {
            Some(Cause::Refused) => vec![
                help(
                    Action::Operate,
                    "see why the endpoint takes no requests: its status, its quota, its alarms",
                ),
                cancel,
            ],
            Some(_) | None => vec![cancel],
        },
        State::Ready { .. } => vec![help(Action::Result, "the result is there")],
        State::Cancelled { .. } => vec![help(
            Action::Upload,
            "a canceled job stays canceled; the same document uploaded again is a new job",
        )],
        State::Failed { attempt, failure } => {
            let poisoned = equal_failures(job) >= POISON;
            help_failed(*attempt, failure)
                .into_iter()
                .map(|(action, why)| match action {
                    Action::Retry if poisoned => help(
                        action,
                        "it has failed the same way again and again: support may insist (--force), after the model or the endpoint was changed",
                    ),
                    Action::Retry
                    | Action::Cancel
                    | Action::Result
                    | Action::Upload
                    | Action::Operate => help(action, why),
                })
                .collect()
        }
    }
}

fn help_failed(attempt: Attempt, failure: &Failure) -> Vec<(Action, &'static str)> {
    const AGAIN: &str = "it has used all attempts of its life; uploaded again it is a new job";
    if attempt >= Attempt::MAX {
        return vec![(Action::Upload, AGAIN)];
    }
    match failure.cause {
        Cause::InvalidInput => vec![(Action::Upload, "upload a document that can be read")],
        Cause::Superseded => vec![],
        Cause::ModelRejected => vec![
            (
                Action::Upload,
                "the model says what it does not take; another document may do",
            ),
            (Action::Retry, "helps only after the model was changed"),
        ],
        Cause::PipelineGone => vec![(
            Action::Operate,
            "put the pipeline back; only then can it be retried",
        )],
        Cause::Expired | Cause::Refused => vec![
            (
                Action::Operate,
                "see that the endpoint has instances and takes requests",
            ),
            (Action::Retry, "helps once it does"),
        ],
        Cause::ModelError | Cause::TimedOut | Cause::Lost | Cause::Unknown => {
            vec![(Action::Retry, "another attempt may work")]
        }
    }
}
