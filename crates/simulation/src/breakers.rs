//! What a history remembers about circuit breakers, for the checks: when each was open, and which jobs probed.

use jobs::breaker::{Breaker, OpenBreaker, PROBE_OVERDUE};
use jobs::id::JobId;

use crate::time::START;

#[derive(Debug)]
struct StoredBreaker {
    pipeline: String,
    open: OpenBreaker,
    stored_at: u64,
    /// When it was changed or closed.
    until: Option<u64>,
}

#[derive(Debug, Default)]
pub(crate) struct BreakerLedger {
    stored: Vec<StoredBreaker>,
}

impl BreakerLedger {
    /// The record was stored. Returns the breakers that opened.
    pub(crate) fn stored(&mut self, now: u64, body: &str) -> Vec<Breaker> {
        let all = body.lines().filter_map(Breaker::from_line);
        let open: Vec<Breaker> = all.filter(|it| it.open.is_some()).collect();
        let mut opened = Vec::new();
        let was_open: Vec<String> = self.current().map(|it| it.pipeline.clone()).collect();
        for known in self.stored.iter_mut().filter(|it| it.until.is_none()) {
            known.until = Some(now);
        }
        for breaker in open {
            if !was_open.contains(&breaker.pipeline) {
                opened.push(breaker.clone());
            }
            let (pipeline, open) = (breaker.pipeline, breaker.open);
            self.stored.extend(open.map(|open| StoredBreaker {
                pipeline,
                open,
                stored_at: now,
                until: None,
            }));
        }
        opened
    }

    fn current(&self) -> impl Iterator<Item = &StoredBreaker> {
        self.stored.iter().filter(|it| it.until.is_none())
    }

    /// The pipelines whose breaker is open, and since when.
    pub(crate) fn open(&self) -> impl Iterator<Item = (&str, u64)> {
        self.current()
            .map(|it| (it.pipeline.as_str(), it.open.since.0.saturating_sub(START)))
    }

    /// Whether the breaker of the pipeline was open at any time between two times.
    pub(crate) fn open_within(&self, pipeline: &str, from: u64, to: u64) -> bool {
        self.within(pipeline, from, to).next().is_some()
    }

    /// Whether it was open all the time between two times, and the job may not start: it does not probe, and a probe is not
    /// long overdue.
    pub(crate) fn holds_throughout(&self, pipeline: &str, job: JobId, from: u64, to: u64) -> bool {
        let mut covered = from;
        for stored in self.within(pipeline, from, to) {
            let overdue_at = stored.open.probe_at.plus(PROBE_OVERDUE).0;
            if stored.open.probe == Some(job)
                || stored.stored_at > covered
                || overdue_at <= START + to
            {
                return false;
            }
            covered = stored.until.unwrap_or(u64::MAX);
        }
        covered > to
    }

    fn within(&self, pipeline: &str, from: u64, to: u64) -> impl Iterator<Item = &StoredBreaker> {
        self.stored.iter().filter(move |it| {
            it.pipeline == pipeline
                && it.stored_at <= to
                && it.until.is_none_or(|until| until >= from)
        })
    }
}
