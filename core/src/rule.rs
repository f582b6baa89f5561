//! Alert rules: what is held against which figures, and for how long.
//!
//! A rule kind is a pure function of what it sees of a series ([`view::View`]): a window of its figures, and what is known
//! of its past. People write rules as [`spec::RuleSpec`], which is checked (`check.rs`) and compiled (`compile.rs`) into a
//! [`Rule`]. Adding a kind: a file in `rule/` and a variant here.

pub mod absent;
pub mod budget;
pub mod change;
mod check;
mod compile;
pub mod deviation;
pub mod failures;
pub mod message;
pub mod preview;
pub mod selector;
pub mod silence;
pub mod slow_link;
pub mod spec;
pub mod status;
pub mod threshold;
pub mod view;
mod words;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{metric, sample::Labels, unit::Unit};
use selector::Selector;
use spec::Side;
use view::View;

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

impl Verdict {
    /// Bad or good.
    pub const fn of(value: f64, is_bad: bool) -> Self {
        if is_bad { Verdict::Bad { value } } else { Verdict::Good { value } }
    }

    /// The figure, when there is one.
    pub const fn value(self) -> Option<f64> {
        match self {
            Verdict::Bad { value } | Verdict::Good { value } => Some(value),
            Verdict::Unknown => None,
        }
    }
}

/// The kinds of rules.
#[derive(Debug, Clone, PartialEq)]
pub enum RuleKind {
    /// A figure beyond a limit.
    Threshold(threshold::Threshold),
    /// No figures any more.
    Absent(absent::Absent),
    /// A figure other than some time before.
    Change(change::Change),
    /// A figure that is unusual for its series.
    Deviation(deviation::Deviation),
    /// So many of the last rounds beyond a limit.
    Failures(failures::Failures),
    /// More than a share of a period beyond a limit.
    Budget(budget::Budget),
    /// A link that is in use and slow.
    SlowLink(slow_link::SlowLink),
    /// A node that does not report.
    Silence(silence::Silence),
}

impl RuleKind {
    /// The metrics of the windows that [`RuleKind::evaluate`] expects, in this order. Series that share the labels other
    /// than the metric form one subject.
    pub fn inputs(&self) -> Vec<&str> {
        match self {
            RuleKind::Threshold(rule) => vec![&rule.metric],
            RuleKind::Absent(rule) => vec![&rule.metric],
            RuleKind::Change(rule) => vec![&rule.metric],
            RuleKind::Deviation(rule) => vec![&rule.metric],
            RuleKind::Failures(rule) => vec![&rule.metric],
            RuleKind::Budget(rule) => vec![&rule.metric],
            RuleKind::SlowLink(_) => slow_link::INPUTS.to_vec(),
            RuleKind::Silence(_) => vec![silence::INPUT],
        }
    }

    /// The metric that is judged; empty when it is none.
    pub fn metric(&self) -> &str {
        self.inputs().first().copied().unwrap_or_default()
    }

    /// Judges what is seen.
    pub fn evaluate(&self, view: &mut View) -> Verdict {
        match self {
            RuleKind::Threshold(rule) => rule.evaluate(view),
            RuleKind::Absent(rule) => rule.evaluate(view),
            RuleKind::Change(rule) => rule.evaluate(view),
            RuleKind::Deviation(rule) => rule.evaluate(view),
            RuleKind::Failures(rule) => rule.evaluate(view),
            RuleKind::Budget(rule) => rule.evaluate(view),
            RuleKind::SlowLink(rule) => rule.evaluate(view),
            RuleKind::Silence(rule) => rule.evaluate(view),
        }
    }

    /// How far back the rule looks at single figures, ms.
    pub fn window_ms(&self) -> i64 {
        match self {
            RuleKind::Threshold(rule) => rule.window_ms,
            RuleKind::Change(rule) => rule.looks_back_ms(),
            RuleKind::Deviation(rule) => rule.window_ms,
            RuleKind::SlowLink(rule) => rule.window_ms,
            // When the newest figure came, or what became of them in buckets, is all that these ask for.
            RuleKind::Absent(_) | RuleKind::Failures(_) | RuleKind::Budget(_) | RuleKind::Silence(_) => 0,
        }
    }

    /// How many of the newest figures it looks at, however old they are.
    pub fn rounds(&self) -> usize {
        match self {
            RuleKind::Failures(rule) => rule.of as usize,
            _ => 0,
        }
    }

    /// After what time without figures it fires, ms; `None` for kinds that judge figures.
    pub fn fires_after_ms(&self) -> Option<i64> {
        match self {
            RuleKind::Absent(rule) => Some(rule.after_ms),
            RuleKind::Silence(rule) => Some(rule.after_ms),
            _ => None,
        }
    }

