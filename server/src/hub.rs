//! Builds every task and channel of the hub, and ends them in order. It wires; it decides nothing.

mod agents;
mod disk;
mod incidents;
mod told;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use axum::serve::ListenerExt;
use netloom_core::{layout::Layout, series::SharedCatalog, settings::Settings, time::Timestamp};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use self::agents::Agents;
pub use self::agents::Sockets;
use self::{
    incidents::Incidents,
    told::{OnDemand, Parties, Told},
};
use crate::{
    agents::AgentKeeper,
    board::Board,
    clock,
    config::Config,
    ingest::{Ingest, IngestCounts, IngestHandle, Pulse, Untold},
    jsonl::JsonlLog,
    layout::LayoutKeeper,
    live::Live,
    matrix::MatrixFeed,
    notify::{Notifications, NotifierHandle, Wiring},
    rules::past::PastLink,
    runs::RunKeeper,
    secrets::Secrets,
    settings::SettingsKeeper,
    shutdown::DRAIN_LIMIT,
    store::{self, Stores},
    upkeep,
    watcher::{Feed, WatchCounts, Watcher},
    web::{self, Connections, WebState},
};

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
    let router = router.into_make_service_with_connect_info::<SocketAddr>();
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
    desk: JoinHandle<()>,
    watcher: JoinHandle<()>,
    notifications: Notifications,
    jsonl: Option<JoinHandle<()>>,
    finish: CancellationToken,
    desk_finish: CancellationToken,
}

impl Tasks {
    /// Ends them: what is queued is stored and written first.
    async fn end(mut self) -> anyhow::Result<()> {
        self.background.shutdown().await;
        self.finish.cancel();
        self.ingest.await?;
        // Ingest was the last to feed them.
        self.desk_finish.cancel();
        self.desk.await?;
        self.watcher.await?;
        self.notifications.end().await;
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
    live: Arc<Live>,
    told: Told,
    keeper: SettingsKeeper,
    agents: AgentKeeper,
    notifier: NotifierHandle,
    notifications: Notifications,
}

async fn ground(config: &Config) -> anyhow::Result<Ground> {
    let started = clock::now();
    let stores = store::open(&config.data_dir).await?;
    let live = Arc::new(Live::new(started.ms(), stores.samples.catalog().clone()));
    // What may refuse to start comes before anything is under way.
    let agents = AgentKeeper::open(stores.ledger.clone(), config.node.clone()).await?;
    let told = Told::new(&stores, &live);
    let (keeper, notifier, notifications) = settings_and_notifier(config, &stores, &live).await?;
    Ok(Ground { started, stores, live, told, keeper, agents, notifier, notifications })
}

/// Opens what the hub keeps, and starts what takes samples in and looks after them.
async fn open(config: &Config, shutdown: CancellationToken) -> anyhow::Result<(WebState, Tasks)> {
    let Ground { started, stores, live, told, keeper, agents, notifier, notifications } = ground(config).await?;
    let (catalog, settings) = (stores.samples.catalog().clone(), keeper.subscribe());
    let incidents = Incidents::open(&stores, live.clone(), settings.clone(), &notifier, started).await?;
    let Incidents { engine, board, desk, task: at_desk, finish: desk_finish } = incidents;

    let log = |folder: &PathBuf| JsonlLog::start(folder, config.jsonl_log_keep, catalog.clone());
    let (jsonl, jsonl_task) = config.jsonl_log.as_ref().map(log).transpose()?.unzip();
    let layout = Arc::new(LayoutKeeper::open(stores.ledger.clone()).await?);
    let (watch, watch_counts, watcher) = watch_mesh(&catalog, &board, &live, settings.clone(), layout.subscribe());

    let (ingest_handle, queue) = Ingest::channel(stores.samples.clone(), settings.clone());
    let finish = CancellationToken::new();
    let ((counts, counted), (census, censused)) = (watch::channel(IngestCounts::default()), watch::channel(Vec::new()));
    let (past, past_desk) = PastLink::channel();
    let runs = Arc::new(RunKeeper::open(stores.ledger.clone(), live.clone()).await?);
    let ingest = Ingest {
        store: stores.samples.clone(),
        desk: desk.clone(),
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
        pulse: Pulse::default(),
    };
    let ingest = tokio::spawn(ingest.run(queue));
    let matrices = Arc::new(MatrixFeed::new(board.clone(), catalog, settings.clone()));
    let mut background = look_after(config, &stores, &board, settings, &ingest_handle);
    background.spawn(matrices.clone().run());
    background.spawn(past_desk.run(stores.samples.clone()));
    let parties = Parties { node: &config.node, stores: &stores, live: &live, board: &board };
    let OnDemand { errands, marks, paths, diagnoses, arranger } =
        told.start(parties, keeper.subscribe(), runs.subscribe(), &mut background).await?;

    let state = WebState {
        cluster: config.cluster.as_str().into(),
        is_demo: config.is_demo,
        started,
        runs,
        stores,
        board,
        live,
        desk,
        matrices,
        connections: Connections::default(),
        agents: Arc::new(agents),
        errands,
        diagnoses,
        arranger,
        marks,
        paths,
        uplink: None,
        layout,
        keeper: Arc::new(keeper),
        counts: counted,
        census: censused,
        previewer: Arc::default(),
        watched: watch_counts,
        notifier,
        ingest: ingest_handle,
        shutdown,
    };
    let jsonl = jsonl_task;
    Ok((state, Tasks { background, ingest, desk: at_desk, watcher, notifications, jsonl, finish, desk_finish }))
}

/// The settings, and who tells people of incidents as they say.
async fn settings_and_notifier(
    config: &Config,
    stores: &Stores,
    live: &Arc<Live>,
) -> anyhow::Result<(SettingsKeeper, NotifierHandle, Notifications)> {
    let secrets = Arc::new(Secrets::open(&config.data_dir)?);
    let (from_file, held) = (config.settings.clone(), config.held.clone());
    let ledger = stores.ledger.clone();
    let keeper = SettingsKeeper::open(from_file, held, secrets.clone(), ledger.clone(), live.clone()).await?;
    let (settings, cluster) = (keeper.subscribe(), config.cluster.clone());
    let wiring = Wiring { settings, secrets, ledger, cluster, pace: config.notify_pace };
    let (notifier, notifications) = NotifierHandle::start(wiring);
    Ok((keeper, notifier, notifications))
}

/// Starts what looks after the store and the disk that it is on.
fn look_after(
    config: &Config,
    stores: &Stores,
    board: &Arc<Board>,
    settings: watch::Receiver<Settings>,
    ingest: &IngestHandle,
) -> JoinSet<()> {
    let mut background = JoinSet::new();
    background.spawn(upkeep::run(stores.clone(), board.clone(), settings));
    background.spawn(disk::run(config.node.clone(), config.data_dir.clone(), ingest.clone()));
    background
}

/// Starts the watcher of the mesh. Returns where it is fed, and what it did.
fn watch_mesh(
    catalog: &SharedCatalog,
    board: &Arc<Board>,
    live: &Arc<Live>,
    settings: watch::Receiver<Settings>,
    layout: watch::Receiver<Layout>,
) -> (Feed, Arc<WatchCounts>, JoinHandle<()>) {
    let (catalog, board, live) = (catalog.clone(), board.clone(), live.clone());
    let watcher = Watcher { catalog, board, live, settings, layout };
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
