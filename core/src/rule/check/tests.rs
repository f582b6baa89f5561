//! Every fault of a rule is found at its field, and the rules of every kind that are right are taken.

use super::*;
use crate::rule::spec::{LinkScope, Scope};

fn rule(metric: &str) -> RuleSpec {
    let (side, aggregation, window_s) = (Side::Above, Aggregation::Avg, 10.0);
    let condition = Condition::Threshold { side, limit: 1.0, recover: None, aggregation, window_s };
    RuleSpec { id: "mine".into(), metric: metric.into(), condition, ..RuleSpec::default() }
}

/// The fields to blame, without the place of the rule.
fn blamed(rule: &RuleSpec) -> Vec<String> {
    let field = |error: FieldError| error.field.strip_prefix("alerts.rules[3].").expect("has a place").to_owned();
    rule.validate("alerts.rules[3]").into_iter().map(field).collect()
}

fn with(condition: Condition) -> RuleSpec {
    RuleSpec { condition, ..rule("rtt_us") }
}

#[test]
fn one_rule_of_each_kind_is_right() {
    let (side, aggregation, window_s) = (Side::Either, Aggregation::P95, 60.0);
    let conditions = [
        rule("rtt_us").condition,
        Condition::Absent { after_s: 30.0 },
        Condition::Change { side, percent: 50.0, against_s: 86_400.0, aggregation, window_s },
        Condition::Deviation { side, sigmas: 4.0, learn_s: 86_400.0, aggregation, window_s },
        Condition::Failures { side: Side::Above, limit: 0.2, count: 3, of: 5 },
        Condition::Budget { side: Side::Below, limit: 0.2, percent: 1.0, period_s: 86_400.0 },
    ];
    for condition in conditions {
        assert_eq!(with(condition.clone()).validate("rule"), [], "{condition:?}");
    }
}

#[test]
fn names_addresses_and_messages_are_checked() {
    type Spoil = fn(&mut RuleSpec);
    let cases: [(&str, Spoil); 13] = [
        ("id", |rule| rule.id.clear()),
        ("id", |rule| rule.id = "No Good".into()),
        ("id", |rule| rule.id = "latency_high".into()),
        ("id", |rule| rule.id = "disk_full".into()),
        ("id", |rule| rule.id = "job_oom".into()),
        ("title", |rule| rule.title = "two\nlines".into()),
        ("metric", |rule| rule.metric = "a b".into()),
        ("for_s", |rule| rule.for_s = f64::NAN),
        ("keep_firing_for_s", |rule| rule.keep_firing_for_s = -1.0),
        ("message", |rule| rule.message = "{colour} {subject}".into()),
        ("message", |rule| rule.message = "x".repeat(TEXT_MAX_CHARS + 1)),
        ("runbook", |rule| rule.runbook = "javascript:alert(1)".into()),
        ("runbook", |rule| rule.runbook = "https://".into()),
    ];
    for (field, spoil) in cases {
        let mut rule = rule("rtt_us");
        spoil(&mut rule);
        assert_eq!(blamed(&rule), [field], "{rule:?}");
    }
    let message = "<b>{src}</b> is {value}".into();
    let fine = RuleSpec { message, runbook: "https://wiki/slow".into(), ..rule("rtt_us") };
    assert_eq!(blamed(&fine), [""; 0], "markup is text like any other");
    let pushed = RuleSpec { message: "rank {rank}".into(), ..rule("step_time_s") };
    assert_eq!(blamed(&pushed), [""; 0], "what jobs push may carry any label");
}

#[test]
fn conditions_are_checked_field_by_field() {
    let (aggregation, window_s) = (Aggregation::Avg, 10.0);
    let threshold =
        |side, limit, recover, window_s| with(Condition::Threshold { side, limit, recover, aggregation, window_s });
    let change =
        |against_s| with(Condition::Change { side: Side::Above, percent: 5.0, against_s, aggregation, window_s });
    let cases = [
        ("condition.side", threshold(Side::Either, 1.0, None, 10.0)),
        ("condition.limit", threshold(Side::Above, f64::INFINITY, None, 10.0)),
        ("condition.recover", threshold(Side::Above, 1.0, Some(2.0), 10.0)),
        ("condition.recover", threshold(Side::Below, 1.0, Some(0.5), 10.0)),
        ("condition.recover", threshold(Side::Below, 1.0, Some(f64::NAN), 10.0)),
        ("condition.window_s", threshold(Side::Above, 1.0, None, 0.0)),
        ("condition.window_s", threshold(Side::Above, 1.0, None, 601.0)),
        ("condition.after_s", with(Condition::Absent { after_s: 0.0 })),
        ("condition.against_s", change(5.0)),
        ("condition.count", with(Condition::Failures { side: Side::Above, limit: 0.0, count: 6, of: 5 })),
        ("condition.of", with(Condition::Failures { side: Side::Above, limit: 0.0, count: 6, of: 101 })),
        (
            "condition.percent",
            with(Condition::Budget { side: Side::Above, limit: 0.0, percent: 100.0, period_s: 60.0 }),
        ),
        ("condition.period_s", with(Condition::Budget { side: Side::Above, limit: 0.0, percent: 1.0, period_s: 59.0 })),
    ];
    for (field, rule) in cases {
        assert_eq!(blamed(&rule), [field], "{:?}", rule.condition);
    }
    let learned = |sigmas, learn_s, aggregation| {
        with(Condition::Deviation { side: Side::Either, sigmas, learn_s, aggregation, window_s })
    };
    assert_eq!(blamed(&learned(0.0, 60.0, Aggregation::Count)).len(), 3);
}

