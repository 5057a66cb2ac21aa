//! How many instances each endpoint has had: a record for each change that function `capacity` saw.
//!
//! A record says what one reading found and is never changed, so a repeated or a concurrent reading cannot add to anything.
//! Instance time is computed from the records when it is asked for ([`InstanceHistory`]).

use serde::{Deserialize, Serialize};

use crate::id::Timestamp;
use crate::ports::{KeyValueStore, Record, Unavailable};

/// How long records are kept, in milliseconds: 800 days.
const RETENTION_MS: u64 = 800 * 86_400_000;
/// How many records one read returns.
const RECORDS_PER_READ: u16 = 500;
/// A change happened at some time since the reading before, which is 30 seconds earlier: the middle is taken.
const HALF_READING_INTERVAL_MS: u64 = 15_000;

/// The instances of an endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceCounts {
    pub in_service: u32,
    /// Asked for and not in service yet.
    pub starting: u32,
    /// Runs that an instance does at the same time.
    pub concurrent_runs: u32,
}

impl InstanceCounts {
    /// How many documents the instances in service work on at the same time.
    pub const fn slots(&self) -> u32 {
        self.in_service
            .saturating_mul(if self.concurrent_runs == 0 {
                1
            } else {
                self.concurrent_runs
            })
    }
}

fn collection(pipeline: &str) -> String {
    format!("instances#{pipeline}")
}

/// The key sorts by time.
fn key(at: Timestamp) -> String {
    format!("{:013}", at.0)
}

/// Records that a reading found other numbers than the one before.
///
/// # Errors
/// If the store does not answer.
pub async fn add<P: KeyValueStore>(
    ports: &P,
    pipeline: &str,
    at: Timestamp,
    counts: InstanceCounts,
) -> Result<(), Unavailable> {
    let (collection, key, record) = reading(pipeline, at, counts);
    // False: another run has recorded a reading of the same millisecond.
    let _is_first: bool = ports.put(&collection, &key, &record).await?;
    Ok(())
}

/// The collection, the key and the record of a reading.
pub fn reading(pipeline: &str, at: Timestamp, counts: InstanceCounts) -> (String, String, Record) {
    let record = Record {
        body: serde_json::to_string(&counts).unwrap_or_default(),
        revision: 1,
        expires_at: Some(Timestamp(at.0 + RETENTION_MS)),
    };
    (collection(pipeline), key(at), record)
}

/// The instances of an endpoint over a time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InstanceHistory {
    /// From when on each number holds, oldest first.
    changes: Vec<(Timestamp, InstanceCounts)>,
}

/// Instance time, in milliseconds, and how many instances were asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InstanceTime {
    pub in_service_ms: u64,
    pub starting_ms: u64,
    pub starts: u64,
}

impl InstanceHistory {
    /// Of readings, in any order.
    pub fn of_readings(mut readings: Vec<(Timestamp, InstanceCounts)>) -> Self {
        readings.sort_by_key(|(at, _)| *at);
        readings.dedup_by(|later, earlier| later.1 == earlier.1);
        for (at, _) in &mut readings {
            at.0 = at.0.saturating_sub(HALF_READING_INTERVAL_MS);
        }
        Self { changes: readings }
    }

    /// Reads what holds from one time to another.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn load<P: KeyValueStore>(
        ports: &P,
        pipeline: &str,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Self, Unavailable> {
        let collection = collection(pipeline);
        let mut before = key(Timestamp(to.0 + HALF_READING_INTERVAL_MS));
        let mut readings = Vec::new();
        loop {
            let page = ports
                .list_descending(&collection, Some(&before), RECORDS_PER_READ)
                .await?;
            let is_last = page.len() < usize::from(RECORDS_PER_READ);
            for (key, record) in page {
                // What another release wrote differently costs accuracy only.
                let counts = serde_json::from_str(&record.body).ok();
                if let (Ok(at), Some(counts)) = (key.parse(), counts) {
                    readings.push((Timestamp(at), counts));
                }
                before = key;
            }
            let reached = readings.last().is_some_and(|(at, _)| *at <= from);
            if is_last || reached {
                return Ok(Self::of_readings(readings));
            }
        }
    }

