//! Uploads documents to a local stack and shows the progress of each job. Used by the demo and the live replay.

mod board;
mod display;
mod document;
mod planned_upload;
mod terminal;
mod text;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use futures_util::future::select_all;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::child_processes::ChildProcesses;
use crate::push_client::{PushClient, PushMessage, ReceivedPush};
use crate::run_dir::RunDir;
use crate::stack::{Stack, StackOptions};
use crate::test_users::TEST_PASSWORD;
use crate::upload::upload;
use crate::web_server::{WEB_APP_NOT_BUILT, WebServer};

pub(crate) use board::{Board, BoardChange};
pub(crate) use display::unexpected_outcome;
pub(crate) use document::{DocumentStatus, TrackedDocument};
pub(crate) use planned_upload::{ExpectedOutcome, PlannedUpload, find_pdfs, printable};
pub(crate) use terminal::{Style, Terminal};
pub(crate) use text::{fit, size};

/// How often the live area is drawn.
const REDRAW_INTERVAL: Duration = Duration::from_millis(120);
/// How often the clients request a snapshot, which makes up for lost pushes.
const SYNC_INTERVAL: Duration = Duration::from_secs(10);
/// How long the board may stay unchanged, except while a job waits for a retry or an invocation is running.
const STALL_TIMEOUT: Duration = Duration::from_secs(180);
/// While an invocation is running, how long the board may stay unchanged beyond the invocation's timeout.
const STALL_TIMEOUT_AFTER_INVOCATION: Duration = Duration::from_secs(60);

/// When the documents are uploaded.
#[derive(Clone, Debug)]
pub(crate) enum UploadSchedule {
    /// One after another, with this pause in between.
    OneByOne { pause: Duration },
    /// Each this long after the start, independent of the others.
    AtOffsets(Vec<Duration>),
}

pub(crate) trait BoardView {
    /// Called after each change.
    async fn on_change(
        &mut self,
        terminal: &mut Terminal,
        stack: &Stack,
        board: &Board,
        change: &BoardChange,
    );
    /// Draws the live area; called several times a second.
    fn draw(&mut self, terminal: &mut Terminal, board: &Board);
}

/// The documents to upload and watch.
#[derive(Clone, Debug)]
pub(crate) struct UploadWorkload {
    pub(crate) uploads: Vec<PlannedUpload>,
    pub(crate) schedule: UploadSchedule,
    /// The tenants whose pushes are received: at least those of the documents.
    pub(crate) tenants: Vec<String>,
    /// After this time, jobs that are still open count as lost.
    pub(crate) time_limit: Option<Duration>,
}

/// Starts a stack and the web server, and shows the steps.
///
/// # Errors
/// The message names the part that did not start.
pub(crate) async fn start_stack(
    terminal: &mut Terminal,
    options: StackOptions,
    dir: &RunDir,
    children: &ChildProcesses,
) -> Result<(Stack, Option<WebServer>)> {
    let stack = show_start(terminal, options, dir, children).await?;
    let web_server = WebServer::start(&stack.outputs, &stack.cloud.url).await?;
    let web_app = web_server.as_ref().map_or_else(
        || format!("web app: {WEB_APP_NOT_BUILT}"),
        |server| {
            format!(
                "web app while this runs: {} (reviewer@acme.example, password {TEST_PASSWORD})",
                server.url
            )
        },
    );
    terminal.line(&terminal.paint(Style::Dim, &web_app));
    Ok((stack, web_server))
}

/// Starts a stack and shows the steps.
async fn show_start(
    terminal: &mut Terminal,
    options: StackOptions,
    dir: &RunDir,
    children: &ChildProcesses,
) -> Result<Stack> {
    let (sender, mut steps) = mpsc::unbounded_channel::<String>();
    let progress: crate::ProgressCallback = Arc::new(move |step: &str| {
        sender.send(step.to_owned()).ok();
    });
    let mut starting = std::pin::pin!(Stack::start(options, dir, children, &progress));
    let mut redraw = tokio::time::interval(REDRAW_INTERVAL);
    let mut current: Option<StartStep> = None;
    loop {
        tokio::select! {
            biased;
            Some(step) = steps.recv() => {
                finish_step(terminal, current.take());
                if !terminal.is_live() {
                    terminal.line(&step);
                }
                current = Some(StartStep::new(step));
            }
            stack = &mut starting => {
                terminal.clear();
                let stack = stack?;
                finish_step(terminal, current);
                // Steps that were reported just before the end.
                while let Ok(step) = steps.try_recv() {
                    if terminal.is_live() {
                        finish_step(terminal, Some(StartStep::new(step)));
                    } else {
                        terminal.line(&step);
                    }
                }
                return Ok(stack);
            }
            _ = redraw.tick() => if let Some(step) = &current {
                let spinner = terminal.paint(Style::Cyan, &terminal.spinner().to_string());
                let duration = format!("{:.0} s", step.started_at.elapsed().as_secs_f64());
                let line = step_line(terminal, &spinner, &step.text, &duration);
                terminal.draw(&[line]);
            }
        }
    }
}

