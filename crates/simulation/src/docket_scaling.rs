//! What a history remembers about function `capacity`: for its schedule, for planted mistakes, and for the checks.

use std::collections::{BTreeMap, BTreeSet};

use jobs::id::JobId;
use jobs::job::Job;
use jobs::ports::{Listing, OpenJob, ScheduledCheck};

use crate::table::Write;
use crate::time::MINUTE;

/// How often the schedule calls the function.
pub(crate) const PERIOD: u64 = MINUTE;
/// The function is not called if nothing has been open or running for so long: it would change nothing.
pub(crate) const QUIET: u64 = 15 * MINUTE;
/// Uploads in the moment of a release, per history.
pub(crate) const MAX_EXTRA_UPLOADS: u32 = 4;
/// The age of the readings of [`crate::mistake::Mistake::OldReadingUsed`].
const OLD: u64 = 5 * MINUTE;

/// The state of function `capacity` for its schedule, the planted mistakes and the checks.
#[derive(Debug, Default)]
pub(crate) struct DocketScaling {
    /// Since when each open job has been open.
    pub(crate) open_since: BTreeMap<JobId, u64>,
    /// Complete runs in a row that left a pipeline with old open jobs without an instance, by endpoint.
    pub(crate) unanswered: BTreeMap<usize, u32>,
    /// Since when nothing waits or runs at an endpoint although jobs of its pipeline are in progress, and how many complete
    /// runs in a row have left it several instances for too long.
    pub(crate) lost_since: BTreeMap<usize, (u64, u32)>,
    /// The pipelines of which an attempt has begun or ended since the last complete run. The function learns that in its next one.
    pub(crate) changed: BTreeSet<String>,
    pub(crate) active_until: u64,
    pub(crate) extra_uploads: u32,
    /// For [`crate::mistake::Mistake::OldReadingUsed`]: earlier pages, by shard and position.
    readings: BTreeMap<PageKey, Vec<(u64, OpenJobsPage)>>,
}

/// The shard of a page, and what it comes after.
type PageKey = (u8, Option<ScheduledCheck>);
pub(crate) type OpenJobsPage = Listing<OpenJob, ScheduledCheck>;

impl DocketScaling {
    pub(crate) fn observe(&mut self, now: u64, write: &Write) {
        let job = &write.job;
        let sent_at = |job: &Job| job.sent_at();
        if write.before.as_deref().and_then(sent_at) != job.sent_at() {
            self.changed.insert(job.pipeline.clone());
        }
        // A paused job needs no instance.
        if job.next_check_at().is_some() {
            self.open_since.entry(job.id).or_insert(now);
        } else {
            self.open_since.remove(&job.id);
        }
    }

    pub(crate) fn old_page(&mut self, now: u64, key: PageKey, page: OpenJobsPage) -> OpenJobsPage {
        let pages = self.readings.entry(key).or_default();
        pages.push((now, page));
        let old = pages.iter().rev().find(|(at, _)| at + OLD <= now);
        old.map_or(
            Listing {
                items: vec![],
                next: None,
            },
            |(_, page)| page.clone(),
        )
    }
}
