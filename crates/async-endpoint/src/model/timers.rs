//! What the model has to do later, soonest first; ties in the order they were set.

use super::action::Notice;
use super::table::{RequestId, RunId};
use crate::{InstanceId, Millis};
use std::cmp::Ordering;
use std::collections::BinaryHeap;

#[derive(Clone, Debug)]
pub(super) enum Timer<R> {
    Expire(RequestId),
    Timeout(RunId),
    ColdStartOver(InstanceId),
    Kill(InstanceId),
    /// Warm hours begin (true) or end.
    Warm(bool),
    /// Boxed because late notifications are rare and all other timers are small.
    Publish(Box<Notice<R>>),
}

#[derive(Clone, Debug)]
struct Entry<R> {
    at: Millis,
    order: u64,
    timer: Timer<R>,
}

impl<R> PartialEq for Entry<R> {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}
impl<R> Eq for Entry<R> {}
impl<R> PartialOrd for Entry<R> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<R> Ord for Entry<R> {
    /// Reversed: the heap's greatest is the soonest.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}

#[derive(Clone, Debug)]
pub(super) struct Timers<R> {
    heap: BinaryHeap<Entry<R>>,
    set: u64,
    /// Heap length at which it is searched for dead timers.
    prune_at: usize,
}

/// Below this many timers it is not worth looking for dead ones.
const FEW: usize = 1024;

impl<R> Timers<R> {
    pub(super) const fn new() -> Self {
        Self {
            heap: BinaryHeap::new(),
            set: 0,
            prune_at: FEW,
        }
    }

    pub(super) fn set(&mut self, at: Millis, timer: Timer<R>) {
        self.set += 1;
        self.heap.push(Entry {
            at,
            order: self.set,
            timer,
        });
    }

    pub(super) fn next_at(&self) -> Option<Millis> {
        self.heap.peek().map(|entry| entry.at)
    }

    pub(super) fn pop(&mut self) -> Option<Timer<R>> {
        self.heap.pop().map(|entry| entry.timer)
    }

    /// Forgets timers that can no longer do anything: those at the front always, so that
    /// `next_at` tells the truth, and all of them each time the heap has doubled. A request that
    /// ends in seconds leaves a six-hour TTL timer behind.
    pub(super) fn prune(&mut self, live: impl Fn(&Timer<R>) -> bool) {
        while self.heap.peek().is_some_and(|entry| !live(&entry.timer)) {
            self.heap.pop();
        }
        if self.heap.len() > self.prune_at {
            self.heap.retain(|entry| live(&entry.timer));
            self.prune_at = FEW + 2 * self.heap.len();
        }
    }
}
