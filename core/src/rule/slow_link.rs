//! A link that carries traffic, but little of it.

use super::Verdict;
use crate::{
    metric,
    stats::{aggregate::Aggregation, window::Window},
};

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
    pub(super) fn evaluate(&self, inputs: &[Window], now_ms: i64) -> Verdict {
        let rates = inputs.iter().map(|window| window.aggregate_since(now_ms - self.window_ms, Aggregation::Avg));
        match rates.flatten().reduce(f64::max) {
            Some(value) if value > self.in_use_bps && value < self.below_bps => Verdict::Bad { value },
            Some(value) => Verdict::Good { value },
            None => Verdict::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(rx_bps: f64, tx_bps: f64) -> Verdict {
        let windows = [rx_bps, tx_bps].map(|value| {
            let mut window = Window::default();
            window.push(1, value);
            window
        });
        SlowLink { below_bps: 10e6, in_use_bps: 1e6, window_ms: 1_000 }.evaluate(&windows, 10)
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
