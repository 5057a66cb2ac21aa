//! What the caller can do about a job.

use super::{JobAction, SuggestedAction, is_stalled};
use jobs::commands::{MAX_EQUAL_FAILURES, equal_failures};
use jobs::id::{Attempt, Timestamp};
use jobs::job::Job;
use jobs::state::{Cause, Failure, State};

pub(super) fn help(job: &Job, now: Timestamp) -> Vec<SuggestedAction> {
    let mut actions = help_in_state(job, now);
    if job.earlier_result() != Attempt::NONE {
        actions.retain(|one| one.action != JobAction::Cancel);
        actions.push(SuggestedAction {
            action: JobAction::Result,
            why: "download the earlier result".to_owned(),
        });
    }
    actions
}

fn help_in_state(job: &Job, now: Timestamp) -> Vec<SuggestedAction> {
    let help = |action: JobAction, why: &str| SuggestedAction {
        action,
        why: why.to_owned(),
    };
    let cancel = help(
        JobAction::Cancel,
        "cancels the job; SageMaker finishes a running request, and its result is ignored",
    );
    if is_stalled(&job.state, now) {
        return vec![
            help(
                JobAction::Operate,
                "check the alarms reconciler-silent and checks-dead-letters: overdue jobs are not being checked",
            ),
            cancel,
        ];
    }
    match &job.state {
        State::Queued {
            start_by: Some(_), ..
        } => vec![
            help(
                JobAction::Operate,
                "find out why the endpoint refuses or fails every document: check its status, its log and its alarms",
            ),
            help(
                JobAction::Cancel,
                "cancels the job before anything more of it runs",
            ),
        ],
        State::Queued { .. } => vec![help(
            JobAction::Cancel,
            "cancels the job before anything of it runs",
        )],
        State::Submitting { .. } | State::InProgress { .. } => vec![cancel],
        State::RetryScheduled { .. } => match job.failure().map(|failure| failure.cause) {
            Some(Cause::Refused) => vec![
                help(
                    JobAction::Operate,
                    "find out why the endpoint refuses requests: check its status, quota and alarms",
                ),
                cancel,
            ],
            Some(_) | None => vec![cancel],
        },
        State::Ready { .. } => vec![help(JobAction::Result, "download the result")],
        State::Cancelled { .. } => vec![help(
            JobAction::Upload,
            "a cancelled job cannot be retried; uploading the document again creates a new job",
        )],
        State::Erased { .. } => vec![help(
            JobAction::Upload,
            "the job's data was deleted; uploading the document again creates a new job",
        )],
        State::Failed { attempt, failure } => {
            let poisoned = equal_failures(job) >= MAX_EQUAL_FAILURES;
            help_failed(*attempt, failure)
                .into_iter()
                .map(|(action, why)| match action {
                    JobAction::Retry if poisoned => help(
                        action,
                        "the job has repeated the same failure; support can force a retry (--force) after the model or the endpoint was fixed",
                    ),
                    JobAction::Retry
                    | JobAction::Cancel
                    | JobAction::Result
                    | JobAction::Upload
                    | JobAction::Operate => help(action, why),
                })
                .collect()
        }
    }
}

fn help_failed(attempt: Attempt, failure: &Failure) -> Vec<(JobAction, &'static str)> {
    const NO_ATTEMPTS_LEFT: &str = "the job has used the maximum number of attempts; uploading the document again creates a new job";
    if attempt >= Attempt::MAX {
        return vec![(JobAction::Upload, NO_ATTEMPTS_LEFT)];
    }
    match failure.cause {
        Cause::InvalidInput => vec![(JobAction::Upload, "upload a valid document")],
        Cause::Superseded => vec![],
        Cause::ModelRejected => vec![
            (
                JobAction::Upload,
                "change the document as the model's message says, or upload another one",
            ),
            (JobAction::Retry, "helps only after the model was changed"),
        ],
        Cause::Unprocessable => vec![
            (
                JobAction::Upload,
                "change the document, such as by splitting or printing it again, and upload that",
            ),
            (JobAction::Retry, "helps only after the model was changed"),
        ],
        Cause::PipelineGone => vec![(
            JobAction::Operate,
            "restore the pipeline; the job cannot be retried before",
        )],
        Cause::Expired | Cause::Refused | Cause::EndpointDown => vec![
            (
                JobAction::Operate,
                "check that the endpoint has instances and accepts requests",
            ),
            (JobAction::Retry, "helps once the endpoint accepts requests"),
        ],
        Cause::ModelError | Cause::TimedOut | Cause::Lost | Cause::Unknown => {
            vec![(JobAction::Retry, "another attempt may succeed")]
        }
    }
}
