//! The engine over a few seconds of samples: what fires, what ends, and what survives a restart.

use std::ops::{Deref, DerefMut};

use netloom_core::{
    incident::IncidentState,
    rule::spec::{Condition, RuleSpec, Side},
    sample::{Readings, SeriesKey},
    series::Draft,
    settings::alerts::AlertSettings,
    stats::aggregate::Aggregation,
};

use super::*;

/// An engine with a catalog of the series that it is given.
struct Judge {
    engine: Engine,
    catalog: SharedCatalog,
}

impl Judge {
    fn new(rules: Vec<Rule>, known: &[Incident], now: Timestamp) -> Self {
        let next = known.iter().map(|incident| incident.id).max().unwrap_or(0) + 1;
        let engine = Engine::new(rules, known, IncidentIds::starting_at(next), now);
        Self { engine, catalog: SharedCatalog::default() }
    }

    fn take(&mut self, readings: &Readings) {
        let row = |(key, reading): (&SeriesKey, netloom_core::sample::Reading)| {
            let series = self.catalog.write(|catalog| {
                catalog.id(key).unwrap_or_else(|| {
                    let id = Draft::of(catalog, usize::MAX, usize::MAX).add(key).expect("has room");
                    catalog.insert(id, key.clone());
                    id
                })
            });
            Row { series, ts_ms: reading.ts_ms, value: reading.value }
        };
        let rows: Vec<Row> = readings.iter().map(row).collect();
        self.engine.take(&rows, &self.catalog);
    }
}

impl Deref for Judge {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        &self.engine
    }
}

impl DerefMut for Judge {
    fn deref_mut(&mut self) -> &mut Engine {
        &mut self.engine
    }
}

fn settings(for_s: f64) -> AlertSettings {
    let mut settings = AlertSettings::default();
    settings.latency.for_s = for_s;
    settings
}

fn engine(for_s: f64) -> Judge {
    Judge::new(settings(for_s).rules(), &[], Timestamp(0))
}

fn rtt(ts_ms: i64, rtt_us: f64) -> Readings {
    let mut readings = Readings::default();
    readings.push(SeriesKey::new("rtt_us", [("src", "a"), ("dst", "b"), ("mode", "icmp")]), ts_ms, rtt_us);
    readings
}

/// One latency a second; returns the state of every incident that changed, with its second.
fn run(engine: &mut Judge, from_s: i64, latencies_us: &[f64]) -> Vec<(i64, IncidentState, u64)> {
    let mut told = Vec::new();
    for (at, rtt_us) in latencies_us.iter().enumerate() {
        let second = from_s + at as i64;
        engine.take(&rtt(second * 1_000, *rtt_us));
        let changed = engine.evaluate(Timestamp(second * 1_000 + 1));
        told.extend(changed.iter().map(|incident| (second, incident.state, incident.id)));
    }
    told
}

const HIGH: f64 = 200_000.0;
const LOW: f64 = 1_000.0;

#[test]
fn high_latency_is_pending_then_fires_then_resolves() {
    let mut engine = engine(2.0);
    let changes = run(&mut engine, 0, &[LOW, LOW, LOW, HIGH, HIGH, HIGH, HIGH, HIGH, LOW, LOW, LOW, LOW]);
    // The median of five seconds is high from the third high second on.
    let expected = [(5, IncidentState::Pending, 1), (7, IncidentState::Firing, 1), (10, IncidentState::Resolved, 1)];
    assert_eq!(changes, expected);
}

#[test]
fn a_lower_threshold_fires_at_once_and_a_higher_one_resolves() {
    let mut engine = engine(0.0);
    assert!(run(&mut engine, 0, &[LOW, LOW]).is_empty());
    let mut strict = settings(0.0);
    strict.latency.limit_ms = 0.5;
    assert!(engine.set_rules(strict.rules(), Timestamp(2_000)).is_empty());
    let fired = engine.evaluate(Timestamp(2_000));
    assert_eq!(fired[0].state, IncidentState::Firing);
    assert_eq!(fired[0].message, "Latency a → b is 1 ms, over the limit of 500 µs");
    engine.set_rules(settings(0.0).rules(), Timestamp(3_000));
    assert_eq!(engine.evaluate(Timestamp(3_000))[0].state, IncidentState::Resolved);
}

