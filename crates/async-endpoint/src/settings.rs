//! Settings of an endpoint: capacity, scaling policies, cold start, notifications.
//!
//! The values that a deployment chooses come from the CloudFormation parameter file of the
//! pipeline ([`EndpointParameters::parse`]); the others are defaults of AWS or of the endpoint
//! template.

mod parameters;
#[cfg(test)]
mod template_tests;
mod warm;

pub use parameters::{EndpointParameters, ParameterError};
pub use warm::{Days, WarmHours, WarmHoursChange};

use crate::Millis;

/// Period of the template's `idle` alarm. It equals the reconciler's schedule: each period must have
/// a datapoint of the open-jobs metric.
pub(crate) const IDLE_PERIOD: Millis = Millis::from_secs(300);

/// How the endpoint behaves. `Copy`, so that a simulation can pass it around freely.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// `MinCapacity`. Asynchronous endpoints may scale in to 0.
    pub min_instances: u32,
    pub max_instances: u32,
    /// `MaxConcurrentInvocationsPerInstance`, 1–1000: requests that one instance processes at a time.
    pub max_concurrent_per_instance: u32,
    /// Target value of target tracking on `ApproximateBacklogSizePerInstance`
    /// (waiting and running requests per instance in service).
    pub backlog_per_instance_target: f64,
    /// Minimum time between two scale-outs by target tracking.
    pub scale_out_cooldown: Millis,
    /// Minimum time between two scale-ins.
    pub scale_in_cooldown: Millis,
    /// Period of every scaling alarm except the idle alarm, whose period is five minutes.
    pub alarm_period: Millis,
    /// Consecutive datapoints above the target before target tracking scales out.
    pub scale_out_datapoints: u32,
    /// How the endpoint scales in.
    pub scale_in: ScaleIn,
    /// Whether [`ScaleIn::WhenIdle`] also needs the caller's open-jobs metric
    /// ([`Endpoint::report_open_jobs`](crate::Endpoint::report_open_jobs)), as the deployed alarm
    /// does. While the metric is missing, no instance is removed. Off for a driver without that
    /// metric: then the endpoint's own backlog decides.
    pub needs_open_jobs_metric: bool,
    /// Hours with a higher minimum.
    pub warm_hours: Option<WarmHours>,
    /// Consecutive datapoints of `HasBacklogWithoutCapacity` = 1 before step scaling adds one
    /// instance to an endpoint that has none.
    pub scale_from_zero_datapoints: u32,
    /// Minimum time between two scale-outs by that policy.
    pub scale_from_zero_cooldown: Millis,
    /// Time from the decision to add an instance to its first invocation: provisioning, image download,
    /// model loading.
    pub cold_start: Millis,
    /// Instance types in which SageMaker looks for capacity, in the order of their priority; 1 without instance pools.
    pub instance_types: u32,
    /// `VariantInstanceProvisionTimeoutInSeconds`: how long it looks before it gives an instance up.
    pub provision_timeout: Millis,
    /// Whether the driver must report an instance as healthy
    /// ([`Endpoint::instance_ready`](crate::Endpoint::instance_ready)) before it takes requests.
    /// Off in a simulation; on in a driver with a real container, which pings it first.
    pub health_checks: bool,
    /// Whether the error topic gets a notification of a request that expired in the queue. AWS
    /// documents a metric (`ExpiredRequests`) but not whether it also publishes a notification, so
    /// callers must work with either.
    pub notify_on_expiry: bool,
    /// No invocation times out earlier than this, regardless of the request. For drivers whose model
    /// time runs faster than their container.
    pub min_invocation_timeout: Millis,
    /// Whether failures write an object, that is, whether `S3FailurePath` is configured.
    pub failure_objects: bool,
}

impl Settings {
    /// The policies that remain if the template's parameter `Scaling` is `docket`: they start the first instance late, and
    /// stop all when idle. [`Endpoint::update_instance_count`](crate::Endpoint::update_instance_count) does the rest.
    #[must_use]
    pub const fn scaled_by_docket(self) -> Self {
        Self {
            scale_from_zero_datapoints: 15,
            scale_out_datapoints: u32::MAX,
            ..self
        }
    }

    /// The policies of the template's parameter `Scaling` `aws`.
    #[must_use]
    pub fn scaled_by_aws(self) -> Self {
        let aws = Self::default();
        Self {
            scale_from_zero_datapoints: aws.scale_from_zero_datapoints,
            scale_out_datapoints: aws.scale_out_datapoints,
            ..self
        }
    }
}

/// How the endpoint scales in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScaleIn {
    /// By target tracking: backlog per instance below 90 % of the target for this many datapoints.
    /// The metric is an average, so the policy can stop an instance during an invocation.
    TargetTracking {
        /// Consecutive low datapoints; AWS creates the alarm with 15 of one minute.
        datapoints: u32,
    },
    /// Only after nothing waited or ran and no job was open for this many periods of five minutes.
    /// Never stops an instance with a running request.
    WhenIdle {
        /// Consecutive idle periods: 1–288 (one day).
        periods: u32,
    },
    /// Never.
    Off,
}

impl Default for Settings {
    /// 0 to 1 instances, one request at a time.
    fn default() -> Self {
        Self {
            min_instances: 0,
            max_instances: 1,
            max_concurrent_per_instance: 1,
            backlog_per_instance_target: 1.0,
            scale_out_cooldown: Millis::from_secs(300),
            scale_in_cooldown: Millis::from_secs(600),
            // AWS creates the target tracking alarms with one-minute periods and 3 datapoints to scale
            // out. The other two alarms are those of infra/endpoint.yaml.
            alarm_period: Millis::from_secs(60),
            scale_out_datapoints: 3,
            scale_in: ScaleIn::WhenIdle { periods: 2 },
            needs_open_jobs_metric: true,
            warm_hours: None,
            scale_from_zero_datapoints: 1,
            scale_from_zero_cooldown: Millis::from_secs(900),
            // Observed cold starts of GPU endpoints take between 3 and 11 minutes.
            cold_start: Millis::from_secs(300),
            instance_types: 1,
            provision_timeout: Millis::from_secs(1800),
            health_checks: false,
            notify_on_expiry: true,
            min_invocation_timeout: Millis::ZERO,
            failure_objects: true,
        }
    }
}
