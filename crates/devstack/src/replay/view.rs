//! A live replay on the terminal: bursts, not single documents; at the end a table beside the simulation's.

use std::io::Write as _;

use anyhow::Result;
use serde::Serialize;
use simulation::replay::{Forecast, Scenario, Spread, span};

use super::tally::{Backlog, Counts};
use crate::stack::Stack;
use crate::watch::{
    Board, BoardChange, BoardView, DocumentStatus, Style, Terminal, fit, printable,
    unexpected_outcome,
};

/// Tells and counts.
pub(super) struct Live {
    tally: Backlog,
    scenario: Scenario,
    /// The endpoint's instances are not those that were told of last.
    changed: bool,
}

/// The last line of standard output.
#[derive(Serialize)]
struct Outcome<'a> {
    scenario: &'a str,
    uploaded: usize,
    ready: usize,
    failed: usize,
    /// Jobs that have not ended.
    lost: usize,
    /// See [`Backlog::beside`].
    beside_ms: Beside,
    bursts: Vec<Both>,
}

/// Milliseconds of real time.
#[derive(Serialize)]
struct Beside {
    p50: u64,
    p95: u64,
}

/// A burst here and there.
#[derive(Serialize)]
struct Both {
    number: u32,
    #[serde(flatten)]
    live: Counts,
    simulated: Counts,
}

impl Live {
    pub(super) const fn new(tally: Backlog, scenario: Scenario) -> Self {
        Self {
            tally,
            scenario,
            changed: false,
        }
    }

    fn document(&mut self, terminal: &mut Terminal, board: &Board, at: usize) {
        let burst = self.tally.burst_of(at);
        let document = &board.documents[at];
        if matches!(
            document.status,
            DocumentStatus::NotStarted | DocumentStatus::Uploading { .. }
        ) {
            return;
        }
        if let Some(found) = self.tally.came(burst, board) {
            let (_, many) = self.scenario.nouns();
            let count = self.tally.documents(board, burst).count();
            let text = match found {
                0 => "no instance is in service".to_owned(),
                1 => "one instance is in service".to_owned(),
                found => format!("{found} instances are in service"),
            };
            terminal.line(&format!("burst {burst}: {count} {many} come; {text}"));
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
            .tally
            .documents(board, burst)
            .all(|document| document.status.is_final())
        {
            let counts = self.tally.counts(board, burst);
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

    /// Shows the table, and says whether all became ready.
    pub(super) fn sum_up(
        &self,
        terminal: &mut Terminal,
        board: &Board,
        forecast: &Forecast,
    ) -> bool {
        terminal.line("");
        // What the columns after the counts are about.
        let groups = ["", "", "", "", "", "", "waiting", "", "instances"];
        let header = [
            "burst", "uploaded", "ready", "failed", "lost", "p50", "p95", "found", "at most",
        ];
        for header in [groups, header] {
            let line = row(&header.map(str::to_owned));
            terminal.line(&terminal.paint(Style::Bold, line.trim_end()));
        }
        for both in self.both(board, forecast) {
            let (live, there) = (both.live, both.simulated);
            let number = both.number.to_string();
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
                live.most_instances.to_string(),
            ]));
            let simulated = row(&[
                String::new(),
                String::new(),
                String::new(),
                String::new(),
                "simulated".to_owned(),
                clock(there.wait_p50_s),
                clock(there.wait_p95_s),
                there.found.to_string(),
                there.most_instances.to_string(),
            ]);
            terminal.line(&terminal.paint(Style::Dim, &simulated));
        }
        terminal.line("");
        for line in self.explain(board) {
            terminal.wrapped_detail(&line);
        }
        let outcome = self.outcome(board, forecast);
        let counts = format!(
            "{} uploaded, {} ready, {} failed, {} lost",
            outcome.uploaded, outcome.ready, outcome.failed, outcome.lost
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

    /// How to read the table.
    fn explain(&self, board: &Board) -> [String; 3] {
        let beside = self.tally.beside(board);
        let seconds = |milliseconds: u64| milliseconds as f64 / 1000.0;
        let by_the_clock = |milliseconds: u64| clock(seconds(milliseconds) * self.tally.factor());
        [
            "simulated: the same uploads at the same times, with the same runs, in virtual time".to_owned(),
            format!(
                "beside the endpoint, Docket, the emulator and this machine took p50 {:.1} s, p95 {:.1} s of real time: {} and {} by the endpoint's clock",
                seconds(beside.p50),
                seconds(beside.p95),
                by_the_clock(beside.p50),
                by_the_clock(beside.p95)
            ),
            "that, and runs that this machine slows down, are why a burst waits longer here; one that comes just as the instances go may find them or not".to_owned(),
        ]
    }

    /// Writes the last line of standard output.
    pub(super) fn print(&self, board: &Board, forecast: &Forecast) -> Result<()> {
        let said = serde_json::to_string(&self.outcome(board, forecast))?;
        let mut out = std::io::stdout().lock();
        writeln!(out, "{said}")?;
        Ok(out.flush()?)
    }

    fn outcome(&self, board: &Board, forecast: &Forecast) -> Outcome<'_> {
        let bursts = self.both(board, forecast);
        let sum = |of: fn(&Counts) -> usize| bursts.iter().map(|both| of(&both.live)).sum();
        let Spread { p50, p95, .. } = self.tally.beside(board);
        Outcome {
            scenario: self.scenario.name(),
            uploaded: sum(|counts| counts.uploaded),
            ready: sum(|counts| counts.ready),
            failed: sum(|counts| counts.failed),
            lost: sum(|counts| counts.lost),
            beside_ms: Beside { p50, p95 },
            bursts,
        }
    }

    fn both(&self, board: &Board, forecast: &Forecast) -> Vec<Both> {
        forecast
            .bursts
            .iter()
            .map(|burst| Both {
                number: burst.number,
                live: self.tally.counts(board, burst.number),
                simulated: burst.into(),
            })
            .collect()
    }
}

impl BoardView for Live {
    async fn on_change(
        &mut self,
        terminal: &mut Terminal,
        _: &Stack,
        board: &Board,
        news: &BoardChange,
    ) {
        match news {
            BoardChange::Document(at) => self.document(terminal, board, *at),
            BoardChange::Endpoint(name) if name == self.tally.endpoint() => {
                self.tally.changed(board);
                self.changed = true;
            }
            BoardChange::Endpoint(_) => {}
        }
    }

    fn draw(&mut self, terminal: &mut Terminal, board: &Board) {
        // Instances come and go together: one line for all of them.
        if std::mem::take(&mut self.changed) {
            let endpoint = self.tally.endpoint().to_owned();
            terminal.show_change(board, &BoardChange::Endpoint(endpoint));
        }
        let columns = terminal.columns().saturating_sub(1);
        let mut lines = vec![terminal.endpoint_line(board, self.tally.endpoint())];
        for burst in 1..=self.tally.bursts() {
            let count = |wanted: fn(&DocumentStatus) -> bool| {
                let documents = self.tally.documents(board, burst);
                documents
                    .filter(|document| wanted(&document.status))
                    .count()
            };
            let to_come = count(|phase| {
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
            let all = self.tally.documents(board, burst).count();
            if ended == all {
                continue;
            }
            let waiting = all - to_come - running - ended;
            let text = format!(
                "  burst {burst}  {to_come} to come, {waiting} waiting, {running} running, {ended} of {all} ended"
            );
            lines.push(fit(&text, columns));
        }
        terminal.draw(&lines);
    }
}

/// Seconds by the endpoints' clock.
fn clock(seconds: f64) -> String {
    span((seconds * 1000.0) as u64)
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
