//! Retry plans.

use serde::{Deserialize, Serialize};

use super::Count;

/// `POST /retry-plans`: failed jobs to run again together. It names them and starts none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NewPlan {
    /// Which jobs.
    #[serde(default)]
    pub filter: PlanFilter,
    /// Why, for each job's history and the audit log: 1 to 400 characters.
    pub reason: String,
    /// How many jobs to start in a minute, 1 to 600; 20 if it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_minute: Option<u16>,
    /// Also those that have failed the same way again and again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub force: bool,
}

/// Which failed jobs a plan is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct PlanFilter {
    /// Of which tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Of which pipeline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<String>,
    /// Failed by which cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Failed at or after this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
    /// Failed before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<u64>,
}

/// A retry plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PlanView {
    /// Its id.
    pub id: String,
    /// `planned`, `releasing` or `released`.
    pub status: String,
    /// When it was made.
    pub created_at: u64,
    /// When its jobs began to be started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_at: Option<u64>,
    /// Who made it.
    pub actor: String,
    /// Why. Text, never markup.
    pub reason: String,
    /// Which jobs it asked for.
    pub filter: PlanFilter,
    /// How many jobs are started in a minute.
    pub per_minute: u16,
    /// How many jobs it names.
    pub jobs: u32,
    /// How many of which cause.
    pub by_cause: Vec<Count>,
    /// How many of which pipeline.
    pub by_pipeline: Vec<Count>,
    /// How many were left out because they have failed the same way again and again; `force` takes them in.
    pub poisoned: u32,
    /// There are more jobs than one plan takes; make another after this one.
    pub truncated: bool,
    /// What the runs take on a GPU as a rule, in minutes.
    pub gpu_minutes: u32,
    /// How many have been handed on so far.
    pub released: u32,
    /// What became of them; only of a single plan that was applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<PlanOutcome>,
}

/// What became of a plan's jobs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PlanOutcome {
    /// Not started yet.
    pub waiting: u32,
    /// Not started: the job had changed since the plan was made, or could not be run again.
    pub skipped: u32,
    /// Started, and not ended yet.
    pub open: u32,
    /// Ready: by another run, or by a result that had come after all.
    pub ready: u32,
    /// Started, and failed again or canceled.
    pub failed: u32,
}

/// `GET /retry-plans`: the newest 50.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Plans {
    /// Newest first.
    pub plans: Vec<PlanView>,
}
