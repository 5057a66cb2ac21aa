//! A live replay on the screen: bursts, not single documents; at the end a table beside the simulation's.

use std::io::Write as _;

use anyhow::Result;
use serde::Serialize;
use simulation::replay::{Forecast, Scenario, Spread, span};

use super::tally::{Backlog, Counts};
use crate::stack::Stack;
use crate::watch::{Board, News, Phase, Screen, Style, Viewer, fit, printable, wrong};

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

    fn document(&mut self, screen: &mut Screen, board: &Board, at: usize) {
        let burst = self.tally.burst_of(at);
        let document = &board.documents[at];
        if matches!(document.phase, Phase::Waiting | Phase::Uploading(_)) {
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
            screen.line(&format!("burst {burst}: {count} {many} come; {text}"));
        }
        if !document.phase.is_final() {
            return;
        }
        if let Phase::Failed { cause, detail } = &document.phase {
            let name = printable(&document.plan.name);
            screen.line(&screen.paint(Style::Red, &format!("{name} failed")));
            screen.reason(&printable(&format!("{cause}: {detail}")));
        }
        if self
            .tally
            .documents(board, burst)
            .all(|document| document.phase.is_final())
        {
            let counts = self.tally.counts(board, burst);
            let mark = screen.paint(Style::Green, "✓");
            let mark = if counts.failed == 0 && screen.is_live() {
                format!("{mark} ")
            } else {
                String::new()
            };
            screen.line(&format!(
                "{mark}burst {burst}: {} ready, {} failed; waited p50 {}, p95 {}",
                counts.ready,
                counts.failed,
                clock(counts.wait_p50_s),
                clock(counts.wait_p95_s)
            ));
        }
    }

    /// Shows the table, and says whether all became ready.
    pub(super) fn sum_up(&self, screen: &mut Screen, board: &Board, forecast: &Forecast) -> bool {
        screen.line("");
        // What the columns after the counts are about.
        let groups = ["", "", "", "", "", "", "waiting", "", "instances"];
        let header = [
            "burst", "uploaded", "ready", "failed", "lost", "p50", "p95", "found", "at most",
        ];
        for header in [groups, header] {
            let line = row(&header.map(str::to_owned));
            screen.line(&screen.paint(Style::Bold, line.trim_end()));
        }
        for both in self.both(board, forecast) {
            let (live, there) = (both.live, both.simulated);
            let number = both.number.to_string();
            let [uploaded, ready, failed, lost] =
                [live.uploaded, live.ready, live.failed, live.lost].map(|n| n.to_string());
            screen.line(&row(&[
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
            screen.line(&screen.paint(Style::Dim, &simulated));
        }
        screen.line("");
        for line in self.explain(board) {
            screen.reason(&line);
        }
        let outcome = self.outcome(board, forecast);
        let counts = format!(
            "{} uploaded, {} ready, {} failed, {} lost",
            outcome.uploaded, outcome.ready, outcome.failed, outcome.lost
        );
        screen.line(&screen.paint(Style::Bold, &counts));
        for document in &board.documents {
            if !document.is_right() {
                screen.line(&screen.paint(Style::Red, &wrong(document)));
            }
        }
        board.documents.iter().all(|document| document.is_right())
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

impl Viewer for Live {
    async fn tell(&mut self, screen: &mut Screen, _: &Stack, board: &Board, news: &News) {
        match news {
            News::Document(at) => self.document(screen, board, *at),
            News::Endpoint(name) if name == self.tally.endpoint() => {
                self.tally.changed(board);
                self.changed = true;
            }
            News::Endpoint(_) => {}
        }
    }

    fn draw(&mut self, screen: &mut Screen, board: &Board) {
        // Instances come and go together: one line for all of them.
        if std::mem::take(&mut self.changed) {
            let endpoint = self.tally.endpoint().to_owned();
            screen.news(board, &News::Endpoint(endpoint));
        }
        let columns = screen.columns().saturating_sub(1);
        let mut lines = vec![screen.endpoint(board, self.tally.endpoint())];
        for burst in 1..=self.tally.bursts() {
            let count = |wanted: fn(&Phase) -> bool| {
                let documents = self.tally.documents(board, burst);
                documents.filter(|document| wanted(&document.phase)).count()
            };
            let to_come = count(|phase| matches!(phase, Phase::Waiting | Phase::Uploading(_)));
            let running = count(|phase| matches!(phase, Phase::Running(_) | Phase::Answered));
            let ended = count(Phase::is_final);
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
        screen.draw(&lines);
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
