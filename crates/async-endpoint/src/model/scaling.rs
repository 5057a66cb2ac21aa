//! The scaling policies: what Application Auto Scaling does with an endpoint's metrics.
//!
//! Two policies act together, and the larger wish wins on the way out:
//! - **step**, on `HasBacklogWithoutCapacity`: one instance more while requests wait and no
//!   instance is in service. Only this one leads out of zero, because the per-instance metric has
//!   no value there;
//! - **target tracking**, on `ApproximateBacklogSizePerInstance`: as many instances as bring the
//!   backlog of each to the target.
//!
//! A third, **idle**, gives everything above the minimum back at once. It goes by two figures,
//! the endpoint's own backlog and the caller's count of open jobs, and stops nothing unless both
//! were there and zero in each of its periods.
//!
//! The alarms are simplified to one sample at the end of each period; that for idleness, which
//! CloudWatch evaluates every minute over periods that end then, is not. No policy acts while an
//! instance is starting: an endpoint that is `Updating` refuses a change of capacity.

use crate::settings::IDLE_PERIOD;
use crate::{Millis, ScaleIn, Settings};
use std::collections::VecDeque;

/// What CloudWatch would hold at the end of a period.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    /// Requests in the queue.
    pub(super) waiting: u32,
    /// Requests in the queue or on an instance: `ApproximateBacklogSize`.
    pub(super) backlog: u32,
    pub(super) in_service: u32,
    /// Instances wanted by the last decision.
    pub(super) desired: u32,
    /// No instance is starting.
    pub(super) settled: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Scaler {
    starved: u32,
    high: u32,
    low: u32,
    /// Since when nothing waits or runs.
    idle_since: Option<Millis>,
    /// When how many jobs were said to be open, the latest last; nothing older than the alarm
    /// looks back.
    told: VecDeque<(Millis, u32)>,
    woke_at: Option<Millis>,
    out_at: Option<Millis>,
    in_at: Option<Millis>,
}

impl Scaler {
    /// Forgets the datapoints, not the cooldowns, and not for how long there has been nothing to
    /// do: an alarm that stays in `ALARM` acts again as soon as there is something to act on.
    pub(super) fn rest(&mut self) {
        self.starved = 0;
        self.high = 0;
        self.low = 0;
    }

    /// Takes note of whether anything waits or runs.
    pub(super) fn observe(&mut self, now: Millis, backlog: u32) {
        if backlog > 0 {
            self.idle_since = None;
        } else if self.idle_since.is_none() {
            self.idle_since = Some(now);
        }
    }

    /// Takes the caller's word for how many jobs are open.
    pub(super) fn tell(&mut self, now: Millis, open: u32, s: &Settings) {
        if let ScaleIn::WhenIdle { periods } = s.scale_in {
            let reach = Millis(IDLE_PERIOD.0 * u64::from(periods));
            while let Some((at, _)) = self.told.front()
                && now.since(*at) > reach
            {
                self.told.pop_front();
            }
            self.told.push_back((now, open));
        }
    }

    /// Whether all of the last so many periods were idle by both figures.
    fn is_idle(&self, now: Millis, periods: u32, s: &Settings) -> bool {
        let Some(since) = self.idle_since else {
            return false;
        };
        // A minute in which anything waited or ran is a busy one.
        let minute = s.alarm_period.0.max(1);
        let first = Millis(since.0.div_ceil(minute) * minute);
        let reach = Millis(IDLE_PERIOD.0 * u64::from(periods));
        if now.since(first) < reach {
            return false;
        }
        let said_so = |back: u64| {
            let start = now - Millis(IDLE_PERIOD.0 * (back + 1));
            let end = start + IDLE_PERIOD;
            let mut figures = self
                .told
                .range(self.told.partition_point(|(at, _)| *at < start)..)
                .take_while(|(at, _)| *at < end)
                .map(|(_, open)| *open)
                .peekable();
            // None is no zero.
            figures.peek().is_some() && figures.all(|open| open == 0)
        };
        !s.open_jobs_told || (0..u64::from(periods)).all(said_so)
    }

