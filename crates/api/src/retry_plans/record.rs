//! How a retry plan is stored: one record for the plan, and its jobs in records of [`JOBS_PER_RECORD`] each.

use serde::{Deserialize, Serialize};

use crate::ApiError;
use crate::types::{NamedCount, RetryPlanFilter, RetryPlanStatus, RetryPlanView};
use jobs::id::{JobId, Timestamp};
use jobs::job::Job;
use jobs::ports::{KeyValueStore, Record, Unavailable};

pub(super) const PLANS: &str = "plan";
/// Holds an empty record for each plan whose release is not complete.
pub(super) const ACTIVE_PLANS: &str = "plan-active";
/// How many jobs one record holds. One request reads the rows of as many.
pub(super) const JOBS_PER_RECORD: usize = 100;
const RETENTION_MS: u64 = 90 * 86_400_000;
const PLANS_PER_READ: u16 = 50;
/// Shown instead of the name of a batch of which a document was deleted.
const NAME_DELETED: &str = "(name deleted)";

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct PlanRecord {
    pub(super) id: String,
    pub(super) created_at: Timestamp,
    pub(super) applied_at: Option<Timestamp>,
    pub(super) actor: String,
    /// The actor in the histories of the jobs.
    pub(super) applied_by: Option<String>,
    pub(super) reason: String,
    pub(super) filter: RetryPlanFilter,
    pub(super) per_minute: u16,
    pub(super) force: bool,
    #[serde(default)]
    pub(super) run_again: bool,
    #[serde(default)]
    pub(super) cancel: bool,
    #[serde(default)]
    pub(super) stopped_at: Option<Timestamp>,
    pub(super) jobs: u32,
    pub(super) by_cause: Vec<NamedCount>,
    #[serde(default)]
    pub(super) by_model: Vec<NamedCount>,
    #[serde(default)]
    pub(super) by_state: Vec<NamedCount>,
    pub(super) by_pipeline: Vec<NamedCount>,
    pub(super) poisoned: u32,
    #[serde(default)]
    pub(super) documents_deleted: u32,
    pub(super) truncated: bool,
    pub(super) gpu_minutes: u32,
    pub(super) released: u32,
}

impl PlanRecord {
    pub(super) fn view(&self) -> RetryPlanView {
        let status = match self.applied_at {
            _ if self.stopped_at.is_some() => RetryPlanStatus::Stopped,
            None => RetryPlanStatus::Planned,
            Some(_) if self.released < self.jobs => RetryPlanStatus::Releasing,
            Some(_) => RetryPlanStatus::Released,
        };
        RetryPlanView {
            id: self.id.clone(),
            status: status.name().to_owned(),
            created_at: self.created_at.0,
            applied_at: self.applied_at.map(|at| at.0),
            actor: self.actor.clone(),
            reason: self.reason.clone(),
            run_again: self.run_again,
            cancel: self.cancel,
            stopped_at: self.stopped_at.map(|at| at.0),
            filter: self.filter.clone(),
            per_minute: self.per_minute,
            jobs: self.jobs,
            by_cause: self.by_cause.clone(),
            by_model: self.by_model.clone(),
            by_state: self.by_state.clone(),
            by_pipeline: self.by_pipeline.clone(),
            poisoned: self.poisoned,
            documents_deleted: self.documents_deleted,
            truncated: self.truncated,
            gpu_minutes: self.gpu_minutes,
            released: self.released,
            outcome: None,
        }
    }

    pub(super) fn to_record(&self, revision: u64) -> Record {
        Record {
            body: serde_json::to_string(self).unwrap_or_default(),
            revision,
            expires_at: Some(Timestamp(self.created_at.0 + RETENTION_MS)),
        }
    }

    /// When the job at `index` is due.
    pub(super) fn due_at(&self, applied_at: Timestamp, index: u32) -> Timestamp {
        let interval_ms = 60_000 / u64::from(self.per_minute.max(1));
        Timestamp(applied_at.0 + u64::from(index) * interval_ms)
    }

