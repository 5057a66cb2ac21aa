//! The circuit breaker of a pipeline: while its endpoint refuses or fails every document, jobs wait in the table instead of
//! using up their attempts, and one job at a time probes whether the endpoint works again.
//!
//! Each breaker is one line of the pause record ([`crate::pause`]), which every start of an attempt reads anyway. Only a
//! failure writes it. The line has the recent failures, and once there are enough in a row, since when the breaker is open
//! and when the next probe is due. A success writes nothing. When a breaker may open, `evidence` reads from the jobs' rows
//! whether there was a success in between. So there is no counter, and a job without incident costs nothing.

mod encoding;
mod evidence;
mod judge;
mod probe;

use std::time::Duration;

use crate::id::{Attempt, JobId, Timestamp};
use crate::pipeline::Pipeline;

pub use encoding::held_by_breaker;
pub use evidence::result_at;
pub use judge::{DetailSource, FailedAttempt, judge_failure, judge_refusal};
pub use probe::{
    close_after_accepted, close_after_result, had_incident, may_probe, may_use_up_attempt,
};

/// Failures of a pipeline that are remembered, the newest.
const MAX_FAILURES: usize = 20;
/// How long a failure is remembered.
const FAILURE_TTL: Duration = Duration::from_secs(86_400);
/// How long an open breaker is kept. It is written at each probe.
const OPEN_KEPT: Duration = Duration::from_secs(7 * 86_400);
/// Without a probe for this long after one was due, the breaker no longer holds new uploads: no job was waiting, and the
/// next one is the probe. Longer than the longest interval of the reconciler, 12 minutes.
pub const PROBE_OVERDUE: Duration = Duration::from_secs(20 * 60);
/// The longest time between two probes that failed, in the first 40 minutes. Later it is a quarter of the time since the breaker
/// opened, since a job has few attempts in its lifetime, and each probe that runs uses one up.
const MAX_PROBE_INTERVAL: Duration = Duration::from_secs(600);
/// The longest time that a probe has before the next may start.
const MAX_PROBE_TIME: Duration = Duration::from_secs(3600);
/// A job is used as a probe only if it has at least this number of attempts left in its lifetime.
const MIN_ATTEMPTS_LEFT: u8 = 4;
/// How often a change is repeated after another one at the same moment.
const MAX_CONFLICTS: u8 = 5;

/// What a pipeline's breaker counts, and what it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breaker {
    pub pipeline: String,
    /// `None`: it is closed, and remembers failures.
    pub open: Option<OpenBreaker>,
    /// Failures before this time do not count as failures in a row: a success came after them.
    pub(crate) counted_since: Timestamp,
    /// Oldest first.
    pub(crate) failures: Vec<RecentFailure>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenBreaker {
    pub since: Timestamp,
    /// When the next job may probe.
    pub probe_at: Timestamp,
    /// The job that probes, until its attempt has failed.
    pub probe: Option<JobId>,
    /// The failures that opened it.
    pub kind: FailureKind,
    /// Why it opened, for people.
    pub reason: String,
}

/// How the endpoint fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    RefusedCall,
    /// It accepted the request, and the run failed.
    FailedRun,
}

/// A failure that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecentFailure {
    pub(crate) at: Timestamp,
    pub(crate) job: JobId,
    pub(crate) attempt: Attempt,
    pub(crate) kind: FailureKind,
    /// A hash of the model's error message; 0 if there is none.
    pub(crate) detail_hash: u32,
}

impl Breaker {
    const fn new(pipeline: String) -> Self {
        Self {
            pipeline,
            open: None,
            counted_since: Timestamp(0),
            failures: Vec::new(),
        }
    }

    /// The job of every failure that is remembered, and when it failed, oldest first.
    pub fn failed_jobs(&self) -> impl Iterator<Item = (JobId, Timestamp)> {
        self.failures
            .iter()
            .map(|failure| (failure.job, failure.at))
    }

    /// When the first of the failures that opened it was; 0 if none is known.
    pub fn first_counted_at(&self) -> Timestamp {
        let kind = self.open.as_ref().map(|open| open.kind);
        let first = kind.and_then(|kind| self.in_a_row(kind).next());
        first.map_or(Timestamp(0), |failure| failure.at)
    }

