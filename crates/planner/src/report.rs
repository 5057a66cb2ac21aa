//! A day as text, for a terminal.

use std::fmt::Write as _;

use async_endpoint::ScaleIn;

use crate::bursts::bursts;
use crate::day::{Day, ReplayOptions};
use crate::figures::{Figures, Percentiles, spans};
use crate::units::{HOUR, MINUTE, clock, in_hours, span};

/// The figures of a day as lines of text. `price` is that of an instance-hour, `source` where it is from.
pub fn report(day: &Day, price: f64, source: &str) -> String {
    let figures = Figures::of(day);
    let (one, many) = day.options.scenario.nouns();
    let mut text = String::new();
    let mut row = |name: &str, rest: String| {
        let _ = writeln!(text, "{name:<12}{rest}");
    };
    row(
        "replayed",
        format!(
            "{}: {} {many} through {} on {}, seed {}",
            day.options.scenario.name(),
            day.documents.len(),
            day.options.scenario.pipeline(),
            day.options.endpoint.instance_type,
            day.options.seed
        ),
    );
    if let Some(excerpt) = day.options.excerpt {
        row(
            "only",
            format!(
                "the first {} bursts; gaps longer than {} between two of them are cut",
                excerpt.bursts,
                span(excerpt.max_gap_ms)
            ),
        );
    }
    row("settings", settings(&day.options));
    row("", String::new());
    let header = format!("{:>14}{:>14}{:>14}{:>14}", "p50", "p90", "p99", "max");
    row("waiting", header);
    for (name, times) in [
        ("  in all", figures.total),
        ("  cold", figures.cold_start),
        ("  queue", figures.queue),
        ("  run", figures.run),
        ("  Docket", figures.docket),
    ] {
        row(name, columns(times));
    }
    row("", String::new());
    row(
        "ended",
        format!(
            "{} ready, {} failed{}",
            figures.ready,
            figures.failed,
            causes(day)
        ),
    );
    row("SLO", slo(day, &figures, many));
    row(
        "instances",
        format!(
            "at most {}; {} cold starts, {} of them from zero instances; {} {many} waited for one of these",
            figures.max_instances,
            day.instances_started,
            figures.starts_from_zero,
            figures.waited_for_cold_start
        ),
    );
    row(
        "GPU hours",
        format!(
            "{:.1}: working {:.1}, starting {:.1}, idle {:.1} ({:.0} %)",
            figures.hours(),
            in_hours(figures.working),
            in_hours(figures.starting),
            in_hours(figures.idle),
            100.0 * figures.idle_share()
        ),
    );
    let cost = figures.hours() * price;
    row(
        "cost",
        format!(
            "${cost:.2} a day, ${:.3} a {one}, at ${price} an hour ({source})",
            cost / day.documents.len().max(1) as f64
        ),
    );
    text.push('\n');
    text.push_str(&hours(day));
    if day.options.excerpt.is_some() {
        text.push('\n');
        text.push_str(&by_burst(day));
    }
    for violation in &day.violations {
        let _ = writeln!(text, "VIOLATION   {violation}");
    }
    text
}

fn columns(times: Percentiles) -> String {
    [times.p50, times.p90, times.p99, times.max]
        .map(|value| format!("{:>14}", span(value)))
        .concat()
}

fn causes(day: &Day) -> String {
    let mut causes: Vec<&str> = day
        .documents
        .iter()
        .filter_map(|known| known.failure)
        .collect();
    causes.sort_unstable();
    causes.dedup();
    if causes.is_empty() {
        String::new()
    } else {
        format!(" ({})", causes.join(", "))
    }
}

fn slo(day: &Day, figures: &Figures, many: &str) -> String {
    let target = format!("ready within {}", span(day.slo_ms));
    match day.documents.len() - figures.within_slo {
        0 => format!("{target}: kept for all {many}"),
        late => format!(
            "{target}: NOT KEPT for {late} of {} {many}",
            day.documents.len()
        ),
    }
}

