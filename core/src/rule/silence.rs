//! A node that does not report.

use super::{Verdict, absent::absence, view::View};

/// The rule's lasting name.
pub const NODE_SILENT: &str = "node_silent";
/// Stands for a metric: each report of a node is a figure of it.
pub const INPUT: &str = "";

/// Fires while a node that has reported does not.
#[derive(Debug, Clone, PartialEq)]
pub struct Silence {
    /// After what time a node is silent, ms.
    pub after_ms: i64,
}

impl Silence {
    /// The figure is for how long, µs.
    pub(super) fn evaluate(&self, view: &View) -> Verdict {
        absence(view, self.after_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::window::Window;

    #[test]
    fn who_never_reported_is_not_silent() {
        let rule = Silence { after_ms: 2_500 };
        let (window, mut scratch) = (Window::default(), Vec::new());
        let mut at = |newest_ms, now_ms| rule.evaluate(&View { newest_ms, ..View::of(&window, now_ms, &mut scratch) });
        assert_eq!(at(None, 9_000), Verdict::Unknown);
        assert_eq!(at(Some(1_000), 3_500), Verdict::Good { value: 2_500_000.0 });
        assert_eq!(at(Some(1_000), 3_501), Verdict::Bad { value: 2_501_000.0 });
    }
}
