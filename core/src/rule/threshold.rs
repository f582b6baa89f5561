//! A figure above a limit.

use super::Verdict;
use crate::stats::{aggregate::Aggregation, window::Window};

/// Fires while the aggregate of the window lies above the limit.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    /// What is judged.
    pub metric: &'static str,
    /// How the window becomes one figure.
    pub aggregation: Aggregation,
    /// How far back to look, ms.
    pub window_ms: i64,
    /// The limit, in the metric's unit; the limit itself is still good.
    pub limit: f64,
}

impl Threshold {
    pub(super) fn evaluate(&self, inputs: &[Window], now_ms: i64) -> Verdict {
        let value = inputs.first().and_then(|window| window.aggregate_since(now_ms - self.window_ms, self.aggregation));
        match value {
            Some(value) if value > self.limit => Verdict::Bad { value },
            Some(value) => Verdict::Good { value },
            None => Verdict::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(values: &[(i64, f64)], now_ms: i64) -> Verdict {
        let mut window = Window::default();
        for (ts, value) in values {
            window.push(*ts, *value);
        }
        let rule = Threshold { metric: "rtt_us", aggregation: Aggregation::Avg, window_ms: 100, limit: 10.0 };
        rule.evaluate(&[window], now_ms)
    }

    #[test]
    fn the_window_is_judged_as_one_figure() {
        assert_eq!(judge(&[(50, 5.0), (60, 25.0)], 100), Verdict::Bad { value: 15.0 });
        assert_eq!(judge(&[(50, 5.0), (60, 15.0)], 100), Verdict::Good { value: 10.0 });
    }

    #[test]
    fn what_is_too_old_or_missing_is_unknown() {
        assert_eq!(judge(&[(50, 99.0)], 150), Verdict::Unknown);
        assert_eq!(judge(&[], 0), Verdict::Unknown);
    }
}
