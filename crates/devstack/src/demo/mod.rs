//! `make demo`: real documents go in, and one sees what becomes of each.

mod answer;
mod board;
mod plan;
mod screen;
mod show;
mod summary;
mod text;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::children::Children;
use crate::model::{ContainerUrl, Model};
use crate::page::{Arrival, Frame};
use crate::run_dir::RunDir;
use crate::sign_ins::PASSWORD;
use crate::site::{NOT_BUILT, Site};
use crate::stack::{Options, Stack, read_pipelines};
use crate::upload::upload;
use board::{Board, News, Phase};
use plan::{Expect, Plan, TENANT};
pub(crate) use screen::{Screen, Style};

/// Between two uploads of the samples: so that one sees the first wake the endpoint and the others join.
const STAGGER: Duration = Duration::from_millis(500);
/// Between two pictures.
const TICK: Duration = Duration::from_millis(120);
/// Between two questions of the page for a snapshot: a lost push is made up for by then.
const SYNC: Duration = Duration::from_secs(10);
/// How long nothing may happen, beside waiting for a retry and for a model at work.
const QUIET: Duration = Duration::from_secs(180);
/// By how much longer than one document may take the demo waits for a model at work: its end is news then.
const QUIET_AFTER_RUN: Duration = Duration::from_secs(60);
/// Answers larger than this are not read for a line or two.
const MAX_ANSWER: i64 = 4 * 1024 * 1024;

/// Runs the demo on the samples, or on the given files and folders; with the reference model, or with the given
/// container. True: every job ended as it should. Writes the result as JSON to standard output, everything else to
/// standard error.
///
/// # Errors
/// The container is not ready, the stack does not start or breaks down, or a file cannot be uploaded.
pub async fn run(
    paths: &[PathBuf],
    container: Option<ContainerUrl>,
    dir: &RunDir,
    children: &Children,
) -> Result<bool> {
    // Before anything is started: a path may be wrong.
    let pipelines = read_pipelines()?;
    let mut plans = if paths.is_empty() {
        plan::samples(&pipelines)?
    } else {
        plan::own(paths, &pipelines)?
    };
    let options = match container {
        Some(url) => {
            url.check().await?;
            // What it makes of a document is its own affair.
            for plan in &mut plans {
                plan.expect = Expect::Anything;
            }
            Options::with_container(url)
        }
        None => Options::DEMO,
    };
    let model = options.model.clone();
    let mut screen = Screen::new().await;
    let stack = start(&mut screen, options, dir, children).await?;
    let site = Site::start(&stack.outputs, &stack.cloud.url).await?;
    let page = site.as_ref().map_or_else(
        || NOT_BUILT.to_owned(),
        |site| {
            format!(
                "while this runs, the page is {} (reviewer@{TENANT}.example, password {PASSWORD})",
                site.url
            )
        },
    );
    screen.line(&screen.paint(Style::Dim, &page));
    let stagger = if paths.is_empty() {
        STAGGER
    } else {
        Duration::ZERO
    };
    let board = watch(&mut screen, &stack, plans, stagger).await?;
    if let (false, Model::Container(url)) = (board.is_done(), model)
        && let Err(error) = url.check().await
    {
        screen.line(&error.to_string());
    }
    let summary = summary::sum_up(&mut screen, &board);
    screen.line(&screen.paint(Style::Dim, "stopping"));
    stack.stop().await;
    summary::print(&summary.result)?;
    Ok(summary.right)
}

/// Starts a stack and shows how far it is.
pub(crate) async fn start(
    screen: &mut Screen,
    options: Options,
    dir: &RunDir,
    children: &Children,
) -> Result<Stack> {
    let (sender, mut steps) = mpsc::unbounded_channel::<String>();
    let progress: crate::Progress = Arc::new(move |step: &str| {
        sender.send(step.to_owned()).ok();
    });
    let mut starting = std::pin::pin!(Stack::start(options, dir, children, &progress));
    let mut tick = tokio::time::interval(TICK);
    let mut now: Option<(String, Instant)> = None;
    loop {
        tokio::select! {
            biased;
            Some(step) = steps.recv() => {
                finish_step(screen, now.take());
                if !screen.is_live() {
                    screen.line(&step);
                }
                now = Some((step, Instant::now()));
            }
            stack = &mut starting => {
                screen.clear();
                let stack = stack?;
                finish_step(screen, now);
                // Steps that took no time.
                while let Ok(step) = steps.try_recv() {
                    if screen.is_live() {
                        finish_step(screen, Some((step, Instant::now())));
                    } else {
                        screen.line(&step);
                    }
                }
                return Ok(stack);
            }
            () = screen.resized() => {}
            _ = tick.tick() => if let Some((step, since)) = &now {
                let turn = screen.paint(Style::Cyan, &screen.spinner().to_string());
                let line = step_line(screen, &turn, step, &format!("{:.0} s", since.elapsed().as_secs_f64()));
                screen.draw(&[line]);
            }
        }
    }
}

fn finish_step(screen: &mut Screen, step: Option<(String, Instant)>) {
    if let (true, Some((step, since))) = (screen.is_live(), step) {
        let mark = screen.paint(Style::Green, "✓");
        let took = format!("{:.1} s", since.elapsed().as_secs_f64());
        let line = step_line(screen, &mark, &step, &took);
        screen.line(&line);
    }
}

/// A step and its time, in one line of the terminal.
fn step_line(screen: &Screen, mark: &str, step: &str, took: &str) -> String {
    // The mark, three blanks, and a column that stays free.
    let room = screen.columns().saturating_sub(took.len() + 5);
    let took = screen.paint(Style::Dim, took);
    format!("{mark} {}  {took}", text::fit(step, room))
}

