//! How long a figure is current: what comes every second is old after half a minute, what comes every five minutes is not.

use crate::{
    metric,
    sample::SeriesKey,
    settings::{Settings, checks::Scheduled},
};

/// Figures are current for this long at least, ms: long enough for a sender that had to wait.
pub const CURRENT_FOR_MS: i64 = 30_000;
/// Intervals after which a figure that comes by one is not current any more: one may be missing, because its check was
/// still running, or got no answer.
const INTERVALS: i64 = 2;
/// What is added to them, ms: the time of the check itself, and the way to the hub.
const SLACK_MS: i64 = 15_000;

/// How long the figures of a node are current.
pub(super) struct Currency<'a> {
    settings: &'a Settings,
    lines: Vec<Scheduled>,
}

impl<'a> Currency<'a> {
    /// By the settings in force.
    pub(super) fn of(node: &str, settings: &'a Settings) -> Self {
        Self { settings, lines: settings.checks.lines().filter(|line| line.is_for(node)).collect() }
    }

    /// For how long a figure of a series is current, ms.
    pub(super) fn ms(&self, series: &SeriesKey) -> i64 {
        CURRENT_FOR_MS.max(INTERVALS * self.interval_ms(series) + SLACK_MS)
    }

    /// The time from one figure of a series to the next, ms; where two kinds of probes fill the same series, the longer.
    fn interval_ms(&self, series: &SeriesKey) -> i64 {
        let Settings { probe, mesh, collect, checks, .. } = self.settings;
        let (dst, mode) = (series.label("dst"), series.label("mode"));
        let line = self.lines.iter().find(|line| line.target() == dst && line.check.mode() == mode);
        let seconds = |s: u64| s as i64 * 1_000;
        let usual_ms = match mode {
            "" => collect.interval_ms as i64,
            "dns" => seconds(checks.dns_interval_s),
            "path" => seconds(checks.path_interval_s),
            "udp" if series.metric != metric::UDP_ECHO_US => mesh.interval_ms as i64,
            "icmp" | "tcp" => (probe.interval_ms as i64).max(seconds(mesh.other_modes_s)),
            _ => 0,
        };
        line.map_or(usual_ms, |line| line.every_ms.max(usual_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_current_for_two_of_its_intervals() {
        let mut settings = Settings::default();
        settings.checks.scheduled =
            ["redis://db:6379 every 10m".to_owned(), "dns://10.0.0.53/a.b every 2h on n1".to_owned()].into();
        let ms = |settings: &Settings, metric: &str, dst: &str, mode: &str| {
            let series = SeriesKey::new(metric, [("src", "n1"), ("dst", dst), ("mode", mode)]);
            Currency::of("n1", settings).ms(&series)
        };
        assert_eq!(ms(&settings, "rtt_us", "gateway", "icmp"), 35_000, "the mesh may fill it every ten seconds");
        assert_eq!(ms(&settings, "rtt_us", "n2", "udp"), CURRENT_FOR_MS);
        assert_eq!(ms(&settings, "dns_lookup_us", "dns 10.0.0.53", "dns"), 75_000);
        assert_eq!(ms(&settings, "dns_lookup_us", "10.0.0.53/a.b", "dns"), 2 * 7_200_000 + SLACK_MS);
        assert_eq!(ms(&settings, "path_hops", "hub", "path"), 615_000);
        assert_eq!(ms(&settings, "redis_ping_us", "db:6379", "redis"), 1_215_000);
        assert_eq!(ms(&settings, "redis_ping_us", "gone:6379", "redis"), CURRENT_FOR_MS);
        settings.checks.path_interval_s = 0;
        assert_eq!(ms(&settings, "path_hops", "hub", "path"), CURRENT_FOR_MS, "what is switched off is soon forgotten");
        settings.collect.interval_ms = 60_000;
        let counter = SeriesKey::new("net_rx_bps", [("node", "n1")]);
        assert_eq!(Currency::of("n1", &settings).ms(&counter), 135_000);
    }
}
