//! What a rule does, in one sentence.

use netloom_core::{
    metric::{self, Scope as MetricScope},
    rule::{
        Severity,
        spec::{Condition, RuleSpec, Scope, Side},
    },
    stats::aggregate::Aggregation,
};

use crate::components::sheet::texts::{duration, either, labels_text, plain};

/// What a rule does.
pub(super) fn sentence(rule: &RuleSpec) -> String {
    if rule.metric.is_empty() {
        return "Choose a metric.".to_owned();
    }
    let verb = match rule.severity {
        Severity::Info => "Tells",
        Severity::Warning => "Warns",
        Severity::Critical => "Alarms",
    };
    let what = format!("{} of {}", figure(rule), whose(rule));
    let keeps = if rule.keep_firing_for_s > 0.0 {
        format!("; over once it was good for {}", duration(rule.keep_firing_for_s))
    } else {
        String::new()
    };
    format!("{verb} when {what} {}{keeps}.", condition(rule))
}

/// The figure that is judged: `the median latency`.
fn figure(rule: &RuleSpec) -> String {
    let name = metric::find(&rule.metric).map_or_else(|| rule.metric.clone(), |metric| in_a_sentence(metric.title));
    let how = match &rule.condition {
        Condition::Threshold { aggregation, .. }
        | Condition::Change { aggregation, .. }
        | Condition::Deviation { aggregation, .. } => *aggregation,
        _ => Aggregation::Last,
    };
    let how = match how {
        Aggregation::Avg => "mean ",
        Aggregation::Min => "smallest ",
        Aggregation::Max => "largest ",
        Aggregation::P50 => "median ",
        Aggregation::P95 => "95th percentile of ",
        Aggregation::P99 => "99th percentile of ",
        Aggregation::Last => "",
        Aggregation::Count => "number of samples of ",
    };
    format!("the {how}{name}")
}

/// A title within a sentence; what is an abbreviation keeps its capitals.
fn in_a_sentence(title: &str) -> String {
    let mut chars = title.chars();
    match (chars.next(), chars.next()) {
        (Some(first), Some(second)) if second.is_lowercase() => {
            std::iter::once(first.to_ascii_lowercase()).chain(title.chars().skip(1)).collect()
        }
        _ => title.to_owned(),
    }
}

/// Which series are judged: `any link of gpu[1-8]`.
fn whose(rule: &RuleSpec) -> String {
    let Scope { nodes, links, labels, run } = &rule.scope;
    let links: Vec<String> = links.iter().map(|link| format!("{} → {}", link.src, link.dst)).collect();
    let kind = match metric::find(&rule.metric).map(|metric| metric.scope) {
        Some(MetricScope::Pair) => "any link",
        Some(MetricScope::Interface) => "any interface",
        Some(MetricScope::Node) => "any node",
        None => "any series",
    };
    let mut words = if links.is_empty() { kind.to_owned() } else { either(&links) };
    if !nodes.is_empty() {
        let nodes = either(nodes);
        words = if words == "any node" { nodes } else { format!("{words} of {nodes}") };
    }
    if !labels.is_empty() {
        words = format!("{words} with {}", labels_text(labels));
    }
    match run.as_str() {
        "" => words,
        "*" => format!("{words}, while any run goes on,"),
        run => format!("{words}, while the run {run} goes on,"),
    }
}

