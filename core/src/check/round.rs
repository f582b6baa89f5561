//! What a round of probes says, in the figures that `ping` prints.

use super::{Detail, Finding, Outcome};
use crate::stats::aggregate::Aggregation;

/// The figures of a round.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RoundFigures {
    /// Probes that left this machine.
    pub sent: usize,
    /// Probes that were answered in time.
    pub answered: usize,
    /// Median round-trip time, µs.
    pub rtt_us: Option<f64>,
    /// Arithmetic mean, µs.
    pub avg_us: Option<f64>,
    /// Smallest, µs.
    pub min_us: Option<f64>,
    /// Largest, µs.
    pub max_us: Option<f64>,
    /// The standard deviation over all answers, µs: what `ping` calls mdev.
    pub mdev_us: Option<f64>,
    /// Mean absolute difference of neighbours that were both answered, µs (RFC 5481 section 4.1).
    pub jitter_us: Option<f64>,
    /// Probes without an answer over probes sent; `None` when none was sent, which says nothing about the path.
    pub loss_ratio: Option<f64>,
}

impl RoundFigures {
    /// The figures of these probes, in the order in which they were sent; `None` is a probe without an answer.
    pub fn of(rtts_us: &[Option<f64>]) -> Self {
        let sent = rtts_us.len();
        let mut answers: Vec<f64> = rtts_us.iter().flatten().copied().collect();
        let answered = answers.len();
        let differences: Vec<f64> = rtts_us.windows(2).filter_map(|pair| Some((pair[1]? - pair[0]?).abs())).collect();
        let avg_us = mean(&answers);
        // From the mean, not as a difference of squares, which loses everything when times are long and alike.
        let squares: Vec<f64> =
            avg_us.into_iter().flat_map(|avg| answers.iter().map(move |us| (us - avg).powi(2))).collect();
        Self {
            sent,
            answered,
            avg_us,
            mdev_us: mean(&squares).map(f64::sqrt),
            jitter_us: mean(&differences),
            loss_ratio: (sent > 0).then(|| (sent - answered) as f64 / sent as f64),
            min_us: Aggregation::Min.apply(&mut answers),
            max_us: Aggregation::Max.apply(&mut answers),
            rtt_us: Aggregation::P50.apply(&mut answers),
        }
    }

    /// Writes the figures into a finding, each that there is.
    pub fn write(&self, finding: &mut Finding) {
        let figures = [
            ("rtt_us", self.rtt_us),
            ("rtt_avg_us", self.avg_us),
            ("rtt_min_us", self.min_us),
            ("rtt_max_us", self.max_us),
            ("rtt_mdev_us", self.mdev_us),
            ("jitter_us", self.jitter_us),
            ("loss_ratio", self.loss_ratio),
            ("probes_sent", (self.sent > 0).then_some(self.sent as f64)),
        ];
        for (name, value) in figures {
            value.into_iter().for_each(|value| finding.figure(name, value));
        }
    }
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The finding of a round that was sent: a reply when anything came back, lost when nothing did.
pub fn finding(rtts_us: Vec<Option<f64>>) -> Finding {
    let figures = RoundFigures::of(&rtts_us);
    let mut finding = Finding::new(if figures.answered > 0 { Outcome::Reply } else { Outcome::Lost });
    figures.write(&mut finding);
    finding.detail = Some(Detail::Round { rtts_us });
    finding
}

/// How often the kernel sent a SYN again before a handshake ended after this long, µs: after one second, and then after
/// twice as long each time (RFC 6298 section 2.1, `TCP_TIMEOUT_INIT`).
pub fn syns_sent_again(took_us: f64) -> u32 {
    const FIRST_WAIT_US: f64 = 1e6;
    /// The wait that follows would take a minute; no check waits that long.
    const COUNTED_MAX: u32 = 6;
    let again = |count: &u32| took_us >= FIRST_WAIT_US * f64::from(2_u32.pow(*count) - 1);
    (1..=COUNTED_MAX).take_while(again).last().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_figures_are_those_of_ping() {
        // 4 packets transmitted, 3 received; rtt min/avg/max/mdev = 1.000/2.000/3.000/0.816 ms.
        let figures = RoundFigures::of(&[Some(1_000.0), Some(3_000.0), None, Some(2_000.0)]);
        assert_eq!((figures.sent, figures.answered), (4, 3));
        assert_eq!(figures.min_us, Some(1_000.0));
        assert_eq!(figures.avg_us, Some(2_000.0));
        assert_eq!(figures.rtt_us, Some(2_000.0));
        assert_eq!(figures.max_us, Some(3_000.0));
        assert!((figures.mdev_us.expect("answers") - 816.496_58).abs() < 1e-3, "{figures:?}");
        assert_eq!(figures.jitter_us, Some(2_000.0), "a lost one is not bridged");
        assert_eq!(figures.loss_ratio, Some(0.25));
    }

    #[test]
    fn nothing_sent_is_no_loss_and_nothing_answered_is_no_latency() {
        assert_eq!(RoundFigures::of(&[]).loss_ratio, None);
        let silent = finding(vec![None, None]);
        assert_eq!(silent.outcome, Outcome::Lost);
        assert_eq!((silent.value("loss_ratio"), silent.value("rtt_us")), (Some(1.0), None));
    }

    #[test]
    fn the_kernel_waits_twice_as_long_each_time() {
        let cases = [(0.0, 0), (999_999.0, 0), (1_000_100.0, 1), (2_999_000.0, 1), (3_000_100.0, 2), (7_100_000.0, 3)];
        for (took_us, again) in cases {
            assert_eq!(syns_sent_again(took_us), again, "{took_us}");
        }
        assert_eq!(syns_sent_again(f64::INFINITY), 6);
    }

    proptest! {
        #[test]
        fn the_figures_keep_their_order(rtts in proptest::collection::vec(proptest::option::of(0.0..1e7_f64), 0..50)) {
            let figures = RoundFigures::of(&rtts);
            if let (Some(min), Some(median), Some(max)) = (figures.min_us, figures.rtt_us, figures.max_us) {
                let avg = figures.avg_us.expect("answers");
                prop_assert!(min <= median && median <= max);
                prop_assert!(min - 1e-6 <= avg && avg <= max + 1e-6);
                prop_assert!(figures.mdev_us.expect("answers") <= max - min + 1e-6);
            }
            prop_assert!(figures.loss_ratio.is_none_or(|ratio| (0.0..=1.0).contains(&ratio)));
        }
    }
}
