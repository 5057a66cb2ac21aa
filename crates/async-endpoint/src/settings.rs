//! What an endpoint is configured to do: capacity, scaling policies, cold start, reporting.
//!
//! The numbers that a deployment chooses come from the CloudFormation parameter file of the
//! pipeline ([`Parameters::parse`]); the rest are defaults of AWS or of the endpoint template.

mod parameters;
mod warm;

pub use parameters::{ParameterError, Parameters};
pub use warm::{Days, WarmHours};

use crate::Millis;

/// Period of the template's alarm `idle`, that of the reconciler's runs: in each there must be a
/// figure of open jobs.
pub(crate) const IDLE_PERIOD: Millis = Millis::from_secs(300);

/// How the endpoint behaves. Plain numbers, so that a simulation can copy it freely.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Instances kept even when there is nothing to do. Async endpoints may go to 0.
    pub min_instances: u32,
    /// Instances never exceeded.
    pub max_instances: u32,
    /// `MaxConcurrentInvocationsPerInstance`, 1–1000: requests one instance works on at a time.
    pub max_concurrent_per_instance: u32,
    /// Target value of target tracking on `ApproximateBacklogSizePerInstance`
    /// (waiting and running requests by instance in service).
    pub backlog_per_instance_target: f64,
    /// Least time between two scale-outs by target tracking.
    pub scale_out_cooldown: Millis,
    /// Least time between two scale-ins.
    pub scale_in_cooldown: Millis,
    /// Length of one datapoint of every scaling alarm but that for idleness, whose datapoints are
    /// five minutes long.
    pub alarm_period: Millis,
    /// Consecutive datapoints above the target before target tracking scales out.
    pub scale_out_datapoints: u32,
    /// How instances are given back.
    pub scale_in: ScaleIn,
    /// Whether [`ScaleIn::WhenIdle`] also wants the caller's own figure of open jobs
    /// ([`Endpoint::tell_open_jobs`](crate::Endpoint::tell_open_jobs)), as the deployed alarm does.
    /// Without a figure nothing is stopped. Off for a driver that nobody tells: it goes by its own
    /// backlog.
    pub open_jobs_told: bool,
    /// Hours in which more instances are kept.
    pub warm: Option<WarmHours>,
    /// Consecutive datapoints of `HasBacklogWithoutCapacity` = 1 before the step policy adds one
    /// instance to an endpoint that has none.
    pub wake_datapoints: u32,
    /// Least time between two steps of that policy.
    pub wake_cooldown: Millis,
    /// From the decision to add an instance to its first invocation: provisioning, image, model.
    pub cold_start: Millis,
    /// Whether an instance must be reported healthy by the driver
    /// ([`Endpoint::instance_ready`](crate::Endpoint::instance_ready)) before it takes work.
    /// A simulation leaves it off; a driver with a real container pings it first.
    pub health_checks: bool,
    /// Whether a request that outlived its TTL in the queue is reported on the error topic.
    /// AWS documents a metric (`ExpiredRequests`); whether it also notifies is not documented,
    /// so callers must be right with either.
    pub announce_expiry: bool,
    /// No run times out sooner than this, whatever its request says. For drivers whose model time
    /// runs faster than their container can.
    pub shortest_timeout: Millis,
    /// Whether failures leave an object, that is, whether `S3FailurePath` is configured.
    pub failure_objects: bool,
}

/// How capacity is given back when the work is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScaleIn {
    /// By target tracking: backlog per instance under 90 % of the target for so many datapoints.
    /// It looks at the average only, so it can stop an instance in the middle of an invocation.
    TargetTracking {
        /// Consecutive low datapoints; AWS creates the alarm with 15 of one minute.
        datapoints: u32,
    },
    /// Only once nothing waits or runs, and no job is known to be open, for so many periods of
    /// five minutes; running work is never stopped.
    WhenIdle {
        /// Consecutive periods, each of which must show it: 1–288, a day.
        periods: u32,
    },
    /// Never: capacity stays until something else takes it away.
    Off,
}

impl Default for Settings {
    /// One instance at most, from zero, one request at a time.
    fn default() -> Self {
        Self {
            min_instances: 0,
            max_instances: 1,
            max_concurrent_per_instance: 1,
            backlog_per_instance_target: 1.0,
            scale_out_cooldown: Millis::from_secs(300),
            scale_in_cooldown: Millis::from_secs(600),
            // Target tracking alarms are created by AWS with one-minute periods: 3 datapoints to
            // scale out. The wake and idle alarms are those of infra/endpoint.yaml.
            alarm_period: Millis::from_secs(60),
            scale_out_datapoints: 3,
            scale_in: ScaleIn::WhenIdle { periods: 2 },
            open_jobs_told: true,
            warm: None,
            wake_datapoints: 1,
            wake_cooldown: Millis::from_secs(900),
            // Observed cold starts of GPU endpoints lie between 3 and 11 minutes.
            cold_start: Millis::from_secs(300),
            health_checks: false,
            announce_expiry: true,
            shortest_timeout: Millis::ZERO,
            failure_objects: true,
        }
    }
}
