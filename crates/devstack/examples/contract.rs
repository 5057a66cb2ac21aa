//! `make contract`: schemathesis sends requests to the local stack that the OpenAPI document allows, and some that it does
//! not, as each role, and compares the responses with the document.
//!
//! Arguments are passed on to `schemathesis run`. `tests/clients/schemathesis.toml` says what is not checked, and why.

#![expect(clippy::print_stderr, reason = "a command-line program")]

use std::process::{ExitCode, Stdio};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use devstack::{ChildProcesses, RunDir, Stack, StackOptions};
use tokio::process::Command;

const USERS: [&str; 3] = [
    "customer@acme.example",
    "reviewer@acme.example",
    "support@docket.example",
];

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let dir = RunDir::create_unique("contract")?;
    let children = ChildProcesses::default();
    let progress: devstack::ProgressCallback = Arc::new(|step| eprintln!("{step}"));
    let stack = Stack::start(StackOptions::TESTS, &dir, &children, &progress).await?;
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

/// Whether schemathesis has nothing to report for any role.
async fn check(stack: &Stack) -> Result<bool> {
    let schemathesis = devstack::repo_file("target/venv-clients/bin/schemathesis");
    let mut is_clean = true;
    for user in USERS {
        eprintln!("== as {user}");
        let token = stack.id_token(user).await?;
        let mut run = Command::new(&schemathesis);
        run.arg("--config-file")
            .arg(devstack::repo_file("tests/clients/schemathesis.toml"))
            .arg("run")
            .arg(devstack::repo_file("docs/openapi.json"))
            .args(["--url", &stack.outputs.http_api_url])
            .args(["--header", &format!("Authorization: Bearer {token}")])
            .args(std::env::args().skip(1))
            // It keeps what it generated in a folder there.
            .current_dir(devstack::repo_file("target"))
            .stdin(Stdio::null());
        let status = run.status().await.context("run: make venv-clients")?;
        is_clean &= status.success();
    }
    Ok(is_clean)
}
