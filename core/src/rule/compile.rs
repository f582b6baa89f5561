//! From a rule as people write it to one in force.

use std::sync::Arc;

use super::{
    Rule, RuleKind,
    absent::Absent,
    budget::{Budget, GAP_MAX_MS},
    change::Change,
    deviation::{Deviation, spread_min},
    failures::Failures,
    selector::Selector,
    spec::{Condition, RuleSpec},
    threshold::Threshold,
};
use crate::unit::ratio_from_percent;

/// Seconds as people write them, in whole ms.
pub(super) fn ms(seconds: f64) -> i64 {
    (seconds * 1_000.0).round() as i64
}

impl RuleSpec {
    /// The rule that it describes. It must have been checked.
    pub fn compile(&self) -> Rule {
        let title = if self.title.trim().is_empty() { &self.id } else { &self.title };
        Rule {
            id: self.id.as_str().into(),
            title: title.trim().into(),
            is_built_in: false,
            severity: self.severity,
            selector: Selector::of(&self.scope),
            for_ms: ms(self.for_s),
            keep_firing_for_ms: ms(self.keep_firing_for_s),
            kind: self.kind(),
            message: self.message.trim().into(),
            runbook: self.runbook.as_str().into(),
        }
    }

    fn kind(&self) -> RuleKind {
        let metric: Arc<str> = self.metric.as_str().into();
        match self.condition {
            Condition::Threshold { side, limit, recover, aggregation, window_s } => {
                let window_ms = ms(window_s);
                RuleKind::Threshold(Threshold { metric, side, aggregation, window_ms, limit, recover, at_least: 1 })
            }
            Condition::Absent { after_s } => RuleKind::Absent(Absent { metric, after_ms: ms(after_s) }),
            Condition::Change { side, percent, against_s, aggregation, window_s } => RuleKind::Change(Change {
                metric,
                side,
                ratio: ratio_from_percent(percent),
                against_ms: ms(against_s),
                aggregation,
                window_ms: ms(window_s),
            }),
            Condition::Deviation { side, sigmas, learn_s, aggregation, window_s } => RuleKind::Deviation(Deviation {
                spread_min: spread_min(&metric),
                metric,
                side,
                sigmas,
                learn_ms: ms(learn_s),
                aggregation,
                window_ms: ms(window_s),
            }),
            Condition::Failures { side, limit, count, of } => {
                RuleKind::Failures(Failures { metric, side, limit, count, of })
            }
            Condition::Budget { side, limit, percent, period_s } => RuleKind::Budget(Budget {
                metric,
                side,
                limit,
                allowed_ratio: ratio_from_percent(percent),
                period_ms: ms(period_s),
                gap_ms: GAP_MAX_MS,
            }),
        }
    }
}
