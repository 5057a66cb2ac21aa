//! Cost against waiting: the same days with many settings of AWS's policies and of Docket's controller, as a picture.

use std::fmt::Write as _;
use std::time::Duration;

use async_endpoint::{EndpointParameters, ScaleIn};
use jobs::capacity::Objective;

use crate::day::ReplayOptions;
use crate::parameters::with;
use crate::picture::{DECIMAL, LEFT, MINUTES, RIGHT, STYLE, WIDTH, horizontal_line, scale};
use crate::replay::{ReplayError, objective_of};
use crate::scenario::Scenario;
use crate::side_by_side::{PolicyFigures, days};

/// `BacklogPerInstanceTarget` and `IdleMinutes`, varied together.
const TARGETS: [u32; 6] = [1, 2, 3, 5, 10, 20];
const IDLE_MINUTES: [u32; 4] = [5, 10, 15, 30];
/// `drain_within_seconds` and `idle_seconds`, varied together. Below the cold start, the former changes nothing.
const DRAINS: [u64; 6] = [300, 450, 600, 900, 1200, 1800];
const IDLES: [u64; 6] = [0, 60, 300, 600, 1200, 1800];

const TOP: u64 = 100;
const BOTTOM: u64 = 420;
const HEIGHT: u64 = 480;
const COLORS: &str = "\
.f{stroke-width:9;stroke-linecap:round;fill:none}.aws{stroke:#8592a0}.docket{stroke:#2b6cb0}\
.ring{fill:none;stroke:#c53030;stroke-width:2}\
@media(prefers-color-scheme:dark){.docket{stroke:#63a4e8}.ring{stroke:#ff7b7b}}";

/// The cost and the waits of one policy.
#[derive(Clone, Debug, PartialEq)]
pub struct FrontierPoint {
    pub label: String,
    /// The policy as it ships, or as it was first configured.
    pub is_default: bool,
    pub figures: PolicyFigures,
}

/// All points of a scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Frontier {
    pub scenario: Scenario,
    pub seeds: u64,
    pub aws: Vec<FrontierPoint>,
    pub docket: Vec<FrontierPoint>,
}

/// Replays the days of `seeds` seeds from 1 on with each setting. `price` is that of an instance-hour.
///
/// # Errors
/// The shipped files are wrong, or a day cannot be replayed.
pub fn frontier(scenario: Scenario, seeds: u64, price: f64) -> Result<Frontier, ReplayError> {
    let options = ReplayOptions::new(scenario)?;
    let shipped = options
        .clone()
        .scaled_by_docket(objective_of(scenario.pipeline())?);
    let (mut aws, mut docket) = (Vec::new(), Vec::new());
    for target in TARGETS {
        for idle in IDLE_MINUTES {
            let mut options = options.clone();
            options.endpoint = aws_endpoint(scenario, target, idle)?;
            aws.push(FrontierPoint {
                label: format!("target {target}, idle {idle} min"),
                is_default: (target, idle) == (3, 15),
                figures: PolicyFigures::of(&days(&options, seeds)?, price),
            });
        }
    }
    for drain in DRAINS {
        for idle in IDLES {
            let mut options = shipped.clone();
            // `IdleMinutes` is longer than `idle_seconds`.
            options.endpoint.settings.scale_in = ScaleIn::WhenIdle { periods: 12 };
            options.objective = shipped.objective.map(|objective| Objective {
                drain_within: Duration::from_secs(drain),
                idle: Duration::from_secs(idle),
                ..objective
            });
            docket.push(FrontierPoint {
                label: format!("drain {drain} s, idle {idle} s"),
                is_default: options.objective == shipped.objective,
                figures: PolicyFigures::of(&days(&options, seeds)?, price),
            });
        }
    }
    Ok(Frontier {
        scenario,
        seeds,
        aws,
        docket,
    })
}

fn aws_endpoint(
    scenario: Scenario,
    target: u32,
    idle: u32,
) -> Result<EndpointParameters, ReplayError> {
    let file = with(scenario.parameters(), "Scaling", "aws")
        .and_then(|file| with(&file, "BacklogPerInstanceTarget", &target.to_string()))
        .and_then(|file| with(&file, "IdleMinutes", &idle.to_string()))
        .map_err(ReplayError::ParameterFile)?;
    Ok(EndpointParameters::parse(&file)?)
}

