//! The audit log: who did what, and why.
//!
//! An entry is written before the action, so that no action goes unrecorded, and again after it with the outcome.

use super::{ApiError, Permission, Principal};
use crate::types::{AuditAction, AuditEntry, AuditPage, AuditQuery};
use jobs::commands::{MAX_REASON_CHARS, check_reason};
use jobs::id::{Tenant, Timestamp};
use jobs::job::Job;
use jobs::pipeline::Pipelines;
use jobs::ports::{Clock, FailedEntries, KeyValueStore, Record, Unavailable};
use serde::Serialize;

const COLLECTION: &str = "audit";
const PAGE_SIZE: u16 = 50;
/// How often one request reads at most: an auditor of one tenant sees few of the entries.
const MAX_READS: usize = 10;
const DEFAULT_RETENTION_DAYS: u16 = 365;
/// How the outcome of a refused action begins.
const REFUSED: &str = "refused: ";

/// What an audited action is about.
#[derive(Clone, Copy, Debug, Default)]
pub struct AuditTarget<'a> {
    /// The id of a job, a retry plan, a message in quarantine or a webhook.
    pub id: &'a str,
    pub tenant: Option<&'a Tenant>,
    /// Decides how long the entry is kept. Without a pipeline the longest retention of all pipelines applies.
    pub pipeline: Option<&'a str>,
}

impl<'a> AuditTarget<'a> {
    /// A target that belongs to no tenant and no pipeline.
    pub const fn id(id: &'a str) -> Self {
        Self {
            id,
            tenant: None,
            pipeline: None,
        }
    }

    /// A job, under the id that the caller gave.
    pub fn job(id: &'a str, job: &'a Job) -> Self {
        Self {
            id,
            tenant: Some(&job.tenant),
            pipeline: Some(&job.pipeline),
        }
    }
}

/// What the event bus is told about an entry: neither the reason nor the outcome's words, since both may name a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditEvent {
    /// `<entry>:<outcome>`: the same event published twice has the same id.
    pub id: String,
    /// The entry's key. An entry may have two events: one when the action begins, and one with its outcome.
    pub entry: String,
    pub outcome: AuditOutcome,
    pub at: u64,
    pub actor: String,
    pub action: String,
    pub target: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
}

/// What is known about the outcome of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AuditOutcome {
    /// Not known yet, or never if the function that carried it out died.
    Begun,
    Done,
    Refused,
}

impl AuditEvent {
    pub fn of(key: &str, entry: AuditEntry) -> Self {
        let is_recorded_at_once = entry.action == AuditAction::SignIn.name();
        let (outcome, name) = match &entry.detail {
            Some(detail) if detail.starts_with(REFUSED) => (AuditOutcome::Refused, "refused"),
            Some(_) => (AuditOutcome::Done, "done"),
            None if is_recorded_at_once => (AuditOutcome::Done, "done"),
            None => (AuditOutcome::Begun, "begun"),
        };
        Self {
            id: format!("{key}:{name}"),
            entry: key.to_owned(),
            outcome,
            at: entry.at,
            actor: entry.actor,
            action: entry.action,
            target: entry.target,
            tenant: entry.tenant,
            program: entry.program,
        }
    }
}

/// The event bus, for entries of the audit log.
#[expect(
    async_fn_in_trait,
    reason = "each program has one adapter type and one thread; these futures are never boxed"
)]
pub trait AuditEventBus {
    /// Publishes `AuditEntry` for each, in their order.
    async fn publish_audit(&self, events: &[AuditEvent]) -> FailedEntries;
}

/// The entry of an action that has begun and whose outcome is not recorded yet.
#[must_use = "record the outcome with `finish` or `refuse`"]
#[derive(Debug)]
pub struct PendingAudit {
    key: String,
    entry: AuditEntry,
    expires_at: Timestamp,
}

