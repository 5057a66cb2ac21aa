//! One job with its attempts and explanation, and the download of its result.

use super::uploads::upload_view;
use super::{ApiError, Principal, ready_by};
use crate::explain::{Explanation, WaitingView, WaitsOn, explain};
use crate::ports::{Disposition, Download, ObjectTransfers};
use crate::types::{AttemptView, DocumentView, JobDetail, ResultPathsView, ResultView};
use jobs::apply::RunContext;
use jobs::id::{InferenceId, JobId, Location};
use jobs::job::{AttemptRecord, Job};
use jobs::pipeline::ResultPaths;
use jobs::ports::{Clock, JobStore, KeyValueStore, ObjectStore};
use jobs::state::State;
use jobs::upload_session::find as find_upload_session;
use jobs::view::{FailureView, JobView};

const PDF: &str = "application/pdf";

/// Loads a job that the principal may see. For any other job the error is the same as for one that does not exist.
///
/// # Errors
/// [`ApiError::NotFound`].
pub async fn visible_job<P: JobStore>(
    ports: &P,
    run: &RunContext<'_>,
    principal: &Principal,
    id: &str,
) -> Result<Job, ApiError> {
    // Some programs copy UUIDs in capitals.
    let id: JobId = id.to_lowercase().parse().map_err(|_| no_job(id))?;
    let job = ports.load(id).await?.filter(|job| principal.sees(job));
    let job = job.ok_or_else(|| no_job(&id.to_string()))?;
    (run.on_job_found)(&job);
    Ok(job)
}

fn no_job(id: &str) -> ApiError {
    let id: String = id.chars().take(80).collect();
    ApiError::NotFound(format!(
        "there is no job {id:?}, or you have no access to it"
    ))
}

/// A job in full, or the upload session it will be created from.
///
/// # Errors
/// If there is no such job or the principal may not see it.
pub async fn show<P: JobStore + KeyValueStore + Clock>(
    ports: &P,
    run: &RunContext<'_>,
    principal: &Principal,
    id: &str,
) -> Result<JobDetail, ApiError> {
    let job = match visible_job(ports, run, principal, id).await {
        Ok(job) => job,
        Err(ApiError::NotFound(message)) => {
            return pending_upload(ports, principal, id)
                .await?
                .ok_or(ApiError::NotFound(message));
        }
        Err(other) => return Err(other),
    };
    let trace = job.trace();
    let mut views = vec![JobView::from(&job)];
    ready_by::add_estimates(ports, std::slice::from_ref(&job), &mut views).await;
    let view = views.pop();
    let explanation = Explanation {
        ready_by: view.as_ref().and_then(|view| view.ready_by.clone()),
        ..explain(&job, ports.now())
    };
    Ok(JobDetail {
        job: view,
        upload: None,
        explanation,
        attempts: job
            .attempts
            .iter()
            .map(|record| attempt_view(job.id, record))
            .collect(),
        input: if job.is_erased() {
            String::new()
        } else {
            format!("s3://{}/{}", job.input.bucket, job.input.key)
        },
        input_version: Some(job.input.version),
        uploaded_by: job.input.uploaded_by,
        trace_id: Some(trace.to_string()),
        expires_at: job.expires_at.map(|at| at.0),
    })
}

fn attempt_view(job: JobId, record: &AttemptRecord) -> AttemptView {
    let inference_id = InferenceId {
        job,
        attempt: record.attempt,
    };
    AttemptView {
        attempt: record.attempt.0,
        inference_id: inference_id.to_string(),
        started_at: record.started_at.0,
        closed_at: record.closed_at.map(|at| at.0),
        output: record.output.as_ref().map(ToString::to_string),
        failure: record.failure.as_ref().map(FailureView::from),
    }
}

/// A job whose upload session exists and whose file is not uploaded yet.
async fn pending_upload<P: KeyValueStore + Clock>(
    ports: &P,
    principal: &Principal,
    id: &str,
) -> Result<Option<JobDetail>, ApiError> {
    let Ok(id) = id.parse::<JobId>() else {
        return Ok(None);
    };
    let Some(session) = find_upload_session(ports, id).await? else {
        return Ok(None);
    };
    let is_uploader =
        session.uploaded_by == principal.actor && principal.tenant(Some(&session.tenant)).is_ok();
    if !principal.is_support() && !is_uploader {
        return Ok(None);
    }
    let summary = if session.expires_at <= ports.now() {
        "the file was never uploaded, and the upload session has expired; create a new upload"
    } else {
        "the file is not uploaded yet; after an upload is completed, it takes a few seconds until the job exists"
    };
    Ok(Some(JobDetail {
        job: None,
        explanation: Explanation {
            summary: summary.to_owned(),
            waiting: Some(WaitingView {
                on: WaitsOn::Upload,
                since: session.created_at.0,
            }),
            ready_by: None,
            next: vec![],
            timeline: vec![],
            help: vec![],
        },
        attempts: vec![],
        input: session.location().to_string(),
        input_version: None,
        uploaded_by: Some(session.uploaded_by.clone()),
        trace_id: None,
        expires_at: None,
        upload: Some(upload_view(&session)),
    }))
}

