//! EventBridge: the published events.

use jobs::ports::FailedEntries;
use std::collections::BTreeSet;

use jobs::id::JobId;
use jobs::job::Job;
use jobs::state::StatusGroup;

use crate::environment::SimulationEnvironment;
use crate::fault::FaultKind;
use crate::ids::short;
use crate::mistake::Mistake;

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PublishedEvent {
    pub(crate) job: JobId,
    pub(crate) version: u64,
    pub(crate) ready: bool,
}

#[derive(Debug, Default)]
pub(crate) struct SimulatedEventBus {
    published: BTreeSet<PublishedEvent>,
}

impl SimulatedEventBus {
    pub(crate) fn has(&self, event: &PublishedEvent) -> bool {
        self.published.contains(event)
    }

    /// Publishes a batch. Returns the indexes of rejected entries.
    pub(crate) fn publish(
        &mut self,
        env: &mut SimulationEnvironment,
        jobs: &[&Job],
        redelivered: bool,
    ) -> FailedEntries {
        if env.has(Mistake::EffectsDroppedOnRedelivery) && redelivered {
            return FailedEntries::none();
        }
        let mut rejected = Vec::new();
        for (index, job) in jobs.iter().enumerate() {
            if env.strikes(FaultKind::BatchCut) {
                rejected.push(index);
                continue;
            }
            let ready = job.state.status_group() == StatusGroup::Ready;
            env.log(|| {
                format!(
                    "event bus  {} v{} {}",
                    short(job.id),
                    job.version,
                    if ready { "JobReady" } else { "JobFailed" }
                )
            });
            self.published.insert(PublishedEvent {
                job: job.id,
                version: job.version,
                ready,
            });
        }
        if env.has(Mistake::RejectedEventsDropped) {
            FailedEntries::none()
        } else {
            rejected.into_iter().collect()
        }
    }
}
