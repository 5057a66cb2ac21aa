//! The instances behind the endpoint: starting, in service, gone.

use super::table::RequestId;
use crate::Millis;

/// Names an instance; numbers are not used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceId(
    /// 1 for the first one.
    pub u32,
);

/// Where an instance stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// In its cold start.
    Starting,
    /// Started, but its container has not answered a ping yet.
    Checking,
    /// Takes work.
    InService,
}

#[derive(Clone, Debug)]
pub(super) struct Instance {
    pub(super) id: InstanceId,
    pub(super) phase: Phase,
    pub(super) started_at: Millis,
    pub(super) running: Vec<RequestId>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Fleet {
    instances: Vec<Instance>,
    named: u32,
    /// Time of instances that are gone; those that live are added by `instance_time`.
    spent: Millis,
}

impl Fleet {
    pub(super) fn start(&mut self, now: Millis, phase: Phase) -> InstanceId {
        self.named += 1;
        let id = InstanceId(self.named);
        self.instances.push(Instance {
            id,
            phase,
            started_at: now,
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
        let at = self.instances.iter().position(|i| i.id == id)?;
        let gone = self.instances.remove(at);
        self.spent = self.spent + now.since(gone.started_at);
        Some(gone)
    }

    /// The least busy instance that can take one more request.
    pub(super) fn free(&mut self, concurrency: u32) -> Option<&mut Instance> {
        self.instances
            .iter_mut()
            .filter(|i| i.phase == Phase::InService && i.running.len() < concurrency as usize)
            .min_by_key(|i| i.running.len())
    }

    /// The one a scale-in takes: an instance that is not ready yet, else the newest. AWS does not
    /// document its choice and does not spare busy instances, nor does this.
    pub(super) fn surplus(&self) -> Option<InstanceId> {
        self.instances
            .iter()
            .max_by_key(|i| (i.phase != Phase::InService, i.id))
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
            && let Some(at) = instance.running.iter().position(|r| *r == request)
        {
            instance.running.swap_remove(at);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Instance> {
        self.instances.iter()
    }

    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.instances.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn in_service(&self) -> u32 {
        let count = self.iter().filter(|i| i.phase == Phase::InService).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    pub(super) fn instance_time(&self, now: Millis) -> Millis {
        self.iter()
            .fold(self.spent, |sum, i| sum + now.since(i.started_at))
    }
}
