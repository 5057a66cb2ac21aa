//! The first jobs of the queues, so that the next one is found without comparing all of them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use crate::lane::Lane;
use crate::ports::{QueuePosition, QueuedJob};

/// The start time of a queue's first job when it was added, its position, and the number of the queue.
type Head = Reverse<(u64, QueuePosition, usize)>;

/// The first jobs of queues: the urgent ones, and those of each lane.
#[derive(Default)]
pub(super) struct QueueHeads(BTreeMap<(bool, Lane), BinaryHeap<Head>>);

impl QueueHeads {
    pub(super) fn add(&mut self, head: &QueuedJob, start: u64, queue: usize) {
        let heap = self.0.entry((!head.is_urgent(), head.lane())).or_default();
        heap.push(Reverse((start, head.position, queue)));
    }

    /// Takes out the earliest, with its start time and queue. The lanes take turns by their start times.
    pub(super) fn next(&mut self, start_of: impl Fn(Lane) -> u64) -> Option<(u64, usize)> {
        let heaps = self.0.iter_mut().filter(|(_, heap)| !heap.is_empty());
        let order = |(is_after, lane): (bool, Lane)| {
            let start = if is_after { start_of(lane) } else { 0 };
            (is_after, start, lane)
        };
        let (_, heap) = heaps.min_by_key(|(kind, _)| order(**kind))?;
        let Reverse((start, _, queue)) = heap.pop()?;
        Some((start, queue))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::super::tests::{bulk, queue};
    use super::*;
    use crate::fair_queue::{FairQueue, Heads};

    /// As [`FairQueue::take`], comparing all heads each time.
    fn take_by_comparing_all(turns: &mut FairQueue, mut queues: Vec<Heads>) -> Vec<QueuedJob> {
        let mut taken = Vec::new();
        loop {
            let heads = queues.iter_mut().filter(|queue| !queue.is_empty());
            let order = |job: &QueuedJob| {
                let lane = job.lane();
                let is_urgent = job.is_urgent();
                let of_lane = if is_urgent {
                    0
                } else {
                    turns.lanes.start(&lane)
                };
                (!is_urgent, of_lane, lane, turns.start(job), job.position)
            };
            let Some(queue) = heads.min_by_key(|queue| order(&queue[0])) else {
                return taken;
            };
            let job = queue.remove(0);
            turns.charge(&job);
            taken.push(job);
        }
    }

    /// Queues of both lanes, some of a tenant with two queues, and one of urgent jobs of several tenants.
    fn mixed_queues(tenants: u64, jobs: u64) -> Vec<Heads> {
        let mut queues = Vec::new();
        let mut urgent = Vec::new();
        for number in 0..tenants {
            let name = format!("t{}", number % (tenants - 3));
            let bytes = number * 7919 % 2_000_000;
            if number % 5 == 0 {
                queues.push(bulk(&name, jobs));
            }
            queues.push(queue(&name, jobs - number % 3, bytes));
            if number % 4 == 0 {
                urgent.extend(queue(&name, 2, bytes));
            }
        }
        for job in &mut urgent {
            job.position.position = crate::queue_position::urgent_position(job.queued_at());
        }
        urgent.sort_by_key(|job| job.position);
        queues.push(urgent);
        queues
    }

    #[test]
    fn heads_are_taken_in_the_order_of_comparing_all_of_them() {
        for (tenants, jobs) in [(4, 9), (5, 9), (11, 9), (40, 9), (165, 31)] {
            let mut turns = FairQueue::default();
            turns.take(mixed_queues(tenants, 4), 9);
            let mut compared = turns.clone();
            let queues = mixed_queues(tenants, jobs);
            let began = Instant::now();
            let taken = turns.take(queues.clone(), usize::MAX);
            let took = began.elapsed();
            let count = queues.len();
            let expected = take_by_comparing_all(&mut compared, queues);
            let all = began.elapsed() - took;
            println!(
                "{} jobs of {count} queues: {took:?}, comparing all {all:?}",
                taken.len()
            );
            assert_eq!(taken, expected);
        }
    }
}
