//! Until when a job's document and result are kept, and what that means for people.
//!
//! S3 deletes them after the time that the pipeline says. A tenant may have a shorter retention: then [`delete_due`] deletes the
//! data of its jobs, as a person can.

mod deletion;

use crate::ApiError;
use crate::explain::{Explanation, ExplanationStep, JobAction, SuggestedAction};
pub use deletion::{RetentionReport, delete_due};
use jobs::id::Timestamp;
use jobs::job::Job;
use jobs::pipeline::{Pipeline, Pipelines};
use jobs::state::{State, StatusGroup};
use jobs::tenants::TenantRetention;

const DAY_MS: u64 = 86_400_000;
/// The data of a job is deleted at least this number of days before its row expires: only the row names its objects.
const ROW_MARGIN_DAYS: u16 = 7;

/// When the objects of a job are deleted, at the earliest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeptUntil {
    pub(crate) document: Option<u64>,
    /// Absent without a result.
    pub(crate) result: Option<u64>,
}

impl KeptUntil {
    /// If the tenant's retention deletes all data of the job at a time.
    pub(crate) fn or_until(self, at: Option<u64>) -> Self {
        let sooner = |kept: Option<u64>| kept.map(|kept| at.map_or(kept, |at| kept.min(at)));
        Self {
            document: sooner(self.document),
            result: sooner(self.result),
        }
    }
}

fn next_midnight(at: u64) -> u64 {
    at.div_ceil(DAY_MS) * DAY_MS
}

/// When S3 deletes the objects. It counts days from an object's creation and rounds up to the next midnight UTC (user guide,
/// "Expiring objects"). The document was created before its job, by seconds, or by hours if its event was lost.
pub(crate) fn kept_until(job: &Job, pipelines: &Pipelines) -> KeptUntil {
    let Some(pipeline) = pipelines.get(&job.pipeline).filter(|_| !job.is_erased()) else {
        return KeptUntil::default();
    };
    let days = pipeline.retention_days;
    let expiry = |from: Timestamp, days: u16| next_midnight(from.0 + u64::from(days) * DAY_MS);
    let newest = job.results().last();
    KeptUntil {
        document: Some(expiry(job.created_at, days.input)),
        result: newest
            .map(|(record, _)| expiry(record.closed_at.unwrap_or(job.updated_at), days.output)),
    }
}

/// From when on a retention deletes data: for a day it can be taken back.
pub(crate) fn begins_at(retention: TenantRetention) -> u64 {
    next_midnight(retention.set_at.0 + DAY_MS)
}

/// When the data of a job is deleted because of its tenant's retention: rounded up to midnight UTC, as S3 does. For an open job,
/// if it ended now. `None` if it is deleted already.
pub(crate) fn erased_at(job: &Job, retention: TenantRetention, now: Timestamp) -> Option<u64> {
    if job.is_erased() {
        return None;
    }
    let is_open = job.state.is_open();
    let ended_at = if is_open { now } else { job.updated_at };
    let due = next_midnight(ended_at.0 + u64::from(retention.days) * DAY_MS);
    Some(due.max(begins_at(retention)))
}

/// The longest retention that a tenant may have. A pipeline that is retired does not count: it takes no more documents.
///
/// # Errors
/// [`ApiError::BadRequest`] names the pipeline that keeps data for a shorter time.
pub(crate) fn check_days(days: u16, pipelines: &Pipelines) -> Result<(), ApiError> {
    let longest = |pipeline: &Pipeline| {
        let kept = pipeline.retention_days;
        let objects = kept.input.max(kept.output);
        objects.min(kept.row.saturating_sub(ROW_MARGIN_DAYS))
    };
    let used = pipelines.iter().filter(|pipeline| !pipeline.retired);
    let shortest = used
        .map(|pipeline| (longest(pipeline), &pipeline.name))
        .min();
    let Some((longest, pipeline)) = shortest.filter(|(longest, _)| *longest < days || days == 0)
    else {
        return Ok(());
    };
    Err(ApiError::BadRequest(match longest {
        0 => format!(
            "pipeline {pipeline} keeps the records of jobs for less than {} days, which is too short for a retention of tenants",
            ROW_MARGIN_DAYS + 1
        ),
        _ => format!(
            "{days} days: the retention of a tenant can only be shorter than that of the pipelines, and pipeline {pipeline} keeps data for {longest} days; give 1 to {longest} days"
        ),
    }))
}

/// What the retention is, for people.
pub(crate) fn describe(retention: TenantRetention) -> String {
    match retention.days {
        1 => "the tenant's retention is a day after a job's end".to_owned(),
        days => format!("the tenant's retention is {days} days after a job's end"),
    }
}

/// Says when the tenant's retention deletes the data of a job.
pub(crate) fn explain_retention(
    explanation: &mut Explanation,
    job: &Job,
    retention: Option<TenantRetention>,
    now: Timestamp,
) -> Option<u64> {
    let retention = retention?;
    let at = erased_at(job, retention, now)?;
    let why = describe(retention);
    explanation.next.push(ExplanationStep {
        at,
        what: if job.state.is_open() {
            format!("at the earliest, document and result are deleted: {why}")
        } else {
            format!("within the hour, document, result and names are deleted: {why}")
        },
        actor: None,
        reason: None,
    });
    Some(at)
}

/// Says when S3 deletes document and result, unless the tenant's retention deletes them sooner.
pub(crate) fn explain_future_deletions(
    explanation: &mut Explanation,
    by_s3: KeptUntil,
    by_tenant: Option<u64>,
    now: Timestamp,
) {
    let ends = [(by_s3.document, "document"), (by_s3.result, "result")];
    for (at, what) in ends {
        let is_next = |at: &u64| *at > now.0 && by_tenant.is_none_or(|sooner| *at < sooner);
        if let Some(at) = at.filter(is_next) {
            explanation.next.push(ExplanationStep {
                at,
                what: format!("the {what} is deleted"),
                actor: None,
                reason: None,
            });
        }
    }
    explanation.next.sort_by_key(|step| step.at);
}

/// Whether the retention time of a job's document is over.
pub(crate) fn is_document_expired(job: &Job, pipelines: &Pipelines, now: Timestamp) -> bool {
    let kept = kept_until(job, pipelines);
    kept.document.is_some_and(|at| at <= now.0)
}

/// Says what is gone and since when, and takes back advice that needs it.
pub(crate) fn explain_past_deletions(
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
