//! `docket model check`, against containers that misbehave in one way each.

mod answers;
mod command_line;
mod load;

use std::time::Duration;

use serde_json::Value;

use crate::container::{ContainerRequest, Reply, TestContainer, is_fine, well_behaved};
use crate::setup::{CommandOutput, Setup};

/// One check's finding: status, outcome, cause, what was seen, what to change.
#[derive(Debug)]
struct Finding {
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
    fn finding(&self, check: &str) -> Finding {
        let findings = self.json["findings"].as_array().unwrap();
        let found = findings
            .iter()
            .find(|finding| finding["check"] == check)
            .unwrap_or_else(|| panic!("no finding `{check}`: {:?}", self.output));
        let text = |value: &Value| value.as_str().map(str::to_owned);
        Finding {
            status: text(&found["status"]).unwrap(),
            outcome: text(&found["job"]["outcome"]),
            cause: text(&found["job"]["cause"]),
            seen: text(&found["seen"]).unwrap(),
            change: text(&found["change"]).unwrap_or_default(),
        }
    }

    /// Asserts that a check failed with this outcome, and the command with it.
    fn assert_fails(&self, check: &str, outcome: &str, cause: &str) -> Finding {
        let finding = self.assert_finding(check, "fail", outcome, cause);
        assert_eq!(self.output.code, Some(1), "{:?}", self.output);
        assert_eq!(self.json["passed"], false);
        assert!(!finding.change.is_empty(), "{finding:?}");
        finding
    }

    fn assert_finding(&self, check: &str, status: &str, outcome: &str, cause: &str) -> Finding {
        let finding = self.finding(check);
        assert_eq!(
            (
                finding.status.as_str(),
                finding.outcome.as_deref(),
                finding.cause.as_deref()
            ),
            (status, Some(outcome), Some(cause)),
            "{:?}",
            self.output
        );
        finding
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
