//! A day as a picture: three charts over one time axis, in SVG.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use simulation::workload::EndpointSample;

use crate::day::Day;
use crate::figures::{Figures, spans};
use crate::report::{hours_of, settings};
use crate::units::{HOUR, MINUTE, clock, span};

/// The size of the picture and the position of the charts, in pixels.
pub(crate) const WIDTH: u64 = 960;
const HEIGHT: u64 = 664;
pub(crate) const LEFT: u64 = 64;
pub(crate) const RIGHT: u64 = 932;
const COLUMNS: usize = (RIGHT - LEFT) as usize;

/// Colors for the reader's light or dark scheme, with a background, so the picture is legible on any page.
pub(crate) const STYLE: &str = "\
text{font:13px system-ui,sans-serif;fill:#1f2933}\
.t{font-size:18px;font-weight:600}.h{font-weight:600}.m{fill:#55606c}\
.bg{fill:#fff}.g{stroke:#dfe4e9}.a{stroke:#8592a0}\
.q,.b{fill:#2b6cb0}.i{fill:#b9c8da}.c{fill:#dd7a1b}\
.d{stroke-width:5;stroke-linecap:round;fill:none}.w{stroke:#2b6cb0}.k{stroke:#dd7a1b}\
.x{stroke:#c53030;stroke-width:2;fill:none}.p{stroke:#c53030;stroke-dasharray:6 4}\
@media(prefers-color-scheme:dark){\
text{fill:#e6eaee}.m{fill:#a3adb8}.bg{fill:#14181d}.g{stroke:#2e363e}.a{stroke:#6b7783}\
.q,.b{fill:#63a4e8}.i{fill:#46586d}.c{fill:#f0a04b}.w{stroke:#63a4e8}.k{stroke:#f0a04b}\
.x,.p{stroke:#ff7b7b}}";

/// What a chart shows of a sample.
type SampleCount = fn(&EndpointSample) -> u32;

/// One of the three charts.
struct Chart {
    top: u64,
    bottom: u64,
    /// The value at the upper edge.
    max: u64,
}

impl Chart {
    const fn y(&self, value: u64) -> u64 {
        let value = if value < self.max { value } else { self.max };
        self.bottom - value * (self.bottom - self.top) / self.max
    }
}

/// The hours that the picture shows.
struct Axis {
    from: u64,
    until: u64,
}

impl Axis {
    fn x(&self, at: u64) -> u64 {
        let at = at.clamp(self.from, self.until) - self.from;
        LEFT + at * (RIGHT - LEFT) / (self.until - self.from)
    }
}

/// Draws a day. Documents at the same pixel are drawn once, which limits the size of the picture.
pub fn picture(day: &Day) -> String {
    let (first, last) = hours_of(day);
    let axis = Axis {
        from: first * HOUR,
        until: last * HOUR,
    };
    let mut svg = String::new();
    let figures = Figures::of(day);
    head(&mut svg, day, &figures);
    queue(&mut svg, day, &axis);
    instances(&mut svg, day, &axis, &figures);
    waits(&mut svg, day, &axis, &figures);
    time(&mut svg, &axis);
    svg.push_str("</svg>\n");
    svg
}

fn head(svg: &mut String, day: &Day, figures: &Figures) {
    let (_, many) = day.options.scenario.nouns();
    let title = format!(
        "{}: {} {many} through {}",
        day.options.scenario.name(),
        day.documents.len(),
        day.options.endpoint.endpoint_name
    );
    let kept = if figures.within_slo == day.documents.len() {
        "kept for all"
    } else {
        "not kept for all"
    };
    let summary = format!(
        "Waits: p50 {}, p90 {}, max {}. {} cold starts, {:.1} GPU hours. SLO of {}: {kept}.",
        span(figures.total.p50),
        span(figures.total.p90),
        span(figures.total.max),
        day.instances_started,
        figures.hours(),
        span(day.slo_ms)
    );
    let numbers = format!(
        "{}: {}",
        day.options.endpoint.instance_type,
        settings(&day.options)
    );
    let (title, summary, numbers) = (escape(&title), escape(&summary), escape(&numbers));
    let _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-labelledby=\"t d\">\n\
         <title id=\"t\">{title}</title>\n<desc id=\"d\">{summary}</desc>\n<style>{STYLE}</style>\n\
         <rect class=\"bg\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"8\"/>\n\
         <text class=\"t\" x=\"16\" y=\"30\">{title}</text>\n\
         <text x=\"16\" y=\"52\">{summary}</text>\n<text class=\"m\" x=\"16\" y=\"71\">{numbers}</text>\n"
    );
}

