//! `docket model check`, against containers that misbehave in one way each.

mod answers;
mod command_line;
mod load;

use std::time::Duration;

use serde_json::Value;

use crate::container::{ContainerRequest, Reply, TestContainer, is_fine, well_behaved};
use crate::setup::{CommandOutput, Setup};

/// One check: status, outcome, cause, what was seen, what to change.
#[derive(Debug)]
struct CheckResult {
    status: String,
    outcome: Option<String>,
    cause: Option<String>,
    seen: String,
    change: String,
}

struct Report {
    output: CommandOutput,
    json: Value,
}

impl Report {
    fn check_result(&self, check: &str) -> CheckResult {
        let checks = self.json["checks"].as_array().unwrap();
        let found = checks
            .iter()
            .find(|checked| checked["check"] == check)
            .unwrap_or_else(|| panic!("no check `{check}`: {:?}", self.output));
        let text = |value: &Value| value.as_str().map(str::to_owned);
        CheckResult {
            status: text(&found["status"]).unwrap(),
            outcome: text(&found["job"]["outcome"]),
            cause: text(&found["job"]["cause"]),
            seen: text(&found["seen"]).unwrap(),
            change: text(&found["change"]).unwrap_or_default(),
        }
    }

    /// Asserts that a check failed with this outcome, and the command with it.
    fn assert_fails(&self, check: &str, outcome: &str, cause: &str) -> CheckResult {
        let checked = self.assert_check(check, "fail", outcome, cause);
        assert_eq!(self.output.code, Some(1), "{:?}", self.output);
        assert_eq!(self.json["passed"], false);
        assert!(!checked.change.is_empty(), "{checked:?}");
        checked
    }

    fn assert_check(&self, check: &str, status: &str, outcome: &str, cause: &str) -> CheckResult {
        let checked = self.check_result(check);
        assert_eq!(
            (
                checked.status.as_str(),
                checked.outcome.as_deref(),
                checked.cause.as_deref()
            ),
            (status, Some(outcome), Some(cause)),
            "{:?}",
            self.output
        );
        checked
    }

    fn assert_passes(&self) {
        assert_eq!(self.output.code, Some(0), "{:?}", self.output);
        assert_eq!(self.json["passed"], true);
    }
}

/// Small, so that the tests are fast.
const MAX_BYTES: &str = "400000";

fn check(url: &str, arguments: &[&str]) -> Report {
    let setup = Setup::new();
    let mut all = vec!["--json", "model", "check", url, "--max-bytes", MAX_BYTES];
    all.extend(arguments);
    let output = setup.run(&all);
    let json = serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    Report { output, json }
}

/// Checks a container that answers fine documents like this.
fn check_answer(answer: impl Fn(&ContainerRequest) -> Reply + Send + Sync + 'static) -> Report {
    let container = TestContainer::start(move |request| {
        if is_fine(request) {
            answer(request)
        } else {
            well_behaved(request)
        }
    });
    check(&container.url(), &[])
}

/// Longer than the shortest wait of a ping that counts as waiting for a run.
const RUN: Duration = Duration::from_millis(700);

fn slow(request: &ContainerRequest) -> Reply {
    match is_fine(request) {
        true => Reply::After(RUN, Box::new(well_behaved(request))),
        false => well_behaved(request),
    }
}
