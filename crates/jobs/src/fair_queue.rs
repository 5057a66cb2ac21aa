//! The order in which the queued jobs of a pipeline are released: urgent ones first, then lane by lane, and in each lane round
//! robin by tenant, weighted by expected run time.
//!
//! Each tenant has a queue of its own in each pipeline and lane ([`crate::queue_position`]).
//!
//! Lanes and tenants take turns by start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996): each job has a start time on a
//! virtual clock, and the one with the earliest is next. The clock shows the start time of the last release. A tenant that had nothing
//! queued starts at the clock: it neither waits for what others have queued, nor gets turns for the time without jobs.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use crate::expected_work::BaseWork;
use crate::id::Tenant;
use crate::lane::Lane;
use crate::ports::QueuedJob;
use heads::QueueHeads;

mod heads;

/// Tenants of a lane whose turns are remembered, those with the latest first.
const MAX_REMEMBERED_TENANTS: usize = 1000;
/// While jobs of both lanes wait, one in this number of releases is of lane `bulk`.
pub const BULK_SHARE: u64 = 5;
/// The first characters of stored lines. No tenant's name has them.
const BULK_TENANTS_PREFIX: char = '~';
const LANES_PREFIX: char = '%';
const BASE_PREFIX: char = '@';

/// What a release of a lane costs it.
const fn lane_cost(lane: Lane) -> u64 {
    match lane {
        Lane::Standard => 1,
        Lane::Bulk => BULK_SHARE - 1,
    }
}

/// The heads of the queue of a tenant in a pipeline and lane, oldest first.
pub type Heads = Vec<QueuedJob>;

/// The start times of the lanes and tenants of a pipeline, from which the next job follows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FairQueue {
    lanes: StartTimes<Lane>,
    standard: StartTimes<Tenant>,
    bulk: StartTimes<Tenant>,
    /// With which the work of the tenants is counted.
    base: BaseWork,
}

impl FairQueue {
    /// The first turns. The tenant that came last is next: the others may have had turns while they were alone, which are not stored.
    /// They wait for that one job.
    pub fn begun(queues: &[Heads], base: BaseWork) -> Self {
        let mut turns = Self {
            base,
            ..Self::default()
        };
        let heads = queues.iter().filter_map(|queue| queue.first());
        let mut heads: Vec<&QueuedJob> = heads.filter(|job| !job.is_urgent()).collect();
        heads.sort_by_key(|job| (job.queued_at(), job.position));
        heads.pop();
        for head in heads {
            turns.tenants_mut(head.lane()).charge(&head.tenant, 1);
        }
        turns
    }

    /// The same turns, with another base from now on. It keeps no tenant waiting for more releases of another one than before:
    /// what a tenant is ahead of the clock becomes less with a smaller base.
    #[must_use]
    pub fn with_base(mut self, base: BaseWork) -> Self {
        for tenants in [&mut self.standard, &mut self.bulk] {
            tenants.rescale(|ahead| base.rescaled(ahead, self.base));
        }
        self.base = base;
        self
    }

    /// Takes up to `count` jobs from the queues, in their order.
    pub fn take(&mut self, queues: Vec<Heads>, count: usize) -> Vec<QueuedJob> {
        let mut queues: Vec<std::vec::IntoIter<QueuedJob>> =
            queues.into_iter().map(Heads::into_iter).collect();
        let mut heads = QueueHeads::default();
        for (at, queue) in queues.iter().enumerate() {
            self.add(&mut heads, queue.as_slice().first(), at);
        }
        let mut taken = Vec::new();
        while taken.len() < count {
            let Some((start, at)) = heads.next(|lane| self.lanes.start(&lane)) else {
                break;
            };
            let Some(queue) = queues.get_mut(at) else {
                break;
            };
            let head = queue.as_slice().first();
            if head.is_some_and(|head| self.start(head) > start) {
                // Its tenant had a turn meanwhile, with a job of another queue.
                self.add(&mut heads, head, at);
                continue;
            }
            let Some(job) = queue.next() else { break };
            self.charge(&job);
            self.add(&mut heads, queue.as_slice().first(), at);
            taken.push(job);
        }
        self.standard.remove_passed_start_times();
        self.bulk.remove_passed_start_times();
        taken
    }

