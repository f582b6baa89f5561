//! Builds every task and channel of the hub, and ends them in order. It wires; it decides nothing.

mod agents;
mod disk;

use std::{path::PathBuf, sync::Arc};

use axum::serve::ListenerExt;
use netloom_core::{incident::Incident, time::Timestamp};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use self::agents::Agents;
pub use self::agents::Sockets;
use crate::{
    agents::AgentKeeper,
    alert::Engine,
    board::Board,
    clock,
    config::Config,
    incident_ids::IncidentIds,
    ingest::{Ingest, IngestCounts, Untold},
    jsonl::JsonlLog,
    layout::LayoutKeeper,
    live::Live,
    matrix::MatrixFeed,
    rules::past::PastLink,
    runs::RunKeeper,
    settings::SettingsKeeper,
    shutdown::DRAIN_LIMIT,
    store::{self, Stores},
    upkeep,
    watcher::{Feed, WatchCounts, Watcher},
    web::{self, Connections, WebState},
};

/// Incidents that are read at start; older ones stay in the store.
const INCIDENTS_AT_START: usize = 500;

/// Runs the hub on a listener until the token is cancelled. `on_ready` is called when pages and API answer.
///
/// # Errors
/// When the store cannot be opened, in one line, or the listener breaks.
pub async fn run(
    config: Config,
    listener: TcpListener,
    shutdown: CancellationToken,
    on_ready: impl FnOnce(),
) -> anyhow::Result<()> {
    let sockets = Sockets::bind(&config).await?;
    run_on(config, listener, sockets, shutdown, on_ready).await
}

/// Runs the hub as [`run`] does, with sockets for agents that were bound before.
///
/// # Errors
/// As [`run`].
pub async fn run_on(
    config: Config,
    listener: TcpListener,
    sockets: Sockets,
    shutdown: CancellationToken,
    on_ready: impl FnOnce(),
) -> anyhow::Result<()> {
    let (mut state, tasks) = open(&config, shutdown.clone()).await?;
    let agents = Agents::start(sockets, &config, listener.local_addr()?, &mut state)?;

    let database = state.stores.database.clone();
    let router = web::router(state).await;
    on_ready();
    let served =
        axum::serve(listener.tap_io(send_at_once), router).with_graceful_shutdown(shutdown.clone().cancelled_owned());
    let served = drain(async { served.await }, &shutdown).await;

    shutdown.cancel();
    // The agents' last batches first, then what is queued, then the store: nothing that was accepted is lost.
    agents.end().await?;
    tasks.end().await?;
    database.close().await;
    served
}

/// The tasks of the hub.
struct Tasks {
    /// What may stop at any moment.
    background: JoinSet<()>,
    ingest: JoinHandle<()>,
    watcher: JoinHandle<()>,
    jsonl: Option<JoinHandle<()>>,
    finish: CancellationToken,
}

impl Tasks {
    /// Ends them: what is queued is stored and written first.
    async fn end(mut self) -> anyhow::Result<()> {
        self.background.shutdown().await;
        self.finish.cancel();
        self.ingest.await?;
        // Ingest was the last to feed it.
        self.watcher.await?;
        if let Some(task) = self.jsonl {
            task.await?;
        }
        Ok(())
    }
}

/// What the hub kept, and what everything else stands on.
struct Ground {
    started: Timestamp,
    stores: Stores,
    known: Vec<Incident>,
    live: Arc<Live>,
    keeper: SettingsKeeper,
}

async fn ground(config: &Config) -> anyhow::Result<Ground> {
    let started = clock::now();
    let stores = store::open(&config.data_dir).await?;
    let known: Vec<Incident> = stores.ledger.incidents(INCIDENTS_AT_START).await?;
    let live = Arc::new(Live::new(started.ms(), stores.samples.catalog().clone()));
    let (from_file, from_env) = (config.settings.clone(), config.settings_from_env.clone());
    let keeper = SettingsKeeper::open(from_file, from_env, stores.ledger.clone(), live.clone()).await?;
    Ok(Ground { started, stores, known, live, keeper })
}

