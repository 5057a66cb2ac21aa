//! Tenants and lanes take turns: while a job waits, others are not released in front of it for long. Urgent ones are.

use std::collections::BTreeMap;

use jobs::expected_work::{self, BaseWork, StoredRuns};
use jobs::fair_queue::BULK_SHARE;
use jobs::id::{JobId, Tenant};
use jobs::job::Job;
use jobs::lane::Lane;
use jobs::release_window::{INDEX_LAG, released_jobs};
use jobs::window::WINDOW_TTL;
use testkit::key_value_map::KeyValueMap;

use super::guarantees::TURNS;
use super::instances::MAX_INDEX_LAG;
use crate::breakers::BreakerLedger;
use crate::environment::SimulationEnvironment;
use crate::ids::short;
use crate::pauses::PauseLedger;
use crate::table::Write;
use crate::time::SECOND;

/// Releases on their way when a job is queued, and those of two releases at once, may pass it, too. In multiples of the largest
/// expected work of the other tenant's jobs.
const PASSES_ALLOWED: u64 = 6;
/// After this time a release knows a job, unless it has run for longer: it may have read the queues a function's time limit ago.
const SEEN_AFTER: u64 = 30 * SECOND;

/// The queue of a tenant in a pipeline and lane.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct TenantQueue {
    pipeline: String,
    tenant: Tenant,
    lane: Lane,
}

/// A job that is queued, and what passed it.
#[derive(Debug)]
struct WaitingJob {
    /// In the queue, and since when. Urgent jobs count as `standard`.
    queue: TenantQueue,
    since: u64,
    is_urgent: bool,
    bytes: u64,
    /// Its last turn. What delays or loses the check delays this job alone: others do not pass it any more.
    turn_at: Option<u64>,
    /// By the other tenant of its lane: the work that was released meanwhile, and the largest job of it.
    passed: BTreeMap<Tenant, (u64, u64)>,
    /// Jobs of the other lane since the last release of its own. Of an urgent job: all that are not urgent.
    passed_by_others: u64,
    /// The work of the job of its tenant that was released before it.
    own_before: u64,
}

/// The jobs that wait for their turn.
#[derive(Debug, Default)]
pub(crate) struct TurnLedger {
    waiting: BTreeMap<JobId, WaitingJob>,
    /// The work of the last job of a queue whose turn was stored, and of urgent ones of its tenant since.
    last: BTreeMap<TenantQueue, u64>,
    /// With which the work of the documents of each pipeline is counted, and from when on releases certainly know it.
    bases: BTreeMap<String, (BaseWork, u64)>,
}

fn queue_of(job: &Job, is_urgent: bool) -> TenantQueue {
    let lane = if is_urgent {
        Lane::Standard
    } else {
        job.input.labels.lane
    };
    TenantQueue {
        pipeline: job.pipeline.clone(),
        tenant: job.tenant.clone(),
        lane,
    }
}

impl TurnLedger {
    pub(crate) fn observe(&mut self, now: u64, write: &Write) {
        let Write { before, job, .. } = write;
        let was_queued = before.as_ref().is_some_and(|it| it.queued_at().is_some());
        let was_urgent = before.as_ref().is_some_and(|it| it.is_urgent());
        let is_queued = job.queued_at().is_some();
        if is_queued && (!was_queued || job.is_urgent() && !was_urgent) {
            self.queued(now, job);
        } else if was_queued && !is_queued {
            self.waiting.remove(&job.id);
        }
    }

    /// A release stored whose turn it is. That is a turn of each job it chose, even if the answer is lost or the release crashes
    /// before it sends their checks.
    pub(crate) fn turns_stored(
        &mut self,
        env: &mut SimulationEnvironment,
        records: &KeyValueMap,
        held_by: (&PauseLedger, &BreakerLedger),
        (before, stored): (&str, &str),
    ) {
        let before = released_jobs(before);
        for job in released_jobs(stored) {
            if !before.contains(&job) {
                self.turn(env, records, held_by, (job.0, true));
            }
        }
    }

    /// A release sends the check of a job.
    pub(crate) fn check_sent(
        &mut self,
        env: &mut SimulationEnvironment,
        records: &KeyValueMap,
        held_by: (&PauseLedger, &BreakerLedger),
        id: JobId,
    ) {
        self.turn(env, records, held_by, (id, false));
    }

