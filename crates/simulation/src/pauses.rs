//! What a history remembers about pauses, for the checks: when each was in force.

use jobs::id::Tenant;
use jobs::job::Job;
use jobs::pause::Pause;
use jobs::window::KnownWindow;

use crate::breakers::BreakerLedger;
use crate::time::START;

/// The collection of the pause record.
pub(crate) const COLLECTION: &str = "pauses";

#[derive(Debug)]
struct PauseSpan {
    pause: Pause,
    stored_at: u64,
    /// When it was removed or replaced.
    removed_at: Option<u64>,
}

impl PauseSpan {
    /// When it ends by itself.
    const fn until(&self) -> u64 {
        self.pause.details.until.0.saturating_sub(START)
    }
}

/// A pipeline's window was full, from `since` to `until`.
#[derive(Debug)]
struct FullWindow {
    pipeline: String,
    since: u64,
    until: u64,
}

/// When which jobs were held: by a pause or a full window, or by a breaker.
#[derive(Clone, Copy)]
pub(crate) struct HoldLedgers<'a> {
    pub(crate) pauses: &'a PauseLedger,
    pub(crate) breakers: &'a BreakerLedger,
}

/// The pauses and the full windows of a history.
#[derive(Debug, Default)]
pub(crate) struct PauseLedger {
    spans: Vec<PauseSpan>,
    full: Vec<FullWindow>,
    /// When the windows were lost last.
    windows_lost_at: Option<u64>,
}

impl PauseLedger {
    pub(crate) const fn windows_lost(&mut self, now: u64) {
        self.windows_lost_at = Some(now);
    }

    /// Without a window everything that is queued is released, in no order.
    pub(crate) fn windows_lost_since(&self, since: u64) -> bool {
        self.windows_lost_at.is_some_and(|at| at >= since)
    }

    /// The record was stored. Returns the new pauses.
    pub(crate) fn stored(&mut self, now: u64, body: &str) -> Vec<Pause> {
        for window in &mut self.full {
            window.until = now.min(window.until);
        }
        let full = body.lines().filter_map(KnownWindow::from_line);
        let full = full.filter(|known| known.is_full);
        let full = full.map(|known| FullWindow {
            pipeline: known.pipeline,
            since: now,
            until: known.until.0.saturating_sub(START),
        });
        self.full.extend(full);
        let mut stored: Vec<Pause> = body.lines().filter_map(Pause::from_line).collect();
        for span in &mut self.spans {
            if span.removed_at.is_none() && !stored.contains(&span.pause) {
                span.removed_at = Some(now);
            }
        }
        let known = |pause: &Pause| {
            let mut spans = self.spans.iter();
            spans.any(|span| span.removed_at.is_none() && span.pause == *pause)
        };
        stored.retain(|pause| !known(pause));
        let spans = stored.iter().map(|pause| PauseSpan {
            pause: pause.clone(),
            stored_at: now,
            removed_at: None,
        });
        self.spans.extend(spans);
        stored
    }

    /// Whether a pause held the job all the time between two times.
    pub(crate) fn held_throughout(&self, job: &Job, from: u64, to: u64) -> bool {
        let throughout = |span: &PauseSpan| {
            span.stored_at < from && span.until() > to && span.removed_at.is_none_or(|at| at > to)
        };
        self.of(job).any(throughout)
    }

    /// Whether a pause held the job at any time between two times.
    pub(crate) fn held_within(&self, job: &Job, from: u64, to: u64) -> bool {
        let within = |span: &PauseSpan| {
            span.stored_at <= to
                && span.until() >= from
                && span.removed_at.is_none_or(|at| at >= from)
        };
        self.of(job).any(within)
    }

    /// As [`held_within`](Self::held_within), for any job of a tenant in a pipeline.
    pub(crate) fn held_tenant_within(
        &self,
        pipeline: &str,
        tenant: &Tenant,
        from: u64,
        to: u64,
    ) -> bool {
        self.spans.iter().any(|span| {
            span.pause.scope.holds(pipeline, tenant)
                && span.stored_at <= to
                && span.until() >= from
                && span.removed_at.is_none_or(|at| at >= from)
        })
    }

    /// Whether the window of the job's pipeline was full at any time between two times.
    pub(crate) fn was_full_within(&self, job: &Job, from: u64, to: u64) -> bool {
        self.full.iter().any(|window| {
            window.pipeline == job.pipeline && window.since <= to && window.until >= from
        })
    }

    fn of<'a>(&'a self, job: &'a Job) -> impl Iterator<Item = &'a PauseSpan> {
        self.spans
            .iter()
            .filter(|span| span.pause.scope.holds(&job.pipeline, &job.tenant))
    }
}
