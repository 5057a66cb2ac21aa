//! `make replay LIVE=1`: the bursts of a business day on the local stack, beside what the simulation says of them.
//!
//! What is uploaded when, and how long the model takes for it, is the simulation's ([`simulation::replay`]); here it goes
//! through the zips that ship, the emulated cloud, and the local asynchronous endpoints with the reference model. Their
//! clock runs faster than ours, only the first bursts come, and long gaps between them are cut.

mod documents;
mod order;
mod tally;
mod view;

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use jobs::id::JobId;
use simulation::replay::{self, Forecast, span};
use tokio::process::Command;

use crate::child_processes::ChildProcesses;
use crate::model::Model;
use crate::repo;
use crate::run_dir::RunDir;
use crate::stack::{Stack, StackOptions, read_pipelines};
use crate::upload::upload;
use crate::watch::{self, Style, Terminal, UploadSchedule, start_stack, watch};
pub use order::{Order, USAGE};
use tally::Backlog;
use view::Live;

/// How long after the last upload what is still open is given up: the last burst needs less than a minute, and this is
/// no time for a retry of half an hour.
const PATIENCE: Duration = Duration::from_secs(300);

/// The pipeline of the first document, which is not counted: one that no day goes through.
const WARM_UP: &str = "doc-understanding";
const WARM_UP_TENANT: &str = "warm-up";

/// Prints what the simulation says of an order, as JSON on standard error: standard output gets the product's metrics,
/// so whoever asks throws it away.
///
/// # Errors
/// The day does not end, or the shipped configuration is wrong.
pub fn forecast(order: &Order) -> Result<()> {
    let day = replay::replay(&order.options)?;
    let said = serde_json::to_string(&replay::forecast(&day))?;
    Ok(std::io::Write::write_all(
        &mut std::io::stderr().lock(),
        said.as_bytes(),
    )?)
}

/// Has this program say it in a process of its own.
async fn ask(order: &Order) -> Result<Forecast> {
    let output = Command::new(std::env::current_exe()?)
        .arg("forecast")
        .args(order.words())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .output()
        .await?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("the simulation does not say what to upload: {said}");
    }
    let forecast: Forecast = serde_json::from_str(&said).context("the simulation is not read")?;
    if let Some(broken) = forecast.violations.first() {
        bail!("the simulation breaks a promise: {broken}");
    }
    Ok(forecast)
}

/// Replays. True: every document became ready. Writes the result as JSON to standard output, everything else to
/// standard error.
///
/// # Errors
/// The stack does not start or breaks down, or a file cannot be written or uploaded.
pub async fn run(order: &Order, dir: &RunDir, children: &ChildProcesses) -> Result<bool> {
    let name = order.options.scenario.pipeline();
    let pipelines = read_pipelines()?;
    let pipeline = pipelines
        .get(name)
        .with_context(|| format!("there is no pipeline {name}"))?;
    let forecast = ask(order).await?;
    let written = documents::write(dir.path(), order, &forecast)?;
    let options = StackOptions {
        time_factor: order.factor,
        model: Model::Reference {
            delay: Duration::ZERO,
            min_durations: Some(written.takes),
        },
        ..StackOptions::DEMO
    };
    let mut terminal = Terminal::new();
    explain(&mut terminal, order, &forecast, &pipeline.endpoint);
    let (stack, site) = start_stack(&mut terminal, options, dir, children).await?;

    warm_up(&mut terminal, &stack).await?;

    let times: Vec<Duration> = forecast
        .uploads
        .iter()
        .map(|upload| order.real(upload.after))
        .collect();
    let limit = times.iter().max().copied().unwrap_or_default() + PATIENCE;
    let watched = watch::Workload {
        uploads: written.plans,
        schedule: UploadSchedule::AtOffsets(times),
        tenants: written.tenants,
        time_limit: Some(limit),
    };
    let tally = Backlog::new(&forecast, &pipeline.endpoint, order.factor);
    let mut live = Live::new(tally, order.options.scenario);
    let board = watch(&mut terminal, &stack, watched, &mut live).await?;
    let right = live.sum_up(&mut terminal, &board, &forecast);
    terminal.line(&terminal.paint(Style::Dim, "stopping"));
    drop(site);
    stack.stop().await;
    live.print(&board, &forecast)?;
    Ok(right)
}

/// Sends a document through another pipeline. The emulator takes seconds to start a function for the first time, which
/// the endpoints' clock would make minutes of waiting; on AWS that is a tenth of a second.
async fn warm_up(terminal: &mut Terminal, stack: &Stack) -> Result<()> {
    terminal.line(&terminal.paint(
        Style::Dim,
        &format!("one document goes through {WARM_UP} first, so that the functions have started"),
    ));
    let pipeline = stack.pipelines.get(WARM_UP);
    let pipeline = pipeline.with_context(|| format!("there is no pipeline {WARM_UP}"))?;
    let bucket = &stack.outputs.jobs_bucket_name;
    let key = format!("{}{WARM_UP_TENANT}/first.pdf", pipeline.prefix);
    let sample = repo::file("samples/contracts/consulting-agreement.pdf");
    let mut page = stack.open_push_client(WARM_UP_TENANT).await?;
    upload(&stack.cloud.s3, bucket, &key, &sample, |_| ()).await?;
    let id = JobId::of_key(bucket, &key).to_string();
    let ended = tokio::select! {
        why = stack.failed() => bail!("a part of the stack broke down: {why}"),
        ended = tokio::time::timeout(PATIENCE, page.wait_until_ended(&id)) => ended,
    };
    page.close().await;
    match ended {
        Ok(Some(job)) if job.status == "Ready" => Ok(()),
        Ok(job) => bail!("the first document is not ready: {job:?}"),
        Err(_) => bail!(
            "the first document is not ready after {} s",
            PATIENCE.as_secs()
        ),
    }
}

/// Says what is replayed, and what is different from the whole day.
fn explain(terminal: &mut Terminal, order: &Order, forecast: &Forecast, endpoint: &str) {
    let options = &order.options;
    let (_, many) = options.scenario.nouns();
    let last = forecast.uploads.last().map_or(0, |upload| upload.after);
    let rest = forecast.bursts.last().map_or(0, |burst| burst.wait.max);
    let title = format!(
        "{}, live: {} of its {} {many} in {} bursts, through {endpoint}",
        options.scenario.name(),
        forecast.uploads.len(),
        options.documents,
        forecast.bursts.len(),
    );
    terminal.line(&terminal.paint(Style::Bold, &title));
    let minute = order.real(60_000).as_secs_f64();
    for line in [
        format!(
            "they come when `make replay` has them come (seed {}), but no burst more than {} after the one before",
            options.seed,
            span(order.longest_gap())
        ),
        format!(
            "a run takes as long as there; the {many} themselves are the samples, each made different"
        ),
        format!(
            "the endpoint's clock runs {} times as fast, so a minute takes {minute} s, and waiting times are by its clock",
            order.factor
        ),
        format!(
            "all of it takes about {} from the first upload on",
            span(u64::try_from(order.real(last + rest).as_millis()).unwrap_or(0))
        ),
    ] {
        terminal.wrapped_detail(&line);
    }
}
