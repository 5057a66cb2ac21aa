//! The state of an endpoint for callers of [`Server::state`](super::Server::state) and of the HTTP API.

use super::driver::HostedEndpoint;
use super::request::AcceptedRequest;
use crate::{Endpoint, InstanceStatus, Stats};
use serde::Serialize;
use std::sync::Arc;

/// The state of an endpoint; also the JSON of `GET /_endpoint/{EndpointName}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EndpointState {
    pub endpoint_name: String,
    pub in_service: bool,
    /// Model time since the server's start, in milliseconds.
    pub model_time_ms: u64,
    /// Requests in the queue.
    pub waiting: u32,
    /// Requests that instances are processing.
    pub running: u32,
    pub desired_instances: u32,
    pub instances: Vec<InstanceState>,
    /// Accepted `InvokeEndpointAsync` calls.
    pub accepted: u64,
    pub completed: u64,
    pub failed: u64,
    pub expired: u64,
}

/// One instance in an [`EndpointState`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InstanceState {
    pub instance: u32,
    /// `Starting`, `HealthCheck` or `InService`.
    pub status: &'static str,
    pub running: u32,
}

impl EndpointState {
    pub(super) fn of(hosted: &HostedEndpoint) -> Self {
        let now = hosted.clock.now();
        let model: &Endpoint<Arc<AcceptedRequest>> = &hosted.model();
        let Stats {
            accepted,
            completed,
            failed,
            expired,
            ..
        } = model.stats();
        Self {
            endpoint_name: hosted.name.to_string(),
            in_service: model.is_in_service(),
            model_time_ms: now.0,
            waiting: model.waiting(),
            running: model.running(),
            desired_instances: model.desired_instances(),
            instances: model
                .instances()
                .map(|i| InstanceState {
                    instance: i.id.0,
                    status: match i.status {
                        InstanceStatus::Starting => "Starting",
                        InstanceStatus::HealthCheck => "HealthCheck",
                        InstanceStatus::InService => "InService",
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
