//! What the caller can do about a job.

use super::{Action, Help, is_stalled};
use jobs::commands::{MAX_EQUAL_FAILURES, equal_failures};
use jobs::id::{Attempt, Timestamp};
use jobs::job::Job;
use jobs::state::{Cause, Failure, State};

pub(super) fn help(job: &Job, now: Timestamp) -> Vec<Help> {
    let help = |action: Action, why: &str| Help {
        action,
        why: why.to_owned(),
    };
    let cancel = help(
        Action::Cancel,
        "cancels the job; SageMaker finishes a running request, and its result is ignored",
    );
    if is_stalled(&job.state, now) {
        return vec![
            help(
                Action::Operate,
                "check the alarms reconciler-silent and checks-dead-letters: overdue jobs are not being checked",
            ),
            cancel,
        ];
    }
    match &job.state {
        State::Submitting { .. } | State::InProgress { .. } => vec![cancel],
        State::RetryScheduled { .. } => match job.failure().map(|failure| failure.cause) {
            Some(Cause::Refused) => vec![
                help(
                    Action::Operate,
                    "find out why the endpoint refuses requests: check its status, quota and alarms",
                ),
                cancel,
            ],
            Some(_) | None => vec![cancel],
        },
        State::Ready { .. } => vec![help(Action::Result, "download the result")],
        State::Cancelled { .. } => vec![help(
            Action::Upload,
            "a cancelled job cannot be retried; uploading the document again creates a new job",
        )],
        State::Erased { .. } => vec![help(
            Action::Upload,
            "the job's data was deleted; uploading the document again creates a new job",
        )],
        State::Failed { attempt, failure } => {
            let poisoned = equal_failures(job) >= MAX_EQUAL_FAILURES;
            help_failed(*attempt, failure)
                .into_iter()
                .map(|(action, why)| match action {
                    Action::Retry if poisoned => help(
                        action,
                        "the job has repeated the same failure; support can force a retry (--force) after the model or the endpoint was fixed",
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
    const NO_ATTEMPTS_LEFT: &str = "the job has used the maximum number of attempts; uploading the document again creates a new job";
    if attempt >= Attempt::MAX {
        return vec![(Action::Upload, NO_ATTEMPTS_LEFT)];
    }
    match failure.cause {
        Cause::InvalidInput => vec![(Action::Upload, "upload a valid document")],
        Cause::Superseded => vec![],
        Cause::ModelRejected => vec![
            (
                Action::Upload,
                "change the document as the model's message says, or upload another one",
            ),
            (Action::Retry, "helps only after the model was changed"),
        ],
        Cause::PipelineGone => vec![(
            Action::Operate,
            "restore the pipeline; the job cannot be retried before",
        )],
        Cause::Expired | Cause::Refused => vec![
            (
                Action::Operate,
                "check that the endpoint has instances and accepts requests",
            ),
            (Action::Retry, "helps once the endpoint accepts requests"),
        ],
        Cause::ModelError | Cause::TimedOut | Cause::Lost | Cause::Unknown => {
            vec![(Action::Retry, "another attempt may succeed")]
        }
    }
}
