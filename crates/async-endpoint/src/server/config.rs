//! The configuration of a server and its checks.

use super::location::S3Location;
use super::wire::is_endpoint_name;
use crate::{EndpointParameters, Faults, Settings};
use http::Uri;
use std::time::Duration;

/// A server and its endpoints.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Port on 127.0.0.1; 0 for any free one.
    pub port: u16,
    /// The endpoints, with unique names.
    pub endpoints: Vec<EndpointConfig>,
    pub aws: AwsTarget,
    /// How many model seconds pass in a real second. Cold start, cooldowns, alarm periods, TTLs and
    /// timeouts are divided by it; the container runs in real time.
    pub time_factor: f64,
    /// Minimum real time that every invocation gets, even if its timeout divided by `time_factor` is
    /// shorter. Zero keeps the timeouts exact.
    pub min_invocation_timeout: Duration,
    /// Seed of the injected faults.
    pub seed: u64,
}

impl ServerConfig {
    /// A server on a free port, in real time, with seed 0.
    pub const fn new(endpoints: Vec<EndpointConfig>, aws: AwsTarget) -> Self {
        Self {
            port: 0,
            endpoints,
            aws,
            time_factor: 1.0,
            min_invocation_timeout: Duration::ZERO,
            seed: 0,
        }
    }
}

/// How the endpoints reach S3 and SNS.
#[derive(Clone, Debug)]
pub struct AwsTarget {
    /// One URL for both services, such as that of an emulator.
    pub endpoint_url: String,
    /// Region for signatures and notifications.
    pub region: String,
    pub access_key: String,
    pub secret_key: String,
}

/// The configuration of one endpoint.
#[derive(Clone, Debug)]
pub struct EndpointConfig {
    pub name: String,
    /// Scaling and limits. `health_checks`, `failure_objects` and `needs_open_jobs_metric` are decided by the
    /// server. Warm hours take the server's start for Monday, 0:00.
    pub settings: Settings,
    /// Base URL of the model container (`http://host:port`): `GET /ping`, `POST /invocations`.
    /// All instances share the one container.
    pub container_url: String,
    /// `S3OutputPath`: `s3://bucket/prefix`.
    pub s3_output_path: String,
    /// `S3FailurePath`. Without it there are no failure objects and no `FailureLocation`.
    pub s3_failure_path: Option<String>,
    /// ARN of the success topic.
    pub success_topic: Option<String>,
    /// ARN of the error topic.
    pub error_topic: Option<String>,
    /// `IncludeInferenceResponseIn`: `SUCCESS_NOTIFICATION_TOPIC`.
    pub response_in_success: bool,
    /// `IncludeInferenceResponseIn`: `ERROR_NOTIFICATION_TOPIC`.
    pub response_in_error: bool,
    pub faults: Faults,
}

impl EndpointConfig {
    /// An endpoint with the settings of its parameter file, without failure path or topics.
    pub fn new(parameters: EndpointParameters, container_url: &str, s3_output_path: &str) -> Self {
        Self {
            name: parameters.endpoint_name,
            settings: parameters.settings,
            container_url: container_url.to_owned(),
            s3_output_path: s3_output_path.to_owned(),
            s3_failure_path: None,
            success_topic: None,
            error_topic: None,
            response_in_success: false,
            response_in_error: false,
            faults: Faults::default(),
        }
    }
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("endpoint configuration: {0}")]
    Config(String),
    #[error("cannot listen on 127.0.0.1:{port}")]
    Listen {
        port: u16,
        #[source]
        source: std::io::Error,
    },
}

/// The parsed URLs and locations of an endpoint's configuration.
#[derive(Clone, Debug)]
pub(super) struct ParsedEndpointConfig {
    pub(super) container: Uri,
    pub(super) output: S3Location,
    pub(super) failure: Option<S3Location>,
}

impl ServerConfig {
    pub(super) fn check(&self) -> Result<(), StartError> {
        let invalid = |text: String| Err(StartError::Config(text));
        if !(self.time_factor.is_finite() && self.time_factor > 0.0) {
            return invalid(format!("time factor {} is not above 0", self.time_factor));
        }
        for (index, endpoint) in self.endpoints.iter().enumerate() {
            let name = &endpoint.name;
            if !is_endpoint_name(name) {
                return invalid(format!("\"{name}\" is not an endpoint name"));
            }
            if self.endpoints[..index].iter().any(|e| e.name == *name) {
                return invalid(format!("the endpoint name {name} is used twice"));
            }
        }
        Ok(())
    }
}

impl EndpointConfig {
    pub(super) fn check(&self) -> Result<ParsedEndpointConfig, StartError> {
        let invalid = |field: &str, value: &str| {
            StartError::Config(format!("{}: invalid {field} \"{value}\"", self.name))
        };
        let s = &self.settings;
        if s.min_instances > s.max_instances {
            let value = format!("{} > {}", s.min_instances, s.max_instances);
            return Err(invalid("number of instances", &value));
        }
        if !(1..=1000).contains(&s.max_concurrent_per_instance) {
            let value = s.max_concurrent_per_instance.to_string();
            return Err(invalid("MaxConcurrentInvocationsPerInstance", &value));
        }
        let location =
            |field, text: &str| S3Location::parse(text).ok_or_else(|| invalid(field, text));
        Ok(ParsedEndpointConfig {
            container: self
                .container_url
                .parse::<Uri>()
                .ok()
                .filter(|uri| uri.scheme_str() == Some("http") && uri.authority().is_some())
                .ok_or_else(|| invalid("container URL", &self.container_url))?,
            output: location("S3OutputPath", &self.s3_output_path)?,
            failure: self
                .s3_failure_path
                .as_deref()
                .map(|text| location("S3FailurePath", text))
                .transpose()?,
        })
    }
}
