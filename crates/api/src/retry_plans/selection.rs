//! Which jobs a plan takes.

use crate::ApiError;
use crate::job_list::has_label;
use crate::types::{NewRetryPlan, RetryPlanFilter};
use jobs::commands::may_be_retried;
use jobs::id::{Attempt, Timestamp};
use jobs::job::Job;
use jobs::labels::Labels;
use jobs::lane::Lane;
use jobs::model_version::ModelVersion;
use jobs::state::State;

pub(super) fn cause(job: &Job) -> &'static str {
    job.failure().map_or("", |failure| failure.cause.name())
}

/// Whether a plan takes a job: what it does to jobs is possible, and its filter matches.
pub(super) fn is_selected(job: &Job, request: &NewRetryPlan) -> bool {
    let (is_possible, at) = if request.run_again {
        (may_be_run_again(job), job.updated_at)
    } else if request.cancel {
        (may_be_cancelled(job), job.created_at)
    } else {
        (may_be_retried(job), job.updated_at)
    };
    is_possible && matches(job, at, &request.filter)
}

/// `at` is the time that the filter is about.
fn matches(job: &Job, at: Timestamp, filter: &RetryPlanFilter) -> bool {
    let equals = |filter: &Option<String>, value: &str| {
        filter.as_deref().is_none_or(|wanted| wanted == value)
    };
    let labels = &job.input.labels;
    equals(&filter.pipeline, &job.pipeline)
        && (filter.cause.is_none() || equals(&filter.cause, cause(job)))
        && filter
            .model
            .as_deref()
            .is_none_or(|wanted| is_by_model(job, wanted))
        && has_label(filter.batch.as_deref(), labels.batch.as_deref())
        && has_label(filter.reference.as_deref(), labels.reference.as_deref())
        && filter.tag.as_deref().is_none_or(|tag| has_tag(labels, tag))
        && filter.lane.is_none_or(|lane| lane == labels.lane)
        && filter.since.is_none_or(|since| at.0 >= since)
        && filter.until.is_none_or(|until| at.0 < until)
}

/// # Errors
/// If no document can have such a tag.
pub(super) fn check_tag(tag: &str) -> Result<(), ApiError> {
    let (name, value) = tag
        .split_once('=')
        .ok_or_else(|| ApiError::BadRequest("write the filter's tag as name=value".to_owned()))?;
    let tags = [(name.to_owned(), value.to_owned())];
    Labels::new(None, None, &tags, Lane::Standard)
        .map(drop)
        .map_err(|invalid| ApiError::BadRequest(format!("the filter's {invalid}")))
}

fn has_tag(labels: &Labels, tag: &str) -> bool {
    let Some((name, value)) = tag.split_once('=') else {
        return false;
    };
    has_label(Some(value), labels.tags.get(name))
}

/// Whether another run of a ready job is possible.
fn may_be_run_again(job: &Job) -> bool {
    matches!(job.state, State::Ready { .. }) && job.newest_attempt() < Attempt::MAX
}

/// Whether a job is open and has no earlier result. One that is run again cannot be cancelled.
pub(super) fn may_be_cancelled(job: &Job) -> bool {
    job.state.is_open() && job.earlier_result() == Attempt::NONE
}

pub(super) const fn is_at_endpoint(job: &Job) -> bool {
    matches!(
        job.state,
        State::Submitting { .. } | State::InProgress { .. }
    )
}

/// The model of a job's result.
pub(super) fn model(job: &Job) -> Option<&ModelVersion> {
    let record = job.attempt(job.state.attempt())?;
    Some(&record.model.as_ref()?.version)
}

/// Whether a job's result is, or may be, by a model: an endpoint configuration, with or without its digest.
fn is_by_model(job: &Job, wanted: &str) -> bool {
    let record = job.attempt(job.state.attempt());
    let Some(model) = record.and_then(|record| record.model.as_ref()) else {
        return false;
    };
    let mut versions = [Some(&model.version), model.other.as_ref()]
        .into_iter()
        .flatten();
    versions.any(|version| {
        let version = version.to_string();
        version == wanted
            || version
                .split_once('@')
                .is_some_and(|(config, _)| config == wanted)
    })
}
