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
use crate::environment::SimulationEnvironment;
use crate::ids::short;
use crate::pauses::HoldLedgers;
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

/// A queued job, and the work that was released before it.
#[derive(Debug)]
struct WaitingJob {
    /// Urgent jobs count as `standard`.
    queue: TenantQueue,
    since: u64,
    is_urgent: bool,
    bytes: u64,
    /// Its last turn. A late or lost check delays this job alone: it has had its turn.
    turn_at: Option<u64>,
    /// The work that was released meanwhile, by the other tenant of its lane.
    passed: BTreeMap<Tenant, PassedWork>,
    /// Jobs of the other lane since the last release of its own. Of an urgent job: all that are not urgent.
    passed_by_others: u64,
    /// The work of the job of its tenant that was released before it.
    own_before: u64,
}

/// Expected work of a tenant that was released while another job waited.
#[derive(Debug, Default)]
struct PassedWork {
    total: u64,
    /// That of the largest job.
    largest: u64,
}

/// The base with which the work of a pipeline's documents is counted.
#[derive(Clone, Copy, Debug)]
struct KnownBase {
    base: BaseWork,
    /// When every release certainly knows it.
    known_from: u64,
}

/// A job had its turn.
struct Turn {
    queue: TenantQueue,
    is_urgent: bool,
    work: u64,
    /// [`KnownBase::known_from`] of the base of `work`.
    known_from: u64,
}

/// The jobs that wait for their turn.
#[derive(Debug, Default)]
pub(crate) struct TurnLedger {
    waiting: BTreeMap<JobId, WaitingJob>,
    /// The work of the last job of a queue whose turn was stored, and of urgent ones of its tenant since.
    last: BTreeMap<TenantQueue, u64>,
    /// By pipeline.
    bases: BTreeMap<String, KnownBase>,
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
        holds: HoldLedgers<'_>,
        before: &str,
        stored: &str,
    ) {
        let before = released_jobs(before);
        for job in released_jobs(stored) {
            if !before.contains(&job) {
                self.turn_stored(env, records, holds, job.0);
            }
        }
    }

    fn turn_stored(
        &mut self,
        env: &mut SimulationEnvironment,
        records: &KeyValueMap,
        holds: HoldLedgers<'_>,
        id: JobId,
    ) {
        let Some(turn) = self.take_turn(env.now, records, id) else {
            return;
        };
        let last = self.last.entry(turn.queue.clone()).or_default();
        let urgent_before = if turn.is_urgent { *last } else { 0 };
        *last = urgent_before + turn.work;
        self.check_passed(env, holds, &turn);
    }

    /// A release sends the check of a job.
    pub(crate) fn check_sent(
        &mut self,
        env: &mut SimulationEnvironment,
        records: &KeyValueMap,
        holds: HoldLedgers<'_>,
        id: JobId,
    ) {
        if let Some(turn) = self.take_turn(env.now, records, id) {
            self.check_passed(env, holds, &turn);
        }
    }

    /// Records that a waiting job has its turn now; `None` if its last turn is as recent as the lag of the index.
    fn take_turn(&mut self, now: u64, records: &KeyValueMap, id: JobId) -> Option<Turn> {
        let index_lag = u64::try_from(INDEX_LAG.as_millis()).unwrap_or(u64::MAX);
        let job = self.waiting.get_mut(&id)?;
        if job.turn_at.is_some_and(|at| now - at <= index_lag) {
            return None;
        }
        job.turn_at = Some(now);
        let (queue, is_urgent, bytes) = (job.queue.clone(), job.is_urgent, job.bytes);
        let known = self.learned_base(now, records, &queue.pipeline);
        Some(Turn {
            queue,
            is_urgent,
            work: known.base.expected_work(bytes),
            known_from: known.known_from,
        })
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

    /// The base that was learned from the pipeline's runs. Function `capacity` passes a new base on within [`WINDOW_TTL`]. Work
    /// that was released until then does not count.
    fn learned_base(&mut self, now: u64, records: &KeyValueMap, pipeline: &str) -> KnownBase {
        let key = expected_work::key(pipeline);
        let record = records.get(expected_work::COLLECTION, &key);
        let base = StoredRuns::from_record(record.as_ref()).learned().base();
        let known = self.bases.entry(pipeline.to_owned()).or_insert(KnownBase {
            base,
            known_from: 0,
        });
        if known.base != base {
            let known_from = now + u64::try_from(WINDOW_TTL.as_millis()).unwrap_or(u64::MAX);
            *known = KnownBase { base, known_from };
            let of_pipeline = |it: &&mut WaitingJob| it.queue.pipeline == pipeline;
            for waiting in self.waiting.values_mut().filter(of_pipeline) {
                waiting.passed.clear();
            }
        }
        *known
    }

    /// Counts the turn against every job that waits, and reports those that too many turns have passed.
    fn check_passed(
        &mut self,
        env: &mut SimulationEnvironment,
        holds: HoldLedgers<'_>,
        turn: &Turn,
    ) {
        let HoldLedgers { pauses, breakers } = holds;
        let Turn { queue, work, .. } = turn;
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
            if turn.is_urgent {
                // Its tenant pays with its next turn.
                waiting.own_before += if is_own { *work } else { 0 };
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
            let since = (waiting.since + seen_after).max(turn.known_from);
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
            let passed = waiting.passed.entry(tenant.clone()).or_default();
            passed.total += work;
            passed.largest = passed.largest.max(*work);
            let allowed = waiting.own_before + PASSES_ALLOWED * passed.largest;
            if passed.total > allowed {
                let passed = passed.total;
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
