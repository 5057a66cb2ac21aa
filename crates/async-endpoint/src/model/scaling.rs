//! The scaling policies: what Application Auto Scaling does with an endpoint's metrics.
//!
//! Two policies scale out, and the larger capacity wins:
//! - **step scaling** on `HasBacklogWithoutCapacity`: adds one instance while requests wait and no
//!   instance is in service. Only this policy scales out from zero, because the per-instance metric
//!   has no value there.
//! - **target tracking** on `ApproximateBacklogSizePerInstance`: adds as many instances as bring the
//!   backlog per instance to the target.
//!
//! A third policy, on the **idle** alarm, removes everything above the minimum at once. It uses two
//! metrics, the endpoint's own backlog and the caller's count of open jobs, and acts only if both
//! were present and zero in each of its periods.
//!
//! The alarms are simplified to one datapoint at the end of each period. The idle alarm, which
//! CloudWatch evaluates every minute over the periods that end then, is not simplified. No policy
//! acts while an instance is starting: an endpoint that is `Updating` rejects a change of capacity.

use crate::settings::IDLE_PERIOD;
use crate::{Millis, ScaleIn, Settings};
use std::collections::VecDeque;

/// The metrics at the end of an alarm period.
#[derive(Clone, Copy, Debug)]
pub(super) struct MetricSample {
    pub(super) waiting: u32,
    /// Requests in the queue or on an instance: `ApproximateBacklogSize`.
    pub(super) backlog: u32,
    pub(super) in_service: u32,
    /// `DesiredInstanceCount`.
    pub(super) desired: u32,
    pub(super) no_instance_starting: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Scaler {
    /// Consecutive datapoints with a backlog and no instance in service.
    without_capacity: u32,
    /// Consecutive datapoints above the target.
    above_target: u32,
    /// Consecutive datapoints below the low threshold of target tracking.
    below_target: u32,
    /// Since when nothing waits or runs.
    idle_since: Option<Millis>,
    /// Datapoints of the open-jobs metric, the latest last; none older than the idle alarm needs.
    open_jobs: VecDeque<OpenJobsDatapoint>,
    last_step_at: Option<Millis>,
    last_scale_out_at: Option<Millis>,
    last_scale_in_at: Option<Millis>,
}

#[derive(Clone, Copy, Debug)]
struct OpenJobsDatapoint {
    at: Millis,
    open: u32,
}

impl Scaler {
    /// Clears the datapoints, but neither the cooldowns nor the time since which the endpoint has
    /// been idle: an alarm that stays in `ALARM` acts again as soon as there is something to act on.
    pub(super) fn reset_datapoints(&mut self) {
        self.without_capacity = 0;
        self.above_target = 0;
        self.below_target = 0;
    }

    /// Records whether anything waits or runs.
    pub(super) fn record_backlog(&mut self, now: Millis, backlog: u32) {
        if backlog > 0 {
            self.idle_since = None;
        } else if self.idle_since.is_none() {
            self.idle_since = Some(now);
        }
    }

    /// Records a datapoint of the caller's open-jobs metric.
    pub(super) fn record_open_jobs(&mut self, now: Millis, open: u32, s: &Settings) {
        if let ScaleIn::WhenIdle { periods } = s.scale_in {
            let alarm_window = Millis(IDLE_PERIOD.0 * u64::from(periods));
            while let Some(oldest) = self.open_jobs.front()
                && now.since(oldest.at) > alarm_window
            {
                self.open_jobs.pop_front();
            }
            self.open_jobs
                .push_back(OpenJobsDatapoint { at: now, open });
        }
    }

