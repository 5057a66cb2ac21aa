//! Retry plans: retry many failed jobs together, run many ready jobs again, or cancel many open ones.
//!
//! Creating a plan shows what it would do and starts nothing; applying it releases its jobs at a fixed rate. The jobs
//! and their versions are fixed when the plan is created, so that applying it retries exactly the jobs that were shown.
//! A job that has changed since is skipped. A release sends retry commands through the queue `checks`: the API sends the
//! first ones, the reconciler the rest.

use tracing::warn;

use super::audit::{self, AuditTarget, PendingAudit, count};
use super::job_list::{JobScan, label, scan_jobs};
use super::retention::is_document_expired;
use super::summary::count_jobs_by;
use super::{ApiError, Permission, Principal};
use crate::ports::{JobList, TimeRange};
use crate::types::{AuditAction, NewRetryPlan, RetryPlanFilter, RetryPlanList, RetryPlanView};
use jobs::commands::{MAX_EQUAL_FAILURES, MAX_REASON_CHARS, STOPPED_PLANS, equal_failures};
use jobs::id::{Tenant, Timestamp};
use jobs::job::Job;
use jobs::pipeline::Pipelines;
use jobs::ports::{Clock, KeyValueStore, Record, RetryCommandQueue};
use jobs::state::StatusGroup;

mod jobs_of_plan;
mod progress;
mod record;
mod release;
mod selection;

pub use jobs_of_plan::list_jobs;
pub(crate) use record::forget_batch;
use record::{ACTIVE_PLANS, PLANS, PlanRecord};
pub use release::release;
use selection::{cause, check_tag, is_at_endpoint, is_selected, model};

/// The most jobs that are examined for one plan.
const MAX_EXAMINED_JOBS: usize = 2_000;
const DEFAULT_JOBS_PER_MINUTE: u16 = 20;
pub(crate) const MAX_JOBS_PER_MINUTE: u16 = 600;
/// The jobs' histories hold the plan's reason followed by its id.
pub(crate) const MAX_PLAN_REASON: usize = MAX_REASON_CHARS - 100;
const PAGE_SIZE: u16 = 50;
/// How often a stop is repeated after another change at the same moment.
const MAX_CONFLICTS: u8 = 5;

