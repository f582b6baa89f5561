//! Builds every task and channel of the hub, and ends them in order. It wires; it decides nothing.

mod agents;

use std::sync::Arc;

use axum::serve::ListenerExt;
use netloom_core::incident::Incident;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use self::agents::{Agents, Needs, Sockets};
use crate::{
    alert::Engine,
    board::Board,
    clock,
    config::Config,
    ingest::{Ingest, IngestCounts},
    jsonl::JsonlLog,
    live::Live,
    mesh::Detour,
    runs::RunKeeper,
    settings::SettingsKeeper,
    shutdown::DRAIN_LIMIT,
    store, upkeep,
    web::{self, WebState},
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
    run_with(config, listener, None, shutdown, on_ready).await
}

/// Like [`run`], with probes of some pairs going elsewhere than straight to the other.
///
/// # Errors
/// When the store cannot be opened, in one line, or the listener breaks.
pub async fn run_with(
    config: Config,
    listener: TcpListener,
    detour: Option<Detour>,
    shutdown: CancellationToken,
    on_ready: impl FnOnce(),
) -> anyhow::Result<()> {
    let started = clock::now();
    let address = listener.local_addr()?;
    let sockets = Sockets::bind(&config, detour).await?;
    let stores = store::open(&config.data_dir).await?;
    let known: Vec<Incident> = stores.ledger.incidents(INCIDENTS_AT_START).await?;

    let live = Arc::new(Live::new(started.ms()));
    let keeper = SettingsKeeper::open(
        config.settings.clone(),
        config.settings_from_env.clone(),
        stores.ledger.clone(),
        live.clone(),
    )
    .await?;
    let keeper = Arc::new(keeper);
    let settings = keeper.subscribe();
    let rules = settings.borrow().alerts.rules();
    let engine = Engine::new(rules, &known, started);
    let board = Arc::new(Board::new(known, stores.samples.catalog().clone()));

    let log = |folder| JsonlLog::start(folder, config.jsonl_log_keep, stores.samples.catalog().clone());
    let (jsonl, jsonl_task) = config.jsonl_log.as_deref().map(log).transpose()?.unzip();

    let (ingest_handle, queue) = Ingest::channel(stores.samples.clone(), settings.clone());
    let finish = CancellationToken::new();
    let (counts, counted) = watch::channel(IngestCounts::default());
    let ingest = Ingest {
        store: stores.samples.clone(),
        ledger: stores.ledger.clone(),
        board: board.clone(),
        live: live.clone(),
        engine,
        settings: settings.clone(),
        jsonl,
        counts,
        finish: finish.clone(),
    };
    let ingest = tokio::spawn(ingest.run(queue));
    let upkeep = tokio::spawn(upkeep::run(stores.clone(), board.clone(), settings.clone()));

    let needs =
        Needs { config: &config, address, stores: &stores, ingest: &ingest_handle, settings, shutdown: &shutdown };
    let agents = Agents::start(sockets, needs).await?;

    let state = WebState {
        cluster: config.cluster.as_str().into(),
        started,
        stores: stores.clone(),
        board,
        runs: Arc::new(RunKeeper::new(stores.ledger.clone(), live.clone())),
        live,
        keeper,
        agents: agents.keeper.clone(),
        uplink: agents.place.clone(),
        counts: counted,
        ingest: ingest_handle,
        shutdown: shutdown.clone(),
    };
    let router = web::router(state).await;
    on_ready();
    let served =
        axum::serve(listener.tap_io(send_at_once), router).with_graceful_shutdown(shutdown.clone().cancelled_owned());
    let served = drain(async { served.await }, &shutdown).await;

    shutdown.cancel();
    // The agents' last batches first, then what is queued, then the store: nothing that was accepted is lost.
    agents.end().await?;
    upkeep.abort();
    finish.cancel();
    ingest.await?;
    if let Some(task) = jsonl_task {
        task.await?;
    }
    stores.database.close().await;
    served
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
