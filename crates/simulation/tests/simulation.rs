//! A few thousand histories, that they repeat, and that the checks notice planted mistakes.

use std::process::{Command, Stdio};

use simulation::fault::{Fault, Plan};
use simulation::history::{Options, Report, Tracing, run};
use simulation::mistake::Mistake;

fn options(seed: u64) -> Options {
    Options {
        seed,
        uploads: 6,
        mistake: None,
        plan: None,
        trace: Tracing::Off,
    }
}

fn history(options: &Options) -> Report {
    run(options).unwrap_or_else(|error| panic!("{error}"))
}

/// All promises of the service, in weather of every kind. The program is run as people run it, in processes of its
/// own: what the product prints, a test would keep in memory.
#[test]
fn the_promises_are_kept_whatever_fails() {
    let output = Command::new(env!("CARGO_BIN_EXE_simulate"))
        .args(["--seeds", "3000", "--jobs", "5"])
        .stderr(Stdio::piped())
        .output()
        .expect("the simulation starts");
    let (said, found) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{found}\n{said}");
    for fault in Fault::ALL {
        assert!(
            said.contains(&format!("{fault:?} ")),
            "{fault:?} never struck:\n{said}"
        );
    }
}

#[test]
fn the_same_seed_gives_the_same_history() {
    for seed in 1..=12 {
        let options = Options {
            trace: Tracing::Keep,
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
fn in_fair_weather_every_upload_is_run_once() {
    for seed in 1..=20 {
        let report = history(&Options {
            plan: Some(Plan::CALM),
            ..options(seed)
        });
        assert_eq!(report.violations, [""; 0], "seed {seed}");
        assert_eq!(
            (report.jobs, report.runs, report.repeated),
            (6, 6, 0),
            "seed {seed}"
        );
        assert_eq!(report.quarantined, 0, "seed {seed}");
    }
}

#[test]
fn every_planted_mistake_is_noticed() {
    const ENOUGH: u64 = 400;
    let mut unnoticed = Vec::new();
    for mistake in Mistake::ALL {
        let found = (1..=ENOUGH).any(|seed| {
            let planted = Options {
                mistake: Some(*mistake),
                plan: mistake.weather(),
                uploads: 12,
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
        "not noticed in {ENOUGH} histories: {unnoticed:?}"
    );
}
