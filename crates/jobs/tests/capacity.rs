//! The decision how many instances there should be, over a grid of inputs and step by step.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use jobs::capacity::{
    CapacityInput, InstanceLimits, Instances, LimitsError, MAX_SETTLE, MIN_MEASURED_COLD_STARTS,
    MIN_MEASURED_RUNS, Measured, Objective, OpenWork, UPLOAD_PAUSE, decide, is_presumed_lost,
    planned,
};

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn limits(min: u32, max: u32) -> InstanceLimits {
    InstanceLimits::new(min, max, 0).unwrap()
}

/// Sixteen contracts of 45 s wait for an endpoint without instances; the last was uploaded a while ago.
fn burst() -> CapacityInput {
    CapacityInput {
        open: OpenWork {
            alive: 16,
            presumed_lost: 0,
            oldest_age: secs(100),
        },
        instances: Instances {
            in_service: 0,
            starting: 0,
            concurrent_runs: 1,
            updating: false,
        },
        limits: limits(0, 5),
        objective: Objective {
            drain_within: secs(300),
            idle: secs(60),
            cold_start: secs(240),
        },
        runs: Measured {
            count: MIN_MEASURED_RUNS,
            mean: secs(45),
        },
        cold_starts: Measured {
            count: MIN_MEASURED_COLD_STARTS,
            mean: secs(280),
        },
        typical_run: secs(90),
        since_last_upload: Some(UPLOAD_PAUSE),
        since_last_open: Some(Duration::ZERO),
    }
}

/// Every combination of small, large and limiting values, with instances up to the maximum.
fn grid() -> Vec<CapacityInput> {
    let mut all = vec![burst()];
    let mut vary = |change: &dyn Fn(CapacityInput) -> Vec<CapacityInput>| {
        all = all.iter().flat_map(|input| change(*input)).collect();
    };
    vary(&|input| {
        [0, 1, 2, 16, 300, 100_000, u32::MAX]
            .map(|alive| {
                let mut input = input;
                input.open.alive = alive;
                input
            })
            .to_vec()
    });
    vary(&|input| {
        [0, 1, 40]
            .map(|presumed_lost| {
                let mut input = input;
                input.open.presumed_lost = presumed_lost;
                input
            })
            .to_vec()
    });
    vary(&|input| {
        [(0, 1), (0, 5), (1, 5), (3, 3), (0, 1000)]
            .map(|(min, max)| CapacityInput {
                limits: limits(min, max),
                ..input
            })
            .to_vec()
    });
    vary(&|input| {
        let max = input.limits.max();
        [(0, 0), (1, 0), (max, 0), (0, 1), (0, max), (max - 1, 1)]
            .map(|(in_service, starting)| {
                let mut input = input;
                input.instances.in_service = in_service;
                input.instances.starting = starting;
                input.instances.updating = starting > 0;
                input
            })
            .to_vec()
    });
    vary(&|input| {
        [(0, 1), (0, 4), (10_000, 1)]
            .map(|(run, concurrent_runs)| {
                let mut input = input;
                input.runs.mean = secs(run);
                input.instances.concurrent_runs = concurrent_runs;
                input
            })
            .to_vec()
    });
    vary(&|input| {
        [0, 39, 40, 10_000]
            .map(|since| CapacityInput {
                since_last_upload: Some(secs(since)),
                ..input
            })
            .to_vec()
    });
    vary(&|input| {
        [
            (None, secs(0)),
            (Some(secs(59)), secs(119)),
            (Some(secs(60)), secs(120)),
        ]
        .map(|(since_last_open, oldest_age)| {
            let mut input = input;
            input.since_last_open = since_last_open;
            input.open.oldest_age = oldest_age;
            input
        })
        .to_vec()
    });
    all
}

/// The endpoint after the decision was carried out and the cold start is over.
fn carried_out(input: CapacityInput, instances: u32) -> CapacityInput {
    CapacityInput {
        instances: Instances {
            in_service: instances,
            starting: 0,
            updating: false,
            ..input.instances
        },
        ..input
    }
}

#[test]
fn decision_is_within_the_limits_and_has_a_reason() {
    for input in grid() {
        let decision = decide(&input);
        let (min, max) = (input.limits.min(), input.limits.max());
        assert!(
            (min..=max).contains(&decision.instances),
            "{input:?} {decision:?}"
        );
        assert!(decision.reason.ends_with('.'), "{decision:?}");
        let soon = |after: Duration| !after.is_zero() && after <= MAX_SETTLE;
        assert!(decision.check_again_in.is_none_or(soon), "{decision:?}");
    }
}

#[test]
fn number_never_falls_while_a_job_is_open_except_to_one_for_jobs_presumed_lost() {
    let mut fell = 0;
    for input in grid() {
        let (now, decided) = (input.instances.count(), decide(&input).instances);
        if input.open.alive > 0 || input.instances.updating {
            assert!(decided >= now, "{input:?} {decided}");
        } else if input.open.presumed_lost > 0 && decided < now {
            assert_eq!(decided, input.limits.min().max(1), "{input:?}");
            fell += 1;
        }
    }
    assert!(fell > 0);
}

