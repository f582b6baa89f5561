//! Goal: what is few and precious survives. Method: the ledger over a real database in a folder of its own.

use netloom_core::{
    incident::{Handling, Incident, IncidentState, TimelineEntry, TimelineKind},
    rule::Severity,
    sample::Labels,
    silence::{Matcher, Silence},
    time::Timestamp,
    unit::Unit,
};
use netloom_server::store::{self, Stores, ledger::Ledger};
use serde_json::json;

fn incident(id: u64, state: IncidentState) -> Incident {
    Incident {
        id,
        rule: "latency_high".into(),
        title: "High latency".into(),
        severity: Severity::Warning,
        state,
        subject: "a → b".into(),
        labels: Labels::new(),
        value: 1.0,
        limit: 0.5,
        unit: Unit::Microseconds,
        message: "m".into(),
        started_at: Timestamp(id as i64 * 1_000),
        fired_at: Some(Timestamp(1)),
        resolved_at: (state == IncidentState::Resolved).then_some(Timestamp(2)),
        folded: 0,
        metric: String::new(),
        worst: None,
        runbook: String::new(),
        handling: Handling::default(),
    }
}

async fn ids(ledger: &Ledger, limit: usize) -> Vec<u64> {
    ledger.incidents(limit).await.unwrap().iter().map(|incident| incident.id).collect()
}

#[tokio::test]
async fn incidents_and_settings_are_there_after_opening_again() {
    let folder = tempfile::tempdir().unwrap();
    let Stores { ledger, database, samples } = store::open(folder.path()).await.unwrap();
    ledger.save_incident(&incident(1, IncidentState::Firing)).await.unwrap();
    ledger.save_settings(3, 0, &json!({"probe": {"packets": 2}}), &[]).await.unwrap();
    database.close().await;
    drop((ledger, database, samples));
    let ledger = store::open(folder.path()).await.unwrap().ledger;
    assert_eq!(ledger.incidents(10).await.unwrap(), [incident(1, IncidentState::Firing)]);
    assert_eq!(ledger.settings().await.unwrap(), Some((3, json!({"probe": {"packets": 2}}))));
}

#[tokio::test]
async fn an_open_incident_is_listed_however_old_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = store::open(folder.path()).await.unwrap().ledger;
    ledger.save_incident(&incident(1, IncidentState::Firing)).await.unwrap();
    for id in 2..9 {
        ledger.save_incident(&incident(id, IncidentState::Resolved)).await.unwrap();
    }
    assert_eq!(ids(&ledger, 3).await, [8, 7, 6, 1]);
    ledger.save_incident(&incident(1, IncidentState::Resolved)).await.unwrap();
    assert_eq!(ids(&ledger, 3).await, [8, 7, 6]);
}

#[tokio::test]
async fn incidents_that_ended_long_ago_are_forgotten_and_open_ones_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = store::open(folder.path()).await.unwrap().ledger;
    for (id, state) in [(1, IncidentState::Resolved), (2, IncidentState::Firing), (900, IncidentState::Resolved)] {
        ledger.save_incident(&incident(id, state)).await.unwrap();
    }
    ledger.forget(500_000).await.unwrap();
    assert_eq!(ids(&ledger, 10).await, [900, 2]);
}

fn step(at_ms: i64, text: &str) -> TimelineEntry {
    TimelineEntry { at: Timestamp(at_ms), kind: TimelineKind::Notified, text: text.into() }
}

#[tokio::test]
async fn steps_are_kept_in_order_of_time_and_go_with_their_incident() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = store::open(folder.path()).await.unwrap().ledger;
    let (one, two) = (incident(1, IncidentState::Resolved), incident(900, IncidentState::Resolved));
    let steps = [step(5, "second"), step(4, "first")];
    ledger.save_incidents([(&one, &steps[..]), (&two, &steps[..1])].into_iter()).await.unwrap();
    ledger.add_incident_step(1, &step(6, "third")).await.unwrap();
    let texts = async |id| {
        let steps = ledger.incident_steps(id).await.unwrap();
        steps.into_iter().map(|step| step.text).collect::<Vec<_>>()
    };
    assert_eq!(texts(1).await, ["first", "second", "third"]);
    ledger.save_incident(&one).await.unwrap();
    assert_eq!(texts(1).await.len(), 3, "another state changes no history");
    assert!(ledger.add_incident_step(7, &step(6, "of nothing")).await.is_err());
    ledger.forget(500_000).await.unwrap();
    assert_eq!((texts(1).await.len(), texts(900).await.len()), (0, 1));
    for at in 0..1_000 {
        ledger.add_incident_step(900, &step(at, "again")).await.unwrap();
    }
    assert_eq!(texts(900).await.len(), 400, "one that never ends fills no disk");
}

#[tokio::test]
async fn silences_that_ended_long_ago_are_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = store::open(folder.path()).await.unwrap().ledger;
    let silence = |id: &str, ends_ms: i64| Silence {
        id: id.into(),
        matcher: Matcher { nodes: vec!["a".into()], ..Matcher::default() },
        starts_at: Timestamp(0),
        ends_at: Timestamp(ends_ms),
        by: "Zoë".into(),
        why: String::new(),
    };
    for (id, ends_ms) in [("old", 1_000), ("new", 900_000), ("ended", 900_000)] {
        ledger.save_silence(&silence(id, ends_ms)).await.unwrap();
    }
    ledger.save_silence(&silence("ended", 600_000)).await.unwrap();
    ledger.forget(500_000).await.unwrap();
    assert_eq!(ledger.silences(0).await.unwrap(), [silence("new", 900_000), silence("ended", 600_000)]);
    assert_eq!(ledger.silence("old").await.unwrap(), None);
}
