//! Looks for what is wrong in the mesh: takes the samples that ingest stored and names the culprits twice a second.
//!
//! One task owns the mesh and does nothing else, so that a verdict on many nodes holds up nobody. A series is looked up
//! once; from then on its number leads to its cell.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use netloom_core::{
    api::NodeState as Reports,
    event::LiveEvent,
    layout::Layout,
    metric,
    sample::SeriesKey,
    series::{Row, SeriesId, SharedCatalog},
    settings::Settings,
    unit,
    verdict::{
        CulpritKind, Fault, MeshVerdict,
        host::Lateness,
        mesh::{CellId, Mesh, NodeState},
    },
};
use tokio::{
    sync::{mpsc, watch},
    time::{MissedTickBehavior, interval},
};

use crate::{board::Board, clock, live::Live};

/// Batches that wait to be looked at. The watcher needs milliseconds a second; when it has none, the newest go.
const QUEUE_MAX_BATCHES: usize = 1_024;
/// Batches that are taken at once.
const TAKE_MAX_BATCHES: usize = 64;
/// How often the verdict is made.
const EVERY: Duration = Duration::from_millis(500);
/// A verdict whose culprits are the same is told again after this long, for its figures.
const REPEAT_AFTER_MS: i64 = 10_000;
/// Packets of one round at most, as the settings allow and what looks closely adds.
const PACKETS_MAX: u32 = 10_000;
/// Cells say nothing without a sample for this long, ms ...
const FRESH_LEAST_MS: i64 = 10_000;
/// ... or this many rounds, where rounds are rare.
const FRESH_ROUNDS: i64 = 3;
/// Samples older than this are of the past, ms: what a spool delivers after a cut says nothing about now. An agent's
/// report is a second old at most, and a slow way adds another.
const STALE_AFTER_MS: i64 = 5_000;
/// A host whose lateness is not known for this long is not called starved, ms: it may be dead.
const LATENESS_HOLDS_MS: i64 = 5_000;
/// When there is no room for new pairs, those without a sample for this long go, ms.
const FORGET_AFTER_MS: i64 = 10 * 60_000;
/// How often that is tried, ms: it costs a look at every pair.
const FORGET_EVERY_MS: i64 = 60_000;

/// Counts of what the watcher did, for `/metrics`.
#[derive(Debug, Default)]
pub struct WatchCounts {
    /// Samples that were not looked at because the watcher was behind.
    pub dropped: AtomicU64,
    /// Samples of pairs that are not judged because there are too many.
    pub unjudged: AtomicU64,
    /// Samples that came too late to say anything about now.
    pub stale: AtomicU64,
}

/// Where ingest puts what it stored.
#[derive(Clone)]
pub struct Feed {
    queue: mpsc::Sender<Vec<Row>>,
    counts: Arc<WatchCounts>,
}