#[test]
fn switching_a_rule_off_resolves_what_it_raised() {
    let mut engine = engine(0.0);
    run(&mut engine, 0, &[HIGH]);
    let mut off = settings(0.0);
    off.latency.enabled = false;
    let ended = engine.set_rules(off.rules(), Timestamp(1_000));
    assert_eq!(ended.len(), 1);
    assert_eq!((ended[0].state, ended[0].resolved_at), (IncidentState::Resolved, Some(Timestamp(1_000))));
}

#[test]
fn after_a_restart_nothing_fires_twice_and_what_is_over_resolves() {
    let mut before = engine(0.0);
    before.take(&rtt(0, HIGH));
    let open = before.evaluate(Timestamp(1));
    let mut after = Judge::new(settings(0.0).rules(), &open, Timestamp(5_000));
    assert!(run(&mut after, 6, &[HIGH, HIGH]).is_empty());
    let changes = run(&mut after, 20, &[LOW]);
    assert_eq!(changes, [(20, IncidentState::Resolved, 1)]);
    let again = run(&mut after, 40, &[HIGH]);
    assert_eq!(again, [(40, IncidentState::Firing, 2)]);
}

#[test]
fn only_interfaces_that_count_can_be_slow_links() {
    let mut engine = engine(0.0);
    engine.set_counted("a", ["eth0".to_owned()].into_iter());
    let mut settings = AlertSettings::default();
    settings.bandwidth.for_s = 0.0;
    engine.set_rules(settings.rules(), Timestamp(0));
    for interface in ["eth0", "docker0"] {
        for metric in ["if_rx_bps", "if_tx_bps"] {
            let mut readings = Readings::default();
            readings.push(SeriesKey::new(metric, [("node", "a"), ("interface", interface)]), 1, 3e6);
            engine.take(&readings);
        }
    }
    let fired = engine.evaluate(Timestamp(2));
    let subjects: Vec<_> = fired.iter().map(|incident| incident.subject.as_str()).collect();
    assert_eq!(subjects, ["a eth0"]);
}

/// A round of probes from every node to every other, one second of it; nothing comes back from `dead`.
fn rounds(nodes: &[&str], dead: Option<&str>, ts_ms: i64) -> Readings {
    let mut readings = Readings::default();
    for src in nodes.iter().filter(|src| Some(**src) != dead) {
        for dst in nodes.iter().filter(|dst| *dst != src) {
            let loss = if Some(*dst) == dead { 1.0 } else { 0.0 };
            let key = SeriesKey::new("loss_ratio", [("src", src), ("dst", dst), ("mode", "udp")]);
            readings.push(key, ts_ms, loss);
        }
    }
    readings
}

/// A second of a mesh of four, judged four times.
fn second(engine: &mut Judge, second: i64, dead: Option<&str>) -> Vec<Incident> {
    let nodes = ["a", "b", "c", "d"];
    engine.take(&rounds(&nodes, dead, second * 1_000));
    let alive = nodes.iter().filter(|node| Some(**node) != dead);
    alive.for_each(|node| engine.heard(node, Timestamp(second * 1_000)));
    (0..4).flat_map(|quarter| engine.evaluate(Timestamp(second * 1_000 + quarter * 250))).collect()
}

fn words(incidents: &[Incident]) -> Vec<(String, IncidentState, u32)> {
    incidents.iter().map(|incident| (incident.subject.clone(), incident.state, incident.folded)).collect()
}

#[test]
fn a_dead_node_is_one_incident_within_three_seconds_and_its_links_are_counted_in_it() {
    let mut settings = AlertSettings::default();
    settings.loss.for_s = 2.0;
    let mut engine = Judge::new(settings.rules(), &[], Timestamp(0));
    assert!((0..30).flat_map(|at| second(&mut engine, at, None)).next().is_none());
    // The last report was at 29 s.
    let mut told: Vec<_> = (30..50).flat_map(|at| second(&mut engine, at, Some("c"))).collect();
    let fired = told.iter().position(|incident| incident.rule == "node_silent").expect("it is told");
    assert_eq!(told[fired].fired_at, Some(Timestamp(31_750)));
    assert_eq!(told[fired].message, "c has been silent for more than 2.5 s");
    told.retain(|incident| incident.rule == "node_silent");
    assert_eq!(told.last().map(|incident| (incident.state, incident.folded)), Some((IncidentState::Firing, 3)));
    assert!(told.len() <= 4, "{:?}", words(&told));
    let after: Vec<_> = (50..100).flat_map(|at| second(&mut engine, at, None)).collect();
    assert_eq!(words(&after), [("c".to_owned(), IncidentState::Resolved, 3)]);
}