    /// Takes one datapoint of each metric and answers the new number of instances, if it changes.
    pub(super) fn datapoint(&mut self, now: Millis, m: Sample, s: &Settings) -> Option<u32> {
        let target = s.backlog_per_instance_target;
        count(&mut self.starved, m.waiting > 0 && m.in_service == 0);
        let each = f64::from(m.backlog) / f64::from(m.in_service.max(1));
        let known = m.in_service > 0;
        count(&mut self.high, known && each > target);
        // Target tracking places its low alarm a tenth under the target.
        count(&mut self.low, known && each < 0.9 * target);
        if !m.settled {
            return None;
        }
        let exact = f64::from(m.backlog) / target;
        if let Some(more) = self.scale_out(now, m, whole(exact.ceil()), s) {
            return Some(more);
        }
        let fewer = match s.scale_in {
            // Rounded down: single long runs have been seen to lose their instance this way.
            ScaleIn::TargetTracking { datapoints } if self.low >= datapoints => {
                whole(exact.floor())
            }
            ScaleIn::WhenIdle { periods } if self.is_idle(now, periods, s) => 0,
            ScaleIn::TargetTracking { .. } | ScaleIn::WhenIdle { .. } | ScaleIn::Off => {
                return None;
            }
        }
        .max(s.min_instances);
        if fewer >= m.desired || !passed(now, self.in_at, s.scale_in_cooldown) {
            return None;
        }
        self.in_at = Some(now);
        Some(fewer)
    }

    fn scale_out(&mut self, now: Millis, m: Sample, wanted: u32, s: &Settings) -> Option<u32> {
        let step = self.starved >= s.wake_datapoints && passed(now, self.woke_at, s.wake_cooldown);
        let track =
            self.high >= s.scale_out_datapoints && passed(now, self.out_at, s.scale_out_cooldown);
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
            self.woke_at = Some(now);
        }
        self.out_at = Some(now);
        Some(more)
    }
}

fn count(run: &mut u32, holds: bool) {
    *run = if holds { run.saturating_add(1) } else { 0 };
}

fn passed(now: Millis, last: Option<Millis>, cooldown: Millis) -> bool {
    last.is_none_or(|at| now.since(at) >= cooldown)
}

