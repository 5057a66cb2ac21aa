//! Figures of the model to the millisecond, worked out by hand in the comments.

mod common;

use capacity_plan::{
    Arrival, Demand, EndpointTraits, LateJob, PastJob, Plan, PlanOption, RawRequest, Scaling,
    ScalingSettings, SimulatedFigures, WarmHours, grid, learn, plan, plan_text, simulate,
};

use common::raw;

const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

fn aws(target: u32, idle_minutes: u32) -> Scaling {
    Scaling::Aws {
        target,
        idle_minutes,
    }
}

const DOCKET: Scaling = Scaling::Docket {
    drain_within_seconds: 300,
    idle_seconds: 60,
};

/// So many documents at midnight, of 45 s each, on an endpoint whose instances start for 300 s.
fn day(documents: usize, scaling: Scaling, max_instances: u32) -> SimulatedFigures {
    let settings = ScalingSettings {
        scaling,
        min_instances: 0,
        max_instances,
        warm_hours: None,
    };
    let arrivals = vec![
        Arrival {
            at_ms: 0,
            run_ms: 45 * SECOND,
        };
        documents
    ];
    simulate(&arrivals, &EndpointTraits::SHIPPED, &settings, DAY)
}

/// Instances in seconds: billed, starting, idle; the most at once, and cold starts.
fn instances(figures: &SimulatedFigures) -> ((u64, u64, u64), u32, u32) {
    let seconds = |ms: u64| ms / SECOND;
    let times = (
        seconds(figures.billed_ms),
        seconds(figures.starting_ms),
        seconds(figures.idle_ms),
    );
    (times, figures.max_instances, figures.cold_starts)
}

#[test]
fn step_policy_of_aws_starts_one_instance_and_the_idle_alarm_stops_it() {
    let found = day(1, aws(3, 15), 5);
    // Accepted after 0.8 s. The datapoint at 60 s starts an instance, the run is over at 405 s.
    assert_eq!(found.waits_ms, [405_500]);
    // Idle from 420 s on, the first whole minute. The alarm fires after 900 s, at 1,320 s.
    assert_eq!(instances(&found), ((1260, 300, 915), 1, 1));
    assert_eq!((found.span_ms, found.unfinished), (DAY, 0));
    // Five minutes without work are over at 720 s, and the reconciler last counted an open job at 300 s.
    let sooner = day(1, aws(3, 5), 5);
    assert_eq!(instances(&sooner), ((660, 300, 315), 1, 1));
}

#[test]
fn target_tracking_of_aws_asks_for_the_backlog_by_its_target_after_three_datapoints() {
    // In service at 360 s; the third datapoint above the target is at 480 s, when eight documents are left.
    let found = day(10, aws(1, 15), 5);
    let expected: Vec<u64> = (0..10).map(|number| 405_500 + number * 45_000).collect();
    assert_eq!(found.waits_ms, expected, "the four others come too late");
    // One instance from 60 s and four from 480 s, all until 1,740 s: idle since 840 s.
    assert_eq!(instances(&found), ((6720, 1500, 4770), 5, 5));
    // Four documents to an instance: 8 / 4.
    assert_eq!(day(10, aws(4, 15), 5).max_instances, 2);
    // Ten are not above ten.
    assert_eq!(day(10, aws(10, 15), 5).max_instances, 1);
}

#[test]
fn docket_starts_at_once_for_the_maximum_and_otherwise_when_uploads_pause() {
    let found = day(1, DOCKET, 1);
    // Decided when the upload is accepted, at 0.8 s: nothing was decided before.
    assert_eq!(found.waits_ms, [800 + 300_000 + 45_000 + 500]);
    // A minute after the last job has ended it stops: at 406.3 s.
    assert_eq!(found.billed_ms, 406_300 - 800);
    assert_eq!((found.starting_ms, found.idle_ms), (300_000, 60_500));
    // More instances are allowed: 40 s without an upload.
    let later = day(1, DOCKET, 5);
    assert_eq!(later.waits_ms, [40_800 + 300_000 + 45_000 + 500]);
    // 900 s of work by 300 s, less a reserve of 30 s.
    assert_eq!(day(20, DOCKET, 5).max_instances, 4);
}

