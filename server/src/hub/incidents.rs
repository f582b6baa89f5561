//! Starts who judges and who owns what comes of it, with what was open when the hub stopped.

use std::sync::Arc;

use netloom_core::{incident::Incident, settings::Settings, time::Timestamp};
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    alert::Engine,
    board::Board,
    desk::{Desk, DeskHandle},
    incident_ids::IncidentIds,
    live::Live,
    notify::NotifierHandle,
    store::Stores,
};

/// Incidents that are read at start; older ones stay in the store.
const INCIDENTS_AT_START: usize = 500;

/// Who has to do with incidents.
pub struct Incidents {
    /// Who judges; ingest feeds it.
    pub engine: Engine,
    /// What is known now.
    pub board: Arc<Board>,
    /// How the desk is spoken with.
    pub desk: DeskHandle,
    /// The desk's task.
    pub task: JoinHandle<()>,
    /// Ends it, when nobody hands in anything any more.
    pub finish: CancellationToken,
}

impl Incidents {
    /// Reads what was open and starts the desk.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn open(
        stores: &Stores,
        live: Arc<Live>,
        settings: watch::Receiver<Settings>,
        notifier: &NotifierHandle,
        started: Timestamp,
    ) -> anyhow::Result<Self> {
        let known: Vec<Incident> = stores.ledger.incidents(INCIDENTS_AT_START).await?;
        let ids = IncidentIds::starting_at(stores.ledger.last_incident().await? + 1);
        let rules = settings.borrow().rules();
        let engine = Engine::new(rules, &known, ids.clone(), started);
        let board = Arc::new(Board::new(known.clone(), stores.samples.catalog().clone()));
        let (desk, queue) = Desk::channel();
        let notifier = notifier.clone();
        let finish = CancellationToken::new();
        let at_work = Desk {
            ledger: stores.ledger.clone(),
            board: board.clone(),
            live,
            ids,
            settings,
            notify: Some(Box::new(move |incident| notifier.offer(incident.clone()))),
            finish: finish.clone(),
        };
        let task = at_work.start(queue, &known).await?;
        Ok(Self { engine, board, desk, task, finish })
    }
}
