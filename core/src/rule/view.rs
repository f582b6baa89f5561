//! What a rule sees of a subject at one moment.

use super::budget::Spent;
use crate::stats::{aggregate::Aggregation, window::Window};

/// The most windows that one rule looks at.
pub const INPUTS_MAX: usize = 2;

/// What is known of the past of a series, further back than its window reaches.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Past {
    /// Nothing, or not yet.
    #[default]
    Unknown,
    /// What the figure was some time before.
    Figure(f64),
    /// What was usual for a while.
    Usual {
        /// The median.
        p50: f64,
        /// The 95th percentile.
        p95: f64,
        /// How many figures these are of.
        count: u64,
    },
}

/// What a rule sees.
pub struct View<'a> {
    /// The windows of its inputs; `None` for series that are not there.
    pub windows: [Option<&'a Window>; INPUTS_MAX],
    /// When the newest figure came.
    pub newest_ms: Option<i64>,
    /// When the first figure came since the series is watched.
    pub since_ms: Option<i64>,
    /// Now.
    pub now_ms: i64,
    /// Whether it fires already.
    pub is_firing: bool,
    /// What is known of the past.
    pub past: Past,
    /// How the period of a budget was spent so far.
    pub spent: Option<&'a Spent>,
    /// Memory for percentiles.
    pub scratch: &'a mut Vec<f64>,
}

impl<'a> View<'a> {
    /// One window at a moment, and nothing else.
    pub fn of(window: &'a Window, now_ms: i64, scratch: &'a mut Vec<f64>) -> Self {
        Self {
            windows: [Some(window), None],
            newest_ms: window.newest_ms(),
            since_ms: None,
            now_ms,
            is_firing: false,
            past: Past::Unknown,
            spent: None,
            scratch,
        }
    }

    /// The aggregate of the last `window_ms` of the first input.
    pub fn figure(&mut self, window_ms: i64, aggregation: Aggregation) -> Option<f64> {
        self.windows[0]?.aggregate((self.now_ms - window_ms, i64::MAX), aggregation, self.scratch)
    }
}
