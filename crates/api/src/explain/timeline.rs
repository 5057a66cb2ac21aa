//! What has happened to a job.

use super::{ExplanationStep, describe};
use jobs::event::EventKind;
use jobs::job::{AttemptRecord, HistoryEntry, Job};

pub(super) fn timeline(job: &Job) -> Vec<ExplanationStep> {
    let mut steps: Vec<ExplanationStep> = Vec::new();
    for entry in &job.history {
        steps.push(past(job, entry));
        // The first entry is the upload.
        if steps.len() == 1 {
            steps.extend(job.input.labels.invalid_labels().map(|invalid| {
                let field = invalid.field.name();
                ExplanationStep {
                    at: job.created_at.0,
                    what: format!("warning: the object's metadata x-amz-meta-docket-{field} was not used: {invalid}"),
                    actor: None,
                    reason: None,
                }
            }));
        }
    }
    steps
}

fn past(job: &Job, entry: &HistoryEntry) -> ExplanationStep {
    let closed = job
        .attempts
        .iter()
        .find(|record| record.closed_at == Some(entry.at));
    let started = job
        .attempts
        .iter()
        .find(|record| record.started_at == entry.at);
    ExplanationStep {
        at: entry.at.0,
        what: describe_event(&entry.event, closed, started),
        actor: entry.actor.clone(),
        reason: entry.reason.clone(),
    }
}

fn describe_event(
    event: &EventKind,
    closed: Option<&AttemptRecord>,
    started: Option<&AttemptRecord>,
) -> String {
    let failed = |record: &AttemptRecord| {
        let failure = record.failure.as_ref();
        let why = failure.map_or_else(String::new, |failure| format!(": {}", describe(failure)));
        format!("attempt {} failed{why}", record.attempt)
    };
    match (event, closed, started) {
        (EventKind::Uploaded, ..) => "the service received the upload event".to_owned(),
        (EventKind::Accepted, ..) => "the endpoint accepted the request".to_owned(),
        (EventKind::SubmitFailed, Some(record), _) => format!(
            "the endpoint refused attempt {}{}",
            record.attempt,
            record
                .failure
                .as_ref()
                .map_or_else(String::new, |failure| format!(": {}", failure.detail))
        ),
        (EventKind::SubmitFailed, None, _) => "the endpoint refused the request".to_owned(),
        (EventKind::Succeeded, Some(record), _) => {
            format!(
                "the endpoint reported the result of attempt {}",
                record.attempt
            )
        }
        (EventKind::AttemptFailed, Some(record), _) if record.failure.is_some() => failed(record),
        // The attempt has a result by now, or was sent again.
        (EventKind::AttemptFailed, ..) => "an attempt failed".to_owned(),
        (EventKind::Succeeded, None, _) => "the endpoint reported a result".to_owned(),
        (EventKind::CheckDue, Some(record), _) if record.failure.is_some() => failed(record),
        (EventKind::CheckDue, Some(record), _) => {
            format!("the result of attempt {} was found in S3", record.attempt)
        }
        (EventKind::CheckDue, None, Some(record)) => {
            format!("attempt {} was sent to the endpoint", record.attempt)
        }
        (EventKind::CheckDue, None, None) => "an attempt was sent to the endpoint".to_owned(),
        (EventKind::Held, ..) => {
            "the next attempt was due while the pipeline or the tenant was paused".to_owned()
        }
        (EventKind::Overwritten, ..) => "a newer version of the document was uploaded".to_owned(),
        (EventKind::Retry, ..) => "a retry was requested".to_owned(),
        (EventKind::RunAgain, ..) => {
            "another run was requested; the result before it stays".to_owned()
        }
        (EventKind::Urgent, ..) => {
            "the job was made urgent: it starts before the others of its pipeline".to_owned()
        }
        (EventKind::Cancel, ..) => "the job was cancelled".to_owned(),
        (EventKind::Erase, ..) => "the job's data was deleted".to_owned(),
        // An event that this release does not know.
        (EventKind::Other(name), ..) => name.clone(),
    }
}