    /// Whether the last `periods` periods were all idle by both metrics.
    fn is_idle(&self, now: Millis, periods: u32, s: &Settings) -> bool {
        let Some(since) = self.idle_since else {
            return false;
        };
        // A minute in which anything waited or ran counts as busy.
        let minute = s.alarm_period.0.max(1);
        let first = Millis(since.0.div_ceil(minute) * minute);
        let alarm_window = Millis(IDLE_PERIOD.0 * u64::from(periods));
        if now.since(first) < alarm_window {
            return false;
        }
        let no_open_jobs = |periods_ago: u64| {
            let start = now - Millis(IDLE_PERIOD.0 * (periods_ago + 1));
            let end = start + IDLE_PERIOD;
            let first = self.open_jobs.partition_point(|point| point.at < start);
            let mut points = self
                .open_jobs
                .range(first..)
                .take_while(|point| point.at < end)
                .peekable();
            // A missing metric is not zero.
            points.peek().is_some() && points.all(|point| point.open == 0)
        };
        !s.needs_open_jobs_metric || (0..u64::from(periods)).all(no_open_jobs)
    }

    /// Evaluates one datapoint of each metric. Returns the new number of instances if it changes.
    pub(super) fn datapoint(&mut self, now: Millis, m: MetricSample, s: &Settings) -> Option<u32> {
        let target = s.backlog_per_instance_target;
        count(
            &mut self.without_capacity,
            m.waiting > 0 && m.in_service == 0,
        );
        let each = f64::from(m.backlog) / f64::from(m.in_service.max(1));
        let known = m.in_service > 0;
        count(&mut self.above_target, known && each > target);
        // Target tracking places the threshold of its low alarm 10 % below the target.
        count(&mut self.below_target, known && each < 0.9 * target);
        if !m.no_instance_starting {
            return None;
        }
        let exact = f64::from(m.backlog) / target;
        if let Some(more) = self.scale_out(now, m, whole(exact.ceil()), s) {
            return Some(more);
        }
        let fewer = match s.scale_in {
            // Rounded down: on AWS, single long invocations have lost their instance this way.
            ScaleIn::TargetTracking { datapoints } if self.below_target >= datapoints => {
                whole(exact.floor())
            }
            ScaleIn::WhenIdle { periods } if self.is_idle(now, periods, s) => 0,
            ScaleIn::TargetTracking { .. } | ScaleIn::WhenIdle { .. } | ScaleIn::Off => {
                return None;
            }
        }
        .max(s.min_instances);
        if fewer >= m.desired || !passed(now, self.last_scale_in_at, s.scale_in_cooldown) {
            return None;
        }
        self.last_scale_in_at = Some(now);
        Some(fewer)
    }