/// A line of a scale from left to right, with its label left of it.
pub(crate) fn horizontal_line(svg: &mut String, lines: &mut String, y: u64, label: &str) {
    let _ = write!(lines, "M{LEFT} {y}H{RIGHT}");
    let _ = writeln!(
        svg,
        "<text class=\"m\" x=\"{}\" y=\"{}\" text-anchor=\"end\">{label}</text>",
        LEFT - 8,
        y + 4
    );
}

/// A chart's title, its scale with horizontal lines, and vertical lines at the hours.
fn frame(svg: &mut String, chart: &Chart, axis: &Axis, title: &str, step: u64, unit: &str) {
    let (top, bottom) = (chart.top, chart.bottom);
    let _ = writeln!(
        svg,
        "<text class=\"h\" x=\"16\" y=\"{}\">{title}</text>",
        top - 12
    );
    let mut lines = String::new();
    for value in (0..=chart.max).step_by(usize::try_from(step).unwrap_or(1)) {
        let label = format!("{value}{unit}");
        horizontal_line(svg, &mut lines, chart.y(value), &label);
    }
    for hour in axis.from / HOUR..=axis.until / HOUR {
        let _ = write!(lines, "M{} {top}V{bottom}", axis.x(hour * HOUR));
    }
    let _ = writeln!(svg, "<path class=\"g\" d=\"{lines}\"/>");
}

/// The legend, right-aligned.
fn legend(svg: &mut String, y: u64, entries: &[(&str, &str)]) {
    let mut x = RIGHT;
    for (class, label) in entries.iter().rev() {
        let width = 7 * label.chars().count() as u64;
        x = x.saturating_sub(width);
        let _ = writeln!(svg, "<text class=\"m\" x=\"{x}\" y=\"{y}\">{label}</text>");
        x = x.saturating_sub(18);
        let _ = if let Some(dot) = class.strip_prefix("d ") {
            writeln!(
                svg,
                "<path class=\"d {dot}\" d=\"M{} {}h0\"/>",
                x + 8,
                y - 4
            )
        } else if *class == "p" {
            writeln!(svg, "<path class=\"p\" d=\"M{} {}h14\"/>", x - 2, y - 4)
        } else {
            let top = y - 10;
            writeln!(
                svg,
                "<rect class=\"{class}\" x=\"{x}\" y=\"{top}\" width=\"12\" height=\"12\"/>"
            )
        };
        x = x.saturating_sub(16);
    }
}

/// The maximum in each column of pixels, as an area.
fn area(svg: &mut String, class: &str, chart: &Chart, columns: &[u64]) {
    let mut path = format!("M{LEFT} {}", chart.bottom);
    let mut previous = 0;
    for (column, value) in columns.iter().enumerate() {
        if *value != previous {
            let _ = write!(path, "H{}V{}", LEFT + column as u64, chart.y(*value));
            previous = *value;
        }
    }
    let _ = writeln!(
        svg,
        "<path class=\"{class}\" d=\"{path}H{RIGHT}V{}z\"/>",
        chart.bottom
    );
}

fn columns(day: &Day, axis: &Axis, value: SampleCount) -> Vec<u64> {
    let mut columns = vec![0; COLUMNS];
    for (sample, lasts) in spans(day) {
        let end = sample.at + lasts;
        if end <= axis.from || sample.at >= axis.until || lasts == 0 {
            continue;
        }
        let from = usize::try_from(axis.x(sample.at) - LEFT).unwrap_or(0);
        let until = usize::try_from(axis.x(end) - LEFT).unwrap_or(0);
        // What lasts less than a column is still visible.
        for column in columns.iter_mut().take(until.max(from + 1)).skip(from) {
            *column = u64::from(value(sample)).max(*column);
        }
    }
    columns
}

fn queue(svg: &mut String, day: &Day, axis: &Axis) {
    let columns = columns(day, axis, |sample| sample.waiting);
    let (step, max) = scale(columns.iter().copied().max().unwrap_or(0), &DECIMAL);
    let chart = Chart {
        top: 108,
        bottom: 228,
        max,
    };
    let (_, many) = day.options.scenario.nouns();
    let title = format!("Waiting in the endpoint's queue ({many})");
    frame(svg, &chart, axis, &title, step, "");
    area(svg, "q", &chart, &columns);
}

