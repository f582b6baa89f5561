//! The only writer: takes batches in, and stores, publishes and judges them, in this order.
//!
//! A batch is acknowledged when it is in the database. Batches that come together are stored in one commit.

mod door;
mod untold;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use netloom_core::{
    api::Ack,
    event::LiveEvent,
    run::Run,
    sample::Batch,
    series::{Row, Rows},
    settings::Settings,
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, MissedTickBehavior, interval, sleep},
};
use tokio_util::sync::CancellationToken;

use crate::{
    agent::{Uplink, UplinkError},
    alert::{Engine, RuleCount},
    board::{Board, Sender},
    clock,
    desk::DeskHandle,
    jsonl::JsonlLog,
    live::Live,
    rules::past::PastLink,
    store::{Store, StoreError},
    watcher::Feed,
};

use untold::TELL_EVERY;

pub use door::{IngestError, IngestHandle, Leaving, Refused, check_owner};
pub use untold::Untold;

/// Batches that wait for the writer. A commit takes a millisecond or two; when the disk stalls, senders wait.
const QUEUE_MAX_BATCHES: usize = 256;
/// Batches in one commit.
const COMMIT_MAX_BATCHES: usize = 64;
/// Samples older than this are history: they are stored, and neither judged nor shown live. Long enough for an agent
/// whose connection broke for a moment.
const LATE_AFTER_MS: i64 = 60_000;
/// How often nodes and rules are judged: not with every commit, of which a mesh of 64 nodes has many a second, and soon
/// enough that nobody notices.
const TICK: Duration = Duration::from_millis(250);
/// A tick that comes this late, or a wall clock that is set by as much, says that the hub itself was away: a machine that
/// slept, a disk that stalled. Nobody is called silent then ...
const AWAY: Duration = Duration::from_secs(1);
/// ... until what waited has had the time to come in.
const SETTLE: Duration = Duration::from_millis(1_500);

struct Pending {
    rows: Rows,
    /// The agent that sent it.
    sender: Option<Sender>,
    answer: oneshot::Sender<Result<(), IngestError>>,
}

