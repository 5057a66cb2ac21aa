//! A day as text, for a terminal.

use std::fmt::Write as _;

use async_endpoint::{ScaleIn, Settings};

use super::figures::{Figures, Spread, in_hours, spans};
use super::{Day, bursts};
use crate::world::{HOUR, MINUTE, SECOND};

/// The figures of a day. `price` is that of an instance-hour, `source` says where it is from.
pub fn report(day: &Day, price: f64, source: &str) -> String {
    let figures = Figures::of(day);
    let (one, many) = day.options.scenario.nouns();
    let mut text = String::new();
    let mut line = |words: &str, rest: String| {
        let _ = writeln!(text, "{words:<12}{rest}");
    };
    line(
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
        line(
            "only",
            format!(
                "the first {} bursts; what was longer than {} between two of them is cut",
                excerpt.bursts,
                span(excerpt.longest_gap)
            ),
        );
    }
    line("settings", settings(&day.options.endpoint.settings));
    line("", String::new());
    let header = format!("{:>14}{:>14}{:>14}{:>14}", "p50", "p90", "p99", "max");
    line("waiting", header);
    for (name, spread) in [
        ("  in all", figures.total),
        ("  cold", figures.cold),
        ("  queue", figures.queue),
        ("  run", figures.run),
        ("  Docket", figures.docket),
    ] {
        line(name, columns(spread));
    }
    line("", String::new());
    line(
        "ended",
        format!(
            "{} ready, {} failed{}",
            figures.ready,
            figures.failed,
            causes(day)
        ),
    );
    line("promise", promise(day, &figures, many));
    line(
        "instances",
        format!(
            "at most {}, cold starts {}, of them out of none {}; {} {many} waited for one of these",
            figures.most_instances, day.started, figures.wakes, figures.met_cold_start
        ),
    );
    line(
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
    line(
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
    for broken in &day.violations {
        let _ = writeln!(text, "BROKEN      {broken}");
    }
    text
}

fn columns(spread: Spread) -> String {
    [spread.p50, spread.p90, spread.p99, spread.max]
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

fn promise(day: &Day, figures: &Figures, many: &str) -> String {
    let said = format!("ready within {}", span(day.promise));
    match day.documents.len() - figures.in_time {
        0 => format!("{said}: kept for all {many}"),
        late => format!(
            "{said}: NOT KEPT for {late} of {} {many}",
            day.documents.len()
        ),
    }
}

/// The numbers that a deployment chooses, by the names that they have in its parameter file.
pub(super) fn settings(settings: &Settings) -> String {
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
    format!(
        "instances {} to {}, target {}, cooldowns out {} in {} wake {}, {idle}, cold start {}{warm}",
        settings.min_instances,
        settings.max_instances,
        settings.backlog_per_instance_target,
        span(settings.scale_out_cooldown.0),
        span(settings.scale_in_cooldown.0),
        span(settings.scale_from_zero_cooldown.0),
        span(settings.cold_start.0)
    )
}

/// The day by the hour, from the first upload to the last result.
fn hours(day: &Day) -> String {
    let mut text = format!(
        "{:>6}{:>10}{:>14}{:>16}{:>16}{:>16}\n",
        "hour", "uploads", "longest queue", "most instances", "GPU hours", "longest wait"
    );
    let (first, last) = hours_of(day);
    for hour in first..last {
        let (from, until) = (hour * HOUR, (hour + 1) * HOUR);
        let (mut queue, mut most, mut paid) = (0, 0, 0);
        for (context, lasts) in spans(day) {
            let part = (context.at + lasts)
                .min(until)
                .saturating_sub(context.at.max(from));
            if part > 0 {
                queue = queue.max(context.waiting);
                most = most.max(context.instances());
                paid += u64::from(context.instances()) * part;
            }
        }
        let came = || {
            let here = |at: u64| (from..until).contains(&at);
            day.documents
                .iter()
                .filter(move |known| here(known.uploaded))
        };
        let longest = came()
            .filter_map(|known| known.wait)
            .map(|wait| wait.total())
            .max();
        let _ = writeln!(
            text,
            "{:>6}{:>10}{queue:>14}{most:>16}{:>16.2}{:>16}",
            clock(from),
            came().count(),
            in_hours(paid),
            longest.map_or_else(|| "-".to_owned(), span)
        );
    }
    text
}

/// Each burst of an excerpt.
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
        "most instances"
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
            burst.found,
            burst.most_instances
        );
    }
    text
}

/// The hours in which something happens: from the first, up to but without the second.
pub(super) fn hours_of(day: &Day) -> (u64, u64) {
    let least = day.options.endpoint.settings.min_instances;
    let first = day.documents.iter().map(|known| known.uploaded).min();
    let more = spans(day)
        .filter(|(context, _)| context.instances() > least)
        .map(|(context, lasts)| context.at + lasts)
        .max();
    let ended = day.documents.iter().filter_map(|known| known.ended).max();
    let first = first.unwrap_or(0) / HOUR;
    let last = more.max(ended).unwrap_or(0).div_ceil(HOUR);
    (first, last.max(first + 1))
}

/// A time of day.
pub(super) fn clock(at: u64) -> String {
    format!("{}:{:02}", at / HOUR, at / MINUTE % 60)
}

/// A span of time, for people.
pub fn span(milliseconds: u64) -> String {
    let seconds = (milliseconds + SECOND / 2) / SECOND;
    let (h, min, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (h, min, s) {
        (0, 0, s) => format!("{s} s"),
        (0, min, 0) => format!("{min} min"),
        (0, min, s) => format!("{min} min {s:02} s"),
        (h, 0, _) => format!("{h} h"),
        (h, min, _) => format!("{h} h {min:02} min"),
    }
}
