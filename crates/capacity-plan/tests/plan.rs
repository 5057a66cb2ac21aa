//! Plans: known costs, SLOs that cannot be met, wrong fields, learned times.

#![expect(clippy::unwrap_used, reason = "helpers outside test functions")]

mod common;

use capacity_plan::{
    Arrival, Demand, EndpointTraits, FieldError, LateJob, Learned, PastJob, Plan, RawRequest,
    Scaling, ScalingSettings, WarmHours, learn, plan, plan_text, simulate,
};

use common::raw;

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
/// Six hours.
const HOURS: WarmHours = WarmHours {
    from: 9 * 60,
    until: 15 * 60,
};

fn demand() -> Demand {
    Demand {
        documents_per_day: 60,
        burst: 6,
        burst_seconds: 90,
        run_seconds: 45,
        hours: HOURS,
    }
}

fn planned(raw: RawRequest, demand: Demand) -> Plan {
    let request = raw.check().unwrap();
    let span = u64::from(demand.days()) * DAY;
    plan(&request, &demand.arrivals(1), span, Some(HOURS)).unwrap()
}

fn settings(scaling: Scaling, min_instances: u32, max_instances: u32) -> ScalingSettings {
    ScalingSettings {
        scaling,
        min_instances,
        max_instances,
        warm_hours: None,
    }
}

const DOCKET: Scaling = Scaling::Docket {
    drain_within_seconds: 300,
    idle_seconds: 60,
};

#[test]
fn instance_kept_always_costs_720_hours_a_month_and_one_kept_six_hours_a_day_180() {
    // No document can wait for a cold start, so one instance must be kept.
    let plan = planned(
        RawRequest {
            slo_seconds: 900,
            max_instances: 1,
            ..raw()
        },
        Demand {
            burst: 1,
            ..demand()
        },
    );
    let kept = |always: bool| {
        let mut found = plan.alternatives.iter();
        *found
            .find(|it| {
                (it.settings.min_instances > 0) == always
                    && (always || it.settings.warm_hours.is_some())
            })
            .unwrap()
    };
    assert_eq!(kept(true).kept_usd_per_month, 878.40);
    assert_eq!(kept(true).usd_per_month, 878.40);
    assert_eq!(kept(true).gpu_hours_per_month, 720.0);
    assert_eq!(kept(false).kept_usd_per_month, 219.60);
    // Its last documents of a day end after the hours.
    let in_hours = kept(false).usd_per_month;
    assert!((219.60..226.0).contains(&in_hours), "{in_hours}");
    assert!(plan_text(&plan).contains("$878.40"), "{}", plan_text(&plan));
}

#[test]
fn batch_of_14_55_that_is_done_at_16_30_breaks_an_slo_of_an_hour() {
    let made = 14 * HOUR + 55 * MINUTE;
    let job = PastJob {
        created_at: made,
        ended_at: Some(16 * HOUR + 30 * MINUTE),
        first_attempt: true,
    };
    let found = learn(vec![job], 0..DAY, 1, 600_000, HOUR);
    assert_eq!((found.ended, found.late), (1, 1));
    let latest = LateJob {
        created_at: made,
        ended_at: 16 * HOUR + 30 * MINUTE,
    };
    assert_eq!(found.latest, Some(latest));
    // The model says the same of seven such batches on one instance that has to start.
    let arrivals = [Arrival {
        at_ms: made,
        run_ms: 774_000,
    }; 7];
    let endpoint = EndpointTraits::SHIPPED;
    let outcome = simulate(&arrivals, &endpoint, &settings(DOCKET, 0, 1), DAY);
    assert_eq!(outcome.longest_ms() / MINUTE, 95);
    assert_eq!(outcome.late(HOUR), 3);
}

