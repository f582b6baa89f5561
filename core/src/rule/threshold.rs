//! A figure beyond a limit.

use std::sync::Arc;

use super::{Verdict, is_beyond, spec::Side, view::View};
use crate::stats::aggregate::Aggregation;

/// Fires while the aggregate of the window lies beyond the limit.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    /// What is judged.
    pub metric: Arc<str>,
    /// On which side bad figures are; `either` means on either side of zero.
    pub side: Side,
    /// How the window becomes one figure.
    pub aggregation: Aggregation,
    /// How far back to look, ms.
    pub window_ms: i64,
    /// The limit, in the metric's unit; the limit itself is still good.
    pub limit: f64,
    /// Once it fires, a figure is good again only when it is not beyond this.
    pub recover: Option<f64>,
    /// Fewer figures than this in the window say nothing: one lost probe of two is no loss of half.
    pub at_least: u32,
}

impl Threshold {
    pub(super) fn evaluate(&self, view: &mut View) -> Verdict {
        if self.at_least > 1 {
            let figures = view.figure(self.window_ms, Aggregation::Count).unwrap_or(0.0);
            if figures < f64::from(self.at_least) {
                return Verdict::Unknown;
            }
        }
        let Some(value) = view.figure(self.window_ms, self.aggregation) else { return Verdict::Unknown };
        // There are few figures of a series that was met a moment ago, and that means nothing.
        let is_young = view.since_ms.is_some_and(|since_ms| view.now_ms - since_ms < self.window_ms);
        if self.aggregation == Aggregation::Count && is_young {
            return Verdict::Unknown;
        }
        let limit = if view.is_firing { self.recover.unwrap_or(self.limit) } else { self.limit };
        Verdict::of(value, is_beyond(self.side, value, limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::window::Window;

    fn rule() -> Threshold {
        let (side, aggregation) = (Side::Above, Aggregation::Avg);
        let (metric, recover) = ("rtt_us".into(), None);
        Threshold { metric, side, aggregation, window_ms: 100, limit: 10.0, recover, at_least: 1 }
    }

    fn judge_by(rule: &Threshold, values: &[(i64, f64)], now_ms: i64, is_firing: bool) -> Verdict {
        let mut window = Window::default();
        for (ts, value) in values {
            window.push(*ts, *value);
        }
        rule.evaluate(&mut View { is_firing, ..View::of(&window, now_ms, &mut Vec::new()) })
    }

    fn judge(values: &[(i64, f64)], now_ms: i64) -> Verdict {
        judge_by(&rule(), values, now_ms, false)
    }

    #[test]
    fn the_window_is_judged_as_one_figure() {
        assert_eq!(judge(&[(50, 5.0), (60, 25.0)], 100), Verdict::Bad { value: 15.0 });
        assert_eq!(judge(&[(50, 5.0), (60, 15.0)], 100), Verdict::Good { value: 10.0 });
    }

    #[test]
    fn too_few_figures_say_nothing() {
        let rule = Threshold { at_least: 3, ..rule() };
        assert_eq!(judge_by(&rule, &[(50, 99.0), (60, 99.0)], 100, false), Verdict::Unknown);
        assert_eq!(judge_by(&rule, &[(50, 99.0), (60, 99.0), (70, 99.0)], 100, false), Verdict::Bad { value: 99.0 });
        assert_eq!(judge_by(&rule, &[], 100, false), Verdict::Unknown);
    }

    #[test]
    fn what_is_too_old_or_missing_is_unknown() {
        assert_eq!(judge(&[(50, 99.0)], 150), Verdict::Unknown);
        assert_eq!(judge(&[], 0), Verdict::Unknown);
    }

    #[test]
    fn below_and_either_side_have_their_bad_figures_there() {
        let below = Threshold { side: Side::Below, ..rule() };
        assert_eq!(judge_by(&below, &[(50, 9.0)], 100, false), Verdict::Bad { value: 9.0 });
        assert_eq!(judge_by(&below, &[(50, 10.0)], 100, false), Verdict::Good { value: 10.0 });
        let either = Threshold { side: Side::Either, ..rule() };
        assert_eq!(judge_by(&either, &[(50, -11.0)], 100, false), Verdict::Bad { value: -11.0 });
        assert_eq!(judge_by(&either, &[(50, 9.0)], 100, false), Verdict::Good { value: 9.0 });
    }

    #[test]
    fn few_figures_of_a_series_that_was_just_met_mean_nothing() {
        let rule = Threshold { side: Side::Below, aggregation: Aggregation::Count, limit: 3.0, ..rule() };
        let mut window = Window::default();
        window.push(50, 1.0);
        let since =
            |since_ms| rule.evaluate(&mut View { since_ms: Some(since_ms), ..View::of(&window, 100, &mut Vec::new()) });
        assert_eq!((since(50), since(0)), (Verdict::Unknown, Verdict::Bad { value: 1.0 }));
    }

    #[test]
    fn what_fires_is_good_again_only_when_it_recovered() {
        let rule = Threshold { recover: Some(8.0), ..rule() };
        assert_eq!(judge_by(&rule, &[(50, 9.0)], 100, false), Verdict::Good { value: 9.0 });
        assert_eq!(judge_by(&rule, &[(50, 9.0)], 100, true), Verdict::Bad { value: 9.0 });
        assert_eq!(judge_by(&rule, &[(50, 8.0)], 100, true), Verdict::Good { value: 8.0 });
    }
}
