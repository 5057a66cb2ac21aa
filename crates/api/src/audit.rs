//! The audit log: who did what, and why.
//!
//! A line is written before the deed, so that none goes without one, and again after it, with what came of it.

use super::{ApiError, Principal};
use crate::types::{AuditEntry, AuditPage};
use jobs::commands::{MAX_REASON, check_reason};
use jobs::id::{Tenant, Timestamp};
use jobs::pipeline::Pipelines;
use jobs::ports::{Clock, KeyValueStore, Record, Unavailable};

const FOLDER: &str = "audit";
/// How many lines are answered at once.
const PAGE: u16 = 50;

/// A line of the log whose deed is being done.
#[derive(Debug)]
pub struct Line {
    name: String,
    entry: AuditEntry,
    expires_at: Timestamp,
}

/// Writes down what is about to be done. `tenant` and `pipeline` are the job's, where one is concerned.
///
/// # Errors
/// If the reason is missing or too long, or the log does not answer: then nothing may be done.
pub async fn begin<P: KeyValueStore + Clock>(
    ports: &P,
    pipelines: &Pipelines,
    principal: &Principal,
    action: &str,
    target: &str,
    (tenant, pipeline): (Option<&Tenant>, Option<&str>),
    reason: &str,
) -> Result<Line, ApiError> {
    let reason = check_reason(reason).ok_or_else(|| {
        ApiError::BadRequest(format!("give a reason of at most {MAX_REASON} characters"))
    })?;
    let now = ports.now();
    let keep = pipeline.and_then(|name| pipelines.get(name));
    let days = match keep {
        Some(pipeline) => pipeline.retention_days.audit,
        None => {
            let all = pipelines
                .iter()
                .map(|pipeline| pipeline.retention_days.audit);
            all.max().unwrap_or(365)
        }
    };
    let line = Line {
        name: format!("{:013}-{:016x}", now.0, ports.random()),
        entry: AuditEntry {
            at: now.0,
            actor: principal.actor.clone(),
            action: action.to_owned(),
            target: target.to_owned(),
            tenant: tenant.map(|tenant| tenant.as_str().to_owned()),
            reason: reason.to_owned(),
            detail: None,
        },
        expires_at: Timestamp(now.0 + u64::from(days) * 86_400_000),
    };
    line.write(ports, 1).await?;
    Ok(line)
}

impl Line {
    /// Adds what came of it. If that cannot be written the line stays without it: the deed is done.
    pub async fn end<P: KeyValueStore>(mut self, ports: &P, detail: impl Into<String>) {
        self.entry.detail = Some(detail.into());
        if let Err(error) = self.write(ports, 2).await {
            tracing::warn!(error = %error, "what came of an action is not in the audit log");
        }
    }

    /// Adds that it was refused, and why, and gives the refusal back.
    pub async fn refuse<P: KeyValueStore>(self, ports: &P, refusal: ApiError) -> ApiError {
        self.end(ports, format!("refused: {refusal}")).await;
        refusal
    }

    async fn write<P: KeyValueStore>(&self, ports: &P, revision: u64) -> Result<(), Unavailable> {
        let document = Record {
            text: serde_json::to_string(&self.entry).unwrap_or_default(),
            revision,
            expires_at: Some(self.expires_at),
        };
        ports.write(FOLDER, &self.name, &document).await.map(drop)
    }
}

/// The log, newest first. Answers the page without its cursor, and where to go on.
///
/// # Errors
/// For all but support, and if the log does not answer.
pub async fn list<P: KeyValueStore>(
    ports: &P,
    principal: &Principal,
    before: Option<&str>,
) -> Result<(AuditPage, Option<String>), ApiError> {
    principal.must_be_support()?;
    let found = ports.last(FOLDER, before, PAGE).await?;
    let is_full = found.len() >= usize::from(PAGE);
    let next = found
        .last()
        .map(|(name, _)| name.clone())
        .filter(|_| is_full);
    let entry = |document: &Record| {
        serde_json::from_str(&document.text)
            .inspect_err(
                |error| tracing::error!(error = %error, "a line of the audit log cannot be read"),
            )
            .ok()
    };
    let page = AuditPage {
        entries: found
            .iter()
            .filter_map(|(_, document)| entry(document))
            .collect(),
        cursor: None,
    };
    Ok((page, next))
}