#[test]
fn endpoint_that_is_updating_is_left_alone() {
    for input in grid().iter().filter(|input| input.instances.updating) {
        let now = input.instances.count().max(input.limits.min());
        assert_eq!(decide(input).instances, now, "{input:?}");
    }
}

#[test]
fn same_work_decides_the_same_again_once_its_instances_are_in_service() {
    for input in grid() {
        let first = decide(&input);
        let settled = CapacityInput {
            since_last_upload: None,
            ..carried_out(input, first.instances)
        };
        let second = decide(&settled).instances;
        let third = decide(&carried_out(settled, second)).instances;
        assert_eq!(second, third, "{input:?} {first:?}");
    }
}

#[test]
fn number_does_not_oscillate_while_the_work_of_a_burst_shrinks() {
    for start in [1, 2, 7, 16, 40, 300] {
        let mut input = burst();
        input.open.alive = start;
        let mut before = 0;
        for left in (1..=start).rev() {
            input.open.alive = left;
            let decided = decide(&input).instances;
            assert!(decided >= before, "{start} {left}");
            assert!(before == 0 || decided == before, "{start} {left}");
            before = decided;
            input = carried_out(input, decided);
        }
        input.open.alive = 0;
        input.since_last_open = Some(secs(60));
        assert_eq!(decide(&input).instances, 0);
    }
}

#[test]
fn more_open_jobs_never_need_fewer_instances() {
    let mut input = burst();
    input.limits = limits(0, 1000);
    let mut before = 0;
    for alive in 1..2000 {
        input.open.alive = alive;
        let decided = decide(&input).instances;
        assert!(decided >= before && decided <= alive, "{alive} {decided}");
        before = decided;
    }
}

#[test]
fn burst_out_of_zero_gets_what_drains_it_in_time() {
    let mut input = burst();
    // 12 minutes of work within 5, less a tenth for uploads that follow.
    let decision = decide(&input);
    assert_eq!(decision.instances, 3, "{decision:?}");
    assert!(
        decision.reason.starts_with(
            "16 open jobs of about 45 s are 12 min of work, to be ended within 4 min 30 s"
        ),
        "{decision:?}"
    );
    assert!(!decision.reason.contains("pipelines.toml"), "{decision:?}");
    input.instances.concurrent_runs = 4;
    assert_eq!(decide(&input).instances, 1);
    input.instances.concurrent_runs = 1;
    input.open.alive = 100;
    let limited = decide(&input);
    assert_eq!(limited.instances, 5);
    assert!(
        limited
            .reason
            .contains("that takes 17, but the maximum is 5"),
        "{limited:?}"
    );
    // A start takes longer than the time to drain: then each instance gets work for about as long.
    let mut slow = burst();
    slow.open.alive = 15;
    slow.cold_starts.mean = secs(720);
    assert_eq!(decide(&slow).instances, 1);
}

#[test]
fn instances_in_service_are_enough_if_they_end_the_work_within_a_cold_start_and_the_time_to_drain()
{
    let mut input = carried_out(burst(), 1);
    // 280 s of cold start and 270 s to drain are twelve runs of 45 s and a part.
    input.open.alive = 12;
    assert_eq!(decide(&input).instances, 1);
    input.open.alive = 13;
    assert_eq!(decide(&input).instances, 2);
}

#[test]
fn first_request_waits_until_uploads_pause_but_not_for_ever() {
    let mut input = burst();
    input.since_last_upload = Some(UPLOAD_PAUSE.checked_sub(secs(5)).unwrap());
    let waiting = decide(&input);
    assert_eq!(
        (waiting.instances, waiting.check_again_in),
        (0, Some(secs(5)))
    );
    input.open.oldest_age = MAX_SETTLE.checked_sub(secs(2)).unwrap();
    let waiting = decide(&input);
    assert_eq!(
        (waiting.instances, waiting.check_again_in),
        (0, Some(secs(2)))
    );
    input.open.oldest_age = MAX_SETTLE;
    assert_eq!(decide(&input).instances, 3);
    // More uploads could not change a request for the maximum.
    input.open.oldest_age = secs(1);
    input.open.alive = 40;
    assert_eq!(decide(&input).instances, 5);
}

#[test]
fn instances_stop_after_the_idle_time_and_the_minimum_or_kept_ones_stay() {
    let mut input = carried_out(burst(), 4);
    input.open = OpenWork::default();
    input.since_last_open = Some(secs(59));
    let early = decide(&input);
    assert_eq!((early.instances, early.check_again_in), (4, Some(secs(1))));
    input.since_last_open = Some(secs(60));
    assert_eq!(decide(&input).instances, 0);
    input.limits = InstanceLimits::new(0, 5, 2).unwrap();
    assert_eq!(decide(&input).instances, 2);
    // Warm hours begin.
    assert_eq!(decide(&carried_out(input, 0)).instances, 2);
    input.limits = InstanceLimits::new(0, 1, 9).unwrap();
    assert_eq!(input.limits.min(), 1);
}

