//! The server under test, with test servers for S3, SNS and the model container.

mod cloud;
mod container;

pub(crate) use cloud::{Cloud, CloudCall};
pub(crate) use container::Container;

use async_endpoint::server::{
    AwsTarget, EndpointConfig, EndpointEvent, EndpointEventKind, Server, ServerConfig,
};
use async_endpoint::{EndpointParameters, Faults, Millis, Settings};
use aws_sdk_sagemakerruntime::config::retry::RetryConfig;
use aws_sdk_sagemakerruntime::config::{BehaviorVersion, Credentials, Region};
use std::time::Duration;
use tokio::sync::broadcast;

/// How long a test waits for anything. Generous: it ends a test that fails, and measures nothing.
pub(crate) const WAIT_TIMEOUT: Duration = Duration::from_secs(180);
pub(crate) const NAME: &str = "docket-test";
pub(crate) const INPUT: &str = "s3://in/a.pdf";

/// The server and its test servers, on free ports.
pub(crate) struct Fixture {
    pub(crate) cloud: Cloud,
    pub(crate) container: Container,
    pub(crate) server: Server,
    pub(crate) events: broadcast::Receiver<EndpointEvent>,
    pub(crate) client: aws_sdk_sagemakerruntime::Client,
}

/// One instance from the start.
pub(crate) fn warm() -> Settings {
    Settings {
        min_instances: 1,
        max_concurrent_per_instance: 8,
        ..Settings::default()
    }
}

pub(crate) fn endpoint(container: &Container, settings: Settings) -> EndpointConfig {
    let parameters = EndpointParameters {
        endpoint_name: NAME.to_owned(),
        instance_type: "ml.g5.xlarge".to_owned(),
        docket_scales: false,
        settings,
    };
    EndpointConfig {
        s3_failure_path: Some("s3://out/failure/".to_owned()),
        success_topic: Some("arn:aws:sns:us-east-1:000000000000:success".to_owned()),
        error_topic: Some("arn:aws:sns:us-east-1:000000000000:error".to_owned()),
        ..EndpointConfig::new(parameters, &container.url(), "s3://out/results/")
    }
}

impl Fixture {
    pub(crate) async fn warm() -> Self {
        Self::start(warm(), |_| {}).await
    }

    pub(crate) async fn start(settings: Settings, change: impl FnOnce(&mut ServerConfig)) -> Self {
        let cloud = Cloud::start().await;
        let container = Container::start().await;
        let aws = AwsTarget {
            endpoint_url: cloud.url(),
            region: "us-east-1".to_owned(),
            access_key: "test".to_owned(),
            secret_key: "test".to_owned(),
        };
        let mut config = ServerConfig::new(vec![endpoint(&container, settings)], aws);
        // A busy machine must not cause a timeout; the tests of timeouts override this.
        config.min_invocation_timeout = WAIT_TIMEOUT;
        change(&mut config);
        cloud.put("/in/a.pdf", b"%PDF-1.7 input");
        let server = Server::start(config).await.unwrap();
        let events = server.events();
        let client = client(&server.url());
        Self {
            cloud,
            container,
            server,
            events,
            client,
        }
    }

    pub(crate) fn set_faults(&self, faults: Faults) {
        self.server.set_faults(NAME, faults).unwrap();
    }

    /// Invokes the endpoint with a command for the container, see `Container`.
    pub(crate) async fn invoke(&self, id: &str, command: &str) {
        let call = self.client.invoke_endpoint_async();
        call.endpoint_name(NAME)
            .input_location(INPUT)
            .inference_id(id)
            .custom_attributes(command)
            .send()
            .await
            .unwrap();
    }

    /// The next event that is wanted.
    pub(crate) async fn wait_for(
        &mut self,
        what: &str,
        wanted: impl Fn(&EndpointEvent) -> bool,
    ) -> EndpointEvent {
        let wait = async {
            loop {
                let event = self.events.recv().await.unwrap();
                if wanted(&event) {
                    return event;
                }
            }
        };
        within_timeout(what, wait).await
    }

    pub(crate) async fn wait_for_event(&mut self, kind: EndpointEventKind) -> EndpointEvent {
        let what = format!("{kind:?}");
        self.wait_for(&what, |event| event.kind == kind).await
    }

    /// The message about a request, once it is published.
    pub(crate) async fn message(&self, id: &str) -> serde_json::Value {
        self.cloud.result_messages(id, 1).await.remove(0)
    }
}

pub(crate) fn client(url: &str) -> aws_sdk_sagemakerruntime::Client {
    let credentials = Credentials::new("test", "test", None, None, "test");
    let config = aws_sdk_sagemakerruntime::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(url)
        .region(Region::new("us-east-1"))
        .credentials_provider(credentials)
        .retry_config(RetryConfig::disabled())
        .build();
    aws_sdk_sagemakerruntime::Client::from_conf(config)
}

/// An endpoint that never scales out from zero.
pub(crate) fn never_scales_out() -> Settings {
    Settings {
        scale_from_zero_datapoints: u32::MAX,
        ..Settings::default()
    }
}

pub(crate) fn secs(n: u64) -> Millis {
    Millis::from_secs(n)
}

/// Fails if the work takes longer than [`WAIT_TIMEOUT`].
pub(crate) async fn within_timeout<T>(what: &str, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(WAIT_TIMEOUT, work).await {
        Ok(done) => done,
        Err(_) => panic!("not within {} s: {what}", WAIT_TIMEOUT.as_secs()),
    }
}

/// Polls a condition.
pub(crate) async fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    within_timeout(what, wait).await;
}
