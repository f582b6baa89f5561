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

    /// A period as it was spent, from what is stored of it and from what has come since.
    pub fn spent_of(&self, course: &[(i64, f64)], since: &Spent) -> Spent {
        let mut spent = Spent::new(self.period_ms);
        // Means of longer stretches speak for all of a stretch.
        let steps = course.windows(2).map(|pair| pair[1].0 - pair[0].0);
        let gap_ms = self.gap_ms.max(steps.filter(|step_ms| *step_ms > 0).min().unwrap_or(0));
        for (ts_ms, value) in course.iter().filter(|(ts_ms, _)| since.first_ms.is_none_or(|first_ms| *ts_ms < first_ms))
        {
            spent.push(*ts_ms, self.is_bad(*value), gap_ms);
        }
        spent.append(since);
        spent
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
    /// When the first and the newest figure were taken.
    first_ms: Option<i64>,
    last_ms: Option<i64>,
}

impl Spent {
    /// Nothing of a period.
    pub fn new(period_ms: i64) -> Self {
        let bucket_ms = (period_ms / BUCKETS).max(1);
        let buckets = vec![Bucket::default(); BUCKETS as usize].into();
        Self { bucket_ms, buckets, newest: i64::MIN / 2, first_ms: None, last_ms: None }
    }

    /// Takes a figure, which speaks for the time since the one before. What comes late changes nothing any more.
    pub fn push(&mut self, ts_ms: i64, is_bad: bool, gap_ms: i64) {
        let Some(last_ms) = self.last_ms else {
            self.turn_to(ts_ms);
            (self.first_ms, self.last_ms) = (Some(ts_ms), Some(ts_ms));
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

    /// Bytes of its buckets.
    pub fn bytes(&self) -> usize {
        size_of_val(&*self.buckets)
    }

    /// Puts what came later behind what is here.
    fn append(&mut self, later: &Spent) {
        let (Some(first_ms), Some(last_ms)) = (later.first_ms, later.last_ms) else { return };
        self.first_ms = self.first_ms.or(Some(first_ms));
        self.last_ms = Some(last_ms);
        let first = first_ms.div_euclid(self.bucket_ms).max(later.newest - BUCKETS + 1);
        for number in first..=later.newest {
            self.turn_to(number * self.bucket_ms);
            let at = number.rem_euclid(BUCKETS) as usize;
            let (bucket, more) = (&mut self.buckets[at], later.buckets[at]);
            bucket.known_ms = bucket.known_ms.saturating_add(more.known_ms);
            bucket.bad_ms = bucket.bad_ms.saturating_add(more.bad_ms);
        }
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
    fn what_is_stored_and_what_came_since_are_one_period() {
        let rule = rule();
        let mut since = Spent::new(rule.period_ms);
        let is_bad = |second: i64| (1_500..1_550).contains(&second);
        (1_530..=1_600).for_each(|second| since.push(second * 1_000, is_bad(second), rule.gap_ms));
        let figure = |second: i64| (second * 1_000, if is_bad(second) { 20.0 } else { 0.0 });
        let stored: Vec<_> = (1_000..=1_540).map(figure).collect();
        let (window, mut scratch) = (Window::default(), Vec::new());
        let mut judge =
            |spent: &Spent| rule.evaluate(&View { spent: Some(spent), ..View::of(&window, 1_600_000, &mut scratch) });
        let whole = rule.spent_of(&stored, &since);
        let value = judge(&whole).value().expect("is known");
        assert!((value - 49.0 / 600.0).abs() < 0.003, "{value}");
        let rarely: Vec<_> = (10..=15).map(|step| figure(step * 100)).collect();
        let value = judge(&rule.spent_of(&rarely, &since)).value().expect("is known");
        assert!(value > 0.15, "a mean of 100 s speaks for all of them: {value}");
    }

    #[test]
    fn what_comes_late_or_first_counts_for_nothing() {
        assert_eq!(judge([(1_000, true)].into_iter(), 1_000), Verdict::Unknown);
        let late = [(1_000, false), (1_010, false), (1_005, true)];
        assert_eq!(judge(late.into_iter(), 1_010), Verdict::Good { value: 0.0 });
    }
}