    /// The limit, in the rule's unit; not a number where it follows from the past of each series.
    pub fn limit(&self) -> f64 {
        match self {
            RuleKind::Threshold(rule) => rule.limit,
            RuleKind::Absent(rule) => crate::unit::us_from_ms(rule.after_ms as f64),
            RuleKind::Change(_) | RuleKind::Deviation(_) => f64::NAN,
            RuleKind::Failures(rule) => rule.limit,
            RuleKind::Budget(rule) => rule.allowed_ratio,
            RuleKind::SlowLink(rule) => rule.below_bps,
            RuleKind::Silence(rule) => crate::unit::us_from_ms(rule.after_ms as f64),
        }
    }

    /// The limit for what is seen, in the rule's unit.
    pub fn limit_of(&self, view: &mut View, value: f64) -> f64 {
        match self {
            RuleKind::Change(rule) => rule.limit_of(view, value),
            RuleKind::Deviation(rule) => rule.limit_of(view.past, value),
            _ => self.limit(),
        }
    }

    /// The unit of the figure and its limit.
    pub fn unit(&self) -> Unit {
        match self {
            RuleKind::SlowLink(_) => Unit::BitsPerSecond,
            RuleKind::Silence(_) | RuleKind::Absent(_) => Unit::Microseconds,
            RuleKind::Budget(_) => Unit::Ratio,
            _ => metric::unit_of(self.metric()),
        }
    }

    /// Whether one bad figure is worse than another; `limit` tells on which side of it they are.
    pub fn is_worse(&self, value: f64, than: f64, limit: f64) -> bool {
        match self.side() {
            Side::Above => value > than,
            Side::Below => value < than,
            Side::Either if limit.is_finite() && matches!(self, RuleKind::Change(_) | RuleKind::Deviation(_)) => {
                (value - limit).abs() > (than - limit).abs()
            }
            Side::Either => value.abs() > than.abs(),
        }
    }

    /// On which side of the limit bad figures are.
    pub fn side(&self) -> Side {
        match self {
            RuleKind::Threshold(rule) => rule.side,
            RuleKind::Change(rule) => rule.side,
            RuleKind::Deviation(rule) => rule.side,
            RuleKind::Failures(rule) => rule.side,
            RuleKind::SlowLink(_) => Side::Below,
            RuleKind::Absent(_) | RuleKind::Budget(_) | RuleKind::Silence(_) => Side::Above,
        }
    }
}

/// Whether a figure lies beyond a limit; the limit itself is good. `either` means on either side of zero.
pub(crate) fn is_beyond(side: Side, value: f64, limit: f64) -> bool {
    match side {
        Side::Above => value > limit,
        Side::Below => value < limit,
        Side::Either => value.abs() > limit,
    }
}

/// A rule in force.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Its lasting name, `latency_high` for example.
    pub id: Arc<str>,
    /// What people call it.
    pub title: Arc<str>,
    /// Whether it came with Netloom.
    pub is_built_in: bool,
    /// How bad it is.
    pub severity: Severity,
    /// Which series of its metrics it judges.
    pub selector: Selector,
    /// How long it must hold before it fires, ms.
    pub for_ms: i64,
    /// How long it must be good again before it is over, ms.
    pub keep_firing_for_ms: i64,
    /// What is held against what.
    pub kind: RuleKind,
    /// What the incident says, with placeholders; a sentence of Netloom's own when empty.
    pub message: Arc<str>,
    /// Where it is written what to do; may be empty.
    pub runbook: Arc<str>,
}

impl Rule {
    /// A rule of Netloom's own that judges every series of its metrics.
    pub(crate) fn built_in(id: &str, title: &str, severity: Severity, for_s: f64, kind: RuleKind) -> Self {
        Self {
            id: id.into(),
            title: title.into(),
            is_built_in: true,
            severity,
            selector: Selector::default(),
            for_ms: compile::ms(for_s),
            keep_firing_for_ms: 0,
            kind,
            message: "".into(),
            runbook: "".into(),
        }
    }

    /// The sentence that an incident carries.
    pub fn message(&self, subject: &str, labels: &Labels, value: f64, limit: f64) -> String {
        if self.message.is_empty() {
            return words::sentence(&self.kind, subject, value, limit);
        }
        let unit = self.kind.unit();
        message::render(&self.message, |name| match name {
            "subject" => Some(subject.to_owned()),
            "value" => Some(unit.figure(value).to_string()),
            "limit" => Some(unit.figure(limit).to_string()),
            "metric" => Some(words::title_of(self.kind.metric()).to_owned()),
            "rule" => Some(self.title.as_ref().to_owned()),
            label => labels.get(label).cloned(),
        })
    }

    /// When it fires, in words: `latency, median of 5 s, above 100 ms for 10 s`.
    pub fn condition(&self) -> String {
        words::condition(self)
    }

    /// Whether interfaces that do not count, such as bridges and the ends of containers, are left out.
    pub fn wants_counted(&self) -> bool {
        let is_of_interface = metric::find(self.kind.metric()).is_some_and(|row| row.scope == metric::Scope::Interface);
        is_of_interface && !self.selector.names_label("interface")
    }
}