    fn turn(
        &mut self,
        env: &mut SimulationEnvironment,
        records: &KeyValueMap,
        held_by: (&PauseLedger, &BreakerLedger),
        (id, is_stored): (JobId, bool),
    ) {
        let on_its_way = u64::try_from(INDEX_LAG.as_millis()).unwrap_or(u64::MAX);
        let now = env.now;
        let Some(job) = self.waiting.get_mut(&id) else {
            return;
        };
        if job.turn_at.is_some_and(|at| now - at <= on_its_way) {
            return;
        }
        job.turn_at = Some(now);
        let (queue, is_urgent, bytes) = (job.queue.clone(), job.is_urgent, job.bytes);
        let base = self.learned_base(now, records, &queue.pipeline);
        let work = base.0.expected_work(bytes);
        if is_stored {
            let last = self.last.entry(queue.clone()).or_default();
            *last = if is_urgent { *last + work } else { work };
        }
        self.released(env, held_by, (&queue, is_urgent, work), base.1);
    }

    fn queued(&mut self, now: u64, job: &Job) {
        let is_urgent = job.is_urgent();
        let queue = queue_of(job, is_urgent);
        let own_before = self.last.get(&queue).copied().unwrap_or(0);
        let waiting = WaitingJob {
            queue,
            since: now,
            is_urgent,
            bytes: job.input.bytes,
            turn_at: None,
            passed: BTreeMap::new(),
            passed_by_others: 0,
            own_before,
        };
        self.waiting.insert(job.id, waiting);
    }

    /// What the runs of the pipeline have taught. Function `capacity` passes a new base on within the time for which a window is
    /// known. What was released until then does not count.
    fn learned_base(&mut self, now: u64, records: &KeyValueMap, pipeline: &str) -> (BaseWork, u64) {
        let key = expected_work::key(pipeline);
        let record = records.get(expected_work::COLLECTION, &key);
        let base = StoredRuns::from_record(record.as_ref()).learned().base();
        let known = self.bases.entry(pipeline.to_owned()).or_insert((base, 0));
        if known.0 != base {
            let passed_on = now + u64::try_from(WINDOW_TTL.as_millis()).unwrap_or(u64::MAX);
            *known = (base, passed_on);
            let of_pipeline = |it: &&mut WaitingJob| it.queue.pipeline == pipeline;
            for waiting in self.waiting.values_mut().filter(of_pipeline) {
                waiting.passed.clear();
            }
        }
        *known
    }

    fn released(
        &mut self,
        env: &mut SimulationEnvironment,
        (pauses, breakers): (&PauseLedger, &BreakerLedger),
        (queue, was_urgent, work): (&TenantQueue, bool, u64),
        known_from: u64,
    ) {
        let TenantQueue {
            pipeline,
            tenant,
            lane,
        } = queue;
        let own_before = self.last.get(queue).copied().unwrap_or(0);
        let now = env.now;
        let seen_after = SEEN_AFTER.max(env.timing.function + MAX_INDEX_LAG);
        let waiting = self.waiting.iter_mut();
        for (id, waiting) in waiting.filter(|(_, job)| job.turn_at.is_none()) {
            let TenantQueue {
                pipeline: own_pipeline,
                tenant: own_tenant,
                lane: own_lane,
            } = &waiting.queue;
            if own_pipeline != pipeline {
                continue;
            }
            let is_own = waiting.queue == *queue;
            if was_urgent {
                // Its tenant pays with its next turn.
                waiting.own_before += if is_own { work } else { 0 };
                continue;
            }
            if !waiting.is_urgent && own_lane == lane {
                waiting.passed_by_others = 0;
                if is_own {
                    // A turn of its own tenant.
                    waiting.passed.clear();
                    waiting.own_before = own_before;
                    continue;
                }
            }
            let since = (waiting.since + seen_after).max(known_from);
            // The oldest job probes, whatever its tenant.
            let is_held = pauses.held_tenant_within(pipeline, own_tenant, waiting.since, now)
                || breakers.open_within(pipeline, waiting.since, now)
                || pauses.windows_lost_since(waiting.since);
            if now < since || is_held {
                continue;
            }
            if waiting.is_urgent || own_lane != lane {
                waiting.passed_by_others += 1;
                let allowed = match own_lane {
                    Lane::Bulk => PASSES_ALLOWED * (BULK_SHARE - 1),
                    Lane::Standard => PASSES_ALLOWED,
                };
                if waiting.passed_by_others > allowed {
                    let urgent = if waiting.is_urgent { ", urgent," } else { "" };
                    env.violation(TURNS, || {
                        format!(
                            "{}{urgent} of {own_tenant} waits in lane {own_lane} while more than {allowed} of lane {lane} are released",
                            short(*id)
                        )
                    });
                }
                continue;
            }
            let (passed, largest) = waiting.passed.entry(tenant.clone()).or_default();
            *passed += work;
            *largest = work.max(*largest);
            let allowed = waiting.own_before + PASSES_ALLOWED * *largest;
            if *passed > allowed {
                let passed = *passed;
                env.violation(TURNS, || {
                    format!(
                        "{} of {own_tenant} waits while work of {passed} of {tenant} is released, {allowed} were allowed",
                        short(*id)
                    )
                });
            }
        }
    }
}