/// Draws cost per day from left to right, and the p90 of the wait from bottom to top.
pub fn frontier_picture(frontier: &Frontier) -> String {
    let Frontier {
        scenario,
        seeds,
        aws,
        docket,
    } = frontier;
    let all = || aws.iter().chain(docket);
    let most = |of: &dyn Fn(&FrontierPoint) -> f64| all().map(of).fold(0.0, f64::max).ceil() as u64;
    let (cost_step, max_cost) = scale(most(&|it| it.figures.usd), &DECIMAL);
    let (wait_step, max_wait) = scale(most(&|it| it.figures.p90_s / 60.0), &MINUTES);
    let x = |usd: f64| LEFT + (usd / max_cost as f64 * (RIGHT - LEFT) as f64) as u64;
    let y = |minutes: f64| BOTTOM - (minutes / max_wait as f64 * (BOTTOM - TOP) as f64) as u64;
    let title = format!("{}: cost against waiting", scenario.name());
    let summary = format!(
        "Each dot is one setting, over the days of {seeds} seeds: {} of AWS's policies, {} of Docket's controller.",
        aws.len(),
        docket.len()
    );
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-labelledby=\"t d\">\n\
         <title id=\"t\">{title}</title>\n<desc id=\"d\">{summary}</desc>\n<style>{STYLE}{COLORS}</style>\n\
         <rect class=\"bg\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"8\"/>\n\
         <text class=\"t\" x=\"16\" y=\"30\">{title}</text>\n<text x=\"16\" y=\"52\">{summary}</text>\n\
         <text class=\"h\" x=\"16\" y=\"84\">p90 from upload to ready (minutes)</text>\n"
    );
    let mut lines = String::new();
    let steps = |max: u64, step: u64| (0..=max).step_by(usize::try_from(step).unwrap_or(1));
    for minutes in steps(max_wait, wait_step) {
        horizontal_line(
            &mut svg,
            &mut lines,
            y(minutes as f64),
            &minutes.to_string(),
        );
    }
    for usd in steps(max_cost, cost_step) {
        let at = x(usd as f64);
        let _ = write!(lines, "M{at} {TOP}V{BOTTOM}");
        let _ = writeln!(
            svg,
            "<text class=\"m\" x=\"{at}\" y=\"{}\" text-anchor=\"middle\">${usd}</text>",
            BOTTOM + 20
        );
    }
    let _ = writeln!(svg, "<path class=\"g\" d=\"{lines}\"/>");
    for (class, points) in [("aws", aws), ("docket", docket)] {
        let path: String = points
            .iter()
            .map(|it| format!("M{} {}h0", x(it.figures.usd), y(it.figures.p90_s / 60.0)))
            .collect();
        let _ = writeln!(svg, "<path class=\"f {class}\" d=\"{path}\"/>");
    }
    for it in all().filter(|it| it.is_default) {
        let (x, y) = (x(it.figures.usd), y(it.figures.p90_s / 60.0));
        let _ = writeln!(
            svg,
            "<circle class=\"ring\" cx=\"{x}\" cy=\"{y}\" r=\"8\"/>"
        );
    }
    let legend = [
        (430, "aws", "AWS's policies"),
        (560, "docket", "Docket's controller"),
    ];
    for (x, class, label) in legend {
        let _ = writeln!(
            svg,
            "<path class=\"f {class}\" d=\"M{x} 80h0\"/>\n<text class=\"m\" x=\"{}\" y=\"84\">{label}</text>",
            x + 10
        );
    }
    let _ = write!(
        svg,
        "<circle class=\"ring\" cx=\"722\" cy=\"80\" r=\"7\"/>\n<text class=\"m\" x=\"736\" y=\"84\">AWS's first, Docket's shipped</text>\n\
         <path class=\"a\" d=\"M{LEFT} {BOTTOM}H{RIGHT}\"/>\n\
         <text class=\"m\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">cost per day</text>\n</svg>\n",
        u64::midpoint(LEFT, RIGHT),
        BOTTOM + 44
    );
    svg
}
