//! The summary of one round of probes.

use super::aggregate::Aggregation;
use crate::probe::Outcome;

/// What one round of probes from a source to a destination says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RoundSummary {
    /// Median round-trip time, µs; `None` when nothing answered.
    pub rtt_us: Option<f64>,
    /// Smallest, µs.
    pub rtt_min_us: Option<f64>,
    /// Largest, µs.
    pub rtt_max_us: Option<f64>,
    /// Mean absolute difference of successive round-trip times, µs (the packet delay variation of RFC 3393, summarised
    /// as RFC 5481 section 4.1 forms it from packets in a row); `None` with fewer than two answers in a row.
    pub jitter_us: Option<f64>,
    /// Probes without an answer over probes sent; `None` when none could be sent, because that says nothing about the
    /// path.
    pub loss_ratio: Option<f64>,
}

/// Summarises the outcomes of a round, in the order in which the probes were sent.
pub fn summarise(outcomes: &[Outcome]) -> RoundSummary {
    let mut rtts: Vec<f64> = outcomes.iter().filter_map(Outcome::rtt_us).collect();
    let sent = outcomes.iter().filter(|outcome| outcome.was_sent()).count();
    let differences: Vec<f64> =
        outcomes.windows(2).filter_map(|pair| Some((pair[1].rtt_us()? - pair[0].rtt_us()?).abs())).collect();
    RoundSummary {
        loss_ratio: (sent > 0).then(|| (sent - rtts.len()) as f64 / sent as f64),
        jitter_us: (!differences.is_empty()).then(|| differences.iter().sum::<f64>() / differences.len() as f64),
        rtt_min_us: Aggregation::Min.apply(&mut rtts),
        rtt_max_us: Aggregation::Max.apply(&mut rtts),
        rtt_us: Aggregation::P50.apply(&mut rtts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(rtt_us: f64) -> Outcome {
        Outcome::Reply { rtt_us }
    }

    fn failed() -> Outcome {
        Outcome::Failed { cause: "no route to host".into() }
    }

    #[test]
    fn a_full_round_gives_every_figure() {
        let summary = summarise(&[reply(10.0), reply(30.0), reply(20.0)]);
        assert_eq!(summary.rtt_us, Some(20.0));
        assert_eq!(summary.rtt_min_us, Some(10.0));
        assert_eq!(summary.rtt_max_us, Some(30.0));
        assert_eq!(summary.jitter_us, Some(15.0));
        assert_eq!(summary.loss_ratio, Some(0.0));
    }

    #[test]
    fn a_lost_reply_is_not_counted_as_latency_nor_bridged_by_jitter() {
        let summary = summarise(&[reply(10.0), Outcome::Lost, reply(90.0)]);
        assert_eq!(summary.rtt_us, Some(50.0));
        assert_eq!(summary.jitter_us, None);
        assert_eq!(summary.loss_ratio, Some(1.0 / 3.0));
    }

    #[test]
    fn what_could_not_be_sent_is_not_loss() {
        assert_eq!(summarise(&[failed(), reply(1.0)]).loss_ratio, Some(0.0));
        assert_eq!(summarise(&[failed(), failed()]).loss_ratio, None);
        assert_eq!(summarise(&[]).loss_ratio, None);
    }

    #[test]
    fn a_silent_target_has_loss_and_no_latency() {
        let summary = summarise(&[Outcome::Lost, Outcome::Lost]);
        assert_eq!(summary.rtt_us, None);
        assert_eq!(summary.loss_ratio, Some(1.0));
    }
}
