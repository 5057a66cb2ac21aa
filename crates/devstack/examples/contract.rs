//! `make contract`: compares the API with its OpenAPI document on a local stack, as each role and as a program.
//!
//! Arguments are passed on to `schemathesis run`.

#![expect(clippy::print_stderr, reason = "a command-line program")]

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use devstack::{ChildProcesses, RunDir, Stack, contract};

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let dir = RunDir::create_unique("contract")?;
    let children = ChildProcesses::default();
    let progress: devstack::ProgressCallback = Arc::new(|step| eprintln!("{step}"));
    let stack = Stack::start(contract::stack_options(), &dir, &children, &progress).await?;
    let checked = tokio::select! {
        checked = check(&stack) => checked,
        reason = stack.failed() => bail!("{reason}"),
    };
    stack.stop().await;
    Ok(if checked? {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Whether there is nothing to report for any caller.
async fn check(stack: &Stack) -> Result<bool> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut is_clean = true;
    for caller in contract::CALLERS {
        eprintln!("== as {caller}");
        let mut run = contract::schemathesis(stack, caller, &arguments).await?;
        let status = run.status().await.context("run: make venv-clients")?;
        is_clean &= status.success();
    }
    Ok(is_clean)
}
