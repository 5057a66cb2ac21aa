//! One job with its attempts and explanation.

use super::uploads::upload_view;
use super::{ApiError, Permission, Principal, queue_turn, ready_by};
use crate::explain::{
    Explanation, ExplanationStep, WaitingView, WaitsOn, explain, summary_of_turn,
};
use crate::may_delete::may_delete;
use crate::retention::{
    KeptUntil, explain_future_deletions, explain_past_deletions, explain_retention, kept_until,
};
use crate::types::{AttemptView, JobDetail};
use jobs::apply::RunContext;
use jobs::breaker::Breaker;
use jobs::contents::shown;
use jobs::id::{InferenceId, JobId, Timestamp};
use jobs::job::{AttemptRecord, Job};
use jobs::observe_models;
use jobs::pause::{Pause, PauseScope, Pauses};
use jobs::pipeline::Pipelines;
use jobs::ports::{Clock, JobIndex, JobStore, KeyValueStore};
use jobs::tenants::{self, TenantRetention};
use jobs::upload_session::find as find_upload_session;
use jobs::view::{FailureView, JobView, ModelView};
use tracing::warn;

/// Loads a job for which the principal has a permission. For a job that it may not see the error is the same as for one that does
/// not exist.
///
/// # Errors
/// [`ApiError::NotFound`]; [`ApiError::Forbidden`] if it may see the job and not more.
pub async fn visible_job<P: JobStore>(
    ports: &P,
    run: &RunContext<'_>,
    principal: &Principal,
    permission: Permission,
    id: &str,
) -> Result<Job, ApiError> {
    // Some programs copy UUIDs in capitals.
    let id: JobId = id.to_lowercase().parse().map_err(|_| no_job(id))?;
    let job = ports.load(id).await?.filter(|job| principal.sees(job));
    let job = job.ok_or_else(|| no_job(&id.to_string()))?;
    (run.on_job_found)(&job);
    principal.must_for(permission, &job)?;
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
pub async fn show<P: JobStore + JobIndex + KeyValueStore + Clock>(
    ports: &P,
    run: &RunContext<'_>,
    principal: &Principal,
    id: &str,
) -> Result<JobDetail, ApiError> {
    let mut job = match visible_job(ports, run, principal, Permission::SeeJobs, id).await {
        // Without contents in anything that is said about it, unless the principal may read them.
        Ok(job) => shown(&job, principal.reads(&job)).into_owned(),
        Err(ApiError::NotFound(message)) => {
            return pending_upload(ports, principal, id)
                .await?
                .ok_or(ApiError::NotFound(message));
        }
        Err(other) => return Err(other),
    };
    if job.has_model_tag() {
        match observe_models::load(ports).await {
            Ok(models) => job.name_models(&models, ports.now()),
            Err(error) => warn!(error = %error, "what the endpoints serve was not read"),
        }
    }
    let contents_hidden = !principal.reads(&job);
    let mut views = vec![JobView {
        contents_hidden,
        ..JobView::from(&job)
    }];
    ready_by::add_estimates(ports, std::slice::from_ref(&job), &mut views).await;
    let view = views.pop();
    let mut explanation = Explanation {
        ready_by: view.as_ref().and_then(|view| view.ready_by.clone()),
        ..explain(&job, ports.now())
    };
    let retention = retention_of(ports, &job).await?;
    let kept = explain_kept(
        &mut explanation,
        &job,
        run.pipelines,
        retention,
        ports.now(),
    );
    if job.queued_at().is_some() {
        let names_people = principal.has(Permission::ReadAudit);
        let pauses = Pauses::load(ports, ports.now()).await?;
        match (
            pauses.holding(&job.pipeline, &job.tenant),
            pauses.open_breaker(&job.pipeline),
        ) {
            (Some(pause), _) => add_pause(&mut explanation, pause, names_people),
            (None, Some(breaker)) => {
                add_breaker(&mut explanation, breaker, names_people);
            }
            (None, None) => {
                let turn = queue_turn::turn(ports, &job, &pauses).await?;
                add_turn(&mut explanation, &job, turn);
            }
        }
    }
    let may_delete = may_delete(principal, run.pipelines, &job);
    Ok(JobDetail {
        may_delete,
        ..detail(job, view, explanation, kept)
    })
}

async fn retention_of<P: KeyValueStore>(
    ports: &P,
    job: &Job,
) -> Result<Option<TenantRetention>, ApiError> {
    if job.is_erased() {
        return Ok(None);
    }
    let tenant = tenants::find(ports, &job.tenant).await?;
    Ok(tenant.and_then(|tenant| tenant.retention))
}

/// Says until when document and result are kept.
fn explain_kept(
    explanation: &mut Explanation,
    job: &Job,
    pipelines: &Pipelines,
    retention: Option<TenantRetention>,
    now: Timestamp,
) -> KeptUntil {
    let by_s3 = kept_until(job, pipelines);
    explain_past_deletions(explanation, job, by_s3, now);
    let by_tenant = explain_retention(explanation, job, retention, now);
    if !job.state.is_open() {
        explain_future_deletions(explanation, by_s3, by_tenant, now);
    }
    by_s3.or_until(by_tenant)
}

/// What is stored of a job, without what other records say about it, except its tenant's retention.
pub(crate) fn stored_detail(
    job: Job,
    pipelines: &Pipelines,
    retention: Option<TenantRetention>,
    now: Timestamp,
) -> JobDetail {
    let mut explanation = explain(&job, now);
    let kept = explain_kept(&mut explanation, &job, pipelines, retention, now);
    let view = JobView::from(&job);
    detail(job, Some(view), explanation, kept)
}

fn detail(job: Job, view: Option<JobView>, explanation: Explanation, kept: KeptUntil) -> JobDetail {
    let contents_hidden = view.as_ref().is_some_and(|view| view.contents_hidden);
    let trace = job.trace();
    JobDetail {
        job: view,
        upload: None,
        explanation,
        attempts: job
            .attempts
            .iter()
            .map(|record| AttemptView {
                has_result: !job.is_erased()
                    && job.results().any(|(one, _)| one.attempt == record.attempt),
                ..attempt_view(job.id, record)
            })
            .collect(),
        input: if job.is_erased() || contents_hidden {
            String::new()
        } else {
            format!("s3://{}/{}", job.input.bucket, job.input.key)
        },
        input_version: Some(job.input.version),
        uploaded_by: job.input.uploaded_by,
        trace_id: Some(trace.to_string()),
        document_kept_until: kept.document,
        result_kept_until: kept.result,
        expires_at: job.expires_at.map(|at| at.0),
        may_delete: false,
    }
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
        has_result: false,
        pages: record.pages,
        model: record.model.as_ref().map(ModelView::from),
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
    let permission = Permission::ReadContents;
    let has_access = principal.tenant(permission, Some(&session.tenant)).is_ok();
    let is_uploader = session.uploaded_by == principal.actor && has_access;
    if !principal.has_for_all_tenants(permission) && !is_uploader {
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
                turn: None,
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
        document_kept_until: None,
        result_kept_until: None,
        expires_at: None,
        may_delete: false,
        upload: Some(upload_view(&session)),
    }))
}

