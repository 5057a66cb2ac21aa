//! SIGTERM: SageMaker stops a container when it takes an instance out of service, and kills it after 30 s (developer
//! guide, "Custom inference code with hosting services").

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use jobs::state::Cause;
use tokio::time::sleep;

use crate::error::{CliError, Result};

use super::Inspection;
use super::check_result::CheckResult;
use super::documents::Document;
use super::outcome::{JobEffect, JobOutcome, describe, short};
use super::target::Exchange;

/// From SIGTERM to SIGKILL.
const STOP_LIMIT: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// A run must have begun before the signal is sent.
const MIN_RUN: Duration = Duration::from_millis(300);
const CHECK: &str = "SIGTERM";
const CHANGE: &str = "End on SIGTERM within 30 s, after the running requests have their answers. Let the server be the container's main \
process (ENTRYPOINT in its exec form), so that it gets the signal.";

/// Checks that the process of `--pid` can be stopped.
pub(super) fn check_process(pid: Option<u32>) -> Result<()> {
    match pid {
        Some(pid) if !signal(pid, "-0") => Err(CliError::usage(format!(
            "--pid {pid}: there is no such process, or you may not signal it"
        ))
        .with_hint("for Docker: docker inspect --format '{{.State.Pid}}' CONTAINER")),
        Some(_) | None => Ok(()),
    }
}

/// What followed SIGTERM.
struct Stop {
    /// When the process had ended; `None` if it did not within the limit.
    ended_after: Option<Duration>,
    /// The answer to the running document, and when it came; `None` if it did not within the limit.
    answer: Option<(Exchange, Duration)>,
}

impl Inspection<'_> {
    /// Stops the container while a document runs.
    pub(super) async fn stop(&mut self, took: Option<Duration>) {
        let Some(pid) = self.args.pid else {
            let why =
                "use --pid with the id of the container's main process, which is then stopped";
            self.checks.push(CheckResult::not_tried(CHECK, why));
            return;
        };
        self.progress(CHECK);
        // A run that SIGTERM finds in its middle, and that can end before the process is killed.
        let is_short = took.is_none_or(|took| took < MIN_RUN);
        let document = match self.long_document.clone() {
            Some(long) if is_short => long,
            Some(_) | None => self.document.clone(),
        };
        let is_cut_in_its_middle = took.is_some() && (!is_short || self.long_document.is_some());
        let send_after = took.map_or(MIN_RUN, |took| took / 2).min(MIN_RUN);
        let stop = self.stop_during(pid, &document, send_after).await;
        let checked = match (took, stop.ended_after) {
            // No container can answer it in time.
            (Some(took), Some(ended_after)) if took >= STOP_LIMIT => {
                let seen = format!(
                    "ended after {}; a run of {} cannot end within {}, so it is cut off",
                    short(ended_after),
                    short(took),
                    short(STOP_LIMIT)
                );
                let cut = JobEffect::of(Cause::ModelError, &self.pipeline);
                CheckResult::ok(CHECK, seen).with_job(cut)
            }
            _ => self.stop_result(&stop, is_cut_in_its_middle),
        };
        self.checks.push(checked);
    }

    async fn stop_during(&mut self, pid: u32, document: &Document, send_after: Duration) -> Stop {
        let headers = self.next_headers();
        let run = self.container.invoke(document, &headers, self.limit());
        let sent = Instant::now() + send_after;
        let stop = async {
            sleep(send_after).await;
            signal(pid, "-TERM");
            while is_running(pid) {
                if sent.elapsed() >= STOP_LIMIT {
                    return None;
                }
                sleep(POLL_INTERVAL).await;
            }
            Some(sent.elapsed())
        };
        let answer = async {
            let answer = tokio::time::timeout(STOP_LIMIT + send_after, run).await;
            answer.ok().map(|answer| (answer, sent.elapsed()))
        };
        let (ended_after, answer) = tokio::join!(stop, answer);
        Stop {
            ended_after,
            answer,
        }
    }

    fn stop_result(&self, stop: &Stop, is_cut_in_its_middle: bool) -> CheckResult {
        let cut = JobEffect::of(Cause::ModelError, &self.pipeline);
        let Some(ended_after) = stop.ended_after else {
            let limit = short(STOP_LIMIT);
            let seen = format!("still runs {limit} after SIGTERM, and would be killed");
            return CheckResult::warn(CHECK, seen, CHANGE).with_job(cut);
        };
        let ended = format!("ended after {}", short(ended_after));
        if !is_cut_in_its_middle {
            let why = "no run to be stopped in its middle, use --long-input";
            return CheckResult::ok(CHECK, format!("{ended}; {why}"));
        }
        let Some((exchange, answered_after)) = &stop.answer else {
            return CheckResult::warn(CHECK, format!("{ended}; no answer"), CHANGE).with_job(cut);
        };
        let answer = describe(exchange);
        let effect = self.effect(exchange);
        if effect.outcome != JobOutcome::Ready {
            let seen = format!("{ended}; the running document: {answer}");
            return CheckResult::warn(CHECK, seen, CHANGE).with_job(effect);
        }
        if ended_after + 2 * POLL_INTERVAL < *answered_after {
            let seen = format!(
                "{ended}, before another of its processes answered the running document: a container ends with its main process"
            );
            return CheckResult::warn(CHECK, seen, CHANGE).with_job(cut);
        }
        CheckResult::ok(CHECK, format!("{ended}; the running document: {answer}"))
    }
}

/// Sends a signal with `kill`. Whether it was sent.
fn signal(pid: u32, signal: &str) -> bool {
    let sent = Command::new("kill")
        .args([signal, &pid.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    sent.is_ok_and(|status| status.success())
}

/// Whether the process runs. A process that has ended and that its parent has not waited for yet does not.
fn is_running(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    // The state follows the name, which is in parentheses.
    let ended = stat.is_ok_and(|stat| {
        stat.rsplit_once(')')
            .is_some_and(|(_, rest)| rest.trim_start().starts_with(['Z', 'X']))
    });
    !ended && signal(pid, "-0")
}
