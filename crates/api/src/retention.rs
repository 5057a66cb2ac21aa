//! Until when S3 keeps a job's document and result, and what that means for people.

use crate::explain::{Explanation, ExplanationStep, JobAction, SuggestedAction};
use jobs::id::Timestamp;
use jobs::job::Job;
use jobs::pipeline::Pipelines;
use jobs::state::{State, StatusGroup};

const DAY_MS: u64 = 86_400_000;

/// When S3 deletes the objects of a job, at the earliest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeptUntil {
    pub(crate) document: Option<u64>,
    /// Absent without a result.
    pub(crate) result: Option<u64>,
}

/// S3 counts days from an object's creation and rounds up to the next midnight UTC (user guide, "Expiring objects"). The document
/// was created before its job, by seconds, or by hours if its event was lost.
pub(crate) fn kept_until(job: &Job, pipelines: &Pipelines) -> KeptUntil {
    let Some(pipeline) = pipelines.get(&job.pipeline).filter(|_| !job.is_erased()) else {
        return KeptUntil::default();
    };
    let days = pipeline.retention_days;
    let expiry =
        |from: Timestamp, days: u16| (from.0 + u64::from(days) * DAY_MS).div_ceil(DAY_MS) * DAY_MS;
    let newest = job.results().last();
    KeptUntil {
        document: Some(expiry(job.created_at, days.input)),
        result: newest
            .map(|(record, _)| expiry(record.closed_at.unwrap_or(job.updated_at), days.output)),
    }
}

/// Whether the retention time of a job's document is over.
pub(crate) fn is_document_expired(job: &Job, pipelines: &Pipelines, now: Timestamp) -> bool {
    let kept = kept_until(job, pipelines);
    kept.document.is_some_and(|at| at <= now.0)
}

/// Says what is gone and since when, and takes back advice that needs it.
pub(crate) fn explain_what_is_gone(
    explanation: &mut Explanation,
    job: &Job,
    kept: KeptUntil,
    now: Timestamp,
) {
    let is_past = |at: Option<u64>| at.is_some_and(|at| at <= now.0);
    let ends = [(kept.document, "document"), (kept.result, "result")];
    for (at, what) in ends {
        if let Some(at) = at.filter(|at| *at <= now.0) {
            explanation.timeline.push(ExplanationStep {
                at,
                what: format!("the retention time of the {what} ended, and it was deleted"),
                actor: None,
                reason: None,
            });
        }
    }
    explanation.timeline.sort_by_key(|step| step.at);
    if is_past(kept.result) && matches!(job.state, State::Ready { .. }) {
        explanation.summary = format!(
            "{}; the retention time of the result is over, so it was deleted",
            explanation.summary
        );
        explanation
            .help
            .retain(|help| help.action != JobAction::Result);
    }
    if is_past(kept.document) && job.state.status_group() == StatusGroup::Failed {
        explanation
            .help
            .retain(|help| help.action != JobAction::Retry);
        explanation.help.push(SuggestedAction {
            action: JobAction::Upload,
            why: "the retention time of the document is over, so it was deleted, and another attempt would find nothing; upload it again"
                .to_owned(),
        });
    }
}
