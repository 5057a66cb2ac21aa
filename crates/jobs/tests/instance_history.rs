//! Readings of instances: how long they are kept, and which of them a span of time needs.

use futures_util::FutureExt;
use jobs::id::Timestamp;
use jobs::instance_history::{InstanceCounts, InstanceHistory, add, reading};
use testkit::memory::Memory;

const PIPELINE: &str = "legal-review";
const NOON: u64 = 1_767_614_400_000;

fn counts(in_service: u32, concurrent_runs: u32) -> InstanceCounts {
    InstanceCounts {
        in_service,
        starting: 0,
        concurrent_runs,
    }
}

#[test]
fn instance_whose_runs_are_unknown_does_one_at_a_time() {
    assert_eq!(counts(2, 3).slots(), 6);
    assert_eq!(counts(2, 0).slots(), 2);
}

#[test]
fn reading_is_kept_for_800_days() {
    let (_, _, record) = reading(PIPELINE, Timestamp(NOON), counts(1, 1));
    let days = |at: Timestamp| (at.0 - NOON) / 86_400_000;
    assert_eq!(record.expires_at.map(days), Some(800));
}

/// Half of the 30 seconds between two readings.
#[test]
fn reading_counts_from_fifteen_seconds_before_it_was_taken() {
    let memory = Memory::at(Timestamp(NOON));
    for (at, in_service) in [(NOON - 60_000, 1), (NOON + 14_999, 2), (NOON + 15_001, 3)] {
        let added = add(&memory, PIPELINE, Timestamp(at), counts(in_service, 1));
        added.now_or_never().unwrap().unwrap();
    }
    let (from, to) = (Timestamp(NOON - 1000), Timestamp(NOON));
    let history = InstanceHistory::load(&memory, PIPELINE, from, to);
    let history = history.now_or_never().unwrap().unwrap();
    assert_eq!(history.at(to), Some(counts(2, 1)));
    assert_eq!(history.time(from, to).in_service_ms, 1001);
}

#[test]
fn all_readings_since_the_beginning_of_a_span_are_loaded() {
    // 500 are read at a time.
    for readings in [500, 501, 1001] {
        let memory = Memory::at(Timestamp(NOON));
        for number in 0..readings {
            let at = Timestamp(NOON + number * 60_000);
            let added = add(&memory, PIPELINE, at, counts(number as u32 % 2, 1));
            added.now_or_never().unwrap().unwrap();
        }
        let from = Timestamp(NOON - 60_000);
        let to = Timestamp(NOON + readings * 60_000);
        let history = InstanceHistory::load(&memory, PIPELINE, from, to);
        let history = history.now_or_never().unwrap().unwrap();
        let begins_at = Timestamp(NOON - 15_000);
        assert_eq!(history.begins_at(), Some(begins_at), "{readings}");
    }
}

/// Those of the first reading started before it.
#[test]
fn instances_of_the_first_reading_count_as_no_start() {
    let first = InstanceCounts {
        starting: 1,
        ..counts(1, 1)
    };
    let readings = vec![
        (Timestamp(NOON), first),
        (Timestamp(NOON + 60_000), counts(2, 1)),
    ];
    let history = InstanceHistory::of_readings(readings);
    let time = history.time(Timestamp(NOON - 60_000), Timestamp(NOON + 120_000));
    assert_eq!(time.starts, 0);
}