/// The agent in the hub's own process sends through memory, what others send over a network ends here too.
#[async_trait]
impl Uplink for IngestHandle {
    async fn send(&self, batch: Batch) -> Result<Ack, UplinkError> {
        self.submit(batch).await.map_err(|error| match error {
            IngestError::Invalid(why) | IngestError::TooManySeries(why) => UplinkError::Refused(why),
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
    /// Samples that were stored and not judged or shown live, because they came late.
    pub late: u64,
    /// Samples that were stored and judged but not shown live, because too many came at once.
    pub unstreamed: u64,
    /// Samples that were stored and not judged, because their host was starved.
    pub doubtful: u64,
    /// Samples that were stored but not written to the JSONL log, because the disk did not keep up.
    pub unlogged: u64,
}

/// The task that owns the way from batch to incident.
pub struct Ingest {
    /// Where batches are kept.
    pub store: Arc<dyn Store>,
    /// Who takes the incidents.
    pub desk: DeskHandle,
    /// What is known now.
    pub board: Arc<Board>,
    /// Who is told.
    pub live: Arc<Live>,
    /// The rules' state.
    pub engine: Engine,
    /// Who answers what rules ask of the past.
    pub past: PastLink,
    /// The runs that have not ended, now and later.
    pub runs: watch::Receiver<Vec<Run>>,
    /// Where it is noted how the rules fare.
    pub census: watch::Sender<Vec<RuleCount>>,
    /// Settings, now and later: rules come from them.
    pub settings: watch::Receiver<Settings>,
    /// Who looks for what is wrong in the mesh.
    pub watch: Feed,
    /// Where lines of JSON are written, if anywhere.
    pub jsonl: Option<JsonlLog>,
    /// Where the counts are noted.
    pub counts: watch::Sender<IngestCounts>,
    /// Takes nothing new any more, finishes what is queued, and ends.
    pub finish: CancellationToken,
    /// Samples that are stored and not told yet.
    pub untold: Untold,
    /// Whether the hub itself was away a moment ago.
    pub pulse: Pulse,
}

/// Notices that the hub itself was away, by its ticks.
#[derive(Debug, Default)]
pub struct Pulse {
    last: Option<(Instant, i64)>,
    settled_at: Option<Instant>,
}

impl Pulse {
    /// Notes a tick. Says whether everybody else has had the time to be heard since the hub was away.
    fn beat(&mut self, at: Instant, wall_ms: i64) -> bool {
        if let Some((last, last_wall_ms)) = self.last.replace((at, wall_ms)) {
            let (passed_ms, away_ms) = ((at - last).as_millis() as i64, AWAY.as_millis() as i64);
            let is_set = (wall_ms - last_wall_ms - passed_ms).abs() > away_ms;
            if is_set || passed_ms > away_ms + TICK.as_millis() as i64 {
                tracing::warn!(passed_ms, "the hub was away, or its clock was set: nobody is judged for a moment");
                self.settled_at = Some(at + SETTLE);
            }
        }
        self.settled_at.is_none_or(|settled_at| at >= settled_at)
    }
}

impl Ingest {
    /// The handle for senders, and the queue that [`Ingest::run`] empties.
    pub fn channel(store: Arc<dyn Store>, settings: watch::Receiver<Settings>) -> (IngestHandle, IngestQueue) {
        let (queue, incoming) = mpsc::channel(QUEUE_MAX_BATCHES);
        let leaving = Arc::<Leaving>::default();
        let handle = IngestHandle { queue, store, settings, refused: Arc::default(), leaving: leaving.clone() };
        (handle, IngestQueue { incoming, leaving })
    }

    /// Runs until it is to finish, or every handle is gone, and the queue is empty.
    pub async fn run(mut self, mut queue: IngestQueue) {
        self.engine.set_doubtful_after_ms(self.settings.borrow().mesh.doubtful_after_ms);
        self.engine.set_runs(&self.runs.borrow_and_update(), clock::now());
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut pending = Vec::new();
        let finish = self.finish.clone();
        loop {
            tokio::select! {
                () = finish.cancelled(), if !queue.incoming.is_closed() => queue.incoming.close(),
                count = queue.incoming.recv_many(&mut pending, COMMIT_MAX_BATCHES) => {
                    if count == 0 {
                        return;
                    }
                    self.take(std::mem::take(&mut pending)).await;
                }
                Ok(()) = self.settings.changed() => self.take_settings().await,
                Ok(()) = self.runs.changed() => self.engine.set_runs(&self.runs.borrow_and_update(), clock::now()),
                Some(answer) = self.past.answers.recv() => self.engine.answer(answer, clock::now()),
                _ = ticks.tick() => self.tick(&queue.leaving).await,
                () = sleep(TELL_EVERY), if !self.untold.is_empty() => {}
            }
            self.untold.tell(&self.live);
        }
    }

    async fn take(&mut self, mut pending: Vec<Pending>) {
        pending.retain(Pending::is_wanted);
        let (mut batches, mut rest) = (Vec::with_capacity(pending.len()), Vec::with_capacity(pending.len()));
        for Pending { rows, sender, answer } in pending {
            batches.push(rows);
            rest.push((sender, answer));
        }
        match self.store.append(&batches).await {
            Ok(are_new) => {
                self.board.storage_works().into_iter().for_each(|event| self.live.publish(&event));
                for ((rows, is_new), (sender, answer)) in batches.into_iter().zip(are_new).zip(rest) {
                    if is_new {
                        self.accept(rows, sender);
                    } else {
                        self.counts.send_modify(|counts| counts.duplicates += 1);
                    }
                    // The sender may have given up waiting; the batch is stored all the same.
                    let _ = answer.send(Ok(()));
                }
            }
            Err(error) => self.refuse(&error, rest.into_iter().map(|(_, answer)| answer).collect()),
        }
    }

    fn refuse(&mut self, error: &StoreError, answers: Vec<oneshot::Sender<Result<(), IngestError>>>) {
        tracing::error!(%error, batches = answers.len(), "cannot store samples");
        self.counts.send_modify(|counts| counts.failed += answers.len() as u64);
        self.board.storage_fails(error.to_string()).into_iter().for_each(|event| self.live.publish(&event));
        for answer in answers {
            let why = error.to_string();
            let is_full = matches!(error, StoreError::Full);
            let _ = answer.send(Err(if is_full { IngestError::Full(why) } else { IngestError::Unavailable(why) }));
        }
    }

    /// Tells of a stored batch and hands it to the rules.
    fn accept(&mut self, rows: Rows, sender: Option<Sender>) {
        let now = clock::now();
        let Rows { rows, .. } = rows;
        let fresh: Vec<Row> = rows.iter().filter(|row| row.ts_ms >= now.ms() - LATE_AFTER_MS).copied().collect();
        self.counts.send_modify(|counts| {
            counts.batches += 1;
            counts.samples += rows.len() as u64;
            counts.late += (rows.len() - fresh.len()) as u64;
        });
        if let Some(sender) = sender {
            if let Some(info) = &sender.info {
                let counted = info.interfaces.iter().filter(|interface| interface.is_counted);
                self.engine.set_counted(&sender.node, counted.map(|interface| interface.name.clone()));
            }
            self.engine.heard(&sender.node, now);
            if let Some(status) = self.board.node_reported(sender, now) {
                self.live.publish(&LiveEvent::Node(Box::new(status)));
            }
        }
        self.board.take_rows(&rows);
        if !fresh.is_empty() {
            self.engine.take(&fresh, self.store.catalog());
            self.untold.add(&fresh);
            self.watch.offer(fresh);
        }
        if let Some(jsonl) = &self.jsonl {
            jsonl.offer(rows);
        }
        let (unlogged, unstreamed) = (self.jsonl.as_ref().map_or(0, JsonlLog::dropped), self.untold.left_out());
        self.counts.send_if_modified(|counts| {
            let is_news = (counts.unlogged, counts.unstreamed) != (unlogged, unstreamed);
            (counts.unlogged, counts.unstreamed) = (unlogged, unstreamed);
            is_news
        });
    }

    async fn take_settings(&mut self) {
        let (rules, doubtful_after_ms) = {
            let settings = self.settings.borrow_and_update();
            (settings.rules(), settings.mesh.doubtful_after_ms)
        };
        self.engine.set_doubtful_after_ms(doubtful_after_ms);
        let ended = self.engine.set_rules(rules, clock::now());
        self.desk.offer(ended).await;
        self.judge().await;
    }

    async fn tick(&mut self, leaving: &Leaving) {
        for node in leaving.take() {
            let over = self.engine.forget(&node, clock::now());
            self.desk.offer(over).await;
            if self.board.forget(&node) {
                self.live.publish(&LiveEvent::NodeLeft { node });
            }
        }
        if !self.pulse.beat(Instant::now(), clock::now().ms()) {
            return;
        }
        for status in self.board.nodes_at(clock::now()) {
            self.live.publish(&LiveEvent::Node(Box::new(status)));
        }
        self.judge().await;
        self.past.ask(|| self.engine.questions(clock::now()));
        let census = self.engine.census();
        self.census.send_if_modified(|known| {
            let is_news = *known != census;
            *known = census;
            is_news
        });
    }

    async fn judge(&mut self) {
        let changed = self.engine.evaluate(clock::now());
        self.desk.offer(changed).await;
        let (unwatched, doubtful) = (self.engine.unwatched(), self.engine.doubtful());
        self.counts.send_if_modified(|counts| {
            let before = (counts.unwatched, counts.doubtful);
            (counts.unwatched, counts.doubtful) = (unwatched, doubtful);
            before != (unwatched, doubtful)
        });
        if let Some(health) = self.board.judge() {
            self.live.publish(&LiveEvent::Health(health));
        }
    }
}

/// Batches that wait.
pub struct IngestQueue {
    incoming: mpsc::Receiver<Pending>,
    leaving: Arc<Leaving>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_the_hub_was_away_nobody_is_judged_for_a_moment() {
        let (start, mut pulse) = (Instant::now(), Pulse::default());
        let mut beat = |after_ms: u64, wall_ms| pulse.beat(start + Duration::from_millis(after_ms), wall_ms);
        assert!(beat(0, 0) && beat(250, 250) && beat(1_200, 1_200), "a little late is no news");
        assert!(!beat(6_000, 6_000) && !beat(6_250, 6_250), "it slept");
        assert!(!beat(7_250, 7_250) && beat(7_500, 7_500));
        assert!(!beat(7_750, 67_750), "the clock was set");
        assert!(!beat(8_750, 68_750) && beat(9_250, 69_250));
    }
}
