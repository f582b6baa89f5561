//! Settings of the alert rules, and the rules they make.

use serde::{Deserialize, Serialize};

use super::{Field, FieldError, FieldKind, Section};
use crate::{
    api::SILENT_AFTER_MS,
    metric,
    rule::{
        Rule, RuleKind, Severity,
        silence::{NODE_SILENT, Silence},
        slow_link::SlowLink,
        spec::RuleSpec,
        threshold::Threshold,
    },
    silence::{Maintenance, validate_windows},
    stats::aggregate::Aggregation,
    unit,
};

/// Settings of the alert rules.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct AlertSettings {
    /// Latency to a target is high.
    pub latency: LatencySettings,
    /// Probes get lost.
    pub loss: LossSettings,
    /// A link in use is slow.
    pub bandwidth: BandwidthSettings,
    /// A node does not report.
    pub silence: SilenceSettings,
    /// Rules that people added.
    pub rules: Vec<RuleSpec>,
    /// When nobody is told, week by week.
    pub maintenance: Vec<Maintenance>,
}

/// When latency is too high.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct LatencySettings {
    /// Whether the rule is in force.
    pub enabled: bool,
    /// The limit, ms.
    pub limit_ms: f64,
    /// How long it must hold, s.
    pub for_s: f64,
}

/// When loss is too high.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct LossSettings {
    /// Whether the rule is in force.
    pub enabled: bool,
    /// The limit, percent.
    pub limit_percent: f64,
    /// How long it must hold, s.
    pub for_s: f64,
}

/// When a link is too slow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct BandwidthSettings {
    /// Whether the rule is in force.
    pub enabled: bool,
    /// Below this a link in use is slow, Mbit/s.
    pub limit_mbps: f64,
    /// Above this a link is in use, Mbit/s.
    pub in_use_mbps: f64,
    /// How long it must hold, s.
    pub for_s: f64,
}

/// When a node is silent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct SilenceSettings {
    /// Whether the rule is in force.
    pub enabled: bool,
    /// How long it must hold, s.
    pub for_s: f64,
}

impl Default for LatencySettings {
    fn default() -> Self {
        Self { enabled: true, limit_ms: 100.0, for_s: 10.0 }
    }
}

impl Default for LossSettings {
    fn default() -> Self {
        Self { enabled: true, limit_percent: 5.0, for_s: 10.0 }
    }
}

impl Default for BandwidthSettings {
    fn default() -> Self {
        Self { enabled: true, limit_mbps: 10.0, in_use_mbps: 1.0, for_s: 30.0 }
    }
}

impl Default for SilenceSettings {
    fn default() -> Self {
        Self { enabled: true, for_s: 0.0 }
    }
}

const HOLD: FieldKind = FieldKind::Number { min: 0.0, max: 3_600.0, unit: "s" };
const HOLD_HELP: &str = "How long it must last before the alert fires; until then it is pending.";

const fn hold(path: &'static str) -> Field {
    Field { path, label: "for", help: HOLD_HELP, kind: HOLD }
}

const fn toggle(path: &'static str, label: &'static str, help: &'static str) -> Field {
    Field { path, label, help, kind: FieldKind::Toggle }
}

pub(super) const SECTION: Section = Section {
    title: "Alerts",
    help: "When something counts as wrong.",
    fields: &[
        toggle("alerts.latency.enabled", "Alert on latency", "Median round-trip time to a target, over the last 5 s."),
        Field {
            path: "alerts.latency.limit_ms",
            label: "Latency above",
            help: "Fires when the latency to a target stays above this.",
            kind: FieldKind::Number { min: 0.001, max: 60_000.0, unit: "ms" },
        },
        hold("alerts.latency.for_s"),
        toggle("alerts.loss.enabled", "Alert on loss", "Share of probes without an answer, over the last 20 s."),
        Field {
            path: "alerts.loss.limit_percent",
            label: "Loss above",
            help: "Fires when more of the probes to a target stay without an answer.",
            kind: FieldKind::Number { min: 0.0, max: 100.0, unit: "%" },
        },
        hold("alerts.loss.for_s"),
        toggle("alerts.bandwidth.enabled", "Alert on bandwidth", "The busier direction of a link, over the last 10 s."),
        Field {
            path: "alerts.bandwidth.limit_mbps",
            label: "Bandwidth below",
            help: "Fires when a link that is in use stays below this.",
            kind: FieldKind::Number { min: 0.001, max: 1_000_000.0, unit: "Mbit/s" },
        },
        Field {
            path: "alerts.bandwidth.in_use_mbps",
            label: "In use above",
            help: "A link that carries less than this is idle, and idle links raise no alert.",
            kind: FieldKind::Number { min: 0.0, max: 1_000_000.0, unit: "Mbit/s" },
        },
        hold("alerts.bandwidth.for_s"),
        toggle(
            "alerts.silence.enabled",
            "Alert on silence",
            "A node that has not reported for 2.5 s. Links with it are counted there and raise no alert of their own.",
        ),
        hold("alerts.silence.for_s"),
        Field {
            path: "alerts.rules",
            label: "More rules",
            help: "Rules of your own, for any metric.",
            kind: FieldKind::Rules,
        },
        Field {
            path: "alerts.maintenance",
            label: "Maintenance windows",
            help: "Times of the week in which nobody is told.",
            kind: FieldKind::Maintenance,
        },
    ],
};

