//! The queued jobs of a pipeline with a window, for the decision about its instances, and whether its window is full.

use std::collections::BTreeSet;

use crate::expected_work::learned_base;
use crate::fair_queue::Heads;
use crate::id::{JobId, Timestamp};
use crate::pause::Pauses;
use crate::ports::{CheckQueue, Clock, JobIndex, KeyValueStore, OpenJob, QueuedJob, Unavailable};
use crate::release_window::{heads, request, store_window};
use crate::window::{KnownWindow, WINDOW_TTL, Window};

/// Queued jobs of a tenant that are counted. More would not change the decision: they are hours of work for any number of
/// instances.
const MAX_COUNTED: usize = 100;

/// The queued jobs that no pause holds: their work needs instances.
#[derive(Clone, Debug, Default)]
pub(super) struct QueuedWork {
    pauses: Pauses,
    queues: Vec<Heads>,
    /// The jobs of `queues` that are not among the open jobs too. A job that a circuit breaker holds, or held, is among both.
    others: Vec<QueuedJob>,
}

impl QueuedWork {
    /// `open` are the open jobs that were counted before.
    pub(super) async fn read<P>(
        ports: &P,
        pipeline: &str,
        open: &[OpenJob],
    ) -> Result<Self, Unavailable>
    where
        P: JobIndex + KeyValueStore + Clock,
    {
        let pauses = Pauses::load(ports, ports.now()).await?;
        let queues = heads(ports, pipeline, &pauses, MAX_COUNTED).await?;
        let counted: BTreeSet<JobId> = open.iter().map(|job| job.id).collect();
        let is_other = |job: &&QueuedJob| !counted.contains(&job.position.job);
        let others = queues.iter().flatten().filter(is_other).cloned().collect();
        Ok(Self {
            pauses,
            queues,
            others,
        })
    }

    /// The number of queued jobs that are not among the open ones; there may be more.
    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.others.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn times(&self) -> impl Iterator<Item = Timestamp> {
        self.others.iter().map(QueuedJob::queued_at)
    }

    /// Whether a queued job waits only for its turn.
    pub(super) fn has_turn(&self, pipeline: &str) -> bool {
        !self.queues.is_empty() && self.pauses.open_breaker(pipeline).is_none()
    }

    /// Stores the window and whether it is full, and asks for a release if there is a place for a queued job. At least `at_endpoint`
    /// attempts are at the endpoint, and no more than these if `exact`.
    pub(super) async fn update_window<P>(
        &self,
        ports: &P,
        pipeline: &str,
        window: Window,
        at_endpoint: u32,
        exact: bool,
    ) -> Result<(), Unavailable>
    where
        P: CheckQueue + KeyValueStore + Clock,
    {
        let now = ports.now();
        let known = self.pauses.window(pipeline);
        let was_full = known.is_some_and(|known| known.is_full);
        let is_full =
            !self.queues.is_empty() || at_endpoint >= window.attempts || was_full && !exact;
        if !known.is_some_and(|known| known.is_current(window, is_full, now)) {
            let known = KnownWindow {
                pipeline: pipeline.to_owned(),
                until: now.plus(WINDOW_TTL),
                window,
                is_full,
                base: learned_base(ports, pipeline).await?,
            };
            store_window(ports, &known, now).await?;
        }
        if self.has_turn(pipeline) && at_endpoint < window.attempts {
            request(ports, pipeline).await;
        }
        Ok(())
    }
}
