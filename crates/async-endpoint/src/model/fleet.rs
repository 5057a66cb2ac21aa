//! The instances of the endpoint.

use super::table::RequestId;
use crate::Millis;

/// Identifies an instance: 1 for the first one. Numbers are not reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceId(pub u32);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstanceStatus {
    /// Its cold start is not over.
    Starting,
    /// Started, but its container has not responded to a ping yet.
    HealthCheck,
    /// Takes requests.
    InService,
}

#[derive(Clone, Debug)]
pub(super) struct Instance {
    pub(super) id: InstanceId,
    pub(super) status: InstanceStatus,
    pub(super) started_at: Millis,
    /// Priority of its instance type, from 1; none if no type has capacity.
    pub(super) priority: Option<u32>,
    pub(super) running: Vec<RequestId>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Fleet {
    instances: Vec<Instance>,
    last_id: u32,
    /// Total time of the instances that have stopped.
    stopped_time: Millis,
}

impl Fleet {
    pub(super) fn start(
        &mut self,
        started_at: Millis,
        status: InstanceStatus,
        priority: Option<u32>,
    ) -> InstanceId {
        self.last_id += 1;
        let id = InstanceId(self.last_id);
        self.instances.push(Instance {
            id,
            status,
            started_at,
            priority,
            running: Vec::new(),
        });
        id
    }

    pub(super) fn get(&self, id: InstanceId) -> Option<&Instance> {
        self.instances.iter().find(|i| i.id == id)
    }

    pub(super) fn get_mut(&mut self, id: InstanceId) -> Option<&mut Instance> {
        self.instances.iter_mut().find(|i| i.id == id)
    }

    pub(super) fn remove(&mut self, now: Millis, id: InstanceId) -> Option<Instance> {
        let index = self.instances.iter().position(|i| i.id == id)?;
        let stopped = self.instances.remove(index);
        self.stopped_time = self.stopped_time + now.since(stopped.started_at);
        Some(stopped)
    }

    /// The least busy instance that can take one more request.
    pub(super) fn least_busy(&mut self, max_concurrent: u32) -> Option<&mut Instance> {
        self.instances
            .iter_mut()
            .filter(|i| {
                i.status == InstanceStatus::InService && i.running.len() < max_concurrent as usize
            })
            .min_by_key(|i| i.running.len())
    }

    /// The instance that a scale-in removes: one that is not in service yet, else one whose type has the lowest priority
    /// (AWS Machine Learning Blog, "Capacity-aware inference"), else the newest. AWS does not document more of its choice
    /// and does not protect busy instances; neither does this model.
    pub(super) fn scale_in_candidate(&self) -> Option<InstanceId> {
        self.instances
            .iter()
            .max_by_key(|i| (i.status != InstanceStatus::InService, i.priority, i.id))
            .map(|i| i.id)
    }

    pub(super) fn busiest(&self) -> Option<InstanceId> {
        self.instances
            .iter()
            .max_by_key(|i| i.running.len())
            .map(|i| i.id)
    }

    pub(super) fn release(&mut self, id: InstanceId, request: RequestId) {
        if let Some(instance) = self.get_mut(id)
            && let Some(index) = instance.running.iter().position(|r| *r == request)
        {
            instance.running.swap_remove(index);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Instance> {
        self.instances.iter()
    }

    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.instances.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn in_service(&self) -> u32 {
        let count = self
            .iter()
            .filter(|i| i.status == InstanceStatus::InService)
            .count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    pub(super) fn instance_time(&self, now: Millis) -> Millis {
        self.iter()
            .fold(self.stopped_time, |sum, i| sum + now.since(i.started_at))
    }
}
