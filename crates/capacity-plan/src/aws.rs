//! AWS's policies as `infra/endpoint.yaml` configures them: step scaling from zero, target tracking, and all instances
//! above the minimum stop when idle. Alarms have one datapoint a minute.

use crate::arrivals::MINUTE;
use crate::fleet::Fleet;
use crate::settings::{EndpointTraits, ScalingSettings};

/// Datapoints of the alarm of target tracking.
const SCALE_OUT_DATAPOINTS: u32 = 3;
/// The idle alarm's period: how often the reconciler counts open jobs.
const IDLE_PERIOD: u64 = 5 * MINUTE;

#[derive(Debug)]
pub(crate) struct AwsPolicies {
    target: u32,
    idle_ms: u64,
    above_target: u32,
    idle_since: Option<u64>,
    last_step_at: Option<u64>,
    last_scale_out_at: Option<u64>,
    last_scale_in_at: Option<u64>,
    /// When the reconciler last counted an open job.
    last_open_at: Option<u64>,
}

impl AwsPolicies {
    pub(crate) fn new(target: u32, idle_minutes: u32) -> Self {
        Self {
            target: target.max(1),
            idle_ms: u64::from(idle_minutes) * MINUTE,
            above_target: 0,
            idle_since: Some(0),
            last_step_at: None,
            last_scale_out_at: None,
            last_scale_in_at: None,
            last_open_at: None,
        }
    }

    /// Whether something waits or runs. Called after each change.
    pub(crate) const fn record_backlog(&mut self, now: u64, backlog: u32) {
        if backlog > 0 {
            self.idle_since = None;
        } else if self.idle_since.is_none() {
            self.idle_since = Some(now);
        }
    }

    /// The reconciler counts the open jobs.
    pub(crate) const fn count_open(&mut self, now: u64, open: u32) {
        if open > 0 {
            self.last_open_at = Some(now);
        }
    }

    /// A datapoint of each metric: the new number of instances, if it changes.
    pub(crate) fn datapoint(
        &mut self,
        now: u64,
        fleet: &Fleet,
        min: u32,
        settings: &ScalingSettings,
        endpoint: &EndpointTraits,
    ) -> Option<u32> {
        let in_service = fleet.in_service();
        let without_capacity = fleet.waiting() > 0 && in_service == 0;
        let high = u64::from(self.target) * u64::from(in_service);
        let above = in_service > 0 && u64::from(fleet.backlog()) > high;
        self.above_target = if above { self.above_target + 1 } else { 0 };
        if fleet.is_updating() {
            return None;
        }
        let count = fleet.count();
        let step = without_capacity
            && passed(now, self.last_step_at, endpoint.scale_from_zero_cooldown_ms);
        let track = self.above_target >= SCALE_OUT_DATAPOINTS
            && passed(now, self.last_scale_out_at, endpoint.scale_out_cooldown_ms);
        let tracked = if track {
            fleet.backlog().div_ceil(self.target)
        } else {
            0
        };
        let stepped = if step { count + 1 } else { 0 };
        let more = tracked.max(stepped).min(settings.max_instances);
        if more > count {
            self.last_scale_out_at = Some(now);
            if step {
                self.last_step_at = Some(now);
            }
            return Some(more);
        }
        let can_fall =
            count > min && passed(now, self.last_scale_in_at, endpoint.scale_in_cooldown_ms);
        if self.is_idle(now) && can_fall {
            self.last_scale_in_at = Some(now);
            return Some(min);
        }
        None
    }

    pub(crate) const fn reset(&mut self) {
        self.above_target = 0;
    }

    fn is_idle(&self, now: u64) -> bool {
        let Some(since) = self.idle_since else {
            return false;
        };
        // A minute in which anything waited or ran counts as busy.
        let first = since.div_ceil(MINUTE) * MINUTE;
        let window = self.idle_ms.max(IDLE_PERIOD);
        let counted = self.last_open_at.is_some_and(|at| now - at <= window);
        now.saturating_sub(first) >= window && !counted
    }
}

fn passed(now: u64, last: Option<u64>, cooldown: u64) -> bool {
    last.is_none_or(|at| now - at >= cooldown)
}
