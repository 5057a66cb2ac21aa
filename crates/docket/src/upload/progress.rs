//! How far a file has come: a bar on a terminal, a line for each change otherwise, nothing for programs.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::print::{Print, harmless};

use super::plan::Item;

/// With more files than this, those that wait are not shown one by one: they would fill the screen.
const SHOWN: usize = 8;
/// Columns for a name.
const NAME: usize = 28;

/// One file's.
#[derive(Debug)]
pub(super) struct Meter<'a> {
    print: &'a Print,
    name: String,
    bar: ProgressBar,
    live: bool,
    crowded: bool,
    said: Mutex<String>,
}

impl<'a> Meter<'a> {
    pub(super) fn new(print: &'a Print, item: &Item, files: usize) -> Self {
        let bar = ProgressBar::with_draw_target(Some(item.bytes), ProgressDrawTarget::hidden());
        let name = harmless(&item.name);
        let short = console::truncate_str(&name, NAME, "…").into_owned();
        bar.set_prefix(console::pad_str(&short, NAME, console::Alignment::Left, None).into_owned());
        Self {
            print,
            name,
            bar,
            live: print.is_live(),
            crowded: files > SHOWN,
            said: Mutex::default(),
        }
    }

    /// Whether what it says is replaced by what it says next.
    pub(super) const fn is_live(&self) -> bool {
        self.live
    }

    /// Sending begins, so many bytes having arrived earlier.
    pub(super) fn uploading(&self, arrived: u64) {
        self.bar.set_position(arrived);
        if !self.live {
            self.says(&if arrived > 0 {
                format!("goes on after {}", crate::print::size(arrived))
            } else {
                "uploading".to_owned()
            });
            return;
        }
        self.look(
            "{prefix} {wide_bar} {decimal_bytes:>10} of {decimal_total_bytes}  {decimal_bytes_per_sec:>12}  {eta:>4}",
        );
        self.bar.reset_eta();
        self.show();
    }

    /// So many bytes more are on their way.
    pub(super) fn more(&self, bytes: u64) {
        self.bar.inc(bytes);
    }

    /// So many bytes did not arrive.
    pub(super) fn lost(&self, bytes: u64) {
        self.bar.dec(bytes);
    }

    /// Something to say about the file.
    pub(super) fn says(&self, text: &str) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if *said == text {
            return;
        }
        text.clone_into(&mut said);
        drop(said);
        if self.live {
            self.bar.set_message(harmless(text));
        } else if !self.print.json {
            self.print
                .note(&format!("{}: {}", self.name, harmless(text)));
        }
    }

    /// It is sent, and waits.
    pub(super) fn waiting(&self) {
        if !self.live {
            return;
        }
        if self.crowded {
            self.end();
            return;
        }
        self.look("{spinner} {prefix} {wide_msg}");
        self.show();
        self.bar.enable_steady_tick(Duration::from_millis(120));
    }

    /// Takes it off the screen.
    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
        self.print.bars.remove(&self.bar);
    }

    fn show(&self) {
        if self.bar.is_hidden() {
            self.print.bars.add(self.bar.clone());
        }
    }

    fn look(&self, template: &str) {
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style.progress_chars("━╸ "));
        }
    }
}