#[test]
fn best_settings_are_the_cheapest_that_keep_the_slo() {
    let relaxed = planned(raw(), demand());
    assert!(relaxed.slo_kept && relaxed.best.slo_kept);
    assert_eq!(relaxed.best.settings.min_instances, 0);
    for one in &relaxed.alternatives {
        assert!(one.usd_per_month >= relaxed.best.usd_per_month, "{one:?}");
    }
    // Shorter than a cold start: an instance is kept, and that costs more.
    let strict = planned(
        RawRequest {
            slo_seconds: 320,
            ..raw()
        },
        demand(),
    );
    let best = strict.best;
    assert!(strict.slo_kept, "{strict:?}");
    assert!(
        best.settings.min_instances > 0 || best.settings.warm_hours.is_some(),
        "{best:?}"
    );
    assert!(best.usd_per_month > relaxed.best.usd_per_month);
    assert!(best.longest_seconds <= 320.0);
    let monthly = best.usd_per_document * 60.0 * 30.0;
    assert!(
        (monthly / best.usd_per_month - 1.0).abs() < 0.01,
        "{best:?}"
    );
}

#[test]
fn slo_that_max_instances_cannot_keep_names_the_number_that_can() {
    let busy = Demand {
        documents_per_day: 300,
        burst: 100,
        ..demand()
    };
    let limited = RawRequest {
        max_instances: 1,
        slo_seconds: 1800,
        ..raw()
    };
    let plan = planned(limited.clone(), busy);
    assert!(!plan.slo_kept && plan.best.late_documents > 0);
    let needed = plan.instances_needed.unwrap();
    let text = plan_text(&plan);
    assert!(text.contains("CANNOT BE KEPT"), "{text}");
    assert!(
        text.contains(&format!("It needs MaxInstances {needed}.")),
        "{text}"
    );
    let larger = RawRequest {
        max_instances: needed.into(),
        ..limited
    };
    assert!(planned(larger, busy).slo_kept);
    // No number of instances makes a run shorter.
    let plan = planned(
        RawRequest {
            slo_seconds: 40,
            ..raw()
        },
        demand(),
    );
    assert_eq!((plan.slo_kept, plan.instances_needed), (false, None));
    assert!(
        plan.remarks[0].contains("whatever the number of instances"),
        "{:?}",
        plan.remarks
    );
}

#[test]
fn wrong_field_is_named() {
    let field = |change: fn(&mut RawRequest)| {
        let mut wrong = raw();
        change(&mut wrong);
        wrong.check().unwrap_err().field
    };
    assert_eq!(field(|it| it.price = -1.22), "price");
    assert_eq!(field(|it| it.price = 0.0), "price");
    assert_eq!(field(|it| it.price = f64::NAN), "price");
    assert_eq!(field(|it| it.price = f64::INFINITY), "price");
    assert_eq!(field(|it| it.max_instances = 0), "max-instances");
    assert_eq!(field(|it| it.max_instances = 101), "max-instances");
    assert_eq!(field(|it| it.min_instances = -1), "min-instances");
    assert_eq!(field(|it| it.min_instances = 6), "max-instances");
    assert_eq!(
        field(|it| it.drain_within_seconds = Some(0)),
        "drain-within"
    );
    assert_eq!(field(|it| it.slo_seconds = 0), "slo");
    assert_eq!(field(|it| it.cold_start_seconds = 0), "cold-start");
    assert_eq!(field(|it| it.typical_run_seconds = -5), "run");
    assert_eq!(field(|it| it.concurrent_runs = 0), "concurrent");
    assert_eq!(field(|it| it.days_per_month = 32), "days-per-month");
    let none = plan(&raw().check().unwrap(), &[], DAY, None);
    assert_eq!(none.unwrap_err().field, "documents");
    let error = FieldError::within("documents", 0, 1, 9).unwrap_err();
    assert_eq!(error.to_string(), "documents: must be 1 to 9, not 0");
}

