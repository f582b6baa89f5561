//! What `netloom test` found, as it is written to files. `docs/test-result.md` tells every field to those who read them.

pub mod book;

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{
    check::Finding,
    probe::{Outcome, ProbeMode},
    time::Timestamp,
    unit::Unit,
};

/// By what readers recognise the file.
pub const FORMAT: &str = "netloom-test-result";
/// Raised when a field changes its meaning or goes away; new fields do not raise it.
pub const VERSION: u32 = 1;

/// A test from its start to its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TestResult {
    /// [`FORMAT`].
    pub format: String,
    /// [`VERSION`].
    pub version: u32,
    /// The version of the program that tested.
    pub netloom: String,
    /// The machine that tested.
    pub node: String,
    /// The host as it was asked for.
    pub host: String,
    /// The address that was probed.
    pub address: IpAddr,
    /// What the probes were.
    pub mode: ProbeMode,
    /// The port, where the probes have one.
    pub port: Option<u16>,
    /// When the first probe was sent.
    pub started_at: Timestamp,
    /// When the last one was answered or given up.
    pub ended_at: Timestamp,
    /// Whether it went on for as long as it was meant to.
    pub is_complete: bool,
    /// How it was meant to be.
    pub plan: Plan,
    /// All rounds together.
    pub summary: Tally,
    /// Round after round.
    pub rounds: Vec<Round>,
    /// What the test of throughput found, when there was one.
    pub throughput: Option<Finding>,
    /// What else is worth knowing, a sentence each.
    pub notes: Vec<String>,
}

/// How a test is meant to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// From the first round to the end of the last, ms.
    pub duration_ms: u64,
    /// From the start of one round to the start of the next, ms.
    pub interval_ms: u64,
    /// Probes of a round, spread evenly over it.
    pub packets: u32,
    /// How long each waits for its answer, ms.
    pub timeout_ms: u64,
    /// Bytes of payload, where the probes have one.
    pub payload_bytes: Option<u16>,
}

impl Plan {
    /// All probes: those whose turn comes before the end, at least one.
    pub fn probes(&self) -> u64 {
        let all = u128::from(self.duration_ms) * u128::from(self.packets);
        u64::try_from(all.div_ceil(u128::from(self.interval_ms.max(1)))).unwrap_or(u64::MAX).max(1)
    }

    /// All rounds; the last may have fewer probes.
    pub fn rounds(&self) -> u64 {
        self.probes().div_ceil(u64::from(self.packets.max(1)))
    }

    /// When a probe is sent, ms from the start.
    pub fn probe_at_ms(&self, probe: u64) -> f64 {
        probe as f64 * self.interval_ms as f64 / f64::from(self.packets.max(1))
    }
}

/// What probes say, summed up as `ping` does.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Tally {
    /// Probes that left the machine, and were answered or waited for.
    pub sent: u64,
    /// Answers in time.
    pub received: u64,
    /// Probes that could not be sent; they say nothing about the way.
    pub failed: u64,
    /// Probes without an answer over probes sent; `None` when none was sent.
    pub loss_ratio: Option<f64>,
    /// The shortest round-trip time, µs.
    pub rtt_min_us: Option<f64>,
    /// The mean, µs.
    pub rtt_avg_us: Option<f64>,
    /// The longest, µs.
    pub rtt_max_us: Option<f64>,
    /// The standard deviation, µs, of the answers themselves and not of what they are drawn from, as `ping` has it.
    pub rtt_mdev_us: Option<f64>,
}

impl Tally {
    /// Sums up.
    pub fn of<'a>(outcomes: impl IntoIterator<Item = &'a Outcome>) -> Self {
        let (mut sent, mut failed, mut rtts) = (0, 0, Vec::new());
        for outcome in outcomes {
            match outcome {
                Outcome::Failed { .. } => failed += 1,
                Outcome::Lost => sent += 1,
                Outcome::Reply { rtt_us } => {
                    sent += 1;
                    rtts.push(*rtt_us);
                }
            }
        }
        let received = rtts.len();
        let mean =
            |values: &mut dyn Iterator<Item = f64>| (received > 0).then(|| values.sum::<f64>() / received as f64);
        let average = mean(&mut rtts.iter().copied());
        let variance = average.and_then(|average| mean(&mut rtts.iter().map(|rtt| (rtt - average).powi(2))));
        Self {
            sent,
            received: received as u64,
            failed,
            loss_ratio: (sent > 0).then(|| (sent - received as u64) as f64 / sent as f64),
            rtt_min_us: rtts.iter().copied().reduce(f64::min),
            rtt_avg_us: average,
            rtt_max_us: rtts.iter().copied().reduce(f64::max),
            rtt_mdev_us: variance.map(f64::sqrt),
        }
    }

    /// `5/5 replies, 0 % loss`, and why not when none was sent.
    pub fn loss_words(&self) -> String {
        let failed = if self.failed > 0 { format!(", {} not sent", self.failed) } else { String::new() };
        let loss = self.loss_ratio.map_or(String::new(), |ratio| format!(", {} loss", percent(ratio)));
        format!("{}/{} replies{loss}{failed}", self.received, self.sent)
    }

    /// `0.031/0.044/0.060/0.010 ms`, min/avg/max/mdev as `ping` writes them; `None` without an answer.
    pub fn rtt_words(&self) -> Option<String> {
        let ms = |us: Option<f64>| us.map(|us| format!("{:.3}", us / 1e3));
        let four = [ms(self.rtt_min_us)?, ms(self.rtt_avg_us)?, ms(self.rtt_max_us)?, ms(self.rtt_mdev_us)?];
        Some(format!("{} ms", four.join("/")))
    }
}