/// Records that an action is about to be carried out.
///
/// # Errors
/// If the reason is missing or too long, or the store does not answer. The action must not be carried out then.
pub async fn begin<P: KeyValueStore + Clock>(
    ports: &P,
    pipelines: &Pipelines,
    principal: &Principal,
    action: AuditAction,
    target: AuditTarget<'_>,
    reason: &str,
) -> Result<PendingAudit, ApiError> {
    let reason = check_reason(reason).ok_or_else(|| {
        ApiError::BadRequest(format!(
            "give a reason of 1 to {MAX_REASON_CHARS} characters that can be seen"
        ))
    })?;
    record(ports, pipelines, principal, action, target, reason).await
}

/// Records in one write what is done at once and cannot fail any more: a download that was signed, an export that began.
///
/// # Errors
/// If the store does not answer. Then nothing must be given away.
pub async fn record_at_once<P: KeyValueStore + Clock>(
    ports: &P,
    pipelines: &Pipelines,
    principal: &Principal,
    action: AuditAction,
    target: AuditTarget<'_>,
    outcome: &str,
) -> Result<(), ApiError> {
    let mut pending = new_entry(ports, pipelines, principal, action, target, "");
    pending.entry.detail = Some(outcome.to_owned());
    Ok(pending.write(ports, 1).await?)
}

/// As [`record_at_once`], of an action at `at`. Writes nothing if there is an entry of that time and target.
///
/// # Errors
/// If the store does not answer.
pub(super) async fn record_if_absent<P: KeyValueStore + Clock>(
    ports: &P,
    pipelines: &Pipelines,
    principal: &Principal,
    action: AuditAction,
    target: AuditTarget<'_>,
    at: Timestamp,
) -> Result<(), Unavailable> {
    let mut pending = new_entry(ports, pipelines, principal, action, target, "");
    pending.key = format!("{:013}-{}", at.0, target.id);
    pending.entry.at = at.0;
    pending.write(ports, 1).await
}

/// As [`begin`], for what people do with settings of their own tenant, for which they need give no reason.
///
/// # Errors
/// If the store does not answer. The action must not be carried out then.
pub async fn begin_without_reason<P: KeyValueStore + Clock>(
    ports: &P,
    pipelines: &Pipelines,
    principal: &Principal,
    action: AuditAction,
    target: AuditTarget<'_>,
) -> Result<PendingAudit, ApiError> {
    record(ports, pipelines, principal, action, target, "").await
}

async fn record<P: KeyValueStore + Clock>(
    ports: &P,
    pipelines: &Pipelines,
    principal: &Principal,
    action: AuditAction,
    target: AuditTarget<'_>,
    reason: &str,
) -> Result<PendingAudit, ApiError> {
    let pending = new_entry(ports, pipelines, principal, action, target, reason);
    pending.write(ports, 1).await?;
    Ok(pending)
}

fn new_entry<P: Clock>(
    ports: &P,
    pipelines: &Pipelines,
    principal: &Principal,
    action: AuditAction,
    target: AuditTarget<'_>,
    reason: &str,
) -> PendingAudit {
    let now = ports.now();
    let pipeline = target.pipeline.and_then(|name| pipelines.get(name));
    let retention_days = match pipeline {
        Some(pipeline) => pipeline.retention_days.audit,
        None => pipelines
            .iter()
            .map(|pipeline| pipeline.retention_days.audit)
            .max()
            .unwrap_or(DEFAULT_RETENTION_DAYS),
    };
    PendingAudit {
        key: format!("{:013}-{:016x}", now.0, ports.random()),
        entry: AuditEntry {
            at: now.0,
            actor: principal.actor.clone(),
            action: action.name().to_owned(),
            target: target.id.to_owned(),
            tenant: target.tenant.map(|tenant| tenant.as_str().to_owned()),
            reason: reason.to_owned(),
            program: Some(principal.program.name().to_owned()),
            detail: None,
        },
        expires_at: Timestamp(now.0 + u64::from(retention_days) * 86_400_000),
    }
}

/// A number with its noun, for an outcome.
pub(super) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

impl PendingAudit {
    /// Records the outcome. If the store does not answer, the entry stays without one: the action is already done.
    pub async fn finish<P: KeyValueStore>(mut self, ports: &P, outcome: impl Into<String>) {
        self.entry.detail = Some(outcome.into());
        if let Err(error) = self.write(ports, 2).await {
            tracing::warn!(error = %error, "the outcome of an action is not in the audit log");
        }
    }