/// Opens what the hub keeps, and starts what takes samples in and looks after them.
async fn open(config: &Config, shutdown: CancellationToken) -> anyhow::Result<(WebState, Tasks)> {
    let Ground { started, stores, known, live, keeper } = ground(config).await?;
    let (catalog, settings) = (stores.samples.catalog().clone(), keeper.subscribe());
    let engine = Engine::new(settings.borrow().alerts.rules(), &known, ids_after(&known), started);
    let board = Arc::new(Board::new(known, catalog.clone()));

    let log = |folder: &PathBuf| JsonlLog::start(folder, config.jsonl_log_keep, catalog.clone());
    let (jsonl, jsonl_task) = config.jsonl_log.as_ref().map(log).transpose()?.unzip();
    let agents = AgentKeeper::open(stores.ledger.clone(), config.node.clone()).await?;
    let layout = Arc::new(LayoutKeeper::open(stores.ledger.clone()).await?);
    let watcher = Watcher {
        catalog: catalog.clone(),
        board: board.clone(),
        live: live.clone(),
        settings: settings.clone(),
        layout: layout.subscribe(),
    };
    let (watch, watch_counts, watcher) = watch_mesh(watcher);

    let (ingest_handle, queue) = Ingest::channel(stores.samples.clone(), settings.clone());
    let finish = CancellationToken::new();
    let (counts, counted) = watch::channel(IngestCounts::default());
    let (census, censused) = watch::channel(Vec::new());
    let (past, past_desk) = PastLink::channel();
    let runs = Arc::new(RunKeeper::open(stores.ledger.clone(), live.clone()).await?);
    let ingest = Ingest {
        store: stores.samples.clone(),
        ledger: stores.ledger.clone(),
        board: board.clone(),
        live: live.clone(),
        engine,
        past,
        runs: runs.subscribe(),
        census,
        settings: settings.clone(),
        watch,
        jsonl,
        counts,
        finish: finish.clone(),
        untold: Untold::default(),
    };
    let ingest = tokio::spawn(ingest.run(queue));
    let matrices = Arc::new(MatrixFeed::new(board.clone(), catalog, settings.clone()));
    let mut background = JoinSet::new();
    background.spawn(upkeep::run(stores.clone(), board.clone(), settings));
    background.spawn(matrices.clone().run());
    background.spawn(past_desk.run(stores.samples.clone()));
    background.spawn(disk::run(config.node.clone(), config.data_dir.clone(), ingest_handle.clone()));

    let state = WebState {
        cluster: config.cluster.as_str().into(),
        is_demo: config.is_demo,
        started,
        runs,
        stores,
        board,
        live,
        matrices,
        connections: Connections::default(),
        agents: Arc::new(agents),
        uplink: None,
        layout,
        keeper: Arc::new(keeper),
        counts: counted,
        census: censused,
        previewer: Arc::default(),
        watched: watch_counts,
        ingest: ingest_handle,
        shutdown,
    };
    Ok((state, Tasks { background, ingest, watcher, jsonl: jsonl_task, finish }))
}

/// Numbers for incidents that nobody has.
fn ids_after(known: &[Incident]) -> IncidentIds {
    IncidentIds::starting_at(known.iter().map(|incident| incident.id).max().unwrap_or(0) + 1)
}

/// Starts the watcher of the mesh. Returns where it is fed, and what it did.
fn watch_mesh(watcher: Watcher) -> (Feed, Arc<WatchCounts>, JoinHandle<()>) {
    let (feed, told) = Watcher::channel();
    let counts = feed.counts();
    let task = tokio::spawn(watcher.run(told, counts.clone()));
    (feed, counts, task)
}

/// An answer in several pieces must not wait for the client to acknowledge the first (Nagle's algorithm, RFC 896).
fn send_at_once(stream: &mut TcpStream) {
    // Fails for connections that are gone already.
    let _ = stream.set_nodelay(true);
}

/// Waits for the server; once the end was asked for, no longer than the drain limit.
async fn drain(served: impl Future<Output = std::io::Result<()>>, shutdown: &CancellationToken) -> anyhow::Result<()> {
    tokio::pin!(served);
    tokio::select! {
        result = &mut served => return Ok(result?),
        () = shutdown.cancelled() => {}
    }
    if let Ok(result) = timeout(DRAIN_LIMIT, served).await {
        return Ok(result?);
    }
    tracing::warn!("some connections did not end in time and were cut");
    Ok(())
}
