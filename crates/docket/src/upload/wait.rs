//! Waits for a job to end and shows its state meanwhile.

use std::time::Duration;

use api::types::JobDetail;

use crate::CommandContext;
use crate::config;
use crate::error::{Exit, Result};
use crate::job_detail::{self, has_ended};
use crate::print::{duration, pluralize};

use super::progress::FileProgress;
use super::reader_words;

/// The delay before the second poll. It grows by half with each poll, up to the maximum.
const INITIAL_POLL_DELAY: Duration = Duration::from_millis(700);
const MAX_POLL_DELAY: Duration = Duration::from_secs(10);
/// The limit for all files of one command together.
const MAX_POLLS_PER_SECOND: u32 = 5;
/// The command fails if the service cannot be reached for this long. Shorter outages are normal: laptops sleep, networks
/// change.
const MAX_OUTAGE_MS: u64 = 15 * 60 * 1000;

/// Polls the job until it is ready, failed or cancelled.
pub(super) async fn until_ended(
    context: &CommandContext,
    id: &str,
    progress: &FileProgress<'_>,
    files: usize,
) -> Result<JobDetail> {
    progress.message(&format!("job {id}"));
    progress.start_waiting();
    context.set_interrupt_hint(&format!(
        "uploaded files are still processed; run the same command again to wait for {}",
        pluralize(files as u64, "result", "results")
    ));
    let max_delay = MAX_POLL_DELAY.max(
        Duration::from_secs(1) * u32::try_from(files).unwrap_or(u32::MAX) / MAX_POLLS_PER_SECOND,
    );
    let mut delay = INITIAL_POLL_DELAY;
    let mut outage_since = None;
    loop {
        match job_detail::fetch(context, id).await {
            Ok(detail) if detail.job.as_ref().is_some_and(has_ended) => return Ok(detail),
            Ok(detail) => {
                outage_since = None;
                progress.message(&describe(&detail, progress.replaces_messages()));
            }
            Err(error) if error.exit == Exit::Unavailable => {
                let since = *outage_since.get_or_insert_with(config::now);
                if config::now().saturating_sub(since) > MAX_OUTAGE_MS {
                    return Err(error.with_hint("run the same command again to continue waiting"));
                }
                progress.message(&format!("{}; trying again", error.problem.detail));
            }
            Err(error) => return Err(error),
        }
        tokio::time::sleep(delay.mul_f64(0.75 + 0.5 * config::random())).await;
        delay = delay.mul_f64(1.5).min(max_delay);
    }
}

/// The job's state. Without a job the event of the upload has not arrived: the service cannot know that the file is there,
/// but this command sent it. The waiting time changes all the time, so it is added only where a message replaces the one before.
fn describe(detail: &JobDetail, with_duration: bool) -> String {
    let Some(job) = &detail.job else {
        return "its job starts in a few seconds".to_owned();
    };
    let words = reader_words::waiting(job, detail);
    match &detail.explanation.waiting {
        Some(waiting) if with_duration => format!(
            "{words} ({})",
            duration(config::now().saturating_sub(waiting.since))
        ),
        _ => words,
    }
}
