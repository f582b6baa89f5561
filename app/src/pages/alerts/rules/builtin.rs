//! The rules that Netloom brings along: where their settings are, and what they are as rules of one's own.

use netloom_core::{
    metric,
    rule::{
        Severity,
        spec::{Condition, RuleSpec, Side},
    },
    settings::Settings,
    stats::aggregate::Aggregation,
    unit,
};

/// The place of a rule's settings on their page.
pub(super) fn place(id: &str) -> &'static str {
    match id {
        "latency_high" => "#field-alerts.latency.limit_ms",
        "loss_high" => "#field-alerts.loss.limit_percent",
        "bandwidth_low" => "#field-alerts.bandwidth.limit_mbps",
        "node_silent" => "#field-alerts.silence.enabled",
        "clock_offset" => "#field-alerts.clock_offset.limit_ms",
        "spool_growing" => "#field-alerts.spool.limit_batches",
        "disk_full" => "#field-alerts.disk.limit_percent",
        _ => "#field-alerts.latency.enabled",
    }
}

/// A rule of one's own that is as near as one can be to a rule that Netloom brings along.
pub(super) fn copy(id: &str, settings: &Settings) -> Option<RuleSpec> {
    let alerts = &settings.alerts;
    let threshold =
        |side, limit, aggregation, window_s| Condition::Threshold { side, limit, recover: None, aggregation, window_s };
    let (title, metric, condition, for_s) = match id {
        "latency_high" => {
            let limit = unit::us_from_ms(alerts.latency.limit_ms);
            let condition = threshold(Side::Above, limit, Aggregation::P50, 5.0);
            ("High latency", metric::RTT_US, condition, alerts.latency.for_s)
        }
        "loss_high" => {
            let limit = unit::ratio_from_percent(alerts.loss.limit_percent);
            let condition = threshold(Side::Above, limit, Aggregation::Avg, 20.0);
            ("Packet loss", metric::LOSS_RATIO, condition, alerts.loss.for_s)
        }
        "bandwidth_low" => {
            let limit = unit::bps_from_mbps(alerts.bandwidth.limit_mbps);
            let condition = threshold(Side::Below, limit, Aggregation::Max, 10.0);
            ("Slow link", metric::IF_RX_BPS, condition, alerts.bandwidth.for_s)
        }
        "node_silent" => ("Silent node", metric::NET_RX_BPS, Condition::Absent { after_s: 10.0 }, alerts.silence.for_s),
        "clock_offset" => {
            let condition = threshold(Side::Above, unit::us_from_ms(100.0), Aggregation::P50, 60.0);
            ("Clock offset", metric::CLOCK_OFFSET_US, condition, 60.0)
        }
        "spool_growing" => {
            ("Spool growing", metric::SPOOL_BATCHES, threshold(Side::Above, 10.0, Aggregation::Min, 30.0), 60.0)
        }
        "disk_full" => {
            let limit = unit::ratio_from_percent(90.0);
            ("Disk of the hub", "disk_used_ratio", threshold(Side::Above, limit, Aggregation::Last, 30.0), 60.0)
        }
        _ => return None,
    };
    let severity =
        if matches!(id, "loss_high" | "node_silent" | "disk_full") { Severity::Critical } else { Severity::Warning };
    Some(RuleSpec {
        id: id.to_owned(),
        title: title.to_owned(),
        metric: metric.to_owned(),
        condition,
        for_s,
        severity,
        ..RuleSpec::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use netloom_core::settings;

    #[test]
    fn a_copy_has_the_limits_of_the_settings() {
        let mut settings = Settings::default();
        settings.alerts.latency.limit_ms = 2.5;
        let rule = copy("latency_high", &settings).expect("is known");
        let Condition::Threshold { limit, .. } = rule.condition else { panic!("has a limit") };
        assert_eq!(limit.to_bits(), 2_500.0_f64.to_bits());
        assert_eq!(copy("unheard_of", &settings), None);
    }

    #[test]
    fn the_settings_of_a_rule_are_on_their_page() {
        for id in ["latency_high", "loss_high", "bandwidth_low", "node_silent", "any"] {
            let path = place(id).strip_prefix("#field-").expect("is a field");
            assert!(settings::fields().any(|field| field.path == path), "{path}");
        }
    }
}
