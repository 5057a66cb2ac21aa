//! What an endpoint is configured to do: capacity, scaling policies, cold start, reporting.
//!
//! The numbers that a deployment chooses come from the CloudFormation parameter file of the
//! pipeline ([`Parameters::parse`]); the rest are defaults of AWS or of the endpoint template.

use crate::Millis;
use serde::Deserialize;
use std::collections::BTreeMap;

/// How the endpoint behaves. Plain numbers, so that a simulation can copy it freely.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Instances kept even when there is nothing to do. Async endpoints may go to 0.
    pub min_instances: u32,
    /// Instances never exceeded.
    pub max_instances: u32,
    /// `MaxConcurrentInvocationsPerInstance`, 1–1000: requests one instance works on at a time.
    pub max_concurrent_per_instance: u32,
    /// Target value of target tracking on `ApproximateBacklogSizePerInstance`
    /// (waiting and running requests by instance in service).
    pub backlog_per_instance_target: f64,
    /// Least time between two scale-outs by target tracking.
    pub scale_out_cooldown: Millis,
    /// Least time between two scale-ins.
    pub scale_in_cooldown: Millis,
    /// Length of one datapoint of every scaling alarm.
    pub alarm_period: Millis,
    /// Consecutive datapoints above the target before target tracking scales out.
    pub scale_out_datapoints: u32,
    /// How instances are given back.
    pub scale_in: ScaleIn,
    /// Consecutive datapoints of `HasBacklogWithoutCapacity` = 1 before the step policy adds one
    /// instance to an endpoint that has none.
    pub wake_datapoints: u32,
    /// Least time between two steps of that policy.
    pub wake_cooldown: Millis,
    /// From the decision to add an instance to its first invocation: provisioning, image, model.
    pub cold_start: Millis,
    /// Whether an instance must be reported healthy by the driver
    /// ([`Endpoint::instance_ready`](crate::Endpoint::instance_ready)) before it takes work.
    /// A simulation leaves it off; a driver with a real container pings it first.
    pub health_checks: bool,
    /// Whether a request that outlived its TTL in the queue is reported on the error topic.
    /// AWS documents a metric (`ExpiredRequests`); whether it also notifies is not documented,
    /// so callers must be right with either.
    pub announce_expiry: bool,
    /// No run times out sooner than this, whatever its request says. For drivers whose model time
    /// runs faster than their container can.
    pub shortest_timeout: Millis,
    /// Whether failures leave an object, that is, whether `S3FailurePath` is configured.
    pub failure_objects: bool,
}

/// How capacity is given back when the work is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScaleIn {
    /// By target tracking: backlog per instance under 90 % of the target for so many datapoints.
    /// It looks at the average only, so it can stop an instance in the middle of an invocation.
    TargetTracking {
        /// Consecutive low datapoints; AWS creates the alarm with 15 of one minute.
        datapoints: u32,
    },
    /// Only once nothing waits or runs for so many datapoints; running work is never stopped.
    WhenIdle {
        /// Consecutive datapoints without any backlog.
        datapoints: u32,
    },
    /// Never: capacity stays until something else takes it away.
    Off,
}

impl Default for Settings {
    /// One instance at most, from zero, one request at a time.
    fn default() -> Self {
        Self {
            min_instances: 0,
            max_instances: 1,
            max_concurrent_per_instance: 1,
            backlog_per_instance_target: 1.0,
            scale_out_cooldown: Millis::from_secs(300),
            scale_in_cooldown: Millis::from_secs(600),
            // Target tracking alarms are created by AWS with one-minute periods: 3 datapoints to
            // scale out. The wake and idle alarms are those of infra/endpoint.yaml.
            alarm_period: Millis::from_secs(60),
            scale_out_datapoints: 3,
            scale_in: ScaleIn::WhenIdle { datapoints: 10 },
            wake_datapoints: 1,
            wake_cooldown: Millis::from_secs(900),
            // Observed cold starts of GPU endpoints lie between 3 and 11 minutes.
            cold_start: Millis::from_secs(300),
            health_checks: false,
            announce_expiry: true,
            shortest_timeout: Millis::ZERO,
            failure_objects: true,
        }
    }
}

