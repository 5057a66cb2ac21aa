//! Pausing and resuming pipelines and tenants.

use super::audit::{self, AuditTarget};
use super::{ApiError, Permission, Principal};
use crate::types::{AuditAction, NewPause, PauseList, PauseView, ResumeRequest, ResumeResult};
use crate::usage::utc;
use jobs::breaker::Breaker;
use jobs::id::{Tenant, Timestamp};
use jobs::pause::{
    self, MAX_PAUSE, MAX_PAUSES, Pause, PauseChange, PauseDetails, PauseScope, Pauses,
};
use jobs::pipeline::Pipelines;
use jobs::ports::{CheckQueue, Clock, JobIndex, KeyValueStore};
use jobs::release::release_queued;

/// The pauses that the principal may see. Who paused and why is for those who read the audit log.
///
/// # Errors
/// If a dependency does not answer.
pub async fn list<P: KeyValueStore + Clock>(
    ports: &P,
    principal: &Principal,
) -> Result<PauseList, ApiError> {
    let pauses = Pauses::load(ports, ports.now()).await?;
    let names_people = principal.has(Permission::ReadAudit);
    let concerns = |pause: &&Pause| {
        let tenant = pause.scope.tenant();
        tenant.is_none_or(|tenant| principal.has_for_tenant(Permission::SeeJobs, tenant))
    };
    let views = pauses.iter().filter(concerns);
    let breakers = pauses.open_breakers();
    let breakers = breakers.filter_map(|breaker| breaker_view(breaker, names_people));
    Ok(PauseList {
        pauses: views
            .map(|pause| view(pause, names_people))
            .chain(breakers)
            .collect(),
    })
}

/// An open breaker, as the pause that it is.
fn breaker_view(breaker: &Breaker, names_people: bool) -> Option<PauseView> {
    let open = breaker.open.as_ref()?;
    Some(PauseView {
        pipeline: Some(breaker.pipeline.clone()),
        tenant: None,
        since: open.since.0,
        until: open.probe_at.0,
        breaker: true,
        actor: None,
        reason: names_people.then(|| open.reason.clone()),
    })
}

fn view(pause: &Pause, names_people: bool) -> PauseView {
    let Pause { scope, details } = pause;
    PauseView {
        pipeline: scope.pipeline().map(str::to_owned),
        tenant: scope.tenant().map(|tenant| tenant.as_str().to_owned()),
        since: details.since.0,
        until: details.until.0,
        breaker: false,
        actor: names_people.then(|| details.actor.clone()),
        reason: names_people.then(|| details.reason.clone()),
    }
}

/// Pauses a pipeline, a tenant or both, in place of an earlier pause of the same.
///
/// # Errors
/// Unless the caller may pause, if the request is invalid, or if a dependency does not answer.
pub async fn create<P: KeyValueStore + Clock>(
    ports: &P,
    pipelines: &Pipelines,
    principal: &Principal,
    new: &NewPause,
) -> Result<PauseView, ApiError> {
    principal.must(Permission::ManagePauses)?;
    let scope = scope(new.pipeline.as_deref(), new.tenant.as_deref())?;
    if let Some(name) = scope.pipeline()
        && pipelines.get(name).is_none()
    {
        let known: Vec<&str> = pipelines.iter().map(|one| one.name.as_str()).collect();
        return Err(ApiError::BadRequest(format!(
            "there is no pipeline {name:?}; choose one of {}",
            known.join(", ")
        )));
    }
    crate::tenants::must_be_known(ports, principal, new.tenant.as_deref()).await?;
    let now = ports.now();
    let until = Timestamp(new.until);
    if until <= now || until > now.plus(MAX_PAUSE) {
        return Err(ApiError::BadRequest(format!(
            "until must be in the future and at most {} days from now",
            MAX_PAUSE.as_secs() / 86_400
        )));
    }
    let described = describe(&scope);
    let target = target(&described, &scope);
    let audit = audit::begin(
        ports,
        pipelines,
        principal,
        AuditAction::Pause,
        target,
        &new.reason,
    )
    .await?;
    let pause = Pause {
        scope,
        details: PauseDetails {
            actor: principal.actor.clone(),
            reason: new.reason.trim().to_owned(),
            since: now,
            until,
        },
    };
    let changed = pause::store(ports, &pause, now).await?;
    if let Err(error) = done(changed, &described) {
        return Err(audit.refuse(ports, error).await);
    }
    audit
        .finish(ports, format!("paused until {}", utc(until)))
        .await;
    Ok(view(&pause, true))
}

/// Ends a pause, closes the circuit breaker if a pipeline is named, and releases queued jobs that no other pause holds, until
/// `release_until`. Those of pipelines with a window wait for their turn. The reconciler releases the rest.
///
/// # Errors
/// Unless the caller may pause, if there is no such pause, or if a dependency does not answer.
pub async fn resume<P>(
    ports: &P,
    pipelines: &Pipelines,
    principal: &Principal,
    request: &ResumeRequest,
    release_until: Timestamp,
) -> Result<ResumeResult, ApiError>
where
    P: KeyValueStore + JobIndex + CheckQueue + Clock,
{
    principal.must(Permission::ManagePauses)?;
    let scope = scope(request.pipeline.as_deref(), request.tenant.as_deref())?;
    let described = describe(&scope);
    let target = target(&described, &scope);
    let audit = audit::begin(
        ports,
        pipelines,
        principal,
        AuditAction::Resume,
        target,
        &request.reason,
    )
    .await?;
    let changed = pause::remove(ports, &scope, ports.now()).await?;
    if let Err(error) = done(changed, &described) {
        return Err(audit.refuse(ports, error).await);
    }
    audit.finish(ports, "resumed").await;
    let report = release_queued(ports, pipelines, release_until).await;
    Ok(ResumeResult {
        released: report.released.saturating_sub(report.wait_for_turn),
        wait_for_turn: report.wait_for_turn,
        more: report.incomplete,
    })
}

fn done(change: PauseChange, described: &str) -> Result<(), ApiError> {
    match change {
        PauseChange::Done => Ok(()),
        PauseChange::NotPaused => Err(ApiError::NotFound(format!(
            "{described} is not paused; name the pipeline and the tenant exactly as the pause does"
        ))),
        PauseChange::TooMany => Err(ApiError::Refused(format!(
            "there are {MAX_PAUSES} pauses; resume some, or pause a whole pipeline or tenant"
        ))),
        PauseChange::Contended => Err(ApiError::Changed(
            "others changed the pauses at the same moment; look at them and try again".to_owned(),
        )),
    }
}

fn scope(pipeline: Option<&str>, tenant: Option<&str>) -> Result<PauseScope, ApiError> {
    let tenant: Option<Tenant> = tenant
        .map(str::parse)
        .transpose()
        .map_err(|_| ApiError::BadRequest("tenant is not a tenant's name".to_owned()))?;
    PauseScope::new(pipeline.map(str::to_owned), tenant)
        .ok_or_else(|| ApiError::BadRequest("name a pipeline, a tenant, or both".to_owned()))
}

/// What is paused, for people.
fn describe(scope: &PauseScope) -> String {
    match scope {
        PauseScope::Pipeline(pipeline) => format!("pipeline {pipeline}"),
        PauseScope::Tenant(tenant) => format!("tenant {tenant}"),
        PauseScope::Both(pipeline, tenant) => format!("pipeline {pipeline} for tenant {tenant}"),
    }
}

fn target<'a>(described: &'a str, scope: &'a PauseScope) -> AuditTarget<'a> {
    AuditTarget {
        id: described,
        tenant: scope.tenant(),
        pipeline: scope.pipeline(),
    }
}
