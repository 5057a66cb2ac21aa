//! The pipelines: how objects are processed, by their key prefix. Parsed from `pipelines.toml`.
//!
//! The limits of the number of instances are not configured here. They belong to the endpoint's own stack.

mod limits;
mod result_paths;
mod settings;
mod validation;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use crate::capacity::Objective;
use crate::lane::Lane;
use crate::policy::Policy;

pub use limits::{Limits, TenantLimits};
pub use settings::{BreakerSettings, Capacity, Output, RepeatedFailures, Retention, Scaling};

/// One was seen to take 643 s: ml.g5.2xlarge, 13 GB of weights. Others took 3 to 15 minutes.
const TYPICAL_COLD_START_SECONDS: u32 = 640;

/// All pipelines, validated.
#[derive(Clone, Debug)]
pub struct Pipelines {
    by_name: BTreeMap<String, Pipeline>,
    reconcile_interval: Duration,
    upload_expiry: Duration,
    tenant_limits: TenantLimits,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pipeline {
    /// 1 to 40 of `a`–`z`, `0`–`9`, `-`. The key of its table in the file.
    #[serde(skip)]
    pub name: String,
    /// What people call it, 1 to 60 characters. Without it, they see its name.
    pub display_name: Option<String>,
    /// Objects under this prefix belong to it. Ends in a slash.
    pub prefix: String,
    /// The SageMaker endpoint's name, at most 63 characters.
    pub endpoint: String,
    /// Accepted media types. The first is sent to the model. The first bytes decide what an object really is.
    pub content_types: Vec<String>,
    /// The requested kind of output.
    pub output: Output,
    /// Where the parts of its results are, each as `part=/path` with a JSON Pointer. Only for JSON. Use
    /// [`Pipeline::result_paths()`].
    #[serde(default)]
    result_paths: Vec<String>,
    /// Maximum object size, at most 1 GB: SageMaker's own limit for asynchronous inference.
    pub max_bytes: u64,
    /// Maximum duration of one run, 1 to 3600 s (API reference, `InvocationTimeoutSeconds`).
    pub invocation_timeout_seconds: u32,
    /// Maximum time in the endpoint's queue, 60 to 21600 s (API reference, `RequestTTLSeconds`).
    pub queue_ttl_seconds: u32,
    /// Attempts per submission, 1 to 20.
    pub attempts: u8,
    /// The container's statuses that mean that it rejects the document, each 400 to 599; every other failure is retried.
    /// Without this list: 4xx except 408, 409, 421, 423, 424, 425 and 429.
    pub rejection_statuses: Option<Vec<u16>>,
    /// Delays before the second, third … attempt; the last one repeats.
    pub backoff_seconds: Vec<u32>,
    /// Every job ends within this time of its upload or its last manual retry: no attempt starts that could end later.
    pub job_deadline_seconds: u32,
    /// The time to a result that customers are promised. Not enforced; used for alarms and display.
    pub slo_seconds: u32,
    /// Usual duration of one run. Not enforced; used for estimates.
    pub typical_run_seconds: u32,
    /// Who decides the number of its endpoint's instances.
    #[serde(default)]
    pub scaling: Scaling,
    /// What its number of instances should achieve. Use [`Pipeline::objective`], which fills in the defaults.
    #[serde(default)]
    pub capacity: Capacity,
    pub retention_days: Retention,
    /// When the service stops sending jobs to its endpoint by itself.
    #[serde(default)]
    pub breaker: BreakerSettings,
    /// What becomes of a document on which the model fails twice in the same way, and not on all others.
    #[serde(default)]
    pub repeated_failures: RepeatedFailures,
    /// The lane of documents whose uploader names none.
    #[serde(default)]
    pub lane: Lane,
    /// Customers may delete the data of their uploads, and reviewers that of their tenant's, without support.
    #[serde(default)]
    pub customers_may_delete: bool,
    /// Accepts no uploads; open jobs still end.
    #[serde(default)]
    pub retired: bool,
    /// How late a notification of an attempt may arrive after the attempt's own limits. The same for all pipelines.
    #[serde(skip)]
    pub max_notification_delay_seconds: u32,
}

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not TOML, or a field is missing, misspelled or of the wrong type; the message names it.
    #[error("pipelines.toml: {0}")]
    Syntax(#[from] toml::de::Error),
    /// A field is out of its range.
    #[error("pipelines.toml: {field}: {problem}")]
    Field {
        /// `pipeline.field`.
        field: String,
        /// What is wrong with it and what would be right.
        problem: String,
    },
}

/// A check that falls due before the reconciler's next run is sent with a delay of up to this and two minutes, and SQS takes
/// 15 minutes at most.
const MAX_RECONCILE_MINUTES: u64 = 12;

#[derive(Deserialize)]
struct File {
    reconcile_interval_minutes: u8,
    upload_expiry_days: u8,
    max_notification_delay_seconds: u32,
    #[serde(default)]
    tenant_limits: TenantLimits,
    #[serde(flatten)]
    pipelines: BTreeMap<String, Pipeline>,
}

impl Pipelines {
    /// Parses and validates the text of `pipelines.toml`.
    ///
    /// # Errors
    /// [`ConfigError`] names the invalid field.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let file: File = toml::from_str(text)?;
        let mut by_name = file.pipelines;
        file.tenant_limits.check()?;
        for (name, pipeline) in &mut by_name {
            pipeline.name.clone_from(name);
            pipeline.max_notification_delay_seconds = file.max_notification_delay_seconds;
            pipeline.check()?;
        }
        for a in by_name.values() {
            if let Some(b) = by_name
                .values()
                .find(|b| b.name != a.name && b.prefix.starts_with(&a.prefix))
            {
                return Err(a.wrong(
                    "prefix",
                    format!(
                        "{:?} also covers {}'s {:?}; prefixes must not overlap",
                        a.prefix, b.name, b.prefix
                    ),
                ));
            }
        }
        Ok(Self {
            by_name,
            reconcile_interval: minutes(
                "reconcile_interval_minutes",
                file.reconcile_interval_minutes.into(),
                MAX_RECONCILE_MINUTES,
            )?,
            upload_expiry: minutes("upload_expiry_days", file.upload_expiry_days.into(), 14)?
                * 1440,
            tenant_limits: file.tenant_limits,
        })
    }

