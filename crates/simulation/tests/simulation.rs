//! Thousands of histories keep the guarantees, a seed is deterministic, and the checks notice planted mistakes.

use std::process::{Command, Stdio};

use simulation::fault::{FaultKind, FaultProfile};
use simulation::history::{HistoryOptions, HistoryReport, Tracing, run};
use simulation::mistake::Mistake;

fn options(seed: u64) -> HistoryOptions {
    HistoryOptions {
        seed,
        uploads: 6,
        mistake: None,
        faults: None,
        trace: Tracing::Off,
        docket_scaling: false,
    }
}

fn history(options: &HistoryOptions) -> HistoryReport {
    run(options).unwrap_or_else(|error| panic!("{error}"))
}

/// The program runs the histories in processes of its own: a test would keep the product's output in memory.
#[test]
fn all_guarantees_hold_in_3000_histories_with_every_kind_of_fault() {
    let output = Command::new(env!("CARGO_BIN_EXE_simulate"))
        .args(["--seeds", "3000", "--jobs", "5"])
        .stderr(Stdio::piped())
        .output()
        .expect("the simulation starts");
    let (summary, problems) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{problems}\n{summary}");
    for fault in FaultKind::ALL
        .iter()
        .filter(|it| **it != FaultKind::WindowLost)
    {
        assert!(
            summary.contains(&format!("{fault:?} ")),
            "{fault:?} never happened:\n{summary}"
        );
    }
}

/// As it ships: function `capacity` sets the numbers of instances, endpoints have windows, tenants take turns.
#[test]
fn all_guarantees_hold_in_100_histories_of_40_uploads_with_docket_scaling() {
    let output = Command::new(env!("CARGO_BIN_EXE_simulate"))
        .args(["--seeds", "100", "--jobs", "40", "--docket-scaling"])
        .stderr(Stdio::piped())
        .output()
        .expect("the simulation starts");
    let problems = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{problems}");
    let summary = String::from_utf8_lossy(&output.stdout);
    assert!(summary.contains("WindowLost "), "{summary}");
}

#[test]
fn same_seed_gives_the_same_history_and_trace() {
    for seed in 1..=12 {
        let options = HistoryOptions {
            trace: Tracing::Keep,
            docket_scaling: seed > 9,
            ..options(seed)
        };
        let (first, second) = (history(&options), history(&options));
        assert!(
            first.trace.len() > 100,
            "seed {seed}: {} lines",
            first.trace.len()
        );
        assert_eq!(first, second, "seed {seed}");
    }
}

#[test]
fn every_upload_is_run_once_without_faults() {
    for seed in 1..=20 {
        let report = history(&HistoryOptions {
            faults: Some(FaultProfile::NONE),
            ..options(seed)
        });
        assert_eq!(report.violations, [""; 0], "seed {seed}");
        assert_eq!(
            (
                report.jobs,
                report.requests + report.cancelled_without_run,
                report.repeated
            ),
            (6, 6, 0),
            "seed {seed}"
        );
        assert_eq!(report.quarantined, 0, "seed {seed}");
    }
}

/// The model fails every run for hours, each run with its own luck, or the endpoint refuses calls. At the beginning of an
/// outage a document that is alone in its pipeline cannot be told from an unprocessable one: it fails after its three attempts.
/// No other document fails, and on flaky endpoints none at all.
#[test]
fn documents_become_ready_on_endpoints_that_are_down_for_hours_or_flaky_unless_they_are_alone() {
    let none = FaultProfile::NONE;
    for (faults, seeds, max_alone_percent) in [
        (none.clone().with(FaultKind::ModelDown, 1_000_000), 40, 2),
        (none.clone().with(FaultKind::InvokeRefused, 400_000), 20, 0),
        (none.with(FaultKind::ModelBroken, 30_000), 20, 0),
    ] {
        let mut alone = 0;
        let mut ready = 0;
        for seed in 1..=seeds {
            let report = history(&HistoryOptions {
                faults: Some(faults.clone()),
                uploads: 30,
                ..options(seed)
            });
            assert_eq!(report.violations, [""; 0], "seed {seed}");
            assert_eq!(
                report.failed_beside_others, 0,
                "seed {seed} with {faults:?}"
            );
            alone += report.failed;
            ready += report.ready;
        }
        assert!(
            100 * alone <= max_alone_percent * ready,
            "{alone} failed, {ready} ready with {faults:?}"
        );
    }
}

#[test]
fn same_bytes_again_are_run_once() {
    let (mut again, mut checked) = (0, 0);
    for seed in 1..=60 {
        let report = history(&HistoryOptions {
            faults: Some(
                FaultProfile::NONE
                    .with(FaultKind::InputPutAgain, 500_000)
                    .with(FaultKind::S3EventDuplicated, 300_000)
                    .with(FaultKind::S3EventOvertaken, 300_000)
                    .with(FaultKind::S3EventLost, 200_000),
            ),
            ..options(seed)
        });
        assert_eq!(report.violations, [""; 0], "seed {seed}");
        // The same bytes after the job was cancelled or its data deleted are a new input.
        if report.erased + report.cancelled == 0 {
            checked += 1;
            let run_or_cancelled = report.requests + report.cancelled_without_run;
            assert_eq!((report.jobs, run_or_cancelled), (6, 6), "seed {seed}");
        }
        let counts = report.faults.iter();
        again += counts
            .filter(|(kind, _)| *kind == FaultKind::InputPutAgain)
            .map(|(_, count)| count)
            .sum::<u64>();
    }
    assert!(again > 60 && checked > 20, "{again} {checked}");
}

#[test]
fn every_planted_mistake_is_noticed() {
    const MAX_HISTORIES: u64 = 400;
    let mut unnoticed = Vec::new();
    for mistake in Mistake::ALL {
        let found = (1..=MAX_HISTORIES).any(|seed| {
            let planted = HistoryOptions {
                mistake: Some(*mistake),
                faults: mistake.fault_profile(),
                uploads: mistake.min_uploads(),
                ..options(seed)
            };
            !history(&planted).violations.is_empty()
        });
        if !found {
            unnoticed.push(mistake);
        }
    }
    assert!(
        unnoticed.is_empty(),
        "not noticed in {MAX_HISTORIES} histories: {unnoticed:?}"
    );
}
