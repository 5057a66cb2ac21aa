//! `devstack endpoints`: asynchronous endpoints alone, for programs that bring the rest of the cloud along.
//!
//! Reads one line of JSON from standard input (`Wanted`), prints `{"port":…}`, and serves until standard input ends.

use anyhow::{Context, Result};
use async_endpoint::Parameters;
use async_endpoint::server::{AwsTarget, EndpointConfig, Server, ServerConfig};
use serde::Deserialize;
use tokio::sync::mpsc;

use crate::stack::SHORTEST_TIMEOUT;
use crate::{cloud, place};

/// What is to be served.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Where S3 and SNS are.
    aws_url: String,
    /// How many seconds of the endpoints' time pass in a real one.
    time_factor: f64,
    endpoints: Vec<One>,
}

/// One endpoint.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct One {
    /// `EndpointName`, in place of that in the parameter file.
    name: String,
    /// Parameter file, from the repository's root.
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

/// Serves until standard input ends.
///
/// # Errors
/// What was asked for cannot be read, or an endpoint does not start.
pub async fn serve() -> Result<()> {
    let mut lines = lines();
    let line = lines.recv().await.context("standard input is empty")?;
    let wanted = serde_json::from_str(&line).context("the configuration cannot be read")?;
    let server = Server::start(config(wanted)?)
        .await
        .context("the endpoints do not start")?;
    say(&server.url())?;
    while lines.recv().await.is_some() {}
    server.shutdown().await;
    Ok(())
}

/// The lines of standard input, until its end. A thread of its own, which nobody waits for: a signal must not hang on it.
fn lines() -> mpsc::UnboundedReceiver<String> {
    let (tell, told) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if tell.send(line).is_err() {
                break;
            }
        }
    });
    told
}

fn say(url: &str) -> Result<()> {
    use std::io::Write;
    let port = url.rsplit(':').next().unwrap_or_default();
    Ok(writeln!(std::io::stdout().lock(), "{{\"port\":{port}}}")?)
}

fn config(wanted: Wanted) -> Result<ServerConfig> {
    let aws = AwsTarget {
        endpoint_url: wanted.aws_url,
        region: cloud::REGION.to_owned(),
        access_key: cloud::ACCESS_KEY.to_owned(),
        secret_key: cloud::SECRET_KEY.to_owned(),
    };
    let endpoints = wanted.endpoints.into_iter().map(endpoint);
    Ok(ServerConfig {
        time_factor: wanted.time_factor,
        shortest_timeout: SHORTEST_TIMEOUT,
        ..ServerConfig::new(endpoints.collect::<Result<_>>()?, aws)
    })
}

fn endpoint(one: One) -> Result<EndpointConfig> {
    let what = || format!("{} cannot be used", one.parameters);
    let text = std::fs::read_to_string(place::file(&one.parameters)).with_context(what)?;
    let parameters = Parameters::parse(&text).with_context(what)?;
    Ok(EndpointConfig {
        name: one.name,
        s3_failure_path: Some(one.failure),
        success_topic: Some(one.success_topic),
        error_topic: Some(one.error_topic),
        ..EndpointConfig::new(parameters, &one.container_url, &one.output)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_takes_its_numbers_from_the_parameter_file_and_the_rest_from_the_caller() {
        let line = r#"{"aws_url": "http://127.0.0.1:1", "time_factor": 60, "endpoints": [
            {"name": "other", "parameters": "infra/endpoints/legal-review.json", "container_url": "http://127.0.0.1:2",
             "output": "s3://b/out/", "failure": "s3://b/fail/", "success_topic": "s", "error_topic": "e"}]}"#;
        let config = config(serde_json::from_str(line).unwrap()).unwrap();
        let one = &config.endpoints[0];
        assert_eq!((&*one.name, &*one.s3_output_path), ("other", "s3://b/out/"));
        assert_eq!(one.settings.max_instances, 5);
        assert!(
            serde_json::from_str::<Wanted>(&line.replace("\"failure\"", "\"failed\"")).is_err()
        );
    }
}
