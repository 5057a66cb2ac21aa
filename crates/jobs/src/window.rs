//! The window of a pipeline: how many attempts may be at its endpoint at once. The queue of an endpoint cannot be reordered, so
//! what need not be there yet waits in the job table.
//!
//! The attempts at the endpoint are counted from the index of open jobs; no counter is kept. The pause record has a line
//! for each window ([`KnownWindow`]): how large it is, and whether it is full. While it is full, uploads are queued. The line
//! ends by itself. Without it nothing is known, and everything is sent at once.

use std::time::Duration;

use crate::expected_work::BaseWork;
use crate::id::{JobId, Timestamp};
use crate::pipeline::{Pipeline, Scaling};
use crate::ports::{JobIndex, OpenJob, Unavailable};

/// No window is smaller, so that few uploads are never queued.
pub const MIN_WINDOW: u32 = 4;
/// How long the attempts that wait at the endpoint keep it busy: the time from the end of a run to the next release.
const PREFETCH_TIME: Duration = Duration::from_secs(15);
/// Attempts per place on an instance, however short the runs are.
const MAX_PER_SLOT: u32 = 60;
/// Added to the longest time that an attempt within the window can be at the endpoint: for its notification.
const NOTIFICATION_MARGIN: Duration = Duration::from_secs(60);
/// How long a line is valid. Function `capacity` evaluates the window every 30 s, and writes the line once in 90 s.
pub const WINDOW_TTL: Duration = Duration::from_secs(180);
/// A line that is valid for less than this is written again.
const RENEW_BELOW: Duration = Duration::from_secs(90);
/// Index entries read per query.
const PAGE_SIZE: u16 = 1000;
/// The first character of a window's line. No pipeline's name begins with it.
const LINE_PREFIX: char = '>';
/// The second column of a window's line.
const FULL: &str = "full";
const OPEN: &str = "open";

/// Whether the pipeline has a window. The policies of AWS scale by the endpoint's own queue, which must have every job then.
pub fn has_window(pipeline: &Pipeline) -> bool {
    pipeline.scaling == Scaling::Docket
}

/// A window, and which attempts count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Attempts that may be at the endpoint at once.
    pub attempts: u32,
    /// An attempt that was sent longer ago has no place any more: its outcome is lost. `None`: all count, since no instance is
    /// in service that could have ended one.
    pub counts_for: Option<Duration>,
}

impl Window {
    /// `instances` are those in service and asked for.
    pub fn new(
        instances: u32,
        in_service: u32,
        concurrent_runs: u32,
        run: Duration,
        timeout: Duration,
    ) -> Self {
        let slots = instances.max(1).saturating_mul(concurrent_runs.max(1));
        let waiting = PREFETCH_TIME.as_millis().div_ceil(run.as_millis().max(1));
        let waiting = u32::try_from(waiting).unwrap_or(u32::MAX);
        let per_slot = waiting.saturating_add(1).min(MAX_PER_SLOT);
        Self {
            attempts: slots.saturating_mul(per_slot).max(MIN_WINDOW),
            // A window of MIN_WINDOW attempts may have one place.
            counts_for: (in_service > 0)
                .then(|| timeout.saturating_mul(per_slot.max(MIN_WINDOW)) + NOTIFICATION_MARGIN),
        }
    }

    /// The attempts of a pipeline that have a place, of its open jobs.
    pub fn count<'a>(&self, jobs: impl IntoIterator<Item = &'a OpenJob>, now: Timestamp) -> u32 {
        let has_place = |job: &&OpenJob| {
            let age = job.sent_at.map(|sent_at| now.since(sent_at));
            age.is_some_and(|age| self.counts_for.is_none_or(|limit| age <= limit))
        };
        let count = jobs.into_iter().filter(has_place).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }
}

/// A window as it was a moment ago.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownWindow {
    pub pipeline: String,
    pub until: Timestamp,
    pub window: Window,
    /// As many attempts are at the endpoint as the window allows, or jobs are queued.
    pub is_full: bool,
    /// With which releases count the work of the tenants' documents.
    pub base: BaseWork,
}

impl KnownWindow {
    /// Whether it says the same for long enough, so that it need not be written again.
    pub fn is_current(&self, window: Window, is_full: bool, now: Timestamp) -> bool {
        let is_same = self.window == window && self.is_full == is_full;
        is_same && self.until.since(now) >= RENEW_BELOW
    }

    /// As stored: a line of six columns.
    pub fn to_line(&self) -> String {
        let Window {
            attempts,
            counts_for,
        } = self.window;
        let counts_for = counts_for.map_or(0, |limit| limit.as_secs());
        let is_full = if self.is_full { FULL } else { OPEN };
        format!(
            "{LINE_PREFIX}{}\t{is_full}\t{}\t{attempts}\t{counts_for}\t{}",
            self.pipeline,
            self.until.0,
            self.base.bytes()
        )
    }

    /// Reads a line of the record; `None` if it is not about a window, or cannot be read: it then says nothing.
    pub fn from_line(line: &str) -> Option<Self> {
        let mut columns = line.strip_prefix(LINE_PREFIX)?.split('\t');
        let mut column = || columns.next();
        let pipeline = column()?.to_owned();
        let is_full = column()? == FULL;
        let until = Timestamp(column()?.parse().ok()?);
        let attempts = column()?.parse().ok()?;
        let counts_for: u64 = column()?.parse().ok()?;
        let counts_for = (counts_for > 0).then(|| Duration::from_secs(counts_for));
        // An earlier release writes five columns.
        let base = column().and_then(|base| base.parse().ok());
        Some(Self {
            pipeline,
            until,
            window: Window {
                attempts,
                counts_for,
            },
            is_full,
            base: base.map_or_else(BaseWork::default, BaseWork::of_bytes),
        })
    }
}

