//! The queue model: arrivals, instances and runs in virtual time.

use jobs::capacity::InstanceLimits;

use crate::arrivals::{Arrival, DAY, MINUTE};
use crate::aws::AwsPolicies;
use crate::controller::{Controller, OpenDocuments};
use crate::figures::SimulatedFigures;
use crate::fleet::Fleet;
use crate::settings::{EndpointTraits, Scaling, ScalingSettings};

/// From the upload to the accepted request, and from the end of a run to the ready job: the medians of the replay.
const SUBMIT_MS: u64 = 800;
const RECORD_MS: u64 = 500;
/// If documents are still open when this time has passed after the end, there is too much work for the instances, and the model
/// stops.
const MAX_OVERRUN_MS: u64 = 3 * DAY;
/// The reconciler counts open jobs.
const RECONCILE_INTERVAL: u64 = 5 * MINUTE;

/// What decides the number of instances.
enum ScalingPolicy {
    Aws(AwsPolicies),
    Docket(Controller),
}

struct QueueModel<'a> {
    endpoint: &'a EndpointTraits,
    settings: &'a ScalingSettings,
    arrivals: &'a [Arrival],
    fleet: Fleet,
    policy: ScalingPolicy,
    figures: SimulatedFigures,
    /// The next arrival.
    next: usize,
    ended: Vec<bool>,
    /// The oldest open document.
    oldest: usize,
    open: OpenDocuments,
}

/// Simulates `span_ms` with these arrivals, the earliest first, and up to three days more if documents are still open then.
pub fn simulate(
    arrivals: &[Arrival],
    endpoint: &EndpointTraits,
    settings: &ScalingSettings,
    span_ms: u64,
) -> SimulatedFigures {
    let policy = match settings.scaling {
        Scaling::Aws {
            target,
            idle_minutes,
        } => ScalingPolicy::Aws(AwsPolicies::new(target, idle_minutes)),
        Scaling::Docket {
            drain_within_seconds,
            idle_seconds,
        } => ScalingPolicy::Docket(Controller::new(
            drain_within_seconds,
            idle_seconds,
            endpoint,
        )),
    };
    let mut model = QueueModel {
        endpoint,
        settings,
        arrivals,
        fleet: Fleet::new(endpoint.concurrent_runs.max(1), endpoint.cold_start_ms),
        policy,
        figures: SimulatedFigures::default(),
        next: 0,
        ended: vec![false; arrivals.len()],
        oldest: 0,
        open: OpenDocuments::default(),
    };
    let at_first = model.min(0);
    model.fleet.begin_with(at_first, &mut model.figures);
    model.run(span_ms);
    model.figures.waits_ms.sort_unstable();
    model.figures
}

