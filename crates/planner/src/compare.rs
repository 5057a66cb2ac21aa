//! The same day with other settings, one at a time: how each changes waiting times and cost.

use std::fmt::Write as _;
use std::time::Duration;

use async_endpoint::{EndpointParameters, Millis};

use crate::day::{Day, ReplayOptions};
use crate::figures::Figures;
use crate::parameters::{with, with_warm_hours};
use crate::replay::replay;
use crate::scenario::Scenario;
use crate::units::span;

/// A change to the settings of a day.
enum SettingChange {
    /// A parameter of the file: name and value.
    Parameter(&'static str, &'static str),
    /// `drain_within_seconds` of the pipeline.
    DrainWithin(u64),
    /// `idle_seconds` of the pipeline.
    Idle(u64),
    /// The cold start, in seconds. It is not a setting: it follows from the instance type, the image and the model.
    ColdStart(u64),
    /// One instance is kept between these times of day.
    Warm(&'static str, &'static str),
    All(&'static [Self]),
}

use SettingChange::{All, ColdStart, DrainWithin, Idle, Parameter, Warm};

impl SettingChange {
    /// Applies the change, and returns its label.
    fn apply(&self, options: &mut ReplayOptions, file: &mut String) -> Result<String, String> {
        Ok(match self {
            Parameter(key, value) => {
                *file = with(file, key, value)?;
                read(options, file)?;
                format!("`{key}` {value}")
            }
            DrainWithin(seconds) => {
                if let Some(objective) = &mut options.objective {
                    objective.drain_within = Duration::from_secs(*seconds);
                }
                format!("`drain_within_seconds` {seconds}")
            }
            Idle(seconds) => {
                if let Some(objective) = &mut options.objective {
                    objective.idle = Duration::from_secs(*seconds);
                }
                format!("`idle_seconds` {seconds}")
            }
            ColdStart(seconds) => {
                options.endpoint.settings.cold_start = Millis::from_secs(*seconds);
                if let Some(objective) = &mut options.objective {
                    objective.cold_start = Duration::from_secs(*seconds);
                }
                format!("cold start {}", span(seconds * 1000))
            }
            Warm(from, until) => {
                *file = with_warm_hours(file, from, until)?;
                read(options, file)?;
                format!("one kept {from}–{until}")
            }
            All(changes) => {
                let labels: Result<Vec<_>, _> = changes
                    .iter()
                    .map(|change| change.apply(options, file))
                    .collect();
                labels?.join(", ")
            }
        })
    }
}

const DEAL_DAY: &[SettingChange] = &[
    DrainWithin(600),
    DrainWithin(1200),
    Idle(300),
    All(&[Idle(1200), Parameter("IdleMinutes", "30")]),
    Warm("8:00", "18:00"),
    Parameter("MinInstances", "1"),
    Parameter("MaxInstances", "1"),
    Parameter("MaxInstances", "2"),
    Parameter("MaxInstances", "8"),
    ColdStart(180),
    ColdStart(640),
    Parameter("Scaling", "aws"),
    All(&[
        Parameter("Scaling", "aws"),
        Parameter("IdleMinutes", "5"),
        Parameter("BacklogPerInstanceTarget", "20"),
    ]),
];

const TUESDAY: &[SettingChange] = &[
    DrainWithin(1200),
    All(&[Idle(300), Parameter("IdleMinutes", "10")]),
    All(&[Idle(900), Parameter("IdleMinutes", "30")]),
    Warm("8:00", "18:00"),
    Parameter("MaxInstances", "1"),
    Parameter("MaxInstances", "2"),
    Parameter("MaxInstances", "8"),
    ColdStart(180),
    ColdStart(640),
    All(&[Parameter("MaxInstances", "2"), ColdStart(640)]),
    Parameter("Scaling", "aws"),
    All(&[
        Parameter("Scaling", "aws"),
        Parameter("BacklogPerInstanceTarget", "3"),
    ]),
];

/// Takes the parameters from the file, and whether Docket scales. The cold start is not one of them and stays as it is.
fn read(options: &mut ReplayOptions, file: &str) -> Result<(), String> {
    let cold_start = options.endpoint.settings.cold_start;
    options.endpoint = EndpointParameters::parse(file).map_err(|error| error.to_string())?;
    options.endpoint.settings.cold_start = cold_start;
    if !options.endpoint.docket_scales {
        options.objective = None;
    }
    Ok(())
}

/// A day with another setting.
#[derive(Clone, Debug)]
pub struct Variant {
    pub label: String,
    pub day: Day,
    pub figures: Figures,
}

/// The day with `options`, then with each change that matters for its scenario. `file` is the endpoint's parameter
/// file.
///
/// # Errors
/// The file lacks a parameter, or a day does not end; the text says which.
pub fn variants(options: &ReplayOptions, file: &str) -> Result<Vec<Variant>, String> {
    let unchanged = std::iter::once(None);
    let changes = match options.scenario {
        Scenario::DealDay => DEAL_DAY,
        Scenario::Tuesday => TUESDAY,
        Scenario::Ordinary | Scenario::Busy | Scenario::Continuous => &[],
    };
    let variant = |change: Option<&SettingChange>| {
        let (mut options, mut file) = (options.clone(), file.to_owned());
        let label = match change {
            None => "unchanged".to_owned(),
            Some(change) => change.apply(&mut options, &mut file)?,
        };
        let day = replay(&options).map_err(|error| error.to_string())?;
        let figures = Figures::of(&day);
        Ok(Variant {
            label,
            day,
            figures,
        })
    };
    unchanged
        .chain(changes.iter().map(Some))
        .map(variant)
        .collect()
}

/// The variants of a day as a Markdown table. `price` is that of an instance-hour.
pub fn table(variants: &[Variant], price: f64) -> String {
    let nouns = variants
        .first()
        .map(|variant| variant.day.options.scenario.nouns());
    let (_, many) = nouns.unwrap_or_default();
    let mut text = format!(
        "| | p50 | p90 | max | cold starts | from zero | GPU hours | idle | cost per day | {many} within the SLO |\n|---|---|---|---|---|---|---|---|---|---|\n"
    );
    for Variant {
        label,
        day,
        figures,
    } in variants
    {
        let _ = writeln!(
            text,
            "| {label} | {} | {} | {} | {} | {} | {:.1} | {:.0} % | ${:.2} | {} of {} |",
            span(figures.total.p50),
            span(figures.total.p90),
            span(figures.total.max),
            day.instances_started,
            figures.starts_from_zero,
            figures.hours(),
            100.0 * figures.idle_share(),
            figures.hours() * price,
            figures.within_slo,
            day.documents.len()
        );
    }
    text
}
