//! Explains a job in plain English: its state, what it waits for, what happens next without intervention, and what the
//! caller can do.
//!
//! A pure function of the row and the time. It says only what the row knows; SageMaker does not tell whether a request is
//! queued or running. Times stay numbers, so that clients show them in the reader's time zone.

use serde::{Deserialize, Serialize};

use jobs::id::{Attempt, Timestamp};
use jobs::job::Job;
use jobs::model_version::AttemptModel;
use jobs::state::{Cause, Failure, State};
use jobs::view::ReadyByView;

mod help;
mod next;
mod timeline;

/// How long a job's check may be overdue before the job counts as stalled. The reconciler runs every 5 minutes, its
/// message takes seconds, and a message that failed once is delivered again after 6 minutes.
const STALLED_AFTER_MS: u64 = 15 * 60 * 1000;

/// Explanation of a job. All times are milliseconds since 1970 UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Explanation {
    /// The job's state, in a sentence.
    pub summary: String,
    /// Absent if the job is final.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<WaitingView>,
    /// When it will probably be ready. Absent if the job is final or its file is not uploaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_by: Option<ReadyByView>,
    /// What happens next without intervention, soonest first.
    pub next: Vec<ExplanationStep>,
    /// What has happened, oldest first.
    pub timeline: Vec<ExplanationStep>,
    /// What the caller can do now.
    pub help: Vec<SuggestedAction>,
}

/// What an open job waits for, and since when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WaitingView {
    pub on: WaitsOn,
    /// When the job began to wait for it.
    pub since: u64,
    /// Its place among the queued jobs of its tenant in its lane, in words, such as `12th of 40 in its organization's turn, next
    /// release in about 2 min`. Tenants take turns, so the place does not depend on what others queued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<String>,
}

/// What an open job can wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum WaitsOn {
    /// The file is not uploaded yet.
    Upload,
    /// The service is sending the request to the endpoint.
    Submission,
    /// The endpoint has accepted the request; it is queued or running there.
    Endpoint,
    /// The next attempt is scheduled.
    Retry,
    /// The pipeline or the tenant is paused.
    Pause,
    /// As many documents are at the endpoint as it can work on, and others are queued: it waits for its turn.
    Turn,
    /// The circuit breaker of the pipeline is open, or was until a moment ago: the endpoint refused or failed every document.
    Breaker,
    /// The job's check is more than 15 minutes overdue.
    Stalled,
}

/// An event in the past or in the future.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ExplanationStep {
    /// The time of the event; for a future event, the latest time.
    pub at: u64,
    /// What happened or will happen, in a sentence.
    pub what: String,
    /// Who did it, if it was a user's command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// The user's reason. Plain text. Escape it before you show it as HTML.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// An action that helps, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SuggestedAction {
    pub action: JobAction,
    /// Why the action helps, or what to consider first.
    pub why: String,
}

/// What a caller can do about a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum JobAction {
    /// Schedule another attempt.
    Retry,
    /// Cancel the job.
    Cancel,
    /// Download the result.
    Result,
    /// Upload the document again, or another one.
    Upload,
    /// Check the service itself: its alarms and the endpoint.
    Operate,
}

pub fn explain(job: &Job, now: Timestamp) -> Explanation {
    Explanation {
        summary: summary(job, now),
        waiting: waiting(job, now),
        ready_by: None,
        next: next::next(job, now),
        timeline: timeline::timeline(job),
        help: help::help(job, now),
    }
}

/// Whether a job's check is overdue by more than 15 minutes. A queued job waits for its turn, or for a pause to end.
pub fn is_stalled(state: &State, now: Timestamp) -> bool {
    !matches!(state, State::Queued { .. })
        && state
            .check_deadline()
            .is_some_and(|next_check_at| now.0 > next_check_at.0 + STALLED_AFTER_MS)
}

fn summary(job: &Job, now: Timestamp) -> String {
    let summary = summary_of_state(job, now);
    match job.earlier_result() {
        Attempt::NONE => summary,
        earlier => format!(
            "{summary}; the document is run again, and the result of attempt {earlier} can be read meanwhile"
        ),
    }
}

/// The summary of a queued job that only waits for its turn.
pub(crate) fn summary_of_turn(next: Attempt) -> String {
    format!(
        "waits in the service's queue: attempt {next} is sent to the endpoint when it is its turn; nothing of it is running"
    )
}

