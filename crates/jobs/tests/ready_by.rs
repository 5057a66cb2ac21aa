//! When a waiting job will be ready.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use jobs::capacity::{CapacityInput, InstanceLimits, Instances, Measured, Objective, OpenWork};
use jobs::id::Timestamp;
use jobs::job::Job;
use jobs::ports::KeyValueStore;
use jobs::ready_by::{
    Basis, Estimate, KnownInstances, MAX_SNAPSHOT_AGE, NoEstimate, QueueSnapshot, Queued, estimate,
    estimate_queued, is_at_risk, load, store,
};
use jobs::state::State;
use testkit::conformance::one_in_every_state;
use testkit::memory::Memory;

const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const NOW: Timestamp = Timestamp(10_000 * MINUTE);

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Jobs of 45 s, cold starts of 300 s, both measured; the uploads have paused.
fn input(open: u32, in_service: u32, starting: u32) -> CapacityInput {
    CapacityInput {
        open: OpenWork {
            alive: open,
            presumed_lost: 0,
            oldest_age: secs(100),
        },
        instances: Instances {
            in_service,
            starting,
            concurrent_runs: 1,
            updating: starting > 0,
        },
        limits: InstanceLimits::new(0, 5, 0).unwrap(),
        objective: Objective {
            drain_within: secs(300),
            idle: secs(60),
            cold_start: secs(300),
        },
        runs: Measured {
            count: 50,
            mean: secs(45),
        },
        cold_starts: Measured {
            count: 5,
            mean: secs(300),
        },
        typical_run: secs(45),
        since_last_upload: Some(secs(60)),
        since_last_open: Some(Duration::ZERO),
    }
}

/// A job was sent every second until `at`.
fn sent_at(open: u32, at: Timestamp) -> Vec<Timestamp> {
    let second = |number: u32| Timestamp(at.0 - u64::from(open - number) * SECOND);
    (0..open).map(second).collect()
}

/// Single runs differ by 20 %.
fn described(
    at: Timestamp,
    input: &CapacityInput,
    sent_at: Vec<Timestamp>,
    since: Option<Timestamp>,
) -> QueueSnapshot {
    let mut snapshot = QueueSnapshot::of_capacity(at, input, sent_at, since);
    snapshot.run.deviation_percent = 20;
    snapshot
}

fn snapshot(open: u32, in_service: u32, starting: u32, since: Option<Timestamp>) -> QueueSnapshot {
    let input = input(open, in_service, starting);
    described(NOW, &input, sent_at(open, NOW), since).after(None)
}

fn queued(since: Timestamp) -> Queued {
    Queued {
        since,
        next_check_at: Some(Timestamp(since.0 + 24 * MINUTE)),
        is_scheduled: false,
    }
}

fn estimate_of(number: u32, open: u32, snapshot: &QueueSnapshot) -> Estimate {
    let since = sent_at(open, snapshot.at)[number as usize];
    let found = estimate_queued(&queued(since), Some(snapshot), snapshot.at).unwrap();
    assert!(
        found.earliest <= found.about && found.about <= found.latest,
        "{found:?}"
    );
    found
}

fn minutes_from_now(at: Timestamp) -> f64 {
    (at.0 - NOW.0) as f64 / MINUTE as f64
}

#[test]
fn position_and_capacity_on_its_way_decide_when_a_job_is_ready() {
    // Twelve jobs, no instance: two are asked for now, and each has six jobs.
    let cold = snapshot(12, 0, 0, None);
    let (first, last) = (estimate_of(0, 12, &cold), estimate_of(11, 12, &cold));
    assert!(
        (5.0..7.0).contains(&minutes_from_now(first.about)),
        "{first:?}"
    );
    assert!(
        (8.0..11.0).contains(&minutes_from_now(last.about)),
        "{last:?}"
    );
    // The same instances have been starting for four minutes.
    let since = Some(Timestamp(NOW.0 - 4 * MINUTE));
    let starting = snapshot(12, 0, 2, since);
    let sooner = estimate_of(11, 12, &starting);
    let saved = last.about.0 - sooner.about.0;
    assert!((3 * MINUTE..5 * MINUTE).contains(&saved), "{saved}");
    // Twice as many instances in service work twice as fast.
    let (one, two) = (snapshot(12, 1, 0, None), snapshot(12, 2, 0, None));
    let ratio = minutes_from_now(estimate_of(11, 12, &one).about)
        / minutes_from_now(estimate_of(11, 12, &two).about);
    assert!((1.4..2.2).contains(&ratio), "{ratio}");
    assert_eq!(estimate_of(11, 12, &two).basis, Basis::Measured);
}

