//! The open requests, in a slab: a million requests pass through without a million allocations,
//! and the id of an ended request never refers to a new one.

use super::action::{InvocationStatus, Request};
use crate::{InstanceId, Millis};

/// Identifies an accepted request; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId {
    slot: u32,
    generation: u32,
}

/// Identifies one delivery of a request to an instance. A request whose instance was lost has
/// several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId {
    pub request: RequestId,
    /// 1 for the first delivery.
    pub delivery: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RequestStage {
    Waiting,
    Running {
        instance: InstanceId,
    },
    /// The response is being written to S3. The request still counts against the instance's
    /// concurrency.
    StoringOutput {
        instance: InstanceId,
    },
    StoringFailure {
        status: InvocationStatus,
    },
}

#[derive(Clone, Debug)]
pub(super) struct OpenRequest<R> {
    pub(super) payload: R,
    pub(super) accepted_at: Millis,
    pub(super) expires_at: Millis,
    pub(super) timeout: Millis,
    pub(super) delivery: u32,
    pub(super) stage: RequestStage,
}

impl<R> OpenRequest<R> {
    pub(super) fn is_waiting(&self) -> bool {
        self.stage == RequestStage::Waiting
    }
}

#[derive(Clone, Debug)]
struct RequestSlot<R> {
    generation: u32,
    request: Option<OpenRequest<R>>,
}

#[derive(Clone, Debug)]
pub(super) struct RequestTable<R> {
    slots: Vec<RequestSlot<R>>,
    free: Vec<u32>,
}

impl<R> RequestTable<R> {
    pub(super) const fn new() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
        }
    }

    pub(super) fn insert(&mut self, now: Millis, request: Request<R>) -> RequestId {
        let request = OpenRequest {
            payload: request.payload,
            accepted_at: now,
            expires_at: now + request.ttl,
            timeout: request.timeout,
            delivery: 0,
            stage: RequestStage::Waiting,
        };
        if let Some(slot) = self.free.pop() {
            let reused = &mut self.slots[slot as usize];
            reused.generation += 1;
            reused.request = Some(request);
            return RequestId {
                slot,
                generation: reused.generation,
            };
        }
        let slot = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        self.slots.push(RequestSlot {
            generation: 0,
            request: Some(request),
        });
        RequestId {
            slot,
            generation: 0,
        }
    }

    pub(super) fn get(&self, id: RequestId) -> Option<&OpenRequest<R>> {
        let slot = self.slots.get(id.slot as usize)?;
        slot.request
            .as_ref()
            .filter(|_| slot.generation == id.generation)
    }

    pub(super) fn get_mut(&mut self, id: RequestId) -> Option<&mut OpenRequest<R>> {
        let slot = self.slots.get_mut(id.slot as usize)?;
        let current = slot.generation == id.generation;
        slot.request.as_mut().filter(|_| current)
    }

    /// The request, if this delivery is its latest.
    pub(super) fn run_mut(&mut self, run: RunId) -> Option<&mut OpenRequest<R>> {
        self.get_mut(run.request)
            .filter(|request| request.delivery == run.delivery)
    }

    pub(super) fn remove(&mut self, id: RequestId) -> Option<OpenRequest<R>> {
        let slot = self.slots.get_mut(id.slot as usize)?;
        if slot.generation != id.generation {
            return None;
        }
        let request = slot.request.take()?;
        self.free.push(id.slot);
        Some(request)
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }
}