/// Creates a plan for the failed or ready jobs that match a filter. Starts no job.
///
/// # Errors
/// Unless the caller has the permission, and if the request is invalid.
pub async fn create<P>(
    ports: &P,
    pipelines: &Pipelines,
    principal: &Principal,
    request: &NewRetryPlan,
) -> Result<RetryPlanView, ApiError>
where
    P: JobList + KeyValueStore + Clock,
{
    let permission = Permission::ManagePlans;
    principal.must(permission)?;
    let default = if request.cancel {
        MAX_JOBS_PER_MINUTE
    } else {
        DEFAULT_JOBS_PER_MINUTE
    };
    let per_minute = request.per_minute.unwrap_or(default);
    check_request(request, per_minute)?;
    let filter = &request.filter;
    let tenant = filter.tenant.as_deref();
    let tenant: Option<Tenant> = tenant
        .map(|name| principal.tenant(permission, Some(name)))
        .transpose()?;
    if names_contents(filter) {
        principal.must_for_whole(Permission::ReadContents, tenant.as_ref())?;
    }
    crate::tenants::must_be_known(ports, principal, filter.tenant.as_deref()).await?;
    let now = ports.now();
    let id = format!("p{:012x}{:04x}", now.0, ports.random() & 0xffff);
    let target = AuditTarget {
        id: &id,
        tenant: tenant.as_ref(),
        pipeline: filter.pipeline.as_deref(),
    };
    let audit = audit::begin(
        ports,
        pipelines,
        principal,
        AuditAction::Plan,
        target,
        &request.reason,
    )
    .await?;

    let range = TimeRange {
        // A tenant's list is sorted by creation time, which is before the failure.
        from: Timestamp(filter.since.filter(|_| tenant.is_none()).unwrap_or(0)),
        to: filter.until.map_or(TimeRange::ALL.to, Timestamp),
    };
    let scan = match &tenant {
        Some(tenant) if request.run_again => {
            JobScan::of_tenants([tenant], &[StatusGroup::Ready], range)
        }
        Some(tenant) if request.cancel => {
            JobScan::of_tenants([tenant], &[StatusGroup::Open], range)
        }
        None if request.cancel => JobScan::open(),
        tenant => JobScan::failed(tenant.as_ref(), range),
    };
    let is_match = |job: &Job| is_selected(job, request);
    let found = scan_jobs(ports, &scan, None, usize::MAX, MAX_EXAMINED_JOBS, &is_match).await?;
    let (jobs, gone): (Vec<Job>, Vec<Job>) = found
        .jobs
        .into_iter()
        .partition(|job| request.cancel || !is_document_expired(job, pipelines, now));
    let (jobs, poisoned): (Vec<Job>, Vec<Job>) = jobs
        .into_iter()
        .partition(|job| request.force || equal_failures(job) < MAX_EQUAL_FAILURES);
    let run_seconds: u64 = jobs
        .iter()
        .filter(|job| !is_at_endpoint(job))
        .filter_map(|job| pipelines.get(&job.pipeline))
        .map(|pipeline| u64::from(pipeline.typical_run_seconds))
        .sum();
    let (failed, with_model) = if request.cancel {
        (vec![], vec![])
    } else if request.run_again {
        let known = jobs.iter().filter(|job| model(job).is_some());
        (vec![], known.collect())
    } else {
        (jobs.iter().collect(), vec![])
    };
    let as_u32 = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let plan = PlanRecord {
        id: id.clone(),
        created_at: now,
        applied_at: None,
        actor: principal.actor.clone(),
        applied_by: None,
        reason: request.reason.trim().to_owned(),
        filter: filter.clone(),
        per_minute,
        force: request.force,
        run_again: request.run_again,
        cancel: request.cancel,
        stopped_at: None,
        jobs: as_u32(jobs.len()),
        by_cause: count_jobs_by(failed, |job| cause(job).to_owned()),
        by_model: count_jobs_by(with_model, |job| {
            model(job).map_or_else(String::new, ToString::to_string)
        }),
        by_state: count_jobs_by(jobs.iter().filter(|_| request.cancel), |job| {
            job.state.name().to_owned()
        }),
        by_pipeline: count_jobs_by(&jobs, |job| job.pipeline.clone()),
        poisoned: as_u32(poisoned.len()),
        documents_deleted: as_u32(gone.len()),
        truncated: found.next.is_some(),
        gpu_minutes: u32::try_from(run_seconds.div_ceil(60)).unwrap_or(u32::MAX),
        released: 0,
    };
    record::write_jobs(ports, &plan, &jobs).await?;
    ports.put(PLANS, &plan.id, &plan.to_record(1)).await?;
    audit
        .finish(ports, count(plan.jobs.into(), "job", "jobs"))
        .await;
    Ok(plan.view())
}

fn check_request(request: &NewRetryPlan, per_minute: u16) -> Result<(), ApiError> {
    if !(1..=MAX_JOBS_PER_MINUTE).contains(&per_minute) {
        return Err(ApiError::BadRequest(format!(
            "per_minute must be between 1 and {MAX_JOBS_PER_MINUTE}"
        )));
    }
    if request.reason.chars().count() > MAX_PLAN_REASON {
        return Err(ApiError::BadRequest(format!(
            "give a reason of 1 to {MAX_PLAN_REASON} characters"
        )));
    }
    let filter = &request.filter;
    if filter.since.unwrap_or(0) >= filter.until.unwrap_or(u64::MAX) {
        return Err(ApiError::BadRequest(
            "the filter's since must be before its until".to_owned(),
        ));
    }
    if request.run_again && (filter.tenant.is_none() || filter.cause.is_some()) {
        return Err(ApiError::BadRequest(
            "to run ready jobs again, name their tenant, and no cause".to_owned(),
        ));
    }
    let names_jobs = filter.tenant.is_some()
        || filter.pipeline.is_some()
        || filter.since.is_some()
        || filter.until.is_some();
    if request.cancel && (!names_jobs || filter.cause.is_some() || request.run_again) {
        return Err(ApiError::BadRequest(
            "to cancel open jobs, name a tenant, a pipeline or a time, and no cause".to_owned(),
        ));
    }
    if filter.model.is_some() && !request.run_again {
        return Err(ApiError::BadRequest(
            "the filter's model selects ready jobs only: set run_again".to_owned(),
        ));
    }
    label("the filter's batch", filter.batch.as_deref())?;
    label("the filter's reference", filter.reference.as_deref())?;
    if let Some(tag) = &filter.tag {
        check_tag(tag)?;
    }
    if names_contents(filter) && filter.tenant.is_none() {
        return Err(ApiError::BadRequest(
            "name the tenant of the batch, reference or tag: another tenant may have the same"
                .to_owned(),
        ));
    }
    Ok(())
}

