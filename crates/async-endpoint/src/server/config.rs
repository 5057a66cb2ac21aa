//! What a server is told at its start, and what it refuses to start with.

use super::location::Location;
use super::wire::is_endpoint_name;
use crate::{Faults, Parameters, Settings};
use http::Uri;
use std::time::Duration;

/// A server and its endpoints.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// The endpoints, each with a name of its own.
    pub endpoints: Vec<EndpointConfig>,
    /// Where inputs, outputs and notifications go.
    pub aws: AwsTarget,
    /// How many model seconds pass in a real one. Cold start, cooldowns, alarm periods, TTLs and
    /// timeouts are divided by it; the container works in real time.
    pub time_factor: f64,
    /// Real time that every invocation is given, even if its timeout divided by `time_factor` is
    /// shorter. Zero keeps the timeouts exact.
    pub shortest_timeout: Duration,
    /// Where all faults follow from.
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
            shortest_timeout: Duration::ZERO,
            seed: 0,
        }
    }
}

/// S3 and SNS, as the endpoints' execution role reaches them.
#[derive(Clone, Debug)]
pub struct AwsTarget {
    /// One URL for both services, such as that of an emulator.
    pub endpoint_url: String,
    /// Region to sign for and to name in notifications.
    pub region: String,
    /// Access key id.
    pub access_key: String,
    /// Secret access key.
    pub secret_key: String,
}

/// One endpoint: a name, a container, where its results go.
#[derive(Clone, Debug)]
pub struct EndpointConfig {
    /// `EndpointName`.
    pub name: String,
    /// How it scales. `health_checks`, `failure_objects` and `open_jobs_told` are decided by the
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
    /// What it does wrong from the start.
    pub faults: Faults,
}

impl EndpointConfig {
    /// An endpoint as its parameter file describes it, without failure path or topics.
    pub fn new(parameters: Parameters, container_url: &str, s3_output_path: &str) -> Self {
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
    /// Something in the configuration; the text names it.
    #[error("endpoint configuration: {0}")]
    Config(String),
    /// The port cannot be had.
    #[error("cannot listen on 127.0.0.1:{port}")]
    Listen {
        /// The port asked for.
        port: u16,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// An endpoint's configuration with its texts parsed.
#[derive(Clone, Debug)]
pub(super) struct Checked {
    pub(super) container: Uri,
    pub(super) output: Location,
    pub(super) failure: Option<Location>,
}

impl ServerConfig {
    pub(super) fn check(&self) -> Result<(), StartError> {
        let wrong = |text: String| Err(StartError::Config(text));
        if !(self.time_factor.is_finite() && self.time_factor > 0.0) {
            return wrong(format!("time factor {} is not above 0", self.time_factor));
        }
        for (at, endpoint) in self.endpoints.iter().enumerate() {
            let name = &endpoint.name;
            if !is_endpoint_name(name) {
                return wrong(format!("\"{name}\" is not an endpoint name"));
            }
            if self.endpoints[..at].iter().any(|e| e.name == *name) {
                return wrong(format!("{name} is there twice"));
            }
        }
        Ok(())
    }
}

impl EndpointConfig {
    pub(super) fn check(&self) -> Result<Checked, StartError> {
        let wrong = |field: &str, value: &str| {
            StartError::Config(format!("{}: {field} \"{value}\" is wrong", self.name))
        };
        let s = &self.settings;
        if s.min_instances > s.max_instances {
            let value = format!("{} > {}", s.min_instances, s.max_instances);
            return Err(wrong("number of instances", &value));
        }
        if !(1..=1000).contains(&s.max_concurrent_per_instance) {
            let value = s.max_concurrent_per_instance.to_string();
            return Err(wrong("MaxConcurrentInvocationsPerInstance", &value));
        }
        let location = |field, text: &str| Location::parse(text).ok_or_else(|| wrong(field, text));
        Ok(Checked {
            container: self
                .container_url
                .parse::<Uri>()
                .ok()
                .filter(|uri| uri.scheme_str() == Some("http") && uri.authority().is_some())
                .ok_or_else(|| wrong("container URL", &self.container_url))?,
            output: location("S3OutputPath", &self.s3_output_path)?,
            failure: self
                .s3_failure_path
                .as_deref()
                .map(|text| location("S3FailurePath", text))
                .transpose()?,
        })
    }
}