/// What an upload tells.
struct Sent {
    at: usize,
    bytes: u64,
    done: Option<Instant>,
}

/// Uploads all documents and watches until every job has ended.
async fn watch(
    screen: &mut Screen,
    stack: &Stack,
    plans: Vec<Plan>,
    stagger: Duration,
) -> Result<Board> {
    let mut page = stack.open_page(TENANT).await?;
    let mut seen = stamped(stack);
    let mut board = Board::new(plans.clone(), &stack.outputs.jobs_bucket_name);
    let (sender, mut sent) = mpsc::unbounded_channel();
    let mut uploads = JoinSet::new();
    uploads.spawn(send_all(
        stack.cloud.s3.clone(),
        stack.outputs.jobs_bucket_name.clone(),
        plans,
        stagger,
        sender,
    ));
    screen.line("");

    let mut tick = tokio::time::interval(TICK);
    let mut sync = tokio::time::interval(SYNC);
    sync.reset(); // the page has just asked
    let mut last_news = Instant::now();
    while !board.is_done() {
        let mut news = Vec::new();
        tokio::select! {
            biased;
            why = stack.failed() => bail!("a part of the stack broke down: {why}"),
            Some((observation, at)) = seen.recv() => news.extend(board.seen(&observation, at)),
            arrival = page.next() => match arrival {
                Some(arrival) => news.extend(tell(&mut board, &arrival)),
                None => page = stack.open_page(TENANT).await.context("the page lost its connection")?,
            },
            Some(Sent { at, bytes, done }) = sent.recv() => news.extend(board.sent(at, bytes, done)),
            Some(done) = uploads.join_next() => done??,
            _ = sync.tick() => page.sync().await?,
            () = screen.resized() => {}
            _ = tick.tick() => screen.show(&board),
        }
        for item in &news {
            last_news = Instant::now();
            screen.news(&board, item);
            if let News::Document(at) = item {
                show_answer(screen, stack, &board, *at).await;
            }
        }
        let any = |wanted: fn(&Phase) -> bool| board.documents.iter().any(|d| wanted(&d.phase));
        let quiet = if any(|phase| matches!(phase, Phase::Running(_))) {
            QUIET.max(stack.longest_run + QUIET_AFTER_RUN)
        } else {
            QUIET
        };
        if last_news.elapsed() > quiet
            && !any(|phase| matches!(phase, Phase::RetryScheduled { .. }))
        {
            screen.line(&format!("nothing has happened for {} s", quiet.as_secs()));
            break;
        }
    }
    screen.clear();
    page.close().await;
    Ok(board)
}

/// Observations with the moment they were made, however busy the screen is.
fn stamped(
    stack: &Stack,
) -> mpsc::UnboundedReceiver<(async_endpoint::server::Observation, Instant)> {
    let mut observations = stack.observations();
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            match observations.recv().await {
                Ok(observation) => {
                    if sender.send((observation, Instant::now())).is_err() {
                        return;
                    }
                }
                // Some were missed: the page tells what counts.
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            }
        }
    });
    receiver
}

fn tell(board: &mut Board, arrival: &Arrival) -> Vec<News> {
    match &arrival.frame {
        Frame::JobChanged { job } => board.told(job, arrival.at).into_iter().collect(),
        Frame::Snapshot { jobs, .. } => jobs
            .iter()
            .filter_map(|job| board.told(job, arrival.at))
            .collect(),
        Frame::Error { .. } => vec![],
    }
}

async fn send_all(
    s3: aws_sdk_s3::Client,
    bucket: String,
    plans: Vec<Plan>,
    stagger: Duration,
    sender: mpsc::UnboundedSender<Sent>,
) -> Result<()> {
    for (at, plan) in plans.iter().enumerate() {
        let tell = |bytes, done| {
            sender.send(Sent { at, bytes, done }).ok();
        };
        tell(0, None);
        upload(&s3, &bucket, &plan.key, &plan.path, |bytes| {
            tell(bytes, None)
        })
        .await?;
        tell(plan.bytes, Some(Instant::now()));
        tokio::time::sleep(stagger).await;
    }
    Ok(())
}

/// Reads a result, as the page would on a click, and shows what it says.
async fn show_answer(screen: &mut Screen, stack: &Stack, board: &Board, at: usize) {
    let document = &board.documents[at];
    let (Phase::Ready, Some(output)) = (&document.phase, &document.output) else {
        return;
    };
    let lines = match read_answer(stack, output).await {
        Ok(lines) => lines,
        Err(error) => vec![format!("{output} cannot be shown: {error:#}")],
    };
    for line in lines {
        screen.detail(&line);
    }
}

async fn read_answer(stack: &Stack, output: &str) -> Result<Vec<String>> {
    let at: jobs::id::Location = output.parse()?;
    let object = stack
        .cloud
        .s3
        .get_object()
        .bucket(at.bucket)
        .key(at.key)
        .send()
        .await?;
    let length = object.content_length.unwrap_or(0);
    let size = text::size(u64::try_from(length).unwrap_or(0));
    let kind = object.content_type.clone().unwrap_or_default();
    // Without parameters such as a charset.
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") || length > MAX_ANSWER {
        let what = match kind {
            "application/pdf" => "a searchable PDF".to_owned(),
            "" => "an answer without a type".to_owned(),
            other => plan::printable(other),
        };
        return Ok(vec![format!("{what}, {size}: {output}")]);
    }
    let answer: Value = serde_json::from_slice(&object.body.collect().await?.into_bytes())?;
    let lines = answer::lines(&answer);
    Ok(if lines.is_empty() {
        vec![format!("{size} of JSON: {output}")]
    } else {
        lines
    })
}
