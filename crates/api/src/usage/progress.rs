//! Which hours have been counted, and which are to be counted again.

use std::collections::BTreeMap;

use jobs::id::Timestamp;
use jobs::ports::{KeyValueStore, Record, Unavailable};
use serde::{Deserialize, Serialize};

use super::{DAY_MS, HOUR_MS};

/// The key sorts among those of the months.
pub(super) const COLLECTION: &str = "usage#progress";
const KEY: &str = "progress";
/// The time from the end of an hour until it is counted: by then its jobs are in the index, and most have ended.
const SETTLE_MS: u64 = 10 * 60_000;
/// The first call counts from this number of days ago on. Hours without jobs are skipped.
const FIRST_COUNT_DAYS: u64 = 31;
/// The ages at which an hour is counted again, in days: jobs may have been retried or run again.
const AGAIN_AT_DAYS: [u64; 3] = [1, 7, 31];

/// The progress, as stored. Hours are the times at which they begin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Progress {
    /// All hours before this one have been counted. Zero: none.
    pub(super) next: u64,
    /// When to count hours again.
    again: BTreeMap<u64, u64>,
    #[serde(skip)]
    revision: u64,
}

impl Progress {
    pub(super) async fn load<P: KeyValueStore>(
        ports: &P,
        now: Timestamp,
    ) -> Result<Self, Unavailable> {
        let record = ports.get(COLLECTION, KEY).await?;
        let revision = record.as_ref().map_or(0, |record| record.revision);
        let stored = record.and_then(|record| serde_json::from_str::<Self>(&record.body).ok());
        let first = hour_of(now).saturating_sub(FIRST_COUNT_DAYS * DAY_MS);
        let progress = stored.unwrap_or_else(|| Self {
            next: first,
            ..Self::default()
        });
        Ok(Self {
            revision,
            ..progress
        })
    }

    /// Nothing has been stored yet.
    pub(super) const fn is_new(&self) -> bool {
        self.revision == 0
    }

    /// Returns false if another call has stored its own.
    pub(super) async fn store<P: KeyValueStore>(&mut self, ports: &P) -> Result<bool, Unavailable> {
        self.revision += 1;
        let record = Record {
            body: serde_json::to_string(self).unwrap_or_default(),
            revision: self.revision,
            expires_at: None,
        };
        ports.put(COLLECTION, KEY, &record).await
    }

    /// Hours that begin before this time have ended long enough ago.
    pub(super) fn settled_until(now: Timestamp) -> u64 {
        hour_of(Timestamp(now.0.saturating_sub(SETTLE_MS)))
    }

    /// The oldest hour that is to be counted again now.
    pub(super) fn due(&self, now: Timestamp) -> Option<u64> {
        let mut due = self.again.iter().filter(|(_, due)| **due <= now.0);
        due.next().map(|(hour, _)| *hour)
    }

    /// Records that an hour was counted, and when to count it again. After `rows_kept_days` the first of its rows may be
    /// deleted, so it is not counted again then.
    pub(super) fn counted(
        &mut self,
        hour: u64,
        is_preliminary: bool,
        now: Timestamp,
        rows_kept_days: u64,
    ) {
        let last_count_at = hour + rows_kept_days.saturating_sub(1) * DAY_MS;
        let at_age = |days: &u64| hour + HOUR_MS + days * DAY_MS;
        let later = AGAIN_AT_DAYS.iter().map(at_age).find(|at| *at > now.0);
        let soon = is_preliminary.then_some(now.0 + HOUR_MS);
        let again = soon.into_iter().chain(later).min();
        match again.filter(|at| *at < last_count_at) {
            Some(at) => _ = self.again.insert(hour, at),
            None => _ = self.again.remove(&hour),
        }
        if hour >= self.next {
            self.next = hour + HOUR_MS;
        }
    }
}

pub(super) const fn hour_of(at: Timestamp) -> u64 {
    at.0 / HOUR_MS * HOUR_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hour_is_counted_again_while_jobs_are_open_and_after_a_day_a_week_and_a_month() {
        let hour = 1000 * HOUR_MS;
        let mut progress = Progress::default();
        let mut now = Timestamp(hour + HOUR_MS + SETTLE_MS);
        progress.counted(hour, true, now, 90);
        assert_eq!(progress.next, hour + HOUR_MS);
        assert_eq!(progress.due(now), None);
        let mut ages = Vec::new();
        while now.0 < hour + 100 * DAY_MS {
            now.0 += SETTLE_MS;
            if let Some(due) = progress.due(now) {
                assert_eq!(due, hour);
                ages.push((now.0 - hour) / DAY_MS);
                progress.counted(hour, false, now, 90);
            }
        }
        assert_eq!(ages, [0, 1, 7, 31]);
    }

    #[test]
    fn hour_whose_rows_may_be_deleted_is_not_counted_again() {
        let hour = 1000 * HOUR_MS;
        let mut progress = Progress::default();
        let week = Timestamp(hour + 8 * DAY_MS);
        progress.counted(hour, true, week, 9);
        assert_eq!(progress.due(Timestamp(u64::MAX)), None);
    }

    #[test]
    fn hour_is_settled_ten_minutes_after_its_end() {
        let end = 1001 * HOUR_MS;
        let settled = |minutes: u64| Progress::settled_until(Timestamp(end + minutes * 60_000));
        assert_eq!((settled(9), settled(10)), (end - HOUR_MS, end));
    }
}