/// The newest plans.
///
/// # Errors
/// Unless the caller may read plans.
pub async fn list<P: KeyValueStore>(
    ports: &P,
    principal: &Principal,
) -> Result<RetryPlanList, ApiError> {
    principal.must(Permission::ReadPlans)?;
    let records = ports.list_descending(PLANS, None, PAGE_SIZE).await?;
    let plans = records
        .iter()
        .filter_map(|(_, record)| serde_json::from_str::<PlanRecord>(&record.body).ok())
        .filter(|plan| is_readable(principal, plan));
    Ok(RetryPlanList {
        plans: plans.map(|plan| shown(principal, plan.view())).collect(),
    })
}

/// Whether the plan is of tenants that the principal has access to: an auditor of some tenants does not read those of all.
fn is_readable(principal: &Principal, plan: &PlanRecord) -> bool {
    let tenant = plan.filter.tenant.as_deref();
    let tenant = tenant.and_then(|name| name.parse::<Tenant>().ok());
    match tenant {
        Some(tenant) => principal.has_for_tenant(Permission::ReadPlans, &tenant),
        None => principal.has_for_all_tenants(Permission::ReadPlans),
    }
}

/// Whether the filter has names that customers chose. They are for those who may read contents.
const fn names_contents(filter: &RetryPlanFilter) -> bool {
    filter.batch.is_some() || filter.reference.is_some() || filter.tag.is_some()
}

/// A plan as the principal may read it.
fn shown(principal: &Principal, mut view: RetryPlanView) -> RetryPlanView {
    let tenant = view.filter.tenant.as_deref();
    let tenant = tenant.and_then(|name| name.parse::<Tenant>().ok());
    let reads = principal.must_for_whole(Permission::ReadContents, tenant.as_ref());
    if reads.is_err() {
        view.filter.batch = None;
        view.filter.reference = None;
        view.filter.tag = None;
    }
    view
}

async fn get<P: KeyValueStore>(
    ports: &P,
    principal: &Principal,
    permission: Permission,
    id: &str,
) -> Result<(PlanRecord, u64), ApiError> {
    principal.must(permission)?;
    let found = record::read(ports, id).await?;
    let found = found.filter(|(plan, _)| is_readable(principal, plan));
    found.ok_or_else(|| {
        let id: String = id.chars().take(80).collect();
        ApiError::NotFound(format!("there is no retry plan {id:?}"))
    })
}

/// Begins the audit entry of a change of a plan, with the plan's reason.
async fn begin_audit<P: KeyValueStore + Clock>(
    ports: &P,
    pipelines: &Pipelines,
    principal: &Principal,
    id: &str,
    plan: &PlanRecord,
    action: AuditAction,
) -> Result<PendingAudit, ApiError> {
    let target = AuditTarget {
        id,
        tenant: None,
        pipeline: plan.filter.pipeline.as_deref(),
    };
    audit::begin(ports, pipelines, principal, action, target, &plan.reason).await
}

/// A plan with the progress of its jobs.
///
/// # Errors
/// Unless the caller has the permission, and if there is no such plan.
pub async fn show<P: KeyValueStore + JobList + Clock>(
    ports: &P,
    principal: &Principal,
    id: &str,
) -> Result<RetryPlanView, ApiError> {
    let (plan, _) = get(ports, principal, Permission::ReadPlans, id).await?;
    let mut view = shown(principal, plan.view());
    if plan.applied_at.is_some() {
        view.outcome = Some(progress::outcome(ports, &plan).await?);
    }
    Ok(view)
}