    /// The pipeline whose prefix matches an object key.
    pub fn of_key(&self, key: &str) -> Option<&Pipeline> {
        self.by_name
            .values()
            .find(|pipeline| key.starts_with(&pipeline.prefix))
    }

    /// The interval of the reconciler's schedule.
    pub const fn reconcile_interval(&self) -> Duration {
        self.reconcile_interval
    }

    /// How long an upload in parts may take. S3 then aborts it.
    pub const fn upload_expiry(&self) -> Duration {
        self.upload_expiry
    }

    pub const fn tenant_limits(&self) -> &TenantLimits {
        &self.tenant_limits
    }

    pub fn get(&self, name: &str) -> Option<&Pipeline> {
        self.by_name.get(name)
    }

    /// In order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Pipeline> {
        self.by_name.values()
    }
}

fn minutes(field: &str, value: u64, max: u64) -> Result<Duration, ConfigError> {
    if (1..=max).contains(&value) {
        return Ok(Duration::from_secs(value * 60));
    }
    Err(ConfigError::Field {
        field: field.to_owned(),
        problem: format!("{value} is not in 1..={max}"),
    })
}

/// Statuses by which a container says nothing about the document, although they are 4xx: timeouts, conflicts, throttling, and
/// 424, which AWS's LMI and DJL containers answer for every failed prediction.
const RETRIED_CLIENT_ERRORS: [u16; 7] = [408, 409, 421, 423, 424, 425, 429];

/// Whether a container's status means that the model rejects the document, if its pipeline does not list the statuses.
pub const fn is_rejection(status: u16) -> bool {
    let mut at = 0;
    while at < RETRIED_CLIENT_ERRORS.len() {
        if RETRIED_CLIENT_ERRORS[at] == status {
            return false;
        }
        at += 1;
    }
    400 <= status && status <= 499
}

/// The key prefix of the outputs of a pipeline, which may no longer be configured.
pub fn output_prefix(pipeline: &str) -> String {
    format!("outbound/{pipeline}/")
}

impl Pipeline {
    /// Where the parts of its JSON results are: JSON Pointers (RFC 6901) by part. A part that is not named, or not found there,
    /// is looked for under its usual names (docs/models.md).
    pub fn result_paths(&self) -> impl Iterator<Item = (&str, &str)> {
        self.result_paths
            .iter()
            .filter_map(|entry| result_paths::split(entry))
    }

    /// The settings that the state machine needs.
    pub fn policy(&self) -> Policy {
        Policy {
            max_attempts: self.attempts,
            backoff_seconds: self.backoff_seconds.clone(),
            max_attempt_seconds: self.max_attempt_seconds(),
            job_deadline_seconds: self.job_deadline_seconds,
        }
    }

    /// What the number of instances should achieve.
    ///
    /// By default open jobs drain within a sixth of the SLO, which leaves time for a cold start and a retry, but a run
    /// gets its typical duration. Instances stop after a sixtieth of the SLO, within one and five minutes.
    pub fn objective(&self) -> Objective {
        let seconds = |value: Option<i64>, default: u32| {
            let value = value.and_then(|value| u64::try_from(value).ok());
            Duration::from_secs(value.unwrap_or_else(|| default.into()))
        };
        let drain = (self.slo_seconds / 6).max(self.typical_run_seconds);
        Objective {
            drain_within: seconds(self.capacity.drain_within_seconds, drain),
            idle: seconds(
                self.capacity.idle_seconds,
                (self.slo_seconds / 60).clamp(60, 300),
            ),
            cold_start: seconds(
                self.capacity.typical_cold_start_seconds,
                TYPICAL_COLD_START_SECONDS,
            ),
        }
    }