    /// The first time of which something is known; `None` if nothing is.
    pub fn begins_at(&self) -> Option<Timestamp> {
        self.changes.first().map(|(at, _)| *at)
    }

    /// The numbers at a time; `None` before the first reading.
    pub fn at(&self, at: Timestamp) -> Option<InstanceCounts> {
        let after = self.changes.partition_point(|(from, _)| *from <= at);
        let last = after.checked_sub(1)?;
        self.changes.get(last).map(|(_, counts)| *counts)
    }

    /// When the numbers change next after a time.
    pub fn next_change(&self, at: Timestamp) -> Option<Timestamp> {
        let after = self.changes.partition_point(|(from, _)| *from <= at);
        self.changes.get(after).map(|(from, _)| *from)
    }

    /// The instance time from one time to another. A start counts when more instances are asked for than there were.
    pub fn time(&self, from: Timestamp, to: Timestamp) -> InstanceTime {
        let mut sum = InstanceTime::default();
        // The instances of the first reading started before it.
        let first = self.changes.first().map(|(_, counts)| *counts);
        let mut before = first.map_or(0, |it| it.in_service + it.starting);
        let ends = self.changes.iter().skip(1).map(|(at, _)| *at);
        let ends = ends.chain([to]);
        for ((since, counts), until) in self.changes.iter().zip(ends) {
            let lasts = until.min(to).0.saturating_sub(since.0.max(from.0));
            sum.in_service_ms += u64::from(counts.in_service) * lasts;
            sum.starting_ms += u64::from(counts.starting) * lasts;
            let count = counts.in_service + counts.starting;
            if (from..to).contains(since) {
                sum.starts += u64::from(count.saturating_sub(before));
            }
            before = count;
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(seconds: u64, starting: u32, in_service: u32) -> (Timestamp, InstanceCounts) {
        let counts = InstanceCounts {
            in_service,
            starting,
            concurrent_runs: 1,
        };
        (Timestamp(seconds * 1000 + HALF_READING_INTERVAL_MS), counts)
    }

    /// Two instances start after 100 s, serve from 400 s on, and one stops after 1,000 s.
    fn history() -> InstanceHistory {
        InstanceHistory::of_readings(vec![
            reading(1000, 0, 1),
            reading(0, 0, 0),
            reading(100, 2, 0),
            reading(400, 0, 2),
            reading(430, 0, 2),
        ])
    }

    #[test]
    fn instance_time_is_that_of_each_state_within_the_span() {
        let time = |from: u64, to: u64| history().time(Timestamp(from), Timestamp(to));
        let whole = time(0, 1_100_000);
        assert_eq!((whole.starting_ms, whole.starts), (600_000, 2));
        assert_eq!(whole.in_service_ms, 2 * 600_000 + 100_000);
        let part = time(500_000, 600_000);
        assert_eq!((part.starting_ms, part.in_service_ms), (0, 200_000));
        assert_eq!(part.starts, 0);
        assert_eq!(time(2_000_000, 3_000_000).in_service_ms, 1_000_000);
    }

    #[test]
    fn parts_of_a_span_add_up_to_the_whole() {
        let whole = history().time(Timestamp(0), Timestamp(2_000_000));
        for middle in (0..2_000_000).step_by(50_000) {
            let first = history().time(Timestamp(0), Timestamp(middle));
            let second = history().time(Timestamp(middle), Timestamp(2_000_000));
            assert_eq!(
                first.in_service_ms + second.in_service_ms,
                whole.in_service_ms
            );
            assert_eq!(first.starting_ms + second.starting_ms, whole.starting_ms);
            assert_eq!(first.starts + second.starts, whole.starts, "{middle}");
        }
    }

    #[test]
    fn nothing_is_known_before_the_first_reading() {
        let history = history();
        assert_eq!(history.begins_at(), Some(Timestamp(0)));
        let empty = InstanceHistory::default();
        assert_eq!(empty.at(Timestamp(5)), None);
        assert_eq!(history.at(Timestamp(399_999)).map(|it| it.slots()), Some(0));
        assert_eq!(history.at(Timestamp(400_000)).map(|it| it.slots()), Some(2));
        assert_eq!(
            history.next_change(Timestamp(400_000)),
            Some(Timestamp(1_000_000))
        );
    }
}