    /// Until when the line is kept.
    pub(crate) fn kept_until(&self) -> Timestamp {
        match &self.open {
            Some(open) => open.probe_at.plus(OPEN_KEPT),
            None => {
                let newest = self.failures.last();
                newest.map_or(Timestamp(0), |failure| failure.at.plus(FAILURE_TTL))
            }
        }
    }

    /// Adds a failure, unless it is known: its message may have been delivered before.
    fn remember(&mut self, failure: RecentFailure) {
        let is_same = |known: &RecentFailure| {
            let of = (known.job, known.attempt, known.kind);
            // A refused attempt keeps its number.
            of == (failure.job, failure.attempt, failure.kind)
                && failure.kind == FailureKind::FailedRun
        };
        if self.failures.iter().any(is_same) {
            return;
        }
        self.failures
            .retain(|known| known.at.plus(FAILURE_TTL) > failure.at);
        if self.failures.len() == MAX_FAILURES {
            self.failures.remove(0);
        }
        self.failures.push(failure);
    }

    /// The failures of this kind in a row, as far as is known, oldest first.
    fn in_a_row(&self, kind: FailureKind) -> impl Iterator<Item = &RecentFailure> {
        let counts =
            move |failure: &&RecentFailure| failure.kind == kind && failure.at > self.counted_since;
        self.failures.iter().filter(counts)
    }
}

impl OpenBreaker {
    /// The next probe is due after half of the time that the breaker has been open, within `probe_seconds` and
    /// `MAX_PROBE_INTERVAL`. An outage of an hour costs about ten probes, one of a day about 25.
    pub(crate) fn next_probe_at(&self, pipeline: &Pipeline, now: Timestamp) -> Timestamp {
        let least = pipeline.breaker.probe_interval();
        let elapsed = now.since(self.since);
        let most = MAX_PROBE_INTERVAL.max(least).max(elapsed / 4);
        now.plus((elapsed / 2).clamp(least, most))
    }
}

