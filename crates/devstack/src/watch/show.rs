//! The board on the screen.

use std::time::Instant;

use super::board::{Board, Capacity, Document, News, Phase};
use super::plan::printable;
use super::screen::{Screen, Style};
use super::text::{column, fit, size, text_width};

/// Columns of the names, at most.
const NAME: usize = 44;
/// From so many seconds on it is said how long the model has been at work.
const LONG_RUN: u64 = 10;

impl Screen {
    /// Tells what changed.
    pub(crate) fn news(&mut self, board: &Board, news: &News) {
        match news {
            News::Document(at) => {
                let document = &board.documents[*at];
                if document.phase.is_final() {
                    self.ended(document);
                } else if !self.is_live() {
                    let text = format!(
                        "{}  {}",
                        column(&document.plan.name, NAME),
                        phase(document, board)
                    );
                    self.line(&text);
                }
            }
            News::Endpoint(name) if !self.is_live() => {
                let text = format!(
                    "{}  {}",
                    column(&format!("endpoint {name}"), NAME),
                    capacity(board, name)
                );
                self.line(&text);
            }
            News::Endpoint(_) => {}
        }
    }

    fn ended(&mut self, document: &Document) {
        let name = column(&document.plan.name, self.name_columns());
        let (mark, style) = match (document.is_right(), &document.phase) {
            (true, Phase::Ready) => ("✓", Style::Green),
            (true, _) => ("✓", Style::Yellow),
            (false, _) => ("✗", Style::Red),
        };
        let took = document.took.map_or_else(String::new, |took| {
            format!(" after {:.1} s", took.as_secs_f64())
        });
        let word = match &document.phase {
            Phase::Ready => "ready",
            Phase::Failed { .. } => "failed",
            _ => "cancelled",
        };
        let pipeline = &document.plan.pipeline;
        let text = if self.is_live() {
            // What does not fit is left out.
            let end = format!("{word}{took}  {pipeline}");
            let used = text_width(&name) + 4;
            let pipeline = if used + text_width(&end) < self.columns() {
                self.paint(Style::Dim, pipeline)
            } else {
                String::new()
            };
            let mark = self.paint(style, mark);
            let name = self.paint(Style::Bold, &name);
            let word = self.paint(style, word);
            format!("{mark} {name}  {word}{took}  {pipeline}")
        } else {
            format!("{name}  {word}{took}  {pipeline}")
        };
        self.line(&text);
        if let Phase::Failed { cause, detail } = &document.phase {
            self.reason(&printable(&format!("{cause}: {detail}")));
        }
    }

    /// An endpoint and its instances, as a line of the live area.
    pub(crate) fn endpoint(&self, board: &Board, endpoint: &str) -> String {
        let name = column(&format!("endpoint {endpoint}"), self.name_columns());
        let text = format!("  {name}  {}", capacity(board, endpoint));
        let text = fit(&text, self.columns().saturating_sub(1));
        self.paint(Style::Dim, &text)
    }

    fn name_columns(&self) -> usize {
        if self.is_live() {
            NAME.min(self.columns() / 2)
        } else {
            NAME
        }
    }

    /// Draws what is still under way.
    pub(crate) fn show(&mut self, board: &Board) {
        if !self.is_live() {
            return;
        }
        let columns = self.columns().saturating_sub(1);
        let name = self.name_columns();
        let mut lines = Vec::new();
        for endpoint in board.endpoints.keys() {
            lines.push(self.endpoint(board, endpoint));
        }
        // Those that are furthest come first, so that a long queue does not hide them.
        let mut open: Vec<&Document> = board
            .documents
            .iter()
            .filter(|document| !document.phase.is_final())
            .collect();
        open.sort_by_key(|document| matches!(document.phase, Phase::Waiting));
        for document in open {
            let text = format!(
                "{}  {}",
                column(&document.plan.name, name),
                phase(document, board)
            );
            let text = fit(&text, columns.saturating_sub(2));
            let mark = match document.phase {
                Phase::Waiting => " ".to_owned(),
                Phase::RetryScheduled { .. } => self.paint(Style::Yellow, "!"),
                _ => self.paint(Style::Cyan, &self.spinner().to_string()),
            };
            lines.push(format!("{mark} {text}"));
        }
        self.draw(&lines);
    }
}

