//! A local server that hosts modeled endpoints: it speaks SageMaker Runtime's wire protocol to
//! callers, S3 and SNS to the outside, and the hosting contract to a real model container.
//!
//! What it is not: a verifier of signatures, and a control plane. Endpoints are given at the
//! start; there is no `CreateEndpoint`.

mod aws;
mod clock;
mod config;
mod container;
mod driver;
mod http;
mod location;
mod message;
mod observe;
mod spool;
mod wire;

pub use config::{AwsTarget, EndpointConfig, ServerConfig, StartError};
pub use observe::{Observation, What};

use crate::{Endpoint, Faults, Phase, Rng, Settings, Stats};
use aws::Aws;
use clock::Clock;
use container::Container;
use driver::{Hosted, Invocation};
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::sync::{Notify, broadcast};
use tokio::task::JoinSet;

/// Observations that a slow listener may fall behind before it misses some.
const OBSERVATIONS: usize = 16_384;

type Hosts = BTreeMap<String, Arc<Hosted>>;

/// There is no endpoint of that name on this server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no endpoint is called \"{0}\"")]
pub struct UnknownEndpoint(pub String);

/// A running server. Dropping it stops it without waiting; [`Server::shutdown`] waits.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    hosts: Arc<Hosts>,
    observers: broadcast::Sender<Observation>,
    tasks: JoinSet<()>,
}

impl Server {
    /// Starts to listen, with every endpoint in service and its `TestNotification` on the way.
    pub async fn start(config: ServerConfig) -> Result<Self, StartError> {
        config.check()?;
        let (observers, _) = broadcast::channel(OBSERVATIONS);
        let clock = Clock::start(config.time_factor);
        let aws = Aws::new(&config.aws);
        let mut hosts = Hosts::new();
        for endpoint in &config.endpoints {
            let checked = endpoint.check()?;
            let settings = Settings {
                health_checks: true,
                // Nobody tells it; in one process with its callers' queue it knows all there is.
                open_jobs_told: false,
                failure_objects: checked.failure.is_some(),
                shortest_timeout: clock.model(config.shortest_timeout),
                ..endpoint.settings
            };
            let rng = Rng::from_seed(config.seed ^ name_hash(&endpoint.name));
            let host = Hosted {
                name: endpoint.name.as_str().into(),
                output: checked.output,
                failure: checked.failure,
                container: Container::new(checked.container),
                aws: aws.clone(),
                clock: clock.clone(),
                model: Mutex::new(Endpoint::new(settings, endpoint.faults, rng)),
                wake: Notify::new(),
                observers: observers.clone(),
                config: endpoint.clone(),
            };
            hosts.insert(endpoint.name.clone(), Arc::new(host));
        }
        let port = config.port;
        let listen = |source| StartError::Listen { port, source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let hosts = Arc::new(hosts);
        let mut tasks = JoinSet::new();
        for host in hosts.values() {
            tasks.spawn(Arc::clone(host).drive());
        }
        tasks.spawn(http::serve(listener, Arc::clone(&hosts)));
        Ok(Self {
            address,
            hosts,
            observers,
            tasks,
        })
    }

    /// What to give a SageMaker Runtime client as its endpoint URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything that happens from now on.
    pub fn events(&self) -> broadcast::Receiver<Observation> {
        self.observers.subscribe()
    }

    /// Replaces an endpoint's faults from now on.
    pub fn set_faults(&self, endpoint: &str, faults: Faults) -> Result<(), UnknownEndpoint> {
        let host = self.host(endpoint)?;
        host.report(|model, _| model.set_faults(faults));
        Ok(())
    }

    /// Lets an endpoint take new requests or refuse them as not in service.
    pub fn set_in_service(&self, endpoint: &str, in_service: bool) -> Result<(), UnknownEndpoint> {
        let host = self.host(endpoint)?;
        host.report(|model, _| model.set_in_service(in_service));
        Ok(())
    }

    /// Kills the instance with the most running requests. False if there is no instance.
    pub fn kill_instance(&self, endpoint: &str) -> Result<bool, UnknownEndpoint> {
        let host = self.host(endpoint)?;
        Ok(host.report(|model, now| {
            model
                .busiest_instance()
                .is_some_and(|busiest| model.kill_instance(now, busiest))
        }))
    }

    /// An endpoint as it is now.
    pub fn state(&self, endpoint: &str) -> Result<EndpointState, UnknownEndpoint> {
        Ok(EndpointState::of(self.host(endpoint)?))
    }

    /// Stops listening, drops connections and running invocations, and waits until all is gone.
    pub async fn shutdown(mut self) {
        self.tasks.shutdown().await;
    }

    fn host(&self, endpoint: &str) -> Result<&Arc<Hosted>, UnknownEndpoint> {
        self.hosts
            .get(endpoint)
            .ok_or_else(|| UnknownEndpoint(endpoint.to_owned()))
    }
}

/// An endpoint as it is at a moment; also the JSON of `GET /_endpoint/{EndpointName}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EndpointState {
    /// Its name.
    pub endpoint_name: String,
    /// Whether it takes requests.
    pub in_service: bool,
    /// Model time since the server's start, in milliseconds.
    pub model_time_ms: u64,
    /// Requests in the queue.
    pub waiting: u32,
    /// Requests on instances.
    pub running: u32,
    /// Instances wanted.
    pub desired_instances: u32,
    /// Instances there are.
    pub instances: Vec<InstanceState>,
    /// Invoke calls taken.
    pub accepted: u64,
    /// Requests completed.
    pub completed: u64,
    /// Requests failed.
    pub failed: u64,
    /// Requests expired.
    pub expired: u64,
}

/// One instance in an [`EndpointState`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InstanceState {
    /// Its number.
    pub instance: u32,
    /// `Starting`, `Checking` or `InService`.
    pub phase: &'static str,
    /// Requests it works on.
    pub running: u32,
}

impl EndpointState {
    fn of(host: &Hosted) -> Self {
        let now = host.clock.now();
        let model: &Endpoint<Arc<Invocation>> = &host.model();
        let Stats {
            accepted,
            completed,
            failed,
            expired,
            ..
        } = model.stats();
        Self {
            endpoint_name: host.name.to_string(),
            in_service: model.is_in_service(),
            model_time_ms: now.0,
            waiting: model.waiting(),
            running: model.running(),
            desired_instances: model.desired(),
            instances: model
                .instances()
                .map(|i| InstanceState {
                    instance: i.id.0,
                    phase: match i.phase {
                        Phase::Starting => "Starting",
                        Phase::Checking => "Checking",
                        Phase::InService => "InService",
                    },
                    running: i.running,
                })
                .collect(),
            accepted,
            completed,
            failed,
            expired,
        }
    }
}

/// FNV-1a: endpoints of one server must not share one sequence of faults.
fn name_hash(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