    /// The end of the reason in the jobs' histories. It identifies the jobs that the plan has started.
    pub(super) fn reason_suffix(&self) -> String {
        format!("[{}]", self.id)
    }

    /// The reason in the jobs' histories.
    pub(super) fn job_reason(&self) -> String {
        format!("{} {}", self.reason, self.reason_suffix())
    }
}

/// A job of a plan, and its version when the plan was created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PlannedJob {
    pub(super) job: JobId,
    pub(super) version: u64,
}

fn jobs_collection(plan: &str) -> String {
    format!("plan#{plan}")
}

fn jobs_key(record_number: usize) -> String {
    format!("{record_number:04}")
}

fn decode_jobs(text: &str) -> Vec<PlannedJob> {
    let decode = |line: &str| {
        let (job, version) = line.split_once(' ')?;
        Some(PlannedJob {
            job: job.parse().ok()?,
            version: version.parse().ok()?,
        })
    };
    text.lines().filter_map(decode).collect()
}

pub(super) async fn write_jobs<P: KeyValueStore>(
    ports: &P,
    plan: &PlanRecord,
    jobs: &[Job],
) -> Result<(), Unavailable> {
    let collection = jobs_collection(&plan.id);
    for (number, chunk) in jobs.chunks(JOBS_PER_RECORD).enumerate() {
        let lines: Vec<String> = chunk
            .iter()
            .map(|job| format!("{} {}", job.id, job.version))
            .collect();
        let record = Record {
            body: lines.join("\n"),
            ..plan.to_record(1)
        };
        ports.put(&collection, &jobs_key(number), &record).await?;
    }
    Ok(())
}

/// The jobs of one record; none if it does not exist.
pub(super) async fn read_jobs<P: KeyValueStore>(
    ports: &P,
    plan: &str,
    record_number: usize,
) -> Result<Vec<PlannedJob>, Unavailable> {
    let found = ports
        .get(&jobs_collection(plan), &jobs_key(record_number))
        .await?;
    Ok(found.map_or_else(Vec::new, |record| decode_jobs(&record.body)))
}

/// A plan and the revision of its record.
pub(super) async fn read<P: KeyValueStore>(
    ports: &P,
    id: &str,
) -> Result<Option<(PlanRecord, u64)>, Unavailable> {
    let Some(record) = ports.get(PLANS, id).await? else {
        return Ok(None);
    };
    let plan = serde_json::from_str(&record.body).map_err(|error| Unavailable {
        what: "the retry plan",
        source: error.into(),
    })?;
    Ok(Some((plan, record.revision)))
}

/// Removes the name of a tenant's batch from the plans that chose their jobs by it. What they chose is stored apart.
pub(crate) async fn forget_batch<P: KeyValueStore>(
    ports: &P,
    tenant: &str,
    batch: &str,
) -> Result<(), ApiError> {
    let mut before: Option<String> = None;
    loop {
        let page = ports
            .list_descending(PLANS, before.as_deref(), PLANS_PER_READ)
            .await?;
        for (id, record) in &page {
            let Ok(mut plan) = serde_json::from_str::<PlanRecord>(&record.body) else {
                continue;
            };
            let is_of_tenant = plan.filter.tenant.as_deref() == Some(tenant);
            if !is_of_tenant || plan.filter.batch.as_deref() != Some(batch) {
                continue;
            }
            plan.filter.batch = Some(NAME_DELETED.to_owned());
            let changed = plan.to_record(record.revision + 1);
            if !ports.put(PLANS, id, &changed).await? {
                return Err(ApiError::Unavailable(
                    "a retry plan changed meanwhile".to_owned(),
                ));
            }
        }
        before = page.last().map(|(id, _)| id.clone());
        if page.len() < usize::from(PLANS_PER_READ) {
            return Ok(());
        }
    }
}
