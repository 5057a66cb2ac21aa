//! The data export: everything that is stored about a caller (GDPR, articles 15 and 20).
//!
//! It is read in pages: first the jobs of the caller's tenants, then the settings that the caller made, then the audit log.
//! Nothing is stored for it: there is no index of a person's data besides what the service needs anyway.

use std::collections::{BTreeMap, BTreeSet};

use jobs::apply::RunContext;
use jobs::id::{JobId, Tenant};
use jobs::job::Job;
use jobs::ports::{Clock, KeyValueStore};
use jobs::state::StatusGroup;
use jobs::tenants::{self, TenantRetention};
use serde::{Deserialize, Serialize};

use super::audit::{self, AuditTarget};
use super::digests::{self, Account};
use super::job_detail::stored_detail;
use super::job_list::{JobListPosition, JobScan, MAX_EXAMINED_JOBS, scan_jobs};
use super::webhooks;
use super::{ApiError, Principal};
use crate::ports::{JobList, TimeRange};
use crate::types::{AuditAction, AuditEntry, DataExportPage, DataRecord, Mention};

/// Maximum number of jobs in a response, each with its attempts and its explanation.
const JOBS_PER_PAGE: usize = 100;

/// Where an export goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExportPosition {
    Jobs(Option<JobListPosition>),
    Settings,
    /// Before this key of the audit log.
    Audit(Option<String>),
}

/// A page of the export without its cursor, and the position to continue from. The first page is an entry in the audit log.
///
/// # Errors
/// If a dependency does not answer.
pub async fn page<P: JobList + KeyValueStore + Clock>(
    ports: &P,
    run: &RunContext<'_>,
    principal: &Principal,
    account: Option<&Account>,
    from: Option<ExportPosition>,
) -> Result<(DataExportPage, Option<ExportPosition>), ApiError> {
    if from.is_none() {
        let target = AuditTarget::id(&principal.actor);
        let action = AuditAction::ExportData;
        audit::record_at_once(ports, run.pipelines, principal, action, target, "begun").await?;
    }
    let (records, next) = match from.unwrap_or(ExportPosition::Jobs(None)) {
        ExportPosition::Jobs(position) => jobs(ports, run, principal, position).await?,
        ExportPosition::Settings => {
            let records = settings(ports, principal, account).await?;
            (records, Some(ExportPosition::Audit(None)))
        }
        ExportPosition::Audit(before) => audited(ports, principal, before).await?,
    };
    let page = DataExportPage {
        records,
        cursor: None,
    };
    Ok((page, next))
}

async fn jobs<P: JobList + KeyValueStore + Clock>(
    ports: &P,
    run: &RunContext<'_>,
    principal: &Principal,
    from: Option<JobListPosition>,
) -> Result<(Vec<DataRecord>, Option<ExportPosition>), ApiError> {
    if principal.tenants.is_empty() {
        return Ok((vec![], Some(ExportPosition::Settings)));
    }
    let scan = JobScan::of_tenants(&principal.tenants, &StatusGroup::ALL, TimeRange::ALL);
    let is_match = |job: &Job| is_own(principal, job) || mention(principal, job).is_some();
    let found = scan_jobs(
        ports,
        &scan,
        from,
        JOBS_PER_PAGE,
        MAX_EXAMINED_JOBS,
        &is_match,
    )
    .await?;
    let mut retentions = BTreeMap::new();
    for tenant in &principal.tenants {
        let record = tenants::find(ports, tenant).await?;
        retentions.extend(record.and_then(|it| Some((tenant.clone(), it.retention?))));
    }
    let record = |job: Job| {
        let retention = retentions.get(&job.tenant).copied();
        job_record(run, principal, job, retention, ports.now())
    };
    let records = found.jobs.into_iter().filter_map(record).collect();
    let next = match found.next {
        Some(next) => ExportPosition::Jobs(Some(next)),
        None => ExportPosition::Settings,
    };
    Ok((records, Some(next)))
}

fn is_own(principal: &Principal, job: &Job) -> bool {
    let is_uploader = job.input.uploaded_by.as_ref() == Some(&principal.actor);
    is_uploader && principal.tenants.contains(&job.tenant)
}

