//! A plan for a terminal.

use std::fmt::Write as _;

use crate::plan::{MAX_TRIED_INSTANCES, Plan, PlanOption};
use crate::settings::{Scaling, ScalingSettings};

/// The plan as text of several lines.
pub fn plan_text(plan: &Plan) -> String {
    let mut text = format!(
        "{} documents in {:.1} days, runs of {}, {} at a time per instance, cold start {}\n\
         ${} per instance-hour ({}), {} days a month\n",
        plan.documents,
        plan.days,
        span(plan.mean_run_seconds),
        plan.concurrent_runs,
        span(plan.cold_start_seconds),
        plan.price,
        plan.price_source,
        plan.days_per_month
    );
    let slo = span(plan.slo_seconds.into());
    if plan.slo_kept {
        let _ = writeln!(text, "\nThe cheapest settings that keep the SLO of {slo}:");
    } else {
        let needed = match plan.instances_needed {
            Some(instances) => format!("It needs MaxInstances {instances}."),
            None => format!("No MaxInstances up to {MAX_TRIED_INSTANCES} keeps it."),
        };
        let margin = if plan.best.unfinished_documents > 0 {
            ", some of them still open three days later"
        } else if plan.best.late_documents == 0 {
            " (their longest wait leaves too little of the SLO)"
        } else {
            ""
        };
        let _ = writeln!(
            text,
            "\nThe SLO of {slo} CANNOT BE KEPT within these limits: {} of {} documents are late{margin}. {needed}\n\
             The settings with the fewest late documents:",
            plan.best.late_documents, plan.documents
        );
    }
    let _ = writeln!(text, "  {}", settings(&plan.best.settings));
    let best = &plan.best;
    let _ = writeln!(
        text,
        "  ${:.2} a month, ${:.4} a document; {:.1} GPU hours a month, {:.0} % idle; {} instances at most, {} cold starts a day\n\
         \x20 ready after: p50 {}, p90 {}, at the latest {}",
        best.usd_per_month,
        best.usd_per_document,
        best.gpu_hours_per_month,
        100.0 * best.idle_share,
        best.instances_at_most,
        best.cold_starts_per_day,
        span(best.p50_seconds),
        span(best.p90_seconds),
        span(best.longest_seconds)
    );
    let _ = writeln!(
        text,
        "\n{:>12}{:>14}{:>14}{:>14}{:>7}  settings",
        "a month", "p50", "p90", "longest", "idle"
    );
    for one in &plan.alternatives {
        let _ = writeln!(text, "{}", row(one));
    }
    for remark in &plan.remarks {
        let _ = writeln!(text, "\n{remark}");
    }
    text
}

fn row(one: &PlanOption) -> String {
    let kept = if one.kept_usd_per_month > 0.0 {
        format!(" (kept: ${:.2})", one.kept_usd_per_month)
    } else {
        String::new()
    };
    format!(
        "{:>12}{:>14}{:>14}{:>14}{:>7}  {}{kept}",
        format!("${:.2}", one.usd_per_month),
        span(one.p50_seconds),
        span(one.p90_seconds),
        span(one.longest_seconds),
        format!("{:.0} %", 100.0 * one.idle_share),
        settings(&one.settings)
    )
}

fn settings(it: &ScalingSettings) -> String {
    let scaling = match it.scaling {
        Scaling::Aws {
            target,
            idle_minutes,
        } => format!("scaling aws, BacklogPerInstanceTarget {target}, IdleMinutes {idle_minutes}"),
        Scaling::Docket {
            drain_within_seconds,
            idle_seconds,
        } => format!(
            "scaling docket, drain_within_seconds {drain_within_seconds}, idle_seconds {idle_seconds}"
        ),
    };
    let clock = |minute: u32| format!("{}:{:02}", minute / 60, minute % 60);
    let warm = it.warm_hours.map_or_else(String::new, |warm| {
        format!(", one kept {}-{}", clock(warm.from), clock(warm.until))
    });
    format!(
        "{scaling}, MinInstances {}, MaxInstances {}{warm}",
        it.min_instances, it.max_instances
    )
}

/// A duration with two units at most.
fn span(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, min, 0) => format!("{min} min"),
        (0, min, s) => format!("{min} min {s:02} s"),
        (h, 0, _) => format!("{h} h"),
        (h, min, _) => format!("{h} h {min:02} min"),
    }
}
