//! `make replay LIVE=1`: the first bursts of a business day on the local stack, compared with the simulation's forecast.
//!
//! `planner live-plan` decides what is uploaded when and how long the model takes for it ([`LivePlan`]). Here the
//! uploads go through the zips that ship, the emulated cloud, and the local asynchronous endpoints with the reference
//! model. The endpoints' clock runs faster than real time, and long gaps between bursts are cut.

mod counts;
mod documents;
mod plan;
mod viewer;

use std::time::Duration;

use anyhow::{Context, Result, bail};
use jobs::id::JobId;

use crate::child_processes::ChildProcesses;
use crate::model::Model;
use crate::repo;
use crate::run_dir::RunDir;
use crate::stack::{Stack, StackOptions, read_pipelines};
use crate::upload::upload;
use crate::watch::{self, Style, Terminal, UploadSchedule, start_stack, watch};
use counts::BurstCounter;
pub use plan::LivePlan;
use viewer::{BurstViewer, span};

/// How long after the last upload the replay ends even if jobs are open. The last burst needs less than a minute; a
/// retry after half an hour is not waited for.
const MAX_WAIT_AFTER_LAST_UPLOAD: Duration = Duration::from_secs(300);

/// The pipeline of the first document, which is not counted: no scenario uses it.
const WARM_UP: &str = "doc-understanding";
const WARM_UP_TENANT: &str = "warm-up";
const WARM_UP_TIMEOUT: Duration = Duration::from_secs(300);

/// Carries out a plan. Returns whether every document became ready. Writes the result as JSON to standard output, and
/// everything else to standard error.
///
/// # Errors
/// The stack does not start or stops early, or a file cannot be written or uploaded.
pub async fn run(plan: LivePlan, dir: &RunDir, children: &ChildProcesses) -> Result<bool> {
    let name = &plan.pipeline;
    let pipelines = read_pipelines()?;
    let pipeline = pipelines
        .get(name)
        .with_context(|| format!("there is no pipeline {name}"))?;
    let documents = documents::write(dir.path(), &plan)?;
    let options = StackOptions {
        time_factor: plan.time_factor,
        model: Model::Reference {
            delay: Duration::ZERO,
            min_durations: Some(documents.model_times),
        },
        ..StackOptions::DEMO
    };
    let mut terminal = Terminal::new();
    explain(&mut terminal, &plan, &pipeline.endpoint);
    let (stack, site) = start_stack(&mut terminal, options, dir, children).await?;

    warm_up(&mut terminal, &stack).await?;

    let times: Vec<Duration> = plan
        .uploads
        .iter()
        .map(|upload| plan.real(upload.after_ms))
        .collect();
    let limit = times.iter().max().copied().unwrap_or_default() + MAX_WAIT_AFTER_LAST_UPLOAD;
    let watched = watch::UploadWorkload {
        uploads: documents.plans,
        schedule: UploadSchedule::AtOffsets(times),
        tenants: documents.tenants,
        time_limit: Some(limit),
    };
    let counter = BurstCounter::new(&plan, &pipeline.endpoint);
    let mut viewer = BurstViewer::new(counter, plan);
    let board = watch(&mut terminal, &stack, watched, &mut viewer).await?;
    let all_ready = viewer.show_summary(&mut terminal, &board);
    terminal.line(&terminal.paint(Style::Dim, "stopping"));
    drop(site);
    stack.stop().await;
    viewer.print(&board)?;
    Ok(all_ready)
}

/// Sends a document through another pipeline. The emulator takes seconds to start a function for the first time, which
/// are minutes by the endpoints' clock; on AWS a cold start is a tenth of a second.
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
        ended = tokio::time::timeout(WARM_UP_TIMEOUT, page.wait_until_ended(&id)) => ended,
    };
    page.close().await;
    match ended {
        Ok(Some(job)) if job.status == "Ready" => Ok(()),
        Ok(job) => bail!("the first document is not ready: {job:?}"),
        Err(_) => bail!(
            "the first document is not ready after {} s",
            WARM_UP_TIMEOUT.as_secs()
        ),
    }
}

/// Shows what is replayed, and how it differs from the whole day.
fn explain(terminal: &mut Terminal, plan: &LivePlan, endpoint: &str) {
    let many = &plan.documents_name;
    let last = plan.uploads.last().map_or(0, |upload| upload.after_ms);
    let rest = plan.forecast.last().map_or(0, |burst| burst.wait_max_ms);
    let title = format!(
        "{}, live: {} of its {} {many} in {} bursts, through {endpoint}",
        plan.scenario,
        plan.uploads.len(),
        plan.documents_per_day,
        plan.forecast.len(),
    );
    terminal.line(&terminal.paint(Style::Bold, &title));
    let minute = plan.real(60_000).as_secs_f64();
    for line in [
        format!(
            "they arrive as in `make replay` (seed {}), but gaps between bursts are cut to {}",
            plan.seed,
            span(plan.max_gap_ms)
        ),
        format!(
            "a run takes as long as there; the {many} are the samples, each with its own bytes"
        ),
        format!(
            "the endpoint's clock runs {} times as fast, so a minute takes {minute} s, and waiting times are by its clock",
            plan.time_factor
        ),
        format!(
            "the replay takes about {} from the first upload on",
            span(u64::try_from(plan.real(last + rest).as_millis()).unwrap_or(0))
        ),
    ] {
        terminal.wrapped_detail(&line);
    }
}
