//! The cheapest settings that keep an SLO.

use serde::Serialize;

use crate::arrivals::{Arrival, DAY, HOUR, MINUTE, SECOND};
use crate::figures::SimulatedFigures;
use crate::grid::grid;
use crate::request::{FieldError, PlanRequest};
use crate::settings::{Scaling, ScalingSettings, WarmHours};
use crate::simulate::simulate;

/// The longest wait of the model is off by less than this on most days, so a plan leaves as much of the SLO free.
const MARGIN_PERCENT: u64 = 1;
const MARGIN_MS: u64 = 3 * SECOND;
/// How many instances are tried at most to say how many an SLO needs.
pub(crate) const MAX_TRIED_INSTANCES: u32 = 400;

/// What settings lead to. Waits and instance hours are of the simulated days.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PlanOption {
    pub settings: ScalingSettings,
    pub usd_per_month: f64,
    pub usd_per_document: f64,
    pub p50_seconds: f64,
    pub p90_seconds: f64,
    pub longest_seconds: f64,
    pub gpu_hours_per_month: f64,
    /// The share of the instance hours in service without work, from 0 to 1.
    pub idle_share: f64,
    pub instances_at_most: u32,
    pub cold_starts_per_day: f64,
    /// The kept instances alone, in dollars per month.
    pub kept_usd_per_month: f64,
    /// Documents of the simulated days that take longer than the SLO.
    pub late_documents: usize,
    /// Of them, those that are still open three days after the last simulated day. Their waits are those until then.
    pub unfinished_documents: usize,
    pub slo_kept: bool,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    pub documents: usize,
    pub days: f64,
    pub slo_seconds: u32,
    pub price: f64,
    pub price_source: String,
    pub days_per_month: u32,
    pub cold_start_seconds: f64,
    pub mean_run_seconds: f64,
    pub concurrent_runs: u32,
    /// Some settings keep the SLO.
    pub slo_kept: bool,
    /// The cheapest settings that keep the SLO; if none do, those with the fewest late documents.
    pub best: PlanOption,
    /// The cheapest of each kind that keep the SLO: AWS's and Docket's scaling, an instance kept in the hours with
    /// documents, and one kept always.
    pub alternatives: Vec<PlanOption>,
    /// If no settings keep the SLO: the smallest maximum number of instances that would, if any does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instances_needed: Option<u32>,
    /// What a reader must know, in sentences.
    pub remarks: Vec<String>,
}

/// Plans for these arrivals, the earliest first, within `span_ms`.
///
/// # Errors
/// There are no documents.
pub fn plan(
    request: &PlanRequest,
    arrivals: &[Arrival],
    span_ms: u64,
    warm_hours: Option<WarmHours>,
) -> Result<Plan, FieldError> {
    if arrivals.is_empty() {
        return Err(FieldError::new("documents", "there are none to plan for"));
    }
    let mut tried: Vec<PlanOption> = grid(request, warm_hours)
        .into_iter()
        .map(|settings| option(request, arrivals, span_ms, settings))
        .collect();
    // Equal cost: the shorter waits, then the earlier one of the grid.
    tried.sort_by(|a, b| {
        let key = |it: &PlanOption| (it.usd_per_month, it.longest_seconds);
        key(a)
            .partial_cmp(&key(b))
            .unwrap_or(std::cmp::Ordering::Equal)
    });
    let fewest_late = |it: &&PlanOption| it.late_documents;
    let best = tried.iter().find(|it| it.slo_kept);
    let slo_kept = best.is_some();
    let Some(best) = best
        .or_else(|| tried.iter().min_by_key(fewest_late))
        .copied()
    else {
        return Err(FieldError::new("max-instances", "allows no settings"));
    };
    let run_ms: u64 = arrivals.iter().map(|it| it.run_ms).sum();
    Ok(Plan {
        documents: arrivals.len(),
        days: span_ms as f64 / DAY as f64,
        slo_seconds: request.slo_seconds,
        price: request.price,
        price_source: request.price_source.clone(),
        days_per_month: request.days_per_month,
        cold_start_seconds: request.endpoint.cold_start_ms as f64 / 1000.0,
        mean_run_seconds: (run_ms as f64 / arrivals.len() as f64 / 100.0).round() / 10.0,
        concurrent_runs: request.endpoint.concurrent_runs,
        slo_kept,
        best,
        alternatives: alternatives(&tried, slo_kept),
        instances_needed: if slo_kept {
            None
        } else {
            instances_needed(request, arrivals, span_ms, best.settings)
        },
        remarks: remarks(request, arrivals),
    })
}