struct StartStep {
    text: String,
    started_at: Instant,
}

impl StartStep {
    fn new(text: String) -> Self {
        Self {
            text,
            started_at: Instant::now(),
        }
    }
}

fn finish_step(terminal: &mut Terminal, step: Option<StartStep>) {
    if let (true, Some(step)) = (terminal.is_live(), step) {
        let mark = terminal.paint(Style::Green, "✓");
        let duration = format!("{:.1} s", step.started_at.elapsed().as_secs_f64());
        let line = step_line(terminal, &mark, &step.text, &duration);
        terminal.line(&line);
    }
}

/// A step and its duration, in one line of the terminal.
fn step_line(terminal: &Terminal, mark: &str, step: &str, duration: &str) -> String {
    // The mark, three spaces, and one empty column.
    let step_columns = terminal.columns().saturating_sub(duration.len() + 5);
    let duration = terminal.paint(Style::Dim, duration);
    format!("{mark} {}  {duration}", fit(step, step_columns))
}

struct UploadProgress {
    /// The index of the document.
    index: usize,
    sent_bytes: u64,
    uploaded_at: Option<Instant>,
}

/// Uploads all documents and shows the board until every job has ended, nothing changes any more, or the time limit is
/// reached.
///
/// # Errors
/// A part of the stack ends unexpectedly, or a file cannot be uploaded.
pub(crate) async fn watch(
    terminal: &mut Terminal,
    stack: &Stack,
    workload: UploadWorkload,
    view: &mut impl BoardView,
) -> Result<Board> {
    let mut clients = Vec::new();
    for tenant in &workload.tenants {
        clients.push(stack.open_push_client(tenant).await?);
    }
    let mut events = timestamped_events(stack);
    let mut board = Board::new(workload.uploads.clone(), &stack.outputs.jobs_bucket_name);
    let (sender, mut upload_progress) = mpsc::unbounded_channel();
    let uploader = Uploader {
        s3: stack.cloud.s3.clone(),
        bucket: stack.outputs.jobs_bucket_name.clone(),
        sender,
    };
    let mut uploads = uploader.start(workload.uploads, workload.schedule);
    terminal.line("");

    let mut redraw = tokio::time::interval(REDRAW_INTERVAL);
    let mut sync = tokio::time::interval(SYNC_INTERVAL);
    sync.reset(); // opening a client has just requested a snapshot
    let started_at = Instant::now();
    let mut last_change = started_at;
    while !board.is_done() {
        let mut changes = Vec::new();
        tokio::select! {
            biased;
            reason = stack.failed() => bail!("a part of the stack ended unexpectedly: {reason}"),
            Some((event, at)) = events.recv() => changes.extend(board.record_event(&event, at)),
            (index, message) = next_message(&mut clients) => match message {
                Some(message) => changes.extend(record_message(&mut board, &message)),
                None => clients[index] = stack
                    .open_push_client(&workload.tenants[index])
                    .await
                    .context("cannot reconnect the WebSocket")?,
            },
            Some(UploadProgress { index, sent_bytes, uploaded_at }) = upload_progress.recv() => {
                changes.extend(board.record_upload(index, sent_bytes, uploaded_at));
            }
            Some(done) = uploads.join_next() => done??,
            _ = sync.tick() => for client in &mut clients {
                client.sync().await?;
            },
            _ = redraw.tick() => view.draw(terminal, &board),
        }
        for change in &changes {
            last_change = Instant::now();
            view.on_change(terminal, stack, &board, change).await;
        }
        if let Some(reason) =
            reason_to_stop(&board, stack, last_change, started_at, workload.time_limit)
        {
            terminal.line(&reason);
            break;
        }
    }
    terminal.clear();
    for client in clients {
        client.close().await;
    }
    Ok(board)
}