fn summary_of_state(job: &Job, now: Timestamp) -> String {
    if is_stalled(&job.state, now) {
        return "stalled: the job's next check is overdue".to_owned();
    }
    match &job.state {
        State::Queued {
            next,
            start_by: Some(_),
            ..
        } => format!(
            "waiting: attempt {next} is sent to the endpoint when the endpoint works again; nothing of it is queued or running"
        ),
        State::Queued { next, .. } => summary_of_turn(*next),
        State::Submitting { attempt, .. } => {
            format!("attempt {attempt} is being sent to the endpoint")
        }
        State::InProgress { attempt, .. } => format!(
            "the endpoint has accepted attempt {attempt}{}; the request is queued or running there",
            model(job, *attempt)
        ),
        State::RetryScheduled { next, .. } => match job.failure() {
            Some(failure) if failure.cause == Cause::Refused => format!(
                "the endpoint refused attempt {next}; the service will send it again: {}",
                failure.detail
            ),
            Some(failure) => format!(
                "attempt {next} is scheduled; the previous attempt failed: {}",
                describe(failure)
            ),
            None => format!("attempt {next} is scheduled"),
        },
        State::Ready { attempt } => {
            let corrected = if job.corrected {
                ": the result arrived after the job was reported as failed"
            } else {
                ""
            };
            format!(
                "ready (attempt {attempt}{}){corrected}{}",
                model(job, *attempt),
                unexpected_content_type(job, *attempt)
            )
        }
        State::Failed { failure, .. } => format!("failed: {}", describe(failure)),
        State::Cancelled { .. } if job.is_cancelled_without_run() => {
            "cancelled; nothing of it was queued or running at the endpoint".to_owned()
        }
        State::Cancelled { .. } => "cancelled; a result that arrives later is ignored".to_owned(),
        State::Erased { .. } => {
            "erased: the job's data was deleted; a result that arrives later is deleted too"
                .to_owned()
        }
    }
}

/// Which model answered, for a sentence.
fn model(job: &Job, attempt: Attempt) -> String {
    let record = job.attempt(attempt);
    match record.and_then(|record| record.model.as_ref()) {
        None => String::new(),
        Some(AttemptModel {
            version,
            other: Some(other),
            ..
        }) => format!(
            ", model {version} or {other}: the endpoint was updated while the attempt was open"
        ),
        Some(model) if model.uncertain => format!(
            ", probably model {}: the endpoint was being updated, or what it served was not known",
            model.version
        ),
        Some(model) => format!(", model {}", model.version),
    }
}

fn unexpected_content_type(job: &Job, attempt: Attempt) -> String {
    job.attempt(attempt)
        .and_then(|record| record.unexpected_content_type.as_ref())
        .map_or_else(String::new, |content_type| {
            format!(
                "; the model answered with {content_type}, which is not what the pipeline asks for"
            )
        })
}

/// A failure in plain English, with its detail.
fn describe(failure: &Failure) -> String {
    let text = match failure.cause {
        Cause::InvalidInput => "the document is invalid",
        Cause::Superseded => "a newer version of the document was uploaded",
        Cause::ModelRejected => "the model rejected the document",
        Cause::ModelError => "the model returned an error",
        Cause::TimedOut => "the model did not answer in time",
        Cause::Expired => "the request waited in the endpoint's queue for too long and expired",
        Cause::Lost => {
            "no notification arrived before the deadline, and S3 holds neither a result nor a failure"
        }
        Cause::PipelineGone => "the pipeline is no longer configured",
        Cause::Refused => "the endpoint refused the request",
        Cause::Unprocessable => {
            "the model failed on this document twice in the same way, and not on all others"
        }
        Cause::EndpointDown => "the endpoint failed every document, so this one used up no attempt",
        Cause::Unknown => "the endpoint reported an unknown failure",
    };
    // SageMaker's sentence has it already.
    let status = failure
        .container_status
        .filter(|status| !failure.detail.contains(&format!("({status})")))
        .filter(|status| !failure.detail.starts_with(&format!("HTTP {status}")))
        .map_or_else(String::new, |status| format!(" (HTTP {status})"));
    if failure.detail.is_empty() {
        format!("{text}{status}")
    } else {
        format!("{text}{status}: {}", failure.detail)
    }
}

fn waiting(job: &Job, now: Timestamp) -> Option<WaitingView> {
    let (on, since) = match &job.state {
        State::Queued {
            since,
            start_by: Some(_),
            ..
        } => (WaitsOn::Breaker, *since),
        State::Queued { since, .. } => (WaitsOn::Turn, *since),
        State::Submitting { .. } => (WaitsOn::Submission, job.updated_at),
        State::InProgress { .. } => (WaitsOn::Endpoint, job.updated_at),
        State::RetryScheduled { .. } => (WaitsOn::Retry, job.updated_at),
        State::Ready { .. }
        | State::Failed { .. }
        | State::Cancelled { .. }
        | State::Erased { .. } => return None,
    };
    let stalled = job
        .state
        .check_deadline()
        .filter(|_| is_stalled(&job.state, now));
    Some(match stalled {
        Some(next_check_at) => WaitingView {
            on: WaitsOn::Stalled,
            since: next_check_at.0,
            turn: None,
        },
        None => WaitingView {
            on,
            since: since.0,
            turn: None,
        },
    })
}
