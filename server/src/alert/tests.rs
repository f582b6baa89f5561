//! The engine over a few seconds of samples: what fires, what ends, and what survives a restart.

use netloom_core::{sample::SeriesKey, settings::alerts::AlertSettings};

use super::*;

fn settings(for_s: f64) -> AlertSettings {
    let mut settings = AlertSettings::default();
    settings.latency.for_s = for_s;
    settings
}

fn engine(for_s: f64) -> Engine {
    Engine::new(settings(for_s).rules(), &[], Timestamp(0))
}

fn rtt(ts_ms: i64, rtt_us: f64) -> Readings {
    let mut readings = Readings::default();
    readings.push(SeriesKey::new("rtt_us", [("src", "a"), ("dst", "b"), ("mode", "icmp")]), ts_ms, rtt_us);
    readings
}

/// One latency a second; returns the state of every incident that changed, with its second.
fn run(engine: &mut Engine, from_s: i64, latencies_us: &[f64]) -> Vec<(i64, IncidentState, u64)> {
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
    let mut after = Engine::new(settings(0.0).rules(), &open, Timestamp(5_000));
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
