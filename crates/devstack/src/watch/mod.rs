//! Uploading documents to a local stack and watching what becomes of each: what the demo and the live replay share.

mod board;
mod plan;
mod screen;
mod show;
mod text;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use futures_util::future::select_all;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::children::Children;
use crate::page::{Arrival, Frame, Page};
use crate::run_dir::RunDir;
use crate::sign_ins::PASSWORD;
use crate::site::{NOT_BUILT, Site};
use crate::stack::{Options, Stack};
use crate::upload::upload;

pub(crate) use board::{Board, Document, News, Phase};
pub(crate) use plan::{Expect, Plan, pdfs, printable};
pub(crate) use screen::{Screen, Style};
pub(crate) use show::wrong;
pub(crate) use text::{fit, size};

/// Between two pictures.
const TICK: Duration = Duration::from_millis(120);
/// Between two questions of the pages for a snapshot: a lost push is made up for by then.
const SYNC: Duration = Duration::from_secs(10);
/// How long nothing may happen, beside waiting for a retry and for a model at work.
const QUIET: Duration = Duration::from_secs(180);
/// By how much longer than one document may take a model at work is waited for: its end is news then.
const QUIET_AFTER_RUN: Duration = Duration::from_secs(60);

/// When documents are uploaded.
#[derive(Clone, Debug)]
pub(crate) enum Pace {
    /// One after another, with so much time between two.
    Apart(Duration),
    /// Each so long after the beginning, whatever the others do.
    At(Vec<Duration>),
}

/// Who shows what happens.
pub(crate) trait Viewer {
    /// Something changed.
    async fn tell(&mut self, screen: &mut Screen, stack: &Stack, board: &Board, news: &News);
    /// Draws what is still under way; called several times a second.
    fn draw(&mut self, screen: &mut Screen, board: &Board);
}

/// What is to be watched.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    /// The documents.
    pub(crate) plans: Vec<Plan>,
    /// When each is uploaded.
    pub(crate) pace: Pace,
    /// Whose pages are looked at: at least those that documents belong to.
    pub(crate) tenants: Vec<String>,
    /// After that time what is open is given up.
    pub(crate) limit: Option<Duration>,
}

/// Starts a stack and the page, and shows how far it is.
///
/// # Errors
/// Says what did not start.
pub(crate) async fn open(
    screen: &mut Screen,
    options: Options,
    dir: &RunDir,
    children: &Children,
) -> Result<(Stack, Option<Site>)> {
    let stack = start(screen, options, dir, children).await?;
    let site = Site::start(&stack.outputs, &stack.cloud.url).await?;
    let page = site.as_ref().map_or_else(
        || NOT_BUILT.to_owned(),
        |site| {
            format!(
                "while this runs, the page is {} (reviewer@acme.example, password {PASSWORD})",
                site.url
            )
        },
    );
    screen.line(&screen.paint(Style::Dim, &page));
    Ok((stack, site))
}

/// Starts a stack and shows how far it is.
async fn start(
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
    format!("{mark} {}  {took}", fit(step, room))
}

/// What an upload tells.
struct Sent {
    at: usize,
    bytes: u64,
    done: Option<Instant>,
}

