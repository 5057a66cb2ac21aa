//! The endpoint itself: a queue, instances, scaling policies and their failures, in explicit time.
//!
//! It does nothing by itself. A driver hands it calls and reports, each with the time, asks when
//! it next has something to do ([`Endpoint::next_wake`]), and carries out the actions it gives
//! ([`Endpoint::advance`]). The same seed and the same inputs at the same times give the same
//! actions, which a test asserts.
//!
//! What it is not: it knows no input or output locations, no message format and no wire. Those
//! are the driver's; `R` carries them through.

mod action;
mod fleet;
mod scaling;
mod steps;
mod table;
#[cfg(test)]
mod tests;
mod timers;
mod view;

pub use action::{
    Abandoned, Accepted, Action, ApiError, Failure, Notice, Outcome, Request, Stopped,
};
pub use fleet::{InstanceId, Phase};
pub use table::{RequestId, RunId};
pub use view::{InstanceView, Stats};

use crate::{Faults, Millis, Rng, Settings};
use fleet::Fleet;
use scaling::Scaler;
use std::collections::VecDeque;
use std::mem;
use std::ops::RangeInclusive;
use table::{Stage, Table};
use timers::{Timer, Timers};

/// `RequestTTLSeconds` (SageMaker API reference, InvokeEndpointAsync).
pub const TTL_LIMITS: RangeInclusive<Millis> = Millis::from_secs(60)..=Millis::from_secs(21_600);
/// `InvocationTimeoutSeconds` (same page).
pub const TIMEOUT_LIMITS: RangeInclusive<Millis> = Millis::from_secs(1)..=Millis::from_secs(3600);

/// A model of one asynchronous endpoint with one variant.
#[derive(Clone, Debug)]
pub struct Endpoint<R> {
    settings: Settings,
    faults: Faults,
    rng: Rng,
    now: Millis,
    in_service: bool,
    /// The least number of instances outside of warm hours.
    cool_min: u32,
    requests: Table<R>,
    /// Every waiting request once; also requests that expired, until they come to the front.
    queue: VecDeque<RequestId>,
    waiting: u32,
    running: u32,
    fleet: Fleet,
    desired: u32,
    scaler: Scaler,
    tick_at: Option<Millis>,
    timers: Timers<R>,
    actions: Vec<Action<R>>,
    stats: Stats,
}

impl<R: Clone> Endpoint<R> {
    /// A freshly created endpoint at time zero: in service, with its minimum of instances, and
    /// a `TestNotification` to publish.
    pub fn new(settings: Settings, faults: Faults, rng: Rng) -> Self {
        let mut endpoint = Self {
            settings,
            faults,
            rng,
            now: Millis::ZERO,
            in_service: true,
            cool_min: settings.min_instances,
            requests: Table::new(),
            queue: VecDeque::new(),
            waiting: 0,
            running: 0,
            fleet: Fleet::default(),
            desired: settings.min_instances,
            scaler: Scaler::default(),
            tick_at: None,
            timers: Timers::new(),
            actions: vec![Action::TestNotification],
            stats: Stats::default(),
        };
        for _ in 0..settings.min_instances {
            let instance = endpoint.fleet.start(Millis::ZERO, Phase::Starting);
            endpoint.cold_start_over(instance);
        }
        endpoint.scaler.observe(Millis::ZERO, 0);
        endpoint.plan_warm_hours(Millis::ZERO);
        endpoint
    }

    /// Takes a request, or refuses it. Like the service's 202, acceptance says only that it is
    /// queued: not that its input exists, nor that any instance runs.
    pub fn invoke(&mut self, now: Millis, request: Request<R>) -> Result<Accepted, ApiError> {
        self.run_until(now);
        if !self.in_service {
            return Err(ApiError::NotInService);
        }
        if !TTL_LIMITS.contains(&request.ttl) {
            return Err(ApiError::TtlOutOfRange);
        }
        if !TIMEOUT_LIMITS.contains(&request.timeout) {
            return Err(ApiError::TimeoutOutOfRange);
        }
        if self.faults.throttle_invoke.strikes(&mut self.rng) {
            return Err(ApiError::Throttled);
        }
        if self.faults.refuse_invoke.strikes(&mut self.rng) {
            return Err(ApiError::Unavailable);
        }
        if self.faults.break_invoke.strikes(&mut self.rng) {
            return Err(ApiError::Internal);
        }
        let expires_at = self.now + request.ttl;
        let id = self.requests.insert(self.now, request);
        self.timers.set(expires_at, Timer::Expire(id));
        self.queue.push_back(id);
        self.waiting += 1;
        self.stats.accepted += 1;
        self.settle();
        Ok(Accepted {
            request: id,
            reply_lost: self.faults.lose_invoke_reply.strikes(&mut self.rng),
        })
    }