#[test]
fn a_scope_without_any_series_is_refused_at_the_field() {
    let link = |src: &str, dst: &str| LinkScope { src: src.into(), dst: dst.into() };
    let labels = |name: &str, value: &str| [(name.to_owned(), value.to_owned())].into();
    let nodes = |list: &str| vec![list.to_owned()];
    let cases = [
        ("scope.links", "clock_offset_us", Scope { links: vec![link("a", "b")], ..Scope::default() }),
        ("scope.links", "if_rx_bps", Scope { links: vec![link("a", "b")], ..Scope::default() }),
        ("scope.links[0].dst", "rtt_us", Scope { links: vec![link("a", "a")], ..Scope::default() }),
        ("scope.links[0].src", "rtt_us", Scope { links: vec![link("", "a")], ..Scope::default() }),
        ("scope.links", "rtt_us", Scope { nodes: nodes("c"), links: vec![link("a", "b")], ..Scope::default() }),
        ("scope.labels.dst", "spool_batches", Scope { labels: labels("dst", "b"), ..Scope::default() }),
        ("scope.labels.interface", "rtt_us", Scope { labels: labels("interface", "eth0"), ..Scope::default() }),
        ("scope.labels.node", "rtt_us", Scope { labels: labels("node", "a"), ..Scope::default() }),
        (
            "scope.labels.node",
            "if_rx_bps",
            Scope { nodes: nodes("b"), labels: labels("node", "a"), ..Scope::default() },
        ),
        (
            "scope.labels.src",
            "rtt_us",
            Scope { links: vec![link("a", "b")], labels: labels("src", "b"), ..Scope::default() },
        ),
        ("scope.labels.mode", "rtt_us", Scope { labels: labels("mode", ""), ..Scope::default() }),
        ("scope.nodes[0]", "rtt_us", Scope { nodes: nodes("n[1-"), ..Scope::default() }),
        ("scope.nodes", "rtt_us", Scope { nodes: vec!["a".into(); 257], ..Scope::default() }),
        ("scope.run", "rtt_us", Scope { run: "x".repeat(201), ..Scope::default() }),
    ];
    for (field, metric, scope) in cases {
        assert_eq!(blamed(&RuleSpec { scope: scope.clone(), ..rule(metric) }), [field], "{metric} {scope:?}");
    }
    let fine = Scope { nodes: nodes("gpu[1-8]"), labels: labels("mode", "udp"), run: "*".into(), ..Scope::default() };
    assert_eq!(blamed(&RuleSpec { scope: fine, ..rule("rtt_us") }), [""; 0]);
    let pushed = Scope { links: vec![link("a", "b")], labels: labels("rank", "7"), ..Scope::default() };
    assert_eq!(blamed(&RuleSpec { scope: pushed, ..rule("step_time_s") }), [""; 0]);
}

#[test]
fn nothing_may_be_longer_than_what_is_stored() {
    let storage = StorageSettings { raw_hours: 1, minute_days: 1, ..StorageSettings::default() };
    let kept = |rule: &RuleSpec| -> Vec<String> {
        rule.check_kept("r", &storage).into_iter().map(|error| error.field).collect()
    };
    assert_eq!(kept(&RuleSpec { for_s: 3_601.0, ..rule("rtt_us") }), ["r.for_s"]);
    assert_eq!(kept(&RuleSpec { for_s: 3_600.0, ..rule("rtt_us") }), [""; 0]);
    assert_eq!(kept(&RuleSpec { keep_firing_for_s: 3_601.0, ..rule("rtt_us") }), ["r.keep_firing_for_s"]);
    assert_eq!(kept(&with(Condition::Absent { after_s: 3_601.0 })), ["r.condition.after_s"]);
    let (side, aggregation, window_s) = (Side::Above, Aggregation::Avg, 10.0);
    let day = 86_400.0;
    let long = [
        ("r.condition.against_s", Condition::Change { side, percent: 1.0, against_s: day, aggregation, window_s }),
        ("r.condition.learn_s", Condition::Deviation { side, sigmas: 4.0, learn_s: day + 1.0, aggregation, window_s }),
        ("r.condition.period_s", Condition::Budget { side, limit: 1.0, percent: 1.0, period_s: day + 1.0 }),
    ];
    for (field, condition) in long {
        assert_eq!(kept(&with(condition)), [field]);
    }
}
