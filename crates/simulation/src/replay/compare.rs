//! The same day with other settings, one at a time: what each of them does to waiting and cost.

use std::fmt::Write as _;

use async_endpoint::{Millis, Parameters};

use super::cli::with;
use super::figures::Figures;
use super::report::{clock, span};
use super::{Options, ReplayError, Scenario, Warm, replay};
use crate::world::MINUTE;

/// What is different about a day.
enum Change {
    /// A parameter of the file.
    Parameter(&'static str, &'static str),
    /// The cold start, in seconds: not a setting, but what the instance type, the image and the model make of it.
    ColdStart(u64),
    /// One instance is kept in these hours.
    Warm(Warm),
    /// All of these.
    All(&'static [Self]),
}

use Change::{All, ColdStart, Parameter};

impl Change {
    /// Changes the day, and says what is different about it.
    fn make(&self, options: &mut Options, file: &mut String) -> Result<String, String> {
        Ok(match self {
            Parameter(key, value) => {
                *file = with(file, key, value)?;
                let settings = options.endpoint.settings;
                options.endpoint = Parameters::parse(file).map_err(|error| error.to_string())?;
                options.endpoint.settings.cold_start = settings.cold_start;
                format!("`{key}` {value}")
            }
            ColdStart(seconds) => {
                options.endpoint.settings.cold_start = Millis::from_secs(*seconds);
                format!("cold start {}", span(seconds * 1000))
            }
            Self::Warm(warm) => {
                options.warm = Some(*warm);
                let clock = |minutes| clock(minutes * MINUTE);
                format!("one kept {}–{}", clock(warm.from), clock(warm.until))
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
    warm(7 * 60 + 30, 19 * 60 + 30),
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
    All(&[
        Parameter("MaxInstances", "1"),
        warm(7 * 60 + 30, 19 * 60 + 30),
    ]),
    All(&[
        Parameter("MaxInstances", "3"),
        Parameter("IdleMinutes", "5"),
        warm(7 * 60 + 30, 19 * 60 + 30),
    ]),
];

const TUESDAY: &[Change] = &[
    Parameter("MinInstances", "1"),
    warm(8 * 60, 18 * 60),
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

const fn warm(from: u64, until: u64) -> Change {
    Change::Warm(Warm { from, until })
}

/// A table in Markdown: the day as it is asked for, then with each change. `file` is the endpoint's parameter file.
pub(super) fn compare(options: &Options, file: &str, price: f64) -> Result<String, String> {
    let (_, many) = options.scenario.nouns();
    let mut text = format!(
        "| | half wait up to | 9 in 10 up to | the longest | cold starts | out of none | GPU hours | idle | a day | {many} ready in time |\n|---|---|---|---|---|---|---|---|---|---|\n"
    );
    let unchanged = std::iter::once(None);
    let changes = match options.scenario {
        Scenario::DealDay => DEAL_DAY,
        Scenario::Tuesday => TUESDAY,
    };
    for change in unchanged.chain(changes.iter().map(Some)) {
        let (mut options, mut file) = (options.clone(), file.to_owned());
        let label = match change {
            None => "as it is".to_owned(),
            Some(change) => change.make(&mut options, &mut file)?,
        };
        row(&mut text, &label, &options, price).map_err(|error| error.to_string())?;
    }
    Ok(text)
}

fn row(text: &mut String, label: &str, options: &Options, price: f64) -> Result<(), ReplayError> {
    let day = replay(options)?;
    let figures = Figures::of(&day);
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
    Ok(())
}
