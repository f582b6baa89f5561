//! What rules say to people.

use super::{Rule, RuleKind, spec::Side};
use crate::{
    metric,
    stats::aggregate::Aggregation,
    time::duration_words,
    unit::{Unit, percent_from_ratio},
};

/// What people call a metric.
pub(super) fn title_of(name: &str) -> &str {
    metric::find(name).map_or(name, |row| row.title)
}

/// The sentence of an incident.
pub(super) fn sentence(kind: &RuleKind, subject: &str, value: f64, limit: f64) -> String {
    let what = title_of(kind.metric());
    let (figure, limit) = (kind.unit().figure(value), kind.unit().figure(limit));
    let (over, beyond) = match kind.side() {
        Side::Above => ("over", "over the limit of"),
        Side::Below => ("under", "under the limit of"),
        Side::Either => ("beyond", "beyond the limit of"),
    };
    match kind {
        RuleKind::Threshold(_) => format!("{what} {subject} is {figure}, {beyond} {limit}"),
        RuleKind::Absent(_) => format!("{what} {subject}: no data for more than {limit}"),
        RuleKind::Change(rule) => {
            let (percent, ago) = (percent_from_ratio(rule.ratio), duration_words(rule.against_ms));
            let than = match rule.side {
                Side::Above => "more",
                Side::Below => "less",
                Side::Either => "away from what it was",
            };
            match rule.side {
                Side::Either => format!("{what} {subject} is {figure}, more than {percent} % {than} {ago} before"),
                _ => format!("{what} {subject} is {figure}, more than {percent} % {than} than {ago} before"),
            }
        }
        RuleKind::Deviation(_) => format!("{what} {subject} is {figure}, {over} {limit}, which is unusual for it"),
        RuleKind::Failures(rule) => {
            format!("{what} {subject} was {over} {limit} in {} of the last {} rounds", rule.count, rule.of)
        }
        RuleKind::Budget(rule) => {
            let (bad, period) = (metric::unit_of(&rule.metric).figure(rule.limit), duration_words(rule.period_ms));
            format!("{what} {subject} was {over} {bad} for {figure} of {period}; {limit} are allowed")
        }
        RuleKind::SlowLink(_) => format!("{subject} is in use but carries only {figure}, under {limit}"),
        RuleKind::Silence(_) => format!("{subject} has been silent for more than {limit}"),
    }
}

/// When a rule fires.
pub(super) fn condition(rule: &Rule) -> String {
    let kind = &rule.kind;
    let what = title_of(kind.metric());
    let limit = kind.unit().figure(kind.limit());
    let side = match kind.side() {
        Side::Above => "above",
        Side::Below => "below",
        Side::Either => "beyond",
    };
    let text = match kind {
        RuleKind::Threshold(rule) => {
            format!("{what}, {}, {side} {limit}", stretch(rule.aggregation, rule.window_ms))
        }
        RuleKind::Absent(rule) => format!("{what}: no data for {}", duration_words(rule.after_ms)),
        RuleKind::Change(rule) => {
            let (percent, ago) = (percent_from_ratio(rule.ratio), duration_words(rule.against_ms));
            let what = format!("{what}, {}", stretch(rule.aggregation, rule.window_ms));
            format!("{what}, more than {percent} % {side} that of {ago} before")
        }
        RuleKind::Deviation(rule) => {
            let (sigmas, learned) = (rule.sigmas, duration_words(rule.learn_ms));
            let what = format!("{what}, {}", stretch(rule.aggregation, rule.window_ms));
            format!("{what}, more than {sigmas} standard deviations {side} the usual of {learned}")
        }
        RuleKind::Failures(rule) => {
            format!("{what} {side} {limit} in {} of {} rounds", rule.count, rule.of)
        }
        RuleKind::Budget(rule) => {
            let (bad, period) = (metric::unit_of(&rule.metric).figure(rule.limit), duration_words(rule.period_ms));
            let side = if rule.side == Side::Below { "below" } else { "above" };
            format!("{what} {side} {bad} for more than {limit} of {period}")
        }
        RuleKind::SlowLink(rule) => {
            let in_use = Unit::BitsPerSecond.figure(rule.in_use_bps);
            format!("busier direction of an interface, mean of 10 s, below {limit} and above {in_use}")
        }
        RuleKind::Silence(_) => format!("no report of a node for {limit}"),
    };
    if rule.for_ms > 0 { format!("{text}, for {}", duration_words(rule.for_ms)) } else { text }
}

fn stretch(aggregation: Aggregation, window_ms: i64) -> String {
    let window = duration_words(window_ms);
    match aggregation {
        Aggregation::Avg => format!("mean of {window}"),
        Aggregation::Min => format!("smallest of {window}"),
        Aggregation::Max => format!("largest of {window}"),
        Aggregation::P50 => format!("median of {window}"),
        Aggregation::P95 => format!("95th percentile of {window}"),
        Aggregation::P99 => format!("99th percentile of {window}"),
        Aggregation::Last => "newest".to_owned(),
        Aggregation::Count => format!("figures in {window}"),
    }
}

#[cfg(test)]
mod tests {
    use crate::rule::spec::{Condition, RuleSpec, Side};
    use crate::stats::aggregate::Aggregation;

    fn words(metric: &str, condition: Condition) -> (String, String) {
        let rule = RuleSpec { id: "x".into(), metric: metric.into(), condition, ..RuleSpec::default() }.compile();
        let limit = if rule.kind.limit().is_nan() { 30_000.0 } else { rule.kind.limit() };
        (rule.condition(), rule.message("a → b", &crate::sample::Labels::new(), 45_000.0, limit))
    }

    #[test]
    fn each_kind_says_when_it_fires_and_what_happened() {
        let (side, aggregation, window_s) = (Side::Above, Aggregation::P95, 30.0);
        let cases = [
            (
                Condition::Threshold { side, limit: 20_000.0, recover: None, aggregation, window_s },
                "Latency, 95th percentile of 30 s, above 20 ms, for 10 s",
                "Latency a → b is 45 ms, over the limit of 20 ms",
            ),
            (
                Condition::Change { side, percent: 50.0, against_s: 86_400.0, aggregation, window_s },
                "Latency, 95th percentile of 30 s, more than 50 % above that of 24 h before, for 10 s",
                "Latency a → b is 45 ms, more than 50 % more than 24 h before",
            ),
            (
                Condition::Deviation { side, sigmas: 4.0, learn_s: 86_400.0, aggregation, window_s },
                "Latency, 95th percentile of 30 s, more than 4 standard deviations above the usual of 24 h, for 10 s",
                "Latency a → b is 45 ms, over 30 ms, which is unusual for it",
            ),
            (
                Condition::Failures { side, limit: 20_000.0, count: 3, of: 5 },
                "Latency above 20 ms in 3 of 5 rounds, for 10 s",
                "Latency a → b was over 20 ms in 3 of the last 5 rounds",
            ),
            (
                Condition::Absent { after_s: 60.0 },
                "Latency: no data for 60 s, for 10 s",
                "Latency a → b: no data for more than 60 s",
            ),
        ];
        for (condition, fires, happened) in cases {
            assert_eq!(words("rtt_us", condition), (fires.to_owned(), happened.to_owned()));
        }
        let budget = Condition::Budget { side, limit: 20_000.0, percent: 10.0, period_s: 3_600.0 };
        let (fires, happened) = words("rtt_us", budget);
        assert_eq!(fires, "Latency above 20 ms for more than 10 % of 60 min, for 10 s");
        assert!(happened.ends_with("of 60 min; 10 % are allowed"), "{happened}");
    }
}
