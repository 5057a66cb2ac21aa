//! Estimates of when a job is ready, to the millisecond. A changed figure is a decision: `make bench-ready-by` says
//! whether the ranges still hold for nine of ten jobs.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use jobs::id::Timestamp;
use jobs::ready_by::{
    Basis, Expected, KnownInstances, MAX_SNAPSHOT_AGE, NoEstimate, OpenSince, QueueSnapshot,
    Queued, estimate_queued, estimate_turn,
};

const SECOND: u64 = 1000;
const NOW: Timestamp = Timestamp(10_000_000 * SECOND);

const fn ago(seconds: u64) -> Timestamp {
    Timestamp(NOW.0 - seconds * SECOND)
}

const fn later(seconds: u64) -> Timestamp {
    Timestamp(NOW.0 + seconds * SECOND)
}

/// Runs of 300 s with a standard deviation of 10 %, cold starts of 400 s; the open jobs were sent so many seconds ago.
fn snapshot(open: &[u64], instances: KnownInstances) -> QueueSnapshot {
    QueueSnapshot {
        at: NOW,
        open: u32::try_from(open.len()).unwrap(),
        open_since: OpenSince::new(NOW, open.iter().map(|age| ago(*age)).collect()),
        instances,
        run: Expected {
            ms: 300 * SECOND,
            deviation_percent: 10,
            is_measured: true,
        },
        cold_start: Expected {
            ms: 400 * SECOND,
            deviation_percent: 0,
            is_measured: true,
        },
        ended_up_to: None,
        running: Vec::new(),
    }
}

/// KnownInstances in service that each do two runs at the same time.
fn in_service(number: u32) -> KnownInstances {
    KnownInstances {
        in_service: number,
        concurrent_runs: 2,
        is_counted: true,
        ..KnownInstances::default()
    }
}

fn sent(since: Timestamp) -> Queued {
    Queued {
        since,
        next_check_at: Some(later(500)),
        is_scheduled: false,
    }
}

/// Earliest, about and latest, in milliseconds after the snapshot.
fn estimated(queued: &Queued, snapshot: &QueueSnapshot) -> (u64, u64, u64) {
    let found = estimate_queued(queued, Some(snapshot), NOW).unwrap();
    let after = |at: Timestamp| at.0 - NOW.0;
    (
        after(found.earliest),
        after(found.about),
        after(found.latest),
    )
}

#[test]
fn running_job_needs_the_rest_of_a_run() {
    let mut running = snapshot(&[120], in_service(1));
    running.running = vec![(ago(120), ago(100))];
    let job = sent(ago(120));
    // Of 300 s ± 30 s, 100 s are over. The range is 1.8 deviations early to 2.1 late, 20 s and 2 × 20 s for messages.
    // 246 - 100 - 20, 300 - 100, and 363 - 100 + 40, each with 2 s from the end of the run to the ready job.
    assert_eq!(estimated(&job, &running), (128_000, 202_000, 305_000));
    // It takes longer than most: at least 0.3 of a run from now on, half of which is expected.
    running.running = vec![(ago(420), ago(400))];
    assert_eq!(
        estimated(&sent(ago(420)), &running),
        (2_000, 67_000, 132_000)
    );
}

#[test]
fn job_that_runs_for_more_than_the_longest_time_is_expected_at_its_next_check() {
    let mut running = snapshot(&[1_300], in_service(1));
    running.run.ms = 1_000 * SECOND;
    running.run.deviation_percent = 0;
    let job = sent(ago(1_300));
    let basis = |running: &QueueSnapshot| estimate_queued(&job, Some(running), NOW).unwrap().basis;
    // 1.2 × 1,000 s.
    running.running = vec![(ago(1_300), ago(1_200))];
    assert_eq!(basis(&running), Basis::Measured);
    running.running = vec![(ago(1_300), ago(1_201))];
    assert_eq!(basis(&running), Basis::NextCheck);
    // At the check at 500 s; at the latest a run of the reconciler (420 s) and a run of the model later.
    assert_eq!(estimated(&job, &running), (0, 500_000, 1_920_000));
}

