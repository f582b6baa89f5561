//! Goal: many writers, readers, listeners and changes of settings at once lose nothing, double nothing and block nobody.
//! Method: 32 tasks against one hub's store, ingest and API; afterwards every sample is counted.

use std::sync::Arc;

use futures::{StreamExt, future::join_all};
use netloom_core::{event::LiveEvent, series::SharedCatalog, settings::Settings};
use netloom_server::{
    alert::Engine,
    board::Board,
    clock,
    desk::Desk,
    incident_ids::IncidentIds,
    ingest::{Ingest, IngestCounts, IngestHandle, Pulse, Untold},
    live::Live,
    rules::past::PastLink,
    secrets::Secrets,
    settings::{Change, SettingsKeeper},
    store::{self, Store, Stores},
    watcher::Watcher,
};
use serde_json::json;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::support::batch;

const TASKS_EACH: usize = 8;
const BATCHES: u64 = 60;
const SAMPLES: usize = 20;

struct Parts {
    stores: Stores,
    board: Arc<Board>,
    live: Arc<Live>,
    keeper: Arc<SettingsKeeper>,
    handle: IngestHandle,
    counts: watch::Receiver<IngestCounts>,
}

async fn start(folder: &std::path::Path) -> (Parts, tokio::task::JoinHandle<()>) {
    let stores = store::open(folder).await.unwrap();
    let live = Arc::new(Live::new(1, stores.samples.catalog().clone()));
    let board = Arc::new(Board::new(Vec::new(), stores.samples.catalog().clone()));
    let secrets = Arc::new(Secrets::open(folder).unwrap());
    let keeper = SettingsKeeper::open(Settings::default(), json!({}), secrets, stores.ledger.clone(), live.clone())
        .await
        .unwrap();
    let (handle, queue) = Ingest::channel(stores.samples.clone(), keeper.subscribe());
    let (counts, counted) = watch::channel(IngestCounts::default());
    let ingest = Ingest {
        store: stores.samples.clone(),
        // Nobody takes what it is offered.
        desk: Desk::channel().0,
        board: board.clone(),
        live: live.clone(),
        engine: Engine::new(Settings::default().rules(), &[], IncidentIds::starting_at(1), clock::now()),
        // Nobody answers: what rules ask of the past is not known.
        past: PastLink::channel().0,
        runs: watch::channel(Vec::new()).1,
        census: watch::Sender::default(),
        settings: keeper.subscribe(),
        // Nobody takes what it is fed: that is dropped and counted.
        watch: Watcher::channel().0,
        jsonl: None,
        counts,
        finish: CancellationToken::new(),
        untold: Untold::default(),
        pulse: Pulse::default(),
    };
    let task = tokio::spawn(ingest.run(queue));
    (Parts { stores, board, live, keeper: Arc::new(keeper), handle, counts: counted }, task)
}

/// Sends every batch, each third one twice, as an agent does that missed an answer.
async fn write(handle: IngestHandle, task: usize) {
    let node = format!("n{task}");
    for seq in 0..BATCHES {
        let sent = batch(&node, seq, "queue_length", &[1.0; SAMPLES]);
        handle.submit(sent.clone()).await.unwrap();
        if seq % 3 == 0 {
            handle.submit(sent).await.unwrap();
        }
    }
}

async fn ask(store: Arc<dyn Store>, board: Arc<Board>) {
    let text = netloom_core::query::QueryText { metric: Some("queue_length".into()), ..Default::default() };
    for _ in 0..BATCHES {
        store.query(&text.parse(clock::now()).unwrap()).await.unwrap();
        assert!(board.newest().len() <= TASKS_EACH);
    }
}

/// Listens until every sample came by, once and in order.
async fn listen(live: Arc<Live>, expected: usize) {
    let mut subscription = live.subscribe(None);
    let everything = live.selection(None);
    let (mut last_seq, mut samples) = (subscription.head.seq, 0);
    while samples < expected {
        match subscription.receiver.recv().await {
            Ok(frame) => {
                assert_eq!(frame.seq, last_seq + 1);
                last_seq = frame.seq;
                let bytes = frame.bytes_for(&everything).unwrap();
                let text = std::str::from_utf8(&bytes).unwrap();
                if text.contains("event: samples") {
                    samples += text.matches(",1]").count();
                }
            }
            Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => return,
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(samples, expected);
}

async fn change(keeper: Arc<SettingsKeeper>, task: usize) {
    for round in 0..10 {
        let limit_ms = (task * 100 + round + 1) as f64;
        let document = json!({"alerts": {"latency": {"limit_ms": limit_ms}}});
        keeper.change(Change { document: &document, if_version: None, by: "a test", note: "" }).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn thirty_two_tasks_at_once_lose_and_double_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (parts, ingest) = start(folder.path()).await;
    let expected = TASKS_EACH * BATCHES as usize * SAMPLES;
    let mut tasks = Vec::new();
    for task in 0..TASKS_EACH {
        tasks.push(tokio::spawn(listen(parts.live.clone(), expected)));
        tasks.push(tokio::spawn(write(parts.handle.clone(), task)));
        tasks.push(tokio::spawn(ask(parts.stores.samples.clone(), parts.board.clone())));
        tasks.push(tokio::spawn(change(parts.keeper.clone(), task)));
    }
    assert_eq!(tasks.len(), 32);
    let finished = tokio::time::timeout(std::time::Duration::from_mins(2), join_all(tasks)).await;
    finished.expect("nothing blocks for ever").into_iter().for_each(|result| result.unwrap());

    let counts = *parts.counts.borrow();
    assert_eq!(counts.samples as usize, expected);
    assert_eq!(counts.duplicates, TASKS_EACH as u64 * BATCHES.div_ceil(3));
    let text = netloom_core::query::QueryText { metric: Some("queue_length".into()), ..Default::default() };
    let stored = parts.stores.samples.query(&text.parse(clock::now()).unwrap()).await.unwrap();
    assert_eq!(stored.len(), TASKS_EACH);
    for series in &stored {
        assert_eq!(series.points.len(), BATCHES as usize * SAMPLES, "{:?}", series.labels);
    }
    assert_eq!(parts.keeper.details().await.version, TASKS_EACH as u64 * 10);

    let Parts { handle, stores, .. } = parts;
    drop(handle);
    ingest.await.unwrap();
    stores.database.close().await;
}

#[tokio::test]
async fn what_is_kept_for_listeners_is_bounded() {
    let live = Live::new(1, SharedCatalog::default());
    let mut oldest = live.subscribe(None);
    for version in 0..50_000 {
        live.publish(&LiveEvent::Settings { version });
    }
    let after = netloom_core::event::Cursor { epoch: 1, seq: 1 };
    assert!(live.subscribe(Some(after)).missed.is_none(), "the distant past is not kept");
    assert!(oldest.receiver.recv().await.is_err(), "a listener that does not read is told so");
    let recent = netloom_core::event::Cursor { epoch: 1, seq: 49_990 };
    assert_eq!(futures::stream::iter(live.subscribe(Some(recent)).missed.unwrap()).count().await, 10);
}
