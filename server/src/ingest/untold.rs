//! Samples that are stored and not told yet: those of a moment are told together, because listeners pay by the event.

use std::time::Duration;

use netloom_core::series::Row;
use tokio::time::Instant;

use crate::live::Live;

/// How long samples wait for company: a figure is on the screen well within a third of a second.
pub(super) const TELL_EVERY: Duration = Duration::from_millis(100);
/// Samples told at once. More is an import or a load that nobody follows live; pages ask for its history.
const TOLD_MAX_SAMPLES: usize = 50_000;

/// Samples that wait to be told.
#[derive(Debug, Default)]
pub struct Untold {
    rows: Vec<Row>,
    told_at: Option<Instant>,
    left_out: u64,
}

impl Untold {
    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Adds samples; what is more than is told at once is left out and counted.
    pub(super) fn add(&mut self, rows: &[Row]) {
        let taken = rows.len().min(TOLD_MAX_SAMPLES - self.rows.len());
        self.rows.extend_from_slice(&rows[..taken]);
        self.left_out += (rows.len() - taken) as u64;
    }

    /// Tells what waits, unless others were told of a moment ago.
    pub(super) fn tell(&mut self, live: &Live) {
        let is_due = self.told_at.is_none_or(|told_at| told_at.elapsed() >= TELL_EVERY);
        if is_due && !self.rows.is_empty() {
            live.publish_samples(&self.rows);
            self.rows.clear();
            self.told_at = Some(Instant::now());
        }
    }

    /// How many samples were left out so far.
    pub(super) fn left_out(&self) -> u64 {
        self.left_out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use netloom_core::series::{SeriesId, SharedCatalog};

    fn rows(count: usize) -> Vec<Row> {
        (0..count).map(|at| Row { series: SeriesId(0), ts_ms: at as i64, value: 0.0 }).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_is_told_at_once_and_the_next_together() {
        let live = Live::new(1, SharedCatalog::default());
        let mut untold = Untold::default();
        for _ in 0..3 {
            untold.add(&rows(1));
            untold.tell(&live);
        }
        assert_eq!(live.published(), 1);
        tokio::time::advance(TELL_EVERY).await;
        untold.tell(&live);
        assert_eq!((live.published(), untold.is_empty()), (2, true));
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_could_follow_is_left_out_and_counted() {
        let mut untold = Untold::default();
        untold.add(&rows(TOLD_MAX_SAMPLES + 7));
        assert_eq!((untold.rows.len(), untold.left_out()), (TOLD_MAX_SAMPLES, 7));
    }
}