#[test]
fn kept_instance_has_no_cold_start_and_stays() {
    let settings = ScalingSettings {
        scaling: aws(3, 15),
        min_instances: 0,
        max_instances: 2,
        warm_hours: Some(WarmHours {
            from: 540,
            until: 600,
        }),
    };
    let arrivals = [9 * HOUR + 10 * MINUTE, 10 * HOUR - SECOND].map(|at_ms| Arrival {
        at_ms,
        run_ms: 45 * SECOND,
    });
    let found = simulate(&arrivals, &EndpointTraits::SHIPPED, &settings, DAY);
    // It starts when the hours begin, and is in service five minutes later.
    assert_eq!(found.waits_ms, [46_300, 46_300]);
    assert_eq!((found.cold_starts, found.max_instances), (1, 1));
    // Idle since 10:00:45, so it stops 15 minutes after 10:01.
    let (billed, _, _) = instances(&found).0;
    assert_eq!(billed, 60 * 60 + 16 * 60);
}

#[test]
fn percentiles_are_waits_of_real_documents() {
    let figures = SimulatedFigures {
        waits_ms: (1..=10).collect(),
        billed_ms: 400,
        idle_ms: 100,
        ..SimulatedFigures::default()
    };
    let percentiles = [0, 1, 10, 11, 50, 90, 91, 100].map(|it| figures.percentile_ms(it));
    assert_eq!(percentiles, [1, 1, 1, 2, 5, 9, 10, 10]);
    assert_eq!(
        (figures.late(7), figures.late(10), figures.late(0)),
        (3, 0, 10)
    );
    assert_eq!(figures.idle_share(), 0.25);
    let none = SimulatedFigures::default();
    assert_eq!((none.percentile_ms(50), none.late(0)), (0, 0));
    assert_eq!(none.idle_share(), 0.0);
}

fn demand(documents_per_day: u32, burst: u32) -> Demand {
    Demand {
        documents_per_day,
        burst,
        burst_seconds: 90,
        run_seconds: 100,
        hours: WarmHours {
            from: 540,
            until: 900,
        },
    }
}

/// The numbers of SplitMix64 for these seeds, worked out by another program.
#[test]
fn same_seed_draws_the_same_days() {
    let drawn = |demand: Demand, seed| -> Vec<(u64, u64)> {
        let arrivals = demand.arrivals(seed).into_iter();
        arrivals.map(|it| (it.at_ms, it.run_ms)).collect()
    };
    let days = drawn(demand(5, 2), 1);
    assert_eq!(days.len(), 50);
    // Two bursts of two and one of one on each day.
    let expected = [
        (36_449_581, 88_000),
        (36_471_033, 130_000),
        (42_690_972, 101_000),
        (42_707_223, 99_000),
        (49_455_468, 133_000),
        (124_974_039, 68_000),
        (124_993_393, 118_000),
        (130_657_203, 106_000),
        (130_687_817, 132_000),
        (135_180_242, 122_000),
    ];
    assert_eq!(days[..10], expected);
    // A burst is not longer than the hours.
    let short = Demand {
        burst_seconds: 7200,
        run_seconds: 10,
        hours: WarmHours {
            from: 540,
            until: 560,
        },
        ..demand(4, 4)
    };
    let expected = [
        (32_400_521, 8_600),
        (32_780_552, 8_100),
        (32_904_339, 9_200),
        (33_031_811, 9_600),
    ];
    assert_eq!(drawn(short, 9)[..4], expected);
}

#[test]
fn fewer_days_are_drawn_of_very_many_documents() {
    let days = [0, 60, 2000, 2001, 3000, 20_000, 50_000].map(|it| demand(it, 1).days());
    assert_eq!(days, [10, 10, 10, 9, 6, 1, 1]);
}

fn job(created_at: u64, ended_at: u64) -> PastJob {
    PastJob {
        created_at,
        ended_at: Some(ended_at),
        first_attempt: true,
    }
}

/// One ended at 1,000 s; the next was made so long after that, and took 100 s. Runs and first jobs that were measured.
fn after(gap_ms: u64, slots: u32) -> (u32, u32) {
    let made = 1_000_000 + gap_ms;
    let jobs = vec![job(0, 1_000_000), job(made, made + 100_000)];
    let found = learn(jobs, 0..DAY, slots, 45_000, HOUR);
    (found.runs_measured, found.cold_starts_measured)
}