/// What is wrong with a document that did not end as it should.
pub(crate) fn wrong(document: &Document) -> String {
    let what = match &document.phase {
        Phase::Ready => "is ready, but is no good and should have failed".to_owned(),
        Phase::Failed { cause, .. } => format!("failed ({cause}), but should be ready"),
        phase => format!("has not ended: {phase:?}"),
    };
    printable(&format!("{} {what}", document.plan.name))
}

fn phase(document: &Document, board: &Board) -> String {
    let plan = &document.plan;
    match &document.phase {
        Phase::Waiting => format!("{}, waits its turn", size(plan.bytes)),
        Phase::Uploading(sent) if *sent > 0 => {
            format!("uploading, {} of {}", size(*sent), size(plan.bytes))
        }
        Phase::Uploading(_) => format!("uploading to {}", plan.pipeline),
        Phase::Uploaded => format!("uploaded to {}, {}", plan.pipeline, size(plan.bytes)),
        Phase::Submitted | Phase::Waking => {
            let text = submitted(endpoint_of(board, &plan.pipeline));
            text + &attempt(document)
        }
        Phase::Running(instance) => {
            let seconds = document.since.elapsed().as_secs();
            let so_far = if seconds < LONG_RUN {
                String::new()
            } else {
                format!(", {seconds} s so far")
            };
            let attempt = attempt(document);
            format!("running on instance {instance}{attempt}{so_far}")
        }
        Phase::Answered => "answered, the outcome is being recorded".to_owned(),
        Phase::RetryScheduled { due, why } => {
            let why = printable(why);
            match seconds_to(*due) {
                0 => format!("will be tried again now: {why}"),
                seconds => format!("will be tried again in {seconds} s: {why}"),
            }
        }
        Phase::Ready => "ready".to_owned(),
        Phase::Failed { .. } => "failed".to_owned(),
        Phase::Cancelled => "cancelled".to_owned(),
    }
}

/// Says so if it is not the first attempt.
fn attempt(document: &Document) -> String {
    if document.attempt > 1 {
        format!(", attempt {}", document.attempt)
    } else {
        String::new()
    }
}

/// Why a document that was submitted does not run yet.
fn submitted(endpoint: Option<&Capacity>) -> String {
    let instances = || endpoint.into_iter().flat_map(|capacity| capacity.values());
    if instances().any(Option::is_none) {
        return "submitted, in the queue".to_owned();
    }
    match instances().flatten().min() {
        Some(ready) => format!("waking: instance in {} s", seconds_to(*ready)),
        None => "submitted; waking: there is no instance yet".to_owned(),
    }
}

/// Endpoints are called `<service>-<pipeline>`.
fn endpoint_of<'a>(board: &'a Board, pipeline: &str) -> Option<&'a Capacity> {
    board
        .endpoints
        .iter()
        .find(|(name, _)| name.ends_with(pipeline))
        .map(|(_, capacity)| capacity)
}

fn capacity(board: &Board, endpoint: &str) -> String {
    let Some(instances) = board
        .endpoints
        .get(endpoint)
        .filter(|instances| !instances.is_empty())
    else {
        return "no instance, costs nothing".to_owned();
    };
    let serving = instances.values().filter(|ready| ready.is_none()).count();
    let waking: Vec<String> = instances
        .values()
        .flatten()
        .map(|ready| format!("{} s", seconds_to(*ready)))
        .collect();
    match (serving, waking.as_slice()) {
        (0, waking) => format!("{} starting ({})", waking.len(), waking.join(", ")),
        (serving, []) => format!("{serving} in service"),
        (serving, waking) => format!(
            "{serving} in service, {} starting ({})",
            waking.len(),
            waking.join(", ")
        ),
    }
}

fn seconds_to(ready: Instant) -> u64 {
    ready
        .saturating_duration_since(Instant::now())
        .as_secs_f64()
        .ceil() as u64
}