impl Feed {
    /// Hands over rows; never waits.
    pub fn offer(&self, rows: Vec<Row>) {
        let count = rows.len() as u64;
        if self.queue.try_send(rows).is_err() {
            self.counts.dropped.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// What the watcher did.
    pub fn counts(&self) -> Arc<WatchCounts> {
        self.counts.clone()
    }
}

/// What a series is to the watcher.
#[derive(Clone, Copy)]
enum Part {
    Loss(CellId),
    Rtt(CellId),
    /// How many packets a round had.
    Sent(CellId),
    /// The lateness of a host, by its place in the list.
    Lag(usize),
    Nothing,
}

/// The task.
pub struct Watcher {
    /// The names of series.
    pub catalog: SharedCatalog,
    /// Where the verdict goes, and which nodes report.
    pub board: Arc<Board>,
    /// Who is told.
    pub live: Arc<Live>,
    /// Packets of a round, and how often there is one.
    pub settings: watch::Receiver<Settings>,
    /// Which nodes stand together.
    pub layout: watch::Receiver<Layout>,
}

/// How late a node was lately.
struct Host {
    node: String,
    lateness: Lateness,
    known_ms: i64,
}

/// What the task owns.
struct State {
    watcher: Watcher,
    mesh: Mesh,
    /// By the number of the series.
    parts: Vec<Option<Part>>,
    hosts: Vec<Host>,
    /// The newest round of each cell: when it was, and how many packets it had.
    rounds: Vec<(i64, u32)>,
    forgot_ms: i64,
    counts: Arc<WatchCounts>,
    told: MeshVerdict,
    told_ms: i64,
}

impl Watcher {
    /// The end for ingest, and the queue for [`Watcher::run`].
    pub fn channel() -> (Feed, mpsc::Receiver<Vec<Row>>) {
        let (queue, incoming) = mpsc::channel(QUEUE_MAX_BATCHES);
        (Feed { queue, counts: Arc::default() }, incoming)
    }

    /// Runs until nobody feeds it any more.
    pub async fn run(mut self, mut incoming: mpsc::Receiver<Vec<Row>>, counts: Arc<WatchCounts>) {
        let mut mesh = Mesh::default();
        mesh.set_layout(&self.layout.borrow_and_update());
        let mut state = State {
            watcher: self,
            mesh,
            parts: Vec::new(),
            hosts: Vec::new(),
            rounds: Vec::new(),
            forgot_ms: 0,
            counts,
            told: MeshVerdict::default(),
            told_ms: 0,
        };
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut batches = Vec::new();
        loop {
            tokio::select! {
                count = incoming.recv_many(&mut batches, TAKE_MAX_BATCHES) => {
                    if count == 0 {
                        return;
                    }
                    batches.drain(..).for_each(|rows| state.take(&rows));
                }
                Ok(()) = state.watcher.layout.changed() => {
                    let layout = state.watcher.layout.borrow_and_update().clone();
                    state.mesh.set_layout(&layout);
                }
                _ = ticks.tick() => state.judge(),
            }
        }
    }
}

impl State {
    fn take(&mut self, rows: &[Row]) {
        // The hub's time: agents are not in step.
        let now_ms = clock::now().ms();
        let (packets, doubtful_after_us) = {
            let settings = self.watcher.settings.borrow();
            (settings.mesh.packets, unit::us_from_ms(settings.mesh.doubtful_after_ms))
        };
        let is_fresh = |row: &&Row| now_ms - row.ts_ms <= STALE_AFTER_MS;
        let stale = rows.len() - rows.iter().filter(is_fresh).count();
        self.counts.stale.fetch_add(stale as u64, Ordering::Relaxed);
        // How many packets a round had, before what became of them.
        for row in rows.iter().filter(is_fresh) {
            if let Part::Sent(cell) = self.part(row.series, now_ms) {
                let at = cell.place();
                if self.rounds.len() <= at {
                    self.rounds.resize(at + 1, (0, 0));
                }
                self.rounds[at] = (row.ts_ms, row.value.clamp(0.0, f64::from(PACKETS_MAX)) as u32);
            }
        }
        for row in rows.iter().filter(is_fresh) {
            match self.part(row.series, now_ms) {
                Part::Loss(cell) => {
                    let round = self.rounds.get(cell.place()).filter(|(ts_ms, sent)| *ts_ms == row.ts_ms && *sent > 0);
                    let packets = round.map_or(packets, |(_, sent)| *sent);
                    self.mesh.take_loss(cell, now_ms, row.value, packets);
                }
                Part::Rtt(cell) => self.mesh.take_rtt(cell, now_ms, row.value),
                Part::Lag(host) => {
                    let host = &mut self.hosts[host];
                    host.lateness.take(row.value, doubtful_after_us);
                    host.known_ms = now_ms;
                }
                Part::Sent(_) | Part::Nothing => {}
            }
        }
    }

    /// What a series is, looked up when it comes the first time.
    fn part(&mut self, id: SeriesId, now_ms: i64) -> Part {
        let at = id.0 as usize;
        if let Some(Some(part)) = self.parts.get(at) {
            return *part;
        }
        let part = self.watcher.catalog.key(id).map_or(Part::Nothing, |key| self.part_of(&key, now_ms));
        if self.parts.len() <= at {
            self.parts.resize(at + 1, None);
        }
        self.parts[at] = Some(part);
        part
    }

    fn part_of(&mut self, key: &SeriesKey, now_ms: i64) -> Part {
        if key.metric == metric::ECHO_LAG_US {
            self.hosts.push(Host { node: key.node().to_owned(), lateness: Lateness::default(), known_ms: now_ms });
            return Part::Lag(self.hosts.len() - 1);
        }
        // ICMP and TCP go to gateways and name servers as well, and on paths of their own.
        let is_mesh = matches!(key.label("mode"), "udp" | "") && !key.label("src").is_empty();
        let make: fn(CellId) -> Part = match key.metric.as_str() {
            metric::LOSS_RATIO => Part::Loss,
            metric::RTT_US => Part::Rtt,
            metric::PROBES_SENT => Part::Sent,
            _ => return Part::Nothing,
        };
        let dst = key.label("dst");
        // Checks of the settings are series of addresses, and no nodes.
        if !is_mesh || dst.is_empty() || dst.contains("://") {
            return Part::Nothing;
        }
        self.mesh.cell(key.label("src"), dst, now_ms).map_or(Part::Nothing, make)
    }

    /// Makes the verdict, puts it on the board, and tells it when people would see a difference.
    fn judge(&mut self) {
        let now = clock::now();
        self.make_room(now.ms());
        let is_known = |host: &&Host| now.ms() - host.known_ms <= LATENESS_HOLDS_MS;
        let starved: HashMap<&str, bool> =
            self.hosts.iter().filter(is_known).map(|host| (host.node.as_str(), host.lateness.is_starved())).collect();
        self.mesh.forget_states();
        for (node, reports, last_seen) in self.watcher.board.node_states(now) {
            let starved = starved.get(node.as_str()).copied().unwrap_or(false);
            let reports = Some(reports != Reports::Silent);
            self.mesh.set_state(&node, NodeState { reports, heard_ms: last_seen.ms(), starved });
        }
        let verdict = self.mesh.verdict(now.ms(), self.fresh_ms());
        self.counts.unjudged.store(self.mesh.unjudged(), Ordering::Relaxed);
        let is_news = essence(&verdict) != essence(&self.told);
        let is_due = now.ms() - self.told_ms >= REPEAT_AFTER_MS && !verdict.culprits.is_empty();
        if is_news || is_due && verdict != self.told {
            if is_news {
                verdict.culprits.iter().for_each(|culprit| tracing::info!(message = culprit.message, "verdict"));
            }
            self.watcher.live.publish(&LiveEvent::Verdict(Box::new(verdict.clone())));
            self.told = verdict.clone();
            self.told_ms = now.ms();
        }
        self.watcher.board.set_verdict(verdict);
    }

    /// Forgets pairs that are gone when there is no room for new ones.
    fn make_room(&mut self, now_ms: i64) {
        if self.mesh.is_full() && now_ms - self.forgot_ms >= FORGET_EVERY_MS {
            self.forgot_ms = now_ms;
            self.mesh.forget_before(now_ms - FORGET_AFTER_MS);
            // Numbers of cells are others now; hosts come again with their next sample.
            (self.parts, self.rounds, self.hosts) = (Vec::new(), Vec::new(), Vec::new());
        }
    }

    fn fresh_ms(&self) -> i64 {
        let settings = self.watcher.settings.borrow();
        let round_ms = settings.mesh.interval_ms as i64;
        FRESH_LEAST_MS.max(FRESH_ROUNDS * round_ms + settings.mesh.timeout_ms as i64)
    }
}

/// What people notice of a verdict: who, not how much.
fn essence(verdict: &MeshVerdict) -> Vec<(CulpritKind, Fault, &[String])> {
    verdict.culprits.iter().map(|culprit| (culprit.kind, culprit.fault, culprit.names.as_slice())).collect()
}
