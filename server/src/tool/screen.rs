//! What people see while something is measured: lines where they belong, and a bar on standard error where that is a
//! terminal.

use std::{
    cell::Cell,
    io::{IsTerminal as _, Write as _},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::probe;

/// Steps of a bar that shows a part of a whole.
const STEPS: u64 = 1_000;

/// Lines and a bar.
pub(super) struct Screen {
    bar: ProgressBar,
    /// Whether standard output belongs to a result that machines read.
    is_reserved: bool,
    is_gone: Cell<bool>,
}

impl Screen {
    /// A bar that ends with that step.
    pub(super) fn new(steps: u64, is_reserved: bool) -> Self {
        let is_seen = std::io::stderr().is_terminal();
        let target = if is_seen { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let style = ProgressStyle::with_template("{bar:32} {percent:>3} %  {msg}  {elapsed}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(Some(steps), target).with_style(style);
        Self { bar, is_reserved, is_gone: Cell::new(false) }
    }

    /// A line for people: on standard output, unless that belongs to the result.
    pub(super) fn say(&self, line: &str) {
        if self.is_reserved {
            return self.note(line);
        }
        let written = self.bar.suspend(|| writeln!(std::io::stdout(), "{line}"));
        self.is_gone.set(self.is_gone.get() || written.is_err());
    }

    /// A line on standard error.
    pub(super) fn note(&self, line: &str) {
        // When nobody listens there either, nothing can be told.
        let _ = self.bar.suspend(|| writeln!(std::io::stderr(), "{line}"));
    }

    /// The result itself, on standard output, as far as somebody reads it.
    pub(super) fn result(&self, text: &str) -> std::io::Result<()> {
        self.bar.suspend(|| probe::print(&format!("{text}\n")))
    }

    /// Whether whoever read standard output has left.
    pub(super) fn is_gone(&self) -> bool {
        self.is_gone.get()
    }

    /// Says how many steps there are, once that is known.
    pub(super) fn begin(&self, steps: u64) {
        self.bar.set_length(steps);
    }

    /// Shows how far it is.
    pub(super) fn show(&self, step: u64, words: String) {
        self.bar.set_position(step);
        self.bar.set_message(words);
    }

    /// Begins a bar for something else, and returns what moves it, 0 to 1.
    pub(super) fn part(&self, words: &'static str) -> impl Fn(f64) + Send + Sync + use<> {
        self.bar.reset();
        self.bar.set_length(STEPS);
        self.bar.set_message(words);
        let bar = self.bar.clone();
        move |done_ratio| bar.set_position((done_ratio.clamp(0.0, 1.0) * STEPS as f64) as u64)
    }

    /// Takes the bar away.
    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.clear();
    }
}
