//! The endpoint: a queue, instances, scaling policies and their failures, with explicit time.
//!
//! The model does nothing on its own. A driver passes calls and reports to it, each with the time,
//! asks when it next has something to do ([`Endpoint::next_event_at`]), and carries out the actions
//! that it returns ([`Endpoint::advance`]). The same seed and the same inputs at the same times give
//! the same actions, which a test asserts.
//!
//! The model knows no input or output locations, no message format and no protocol. The driver
//! keeps those in the payload `R` of each request.

mod action;
mod fleet;
mod provision;
mod scaling;
mod steps;
mod table;
#[cfg(test)]
mod tests;
mod timers;
mod view;

pub use action::{
    AbandonReason, AcceptedInvocation, EndpointAction, InvocationFailure, InvocationStatus,
    InvokeEndpointError, Request, ResultNotification, StopReason, UpdateInstanceCountError,
};
pub use fleet::{InstanceId, InstanceStatus};
pub use table::{RequestId, RunId};
pub use view::{InstanceView, Stats};

use crate::{Faults, Millis, Rng, Settings};
use fleet::Fleet;
use scaling::Scaler;
use std::collections::VecDeque;
use std::mem;
use std::ops::RangeInclusive;
use table::{RequestStage, RequestTable};
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
    /// The minimum number of instances outside of warm hours.
    base_min_instances: u32,
    requests: RequestTable<R>,
    /// Every waiting request once; also expired requests, until they reach the front.
    queue: VecDeque<RequestId>,
    waiting: u32,
    running: u32,
    fleet: Fleet,
    desired_instances: u32,
    scaler: Scaler,
    /// When the scaling alarms take their next datapoint.
    next_datapoint_at: Option<Millis>,
    timers: Timers<R>,
    actions: Vec<EndpointAction<R>>,
    stats: Stats,
}

impl<R: Clone> Endpoint<R> {
    /// A new endpoint at time zero: in service, with its minimum number of instances, and with a
    /// `TestNotification` to publish.
    pub fn new(settings: Settings, faults: Faults, rng: Rng) -> Self {
        let mut endpoint = Self {
            settings,
            faults,
            rng,
            now: Millis::ZERO,
            in_service: true,
            base_min_instances: settings.min_instances,
            requests: RequestTable::new(),
            queue: VecDeque::new(),
            waiting: 0,
            running: 0,
            fleet: Fleet::default(),
            desired_instances: settings.min_instances,
            scaler: Scaler::default(),
            next_datapoint_at: None,
            timers: Timers::new(),
            actions: vec![EndpointAction::TestNotification],
            stats: Stats::default(),
        };
        for _ in 0..settings.min_instances {
            let instance = endpoint
                .fleet
                .start(Millis::ZERO, InstanceStatus::Starting, Some(1));
            endpoint.end_cold_start(instance);
        }
        endpoint.scaler.record_backlog(Millis::ZERO, 0);
        endpoint.schedule_warm_hours(Millis::ZERO);
        endpoint
    }

    /// Accepts a request into the queue, or rejects it. Like the service's 202, acceptance does not
    /// mean that the input exists or that an instance is in service.
    pub fn invoke(
        &mut self,
        now: Millis,
        request: Request<R>,
    ) -> Result<AcceptedInvocation, InvokeEndpointError> {
        self.run_until(now);
        if !self.in_service {
            return Err(InvokeEndpointError::NotInService);
        }
        if !TTL_LIMITS.contains(&request.ttl) {
            return Err(InvokeEndpointError::TtlOutOfRange);
        }
        if !TIMEOUT_LIMITS.contains(&request.timeout) {
            return Err(InvokeEndpointError::TimeoutOutOfRange);
        }
        if self.faults.invoke_throttled.occurs(&mut self.rng) {
            return Err(InvokeEndpointError::Throttled);
        }
        if self.faults.invoke_unavailable.occurs(&mut self.rng) {
            return Err(InvokeEndpointError::Unavailable);
        }
        if self.faults.invoke_internal_failure.occurs(&mut self.rng) {
            return Err(InvokeEndpointError::Internal);
        }
        let expires_at = self.now + request.ttl;
        let id = self.requests.insert(self.now, request);
        self.timers.set(expires_at, Timer::RequestExpiry(id));
        self.queue.push_back(id);
        self.waiting += 1;
        self.stats.accepted += 1;
        self.settle();
        Ok(AcceptedInvocation {
            request: id,
            response_lost: self.faults.lose_invoke_response.occurs(&mut self.rng),
        })
    }

    /// Reports the end of an invocation. Returns false, and changes nothing, if the invocation is
    /// obsolete: it timed out, or its instance stopped.
    pub fn invocation_finished(
        &mut self,
        now: Millis,
        run: RunId,
        status: InvocationStatus,
    ) -> bool {
        self.run_until(now);
        let Some(open) = self.requests.run_mut(run) else {
            return false;
        };
        let RequestStage::Running { instance } = open.stage else {
            return false;
        };
        match status {
            InvocationStatus::Completed => {
                open.stage = RequestStage::StoringOutput { instance };
                let request = open.payload.clone();
                self.actions
                    .push(EndpointAction::PutOutput { run, request });
            }
            InvocationStatus::Failed(failure) => {
                self.release(instance, run.request);
                self.fail(run.request, failure);
            }
        }
        self.settle();
        true
    }