/// That nothing holds it but those before it, and its place among them.
fn add_turn(explanation: &mut Explanation, job: &Job, turn: Option<String>) {
    explanation.summary = summary_of_turn(job.state.attempt());
    if let Some(turn) = &turn {
        explanation.summary = format!("{}: {turn}", explanation.summary);
    }
    if let Some(waiting) = &mut explanation.waiting {
        waiting.on = WaitsOn::Turn;
        waiting.turn = turn;
    }
}

/// That the circuit breaker holds a queued job. Why is for those who read the audit log.
fn add_breaker(explanation: &mut Explanation, breaker: &Breaker, names_people: bool) {
    let Some(open) = &breaker.open else { return };
    let step = |at: u64, what: &str| ExplanationStep {
        at,
        what: what.to_owned(),
        actor: None,
        reason: None,
    };
    if let Some(waiting) = &mut explanation.waiting {
        waiting.on = WaitsOn::Breaker;
    }
    explanation.summary =
        "waiting: nothing of it is at the endpoint, and it is sent there when the endpoint works again"
            .to_owned();
    explanation.timeline.push(ExplanationStep {
        reason: names_people.then(|| open.reason.clone()),
        ..step(
            open.since.0,
            "the circuit breaker of the pipeline opened: the endpoint refused or failed every document",
        )
    });
    explanation.timeline.sort_by_key(|step| step.at);
    let probe = step(
        open.probe_at.0,
        "one job probes the endpoint; if it works, the others follow within minutes",
    );
    explanation.next.insert(0, probe);
}

/// What holds a queued job, and what happens next. Who paused it and why is for those who read the audit log.
fn add_pause(explanation: &mut Explanation, pause: &Pause, names_people: bool) {
    let step = |at: u64, what: &str| ExplanationStep {
        at,
        what: what.to_owned(),
        actor: None,
        reason: None,
    };
    if let Some(waiting) = &mut explanation.waiting {
        waiting.on = WaitsOn::Pause;
    }
    explanation.summary =
        "paused: nothing of it is at the endpoint, and it is sent there after the pause".to_owned();
    let what = match pause.scope {
        PauseScope::Pipeline(_) => "the pipeline is paused",
        PauseScope::Tenant(_) => "the tenant is paused",
        PauseScope::Both(..) => "the pipeline is paused for this tenant",
    };
    let by = if names_people { "" } else { " by support" };
    let details = &pause.details;
    explanation.timeline.push(ExplanationStep {
        actor: names_people.then(|| details.actor.clone()),
        reason: names_people.then(|| details.reason.clone()),
        ..step(details.since.0, &format!("{what}{by}"))
    });
    explanation.timeline.sort_by_key(|step| step.at);
    explanation.next = vec![step(
        details.until.0,
        "the pause ends, and the job waits for its turn",
    )];
}