fn job_record(
    run: &RunContext<'_>,
    principal: &Principal,
    job: Job,
    retention: Option<TenantRetention>,
    now: jobs::id::Timestamp,
) -> Option<DataRecord> {
    let tenant = job.tenant.to_string();
    let id = job.id.to_string();
    if !is_own(principal, &job) {
        return Some(DataRecord {
            tenant: Some(tenant),
            mention: Some(mention(principal, &job)?),
            ..DataRecord::new("mention")
        });
    }
    let mut links = BTreeMap::new();
    if !job.is_erased() {
        links.insert("document".to_owned(), format!("/jobs/{id}/document"));
    }
    if job.results().next().is_some() && !job.is_erased() {
        links.insert("result".to_owned(), format!("/jobs/{id}/result"));
    }
    Some(DataRecord {
        tenant: Some(tenant),
        job: Some(Box::new(stored_detail(job, run.pipelines, retention, now))),
        links,
        ..DataRecord::new("job")
    })
}

/// Where a job that another person uploaded names the caller. `None` if it does not.
fn mention(principal: &Principal, job: &Job) -> Option<Mention> {
    let me = principal.actor.as_str();
    let marks = job.marks.as_deref();
    let commands = job.history.iter();
    let commands = commands.filter(|entry| entry.actor.as_deref() == Some(me));
    let mention = Mention {
        job_id: job.id.to_string(),
        commands: commands
            .map(|entry| crate::explain::ExplanationStep {
                at: entry.at.0,
                what: entry.event.name().to_owned(),
                actor: entry.actor.clone(),
                reason: entry.reason.clone(),
            })
            .collect(),
        assigned: marks.and_then(|marks| marks.assigned_to.as_deref()) == Some(me),
        reviewed_at: marks
            .and_then(|marks| marks.reviewed.as_ref())
            .filter(|reviewed| reviewed.by == me)
            .map(|reviewed| reviewed.at),
    };
    let is_empty =
        mention.commands.is_empty() && !mention.assigned && mention.reviewed_at.is_none();
    (!is_empty).then_some(mention)
}

/// The webhooks that the caller created, and the settings of its digests.
async fn settings<P: KeyValueStore>(
    ports: &P,
    principal: &Principal,
    account: Option<&Account>,
) -> Result<Vec<DataRecord>, ApiError> {
    let mut records = Vec::new();
    for tenant in &principal.tenants {
        for webhook in webhooks::of_tenant(ports, tenant).await? {
            if webhook.created_by == principal.actor {
                records.push(DataRecord {
                    tenant: Some(tenant.to_string()),
                    webhook: Some(Box::new(webhook)),
                    ..DataRecord::new("webhook")
                });
            }
        }
        let digests = match account {
            Some(account) => digests::stored(ports, tenant, account).await?,
            None => None,
        };
        if let Some(digests) = digests {
            records.push(DataRecord {
                tenant: Some(tenant.to_string()),
                digests: Some(digests),
                ..DataRecord::new("digests")
            });
        }
    }
    Ok(records)
}

/// Entries of the audit log in which the caller acted, or that are about a job of its uploads.
async fn audited<P: JobList + KeyValueStore>(
    ports: &P,
    principal: &Principal,
    before: Option<String>,
) -> Result<(Vec<DataRecord>, Option<ExportPosition>), ApiError> {
    let (entries, next) = audit::read(ports, before.as_deref()).await?;
    let is_of_own_tenant = |entry: &&AuditEntry| {
        let tenant = entry.tenant.as_deref();
        let tenant = tenant.and_then(|name| name.parse::<Tenant>().ok());
        tenant.is_some_and(|tenant| principal.tenants.contains(&tenant))
    };
    let targets = entries.iter().filter(is_of_own_tenant);
    let ids: BTreeSet<JobId> = targets
        .filter_map(|entry| entry.target.to_lowercase().parse().ok())
        .collect();
    let ids: Vec<JobId> = ids.into_iter().collect();
    let mut own: BTreeSet<String> = BTreeSet::new();
    if !ids.is_empty() {
        let rows = ports.get_jobs(&ids).await?;
        let rows = rows.iter().filter(|job| is_own(principal, job));
        own.extend(rows.map(|job| job.id.to_string()));
    }
    let is_about = |entry: &AuditEntry| {
        entry.actor == principal.actor || own.contains(&entry.target.to_lowercase())
    };
    let about = entries.into_iter().filter(is_about);
    let record = |entry: AuditEntry| DataRecord {
        tenant: entry.tenant.clone(),
        audit: Some(Box::new(entry)),
        ..DataRecord::new("audit")
    };
    let next = next.map(|key| ExportPosition::Audit(Some(key)));
    Ok((about.map(record).collect(), next))
}