    /// Reports that an output or failure object was written, or could not be. The notification is
    /// published only after that, so that its receiver can read the object. Returns false if the
    /// write is obsolete because the invocation's instance stopped.
    pub fn object_stored(&mut self, now: Millis, run: RunId, written: bool) -> bool {
        self.run_until(now);
        let Some(open) = self.requests.run_mut(run) else {
            return false;
        };
        match open.stage {
            RequestStage::StoringOutput { instance } => {
                self.release(instance, run.request);
                if written {
                    self.stats.completed += 1;
                    self.end_request(run.request, InvocationStatus::Completed);
                } else {
                    self.fail(run.request, InvocationFailure::OutputUnwritable);
                }
            }
            // The notification of a failure is published even if its object could not be written.
            RequestStage::StoringFailure { status } => self.end_request(run.request, status),
            RequestStage::Waiting | RequestStage::Running { .. } => return false,
        }
        self.settle();
        true
    }

    /// Reports that an instance's container responded to a ping.
    pub fn instance_ready(&mut self, now: Millis, instance: InstanceId) {
        self.run_until(now);
        if let Some(found) = self.fleet.get_mut(instance)
            && found.status == InstanceStatus::HealthCheck
        {
            found.status = InstanceStatus::InService;
            self.actions
                .push(EndpointAction::InstanceInService { instance });
        }
        self.settle();
    }

    /// Makes an instance fail; its requests go back to the queue. Returns false if there is no such
    /// instance.
    pub fn kill_instance(&mut self, now: Millis, instance: InstanceId) -> bool {
        self.run_until(now);
        let found = self.fleet.get(instance).is_some();
        self.stop(instance, StopReason::Lost);
        self.settle();
        found
    }

    /// Changes the minimum and maximum capacity, as a scheduled action does: a higher minimum takes
    /// effect at once, a lower one only lets the policies scale in further. The next start or end
    /// of warm hours sets the minimum again.
    pub fn set_instance_limits(&mut self, now: Millis, min_instances: u32, max_instances: u32) {
        self.run_until(now);
        self.apply_instance_limits(min_instances, max_instances);
        self.settle();
    }

    /// Sets the number of instances, as `UpdateEndpointWeightsAndCapacities` does. The scaling policies stay in force.
    ///
    /// AWS does not document which instance stops when the number falls; see [`StopReason::ScaleIn`].
    ///
    /// # Errors
    /// An instance is starting, so the endpoint is `Updating` and rejects the call; or the number is outside of the limits.
    pub fn update_instance_count(
        &mut self,
        now: Millis,
        instances: u32,
    ) -> Result<(), UpdateInstanceCountError> {
        self.run_until(now);
        if self.is_updating() {
            return Err(UpdateInstanceCountError::Updating);
        }
        let allowed = self.settings.min_instances..=self.settings.max_instances;
        if !allowed.contains(&instances) {
            return Err(UpdateInstanceCountError::OutsideLimits);
        }
        self.set_desired(instances);
        self.settle();
        Ok(())
    }

    /// Reports the caller's metric of open jobs, as the reconciler does every five minutes. It counts
    /// for one period of the idle alarm.
    pub fn report_open_jobs(&mut self, now: Millis, open: u32) {
        self.run_until(now);
        self.scaler.record_open_jobs(self.now, open, &self.settings);
    }

    /// Sets whether the endpoint accepts new requests. It continues with those it has.
    pub const fn set_in_service(&mut self, in_service: bool) {
        self.in_service = in_service;
    }

    /// Replaces the scaling policies by those of other settings, from now on.
    pub const fn set_scaling(&mut self, like: &Settings) {
        self.settings.scale_from_zero_datapoints = like.scale_from_zero_datapoints;
        self.settings.scale_out_datapoints = like.scale_out_datapoints;
        self.settings.scale_in = like.scale_in;
    }

    /// Replaces the faults from now on.
    pub const fn set_faults(&mut self, faults: Faults) {
        self.faults = faults;
    }

    /// When [`advance`](Self::advance) next has something to do, if the driver reports nothing in
    /// between. `None`: the endpoint is idle, or waits for reports only.
    pub fn next_event_at(&self) -> Option<Millis> {
        if !self.actions.is_empty() {
            return Some(self.now);
        }
        self.next_internal_event_at()
    }

    /// Advances the time to `now` and returns all pending actions, including those that follow from
    /// calls and reports since the last time. A `now` in the past leaves the time unchanged.
    pub fn advance(&mut self, now: Millis) -> Vec<EndpointAction<R>> {
        self.run_until(now);
        mem::take(&mut self.actions)
    }

    /// Like [`advance`](Self::advance), but appends to a buffer that the driver can reuse.
    pub fn advance_into(&mut self, now: Millis, actions: &mut Vec<EndpointAction<R>>) {
        self.run_until(now);
        actions.append(&mut self.actions);
    }
}
