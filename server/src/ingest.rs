//! The only writer: takes batches in, and stores, publishes and judges them, in this order.
//!
//! A batch is acknowledged when it is in the database. Batches that come together are stored in one commit.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use netloom_core::{
    api::Ack,
    event::LiveEvent,
    incident::{Incident, IncidentState},
    sample::Batch,
    settings::Settings,
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{MissedTickBehavior, interval},
};

use crate::{
    agent::{Uplink, UplinkError},
    alert::Engine,
    board::Board,
    clock,
    live::Live,
    store::{Store, StoreError, ledger::Ledger},
};

/// Batches that wait for the writer. A commit takes a millisecond or two; when the disk stalls, senders wait.
const QUEUE_MAX_BATCHES: usize = 256;
/// Batches in one commit.
const COMMIT_MAX_BATCHES: usize = 64;
/// How often rules are judged without samples: silence is news too.
const TICK: Duration = Duration::from_secs(1);

/// Why a batch was not taken.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The batch itself is wrong.
    #[error("{0}")]
    Invalid(String),
    /// The store cannot take it now.
    #[error("{0}")]
    Unavailable(String),
    /// The hub is stopping.
    #[error("the hub is stopping")]
    Stopping,
}

struct Pending {
    batch: Batch,
    answer: oneshot::Sender<Result<Ack, IngestError>>,
}

/// A handle for senders of batches. When the last one is dropped, ingest finishes what is queued and ends.
#[derive(Clone)]
pub struct IngestHandle {
    queue: mpsc::Sender<Pending>,
}

impl IngestHandle {
    /// Hands a batch in and waits until it is durable.
    ///
    /// # Errors
    /// When the batch is wrong or cannot be stored; then nothing of it is.
    pub async fn submit(&self, batch: Batch) -> Result<Ack, IngestError> {
        batch.readings.validate(clock::now().ms()).map_err(IngestError::Invalid)?;
        let (answer, answered) = oneshot::channel();
        self.queue.send(Pending { batch, answer }).await.map_err(|_| IngestError::Stopping)?;
        answered.await.unwrap_or(Err(IngestError::Stopping))
    }
}

/// The agent in the hub's own process sends through memory, what others send over a network ends here too.
#[async_trait]
impl Uplink for IngestHandle {
    async fn send(&self, batch: Batch) -> Result<Ack, UplinkError> {
        self.submit(batch).await.map_err(|error| match error {
            IngestError::Invalid(why) => UplinkError::Refused(why),
            other => UplinkError::Unavailable(other.to_string()),
        })
    }
}

/// Counts of what ingest did, for `/metrics`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IngestCounts {
    /// Samples stored.
    pub samples: u64,
    /// Batches stored.
    pub batches: u64,
    /// Batches that had been stored before.
    pub duplicates: u64,
    /// Batches that the store could not take.
    pub failed: u64,
    /// Subjects that no rule watches because there are too many.
    pub unwatched: u64,
}

/// The task that owns the way from batch to incident.
pub struct Ingest {
    /// Where batches are kept.
    pub store: Arc<dyn Store>,
    /// Where incidents are kept.
    pub ledger: Arc<Ledger>,
    /// What is known now.
    pub board: Arc<Board>,
    /// Who is told.
    pub live: Arc<Live>,
    /// The rules' state.
    pub engine: Engine,
    /// Settings, now and later: rules come from them.
    pub settings: watch::Receiver<Settings>,
    /// Where the counts are noted.
    pub counts: watch::Sender<IngestCounts>,
}

impl Ingest {
    /// The handle for senders, and the queue that [`Ingest::run`] empties.
    pub fn channel() -> (IngestHandle, IngestQueue) {
        let (queue, incoming) = mpsc::channel(QUEUE_MAX_BATCHES);
        (IngestHandle { queue }, IngestQueue { incoming })
    }