#[test]
fn every_document_ends_and_the_parts_of_instance_time_add_up() {
    let arrivals = demand().arrivals(7);
    let aws = Scaling::Aws {
        target: 3,
        idle_minutes: 15,
    };
    for scaling in [DOCKET, aws] {
        for concurrent_runs in [1, 4] {
            let endpoint = EndpointTraits {
                concurrent_runs,
                ..EndpointTraits::SHIPPED
            };
            let outcome = simulate(&arrivals, &endpoint, &settings(scaling, 0, 3), 10 * DAY);
            assert_eq!(outcome.waits_ms.len(), arrivals.len());
            let working = outcome.billed_ms - outcome.starting_ms - outcome.idle_ms;
            let runs: u64 = arrivals.iter().map(|it| it.run_ms).sum();
            assert!(
                working <= runs && working * u64::from(concurrent_runs) >= runs,
                "{scaling:?}"
            );
            assert!(outcome.max_instances <= 3);
            assert_eq!(outcome.span_ms, 10 * DAY);
        }
    }
}

#[test]
fn drawn_days_have_the_given_documents_within_the_hours() {
    for (documents_per_day, burst) in [(1, 1), (60, 6), (7, 100), (50_000, 1)] {
        let demand = Demand {
            documents_per_day,
            burst,
            ..demand()
        };
        let arrivals = demand.arrivals(3);
        assert_eq!(arrivals, demand.arrivals(3));
        assert_eq!(arrivals.len(), (demand.days() * documents_per_day) as usize);
        let minutes = |it: &Arrival| it.at_ms % DAY / MINUTE;
        assert!(arrivals.iter().all(|it| (540..900).contains(&minutes(it))));
    }
}

/// Past jobs of `days` days. The first job of a day waits for a cold start; then a job of 50 s comes every 100 s.
fn past(days: u64, jobs: u64) -> Learned {
    let job = |created_at: u64, took: u64| PastJob {
        created_at,
        ended_at: Some(created_at + took),
        first_attempt: true,
    };
    let mut all = Vec::new();
    for day in 0..days {
        let first = day * DAY + 10 * HOUR;
        all.push(job(first, 400_000));
        let next = |number: u64| job(first + 420_000 + number * 100_000, 51_300);
        all.extend((0..jobs).map(next));
    }
    learn(all, 0..days * DAY, 1, 45_000, HOUR)
}

#[test]
fn runs_and_cold_starts_are_learned_from_enough_jobs_and_fall_back_otherwise() {
    let enough = past(5, 10);
    assert_eq!((enough.runs_measured, enough.run_ms), (50, Some(50_000)));
    // Of five days the first has no job before its first.
    assert_eq!(enough.cold_starts_measured, 4);
    let cold_start = enough.cold_start_ms.unwrap();
    assert_eq!(cold_start, 400_000 - 51_300 - 40_000);
    assert_eq!(
        enough.hours,
        Some(WarmHours {
            from: 600,
            until: 630
        })
    );
    assert!(enough.arrivals.iter().all(|it| it.run_ms == 50_000));
    let few = past(2, 9);
    assert_eq!((few.runs_measured, few.run_ms), (18, None));
    assert_eq!((few.cold_starts_measured, few.cold_start_ms), (1, None));
    assert!(few.arrivals.iter().all(|it| it.run_ms == 45_000));
}

#[test]
fn job_that_waited_in_a_queue_of_several_instances_tells_nothing_about_runs() {
    let together = (0..40).map(|number| PastJob {
        created_at: 1000,
        ended_at: Some(400_000 + number * 10_000),
        first_attempt: true,
    });
    let jobs: Vec<PastJob> = together.collect();
    assert_eq!(
        learn(jobs.clone(), 0..DAY, 4, 45_000, HOUR).runs_measured,
        0
    );
    // On one instance, each began when the one before it ended.
    let one = learn(jobs, 0..DAY, 1, 45_000, HOUR);
    assert_eq!((one.runs_measured, one.run_ms), (39, Some(10_000)));
}

#[test]
fn endless_work_is_reported_as_late_and_the_model_stops() {
    let plan = planned(
        RawRequest {
            max_instances: 2,
            ..raw()
        },
        Demand {
            documents_per_day: 300,
            run_seconds: 20_000,
            ..demand()
        },
    );
    assert!(!plan.slo_kept && plan.best.unfinished_documents > 1000);
    assert!(plan.best.late_documents >= plan.best.unfinished_documents);
    let text = plan_text(&plan);
    assert!(text.contains("still open three days later"), "{text}");
}
