//! The open requests: a slab, so that a million of them pass through without a million
//! allocations, and an old id never names a new request.

use super::action::{Outcome, Request};
use crate::{InstanceId, Millis};

/// Names an accepted request until it ends; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId {
    slot: u32,
    generation: u32,
}

/// Names one delivery of a request to an instance. A request whose instance was lost has several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId {
    /// The request.
    pub request: RequestId,
    /// 1 for the first delivery.
    pub delivery: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Waiting,
    Running {
        instance: InstanceId,
    },
    /// The answer is being written while the instance's slot is still held.
    StoringOutput {
        instance: InstanceId,
    },
    StoringFailure {
        outcome: Outcome,
    },
}

#[derive(Clone, Debug)]
pub(super) struct Entry<R> {
    pub(super) payload: R,
    pub(super) accepted_at: Millis,
    pub(super) expires_at: Millis,
    pub(super) timeout: Millis,
    pub(super) delivery: u32,
    pub(super) stage: Stage,
}

impl<R> Entry<R> {
    pub(super) fn waits(&self) -> bool {
        self.stage == Stage::Waiting
    }
}

#[derive(Clone, Debug)]
struct Slot<R> {
    generation: u32,
    entry: Option<Entry<R>>,
}

#[derive(Clone, Debug)]
pub(super) struct Table<R> {
    slots: Vec<Slot<R>>,
    free: Vec<u32>,
}

impl<R> Table<R> {
    pub(super) const fn new() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
        }
    }

    pub(super) fn insert(&mut self, now: Millis, request: Request<R>) -> RequestId {
        let entry = Entry {
            payload: request.payload,
            accepted_at: now,
            expires_at: now + request.ttl,
            timeout: request.timeout,
            delivery: 0,
            stage: Stage::Waiting,
        };
        if let Some(slot) = self.free.pop() {
            let place = &mut self.slots[slot as usize];
            place.generation += 1;
            place.entry = Some(entry);
            return RequestId {
                slot,
                generation: place.generation,
            };
        }
        let slot = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        self.slots.push(Slot {
            generation: 0,
            entry: Some(entry),
        });
        RequestId {
            slot,
            generation: 0,
        }
    }

    pub(super) fn get(&self, id: RequestId) -> Option<&Entry<R>> {
        let slot = self.slots.get(id.slot as usize)?;
        slot.entry
            .as_ref()
            .filter(|_| slot.generation == id.generation)
    }

    pub(super) fn get_mut(&mut self, id: RequestId) -> Option<&mut Entry<R>> {
        let slot = self.slots.get_mut(id.slot as usize)?;
        let current = slot.generation == id.generation;
        slot.entry.as_mut().filter(|_| current)
    }

    /// The entry, if this delivery is its latest.
    pub(super) fn run_mut(&mut self, run: RunId) -> Option<&mut Entry<R>> {
        self.get_mut(run.request)
            .filter(|entry| entry.delivery == run.delivery)
    }

    pub(super) fn remove(&mut self, id: RequestId) -> Option<Entry<R>> {
        let slot = self.slots.get_mut(id.slot as usize)?;
        if slot.generation != id.generation {
            return None;
        }
        let entry = slot.entry.take()?;
        self.free.push(id.slot);
        Some(entry)
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }
}
