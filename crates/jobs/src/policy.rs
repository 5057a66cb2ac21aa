//! The settings of a pipeline that the state machine needs, and the delays derived from them.

use std::time::Duration;

use crate::id::{Attempt, Timestamp};
use crate::state::RetryBudget;

/// The pipeline settings that the rules need. The row stores them for its current attempt.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Policy {
    /// Per submission.
    pub max_attempts: u8,
    /// Delays before the second, third … attempt; the last one repeats.
    pub backoff_seconds: Vec<u32>,
    /// Maximum duration of an attempt: queue, run, and late notifications.
    pub max_attempt_seconds: u32,
    /// Maximum duration of a submission.
    pub job_deadline_seconds: u32,
}

impl Policy {
    pub(crate) fn deadline(&self, start: Timestamp) -> Timestamp {
        start.plus(Duration::from_secs(self.max_attempt_seconds.into()))
    }

    /// The last time at which an attempt can start and still end by the job's deadline.
    pub(crate) fn start_by(&self, budget: RetryBudget) -> Timestamp {
        let attempt = u64::from(self.max_attempt_seconds) * 1000;
        Timestamp(budget.expires_at.0.saturating_sub(attempt))
    }

    pub(crate) fn budget(&self, before: Attempt, now: Timestamp) -> RetryBudget {
        RetryBudget {
            last_attempt: Attempt(before.0.saturating_add(self.max_attempts)).min(Attempt::MAX),
            expires_at: now.plus(Duration::from_secs(self.job_deadline_seconds.into())),
            earlier_result: Attempt::NONE,
        }
    }

    /// The delay after the `failures`-th failure (from 1).
    pub(crate) fn backoff(&self, failures: u8) -> Duration {
        let index = usize::from(failures.saturating_sub(1));
        let seconds = self
            .backoff_seconds
            .get(index)
            .or_else(|| self.backoff_seconds.last());
        Duration::from_secs(seconds.copied().unwrap_or(0).into())
    }

    /// The delay after a refused call: half of the time since the submission began, within the first and the last
    /// configured delay. An outage of a minute costs seconds and an outage of a day costs few calls, and the row needs no
    /// counter.
    pub(crate) fn refusal_backoff(&self, budget: RetryBudget, now: Timestamp) -> Duration {
        let start = Timestamp(
            budget
                .expires_at
                .0
                .saturating_sub(u64::from(self.job_deadline_seconds) * 1000),
        );
        let max_delay = self.backoff(u8::MAX);
        (now.since(start) / 2).clamp(self.backoff(1).min(max_delay), max_delay)
    }
}
