//! Retry plans.

use serde::{Deserialize, Serialize};

use super::NamedCount;
#[cfg(feature = "schema")]
use super::schema::{TENANT_PATTERN, visible_pattern};
#[cfg(feature = "schema")]
use jobs::labels::MAX_LABEL_CHARS;
use jobs::lane::Lane;
use jobs::view::JobView;

/// Body of `POST /retry-plans`: failed jobs to retry together, ready jobs to run again together, or open jobs to cancel together.
/// Creating a plan changes no job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NewRetryPlan {
    /// Runs `Ready` jobs again, with the model that their endpoint serves then, in place of retrying failed jobs. Their results
    /// stay. The filter must name a tenant, and no cause.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub run_again: bool,
    /// Cancels open jobs, in place of retrying failed ones. The filter must name a tenant, a pipeline or a time, and no cause. A
    /// job that has ended by then stays as it is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancel: bool,
    /// Without it, all failed jobs.
    #[serde(default)]
    pub filter: RetryPlanFilter,
    /// The reason, for each job's history and the audit log: 1 to 400 characters, at least one of them visible.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = crate::retry_plans::MAX_PLAN_REASON), regex(pattern = visible_pattern())))]
    pub reason: String,
    /// How many jobs to start, or to cancel, per minute. The default is 20, and 600 to cancel.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = crate::retry_plans::MAX_JOBS_PER_MINUTE)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_minute: Option<u16>,
    /// Includes jobs that have repeated the same failure too often.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub force: bool,
}

/// Selects the jobs of a retry plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct RetryPlanFilter {
    /// Only jobs of this tenant.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = TENANT_PATTERN)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Only this pipeline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<String>,
    /// Only jobs that failed with this cause.
    #[cfg_attr(feature = "schema", schemars(with = "Option<jobs::state::Cause>"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Only jobs of exactly this batch. Needs `tenant`.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = MAX_LABEL_CHARS)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<String>,
    /// Only jobs of exactly this reference. Needs `tenant`.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = MAX_LABEL_CHARS)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Only jobs with exactly this tag, as `name=value`. Needs `tenant`.
    #[cfg_attr(
        feature = "schema",
        schemars(regex(pattern = "^[A-Za-z0-9._-]{1,32}="))
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Only jobs in this lane.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lane: Option<Lane>,
    /// Only jobs whose result is by this model: an endpoint configuration, or one with its digest as in `ModelView`. Also those of
    /// which it is not certain. Only with `run_again`.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 76)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Only jobs that failed, or became ready, at or after this time; of open jobs, that were uploaded then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
    /// Only jobs that failed, or became ready, before this time; of open jobs, that were uploaded then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<u64>,
}

/// How far the release of a plan's jobs is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename_all = "lowercase"))]
pub enum RetryPlanStatus {
    /// Not applied: no job was started.
    Planned,
    /// Jobs are being started.
    Releasing,
    /// All jobs were started.
    Released,
    /// Support stopped the plan: no more jobs are started.
    Stopped,
}

impl RetryPlanStatus {
    pub const ALL: [Self; 4] = [
        Self::Planned,
        Self::Releasing,
        Self::Released,
        Self::Stopped,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Releasing => "releasing",
            Self::Released => "released",
            Self::Stopped => "stopped",
        }
    }
}

/// Failed jobs that are retried together, ready jobs that are run again together, or open jobs that are cancelled together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RetryPlanView {
    /// For `GET /retry-plans/{plan_id}`.
    pub id: String,
    #[cfg_attr(feature = "schema", schemars(with = "RetryPlanStatus"))]
    pub status: String,
    /// When the plan was created.
    pub created_at: u64,
    /// When the release of the jobs began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_at: Option<u64>,
    /// Who created the plan.
    pub actor: String,
    /// Plain text. Escape it before you show it as HTML.
    pub reason: String,
    /// It runs ready jobs again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub run_again: bool,
    /// It cancels open jobs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancel: bool,
    /// When it was stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_at: Option<u64>,
    /// The filter that selected the jobs when the plan was created.
    pub filter: RetryPlanFilter,
    /// How many jobs are started per minute.
    pub per_minute: u16,
    /// How many jobs the plan retries.
    pub jobs: u32,
    /// The jobs by failure cause.
    pub by_cause: Vec<NamedCount>,
    /// The jobs by the model of their result, if the plan runs ready jobs again. Those without a known model are not counted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_model: Vec<NamedCount>,
    /// The jobs by state, when the plan was created, if it cancels them. A job in `Queued` has no request at the endpoint. Of one
    /// that is `Submitting` or `InProgress` the request continues, and its result is ignored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_state: Vec<NamedCount>,
    /// The jobs by pipeline.
    pub by_pipeline: Vec<NamedCount>,
    /// How many jobs were left out because they have repeated the same failure too often. `force` includes them.
    pub poisoned: u32,
    /// How many jobs were left out because the retention time of their documents is over, so that another run would find nothing.
    #[serde(default)]
    pub documents_deleted: u32,
    /// More jobs match the filter than one plan takes. Create another plan after this one.
    pub truncated: bool,
    /// Estimated GPU time of all runs, in minutes; of a plan that cancels, of the runs that had not started.
    pub gpu_minutes: u32,
    /// How many jobs were released so far.
    pub released: u32,
    /// Progress of the jobs. Only in responses about a single plan that was applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<RetryPlanOutcome>,
}

/// Progress of the jobs of a plan. The counts add up to the plan's jobs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RetryPlanOutcome {
    /// Not started yet.
    pub waiting: u32,
    /// Not started, because the job has changed since the plan was created or cannot be retried.
    pub skipped: u32,
    /// The record of the job no longer exists: its retention time is over.
    #[serde(default)]
    pub missing: u32,
    /// Started and still open.
    pub open: u32,
    /// Ready, through a new attempt or because the result of an earlier attempt was found.
    pub ready: u32,
    /// Cancelled by this plan.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cancelled: u32,
    /// Of these, cancelled before anything of them was queued or running at the endpoint.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cancelled_without_run: u32,
    /// Started, then failed again or cancelled. A job that was run again without a new result counts here, and is ready with its
    /// earlier result.
    pub failed: u32,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Query parameters of `GET /retry-plans/{plan_id}/jobs`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct RetryPlanJobsQuery {
    /// The page, from 0. A page has up to 100 jobs.
    pub page: u16,
}

/// Response of `GET /retry-plans/{plan_id}/jobs`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RetryPlanJobs {
    /// In the order in which they are started.
    pub jobs: Vec<PlannedJobView>,
    /// How many pages there are.
    pub pages: u16,
}

/// A job of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PlannedJobView {
    pub job_id: String,
    /// The count of `RetryPlanOutcome` that it belongs to.
    #[cfg_attr(feature = "schema", schemars(extend("enum" = ["waiting", "skipped", "missing", "open", "ready", "failed", "cancelled"])))]
    pub outcome: String,
    /// Absent if its record no longer exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobView>,
}

/// Response of `GET /retry-plans`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RetryPlanList {
    /// The newest 50, newest first.
    pub plans: Vec<RetryPlanView>,
}
