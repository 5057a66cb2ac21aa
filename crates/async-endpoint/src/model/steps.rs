//! What the endpoint does between the calls on it: timers, scaling, dispatch, the ends of requests.

use super::Endpoint;
use super::action::{Abandoned, Action, Failure, Notice, Outcome, Stopped};
use super::fleet::{InstanceId, Phase};
use super::scaling::Sample;
use super::table::{Entry, RequestId, RunId, Stage};
use super::timers::Timer;
use crate::{Millis, ScaleIn};

impl<R: Clone> Endpoint<R> {
    pub(super) fn run_until(&mut self, now: Millis) {
        while let Some(at) = match (self.timers.next_at(), self.tick_at) {
            (Some(timer), Some(tick)) => Some(timer.min(tick)),
            (timer, tick) => timer.or(tick),
        } && at <= now
        {
            self.now = self.now.max(at);
            if self.timers.next_at() == Some(at) {
                if let Some(timer) = self.timers.pop() {
                    self.fire(timer);
                }
            } else {
                self.tick_at = None;
                self.take_datapoint();
            }
            self.settle();
        }
        self.now = self.now.max(now);
    }

    pub(super) fn fire(&mut self, timer: Timer<R>) {
        match timer {
            Timer::Expire(id) => {
                if self.requests.get(id).is_some_and(Entry::waits) {
                    self.waiting -= 1;
                    self.expire(id);
                }
            }
            Timer::Timeout(run) => {
                if let Some(entry) = self.requests.run_mut(run)
                    && let Stage::Running { instance } = entry.stage
                {
                    let why = Abandoned::TimedOut;
                    self.actions.push(Action::Abandon { run, why });
                    self.release(instance, run.request);
                    self.fail(run.request, Failure::TimedOut);
                }
            }
            Timer::ColdStartOver(instance) => self.cold_start_over(instance),
            Timer::Kill(instance) => self.stop(instance, Stopped::Lost),
            Timer::Warm(begins) => self.warm_hours(begins),
            Timer::Publish(notice) => self.actions.push(Action::Publish(*notice)),
        }
    }

    /// Does what every change may have made possible or due: starts runs, replaces instances,
    /// sets the next datapoint, forgets dead timers.
    pub(super) fn settle(&mut self) {
        while self.fleet.len() < self.desired {
            let instance = self.fleet.start(self.now, Phase::Starting);
            let ready_at = self.now + self.settings.cold_start;
            self.timers.set(ready_at, Timer::ColdStartOver(instance));
            self.actions
                .push(Action::InstanceStarting { instance, ready_at });
        }
        self.dispatch();
        self.scaler.observe(self.now, self.waiting + self.running);
        if self.at_rest() {
            self.scaler.rest();
            self.tick_at = None;
        } else if self.tick_at.is_none() {
            let period = self.settings.alarm_period.0.max(1);
            self.tick_at = Some(Millis((self.now.0 / period + 1) * period));
        }
        let (requests, fleet) = (&self.requests, &self.fleet);
        self.timers.prune(|timer| match timer {
            Timer::Expire(id) => requests.get(*id).is_some(),
            Timer::Timeout(run) => requests.get(run.request).is_some_and(|entry| {
                entry.delivery == run.delivery && matches!(entry.stage, Stage::Running { .. })
            }),
            Timer::ColdStartOver(id) | Timer::Kill(id) => fleet.get(*id).is_some(),
            Timer::Warm(_) | Timer::Publish(_) => true,
        });
    }

    /// Sets the limits, and brings the number of instances between them.
    pub(super) fn limit(&mut self, min_instances: u32, max_instances: u32) {
        self.settings.min_instances = min_instances;
        self.settings.max_instances = max_instances.max(min_instances);
        let wanted = self
            .desired
            .clamp(min_instances, self.settings.max_instances);
        self.set_desired(wanted);
    }

    /// Sets the timer for the next beginning or end of warm hours, at `from` or later.
    pub(super) fn plan_warm_hours(&mut self, from: Millis) {
        if let Some(warm) = self.settings.warm {
            let (at, begins) = warm.next(from);
            self.timers.set(at, Timer::Warm(begins));
        }
    }

    /// Carries out a scheduled action, which says nothing of the maximum: a minimum above it is
    /// cut down to it.
    fn warm_hours(&mut self, begin: bool) {
        if let Some(warm) = self.settings.warm {
            let least = if begin { warm.instances } else { self.cool_min };
            let most = self.settings.max_instances;
            self.limit(least.min(most), most);
        }
        self.plan_warm_hours(self.now + Millis(1));
    }

    /// Nothing that a scaling policy could still act on.
    pub(super) fn at_rest(&self) -> bool {
        let capacity_stays =
            self.settings.scale_in == ScaleIn::Off || self.desired == self.settings.min_instances;
        self.waiting == 0 && self.running == 0 && capacity_stays
    }

