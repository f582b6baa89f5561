//! A figure that is unusual for its series.

use std::sync::Arc;

use super::{
    Verdict,
    spec::Side,
    view::{Past, View},
};
use crate::{metric, stats::aggregate::Aggregation, unit::Unit};

/// Figures after which it is known what is usual: below, percentiles say little.
pub const LEARNED_MIN_COUNT: u64 = 100;
/// A spread is at least this part of the median: a series that hardly moves would alert on nothing, and percentiles of
/// summaries are within 2 % only.
const SPREAD_MIN_RATIO: f64 = 0.05;
/// How many standard deviations lie between the median and the 95th percentile of a normal distribution.
const SIGMAS_TO_P95: f64 = 1.645;

/// Fires while the aggregate of the window is too many spreads away from the median of the learned past.
#[derive(Debug, Clone, PartialEq)]
pub struct Deviation {
    /// What is judged.
    pub metric: Arc<str>,
    /// In which direction.
    pub side: Side,
    /// By more than so many standard deviations.
    pub sigmas: f64,
    /// From how much of its past it is learned what is usual, ms.
    pub learn_ms: i64,
    /// How the window becomes one figure.
    pub aggregation: Aggregation,
    /// How far back to look, ms.
    pub window_ms: i64,
    /// A spread is at least this ([`spread_min`]).
    pub spread_min: f64,
}

/// The least spread of a metric, in its unit: less is the resolution of the measurement, and a median of zero has no part
/// of it.
pub fn spread_min(metric: &str) -> f64 {
    match metric::unit_of(metric) {
        Unit::Microseconds | Unit::PacketsPerSecond => 10.0,
        Unit::Ratio => 0.005,
        Unit::BitsPerSecond => 1e4,
        Unit::PerSecond | Unit::Count => 0.1,
    }
}

impl Deviation {
    pub(super) fn evaluate(&self, view: &mut View) -> Verdict {
        let usual = self.usual(view.past);
        let (Some((middle, margin)), Some(value)) = (usual, view.figure(self.window_ms, self.aggregation)) else {
            return Verdict::Unknown;
        };
        let off = value - middle;
        let is_bad = match self.side {
            Side::Above => off > margin,
            Side::Below => -off > margin,
            Side::Either => off.abs() > margin,
        };
        Verdict::of(value, is_bad)
    }

    /// The limit on the side where the figure is.
    pub(super) fn limit_of(&self, past: Past, value: f64) -> f64 {
        let Some((middle, margin)) = self.usual(past) else { return f64::NAN };
        if value < middle { middle - margin } else { middle + margin }
    }

    /// The median, and how far from it is still usual; `None` before enough is known.
    fn usual(&self, past: Past) -> Option<(f64, f64)> {
        let Past::Usual { p50, p95, count } = past else { return None };
        if count < LEARNED_MIN_COUNT {
            return None;
        }
        let spread = ((p95 - p50) / SIGMAS_TO_P95).max(p50.abs() * SPREAD_MIN_RATIO).max(self.spread_min);
        Some((p50, spread * self.sigmas))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::window::Window;

    fn judge(metric: &str, side: Side, past: Past, value: f64) -> Verdict {
        let (aggregation, window_ms) = (Aggregation::Avg, 1_000);
        let (sigmas, learn_ms, spread_min) = (4.0, 3_600_000, spread_min(metric));
        let metric = metric.into();
        let rule = Deviation { metric, side, sigmas, learn_ms, aggregation, window_ms, spread_min };
        let mut window = Window::default();
        window.push(500, value);
        rule.evaluate(&mut View { past, ..View::of(&window, 1_000, &mut Vec::new()) })
    }

    fn usual(p50: f64, p95: f64) -> Past {
        Past::Usual { p50, p95, count: LEARNED_MIN_COUNT }
    }

    #[test]
    fn a_noisy_series_is_given_more_room_than_a_calm_one() {
        let (calm, noisy) = (usual(1_000.0, 1_010.0), usual(1_000.0, 1_329.0));
        assert_eq!(judge("rtt_us", Side::Above, calm, 1_250.0), Verdict::Bad { value: 1_250.0 });
        assert_eq!(judge("rtt_us", Side::Above, noisy, 1_250.0), Verdict::Good { value: 1_250.0 });
        assert_eq!(judge("rtt_us", Side::Above, noisy, 1_850.0), Verdict::Bad { value: 1_850.0 });
    }

    #[test]
    fn a_series_that_never_moves_does_not_alert_on_nothing() {
        assert_eq!(judge("rtt_us", Side::Above, usual(100.0, 100.0), 135.0), Verdict::Good { value: 135.0 });
        assert_eq!(judge("loss_ratio", Side::Above, usual(0.0, 0.0), 0.01), Verdict::Good { value: 0.01 });
        assert_eq!(judge("loss_ratio", Side::Above, usual(0.0, 0.0), 0.05), Verdict::Bad { value: 0.05 });
    }

    #[test]
    fn the_side_matters() {
        let past = usual(1_000.0, 1_010.0);
        assert_eq!(judge("rtt_us", Side::Above, past, 500.0), Verdict::Good { value: 500.0 });
        assert_eq!(judge("rtt_us", Side::Below, past, 500.0), Verdict::Bad { value: 500.0 });
        assert_eq!(judge("rtt_us", Side::Either, past, 500.0), Verdict::Bad { value: 500.0 });
    }

    #[test]
    fn before_enough_is_learned_nothing_is_known() {
        let young = Past::Usual { p50: 1.0, p95: 1.0, count: LEARNED_MIN_COUNT - 1 };
        for past in [Past::Unknown, young] {
            assert_eq!(judge("rtt_us", Side::Above, past, 1e9), Verdict::Unknown);
        }
    }
}
