//! Planned events, by time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Something that a service wants to happen later.
#[derive(Debug)]
pub(crate) struct After<E> {
    pub(crate) delay: u64,
    pub(crate) event: E,
}

impl<E> After<E> {
    pub(crate) const fn new(delay: u64, event: E) -> Self {
        Self { delay, event }
    }

    pub(crate) fn map<F>(self, wrap: impl FnOnce(E) -> F) -> After<F> {
        After::new(self.delay, wrap(self.event))
    }
}

/// When an event happens, and where it is stored. In this order: of two at the same time the one that was planned first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Planned {
    at: u64,
    sequence: u64,
    slot: usize,
}

pub(crate) struct Timeline<E> {
    /// The earliest first. Without the events, which are larger than what the heap compares and moves.
    heap: BinaryHeap<Reverse<Planned>>,
    events: Vec<Option<E>>,
    free_slots: Vec<usize>,
    planned: u64,
    /// Events taken so far: limits histories that do not end.
    pub(crate) taken: u64,
}

impl<E> Default for Timeline<E> {
    fn default() -> Self {
        Self {
            heap: BinaryHeap::new(),
            events: Vec::new(),
            free_slots: Vec::new(),
            planned: 0,
            taken: 0,
        }
    }
}

impl<E> Timeline<E> {
    pub(crate) fn plan(&mut self, at: u64, event: E) {
        self.planned += 1;
        let slot = self.free_slots.pop().unwrap_or_else(|| {
            self.events.push(None);
            self.events.len() - 1
        });
        self.events[slot] = Some(event);
        self.heap.push(Reverse(Planned {
            at,
            sequence: self.planned,
            slot,
        }));
    }

    /// The next event and its time.
    pub(crate) fn next(&mut self) -> Option<(u64, E)> {
        let Reverse(next) = self.heap.pop()?;
        let event = self.events[next.slot].take()?;
        self.free_slots.push(next.slot);
        self.taken += 1;
        Some((next.at, event))
    }
}
