//! What the endpoint does on its own: timers, scaling, dispatch, the end of requests.

use super::Endpoint;
use super::action::{
    AbandonReason, EndpointAction, InvocationFailure, InvocationStatus, ResultNotification,
    StopReason,
};
use super::fleet::{InstanceId, InstanceStatus};
use super::scaling::MetricSample;
use super::table::{OpenRequest, RequestId, RequestStage, RunId};
use super::timers::Timer;
use crate::{Millis, ScaleIn, WarmHoursChange};

impl<R: Clone> Endpoint<R> {
    /// When the next timer fires or the next datapoint is due.
    pub(super) fn next_internal_event_at(&self) -> Option<Millis> {
        match (self.timers.next_at(), self.next_datapoint_at) {
            (Some(timer), Some(datapoint)) => Some(timer.min(datapoint)),
            (timer, datapoint) => timer.or(datapoint),
        }
    }

    pub(super) fn run_until(&mut self, now: Millis) {
        while let Some(at) = self.next_internal_event_at()
            && at <= now
        {
            self.now = self.now.max(at);
            if self.timers.next_at() == Some(at) {
                if let Some(timer) = self.timers.pop() {
                    self.fire(timer);
                }
            } else {
                self.next_datapoint_at = None;
                self.take_datapoint();
            }
            self.settle();
        }
        self.now = self.now.max(now);
    }

    pub(super) fn fire(&mut self, timer: Timer<R>) {
        match timer {
            Timer::RequestExpiry(id) => {
                if self.requests.get(id).is_some_and(OpenRequest::is_waiting) {
                    self.waiting -= 1;
                    self.expire(id);
                }
            }
            Timer::InvocationTimeout(run) => {
                if let Some(open) = self.requests.run_mut(run)
                    && let RequestStage::Running { instance } = open.stage
                {
                    let reason = AbandonReason::TimedOut;
                    self.actions.push(EndpointAction::Abandon { run, reason });
                    self.release(instance, run.request);
                    self.fail(run.request, InvocationFailure::TimedOut);
                }
            }
            Timer::ColdStartEnd(instance) => self.end_cold_start(instance),
            Timer::InstanceFailure(instance) => self.stop(instance, StopReason::Lost),
            Timer::WarmHours(change) => self.change_warm_hours(change),
            Timer::Publish(notification) => {
                self.actions.push(EndpointAction::Publish(*notification))
            }
        }
    }

    /// Runs after every change: starts missing instances, dispatches requests, schedules the next
    /// datapoint, removes obsolete timers.
    pub(super) fn settle(&mut self) {
        while self.fleet.len() < self.desired_instances {
            let (priority, searched) = self.find_capacity();
            let found_at = self.now + searched;
            let instance = self
                .fleet
                .start(found_at, InstanceStatus::Starting, priority);
            let ready_at = match priority {
                Some(_) => found_at + self.settings.cold_start,
                None => found_at,
            };
            self.timers.set(ready_at, Timer::ColdStartEnd(instance));
            self.actions
                .push(EndpointAction::InstanceStarting { instance, ready_at });
        }
        self.dispatch();
        self.scaler
            .record_backlog(self.now, self.waiting + self.running);
        if self.is_idle() {
            self.scaler.reset_datapoints();
            self.next_datapoint_at = None;
        } else if self.next_datapoint_at.is_none() {
            let period = self.settings.alarm_period.0.max(1);
            self.next_datapoint_at = Some(Millis((self.now.0 / period + 1) * period));
        }
        let (requests, fleet) = (&self.requests, &self.fleet);
        self.timers.prune(|timer| match timer {
            Timer::RequestExpiry(id) => requests.get(*id).is_some(),
            Timer::InvocationTimeout(run) => requests.get(run.request).is_some_and(|open| {
                open.delivery == run.delivery && matches!(open.stage, RequestStage::Running { .. })
            }),
            Timer::ColdStartEnd(id) | Timer::InstanceFailure(id) => fleet.get(*id).is_some(),
            Timer::WarmHours(_) | Timer::Publish(_) => true,
        });
    }

