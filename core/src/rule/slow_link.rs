//! A link that carries traffic, but little of it.

use super::{Verdict, view::View};
use crate::{metric, stats::aggregate::Aggregation};

/// The windows the rule looks at: both directions of an interface.
pub const INPUTS: &[&str] = &[metric::IF_RX_BPS, metric::IF_TX_BPS];

/// Fires while an interface is in use and its busier direction stays under a limit.
///
/// The busier direction is what counts: an upload at full speed has a thin stream of acknowledgements coming back, and
/// that is no slow link. A link counts as in use above `in_use_bps`; below, it is idle and says nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct SlowLink {
    /// Below this the link is slow, bit/s.
    pub below_bps: f64,
    /// Above this the link is in use, bit/s.
    pub in_use_bps: f64,
    /// How far back to look, ms.
    pub window_ms: i64,
}

impl SlowLink {
    pub(super) fn evaluate(&self, view: &mut View) -> Verdict {
        let since = (view.now_ms - self.window_ms, i64::MAX);
        let windows = view.windows.iter().flatten();
        let rates = windows.filter_map(|window| window.aggregate(since, Aggregation::Avg, view.scratch));
        match rates.reduce(f64::max) {
            Some(value) => Verdict::of(value, value > self.in_use_bps && value < self.below_bps),
            None => Verdict::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::window::Window;

    fn judge(rx_bps: f64, tx_bps: f64) -> Verdict {
        let windows = [rx_bps, tx_bps].map(|value| {
            let mut window = Window::default();
            window.push(1, value);
            window
        });
        let rule = SlowLink { below_bps: 10e6, in_use_bps: 1e6, window_ms: 1_000 };
        let mut scratch = Vec::new();
        let both = windows.each_ref().map(Some);
        rule.evaluate(&mut View { windows: both, ..View::of(&windows[0], 10, &mut scratch) })
    }

    #[test]
    fn a_trickle_on_a_link_in_use_is_bad() {
        assert_eq!(judge(5e6, 0.2e6), Verdict::Bad { value: 5e6 });
    }

    #[test]
    fn an_idle_link_is_good() {
        assert_eq!(judge(0.01e6, 0.0), Verdict::Good { value: 0.01e6 });
    }

    #[test]
    fn acknowledgements_of_an_upload_are_no_slow_link() {
        assert_eq!(judge(2e6, 900e6), Verdict::Good { value: 900e6 });
    }
}
