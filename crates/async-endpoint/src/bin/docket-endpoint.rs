//! One local asynchronous endpoint, for the tests of any service that calls `InvokeEndpointAsync`.
//!
//! It reads inputs from S3, sends them to a container, writes results to S3 and publishes to SNS, of any emulator.
//! `README.md` of this crate says how to use it.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line program"
)]

use std::process::ExitCode;
use std::time::Duration;

use async_endpoint::server::{
    AwsTarget, EndpointConfig, EndpointEvent, Server, ServerConfig, StartError,
};
use async_endpoint::{Faults, Millis, ScaleIn, Settings};
use clap::{Parser, ValueEnum};
use tokio::sync::broadcast::error::RecvError;

/// A local SageMaker asynchronous inference endpoint: InvokeEndpointAsync with a real container behind it.
#[derive(Debug, Parser)]
#[command(name = "docket-endpoint", version)]
struct Options {
    /// EndpointName
    #[arg(long)]
    name: String,
    /// The container's base URL: GET /ping, POST /invocations
    #[arg(long, value_name = "URL")]
    container: String,
    /// S3OutputPath
    #[arg(long, value_name = "s3://BUCKET/PREFIX")]
    output: String,
    /// S3FailurePath; without it there are no failure objects
    #[arg(long, value_name = "s3://BUCKET/PREFIX")]
    failure: Option<String>,
    /// SuccessTopic
    #[arg(long, value_name = "ARN")]
    success_topic: Option<String>,
    /// ErrorTopic
    #[arg(long, value_name = "ARN")]
    error_topic: Option<String>,
    /// IncludeInferenceResponseIn
    #[arg(long, value_enum)]
    include_response_in: Vec<TopicKind>,
    /// Address of S3 and SNS
    #[arg(long, env = "AWS_ENDPOINT_URL", value_name = "URL")]
    aws_url: String,
    #[arg(long, env = "AWS_REGION", default_value = "us-east-1")]
    region: String,
    #[arg(long, env = "AWS_ACCESS_KEY_ID", default_value = "test")]
    access_key: String,
    #[arg(
        long,
        env = "AWS_SECRET_ACCESS_KEY",
        default_value = "test",
        hide_env_values = true
    )]
    secret_key: String,
    /// Port on 127.0.0.1; 0 for a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    #[arg(long, default_value_t = 0)]
    min_instances: u32,
    #[arg(long, default_value_t = 1)]
    max_instances: u32,
    /// MaxConcurrentInvocationsPerInstance
    #[arg(long, default_value_t = 1)]
    concurrency: u32,
    /// How long an instance takes to start, in seconds of the endpoint's clock
    #[arg(long, default_value_t = 300)]
    cold_start: u64,
    /// After how many minutes without requests all instances but the minimum stop; a multiple of five
    #[arg(long, default_value_t = 10, value_parser = idle_minutes)]
    idle_minutes: u32,
    /// How many seconds of the endpoint's clock pass in a real one: cold starts, scaling, TTLs and timeouts are divided by it
    #[arg(long, default_value_t = 1.0)]
    time_factor: f64,
    /// Print every event of the endpoint to standard error
    #[arg(long)]
    events: bool,
}

/// Scaling looks at periods of five minutes.
fn idle_minutes(text: &str) -> Result<u32, String> {
    let minutes = text.parse().ok();
    let whole = minutes.filter(|minutes| *minutes > 0 && minutes % 5 == 0);
    whole.ok_or_else(|| "a multiple of five, at least 5".to_owned())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum TopicKind {
    Success,
    Error,
}

impl Options {
    fn server_config(&self) -> ServerConfig {
        let endpoint = EndpointConfig {
            name: self.name.clone(),
            settings: Settings {
                min_instances: self.min_instances,
                max_instances: self.max_instances,
                max_concurrent_per_instance: self.concurrency,
                cold_start: Millis::from_secs(self.cold_start),
                scale_in: ScaleIn::WhenIdle {
                    periods: self.idle_minutes / 5,
                },
                ..Settings::default()
            },
            container_url: self.container.clone(),
            s3_output_path: self.output.clone(),
            s3_failure_path: self.failure.clone(),
            success_topic: self.success_topic.clone(),
            error_topic: self.error_topic.clone(),
            response_in_success: self.include_response_in.contains(&TopicKind::Success),
            response_in_error: self.include_response_in.contains(&TopicKind::Error),
            faults: Faults::default(),
        };
        let aws = AwsTarget {
            endpoint_url: self.aws_url.clone(),
            region: self.region.clone(),
            access_key: self.access_key.clone(),
            secret_key: self.secret_key.clone(),
        };
        ServerConfig {
            port: self.port,
            time_factor: self.time_factor,
            // The container runs in real time, whatever the clock does.
            min_invocation_timeout: if self.time_factor > 1.0 {
                Duration::from_secs(60)
            } else {
                Duration::ZERO
            },
            ..ServerConfig::new(vec![endpoint], aws)
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    match serve(&options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("docket-endpoint: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Serves until Ctrl-C or SIGTERM.
async fn serve(options: &Options) -> Result<(), StartError> {
    let server = Server::start(options.server_config()).await?;
    let events = server.events();
    // For programs that start it: the one line on standard output.
    println!("{}", server.url());
    let print = async {
        if options.events {
            print_events(events).await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = print => {}
        () = asked_to_stop() => {}
    }
    server.shutdown().await;
    Ok(())
}

async fn print_events(mut events: tokio::sync::broadcast::Receiver<EndpointEvent>) {
    loop {
        match events.recv().await {
            Ok(event) => {
                let of = event.inference_id.as_deref().unwrap_or("-");
                let seconds = event.at.0 / 1000;
                eprintln!("{seconds:>6} s  {of}  {:?}", event.kind);
            }
            Err(RecvError::Lagged(missed)) => eprintln!("{missed} events are not shown"),
            Err(RecvError::Closed) => return,
        }
    }
}

#[cfg(unix)]
async fn asked_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminated) => tokio::select! {
            _ = terminated.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        },
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
}

#[cfg(not(unix))]
async fn asked_to_stop() {
    drop(tokio::signal::ctrl_c().await);
}