/// How far back each rule looks. Latency: a handful of rounds, so that one odd round is no news. Loss: enough probes
/// (100 at the default pace) to tell 5 % from chance. Bandwidth: longer than a pause between two training steps.
const LATENCY_WINDOW_MS: i64 = 5_000;
const LOSS_WINDOW_MS: i64 = 20_000;
const BANDWIDTH_WINDOW_MS: i64 = 10_000;

impl AlertSettings {
    pub(super) fn validate(&self) -> Vec<FieldError> {
        if self.bandwidth.in_use_mbps >= self.bandwidth.limit_mbps {
            let message =
                format!("must be below the limit of {} Mbit/s, or nothing could fire", self.bandwidth.limit_mbps);
            return vec![FieldError::new("alerts.bandwidth.in_use_mbps", message)];
        }
        validate_windows(&self.maintenance, "alerts.maintenance")
    }

    /// The rules in force.
    pub fn rules(&self) -> Vec<Rule> {
        let hold_ms = |seconds: f64| (seconds * 1_000.0) as i64;
        let latency = self.latency.enabled.then(|| Rule {
            id: "latency_high",
            title: "High latency",
            severity: Severity::Warning,
            for_ms: hold_ms(self.latency.for_s),
            kind: RuleKind::Threshold(Threshold {
                metric: metric::RTT_US,
                aggregation: Aggregation::P50,
                window_ms: LATENCY_WINDOW_MS,
                limit: unit::us_from_ms(self.latency.limit_ms),
            }),
        });
        let loss = self.loss.enabled.then(|| Rule {
            id: "loss_high",
            title: "Packet loss",
            severity: Severity::Critical,
            for_ms: hold_ms(self.loss.for_s),
            kind: RuleKind::Threshold(Threshold {
                metric: metric::LOSS_RATIO,
                aggregation: Aggregation::Avg,
                window_ms: LOSS_WINDOW_MS,
                limit: unit::ratio_from_percent(self.loss.limit_percent),
            }),
        });
        let bandwidth = self.bandwidth.enabled.then(|| Rule {
            id: "bandwidth_low",
            title: "Slow link",
            severity: Severity::Warning,
            for_ms: hold_ms(self.bandwidth.for_s),
            kind: RuleKind::SlowLink(SlowLink {
                below_bps: unit::bps_from_mbps(self.bandwidth.limit_mbps),
                in_use_bps: unit::bps_from_mbps(self.bandwidth.in_use_mbps),
                window_ms: BANDWIDTH_WINDOW_MS,
            }),
        });
        let silence = self.silence.enabled.then(|| Rule {
            id: NODE_SILENT,
            title: "Silent node",
            severity: Severity::Critical,
            for_ms: hold_ms(self.silence.for_s),
            kind: RuleKind::Silence(Silence { after_ms: SILENT_AFTER_MS }),
        });
        [latency, loss, bandwidth, silence].into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_rules_have_the_limits_that_people_read() {
        let rules = AlertSettings::default().rules();
        let limits: Vec<_> = rules.iter().map(|rule| rule.kind.unit().figure(rule.kind.limit()).to_string()).collect();
        assert_eq!(limits, ["100 ms", "5 %", "10 Mbit/s", "2.5 s"]);
    }

    #[test]
    fn a_rule_that_is_off_is_not_there() {
        let mut settings = AlertSettings::default();
        settings.loss.enabled = false;
        assert!(settings.rules().iter().all(|rule| rule.id != "loss_high"));
    }

    #[test]
    fn in_use_must_lie_below_the_limit() {
        let mut settings = AlertSettings::default();
        settings.bandwidth.in_use_mbps = 10.0;
        assert_eq!(settings.validate()[0].field, "alerts.bandwidth.in_use_mbps");
    }
}