    pub(super) fn dispatch(&mut self) {
        while self.waiting > 0 {
            let concurrency = self.settings.max_concurrent_per_instance;
            let Some(free) = self.fleet.free(concurrency) else {
                return;
            };
            let Some(id) = self.queue.pop_front() else {
                return;
            };
            let Some(entry) = self.requests.get_mut(id).filter(|e| e.waits()) else {
                continue;
            };
            let instance = free.id;
            free.running.push(id);
            self.waiting -= 1;
            self.running += 1;
            entry.delivery += 1;
            entry.stage = Stage::Running { instance };
            let run = RunId {
                request: id,
                delivery: entry.delivery,
            };
            let timeout = self.now + entry.timeout.max(self.settings.shortest_timeout);
            let request = entry.payload.clone();
            self.timers.set(timeout, Timer::Timeout(run));
            self.actions.push(Action::StartInvocation {
                run,
                instance,
                request,
            });
            if self.faults.kill_instance.strikes(&mut self.rng) {
                let after = Millis(self.rng.up_to(self.faults.kill_within.0));
                self.timers.set(self.now + after, Timer::Kill(instance));
            }
        }
    }

    pub(super) fn take_datapoint(&mut self) {
        let sample = Sample {
            waiting: self.waiting,
            backlog: self.waiting + self.running,
            in_service: self.fleet.in_service(),
            desired: self.desired,
            settled: self.fleet.in_service() == self.fleet.len(),
        };
        if let Some(desired) = self.scaler.datapoint(self.now, sample, &self.settings) {
            self.set_desired(desired);
        }
    }

    pub(super) fn set_desired(&mut self, desired: u32) {
        if desired == self.desired {
            return;
        }
        self.desired = desired;
        self.actions.push(Action::TestNotification);
        while self.fleet.len() > desired
            && let Some(instance) = self.fleet.surplus()
        {
            self.stop(instance, Stopped::ScaleIn);
        }
    }

    pub(super) fn cold_start_over(&mut self, instance: InstanceId) {
        let Some(found) = self.fleet.get_mut(instance) else {
            return;
        };
        if self.settings.health_checks {
            found.phase = Phase::Checking;
            self.actions.push(Action::CheckHealth { instance });
        } else {
            found.phase = Phase::InService;
            self.actions.push(Action::InstanceInService { instance });
        }
    }

    pub(super) fn stop(&mut self, instance: InstanceId, why: Stopped) {
        let Some(gone) = self.fleet.remove(self.now, instance) else {
            return;
        };
        self.actions.push(Action::InstanceStopped { instance, why });
        for id in gone.running {
            self.running -= 1;
            self.redeliver(id);
        }
    }

    /// Only a lost instance brings a request back; an application error never does (AWS: async
    /// inference troubleshooting). The TTL still counts from the first acceptance.
    pub(super) fn redeliver(&mut self, id: RequestId) {
        let Some(entry) = self.requests.get_mut(id) else {
            return;
        };
        entry.stage = Stage::Waiting;
        let run = RunId {
            request: id,
            delivery: entry.delivery,
        };
        let why = Abandoned::InstanceGone;
        self.actions.push(Action::Abandon { run, why });
        if entry.expires_at <= self.now {
            self.expire(id);
            return;
        }
        let request = entry.payload.clone();
        self.actions.push(Action::Redelivered { request });
        self.stats.redelivered += 1;
        self.queue.push_back(id);
        self.waiting += 1;
    }

    pub(super) fn release(&mut self, instance: InstanceId, id: RequestId) {
        self.fleet.release(instance, id);
        self.running -= 1;
    }

    pub(super) fn expire(&mut self, id: RequestId) {
        let Some(entry) = self.requests.get(id) else {
            return;
        };
        let request = entry.payload.clone();
        self.actions.push(Action::Expired { request });
        if self.settings.announce_expiry {
            self.fail(id, Failure::Expired);
        } else {
            self.stats.expired += 1;
            self.requests.remove(id);
        }
        while self
            .queue
            .front()
            .is_some_and(|front| !self.requests.get(*front).is_some_and(Entry::waits))
        {
            self.queue.pop_front();
        }
    }

    pub(super) fn fail(&mut self, id: RequestId, failure: Failure) {
        let Some(entry) = self.requests.get_mut(id) else {
            return;
        };
        match failure {
            Failure::Expired => self.stats.expired += 1,
            _ => self.stats.failed += 1,
        }
        let outcome = Outcome::Failed(failure);
        if !self.settings.failure_objects {
            self.conclude(id, outcome);
            return;
        }
        entry.stage = Stage::StoringFailure { outcome };
        self.actions.push(Action::PutFailure {
            run: RunId {
                request: id,
                delivery: entry.delivery,
            },
            request: entry.payload.clone(),
            failure,
        });
    }

    /// Ends a request and announces it, as well as the faults allow.
    pub(super) fn conclude(&mut self, id: RequestId, outcome: Outcome) {
        let Some(entry) = self.requests.remove(id) else {
            return;
        };
        let notice = Notice {
            request: entry.payload,
            outcome,
            received_at: entry.accepted_at,
            finished_at: self.now,
        };
        if self.faults.lose_notification.strikes(&mut self.rng) {
            self.stats.notifications_lost += 1;
            self.actions.push(Action::NotificationLost(notice));
            return;
        }
        if self.faults.double_notification.strikes(&mut self.rng) {
            self.publish(notice.clone());
        }
        self.publish(notice);
    }

    pub(super) fn publish(&mut self, notice: Notice<R>) {
        if self.faults.delay_notification.strikes(&mut self.rng) {
            let delay = Millis(self.rng.up_to(self.faults.longest_delay.0));
            self.timers
                .set(self.now + delay, Timer::Publish(Box::new(notice)));
        } else {
            self.actions.push(Action::Publish(notice));
        }
    }
}
