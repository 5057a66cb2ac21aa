//! Tenants take turns: while a job of a tenant waits, others are not released in front of it for long.

use std::collections::BTreeMap;

use jobs::fair_queue::expected_work;
use jobs::id::{JobId, Tenant};
use jobs::job::Job;

use super::guarantees::TURNS;
use crate::breakers::BreakerLedger;
use crate::environment::SimulationEnvironment;
use crate::ids::short;
use crate::pauses::PauseLedger;
use crate::table::Write;
use crate::time::SECOND;

/// Releases on their way when a job is queued, and those of two releases at once, may pass it, too. In multiples of the largest
/// expected work of the other tenant's jobs.
const PASSES_ALLOWED: u64 = 6;
/// A release that began before a job was queued does not know it, and an index lags.
const SEEN_AFTER: u64 = 30 * SECOND;

/// A job that waits, and what passed it.
#[derive(Debug)]
struct Waiting {
    since: u64,
    tenant: Tenant,
    pipeline: String,
    /// By the other tenant: the work that was released meanwhile, and the largest job of it.
    passed: BTreeMap<Tenant, (u64, u64)>,
    /// The work of the job of its tenant that was released before it.
    own_before: u64,
}

/// The jobs that wait for their turn.
#[derive(Debug, Default)]
pub(crate) struct TurnLedger {
    waiting: BTreeMap<JobId, Waiting>,
    /// The work of the last job of a tenant in a pipeline that was released.
    last: BTreeMap<(String, Tenant), u64>,
}

impl TurnLedger {
    pub(crate) fn observe(
        &mut self,
        env: &mut SimulationEnvironment,
        held_by: (&PauseLedger, &BreakerLedger),
        write: &Write,
    ) {
        let Write { before, job, .. } = write;
        let was_queued = before.as_ref().is_some_and(|it| it.queued_at().is_some());
        let is_queued = job.queued_at().is_some();
        if is_queued && !was_queued {
            self.queued(env.now, job);
        } else if was_queued && !is_queued {
            self.waiting.remove(&job.id);
            if job.sent_at().is_some() {
                self.released(env, held_by, job);
            }
        }
    }

    fn queued(&mut self, now: u64, job: &Job) {
        let own_before = self.last.get(&(job.pipeline.clone(), job.tenant.clone()));
        let waiting = Waiting {
            since: now,
            tenant: job.tenant.clone(),
            pipeline: job.pipeline.clone(),
            passed: BTreeMap::new(),
            own_before: own_before.copied().unwrap_or(0),
        };
        self.waiting.insert(job.id, waiting);
    }

    fn released(
        &mut self,
        env: &mut SimulationEnvironment,
        (pauses, breakers): (&PauseLedger, &BreakerLedger),
        job: &Job,
    ) {
        let work = expected_work(job.input.bytes);
        self.last
            .insert((job.pipeline.clone(), job.tenant.clone()), work);
        let now = env.now;
        for (id, waiting) in &mut self.waiting {
            if waiting.pipeline != job.pipeline {
                continue;
            }
            if waiting.tenant == job.tenant {
                // A turn of its own tenant.
                waiting.passed.clear();
                waiting.own_before = work;
                continue;
            }
            let since = waiting.since + SEEN_AFTER;
            // The oldest job probes, whatever its tenant.
            let is_held =
                pauses.held_tenant_within(&waiting.pipeline, &waiting.tenant, waiting.since, now)
                    || breakers.open_within(&waiting.pipeline, waiting.since, now);
            if now < since || is_held {
                continue;
            }
            let (passed, largest) = waiting.passed.entry(job.tenant.clone()).or_default();
            *passed += work;
            *largest = work.max(*largest);
            let allowed = waiting.own_before + PASSES_ALLOWED * *largest;
            if *passed > allowed {
                let (passed, tenant) = (*passed, &waiting.tenant);
                env.violation(TURNS, || {
                    format!(
                        "{} of {tenant} waits while work of {passed} of {} is released, {allowed} were allowed",
                        short(*id),
                        job.tenant
                    )
                });
            }
        }
    }
}