#[test]
fn waiting_job_starts_when_a_place_is_free() {
    // Four places. Two jobs run since 100 s and 200 s, two since when is not known.
    let ages = [60, 50, 40, 30, 20, 10];
    let mut busy = snapshot(&ages, in_service(2));
    busy.running = vec![(ago(60), ago(200)), (ago(50), ago(100))];
    let figures = |age| estimated(&sent(ago(age)), &busy);
    // The places are free in 100 s, 200 s, 187.5 s and 262.5 s. Then a run and 2 s.
    assert_eq!(figures(20), (335_254, 402_000, 479_870));
    assert_eq!(figures(10), (421_179, 489_500, 569_206));
}

#[test]
fn uploads_of_the_last_minute_say_how_many_come_before_a_later_one() {
    let ages = [90, 50, 40, 30, 20, 10];
    let busy = snapshot(&ages, in_service(1));
    let figures = |seconds| estimated(&sent(later(seconds)), &busy);
    assert_eq!(figures(0), (817_572, 902_000, 1_000_498));
    // Five came within the last minute, so 5/3 more in 20 s.
    assert_eq!(figures(20), (1_060_659, 1_152_000, 1_258_563));
    assert_eq!(figures(60), (1_548_206, 1_652_000, 1_773_091));
    assert_eq!(figures(90), figures(60));
}

#[test]
fn instances_on_their_way_take_jobs_when_they_are_in_service() {
    let ages: Vec<u64> = (1..=12).collect();
    let starting = KnownInstances {
        starting: 2,
        starting_since: Some(ago(100)),
        more: 1,
        more_at: Some(later(30)),
        concurrent_runs: 2,
        is_counted: true,
        ..KnownInstances::default()
    };
    let cold = snapshot(&ages, starting);
    let figures = |age| estimated(&sent(ago(age)), &cold);
    // Two start for another 300 s and have four places; one is asked for in 30 s and has two, 430 s from now.
    assert_eq!(figures(12), (492_067, 602_000, 730_254));
    assert_eq!(figures(9), figures(12));
    assert_eq!(figures(8), (621_113, 732_000, 861_367));
    assert_eq!(figures(7), figures(8));
    // The first runs of instances that start together end one after the other.
    assert_eq!(figures(6), (751_905, 863_750, 994_235));
    assert_eq!(figures(3), (827_852, 940_250, 1_071_380));
    assert_eq!(figures(1), (893_626, 1_006_500, 1_138_186));
}

#[test]
fn assumed_and_inferred_figures_have_wider_ranges() {
    let ages = [60, 50, 40, 30, 20, 10];
    let mut assumed = snapshot(&ages, in_service(1));
    assumed.run.is_measured = false;
    let last = sent(ago(10));
    assert_eq!(estimated(&last, &assumed), (573_295, 827_000, 1_122_988));
    assumed.cold_start.is_measured = false;
    assumed.instances.in_service = 0;
    assumed.instances.more = 1;
    assumed.instances.more_at = Some(NOW);
    assert_eq!(estimated(&last, &assumed), (929_558, 1_302_000, 1_736_515));
    let mut inferred = snapshot(&ages, in_service(1));
    inferred.instances.is_counted = false;
    assert_eq!(estimated(&last, &inferred), (227_333, 827_000, 1_526_610));
    inferred.running = vec![(ago(60), ago(60))];
    // Which jobs run is not known either.
    let first = sent(ago(60));
    assert_eq!(estimated(&first, &inferred), (142_046, 527_000, 976_112));
}

