//! How many instances a pipeline's endpoint should have.
//!
//! [`decide`] is pure: the same [`CapacityInput`] gives the same [`CapacityDecision`]. [`crate::adjust_instances`]
//! carries it out: it reads the job table and the endpoint, calls it about once a minute, and again after [`CapacityDecision::check_again_in`].
//!
//! The rules, in this order:
//! 1. The number stays within the limits. The minimum counts instances that are kept in warm hours.
//! 2. An endpoint that is updating rejects every change (SageMaker API reference, `UpdateEndpointWeightsAndCapacities`;
//!    Application Auto Scaling waits as well), so the number stays as it is.
//! 3. While a job is open the number does not fall: SageMaker chooses the instance that stops, and that may be a busy one.
//!    If every open job is presumed lost, it falls to one.
//! 4. It rises to what ends the open work within [`Objective::drain_within`] once new instances are in service. As a cold
//!    start delays the next change, the first one waits until uploads pause and then asks for enough.
//! 5. It falls to the minimum when no job has been open for [`Objective::idle`].

mod reason;

use std::time::Duration;

/// The longest time between two decisions. Shorter than [`UPLOAD_PAUSE`], so that the first upload after a quiet time is seen before
/// that pause ends.
pub const EVALUATION_INTERVAL: Duration = Duration::from_secs(30);
/// How long uploads must have paused before the number rises.
pub const UPLOAD_PAUSE: Duration = Duration::from_secs(40);
/// The number rises without such a pause if the oldest open job is older than this.
pub const MAX_SETTLE: Duration = Duration::from_secs(120);
/// What of the time to drain is kept for uploads that arrive after the number has risen, while the endpoint rejects
/// changes: a tenth, and at most this.
pub const MAX_RESERVE: Duration = Duration::from_secs(30);
/// Averages of fewer measurements are not used.
pub const MIN_MEASURED_RUNS: u32 = 20;
pub const MIN_MEASURED_COLD_STARTS: u32 = 3;

/// What a pipeline wants from its instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Objective {
    /// Within this time after new instances are in service, all jobs that are open now should have ended. Above zero.
    pub drain_within: Duration,
    /// How long no job must have been open before instances stop.
    pub idle: Duration,
    /// Used until cold starts were measured.
    pub cold_start: Duration,
}

/// The allowed numbers of instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstanceLimits {
    min: u32,
    max: u32,
}

/// Limits that do not fit. The message names the wrong one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitsError {
    #[error("max_instances: {max} is less than min_instances, {min}")]
    MaxBelowMin { min: u32, max: u32 },
    #[error("max_instances: must be at least 1")]
    ZeroMax,
}

impl InstanceLimits {
    /// `kept` instances stay during the present warm hours; 0 outside of them. More than the maximum are not kept.
    ///
    /// # Errors
    /// `max` is 0 or below `min`.
    pub fn new(min: u32, max: u32, kept: u32) -> Result<Self, LimitsError> {
        if max == 0 {
            return Err(LimitsError::ZeroMax);
        }
        if max < min {
            return Err(LimitsError::MaxBelowMin { min, max });
        }
        Ok(Self {
            min: min.max(kept).min(max),
            max,
        })
    }

    pub const fn min(self) -> u32 {
        self.min
    }

    pub const fn max(self) -> u32 {
        self.max
    }

    fn clamp(self, instances: u32) -> u32 {
        instances.clamp(self.min, self.max)
    }
}

/// The open jobs of a pipeline. Waiting, running, and waiting for a retry all count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenWork {
    /// Jobs of which a result or a failure may still come.
    pub alive: u32,
    /// Jobs presumed lost: only their deadline keeps them open. See [`is_presumed_lost`].
    pub presumed_lost: u32,
    /// The age of the oldest of `alive`; zero if there is none.
    pub oldest_age: Duration,
}

/// The endpoint's instances.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Instances {
    pub in_service: u32,
    pub starting: u32,
    /// Runs that an instance does at the same time. At least 1.
    pub concurrent_runs: u32,
    /// Whether the endpoint would reject a change.
    pub updating: bool,
}

impl Instances {
    pub const fn count(&self) -> u32 {
        self.in_service.saturating_add(self.starting)
    }
}

/// An average of measurements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    pub count: u32,
    pub mean: Duration,
}

impl Measured {
    fn known(self, min_count: u32) -> Option<Duration> {
        (self.count >= min_count && !self.mean.is_zero()).then_some(self.mean)
    }
}

/// What a decision is based on. Durations are measured by one clock, that of the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapacityInput {
    pub open: OpenWork,
    pub instances: Instances,
    pub limits: InstanceLimits,
    pub objective: Objective,
    pub runs: Measured,
    pub cold_starts: Measured,
    /// The pipeline's `typical_run_seconds`, used until runs were measured.
    pub typical_run: Duration,
    /// Since the newest job was made; `None` if there is no job.
    pub since_last_upload: Option<Duration>,
    /// Since a job was last open; `None` if none was in the time that the caller looked back.
    pub since_last_open: Option<Duration>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapacityDecision {
    pub instances: u32,
    /// Why, as a sentence for people.
    pub reason: String,
    /// When to decide again, if that is known.
    pub check_again_in: Option<Duration>,
}

/// The rule that decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    Updating,
    OutsideLimits,
    Enough,
    Settling { left: Duration },
    More { wanted: u64 },
    PresumedLost,
    NotIdleLongEnough { left: Duration },
    Idle,
}

