//! How well the light model of `docket plan` (crate `capacity-plan`) agrees with the replay, on days that it was not fitted to.

use std::ops::Range;
use std::sync::Mutex;
use std::time::Duration;

use async_endpoint::{Days, Millis, Rng, ScaleIn, WarmHours};
use capacity_plan::{
    Arrival, EndpointTraits, Plan, PlanRequest, Scaling, ScalingSettings, grid, plan, simulate,
};
use jobs::capacity::Objective;
use serde::Serialize;

use crate::day::{Day, ReplayOptions};
use crate::figures::Figures;
use crate::replay::{ReplayError, replay};
use crate::scenario::Scenario;
use crate::units::{HOUR, MINUTE, in_hours};

/// The check's own seeds: the model was not fitted to these days. Use other seeds to try changes.
pub const PLAN_CHECK_SEEDS: Range<u64> = 9101..9151;
const MAX_COST_ERROR: f64 = 0.1;
const MAX_P90_ERROR: f64 = 0.1;
const MAX_ADVICE_EXCESS: f64 = 0.05;
const SLO_SECONDS: [u32; 4] = [15 * 60, 30 * 60, 3600, 28_800];
const CONCURRENT_RUNS: [u32; 4] = [1, 1, 2, 4];
/// It does not matter here: costs are compared with costs.
const PRICE: f64 = 1.0;

/// A day that is planned: the uploads, the endpoint, and what the plan may choose.
#[derive(Clone, Debug)]
pub struct PlannedDay {
    pub options: ReplayOptions,
    pub request: PlanRequest,
    /// Two settings of the grid, one with AWS's scaling and one with Docket's, whose figures are compared.
    pub compared: [ScalingSettings; 2],
}

/// The comparison of a day.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanComparison {
    pub seed: u64,
    pub scenario: &'static str,
    /// The plan's cost and p90 by those of the replay, minus 1, for each of the compared settings.
    pub cost_errors: [f64; 2],
    pub p90_errors: [f64; 2],
    /// The advice's cost in the replay by that of the cheapest settings that keep the SLO there, minus 1. `None`: the plan
    /// and the replay agree that none do. Infinite: only one of them says so, or the advice breaks the SLO in the replay.
    pub advice_excess: Option<f64>,
}

/// The last line of `make bench-plan`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PlanCheckSummary {
    pub days: usize,
    pub cost_within_10_percent: usize,
    pub p90_within_10_percent: usize,
    pub advice_within_5_percent: usize,
}

impl PlanCheckSummary {
    pub fn of(days: &[PlanComparison]) -> Self {
        let within = |errors: [f64; 2], max: f64| errors.iter().all(|error| error.abs() <= max);
        let count =
            |holds: &dyn Fn(&PlanComparison) -> bool| days.iter().filter(|day| holds(day)).count();
        Self {
            days: days.len(),
            cost_within_10_percent: count(&|day| within(day.cost_errors, MAX_COST_ERROR)),
            p90_within_10_percent: count(&|day| within(day.p90_errors, MAX_P90_ERROR)),
            advice_within_5_percent: count(&|day| {
                day.advice_excess
                    .is_none_or(|excess| excess <= MAX_ADVICE_EXCESS)
            }),
        }
    }
}