#[test]
fn limits_of_what_is_known_are_exact() {
    let busy = snapshot(&[60, 50], in_service(1));
    let job = sent(ago(50));
    let oldest = NOW.plus(MAX_SNAPSHOT_AGE);
    let at = |now| estimate_queued(&job, Some(&busy), now).map(|found| found.basis);
    assert_eq!(at(NOW), Ok(Basis::Measured));
    assert_ne!(at(oldest), Err(NoEstimate::NotCounted));
    // Both durations must have been measured.
    for (run, cold_start) in [(false, true), (true, false)] {
        let mut assumed = busy.clone();
        (assumed.run.is_measured, assumed.cold_start.is_measured) = (run, cold_start);
        let found = estimate_queued(&job, Some(&assumed), NOW).unwrap();
        assert_eq!(found.basis, Basis::AssumedDurations);
    }
    // A job counts as overtaken if one that was sent more than two runs and a minute later has ended.
    let mut overtaken = snapshot(&[700], in_service(1));
    overtaken.ended_up_to = Some(ago(40));
    let basis = |queued: &Queued| {
        estimate_queued(queued, Some(&overtaken), NOW)
            .unwrap()
            .basis
    };
    assert_eq!(basis(&sent(ago(701))), Basis::NextCheck);
    assert_eq!(basis(&sent(ago(700))), Basis::Measured);
    let scheduled = Queued {
        is_scheduled: true,
        ..sent(ago(701))
    };
    assert_eq!(basis(&scheduled), Basis::Measured);
    // While a job may be late its estimate moves with the clock: a quarter of the rest of its range.
    let latest = estimate_queued(&job, Some(&busy), NOW).unwrap().latest;
    let nearly = Timestamp(latest.0 - 40 * SECOND);
    let found = estimate_queued(&job, Some(&busy), nearly).unwrap();
    assert_eq!(found.about.0, nearly.0 + 10 * SECOND);
    assert_eq!(
        estimate_queued(&job, Some(&busy), latest),
        Err(NoEstimate::Late)
    );
}

/// Two places, whose runs end in 75 s and 225 s: when they began is not known. Each end lets a job in.
#[test]
fn queued_job_is_released_when_those_before_it_were_let_in() {
    let busy = snapshot(&[60, 50], in_service(1));
    let idle = snapshot(&[], in_service(1));
    let estimated = |snapshot, before, at_endpoint, seconds| {
        let found = estimate_turn(before, at_endpoint, Some(snapshot), later(seconds)).unwrap();
        let after = |at: Timestamp| at.0 - NOW.0;
        let ready = found.ready;
        let range = [ready.earliest, ready.about, ready.latest].map(after);
        (after(found.released), range)
    };
    let figures = |before, at_endpoint, seconds| estimated(&busy, before, at_endpoint, seconds);
    assert_eq!(
        figures(0, 2, 0),
        (75_000, [309_350, 377_000, 455_924]),
        "the next"
    );
    // Three more wait at the endpoint; a run that starts in 600 s is the fifth from now.
    let expected = (225_000, [817_572, 902_000, 1_000_498]);
    assert_eq!(figures(1, 5, 0), expected);
    // One has been let in since the snapshot: the same job is the next now.
    assert_eq!(figures(0, 5, 80), expected);
    assert_eq!(estimated(&idle, 0, 0, 80).0, 80_000, "nothing runs");
    // At the moment it is let in it is not late.
    assert_eq!(figures(0, 2, 225).0, 375_000);
    let at = |seconds| estimate_turn(0, 2, Some(&busy), later(seconds)).err();
    assert_eq!(at(MAX_SNAPSHOT_AGE.as_secs()), None);
    let old = Some(NoEstimate::NotCounted);
    assert_eq!(at(MAX_SNAPSHOT_AGE.as_secs() + 1), old);
    assert_eq!(estimate_turn(0, 2, None, NOW).err(), old);
    // However wide the range is, no job is ready before it is released.
    let mut assumed = snapshot(&[60, 50], in_service(1));
    assumed.run.is_measured = false;
    let (released, [earliest, about, _]) = estimated(&assumed, 100, 2, 0);
    assert!(released == earliest && earliest < about);
    let nowhere = snapshot(&[60, 50], in_service(0));
    assert_eq!(estimate_turn(0, 2, Some(&nowhere), NOW).err(), old);
}
