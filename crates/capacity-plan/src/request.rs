//! What a plan is for, and what is wrong with it.

use crate::settings::EndpointTraits;

/// Limits that keep a plan's computation within seconds.
const MAX_INSTANCES: u32 = 100;
pub const MAX_DOCUMENTS_PER_DAY: u32 = 50_000;
const DAY_SECONDS: u32 = 86_400;
const MAX_DAYS_PER_MONTH: u32 = 31;

/// The limits, the objective and the price of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanRequest {
    pub endpoint: EndpointTraits,
    /// Every document must be ready within this time.
    pub slo_seconds: u32,
    pub min_instances: u32,
    /// The maximum number of instances that a plan may use.
    pub max_instances: u32,
    /// Only this objective, instead of several.
    pub drain_within_seconds: Option<u32>,
    /// Dollars per instance-hour.
    pub price: f64,
    /// When and where the price is from.
    pub price_source: String,
    pub days_per_month: u32,
}

/// A field that cannot be planned with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct FieldError {
    /// The option of the command line, without `--`.
    pub field: &'static str,
    pub problem: String,
}

impl FieldError {
    pub fn new(field: &'static str, problem: impl Into<String>) -> Self {
        Self {
            field,
            problem: problem.into(),
        }
    }

    /// A whole number within limits.
    ///
    /// # Errors
    /// It is outside of them.
    pub fn within(field: &'static str, value: i64, min: u32, max: u32) -> Result<u32, Self> {
        let number = u32::try_from(value).ok();
        number
            .filter(|it| (min..=max).contains(it))
            .ok_or_else(|| Self::new(field, format!("must be {min} to {max}, not {value}")))
    }
}

/// The fields of a plan as a user gives them. They may be wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct RawRequest {
    pub concurrent_runs: i64,
    pub cold_start_seconds: i64,
    pub typical_run_seconds: i64,
    pub slo_seconds: i64,
    pub min_instances: i64,
    pub max_instances: i64,
    pub drain_within_seconds: Option<i64>,
    pub price: f64,
    pub price_source: String,
    pub days_per_month: i64,
}

impl RawRequest {
    /// # Errors
    /// A field is wrong; the error names it.
    pub fn check(self) -> Result<PlanRequest, FieldError> {
        let within = FieldError::within;
        if !(self.price.is_finite() && self.price > 0.0) {
            let problem = format!("must be a number of dollars above 0, not {}", self.price);
            return Err(FieldError::new("price", problem));
        }
        let max_instances = within("max-instances", self.max_instances, 1, MAX_INSTANCES)?;
        let min_instances = within("min-instances", self.min_instances, 0, MAX_INSTANCES)?;
        if max_instances < min_instances {
            let problem = format!("{max_instances} is less than min-instances, {min_instances}");
            return Err(FieldError::new("max-instances", problem));
        }
        let cold_start = within("cold-start", self.cold_start_seconds, 1, DAY_SECONDS)?;
        let run = within("run", self.typical_run_seconds, 1, DAY_SECONDS)?;
        let drain = self.drain_within_seconds;
        Ok(PlanRequest {
            endpoint: EndpointTraits {
                cold_start_ms: u64::from(cold_start) * 1000,
                concurrent_runs: within("concurrent", self.concurrent_runs, 1, 1000)?,
                typical_run_ms: u64::from(run) * 1000,
                ..EndpointTraits::SHIPPED
            },
            slo_seconds: within("slo", self.slo_seconds, 1, 14 * DAY_SECONDS)?,
            min_instances,
            max_instances,
            drain_within_seconds: drain
                .map(|drain| within("drain-within", drain, 1, 14 * DAY_SECONDS))
                .transpose()?,
            price: self.price,
            price_source: self.price_source,
            days_per_month: within("days-per-month", self.days_per_month, 1, MAX_DAYS_PER_MONTH)?,
        })
    }
}
