//! Goal: whoever notifies is told of every change once it is kept, and what cannot be kept now is kept later. Method: the
//! desk over a real database, without a web.

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use netloom_core::{
    incident::{Acknowledgement, Handling, Incident, IncidentState, RaiseRequest},
    rule::Severity,
    sample::Labels,
    settings::Settings,
    silence::{Matcher, SilenceRequest},
    time::Timestamp,
    unit::Unit,
};
use netloom_server::{
    board::Board,
    clock,
    desk::{Desk, DeskHandle},
    incident_ids::IncidentIds,
    live::Live,
    store::{self, Stores},
};
use sqlx::SqlitePool;
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::support::until;

struct Office {
    stores: Stores,
    handle: DeskHandle,
    told: Arc<Mutex<Vec<Incident>>>,
    finish: CancellationToken,
    task: JoinHandle<()>,
    _settings: watch::Sender<Settings>,
}

async fn open(folder: &Path) -> Office {
    let stores = store::open(folder).await.unwrap();
    let known = stores.ledger.incidents(100).await.unwrap();
    let catalog = stores.samples.catalog().clone();
    let (settings, watched) = watch::channel(Settings::default());
    let (told, finish) = (Arc::<Mutex<Vec<Incident>>>::default(), CancellationToken::new());
    let (handle, queue) = Desk::channel();
    let telling = told.clone();
    let desk = Desk {
        ledger: stores.ledger.clone(),
        board: Arc::new(Board::new(known.clone(), catalog.clone())),
        live: Arc::new(Live::new(1, catalog)),
        ids: IncidentIds::starting_at(2),
        settings: watched,
        notify: Some(Box::new(move |incident| telling.lock().unwrap().push(incident.clone()))),
        finish: finish.clone(),
    };
    let task = desk.start(queue, &known).await.unwrap();
    Office { stores, handle, told, finish, task, _settings: settings }
}

impl Office {
    /// What was told, in words.
    fn told(&self) -> Vec<String> {
        let word = |incident: &Incident| {
            let Handling { acknowledged, silenced_by, .. } = &incident.handling;
            let acknowledged = acknowledged.as_ref().map_or("", |_| " acknowledged");
            let silenced = silenced_by.as_ref().map_or("", |_| " silenced");
            format!("{} {}{acknowledged}{silenced}", incident.id, incident.state.word())
        };
        self.told.lock().unwrap().iter().map(word).collect()
    }

    async fn close(self) {
        self.finish.cancel();
        self.task.await.unwrap();
        self.stores.database.close().await;
    }
}

fn incident(id: u64, state: IncidentState) -> Incident {
    let now = clock::now();
    Incident {
        id,
        rule: "latency_high".into(),
        title: "High latency".into(),
        severity: Severity::Warning,
        state,
        subject: "a → b".into(),
        labels: Labels::from([("src".into(), "a".into()), ("dst".into(), "b".into())]),
        value: 2.0,
        limit: 1.0,
        unit: Unit::Microseconds,
        message: "slow".into(),
        started_at: now,
        fired_at: (state != IncidentState::Pending).then_some(now),
        resolved_at: (state == IncidentState::Resolved).then_some(now),
        folded: 0,
        metric: "rtt_us".into(),
        worst: None,
        runbook: String::new(),
        handling: Handling::default(),
    }
}

fn raise(ttl_s: Option<f64>) -> RaiseRequest {
    let (kind, message) = ("gpu".into(), "GPU 3 is gone".into());
    RaiseRequest { kind, message, severity: Severity::Critical, labels: Labels::new(), firing: true, ttl_s }
}

#[tokio::test]
async fn whoever_notifies_is_told_of_what_fires_and_of_what_people_do() {
    let folder = tempfile::tempdir().unwrap();
    let office = open(folder.path()).await;
    let desk = office.handle.clone();
    desk.offer(vec![incident(1, IncidentState::Pending)]).await;
    desk.offer(vec![incident(1, IncidentState::Firing)]).await;
    let taken_on = Acknowledgement { by: "Zoë".into(), at: clock::now(), note: String::new() };
    desk.acknowledge(1, taken_on.clone()).await.unwrap();
    desk.acknowledge(1, taken_on).await.unwrap();
    let matcher = Matcher { nodes: vec!["b".into()], ..Matcher::default() };
    let ends_at = Timestamp(clock::now().ms() + 60_000);
    let request = SilenceRequest { matcher, starts_at: None, ends_at, by: String::new(), why: String::new() };
    let silence = desk.silence(request, "Zoë".into()).await.unwrap().0;
    desk.end_silence(silence.id).await.unwrap();
    desk.raise(raise(Some(60.0)), "job".into()).await.unwrap();
    desk.raise(raise(Some(90.0)), "job".into()).await.unwrap();
    desk.offer(vec![incident(1, IncidentState::Resolved), incident(3, IncidentState::Firing)]).await;
    until("the last is told", async || office.told().len() >= 7).await;
    assert_eq!(
        office.told(),
        [
            "1 firing",
            "1 firing acknowledged",
            "1 firing acknowledged silenced",
            "1 firing acknowledged",
            "2 firing",
            "1 resolved",
            "3 firing"
        ]
    );
    office.close().await;
}

#[tokio::test]
async fn what_cannot_be_kept_now_is_told_and_kept_later() {
    let folder = tempfile::tempdir().unwrap();
    let office = open(folder.path()).await;
    let pool = SqlitePool::connect(&format!("sqlite://{}", folder.path().join("netloom.db").display())).await.unwrap();
    sqlx::query("alter table incident rename to away").execute(&pool).await.unwrap();
    office.handle.offer(vec![incident(7, IncidentState::Firing)]).await;
    until("it is told all the same", async || office.told() == ["7 firing"]).await;
    assert!(office.handle.raise(raise(None), "job".into()).await.is_err(), "nobody is told that it was taken");
    assert_eq!(office.told(), ["7 firing"], "what was refused did not happen");
    office.handle.offer(vec![incident(7, IncidentState::Resolved)]).await;
    until("its end is told", async || office.told() == ["7 firing", "7 resolved"]).await;
    sqlx::query("alter table away rename to incident").execute(&pool).await.unwrap();
    pool.close().await;
    let ledger = office.stores.ledger.clone();
    until("it is kept", async || ledger.incident(7).await.unwrap().is_some()).await;
    assert_eq!(ledger.incident(7).await.unwrap().unwrap().state, IncidentState::Resolved);
    assert_eq!(ledger.incident_steps(7).await.unwrap().len(), 2, "with all of its steps, once");
    office.close().await;
}