    /// Whether another tenant of the lane is ahead of the clock. Each release of this one's jobs brings its turn nearer.
    pub fn is_another_ahead(&self, job: &QueuedJob) -> bool {
        let tenants = self.tenants(job.lane());
        let mut starts = tenants.next.iter();
        !job.is_urgent()
            && starts.any(|(tenant, start)| *start > tenants.clock && *tenant != job.tenant)
    }

    fn add(&self, heads: &mut QueueHeads, head: Option<&QueuedJob>, queue: usize) {
        if let Some(head) = head {
            heads.add(head, self.start(head), queue);
        }
    }

    /// When it is the turn of a job's tenant. It is never earlier than before.
    fn start(&self, job: &QueuedJob) -> u64 {
        if job.is_urgent() {
            0
        } else {
            self.tenants(job.lane()).start(&job.tenant)
        }
    }

    fn charge(&mut self, job: &QueuedJob) {
        let lane = job.lane();
        let work = self.base.expected_work(job.bytes);
        if job.is_urgent() {
            // It counts toward the tenant's next turn, and the virtual clocks do not advance.
            self.standard.charge(&job.tenant, work);
            return;
        }
        self.lanes.take_turn(&lane, lane_cost(lane));
        self.tenants_mut(lane).take_turn(&job.tenant, work);
    }

    const fn tenants_mut(&mut self, lane: Lane) -> &mut StartTimes<Tenant> {
        match lane {
            Lane::Standard => &mut self.standard,
            Lane::Bulk => &mut self.bulk,
        }
    }

    const fn tenants(&self, lane: Lane) -> &StartTimes<Tenant> {
        match lane {
            Lane::Standard => &self.standard,
            Lane::Bulk => &self.bulk,
        }
    }

    /// As stored: lines of the tenants of lane `standard`, of those of `bulk`, of the lanes, and the base.
    pub fn to_lines(&self) -> String {
        let mut lines = self.standard.to_lines(None);
        lines.extend(self.bulk.to_lines(Some(BULK_TENANTS_PREFIX)));
        lines.extend(self.lanes.to_lines(Some(LANES_PREFIX)));
        lines.push(format!("{BASE_PREFIX}{}", self.base.bytes()));
        lines.join("\n")
    }

    /// Reads [`to_lines`](Self::to_lines). What cannot be read is forgotten: then each tenant starts at the clock.
    pub fn from_lines(text: &str) -> Self {
        let is_own =
            |line: &&str| !line.starts_with([BULK_TENANTS_PREFIX, LANES_PREFIX, BASE_PREFIX]);
        let marked = |mark: char| text.lines().filter_map(move |line| line.strip_prefix(mark));
        let base = marked(BASE_PREFIX).find_map(|base| base.parse().ok());
        Self {
            standard: StartTimes::from_lines(text.lines().filter(is_own)),
            bulk: StartTimes::from_lines(marked(BULK_TENANTS_PREFIX)),
            lanes: StartTimes::from_lines(marked(LANES_PREFIX)),
            base: base.map_or_else(BaseWork::default, BaseWork::of_bytes),
        }
    }
}

/// The start times of those who take turns.
#[derive(Clone, Debug, PartialEq, Eq)]
struct StartTimes<K> {
    /// The virtual clock.
    clock: u64,
    /// The start time of the next job of each that is ahead of the clock.
    next: BTreeMap<K, u64>,
}

impl<K> Default for StartTimes<K> {
    fn default() -> Self {
        Self {
            clock: 0,
            next: BTreeMap::new(),
        }
    }
}

impl<K: Ord + Clone + Display + FromStr> StartTimes<K> {
    fn start(&self, key: &K) -> u64 {
        let next = self.next.get(key).copied().unwrap_or(0);
        next.max(self.clock)
    }

    fn charge(&mut self, key: &K, cost: u64) {
        let next = self.start(key).saturating_add(cost);
        self.next.insert(key.clone(), next);
    }

    fn take_turn(&mut self, key: &K, cost: u64) {
        self.clock = self.start(key);
        self.charge(key, cost);
    }