/// A ratio in percent, with as many digits as say something.
pub fn percent(ratio: f64) -> String {
    let percent = ratio * 100.0;
    let digits = usize::from(percent.fract() != 0.0) + usize::from(percent > 0.0 && percent < 0.1);
    format!("{percent:.digits$} %")
}

/// What a test of throughput found, in a few words: `941 Mbit/s up, 12 retransmits`.
pub fn throughput_words(finding: &Finding) -> String {
    let rate =
        |name: &str, way: &str| finding.value(name).map(|bps| format!("{}{way}", Unit::BitsPerSecond.figure(bps)));
    let ways = [rate("throughput_up_bps", " up"), rate("throughput_down_bps", " down")];
    let mut words: Vec<String> = ways.into_iter().flatten().collect();
    if words.is_empty() {
        words.extend(rate("throughput_bps", ""));
    }
    words.extend(finding.value("retransmits").map(|count| format!("{count:.0} retransmits")));
    words.extend(finding.value("loss_ratio").map(|ratio| format!("{} loss", percent(ratio))));
    if words.is_empty() { "no figures".into() } else { words.join(", ") }
}

/// One round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Round {
    /// Its number, from 1.
    pub round: u64,
    /// When it began.
    pub at: Timestamp,
    /// What its probes say.
    #[serde(flatten)]
    pub tally: Tally,
    /// The round-trip time of every probe at its place in the round, µs; `null` without an answer, also for one that was
    /// not sent, or was on its way when the test was stopped.
    pub rtts_us: Vec<Option<f64>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(rtt_us: f64) -> Outcome {
        Outcome::Reply { rtt_us }
    }

    #[test]
    fn probes_are_summed_up_as_ping_does() {
        let tally = Tally::of(&[reply(10.0), Outcome::Lost, reply(30.0), Outcome::Failed { cause: "no route".into() }]);
        assert_eq!((tally.sent, tally.received, tally.failed), (3, 2, 1));
        assert_eq!((tally.rtt_min_us, tally.rtt_avg_us, tally.rtt_max_us), (Some(10.0), Some(20.0), Some(30.0)));
        assert_eq!(tally.rtt_mdev_us, Some(10.0));
        assert_eq!(tally.loss_words(), "2/3 replies, 33.3 % loss, 1 not sent");
        assert_eq!(tally.rtt_words().as_deref(), Some("0.010/0.020/0.030/0.010 ms"));
    }

    #[test]
    fn without_answers_there_is_loss_and_no_time_and_without_probes_neither() {
        let silent = Tally::of(&[Outcome::Lost, Outcome::Lost]);
        assert_eq!((silent.loss_ratio, silent.rtt_words()), (Some(1.0), None));
        let unsent = Tally::of(&[Outcome::Failed { cause: "no route".into() }]);
        assert_eq!((unsent.loss_ratio, unsent.loss_words().as_str()), (None, "0/0 replies, 1 not sent"));
    }

    #[test]
    fn probes_are_spread_over_rounds_and_end_in_time() {
        let mut plan =
            Plan { duration_ms: 60_000, interval_ms: 5_000, packets: 5, timeout_ms: 1_000, payload_bytes: None };
        assert_eq!((plan.probes(), plan.rounds()), (60, 12));
        assert!((plan.probe_at_ms(7) - 7_000.0).abs() < 1e-9);
        plan.duration_ms = 12_000;
        assert_eq!((plan.probes(), plan.rounds()), (12, 3), "the last round is cut short");
        plan.duration_ms = 1;
        assert_eq!((plan.probes(), plan.rounds()), (1, 1));
    }

    #[test]
    fn percentages_say_no_more_than_they_know() {
        let words = [0.0, 1.0, 0.5, 1.0 / 3.0, 0.0004].map(percent);
        assert_eq!(words, ["0 %", "100 %", "50 %", "33.3 %", "0.04 %"]);
    }
}
