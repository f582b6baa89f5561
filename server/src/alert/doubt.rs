//! What a starved host measured: stored and shown as it is, and no ground for an alert.

use std::collections::{HashMap, VecDeque};

use netloom_core::unit;

use super::names::Name;

/// Doubtful moments that are remembered of a node: its lateness and its rounds come in one batch, or in the next.
const MOMENTS_MAX: usize = 16;
/// A host tells its lateness this often, the worst of that time, ms; what it measured in another way meanwhile, by ICMP or
/// TCP, is as doubtful.
const TOLD_EVERY_MS: i64 = 1_000;
/// Moments older than this are forgotten, ms: what comes so late is not judged anyway.
const FORGET_AFTER_MS: i64 = 60_000;

/// The moments in which hosts were late.
pub struct Doubts {
    after_us: f64,
    moments: HashMap<Name, VecDeque<i64>>,
    skipped: u64,
}

impl Default for Doubts {
    fn default() -> Self {
        Self { after_us: f64::INFINITY, moments: HashMap::new(), skipped: 0 }
    }
}

impl Doubts {
    pub fn set_after_ms(&mut self, after_ms: f64) {
        self.after_us = unit::us_from_ms(after_ms);
    }

    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Notes how late a host was at a moment.
    pub fn note(&mut self, node: Name, ts_ms: i64, late_us: f64) {
        if late_us > self.after_us {
            let moments = self.moments.entry(node).or_default();
            moments.push_back(ts_ms);
            if moments.len() > MOMENTS_MAX {
                moments.pop_front();
            }
        } else if let Some(moments) = self.moments.get_mut(&node) {
            moments.retain(|moment_ms| ts_ms - moment_ms < FORGET_AFTER_MS);
            if moments.is_empty() {
                self.moments.remove(&node);
            }
        }
    }

    /// Whether a sample is of a round that its host sent or read too late; counts it if so.
    pub fn skips(&mut self, src: Option<Name>, ts_ms: i64) -> bool {
        if self.moments.is_empty() {
            return false;
        }
        let moments = src.and_then(|src| self.moments.get(&src));
        let is_near = |moment_ms: &i64| (ts_ms - moment_ms).abs() < TOLD_EVERY_MS;
        let is_doubtful = moments.is_some_and(|moments| moments.iter().any(is_near));
        self.skipped += u64::from(is_doubtful);
        is_doubtful
    }
}
