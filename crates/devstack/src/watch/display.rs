//! Shows the board on the terminal.

use std::time::Instant;

use super::board::{Board, BoardChange, InstancesByNumber};
use super::document::{DocumentStatus, TrackedDocument};
use super::planned_upload::printable;
use super::terminal::{Style, Terminal};
use super::text::{column, fit, size};
use console::measure_text_width;

const MAX_NAME_COLUMNS: usize = 44;
/// From this duration on, the duration of a running invocation is shown.
const LONG_INVOCATION_SECONDS: u64 = 10;

impl Terminal {
    /// Prints a change. On a live terminal only the end of a job; the live area shows the rest.
    pub(crate) fn show_change(&mut self, board: &Board, change: &BoardChange) {
        match change {
            BoardChange::Document(index) => {
                let document = &board.documents[*index];
                if document.status.is_final() {
                    self.show_end(document);
                } else if !self.is_live() {
                    let text = format!(
                        "{}  {}",
                        column(&document.upload.name, MAX_NAME_COLUMNS),
                        describe_status(document, board)
                    );
                    self.line(&text);
                }
            }
            BoardChange::Endpoint(name) if !self.is_live() => {
                let text = format!(
                    "{}  {}",
                    column(&format!("endpoint {name}"), MAX_NAME_COLUMNS),
                    describe_instances(board, name)
                );
                self.line(&text);
            }
            BoardChange::Endpoint(_) => {}
        }
    }

    fn show_end(&mut self, document: &TrackedDocument) {
        let name = column(&document.upload.name, self.name_columns());
        let (mark, style) = match (document.ended_as_expected(), &document.status) {
            (true, DocumentStatus::Ready) => ("✓", Style::Green),
            (true, _) => ("✓", Style::Yellow),
            (false, _) => ("✗", Style::Red),
        };
        let duration = document.duration.map_or_else(String::new, |duration| {
            format!(" after {:.1} s", duration.as_secs_f64())
        });
        let word = match &document.status {
            DocumentStatus::Ready => "ready",
            DocumentStatus::Failed { .. } => "failed",
            _ => "cancelled",
        };
        let pipeline = &document.upload.pipeline;
        let text = if self.is_live() {
            // The pipeline is left out if it does not fit.
            let end = format!("{word}{duration}  {pipeline}");
            let used = measure_text_width(&name) + 4;
            let pipeline = if used + measure_text_width(&end) < self.columns() {
                self.paint(Style::Dim, pipeline)
            } else {
                String::new()
            };
            let mark = self.paint(style, mark);
            let name = self.paint(Style::Bold, &name);
            let word = self.paint(style, word);
            format!("{mark} {name}  {word}{duration}  {pipeline}")
        } else {
            format!("{name}  {word}{duration}  {pipeline}")
        };
        self.line(&text);
        if let DocumentStatus::Failed { cause, detail } = &document.status {
            self.wrapped_detail(&printable(&format!("{cause}: {detail}")));
        }
    }

    /// An endpoint and its instances, as a line of the live area.
    pub(crate) fn endpoint_line(&self, board: &Board, endpoint: &str) -> String {
        let name = column(&format!("endpoint {endpoint}"), self.name_columns());
        let text = format!("  {name}  {}", describe_instances(board, endpoint));
        let text = fit(&text, self.columns().saturating_sub(1));
        self.paint(Style::Dim, &text)
    }

    fn name_columns(&self) -> usize {
        if self.is_live() {
            MAX_NAME_COLUMNS.min(self.columns() / 2)
        } else {
            MAX_NAME_COLUMNS
        }
    }

    /// Draws the endpoints and the open documents.
    pub(crate) fn draw_board(&mut self, board: &Board) {
        if !self.is_live() {
            return;
        }
        let columns = self.columns().saturating_sub(1);
        let name = self.name_columns();
        let mut lines = Vec::new();
        for endpoint in board.endpoints.keys() {
            lines.push(self.endpoint_line(board, endpoint));
        }
        // Documents whose upload has started come first, so that they are shown even if there are many others.
        let mut open: Vec<&TrackedDocument> = board
            .documents
            .iter()
            .filter(|document| !document.status.is_final())
            .collect();
        open.sort_by_key(|document| matches!(document.status, DocumentStatus::NotStarted));
        for document in open {
            let text = format!(
                "{}  {}",
                column(&document.upload.name, name),
                describe_status(document, board)
            );
            let text = fit(&text, columns.saturating_sub(2));
            let mark = match document.status {
                DocumentStatus::NotStarted => " ".to_owned(),
                DocumentStatus::RetryScheduled { .. } => self.paint(Style::Yellow, "!"),
                _ => self.paint(Style::Cyan, &self.spinner().to_string()),
            };
            lines.push(format!("{mark} {text}"));
        }
        self.draw(&lines);
    }
}

