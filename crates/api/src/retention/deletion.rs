//! Deletes the data of jobs whose tenant's retention has ended, in the way in which a person deletes it.
//!
//! What is due follows from the lists of the tenant's ended jobs: a job whose data is deleted leaves them. So nothing is stored
//! about progress, and a run that ends early is continued by the next.

use jobs::apply::RunContext;
use jobs::commands::JobCommand;
use jobs::id::{JobId, Tenant, Timestamp};
use jobs::job::Job;
use jobs::ports::{
    Clock, Connections, JobStore, KeyValueStore, ObjectDeletion, ObjectStore, Pusher,
};
use jobs::state::StatusGroup;
use jobs::tenants::{self, TenantRetention};
use tracing::warn;

use super::{DAY_MS, begins_at, describe, erased_at};
use crate::audit::{self, AuditTarget};
use crate::data_deletion::{self, complete, erase};
use crate::ports::{JobList, JobListKey, QuarantineStore, TimeRange};
use crate::types::AuditAction;
use crate::{ApiError, Principal};

/// The actor in histories and in the audit log.
const ACTOR: &str = "retention";
const JOBS_PER_PAGE: u16 = 100;
const UNFINISHED_PER_PAGE: u16 = 50;
/// A run ends after this number of failures, since a service is probably down.
const MAX_FAILURES: u64 = 5;

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetentionReport {
    /// Jobs whose data was deleted.
    pub deleted: u64,
    /// Deletions of this function or of people that were interrupted, and that it completed.
    pub completed: u64,
    /// Jobs whose data is due and could not be deleted.
    pub failed: u64,
    /// The time was over before the work.
    pub more: bool,
}

impl RetentionReport {
    const fn has_failed(self) -> bool {
        self.failed >= MAX_FAILURES
    }
}

/// What the deletions of a run need.
struct RetentionRun<'a, P> {
    ports: &'a P,
    context: &'a RunContext<'a>,
    principal: Principal,
    /// No deletion begins after this time.
    until: Timestamp,
    report: RetentionReport,
}

/// Deletes the data of all jobs that is due, and completes interrupted deletions, until the time is over. An open job, and one of
/// which an attempt may still write a result, is left for a later run.
///
/// # Errors
/// If a list cannot be read. The next run goes on.
pub async fn delete_due<P>(
    ports: &P,
    context: &RunContext<'_>,
    until: Timestamp,
) -> Result<RetentionReport, ApiError>
where
    P: JobStore
        + JobList
        + ObjectStore
        + ObjectDeletion
        + KeyValueStore
        + QuarantineStore
        + Connections
        + Pusher
        + Clock,
{
    let mut run = RetentionRun {
        ports,
        context,
        principal: Principal::of_groups(ACTOR, [], until),
        until,
        report: RetentionReport::default(),
    };
    run.complete_interrupted().await?;
    for (tenant, record) in tenants::list(ports).await? {
        let Some(retention) = record.retention else {
            continue;
        };
        for group in [
            StatusGroup::Ready,
            StatusGroup::Failed,
            StatusGroup::Cancelled,
        ] {
            let list = JobListKey::OfTenant(tenant.clone(), group);
            run.delete_of_list(&list, &tenant, retention).await?;
        }
    }
    Ok(run.report)
}