/// Uploads all documents and watches until every job has ended, until nothing happens any more, or until the limit.
///
/// # Errors
/// The stack breaks down, or a file cannot be uploaded.
pub(crate) async fn watch(
    screen: &mut Screen,
    stack: &Stack,
    order: Order,
    viewer: &mut impl Viewer,
) -> Result<Board> {
    let mut pages = Vec::new();
    for tenant in &order.tenants {
        pages.push(stack.open_page(tenant).await?);
    }
    let mut seen = stamped(stack);
    let mut board = Board::new(order.plans.clone(), &stack.outputs.jobs_bucket_name);
    let (sender, mut sent) = mpsc::unbounded_channel();
    let uploader = Uploader {
        s3: stack.cloud.s3.clone(),
        bucket: stack.outputs.jobs_bucket_name.clone(),
        sender,
    };
    let mut uploads = uploader.start(order.plans, order.pace);
    screen.line("");

    let mut tick = tokio::time::interval(TICK);
    let mut sync = tokio::time::interval(SYNC);
    sync.reset(); // the pages have just asked
    let began = Instant::now();
    let mut last_news = began;
    while !board.is_done() {
        let mut news = Vec::new();
        tokio::select! {
            biased;
            why = stack.failed() => bail!("a part of the stack broke down: {why}"),
            Some((observation, at)) = seen.recv() => news.extend(board.seen(&observation, at)),
            (at, arrival) = next(&mut pages) => match arrival {
                Some(arrival) => news.extend(tell(&mut board, &arrival)),
                None => pages[at] = stack.open_page(&order.tenants[at]).await.context("the page lost its connection")?,
            },
            Some(Sent { at, bytes, done }) = sent.recv() => news.extend(board.sent(at, bytes, done)),
            Some(done) = uploads.join_next() => done??,
            _ = sync.tick() => for page in &mut pages {
                page.sync().await?;
            },
            () = screen.resized() => {}
            _ = tick.tick() => viewer.draw(screen, &board),
        }
        for item in &news {
            last_news = Instant::now();
            viewer.tell(screen, stack, &board, item).await;
        }
        if let Some(why) = given_up(&board, stack, last_news, began, order.limit) {
            screen.line(&why);
            break;
        }
    }
    screen.clear();
    for page in pages {
        page.close().await;
    }
    Ok(board)
}

/// Why what is still open is waited for no longer.
fn given_up(
    board: &Board,
    stack: &Stack,
    last_news: Instant,
    began: Instant,
    limit: Option<Duration>,
) -> Option<String> {
    let any = |wanted: fn(&Phase) -> bool| board.documents.iter().any(|d| wanted(&d.phase));
    let quiet = if any(|phase| matches!(phase, Phase::Running(_))) {
        QUIET.max(stack.longest_run + QUIET_AFTER_RUN)
    } else {
        QUIET
    };
    if last_news.elapsed() > quiet && !any(|phase| matches!(phase, Phase::RetryScheduled { .. })) {
        return Some(format!("nothing has happened for {} s", quiet.as_secs()));
    }
    let limit = limit.filter(|limit| began.elapsed() > *limit)?;
    Some(format!(
        "after {} s nothing is waited for any longer",
        limit.as_secs()
    ))
}

/// The next frame of any page, and which page it is. `None`: that page's connection is gone.
async fn next(pages: &mut [Page]) -> (usize, Option<Arrival>) {
    let frames = pages.iter_mut().map(|page| Box::pin(page.next()));
    let (arrival, at, _) = select_all(frames).await;
    (at, arrival)
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

/// What an upload needs.
#[derive(Clone)]
struct Uploader {
    s3: aws_sdk_s3::Client,
    bucket: String,
    sender: mpsc::UnboundedSender<Sent>,
}

impl Uploader {
    async fn upload(&self, at: usize, plan: &Plan) -> Result<()> {
        let tell = |bytes, done| {
            self.sender.send(Sent { at, bytes, done }).ok();
        };
        tell(0, None);
        let sent = |bytes| tell(bytes, None);
        upload(&self.s3, &self.bucket, &plan.key, &plan.path, sent).await?;
        tell(plan.bytes, Some(Instant::now()));
        Ok(())
    }

    /// Begins. Dropping what it gives stops it.
    fn start(self, plans: Vec<Plan>, pace: Pace) -> JoinSet<Result<()>> {
        let mut uploads = JoinSet::new();
        match pace {
            Pace::Apart(gap) => {
                uploads.spawn(async move {
                    for (at, plan) in plans.iter().enumerate() {
                        self.upload(at, plan).await?;
                        tokio::time::sleep(gap).await;
                    }
                    Ok(())
                });
            }
            Pace::At(times) => {
                let began = tokio::time::Instant::now();
                for ((at, plan), after) in plans.into_iter().enumerate().zip(times) {
                    let uploader = self.clone();
                    uploads.spawn(async move {
                        tokio::time::sleep_until(began + after).await;
                        uploader.upload(at, &plan).await
                    });
                }
            }
        }
        uploads
    }
}