#[test]
fn runs_are_measured_while_an_instance_is_warm_and_cold_starts_after_four_hours() {
    assert_eq!(after(0, 4), (1, 0));
    assert_eq!(after(MINUTE, 4), (1, 0));
    assert_eq!(after(MINUTE + 1, 4), (0, 0));
    assert_eq!(after(4 * HOUR - 1, 4), (0, 0));
    // 100 s less the run of 45 s and 1.3 s for the service are a cold start.
    assert_eq!(after(4 * HOUR, 4), (0, 1));
    let with = |change: fn(&mut PastJob)| {
        let mut second = job(1_000_000, 1_100_000);
        change(&mut second);
        let jobs = vec![job(0, 1_000_000), second];
        learn(jobs, 0..DAY, 1, 45_000, HOUR).runs_measured
    };
    assert_eq!(with(|_| ()), 1);
    assert_eq!(with(|it| it.first_attempt = false), 0);
    assert_eq!(with(|it| it.ended_at = None), 0);
    // Made while the other ran, on one instance: the run began when that ended.
    let overlapping = |slots, ended| {
        let jobs = vec![job(0, 1_000_000), job(500_000, ended)];
        learn(jobs, 0..DAY, slots, 45_000, HOUR).runs_measured
    };
    assert_eq!(overlapping(1, 1_100_000), 1);
    assert_eq!(overlapping(2, 1_100_000), 0);
    assert_eq!(overlapping(1, 1_000_000), 0, "both ended at once");
    // When an open job began is not known.
    let open = PastJob {
        ended_at: None,
        ..job(1, 1)
    };
    let jobs = vec![job(0, 1_000_000), open, job(1_000_000, 1_100_000)];
    assert_eq!(learn(jobs, 0..DAY, 1, 45_000, HOUR).runs_measured, 0);
}

#[test]
fn first_job_of_a_kept_instance_is_no_cold_start() {
    let first = |took: u64| {
        let made = 5 * HOUR;
        let jobs = vec![job(0, 1000), job(made, made + took)];
        learn(jobs, 0..DAY, 1, 45_000, HOUR).cold_starts_measured
    };
    // 30 s more than the run of 45 s and 1.3 s.
    assert_eq!(first(76_300), 1);
    assert_eq!(first(76_299), 0);
}

#[test]
fn late_jobs_took_longer_than_the_slo_and_the_latest_is_named() {
    let jobs = vec![
        job(DAY + 1, DAY + 1 + HOUR),
        job(DAY + 5, DAY + 7 + HOUR),
        job(DAY + 6, DAY + 7 + HOUR),
    ];
    let found = learn(jobs, DAY + 1..2 * DAY + HOUR, 1, 45_000, HOUR);
    assert_eq!((found.ended, found.late), (3, 2));
    assert_eq!(
        found.latest,
        Some(LateJob {
            created_at: DAY + 5,
            ended_at: DAY + 7 + HOUR
        })
    );
    // From midnight on.
    assert_eq!(found.span_ms, DAY + HOUR);
    let at: Vec<u64> = found.arrivals.iter().map(|it| it.at_ms).collect();
    assert_eq!(at, [1, 5, 6]);
}

#[test]
fn hours_with_documents_are_whole_half_hours_without_the_first_and_last_twentieth() {
    let hours = |minutes: &[u64]| {
        let jobs = minutes.iter().map(|at| job(at * MINUTE, at * MINUTE + 1));
        let found = learn(jobs.collect(), 0..DAY, 1, 45_000, HOUR);
        found.hours.map(|it| (it.from, it.until))
    };
    assert_eq!(hours(&[]), None);
    assert_eq!(hours(&[600]), Some((600, 630)));
    assert_eq!(hours(&[599, 660]), Some((570, 690)));
    let mut many: Vec<u64> = vec![600; 18];
    many.extend([60, 1200]);
    assert_eq!(hours(&many), Some((600, 630)));
    many.pop();
    assert_eq!(hours(&many), Some((60, 630)), "19 have no twentieth");
    // Until midnight, and around the clock.
    assert_eq!(hours(&[40, 1430]), Some((30, 1439)));
    assert_eq!(hours(&[10, 1430]), None);
}

