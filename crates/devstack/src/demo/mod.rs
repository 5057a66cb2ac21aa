//! `make demo`: uploads documents and shows the progress and the result of each.

mod result;
mod summary;
mod uploads;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use crate::child_processes::ChildProcesses;
use crate::model::{ContainerUrl, Model};
use crate::run_dir::RunDir;
use crate::stack::{Stack, StackOptions, read_pipelines};
use crate::watch::{
    Board, BoardChange, BoardView, DocumentStatus, ExpectedOutcome, Style, Terminal,
    UploadSchedule, UploadWorkload, printable, size, start_stack, watch,
};
use uploads::TENANT;

/// Pause between two uploads of the samples, so that the viewer sees the endpoint scale out for the first one.
const UPLOAD_PAUSE: Duration = Duration::from_millis(500);
/// Larger results are not summarized.
const MAX_RESULT_BYTES: i64 = 4 * 1024 * 1024;

/// Runs the demo with the samples, or with the given files and folders; with the reference model, or with the given
/// container. Returns whether every job ended as expected. Writes the result as JSON to standard output, everything else
/// to standard error.
///
/// # Errors
/// The container is not ready, the stack does not start or ends unexpectedly, or a file cannot be uploaded.
pub async fn run(
    paths: &[PathBuf],
    container: Option<ContainerUrl>,
    dir: &RunDir,
    children: &ChildProcesses,
) -> Result<bool> {
    // First, because a path may be invalid.
    let pipelines = read_pipelines()?;
    let mut uploads = if paths.is_empty() {
        uploads::samples(&pipelines)?
    } else {
        uploads::user_files(paths, &pipelines)?
    };
    let options = match container {
        Some(url) => {
            url.check_ready().await?;
            // The container decides which documents fail.
            for upload in &mut uploads {
                upload.expected = ExpectedOutcome::Any;
            }
            StackOptions::with_container(url)
        }
        None => StackOptions::DEMO,
    };
    let model = options.model.clone();
    let mut terminal = Terminal::new();
    let (stack, web_server) = start_stack(&mut terminal, options, dir, children).await?;
    let pause = if paths.is_empty() {
        UPLOAD_PAUSE
    } else {
        Duration::ZERO
    };
    let workload = UploadWorkload {
        uploads,
        schedule: UploadSchedule::OneByOne { pause },
        tenants: vec![TENANT.to_owned()],
        time_limit: None,
    };
    let board = watch(&mut terminal, &stack, workload, &mut DemoView).await?;
    if let (false, Model::Container(url)) = (board.is_done(), model)
        && let Err(error) = url.check_ready().await
    {
        terminal.line(&error.to_string());
    }
    let summary = summary::summarize(&mut terminal, &board);
    terminal.line(&terminal.paint(Style::Dim, "stopping the stack"));
    drop(web_server);
    stack.stop().await;
    summary::print(&summary.result)?;
    Ok(summary.all_as_expected)
}

/// Shows every document with a summary of its result.
struct DemoView;

impl BoardView for DemoView {
    async fn on_change(
        &mut self,
        terminal: &mut Terminal,
        stack: &Stack,
        board: &Board,
        change: &BoardChange,
    ) {
        terminal.show_change(board, change);
        if let BoardChange::Document(index) = change {
            show_result(terminal, stack, board, *index).await;
        }
    }

    fn draw(&mut self, terminal: &mut Terminal, board: &Board) {
        terminal.draw_board(board);
    }
}

/// Reads the result of a document and shows a summary.
async fn show_result(terminal: &mut Terminal, stack: &Stack, board: &Board, index: usize) {
    let document = &board.documents[index];
    let (DocumentStatus::Ready, Some(output)) = (&document.status, &document.output) else {
        return;
    };
    let lines = match summarize_result(stack, output).await {
        Ok(lines) => lines,
        Err(error) => vec![format!("cannot read {output}: {error:#}")],
    };
    for line in lines {
        terminal.detail(&line);
    }
}

async fn summarize_result(stack: &Stack, output: &str) -> Result<Vec<String>> {
    let location: jobs::id::Location = output.parse()?;
    let object = stack
        .cloud
        .s3
        .get_object()
        .bucket(location.bucket)
        .key(location.key)
        .send()
        .await?;
    let length = object.content_length.unwrap_or(0);
    let size = size(u64::try_from(length).unwrap_or(0));
    let content_type = object.content_type.clone().unwrap_or_default();
    // Without parameters such as a charset.
    let content_type = content_type.split(';').next().unwrap_or_default().trim();
    if !content_type.eq_ignore_ascii_case("application/json") || length > MAX_RESULT_BYTES {
        let description = match content_type {
            "application/pdf" => "a searchable PDF".to_owned(),
            "" => "a result without content type".to_owned(),
            other => printable(other),
        };
        return Ok(vec![format!("{description}, {size}: {output}")]);
    }
    let result: Value = serde_json::from_slice(&object.body.collect().await?.into_bytes())?;
    let lines = result::summary_lines(&result);
    Ok(if lines.is_empty() {
        vec![format!("{size} of JSON: {output}")]
    } else {
        lines
    })
}
