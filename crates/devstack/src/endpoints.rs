//! `devstack endpoints`: only the asynchronous endpoints, for programs that run their own emulator.
//!
//! Reads one line of JSON from standard input (`EndpointsConfig`), prints `{"port":…}`, and serves until the end of
//! standard input.

use anyhow::{Context, Result};
use async_endpoint::server::{AwsTarget, EndpointConfig, Server, ServerConfig};
use serde::Deserialize;
use tokio::sync::mpsc;

use crate::cloud;
use crate::stack::{MIN_INVOCATION_TIMEOUT, endpoint_parameters};

/// The configuration, as one line of JSON.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EndpointsConfig {
    /// The URL of S3 and SNS.
    aws_url: String,
    /// How many seconds of the endpoints' clock pass in a real second.
    time_factor: f64,
    endpoints: Vec<EndpointSpec>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EndpointSpec {
    /// Replaces the `EndpointName` of the parameter file.
    name: String,
    /// Path of the parameter file in the repository.
    parameters: String,
    /// Base URL of the container.
    container_url: String,
    /// `S3OutputPath`.
    output: String,
    /// `S3FailurePath`.
    failure: String,
    /// ARN.
    success_topic: String,
    /// ARN.
    error_topic: String,
}

/// Serves until the end of standard input.
///
/// # Errors
/// The configuration is invalid, or the endpoints cannot be started.
pub async fn serve() -> Result<()> {
    let mut lines = stdin_lines();
    let line = lines.recv().await.context("standard input is empty")?;
    let config = serde_json::from_str(&line).context("the configuration is invalid")?;
    let server = Server::start(server_config(config)?)
        .await
        .context("cannot start the endpoints")?;
    print_port(&server.url())?;
    while lines.recv().await.is_some() {}
    server.shutdown().await;
    Ok(())
}

/// The lines of standard input. A separate thread reads them, and nothing waits for it, so that a signal can end the
/// process.
fn stdin_lines() -> mpsc::UnboundedReceiver<String> {
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

fn print_port(url: &str) -> Result<()> {
    use std::io::Write;
    let port = url.rsplit(':').next().unwrap_or_default();
    Ok(writeln!(std::io::stdout().lock(), "{{\"port\":{port}}}")?)
}

fn server_config(config: EndpointsConfig) -> Result<ServerConfig> {
    let aws = AwsTarget {
        endpoint_url: config.aws_url,
        region: cloud::REGION.to_owned(),
        access_key: cloud::ACCESS_KEY.to_owned(),
        secret_key: cloud::SECRET_KEY.to_owned(),
    };
    let endpoints = config.endpoints.into_iter().map(endpoint);
    Ok(ServerConfig {
        time_factor: config.time_factor,
        min_invocation_timeout: MIN_INVOCATION_TIMEOUT,
        ..ServerConfig::new(endpoints.collect::<Result<_>>()?, aws)
    })
}

fn endpoint(spec: EndpointSpec) -> Result<EndpointConfig> {
    let parameters = endpoint_parameters(&spec.parameters)?;
    Ok(EndpointConfig {
        name: spec.name,
        s3_failure_path: Some(spec.failure),
        success_topic: Some(spec.success_topic),
        error_topic: Some(spec.error_topic),
        ..EndpointConfig::new(parameters, &spec.container_url, &spec.output)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoint_gets_its_settings_from_the_parameter_file_and_the_rest_from_the_configuration() {
        let line = r#"{"aws_url": "http://127.0.0.1:1", "time_factor": 60, "endpoints": [
            {"name": "other", "parameters": "infra/endpoints/legal-review.json", "container_url": "http://127.0.0.1:2",
             "output": "s3://b/out/", "failure": "s3://b/fail/", "success_topic": "s", "error_topic": "e"}]}"#;
        let config = server_config(serde_json::from_str(line).unwrap()).unwrap();
        let spec = &config.endpoints[0];
        assert_eq!(
            (&*spec.name, &*spec.s3_output_path),
            ("other", "s3://b/out/")
        );
        assert_eq!(spec.settings.max_instances, 5);
        assert_eq!(spec.settings, spec.settings.scaled_by_aws());
        assert!(
            serde_json::from_str::<EndpointsConfig>(&line.replace("\"failure\"", "\"failed\""))
                .is_err()
        );
    }
}