/// Signs the download of a job's result.
///
/// # Errors
/// If the job has no result, or the result was deleted.
pub async fn result<P: JobStore + ObjectStore + ObjectTransfers>(
    ports: &P,
    run: &RunContext<'_>,
    principal: &Principal,
    id: &str,
) -> Result<ResultView, ApiError> {
    let job = visible_job(ports, run, principal, id).await?;
    if job.is_erased() {
        return Err(ApiError::Gone("support deleted the job's data".to_owned()));
    }
    let (State::Ready { .. }, Some(output)) = (&job.state, job.output()) else {
        return Err(ApiError::NotReady(format!(
            "job {} is {} and has no result",
            job.id,
            job.state.name()
        )));
    };
    let Some(head) = ports.head(output).await? else {
        return Err(ApiError::Gone(
            "the result was deleted: its retention time is over".to_owned(),
        ));
    };
    let pipeline = run.pipelines.get(&job.pipeline);
    let (content_type, extension) = match pipeline {
        Some(pipeline) => (pipeline.output.content_type(), pipeline.output.extension()),
        None => ("application/octet-stream", "out"),
    };
    let name = result_name(&job.display_name(), extension);
    let download = Download {
        version: None,
        name: &name,
        content_type,
        disposition: Disposition::Attachment,
    };
    let request = ports.sign_get(output, &download).await?;
    let paths = pipeline.map(|pipeline| &pipeline.result_paths);
    Ok(ResultView {
        request,
        content_type: content_type.to_owned(),
        bytes: head.bytes,
        paths: paths
            .filter(|paths| **paths != ResultPaths::default())
            .map(ResultPathsView::from),
        name,
    })
}

/// Signs the download of a job's document: exactly the version that the job processes.
///
/// # Errors
/// If the document was deleted.
pub async fn document<P: JobStore + ObjectStore + ObjectTransfers>(
    ports: &P,
    run: &RunContext<'_>,
    principal: &Principal,
    id: &str,
) -> Result<DocumentView, ApiError> {
    let job = visible_job(ports, run, principal, id).await?;
    if job.is_erased() {
        return Err(ApiError::Gone("support deleted the job's data".to_owned()));
    }
    let input = &job.input;
    let from = Location {
        bucket: input.bucket.clone(),
        key: input.key.clone(),
    };
    let current = ports.head(&from).await?.ok_or_else(|| {
        ApiError::Gone(
            "the document was deleted: its retention time is over, or someone deleted it"
                .to_owned(),
        )
    })?;
    let is_stored = current.version == input.version || {
        let versions = ports.versions(&from.bucket, &from.key).await?;
        versions.iter().any(|one| one.version == input.version)
    };
    if !is_stored {
        return Err(ApiError::Gone(
            "this version of the document was deleted: a newer one was uploaded under its name"
                .to_owned(),
        ));
    }
    let name = job.display_name();
    // S3 clients often store another type with a PDF. Browsers show a PDF in their own reader; anything else could bring
    // scripts.
    let pipeline = run.pipelines.get(&job.pipeline);
    let only_pdf = pipeline.is_some_and(|pipeline| pipeline.content_types == [PDF]);
    let (content_type, disposition) = if only_pdf || input.content_type == PDF {
        (PDF, Disposition::Inline)
    } else {
        (input.content_type.as_str(), Disposition::Attachment)
    };
    let download = Download {
        version: Some(&input.version),
        name: &name,
        content_type,
        disposition,
    };
    Ok(DocumentView {
        request: ports.sign_get(&from, &download).await?,
        name: name.to_string(),
        content_type: content_type.to_owned(),
        bytes: input.bytes,
    })
}

/// The document's name with the result's extension in place of `.pdf`.
fn result_name(document: &str, extension: &str) -> String {
    let split = document
        .len()
        .checked_sub(4)
        .and_then(|at| document.split_at_checked(at));
    let stem = match split {
        Some((stem, end)) if end.eq_ignore_ascii_case(".pdf") => stem,
        Some(_) | None => document,
    };
    format!("{stem}.{extension}")
}
