//! The same day with other settings, one at a time: what each of them does to waiting and cost.

use std::fmt::Write as _;

use async_endpoint::{EndpointParameters, Millis};

use super::cli::{with, with_one_kept};
use super::figures::Figures;
use super::report::span;
use super::{Day, Options, Scenario, replay};

/// What is different about a day.
enum Change {
    /// A parameter of the file.
    Parameter(&'static str, &'static str),
    /// The cold start, in seconds: not a setting, but what the instance type, the image and the model make of it.
    ColdStart(u64),
    /// One instance is kept from then until then.
    Warm(&'static str, &'static str),
    /// All of these.
    All(&'static [Self]),
}

use Change::{All, ColdStart, Parameter, Warm};

impl Change {
    /// Changes the day, and says what is different about it.
    fn make(&self, options: &mut Options, file: &mut String) -> Result<String, String> {
        Ok(match self {
            Parameter(key, value) => {
                *file = with(file, key, value)?;
                read(options, file)?;
                format!("`{key}` {value}")
            }
            ColdStart(seconds) => {
                options.endpoint.settings.cold_start = Millis::from_secs(*seconds);
                format!("cold start {}", span(seconds * 1000))
            }
            Warm(from, until) => {
                *file = with_one_kept(file, from, until)?;
                read(options, file)?;
                format!("one kept {from}–{until}")
            }
            All(changes) => {
                let labels: Result<Vec<_>, _> = changes
                    .iter()
                    .map(|change| change.make(options, file))
                    .collect();
                labels?.join(", ")
            }
        })
    }
}

const DEAL_DAY: &[Change] = &[
    Parameter("MinInstances", "1"),
    Warm("7:30", "19:30"),
    Warm("8:00", "18:00"),
    Parameter("MaxInstances", "1"),
    Parameter("MaxInstances", "3"),
    Parameter("MaxInstances", "8"),
    Parameter("BacklogPerInstanceTarget", "2"),
    Parameter("BacklogPerInstanceTarget", "5"),
    Parameter("BacklogPerInstanceTarget", "10"),
    Parameter("ScaleOutCooldownSeconds", "600"),
    Parameter("ScaleInCooldownSeconds", "3600"),
    Parameter("IdleMinutes", "5"),
    Parameter("IdleMinutes", "30"),
    Parameter("WakeCooldownSeconds", "300"),
    ColdStart(180),
    ColdStart(660),
    All(&[
        Parameter("MaxInstances", "1"),
        Parameter("IdleMinutes", "5"),
    ]),
    All(&[
        Parameter("MaxInstances", "2"),
        Parameter("IdleMinutes", "5"),
    ]),
    All(&[Parameter("MaxInstances", "1"), Warm("7:30", "19:30")]),
    All(&[
        Parameter("MaxInstances", "3"),
        Parameter("IdleMinutes", "5"),
        Warm("7:30", "19:30"),
    ]),
];

const TUESDAY: &[Change] = &[
    Parameter("MinInstances", "1"),
    Warm("8:00", "18:00"),
    Parameter("MaxInstances", "1"),
    Parameter("MaxInstances", "2"),
    Parameter("MaxInstances", "3"),
    Parameter("MaxInstances", "6"),
    Parameter("BacklogPerInstanceTarget", "2"),
    Parameter("BacklogPerInstanceTarget", "3"),
    Parameter("ScaleOutCooldownSeconds", "600"),
    Parameter("ScaleInCooldownSeconds", "3600"),
    Parameter("IdleMinutes", "5"),
    Parameter("IdleMinutes", "30"),
    Parameter("WakeCooldownSeconds", "300"),
    ColdStart(180),
    ColdStart(660),
    All(&[
        Parameter("MaxInstances", "3"),
        Parameter("IdleMinutes", "5"),
    ]),
    All(&[Parameter("MaxInstances", "2"), ColdStart(660)]),
];

/// Takes over what the file says. A cold start does not stand in it.
fn read(options: &mut Options, file: &str) -> Result<(), String> {
    let cold_start = options.endpoint.settings.cold_start;
    options.endpoint = EndpointParameters::parse(file).map_err(|error| error.to_string())?;
    options.endpoint.settings.cold_start = cold_start;
    Ok(())
}

/// A day with another setting.
#[derive(Clone, Debug)]
pub struct Variant {
    /// What is different.
    pub label: String,
    /// The day.
    pub day: Day,
    /// What it comes to.
    pub figures: Figures,
}

/// The day as it is asked for, then with each change that says something about its kind. `file` is the endpoint's
/// parameter file.
///
/// # Errors
/// The file has not all the parameters, or a day does not end; the text says which.
pub fn variants(options: &Options, file: &str) -> Result<Vec<Variant>, String> {
    let unchanged = std::iter::once(None);
    let changes = match options.scenario {
        Scenario::DealDay => DEAL_DAY,
        Scenario::Tuesday => TUESDAY,
    };
    let variant = |change: Option<&Change>| {
        let (mut options, mut file) = (options.clone(), file.to_owned());
        let label = match change {
            None => "as it is".to_owned(),
            Some(change) => change.make(&mut options, &mut file)?,
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

/// Variants of one day as a table in Markdown. `price` is that of an instance-hour.
pub fn table(variants: &[Variant], price: f64) -> String {
    let scenario = variants
        .first()
        .map(|variant| variant.day.options.scenario.nouns());
    let (_, many) = scenario.unwrap_or_default();
    let mut text = format!(
        "| | half wait up to | 9 in 10 up to | the longest | cold starts | out of none | GPU hours | idle | a day | {many} ready in time |\n|---|---|---|---|---|---|---|---|---|---|\n"
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
            day.started,
            figures.wakes,
            figures.hours(),
            100.0 * figures.idle_share(),
            figures.hours() * price,
            figures.in_time,
            day.documents.len()
        );
    }
    text
}
