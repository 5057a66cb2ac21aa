//! The progress of the scans, as stored between runs.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use crate::id::{CLOCK_SKEW, Timestamp};
use crate::pipeline::Pipelines;
use crate::ports::{KeyValueStore, ListedObject, ListingCursor, Record, Unavailable};

/// Minimum time between the starts of two scans.
const SCAN_INTERVAL: Duration = Duration::from_secs(15 * 60);
/// Minimum time between the starts of two full scans.
const FULL_SCAN_INTERVAL: Duration = Duration::from_secs(24 * 3600);
/// Younger objects are skipped: S3's own event takes seconds, and the queue of uploads some minutes.
pub(super) const MIN_OBJECT_AGE: Duration = Duration::from_secs(10 * 60);
/// The daily scan looks up an empty object for this long. By then several scans have re-sent its event if that was lost.
const MAX_EMPTY_OBJECT_AGE: Duration = Duration::from_secs(3 * 86_400);
/// Pages of the complete scan in one run, so that a run costs the same however many objects there are. Together with the
/// reconciler's interval this is the speed of the complete scan: 250,000 versions in five minutes.
pub const MAX_PAGES_PER_RUN: u64 = 250;
/// With fewer, the complete scan is late: half of the maximum, since S3 may be slow and other work comes first.
const MIN_PAGES_PER_RUN: u64 = MAX_PAGES_PER_RUN / 2;
/// Where the checkpoint is stored.
const COLLECTION: &str = "state";
const KEY: &str = "inventory-scan";

/// The result of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScanReport {
    /// Objects whose upload event was sent again.
    pub resent: u64,
    /// Time since the latest complete scan began: every event lost before that was re-sent. While no scan has completed,
    /// the time since the first one began.
    pub age: Duration,
    /// By how much the scans are later than the number of objects explains.
    pub delay: Duration,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ScanCheckpoint {
    /// When the latest complete scan began.
    started_at: Timestamp,
    /// It looks up all objects.
    full: bool,
    /// An operator started it: it also looks up young objects.
    #[serde(default)]
    immediate: bool,
    /// Where it continues; `None` once it has ended.
    pub(super) position: Option<ScanPosition>,
    /// When the latest complete scan that ended began.
    last_complete: Option<Timestamp>,
    /// When the latest full scan that ended began.
    last_full: Option<Timestamp>,
    /// How many pages it has listed.
    #[serde(default)]
    pages: u64,
    /// How many pages the latest complete scan that ended has listed.
    #[serde(default)]
    last_pages: u64,
    #[serde(default)]
    pub(super) recent: RecentCheckpoint,
}

/// The progress of the recent scan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RecentCheckpoint {
    /// When the latest one began.
    pub(super) started_at: Timestamp,
    /// The folder after which it continues; `None` once it has ended.
    pub(super) position: Option<ScanPosition>,
    /// When the latest one that ended began.
    pub(super) last_complete: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ScanPosition {
    pub(super) prefix: String,
    pub(super) after: Option<ListingCursor>,
}

impl ScanCheckpoint {
    pub(super) fn report(&self, resent: u64, pipelines: &Pipelines, now: Timestamp) -> ScanReport {
        let age = now.since(self.last_complete.unwrap_or(self.started_at));
        let recent = &self.recent;
        let recent_age = now.since(recent.last_complete.unwrap_or(recent.started_at));
        // An object behind the position of one scan is found by the next: two scans at the least speed.
        let runs = self.pages.max(self.last_pages) / MIN_PAGES_PER_RUN;
        let expected = pipelines.reconcile_interval() * u32::try_from(2 * runs).unwrap_or(u32::MAX);
        ScanReport {
            resent,
            age,
            delay: age.saturating_sub(expected).max(recent_age),
        }
    }

    /// Begins the scans that are due. Returns whether there is one.
    pub(super) fn begin_what_is_due(
        &mut self,
        now: Timestamp,
        pipelines: &Pipelines,
        immediate: bool,
    ) -> bool {
        let is_due = |position: &Option<ScanPosition>, started_at| {
            position.is_none() && now.since(started_at) >= SCAN_INTERVAL
        };
        let recent_is_due = is_due(&self.recent.position, self.recent.started_at);
        if recent_is_due {
            self.recent.started_at = now;
            self.recent.position = first_after(pipelines, "");
        }
        let complete_is_due = immediate || is_due(&self.position, self.started_at);
        if complete_is_due {
            let last = self.last_full;
            self.full = immediate || last.is_none_or(|last| now.since(last) >= FULL_SCAN_INTERVAL);
            self.immediate = immediate;
            self.started_at = now;
            self.position = first_after(pipelines, "");
            self.pages = 0;
        }
        recent_is_due || complete_is_due
    }