#[test]
fn largest_numbers_are_taken_and_larger_ones_refused() {
    let largest = RawRequest {
        concurrent_runs: 1000,
        cold_start_seconds: 86_400,
        typical_run_seconds: 86_400,
        slo_seconds: 14 * 86_400,
        min_instances: 100,
        max_instances: 100,
        drain_within_seconds: Some(14 * 86_400),
        days_per_month: 31,
        ..raw()
    };
    let taken = largest.clone().check().unwrap();
    assert_eq!(taken.endpoint.cold_start_ms, DAY);
    assert_eq!(taken.endpoint.typical_run_ms, DAY);
    assert_eq!(taken.drain_within_seconds, Some(14 * 86_400));
    let refused = |change: fn(&mut RawRequest)| {
        let mut wrong = largest.clone();
        change(&mut wrong);
        wrong.check().unwrap_err().field
    };
    assert_eq!(refused(|it| it.concurrent_runs += 1), "concurrent");
    assert_eq!(refused(|it| it.cold_start_seconds += 1), "cold-start");
    assert_eq!(refused(|it| it.typical_run_seconds += 1), "run");
    assert_eq!(refused(|it| it.slo_seconds += 1), "slo");
    assert_eq!(
        refused(|it| it.drain_within_seconds = Some(14 * 86_400 + 1)),
        "drain-within"
    );
    assert_eq!(refused(|it| it.max_instances = 99), "max-instances");
}

#[test]
fn grid_has_the_settings_within_the_limits() {
    let warm = Some(WarmHours {
        from: 540,
        until: 900,
    });
    let settings = |change: fn(&mut RawRequest), warm| {
        let mut request = raw();
        change(&mut request);
        grid(&request.check().unwrap(), warm)
    };
    // Docket: four times to drain, with a sixth of the SLO, and three idle times; AWS: three targets and idle times.
    let scalings = 4 * 3 + 3 * 3;
    // Maxima 1, 2, 3, 4 and 5; no kept instance, one in the hours, one always.
    assert_eq!(settings(|_| (), warm).len(), scalings * 5 * 3);
    assert_eq!(settings(|_| (), None).len(), scalings * 5 * 2);
    let from_three = settings(|it| it.min_instances = 3, warm);
    assert_eq!(from_three.len(), scalings * 3, "maxima 3, 4 and 5");
    assert!(from_three.iter().all(|it| it.min_instances == 3));
    let given = settings(|it| it.drain_within_seconds = Some(77), None);
    assert_eq!(given.len(), (3 + 9) * 5 * 2);
    // A sixth of 30 minutes is among the others.
    let equal = settings(|it| it.slo_seconds = 1800, None);
    assert_eq!(equal.len(), (3 * 3 + 9) * 5 * 2);
}

/// The longest wait is that of one document out of zero on one instance: 346.3 s.
#[test]
fn slo_is_kept_if_the_longest_wait_leaves_a_hundredth_and_three_seconds_of_it() {
    let arrival = Arrival {
        at_ms: 0,
        run_ms: 45 * SECOND,
    };
    let best = |slo_seconds| {
        let request = RawRequest {
            slo_seconds,
            max_instances: 1,
            ..raw()
        };
        let found = plan(&request.check().unwrap(), &[arrival], DAY, None).unwrap();
        (found.slo_kept, found.best)
    };
    // 346.3 s and 3.463 s and 3 s are 352.763 s.
    let (is_kept, cheap) = best(353);
    assert_eq!((is_kept, cheap.settings.min_instances), (true, 0));
    assert_eq!(cheap.longest_seconds, 346.3);
    let (is_kept, dear) = best(352);
    assert_eq!((is_kept, dear.settings.min_instances), (true, 1));
    assert_eq!(dear.longest_seconds, 46.3);
    // 405.5 s of an instance at $1.22 an hour, on each of thirty days.
    assert_eq!(cheap.usd_per_document, 0.1374);
    assert_eq!(cheap.usd_per_month, 4.12);
    assert_eq!(cheap.gpu_hours_per_month, 3.4);
    assert_eq!((cheap.cold_starts_per_day, cheap.idle_share), (1.0, 0.149));
    assert_eq!(
        (cheap.instances_at_most, cheap.kept_usd_per_month),
        (1, 0.0)
    );
    // A run and 1.3 s are 46.3 s, so 50 s are enough for a kept instance, and 45 s for none.
    assert!(best(50).0);
    assert_eq!((best(45).0, best(45).1.late_documents), (false, 1));
}