    fn scale_out(
        &mut self,
        now: Millis,
        m: MetricSample,
        wanted: u32,
        s: &Settings,
    ) -> Option<u32> {
        let step = self.without_capacity >= s.scale_from_zero_datapoints
            && passed(now, self.last_step_at, s.scale_from_zero_cooldown);
        let track = self.above_target >= s.scale_out_datapoints
            && passed(now, self.last_scale_out_at, s.scale_out_cooldown);
        let more = match (step, track) {
            (true, true) => wanted.max(m.desired + 1),
            (true, false) => m.desired + 1,
            (false, true) => wanted,
            (false, false) => return None,
        }
        .min(s.max_instances);
        if more <= m.desired {
            return None;
        }
        if step {
            self.last_step_at = Some(now);
        }
        self.last_scale_out_at = Some(now);
        Some(more)
    }
}

/// Counts consecutive datapoints for which a condition holds.
fn count(consecutive: &mut u32, holds: bool) {
    *consecutive = if holds {
        consecutive.saturating_add(1)
    } else {
        0
    };
}

fn passed(now: Millis, last: Option<Millis>, cooldown: Millis) -> bool {
    last.is_none_or(|at| now.since(at) >= cooldown)
}

/// The cast saturates, which is correct here: the limits are applied afterwards.
fn whole(instances: f64) -> u32 {
    instances as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(waiting: u32, running: u32, in_service: u32, desired: u32) -> MetricSample {
        MetricSample {
            waiting,
            backlog: waiting + running,
            in_service,
            desired,
            no_instance_starting: true,
        }
    }

    fn settings() -> Settings {
        Settings {
            max_instances: 5,
            backlog_per_instance_target: 2.0,
            scale_from_zero_datapoints: 2,
            scale_from_zero_cooldown: Millis::from_secs(300),
            ..Settings::default()
        }
    }

    fn minute(n: u64) -> Millis {
        Millis::from_secs(60 * n)
    }

    #[test]
    fn step_scaling_adds_one_instance_after_two_datapoints_without_capacity_and_then_waits_for_its_cooldown()
     {
        let (mut scaler, s) = (Scaler::default(), settings());
        let no_capacity = |desired| sample(9, 0, 0, desired);
        assert_eq!(scaler.datapoint(minute(1), no_capacity(0), &s), None);
        assert_eq!(scaler.datapoint(minute(2), no_capacity(0), &s), Some(1));
        for n in 3..7 {
            assert_eq!(scaler.datapoint(minute(n), no_capacity(1), &s), None, "{n}");
        }
        assert_eq!(scaler.datapoint(minute(7), no_capacity(1), &s), Some(2));
    }

    #[test]
    fn target_tracking_does_not_scale_out_from_zero() {
        let mut scaler = Scaler::default();
        let s = Settings {
            scale_from_zero_datapoints: u32::MAX,
            ..settings()
        };
        for n in 1..500 {
            assert_eq!(scaler.datapoint(minute(n), sample(100, 0, 0, 0), &s), None);
        }
    }

    #[test]
    fn target_tracking_scales_out_to_what_the_backlog_needs_up_to_the_maximum() {
        let (mut scaler, s) = (Scaler::default(), settings());
        let busy = |desired| sample(6, 1, 1, desired);
        assert_eq!(scaler.datapoint(minute(1), busy(1), &s), None);
        assert_eq!(scaler.datapoint(minute(2), busy(1), &s), None);
        assert_eq!(scaler.datapoint(minute(3), busy(1), &s), Some(4));
        let mut scaler = Scaler::default();
        let large_backlog = sample(1000, 1, 1, 1);
        let seen: Vec<_> = (1..=3)
            .map(|n| scaler.datapoint(minute(n), large_backlog, &s))
            .collect();
        assert_eq!(seen, [None, None, Some(5)]);
    }

    #[test]
    fn no_scaling_decision_is_made_while_an_instance_is_starting() {
        let (mut scaler, s) = (Scaler::default(), settings());
        let starting = MetricSample {
            no_instance_starting: false,
            ..sample(9, 0, 0, 1)
        };
        for n in 1..100 {
            assert_eq!(scaler.datapoint(minute(n), starting, &s), None);
        }
    }

    #[test]
    fn idle_policy_keeps_instances_with_running_requests_and_target_tracking_does_not() {
        let (idle, tracking) = (
            ScaleIn::WhenIdle { periods: 1 },
            ScaleIn::TargetTracking { datapoints: 3 },
        );
        for (scale_in, expected) in [(idle, None), (tracking, Some(0)), (ScaleIn::Off, None)] {
            let s = Settings {
                scale_in,
                ..settings()
            };
            let mut scaler = Scaler::default();
            let one_long_run = sample(0, 1, 3, 3);
            let decided = (1..=20).find_map(|n| scaler.datapoint(minute(n), one_long_run, &s));
            assert_eq!(decided, expected, "{scale_in:?}");
        }
    }

    #[test]
    fn scale_in_respects_its_cooldown_and_the_minimum() {
        let s = Settings {
            scale_in: ScaleIn::TargetTracking { datapoints: 1 },
            scale_in_cooldown: Millis::from_secs(600),
            min_instances: 1,
            ..settings()
        };
        let mut scaler = Scaler::default();
        let slack = sample(0, 5, 4, 4);
        assert_eq!(scaler.datapoint(minute(1), slack, &s), Some(2));
        let idle = sample(0, 0, 2, 2);
        for n in 2..11 {
            assert_eq!(scaler.datapoint(minute(n), idle, &s), None, "{n}");
        }
        assert_eq!(scaler.datapoint(minute(11), idle, &s), Some(1));
        assert_eq!(scaler.datapoint(minute(99), sample(0, 0, 1, 1), &s), None);
    }

    const IDLE: MetricSample = MetricSample {
        waiting: 0,
        backlog: 0,
        in_service: 2,
        desired: 2,
        no_instance_starting: true,
    };

    /// The minutes of an hour without any backlog in which the policy would stop the instances,
    /// given the open-jobs metric of each minute.
    fn scale_in_minutes(periods: u32, open_jobs: impl Fn(u64) -> Option<u32>) -> Vec<u64> {
        let s = Settings {
            scale_in: ScaleIn::WhenIdle { periods },
            scale_in_cooldown: Millis::ZERO,
            ..settings()
        };
        let mut scaler = Scaler::default();
        scaler.record_backlog(Millis(1), 0);
        let mut stopped = Vec::new();
        for n in 1..=60 {
            if let Some(open) = open_jobs(n - 1) {
                scaler.record_open_jobs(minute(n - 1) + Millis::from_secs(7), open, &s);
            }
            if scaler.datapoint(minute(n), IDLE, &s).is_some() {
                stopped.push(n);
            }
        }
        stopped
    }

    #[test]
    fn idle_alarm_needs_every_period_to_be_idle_and_stays_in_alarm_while_they_are() {
        let zero = |n: u64| (n.is_multiple_of(5)).then_some(0);
        assert_eq!(scale_in_minutes(2, zero), (11..=60).collect::<Vec<_>>());
        assert_eq!(scale_in_minutes(12, zero), [] as [u64; 0]);
    }

    #[test]
    fn an_open_job_prevents_scale_in_even_if_the_backlog_is_zero() {
        let one = |n: u64| (n.is_multiple_of(5)).then_some(1);
        assert_eq!(scale_in_minutes(1, one), [] as [u64; 0]);
        // Until the last datapoint above zero has left the alarm's evaluation window.
        let until_forty = |n: u64| (n.is_multiple_of(5)).then_some(u32::from(n <= 40));
        assert_eq!(
            scale_in_minutes(2, until_forty),
            (51..=60).collect::<Vec<_>>()
        );
    }

    #[test]
    fn missing_open_jobs_metric_prevents_scale_in() {
        assert_eq!(scale_in_minutes(1, |_| None), [] as [u64; 0]);
        // After the last datapoint the alarm stays in ALARM for no longer than one period.
        let missing_from_twenty = |n: u64| (n.is_multiple_of(5) && n < 20).then_some(0);
        assert_eq!(
            scale_in_minutes(1, missing_from_twenty),
            (6..=20).collect::<Vec<_>>()
        );
        // One missing datapoint has the same effect as one above zero.
        let one_missing = |n: u64| (n.is_multiple_of(5) && n != 30).then_some(0);
        let expected: Vec<_> = (11..=30).chain(41..=60).collect();
        assert_eq!(scale_in_minutes(2, one_missing), expected);
    }

    #[test]
    fn without_the_open_jobs_requirement_the_backlog_alone_decides() {
        let s = Settings {
            scale_in: ScaleIn::WhenIdle { periods: 1 },
            needs_open_jobs_metric: false,
            ..settings()
        };
        let mut scaler = Scaler::default();
        scaler.record_backlog(Millis(1), 0);
        let decided = (1..20).find(|n| scaler.datapoint(minute(*n), IDLE, &s) == Some(0));
        assert_eq!(decided, Some(6));
    }

    #[test]
    fn a_short_request_makes_its_whole_minute_busy() {
        let s = Settings {
            scale_in: ScaleIn::WhenIdle { periods: 1 },
            needs_open_jobs_metric: false,
            ..settings()
        };
        let mut scaler = Scaler::default();
        scaler.record_backlog(Millis::ZERO, 0);
        scaler.record_backlog(minute(2) + Millis(100), 1);
        scaler.record_backlog(minute(2) + Millis(200), 0);
        let decided = (1..20).find(|n| scaler.datapoint(minute(*n), IDLE, &s) == Some(0));
        assert_eq!(decided, Some(8));
    }
}
