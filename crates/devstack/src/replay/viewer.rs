//! A live replay on the terminal, by burst, and a table at the end that compares it with the simulation's forecast.

use std::io::Write as _;

use anyhow::Result;
use serde::Serialize;

use super::counts::{BurstCounter, Counts, WaitPercentiles};
use super::plan::LivePlan;
use crate::stack::Stack;
use crate::watch::{
    Board, BoardChange, BoardView, DocumentStatus, Style, Terminal, fit, printable,
    unexpected_outcome,
};

pub(super) struct BurstViewer {
    counter: BurstCounter,
    plan: LivePlan,
    /// The endpoint's instances changed since they were last shown.
    changed: bool,
}

/// The last line of standard output.
#[derive(Serialize)]
struct LiveResult<'a> {
    scenario: &'a str,
    uploaded: usize,
    ready: usize,
    failed: usize,
    /// Jobs that have not ended.
    lost: usize,
    /// See [`BurstCounter::overhead`].
    overhead_ms: Overhead,
    bursts: Vec<BurstResult>,
}

/// Milliseconds of real time.
#[derive(Serialize)]
struct Overhead {
    p50: u64,
    p95: u64,
}

/// A burst as measured and as forecast.
#[derive(Serialize)]
struct BurstResult {
    number: u32,
    #[serde(flatten)]
    live: Counts,
    simulated: Counts,
}

impl BurstViewer {
    pub(super) const fn new(counter: BurstCounter, plan: LivePlan) -> Self {
        Self {
            counter,
            plan,
            changed: false,
        }
    }

    fn document(&mut self, terminal: &mut Terminal, board: &Board, at: usize) {
        let burst = self.counter.burst_of(at);
        let document = &board.documents[at];
        if matches!(
            document.status,
            DocumentStatus::NotStarted | DocumentStatus::Uploading { .. }
        ) {
            return;
        }
        if let Some(found) = self.counter.document_arrived(burst, board) {
            let documents = &self.plan.documents_name;
            let count = self.counter.documents(board, burst).count();
            let text = match found {
                0 => "no instance is in service".to_owned(),
                1 => "one instance is in service".to_owned(),
                found => format!("{found} instances are in service"),
            };
            terminal.line(&format!(
                "burst {burst}: {count} {documents} arrive; {text}"
            ));
        }
        if !document.status.is_final() {
            return;
        }
        if let DocumentStatus::Failed { cause, detail } = &document.status {
            let name = printable(&document.upload.name);
            terminal.line(&terminal.paint(Style::Red, &format!("{name} failed")));
            terminal.wrapped_detail(&printable(&format!("{cause}: {detail}")));
        }
        if self
            .counter
            .documents(board, burst)
            .all(|document| document.status.is_final())
        {
            let counts = self.counter.counts(board, burst);
            let mark = terminal.paint(Style::Green, "✓");
            let mark = if counts.failed == 0 && terminal.is_live() {
                format!("{mark} ")
            } else {
                String::new()
            };
            terminal.line(&format!(
                "{mark}burst {burst}: {} ready, {} failed; waited p50 {}, p95 {}",
                counts.ready,
                counts.failed,
                clock(counts.wait_p50_s),
                clock(counts.wait_p95_s)
            ));
        }
    }

    /// Shows the table. Returns whether all documents became ready.
    pub(super) fn show_summary(&self, terminal: &mut Terminal, board: &Board) -> bool {
        terminal.line("");
        // Group names above the columns that follow the counts.
        let groups = ["", "", "", "", "", "", "waiting", "", "instances"];
        let header = [
            "burst", "uploaded", "ready", "failed", "lost", "p50", "p95", "found", "at most",
        ];
        for header in [groups, header] {
            let line = row(&header.map(str::to_owned));
            terminal.line(&terminal.paint(Style::Bold, line.trim_end()));
        }
        for burst in self.bursts(board) {
            let (live, simulated) = (burst.live, burst.simulated);
            let number = burst.number.to_string();
            let [uploaded, ready, failed, lost] =
                [live.uploaded, live.ready, live.failed, live.lost].map(|n| n.to_string());
            terminal.line(&row(&[
                number,
                uploaded,
                ready,
                failed,
                lost,
                clock(live.wait_p50_s),
                clock(live.wait_p95_s),
                live.found.to_string(),
                live.max_instances.to_string(),
            ]));
            let forecast = row(&[
                String::new(),
                String::new(),
                String::new(),
                String::new(),
                "simulated".to_owned(),
                clock(simulated.wait_p50_s),
                clock(simulated.wait_p95_s),
                simulated.found.to_string(),
                simulated.max_instances.to_string(),
            ]);
            terminal.line(&terminal.paint(Style::Dim, &forecast));
        }
        terminal.line("");
        for line in self.explain(board) {
            terminal.wrapped_detail(&line);
        }
        let result = self.result(board);
        let counts = format!(
            "{} uploaded, {} ready, {} failed, {} lost",
            result.uploaded, result.ready, result.failed, result.lost
        );
        terminal.line(&terminal.paint(Style::Bold, &counts));
        for document in &board.documents {
            if !document.ended_as_expected() {
                terminal.line(&terminal.paint(Style::Red, &unexpected_outcome(document)));
            }
        }
        board
            .documents
            .iter()
            .all(|document| document.ended_as_expected())
    }

