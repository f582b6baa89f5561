//! When absences become too long: each is looked at when its time is up, and not before.

use std::{cmp::Reverse, collections::BinaryHeap};

/// Moments and the instances that are to be looked at then. Each instance has one moment at most.
#[derive(Default)]
pub struct Due(BinaryHeap<Reverse<(i64, u32)>>);

impl Due {
    /// Has an instance looked at after a moment.
    pub fn add(&mut self, ms: i64, instance: u32) {
        self.0.push(Reverse((ms, instance)));
    }

    /// The next one whose time is up.
    pub fn next(&mut self, now_ms: i64) -> Option<u32> {
        let Reverse((ms, _)) = self.0.peek()?;
        if *ms >= now_ms {
            return None;
        }
        self.0.pop().map(|Reverse((_, instance))| instance)
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}