/// A float cast saturates, which is right here: the limits are applied afterwards.
fn whole(instances: f64) -> u32 {
    instances as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(waiting: u32, running: u32, in_service: u32, desired: u32) -> Sample {
        Sample {
            waiting,
            backlog: waiting + running,
            in_service,
            desired,
            settled: true,
        }
    }

    fn settings() -> Settings {
        Settings {
            max_instances: 5,
            backlog_per_instance_target: 2.0,
            wake_datapoints: 2,
            wake_cooldown: Millis::from_secs(300),
            ..Settings::default()
        }
    }

    fn minute(n: u64) -> Millis {
        Millis::from_secs(60 * n)
    }

    #[test]
    fn the_second_starved_minute_wakes_one_instance_and_the_cooldown_holds_the_next() {
        let (mut scaler, s) = (Scaler::default(), settings());
        let starved = |desired| sample(9, 0, 0, desired);
        assert_eq!(scaler.datapoint(minute(1), starved(0), &s), None);
        assert_eq!(scaler.datapoint(minute(2), starved(0), &s), Some(1));
        for n in 3..7 {
            assert_eq!(scaler.datapoint(minute(n), starved(1), &s), None, "{n}");
        }
        assert_eq!(scaler.datapoint(minute(7), starved(1), &s), Some(2));
    }

    #[test]
    fn target_tracking_cannot_leave_zero() {
        let mut scaler = Scaler::default();
        let s = Settings {
            wake_datapoints: u32::MAX,
            ..settings()
        };
        for n in 1..500 {
            assert_eq!(scaler.datapoint(minute(n), sample(100, 0, 0, 0), &s), None);
        }
    }

    #[test]
    fn target_tracking_asks_for_what_the_backlog_needs_up_to_the_maximum() {
        let (mut scaler, s) = (Scaler::default(), settings());
        let busy = |desired| sample(6, 1, 1, desired);
        assert_eq!(scaler.datapoint(minute(1), busy(1), &s), None);
        assert_eq!(scaler.datapoint(minute(2), busy(1), &s), None);
        assert_eq!(scaler.datapoint(minute(3), busy(1), &s), Some(4));
        let mut scaler = Scaler::default();
        let swamped = sample(1000, 1, 1, 1);
        let seen: Vec<_> = (1..=3)
            .map(|n| scaler.datapoint(minute(n), swamped, &s))
            .collect();
        assert_eq!(seen, [None, None, Some(5)]);
    }

    #[test]
    fn nothing_is_decided_while_an_instance_starts() {
        let (mut scaler, s) = (Scaler::default(), settings());
        let starting = Sample {
            settled: false,
            ..sample(9, 0, 0, 1)
        };
        for n in 1..100 {
            assert_eq!(scaler.datapoint(minute(n), starting, &s), None);
        }
    }

    #[test]
    fn scale_in_by_idleness_spares_running_work_and_by_tracking_does_not() {
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
    fn scale_in_waits_for_its_cooldown_and_stops_at_the_minimum() {
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

    const IDLE: Sample = Sample {
        waiting: 0,
        backlog: 0,
        in_service: 2,
        desired: 2,
        settled: true,
    };

    /// The minutes, of an hour without any backlog from its first second on, in which the
    /// instances would be stopped, if figures were told as said.
    fn stopped_at(periods: u32, told: impl Fn(u64) -> Option<u32>) -> Vec<u64> {
        let s = Settings {
            scale_in: ScaleIn::WhenIdle { periods },
            scale_in_cooldown: Millis::ZERO,
            ..settings()
        };
        let mut scaler = Scaler::default();
        scaler.observe(Millis(1), 0);
        let mut stopped = Vec::new();
        for n in 1..=60 {
            if let Some(open) = told(n - 1) {
                scaler.tell(minute(n - 1) + Millis::from_secs(7), open, &s);
            }
            if scaler.datapoint(minute(n), IDLE, &s).is_some() {
                stopped.push(n);
            }
        }
        stopped
    }

    #[test]
    fn idleness_needs_every_period_and_goes_on_for_as_long_as_it_lasts() {
        let zero = |n: u64| (n.is_multiple_of(5)).then_some(0);
        assert_eq!(stopped_at(2, zero), (11..=60).collect::<Vec<_>>());
        assert_eq!(stopped_at(12, zero), [] as [u64; 0]);
    }

    #[test]
    fn an_open_job_keeps_instances_though_the_backlog_says_zero() {
        let one = |n: u64| (n.is_multiple_of(5)).then_some(1);
        assert_eq!(stopped_at(1, one), [] as [u64; 0]);
        // Until the last figure that was not zero is older than the alarm looks back.
        let until_forty = |n: u64| (n.is_multiple_of(5)).then_some(u32::from(n <= 40));
        assert_eq!(stopped_at(2, until_forty), (51..=60).collect::<Vec<_>>());
    }

    #[test]
    fn without_a_figure_nothing_is_stopped() {
        assert_eq!(stopped_at(1, |_| None), [] as [u64; 0]);
        // Who falls silent is believed for no longer than a period.
        let silent_from_twenty = |n: u64| (n.is_multiple_of(5) && n < 20).then_some(0);
        assert_eq!(
            stopped_at(1, silent_from_twenty),
            (6..=20).collect::<Vec<_>>()
        );
        // One figure that is not there is as good as one that is not zero.
        let one_left_out = |n: u64| (n.is_multiple_of(5) && n != 30).then_some(0);
        let expected: Vec<_> = (11..=30).chain(41..=60).collect();
        assert_eq!(stopped_at(2, one_left_out), expected);
    }

    #[test]
    fn a_driver_that_nobody_tells_goes_by_its_own_backlog() {
        let s = Settings {
            scale_in: ScaleIn::WhenIdle { periods: 1 },
            open_jobs_told: false,
            ..settings()
        };
        let mut scaler = Scaler::default();
        scaler.observe(Millis(1), 0);
        let decided = (1..20).find(|n| scaler.datapoint(minute(*n), IDLE, &s) == Some(0));
        assert_eq!(decided, Some(6));
    }

    #[test]
    fn a_job_of_a_second_makes_its_minute_a_busy_one() {
        let s = Settings {
            scale_in: ScaleIn::WhenIdle { periods: 1 },
            open_jobs_told: false,
            ..settings()
        };
        let mut scaler = Scaler::default();
        scaler.observe(Millis::ZERO, 0);
        scaler.observe(minute(2) + Millis(100), 1);
        scaler.observe(minute(2) + Millis(200), 0);
        let decided = (1..20).find(|n| scaler.datapoint(minute(*n), IDLE, &s) == Some(0));
        assert_eq!(decided, Some(8));
    }
}