    /// Reports the end of a run. Returns false, and changes nothing, if the run no longer counts:
    /// it timed out, or its instance is gone.
    pub fn model_answered(&mut self, now: Millis, run: RunId, answer: Outcome) -> bool {
        self.run_until(now);
        let Some(entry) = self.requests.run_mut(run) else {
            return false;
        };
        let Stage::Running { instance } = entry.stage else {
            return false;
        };
        match answer {
            Outcome::Completed => {
                entry.stage = Stage::StoringOutput { instance };
                let request = entry.payload.clone();
                self.actions.push(Action::PutOutput { run, request });
            }
            Outcome::Failed(failure) => {
                self.release(instance, run.request);
                self.fail(run.request, failure);
            }
        }
        self.settle();
        true
    }

    /// Reports that an output or failure object was written (or could not be). Only then is the
    /// result announced, so that whoever hears of it can read it. Returns false if the write no
    /// longer counts because the run's instance is gone.
    pub fn stored(&mut self, now: Millis, run: RunId, written: bool) -> bool {
        self.run_until(now);
        let Some(entry) = self.requests.run_mut(run) else {
            return false;
        };
        match entry.stage {
            Stage::StoringOutput { instance } => {
                self.release(instance, run.request);
                if written {
                    self.stats.completed += 1;
                    self.conclude(run.request, Outcome::Completed);
                } else {
                    self.fail(run.request, Failure::OutputUnwritable);
                }
            }
            // A failure is announced even if its object could not be written.
            Stage::StoringFailure { outcome } => self.conclude(run.request, outcome),
            Stage::Waiting | Stage::Running { .. } => return false,
        }
        self.settle();
        true
    }

    /// Reports that an instance's container answered its ping.
    pub fn instance_ready(&mut self, now: Millis, instance: InstanceId) {
        self.run_until(now);
        if let Some(found) = self.fleet.get_mut(instance)
            && found.phase == Phase::Checking
        {
            found.phase = Phase::InService;
            self.actions.push(Action::InstanceInService { instance });
        }
        self.settle();
    }

    /// Kills an instance; what it ran goes back to the queue. Returns false if there is none.
    pub fn kill_instance(&mut self, now: Millis, instance: InstanceId) -> bool {
        self.run_until(now);
        let found = self.fleet.get(instance).is_some();
        self.stop(instance, Stopped::Lost);
        self.settle();
        found
    }

    /// Changes the limits of the scaling policies, as a scheduled action does: a higher minimum
    /// takes effect at once, a lower one only lets the policies scale in further. The next
    /// beginning or end of warm hours sets the minimum anew.
    pub fn set_limits(&mut self, now: Millis, min_instances: u32, max_instances: u32) {
        self.run_until(now);
        self.limit(min_instances, max_instances);
        self.settle();
    }

    /// Tells how many jobs the caller's own table has open, as the reconciler does every five
    /// minutes. It counts for as long as one period of the alarm for idleness.
    pub fn tell_open_jobs(&mut self, now: Millis, open: u32) {
        self.run_until(now);
        self.scaler.tell(self.now, open, &self.settings);
    }

    /// Lets the endpoint take new requests or not. Those it has go on.
    pub const fn set_in_service(&mut self, in_service: bool) {
        self.in_service = in_service;
    }

    /// Replaces the faults from now on.
    pub const fn set_faults(&mut self, faults: Faults) {
        self.faults = faults;
    }

    /// When [`advance`](Self::advance) has something to do next, if nothing else happens. `None`:
    /// the endpoint is at rest, or waits for reports only.
    pub fn next_wake(&self) -> Option<Millis> {
        if !self.actions.is_empty() {
            return Some(self.now);
        }
        match (self.timers.next_at(), self.tick_at) {
            (Some(timer), Some(tick)) => Some(timer.min(tick)),
            (timer, tick) => timer.or(tick),
        }
    }

    /// Lets time pass up to `now` and gives everything there is to do, calls and reports since the
    /// last time included. A `now` that lies in the past counts as the present.
    pub fn advance(&mut self, now: Millis) -> Vec<Action<R>> {
        self.run_until(now);
        mem::take(&mut self.actions)
    }

    /// [`advance`](Self::advance) into a buffer that is used again, for a simulation's inner loop.
    pub fn advance_into(&mut self, now: Millis, actions: &mut Vec<Action<R>>) {
        self.run_until(now);
        actions.append(&mut self.actions);
    }
}
