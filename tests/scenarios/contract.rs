//! A short part of `make contract`: the API does what `docs/openapi.json` says, when schemathesis sends its examples and follows its
//! links. On a stack of its own, since some requests pause pipelines.

use std::sync::LazyLock;

use devstack::{ChildProcesses, RunDir, Stack, contract};

use crate::support::{SharedStack, start_stack, within_timeout};

static STACK: LazyLock<SharedStack<Stack>> =
    LazyLock::new(|| SharedStack::start("contract", start));

async fn start(dir: &RunDir, children: &ChildProcesses) -> Stack {
    start_stack(contract::stack_options(), dir, children, "contract: ").await
}

/// As a caller who may do the most, and as a program.
const CALLERS: [&str; 2] = [contract::CALLERS[2], contract::CALLERS[5]];
/// The seed is that of `tests/clients/schemathesis.toml`.
const ARGUMENTS: [&str; 4] = ["--phases", "examples,stateful", "--max-examples", "1"];

#[test]
fn examples_and_links_of_the_openapi_document_hold() {
    if !devstack::repo_file("target/venv-clients/bin/schemathesis").exists() {
        assert!(std::env::var_os("CI").is_none(), "run: make venv-clients");
        eprintln!("skipped: make venv-clients");
        return;
    }
    STACK.run(async |stack| {
        for caller in CALLERS {
            let arguments = ARGUMENTS.map(str::to_owned);
            let mut run = contract::schemathesis(stack, caller, &arguments)
                .await
                .unwrap();
            let done = within_timeout("schemathesis", run.output()).await.unwrap();
            let report = String::from_utf8_lossy(&done.stdout);
            assert!(done.status.success(), "as {caller}:\n{report}");
            eprintln!("as {caller}: {}", report.lines().last().unwrap_or_default());
        }
    });
}
