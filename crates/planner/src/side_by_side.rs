//! The same days with AWS's scaling policies and with Docket's controller, over several seeds.

use std::fmt::Write as _;

use async_endpoint::EndpointParameters;
use jobs::capacity::Objective;
use serde::Serialize;

use crate::day::{Day, ReplayOptions};
use crate::figures::{Figures, Percentiles};
use crate::parameters::with;
use crate::replay::{ReplayError, replay};
use crate::scenario::Scenario;
use crate::units::{in_hours, span};

/// The last line of `planner replay --seeds N`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SideBySide {
    pub scenario: &'static str,
    pub seeds: u64,
    pub cold_start_s: u64,
    /// Dollars per instance-hour.
    pub price: f64,
    /// Where the price is from, and when.
    pub price_source: String,
    /// AWS's policies as they were configured before Docket set the number of instances.
    pub aws: PolicyFigures,
    pub docket: PolicyFigures,
    /// Dollars of the documents' work alone, and of one start: no policy is cheaper.
    pub floor_usd: f64,
    /// The number of days on which the longest wait was shorter with Docket's controller.
    pub days_with_shorter_max: usize,
    /// With Docket's controller, every document was ready within the pipeline's SLO.
    pub slo_kept: bool,
    /// What the window of the endpoint, which `docket` has, costs.
    pub window: WindowFigures,
}

/// The same days with Docket's controller, with and without the window that it has when it is deployed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WindowFigures {
    /// Instance time in service without work that the window adds, as a share of all instance time.
    pub gpu_idle_added: f64,
    /// If the endpoint were handed all documents at once.
    pub without: PolicyFigures,
}

/// The figures of a policy: dollars, hours and starts are means per day, waits are of all documents of all days.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PolicyFigures {
    pub usd: f64,
    pub p50_s: f64,
    pub p90_s: f64,
    pub max_s: f64,
    pub gpu_h: f64,
    /// The share of the instance-hours in service without work.
    pub idle: f64,
    pub cold_starts: f64,
}

/// The parameter file with AWS's policies as they were configured when the replay was first published: the baseline.
pub fn baseline_file(scenario: Scenario) -> Result<String, String> {
    let (target, idle) = match scenario.pipeline() {
        "ocr-batch" => ("1", "10"),
        _ => ("3", "15"),
    };
    let file = with(scenario.parameters(), "Scaling", "aws")?;
    let file = with(&file, "BacklogPerInstanceTarget", target)?;
    with(&file, "IdleMinutes", idle)
}

/// Replays the days of seeds 1 to `seeds`, each with both policies. `aws` is the endpoint of the baseline; `price` is in dollars per
/// instance-hour.
///
/// # Errors
/// A day cannot be replayed.
pub fn side_by_side(
    options: &ReplayOptions,
    aws: &EndpointParameters,
    objective: Objective,
    seeds: u64,
    price: f64,
    price_source: &str,
) -> Result<SideBySide, ReplayError> {
    let aws = days(
        &ReplayOptions {
            endpoint: aws.clone(),
            objective: None,
            ..options.clone()
        },
        seeds,
    )?;
    let cold_start = options.endpoint.settings.cold_start.0;
    let scaled = options.clone().scaled_by_docket(objective);
    let docket = days(&scaled, seeds)?;
    let without_window = ReplayOptions {
        window: false,
        ..scaled
    };
    let without_window = days(&without_window, seeds)?;
    if let Some(violation) = aws
        .iter()
        .chain(&docket)
        .chain(&without_window)
        .flat_map(|day| &day.violations)
        .next()
    {
        return Err(ReplayError::Violation(violation.clone()));
    }
    let runs = |day: &Day| -> u64 { day.documents.iter().map(|known| known.model_ms).sum() };
    let slots = u64::from(options.endpoint.settings.max_concurrent_per_instance.max(1));
    let floor = docket
        .iter()
        .map(|day| runs(day) / slots + cold_start)
        .sum::<u64>();
    let longest = |day: &Day| {
        let waits = day.documents.iter().filter_map(|known| known.wait);
        waits.map(|wait| wait.total()).max()
    };
    let shorter = aws.iter().zip(&docket);
    let shorter = shorter.filter(|(aws, docket)| longest(docket) < longest(aws));
    let in_time = |day: &Day| Figures::of(day).within_slo == day.documents.len();
    Ok(SideBySide {
        scenario: options.scenario.name(),
        seeds,
        cold_start_s: cold_start / 1000,
        price,
        price_source: price_source.to_owned(),
        aws: PolicyFigures::of(&aws, price),
        docket: PolicyFigures::of(&docket, price),
        floor_usd: round_to_hundredths(in_hours(floor) / seeds.max(1) as f64 * price),
        days_with_shorter_max: shorter.count(),
        slo_kept: docket.iter().all(in_time),
        window: window_figures(&without_window, &docket, price),
    })
}