    /// Sets the limits and brings the number of instances within them.
    pub(super) fn apply_instance_limits(&mut self, min_instances: u32, max_instances: u32) {
        self.settings.min_instances = min_instances;
        self.settings.max_instances = max_instances.max(min_instances);
        let wanted = self
            .desired_instances
            .clamp(min_instances, self.settings.max_instances);
        self.set_desired(wanted);
    }

    /// Sets the timer for the next start or end of warm hours, at `from` or later.
    pub(super) fn schedule_warm_hours(&mut self, from: Millis) {
        if let Some(warm) = self.settings.warm_hours {
            let (at, change) = warm.next_change(from);
            self.timers.set(at, Timer::WarmHours(change));
        }
    }

    /// Carries out a scheduled action, which sets the minimum only: it is reduced to the maximum if
    /// it is above that.
    fn change_warm_hours(&mut self, change: WarmHoursChange) {
        if let Some(warm) = self.settings.warm_hours {
            let min = match change {
                WarmHoursChange::Start => warm.instances,
                WarmHoursChange::End => self.base_min_instances,
            };
            let max = self.settings.max_instances;
            self.apply_instance_limits(min.min(max), max);
        }
        self.schedule_warm_hours(self.now + Millis(1));
    }

    /// Whether no scaling policy could change anything.
    pub(super) fn is_idle(&self) -> bool {
        let capacity_is_final = self.settings.scale_in == ScaleIn::Off
            || self.desired_instances == self.settings.min_instances;
        self.waiting == 0 && self.running == 0 && capacity_is_final
    }

    pub(super) fn dispatch(&mut self) {
        while self.waiting > 0 {
            let max_concurrent = self.settings.max_concurrent_per_instance;
            let Some(free) = self.fleet.least_busy(max_concurrent) else {
                return;
            };
            let Some(id) = self.queue.pop_front() else {
                return;
            };
            let Some(open) = self.requests.get_mut(id).filter(|open| open.is_waiting()) else {
                continue;
            };
            let instance = free.id;
            free.running.push(id);
            self.waiting -= 1;
            self.running += 1;
            open.delivery += 1;
            open.stage = RequestStage::Running { instance };
            let run = RunId {
                request: id,
                delivery: open.delivery,
            };
            let timeout = self.now + open.timeout.max(self.settings.min_invocation_timeout);
            let request = open.payload.clone();
            self.timers.set(timeout, Timer::InvocationTimeout(run));
            self.actions.push(EndpointAction::StartInvocation {
                run,
                instance,
                request,
            });
            if self.faults.kill_instance.occurs(&mut self.rng) {
                let after = Millis(self.rng.up_to(self.faults.max_kill_delay.0));
                self.timers
                    .set(self.now + after, Timer::InstanceFailure(instance));
            }
        }
    }

    pub(super) fn take_datapoint(&mut self) {
        let sample = MetricSample {
            waiting: self.waiting,
            backlog: self.waiting + self.running,
            in_service: self.fleet.in_service(),
            desired: self.desired_instances,
            no_instance_starting: !self.is_updating(),
        };
        if let Some(desired) = self.scaler.datapoint(self.now, sample, &self.settings) {
            self.set_desired(desired);
        }
    }

    pub(super) fn set_desired(&mut self, desired: u32) {
        if desired == self.desired_instances {
            return;
        }
        self.desired_instances = desired;
        self.actions.push(EndpointAction::TestNotification);
        while self.fleet.len() > desired
            && let Some(instance) = self.fleet.scale_in_candidate()
        {
            self.stop(instance, StopReason::ScaleIn);
        }
    }

    pub(super) fn end_cold_start(&mut self, instance: InstanceId) {
        let Some(found) = self.fleet.get_mut(instance) else {
            return;
        };
        if found.priority.is_none() {
            // Scaling asks again, unless the minimum does.
            let fewer = self.desired_instances.saturating_sub(1);
            self.desired_instances = fewer.max(self.settings.min_instances);
            self.stop(instance, StopReason::NoCapacity);
        } else if self.settings.health_checks {
            found.status = InstanceStatus::HealthCheck;
            self.actions.push(EndpointAction::CheckHealth { instance });
        } else {
            found.status = InstanceStatus::InService;
            self.actions
                .push(EndpointAction::InstanceInService { instance });
        }
    }

