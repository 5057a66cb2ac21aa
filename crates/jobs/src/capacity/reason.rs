//! The reason of a decision, as text.

use std::time::Duration;

use super::{
    CapacityInput, MAX_SETTLE, MIN_MEASURED_COLD_STARTS, MIN_MEASURED_RUNS, Rule, cold_start,
    drain, run, work,
};

pub(super) fn reason(input: &CapacityInput, instances: u32, rule: Rule) -> String {
    let now = input.instances.count();
    let jobs = count(input.open.alive, "open job");
    match rule {
        Rule::Updating => format!(
            "The endpoint is updating and rejects changes; {}, {jobs}.",
            count(now, "instance")
        ),
        Rule::OutsideLimits => format!(
            "The limits are {} to {} instances.",
            input.limits.min, input.limits.max
        ),
        Rule::Enough => format!(
            "{}: {} enough to end {} of work within {} and a cold start{}.",
            jobs,
            are(instances),
            span(work(input)),
            span(drain(input)),
            assumptions(input)
        ),
        Rule::Settling { left } => format!(
            "{jobs}; uploads have not paused, so Docket waits up to {} more (at most {} from the first) and then asks \
             once for enough.",
            span(left),
            span(MAX_SETTLE)
        ),
        Rule::More { wanted } => {
            let limited = if wanted > u64::from(input.limits.max) {
                format!(
                    "; that takes {wanted}, but the maximum is {}",
                    input.limits.max
                )
            } else {
                String::new()
            };
            format!(
                "{jobs} of about {} are {} of work, to be ended within {} after a cold start of {}{limited}{}.",
                span(run(input)),
                span(work(input)),
                span(drain(input)),
                span(cold_start(input)),
                assumptions(input)
            )
        }
        Rule::PresumedLost => format!(
            "{} of which no result can be expected; {} until the deadline.",
            count(input.open.presumed_lost, "open job"),
            if instances == 0 {
                "no instance starts".to_owned()
            } else {
                format!("{} stays", count(instances, "instance"))
            }
        ),
        Rule::NotIdleLongEnough { left } => format!(
            "No job is open; {} {} for another {}.",
            count(instances, "instance"),
            if instances == 1 { "stays" } else { "stay" },
            span(left)
        ),
        Rule::Idle => format!(
            "No job has been open for {}; the minimum is {}.",
            span(input.objective.idle),
            input.limits.min
        ),
    }
}

/// Which figures are not measured.
fn assumptions(input: &CapacityInput) -> String {
    let mut text = String::new();
    let (runs, starts) = (input.runs, input.cold_starts);
    if runs.known(MIN_MEASURED_RUNS).is_none() {
        text.push_str(&format!(
            "; the duration of a run is that of pipelines.toml, since only {} of {MIN_MEASURED_RUNS} needed runs were measured",
            runs.count
        ));
    }
    if starts.known(MIN_MEASURED_COLD_STARTS).is_none() {
        text.push_str(&format!(
            "; the cold start is that of pipelines.toml, since only {} of {MIN_MEASURED_COLD_STARTS} needed ones were measured",
            starts.count
        ));
    }
    text
}

fn are(instances: u32) -> String {
    let verb = if instances == 1 { "is" } else { "are" };
    format!("{} {verb}", count(instances, "instance"))
}

fn count(number: u32, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

fn span(duration: Duration) -> String {
    let seconds = duration.as_millis().div_ceil(1000);
    match (seconds / 60, seconds % 60) {
        (0, seconds) => format!("{seconds} s"),
        (minutes, 0) => format!("{minutes} min"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}