    /// Changes what each is ahead of the clock.
    fn rescale(&mut self, rescaled: impl Fn(u64) -> u64) {
        for start in self.next.values_mut() {
            let ahead = start.saturating_sub(self.clock);
            *start = self.clock.saturating_add(rescaled(ahead));
        }
    }

    fn remove_passed_start_times(&mut self) {
        let clock = self.clock;
        self.next.retain(|_, start| *start > clock);
        while self.next.len() > MAX_REMEMBERED_TENANTS {
            let earliest = self.next.iter().min_by_key(|(_, start)| **start);
            let Some(key) = earliest.map(|(key, _)| key.clone()) else {
                break;
            };
            self.next.remove(&key);
        }
    }

    /// The clock, then a line for each.
    fn to_lines(&self, mark: Option<char>) -> Vec<String> {
        let mark = mark.map_or_else(String::new, String::from);
        let clock = format!("{mark}{}", self.clock);
        let each = self.next.iter();
        let each = each.map(|(key, start)| format!("{mark}{key}\t{start}"));
        std::iter::once(clock).chain(each).collect()
    }

    fn from_lines<'a>(mut lines: impl Iterator<Item = &'a str>) -> Self {
        let clock = lines.next().and_then(|line| line.parse().ok());
        let entry = |line: &str| {
            let (key, start) = line.split_once('\t')?;
            Some((key.parse().ok()?, start.parse().ok()?))
        };
        Self {
            clock: clock.unwrap_or(0),
            next: lines.filter_map(entry).collect(),
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

    pub(super) fn queue(name: &str, jobs: u64, bytes: u64) -> Heads {
        let job = |number| QueuedJob {
            position: QueuePosition {
                position: position(
                    "p",
                    &tenant(name),
                    Lane::Standard,
                    Timestamp(1_000_000 + number),
                ),
                job: JobId::of_bits(u128::from(number)),
            },
            attempt: Attempt::FIRST,
            pipeline: "p".to_owned(),
            tenant: tenant(name),
            bytes,
        };
        (0..jobs).map(job).collect()
    }

    pub(super) fn bulk(name: &str, jobs: u64) -> Heads {
        let mut queue = queue(name, jobs, 0);
        for job in &mut queue {
            let queued_at = job.queued_at();
            job.position.position = position("p", &job.tenant, Lane::Bulk, queued_at);
        }
        queue
    }

    fn names(jobs: &[QueuedJob]) -> String {
        jobs.iter().map(|job| job.tenant.to_string()).collect()
    }

    #[test]
    fn tenant_with_one_job_does_not_wait_for_the_thousand_of_another() {
        for others in [1, 10, 1000] {
            let mut turns = FairQueue::default();
            let all = queue("a", others + 20, 1000);
            turns.take(vec![all[..20].to_vec()], 20);
            let next = turns.take(vec![all[20..].to_vec(), queue("b", 1, 1000)], 2);
            assert!(names(&next).contains('b'), "{others}: {}", names(&next));
        }
    }

    #[test]
    fn turns_are_weighted_by_expected_work() {
        let mut turns = FairQueue::default();
        let small = queue("s", 100, 0);
        let large = queue("l", 100, 3 * BaseWork::default().bytes());
        let taken = turns.take(vec![small, large], 50);
        let of_large = taken.iter().filter(|job| job.bytes > 0).count();
        assert_eq!(of_large, 10, "{}", names(&taken));
    }

    #[test]
    fn tenant_that_is_ahead_waits_for_as_many_documents_with_another_base() {
        for base in [64 << 10, 256 << 10, 4 << 20, 256 << 20].map(BaseWork::of_bytes) {
            let mut turns = FairQueue::default();
            // Each counts as ten of the others.
            turns.take(vec![queue("l", 1, 9 * BaseWork::default().bytes())], 1);
            let mut turns = turns.with_base(base);
            let taken = turns.take(vec![queue("l", 2, 0), queue("s", 20, 0)], 22);
            let before = names(&taken).find('l');
            assert!(before.is_some_and(|before| before <= 10), "{base:?}");
            assert!(before >= Some(1), "it has had a turn: {base:?}");
        }
    }

    #[test]
    fn tenant_that_comes_back_is_not_paid_for_the_time_without_jobs() {
        let mut turns = FairQueue::default();
        turns.take(vec![queue("a", 100, 0)], 100);
        let taken = turns.take(vec![queue("a", 10, 0), queue("b", 10, 0)], 10);
        let of_b = taken.iter().filter(|job| job.tenant == tenant("b")).count();
        assert!((5..=6).contains(&of_b), "{}", names(&taken));
    }

    #[test]
    fn lane_bulk_has_its_share_however_many_wait_in_the_other() {
        let mut turns = FairQueue::default();
        let standard = ["a", "b", "c"].map(|name| queue(name, 100, 0));
        let queues = [&standard[..], &[bulk("d", 100)]].concat();
        let taken = turns.take(queues, 100);
        let share = usize::try_from(BULK_SHARE).unwrap_or(0);
        for some in taken.chunks(share) {
            let of_bulk = some.iter().filter(|job| job.lane() == Lane::Bulk).count();
            assert_eq!(of_bulk, 1, "{}", names(&taken));
        }
        // The other lane is empty.
        assert_eq!(turns.take(vec![bulk("d", 10)], 10).len(), 10);
        let next = turns.take(vec![queue("a", 9, 0), bulk("d", 9)], 9);
        let of_bulk = next.iter().filter(|job| job.lane() == Lane::Bulk).count();
        assert!((1..=2).contains(&of_bulk), "{}", names(&next));
    }

    #[test]
    fn urgent_jobs_are_first_and_their_tenants_pay_for_them() {
        let mut turns = FairQueue::default();
        turns.take(vec![queue("a", 9, 0), queue("b", 9, 0)], 6);
        let mut urgent = queue("b", 3, 0);
        for job in &mut urgent {
            job.position.position = crate::queue_position::urgent_position(job.queued_at());
        }
        let taken = turns.take(vec![queue("a", 9, 0), urgent, bulk("c", 9)], 4);
        assert!(taken.iter().take(3).all(QueuedJob::is_urgent));
        let later = turns.take(vec![queue("a", 9, 0), queue("b", 9, 0)], 6);
        let of_b = later.iter().filter(|job| job.tenant == tenant("b")).count();
        assert!(of_b <= 2, "{}", names(&later));
    }

    #[test]
    fn of_many_tenants_those_that_are_furthest_ahead_are_remembered() {
        let mut times: StartTimes<Tenant> = StartTimes::default();
        let name = |number: u64| tenant(&format!("t{number}"));
        for number in 0..1005 {
            times.charge(&name(number), 100 + number);
        }
        // They are due, so they start at the clock without being remembered.
        times.clock = 101;
        times.remove_passed_start_times();
        assert_eq!(times.next.len(), MAX_REMEMBERED_TENANTS);
        assert_eq!(times.next.values().min(), Some(&105));
        assert_eq!(times.next.values().max(), Some(&1104));
        times.clock = 1103;
        times.remove_passed_start_times();
        assert_eq!(times.next.into_keys().collect::<Vec<_>>(), [name(1004)]);
    }

    #[test]
    fn turns_are_read_as_they_were_stored() {
        let mut turns = FairQueue::default();
        turns.take(vec![queue("a", 5, 7), queue("b", 2, 9), bulk("a", 3)], 4);
        assert_ne!(turns.bulk, StartTimes::default());
        assert_eq!(FairQueue::from_lines(&turns.to_lines()), turns);
        assert_eq!(FairQueue::from_lines(""), FairQueue::default());
        assert_eq!(FairQueue::from_lines("x\ny"), FairQueue::default());
        let turns = turns.with_base(BaseWork::of_bytes(3_000_000));
        assert_eq!(FairQueue::from_lines(&turns.to_lines()), turns);
        // By a release without lanes and bases.
        let before = FairQueue::from_lines("7\na\t9");
        assert_eq!(before.standard.start(&tenant("a")), 9);
        assert_eq!((before.standard.clock, before.bulk.clock), (7, 0));
    }
}
