//! Planned events, by time.

use std::cmp::Ordering;
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

struct Timed<E> {
    at: u64,
    sequence: u64,
    event: E,
}

impl<E> PartialEq for Timed<E> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl<E> Eq for Timed<E> {}
impl<E> PartialOrd for Timed<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<E> Ord for Timed<E> {
    /// The earliest first; of two at the same time the one that was planned first.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.sequence).cmp(&(self.at, self.sequence))
    }
}

pub(crate) struct Timeline<E> {
    heap: BinaryHeap<Timed<E>>,
    planned: u64,
    /// Events taken so far: limits histories that do not end.
    pub(crate) taken: u64,
}

impl<E> Default for Timeline<E> {
    fn default() -> Self {
        Self {
            heap: BinaryHeap::new(),
            planned: 0,
            taken: 0,
        }
    }
}

impl<E> Timeline<E> {
    pub(crate) fn plan(&mut self, at: u64, event: E) {
        self.planned += 1;
        self.heap.push(Timed {
            at,
            sequence: self.planned,
            event,
        });
    }

    /// The next event and its time.
    pub(crate) fn next(&mut self) -> Option<(u64, E)> {
        let next = self.heap.pop()?;
        self.taken += 1;
        Some((next.at, next.event))
    }
}
