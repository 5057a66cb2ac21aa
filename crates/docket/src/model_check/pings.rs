//! Pings while the container works.
//!
//! SageMaker pings a container also during invocations, and replaces an instance whose container does not answer within
//! two seconds (SageMaker developer guide, "Custom inference code with hosting services" and the questions about
//! asynchronous inference).

use std::pin::pin;
use std::time::{Duration, Instant};

use jobs::pipeline::Pipeline;
use jobs::state::Cause;
use tokio::time::sleep;

use super::check_result::CheckResult;
use super::outcome::{JobEffect, describe, short};
use super::target::{ContainerClient, Exchange};

/// How long SageMaker waits for the answer to a ping.
pub(super) const PING_LIMIT: Duration = Duration::from_secs(2);
/// From the start of a run to its first ping, so that the container has begun.
const FIRST_PING_AFTER: Duration = Duration::from_millis(50);
const PING_INTERVAL: Duration = Duration::from_millis(100);
/// A ping that took less than this did not wait for a run: a busy machine explains it.
const MIN_HELD: Duration = Duration::from_millis(200);
/// One run could end by chance just when a slow ping is answered.
const MIN_HELD_RUNS: u32 = 2;

const CHECK: &str = "ping during a run";
const CHANGE: &str = "Answer /ping from another thread, process or worker than the one that runs the model: more than one \
worker or thread, or a handler that the server runs in a thread pool instead of in its event loop.";

/// The pings that were sent while runs were in progress.
#[derive(Debug, Default)]
pub(super) struct PingLog {
    /// Answered before the run ended.
    answered: u32,
    slowest: Duration,
    /// Runs with a ping that waited for half of the run or longer.
    held_runs: u32,
    longest_run: Duration,
    first_failure: Option<String>,
}

impl PingLog {
    /// Waits for a run, and pings meanwhile.
    pub(super) async fn watch<T>(
        &mut self,
        container: &ContainerClient,
        run: impl Future<Output = T>,
    ) -> T {
        let started = Instant::now();
        let mut run = pin!(run);
        let mut pause = FIRST_PING_AFTER;
        // The longest wait of a ping that was sent during this run.
        let mut longest_wait = Duration::ZERO;
        let result = loop {
            tokio::select! {
                biased;
                result = &mut run => break result,
                () = sleep(pause) => {}
            }
            pause = PING_INTERVAL;
            let sent = Instant::now();
            let mut ping = pin!(container.ping(PING_LIMIT));
            let ended = tokio::select! {
                biased;
                answer = &mut ping => {
                    self.record(&answer);
                    self.answered += 1;
                    None
                }
                result = &mut run => {
                    self.record(&ping.await);
                    Some(result)
                }
            };
            longest_wait = longest_wait.max(sent.elapsed());
            if let Some(result) = ended {
                break result;
            }
        };
        let took = started.elapsed();
        self.longest_run = self.longest_run.max(took);
        self.held_runs += u32::from(longest_wait >= MIN_HELD && longest_wait * 2 >= took);
        result
    }

    fn record(&mut self, answer: &Exchange) {
        match answer {
            Ok(pong) if pong.status == 200 => self.slowest = self.slowest.max(pong.took),
            other => {
                self.first_failure.get_or_insert_with(|| describe(other));
            }
        }
    }

    pub(super) fn check_result(&self, pipeline: &Pipeline) -> CheckResult {
        let longest = short(self.longest_run);
        if let Some(failure) = &self.first_failure {
            let seen = format!("{failure}, during a run of up to {longest}");
            return CheckResult::fail(CHECK, seen, CHANGE)
                .with_job(JobEffect::of(Cause::Lost, pipeline));
        }
        if self.held_runs >= MIN_HELD_RUNS {
            let seen = format!(
                "waits for the run: so in {} runs; the slowest took {}",
                self.held_runs,
                short(self.slowest)
            );
            let checked = if u64::from(pipeline.typical_run_seconds) < PING_LIMIT.as_secs() {
                CheckResult::warn(CHECK, seen, CHANGE)
            } else {
                CheckResult::fail(CHECK, seen, CHANGE)
            };
            return checked.with_job(JobEffect::of(Cause::Lost, pipeline));
        }
        if self.answered == 0 {
            return CheckResult::not_tried(
                CHECK,
                format!("the longest run took {longest}, too short for a ping; use --long-input"),
            );
        }
        CheckResult::ok(
            CHECK,
            format!(
                "{} answered, the slowest in {}; the longest run took {longest}",
                self.answered,
                short(self.slowest)
            ),
        )
    }
}
