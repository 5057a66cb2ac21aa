//! The order in which the queued jobs of a pipeline are released: round robin by tenant, weighted by expected run time.
//!
//! Each tenant has a queue of its own in each pipeline ([`crate::queue_position`]).
//!
//! [`Turns`] is start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996): each job has a start time on a virtual clock, and
//! the one with the earliest is next. The clock shows the start time of the last release. A tenant that had nothing queued
//! starts at the clock: it neither waits for what others have queued, nor is paid for the time without jobs.

use std::collections::BTreeMap;

use crate::id::Tenant;
use crate::ports::QueuedJob;

/// Expected work of a document besides its bytes, in the same unit: small documents cost a run, too.
const BASE_WORK: u64 = 256 * 1024;
/// No document counts for more, so that a tenant with one huge document is not shut out for hours.
const MAX_WORK: u64 = 1024 * BASE_WORK;
/// Tenants whose turns are remembered, those with the latest first.
const MAX_REMEMBERED_TENANTS: usize = 1000;

/// Expected work of a document. The run time is not known before the run, and grows with the size of the document.
pub const fn expected_work(bytes: u64) -> u64 {
    let work = BASE_WORK.saturating_add(bytes);
    if work < MAX_WORK { work } else { MAX_WORK }
}

/// The heads of the queue of a tenant in a pipeline, oldest first.
pub type Heads = Vec<QueuedJob>;

/// Whose turn it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Turns {
    /// The virtual clock.
    clock: u64,
    /// The start time of the next job of each tenant that is ahead of the clock.
    next_start: BTreeMap<Tenant, u64>,
}

impl Turns {
    /// Takes up to `count` jobs from the queues, in their order.
    pub fn take(&mut self, queues: Vec<Heads>, count: usize) -> Vec<QueuedJob> {
        let mut queues: Vec<std::vec::IntoIter<QueuedJob>> =
            queues.into_iter().map(Heads::into_iter).collect();
        let mut taken = Vec::new();
        while taken.len() < count {
            let heads = queues.iter_mut().filter_map(|queue| {
                let head = queue.as_slice().first()?;
                let start = self.start(&head.tenant);
                Some(((start, head.position), queue))
            });
            let Some(((start, _), queue)) = heads.min_by_key(|(order, _)| *order) else {
                break;
            };
            let Some(job) = queue.next() else { break };
            self.clock = start;
            let next = start.saturating_add(expected_work(job.bytes));
            self.next_start.insert(job.tenant.clone(), next);
            taken.push(job);
        }
        let clock = self.clock;
        self.next_start.retain(|_, start| *start > clock);
        while self.next_start.len() > MAX_REMEMBERED_TENANTS {
            let earliest = self.next_start.iter().min_by_key(|(_, start)| **start);
            let Some(tenant) = earliest.map(|(tenant, _)| tenant.clone()) else {
                break;
            };
            self.next_start.remove(&tenant);
        }
        taken
    }

    fn start(&self, tenant: &Tenant) -> u64 {
        let next = self.next_start.get(tenant).copied().unwrap_or(0);
        next.max(self.clock)
    }

    /// As stored: the clock, then a line for each tenant.
    pub fn to_lines(&self) -> String {
        let mut text = self.clock.to_string();
        for (tenant, start) in &self.next_start {
            text.push_str(&format!("\n{tenant}\t{start}"));
        }
        text
    }

    /// Reads [`to_lines`](Self::to_lines). What cannot be read is forgotten: then each tenant starts at the clock.
    pub fn from_lines(text: &str) -> Self {
        let mut lines = text.lines();
        let clock = lines.next().and_then(|line| line.parse().ok());
        let entry = |line: &str| {
            let (tenant, start) = line.split_once('\t')?;
            Some((tenant.parse().ok()?, start.parse().ok()?))
        };
        Self {
            clock: clock.unwrap_or(0),
            next_start: lines.filter_map(entry).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Attempt, JobId, Timestamp};
    use crate::ports::QueuePosition;
    use crate::queue_position::position;

    fn tenant(name: &str) -> Tenant {
        name.parse().unwrap_or_else(|_| Tenant::fallback())
    }

    fn queue(name: &str, jobs: u64, bytes: u64) -> Heads {
        let job = |number| QueuedJob {
            position: QueuePosition {
                position: position("p", &tenant(name), Timestamp(1_000_000 + number)),
                job: JobId::of_bits(u128::from(number)),
            },
            attempt: Attempt::FIRST,
            pipeline: "p".to_owned(),
            tenant: tenant(name),
            bytes,
        };
        (0..jobs).map(job).collect()
    }

    fn names(jobs: &[QueuedJob]) -> String {
        jobs.iter().map(|job| job.tenant.to_string()).collect()
    }

    #[test]
    fn tenant_with_one_job_does_not_wait_for_the_thousand_of_another() {
        for others in [1, 10, 1000] {
            let mut turns = Turns::default();
            let all = queue("a", others + 20, 1000);
            turns.take(vec![all[..20].to_vec()], 20);
            let next = turns.take(vec![all[20..].to_vec(), queue("b", 1, 1000)], 2);
            assert!(names(&next).contains('b'), "{others}: {}", names(&next));
        }
    }

    #[test]
    fn turns_are_weighted_by_expected_work() {
        let mut turns = Turns::default();
        let small = queue("s", 100, 0);
        let large = queue("l", 100, 3 * BASE_WORK);
        let taken = turns.take(vec![small, large], 50);
        let of_large = taken.iter().filter(|job| job.bytes > 0).count();
        assert_eq!(of_large, 10, "{}", names(&taken));
    }

    #[test]
    fn tenant_that_comes_back_is_not_paid_for_the_time_without_jobs() {
        let mut turns = Turns::default();
        turns.take(vec![queue("a", 100, 0)], 100);
        let taken = turns.take(vec![queue("a", 10, 0), queue("b", 10, 0)], 10);
        let of_b = taken.iter().filter(|job| job.tenant == tenant("b")).count();
        assert!((5..=6).contains(&of_b), "{}", names(&taken));
    }

    #[test]
    fn turns_are_read_as_they_were_stored() {
        let mut turns = Turns::default();
        turns.take(vec![queue("a", 5, 7), queue("b", 2, 9)], 4);
        assert_eq!(Turns::from_lines(&turns.to_lines()), turns);
        assert_eq!(Turns::from_lines(""), Turns::default());
        assert_eq!(Turns::from_lines("x\ny"), Turns::default());
    }
}
