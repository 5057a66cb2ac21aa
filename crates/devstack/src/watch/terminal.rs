//! Output on standard error: on a terminal, lines that stay and a live area below them; otherwise plain lines with the
//! time. Standard output is only for the result.

use std::io::{IsTerminal, Write};
use std::time::Instant;

use console::{Term, measure_text_width};

use super::text::{fit, wrap};

/// A color or weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Bold,
    Dim,
    Green,
    Red,
    Yellow,
    Cyan,
}

#[derive(Debug)]
pub(crate) struct Terminal {
    term: Term,
    is_live: bool,
    has_color: bool,
    start: Instant,
    /// The widths of the lines of the live area, in columns. Not an indicatif bar, which fills its lines with spaces and
    /// so leaves parts of them behind when the terminal becomes narrower.
    live_lines: Vec<usize>,
    /// Counts the drawings of the live area, for the spinner.
    frame: usize,
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.clear();
    }
}

impl Terminal {
    pub(crate) fn new() -> Self {
        let is_live = std::io::stderr().is_terminal()
            && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        // https://no-color.org: present and not empty.
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            term: Term::stderr(),
            is_live,
            has_color: is_live && !no_color,
            start: Instant::now(),
            live_lines: Vec::new(),
            frame: 0,
        }
    }

    /// Whether there is a live area.
    pub(crate) const fn is_live(&self) -> bool {
        self.is_live
    }

    /// Width in columns; 80 if it is unknown.
    pub(crate) fn columns(&self) -> usize {
        usize::from(self.term.size().1)
    }

    fn rows(&self) -> usize {
        usize::from(self.term.size().0)
    }

    /// Text in a style, if colors are enabled.
    pub(crate) fn paint(&self, style: Style, text: &str) -> String {
        let plain = console::Style::new().force_styling(self.has_color);
        let styled = match style {
            Style::Bold => plain.bold(),
            Style::Dim => plain.dim(),
            Style::Green => plain.green(),
            Style::Red => plain.red(),
            Style::Yellow => plain.yellow(),
            Style::Cyan => plain.cyan(),
        };
        styled.apply_to(text).to_string()
    }

    /// Prints a line above the live area.
    pub(crate) fn line(&mut self, text: &str) {
        if self.is_live || text.is_empty() {
            self.print(text);
        } else {
            self.print(&format!(
                "[{:6.1} s] {text}",
                self.start.elapsed().as_secs_f64()
            ));
        }
    }

    /// Prints a detail of the previous line, cut to the terminal's width.
    pub(crate) fn detail(&mut self, text: &str) {
        let text = if self.is_live {
            fit(text, self.columns().saturating_sub(5))
        } else {
            text.to_owned()
        };
        self.wrapped_detail(&text);
    }

    /// Prints a detail of the previous line, wrapped to the terminal's width.
    pub(crate) fn wrapped_detail(&mut self, text: &str) {
        let (indent, columns) = if self.is_live {
            ("    ", self.columns().saturating_sub(5))
        } else {
            ("             ", usize::MAX)
        };
        for line in wrap(text, columns) {
            let line = self.paint(Style::Dim, line);
            self.print(&format!("{indent}{line}"));
        }
    }

    /// The next call of [`Self::draw`] restores the live area.
    fn print(&mut self, line: &str) {
        self.clear();
        // A closed standard error is not an error of the program.
        writeln!(std::io::stderr().lock(), "{line}").ok();
    }

    /// Replaces the live area. Shows only as many lines as fit on the terminal. Lines must be shorter than its width.
    pub(crate) fn draw(&mut self, lines: &[String]) {
        if !self.is_live {
            return;
        }
        self.frame += 1;
        let max_lines = self.rows().saturating_sub(2).max(1);
        debug_assert!(
            lines
                .iter()
                .all(|line| measure_text_width(line) < self.columns()),
            "{lines:?}"
        );
        let mut shown = lines.to_vec();
        if lines.len() > max_lines {
            shown.truncate(max_lines - 1);
            shown.push(format!("  … and {} more", lines.len() - shown.len()));
        }
        self.clear();
        self.live_lines = shown.iter().map(|line| measure_text_width(line)).collect();
        // One write, so that the terminal does not flicker.
        let text: String = shown.iter().map(|line| format!("{line}\n")).collect();
        self.term.write_str(&text).ok();
    }

    /// The current character of the spinner.
    pub(crate) fn spinner(&self) -> char {
        const FRAMES: [char; 10] = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
        FRAMES[self.frame % FRAMES.len()]
    }

    /// Removes the live area.
    pub(crate) fn clear(&mut self) {
        // If the terminal has become narrower, it has wrapped the lines.
        let columns = self.columns().max(1);
        let rows = |width: usize| width.div_ceil(columns).max(1);
        let rows: usize = self.live_lines.drain(..).map(rows).sum();
        if rows > 0 {
            self.term
                .move_cursor_up(rows)
                .and_then(|()| self.term.clear_to_end_of_screen())
                .ok();
        }
    }
}
