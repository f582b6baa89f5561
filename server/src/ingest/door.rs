//! Where samples are handed in: checked, numbered, queued, and waited for until they are durable.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use netloom_core::{
    api::{Ack, NodeRole},
    sample::{self, BATCH_MAX_SAMPLES, Batch, Reading, Readings, SeriesKey},
    series::{Origin, Row, Rows, SeriesId},
    settings::Settings,
};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::Pending;
use crate::{
    board::Sender,
    clock,
    store::{Store, StoreError},
};

/// Why a batch was not taken.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The batch itself is wrong.
    #[error("{0}")]
    Invalid(String),
    /// A limit of series is reached.
    #[error("{0}")]
    TooManySeries(String),
    /// The store cannot take it now.
    #[error("{0}")]
    Unavailable(String),
    /// The disk is full.
    #[error("{0}")]
    Full(String),
    /// The hub is stopping.
    #[error("the hub is stopping")]
    Stopping,
    /// Its sender was revoked while it waited.
    #[error("the agent was revoked")]
    Revoked,
}

/// A handle for senders of batches.
#[derive(Clone)]
pub struct IngestHandle {
    pub(super) queue: mpsc::Sender<Pending>,
    pub(super) store: Arc<dyn Store>,
    pub(super) settings: watch::Receiver<Settings>,
    pub(super) refused: Arc<Refused>,
    pub(super) leaving: Arc<Leaving>,
}

/// Nodes that are to be forgotten. As many as are revoked within a quarter of a second.
#[derive(Debug, Default)]
pub struct Leaving(Mutex<Vec<String>>);

impl Leaving {
    /// Those that left since this was last asked.
    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What was refused at the door, for `/metrics`.
#[derive(Debug, Default)]
pub struct Refused {
    /// Requests with something wrong in them.
    pub invalid: AtomicU64,
    /// Requests with more series than there is room for.
    pub too_many_series: AtomicU64,
}

/// Checks that an agent names series of its own node only.
///
/// # Errors
/// One sentence that names the first one that is another's.
pub fn check_owner(series: &[SeriesKey], node: &str) -> Result<(), String> {
    let is_foreign = |key: &&SeriesKey| {
        let other = |label| !matches!(key.label(label), "") && key.label(label) != node;
        key.node() != node || other("node") || other("src")
    };
    series.iter().find(is_foreign).map_or(Ok(()), |key| {
        let labels = serde_json::to_string(&key.labels).unwrap_or_default();
        Err(format!("{} {labels} does not belong to {node}", key.metric))
    })
}

impl IngestHandle {
    /// What was refused at the door.
    pub fn refused(&self) -> &Refused {
        &self.refused
    }

    /// Has a node forgotten that is not one any more: what was stored of it stays, its incidents are over.
    pub fn forget(&self, node: &str) {
        self.leaving.0.lock().unwrap_or_else(PoisonError::into_inner).push(node.to_owned());
    }

    /// Counts what is refused.
    fn counted<T>(&self, result: Result<T, IngestError>) -> Result<T, IngestError> {
        match &result {
            Err(IngestError::Invalid(_)) => self.refused.invalid.fetch_add(1, Ordering::Relaxed),
            Err(IngestError::TooManySeries(_)) => self.refused.too_many_series.fetch_add(1, Ordering::Relaxed),
            _ => 0,
        };
        result
    }

    /// Hands in what the agent of this process sends and waits until it is durable.
    ///
    /// # Errors
    /// When the batch is wrong or cannot be stored; then nothing of it is.
    pub async fn submit(&self, batch: Batch) -> Result<Ack, IngestError> {
        let Batch { node, epoch, seq, readings, info } = batch;
        let rows = self.rows(&readings).await?;
        let origin = Some(Origin { node: node.clone(), epoch, seq });
        let sender = Sender {
            node,
            role: NodeRole::Hub,
            address: "in this process".into(),
            info,
            revoked: CancellationToken::new(),
        };
        self.hand_in(Rows { origin, rows }, Some(sender)).await?;
        Ok(Ack { seq })
    }