#[test]
fn later_place_in_the_queue_is_never_ready_earlier() {
    for (open, in_service, starting) in [(1, 0, 0), (5, 1, 0), (40, 2, 1), (300, 0, 5), (900, 5, 0)]
    {
        let snapshot = snapshot(open, in_service, starting, Some(NOW));
        let about = |number| estimate_of(number, open, &snapshot).about;
        for number in in_service + 1..open {
            assert!(about(number) >= about(number - 1), "{open} {number}");
        }
    }
}

#[test]
fn estimate_does_not_move_while_nothing_changes() {
    let snapshot = snapshot(12, 0, 0, None);
    let job = queued(sent_at(12, NOW)[11]);
    let at = |minutes| {
        let now = Timestamp(NOW.0 + minutes * MINUTE);
        estimate_queued(&job, Some(&snapshot), now).unwrap()
    };
    assert_eq!(at(0).about, at(3).about);
    assert_eq!(at(0).latest, at(5).latest);
}

/// What has not happened yet happens later than now.
#[test]
fn earliest_time_is_never_over() {
    let snapshot = snapshot(12, 0, 0, None);
    let job = queued(sent_at(12, NOW)[11]);
    let now = Timestamp(NOW.0 + 9 * MINUTE);
    let found = estimate_queued(&job, Some(&snapshot), now).unwrap();
    assert_eq!(found.earliest, now);
}

#[test]
fn instances_are_asked_for_once_the_endpoint_has_ended_its_update() {
    let more_at = |starting| {
        let since = Some(Timestamp(NOW.0 - MINUTE));
        let instances = snapshot(100, 0, starting, since).instances;
        assert!(instances.more > 0);
        instances.more_at
    };
    assert_eq!(more_at(0), Some(NOW));
    // Cold starts take five minutes.
    assert_eq!(more_at(2), Some(Timestamp(NOW.0 + 4 * MINUTE)));
}

#[test]
fn job_that_is_not_at_the_endpoint_has_no_estimate() {
    let why = |job: &Job| estimate(job, None, NOW).unwrap_err();
    for mut job in one_in_every_state("docket-jobs", "acme") {
        let expected = match job.state {
            State::Queued { .. } => NoEstimate::Queued,
            _ if job.state.is_open() => NoEstimate::NotCounted,
            _ => NoEstimate::Final,
        };
        assert_eq!(why(&job), expected, "{:?}", job.state);
        if let State::Queued { start_by, .. } = &mut job.state {
            *start_by = Some(NOW);
            assert_eq!(why(&job), NoEstimate::EndpointDown);
        }
    }
}

#[test]
fn unknown_is_said_with_its_reason() {
    let job = queued(sent_at(2, NOW)[1]);
    assert_eq!(
        estimate_queued(&job, None, NOW),
        Err(NoEstimate::NotCounted)
    );
    let busy = snapshot(2, 2, 0, None);
    let old = NOW.plus(MAX_SNAPSHOT_AGE).plus(secs(1));
    assert_eq!(
        estimate_queued(&job, Some(&busy), old),
        Err(NoEstimate::NotCounted)
    );
    // Its range is over.
    let late = Timestamp(NOW.0 + 10 * MINUTE);
    assert_eq!(
        estimate_queued(&job, Some(&busy), late),
        Err(NoEstimate::Late)
    );
}