/// What must be so, and for how long.
fn condition(rule: &RuleSpec) -> String {
    let unit = metric::unit_of(&rule.metric);
    let limit = |side: Side, limit: f64| format!("{} {}", side_word(side), unit.figure(limit));
    let lasting = if rule.for_s > 0.0 { format!(" for {}", duration(rule.for_s)) } else { String::new() };
    let is = if rule.for_s > 0.0 { "stays" } else { "is" };
    match &rule.condition {
        Condition::Threshold { side, limit: at, recover, window_s, .. } => {
            let recover = recover.map_or_else(String::new, |recover| {
                let other = if *side == Side::Below { Side::Above } else { Side::Below };
                format!(", until it is {} again", limit(other, recover))
            });
            format!("over {} {is} {}{lasting}{recover}", duration(*window_s), limit(*side, *at))
        }
        Condition::Absent { after_s } => format!("has had no data for {}{}", duration(*after_s), after(rule)),
        Condition::Change { side, percent, against_s, window_s, .. } => {
            let direction = match side {
                Side::Above => "higher",
                Side::Below => "lower",
                Side::Either => "higher or lower",
            };
            let (percent, before) = (plain(*percent), duration(*against_s));
            format!("over {} {is} more than {percent} % {direction} than {before} before{lasting}", duration(*window_s))
        }
        Condition::Deviation { side, sigmas, learn_s, window_s, .. } => {
            let direction = match side {
                Side::Above => "above",
                Side::Below => "below",
                Side::Either => "away from",
            };
            let (sigmas, learn) = (plain(*sigmas), duration(*learn_s));
            let usual = format!("{sigmas} standard deviations {direction} what was usual for it in {learn}");
            format!("over {} {is} more than {usual}{lasting}", duration(*window_s))
        }
        Condition::Failures { side, limit: at, count, of } => {
            format!("is {} in {count} of {of} rounds{}", limit(*side, *at), after(rule))
        }
        Condition::Budget { side, limit: at, percent, period_s } => {
            let (percent, period) = (plain(*percent), duration(*period_s));
            format!("is {} for more than {percent} % of {period}{}", limit(*side, *at), after(rule))
        }
    }
}

/// The hold time of what names a time of its own.
fn after(rule: &RuleSpec) -> String {
    if rule.for_s > 0.0 { format!(", and that lasts {}", duration(rule.for_s)) } else { String::new() }
}

const fn side_word(side: Side) -> &'static str {
    match side {
        Side::Below => "below",
        Side::Above | Side::Either => "above",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(metric: &str, condition: Condition) -> RuleSpec {
        RuleSpec { metric: metric.into(), condition, ..RuleSpec::default() }
    }

    fn threshold(side: Side, limit: f64, recover: Option<f64>) -> Condition {
        Condition::Threshold { side, limit, recover, aggregation: Aggregation::P50, window_s: 10.0 }
    }

    #[test]
    fn a_limit_reads_as_people_would_say_it() {
        let mut latency = rule("rtt_us", threshold(Side::Above, 1e5, None));
        latency.scope.nodes = vec!["gpu[1-8]".into()];
        let expected = "Warns when the median latency of any link of gpu[1-8] over 10 s stays above 100 ms for 10 s.";
        assert_eq!(sentence(&latency), expected);
        latency = rule("sock_tcp_total", threshold(Side::Below, 9.0, Some(12.0)));
        (latency.for_s, latency.severity) = (0.0, Severity::Critical);
        latency.scope.nodes = vec!["a".into(), "b".into()];
        let expected = "Alarms when the median TCP sockets of a or b over 10 s is below 9, until it is above 12 again.";
        assert_eq!(sentence(&latency), expected);
    }

    #[test]
    fn the_other_kinds_read_too() {
        let said = |metric: &str, condition| sentence(&RuleSpec { for_s: 0.0, ..rule(metric, condition) });
        let change = Condition::Change {
            side: Side::Either,
            percent: 50.0,
            against_s: 86_400.0,
            aggregation: Aggregation::Avg,
            window_s: 60.0,
        };
        let parts = [
            (said("queue", Condition::Absent { after_s: 60.0 }), "the queue of any series has had no data for 1 min."),
            (said("if_rx_bps", change), "any interface over 1 min is more than 50 % higher or lower than 1 d before."),
            (
                said("loss_ratio", Condition::Failures { side: Side::Above, limit: 0.05, count: 3, of: 5 }),
                "the loss of any link is above 5 % in 3 of 5 rounds.",
            ),
            (
                said("rtt_us", Condition::Budget { side: Side::Above, limit: 1e3, percent: 1.0, period_s: 86_400.0 }),
                "is above 1 ms for more than 1 % of 1 d.",
            ),
        ];
        for (said, part) in parts {
            assert!(said.ends_with(part), "{said}");
        }
        assert_eq!(sentence(&RuleSpec::default()), "Choose a metric.");
    }

    #[test]
    fn runs_and_labels_are_named() {
        let mut latency = rule("rtt_us", threshold(Side::Above, 1e5, None));
        latency.scope.labels.insert("mode".into(), "udp".into());
        latency.scope.run = "*".into();
        assert!(sentence(&latency).contains("any link with mode=udp, while any run goes on, over 10 s stays"));
    }
}
