//! More than a share of a period spent beyond a limit.

use std::sync::Arc;

use super::{Verdict, is_beyond, spec::Side, view::View};

/// Buckets of one period: its end moves by 1.7 % of it at a time, and what it takes to know does not depend on how often
/// figures come.
const BUCKETS: i64 = 60;
/// A figure speaks for the time since the one before, but for no longer than this, ms: of a gap nothing is known.
pub const GAP_MAX_MS: i64 = 60_000;

/// Fires while more than a share of a period was spent beyond a limit.
#[derive(Debug, Clone, PartialEq)]
pub struct Budget {
    /// What is judged.
    pub metric: Arc<str>,
    /// On which side bad figures are.
    pub side: Side,
    /// The limit, in the metric's unit; the limit itself is still good.
    pub limit: f64,
    /// The part of the period that may be bad.
    pub allowed_ratio: f64,
    /// The period, ms.
    pub period_ms: i64,
    /// For how long a figure speaks at most, ms.
    pub gap_ms: i64,
}

impl Budget {
    /// The figure is the part of the whole period that was bad, whether or not all of it is known.
    pub(super) fn evaluate(&self, view: &View) -> Verdict {
        let Some(spent) = view.spent else { return Verdict::Unknown };
        let (known_ms, bad_ms) = spent.of_period(view.now_ms);
        if known_ms == 0 {
            return Verdict::Unknown;
        }
        let ratio = bad_ms as f64 / self.period_ms as f64;
        Verdict::of(ratio, ratio > self.allowed_ratio)
    }

    /// Whether a figure is beyond the limit.
    pub fn is_bad(&self, value: f64) -> bool {
        is_beyond(self.side, value, self.limit)
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Bucket {
    known_ms: u32,
    bad_ms: u32,
}

/// How a period was spent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spent {
    bucket_ms: i64,
    buckets: Box<[Bucket]>,
    /// The number of the newest bucket.
    newest: i64,
    /// When the newest figure was taken.
    last_ms: Option<i64>,
}

impl Spent {
    /// Nothing of a period.
    pub fn new(period_ms: i64) -> Self {
        let bucket_ms = (period_ms / BUCKETS).max(1);
        Self { bucket_ms, buckets: vec![Bucket::default(); BUCKETS as usize].into(), newest: 0, last_ms: None }
    }

    /// Takes a figure, which speaks for the time since the one before. What comes late changes nothing any more.
    pub fn push(&mut self, ts_ms: i64, is_bad: bool, gap_ms: i64) {
        let Some(last_ms) = self.last_ms else {
            self.turn_to(ts_ms);
            self.last_ms = Some(ts_ms);
            return;
        };
        if ts_ms <= last_ms {
            return;
        }
        self.last_ms = Some(ts_ms);
        // From bucket to bucket, so that a long step does not land in one.
        let mut from_ms = last_ms.max(ts_ms - gap_ms);
        while from_ms < ts_ms {
            let end_ms = ((from_ms.div_euclid(self.bucket_ms) + 1) * self.bucket_ms).min(ts_ms);
            self.turn_to(from_ms);
            let at = from_ms.div_euclid(self.bucket_ms).rem_euclid(BUCKETS) as usize;
            let bucket = &mut self.buckets[at];
            let ms = (end_ms - from_ms) as u32;
            bucket.known_ms = bucket.known_ms.saturating_add(ms);
            bucket.bad_ms = bucket.bad_ms.saturating_add(if is_bad { ms } else { 0 });
            from_ms = end_ms;
        }
    }

    /// When the newest figure was taken.
    pub fn last_ms(&self) -> Option<i64> {
        self.last_ms
    }

    /// Of the period that ends at `now_ms`: how much is known and how much was bad, ms.
    fn of_period(&self, now_ms: i64) -> (i64, i64) {
        let oldest = now_ms.div_euclid(self.bucket_ms) - BUCKETS + 1;
        let within = (oldest.max(self.newest - BUCKETS + 1)..=self.newest)
            .map(|number| &self.buckets[number.rem_euclid(BUCKETS) as usize]);
        within.fold((0, 0), |(known_ms, bad_ms), bucket| {
            (known_ms + i64::from(bucket.known_ms), bad_ms + i64::from(bucket.bad_ms))
        })
    }

    /// Makes the bucket of a moment the newest, if it is newer.
    fn turn_to(&mut self, ts_ms: i64) {
        let number = ts_ms.div_euclid(self.bucket_ms);
        if number <= self.newest {
            return;
        }
        for empty in (number - BUCKETS + 1).max(self.newest + 1)..=number {
            self.buckets[empty.rem_euclid(BUCKETS) as usize] = Bucket::default();
        }
        self.newest = number;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::window::Window;

    fn rule() -> Budget {
        let (allowed_ratio, period_ms, gap_ms) = (0.1, 600_000, GAP_MAX_MS);
        Budget { metric: "rtt_us".into(), side: Side::Above, limit: 10.0, allowed_ratio, period_ms, gap_ms }
    }

    /// Figures as (second, is it bad).
    fn judge(seconds: impl Iterator<Item = (i64, bool)>, now_s: i64) -> Verdict {
        let (rule, mut spent) = (rule(), Spent::new(600_000));
        seconds.for_each(|(second, is_bad)| spent.push(second * 1_000, is_bad, rule.gap_ms));
        let (window, mut scratch) = (Window::default(), Vec::new());
        rule.evaluate(&View { spent: Some(&spent), ..View::of(&window, now_s * 1_000, &mut scratch) })
    }

    #[test]
    fn a_tenth_of_ten_minutes_is_a_minute() {
        let bad_from = |from: i64| (1_000..=1_600).map(move |second| (second, second > from));
        assert_eq!(judge(bad_from(1_540), 1_600), Verdict::Good { value: 0.1 });
        assert!(matches!(judge(bad_from(1_530), 1_600), Verdict::Bad { .. }));
    }

    #[test]
    fn bad_moments_are_forgotten_when_the_period_is_over() {
        let seconds = || (1_000..=3_000).map(|second| (second, second < 1_200));
        assert!(matches!(judge(seconds().take(300), 1_300), Verdict::Bad { .. }));
        assert_eq!(judge(seconds(), 3_000), Verdict::Good { value: 0.0 });
        assert_eq!(judge(seconds(), 4_000), Verdict::Unknown, "and so is everything");
    }

    #[test]
    fn the_rate_of_figures_does_not_matter_and_a_gap_says_nothing() {
        let rarely = (100..=160).map(|at| (at * 10, at > 150));
        let often = (1_000..=1_600).map(|second| (second, second > 1_500));
        assert_eq!(judge(rarely, 1_600), judge(often, 1_600));
        let gap = [(1_000, true), (1_500, true)];
        assert_eq!(judge(gap.into_iter(), 1_500), Verdict::Good { value: 0.1 });
    }

    #[test]
    fn what_comes_late_or_first_counts_for_nothing() {
        assert_eq!(judge([(1_000, true)].into_iter(), 1_000), Verdict::Unknown);
        let late = [(1_000, false), (1_010, false), (1_005, true)];
        assert_eq!(judge(late.into_iter(), 1_010), Verdict::Good { value: 0.0 });
    }
}
