//! Goal: what is few and precious survives. Method: the ledger over a real database in a folder of its own.

use netloom_core::{
    incident::{Incident, IncidentState},
    rule::Severity,
    sample::Labels,
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
        handling: netloom_core::incident::Handling::default(),
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
    ledger.save_settings(3, 0, &json!({"probe": {"packets": 2}})).await.unwrap();
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