/// The settings that a deployment chooses.
pub(crate) fn settings(options: &ReplayOptions) -> String {
    let settings = &options.endpoint.settings;
    let idle = match settings.scale_in {
        ScaleIn::WhenIdle { periods } => format!("idle {} min", 5 * periods),
        ScaleIn::TargetTracking { .. } => "scale-in by tracking".to_owned(),
        ScaleIn::Off => "no scale-in".to_owned(),
    };
    let warm = settings.warm_hours.map_or_else(String::new, |warm| {
        format!(
            ", {} kept from {} to {}",
            warm.instances,
            clock(u64::from(warm.from) * MINUTE),
            clock(u64::from(warm.until) * MINUTE)
        )
    });
    let scaling = options.objective.map_or_else(
        || {
            format!(
                "AWS's policies: target {}, cooldowns out {} in {} from zero {}, {idle}",
                settings.backlog_per_instance_target,
                span(settings.scale_out_cooldown.0),
                span(settings.scale_in_cooldown.0),
                span(settings.scale_from_zero_cooldown.0),
            )
        },
        |objective| {
            format!(
                "Docket's controller: drain within {} s, idle {} s",
                objective.drain_within.as_secs(),
                objective.idle.as_secs()
            )
        },
    );
    format!(
        "instances {} to {}, {scaling}, cold start {}{warm}",
        settings.min_instances,
        settings.max_instances,
        span(settings.cold_start.0)
    )
}

/// The day by the hour, from the first upload to the last result.
fn hours(day: &Day) -> String {
    let mut text = format!(
        "{:>6}{:>10}{:>14}{:>16}{:>16}{:>16}\n",
        "hour", "uploads", "max queue", "max instances", "GPU hours", "max wait"
    );
    let (first, last) = hours_of(day);
    for hour in first..last {
        let (from, until) = (hour * HOUR, (hour + 1) * HOUR);
        let (mut queue, mut max_instances, mut billed) = (0, 0, 0);
        for (sample, lasts) in spans(day) {
            let part = (sample.at + lasts)
                .min(until)
                .saturating_sub(sample.at.max(from));
            if part > 0 {
                queue = queue.max(sample.waiting);
                max_instances = max_instances.max(sample.instances());
                billed += u64::from(sample.instances()) * part;
            }
        }
        let uploaded = || {
            let here = |at: u64| (from..until).contains(&at);
            day.documents
                .iter()
                .filter(move |known| here(known.uploaded_at))
        };
        let max_wait = uploaded()
            .filter_map(|known| known.wait)
            .map(|wait| wait.total())
            .max();
        let _ = writeln!(
            text,
            "{:>6}{:>10}{queue:>14}{max_instances:>16}{:>16.2}{:>16}",
            clock(from),
            uploaded().count(),
            in_hours(billed),
            max_wait.map_or_else(|| "-".to_owned(), span)
        );
    }
    text
}

/// The bursts of an excerpt.
fn by_burst(day: &Day) -> String {
    let mut text = format!(
        "{:>6}{:>10}{:>10}{:>8}{:>8}{:>14}{:>14}{:>18}{:>16}\n",
        "burst",
        "at",
        "uploads",
        "ready",
        "failed",
        "p50",
        "p95",
        "found in service",
        "max instances"
    );
    for burst in bursts(day) {
        let _ = writeln!(
            text,
            "{:>6}{:>10}{:>10}{:>8}{:>8}{:>14}{:>14}{:>18}{:>16}",
            burst.number,
            clock(burst.at),
            burst.uploaded,
            burst.ready,
            burst.failed,
            span(burst.wait.p50),
            span(burst.wait.p95),
            burst.instances_found,
            burst.max_instances
        );
    }
    text
}

/// The hours to show: the first with an upload, and the end of the last in which something happens.
pub(crate) fn hours_of(day: &Day) -> (u64, u64) {
    let min_instances = day.options.endpoint.settings.min_instances;
    let first = day.documents.iter().map(|known| known.uploaded_at).min();
    let more = spans(day)
        .filter(|(sample, _)| sample.instances() > min_instances)
        .map(|(sample, lasts)| sample.at + lasts)
        .max();
    let ended = day
        .documents
        .iter()
        .filter_map(|known| known.ended_at)
        .max();
    let first = first.unwrap_or(0) / HOUR;
    let last = more.max(ended).unwrap_or(0).div_ceil(HOUR);
    (first, last.max(first + 1))
}