#[test]
fn links_that_fired_already_end_when_their_node_is_found_silent() {
    let mut settings = AlertSettings::default();
    (settings.loss.for_s, settings.silence.for_s) = (0.0, 5.0);
    let mut engine = Judge::new(settings.rules(), &[], Timestamp(0));
    (0..30).for_each(|at| assert!(second(&mut engine, at, None).is_empty()));
    let told: Vec<_> = (30..45).flat_map(|at| second(&mut engine, at, Some("c"))).collect();
    let open = |told: &[Incident]| {
        let mut newest = std::collections::BTreeMap::new();
        told.iter().for_each(|incident| _ = newest.insert(incident.id, incident.clone()));
        newest.into_values().filter(|incident| incident.state == IncidentState::Firing).collect::<Vec<_>>()
    };
    assert!(told.iter().any(|incident| incident.rule == "loss_high" && incident.state == IncidentState::Resolved));
    assert_eq!(words(&open(&told)), [("c".to_owned(), IncidentState::Firing, 3)]);
}

#[test]
fn what_a_starved_host_measured_raises_no_alert_and_is_counted() {
    let mut engine = engine(0.0);
    engine.set_doubtful_after_ms(10.0);
    for second in 0..5 {
        let mut readings = rtt(second * 1_000, HIGH);
        readings.push(SeriesKey::new("echo_lag_us", [("node", "a")]), second * 1_000, 11_000.0);
        engine.take(&readings);
        assert!(engine.evaluate(Timestamp(second * 1_000 + 1)).is_empty());
    }
    assert_eq!(engine.doubtful(), 5);
    let mut readings = rtt(5_000, HIGH);
    readings.push(SeriesKey::new("echo_lag_us", [("node", "a")]), 5_000, 9_000.0);
    engine.take(&readings);
    assert_eq!(engine.evaluate(Timestamp(5_001)).len(), 1, "the lateness of other rounds does not matter");
}

#[test]
fn a_quiet_subject_is_judged_once_a_second_and_a_touched_one_at_once() {
    let mut engine = engine(0.0);
    engine.take(&rtt(0, LOW));
    assert!(engine.evaluate(Timestamp(1)).is_empty());
    engine.take(&rtt(2, HIGH * 10.0));
    engine.take(&rtt(3, HIGH * 10.0));
    assert_eq!(engine.evaluate(Timestamp(4)).len(), 1);
}

/// Prints how long a second of a mesh of 64 takes to be taken in and judged; run with `-- --ignored --nocapture`.
#[test]
#[ignore = "measures, asserts nothing"]
fn how_long_a_second_of_a_mesh_takes() {
    let names: Vec<String> = (0..64).map(|node| format!("n{node}")).collect();
    let nodes: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut engine = engine(10.0);
    let (mut taking, mut judging) = (std::time::Duration::ZERO, std::time::Duration::ZERO);
    for second in 0..30 {
        let readings = rounds(&nodes, None, second * 1_000);
        let begun = std::time::Instant::now();
        engine.take(&readings);
        taking += begun.elapsed();
        let begun = std::time::Instant::now();
        for quarter in 0..4 {
            assert!(engine.evaluate(Timestamp(second * 1_000 + quarter * 250)).is_empty());
        }
        judging += begun.elapsed();
    }
    println!("4032 pairs, one metric: {:?} to take in, {:?} to judge four times", taking / 30, judging / 30);
}

#[test]
fn a_node_that_is_forgotten_takes_its_incidents_along() {
    let mut engine = engine(0.0);
    run(&mut engine, 0, &[HIGH]);
    engine.heard("b", Timestamp(0));
    engine.heard("c", Timestamp(0));
    assert!(engine.forget("c", Timestamp(1_000)).is_empty(), "nothing was wrong with it");
    let over = engine.forget("b", Timestamp(1_000));
    assert_eq!(over.iter().map(|incident| incident.state).collect::<Vec<_>>(), [IncidentState::Resolved]);
    assert!(engine.evaluate(Timestamp(60_000)).is_empty(), "and is missed no more");
}