/// Why to stop although jobs are still open.
fn reason_to_stop(
    board: &Board,
    stack: &Stack,
    last_change: Instant,
    started_at: Instant,
    time_limit: Option<Duration>,
) -> Option<String> {
    let any =
        |wanted: fn(&DocumentStatus) -> bool| board.documents.iter().any(|d| wanted(&d.status));
    let stall_timeout = if any(|status| matches!(status, DocumentStatus::Running { .. })) {
        STALL_TIMEOUT.max(stack.max_invocation_time + STALL_TIMEOUT_AFTER_INVOCATION)
    } else {
        STALL_TIMEOUT
    };
    if last_change.elapsed() > stall_timeout
        && !any(|status| matches!(status, DocumentStatus::RetryScheduled { .. }))
    {
        return Some(format!(
            "stopping: nothing has changed for {} s",
            stall_timeout.as_secs()
        ));
    }
    let time_limit = time_limit.filter(|limit| started_at.elapsed() > *limit)?;
    Some(format!(
        "stopping: the time limit of {} s is reached",
        time_limit.as_secs()
    ))
}

/// The next message of any client, and the client's index. `None`: the client's connection is closed.
async fn next_message(clients: &mut [PushClient]) -> (usize, Option<ReceivedPush>) {
    let messages = clients.iter_mut().map(|client| Box::pin(client.next()));
    let (message, index, _) = select_all(messages).await;
    (index, message)
}

/// The endpoints' events with their time of arrival, which does not depend on how busy the display is.
fn timestamped_events(
    stack: &Stack,
) -> mpsc::UnboundedReceiver<(async_endpoint::server::EndpointEvent, Instant)> {
    let mut events = stack.endpoint_events();
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            match events.recv().await {
                Ok(event) => {
                    if sender.send((event, Instant::now())).is_err() {
                        return;
                    }
                }
                // Some events are missing; the pushes have all final states.
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            }
        }
    });
    receiver
}

fn record_message(board: &mut Board, message: &ReceivedPush) -> Vec<BoardChange> {
    match &message.frame {
        PushMessage::JobChanged { job } => board.record_job(job, message.at).into_iter().collect(),
        PushMessage::Snapshot { jobs, .. } => jobs
            .iter()
            .filter_map(|job| board.record_job(job, message.at))
            .collect(),
        PushMessage::Error { .. } => vec![],
    }
}

#[derive(Clone)]
struct Uploader {
    s3: aws_sdk_s3::Client,
    bucket: String,
    sender: mpsc::UnboundedSender<UploadProgress>,
}

impl Uploader {
    async fn upload(&self, index: usize, planned: &PlannedUpload) -> Result<()> {
        let report = |sent_bytes, uploaded_at| {
            let progress = UploadProgress {
                index,
                sent_bytes,
                uploaded_at,
            };
            self.sender.send(progress).ok();
        };
        report(0, None);
        let on_progress = |sent_bytes| report(sent_bytes, None);
        upload(
            &self.s3,
            &self.bucket,
            &planned.key,
            &planned.path,
            on_progress,
        )
        .await?;
        report(planned.bytes, Some(Instant::now()));
        Ok(())
    }

    /// Starts the uploads. Dropping the result stops them.
    fn start(self, planned: Vec<PlannedUpload>, schedule: UploadSchedule) -> JoinSet<Result<()>> {
        let mut uploads = JoinSet::new();
        match schedule {
            UploadSchedule::OneByOne { pause } => {
                uploads.spawn(async move {
                    for (index, upload) in planned.iter().enumerate() {
                        self.upload(index, upload).await?;
                        tokio::time::sleep(pause).await;
                    }
                    Ok(())
                });
            }
            UploadSchedule::AtOffsets(offsets) => {
                let started_at = tokio::time::Instant::now();
                for ((index, upload), offset) in planned.into_iter().enumerate().zip(offsets) {
                    let uploader = self.clone();
                    uploads.spawn(async move {
                        tokio::time::sleep_until(started_at + offset).await;
                        uploader.upload(index, &upload).await
                    });
                }
            }
        }
        uploads
    }
}
