//! The settings of a pipeline that have a type of their own.

use std::time::Duration;

use serde::Deserialize;

/// The kind of output of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Output {
    /// Clauses, flags and a summary.
    Json,
    /// A searchable PDF.
    Pdf,
}

impl Output {
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Pdf => "application/pdf",
        }
    }

    /// The file name extension, without the dot.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Pdf => "pdf",
        }
    }
}

/// Who decides the number of instances of an endpoint. The parameter `Scaling` of its stack is the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scaling {
    /// The policies of AWS.
    #[default]
    Aws,
    /// [`crate::capacity`]. Slower policies of AWS remain, in case that it does not run.
    Docket,
}

/// What a pipeline says about its number of instances. What it leaves out follows from its SLO. Signed, so that the error
/// about a negative number names its field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Capacity {
    /// Open jobs should have ended within this time after new instances are in service, 1 to `slo_seconds`.
    pub drain_within_seconds: Option<i64>,
    /// Instances stop when no job has been open for this time, 0 to 14400.
    pub idle_seconds: Option<i64>,
    /// Usual duration of a cold start, 1 to 7200. Used until cold starts were measured.
    pub typical_cold_start_seconds: Option<i64>,
}

/// What a second equal failure of a document means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RepeatedFailures {
    /// The document is the cause: the job fails.
    #[default]
    Permanent,
    /// Nothing: the job has all its attempts.
    Retry,
}

/// The numbers of a pipeline's circuit breaker ([`crate::breaker`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BreakerSettings {
    /// So many refused calls, or failed runs, in a row open it, 2 to 20; 0 turns it off.
    pub failures: u8,
    /// The time between the first probes, 10 to 600. It grows while the probes fail.
    pub probe_seconds: u32,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self {
            failures: 5,
            probe_seconds: 60,
        }
    }
}

impl BreakerSettings {
    pub(crate) fn probe_interval(&self) -> Duration {
        Duration::from_secs(self.probe_seconds.into())
    }
}

/// Days to keep things, counted from the end of the job (rows, outputs) or from the upload (inputs).
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    pub input: u16,
    pub output: u16,
    /// Longer than inputs, so that every object finds its job.
    pub row: u16,
    pub audit: u16,
}
