//! Latency over time, one line per pair.

use netloom_core::{metric, sample::Labels, settings::alerts::LatencySettings, unit};

use super::{
    Fold, Threshold, TimeChart,
    pair::{self, Scene},
};

/// The chart of the given series.
pub(crate) fn chart(scene: &Scene, series: impl Iterator<Item = Labels>, settings: &LatencySettings) -> TimeChart {
    let mut chart = TimeChart::new(metric::RTT_US, Fold::Worst);
    chart.lines = pair::lines(metric::RTT_US, scene, series);
    if settings.enabled {
        let value = unit::us_from_ms(settings.limit_ms);
        chart.thresholds = vec![Threshold { name: format!("limit {}", chart.unit.figure(value)), value }];
    }
    chart
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{labels, node};

    #[test]
    fn the_limit_is_that_of_the_settings_and_gone_with_the_rule() {
        let nodes = [node("n1", &["a"])];
        let scene = Scene { nodes: &nodes, incidents: &[] };
        let mut settings = LatencySettings { enabled: true, limit_ms: 2.5, for_s: 0.0 };
        let with = chart(&scene, [labels("a", "icmp")].into_iter(), &settings);
        assert_eq!(with.thresholds, [Threshold { name: "limit 2.5 ms".into(), value: 2_500.0 }]);
        settings.enabled = false;
        assert!(chart(&scene, std::iter::empty(), &settings).thresholds.is_empty());
    }
}