#[test]
fn job_whose_notification_is_lost_is_expected_at_its_next_check_and_delays_no_other() {
    let before = snapshot(12, 2, 0, None);
    // Four minutes later all but the first have ended, and a new one has arrived.
    let at = Timestamp(NOW.0 + 4 * MINUTE);
    let lost = sent_at(12, NOW)[0];
    let new = Timestamp(at.0 - 5 * SECOND);
    let mut input = input(2, 2, 0);
    input.instances.in_service = 1;
    let after = described(at, &input, vec![lost, new], None);
    let after = after.after(Some(&before));
    let found = estimate_queued(&queued(lost), Some(&after), at).unwrap();
    // The margin within which jobs may overtake each other is longer than these jobs are apart, so it still counts as
    // running; with a longer time apart it counts as overtaken.
    assert!(found.latest > at);
    let much_later = Timestamp(at.0 + 10 * MINUTE);
    let done = described(much_later, &input, vec![lost, much_later], None);
    let done = done.after(Some(&after));
    let found = estimate_queued(&queued(lost), Some(&done), much_later).unwrap();
    assert_eq!(found.basis, Basis::NextCheck);
    assert_eq!(found.about.0, lost.0 + 24 * MINUTE);
    // It is neither before the other job nor on the instance.
    assert_eq!(done.position(much_later), 0);
    let running: Vec<Timestamp> = done.running.iter().map(|(sent_at, _)| *sent_at).collect();
    assert_eq!(running, [much_later]);
    let other = estimate_queued(&queued(much_later), Some(&done), much_later).unwrap();
    assert!(other.about.0 - much_later.0 < 2 * MINUTE, "{other:?}");
}

#[test]
fn snapshot_of_many_jobs_stays_small_and_keeps_their_places() {
    let open = 100_000;
    let snapshot = snapshot(open, 5, 0, None);
    let json = serde_json::to_string(&snapshot).unwrap();
    assert!(json.len() < 2048, "{} bytes", json.len());
    for number in [0, open / 2, open - 1] {
        let since = sent_at(open, NOW)[number as usize];
        let position = snapshot.position(since);
        assert!(
            position.abs_diff(number) <= open / 50,
            "{number} {position}"
        );
    }
}

#[test]
fn without_counted_instances_the_job_table_shows_how_fast_jobs_end() {
    let pipelines =
        jobs::pipeline::Pipelines::parse(include_str!("../../../infra/pipelines.toml")).unwrap();
    let pipeline = pipelines.get("legal-review").unwrap();
    let of = |at: Timestamp, sent: Vec<Timestamp>, earlier: Option<&QueueSnapshot>| {
        QueueSnapshot::inferred(at, pipeline, sent, earlier)
    };
    let all = sent_at(40, NOW);
    let first = of(NOW, all.clone(), None);
    let cold = estimate_queued(&queued(all[39]), Some(&first), NOW).unwrap();
    assert_eq!(cold.basis, Basis::InferredInstances);
    // Ten jobs of 45 s end within five minutes: two instances.
    let at = Timestamp(NOW.0 + 5 * MINUTE);
    let second = of(at, all[10..].to_vec(), Some(&first));
    assert_eq!(second.instances.in_service, 2);
    let warm = estimate_queued(&queued(all[39]), Some(&second), at).unwrap();
    let minutes = (warm.about.0 - at.0) as f64 / MINUTE as f64;
    assert!((9.0..14.0).contains(&minutes), "{minutes}");
    assert!(warm.about < cold.about);
}

