//! Usage.

use serde::{Deserialize, Serialize};

#[cfg(feature = "schema")]
use super::schema::TENANT_PATTERN;

/// Query parameters of `GET /usage`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct UsageQuery {
    /// The tenant. Without it, support gets all tenants, and a caller of one tenant that tenant.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = TENANT_PATTERN)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The month in UTC, such as `2026-11`. The default is the present one.
    #[cfg_attr(
        feature = "schema",
        schemars(regex(pattern = "^(19[7-9]|[2-9][0-9]{2})[0-9]-(0[1-9]|1[0-2])$"))
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub month: Option<String>,
    /// Whether batches are listed apart.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub batches: bool,
}

/// The usage of a month: that of the documents that were uploaded in it, with all their attempts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UsageView {
    /// In UTC, such as `2026-11`.
    pub month: String,
    /// Documents that were uploaded before this time are counted. Each hour is counted about ten minutes after its end, hourly
    /// while a document of it is open, and again after a day, a week and a month.
    pub counted_until: u64,
    /// By tenant, pipeline and batch.
    pub sums: Vec<UsageSum>,
    /// For support, if no tenant is named: the instances of each endpoint that Docket scales.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub instances: Vec<InstanceUsage>,
}

/// What a tenant has used of a pipeline.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UsageSum {
    pub tenant: String,
    pub pipeline: String,
    /// Absent for the documents without a batch, for those of batches above 500 in a day of the tenant, and if batches are not listed apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<String>,
    /// Jobs, also those that failed, were cancelled, or whose data was deleted.
    pub documents: u64,
    /// The size of these documents.
    pub bytes: u64,
    /// The pages of those in `documents_with_pages`.
    #[serde(default)]
    pub pages: u64,
    /// Documents whose result says how many pages they have. The pages of the others are not known.
    #[serde(default)]
    pub documents_with_pages: u64,
    pub ready: u64,
    pub failed: u64,
    pub cancelled: u64,
    /// Those that were open when they were counted.
    pub open: u64,
    /// Attempts that the model has worked on. Not: attempts that the endpoint refused, that expired in its queue, or of which
    /// nothing was heard again.
    pub runs: u64,
    /// How long the model worked on them, in milliseconds. SageMaker does not say when a run begins: this follows from the order
    /// of the requests and the number of instances.
    pub run_ms: u64,
    /// It cannot have been longer: the time from each request to its outcome, or the time limit of a run.
    pub max_run_ms: u64,
    /// Of `runs`: those that count with the usual time of a run, since nothing is known about their own.
    pub assumed_runs: u64,
}

/// The instances of an endpoint, as function `capacity` has seen them every 30 seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InstanceUsage {
    pub pipeline: String,
    /// From when on the instances are known, in this month.
    pub known_since: u64,
    /// How many instances were started.
    pub starts: u64,
    /// Instance time from the request for an instance until it was in service, in milliseconds.
    pub starting_ms: u64,
    /// Instance time in service, in milliseconds.
    pub in_service_ms: u64,
    /// Of that: the runs of the month's documents. If an instance does several runs at the same time, their time divided by that
    /// number.
    pub working_ms: u64,
    /// The rest.
    pub idle_ms: u64,
}
