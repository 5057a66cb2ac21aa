//! `docket plan`.

use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::fake_service::job;
use crate::setup::{CommandOutput, Setup};

const DAY: u64 = 86_400_000;

/// Runs it without a sign-in and without a service.
fn plan(words: &[&str]) -> CommandOutput {
    let mut command = Command::new(env!("CARGO_BIN_EXE_docket"));
    command.env_clear().arg("plan").args(words);
    let output: Output = command.output().unwrap();
    output.into()
}

const NUMBERS: [&str; 14] = [
    "--documents",
    "60",
    "--burst",
    "6",
    "--run",
    "45",
    "--cold-start",
    "300",
    "--slo",
    "3600",
    "--price",
    "1.22",
    "--hours",
    "9:00-15:00",
];

#[test]
fn numbers_give_the_cheapest_settings_cost_and_waits_without_a_service() {
    let output = plan(&[&NUMBERS[..], &["--price-date", "2026-11-20"]].concat());
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
    for part in [
        "600 documents in 10.0 days, runs of 45 s, 1 at a time per instance, cold start 5 min",
        "$1.22 per instance-hour (as given, of 2026-11-20), 30 days a month",
        "The cheapest settings that keep the SLO of 1 h:",
        "scaling docket",
        "scaling aws",
        "one kept 9:00-15:00",
        "(kept: $219.60)",
        "(kept: $878.40)",
    ] {
        assert!(
            output.stdout.contains(part),
            "{part} is not in {}",
            output.stdout
        );
    }
}

#[test]
fn json_has_the_figures_of_the_best_settings_and_of_the_alternatives() {
    let output = plan(&[&NUMBERS[..], &["--json"]].concat());
    let found: Value = output.json();
    let best = &found["best"];
    assert_eq!(found["slo_kept"], true);
    for name in [
        "usd_per_month",
        "usd_per_document",
        "p50_seconds",
        "p90_seconds",
        "longest_seconds",
        "gpu_hours_per_month",
        "idle_share",
    ] {
        assert!(best[name].as_f64().unwrap() > 0.0, "{name}: {best}");
    }
    assert!(best["longest_seconds"].as_f64().unwrap() <= 3600.0);
    let month = best["gpu_hours_per_month"].as_f64().unwrap() * 1.22;
    assert!((month - best["usd_per_month"].as_f64().unwrap()).abs() < 0.1);
    assert_eq!(best["settings"]["scaling"], "docket");
    assert_eq!(found["alternatives"].as_array().unwrap().len(), 4);
    assert_eq!(
        plan(&[&NUMBERS[..], &["--json"]].concat()).stdout,
        output.stdout
    );
}

#[test]
fn slo_that_max_instances_cannot_keep_exits_with_1_and_names_the_number_that_can() {
    let words = [
        "--documents",
        "300",
        "--burst",
        "100",
        "--slo",
        "1800",
        "--max-instances",
        "1",
    ];
    let output = plan(&words);
    assert_eq!(output.code, Some(1));
    assert_eq!(
        plan(&[&words[..], &["--json"]].concat()).json::<Value>()["slo_kept"],
        false
    );
    assert!(
        output.stdout.contains("CANNOT BE KEPT"),
        "{}",
        output.stdout
    );
    assert!(
        output.stdout.contains("It needs MaxInstances "),
        "{}",
        output.stdout
    );
}

#[test]
fn wrong_fields_are_refused_by_name() {
    for (words, field) in [
        (&["--documents", "0"][..], "documents: "),
        (&["--documents", "-5"], "documents: "),
        (&["--documents", "50001"], "documents: "),
        (&["--documents", "9", "--price", "-1.22"], "price: "),
        (&["--documents", "9", "--price", "nan"], "price: "),
        (&["--documents", "9", "--price", "unknown"], "--price"),
        (&["--documents", "9", "--instance-type", "ml.x"], "price: "),
        (
            &["--documents", "9", "--drain-within", "0"],
            "drain-within: ",
        ),
        (
            &[
                "--documents",
                "9",
                "--min-instances",
                "3",
                "--max-instances",
                "2",
            ],
            "max-instances: ",
        ),
        (&["--documents", "9", "--burst", "0"], "burst: "),
        (&["--documents", "9", "--run", "0"], "run: "),
        (&["--documents", "9", "--slo", "0"], "slo: "),
        (&["--documents", "9", "--hours", "18:00-8:00"], "hours: "),
        (
            &["--documents", "9", "--pipeline", "none"],
            "pipeline `none`",
        ),
        (&["--price", "1"], "--documents"),
        (&["--documents", "9", "--since", "7d"], "--since"),
    ] {
        let output = plan(words);
        assert_eq!(output.code, Some(2), "{words:?}: {output:?}");
        assert!(output.stderr.contains(field), "{field}: {}", output.stderr);
        assert_eq!(output.stdout, "");
    }
}