    pub(super) fn advance(&mut self, next: Option<ListingCursor>, pipelines: &Pipelines) {
        let Some(position) = self.position.take() else {
            return;
        };
        self.pages += 1;
        self.position = match next {
            Some(cursor) => Some(ScanPosition {
                after: Some(cursor),
                ..position
            }),
            None => first_after(pipelines, &position.prefix),
        };
        if self.position.is_none() {
            self.last_complete = Some(self.started_at);
            self.last_pages = self.pages;
            if self.full {
                self.last_full = Some(self.started_at);
            }
        }
    }

    /// Whether the complete scan looks up the object: it is old enough, and no earlier scan has covered it.
    pub(super) fn covers(
        &self,
        object: &ListedObject,
        upload_expiry: Duration,
        now: Timestamp,
    ) -> bool {
        if now.since(object.put_at) < MIN_OBJECT_AGE {
            return self.immediate;
        }
        // A folder that only its media type tells from an empty document makes no job, and a listing has no types.
        let is_old_and_empty = object.bytes == 0 && now.since(object.put_at) > MAX_EMPTY_OBJECT_AGE;
        let looks_up_all = self.full && (self.immediate || !is_old_and_empty);
        let since = self.last_complete.filter(|_| !looks_up_all);
        since.is_none_or(|since| may_be_newer(object, since, upload_expiry))
    }
}

/// Whether an object was uploaded since a scan that began at `since` looked for it, with what its date leaves uncertain.
pub(super) fn may_be_newer(
    object: &ListedObject,
    since: Timestamp,
    upload_expiry: Duration,
) -> bool {
    // S3 dates an object uploaded in parts by when its upload began, at most `upload_expiry` ago.
    // The entity tag of a multipart upload ends in a hyphen and its number of parts.
    let is_multipart = object.etag.contains('-');
    let uncertainty = if is_multipart {
        MIN_OBJECT_AGE + CLOCK_SKEW + upload_expiry
    } else {
        MIN_OBJECT_AGE + CLOCK_SKEW
    };
    object.put_at.plus(uncertainty) >= since
}

/// The start of the first prefix after `prefix`.
pub(super) fn first_after(pipelines: &Pipelines, prefix: &str) -> Option<ScanPosition> {
    let prefixes = pipelines.iter().map(|pipeline| pipeline.prefix.as_str());
    let next = prefixes.filter(|known| *known > prefix).min()?;
    Some(ScanPosition {
        prefix: next.to_owned(),
        after: None,
    })
}

/// The checkpoint's record, as last read or written by this run.
pub(super) struct StoredCheckpoint {
    body: String,
    revision: u64,
}

impl StoredCheckpoint {
    pub(super) async fn read<P: KeyValueStore>(ports: &P) -> Result<Self, Unavailable> {
        let found = ports.get(COLLECTION, KEY).await?;
        let (body, revision) =
            found.map_or_else(Default::default, |found| (found.body, found.revision));
        Ok(Self { body, revision })
    }

    pub(super) fn checkpoint(&self) -> ScanCheckpoint {
        if self.body.is_empty() {
            return ScanCheckpoint::default();
        }
        serde_json::from_str(&self.body).unwrap_or_else(|error| {
            warn!(checkpoint = self.body, error = %error, "the checkpoint cannot be read, the scan starts over");
            ScanCheckpoint::default()
        })
    }