fn window_figures(without: &[Day], with: &[Day], price: f64) -> WindowFigures {
    let idle = |days: &[Day]| -> f64 { days.iter().map(|it| Figures::of(it).idle as f64).sum() };
    let hours: f64 = without.iter().map(|it| Figures::of(it).hours()).sum();
    let added = in_hours(1) * (idle(with) - idle(without)) / hours;
    WindowFigures {
        gpu_idle_added: (added * 10_000.0).round() / 10_000.0,
        without: PolicyFigures::of(without, price),
    }
}

/// The days of seeds 1 to `seeds`.
pub(crate) fn days(options: &ReplayOptions, seeds: u64) -> Result<Vec<Day>, ReplayError> {
    (1..=seeds)
        .map(|seed| {
            replay(&ReplayOptions {
                seed,
                ..options.clone()
            })
        })
        .collect()
}

impl PolicyFigures {
    pub(crate) fn of(days: &[Day], price: f64) -> Self {
        let figures: Vec<Figures> = days.iter().map(Figures::of).collect();
        let count = days.len().max(1) as f64;
        let waits = days.iter().flat_map(|day| &day.documents);
        let waits = waits.filter_map(|known| known.wait.map(|wait| wait.total()));
        let waits = Percentiles::of(waits.collect());
        let hours: f64 = figures.iter().map(Figures::hours).sum();
        let idle: u64 = figures.iter().map(|of_day| of_day.idle).sum();
        let starts: u32 = days.iter().map(|day| day.instances_started).sum();
        let seconds = |milliseconds: u64| milliseconds as f64 / 1000.0;
        Self {
            usd: round_to_hundredths(hours / count * price),
            p50_s: seconds(waits.p50),
            p90_s: seconds(waits.p90),
            max_s: seconds(waits.max),
            gpu_h: round_to_hundredths(hours / count),
            idle: if hours > 0.0 {
                (in_hours(idle) / hours * 1000.0).round() / 1000.0
            } else {
                0.0
            },
            cold_starts: f64::from(starts) / count,
        }
    }
}

/// Rounds to two decimal places.
fn round_to_hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

impl SideBySide {
    /// A table for a terminal.
    pub fn describe(&self) -> String {
        let mut text = format!(
            "{} days of {}, cold start {}, ${} an hour ({})\n{:<10}{:>12}{:>14}{:>14}{:>14}{:>12}{:>8}{:>14}\n",
            self.seeds,
            self.scenario,
            span(self.cold_start_s * 1000),
            self.price,
            self.price_source,
            "",
            "cost a day",
            "p50",
            "p90",
            "max",
            "GPU hours",
            "idle",
            "cold starts"
        );
        for (name, policy) in [("AWS", &self.aws), ("Docket", &self.docket)] {
            let seconds = |value: f64| span((value * 1000.0) as u64);
            let _ = writeln!(
                text,
                "{name:<10}{:>12}{:>14}{:>14}{:>14}{:>12.2}{:>8}{:>14.1}",
                format!("${:.2}", policy.usd),
                seconds(policy.p50_s),
                seconds(policy.p90_s),
                seconds(policy.max_s),
                policy.gpu_h,
                format!("{:.0} %", 100.0 * policy.idle),
                policy.cold_starts
            );
        }
        let _ = writeln!(
            text,
            "Docket costs {:.2} of AWS's policy, and {:.2} of the floor (work and one start, ${:.2}). SLO {}.",
            self.docket.usd / self.aws.usd,
            self.docket.usd / self.floor_usd,
            self.floor_usd,
            if self.slo_kept { "kept" } else { "NOT KEPT" }
        );
        text
    }
}