    pub(super) fn stop(&mut self, instance: InstanceId, reason: StopReason) {
        let Some(stopped) = self.fleet.remove(self.now, instance) else {
            return;
        };
        self.actions
            .push(EndpointAction::InstanceStopped { instance, reason });
        for id in stopped.running {
            self.running -= 1;
            self.redeliver(id);
        }
    }

    /// Returns a request to the queue because its instance stopped; an application error never does
    /// that (SageMaker developer guide, asynchronous inference troubleshooting). The TTL still counts
    /// from the time of acceptance.
    pub(super) fn redeliver(&mut self, id: RequestId) {
        let Some(open) = self.requests.get_mut(id) else {
            return;
        };
        open.stage = RequestStage::Waiting;
        let run = RunId {
            request: id,
            delivery: open.delivery,
        };
        let reason = AbandonReason::InstanceStopped;
        self.actions.push(EndpointAction::Abandon { run, reason });
        if open.expires_at <= self.now {
            self.expire(id);
            return;
        }
        let request = open.payload.clone();
        self.actions.push(EndpointAction::Redelivered { request });
        self.stats.redelivered += 1;
        self.queue.push_back(id);
        self.waiting += 1;
    }

    pub(super) fn release(&mut self, instance: InstanceId, id: RequestId) {
        self.fleet.release(instance, id);
        self.running -= 1;
    }

    pub(super) fn expire(&mut self, id: RequestId) {
        let Some(open) = self.requests.get(id) else {
            return;
        };
        let request = open.payload.clone();
        self.actions.push(EndpointAction::Expired { request });
        if self.settings.notify_on_expiry {
            self.fail(id, InvocationFailure::Expired);
        } else {
            self.stats.expired += 1;
            self.requests.remove(id);
        }
        while self.queue.front().is_some_and(|front| {
            !self
                .requests
                .get(*front)
                .is_some_and(OpenRequest::is_waiting)
        }) {
            self.queue.pop_front();
        }
    }

    pub(super) fn fail(&mut self, id: RequestId, failure: InvocationFailure) {
        let Some(open) = self.requests.get_mut(id) else {
            return;
        };
        match failure {
            InvocationFailure::Expired => self.stats.expired += 1,
            _ => self.stats.failed += 1,
        }
        let status = InvocationStatus::Failed(failure);
        if !self.settings.failure_objects {
            self.end_request(id, status);
            return;
        }
        open.stage = RequestStage::StoringFailure { status };
        self.actions.push(EndpointAction::PutFailure {
            run: RunId {
                request: id,
                delivery: open.delivery,
            },
            request: open.payload.clone(),
            failure,
        });
    }

    /// Ends a request and publishes its notification, subject to the faults.
    pub(super) fn end_request(&mut self, id: RequestId, status: InvocationStatus) {
        let Some(open) = self.requests.remove(id) else {
            return;
        };
        let notification = ResultNotification {
            request: open.payload,
            status,
            received_at: open.accepted_at,
            finished_at: self.now,
        };
        if self.faults.lose_notification.occurs(&mut self.rng) {
            self.stats.notifications_lost += 1;
            self.actions
                .push(EndpointAction::NotificationLost(notification));
            return;
        }
        if self.faults.duplicate_notification.occurs(&mut self.rng) {
            self.publish(notification.clone());
        }
        self.publish(notification);
    }

    pub(super) fn publish(&mut self, notification: ResultNotification<R>) {
        if self.faults.delay_notification.occurs(&mut self.rng) {
            let delay = Millis(self.rng.up_to(self.faults.max_notification_delay.0));
            self.timers
                .set(self.now + delay, Timer::Publish(Box::new(notification)));
        } else {
            self.actions.push(EndpointAction::Publish(notification));
        }
    }
}