fn option(
    request: &PlanRequest,
    arrivals: &[Arrival],
    span_ms: u64,
    settings: ScalingSettings,
) -> PlanOption {
    let figures = simulate(arrivals, &request.endpoint, &settings, span_ms);
    let slo_ms = u64::from(request.slo_seconds) * SECOND;
    let days = figures.span_ms as f64 / DAY as f64;
    let months = days / f64::from(request.days_per_month);
    let hours = figures.billed_ms as f64 / HOUR as f64;
    let seconds = |milliseconds: u64| (milliseconds as f64 / 100.0).round() / 10.0;
    let usd = hours * request.price;
    PlanOption {
        settings,
        usd_per_month: rounded(usd / months, 100.0),
        usd_per_document: rounded(usd / arrivals.len() as f64, 10_000.0),
        p50_seconds: seconds(figures.percentile_ms(50)),
        p90_seconds: seconds(figures.percentile_ms(90)),
        longest_seconds: seconds(figures.longest_ms()),
        gpu_hours_per_month: rounded(hours / months, 10.0),
        idle_share: rounded(figures.idle_share(), 1000.0),
        instances_at_most: figures.max_instances,
        cold_starts_per_day: rounded(f64::from(figures.cold_starts) / days, 10.0),
        kept_usd_per_month: kept_usd(request, &settings),
        late_documents: figures.late(slo_ms).max(figures.unfinished),
        unfinished_documents: figures.unfinished,
        slo_kept: keeps(&figures, slo_ms),
    }
}

fn keeps(figures: &SimulatedFigures, slo_ms: u64) -> bool {
    figures.unfinished == 0
        && figures.longest_ms() * (100 + MARGIN_PERCENT) / 100 + MARGIN_MS <= slo_ms
}

/// What instances cost that are kept without work: 24 hours of each day, or the warm hours.
fn kept_usd(request: &PlanRequest, settings: &ScalingSettings) -> f64 {
    let always = f64::from(settings.min_instances) * 24.0;
    let warm = settings.warm_hours.map_or(0, |warm| warm.until - warm.from);
    let hours = always.max(f64::from(warm) / 60.0);
    rounded(
        hours * f64::from(request.days_per_month) * request.price,
        100.0,
    )
}

fn rounded(value: f64, unit: f64) -> f64 {
    (value * unit).round() / unit
}

fn alternatives(tried: &[PlanOption], slo_kept: bool) -> Vec<PlanOption> {
    let is_aws = |it: &PlanOption| matches!(it.settings.scaling, Scaling::Aws { .. });
    let kinds: [&dyn Fn(&PlanOption) -> bool; 4] = [
        &is_aws,
        &|it| !is_aws(it),
        &|it| it.settings.warm_hours.is_some(),
        &|it| it.settings.min_instances > 0,
    ];
    let cheapest = |kind: &&dyn Fn(&PlanOption) -> bool| {
        let mut of_kind = tried.iter().filter(|it| kind(it));
        of_kind.find(|it| it.slo_kept || !slo_kept).copied()
    };
    let mut found: Vec<PlanOption> = Vec::new();
    for one in kinds.iter().filter_map(cheapest) {
        if found.iter().all(|known| known.settings != one.settings) {
            found.push(one);
        }
    }
    found
}

/// The smallest maximum that keeps the SLO: doubled until it does, then halved. `None` if no maximum does.
fn instances_needed(
    request: &PlanRequest,
    arrivals: &[Arrival],
    span_ms: u64,
    settings: ScalingSettings,
) -> Option<u32> {
    let scalings = [
        settings.scaling,
        Scaling::Docket {
            drain_within_seconds: request.drain_within_seconds.unwrap_or(60),
            idle_seconds: 900,
        },
    ];
    let is_enough = |max_instances: u32| {
        scalings.iter().any(|scaling| {
            let larger = ScalingSettings {
                max_instances,
                scaling: *scaling,
                ..settings
            };
            option(request, arrivals, span_ms, larger).slo_kept
        })
    };
    let mut below = request.max_instances;
    let mut enough = below * 2;
    while !is_enough(enough) {
        below = enough;
        enough *= 2;
        if enough > MAX_TRIED_INSTANCES {
            return None;
        }
    }
    while enough - below > 1 {
        let middle = u32::midpoint(below, enough);
        if is_enough(middle) {
            enough = middle;
        } else {
            below = middle;
        }
    }
    Some(enough)
}

fn remarks(request: &PlanRequest, arrivals: &[Arrival]) -> Vec<String> {
    let slo_ms = u64::from(request.slo_seconds) * SECOND;
    let mut remarks = Vec::new();
    let longest = arrivals.iter().map(|it| it.run_ms).max().unwrap_or(0);
    if longest >= slo_ms {
        let minutes = longest.div_ceil(MINUTE);
        remarks.push(format!(
            "The longest run takes {minutes} min: that alone is longer than the SLO, whatever the number of instances."
        ));
    } else if request.endpoint.cold_start_ms + longest >= slo_ms {
        remarks.push(
            "A cold start and the longest run take longer than the SLO: it needs a kept instance whenever documents arrive."
                .to_owned(),
        );
    }
    remarks
}