#[test]
fn remarks_say_what_no_number_of_instances_changes() {
    let arrival = Arrival {
        at_ms: 0,
        run_ms: 100 * SECOND,
    };
    let remarks = |slo_seconds| {
        let request = RawRequest {
            slo_seconds,
            max_instances: 1,
            ..raw()
        };
        plan(&request.check().unwrap(), &[arrival], DAY, None)
            .unwrap()
            .remarks
    };
    assert!(remarks(100)[0].starts_with("The longest run takes 2 min"));
    assert!(remarks(101)[0].starts_with("A cold start and the longest run"));
    assert!(remarks(400)[0].starts_with("A cold start and the longest run"));
    assert_eq!(remarks(401), [] as [String; 0]);
}

fn option(settings: ScalingSettings, kept_usd_per_month: f64) -> PlanOption {
    PlanOption {
        settings,
        usd_per_month: 1234.5,
        usd_per_document: 0.12345,
        p50_seconds: 45.4,
        p90_seconds: 300.0,
        longest_seconds: 7380.0,
        gpu_hours_per_month: 720.04,
        idle_share: 0.256,
        instances_at_most: 3,
        cold_starts_per_day: 1.5,
        kept_usd_per_month,
        late_documents: 0,
        unfinished_documents: 0,
        slo_kept: true,
    }
}

#[test]
fn plan_is_told_plan_text() {
    let from_zero = ScalingSettings {
        scaling: DOCKET,
        min_instances: 0,
        max_instances: 3,
        warm_hours: None,
    };
    let warm = ScalingSettings {
        scaling: aws(3, 15),
        warm_hours: Some(WarmHours {
            from: 9 * 60 + 5,
            until: 15 * 60,
        }),
        ..from_zero
    };
    let mut plan = Plan {
        documents: 60,
        days: 10.0,
        slo_seconds: 7200,
        price: 1.22,
        price_source: "as given".to_owned(),
        days_per_month: 30,
        cold_start_seconds: 305.0,
        mean_run_seconds: 45.4,
        concurrent_runs: 1,
        slo_kept: true,
        best: option(from_zero, 0.0),
        alternatives: vec![option(from_zero, 0.0), option(warm, 219.6)],
        instances_needed: None,
        remarks: vec!["A remark.".to_owned()],
    };
    let expected = "\
60 documents in 10.0 days, runs of 45 s, 1 at a time per instance, cold start 5 min 05 s
$1.22 per instance-hour (as given), 30 days a month

The cheapest settings that keep the SLO of 2 h:
  scaling docket, drain_within_seconds 300, idle_seconds 60, MinInstances 0, MaxInstances 3
  $1234.50 a month, $0.1235 a document; 720.0 GPU hours a month, 26 % idle; 3 instances at most, 1.5 cold starts a day
  ready after: p50 45 s, p90 5 min, at the latest 2 h 03 min

     a month           p50           p90       longest   idle  settings
    $1234.50          45 s         5 min      2 h 03 min   26 %  scaling docket, drain_within_seconds 300, idle_seconds 60, MinInstances 0, MaxInstances 3
    $1234.50          45 s         5 min      2 h 03 min   26 %  scaling aws, BacklogPerInstanceTarget 3, IdleMinutes 15, MinInstances 0, MaxInstances 3, one kept 9:05-15:00 (kept: $219.60)

A remark.
";
    let text = plan_text(&plan);
    let lines = |text: &str| -> Vec<String> {
        let words = text
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        words.collect()
    };
    assert_eq!(lines(&text), lines(expected));

    plan.slo_kept = false;
    plan.best.late_documents = 7;
    let says = |plan: &Plan, words: &str| {
        let text = plan_text(plan);
        assert!(text.contains(words), "{text}");
    };
    says(
        &plan,
        "7 of 60 documents are late. No MaxInstances up to 400 keeps it.",
    );
    plan.instances_needed = Some(9);
    says(
        &plan,
        "7 of 60 documents are late. It needs MaxInstances 9.",
    );
    plan.best.unfinished_documents = 1;
    says(
        &plan,
        "7 of 60 documents are late, some of them still open three days later.",
    );
    plan.best.unfinished_documents = 0;
    plan.best.late_documents = 0;
    says(
        &plan,
        "0 of 60 documents are late (their longest wait leaves too little of the SLO).",
    );
}
