//! Retry plans.

use serde::{Deserialize, Serialize};

use super::Count;

/// Body of `POST /retry-plans`: failed jobs to retry together. Creating a plan starts no job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NewRetryPlan {
    /// Without it, all failed jobs.
    #[serde(default)]
    pub filter: RetryPlanFilter,
    /// The reason, for each job's history and the audit log: 1 to 400 characters.
    pub reason: String,
    /// How many jobs to start per minute, 1 to 600. The default is 20.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_minute: Option<u16>,
    /// Includes jobs that have repeated the same failure too often.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub force: bool,
}

/// Selects the failed jobs of a retry plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct RetryPlanFilter {
    /// Only this tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Only this pipeline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<String>,
    /// Only this failure cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Only jobs that failed at or after this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
    /// Only jobs that failed before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<u64>,
}

/// A retry plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RetryPlanView {
    pub id: String,
    /// `planned`, `releasing` or `released`.
    pub status: String,
    pub created_at: u64,
    /// When the release of the jobs began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_at: Option<u64>,
    /// Who created the plan.
    pub actor: String,
    /// Plain text. Escape it before you show it as HTML.
    pub reason: String,
    pub filter: RetryPlanFilter,
    /// How many jobs are started per minute.
    pub per_minute: u16,
    /// How many jobs the plan retries.
    pub jobs: u32,
    /// The jobs by failure cause.
    pub by_cause: Vec<Count>,
    /// The jobs by pipeline.
    pub by_pipeline: Vec<Count>,
    /// How many jobs were left out because they have repeated the same failure too often. `force` includes them.
    pub poisoned: u32,
    /// More jobs match the filter than one plan takes. Create another plan after this one.
    pub truncated: bool,
    /// Estimated GPU time of all runs, in minutes.
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
    /// Started and still open.
    pub open: u32,
    /// Ready, through a new attempt or because the result of an earlier attempt was found.
    pub ready: u32,
    /// Started, then failed again or cancelled.
    pub failed: u32,
}

/// Response of `GET /retry-plans`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RetryPlans {
    /// The newest 50, newest first.
    pub plans: Vec<RetryPlanView>,
}
