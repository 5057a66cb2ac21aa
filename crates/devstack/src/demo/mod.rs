//! `make demo`: real documents go in, and one sees what becomes of each.

mod answer;
mod plan;
mod summary;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use crate::children::Children;
use crate::model::{ContainerUrl, Model};
use crate::run_dir::RunDir;
use crate::stack::{Options, Stack, read_pipelines};
use crate::watch::{
    Board, Expect, News, Order, Pace, Phase, Screen, Style, Viewer, open, printable, size, watch,
};
use plan::TENANT;

/// Between two uploads of the samples: so that one sees the first wake the endpoint and the others join.
const STAGGER: Duration = Duration::from_millis(500);
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
    let (stack, site) = open(&mut screen, options, dir, children).await?;
    let order = Order {
        plans,
        pace: Pace::Apart(if paths.is_empty() {
            STAGGER
        } else {
            Duration::ZERO
        }),
        tenants: vec![TENANT.to_owned()],
        limit: None,
    };
    let board = watch(&mut screen, &stack, order, &mut Demo).await?;
    if let (false, Model::Container(url)) = (board.is_done(), model)
        && let Err(error) = url.check().await
    {
        screen.line(&error.to_string());
    }
    let summary = summary::sum_up(&mut screen, &board);
    screen.line(&screen.paint(Style::Dim, "stopping"));
    drop(site);
    stack.stop().await;
    summary::print(&summary.result)?;
    Ok(summary.right)
}

/// Shows every document and what its result says.
struct Demo;

impl Viewer for Demo {
    async fn tell(&mut self, screen: &mut Screen, stack: &Stack, board: &Board, news: &News) {
        screen.news(board, news);
        if let News::Document(at) = news {
            show_answer(screen, stack, board, *at).await;
        }
    }

    fn draw(&mut self, screen: &mut Screen, board: &Board) {
        screen.show(board);
    }
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
    let size = size(u64::try_from(length).unwrap_or(0));
    let kind = object.content_type.clone().unwrap_or_default();
    // Without parameters such as a charset.
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") || length > MAX_ANSWER {
        let what = match kind {
            "application/pdf" => "a searchable PDF".to_owned(),
            "" => "an answer without a type".to_owned(),
            other => printable(other),
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
