//! The rules that came with Netloom.

use super::AlertSettings;
use crate::{
    api::SILENT_AFTER_MS,
    metric,
    rule::{
        Rule, RuleKind, Severity,
        silence::{NODE_SILENT, Silence},
        slow_link::SlowLink,
        spec::Side,
        threshold::Threshold,
    },
    stats::aggregate::Aggregation,
    unit,
};

/// Their lasting names, in their order; rules that people add have others.
pub const BUILT_IN_IDS: [&str; 7] =
    ["latency_high", "loss_high", "bandwidth_low", NODE_SILENT, "clock_offset", "spool_growing", "disk_full"];

/// How far back each rule looks. Latency: a handful of rounds, so that one odd round is no news. Loss: enough probes
/// (100 at the default pace) to tell 5 % from chance. Bandwidth: longer than a pause between two training steps. Clock and
/// disk: a few of the figures that come every ten seconds.
const LATENCY_WINDOW_MS: i64 = 5_000;
const LOSS_WINDOW_MS: i64 = 20_000;
/// Fewer rounds than this cannot tell 5 % from chance, and single probes, as peers get them by ICMP and TCP every ten
/// seconds, tell nothing about loss. Where rounds are rare, the window has room for more than so many.
const LOSS_LEAST_ROUNDS: u32 = 4;
const LOSS_WINDOW_ROUNDS: i64 = 6;
const BANDWIDTH_WINDOW_MS: i64 = 10_000;
const CLOCK_WINDOW_MS: i64 = 30_000;
const SPOOL_WINDOW_MS: i64 = 30_000;
const DISK_WINDOW_MS: i64 = 30_000;

/// What is above a limit.
fn above(metric: &str, aggregation: Aggregation, window_ms: i64, limit: f64) -> RuleKind {
    let side = Side::Above;
    let (metric, recover) = (metric.into(), None);
    RuleKind::Threshold(Threshold { metric, side, aggregation, window_ms, limit, recover, at_least: 1 })
}

impl AlertSettings {
    /// The rules that came with Netloom, and whether they are in force, where there is a round of probes every `round_ms`.
    pub(super) fn built_in_rules(&self, round_ms: i64) -> Vec<(Rule, bool)> {
        let mut rules = self.of_the_network(round_ms);
        rules.extend(self.of_netloom());
        rules
    }

    /// About the network.
    fn of_the_network(&self, round_ms: i64) -> Vec<(Rule, bool)> {
        let (warning, critical) = (Severity::Warning, Severity::Critical);
        let latency = &self.latency;
        let limit_us = unit::us_from_ms(latency.limit_ms);
        let kind = above(metric::RTT_US, Aggregation::P50, LATENCY_WINDOW_MS, limit_us);
        let latency_rule = Rule::built_in("latency_high", "High latency", warning, latency.for_s, kind);

        let loss = &self.loss;
        let limit = unit::ratio_from_percent(loss.limit_percent);
        let kind = RuleKind::Threshold(Threshold {
            metric: metric::LOSS_RATIO.into(),
            side: Side::Above,
            aggregation: Aggregation::Avg,
            window_ms: LOSS_WINDOW_MS.max(LOSS_WINDOW_ROUNDS * round_ms),
            limit,
            recover: None,
            at_least: LOSS_LEAST_ROUNDS,
        });
        let loss_rule = Rule::built_in("loss_high", "Packet loss", critical, loss.for_s, kind);

        let bandwidth = &self.bandwidth;
        let kind = RuleKind::SlowLink(SlowLink {
            below_bps: unit::bps_from_mbps(bandwidth.limit_mbps),
            in_use_bps: unit::bps_from_mbps(bandwidth.in_use_mbps),
            window_ms: BANDWIDTH_WINDOW_MS,
        });
        let bandwidth_rule = Rule::built_in("bandwidth_low", "Slow link", warning, bandwidth.for_s, kind);

        let kind = RuleKind::Silence(Silence { after_ms: SILENT_AFTER_MS });
        let silence_rule = Rule::built_in(NODE_SILENT, "Silent node", critical, self.silence.for_s, kind);
        vec![
            (latency_rule, latency.enabled),
            (loss_rule, loss.enabled),
            (bandwidth_rule, bandwidth.enabled),
            (silence_rule, self.silence.enabled),
        ]
    }

    /// About Netloom itself.
    fn of_netloom(&self) -> Vec<(Rule, bool)> {
        let (warning, clock) = (Severity::Warning, &self.clock_offset);
        let kind = RuleKind::Threshold(Threshold {
            metric: metric::CLOCK_OFFSET_US.into(),
            side: Side::Either,
            aggregation: Aggregation::P50,
            window_ms: CLOCK_WINDOW_MS,
            limit: unit::us_from_ms(clock.limit_ms),
            recover: None,
            at_least: 1,
        });
        let clock_rule = Rule::built_in("clock_offset", "Clock offset", warning, clock.for_s, kind);

        // The smallest of a while: what grows and goes again is a hub that was busy.
        let spool = &self.spool;
        let kind = above(metric::SPOOL_BATCHES, Aggregation::Min, SPOOL_WINDOW_MS, spool.limit_batches);
        let spool_rule = Rule::built_in("spool_growing", "Spool growing", warning, spool.for_s, kind);

        let disk = &self.disk;
        let limit = unit::ratio_from_percent(disk.limit_percent);
        let kind = above(metric::DISK_USED_RATIO, Aggregation::Last, DISK_WINDOW_MS, limit);
        let disk_rule = Rule::built_in("disk_full", "Disk of the hub", Severity::Critical, disk.for_s, kind);
        vec![(clock_rule, clock.enabled), (spool_rule, spool.enabled), (disk_rule, disk.enabled)]
    }
}