impl PlannedDay {
    /// A day of a seed: a scenario with other numbers of documents and durations, and a random SLO and limit.
    ///
    /// # Errors
    /// The shipped files are wrong.
    pub fn of_seed(seed: u64) -> Result<Self, ReplayError> {
        let mut rng = Rng::from_seed(seed ^ 0x0050_1A4D);
        let scenario = Scenario::ALL[index(seed, Scenario::ALL.len())];
        let mut options = ReplayOptions::new(scenario)?;
        let mut percent = |of: u32, min: u64, max: u64| {
            let percent = min + rng.up_to(max - min);
            u32::try_from(u64::from(of) * percent / 100)
                .unwrap_or(of)
                .max(1)
        };
        let is_busy = matches!(scenario, Scenario::Busy | Scenario::Continuous);
        let most = if is_busy { 60 } else { 130 };
        options.seed = seed;
        options.documents = percent(options.documents, 20, most);
        options.run_seconds = percent(options.run_seconds, 60, 120);
        let cold_start = percent(300, 60, 220);
        options.endpoint.settings.cold_start = Millis::from_secs(cold_start.into());
        options.endpoint.settings.max_concurrent_per_instance = CONCURRENT_RUNS[index(seed / 5, 4)];
        let settings = &options.endpoint.settings;
        let endpoint = EndpointTraits {
            cold_start_ms: settings.cold_start.0,
            concurrent_runs: settings.max_concurrent_per_instance,
            typical_run_ms: typical_run_ms(scenario)?,
            scale_out_cooldown_ms: settings.scale_out_cooldown.0,
            scale_in_cooldown_ms: settings.scale_in_cooldown.0,
            scale_from_zero_cooldown_ms: settings.scale_from_zero_cooldown.0,
        };
        let request = PlanRequest {
            endpoint,
            slo_seconds: SLO_SECONDS[index(rng.up_to(u64::MAX - 1), SLO_SECONDS.len())],
            min_instances: 0,
            max_instances: if rng.up_to(1) == 0 { 2 } else { 3 },
            drain_within_seconds: None,
            price: PRICE,
            price_source: String::new(),
            days_per_month: 30,
        };
        let all = grid(&request, Some(hours(scenario)));
        let mut pick = |aws: bool| {
            let is_aws = |it: &&ScalingSettings| matches!(it.scaling, Scaling::Aws { .. }) == aws;
            let of_kind: Vec<_> = all.iter().filter(is_aws).collect();
            *of_kind[index(rng.up_to(u64::MAX - 1), of_kind.len())]
        };
        let compared = [pick(true), pick(false)];
        Ok(Self {
            options,
            request,
            compared,
        })
    }

    /// The settings that the plan tries.
    pub fn grid(&self) -> Vec<ScalingSettings> {
        grid(&self.request, Some(hours(self.options.scenario)))
    }

    /// Replays the day with other settings.
    ///
    /// # Errors
    /// It cannot be replayed.
    pub fn replay(&self, with: &ScalingSettings) -> Result<Day, ReplayError> {
        let mut options = self.options.clone();
        let mut settings = options.endpoint.settings;
        settings.min_instances = with.min_instances;
        settings.max_instances = with.max_instances;
        settings.warm_hours = with.warm_hours.and_then(|warm| {
            Some(WarmHours {
                instances: 1,
                days: Days::parse("MON-SUN")?,
                from: warm.from,
                until: warm.until,
            })
        });
        match with.scaling {
            Scaling::Aws {
                target,
                idle_minutes,
            } => {
                settings.backlog_per_instance_target = target.into();
                settings.scale_in = ScaleIn::WhenIdle {
                    periods: idle_minutes / 5,
                };
            }
            Scaling::Docket {
                drain_within_seconds,
                idle_seconds,
            } => {
                settings = settings.scaled_by_docket();
                // `IdleMinutes` is longer than `idle_seconds`.
                settings.scale_in = ScaleIn::WhenIdle { periods: 48 };
                options.objective = Some(Objective {
                    drain_within: Duration::from_secs(drain_within_seconds.into()),
                    idle: Duration::from_secs(idle_seconds.into()),
                    cold_start: Duration::from_millis(settings.cold_start.0),
                });
            }
        }
        options.endpoint.settings = settings;
        let day = replay(&options)?;
        match day.violations.first() {
            Some(violation) => Err(ReplayError::Violation(violation.clone())),
            None => Ok(day),
        }
    }

    /// Compares the plan with the replay.
    ///
    /// # Errors
    /// The day cannot be replayed or planned.
    pub fn compare(&self) -> Result<PlanComparison, ReplayError> {
        let mut cost_errors = [0.0; 2];
        let mut p90_errors = [0.0; 2];
        let mut arrivals = Vec::new();
        for (at, settings) in self.compared.iter().enumerate() {
            let day = self.replay(settings)?;
            arrivals = arrivals_of(&day);
            let modelled = simulate(&arrivals, &self.request.endpoint, settings, 24 * HOUR);
            let figures = Figures::of(&day);
            cost_errors[at] = in_hours(modelled.billed_ms) / figures.hours() - 1.0;
            p90_errors[at] = modelled.percentile_ms(90) as f64 / figures.total.p90 as f64 - 1.0;
        }
        Ok(PlanComparison {
            seed: self.options.seed,
            scenario: self.options.scenario.name(),
            cost_errors,
            p90_errors,
            advice_excess: self.advice_excess(&self.plan(&arrivals)?)?,
        })
    }