/// Stops a plan: no more of its jobs are started or cancelled, also those whose command is on its way. Has no effect on a
/// plan that is already stopped.
///
/// # Errors
/// Unless the caller has the permission, if there is no such plan, and if none of its jobs waits for its turn any more.
pub async fn stop<P>(
    ports: &P,
    pipelines: &Pipelines,
    principal: &Principal,
    id: &str,
) -> Result<RetryPlanView, ApiError>
where
    P: KeyValueStore + JobList + Clock,
{
    for _ in 0..MAX_CONFLICTS {
        let (mut plan, revision) = get(ports, principal, Permission::ManagePlans, id).await?;
        if plan.stopped_at.is_some() {
            break;
        }
        // Commands that were sent may be on their way.
        let is_sent = plan.applied_at.is_some() && plan.released >= plan.jobs;
        if is_sent && progress::outcome(ports, &plan).await?.waiting == 0 {
            return Err(ApiError::Refused(format!(
                "nothing of the plan can be stopped any more: all were {}, apart from those that it skipped",
                if plan.cancel { "cancelled" } else { "started" }
            )));
        }
        let audit = begin_audit(
            ports,
            pipelines,
            principal,
            id,
            &plan,
            AuditAction::StopPlan,
        )
        .await?;
        // First what the commands look at.
        let marker = Record {
            body: String::new(),
            ..plan.to_record(1)
        };
        ports.put(STOPPED_PLANS, id, &marker).await?;
        plan.stopped_at = Some(ports.now());
        let outcome = format!(
            "{} of {} released",
            plan.released,
            count(plan.jobs.into(), "job", "jobs")
        );
        let is_written = ports.put(PLANS, id, &plan.to_record(revision + 1)).await?;
        // The reconciler released more at the same moment.
        if is_written {
            audit.finish(ports, outcome).await;
            break;
        }
        audit.finish(ports, "another request changed it").await;
    }
    show(ports, principal, id).await
}

/// Starts to release a plan's jobs. Has no effect on a plan that is already applied.
///
/// # Errors
/// Unless the caller has the permission, and if there is no such plan.
pub async fn apply<P>(
    ports: &P,
    pipelines: &Pipelines,
    principal: &Principal,
    id: &str,
) -> Result<RetryPlanView, ApiError>
where
    P: KeyValueStore + JobList + RetryCommandQueue + Clock,
{
    let (mut plan, revision) = get(ports, principal, Permission::ManagePlans, id).await?;
    if plan.stopped_at.is_some() {
        return Err(ApiError::Refused(
            "the plan was stopped; create another one".to_owned(),
        ));
    }
    if plan.jobs == 0 {
        return Err(ApiError::Refused(
            "the plan is empty: no job matched when it was created".to_owned(),
        ));
    }
    if plan.applied_at.is_none() {
        let audit = begin_audit(
            ports,
            pipelines,
            principal,
            id,
            &plan,
            AuditAction::ApplyPlan,
        )
        .await?;
        plan.applied_at = Some(ports.now());
        plan.applied_by = Some(principal.actor.clone());
        // Listed as active first: a release skips an active plan that is not applied.
        let marker = Record {
            body: String::new(),
            ..plan.to_record(1)
        };
        ports.put(ACTIVE_PLANS, id, &marker).await?;
        let written = ports.put(PLANS, id, &plan.to_record(revision + 1)).await?;
        if !written {
            audit
                .finish(ports, "another request has just applied it")
                .await;
            return show(ports, principal, id).await;
        }
        let outcome = format!(
            "{}, {} per minute",
            count(plan.jobs.into(), "job", "jobs"),
            plan.per_minute
        );
        audit.finish(ports, outcome).await;
        // The reconciler sends what this function does not.
        if let Err(error) = release::release_plan(ports, pipelines, id).await {
            warn!(plan = id, error = %error, "the first jobs of a retry plan were not released");
        }
    }
    show(ports, principal, id).await
}
