//! How far a command is, for whoever watches.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Steps of the bar when it shows a part of time: finer than anybody's terminal.
pub(super) const STEPS: u64 = 1_000;

/// A bar on standard error; nothing when that is no terminal.
pub(super) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar of some steps, without an end when that is not known.
    pub(super) fn new(steps: Option<u64>) -> Self {
        let is_seen = std::io::stderr().is_terminal();
        let target = if is_seen { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let template =
            if steps.is_some() { "{bar:32} {percent:>3} %  {msg}  {elapsed}" } else { "{spinner} {msg}  {elapsed}" };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        Self { bar: ProgressBar::with_draw_target(steps, target).with_style(style) }
    }

    /// Nothing at all: where the bar would stand between the lines of an output.
    pub(super) fn hidden() -> Self {
        Self { bar: ProgressBar::hidden() }
    }

    /// Shows how far it is; never goes back.
    pub(super) fn show(&self, step: u64, samples: u64) {
        self.bar.set_position(step.max(self.bar.position()));
        self.bar.set_message(format!("{samples} samples"));
    }

    /// Says something above the bar, on standard error.
    pub(super) fn say(&self, line: &str) {
        self.bar.suspend(|| eprintln!("{line}"));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
