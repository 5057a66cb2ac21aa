//! Docket's scaling: what function `capacity` reads and decides.

use std::time::Duration;

use jobs::capacity::{
    CapacityInput, EVALUATION_INTERVAL, InstanceLimits, Instances, Measured, Objective, OpenWork,
    decide,
};

use crate::arrivals::SECOND;
use crate::fleet::Fleet;
use crate::settings::EndpointTraits;

#[derive(Debug)]
pub(crate) struct Controller {
    objective: Objective,
    typical_run: Duration,
    concurrent_runs: u32,
    /// When it decides next.
    pub(crate) next_at: u64,
    runs: Durations,
    cold_starts: Durations,
    starting_since: Option<u64>,
    last_updating_at: u64,
}

/// The number and the sum of durations that were measured.
#[derive(Clone, Copy, Debug, Default)]
struct Durations {
    count: u32,
    total_ms: u64,
}

impl Durations {
    const fn add(&mut self, ms: u64) {
        self.count += 1;
        self.total_ms += ms;
    }

    fn mean(self) -> Measured {
        Measured {
            count: self.count,
            mean: Duration::from_millis(self.total_ms / u64::from(self.count.max(1))),
        }
    }
}

/// The open documents as the controller sees them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OpenDocuments {
    pub(crate) count: u32,
    pub(crate) oldest_at: u64,
    pub(crate) newest_at: Option<u64>,
    pub(crate) last_end_at: Option<u64>,
}

impl Controller {
    pub(crate) fn new(
        drain_within_seconds: u32,
        idle_seconds: u32,
        endpoint: &EndpointTraits,
    ) -> Self {
        Self {
            objective: Objective {
                drain_within: Duration::from_secs(drain_within_seconds.into()),
                idle: Duration::from_secs(idle_seconds.into()),
                cold_start: Duration::from_millis(endpoint.cold_start_ms),
            },
            typical_run: Duration::from_millis(endpoint.typical_run_ms),
            concurrent_runs: endpoint.concurrent_runs,
            next_at: 0,
            runs: Durations::default(),
            cold_starts: Durations::default(),
            starting_since: None,
            last_updating_at: 0,
        }
    }

    pub(crate) const fn run_ended(&mut self, run_ms: u64) {
        self.runs.add(run_ms);
    }

    /// The number of instances to ask for; `None` if it does not change or an update runs.
    pub(crate) fn decide(
        &mut self,
        now: u64,
        fleet: &Fleet,
        limits: InstanceLimits,
        open: OpenDocuments,
    ) -> Option<u32> {
        let updating = fleet.is_updating();
        self.observe_start(now, updating);
        let since = |at: u64| Duration::from_millis(now.saturating_sub(at));
        let in_service = fleet.in_service();
        let decision = decide(&CapacityInput {
            open: OpenWork {
                alive: open.count,
                presumed_lost: 0,
                oldest_age: if open.count > 0 {
                    since(open.oldest_at)
                } else {
                    Duration::ZERO
                },
            },
            instances: Instances {
                in_service,
                starting: fleet.count() - in_service,
                concurrent_runs: self.concurrent_runs,
                updating,
            },
            limits,
            objective: self.objective,
            runs: self.runs.mean(),
            cold_starts: self.cold_starts.mean(),
            typical_run: self.typical_run,
            since_last_upload: open.newest_at.map(since),
            since_last_open: open.last_end_at.map(since),
        });
        let again = decision.check_again_in.unwrap_or(EVALUATION_INTERVAL);
        let again = again.min(EVALUATION_INTERVAL).as_millis();
        self.next_at = now + u64::try_from(again).unwrap_or(u64::MAX).max(SECOND);
        if updating || decision.instances == fleet.count() {
            return None;
        }
        if decision.instances > fleet.count() {
            self.starting_since = Some(now);
        }
        Some(decision.instances)
    }

    fn observe_start(&mut self, now: u64, updating: bool) {
        let Some(since) = self.starting_since else {
            return;
        };
        if updating {
            self.last_updating_at = now;
            return;
        }
        let end = u64::midpoint(self.last_updating_at.max(since), now);
        self.starting_since = None;
        self.cold_starts.add(end - since);
    }
}