    /// Hands in what an agent elsewhere sends, by numbers of series, and waits until it is durable.
    ///
    /// # Errors
    /// When something is wrong, a series of another node among it, or cannot be stored; then nothing of it is. The listener
    /// counts what is refused to agents.
    pub async fn deliver(&self, rows: Rows, sender: Sender) -> Result<(), IngestError> {
        self.check_rows(&rows.rows, &sender.node).map_err(IngestError::Invalid)?;
        self.hand_in(rows, Some(sender)).await
    }

    /// Checks what an agent sends by numbers as [`Readings::validate`] does what comes by names.
    fn check_rows(&self, rows: &[Row], node: &str) -> Result<(), String> {
        if rows.len() > BATCH_MAX_SAMPLES {
            return Err(format!("{} samples in one batch, at most {BATCH_MAX_SAMPLES}", rows.len()));
        }
        let (now_ms, keep_ms) = (clock::now().ms(), self.keep_ms());
        self.store.catalog().read(|catalog| {
            let owns = catalog.owns(node);
            rows.iter().try_for_each(|row| {
                let Some(key) = catalog.key(row.series).filter(|_| owns(row.series)) else {
                    return Err(format!("series {} is not one of {node}", row.series.0));
                };
                if !row.value.is_finite() {
                    return Err(format!("{} is {}, not a number", key.metric, row.value));
                }
                sample::check_time(&key.metric, row.ts_ms, now_ms, keep_ms)
            })
        })
    }

    /// Hands in what somebody else pushes and waits until it is durable.
    ///
    /// # Errors
    /// When something is wrong or cannot be stored; then nothing of it is.
    pub async fn push(&self, readings: &Readings) -> Result<(), IngestError> {
        let rows = self.rows(readings).await?;
        self.push_rows(rows).await
    }

    /// Like [`IngestHandle::push`] for samples whose series have numbers already.
    ///
    /// # Errors
    /// When something is wrong or cannot be stored; then nothing of it is.
    pub async fn push_rows(&self, rows: Vec<Row>) -> Result<(), IngestError> {
        self.hand_in(Rows { origin: None, rows }, None).await
    }

    /// The numbers of series; new ones are taken in.
    ///
    /// # Errors
    /// When a limit is reached or they cannot be stored; then none is.
    pub async fn intern(&self, keys: &[SeriesKey]) -> Result<Vec<SeriesId>, IngestError> {
        self.counted(keys.iter().try_for_each(SeriesKey::validate).map_err(IngestError::Invalid))?;
        self.number(keys).await
    }

    /// The numbers of those series that are known; nothing new is taken in.
    pub fn known(&self, keys: &[SeriesKey]) -> Vec<Option<SeriesId>> {
        self.store.catalog().read(|catalog| keys.iter().map(|key| catalog.id(key)).collect())
    }

    /// The numbers of series that are checked already.
    async fn number(&self, keys: &[SeriesKey]) -> Result<Vec<SeriesId>, IngestError> {
        self.counted(self.store.intern(keys).await.map_err(IngestError::from))
    }

    /// How old samples may be, ms: older ones would be deleted at once, or were deleted before.
    pub fn keep_ms(&self) -> i64 {
        let taken_ms = clock::now().ms().saturating_sub(self.store.takes_from_ms());
        self.settings.borrow().storage.raw_ms().min(taken_ms)
    }

    async fn rows(&self, readings: &Readings) -> Result<Vec<Row>, IngestError> {
        self.counted(readings.validate(clock::now().ms(), self.keep_ms()).map_err(IngestError::Invalid))?;
        let ids = self.number(&readings.series).await?;
        let row = |reading: &Reading| {
            let series = *ids.get(reading.series as usize)?;
            Some(Row { series, ts_ms: reading.ts_ms, value: reading.value })
        };
        Ok(readings.samples.iter().filter_map(row).collect())
    }