    /// # Errors
    /// There are no arrivals.
    pub fn plan(&self, arrivals: &[Arrival]) -> Result<Plan, ReplayError> {
        let hours = Some(hours(self.options.scenario));
        let found = plan(&self.request, arrivals, 24 * HOUR, hours);
        found.map_err(|error| ReplayError::Violation(error.to_string()))
    }

    fn advice_excess(&self, plan: &Plan) -> Result<Option<f64>, ReplayError> {
        let slo_ms = u64::from(self.request.slo_seconds) * 1000;
        let (mut cheapest, mut advised) = (f64::INFINITY, f64::INFINITY);
        for settings in self.grid() {
            let day = self.replay(&settings)?;
            let figures = Figures::of(&day);
            if figures.failed == 0 && figures.total.max <= slo_ms {
                cheapest = cheapest.min(figures.hours());
                if plan.slo_kept && settings == plan.best.settings {
                    advised = figures.hours();
                }
            }
        }
        Ok(if cheapest.is_infinite() && !plan.slo_kept {
            None
        } else {
            Some(advised / cheapest - 1.0)
        })
    }
}

/// Compares the days of these seeds, on as many threads as there are processors.
///
/// # Errors
/// A day cannot be replayed or planned.
pub fn check_plans(seeds: Range<u64>) -> Result<Vec<PlanComparison>, ReplayError> {
    let left = Mutex::new(seeds);
    let found = Mutex::new(Vec::new());
    let next = || left.lock().ok().and_then(|mut seeds| seeds.next());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(seed) = next() {
                    let compared = PlannedDay::of_seed(seed).and_then(|day| day.compare());
                    if let Ok(mut found) = found.lock() {
                        found.push(compared);
                    }
                }
            });
        }
    });
    let found = found.into_inner().unwrap_or_default();
    let mut days = found.into_iter().collect::<Result<Vec<_>, _>>()?;
    days.sort_by_key(|day| day.seed);
    Ok(days)
}

impl PlanComparison {
    /// A line for a terminal.
    pub fn describe(&self) -> String {
        let percent = |error: f64| format!("{:+.1} %", 100.0 * error);
        let advice = self
            .advice_excess
            .map_or_else(|| "none keep the SLO".to_owned(), percent);
        format!(
            "seed {} {:<10} cost aws {} docket {}, p90 aws {} docket {}, advice {advice}",
            self.seed,
            self.scenario,
            percent(self.cost_errors[0]),
            percent(self.cost_errors[1]),
            percent(self.p90_errors[0]),
            percent(self.p90_errors[1]),
        )
    }
}

fn arrivals_of(day: &Day) -> Vec<Arrival> {
    let documents = day.documents.iter().map(|known| Arrival {
        at_ms: known.uploaded_at,
        run_ms: known.model_ms,
    });
    let mut arrivals: Vec<Arrival> = documents.collect();
    arrivals.sort_by_key(|arrival| arrival.at_ms);
    arrivals
}

fn typical_run_ms(scenario: Scenario) -> Result<u64, ReplayError> {
    crate::replay::typical_run_seconds_of(scenario.pipeline())
        .map(|seconds| u64::from(seconds) * 1000)
}

/// The hours of a scenario with documents.
fn hours(scenario: Scenario) -> capacity_plan::WarmHours {
    let (from, until) = scenario.shape().hours;
    let minute = |at: u64| u32::try_from(at / MINUTE).unwrap_or(0);
    capacity_plan::WarmHours {
        from: minute(from),
        until: minute(until),
    }
}

fn index(number: u64, of: usize) -> usize {
    usize::try_from(number % of as u64).unwrap_or(0)
}
