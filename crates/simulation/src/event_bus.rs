//! EventBridge: the published events, and the rule that sends them to queue `events`.

use jobs::ports::FailedEntries;
use std::collections::{BTreeMap, BTreeSet};

use jobs::id::{JobId, Tenant};
use jobs::job::Job;
use jobs::ports::Queue;
use jobs::state::StatusGroup;

use crate::environment::SimulationEnvironment;
use crate::fault::FaultKind;
use crate::ids::short;
use crate::message::{MessageKind, OutgoingMessage, QueueMessage, send};
use crate::mistake::Mistake;
use crate::time::SECOND;
use crate::timeline::After;

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PublishedEvent {
    pub(crate) job: JobId,
    pub(crate) version: u64,
    pub(crate) ready: bool,
}

#[derive(Debug, Default)]
pub(crate) struct SimulatedEventBus {
    published: BTreeSet<PublishedEvent>,
    /// The tenants of the events' jobs.
    tenants: BTreeMap<JobId, Tenant>,
    /// Whether the rule exists. Workloads have none.
    pub(crate) has_feed_rule: bool,
}

impl SimulatedEventBus {
    pub(crate) fn has(&self, event: &PublishedEvent) -> bool {
        self.published.contains(event)
    }

    pub(crate) fn published(&self) -> impl Iterator<Item = (&Tenant, &PublishedEvent)> {
        let events = self.published.iter();
        events.filter_map(|event| Some((self.tenants.get(&event.job)?, event)))
    }

    /// Publishes a batch. Returns the indexes of rejected entries, and what the rule sends.
    pub(crate) fn publish(
        &mut self,
        env: &mut SimulationEnvironment,
        jobs: &[&Job],
        redelivered: bool,
    ) -> (FailedEntries, Vec<After<OutgoingMessage>>) {
        if env.has(Mistake::EffectsDroppedOnRedelivery) && redelivered {
            return (FailedEntries::none(), vec![]);
        }
        let mut sent = Vec::new();
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
            self.tenants.insert(job.id, job.tenant.clone());
            sent.extend(self.rule(env, job, ready));
            self.published.insert(PublishedEvent {
                job: job.id,
                version: job.version,
                ready,
            });
        }
        let rejected = if env.has(Mistake::RejectedEventsDropped) {
            FailedEntries::none()
        } else {
            rejected.into_iter().collect()
        };
        (rejected, sent)
    }

    /// The rule delivers an event at least once, in no order.
    fn rule(
        &self,
        env: &mut SimulationEnvironment,
        job: &Job,
        ready: bool,
    ) -> Vec<After<OutgoingMessage>> {
        if !self.has_feed_rule
            || (env.has(Mistake::RuleLosesEvents) && job.version.is_multiple_of(3))
        {
            return vec![];
        }
        let kind = if ready { "JobReady" } else { "JobFailed" };
        let body = format!(
            r#"{{"detail-type":"{kind}","source":"docket","detail":{{"job":{{"id":"{}","version":{},"tenant":"{}"}}}}}}"#,
            job.id, job.version, job.tenant
        );
        let times = 1 + u8::from(env.strikes(FaultKind::NotificationDuplicated));
        (0..times)
            .map(|_| {
                let late = env.strikes(FaultKind::NotificationLate);
                let delay = env.between(20, if late { 120 * SECOND } else { 2 * SECOND });
                let message = QueueMessage::new(body.clone(), MessageKind::Event);
                send(Queue::Events, delay, message)
            })
            .collect()
    }
}
