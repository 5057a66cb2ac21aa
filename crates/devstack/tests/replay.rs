//! `devstack replay`: the first burst of a day on the local stack, beside the simulation of the same uploads.
//! `make test` runs this after making the zips that the stack deploys.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use std::process::{Command, Output};

use serde_json::Value;

fn devstack(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_devstack"))
        .args(words)
        .output()
        .unwrap()
}

fn forecast(words: &[&str]) -> Value {
    let output = devstack(&[&["forecast"], words].concat());
    assert!(output.status.success());
    serde_json::from_slice(&output.stderr).unwrap()
}

#[test]
fn every_batch_of_the_first_burst_becomes_ready_and_is_counted_beside_the_simulation() {
    let words = ["tuesday", "--bursts", "1"];
    let there = forecast(&words);
    let output = devstack(&[&["replay"], &words[..]].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let here: Value = serde_json::from_slice(&output.stdout).unwrap();
    let uploads = there["uploads"].as_array().unwrap().len();
    assert!(uploads >= 4, "{there}");
    for (name, count) in [
        ("uploaded", uploads),
        ("ready", uploads),
        ("failed", 0),
        ("lost", 0),
    ] {
        assert_eq!(here[name], count, "{name} of {here}");
    }
    let burst = &here["bursts"][0];
    assert_eq!(burst["simulated"]["ready"], uploads);
    // Out of none, and from both the same number of instances at most: those that the endpoint may have.
    assert_eq!(
        (&burst["found"], &burst["simulated"]["found"]),
        (&0.into(), &0.into())
    );
    // Nothing is ready before a cold start is over, here as there.
    for waited in [&burst["wait_p50_s"], &burst["simulated"]["wait_p50_s"]] {
        assert!(waited.as_f64().unwrap() > 300.0, "{burst}");
    }
    for part in ["burst 1:", "simulated", "0 lost"] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
}

#[test]
fn a_day_that_there_is_not_starts_nothing() {
    let output = devstack(&["replay", "wednesday"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("deal-day or tuesday"), "{said}");
}