/// How long a probe has before another job may probe: a run, and the start of an instance for it.
fn probe_time(pipeline: &Pipeline) -> Duration {
    let run = Duration::from_secs(pipeline.invocation_timeout_seconds.into());
    (run + pipeline.objective().cold_start).min(MAX_PROBE_TIME)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::Pipelines;

    const SECOND: u64 = 1000;
    const MINUTE: u64 = 60 * SECOND;
    const DAY: u64 = 24 * 60 * MINUTE;

    fn failure(at: u64, attempt: u8, kind: FailureKind) -> RecentFailure {
        RecentFailure {
            at: Timestamp(at),
            job: JobId::of_bits(1),
            attempt: Attempt(attempt),
            kind,
            detail_hash: 0,
        }
    }

    fn remembered(failures: &[RecentFailure]) -> Breaker {
        let mut breaker = Breaker::new("p".to_owned());
        for failure in failures {
            breaker.remember(*failure);
        }
        breaker
    }

    fn open_since(since: u64) -> OpenBreaker {
        OpenBreaker {
            since: Timestamp(since),
            probe_at: Timestamp(since + MINUTE),
            probe: None,
            kind: FailureKind::RefusedCall,
            reason: String::new(),
        }
    }

    /// Without an objective of its own, so a cold start takes 640 s.
    fn ocr(change: impl FnOnce(&mut Pipeline)) -> Pipeline {
        let all = Pipelines::parse(include_str!("../../../infra/pipelines.toml")).unwrap();
        let mut pipeline = all.get("ocr-batch").unwrap().clone();
        change(&mut pipeline);
        pipeline
    }

    #[test]
    fn redelivered_failure_counts_once_and_a_refused_attempt_each_time() {
        let fails = |attempt| failure(MINUTE, attempt, FailureKind::FailedRun);
        let refuses = |at| failure(at, 1, FailureKind::RefusedCall);
        assert_eq!(remembered(&[fails(1), fails(1)]).failures.len(), 1);
        assert_eq!(remembered(&[fails(1), fails(2)]).failures.len(), 2);
        assert_eq!(remembered(&[refuses(1), refuses(2)]).failures.len(), 2);
        assert_eq!(remembered(&[fails(1), refuses(2)]).failures.len(), 2);
    }

    #[test]
    fn newest_twenty_failures_of_a_day_are_remembered() {
        let refuses = |at| failure(at, 1, FailureKind::RefusedCall);
        let many: Vec<RecentFailure> = (1..=21).map(refuses).collect();
        assert_eq!(remembered(&many[..20]).failures, many[..20]);
        assert_eq!(remembered(&many).failures, many[1..]);
        let of_days = remembered(&[refuses(1), refuses(2), refuses(DAY + 1)]);
        assert_eq!(of_days.failures, [refuses(2), refuses(DAY + 1)]);
    }

    #[test]
    fn only_failures_of_a_kind_after_the_last_success_are_in_a_row() {
        let mut breaker = remembered(&[
            failure(10, 1, FailureKind::RefusedCall),
            failure(20, 1, FailureKind::RefusedCall),
            failure(30, 1, FailureKind::FailedRun),
        ]);
        let row = |breaker: &Breaker, kind| breaker.in_a_row(kind).count();
        assert_eq!(row(&breaker, FailureKind::RefusedCall), 2);
        assert_eq!(row(&breaker, FailureKind::FailedRun), 1);
        breaker.counted_since = Timestamp(10);
        assert_eq!(row(&breaker, FailureKind::RefusedCall), 1);
        assert_eq!(breaker.first_counted_at(), Timestamp(0), "it is closed");
        breaker.open = Some(open_since(40));
        assert_eq!(breaker.first_counted_at(), Timestamp(20));
    }

    #[test]
    fn breaker_is_read_as_it_was_stored() {
        let known = [
            failure(10, 1, FailureKind::RefusedCall),
            failure(20, 2, FailureKind::FailedRun),
        ];
        for failures in [&[][..], &known[..1], &known] {
            let mut breaker = remembered(failures);
            breaker.counted_since = Timestamp(7);
            let read = |breaker: &Breaker| Breaker::from_line(&breaker.to_line());
            assert_eq!(read(&breaker), Some(breaker.clone()));
            breaker.counted_since = Timestamp(0);
            for probe in [None, Some(JobId::of_bits(9))] {
                breaker.open = Some(OpenBreaker {
                    probe,
                    ..open_since(40)
                });
                assert_eq!(read(&breaker), Some(breaker.clone()));
            }
        }
    }

    #[test]
    fn closed_breaker_is_kept_for_a_day_and_an_open_one_for_a_week() {
        let mut breaker = Breaker::new("p".to_owned());
        assert_eq!(breaker.kept_until(), Timestamp(0));
        breaker.remember(failure(5, 1, FailureKind::FailedRun));
        assert_eq!(breaker.kept_until(), Timestamp(5 + DAY));
        breaker.open = Some(open_since(5));
        assert_eq!(breaker.kept_until(), Timestamp(5 + MINUTE + 7 * DAY));
    }

    #[test]
    fn probes_become_rare_the_longer_the_endpoint_is_down() {
        let pipeline = ocr(|_| {});
        let open = open_since(DAY);
        let after = |minutes: u64| {
            let now = DAY + minutes * MINUTE;
            open.next_probe_at(&pipeline, Timestamp(now)).0 - now
        };
        // Half of the time, at least as configured, at most ten minutes and later a quarter.
        assert_eq!(after(0), MINUTE);
        assert_eq!(after(10), 5 * MINUTE);
        assert_eq!(after(30), 10 * MINUTE);
        assert_eq!(after(60), 15 * MINUTE);
        let slow = ocr(|pipeline| pipeline.breaker.probe_seconds = 3600);
        let next = open.next_probe_at(&slow, Timestamp(DAY));
        assert_eq!(next, Timestamp(DAY + 60 * MINUTE));
    }

    #[test]
    fn probe_has_the_time_of_a_cold_start_and_a_run_but_an_hour_at_most() {
        assert_eq!(probe_time(&ocr(|_| {})), Duration::from_secs(640 + 1800));
        let long = ocr(|pipeline| pipeline.invocation_timeout_seconds = 3600);
        assert_eq!(probe_time(&long), Duration::from_secs(3600));
    }

    #[test]
    fn breaker_that_was_not_probed_for_twenty_minutes_holds_no_new_upload() {
        let mut breaker = Breaker::new("p".to_owned());
        let holds = |breaker: &Breaker, pipeline, now| {
            held_by_breaker(&breaker.to_line(), pipeline, Timestamp(now))
        };
        assert!(!holds(&breaker, "p", 1), "it is closed");
        breaker.open = Some(open_since(0));
        assert!(holds(&breaker, "p", 21 * MINUTE - 1));
        assert!(!holds(&breaker, "p", 21 * MINUTE));
        assert!(!holds(&breaker, "other", 1));
    }
}
