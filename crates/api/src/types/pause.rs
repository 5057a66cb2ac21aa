//! Pauses of pipelines and tenants.

use serde::{Deserialize, Serialize};

#[cfg(feature = "schema")]
use super::schema::{TENANT_PATTERN, visible_pattern};
#[cfg(feature = "schema")]
use jobs::commands::MAX_REASON_CHARS;

/// A pause. It holds the jobs of the pipeline, of the tenant, or of the tenant in the pipeline: they wait, and nothing of them
/// is sent to the endpoint. What the endpoint already has continues.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PauseView {
    /// The pipeline; absent if the pause is about all pipelines of the tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<String>,
    /// The tenant; absent if the pause is about all tenants of the pipeline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// When it began, in milliseconds since 1970 UTC.
    pub since: u64,
    /// When it ends by itself, in milliseconds since 1970 UTC. Of a circuit breaker: when one job probes the endpoint next.
    pub until: u64,
    /// It is no pause by support: the pipeline's circuit breaker is open, since the endpoint refused or failed every document.
    /// It closes by itself when a probe shows that the endpoint works.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub breaker: bool,
    /// Who paused it. Only for support.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// Why. Plain text. Escape it before you show it as HTML. Only for support.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Response of `GET /pauses`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PauseList {
    /// For support all pauses, for others those that hold jobs of their tenants. Open circuit breakers are among them.
    pub pauses: Vec<PauseView>,
}

/// Body of `POST /pauses`. Names a pipeline, a tenant, or both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NewPause {
    /// A pipeline's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<String>,
    /// A tenant's name.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = TENANT_PATTERN)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// When the pause ends by itself, in milliseconds since 1970 UTC: in the future, and at most seven days from now.
    pub until: u64,
    /// The reason, for support and the audit log: 1 to 500 characters, at least one of them visible.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = MAX_REASON_CHARS), regex(pattern = visible_pattern())))]
    pub reason: String,
}

/// Body of `POST /pauses/resume`. Names the pipeline and the tenant exactly as the pause does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ResumeRequest {
    /// The pipeline of the pause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<String>,
    /// The tenant of the pause.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = TENANT_PATTERN)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The reason, for the audit log: 1 to 500 characters, at least one of them visible.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = MAX_REASON_CHARS), regex(pattern = visible_pattern())))]
    pub reason: String,
}

/// Response of `POST /pauses/resume`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ResumeResult {
    /// Queued jobs of pipelines without a window that were released at once.
    pub released: u64,
    /// Queued jobs of pipelines with a window: they wait for their turn.
    #[serde(default)]
    pub wait_for_turn: u64,
    /// Jobs are left that no pause holds; they are released within five minutes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
}
