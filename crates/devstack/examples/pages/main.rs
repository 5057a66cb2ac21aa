//! `make bench-pages`: a thousand open pages on the local stack. See docs/capacity.md, "Open pages".
//!
//! The pages run the page's own code (`web/bench/pages.ts`). The functions reach DynamoDB through a proxy that computes
//! the read units of each request from what it reads; the emulator's functions do not ask for `ConsumedCapacity`.
//! Exit status 1 if a figure is worse than its limit. It takes ten minutes. This is not a test: machines differ.

#![expect(clippy::print_stdout, reason = "a command-line program")]

mod measure;
mod pages;
mod proxy;
mod read_units;
mod sockets;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Result, bail};
use devstack::{ChildProcesses, RunDir, Stack, StackOptions};

use measure::Figures;
use proxy::Proxy;

/// How many pages a deployment is built for.
const DEFAULT_PAGES: usize = 1_000;

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let pages = match std::env::args().nth(1) {
        Some(pages) => pages.parse()?,
        None => DEFAULT_PAGES,
    };
    let dir = RunDir::create_unique("bench-pages")?;
    let children = ChildProcesses::default();
    let progress: devstack::ProgressCallback = Arc::new(|step| eprintln!("{step}"));
    let proxy = Proxy::start().await?;
    let options = StackOptions {
        proxy_url: Some(proxy.url.clone()),
        function_timeout_seconds: 10,
        for_many_pages: true,
        ..StackOptions::TESTS
    };
    let stack = Stack::start(options, &dir, &children, &progress).await?;
    proxy.set_upstreams(&stack.cloud.url, &stack.model_url)?;
    let measured = tokio::select! {
        measured = measure::measure(&stack, &proxy, pages) => measured,
        reason = stack.failed() => bail!("{reason}"),
    };
    stack.stop().await;
    let figures: Figures = measured?;
    let failures = figures.failures();
    for failure in &failures {
        eprintln!("{failure}");
    }
    println!("{}", figures.json());
    Ok(if failures.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