impl QueueModel<'_> {
    fn run(&mut self, span_ms: u64) {
        let mut now = 0;
        loop {
            let done = self.figures.waits_ms.len() == self.arrivals.len();
            let end = if done {
                span_ms.max(now)
            } else {
                span_ms + MAX_OVERRUN_MS
            };
            let at = self.next_at(now).min(end);
            self.fleet.pass_time(at, &mut self.figures);
            if at >= end {
                self.figures.span_ms = at;
                self.leave_unfinished(at);
                return;
            }
            now = at;
            self.step(now);
        }
    }

    fn leave_unfinished(&mut self, now: u64) {
        for (arrival, ended) in self.arrivals.iter().zip(&self.ended) {
            if !ended {
                self.figures.unfinished += 1;
                self.figures
                    .waits_ms
                    .push(now.saturating_sub(arrival.at_ms));
            }
        }
    }

    /// When something happens next, after `now`.
    fn next_at(&self, now: u64) -> u64 {
        let arrival = self.arrivals.get(self.next);
        let arrival = arrival.map_or(u64::MAX, |it| it.at_ms + SUBMIT_MS);
        let decision = match &self.policy {
            ScalingPolicy::Aws(_) if self.is_final(now) => u64::MAX,
            ScalingPolicy::Aws(_) => next_multiple(now, MINUTE),
            // With nothing to do it waits for the next upload or for the warm hours.
            ScalingPolicy::Docket(_) if self.open.count == 0 && self.is_final(now) => u64::MAX,
            ScalingPolicy::Docket(controller) => controller.next_at.max(now),
        };
        let fleet = self.fleet.next_at().max(now);
        arrival
            .min(decision)
            .min(fleet)
            .min(self.next_warm_change(now))
    }

    /// Nothing waits or runs, and the number of instances is the minimum.
    fn is_final(&self, now: u64) -> bool {
        self.fleet.backlog() == 0 && self.fleet.count() == self.min(now)
    }

    fn step(&mut self, now: u64) {
        while let Some(document) = self.fleet.advance() {
            self.end(now, document);
        }
        while self
            .arrivals
            .get(self.next)
            .is_some_and(|it| it.at_ms + SUBMIT_MS <= now)
        {
            self.arrive();
        }
        let min = self.min(now);
        if self.fleet.count() < min {
            self.fleet.set_count(min, &mut self.figures);
        }
        self.decide(now, min);
    }

    fn arrive(&mut self) {
        let arrival = self.arrivals[self.next];
        self.fleet.accept(self.next, arrival.run_ms);
        self.next += 1;
        self.open.count += 1;
        self.open.newest_at = Some(arrival.at_ms + SUBMIT_MS);
    }

    fn end(&mut self, now: u64, document: usize) {
        let arrival = self.arrivals[document];
        self.figures.waits_ms.push(now + RECORD_MS - arrival.at_ms);
        self.ended[document] = true;
        self.open.count -= 1;
        self.open.last_end_at = Some(now + RECORD_MS);
        if let ScalingPolicy::Docket(controller) = &mut self.policy {
            controller.run_ended(arrival.run_ms);
        }
    }

    fn decide(&mut self, now: u64, min: u32) {
        while self.ended.get(self.oldest).copied().unwrap_or(false) {
            self.oldest += 1;
        }
        let oldest = self.arrivals.get(self.oldest);
        self.open.oldest_at = oldest.map_or(now, |it| it.at_ms + SUBMIT_MS);
        let count = match &mut self.policy {
            ScalingPolicy::Aws(policies) => {
                policies.record_backlog(now, self.fleet.backlog());
                if now.is_multiple_of(RECONCILE_INTERVAL) {
                    policies.count_open(now, self.open.count);
                }
                if self.fleet.backlog() == 0 && self.fleet.count() == min {
                    policies.reset();
                    return;
                }
                if !now.is_multiple_of(MINUTE) {
                    return;
                }
                policies.datapoint(now, &self.fleet, min, self.settings, self.endpoint)
            }
            ScalingPolicy::Docket(controller) if controller.next_at <= now => {
                let max = self.settings.max_instances;
                let Ok(limits) = InstanceLimits::new(min.min(max), max.max(1), 0) else {
                    return;
                };
                controller.decide(now, &self.fleet, limits, self.open)
            }
            ScalingPolicy::Docket(_) => return,
        };
        if let Some(count) = count {
            self.fleet.set_count(count, &mut self.figures);
        }
    }

    /// The minimum number of instances now.
    fn min(&self, now: u64) -> u32 {
        let minute = now % DAY / MINUTE;
        let is_warm = self
            .settings
            .warm_hours
            .is_some_and(|warm| (u64::from(warm.from)..u64::from(warm.until)).contains(&minute));
        let min = self.settings.min_instances.max(u32::from(is_warm));
        min.min(self.settings.max_instances)
    }

    /// When warm hours begin or end next.
    fn next_warm_change(&self, now: u64) -> u64 {
        let Some(warm) = self.settings.warm_hours else {
            return u64::MAX;
        };
        let midnight = now / DAY * DAY;
        let times = [warm.from, warm.until].map(|minute| midnight + u64::from(minute) * MINUTE);
        let later = times.iter().copied().filter(|at| *at > now);
        later
            .min()
            .unwrap_or_else(|| midnight + DAY + u64::from(warm.from) * MINUTE)
    }
}

const fn next_multiple(now: u64, of: u64) -> u64 {
    (now / of + 1) * of
}
