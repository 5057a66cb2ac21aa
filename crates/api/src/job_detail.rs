//! One job: all that is known about it, and its result.

use super::uploads::view;
use super::{ApiError, Principal};
use crate::explain::{Explanation, Waiting, WaitsOn, explain};
use crate::ports::ObjectTransfers;
use crate::types::{AttemptView, JobDetail, ResultView};
use jobs::id::{InferenceId, JobId};
use jobs::job::{AttemptRecord, Job};
use jobs::pipeline::Pipelines;
use jobs::ports::{Clock, JobStore, KeyValueStore, ObjectStore};
use jobs::state::State;
use jobs::trace::about;
use jobs::upload_session::intent;
use jobs::view::{FailureView, JobView};

/// A job that the person may see. One of somebody else's is as good as none.
///
/// # Errors
/// [`ApiError::NotFound`].
pub async fn seen<P: JobStore>(
    ports: &P,
    principal: &Principal,
    id: &str,
) -> Result<Job, ApiError> {
    // As people copy them.
    let id: JobId = id.to_lowercase().parse().map_err(|_| no_job(id))?;
    let job = ports.load(id).await?.filter(|job| principal.sees(job));
    let job = job.ok_or_else(|| no_job(&id.to_string()))?;
    about(&job);
    Ok(job)
}

fn no_job(id: &str) -> ApiError {
    let id: String = id.chars().take(80).collect();
    ApiError::NotFound(format!("there is no job {id:?}, or it is not yours"))
}

/// All about a job, or about the upload that it will be made from.
///
/// # Errors
/// If there is no such job, or it is somebody else's.
pub async fn show<P: JobStore + KeyValueStore + Clock>(
    ports: &P,
    principal: &Principal,
    id: &str,
) -> Result<JobDetail, ApiError> {
    let job = match seen(ports, principal, id).await {
        Ok(job) => job,
        Err(ApiError::NotFound(none)) => {
            return announced(ports, principal, id)
                .await?
                .ok_or(ApiError::NotFound(none));
        }
        Err(other) => return Err(other),
    };
    let trace = job.trace();
    Ok(JobDetail {
        job: Some(JobView::from(&job)),
        upload: None,
        explanation: explain(&job, ports.now()),
        attempts: job
            .attempts
            .iter()
            .map(|record| attempt(job.id, record))
            .collect(),
        input: format!("s3://{}/{}", job.input.bucket, job.input.key),
        input_version: Some(job.input.version),
        uploaded_by: job.input.uploaded_by,
        trace_id: Some(trace.to_string()),
        expires_at: job.expires_at.map(|at| at.0),
    })
}

fn attempt(job: JobId, record: &AttemptRecord) -> AttemptView {
    let inference = InferenceId {
        job,
        attempt: record.attempt,
    };
    AttemptView {
        attempt: record.attempt.0,
        inference_id: inference.to_string(),
        started_at: record.started_at.0,
        closed_at: record.closed_at.map(|at| at.0),
        output: record.output.as_ref().map(ToString::to_string),
        failure: record.failure.as_ref().map(FailureView::from),
    }
}

/// A job whose file has been announced and has not arrived.
async fn announced<P: KeyValueStore + Clock>(
    ports: &P,
    principal: &Principal,
    id: &str,
) -> Result<Option<JobDetail>, ApiError> {
    let Ok(id) = id.parse::<JobId>() else {
        return Ok(None);
    };
    let Some(intent) = intent(ports, id).await? else {
        return Ok(None);
    };
    let is_his =
        intent.uploaded_by == principal.actor && principal.tenant(Some(&intent.tenant)).is_ok();
    if !principal.is_support() && !is_his {
        return Ok(None);
    }
    let summary = if intent.expires_at <= ports.now() {
        "the file never arrived, and its upload can no longer be completed: announce it again"
    } else {
        "the file has not arrived yet; if its upload was just completed, this takes a few seconds"
    };
    Ok(Some(JobDetail {
        job: None,
        explanation: Explanation {
            summary: summary.to_owned(),
            waiting: Some(Waiting {
                on: WaitsOn::Upload,
                since: intent.created_at.0,
            }),
            next: vec![],
            timeline: vec![],
            help: vec![],
        },
        attempts: vec![],
        input: intent.location().to_string(),
        input_version: None,
        uploaded_by: Some(intent.uploaded_by.clone()),
        trace_id: None,
        expires_at: None,
        upload: Some(view(&intent)),
    }))
}

/// How to fetch a job's result.
///
/// # Errors
/// If there is none, or none any more.
pub async fn result<P: JobStore + ObjectStore + ObjectTransfers>(
    ports: &P,
    pipelines: &Pipelines,
    principal: &Principal,
    id: &str,
) -> Result<ResultView, ApiError> {
    let job = seen(ports, principal, id).await?;
    let (State::Ready { .. }, Some(output)) = (&job.state, job.output()) else {
        return Err(ApiError::NotReady(format!(
            "job {} is {}, there is no result",
            job.id,
            job.state.name()
        )));
    };
    let Some(head) = ports.head(output).await? else {
        return Err(ApiError::Gone(
            "the result has been deleted: its time was up, or somebody asked for it".to_owned(),
        ));
    };
    let (content_type, ending) = match pipelines.get(&job.pipeline) {
        Some(pipeline) => (pipeline.output.content_type(), pipeline.output.extension()),
        None => ("application/octet-stream", "out"),
    };
    let name = job.input.display_name();
    let ends = name
        .len()
        .checked_sub(4)
        .and_then(|at| name.split_at_checked(at));
    let stem = match ends {
        Some((stem, end)) if end.eq_ignore_ascii_case(".pdf") => stem,
        Some(_) | None => name,
    };
    let name = format!("{stem}.{ending}");
    Ok(ResultView {
        request: ports.sign_get(output, &name, content_type).await?,
        name,
        content_type: content_type.to_owned(),
        bytes: head.bytes,
    })
}