/// A rule on latency, edited.
fn latency_rule(edit: impl FnOnce(&mut RuleSpec)) -> Vec<Rule> {
    let (side, aggregation) = (Side::Above, Aggregation::Last);
    let condition = Condition::Threshold { side, limit: 100_000.0, recover: None, aggregation, window_s: 5.0 };
    let mut rule =
        RuleSpec { id: "mine".into(), metric: "rtt_us".into(), condition, for_s: 0.0, ..RuleSpec::default() };
    edit(&mut rule);
    assert_eq!(rule.validate("rule"), []);
    vec![rule.compile()]
}

#[test]
fn an_incident_says_what_the_rule_says_and_how_bad_it_got() {
    let rules = latency_rule(|rule| {
        (rule.message, rule.runbook) = ("<b>{src}</b> to {dst}: {value} of {limit}".into(), "https://wiki/slow".into());
    });
    let mut engine = Judge::new(rules, &[], Timestamp(0));
    engine.take(&rtt(0, HIGH));
    let fired = engine.evaluate(Timestamp(1)).remove(0);
    assert_eq!(fired.message, "<b>a</b> to b: 200 ms of 100 ms");
    assert_eq!((fired.metric.as_str(), fired.runbook.as_str()), ("rtt_us", "https://wiki/slow"));
    let told: Vec<Incident> = [HIGH * 2.0, HIGH, LOW]
        .into_iter()
        .enumerate()
        .flat_map(|(at, rtt_us)| {
            let ts_ms = (at as i64 + 1) * 1_000;
            engine.take(&rtt(ts_ms, rtt_us));
            engine.evaluate(Timestamp(ts_ms))
        })
        .collect();
    assert_eq!((told.len(), told[0].worst, told[0].value), (1, Some(HIGH * 2.0), LOW));
}

#[test]
fn a_series_is_kept_once_for_all_rules_and_an_instance_is_small() {
    let rules: Vec<Rule> = (0..20).flat_map(|number| latency_rule(|rule| rule.id = format!("rule_{number}"))).collect();
    let mut engine = Judge::new(rules, &[], Timestamp(0));
    (0..5).for_each(|second| engine.take(&rtt(second * 1_000, LOW)));
    let footprint = engine.footprint();
    assert_eq!(footprint.instances, 20);
    assert!(footprint.window_values < 40, "{footprint:?}");
    assert!(footprint.instance_bytes <= 96, "{footprint:?}");
}

#[test]
fn what_no_rule_speaks_of_is_over_after_a_restart_and_what_a_job_raised_stays() {
    let mut before = engine(0.0);
    before.take(&rtt(0, HIGH));
    let known = before.evaluate(Timestamp(1)).remove(0);
    let gone = Incident { id: 7, rule: "gone".into(), ..known.clone() };
    let raised = Incident { id: 8, rule: "job_oom".into(), ..known.clone() };
    let mut after = Judge::new(settings(0.0).rules(), &[known, gone, raised], Timestamp(5_000));
    let told: Vec<_> = after.evaluate(Timestamp(5_000)).into_iter().map(|told| (told.id, told.state)).collect();
    assert_eq!(told, [(7, IncidentState::Resolved)]);
    assert!(after.evaluate(Timestamp(6_000)).is_empty(), "it is told once");
}

#[test]
fn subjects_beyond_the_limit_are_counted_and_the_others_judged() {
    let mut engine = Judge::new(latency_rule(|_| {}), &[], Timestamp(0));
    let mut readings = Readings::default();
    for dst in 0..SUBJECTS_MAX + 3 {
        readings.push(SeriesKey::new("rtt_us", [("src", "a"), ("dst", &format!("n{dst}"))]), 0, LOW);
    }
    engine.take(&readings);
    engine.take(&readings);
    assert_eq!((engine.census()[0].subjects, engine.unwatched()), (SUBJECTS_MAX, 6));
}

#[test]
fn a_series_without_data_is_forgotten_and_met_again() {
    let mut engine = engine(0.0);
    run(&mut engine, 0, &[LOW]);
    assert_eq!(engine.census()[0].subjects, 1);
    assert!(engine.evaluate(Timestamp(700_000)).is_empty());
    assert_eq!(engine.census()[0].subjects, 0);
    assert_eq!(run(&mut engine, 701, &[HIGH]).len(), 1);
}
