//! Timers, earliest first; timers for the same time fire in the order in which they were set.

use super::action::ResultNotification;
use super::table::{RequestId, RunId};
use crate::{InstanceId, Millis, WarmHoursChange};
use std::cmp::Ordering;
use std::collections::BinaryHeap;

#[derive(Clone, Debug)]
pub(super) enum Timer<R> {
    RequestExpiry(RequestId),
    InvocationTimeout(RunId),
    ColdStartEnd(InstanceId),
    InstanceFailure(InstanceId),
    WarmHours(WarmHoursChange),
    /// Boxed because delayed notifications are rare and all other timers are small.
    Publish(Box<ResultNotification<R>>),
}

#[derive(Clone, Debug)]
struct ScheduledTimer<R> {
    at: Millis,
    /// Counts up with each timer set.
    sequence: u64,
    timer: Timer<R>,
}

impl<R> PartialEq for ScheduledTimer<R> {
    fn eq(&self, other: &Self) -> bool {
        self.sequence == other.sequence
    }
}
impl<R> Eq for ScheduledTimer<R> {}
impl<R> PartialOrd for ScheduledTimer<R> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<R> Ord for ScheduledTimer<R> {
    /// Reversed: the maximum of the heap is the earliest timer.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.sequence).cmp(&(self.at, self.sequence))
    }
}

#[derive(Clone, Debug)]
pub(super) struct Timers<R> {
    heap: BinaryHeap<ScheduledTimer<R>>,
    last_sequence: u64,
    /// Heap length at which all obsolete timers are removed.
    prune_at: usize,
}

/// Up to this many timers, obsolete ones may stay in the heap.
const PRUNE_THRESHOLD: usize = 1024;

impl<R> Timers<R> {
    pub(super) const fn new() -> Self {
        Self {
            heap: BinaryHeap::new(),
            last_sequence: 0,
            prune_at: PRUNE_THRESHOLD,
        }
    }

    pub(super) fn set(&mut self, at: Millis, timer: Timer<R>) {
        self.last_sequence += 1;
        self.heap.push(ScheduledTimer {
            at,
            sequence: self.last_sequence,
            timer,
        });
    }

    pub(super) fn next_at(&self) -> Option<Millis> {
        self.heap.peek().map(|scheduled| scheduled.at)
    }

    pub(super) fn pop(&mut self) -> Option<Timer<R>> {
        self.heap.pop().map(|scheduled| scheduled.timer)
    }

    /// Removes timers that no longer have an effect: always those at the front, so that `next_at`
    /// is exact, and all of them each time the heap has doubled. A request that ends within seconds
    /// leaves a six-hour TTL timer behind.
    pub(super) fn prune(&mut self, is_live: impl Fn(&Timer<R>) -> bool) {
        while self
            .heap
            .peek()
            .is_some_and(|scheduled| !is_live(&scheduled.timer))
        {
            self.heap.pop();
        }
        if self.heap.len() > self.prune_at {
            self.heap.retain(|scheduled| is_live(&scheduled.timer));
            self.prune_at = PRUNE_THRESHOLD + 2 * self.heap.len();
        }
    }
}