#[test]
fn only_jobs_presumed_lost_keep_one_instance_and_start_none() {
    let mut input = carried_out(burst(), 5);
    input.open.alive = 0;
    input.open.presumed_lost = 7;
    input.since_last_open = None;
    assert_eq!(decide(&input).instances, 1);
    assert_eq!(decide(&carried_out(input, 0)).instances, 0);
    // One that is alive keeps all.
    input.open.alive = 1;
    assert_eq!(decide(&input).instances, 5);
}

#[test]
fn attempt_is_presumed_lost_when_a_later_one_ended_longer_ago_than_a_run_may_take() {
    let lost = |since| is_presumed_lost(since, secs(120), secs(60));
    assert!(!lost(secs(180)));
    assert!(lost(secs(181)));
}

#[test]
fn too_few_measurements_fall_back_to_the_figures_of_the_pipeline_and_the_reason_says_so() {
    let mut input = burst();
    input.runs.count = MIN_MEASURED_RUNS - 1;
    let decision = decide(&input);
    // Sixteen of 90 s instead of 45 s.
    assert_eq!(decision.instances, 5);
    assert!(
        decision.reason.contains("only 19 of 20 needed runs"),
        "{decision:?}"
    );
    input = burst();
    input.cold_starts.count = 2;
    assert!(decide(&input).reason.contains("only 2 of 3 needed ones"));
    // A mean of zero is no measurement.
    input = burst();
    input.runs.mean = Duration::ZERO;
    assert_eq!(decide(&input).instances, 5);
}

#[test]
fn limits_that_do_not_fit_are_refused_by_name() {
    let error = InstanceLimits::new(3, 2, 0).unwrap_err();
    assert_eq!(error, LimitsError::MaxBelowMin { min: 3, max: 2 });
    assert_eq!(
        error.to_string(),
        "max_instances: 2 is less than min_instances, 3"
    );
    let zero = InstanceLimits::new(0, 0, 0).unwrap_err().to_string();
    assert!(zero.contains("max_instances"), "{zero}");
}

#[test]
fn each_rule_has_its_own_reason() {
    let mut input = burst();
    let says = |input: &CapacityInput, instances: u32, words: &str| {
        let decision = decide(input);
        assert_eq!(decision.instances, instances, "{decision:?}");
        assert!(decision.reason.contains(words), "{decision:?}");
    };
    // Work that needs more than the minimum is not held back by it.
    input.limits = limits(2, 5);
    says(&input, 3, "to be ended within 4 min 30 s");
    input.limits = limits(0, 2);
    says(&input, 2, "that takes 3, but the maximum is 2");
    input.limits = limits(0, 3);
    let mut short = input;
    short.cold_starts.count = 0;
    short.objective.cold_start = secs(100);
    short.objective.drain_within = secs(200);
    says(&short, 3, "to be ended within 3 min ");
    let exact = decide(&input);
    assert!(!exact.reason.contains("maximum"), "{exact:?}");
    input.limits = limits(2, 5);
    input = carried_out(input, 5);
    says(&input, 5, "16 open jobs: 5 instances are enough");
    // A maximum that was lowered while jobs are open.
    input.limits = limits(0, 3);
    says(&input, 3, "The limits are 0 to 3 instances.");
    // And while none is.
    input.open = OpenWork::default();
    input.since_last_open = Some(input.objective.idle);
    says(
        &input,
        0,
        "No job has been open for 1 min; the minimum is 0.",
    );
    input.since_last_open = Some(secs(10));
    says(&input, 3, "3 instances stay for another 50 s");
    input.limits = limits(2, 5);
    says(
        &carried_out(input, 0),
        2,
        "The limits are 2 to 5 instances.",
    );
    let kept = carried_out(input, 2);
    says(
        &kept,
        2,
        "No job has been open for 1 min; the minimum is 2.",
    );
    assert_eq!(decide(&kept).check_again_in, None);
}

#[test]
fn concurrent_runs_count_for_instances_in_service_and_for_new_ones() {
    let mut input = carried_out(burst(), 2);
    input.limits = limits(0, 1000);
    input.instances.concurrent_runs = 4;
    input.open.alive = 200;
    // 9,000 s of work. Two instances end 2 × 4 × 280 s of it during a cold start; 4 × 270 s of the rest are for each.
    assert_eq!(decide(&input).instances, 7);
}

#[test]
fn planned_number_waits_for_a_pause_of_uploads_unless_it_is_the_maximum() {
    let mut input = burst();
    input.since_last_upload = Some(secs(5));
    assert_eq!(
        planned(&input),
        (3, secs(20)),
        "the oldest job is 100 s old"
    );
    input.open.alive = 100;
    assert_eq!(planned(&input), (5, Duration::ZERO));
    input.open.alive = 0;
    assert_eq!(planned(&input), (1, UPLOAD_PAUSE));
}