    /// The media type that is sent to the model.
    pub fn content_type(&self) -> &str {
        self.content_types
            .first()
            .map_or("application/octet-stream", String::as_str)
    }

    /// Whether the container rejects the document with this status.
    pub fn rejects_with(&self, status: u16) -> bool {
        match &self.rejection_statuses {
            Some(statuses) => statuses.contains(&status),
            None => is_rejection(status),
        }
    }

    /// The key prefix of this pipeline's outputs.
    pub fn output_prefix(&self) -> String {
        output_prefix(&self.name)
    }

    /// The key prefix of this pipeline's failure objects.
    pub fn failure_prefix(&self) -> String {
        format!("failure/{}/", self.name)
    }

    const fn max_attempt_seconds(&self) -> u32 {
        self.queue_ttl_seconds
            + self.invocation_timeout_seconds
            + self.max_notification_delay_seconds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHIPPED: &str = include_str!("../../../infra/pipelines.toml");

    #[test]
    fn shipped_pipelines_file_is_valid() {
        let pipelines = Pipelines::parse(SHIPPED).unwrap();
        assert_eq!(
            pipelines.of_key("inbound/acme/a.pdf").unwrap().name,
            "legal-review"
        );
        assert_eq!(
            pipelines.of_key("inbound-batches/a.pdf").unwrap().name,
            "ocr-batch"
        );
        assert!(pipelines.of_key("outbound/x").is_none());
    }

    #[test]
    fn invalid_field_is_named_in_the_error() {
        for (from, to, field) in [
            ("attempts = 3", "attempts = 0", "attempts"),
            ("attempts = 3", "attempts = 9", "job_deadline_seconds"),
            ("attempts = 3", "tries = 3", "tries"),
            (
                "attempts = 3",
                "attempts = 3\nrejection_statuses = [400, 200]",
                "rejection_statuses",
            ),
            (
                "attempts = 3",
                "attempts = 3\nresult_paths = [\"findings=flags\"]",
                "result_paths: \"findings=flags\"",
            ),
            (
                "attempts = 3",
                "attempts = 3\nresult_paths = [\"finding_page=/a~2b\"]",
                "result_paths: \"finding_page=/a~2b\"",
            ),
            (
                "attempts = 3",
                "attempts = 3\nresult_paths = [\"findngs=/flags\"]",
                "result_paths: \"findngs=/flags\"",
            ),
            (
                "output = \"pdf\"",
                "output = \"pdf\"\nresult_paths = [\"summary=/summary\"]",
                "ocr-batch.result_paths",
            ),
            (
                "display_name = \"Contract review\"",
                "display_name = \" \"",
                "legal-review.display_name",
            ),
            (
                "max_bytes = 1_073_741_824",
                "max_bytes = 1_073_741_825",
                "ocr-batch.max_bytes",
            ),
            (
                "queue_ttl_seconds = 7200",
                "queue_ttl_seconds = 30",
                "doc-understanding.queue_ttl_seconds",
            ),
            (
                "invocation_timeout_seconds = 120 ",
                "invocation_timeout_seconds = 3601 ",
                "invocation_timeout_seconds",
            ),
            (
                "prefix = \"inbound-batches/\"",
                "prefix = \"inbound/\"",
                "legal-review.prefix",
            ),
            (
                "prefix = \"inbound-batches/\"",
                "prefix = \"inbound/batches/\"",
                "ocr-batch.prefix",
            ),
            (
                "prefix = \"inbound/\" ",
                "prefix = \"outbound/x/\" ",
                "legal-review.prefix",
            ),
            ("row = 90", "row = 14", "ocr-batch.retention_days.row"),
            (
                "endpoint = \"docket-ocr-batch\"",
                "endpoint = \"a/b\"",
                "ocr-batch.endpoint",
            ),
            (
                "max_notification_delay_seconds = 1800",
                "",
                "max_notification_delay_seconds",
            ),
            (
                "reconcile_interval_minutes = 5",
                "reconcile_interval_minutes = 0",
                "reconcile_interval_minutes",
            ),
            ("attempts = 3", "attempts = 3\nlane = \"express\"", "lane"),
            (
                "upload_expiry_days = 7",
                "upload_expiry_days = 30",
                "upload_expiry_days",
            ),
        ] {
            assert!(SHIPPED.contains(from), "{from}");
            let error = Pipelines::parse(&SHIPPED.replace(from, to))
                .unwrap_err()
                .to_string();
            assert!(error.contains(field), "{error}");
        }
    }
}
