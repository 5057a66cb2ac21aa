//! What people and programs are shown: results on standard output, everything else on standard error.

mod job;
mod table;
mod text;
mod time;

use std::io::{IsTerminal, Write};

use indicatif::MultiProgress;
use serde::Serialize;

use crate::config;
use crate::exit::{Failure, Outcome};

pub(crate) use job::{jobs_table, status};
pub(crate) use table::{Cell, Column, Table};
pub(crate) use text::{count, harmless, harmless_lines, size};
pub(crate) use time::{exact, parse as parse_time, parse_http_date, relative, span};

/// A color or weight. Its numbers are those of ECMA-48.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Bold = 1,
    Dim = 2,
    Red = 31,
    Green = 32,
    Yellow = 33,
    Cyan = 36,
}

/// Where and how things are shown.
#[derive(Debug)]
pub(crate) struct Print {
    /// For programs.
    pub(crate) json: bool,
    /// Exact times instead of relative ones.
    pub(crate) utc: bool,
    color_out: bool,
    color_err: bool,
    /// Columns of the terminal; none if standard output is not one, and then nothing is cut.
    width: Option<usize>,
    /// The bars that are on the screen; everything else is written above them.
    pub(crate) bars: MultiProgress,
}

impl Print {
    pub(crate) fn new(json: bool, utc: bool) -> Self {
        // https://no-color.org: present and not empty.
        let wanted = config::variable("NO_COLOR").is_none()
            && config::variable("TERM").is_none_or(|term| term != "dumb");
        let out = console::Term::stdout();
        let terminal = std::io::stdout().is_terminal();
        Self {
            json,
            utc,
            color_out: wanted && terminal && !json,
            color_err: wanted && std::io::stderr().is_terminal(),
            width: terminal
                .then(|| out.size_checked())
                .flatten()
                .map(|(_, columns)| usize::from(columns))
                .filter(|columns| *columns > 0),
            bars: MultiProgress::new(),
        }
    }

    /// Whether bars can be seen.
    pub(crate) fn is_live(&self) -> bool {
        !self.json
            && std::io::stderr().is_terminal()
            && config::variable("TERM").is_none_or(|term| term != "dumb")
    }

    /// Whether somebody is there to answer a question.
    pub(crate) fn is_interactive() -> bool {
        std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
    }

    /// A line on standard output.
    pub(crate) fn line(&self, text: &str) -> Outcome<()> {
        self.bars.suspend(|| {
            let mut out = std::io::stdout().lock();
            written(writeln!(out, "{text}").and_then(|()| out.flush()))
        })
    }

    /// The same, cut to the terminal's width.
    pub(crate) fn fitted(&self, text: &str) -> Outcome<()> {
        match self.width {
            Some(width) => self.line(&console::truncate_str(text, width, "…")),
            None => self.line(text),
        }
    }

    /// Bytes on standard output.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> Outcome<()> {
        let mut out = std::io::stdout().lock();
        written(out.write_all(bytes).and_then(|()| out.flush()))
    }

    /// A line on standard error.
    pub(crate) fn note(&self, text: &str) {
        // A closed standard error is no reason to fail.
        self.bars
            .suspend(|| writeln!(std::io::stderr().lock(), "{text}").ok());
    }

    /// One JSON document on standard output.
    pub(crate) fn document(&self, value: &impl Serialize) -> Outcome<()> {
        self.line(&serde_json::to_string_pretty(value).map_err(unspeakable)?)
    }

    /// One line of JSON on standard output.
    pub(crate) fn json_line(&self, value: &impl Serialize) -> Outcome<()> {
        self.line(&serde_json::to_string(value).map_err(unspeakable)?)
    }

    /// A failure on standard error: a problem for programs, words for people.
    pub(crate) fn failure(&self, failure: &Failure) {
        if failure.problem.detail.is_empty() {
            return;
        }
        if self.json {
            if let Ok(problem) = serde_json::to_string(&failure.problem) {
                self.note(&problem);
            }
            return;
        }
        let mark = self.paint_err(Style::Red, "docket:");
        self.note(&format!("{mark} {}", harmless(&failure.problem.detail)));
        if let Some(hint) = &failure.hint {
            self.note(&format!("        {}", harmless(hint)));
        }
    }

    /// Text in a style, if standard output shows colors.
    pub(crate) fn paint(&self, style: Style, text: &str) -> String {
        painted(self.color_out, style, text)
    }

    /// Text in a style, if standard error shows colors.
    pub(crate) fn paint_err(&self, style: Style, text: &str) -> String {
        painted(self.color_err, style, text)
    }

    /// A time, in a table.
    pub(crate) fn when(&self, at: u64) -> String {
        if self.utc {
            exact(at)
        } else {
            relative(at, config::now())
        }
    }

    /// A time with both: exactly and from now.
    pub(crate) fn when_exactly(at: u64) -> String {
        format!("{} ({})", exact(at), relative(at, config::now()))
    }

    /// A table on standard output.
    pub(crate) fn table(&self, table: &Table) -> Outcome<()> {
        let mut text = String::new();
        for line in table.lines(self.width, |style, text| self.paint(style, text)) {
            text.push_str(&line);
            text.push('\n');
        }
        self.bytes(text.as_bytes())
    }

    /// A name and its value, one below the other. The value must be harmless.
    pub(crate) fn field(&self, name: &str, value: &str) -> Outcome<()> {
        let name = self.paint(Style::Dim, &format!("{name:<12}"));
        self.line(&format!("{name} {value}"))
    }
}

fn painted(color: bool, style: Style, text: &str) -> String {
    if color {
        format!("\u{1b}[{}m{text}\u{1b}[0m", style as u8)
    } else {
        text.to_owned()
    }
}

fn written(result: std::io::Result<()>) -> Outcome<()> {
    result.map_err(|error| match error.kind() {
        std::io::ErrorKind::BrokenPipe => Failure::reader_gone(),
        _ => Failure::here(format!("cannot write to standard output: {error}")),
    })
}

fn unspeakable(error: serde_json::Error) -> Failure {
    Failure::here(format!("cannot be said in JSON: {error}"))
}
