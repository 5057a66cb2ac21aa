//! The known tenants: a mistyped name is refused instead of treated as an empty tenant.

use jobs::id::Tenant;
use jobs::pipeline::Pipelines;
use jobs::ports::{Clock, KeyValueStore};
use jobs::tenants::{self, TenantRecord, TenantRetention};

use super::audit::{self, AuditTarget};
use super::{ApiError, Permission, Principal};
use crate::retention::{begins_at, check_days};
use crate::types::{AuditAction, NewTenant, TenantList, TenantRetentionChange, TenantView};

/// Lists the known tenants, by name.
///
/// # Errors
/// If the principal may not list tenants, or the store does not answer.
pub async fn list<P: KeyValueStore>(
    ports: &P,
    principal: &Principal,
) -> Result<TenantList, ApiError> {
    let permission = Permission::ReadTenants;
    principal.must(permission)?;
    let known = tenants::list(ports).await?;
    let known = known.into_iter();
    let readable = known.filter(|(name, _)| principal.has_for_tenant(permission, name));
    Ok(TenantList {
        tenants: readable.map(|(name, record)| view(&name, record)).collect(),
    })
}

fn view(name: &Tenant, record: TenantRecord) -> TenantView {
    TenantView {
        name: name.as_str().to_owned(),
        since: record.since,
        created_by: record.created_by,
        retention_days: record.retention.map(|it| it.days),
        retention_begins_at: record.retention.map(begins_at),
    }
}

/// Creates a tenant. Creating a known one again changes nothing.
///
/// # Errors
/// If the principal may not create tenants, the name or the reason is invalid, or the store does not answer.
pub async fn create<P: KeyValueStore + Clock>(
    ports: &P,
    pipelines: &Pipelines,
    principal: &Principal,
    new: &NewTenant,
) -> Result<TenantView, ApiError> {
    let permission = Permission::CreateTenants;
    principal.must(permission)?;
    let tenant = principal.tenant(permission, Some(&new.name))?;
    let target = AuditTarget {
        id: tenant.as_str(),
        tenant: Some(&tenant),
        pipeline: None,
    };
    let action = AuditAction::CreateTenant;
    let audit = audit::begin(ports, pipelines, principal, action, target, &new.reason).await?;
    match tenants::create(ports, &tenant, &principal.actor).await {
        Ok(true) => audit.finish(ports, "created").await,
        Ok(false) => audit.finish(ports, "it was created before").await,
        Err(error) => return Err(audit.refuse(ports, error.into()).await),
    }
    let record = tenants::find(ports, &tenant).await?.unwrap_or_default();
    Ok(view(&tenant, record))
}

/// Sets or removes the retention of a known tenant.
///
/// # Errors
/// If the principal may not change tenants, the tenant is not known, it is longer than a pipeline's, the reason is invalid, or the
/// store does not answer.
pub async fn change_retention<P: KeyValueStore + Clock>(
    ports: &P,
    pipelines: &Pipelines,
    principal: &Principal,
    name: &str,
    change: &TenantRetentionChange,
) -> Result<TenantView, ApiError> {
    let permission = Permission::ChangeTenants;
    principal.must(permission)?;
    let tenant = principal.tenant(permission, Some(name))?;
    if let Some(days) = change.days {
        check_days(days, pipelines)?;
    }
    if tenants::find(ports, &tenant).await?.is_none() {
        return Err(unknown(ports, &tenant).await?);
    }
    let target = AuditTarget {
        id: tenant.as_str(),
        tenant: Some(&tenant),
        pipeline: None,
    };
    let action = AuditAction::ChangeRetention;
    let audit = audit::begin(ports, pipelines, principal, action, target, &change.reason).await?;
    let set_at = ports.now();
    let retention = change.days.map(|days| TenantRetention { days, set_at });
    match tenants::set_retention(ports, &tenant, retention).await {
        Ok(Some(record)) => {
            let outcome = match change.days {
                Some(days) => {
                    let days = audit::count(days.into(), "day", "days");
                    format!("{days} after a job's end")
                }
                None => "as the pipelines say".to_owned(),
            };
            audit.finish(ports, outcome).await;
            Ok(view(&tenant, record))
        }
        Ok(None) => {
            let error = unknown(ports, &tenant).await?;
            Err(audit.refuse(ports, error).await)
        }
        Err(error) => Err(audit.refuse(ports, error.into()).await),
    }
}

/// Refuses a tenant that was not created and that the principal does not belong to. A group of a tenant in the user pool
/// counts as its creation.
///
/// # Errors
/// Names the known tenant with the most similar name.
pub(crate) async fn must_be_created<P: KeyValueStore>(
    ports: &P,
    principal: &Principal,
    tenant: &Tenant,
) -> Result<(), ApiError> {
    if principal.tenants.contains(tenant) || tenant.is_probe() {
        return Ok(());
    }
    match tenants::find(ports, tenant).await? {
        Some(found) if found.created_by.is_some() => Ok(()),
        Some(_) => Err(ApiError::NotFound(format!(
            "tenant {tenant} was not created: an object was put under its prefix in S3. To create it, use `docket tenants create {tenant}`"
        ))),
        None => Err(unknown(ports, tenant).await?),
    }
}

/// Refuses a tenant that is not known, whose list is empty for that reason.
///
/// # Errors
/// Names the known tenant with the most similar name.
pub async fn must_be_known<P: KeyValueStore>(
    ports: &P,
    principal: &Principal,
    named: Option<&str>,
) -> Result<(), ApiError> {
    let Some(name) = named else { return Ok(()) };
    let tenant = principal.tenant(Permission::SeeJobs, Some(name))?;
    let is_own = principal.tenants.contains(&tenant) || tenant.is_probe();
    if is_own || tenants::find(ports, &tenant).await?.is_some() {
        return Ok(());
    }
    Err(unknown(ports, &tenant).await?)
}

async fn unknown<P: KeyValueStore>(ports: &P, tenant: &Tenant) -> Result<ApiError, ApiError> {
    let known = tenants::list(ports).await?;
    let names = known.iter().map(|(name, _)| name.as_str());
    let nearest = names
        .map(|name| (distance(name, tenant.as_str()), name))
        .filter(|(distance, name)| *distance <= 2 || name.starts_with(tenant.as_str()))
        .min();
    let hint = nearest.map_or_else(
        || "`docket tenants list` lists the known ones".to_owned(),
        |(_, name)| format!("did you mean {name}?"),
    );
    Ok(ApiError::NotFound(format!(
        "there is no tenant {tenant}; {hint}"
    )))
}

/// How many characters must be inserted, removed or replaced to make one name of the other (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.bytes().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, b) in other.bytes().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}
