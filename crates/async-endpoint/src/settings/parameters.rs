//! Reads the CloudFormation parameter file of an endpoint.

use super::{Days, IDLE_PERIOD, ScaleIn, Settings, WarmHours};
use crate::Millis;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The parameters of one endpoint's CloudFormation parameter file
/// (`infra/endpoints/<pipeline>.json`) that the model uses.
#[derive(Clone, Debug, PartialEq)]
pub struct EndpointParameters {
    pub endpoint_name: String,
    /// `InstanceType`, such as `ml.g5.xlarge`. The capacity planner takes the price from it.
    pub instance_type: String,
    /// `Scaling` is `docket`.
    pub docket_scales: bool,
    /// Values from the file; for what the file does not set, the defaults of [`Settings`].
    pub settings: Settings,
}

/// Why a parameter file was rejected. Every message about a value names the parameter.
#[derive(Debug, thiserror::Error)]
pub enum ParameterError {
    /// Not a JSON array of `{"ParameterKey", "ParameterValue"}`.
    #[error("parameter file is not a JSON list of ParameterKey and ParameterValue")]
    Json(#[from] serde_json::Error),
    /// A required parameter is missing.
    #[error("parameter {0} is missing")]
    Missing(&'static str),
    /// A value that is not a number or is outside of the limits.
    #[error("parameter {name} is \"{value}\", expected {expected}")]
    Value {
        name: &'static str,
        value: String,
        expected: &'static str,
    },
}

/// The allowed values of the template's parameter `IdleMinutes`. CloudFormation cannot divide, so the template maps each
/// to a number of periods.
pub(super) const IDLE_MINUTES: [u64; 12] = [5, 10, 15, 20, 25, 30, 45, 60, 90, 120, 180, 240];

#[derive(Deserialize)]
struct Parameter {
    #[serde(rename = "ParameterKey")]
    key: String,
    #[serde(rename = "ParameterValue")]
    value: String,
}

impl EndpointParameters {
    /// Reads a parameter file. Every parameter that the model uses is required, as in the template,
    /// which has no defaults for them, except for `Scaling` (`aws`), the second and third instance type (none) and
    /// `ProvisionTimeoutSeconds`. Others are ignored.
    pub fn parse(json: &str) -> Result<Self, ParameterError> {
        let parameters: Vec<Parameter> = serde_json::from_str(json)?;
        let parameters = ParameterMap(parameters.into_iter().map(|p| (p.key, p.value)).collect());
        let seconds = |key| {
            let value = parameters.whole(key, 0, 86_400, "seconds, 0 to 86400")?;
            Ok::<_, ParameterError>(Millis::from_secs(value))
        };
        let min = parameters.whole("MinInstances", 0, 1000, "a whole number, 0 to 1000")?;
        let max = parameters.whole(
            "MaxInstances",
            min.max(1),
            1000,
            "a whole number, at least 1 and MinInstances, at most 1000",
        )?;
        let settings = Settings {
            min_instances: narrow(min),
            max_instances: narrow(max),
            max_concurrent_per_instance: narrow(parameters.whole(
                "MaxConcurrentInvocationsPerInstance",
                1,
                1000,
                "a whole number, 1 to 1000",
            )?),
            backlog_per_instance_target: parameters.positive("BacklogPerInstanceTarget")?,
            scale_in_cooldown: seconds("ScaleInCooldownSeconds")?,
            scale_out_cooldown: seconds("ScaleOutCooldownSeconds")?,
            scale_from_zero_cooldown: seconds("ScaleFromZeroCooldownSeconds")?,
            scale_in: ScaleIn::WhenIdle {
                periods: narrow(parameters.idle_minutes()? * 60_000 / IDLE_PERIOD.0),
            },
            warm_hours: parameters.warm_hours(min, max)?,
            instance_types: parameters.instance_types(),
            provision_timeout: parameters.provision_timeout()?,
            ..Settings::default()
        };
        let docket_scales = match parameters.get("Scaling").unwrap_or("aws") {
            "aws" => false,
            "docket" => true,
            other => return Err(invalid("Scaling", other, "aws or docket")),
        };
        let settings = if docket_scales {
            settings.scaled_by_docket()
        } else {
            settings
        };
        Ok(Self {
            endpoint_name: parameters.text("EndpointName")?,
            instance_type: parameters.text("InstanceType")?,
            docket_scales,
            settings,
        })
    }
}

/// Values from the file are at most 1440 here, so none is truncated.
fn narrow(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

struct ParameterMap(BTreeMap<String, String>);

impl ParameterMap {
    fn get(&self, key: &'static str) -> Result<&str, ParameterError> {
        let value = self.0.get(key).ok_or(ParameterError::Missing(key))?;
        Ok(value)
    }

    fn text(&self, key: &'static str) -> Result<String, ParameterError> {
        let value = self.get(key)?;
        if value.is_empty() {
            return Err(invalid(key, value, "a name"));
        }
        Ok(value.to_owned())
    }

    fn whole(
        &self,
        key: &'static str,
        min: u64,
        max: u64,
        expected: &'static str,
    ) -> Result<u64, ParameterError> {
        let value = self.get(key)?;
        match value.trim().parse() {
            Ok(n) if (min..=max).contains(&n) => Ok(n),
            _ => Err(invalid(key, value, expected)),
        }
    }

    /// `InstanceType`, and the types that are used when it has no capacity.
    fn instance_types(&self) -> u32 {
        let others = ["SecondInstanceType", "ThirdInstanceType"];
        let given = others.map(|key| u32::from(self.get(key).is_ok_and(|kind| kind != "none")));
        1 + given.iter().sum::<u32>()
    }

    fn provision_timeout(&self) -> Result<Millis, ParameterError> {
        let key = "ProvisionTimeoutSeconds";
        if self.get(key).is_err() {
            return Ok(Settings::default().provision_timeout);
        }
        let seconds = self.whole(key, 300, 3600, "seconds, 300 to 3600")?;
        Ok(Millis::from_secs(seconds))
    }

    fn idle_minutes(&self) -> Result<u64, ParameterError> {
        let key = "IdleMinutes";
        let minutes = self.whole(key, 5, 240, "minutes, 5 to 240")?;
        if IDLE_MINUTES.contains(&minutes) {
            return Ok(minutes);
        }
        Err(invalid(
            key,
            &minutes.to_string(),
            "one of the template's allowed values",
        ))
    }

    fn warm_hours(&self, min: u64, max: u64) -> Result<Option<WarmHours>, ParameterError> {
        let expected = "0, or a whole number from MinInstances to MaxInstances";
        let instances = self.whole("WarmInstances", 0, max, expected)?;
        let key = "WarmDays";
        let days = self.get(key)?;
        let expected = "days such as MON-FRI or SAT,SUN";
        let days = Days::parse(days).ok_or_else(|| invalid(key, days, expected))?;
        let from = self.time_of_day("WarmFrom")?;
        let until = self.time_of_day("WarmUntil")?;
        if from == until {
            let value = self.get("WarmUntil")?;
            return Err(invalid("WarmUntil", value, "a time other than WarmFrom"));
        }
        if instances == 0 {
            return Ok(None);
        }
        if instances < min {
            let expected = "at least MinInstances";
            return Err(invalid("WarmInstances", &instances.to_string(), expected));
        }
        Ok(Some(WarmHours {
            instances: narrow(instances),
            days,
            from,
            until,
        }))
    }

    /// Minutes since midnight.
    fn time_of_day(&self, key: &'static str) -> Result<u32, ParameterError> {
        let value = self.get(key)?;
        let minutes = || {
            let (hours, minutes) = value.split_once(':')?;
            let (hours, minutes): (u32, u32) = (hours.parse().ok()?, minutes.parse().ok()?);
            (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
        };
        minutes().ok_or_else(|| invalid(key, value, "a time such as 7:30"))
    }

    fn positive(&self, key: &'static str) -> Result<f64, ParameterError> {
        let value = self.get(key)?;
        match value.trim().parse::<f64>() {
            Ok(n) if n > 0.0 && n.is_finite() => Ok(n),
            _ => Err(invalid(key, value, "a number above 0")),
        }
    }
}

fn invalid(name: &'static str, value: &str, expected: &'static str) -> ParameterError {
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
      {"ParameterKey": "ScaleFromZeroCooldownSeconds", "ParameterValue": "700"},
      {"ParameterKey": "IdleMinutes", "ParameterValue": "15"},
      {"ParameterKey": "Scaling", "ParameterValue": "docket"},
      {"ParameterKey": "WarmInstances", "ParameterValue": "2"},
      {"ParameterKey": "WarmDays", "ParameterValue": "MON-FRI"},
      {"ParameterKey": "WarmFrom", "ParameterValue": "7:05"},
      {"ParameterKey": "WarmUntil", "ParameterValue": "19:30"},
      {"ParameterKey": "ImageUri", "ParameterValue": "registry/image:1"}
    ]"#;

    #[test]
    fn known_parameters_are_read_and_unknown_ones_ignored() {
        let read = EndpointParameters::parse(FILE).unwrap();
        assert_eq!(read.endpoint_name, "docket-legal-review");
        assert_eq!(read.instance_type, "ml.g5.xlarge");
        assert!(read.docket_scales);
        assert_eq!(read.settings.max_instances, 5);
        assert_eq!(read.settings.max_concurrent_per_instance, 4);
        assert_eq!(read.settings.backlog_per_instance_target, 2.5);
        assert_eq!(read.settings.scale_in_cooldown, Millis::from_secs(900));
        assert_eq!(read.settings.scale_out_cooldown, Millis::from_secs(60));
        assert_eq!(
            read.settings.scale_from_zero_cooldown,
            Millis::from_secs(700)
        );
        let scale_in = ScaleIn::WhenIdle { periods: 3 };
        assert_eq!(read.settings.scale_in, scale_in);
        let warm = WarmHours {
            instances: 2,
            days: Days::parse("MON-FRI").unwrap(),
            from: 7 * 60 + 5,
            until: 19 * 60 + 30,
        };
        assert_eq!(read.settings.warm_hours, Some(warm));
        assert!(read.settings.needs_open_jobs_metric);
        assert_eq!(read.settings.cold_start, Settings::default().cold_start);
    }

    #[test]
    fn instance_types_without_a_name_are_none() {
        let settings = |rows: &str| {
            let file = FILE.replacen('[', &format!("[{rows}"), 1);
            EndpointParameters::parse(&file).map(|read| read.settings)
        };
        let row =
            |key, value| format!(r#"{{"ParameterKey": "{key}", "ParameterValue": "{value}"}},"#);
        assert_eq!(settings("").unwrap().instance_types, 1);
        let second = row("SecondInstanceType", "ml.g5.xlarge");
        assert_eq!(settings(&second).unwrap().instance_types, 2);
        let third = second.clone() + &row("ThirdInstanceType", "none");
        assert_eq!(settings(&third).unwrap().instance_types, 2);
        let timeout = settings(&row("ProvisionTimeoutSeconds", "600")).unwrap();
        assert_eq!(timeout.provision_timeout, Millis::from_secs(600));
        let error = settings(&row("ProvisionTimeoutSeconds", "60")).unwrap_err();
        assert!(error.to_string().contains("ProvisionTimeoutSeconds"));
    }

    #[test]
    fn zero_warm_instances_means_no_warm_hours() {
        let none = FILE.replace(
            r#""WarmInstances", "ParameterValue": "2""#,
            r#""WarmInstances", "ParameterValue": "0""#,
        );
        assert_ne!(none, FILE);
        assert_eq!(
            EndpointParameters::parse(&none)
                .unwrap()
                .settings
                .warm_hours,
            None
        );
        assert_eq!(Settings::default().warm_hours, None);
    }

    #[test]
    fn invalid_value_is_rejected_with_the_name_of_its_parameter() {
        for (from, to, names) in [
            ("\"5\"", "\"0\"", "MaxInstances"),
            // The minimum becomes more than the maximum.
            ("\"0\"", "\"6\"", "MaxInstances"),
            ("\"2.5\"", "\"-1\"", "BacklogPerInstanceTarget"),
            ("\"4\"", "\"four\"", "MaxConcurrentInvocationsPerInstance"),
            ("\"docket-legal-review\"", "\"\"", "EndpointName"),
            ("InstanceType", "Instance", "InstanceType"),
            ("\"15\"", "\"16\"", "IdleMinutes"),
            ("\"docket\"", "\"none\"", "Scaling"),
            ("\"2\"", "\"6\"", "WarmInstances"),
            ("MON-FRI", "FRI-MON", "WarmDays"),
            ("7:05", "24:00", "WarmFrom"),
            ("19:30", "7:05", "WarmUntil"),
        ] {
            let error = EndpointParameters::parse(&FILE.replacen(from, to, 1)).unwrap_err();
            assert!(error.to_string().contains(names), "{error}");
        }
        assert!(EndpointParameters::parse("{}").is_err());
    }

    #[test]
    fn every_parameter_of_the_model_is_required_but_the_one_with_a_default() {
        let rows: Vec<serde_json::Value> = serde_json::from_str(FILE).unwrap();
        for removed in 0..rows.len() {
            let mut rest = rows.clone();
            let key = rest.remove(removed)["ParameterKey"].clone();
            let read = EndpointParameters::parse(&serde_json::to_string(&rest).unwrap());
            if key == "ImageUri" {
                assert!(read.is_ok(), "{read:?}");
            } else if key == "Scaling" {
                let read = read.unwrap();
                assert!(!read.docket_scales);
                assert_eq!(read.settings, read.settings.scaled_by_aws());
            } else {
                assert!(
                    matches!(read, Err(ParameterError::Missing(missing)) if key == missing),
                    "{key}: {read:?}"
                );
            }
        }
    }
}
