//! Loss over time, one line per pair.

use netloom_core::{metric, sample::Labels, settings::alerts::LossSettings, unit};

use super::{
    Fold, Threshold, TimeChart,
    pair::{self, Scene},
};

/// The chart of the given series.
pub(crate) fn chart(scene: &Scene, series: impl Iterator<Item = Labels>, settings: &LossSettings) -> TimeChart {
    let mut chart = TimeChart::new(metric::LOSS_RATIO, Fold::Worst);
    chart.lines = pair::lines(metric::LOSS_RATIO, scene, series);
    if settings.enabled {
        let value = unit::ratio_from_percent(settings.limit_percent);
        chart.thresholds = vec![Threshold { name: format!("limit {}", chart.unit.figure(value)), value }];
    }
    chart
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_a_ratio_and_reads_as_percent() {
        let settings = LossSettings { enabled: true, limit_percent: 5.0, for_s: 0.0 };
        let chart = chart(&Scene { nodes: &[], incidents: &[] }, std::iter::empty(), &settings);
        assert_eq!(chart.thresholds, [Threshold { name: "limit 5 %".into(), value: 0.05 }]);
    }
}
