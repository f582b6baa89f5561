//! So many of the last rounds beyond a limit.

use std::sync::Arc;

use super::{Verdict, is_beyond, spec::Side, view::View};
use crate::stats::window::WINDOW_MAX_MS;

/// When the newest round is older than this, nothing is known, ms: the slowest probes come every ten seconds.
const FRESH_MS: i64 = 60_000;

/// Fires while so many of the last rounds lie beyond the limit: 3 of 5.
#[derive(Debug, Clone, PartialEq)]
pub struct Failures {
    /// What is judged.
    pub metric: Arc<str>,
    /// On which side bad figures are.
    pub side: Side,
    /// The limit, in the metric's unit; the limit itself is still good.
    pub limit: f64,
    /// How many rounds must be bad.
    pub count: u32,
    /// Of how many.
    pub of: u32,
}

impl Failures {
    /// The figure is that of the newest bad round, or of the newest when none is bad. Before all rounds are known it is
    /// judged only what no further round could change.
    pub(super) fn evaluate(&self, view: &View) -> Verdict {
        let is_fresh = view.newest_ms.is_some_and(|newest_ms| view.now_ms - newest_ms < FRESH_MS);
        let Some(window) = view.windows[0].filter(|_| is_fresh) else { return Verdict::Unknown };
        let (mut bad, mut good, mut newest, mut newest_bad) = (0, 0, None, None);
        for value in window.newest(self.of as usize, view.now_ms - WINDOW_MAX_MS) {
            newest = newest.or(Some(value));
            if is_beyond(self.side, value, self.limit) {
                bad += 1;
                newest_bad = newest_bad.or(Some(value));
            } else {
                good += 1;
            }
        }
        match (newest_bad, newest) {
            (Some(value), _) if bad >= self.count => Verdict::Bad { value },
            (_, Some(value)) if good > self.of - self.count => Verdict::Good { value },
            _ => Verdict::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::window::Window;

    fn judge(values: &[f64], now_ms: i64) -> Verdict {
        let mut window = Window::default();
        values.iter().enumerate().for_each(|(at, value)| window.push(at as i64 * 1_000, *value));
        let rule = Failures { metric: "loss_ratio".into(), side: Side::Above, limit: 0.2, count: 3, of: 5 };
        rule.evaluate(&View::of(&window, now_ms, &mut Vec::new()))
    }

    #[test]
    fn three_bad_of_the_last_five_are_bad() {
        assert_eq!(judge(&[0.4, 0.0, 0.4, 0.0, 0.6], 4_000), Verdict::Bad { value: 0.6 });
        assert_eq!(judge(&[0.4, 0.4, 0.5, 0.0, 0.0], 4_000), Verdict::Bad { value: 0.5 });
        assert_eq!(judge(&[0.4, 0.4, 0.5, 0.0, 0.0, 0.1], 5_000), Verdict::Good { value: 0.1 });
        assert_eq!(judge(&[0.2, 0.2, 0.2, 0.4, 0.4], 4_000), Verdict::Good { value: 0.4 }, "the limit itself is good");
    }

    #[test]
    fn what_the_missing_rounds_could_change_is_unknown() {
        assert_eq!(judge(&[0.4, 0.4], 1_000), Verdict::Unknown);
        assert_eq!(judge(&[0.0, 0.0], 1_000), Verdict::Unknown);
        assert_eq!(judge(&[0.4, 0.4, 0.4], 2_000), Verdict::Bad { value: 0.4 });
        assert_eq!(judge(&[0.0, 0.0, 0.0], 2_000), Verdict::Good { value: 0.0 });
        assert_eq!(judge(&[0.4; 5], 64_000), Verdict::Unknown, "too old");
    }
}
