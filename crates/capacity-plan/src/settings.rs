//! What can be set, and what follows from the endpoint.

use serde::Serialize;

/// Who decides the number of instances.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "scaling", rename_all = "lowercase")]
pub enum Scaling {
    /// The policies of the endpoint's stack.
    Aws {
        /// `BacklogPerInstanceTarget`.
        target: u32,
        /// `IdleMinutes`, a multiple of 5.
        idle_minutes: u32,
    },
    /// Function `capacity`.
    Docket {
        drain_within_seconds: u32,
        idle_seconds: u32,
    },
}

/// Hours of every day in which one instance is kept, in minutes since midnight. `from` is before `until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct WarmHours {
    pub from: u32,
    pub until: u32,
}

/// The settings that a plan chooses.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ScalingSettings {
    #[serde(flatten)]
    pub scaling: Scaling,
    pub min_instances: u32,
    pub max_instances: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warm_hours: Option<WarmHours>,
}

/// What the endpoint is like, whatever the plan chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndpointTraits {
    pub cold_start_ms: u64,
    /// Runs that an instance does at the same time. At least 1.
    pub concurrent_runs: u32,
    /// The pipeline's `typical_run_seconds`: Docket's scaling uses it until 20 runs were measured.
    pub typical_run_ms: u64,
    /// `ScaleOutCooldownSeconds`, `ScaleInCooldownSeconds` and `ScaleFromZeroCooldownSeconds` of AWS's policies.
    pub scale_out_cooldown_ms: u64,
    pub scale_in_cooldown_ms: u64,
    pub scale_from_zero_cooldown_ms: u64,
}

impl EndpointTraits {
    /// The cooldowns of `infra/endpoints/legal-review.json`, a run of 45 s and a cold start of 5 min.
    pub const SHIPPED: Self = Self {
        cold_start_ms: 300_000,
        concurrent_runs: 1,
        typical_run_ms: 45_000,
        scale_out_cooldown_ms: 60_000,
        scale_in_cooldown_ms: 600_000,
        scale_from_zero_cooldown_ms: 900_000,
    };
}
