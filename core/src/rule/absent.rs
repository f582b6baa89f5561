//! A series that had figures and has none any more.

use std::sync::Arc;

use super::{Verdict, view::View};
use crate::unit;

/// Fires while a series that had figures has had none for some time.
#[derive(Debug, Clone, PartialEq)]
pub struct Absent {
    /// What is judged.
    pub metric: Arc<str>,
    /// After what time, ms.
    pub after_ms: i64,
}

impl Absent {
    /// The figure is for how long, µs.
    pub(super) fn evaluate(&self, view: &View) -> Verdict {
        absence(view, self.after_ms)
    }
}

/// For how long there has been nothing, µs, and whether that is too long.
pub(super) fn absence(view: &View, after_ms: i64) -> Verdict {
    let Some(newest_ms) = view.newest_ms else { return Verdict::Unknown };
    let absent_ms = (view.now_ms - newest_ms).max(0);
    Verdict::of(unit::us_from_ms(absent_ms as f64), absent_ms > after_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::window::Window;

    #[test]
    fn what_never_was_is_not_missed() {
        let rule = Absent { metric: "step_time_s".into(), after_ms: 5_000 };
        let (window, mut scratch) = (Window::default(), Vec::new());
        let mut at = |newest_ms, now_ms| rule.evaluate(&View { newest_ms, ..View::of(&window, now_ms, &mut scratch) });
        assert_eq!(at(None, 9_000), Verdict::Unknown);
        assert_eq!(at(Some(1_000), 6_000), Verdict::Good { value: 5_000_000.0 });
        assert_eq!(at(Some(1_000), 6_001), Verdict::Bad { value: 5_001_000.0 });
        assert_eq!(at(Some(7_000), 6_001), Verdict::Good { value: 0.0 }, "clocks may be a little apart");
    }
}
