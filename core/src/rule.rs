//! Alert rules: what is held against which figures, and for how long.
//!
//! A rule kind is a pure function of the windows of its inputs. Adding one: a file in `rule/` and a variant here.

pub mod preview;
pub mod silence;
pub mod slow_link;
pub mod spec;
pub mod status;
pub mod threshold;

use serde::{Deserialize, Serialize};

use crate::{stats::window::Window, unit::Unit};

/// How bad it is when a rule fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Training may suffer.
    Warning,
    /// Training suffers.
    Critical,
}

impl Severity {
    /// The word people read.
    pub const fn word(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }
}

/// What a rule says of one subject at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Verdict {
    /// The figure breaks the rule.
    Bad {
        /// The figure, in the rule's unit.
        value: f64,
    },
    /// The figure keeps the rule.
    Good {
        /// The figure, in the rule's unit.
        value: f64,
    },
    /// There is no figure to judge.
    Unknown,
}

/// The kinds of rules.
#[derive(Debug, Clone, PartialEq)]
pub enum RuleKind {
    /// A figure above a limit.
    Threshold(threshold::Threshold),
    /// A link that is in use and slow.
    SlowLink(slow_link::SlowLink),
    /// A node that does not report.
    Silence(silence::Silence),
}

impl RuleKind {
    /// The metrics whose windows [`RuleKind::evaluate`] expects, in this order. Series that share the labels other than
    /// the metric form one subject.
    pub fn inputs(&self) -> &[&'static str] {
        match self {
            RuleKind::Threshold(rule) => std::slice::from_ref(&rule.metric),
            RuleKind::SlowLink(_) => slow_link::INPUTS,
            // Its window holds when the node reported, and whoever hears it fills it.
            RuleKind::Silence(_) => &[],
        }
    }

    /// Judges the windows as they are at `now_ms`.
    pub fn evaluate(&self, inputs: &[Window], now_ms: i64) -> Verdict {
        match self {
            RuleKind::Threshold(rule) => rule.evaluate(inputs, now_ms),
            RuleKind::SlowLink(rule) => rule.evaluate(inputs, now_ms),
            RuleKind::Silence(rule) => rule.evaluate(inputs, now_ms),
        }
    }

    /// How far back the rule looks, ms.
    pub fn window_ms(&self) -> i64 {
        match self {
            RuleKind::Threshold(rule) => rule.window_ms,
            RuleKind::SlowLink(rule) => rule.window_ms,
            RuleKind::Silence(_) => silence::WINDOW_MS,
        }
    }

    /// The limit, in the rule's unit.
    pub fn limit(&self) -> f64 {
        match self {
            RuleKind::Threshold(rule) => rule.limit,
            RuleKind::SlowLink(rule) => rule.below_bps,
            RuleKind::Silence(rule) => crate::unit::us_from_ms(rule.after_ms as f64),
        }
    }

    /// The unit of the figure and its limit.
    pub fn unit(&self) -> Unit {
        match self {
            RuleKind::Threshold(rule) => crate::metric::unit_of(rule.metric),
            RuleKind::SlowLink(_) => Unit::BitsPerSecond,
            RuleKind::Silence(_) => Unit::Microseconds,
        }
    }

    /// The sentence that an incident carries.
    pub fn message(&self, subject: &str, value: f64) -> String {
        let (value, limit) = (self.unit().figure(value), self.unit().figure(self.limit()));
        match self {
            RuleKind::Threshold(rule) => {
                let what = crate::metric::find(rule.metric).map_or(rule.metric, |metric| metric.title);
                format!("{what} {subject} is {value}, over the limit of {limit}")
            }
            RuleKind::SlowLink(_) => format!("{subject} is in use but carries only {value}, under {limit}"),
            RuleKind::Silence(_) => format!("{subject} has been silent for more than {limit}"),
        }
    }
}

/// A rule in force.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Its lasting name, `latency_high` for example.
    pub id: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// How long it must hold before it fires, ms.
    pub for_ms: i64,
    /// What is held against what.
    pub kind: RuleKind,
}