    /// Runs until every handle is gone and the queue is empty.
    pub async fn run(mut self, mut queue: IngestQueue) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut pending = Vec::new();
        loop {
            tokio::select! {
                count = queue.incoming.recv_many(&mut pending, COMMIT_MAX_BATCHES) => {
                    if count == 0 {
                        return;
                    }
                    self.take(std::mem::take(&mut pending)).await;
                }
                Ok(()) = self.settings.changed() => self.take_settings().await,
                _ = ticks.tick() => self.tick().await,
            }
        }
    }

    async fn take(&mut self, pending: Vec<Pending>) {
        let (batches, answers): (Vec<Batch>, Vec<_>) = pending.into_iter().map(|p| (p.batch, p.answer)).unzip();
        match self.store.append(&batches).await {
            Ok(are_new) => {
                for ((batch, is_new), answer) in batches.into_iter().zip(are_new).zip(answers) {
                    let ack = Ack { seq: batch.seq };
                    if is_new {
                        self.accept(batch);
                    } else {
                        self.counts.send_modify(|counts| counts.duplicates += 1);
                    }
                    // The sender may have given up waiting; the batch is stored all the same.
                    let _ = answer.send(Ok(ack));
                }
                self.judge().await;
            }
            // One batch with too many series must not take the others down with it.
            Err(StoreError::TooManySeries(_)) if batches.len() > 1 => {
                for (batch, answer) in batches.into_iter().zip(answers) {
                    Box::pin(self.take(vec![Pending { batch, answer }])).await;
                }
            }
            Err(error) => self.refuse(&error, answers),
        }
    }

    fn refuse(&mut self, error: &StoreError, answers: Vec<oneshot::Sender<Result<Ack, IngestError>>>) {
        tracing::error!(%error, batches = answers.len(), "cannot store samples");
        self.counts.send_modify(|counts| counts.failed += answers.len() as u64);
        let is_invalid = matches!(error, StoreError::TooManySeries(_));
        for answer in answers {
            let why = error.to_string();
            let _ =
                answer.send(Err(if is_invalid { IngestError::Invalid(why) } else { IngestError::Unavailable(why) }));
        }
    }

    /// Tells of a stored batch and hands it to the rules.
    fn accept(&mut self, batch: Batch) {
        let now = clock::now();
        self.counts.send_modify(|counts| {
            counts.batches += 1;
            counts.samples += batch.readings.samples.len() as u64;
        });
        if let Some(info) = &batch.info {
            let counted = info.interfaces.iter().filter(|interface| interface.is_counted);
            self.engine.set_counted(&batch.node, counted.map(|interface| interface.name.clone()));
        }
        if let Some(status) = self.board.node_reported(&batch.node, batch.info, now) {
            self.live.publish(&LiveEvent::Node(Box::new(status)));
        }
        if !batch.readings.samples.is_empty() {
            self.board.take_readings(&batch.readings);
            self.engine.take(&batch.readings);
            self.live.publish(&LiveEvent::Samples(batch.readings));
        }
    }

    async fn take_settings(&mut self) {
        let rules = self.settings.borrow_and_update().alerts.rules();
        let ended = self.engine.set_rules(rules, clock::now());
        self.tell(ended).await;
        self.judge().await;
    }

    async fn tick(&mut self) {
        for status in self.board.nodes_at(clock::now()) {
            self.live.publish(&LiveEvent::Node(Box::new(status)));
        }
        self.judge().await;
    }

    async fn judge(&mut self) {
        let changed = self.engine.evaluate(clock::now());
        self.tell(changed).await;
        let unwatched = self.engine.unwatched();
        self.counts.send_if_modified(|counts| std::mem::replace(&mut counts.unwatched, unwatched) != unwatched);
        if let Some(health) = self.board.judge() {
            self.live.publish(&LiveEvent::Health(health));
        }
    }

    /// Keeps and publishes incidents that changed. What never fired is not history.
    async fn tell(&mut self, incidents: Vec<Incident>) {
        for incident in incidents {
            if matches!(incident.state, IncidentState::Firing | IncidentState::Resolved) {
                tracing::info!(rule = incident.rule, state = ?incident.state, message = incident.message, "alert");
                if let Err(error) = self.ledger.save_incident(&incident).await {
                    tracing::error!(%error, id = incident.id, "cannot store an incident");
                }
            }
            self.board.take_incident(&incident);
            self.live.publish(&LiveEvent::Incident(Box::new(incident)));
        }
    }
}

/// Batches that wait.
pub struct IngestQueue {
    incoming: mpsc::Receiver<Pending>,
}
