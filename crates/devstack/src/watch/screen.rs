//! What people see, on standard error: a live list on a terminal, one line per change otherwise.
//! Standard output stays free for the result.

use std::io::{IsTerminal, Write};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::text::{fit, styled_width, wrap};

/// A color or weight. Its numbers are those of ECMA-48.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Bold,
    Dim,
    Green,
    Red,
    Yellow,
    Cyan,
}

/// The screen.
#[derive(Debug)]
pub(crate) struct Screen {
    live: bool,
    color: bool,
    start: Instant,
    size: (usize, usize),
    /// Widths of the lines of the live area that are on the screen now, in columns.
    drawn: Vec<usize>,
    frame: usize,
    resizes: Option<Signal>,
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.clear();
    }
}

impl Screen {
    pub(crate) async fn new() -> Self {
        let terminal = std::io::stderr().is_terminal()
            && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        // https://no-color.org: present and not empty.
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let mut screen = Self {
            live: terminal,
            color: terminal && !no_color,
            start: Instant::now(),
            size: (24, 80),
            drawn: Vec::new(),
            frame: 0,
            resizes: terminal
                .then(|| signal(SignalKind::window_change()).ok())
                .flatten(),
        };
        screen.measure().await;
        screen
    }

    /// Whether there is a live list to draw.
    pub(crate) const fn is_live(&self) -> bool {
        self.live
    }

    /// Comes back when the terminal's size has changed.
    pub(crate) async fn resized(&mut self) {
        match &mut self.resizes {
            Some(resizes) => resizes.recv().await,
            None => std::future::pending().await,
        };
        self.measure().await;
    }

    /// Asks for the terminal's size.
    async fn measure(&mut self) {
        if !self.live {
            return;
        }
        // Without a system call of our own: `stty` is part of every Unix.
        let asked = tokio::process::Command::new("stty")
            .arg("size")
            .stdin(std::fs::File::open("/dev/tty").map_or_else(|_| Stdio::null(), Stdio::from))
            .stderr(Stdio::null())
            .output();
        let Ok(Ok(answer)) = tokio::time::timeout(Duration::from_secs(1), asked).await else {
            return;
        };
        let text = String::from_utf8_lossy(&answer.stdout);
        let mut numbers = text.split_whitespace().filter_map(|n| n.parse().ok());
        if let (Some(rows @ 1..), Some(columns @ 1..)) = (numbers.next(), numbers.next()) {
            self.size = (rows, columns);
        }
    }

    /// Width in columns.
    pub(crate) const fn columns(&self) -> usize {
        self.size.1
    }

    /// Text in a style, if colors are wanted.
    pub(crate) fn paint(&self, style: Style, text: &str) -> String {
        if !self.color {
            return text.to_owned();
        }
        let code = match style {
            Style::Bold => "1",
            Style::Dim => "2",
            Style::Green => "32",
            Style::Red => "31",
            Style::Yellow => "33",
            Style::Cyan => "36",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }

    /// Seconds since the screen was opened.
    pub(crate) fn clock(&self) -> String {
        format!("{:6.1} s", self.start.elapsed().as_secs_f64())
    }

    /// A line that stays, above the live area.
    pub(crate) fn line(&mut self, text: &str) {
        self.clear();
        let text = if self.live || text.is_empty() {
            text.to_owned()
        } else {
            format!("[{}] {text}", self.clock())
        };
        // A closed standard error is no reason to fail.
        writeln!(std::io::stderr().lock(), "{text}").ok();
    }

    /// A detail of the line before; it stays, cut to the terminal's width.
    pub(crate) fn detail(&mut self, text: &str) {
        let text = if self.live {
            fit(text, self.columns().saturating_sub(5))
        } else {
            text.to_owned()
        };
        self.reason(&text);
    }

    /// A detail that nothing is cut off from.
    pub(crate) fn reason(&mut self, text: &str) {
        self.clear();
        let (indent, columns) = if self.live {
            ("    ", self.columns().saturating_sub(5))
        } else {
            ("             ", usize::MAX)
        };
        for line in wrap(text, columns) {
            let line = self.paint(Style::Dim, line);
            writeln!(std::io::stderr().lock(), "{indent}{line}").ok();
        }
    }

    /// Replaces the live area. Every line is cut to the terminal's width, and the list to its height.
    pub(crate) fn draw(&mut self, lines: &[String]) {
        if !self.live {
            return;
        }
        self.clear();
        self.frame += 1;
        let (rows, columns) = self.size;
        let room = rows.saturating_sub(2).max(1);
        let mut text = String::new();
        let mut drawn = Vec::new();
        let shown = if lines.len() > room {
            room - 1
        } else {
            lines.len()
        };
        for line in &lines[..shown] {
            debug_assert!(styled_width(line) < columns, "{line}");
            text.push_str(line);
            text.push('\n');
            drawn.push(styled_width(line));
        }
        if shown < lines.len() {
            let more = format!("  … and {} more", lines.len() - shown);
            drawn.push(styled_width(&more));
            text.push_str(&more);
            text.push('\n');
        }
        self.drawn = drawn;
        let mut out = std::io::stderr().lock();
        out.write_all(text.as_bytes())
            .and_then(|()| out.flush())
            .ok();
    }

    /// A character that turns.
    pub(crate) fn spinner(&self) -> char {
        const TURN: [char; 10] = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
        TURN[self.frame % TURN.len()]
    }

    /// Takes the live area away.
    pub(crate) fn clear(&mut self) {
        // A terminal that has become narrower since has broken the lines.
        let columns = self.columns().max(1);
        let rows = |width: usize| width.div_ceil(columns).max(1);
        let up: usize = self.drawn.drain(..).map(rows).sum();
        if up > 0 {
            // Up, to the line's start, and erase to the end of the screen.
            write!(std::io::stderr().lock(), "\u{1b}[{up}A\r\u{1b}[J").ok();
        }
    }
}