    /// Notes on the table.
    fn explain(&self, board: &Board) -> [String; 3] {
        let overhead = self.counter.overhead(board);
        let seconds = |milliseconds: u64| milliseconds as f64 / 1000.0;
        let by_the_clock =
            |milliseconds: u64| clock(seconds(milliseconds) * self.counter.time_factor());
        [
            "simulated: the same uploads at the same times, with the same runs, in virtual time".to_owned(),
            format!(
                "outside of the endpoint, Docket, the emulator and this machine took p50 {:.1} s, p95 {:.1} s of real time: {} and {} by the endpoint's clock",
                seconds(overhead.p50),
                seconds(overhead.p95),
                by_the_clock(overhead.p50),
                by_the_clock(overhead.p95)
            ),
            "this overhead, and runs that this machine slows down, make waits longer here; a burst that arrives just as instances stop may find them or not".to_owned(),
        ]
    }

    /// Writes the result as a line of JSON to standard output.
    pub(super) fn print(&self, board: &Board) -> Result<()> {
        let json = serde_json::to_string(&self.result(board))?;
        let mut out = std::io::stdout().lock();
        writeln!(out, "{json}")?;
        Ok(out.flush()?)
    }

    fn result(&self, board: &Board) -> LiveResult<'_> {
        let bursts = self.bursts(board);
        let sum = |of: fn(&Counts) -> usize| bursts.iter().map(|burst| of(&burst.live)).sum();
        let WaitPercentiles { p50, p95 } = self.counter.overhead(board);
        LiveResult {
            scenario: &self.plan.scenario,
            uploaded: sum(|counts| counts.uploaded),
            ready: sum(|counts| counts.ready),
            failed: sum(|counts| counts.failed),
            lost: sum(|counts| counts.lost),
            overhead_ms: Overhead { p50, p95 },
            bursts,
        }
    }

    fn bursts(&self, board: &Board) -> Vec<BurstResult> {
        self.plan
            .forecast
            .iter()
            .map(|burst| BurstResult {
                number: burst.burst,
                live: self.counter.counts(board, burst.burst),
                simulated: burst.into(),
            })
            .collect()
    }
}

impl BoardView for BurstViewer {
    async fn on_change(
        &mut self,
        terminal: &mut Terminal,
        _: &Stack,
        board: &Board,
        news: &BoardChange,
    ) {
        match news {
            BoardChange::Document(at) => self.document(terminal, board, *at),
            BoardChange::Endpoint(name) if name == self.counter.endpoint() => {
                self.counter.instances_changed(board);
                self.changed = true;
            }
            BoardChange::Endpoint(_) => {}
        }
    }

    fn draw(&mut self, terminal: &mut Terminal, board: &Board) {
        // Instances often change together: one line for all changes since the last picture.
        if std::mem::take(&mut self.changed) {
            let endpoint = self.counter.endpoint().to_owned();
            terminal.show_change(board, &BoardChange::Endpoint(endpoint));
        }
        let columns = terminal.columns().saturating_sub(1);
        let mut lines = vec![terminal.endpoint_line(board, self.counter.endpoint())];
        for burst in 1..=self.counter.bursts() {
            let count = |wanted: fn(&DocumentStatus) -> bool| {
                let documents = self.counter.documents(board, burst);
                documents
                    .filter(|document| wanted(&document.status))
                    .count()
            };
            let waiting_for_upload = count(|phase| {
                matches!(
                    phase,
                    DocumentStatus::NotStarted | DocumentStatus::Uploading { .. }
                )
            });
            let running = count(|phase| {
                matches!(
                    phase,
                    DocumentStatus::Running { .. } | DocumentStatus::Finished
                )
            });
            let ended = count(DocumentStatus::is_final);
            let all = self.counter.documents(board, burst).count();
            if ended == all {
                continue;
            }
            let waiting = all - waiting_for_upload - running - ended;
            let text = format!(
                "  burst {burst}  {waiting_for_upload} to come, {waiting} waiting, {running} running, {ended} of {all} ended"
            );
            lines.push(fit(&text, columns));
        }
        terminal.draw(&lines);
    }
}

/// Seconds by the endpoints' clock, as text.
fn clock(seconds: f64) -> String {
    span((seconds * 1000.0) as u64)
}

/// A duration with one or two units, rounded to seconds or minutes, such as `9 min 07 s`.
pub(super) fn span(milliseconds: u64) -> String {
    let seconds = (milliseconds + 500) / 1000;
    let (h, min, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (h, min, s) {
        (0, 0, s) => format!("{s} s"),
        (0, min, 0) => format!("{min} min"),
        (0, min, s) => format!("{min} min {s:02} s"),
        (h, 0, _) => format!("{h} h"),
        (h, min, _) => format!("{h} h {min:02} min"),
    }
}

fn row(cells: &[String; 9]) -> String {
    const WIDTHS: [usize; 9] = [5, 8, 5, 6, 9, 11, 11, 5, 9];
    let cells: Vec<String> = cells
        .iter()
        .zip(WIDTHS)
        .map(|(cell, width)| format!("{cell:>width$}"))
        .collect();
    cells.join("  ")
}
