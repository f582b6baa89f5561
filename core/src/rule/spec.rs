//! A rule as people write it: a document that is checked field by field, kept with the settings, and compiled into a
//! [`super::Rule`] when it is put in force.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Severity;
use crate::stats::aggregate::Aggregation;

/// Rules that people may add: a page of them is readable, and each is held against every series of its metric.
pub const RULES_MAX: usize = 100;
/// Longest message or runbook address, characters.
pub const TEXT_MAX_CHARS: usize = 500;
/// Names in each list of a scope.
pub const SCOPE_MAX_NAMES: usize = 256;

/// A rule as people write it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct RuleSpec {
    /// Its lasting name, `[a-z][a-z0-9_]{0,63}`; no two rules share one.
    pub id: String,
    /// What people call it; the id when empty.
    pub title: String,
    /// Whether it is in force.
    pub enabled: bool,
    /// The metric that it judges.
    pub metric: String,
    /// Which series of that metric it judges.
    pub scope: Scope,
    /// When a series is bad.
    pub condition: Condition,
    /// How long it must be bad before the alert fires, s.
    pub for_s: f64,
    /// How long it must be good again before the alert is over, s.
    pub keep_firing_for_s: f64,
    /// How bad it is.
    pub severity: Severity,
    /// What the incident says, with placeholders: `{subject}`, `{value}`, `{limit}`, `{metric}`, `{rule}` and every label,
    /// such as `{src}`; a sentence of Netloom's own when empty.
    pub message: String,
    /// Where it is written what to do: an `http` or `https` address, or empty.
    pub runbook: String,
}

impl Default for RuleSpec {
    fn default() -> Self {
        Self {
            id: String::new(),
            title: String::new(),
            enabled: true,
            metric: String::new(),
            scope: Scope::default(),
            condition: Condition::default(),
            for_s: 10.0,
            keep_firing_for_s: 0.0,
            severity: Severity::Warning,
            message: String::new(),
            runbook: String::new(),
        }
    }
}

/// Which series a rule judges: those that satisfy everything that is said here. Empty lists and texts ask for nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Scope {
    /// Series measured on, or from, or to, one of these nodes. Slurm's lists are taken: `gpu[1-8]`.
    pub nodes: Vec<String>,
    /// Series of one of these links.
    pub links: Vec<LinkScope>,
    /// Series that carry these labels.
    pub labels: BTreeMap<String, String>,
    /// Series of nodes that take part in a run that is going on and has this name or id; `*` for any run.
    pub run: String,
}

/// A link of a scope, in its direction.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct LinkScope {
    /// The node that sends.
    pub src: String,
    /// The node or target that answers.
    pub dst: String,
}

/// On which side of a limit the bad figures are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Above it.
    #[default]
    Above,
    /// Below it.
    Below,
    /// Too far away from what is usual, on either side; for `change` and `deviation` only.
    Either,
}

/// When a series is bad. Limits are in the metric's own unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub enum Condition {
    /// The aggregate of the last `window_s` lies beyond a limit.
    Threshold {
        /// On which side.
        side: Side,
        /// The limit; the limit itself is still good.
        limit: f64,
        /// Once firing, it is good again only beyond this (hysteresis); the limit itself when not given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        recover: Option<f64>,
        /// How the window becomes one figure.
        aggregation: Aggregation,
        /// How far back to look, s.
        window_s: f64,
    },
    /// A series that had data has had none for this long.
    Absent {
        /// For how long, s.
        after_s: f64,
    },
    /// The aggregate of the last `window_s` differs from that of the same stretch some time before.
    Change {
        /// In which direction.
        side: Side,
        /// By more than this, percent of the earlier figure.
        percent: f64,
        /// How long before, s: a day is 86,400.
        against_s: f64,
        /// How a window becomes one figure.
        aggregation: Aggregation,
        /// How long a stretch, s.
        window_s: f64,
    },
    /// The aggregate of the last `window_s` is unusual for this very series.
    Deviation {
        /// In which direction.
        side: Side,
        /// By more than so many of its own standard deviations.
        sigmas: f64,
        /// From how much of its past it is learned what is usual, s.
        learn_s: f64,
        /// How the window becomes one figure.
        aggregation: Aggregation,
        /// How far back to look, s.
        window_s: f64,
    },
    /// So many of the last rounds lie beyond a limit: 3 of 5.
    Failures {
        /// On which side.
        side: Side,
        /// The limit; the limit itself is still good.
        limit: f64,
        /// How many rounds must be bad.
        count: u32,
        /// Of how many.
        of: u32,
    },
    /// More than a share of a period was spent beyond a limit.
    Budget {
        /// On which side.
        side: Side,
        /// The limit; the limit itself is still good.
        limit: f64,
        /// The share that may be bad, percent.
        percent: f64,
        /// The period, s.
        period_s: f64,
    },
}

impl Default for Condition {
    fn default() -> Self {
        Self::Threshold { side: Side::Above, limit: 0.0, recover: None, aggregation: Aggregation::Avg, window_s: 10.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_reads_back_from_json() {
        let text = r#"{"id":"slow_rack","metric":"rtt_us","scope":{"nodes":["gpu[1-8]"],"run":"*"},
            "condition":{"kind":"failures","side":"above","limit":500,"count":3,"of":5},"severity":"critical"}"#;
        let rule: RuleSpec = serde_json::from_str(text).expect("a rule");
        assert_eq!(rule.condition, Condition::Failures { side: Side::Above, limit: 500.0, count: 3, of: 5 });
        assert_eq!((rule.enabled, rule.for_s), (true, 10.0));
        let again: RuleSpec = serde_json::from_str(&serde_json::to_string(&rule).expect("json")).expect("a rule");
        assert_eq!(again, rule);
        let wrong = text.replace("\"of\":5", "\"off\":5");
        assert!(serde_json::from_str::<RuleSpec>(&wrong).is_err());
    }
}
