//! A figure that is other than some time before.

use std::sync::Arc;

use super::{
    Verdict,
    spec::Side,
    view::{Past, View},
};
use crate::stats::{aggregate::Aggregation, window::WINDOW_MAX_MS};

/// Fires while the aggregate of the window differs from that of the same stretch some time before.
///
/// An earlier figure of zero tells nothing: no percentage of it is anything.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// What is judged.
    pub metric: Arc<str>,
    /// In which direction.
    pub side: Side,
    /// By more than this part of the earlier figure.
    pub ratio: f64,
    /// How long before, ms.
    pub against_ms: i64,
    /// How a window becomes one figure.
    pub aggregation: Aggregation,
    /// How long a stretch, ms.
    pub window_ms: i64,
}

impl Change {
    /// Whether the earlier stretch lies in the window of the series itself.
    pub fn is_near(&self) -> bool {
        self.against_ms + self.window_ms <= WINDOW_MAX_MS
    }

    /// How far back it looks in the window, ms.
    pub(super) fn looks_back_ms(&self) -> i64 {
        if self.is_near() { self.against_ms + self.window_ms } else { self.window_ms }
    }

    pub(super) fn evaluate(&self, view: &mut View) -> Verdict {
        let (earlier, value) = (self.earlier(view), view.figure(self.window_ms, self.aggregation));
        let (Some(earlier), Some(value)) = (earlier, value) else { return Verdict::Unknown };
        let change = (value - earlier) / earlier.abs();
        let is_bad = match self.side {
            Side::Above => change > self.ratio,
            Side::Below => -change > self.ratio,
            Side::Either => change.abs() > self.ratio,
        };
        Verdict::of(value, is_bad)
    }

    /// The limit on the side where the figure is.
    pub(super) fn limit_of(&self, view: &mut View, value: f64) -> f64 {
        let Some(earlier) = self.earlier(view) else { return f64::NAN };
        let distance = earlier.abs() * self.ratio;
        if value < earlier { earlier - distance } else { earlier + distance }
    }

    /// The earlier figure; none when there was none, or it was zero.
    fn earlier(&self, view: &mut View) -> Option<f64> {
        let earlier = if self.is_near() {
            let until_ms = view.now_ms - self.against_ms;
            view.windows[0]?.aggregate((until_ms - self.window_ms, until_ms), self.aggregation, view.scratch)
        } else {
            match view.past {
                Past::Figure(figure) => Some(figure),
                _ => None,
            }
        };
        earlier.filter(|figure| figure.abs() > f64::EPSILON)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::window::Window;

    const DAY_MS: i64 = 86_400_000;

    fn rule(side: Side, against_ms: i64) -> Change {
        let aggregation = Aggregation::Avg;
        Change { metric: "net_rx_bps".into(), side, ratio: 0.5, against_ms, aggregation, window_ms: 1_000 }
    }

    fn judge(rule: &Change, values: &[(i64, f64)], past: Past, now_ms: i64) -> (Verdict, f64) {
        let mut window = Window::default();
        values.iter().for_each(|(ts, value)| window.push(*ts, *value));
        let mut scratch = Vec::new();
        let mut view = View { past, ..View::of(&window, now_ms, &mut scratch) };
        let verdict = rule.evaluate(&mut view);
        (verdict, rule.limit_of(&mut view, verdict.value().unwrap_or_default()))
    }

    #[test]
    fn a_day_before_is_asked_for_and_a_minute_before_is_seen() {
        let (far, near) = (rule(Side::Above, DAY_MS), rule(Side::Above, 60_000));
        assert_eq!(judge(&far, &[(500, 16.0)], Past::Figure(10.0), 1_000), (Verdict::Bad { value: 16.0 }, 15.0));
        assert_eq!(judge(&far, &[(500, 15.0)], Past::Figure(10.0), 1_000).0, Verdict::Good { value: 15.0 });
        let values = [(500, 10.0), (60_500, 16.0)];
        assert_eq!(judge(&near, &values, Past::Unknown, 61_000), (Verdict::Bad { value: 16.0 }, 15.0));
        assert_eq!((far.looks_back_ms(), near.looks_back_ms()), (1_000, 61_000));
    }

    #[test]
    fn both_directions_count_when_asked() {
        for (side, value, is_bad) in [
            (Side::Below, 4.0, true),
            (Side::Below, 20.0, false),
            (Side::Either, 4.0, true),
            (Side::Either, 16.0, true),
        ] {
            let (verdict, _) = judge(&rule(side, DAY_MS), &[(500, value)], Past::Figure(10.0), 1_000);
            assert_eq!(verdict, Verdict::of(value, is_bad), "{side:?} {value}");
        }
    }

    #[test]
    fn without_an_earlier_figure_nothing_is_known() {
        for past in [Past::Unknown, Past::Figure(0.0)] {
            assert_eq!(judge(&rule(Side::Above, DAY_MS), &[(500, 16.0)], past, 1_000).0, Verdict::Unknown);
        }
        assert_eq!(judge(&rule(Side::Above, DAY_MS), &[], Past::Figure(1.0), 1_000).0, Verdict::Unknown);
    }
}