impl<P> RetentionRun<'_, P>
where
    P: JobStore
        + JobList
        + ObjectStore
        + ObjectDeletion
        + KeyValueStore
        + QuarantineStore
        + Connections
        + Pusher
        + Clock,
{
    /// Whether to go on.
    fn goes_on(&mut self) -> bool {
        let is_over = self.ports.now() >= self.until;
        self.report.more |= is_over;
        !is_over && !self.report.has_failed()
    }

    async fn complete_interrupted(&mut self) -> Result<(), ApiError> {
        let mut before: Option<String> = None;
        loop {
            let page = self
                .ports
                .list_descending(
                    data_deletion::COLLECTION,
                    before.as_deref(),
                    UNFINISHED_PER_PAGE,
                )
                .await?;
            for (key, record) in &page {
                let Ok(id) = key.parse::<JobId>() else {
                    continue;
                };
                if !self.goes_on() {
                    return Ok(());
                }
                match complete(self.ports, id, record).await {
                    Ok(Some((job, deleted))) => {
                        self.report.completed += 1;
                        self.note_completed(&job, deleted).await;
                    }
                    Ok(None) => {}
                    Err(error) => self.failed(id, &error),
                }
            }
            before = page.last().map(|(key, _)| key.clone());
            if page.len() < usize::from(UNFINISHED_PER_PAGE) {
                return Ok(());
            }
        }
    }

    async fn note_completed(&self, job: &Job, deleted: usize) {
        let id = job.id.to_string();
        let outcome = data_deletion::outcome(deleted);
        let outcome = format!("an interrupted deletion was completed: {outcome}");
        let recorded = audit::record_at_once(
            self.ports,
            self.context.pipelines,
            &self.principal,
            AuditAction::DeleteData,
            AuditTarget::job(&id, job),
            &outcome,
        );
        if let Err(error) = recorded.await {
            warn!(error = %error, "a completed deletion is not in the audit log");
        }
    }

    /// Deletes what is due of a list, newest first.
    async fn delete_of_list(
        &mut self,
        list: &JobListKey,
        tenant: &Tenant,
        retention: TenantRetention,
    ) -> Result<(), ApiError> {
        let now = self.ports.now();
        if now.0 < begins_at(retention) {
            return Ok(());
        }
        // A job ends after its creation.
        let last = now.0.saturating_sub(u64::from(retention.days) * DAY_MS);
        let mut range = TimeRange {
            from: Timestamp(0),
            to: Timestamp(last),
        };
        while self.goes_on() {
            let page = self.ports.list_entries(list, range, JOBS_PER_PAGE).await?;
            let ids: Vec<JobId> = page.items.iter().map(|entry| entry.job).collect();
            if ids.is_empty() {
                break;
            }
            let mut jobs = self.ports.get_jobs(&ids).await?;
            jobs.retain(|job| job.tenant == *tenant && is_due(job, retention, now));
            for job in jobs {
                if !self.goes_on() {
                    return Ok(());
                }
                match self.delete(&job, retention).await {
                    Ok(()) => self.report.deleted += 1,
                    Err(error) => self.failed(job.id, &error),
                }
            }
            match page.items.last().map(|entry| entry.at) {
                // The next page begins with the jobs of this millisecond again.
                Some(oldest) if page.more && oldest < range.to => range.to = oldest,
                // More jobs of one millisecond than a page.
                Some(oldest) if page.more => range.to = Timestamp(oldest.0.saturating_sub(1)),
                Some(_) | None => break,
            }
        }
        Ok(())
    }

    async fn delete(&self, job: &Job, retention: TenantRetention) -> Result<(), ApiError> {
        let id = job.id.to_string();
        let reason = describe(retention);
        // If the job has changed since it was listed, it may be open.
        let command = JobCommand::new(job.id, Some(job.version), ACTOR, &reason);
        let command = command.map_err(|invalid| ApiError::BadRequest(invalid.to_string()))?;
        let audit = audit::begin(
            self.ports,
            self.context.pipelines,
            &self.principal,
            AuditAction::DeleteData,
            AuditTarget::job(&id, job),
            &reason,
        )
        .await?;
        let erased = erase(self.ports, self.context, job, &command, audit, self.until);
        erased.await.map(drop)
    }

    fn failed(&mut self, job: JobId, error: &ApiError) {
        self.report.failed += 1;
        warn!(job.id = %job, error = %error, "the data of a job was not deleted; the next run tries again");
    }
}

/// Whether the data of a job is to be deleted now. An attempt without a known end may still write a result.
fn is_due(job: &Job, retention: TenantRetention, now: Timestamp) -> bool {
    let is_open = job.state.is_open();
    !is_open
        && job.may_write_until(now).is_none()
        && erased_at(job, retention, now).is_some_and(|at| at <= now.0)
}
