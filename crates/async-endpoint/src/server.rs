//! A local server that hosts modelled endpoints. It offers the SageMaker Runtime API to callers, uses
//! S3 and SNS, and calls a real model container by SageMaker's container contract.
//!
//! It does not verify signatures and has no control plane: the configuration lists the endpoints,
//! and there is no `CreateEndpoint`.

mod aws;
mod body_buffer;
mod clock;
mod config;
mod container;
mod control_plane;
mod driver;
mod events;
mod http;
mod location;
mod notification;
mod request;
mod state;
mod wire;

pub use config::{AwsTarget, EndpointConfig, ServerConfig, StartError};
pub use events::{EndpointEvent, EndpointEventKind};
pub use state::{EndpointState, InstanceState};

use crate::{Endpoint, Faults, Rng, Settings};
use aws::AwsClients;
use clock::ModelClock;
use container::Container;
use driver::{HostedEndpoint, HostedEndpoints};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::sync::{Notify, broadcast};
use tokio::task::JoinSet;

/// How many events a slow receiver may lag behind before it misses some.
const EVENT_BUFFER: usize = 16_384;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no endpoint \"{0}\"")]
pub struct UnknownEndpoint(pub String);

/// A running server. Dropping it stops it; [`Server::shutdown`] also waits until it has stopped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    endpoints: Arc<HostedEndpoints>,
    events: broadcast::Sender<EndpointEvent>,
    tasks: JoinSet<()>,
}

impl Server {
    /// Starts the server. Every endpoint is in service and publishes its `TestNotification`.
    pub async fn start(config: ServerConfig) -> Result<Self, StartError> {
        config.check()?;
        let (events, _) = broadcast::channel(EVENT_BUFFER);
        let clock = ModelClock::start(config.time_factor);
        let aws = AwsClients::new(&config.aws);
        let mut endpoints = HostedEndpoints::new();
        for endpoint in &config.endpoints {
            let checked = endpoint.check()?;
            let settings = Settings {
                health_checks: true,
                // The local stack has no such metric; the endpoint's own backlog decides.
                needs_open_jobs_metric: false,
                failure_objects: checked.failure.is_some(),
                min_invocation_timeout: clock.to_model(config.min_invocation_timeout),
                ..endpoint.settings
            };
            let rng = Rng::from_seed(config.seed ^ name_hash(&endpoint.name));
            let hosted = HostedEndpoint {
                name: endpoint.name.as_str().into(),
                output: checked.output,
                failure: checked.failure,
                container: Container::new(checked.container),
                aws: aws.clone(),
                clock: clock.clone(),
                model: Mutex::new(Endpoint::new(settings, endpoint.faults, rng)),
                changed: Notify::new(),
                events: events.clone(),
                config: endpoint.clone(),
            };
            endpoints.insert(endpoint.name.clone(), Arc::new(hosted));
        }
        let port = config.port;
        let listen = |source| StartError::Listen { port, source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let endpoints = Arc::new(endpoints);
        let mut tasks = JoinSet::new();
        for endpoint in endpoints.values() {
            tasks.spawn(Arc::clone(endpoint).run());
        }
        tasks.spawn(http::serve(listener, Arc::clone(&endpoints)));
        Ok(Self {
            address,
            endpoints,
            events,
            tasks,
        })
    }

    /// The endpoint URL for a SageMaker Runtime client.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The events from now on.
    pub fn events(&self) -> broadcast::Receiver<EndpointEvent> {
        self.events.subscribe()
    }

    /// Replaces an endpoint's faults from now on.
    pub fn set_faults(&self, endpoint: &str, faults: Faults) -> Result<(), UnknownEndpoint> {
        let hosted = self.endpoint(endpoint)?;
        hosted.report(|model, _| model.set_faults(faults));
        Ok(())
    }

    /// Sets whether an endpoint accepts new requests or rejects them as not in service.
    pub fn set_in_service(&self, endpoint: &str, in_service: bool) -> Result<(), UnknownEndpoint> {
        let hosted = self.endpoint(endpoint)?;
        hosted.report(|model, _| model.set_in_service(in_service));
        Ok(())
    }

    /// Makes the instance with the most running requests fail. False if there is no instance.
    pub fn kill_instance(&self, endpoint: &str) -> Result<bool, UnknownEndpoint> {
        let hosted = self.endpoint(endpoint)?;
        Ok(hosted.report(|model, now| {
            model
                .busiest_instance()
                .is_some_and(|busiest| model.kill_instance(now, busiest))
        }))
    }

    /// Replaces the scaling policies of an endpoint by those of other settings, from now on.
    pub fn set_scaling(&self, endpoint: &str, like: &Settings) -> Result<(), UnknownEndpoint> {
        let hosted = self.endpoint(endpoint)?;
        hosted.report(|model, _| model.set_scaling(like));
        Ok(())
    }

    /// The current state of an endpoint.
    pub fn state(&self, endpoint: &str) -> Result<EndpointState, UnknownEndpoint> {
        Ok(EndpointState::of(self.endpoint(endpoint)?))
    }

    /// Stops listening, drops connections and running invocations, and waits until all tasks have
    /// ended.
    pub async fn shutdown(mut self) {
        self.tasks.shutdown().await;
    }

    fn endpoint(&self, name: &str) -> Result<&Arc<HostedEndpoint>, UnknownEndpoint> {
        self.endpoints
            .get(name)
            .ok_or_else(|| UnknownEndpoint(name.to_owned()))
    }
}

/// FNV-1a, so that the endpoints of one server do not share one sequence of faults.
fn name_hash(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
