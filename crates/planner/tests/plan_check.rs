//! The light model of `docket plan` against the replay. `make bench-plan` does the same with all held-out days.

use capacity_plan::{Demand, EndpointTraits, Scaling, ScalingSettings, WarmHours, simulate};
use planner::{
    Figures, PLAN_CHECK_SEEDS, PlanCheckSummary, PlannedDay, ReplayOptions, Scenario, check_plans,
    objective_of, replay,
};

/// One day of each scenario.
const DAYS: u64 = 5;

#[test]
fn plans_agree_with_the_replay_on_held_out_days() {
    let seeds = PLAN_CHECK_SEEDS.start..PLAN_CHECK_SEEDS.start + DAYS;
    let days = check_plans(seeds.clone()).unwrap();
    for day in &days {
        println!("{}", day.describe());
    }
    let days_within = usize::try_from(DAYS).unwrap();
    let expected = PlanCheckSummary {
        days: days_within,
        cost_within_10_percent: days_within,
        p90_within_10_percent: days_within,
        advice_within_5_percent: days_within,
    };
    assert_eq!(
        PlanCheckSummary::of(&days),
        expected,
        "seeds {seeds:?}: {days:?}"
    );
}

#[test]
fn comparison_that_is_off_is_not_counted_as_within() {
    let mut day = PlannedDay::of_seed(PLAN_CHECK_SEEDS.start + 1)
        .unwrap()
        .compare()
        .unwrap();
    day.cost_errors = [0.0, -0.11];
    day.p90_errors = [0.11, 0.0];
    for excess in [0.06, f64::INFINITY, f64::NAN] {
        day.advice_excess = Some(excess);
        let summary = PlanCheckSummary::of(&[day.clone()]);
        let none = PlanCheckSummary {
            days: 1,
            ..PlanCheckSummary::default()
        };
        assert_eq!(summary, none, "{excess}");
    }
}

#[test]
fn few_numbers_of_the_tuesday_give_its_cost_and_p90() {
    const SEEDS: std::ops::RangeInclusive<u64> = 1..=20;
    let objective = objective_of("ocr-batch").unwrap();
    let mut options = ReplayOptions::new(Scenario::Tuesday).unwrap();
    let endpoint = EndpointTraits {
        cold_start_ms: options.endpoint.settings.cold_start.0,
        typical_run_ms: 600_000,
        ..EndpointTraits::SHIPPED
    };
    options = options.scaled_by_docket(objective);
    let settings = ScalingSettings {
        scaling: Scaling::Docket {
            drain_within_seconds: u32::try_from(objective.drain_within.as_secs()).unwrap(),
            idle_seconds: u32::try_from(objective.idle.as_secs()).unwrap(),
        },
        min_instances: 0,
        max_instances: options.endpoint.settings.max_instances,
        warm_hours: None,
    };
    let (mut hours, mut p90_ms) = (0.0, 0);
    for seed in SEEDS {
        options.seed = seed;
        let figures = Figures::of(&replay(&options).unwrap());
        hours += figures.hours() / 20.0;
        p90_ms += figures.total.p90 / 20;
    }
    let demand = Demand {
        documents_per_day: 40,
        burst: 6,
        burst_seconds: 600,
        run_seconds: 600,
        hours: WarmHours {
            from: 510,
            until: 1020,
        },
    };
    let days = u64::from(demand.days());
    let found = simulate(&demand.arrivals(1), &endpoint, &settings, days * 86_400_000);
    let planned = found.billed_ms as f64 / 3_600_000.0 / days as f64;
    println!("seeds {SEEDS:?}: {hours:.2} h a day replayed, {planned:.2} planned");
    println!(
        "p90 {p90_ms} ms replayed, {} planned",
        found.percentile_ms(90)
    );
    assert!((planned / hours - 1.0).abs() <= 0.1);
    assert!((found.percentile_ms(90) as f64 / p90_ms as f64 - 1.0).abs() <= 0.1);
}