    /// Stores the progress. Returns `false` if another run has stored its own meanwhile: that one continues.
    pub(super) async fn write<P: KeyValueStore>(
        &mut self,
        ports: &P,
        checkpoint: &ScanCheckpoint,
    ) -> Result<bool, Unavailable> {
        self.body = serde_json::to_string(checkpoint).map_err(|error| Unavailable {
            what: "the checkpoint",
            source: error.into(),
        })?;
        self.revision += 1;
        let record = Record {
            body: self.body.clone(),
            revision: self.revision,
            expires_at: None,
        };
        let written = ports.put(COLLECTION, KEY, &record).await?;
        if !written {
            info!("another run scans the bucket, this one stops");
        }
        Ok(written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: u64 = 86_400_000;
    const MINUTE_MS: u64 = 60_000;
    const NOW: Timestamp = Timestamp(100 * DAY_MS);
    const UPLOAD_EXPIRY: Duration = Duration::from_secs(7 * 86_400);

    const fn ago(ms: u64) -> Timestamp {
        Timestamp(NOW.0 - ms)
    }

    fn pipelines() -> Pipelines {
        Pipelines::parse(include_str!("../../../../infra/pipelines.toml")).unwrap()
    }

    fn object(bytes: u64, put_at: Timestamp, etag: &str) -> ListedObject {
        ListedObject {
            key: "inbound/acme/a.pdf".to_owned(),
            version: "v1".to_owned(),
            etag: etag.to_owned(),
            bytes,
            put_at,
            versions: vec![],
            has_all_versions: true,
        }
    }

    #[test]
    fn daily_scan_looks_up_all_objects_but_young_ones_and_old_empty_ones() {
        let scan = ScanCheckpoint {
            full: true,
            last_complete: Some(ago(60 * MINUTE_MS)),
            ..ScanCheckpoint::default()
        };
        for (bytes, age_ms, is_covered) in [
            (8, 10 * MINUTE_MS - 1, false),
            (8, 10 * MINUTE_MS, true),
            (8, 40 * DAY_MS, true),
            (0, 3 * DAY_MS, true),
            (0, 3 * DAY_MS + 1, false),
        ] {
            let object = object(bytes, ago(age_ms), "etag");
            let covers = scan.covers(&object, UPLOAD_EXPIRY, NOW);
            assert_eq!(covers, is_covered, "{bytes} bytes, {age_ms} ms");
        }
    }

    /// Objects that were too young for the last scan, with a minute for the difference of clocks. An object in parts has the date
    /// of its first part.
    #[test]
    fn other_scans_look_up_what_may_be_newer_than_the_last_one() {
        let last = ago(DAY_MS);
        let scan = ScanCheckpoint {
            last_complete: Some(last),
            ..ScanCheckpoint::default()
        };
        for (etag, before_ms) in [
            ("etag", 11 * MINUTE_MS),
            ("etag-8", 11 * MINUTE_MS + 7 * DAY_MS),
        ] {
            for (before_ms, is_covered) in [(before_ms, true), (before_ms + 1, false)] {
                let object = object(8, Timestamp(last.0 - before_ms), etag);
                let covers = scan.covers(&object, UPLOAD_EXPIRY, NOW);
                assert_eq!(covers, is_covered, "{etag}, {before_ms} ms");
            }
        }
    }

    /// Two scans of 1,250 pages, 125 in each run; runs are five minutes apart.
    #[test]
    fn delay_is_what_the_number_of_pages_does_not_explain() {
        let pipelines = pipelines();
        let mut scan = ScanCheckpoint {
            started_at: ago(0),
            position: first_after(&pipelines, ""),
            ..ScanCheckpoint::default()
        };
        let next = ListingCursor {
            key: "inbound/b".to_owned(),
            version: None,
        };
        for _ in 0..1250 {
            scan.advance(Some(next.clone()), &pipelines);
        }
        for (minutes, delay) in [(100, 0), (130, 30)] {
            let now = Timestamp(NOW.0 + minutes * MINUTE_MS);
            scan.recent.last_complete = Some(now);
            let report = scan.report(0, &pipelines, now);
            let found = [report.age, report.delay].map(|time| time.as_secs() / 60);
            assert_eq!(found, [minutes, delay]);
        }
    }

    #[test]
    fn each_scan_begins_when_it_is_due() {
        let pipelines = pipelines();
        let due = 15 * MINUTE_MS;
        for (recent_ms, complete_ms, begins) in [
            (due - 1, due - 1, [false, false]),
            (due, due - 1, [true, false]),
            (due - 1, due, [false, true]),
            (due, due, [true, true]),
        ] {
            let mut scan = ScanCheckpoint {
                started_at: ago(complete_ms),
                recent: RecentCheckpoint {
                    started_at: ago(recent_ms),
                    ..RecentCheckpoint::default()
                },
                ..ScanCheckpoint::default()
            };
            let is_any = scan.begin_what_is_due(NOW, &pipelines, false);
            assert_eq!(is_any, begins.contains(&true));
            let started = [scan.recent.started_at, scan.started_at];
            assert_eq!(started.map(|at| at == NOW), begins);
        }
    }
}
