//! Settings of the alert rules: those that came with Netloom, and those that people added.

mod built_in;
mod fields;
mod limits;

use serde::{Deserialize, Serialize};

use super::{FieldError, probe::ProbeSettings};
use crate::{
    rule::{
        Rule,
        spec::{RULES_MAX, RuleSpec},
    },
    silence::{Maintenance, validate_windows},
};

pub use built_in::BUILT_IN_IDS;
pub(super) use fields::SECTION;
pub use limits::{
    BandwidthSettings, ClockOffsetSettings, DiskSettings, LatencySettings, LossSettings, SilenceSettings, SpoolSettings,
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
    /// The clock of a node is off.
    pub clock_offset: ClockOffsetSettings,
    /// What an agent could not deliver piles up.
    pub spool: SpoolSettings,
    /// The disk of the hub fills up.
    pub disk: DiskSettings,
    /// Rules that people added.
    pub rules: Vec<RuleSpec>,
    /// When nobody is told, week by week.
    pub maintenance: Vec<Maintenance>,
}

impl AlertSettings {
    pub(super) fn validate(&self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        if self.bandwidth.in_use_mbps >= self.bandwidth.limit_mbps {
            let message =
                format!("must be below the limit of {} Mbit/s, or nothing could fire", self.bandwidth.limit_mbps);
            errors.push(FieldError::new("alerts.bandwidth.in_use_mbps", message));
        }
        if self.rules.len() > RULES_MAX {
            errors.push(FieldError::new("alerts.rules", format!("must be at most {RULES_MAX} rules")));
        }
        for (at, rule) in self.rules.iter().enumerate().take(RULES_MAX) {
            let place = format!("alerts.rules[{at}]");
            errors.extend(rule.validate(&place));
            if self.rules[..at].iter().any(|other| other.id == rule.id) {
                errors.push(FieldError::new(format!("{place}.id"), format!("{} is the name of another rule", rule.id)));
            }
        }
        errors.extend(validate_windows(&self.maintenance, "alerts.maintenance"));
        errors
    }

    /// The rules in force where rounds of probes come as often as they do unless told otherwise.
    pub fn rules(&self) -> Vec<Rule> {
        self.rules_for(ProbeSettings::default().interval_ms)
    }

    /// The rules in force where a round of probes comes every `round_ms`.
    pub fn rules_for(&self, round_ms: u64) -> Vec<Rule> {
        let rules = self.all_rules(round_ms).into_iter();
        rules.filter(|(_, is_enabled)| *is_enabled).map(|(rule, _)| rule).collect()
    }

    /// Every rule, and whether it is in force.
    pub fn all_rules(&self, round_ms: u64) -> Vec<(Rule, bool)> {
        let added = self.rules.iter().map(|rule| (rule.compile(), rule.enabled));
        self.built_in_rules(round_ms as i64).into_iter().chain(added).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_rules_have_the_limits_that_people_read() {
        let rules = AlertSettings::default().rules();
        let limits: Vec<_> = rules.iter().map(|rule| rule.kind.unit().figure(rule.kind.limit()).to_string()).collect();
        assert_eq!(limits, ["100 ms", "5 %", "10 Mbit/s", "2.5 s", "100 ms", "10", "90 %"]);
        let ids: Vec<_> = rules.iter().map(|rule| &*rule.id).collect();
        assert_eq!(ids, BUILT_IN_IDS);
    }

    #[test]
    fn a_rule_that_is_off_is_not_there() {
        let mut settings = AlertSettings::default();
        settings.loss.enabled = false;
        settings.rules = vec![RuleSpec { id: "mine".into(), enabled: false, ..RuleSpec::default() }];
        assert!(settings.rules().iter().all(|rule| &*rule.id != "loss_high" && &*rule.id != "mine"));
        assert_eq!(settings.all_rules(1_000).len(), BUILT_IN_IDS.len() + 1);
    }

    #[test]
    fn in_use_must_lie_below_the_limit() {
        let mut settings = AlertSettings::default();
        settings.bandwidth.in_use_mbps = 10.0;
        assert_eq!(settings.validate()[0].field, "alerts.bandwidth.in_use_mbps");
    }

    #[test]
    fn names_of_rules_are_told_apart_and_there_are_not_too_many() {
        let rule = RuleSpec { id: "mine".into(), metric: "rtt_us".into(), ..RuleSpec::default() };
        let mut settings = AlertSettings { rules: vec![rule.clone(), rule.clone()], ..AlertSettings::default() };
        assert_eq!(settings.validate()[0].field, "alerts.rules[1].id");
        settings.rules = (0..=RULES_MAX).map(|at| RuleSpec { id: format!("r{at}"), ..rule.clone() }).collect();
        assert_eq!(settings.validate()[0].field, "alerts.rules");
    }
}
