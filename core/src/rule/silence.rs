//! A node that does not report.

use super::Verdict;
use crate::{stats::window::Window, unit};

/// The rule's lasting name.
pub const NODE_SILENT: &str = "node_silent";
/// How long it is remembered when a node reported last, ms: a month, after which nobody waits for it.
pub const WINDOW_MS: i64 = 31 * 86_400_000;

/// Fires while a node that has reported does not.
#[derive(Debug, Clone, PartialEq)]
pub struct Silence {
    /// After what time a node is silent, ms.
    pub after_ms: i64,
}

impl Silence {
    /// The figure is for how long, µs.
    pub(super) fn evaluate(&self, inputs: &[Window], now_ms: i64) -> Verdict {
        let Some(heard_ms) = inputs.first().and_then(Window::newest_ms) else { return Verdict::Unknown };
        let silent_ms = (now_ms - heard_ms).max(0);
        let value = unit::us_from_ms(silent_ms as f64);
        if silent_ms > self.after_ms { Verdict::Bad { value } } else { Verdict::Good { value } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_never_reported_is_not_silent() {
        let rule = Silence { after_ms: 2_500 };
        let mut window = Window::default();
        assert_eq!(rule.evaluate(&[window.clone()], 9_000), Verdict::Unknown);
        window.push(1_000, 0.0);
        assert_eq!(rule.evaluate(&[window.clone()], 3_500), Verdict::Good { value: 2_500_000.0 });
        assert_eq!(rule.evaluate(&[window], 3_501), Verdict::Bad { value: 2_501_000.0 });
    }
}
