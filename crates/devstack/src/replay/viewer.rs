//! Shows a live replay on the terminal by burst, and at the end a table that compares it with the simulation's forecast.

use std::io::Write as _;

use anyhow::Result;
use serde::Serialize;

use super::counts::{BurstCounter, BurstCounts, LatencyPercentiles};
use super::plan::LivePlan;
use crate::stack::Stack;
use crate::watch::{
    Board, BoardChange, BoardView, DocumentStatus, Style, Terminal, fit, printable,
    unexpected_outcome,
};

pub(super) struct BurstViewer {
    counter: BurstCounter,
    plan: LivePlan,
    /// Whether the endpoint's instances changed since they were last shown.
    instances_changed: bool,
}

/// The JSON on standard output.
#[derive(Serialize)]
struct LiveResult<'a> {
    scenario: &'a str,
    uploaded: usize,
    ready: usize,
    failed: usize,
    /// Jobs that did not end.
    lost: usize,
    /// See [`BurstCounter::overhead_ms`].
    overhead_ms: LatencyPercentiles,
    bursts: Vec<BurstResult>,
}

/// The measured counts of a burst, and those that the simulation forecast.
#[derive(Serialize)]
struct BurstResult {
    number: u32,
    #[serde(flatten)]
    measured: BurstCounts,
    simulated: BurstCounts,
}

impl BurstViewer {
    pub(super) const fn new(counter: BurstCounter, plan: LivePlan) -> Self {
        Self {
            counter,
            plan,
            instances_changed: false,
        }
    }

    fn show_document_change(&mut self, terminal: &mut Terminal, board: &Board, index: usize) {
        let burst = self.counter.burst_of(index);
        let document = &board.documents[index];
        if matches!(
            document.status,
            DocumentStatus::NotStarted | DocumentStatus::Uploading { .. }
        ) {
            return;
        }
        if let Some(found) = self.counter.record_arrival(burst, board) {
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
            let mark = if counts.failed == 0 && terminal.is_live() {
                format!("{} ", terminal.paint(Style::Green, "✓"))
            } else {
                String::new()
            };
            terminal.line(&format!(
                "{mark}burst {burst}: {} ready, {} failed; waited p50 {}, p95 {}",
                counts.ready,
                counts.failed,
                duration_from_seconds(counts.wait_p50_s),
                duration_from_seconds(counts.wait_p95_s)
            ));
        }
    }

