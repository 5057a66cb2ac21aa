//! Output: results on standard output; progress, hints and errors on standard error.

mod job;
mod table;
mod text;
mod time;

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use console::Style;
use indicatif::MultiProgress;
use jobs::view::ReadyByView;
use serde::Serialize;

use crate::config;
use crate::error::{CliError, Result};

pub(crate) use job::{counts, jobs_table, status_style};
pub(crate) use table::{Cell, Column, TextTable};
pub(crate) use text::{byte_size, pluralize, sanitize, sanitize_multiline};
pub(crate) use time::{
    describe_ready_by, duration, parse as parse_time, parse_http_date, relative_time, utc_time,
};

#[derive(Debug)]
pub(crate) struct Printer {
    /// Print JSON for programs instead of text for people.
    pub(crate) json: bool,
    /// Print exact times instead of relative ones.
    pub(crate) utc: bool,
    color_out: bool,
    color_err: bool,
    /// Columns of the terminal. If standard output is not a terminal, there is no width and nothing is cut.
    width: Option<usize>,
    /// The reader of standard output has closed it, as `head` does.
    reader_left: AtomicBool,
    /// The progress bars on the screen. Everything else is written above them.
    pub(crate) bars: MultiProgress,
}

impl Printer {
    pub(crate) fn new(json: bool, utc: bool) -> Self {
        // Any value but the empty one turns colors off (https://no-color.org).
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
            reader_left: AtomicBool::new(false),
            bars: MultiProgress::new(),
        }
    }

    /// Whether progress bars can be drawn.
    pub(crate) fn shows_progress_bars(&self) -> bool {
        !self.json
            && std::io::stderr().is_terminal()
            && config::variable("TERM").is_none_or(|term| term != "dumb")
    }

    /// Whether a person can answer a question.
    pub(crate) fn is_interactive() -> bool {
        std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
    }

    /// Prints a line on standard output.
    pub(crate) fn line(&self, text: &str) -> Result<()> {
        self.bars
            .suspend(|| self.bytes(format!("{text}\n").as_bytes()))
    }

    /// Prints a line on standard output, truncated to the terminal's width.
    pub(crate) fn truncated_line(&self, text: &str) -> Result<()> {
        match self.width {
            Some(width) => self.line(&console::truncate_str(text, width, "…")),
            None => self.line(text),
        }
    }

    /// Writes bytes to standard output. Once its reader has closed it nothing is written any more, and the command goes on:
    /// what it does must not depend on who reads along.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> Result<()> {
        if self.reader_left() {
            return Ok(());
        }
        let mut out = std::io::stdout().lock();
        match out.write_all(bytes).and_then(|()| out.flush()) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {
                self.reader_left.store(true, Ordering::Relaxed);
                Ok(())
            }
            Err(error) => Err(CliError::local(format!(
                "cannot write to standard output: {error}"
            ))),
        }
    }

    /// Whether the reader of standard output has closed it.
    pub(crate) fn reader_left(&self) -> bool {
        self.reader_left.load(Ordering::Relaxed)
    }

    /// Ends a command that only shows things, quietly, if the reader of standard output has closed it.
    pub(crate) fn stop_without_reader(&self) -> Result<()> {
        if self.reader_left() {
            return Err(CliError::broken_pipe());
        }
        Ok(())
    }

    /// Prints a line on standard error.
    pub(crate) fn info(&self, text: &str) {
        // A closed standard error must not fail the command.
        self.bars
            .suspend(|| writeln!(std::io::stderr().lock(), "{text}").ok());
    }

    /// Prints an indented JSON document on standard output.
    pub(crate) fn json_document(&self, value: &impl Serialize) -> Result<()> {
        self.line(&serde_json::to_string_pretty(value).map_err(json_error)?)
    }

    /// Prints JSON on one line of standard output.
    pub(crate) fn json_line(&self, value: &impl Serialize) -> Result<()> {
        self.line(&serde_json::to_string(value).map_err(json_error)?)
    }

    /// Prints an error on standard error: a problem document for programs, the detail and the hint for people.
    pub(crate) fn error(&self, error: &CliError) {
        if error.problem.detail.is_empty() {
            return;
        }
        if self.json {
            if let Ok(problem) = serde_json::to_string(&error.problem) {
                self.info(&problem);
            }
            return;
        }
        let prefix = painted(self.color_err, Style::new().red(), "docket:");
        self.info(&format!("{prefix} {}", sanitize(&error.problem.detail)));
        if let Some(hint) = &error.hint {
            self.info(&format!("        {}", sanitize(hint)));
        }
    }

    /// Applies a style, if standard output shows colors.
    pub(crate) fn paint(&self, style: Style, text: &str) -> String {
        painted(self.color_out, style, text)
    }

    /// A time for a table: relative, or exact with `--utc`.
    pub(crate) fn table_time(&self, at: u64) -> String {
        if self.utc {
            utc_time(at)
        } else {
            relative_time(at, config::now())
        }
    }

    /// When an open job will probably be ready, for a table: about when, and at the latest.
    pub(crate) fn ready_by(&self, ready_by: Option<&ReadyByView>) -> String {
        let Some(ready_by) = ready_by else {
            return String::new();
        };
        match (ready_by.about, ready_by.latest) {
            (Some(about), Some(latest)) => {
                let (about, latest) = (self.table_time(about), self.table_time(latest));
                if about == latest {
                    about
                } else {
                    format!("{about} (latest {latest})")
                }
            }
            _ => "unknown".to_owned(),
        }
    }

    /// A time both exact and relative.
    pub(crate) fn time_and_age(at: u64) -> String {
        format!("{} ({})", utc_time(at), relative_time(at, config::now()))
    }

    /// Prints a table on standard output.
    pub(crate) fn table(&self, table: &TextTable) -> Result<()> {
        let mut text = String::new();
        for line in table.lines(self.width, |style, text| self.paint(style, text)) {
            text.push_str(&line);
            text.push('\n');
        }
        self.bytes(text.as_bytes())
    }

    /// Prints a name and its value on one line. The value must be sanitized.
    pub(crate) fn field(&self, name: &str, value: &str) -> Result<()> {
        let name = self.paint(Style::new().dim(), &format!("{name:<12}"));
        self.line(&format!("{name} {value}"))
    }

    /// Prints a heading with an empty line before it.
    pub(crate) fn heading(&self, text: &str) -> Result<()> {
        self.line("")?;
        self.line(&self.paint(Style::new().bold(), text))
    }
}

fn painted(color: bool, style: Style, text: &str) -> String {
    // The stream decides, not the library's own global detection.
    style.force_styling(color).apply_to(text).to_string()
}

fn json_error(error: serde_json::Error) -> CliError {
    CliError::local(format!("cannot encode JSON: {error}"))
}