/// Whether a line of the record is about a window.
pub(crate) fn is_window_line(line: &str) -> bool {
    line.starts_with(LINE_PREFIX)
}

/// Whether the pipeline's window is full; `None` if the line says nothing about it. Without texts of its own, since every
/// upload comes here.
pub(crate) fn is_full(line: &str, pipeline: &str, now: Timestamp) -> Option<bool> {
    let mut columns = line.strip_prefix(LINE_PREFIX)?.split('\t');
    let is_named = columns.next() == Some(pipeline);
    let is_full = columns.next() == Some(FULL);
    let until: u64 = columns.next()?.parse().ok()?;
    (is_named && until > now.0).then_some(is_full)
}

/// The open jobs of a pipeline, without queued ones.
///
/// # Errors
/// If the index is unavailable.
pub(crate) async fn open_jobs_of<P: JobIndex>(
    ports: &P,
    pipeline: &str,
) -> Result<Vec<OpenJob>, Unavailable> {
    let mut jobs = Vec::new();
    for shard in 0..JobId::SHARDS {
        let mut after = None;
        loop {
            let page = ports.open_jobs(shard, after, PAGE_SIZE).await?;
            jobs.extend(
                page.items
                    .into_iter()
                    .filter(|job| job.pipeline == pipeline),
            );
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(jobs)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(120);

    fn attempts(instances: u32, concurrent_runs: u32, run_ms: u64) -> u32 {
        let run = Duration::from_millis(run_ms);
        Window::new(instances, instances, concurrent_runs, run, TIMEOUT).attempts
    }

    #[test]
    fn window_has_work_for_the_time_of_a_handover() {
        assert_eq!(attempts(0, 1, 45_000), MIN_WINDOW);
        assert_eq!(attempts(1, 1, 45_000), MIN_WINDOW);
        assert_eq!(attempts(5, 1, 45_000), 10);
        assert_eq!(attempts(5, 4, 45_000), 40);
        assert_eq!(attempts(2, 1, 1_000), 32);
        assert_eq!(attempts(2, 1, 0), 120);
    }

    #[test]
    fn attempt_whose_outcome_is_lost_has_no_place_for_ever() {
        let run = Duration::from_secs(45);
        let now = Timestamp(10_000_000);
        let job = |age: u64| OpenJob {
            id: JobId::of_bits(1),
            pipeline: "p".to_owned(),
            created_at: Timestamp(0),
            sent_at: Some(Timestamp(now.0 - age * 1000)),
        };
        let retried = OpenJob {
            sent_at: None,
            ..job(0)
        };
        let jobs = [job(0), job(540), job(541), job(5000), retried];
        let started = Window::new(1, 1, 1, run, TIMEOUT);
        assert_eq!(started.count(&jobs, now), 2);
        let cold = Window::new(1, 0, 1, run, TIMEOUT);
        assert_eq!(cold.count(&jobs, now), 4);
    }

    #[test]
    fn window_is_written_again_when_it_changes_or_half_of_its_time_is_over() {
        let window = Window::new(3, 1, 1, Duration::from_secs(45), TIMEOUT);
        let known = KnownWindow {
            base: BaseWork::default(),
            pipeline: "p".to_owned(),
            until: Timestamp(180_000),
            window,
            is_full: false,
        };
        assert!(known.is_current(window, false, Timestamp(90_000)));
        assert!(!known.is_current(window, false, Timestamp(90_001)));
        assert!(!known.is_current(window, true, Timestamp(0)));
        let larger = Window::new(4, 1, 1, Duration::from_secs(45), TIMEOUT);
        assert!(!known.is_current(larger, false, Timestamp(0)));
    }

    #[test]
    fn window_is_read_as_it_was_stored() {
        for (in_service, is_full) in [(0, true), (1, true), (1, false)] {
            let known = KnownWindow {
                pipeline: "legal-review".to_owned(),
                until: Timestamp(1_767_607_442_118),
                window: Window::new(3, in_service, 1, Duration::from_secs(45), TIMEOUT),
                is_full,
                base: BaseWork::of_bytes(3_000_000),
            };
            let line = known.to_line();
            let earlier = line.rsplit_once('\t').map_or("", |(before, _)| before);
            let without_base = KnownWindow {
                base: BaseWork::default(),
                ..known.clone()
            };
            assert_eq!(KnownWindow::from_line(earlier), Some(without_base));
            assert!(is_window_line(&line));
            let says = |pipeline, now| super::is_full(&line, pipeline, now);
            assert_eq!(says("legal-review", Timestamp(1)), Some(is_full));
            assert_eq!(says("legal-review", known.until), None);
            assert_eq!(says("legal", Timestamp(1)), None);
            assert_eq!(KnownWindow::from_line(&line), Some(known));
        }
        for line in ["", ">", ">p\tfull\tx\t1\t1", "p:*\t1\t2\tsam\twhy"] {
            assert_eq!(KnownWindow::from_line(line), None, "{line}");
            assert_eq!(is_full(line, "p", Timestamp(1)), None, "{line}");
        }
    }
}