#[test]
fn instances_are_inferred_from_what_ended_since_an_earlier_snapshot() {
    let pipelines =
        jobs::pipeline::Pipelines::parse(include_str!("../../../infra/pipelines.toml")).unwrap();
    let pipeline = pipelines.get("legal-review").unwrap();
    let of = |at: Timestamp, sent: &[Timestamp], earlier: Option<&QueueSnapshot>| {
        QueueSnapshot::inferred(at, pipeline, sent.to_vec(), earlier)
    };
    let known = KnownInstances {
        concurrent_runs: 1,
        ..KnownInstances::default()
    };
    let starting_since = |at: Timestamp| KnownInstances {
        starting: 1,
        starting_since: Some(at),
        ..known
    };
    let none = of(NOW, &[], None).instances;
    assert_eq!(none, KnownInstances { more: 1, ..known });
    let sent = sent_at(2, NOW);
    let first = of(NOW, &sent, None);
    assert_eq!(first.instances, starting_since(sent[0]));
    let later = Timestamp(NOW.0 + MINUTE);
    let same = of(later, &sent, Some(&first));
    assert_eq!(same.instances, starting_since(sent[0]));
    assert_eq!(same.ended_since(&first), (0, None));
    // At the same moment nothing shows how fast they end.
    let at_once = of(NOW, &sent[1..], Some(&first));
    assert_eq!(at_once.instances, starting_since(sent[1]));
    // One run of 45 s in a minute.
    let second = of(later, &sent[1..], Some(&first));
    let in_service = 1;
    assert_eq!(
        second.instances,
        KnownInstances {
            in_service,
            ..known
        }
    );
    assert_eq!(second.ended_since(&first), (1, Some(sent[0])));
    assert_eq!(second.ended_up_to, Some(sent[0]));
}

#[test]
fn newest_job_that_ended_is_known_only_if_all_open_jobs_are() {
    let of = |at: Timestamp, sent: Vec<Timestamp>| {
        let input = input(u32::try_from(sent.len()).unwrap(), 1, 0);
        described(at, &input, sent, None)
    };
    let all = sent_at(100_000, NOW);
    let later = Timestamp(NOW.0 + MINUTE);
    let (many, two) = (of(NOW, all.clone()), of(later, all[99_998..].to_vec()));
    assert_eq!(two.ended_since(&many), (99_998, None));
    // It was sent at the moment of the description, and is still open.
    let (before, after) = (of(NOW, vec![NOW]), of(later, vec![NOW]));
    assert_eq!(after.ended_since(&before), (0, None));
    // One ended, and one that the index did not list yet has appeared.
    let (before, after) = (of(NOW, vec![all[0]]), of(later, vec![all[1]]));
    assert_eq!(after.ended_since(&before), (0, None));
}

#[test]
fn job_is_at_risk_once_its_latest_time_is_after_its_slo_or_three_quarters_are_over() {
    let slo = secs(3600);
    let at = |minutes: u64| Timestamp(NOW.0 + minutes * MINUTE);
    let until = |latest: u64| Estimate {
        earliest: at(0),
        about: at(latest),
        latest: at(latest),
        basis: Basis::Measured,
    };
    assert!(!is_at_risk(NOW, slo, Some(&until(60)), at(1)));
    assert!(is_at_risk(NOW, slo, Some(&until(61)), at(1)));
    let inferred = Estimate {
        about: at(40),
        basis: Basis::InferredInstances,
        ..until(90)
    };
    assert!(!is_at_risk(NOW, slo, Some(&inferred), at(1)));
    assert!(!is_at_risk(NOW, slo, None, at(44)));
    assert!(is_at_risk(NOW, slo, None, at(45)));
}

#[tokio::test]
async fn newest_snapshot_is_stored() {
    let ports = Memory::default();
    let (old, new) = (snapshot(3, 0, 0, None), snapshot(2, 1, 0, None));
    let new = QueueSnapshot {
        at: Timestamp(NOW.0 + MINUTE),
        ..new
    };
    assert_eq!(load(&ports, "legal-review").await.unwrap(), None);
    store(&ports, "legal-review", &new).await.unwrap();
    store(&ports, "legal-review", &old).await.unwrap();
    let record = ports.get("state", "queue-legal-review").await.unwrap();
    let kept_until = Timestamp(new.at.0 + 24 * 60 * MINUTE);
    assert_eq!(record.unwrap().expires_at, Some(kept_until));
    assert_eq!(load(&ports, "legal-review").await.unwrap(), Some(new));
    assert_eq!(load(&ports, "ocr-batch").await.unwrap(), None);
}
