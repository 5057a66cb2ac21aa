//! Waiting for a job to end, and saying what it waits for.

use std::time::Duration;

use api::types::JobDetail;

use crate::Context;
use crate::config;
use crate::exit::{Exit, Outcome};
use crate::jobs_show;
use crate::print::span;

use super::progress::Meter;
use super::results;

/// The first pause; each is half as long again, up to the longest.
const FIRST: Duration = Duration::from_millis(700);
const LONGEST: Duration = Duration::from_secs(10);
/// All files of one command ask this often in a second together.
const ASKED_PER_SECOND: u32 = 5;
/// A service that cannot be reached for so long is given up, in milliseconds. Laptops sleep, networks change.
const PATIENCE: u64 = 15 * 60 * 1000;

/// Comes back when the job has ended, whichever way.
pub(super) async fn until_ended(
    context: &Context,
    id: &str,
    meter: &Meter<'_>,
    files: usize,
) -> Outcome<JobDetail> {
    meter.says(&format!("job {id}"));
    meter.waiting();
    context.on_interrupt(&format!(
        "what was uploaded is worked on; run the same command again to wait for {}",
        results(files)
    ));
    let longest = LONGEST
        .max(Duration::from_secs(1) * u32::try_from(files).unwrap_or(u32::MAX) / ASKED_PER_SECOND);
    let mut pause = FIRST;
    let mut silent_since = None;
    loop {
        match jobs_show::detail(context, id).await {
            Ok(detail) if has_ended(&detail) => return Ok(detail),
            Ok(detail) => {
                silent_since = None;
                meter.says(&said(&detail, meter.is_live()));
            }
            Err(failure) if failure.exit == Exit::Unavailable => {
                let since = *silent_since.get_or_insert_with(config::now);
                if config::now().saturating_sub(since) > PATIENCE {
                    return Err(failure.hint("run the same command again to go on waiting"));
                }
                meter.says(&format!("{}; asking again", failure.problem.detail));
            }
            Err(failure) => return Err(failure),
        }
        tokio::time::sleep(pause.mul_f64(0.75 + 0.5 * config::random())).await;
        pause = pause.mul_f64(1.5).min(longest);
    }
}

fn has_ended(detail: &JobDetail) -> bool {
    detail
        .job
        .as_ref()
        .is_some_and(|job| matches!(job.status.as_ref(), "Ready" | "Failed" | "Cancelled"))
}

/// What it waits for; how long already only where that can be replaced.
fn said(detail: &JobDetail, live: bool) -> String {
    let explanation = &detail.explanation;
    match &explanation.waiting {
        Some(waiting) if live => format!(
            "{} ({})",
            explanation.summary,
            span(config::now().saturating_sub(waiting.since))
        ),
        _ => explanation.summary.clone(),
    }
}
