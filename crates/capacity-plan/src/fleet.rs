//! The instances and the queue in front of them.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use crate::figures::SimulatedFigures;

#[derive(Clone, Copy, Debug)]
struct Instance {
    number: u32,
    /// When its cold start ends.
    ready_at: u64,
    in_service: bool,
    runs: u32,
}

/// A run that ends: when, on which instance, and of which document.
type RunEnd = Reverse<(u64, u32, usize)>;

#[derive(Debug)]
pub(crate) struct Fleet {
    concurrent_runs: u32,
    cold_start_ms: u64,
    instances: Vec<Instance>,
    last_number: u32,
    queue: VecDeque<(usize, u64)>,
    ends: BinaryHeap<RunEnd>,
    now: u64,
}

impl Fleet {
    pub(crate) const fn new(concurrent_runs: u32, cold_start_ms: u64) -> Self {
        Self {
            concurrent_runs,
            cold_start_ms,
            instances: Vec::new(),
            last_number: 0,
            queue: VecDeque::new(),
            ends: BinaryHeap::new(),
            now: 0,
        }
    }

    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.instances.len()).unwrap_or(u32::MAX)
    }

    pub(crate) fn in_service(&self) -> u32 {
        let ready = self.instances.iter().filter(|it| it.in_service).count();
        u32::try_from(ready).unwrap_or(u32::MAX)
    }

    pub(crate) fn is_updating(&self) -> bool {
        self.instances.iter().any(|it| !it.in_service)
    }

    pub(crate) fn waiting(&self) -> u32 {
        u32::try_from(self.queue.len()).unwrap_or(u32::MAX)
    }

    pub(crate) fn backlog(&self) -> u32 {
        let running = u32::try_from(self.ends.len()).unwrap_or(u32::MAX);
        self.waiting().saturating_add(running)
    }

    /// When a run or a cold start ends next.
    pub(crate) fn next_at(&self) -> u64 {
        let run = self.ends.peek().map_or(u64::MAX, |end| end.0.0);
        let starting = self.instances.iter().filter(|it| !it.in_service);
        starting.map(|it| it.ready_at).fold(run, u64::min)
    }

    /// Adds the instance time up to `now` to the figures.
    pub(crate) fn pass_time(&mut self, now: u64, figures: &mut SimulatedFigures) {
        let lasts = now - self.now;
        self.now = now;
        for it in &self.instances {
            figures.billed_ms += lasts;
            if !it.in_service {
                figures.starting_ms += lasts;
            } else if it.runs == 0 {
                figures.idle_ms += lasts;
            }
        }
    }

    pub(crate) fn accept(&mut self, document: usize, run_ms: u64) {
        self.queue.push_back((document, run_ms));
        self.dispatch();
    }

    /// Ends cold starts that are over and one run, if that is due now: its document.
    pub(crate) fn advance(&mut self) -> Option<usize> {
        for it in &mut self.instances {
            it.in_service |= it.ready_at <= self.now;
        }
        let mut ended = None;
        if let Some(Reverse((at, number, document))) = self.ends.peek().copied()
            && at <= self.now
        {
            self.ends.pop();
            if let Some(it) = self.instances.iter_mut().find(|it| it.number == number) {
                it.runs -= 1;
            }
            ended = Some(document);
        }
        self.dispatch();
        ended
    }

    /// Starts or stops instances. Those that stop are starting ones first, then the newest; none of them has work.
    pub(crate) fn set_count(&mut self, count: u32, figures: &mut SimulatedFigures) {
        while self.count() < count {
            self.last_number += 1;
            self.instances.push(Instance {
                number: self.last_number,
                ready_at: self.now + self.cold_start_ms,
                in_service: false,
                runs: 0,
            });
            figures.cold_starts += 1;
        }
        while self.count() > count {
            let without_work = self
                .instances
                .iter()
                .enumerate()
                .filter(|it| it.1.runs == 0);
            let newest = without_work.max_by_key(|(_, it)| (!it.in_service, it.number));
            let Some((at, _)) = newest else { break };
            self.instances.remove(at);
        }
        figures.max_instances = figures.max_instances.max(self.count());
    }

    /// Instances that exist from the beginning have no cold start.
    pub(crate) fn begin_with(&mut self, count: u32, figures: &mut SimulatedFigures) {
        self.set_count(count, figures);
        figures.cold_starts = 0;
        for it in &mut self.instances {
            it.ready_at = 0;
            it.in_service = true;
        }
    }

    fn dispatch(&mut self) {
        while let Some((document, run_ms)) = self.queue.front().copied() {
            let free = |it: &&mut Instance| it.in_service && it.runs < self.concurrent_runs;
            let least_busy = self
                .instances
                .iter_mut()
                .filter(free)
                .min_by_key(|it| it.runs);
            let Some(it) = least_busy else { return };
            it.runs += 1;
            self.ends
                .push(Reverse((self.now + run_ms, it.number, document)));
            self.queue.pop_front();
        }
    }
}
