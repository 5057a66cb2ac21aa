//! Compares the settings with infra/endpoint.yaml and with the parameter files in infra/endpoints, by value.

use super::parameters::IDLE_MINUTES;
use super::{EndpointParameters, IDLE_PERIOD, ScaleIn, Settings};
use crate::Millis;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The parts of the template that the model also has.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Template {
    parameters: BTreeMap<String, TemplateParameter>,
    mappings: Mappings,
    resources: Resources,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TemplateParameter {
    allowed_values: Option<Vec<serde_yaml_ng::Value>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Mappings {
    /// By `IdleMinutes`.
    idle_periods: BTreeMap<String, IdlePeriods>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct IdlePeriods {
    periods: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Resources {
    scale_from_zero_alarm: Resource<MetricAlarm>,
    idle_alarm: Resource<MetricMathAlarm>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Resource<T> {
    properties: T,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MetricAlarm {
    period: u64,
    evaluation_periods: ByScaling,
}

/// A number that depends on the parameter `Scaling`: with `aws`, and with `docket`.
#[derive(Deserialize, Debug, PartialEq)]
enum ByScaling {
    If(String, u32, u32),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MetricMathAlarm {
    metrics: Vec<AlarmMetric>,
}

/// A metric, or an expression over the metrics, which has no period of its own.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AlarmMetric {
    metric_stat: Option<MetricStat>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MetricStat {
    period: u64,
}

fn infra(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../infra")
        .join(path)
}

fn template() -> Template {
    let yaml = std::fs::read_to_string(infra("endpoint.yaml")).unwrap();
    serde_yaml_ng::from_str(&yaml).unwrap()
}

/// The parameter files by pipeline.
fn parameter_files() -> BTreeMap<String, String> {
    let files = std::fs::read_dir(infra("endpoints")).unwrap();
    let files: BTreeMap<_, _> = files
        .map(|file| file.unwrap().path())
        .map(|path| {
            let pipeline = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (pipeline, std::fs::read_to_string(&path).unwrap())
        })
        .collect();
    assert!(!files.is_empty());
    files
}

#[test]
fn parameter_files_have_every_parameter_of_the_model() {
    for (pipeline, file) in parameter_files() {
        let read = EndpointParameters::parse(&file)
            .unwrap_or_else(|error| panic!("{pipeline}.json: {error}"));
        assert!(
            read.endpoint_name.ends_with(&pipeline),
            "{} in {pipeline}.json",
            read.endpoint_name
        );
    }
}

/// A file without the parameters that the template does not declare has the same settings.
#[test]
fn template_declares_every_parameter_of_the_model() {
    let declared = template().parameters;
    for (pipeline, file) in parameter_files() {
        let mut rows: Vec<Value> = serde_json::from_str(&file).unwrap();
        rows.retain(|row| declared.contains_key(row["ParameterKey"].as_str().unwrap()));
        let read = EndpointParameters::parse(&serde_json::to_string(&rows).unwrap())
            .unwrap_or_else(|error| panic!("{pipeline}.json: {error} in the template"));
        assert_eq!(read, EndpointParameters::parse(&file).unwrap());
    }
}

#[test]
fn idle_minutes_allow_and_mean_the_same_as_in_the_template() {
    let template = template();
    let allowed: Vec<u64> = template.parameters["IdleMinutes"]
        .allowed_values
        .iter()
        .flatten()
        .map(|minutes| minutes.as_u64().unwrap())
        .collect();
    assert_eq!(allowed, IDLE_MINUTES);
    let file = parameter_files().into_values().next().unwrap();
    for minutes in IDLE_MINUTES {
        let minutes = minutes.to_string();
        let mut rows: Vec<Value> = serde_json::from_str(&file).unwrap();
        for row in &mut rows {
            if row["ParameterKey"] == "IdleMinutes" {
                row["ParameterValue"] = minutes.as_str().into();
            }
        }
        let read = EndpointParameters::parse(&serde_json::to_string(&rows).unwrap()).unwrap();
        let periods = template.mappings.idle_periods[&minutes].periods;
        assert_eq!(
            read.settings.scale_in,
            ScaleIn::WhenIdle { periods },
            "{minutes} minutes"
        );
    }
}

#[test]
fn alarm_periods_equal_those_of_the_template() {
    let Resources {
        scale_from_zero_alarm,
        idle_alarm,
    } = template().resources;
    let settings = Settings::default();
    assert_eq!(
        settings.alarm_period,
        Millis::from_secs(scale_from_zero_alarm.properties.period)
    );
    assert_eq!(
        scale_from_zero_alarm.properties.evaluation_periods,
        ByScaling::If(
            "AwsScales".to_owned(),
            settings.scale_from_zero_datapoints,
            settings.scaled_by_docket().scale_from_zero_datapoints
        )
    );
    let metrics = idle_alarm.properties.metrics.iter();
    let periods: Vec<Millis> = metrics
        .filter_map(|metric| metric.metric_stat.as_ref())
        .map(|stat| Millis::from_secs(stat.period))
        .collect();
    assert!(!periods.is_empty());
    assert!(
        periods.iter().all(|period| *period == IDLE_PERIOD),
        "{periods:?}"
    );
}
