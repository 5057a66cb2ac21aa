//! Read access to the state of an endpoint.

use super::{Endpoint, InstanceId, InstanceStatus};
use crate::Millis;

/// Counters since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Accepted `InvokeEndpointAsync` calls.
    pub accepted: u64,
    /// Requests whose output was stored.
    pub completed: u64,
    /// Requests that failed, expired ones not counted.
    pub failed: u64,
    /// Requests that exceeded their TTL in the queue.
    pub expired: u64,
    /// How often a request went back to the queue because its instance stopped.
    pub redelivered: u64,
    /// Notifications that a fault suppressed.
    pub notifications_lost: u64,
}

/// The state of one instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstanceView {
    pub id: InstanceId,
    pub status: InstanceStatus,
    /// Priority of its instance type, 1 for `InstanceType`; none while no type has capacity.
    pub priority: Option<u32>,
    /// Requests that it is processing.
    pub running: u32,
}

impl<R> Endpoint<R> {
    /// Counters since the start.
    pub const fn stats(&self) -> Stats {
        self.stats
    }

    /// Requests in the queue.
    pub const fn waiting(&self) -> u32 {
        self.waiting
    }

    /// Requests that instances are processing.
    pub const fn running(&self) -> u32 {
        self.running
    }

    /// Requests that are accepted and have not ended.
    pub fn open_requests(&self) -> usize {
        self.requests.len()
    }

    /// `DesiredInstanceCount`: the result of the last scaling decision.
    pub const fn desired_instances(&self) -> u32 {
        self.desired_instances
    }

    /// The minimum and maximum number of instances now; warm hours raise the minimum.
    pub const fn instance_limits(&self) -> (u32, u32) {
        (self.settings.min_instances, self.settings.max_instances)
    }

    /// Whether an instance is starting: until it is in service, the endpoint is `Updating` and rejects changes.
    pub fn is_updating(&self) -> bool {
        self.fleet.in_service() < self.fleet.len()
    }

    /// Whether the endpoint accepts new requests.
    pub const fn is_in_service(&self) -> bool {
        self.in_service
    }

    /// The instance with the most running requests.
    pub fn busiest_instance(&self) -> Option<InstanceId> {
        self.fleet.busiest()
    }

    pub fn instances(&self) -> impl Iterator<Item = InstanceView> {
        self.fleet.iter().map(|i| InstanceView {
            id: i.id,
            status: i.status,
            priority: i.priority,
            running: u32::try_from(i.running.len()).unwrap_or(u32::MAX),
        })
    }

    /// Total time of all instances, cold starts included: what AWS bills.
    pub fn instance_time(&self) -> Millis {
        self.fleet.instance_time(self.now)
    }
}