fn instances(svg: &mut String, day: &Day, axis: &Axis, figures: &Figures) {
    let limit = day.options.endpoint.settings.max_instances;
    let (step, max) = scale(figures.max_instances.max(limit).into(), &DECIMAL);
    let chart = Chart {
        top: 276,
        bottom: 386,
        max,
    };
    frame(svg, &chart, axis, "Instances", step, "");
    let layers: [(&str, SampleCount); 3] = [
        ("c", EndpointSample::instances),
        ("i", |sample| sample.in_service),
        ("b", |sample| sample.busy),
    ];
    for (class, value) in layers {
        area(svg, class, &chart, &columns(day, axis, value));
    }
    let entries = [("b", "working"), ("i", "idle"), ("c", "starting")];
    legend(svg, chart.top - 12, &entries);
}

fn waits(svg: &mut String, day: &Day, axis: &Axis, figures: &Figures) {
    let (step, max) = scale(figures.total.max.div_ceil(MINUTE), &MINUTES);
    let chart = Chart {
        top: 434,
        bottom: 604,
        max,
    };
    frame(
        svg,
        &chart,
        axis,
        "From upload to ready (minutes)",
        step,
        "",
    );
    let (mut cold, mut warm, mut failed) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let fine = Chart {
        max: max * MINUTE,
        ..chart
    };
    for document in &day.documents {
        let x = axis.x(document.uploaded_at);
        match document.wait {
            None => failed.insert((x, fine.top)),
            Some(wait) if wait.cold_start > 0 => cold.insert((x, fine.y(wait.total()))),
            Some(wait) => warm.insert((x, fine.y(wait.total()))),
        };
    }
    for (class, dots) in [("d w", &warm), ("d k", &cold)] {
        let path: String = dots.iter().map(|(x, y)| format!("M{x} {y}h0")).collect();
        let _ = writeln!(svg, "<path class=\"{class}\" d=\"{path}\"/>");
    }
    let path: String = failed
        .iter()
        .map(|(x, y)| format!("M{} {y}l8 8m0-8l-8 8", x.saturating_sub(4)))
        .collect();
    let mut entries = vec![
        ("d w", "an instance was there"),
        ("d k", "met a cold start"),
    ];
    if !failed.is_empty() {
        let _ = writeln!(svg, "<path class=\"x\" d=\"{path}\"/>");
        entries.push(("x", "failed"));
    }
    if day.slo_ms <= fine.max {
        let _ = writeln!(
            svg,
            "<path class=\"p\" d=\"M{LEFT} {}H{RIGHT}\"/>",
            fine.y(day.slo_ms)
        );
        entries.push(("p", "SLO"));
    }
    legend(svg, fine.top - 12, &entries);
}

/// The hours, below all charts.
fn time(svg: &mut String, axis: &Axis) {
    let hours = axis.from / HOUR..=axis.until / HOUR;
    let step = if hours.clone().count() > 18 { 2 } else { 1 };
    for hour in hours.step_by(step) {
        let _ = writeln!(
            svg,
            "<text class=\"m\" x=\"{}\" y=\"624\" text-anchor=\"middle\">{}</text>",
            axis.x(hour * HOUR),
            clock(hour * HOUR)
        );
    }
    let middle = u64::midpoint(LEFT, RIGHT);
    let _ = writeln!(
        svg,
        "<path class=\"a\" d=\"M{LEFT} 604H{RIGHT}\"/>\n<text class=\"m\" x=\"{middle}\" y=\"648\" text-anchor=\"middle\">time of day (hours)</text>"
    );
}

pub(crate) const DECIMAL: [u64; 3] = [1, 2, 5];
pub(crate) const MINUTES: [u64; 8] = [1, 2, 5, 10, 15, 30, 60, 120];

/// The step and the upper end of a scale with at most six steps.
pub(crate) fn scale(max: u64, steps: &[u64]) -> (u64, u64) {
    let max = max.max(1);
    let mut factor = 1;
    loop {
        if let Some(step) = steps.iter().find(|step| max.div_ceil(*step * factor) <= 6) {
            let step = step * factor;
            return (step, max.div_ceil(step) * step);
        }
        factor *= 10;
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