    /// Shows the table. Returns whether every document became ready.
    pub(super) fn show_summary(&self, terminal: &mut Terminal, board: &Board) -> bool {
        terminal.line("");
        // Names of column groups, above the column names.
        let groups = ["", "", "", "", "", "", "waiting", "", "instances"];
        let header = [
            "burst", "uploaded", "ready", "failed", "lost", "p50", "p95", "found", "at most",
        ];
        for header in [groups, header] {
            let line = row(&header.map(str::to_owned));
            terminal.line(&terminal.paint(Style::Bold, line.trim_end()));
        }
        for burst in self.bursts(board) {
            let (measured, simulated) = (burst.measured, burst.simulated);
            let number = burst.number.to_string();
            let [uploaded, ready, failed, lost] = [
                measured.uploaded,
                measured.ready,
                measured.failed,
                measured.lost,
            ]
            .map(|count| count.to_string());
            terminal.line(&row(&[
                number,
                uploaded,
                ready,
                failed,
                lost,
                duration_from_seconds(measured.wait_p50_s),
                duration_from_seconds(measured.wait_p95_s),
                measured.instances_found.to_string(),
                measured.max_instances.to_string(),
            ]));
            let forecast = row(&[
                String::new(),
                String::new(),
                String::new(),
                String::new(),
                "simulated".to_owned(),
                duration_from_seconds(simulated.wait_p50_s),
                duration_from_seconds(simulated.wait_p95_s),
                simulated.instances_found.to_string(),
                simulated.max_instances.to_string(),
            ]);
            terminal.line(&terminal.paint(Style::Dim, &forecast));
        }
        terminal.line("");
        for line in self.table_explanations(board) {
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

    fn table_explanations(&self, board: &Board) -> [String; 3] {
        let overhead_ms = self.counter.overhead_ms(board);
        let seconds = |milliseconds: u64| milliseconds as f64 / 1000.0;
        let endpoint_time = |milliseconds: u64| {
            duration_from_seconds(seconds(milliseconds) * self.counter.time_factor())
        };
        [
            "simulated: the same uploads at the same times, with the same invocations, in virtual time".to_owned(),
            format!(
                "overhead of Docket, the emulator and this machine outside of the endpoint: p50 {:.1} s, p95 {:.1} s of real time, which is {} and {} by the endpoint's clock",
                seconds(overhead_ms.p50),
                seconds(overhead_ms.p95),
                endpoint_time(overhead_ms.p50),
                endpoint_time(overhead_ms.p95)
            ),
            "this overhead, and invocations that are slow on this machine, make waiting times longer here; a burst that arrives just as instances stop may or may not find them in service".to_owned(),
        ]
    }

    /// Writes the result as one line of JSON to standard output.
    pub(super) fn print_result(&self, board: &Board) -> Result<()> {
        let json = serde_json::to_string(&self.result(board))?;
        let mut out = std::io::stdout().lock();
        writeln!(out, "{json}")?;
        Ok(out.flush()?)
    }

    fn result(&self, board: &Board) -> LiveResult<'_> {
        let bursts = self.bursts(board);
        let sum = |count: fn(&BurstCounts) -> usize| {
            let counts = bursts.iter().map(|burst| count(&burst.measured));
            counts.sum()
        };
        LiveResult {
            scenario: &self.plan.scenario,
            uploaded: sum(|counts| counts.uploaded),
            ready: sum(|counts| counts.ready),
            failed: sum(|counts| counts.failed),
            lost: sum(|counts| counts.lost),
            overhead_ms: self.counter.overhead_ms(board),
            bursts,
        }
    }

    fn bursts(&self, board: &Board) -> Vec<BurstResult> {
        self.plan
            .forecast
            .iter()
            .map(|burst| BurstResult {
                number: burst.burst,
                measured: self.counter.counts(board, burst.burst),
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
        change: &BoardChange,
    ) {
        match change {
            BoardChange::Document(index) => self.show_document_change(terminal, board, *index),
            BoardChange::Endpoint(name) if name == self.counter.endpoint() => {
                self.counter.record_instances(board);
                self.instances_changed = true;
            }
            BoardChange::Endpoint(_) => {}
        }
    }

    fn draw(&mut self, terminal: &mut Terminal, board: &Board) {
        // Instances often change together: one line for all changes since the last draw.
        if std::mem::take(&mut self.instances_changed) {
            let endpoint = self.counter.endpoint().to_owned();
            terminal.show_change(board, &BoardChange::Endpoint(endpoint));
        }
        let columns = terminal.columns().saturating_sub(1);
        let mut lines = vec![terminal.endpoint_line(board, self.counter.endpoint())];
        for burst in 1..=self.counter.burst_count() {
            let count = |wanted: fn(&DocumentStatus) -> bool| {
                let documents = self.counter.documents(board, burst);
                documents
                    .filter(|document| wanted(&document.status))
                    .count()
            };
            let not_uploaded = count(|status| {
                matches!(
                    status,
                    DocumentStatus::NotStarted | DocumentStatus::Uploading { .. }
                )
            });
            let running = count(|status| {
                matches!(
                    status,
                    DocumentStatus::Running { .. } | DocumentStatus::Finished
                )
            });
            let ended = count(DocumentStatus::is_final);
            let all = self.counter.documents(board, burst).count();
            if ended == all {
                continue;
            }
            let waiting = all - not_uploaded - running - ended;
            let text = format!(
                "  burst {burst}  {not_uploaded} to come, {waiting} waiting, {running} running, {ended} of {all} ended"
            );
            lines.push(fit(&text, columns));
        }
        terminal.draw(&lines);
    }
}

fn duration_from_seconds(seconds: f64) -> String {
    duration((seconds * 1000.0) as u64)
}

/// A duration with one or two units, rounded to seconds or minutes, such as `9 min 07 s`.
pub(super) fn duration(milliseconds: u64) -> String {
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