/// One endpoint's CloudFormation parameter file (`infra/endpoints/<pipeline>.json`), as far as
/// the model is concerned.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameters {
    /// `EndpointName`.
    pub endpoint_name: String,
    /// `InstanceType`, such as `ml.g5.xlarge`: the planner's price, a label for everyone else.
    pub instance_type: String,
    /// The numbers of the file over the defaults.
    pub settings: Settings,
}

/// Why a parameter file was not accepted. Every message names the parameter.
#[derive(Debug, thiserror::Error)]
pub enum ParameterError {
    /// Not a JSON array of `{"ParameterKey", "ParameterValue"}`.
    #[error("parameter file is not a JSON list of ParameterKey and ParameterValue")]
    Json(#[from] serde_json::Error),
    /// A parameter the model cannot do without is absent.
    #[error("parameter {0} is missing")]
    Missing(&'static str),
    /// A value that is no number, or one outside the service's limits.
    #[error("parameter {name} is \"{value}\", expected {expected}")]
    Value {
        /// Its key.
        name: &'static str,
        /// What the file says.
        value: String,
        /// What would be right.
        expected: &'static str,
    },
}

#[derive(Deserialize)]
struct Row {
    #[serde(rename = "ParameterKey")]
    key: String,
    #[serde(rename = "ParameterValue")]
    value: String,
}

impl Parameters {
    /// Reads a parameter file. Keys the model has no use for are ignored; numbers it knows may be
    /// left out and keep their default, except the two names.
    pub fn parse(json: &str) -> Result<Self, ParameterError> {
        let rows: Vec<Row> = serde_json::from_str(json)?;
        let rows = Rows(rows.into_iter().map(|r| (r.key, r.value)).collect());
        let base = Settings::default();
        let seconds = |key, old: Millis| {
            let value = rows.whole(key, old.0 / 1000, 0, 86_400, "seconds, 0 to 86400")?;
            Ok::<_, ParameterError>(Millis::from_secs(value))
        };
        let min = rows.whole("MinInstances", 0, 0, 1000, "a whole number, 0 to 1000")?;
        let settings = Settings {
            min_instances: narrow(min),
            max_instances: narrow(rows.whole(
                "MaxInstances",
                min.max(1),
                min.max(1),
                1000,
                "a whole number, at least 1 and MinInstances, at most 1000",
            )?),
            max_concurrent_per_instance: narrow(rows.whole(
                "MaxConcurrentInvocationsPerInstance",
                1,
                1,
                1000,
                "a whole number, 1 to 1000",
            )?),
            backlog_per_instance_target: rows
                .positive("BacklogPerInstanceTarget", base.backlog_per_instance_target)?,
            scale_in_cooldown: seconds("ScaleInCooldownSeconds", base.scale_in_cooldown)?,
            scale_out_cooldown: seconds("ScaleOutCooldownSeconds", base.scale_out_cooldown)?,
            wake_cooldown: seconds("WakeCooldownSeconds", base.wake_cooldown)?,
            scale_in: ScaleIn::WhenIdle {
                datapoints: narrow(rows.whole("IdleMinutes", 10, 1, 1440, "minutes, 1 to 1440")?),
            },
            ..base
        };
        Ok(Self {
            endpoint_name: rows.text("EndpointName")?,
            instance_type: rows.text("InstanceType")?,
            settings,
        })
    }
}

/// Numbers from the file are at most 1440 here, so nothing is cut off.
fn narrow(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

struct Rows(BTreeMap<String, String>);

impl Rows {
    fn text(&self, key: &'static str) -> Result<String, ParameterError> {
        let value = self.0.get(key).ok_or(ParameterError::Missing(key))?;
        if value.is_empty() {
            return Err(wrong(key, value, "a name"));
        }
        Ok(value.clone())
    }

    fn whole(
        &self,
        key: &'static str,
        default: u64,
        least: u64,
        most: u64,
        expected: &'static str,
    ) -> Result<u64, ParameterError> {
        let Some(value) = self.0.get(key) else {
            return Ok(default);
        };
        match value.trim().parse() {
            Ok(n) if (least..=most).contains(&n) => Ok(n),
            _ => Err(wrong(key, value, expected)),
        }
    }

    fn positive(&self, key: &'static str, default: f64) -> Result<f64, ParameterError> {
        let Some(value) = self.0.get(key) else {
            return Ok(default);
        };
        match value.trim().parse::<f64>() {
            Ok(n) if n > 0.0 && n.is_finite() => Ok(n),
            _ => Err(wrong(key, value, "a number above 0")),
        }
    }
}

fn wrong(name: &'static str, value: &str, expected: &'static str) -> ParameterError {
    ParameterError::Value {
        name,
        value: value.to_owned(),
        expected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"[
      {"ParameterKey": "EndpointName", "ParameterValue": "docket-legal-review"},
      {"ParameterKey": "InstanceType", "ParameterValue": "ml.g5.xlarge"},
      {"ParameterKey": "MinInstances", "ParameterValue": "0"},
      {"ParameterKey": "MaxInstances", "ParameterValue": "5"},
      {"ParameterKey": "BacklogPerInstanceTarget", "ParameterValue": "2.5"},
      {"ParameterKey": "MaxConcurrentInvocationsPerInstance", "ParameterValue": "4"},
      {"ParameterKey": "ScaleInCooldownSeconds", "ParameterValue": "900"},
      {"ParameterKey": "ScaleOutCooldownSeconds", "ParameterValue": "60"},
      {"ParameterKey": "WakeCooldownSeconds", "ParameterValue": "700"},
      {"ParameterKey": "IdleMinutes", "ParameterValue": "15"},
      {"ParameterKey": "ImageUri", "ParameterValue": "registry/image:1"}
    ]"#;

    #[test]
    fn a_parameter_file_sets_the_numbers_and_ignores_the_rest() {
        let read = Parameters::parse(FILE).unwrap();
        assert_eq!(read.endpoint_name, "docket-legal-review");
        assert_eq!(read.instance_type, "ml.g5.xlarge");
        assert_eq!(read.settings.max_instances, 5);
        assert_eq!(read.settings.max_concurrent_per_instance, 4);
        assert_eq!(read.settings.backlog_per_instance_target, 2.5);
        assert_eq!(read.settings.scale_in_cooldown, Millis::from_secs(900));
        assert_eq!(read.settings.scale_out_cooldown, Millis::from_secs(60));
        assert_eq!(read.settings.wake_cooldown, Millis::from_secs(700));
        let scale_in = ScaleIn::WhenIdle { datapoints: 15 };
        assert_eq!(read.settings.scale_in, scale_in);
        assert_eq!(read.settings.cold_start, Settings::default().cold_start);
    }

    #[test]
    fn a_wrong_value_is_refused_with_the_name_of_its_parameter() {
        for (from, to, names) in [
            ("\"5\"", "\"0\"", "MaxInstances"),
            ("\"2.5\"", "\"-1\"", "BacklogPerInstanceTarget"),
            ("\"4\"", "\"four\"", "MaxConcurrentInvocationsPerInstance"),
            ("\"docket-legal-review\"", "\"\"", "EndpointName"),
            ("InstanceType", "Instance", "InstanceType"),
        ] {
            let error = Parameters::parse(&FILE.replacen(from, to, 1)).unwrap_err();
            assert!(error.to_string().contains(names), "{error}");
        }
        assert!(Parameters::parse("{}").is_err());
    }

    #[test]
    fn the_parameter_files_of_the_repository_are_read() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/endpoints");
        let mut read = 0;
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            let parsed = Parameters::parse(&std::fs::read_to_string(&path).unwrap());
            let name = parsed.unwrap().endpoint_name;
            let stem = path.file_stem().unwrap().to_str().unwrap();
            assert!(name.ends_with(stem), "{name} in {}", path.display());
            read += 1;
        }
        assert!(read > 0);
    }
}
