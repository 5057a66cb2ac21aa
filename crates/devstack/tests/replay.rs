//! `devstack replay` replays a plan on the local stack and compares the result with the plan's forecast.
//! Needs the zips that the stack deploys; `make test` builds them first.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use std::process::{Command, Output};

use serde_json::Value;

/// The first burst of `tuesday`. A test of crate `planner` checks that the file is up to date.
const PLAN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/live-plan.json");

fn replay(plan: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_devstack"))
        .args(["replay", plan])
        .output()
        .unwrap()
}

#[test]
fn live_replay_makes_all_documents_ready_and_reports_the_forecast_beside_the_result() {
    let plan: Value = serde_json::from_slice(&std::fs::read(PLAN).unwrap()).unwrap();
    let output = replay(PLAN);
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{log}");
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    let uploads = plan["uploads"].as_array().unwrap().len();
    assert!(uploads >= 4, "{plan}");
    for (name, count) in [
        ("uploaded", uploads),
        ("ready", uploads),
        ("failed", 0),
        ("lost", 0),
    ] {
        assert_eq!(result[name], count, "{name} of {result}");
    }
    let burst = &result["bursts"][0];
    assert_eq!(burst["simulated"]["ready"], uploads);
    assert_eq!(
        (
            &burst["instances_found"],
            &burst["simulated"]["instances_found"]
        ),
        (&0.into(), &0.into())
    );
    // No document is ready before the end of the cold start, 300 s.
    for wait_s in [&burst["wait_p50_s"], &burst["simulated"]["wait_p50_s"]] {
        assert!(wait_s.as_f64().unwrap() > 300.0, "{burst}");
    }
    for part in ["burst 1:", "simulated", "0 lost"] {
        assert!(log.contains(part), "{part} is not in {log}");
    }
}

#[test]
fn missing_plan_is_a_usage_error() {
    let output = replay("wednesday");
    let log = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{log}");
    assert!(log.contains("wednesday cannot be read"), "{log}");
}