    /// Records that the action was refused, and returns the error.
    pub async fn refuse<P: KeyValueStore>(self, ports: &P, error: ApiError) -> ApiError {
        self.finish(ports, format!("{REFUSED}{error}")).await;
        error
    }

    async fn write<P: KeyValueStore>(&self, ports: &P, revision: u64) -> Result<(), Unavailable> {
        let record = Record {
            body: serde_json::to_string(&self.entry).unwrap_or_default(),
            revision,
            expires_at: Some(self.expires_at),
        };
        ports.put(COLLECTION, &self.key, &record).await.map(drop)
    }
}

/// How far back the log is complete: since when the retention of no pipeline has ended.
fn complete_since(pipelines: &Pipelines, now: Timestamp) -> Timestamp {
    let days = pipelines
        .iter()
        .map(|pipeline| pipeline.retention_days.audit)
        .min()
        .unwrap_or(DEFAULT_RETENTION_DAYS);
    Timestamp(now.0.saturating_sub(u64::from(days) * 86_400_000))
}

/// A page of the log, newest first, as far as it is of tenants that the principal has access to, without its cursor, and the key to continue before.
///
/// # Errors
/// Unless the caller may read the audit log, and if the store does not answer.
pub async fn list<P: KeyValueStore + Clock>(
    ports: &P,
    pipelines: &Pipelines,
    principal: &Principal,
    query: &AuditQuery,
    before: Option<&str>,
) -> Result<(AuditPage, Option<String>), ApiError> {
    let permission = Permission::ReadAudit;
    principal.must(permission)?;
    let since = query.since.unwrap_or(0);
    if since >= query.until.unwrap_or(u64::MAX) {
        return Err(ApiError::BadRequest(
            "since must be before until".to_owned(),
        ));
    }
    if query.export && before.is_none() {
        let target = AuditTarget::id(&principal.actor);
        let action = AuditAction::ExportAudit;
        record_at_once(ports, pipelines, principal, action, target, "begun").await?;
    }
    let reads_all = principal.has_for_all_tenants(permission);
    let is_readable = |entry: &AuditEntry| {
        let tenant = entry.tenant.as_deref().and_then(|name| name.parse().ok());
        reads_all || tenant.is_some_and(|tenant| principal.has_for_tenant(permission, &tenant))
    };
    let mut entries: Vec<AuditEntry> = Vec::new();
    // Keys begin with the time, of 13 digits. A longer one is after all of them.
    let until = query.until.filter(|until| *until < 10_u64.pow(13));
    let first = until.map(|until| format!("{until:013}"));
    let mut next = before.map(str::to_owned).or(first);
    for _ in 0..MAX_READS {
        let (read, after) = read(ports, next.as_deref()).await?;
        let is_past = read.last().is_some_and(|oldest| oldest.at < since);
        let within = read.into_iter().filter(|entry| entry.at >= since);
        entries.extend(within.filter(is_readable));
        next = after.filter(|_| !is_past);
        if next.is_none() || entries.len() >= usize::from(PAGE_SIZE) {
            break;
        }
    }
    let page = AuditPage {
        entries,
        complete_since: complete_since(pipelines, ports.now()).0,
        cursor: None,
    };
    Ok((page, next))
}

/// The entries before a key, newest first, and the key to continue before.
pub(super) async fn read<P: KeyValueStore>(
    ports: &P,
    before: Option<&str>,
) -> Result<(Vec<AuditEntry>, Option<String>), Unavailable> {
    let records = ports.list_descending(COLLECTION, before, PAGE_SIZE).await?;
    let is_full = records.len() >= usize::from(PAGE_SIZE);
    let next = records.last().map(|(key, _)| key.clone());
    let entries = records.iter().filter_map(|(_, record)| decode(record));
    Ok((entries.collect(), next.filter(|_| is_full)))
}

fn decode(record: &Record) -> Option<AuditEntry> {
    serde_json::from_str(&record.body)
        .inspect_err(
            |error| tracing::error!(error = %error, "an entry of the audit log cannot be decoded"),
        )
        .ok()
}
