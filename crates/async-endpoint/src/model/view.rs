//! What can be seen of an endpoint from outside, without changing it.

use super::{Endpoint, InstanceId, Phase};
use crate::Millis;

/// Counters since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Invoke calls that were taken.
    pub accepted: u64,
    /// Requests whose output was stored.
    pub completed: u64,
    /// Requests that failed, expired ones not counted.
    pub failed: u64,
    /// Requests that outlived their TTL.
    pub expired: u64,
    /// Times a request went back to the queue because its instance was gone.
    pub redelivered: u64,
    /// Notifications never published.
    pub notifications_lost: u64,
}

/// One instance as people see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstanceView {
    /// Its name.
    pub id: InstanceId,
    /// Where it stands.
    pub phase: Phase,
    /// Requests it works on.
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

    /// Requests on instances.
    pub const fn running(&self) -> u32 {
        self.running
    }

    /// Requests accepted and not ended.
    pub fn open(&self) -> usize {
        self.requests.len()
    }

    /// Instances wanted by the last scaling decision.
    pub const fn desired(&self) -> u32 {
        self.desired
    }

    /// Whether new requests are taken.
    pub const fn is_in_service(&self) -> bool {
        self.in_service
    }

    /// The instance with the most running requests, for a test that wants to hurt.
    pub fn busiest_instance(&self) -> Option<InstanceId> {
        self.fleet.busiest()
    }

    /// The instances there are.
    pub fn instances(&self) -> impl Iterator<Item = InstanceView> {
        self.fleet.iter().map(|i| InstanceView {
            id: i.id,
            phase: i.phase,
            running: u32::try_from(i.running.len()).unwrap_or(u32::MAX),
        })
    }

    /// Time of all instances together, cold starts included: what is billed.
    pub fn instance_time(&self) -> Millis {
        self.fleet.instance_time(self.now)
    }
}
