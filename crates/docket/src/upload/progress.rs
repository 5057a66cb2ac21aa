//! Progress of one file: a bar on a terminal, otherwise a line per change; nothing with `--json`.

use std::fmt::Write;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::print::{Printer, byte_size, sanitize};

use super::files::UploadFile;

/// With more files than this, waiting files have no line of their own: they would fill the screen.
const MAX_WAITING_LINES: usize = 8;
const NAME_COLUMNS: usize = 28;

#[derive(Debug)]
pub(super) struct FileProgress<'a> {
    printer: &'a Printer,
    name: String,
    bar: ProgressBar,
    live: bool,
    hides_waiting: bool,
    /// The last message, to print each one once.
    message: Mutex<String>,
}

impl<'a> FileProgress<'a> {
    pub(super) fn new(printer: &'a Printer, file: &UploadFile, files: usize) -> Self {
        let bar = ProgressBar::with_draw_target(Some(file.bytes), ProgressDrawTarget::hidden());
        let name = sanitize(&file.name);
        let short = console::truncate_str(&name, NAME_COLUMNS, "…").into_owned();
        bar.set_prefix(
            console::pad_str(&short, NAME_COLUMNS, console::Alignment::Left, None).into_owned(),
        );
        Self {
            printer,
            name,
            bar,
            live: printer.shows_progress_bars(),
            hides_waiting: files > MAX_WAITING_LINES,
            message: Mutex::default(),
        }
    }

    /// Whether a message replaces the one before it.
    pub(super) const fn replaces_messages(&self) -> bool {
        self.live
    }

    /// Starts the upload bar. Some bytes may have been uploaded by an earlier command.
    pub(super) fn start_upload(&self, uploaded: u64) {
        self.bar.set_position(uploaded);
        if !self.live {
            self.message(&if uploaded > 0 {
                format!("resuming after {}", byte_size(uploaded))
            } else {
                "uploading".to_owned()
            });
            return;
        }
        self.set_template("{prefix} {wide_bar} {sent:>8} of {size}  {rate:>10}  {eta:>4}");
        self.bar.reset_eta();
        self.show();
    }

    pub(super) fn add(&self, bytes: u64) {
        self.bar.inc(bytes);
    }

    /// Takes back bytes of a failed request.
    pub(super) fn subtract(&self, bytes: u64) {
        self.bar.dec(bytes);
    }

    pub(super) fn message(&self, text: &str) {
        let mut last = self.message.lock().unwrap_or_else(PoisonError::into_inner);
        if *last == text {
            return;
        }
        text.clone_into(&mut last);
        drop(last);
        if self.live {
            self.bar.set_message(sanitize(text));
        } else if !self.printer.json {
            self.printer
                .info(&format!("{}: {}", self.name, sanitize(text)));
        }
    }

    /// Replaces the upload bar with a spinner and the current message.
    pub(super) fn start_waiting(&self) {
        if !self.live {
            return;
        }
        if self.hides_waiting {
            self.finish();
            return;
        }
        self.set_template("{spinner} {prefix} {wide_msg}");
        self.show();
        self.bar.enable_steady_tick(Duration::from_millis(120));
    }

    /// Removes the bar from the screen.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
        self.printer.bars.remove(&self.bar);
    }

    fn show(&self) {
        if self.bar.is_hidden() {
            self.printer.bars.add(self.bar.clone());
        }
    }

    fn set_template(&self, template: &str) {
        if let Ok(style) = ProgressStyle::with_template(template) {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a rate is no negative number, and far below the limit"
            )]
            let rate = |state: &ProgressState| byte_size(state.per_sec() as u64);
            let style = style
                .progress_chars("━╸ ")
                .with_key("sent", |state: &ProgressState, out: &mut dyn Write| {
                    out.write_str(&byte_size(state.pos())).ok();
                })
                .with_key("size", |state: &ProgressState, out: &mut dyn Write| {
                    out.write_str(&byte_size(state.len().unwrap_or(0))).ok();
                })
                .with_key("rate", move |state: &ProgressState, out: &mut dyn Write| {
                    write!(out, "{}/s", rate(state)).ok();
                });
            self.bar.set_style(style);
        }
    }
}