/// Describes a document that did not end as expected.
pub(crate) fn unexpected_outcome(document: &TrackedDocument) -> String {
    let outcome = match &document.status {
        DocumentStatus::Ready => "is ready, but should have failed".to_owned(),
        DocumentStatus::Failed { cause, .. } => format!("failed ({cause}), but should be ready"),
        status => format!("has not ended: {status:?}"),
    };
    printable(&format!("{} {outcome}", document.upload.name))
}

fn describe_status(document: &TrackedDocument, board: &Board) -> String {
    let upload = &document.upload;
    match &document.status {
        DocumentStatus::NotStarted => format!("{}, not uploaded yet", size(upload.bytes)),
        DocumentStatus::Uploading { sent_bytes } if *sent_bytes > 0 => {
            format!("uploading, {} of {}", size(*sent_bytes), size(upload.bytes))
        }
        DocumentStatus::Uploading { .. } => format!("uploading to {}", upload.pipeline),
        DocumentStatus::Uploaded if upload.bytes == 0 => format!(
            "uploaded to {}, empty: its file may come yet, so its message is delivered once more",
            upload.pipeline
        ),
        DocumentStatus::Uploaded => {
            format!("uploaded to {}, {}", upload.pipeline, size(upload.bytes))
        }
        DocumentStatus::Submitted | DocumentStatus::SubmittedWithoutCapacity => {
            let text = describe_queued(instances_of(board, &upload.pipeline));
            text + &describe_retry(document)
        }
        DocumentStatus::Running { instance } => {
            let seconds = document.since.elapsed().as_secs();
            let so_far = if seconds < LONG_INVOCATION_SECONDS {
                String::new()
            } else {
                format!(", {seconds} s so far")
            };
            let attempt = describe_retry(document);
            format!("running on instance {instance}{attempt}{so_far}")
        }
        DocumentStatus::Finished => "finished, recording the result".to_owned(),
        DocumentStatus::RetryScheduled { due, reason } => {
            let reason = printable(reason);
            match seconds_until(*due) {
                0 => format!("retrying now: {reason}"),
                seconds => format!("retrying in {seconds} s: {reason}"),
            }
        }
        DocumentStatus::Ready => "ready".to_owned(),
        DocumentStatus::Failed { .. } => "failed".to_owned(),
        DocumentStatus::Cancelled => "cancelled".to_owned(),
    }
}

/// The number of the attempt, except for the first.
fn describe_retry(document: &TrackedDocument) -> String {
    if document.attempt > 1 {
        format!(", attempt {}", document.attempt)
    } else {
        String::new()
    }
}

/// Why a submitted document is not running yet.
fn describe_queued(endpoint: Option<&InstancesByNumber>) -> String {
    let instances = || {
        endpoint
            .into_iter()
            .flat_map(|instances| instances.values())
    };
    if instances().any(Option::is_none) {
        return "queued".to_owned();
    }
    match instances().flatten().min() {
        Some(ready) => format!("queued; instance in {} s", seconds_until(*ready)),
        None => "queued; scaling from zero".to_owned(),
    }
}

/// The name of an endpoint is `<service>-<pipeline>`.
fn instances_of<'a>(board: &'a Board, pipeline: &str) -> Option<&'a InstancesByNumber> {
    board
        .endpoints
        .iter()
        .find(|(name, _)| name.ends_with(pipeline))
        .map(|(_, instances)| instances)
}

fn describe_instances(board: &Board, endpoint: &str) -> String {
    let Some(instances) = board
        .endpoints
        .get(endpoint)
        .filter(|instances| !instances.is_empty())
    else {
        return "no instances".to_owned();
    };
    let in_service = instances.values().filter(|ready| ready.is_none()).count();
    let starting: Vec<String> = instances
        .values()
        .flatten()
        .map(|ready| format!("{} s", seconds_until(*ready)))
        .collect();
    match (in_service, starting.as_slice()) {
        (0, starting) => format!("{} starting ({})", starting.len(), starting.join(", ")),
        (in_service, []) => format!("{in_service} in service"),
        (in_service, starting) => format!(
            "{in_service} in service, {} starting ({})",
            starting.len(),
            starting.join(", ")
        ),
    }
}

fn seconds_until(time: Instant) -> u64 {
    time.saturating_duration_since(Instant::now())
        .as_secs_f64()
        .ceil() as u64
}
