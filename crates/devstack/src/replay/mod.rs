//! `make replay LIVE=1`: replays the first bursts of a business day on the local stack and compares the result with the
//! simulation's forecast.
//!
//! `planner live-plan` plans each upload's time and how long the model takes for it ([`LivePlan`]). This module sends the
//! uploads through the zips that ship, the emulated cloud, and the local asynchronous endpoints with the reference model.
//! The endpoints' clock runs faster than real time, and the planner cut long gaps between bursts.

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
pub use plan::{BurstForecast, LivePlan, LiveUpload};
use viewer::{BurstViewer, duration};

/// The replay ends this long after the last upload even if jobs are open. The last burst needs less than a minute of
/// real time. The replay does not wait for a retry after half an hour.
const MAX_WAIT_AFTER_LAST_UPLOAD: Duration = Duration::from_secs(300);

/// The pipeline of the warm-up document. No scenario uses it, so the document is in no count.
const WARM_UP_PIPELINE: &str = "doc-understanding";
const WARM_UP_TENANT: &str = "warm-up";
const WARM_UP_TIMEOUT: Duration = Duration::from_secs(300);

/// Replays a plan and returns whether every document became ready. Writes the result as JSON to standard output and
/// everything else to standard error.
///
/// # Errors
/// The stack does not start or stops early, or a file cannot be read, written or uploaded.
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
            ocr: false,
            min_durations: Some(documents.model_durations),
        },
        ..StackOptions::DEMO
    };
    let mut terminal = Terminal::new();
    show_introduction(&mut terminal, &plan, &pipeline.endpoint);
    let (stack, site) = start_stack(&mut terminal, options, dir, children).await?;

    warm_up(&mut terminal, &stack).await?;

    let offsets: Vec<Duration> = plan
        .uploads
        .iter()
        .map(|upload| plan.to_real(upload.after_ms))
        .collect();
    let last_upload = offsets.iter().max().copied().unwrap_or_default();
    let workload = watch::UploadWorkload {
        uploads: documents.uploads,
        schedule: UploadSchedule::AtOffsets(offsets),
        tenants: documents.tenants,
        time_limit: Some(last_upload + MAX_WAIT_AFTER_LAST_UPLOAD),
    };
    let counter = BurstCounter::new(&plan, &pipeline.endpoint);
    let mut viewer = BurstViewer::new(counter, plan);
    let board = watch(&mut terminal, &stack, workload, &mut viewer).await?;
    let all_ready = viewer.show_summary(&mut terminal, &board);
    terminal.line(&terminal.paint(Style::Dim, "stopping"));
    drop(site);
    stack.stop().await;
    viewer.print_result(&board)?;
    Ok(all_ready)
}

/// Sends one document through another pipeline, so that all functions have started before the first burst. The emulator
/// takes seconds to start a function for the first time, which are minutes by the endpoints' clock. On AWS, a function's
/// cold start takes a tenth of a second.
async fn warm_up(terminal: &mut Terminal, stack: &Stack) -> Result<()> {
    terminal.line(&terminal.paint(
        Style::Dim,
        &format!("warm-up: one document through {WARM_UP_PIPELINE}, which starts the functions"),
    ));
    let pipeline = stack.pipelines.get(WARM_UP_PIPELINE);
    let pipeline = pipeline.with_context(|| format!("there is no pipeline {WARM_UP_PIPELINE}"))?;
    let bucket = &stack.outputs.jobs_bucket_name;
    let key = format!("{}{WARM_UP_TENANT}/first.pdf", pipeline.prefix);
    let sample = repo::file("samples/contracts/consulting-agreement.pdf");
    let mut client = stack.open_push_client(WARM_UP_TENANT).await?;
    upload(&stack.cloud.s3, bucket, &key, &sample, |_| ()).await?;
    let id = JobId::of_key(bucket, &key).to_string();
    let ended = tokio::select! {
        failure = stack.failed() => bail!("a part of the stack failed: {failure}"),
        ended = tokio::time::timeout(WARM_UP_TIMEOUT, client.wait_until_ended(&id)) => ended,
    };
    client.close().await;
    match ended {
        Ok(Some(job)) if job.status == "Ready" => Ok(()),
        Ok(job) => bail!("the warm-up document did not become ready: {job:?}"),
        Err(_) => bail!(
            "the warm-up document did not become ready within {} s",
            WARM_UP_TIMEOUT.as_secs()
        ),
    }
}

/// Shows what is replayed, and how it differs from the whole day.
fn show_introduction(terminal: &mut Terminal, plan: &LivePlan, endpoint: &str) {
    let documents = &plan.documents_name;
    let last_upload_ms = plan.uploads.last().map_or(0, |upload| upload.after_ms);
    let last_wait_ms = plan.forecast.last().map_or(0, |burst| burst.wait_max_ms);
    let total = plan.to_real(last_upload_ms + last_wait_ms);
    let title = format!(
        "{}, live: {} of its {} {documents} in {} bursts, through {endpoint}",
        plan.scenario,
        plan.uploads.len(),
        plan.documents_per_day,
        plan.forecast.len(),
    );
    terminal.line(&terminal.paint(Style::Bold, &title));
    let minute_s = plan.to_real(60_000).as_secs_f64();
    for line in [
        format!(
            "they arrive at the same times as in `make replay` (seed {}), but gaps between bursts are at most {}",
            plan.seed,
            duration(plan.max_gap_ms)
        ),
        format!(
            "an invocation takes as long as there; the {documents} are copies of the samples, each with distinct bytes"
        ),
        format!(
            "the endpoint's clock runs {} times as fast, so a minute takes {minute_s} s, and waiting times are by its clock",
            plan.time_factor
        ),
        format!(
            "the replay takes about {} from the first upload",
            duration(u64::try_from(total.as_millis()).unwrap_or(0))
        ),
    ] {
        terminal.wrapped_detail(&line);
    }
}