    async fn hand_in(&self, rows: Rows, sender: Option<Sender>) -> Result<(), IngestError> {
        let (answer, answered) = oneshot::channel();
        let revoked = sender.as_ref().map(|sender| sender.revoked.clone());
        self.queue.send(Pending { rows, sender, answer }).await.map_err(|_| IngestError::Stopping)?;
        answered.await.unwrap_or_else(|_| {
            let is_revoked = revoked.is_some_and(|revoked| revoked.is_cancelled());
            Err(if is_revoked { IngestError::Revoked } else { IngestError::Stopping })
        })
    }
}

impl Pending {
    /// Whether its sender may still speak. It may have been revoked while this waited: a batch that is taken after the node
    /// was forgotten would bring it back.
    pub(super) fn is_wanted(&self) -> bool {
        self.sender.as_ref().is_none_or(|sender| !sender.revoked.is_cancelled())
    }
}

impl From<StoreError> for IngestError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::TooManySeries { .. } => Self::TooManySeries(error.to_string()),
            StoreError::Full => Self::Full(error.to_string()),
            other => Self::Unavailable(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures::FutureExt as _;
    use netloom_core::time::Timestamp;

    use super::*;
    use crate::{
        agent::status::StatusBoard,
        alert::Engine,
        board::Board,
        desk::Desk,
        incident_ids::IncidentIds,
        ingest::{Ingest, IngestCounts, Pulse, Untold},
        live::Live,
        rules::past::PastLink,
        store::{self, Stores},
        watcher::Watcher,
    };

    /// An ingest that has not begun to work.
    fn waiting(stores: &Stores) -> (IngestHandle, Arc<Board>, impl Future<Output = ()> + use<>) {
        let (catalog, settings) = (stores.samples.catalog().clone(), watch::channel(Settings::default()).1);
        let board = Arc::new(Board::new(Vec::new(), catalog.clone()));
        let (handle, queue) = Ingest::channel(stores.samples.clone(), settings.clone());
        let ingest = Ingest {
            store: stores.samples.clone(),
            // Nobody takes what it is offered, and nobody answers what it asks.
            desk: Desk::channel().0,
            past: PastLink::channel().0,
            runs: watch::channel(Vec::new()).1,
            census: watch::Sender::default(),
            board: board.clone(),
            live: Arc::new(Live::new(1, catalog)),
            engine: Engine::new(Vec::new(), &[], IncidentIds::starting_at(1), Timestamp(0)),
            settings,
            watch: Watcher::channel().0,
            jsonl: None,
            counts: watch::channel(IngestCounts::default()).0,
            finish: CancellationToken::new(),
            untold: Untold::default(),
            pulse: Pulse::default(),
        };
        (handle, board, ingest.run(queue))
    }

    #[tokio::test]
    async fn what_a_revoked_agent_had_under_way_does_not_bring_it_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let stores = store::open(folder.path()).await.expect("a store");
        let (handle, board, work) = waiting(&stores);
        let now_ms = clock::now().ms();
        let deliver = async |node: &str, revoked: &CancellationToken| {
            let key = SeriesKey::new("step", [("node", node)]);
            let series = handle.intern(&[key]).await.expect("taken")[0];
            let rows = Rows { origin: None, rows: vec![Row { series, ts_ms: now_ms, value: 1.0 }] };
            let (role, address, revoked) = (NodeRole::Agent, String::new(), revoked.clone());
            let info = StatusBoard::new(node, Timestamp(0)).take_change();
            handle.deliver(rows, Sender { node: node.into(), role, address, info, revoked }).await
        };
        let (stays, goes) = (CancellationToken::new(), CancellationToken::new());
        let mut late = Box::pin(deliver("goes", &goes));
        let mut fine = Box::pin(deliver("stays", &stays));
        // Both are queued before anybody looks.
        while handle.queue.max_capacity() - handle.queue.capacity() < 2 {
            assert!((&mut late).now_or_never().is_none() && (&mut fine).now_or_never().is_none());
            tokio::task::yield_now().await;
        }
        goes.cancel();
        handle.forget("goes");
        let work = tokio::spawn(work);
        assert!(matches!(late.await, Err(IngestError::Revoked)));
        assert!(fine.await.is_ok());
        let nodes: Vec<String> = board.nodes().into_iter().map(|node| node.info.node).collect();
        assert_eq!((nodes, board.newest().len()), (vec!["stays".to_owned()], 1));
        work.abort();
    }
}