/// A ready job of 50 s.
fn ready(number: u64, created_at: u64, took: u64) -> Value {
    let mut job = job(&format!("j{number}"), 3, "Ready");
    job["created_at"] = created_at.into();
    job["updated_at"] = (created_at + took).into();
    job["attempt"] = 1.into();
    job
}

const SINCE: &str = "2020-01-02";
/// [`SINCE`] in milliseconds.
const SINCE_MS: u64 = 1_577_923_200_000;

fn list(cursor: &str) -> String {
    format!("GET /jobs?{cursor}limit=100&pipeline=legal-review&since={SINCE_MS}")
}

#[test]
fn past_jobs_are_read_page_by_page_and_their_times_are_measured() {
    let setup = Setup::signed_in();
    let ten = SINCE_MS + 10 * 3_600_000;
    let of_day = |day: u64| {
        let first = ten + day * DAY;
        let next = move |at: u64| ready(day * 100 + at, first + 420_000 + at * 100_000, 51_300);
        (0..8)
            .map(next)
            .chain([ready(day * 100 + 99, first, 400_000)])
    };
    let pages = [
        json!({"jobs": of_day(4).chain(of_day(3)).collect::<Vec<_>>(), "cursor": "c1"}),
        json!({"jobs": of_day(2).chain(of_day(1)).chain(of_day(0)).collect::<Vec<_>>()}),
    ];
    let lists = [list(""), list("cursor=c1&")];
    for (request_line, page) in lists.iter().zip(&pages) {
        setup.service.respond_once(request_line, 200, page);
    }
    let words = ["plan", "--since", SINCE, "--json", "--slo", "390"];
    let output = setup.run(words);
    assert_eq!(
        (output.code, output.stderr.as_str()),
        (Some(0), ""),
        "{output:?}"
    );
    let found: Value = output.json();
    assert_eq!(
        (&found["documents"], &found["mean_run_seconds"]),
        (&45.into(), &50.0.into())
    );
    let remarks = found["remarks"].to_string();
    for part in [
        "The duration of runs is measured, of 40 jobs.",
        "The cold start is measured, of 4 jobs.",
        "5 of 45 jobs that have ended took longer than the SLO",
    ] {
        assert!(remarks.contains(part), "{part}: {remarks}");
    }
}

#[test]
fn times_of_too_few_jobs_fall_back_to_the_pipeline_and_no_jobs_are_refused() {
    let setup = Setup::signed_in();
    let made = SINCE_MS + 14 * 3_600_000 + 55 * 60_000;
    let page = json!({"jobs": [ready(1, made, 95 * 60_000)]});
    setup.service.respond_once(&list(""), 200, &page);
    let output = setup.run(["plan", "--since", SINCE, "--slo", "3600"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    for part in [
        "0 of the 20 needed: the pipeline's 45 s are used.",
        "0 of the 3 needed: the pipeline's 640 s are used.",
        "1 of 1 jobs that have ended took longer than the SLO of 60 min. The longest took 95 min: from 2020-01-02 14:55",
        "to 2020-01-02 16:30",
    ] {
        assert!(output.stdout.contains(part), "{part}: {}", output.stdout);
    }
    setup
        .service
        .respond_once(&list(""), 200, &json!({"jobs": []}));
    let output = setup.run(["plan", "--since", SINCE]);
    assert_eq!(output.code, Some(2), "{output:?}");
    assert!(
        output
            .stderr
            .contains("documents: legal-review has none since"),
        "{output:?}"
    );
}

#[test]
fn reading_stops_after_200_pages_and_says_so() {
    let setup = Setup::signed_in();
    let made = SINCE_MS + DAY;
    let page = |cursor: &str| json!({"jobs": [ready(1, made, 51_000)], "cursor": cursor, "searched_back_to": made});
    setup.service.respond_once(&list(""), 200, &page("c"));
    for _ in 1..200 {
        setup
            .service
            .respond_once(&list("cursor=c&"), 200, &page("c"));
    }
    let output = setup.run(["plan", "--since", SINCE]);
    assert_eq!(output.code, Some(0), "{output:?}");
    let part = "Stopped after 200 jobs, the newest: the plan is for those since 2020-01-03";
    assert!(output.stdout.contains(part), "{}", output.stdout);
}
