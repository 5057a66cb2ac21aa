//! SIGTERM: SageMaker stops a container when it takes an instance out of service, and kills it after 30 s (developer
//! guide, "Custom inference code with hosting services").

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use jobs::state::Cause;
use tokio::time::sleep;

use crate::error::{CliError, Result};

use super::Inspection;
use super::finding::Finding;
use super::outcome::{JobEffect, JobOutcome, describe, short};

/// From SIGTERM to SIGKILL.
const STOP_LIMIT: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// A run must have begun before the signal is sent.
const MIN_RUN: Duration = Duration::from_millis(300);
const CHECK: &str = "SIGTERM";

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

impl Inspection<'_> {
    /// Stops the container while a document runs.
    pub(super) async fn stop(&mut self, took: Option<Duration>) {
        let Some(pid) = self.args.pid else {
            let why =
                "use --pid with the id of the container's main process, which is then stopped";
            self.findings.push(Finding::not_tried(CHECK, why));
            return;
        };
        self.progress(CHECK);
        // A run that SIGTERM finds in its middle, and that can end before the process is killed.
        let is_long = took.is_some_and(|took| took >= MIN_RUN);
        let document = match self.long_document.clone() {
            Some(long) if !is_long => long,
            Some(_) | None => self.document.clone(),
        };
        let is_long = is_long || self.long_document.is_some();
        let headers = self.next_headers();
        let limit = self.limit();
        let run = self.container.invoke(&document, &headers, limit);
        let send_after = took.map_or(MIN_RUN, |took| took / 2).min(MIN_RUN);
        let stop = async {
            sleep(send_after).await;
            let sent = Instant::now();
            signal(pid, "-TERM");
            while is_running(pid) && sent.elapsed() < STOP_LIMIT {
                sleep(POLL_INTERVAL).await;
            }
            (is_running(pid), sent.elapsed())
        };
        let (exchange, (still_running, stopped_after)) = tokio::join!(
            async { tokio::time::timeout(STOP_LIMIT + send_after, run).await },
            stop
        );
        let effect = match &exchange {
            Ok(exchange) => self.effect(exchange),
            Err(_) => JobEffect::of(Cause::ModelError, &self.pipeline),
        };
        let answer = exchange
            .as_ref()
            .map_or_else(|_| "no answer".to_owned(), describe);
        let change = "End on SIGTERM within 30 s, and answer running requests first. Let the server be the container's main \
                      process (ENTRYPOINT in its exec form), so that it gets the signal.";
        self.findings.push(if still_running {
            let seen = format!("still runs {} after SIGTERM, and would be killed", short(STOP_LIMIT));
            Finding::warn(CHECK, seen, change).with_job(JobEffect::of(Cause::ModelError, &self.pipeline))
        } else if !is_long {
            let seen = format!(
                "ended after {}; the run is too short to be stopped in its middle, use --long-input",
                short(stopped_after)
            );
            Finding::ok(CHECK, seen)
        } else if effect.outcome == JobOutcome::Ready {
            Finding::ok(CHECK, format!("ended after {}; the running document: {answer}", short(stopped_after)))
        } else {
            let seen = format!("ended after {}; the running document: {answer}", short(stopped_after));
            Finding::warn(CHECK, seen, change).with_job(effect)
        });
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