/// How many instances the endpoint should have.
pub fn decide(input: &CapacityInput) -> CapacityDecision {
    let (instances, rule) = rule(input);
    CapacityDecision {
        instances,
        reason: reason::reason(input, instances, rule),
        check_again_in: match rule {
            Rule::Settling { left } | Rule::NotIdleLongEnough { left } => Some(left),
            Rule::Updating
            | Rule::OutsideLimits
            | Rule::Enough
            | Rule::More { .. }
            | Rule::PresumedLost
            | Rule::Idle => None,
        },
    }
}

/// How many instances the endpoint will have once uploads have paused and it takes changes, and in how long it is asked
/// for them. At least one while a job is open or may arrive.
pub fn planned(input: &CapacityInput) -> (u32, Duration) {
    let now = input.instances.count();
    let with_one = input.limits.clamp(now).max(1);
    if input.open.alive == 0 {
        return (with_one, UPLOAD_PAUSE);
    }
    let wanted = u32::try_from(wanted(input)).unwrap_or(u32::MAX);
    let planned = input.limits.clamp(wanted).max(with_one);
    let settling = if planned < input.limits.max {
        settling(input)
    } else {
        Duration::ZERO
    };
    (planned, settling)
}

/// The usual duration of a run, and whether it was measured.
pub fn expected_run(input: &CapacityInput) -> (Duration, bool) {
    (run(input), input.runs.known(MIN_MEASURED_RUNS).is_some())
}

/// The usual duration of a cold start, and whether it was measured.
pub fn expected_cold_start(input: &CapacityInput) -> (Duration, bool) {
    let is_measured = input.cold_starts.known(MIN_MEASURED_COLD_STARTS).is_some();
    (cold_start(input), is_measured)
}

fn rule(input: &CapacityInput) -> (u32, Rule) {
    let now = input.instances.count();
    let allowed = input.limits.clamp(now);
    if input.instances.updating {
        return (allowed, Rule::Updating);
    }
    if allowed > now && input.open.alive == 0 {
        return (allowed, Rule::OutsideLimits);
    }
    if input.open.alive > 0 {
        return grow(input, now, allowed);
    }
    if input.open.presumed_lost > 0 {
        let kept = allowed.min(input.limits.min.max(1));
        return (kept, Rule::PresumedLost);
    }
    let idle_for = input.since_last_open.unwrap_or(Duration::MAX);
    if allowed > input.limits.min && idle_for < input.objective.idle {
        let left = input.objective.idle - idle_for;
        return (allowed, Rule::NotIdleLongEnough { left });
    }
    (input.limits.min, Rule::Idle)
}

/// Some jobs are alive.
fn grow(input: &CapacityInput, now: u32, allowed: u32) -> (u32, Rule) {
    let wanted = wanted(input);
    let more = u32::try_from(wanted).unwrap_or(u32::MAX);
    let more = input.limits.clamp(more).max(allowed);
    if more <= now {
        let rule = if allowed < now {
            Rule::OutsideLimits
        } else {
            Rule::Enough
        };
        return (more, rule);
    }
    // More uploads could not change a request for the maximum.
    let left = settling(input);
    if more < input.limits.max && !left.is_zero() {
        return (allowed, Rule::Settling { left });
    }
    (more, Rule::More { wanted })
}

/// How long to wait for more uploads.
fn settling(input: &CapacityInput) -> Duration {
    let since_last_upload = input.since_last_upload.unwrap_or(Duration::MAX);
    let pause = UPLOAD_PAUSE.saturating_sub(since_last_upload);
    pause.min(MAX_SETTLE.saturating_sub(input.open.oldest_age))
}

/// The number of instances that ends the open work in time, without limits. At least 1.
///
/// Instances in service work on during the cold start of new ones. If they end the work within the cold start and the
/// time to drain, no more are needed.
fn wanted(input: &CapacityInput) -> u64 {
    let slots = u128::from(input.instances.concurrent_runs.max(1));
    let in_service = u128::from(input.instances.in_service);
    let drain = drain(input).as_millis().max(1);
    let done_meanwhile = in_service * slots * cold_start(input).as_millis();
    let rest = work(input).as_millis().saturating_sub(done_meanwhile);
    // A run is not divided, so no instance is for less than one.
    let runs = u128::from(input.open.alive).div_ceil(slots);
    let wanted = rest.div_ceil(drain * slots).min(runs).max(1);
    u64::try_from(wanted).unwrap_or(u64::MAX)
}

/// The time in which new instances should end the work that is open now. Before the reserve it is at least a cold start:
/// an instance that starts for longer than it works costs more than it helps.
fn drain(input: &CapacityInput) -> Duration {
    let drain = input.objective.drain_within.max(cold_start(input));
    drain - (drain / 10).min(MAX_RESERVE)
}

fn run(input: &CapacityInput) -> Duration {
    let measured = input.runs.known(MIN_MEASURED_RUNS);
    measured.unwrap_or(input.typical_run)
}

fn cold_start(input: &CapacityInput) -> Duration {
    let measured = input.cold_starts.known(MIN_MEASURED_COLD_STARTS);
    measured.unwrap_or(input.objective.cold_start)
}

/// What the open jobs would take one after the other.
fn work(input: &CapacityInput) -> Duration {
    run(input).saturating_mul(input.open.alive)
}

/// Whether an attempt is presumed lost: its run must have started, and since then the time limit of a run
/// and `margin` have passed.
///
/// A run must have started when an attempt that the endpoint accepted later has ended, or when the instances had the time
/// for every attempt before it. `since_started` is the time since then; zero if it may still wait.
///
/// The queue of an endpoint is first in, first out, except that a request whose instance was lost goes to its end. Such
/// a request may be taken for lost while it waits; that costs speed, since one instance stays for it.
pub fn is_presumed_lost(
    since_started: Duration,
    invocation_timeout: Duration,
    margin: Duration,
) -> bool {
    since_started > invocation_timeout + margin
}
