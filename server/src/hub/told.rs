//! What nodes tell without having been asked by anybody who waits: ways of packets, marks on the time axis.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use netloom_core::{errand::Report, mark::NewMark, run::Run, settings::Settings, time::Timestamp};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};

use crate::{
    board::Board,
    diagnoses::DiagnosisKeeper,
    errands::ErrandDesk,
    live::Live,
    marks::MarkKeeper,
    paths::PathKeeper,
    store::Stores,
    throughput::{Arranger, MarkSink},
};

/// Tests of throughput that wait to be put on the time axis: a node is in one at a time.
const ANNOUNCED_MAX: usize = 256;

/// Marks that are remembered to be ended: each node has a few at most.
const OPEN_MAX: usize = 4_096;

/// With whom they have to do.
pub(super) struct Parties<'a> {
    /// The hub's own node.
    pub(super) node: &'a str,
    pub(super) stores: &'a Stores,
    pub(super) live: &'a Arc<Live>,
    pub(super) board: &'a Arc<Board>,
}

/// Everything that has nodes do something once, or keeps what they tell of it.
pub(super) struct OnDemand {
    pub(super) errands: Arc<ErrandDesk>,
    pub(super) marks: Arc<MarkKeeper>,
    pub(super) paths: Arc<PathKeeper>,
    pub(super) diagnoses: Arc<DiagnosisKeeper>,
    pub(super) arranger: Arc<Arranger>,
}

/// The desk of errands, and who keeps what nodes tell without one.
pub(super) struct Told {
    pub(super) errands: Arc<ErrandDesk>,
    pub(super) marks: Arc<MarkKeeper>,
    pub(super) paths: Arc<PathKeeper>,
    reports: mpsc::Receiver<(String, Report)>,
}

impl Told {
    pub(super) fn new(stores: &Stores, live: &Arc<Live>) -> Self {
        let (desk, reports) = ErrandDesk::new();
        let marks = Arc::new(MarkKeeper::new(stores.ledger.clone(), live.clone()));
        let paths = Arc::new(PathKeeper::new(stores.ledger.clone(), marks.clone()));
        Self { errands: Arc::new(desk), marks, paths, reports }
    }

    /// Starts what takes reports, what gives up errands that nobody fetches, and who gives errands. They end with the hub.
    pub(super) async fn start(
        self,
        parties: Parties<'_>,
        settings: watch::Receiver<Settings>,
        runs: watch::Receiver<Vec<Run>>,
        background: &mut JoinSet<()>,
    ) -> anyhow::Result<OnDemand> {
        let Self { errands, marks, paths, mut reports } = self;
        let Parties { node, stores, live, board } = parties;
        marks.end_left_over().await?;
        let arranger = Arc::new(Arranger::new(errands.clone(), settings, runs));
        arranger.mark_with(announce(marks.clone(), background));
        let (ledger, givers) = (stores.ledger.clone(), (errands.clone(), arranger.clone()));
        let diagnoses = DiagnosisKeeper::open(node.into(), ledger, live.clone(), board.clone(), givers);
        let diagnoses = Arc::new(diagnoses.await?);
        let expiring = errands.clone();
        background.spawn(async move { expiring.run().await });
        let (marking, tracing) = (marks.clone(), paths.clone());
        background.spawn(async move {
            let mut axis = Axis { marks: marking, open: HashMap::new() };
            while let Some((node, report)) = reports.recv().await {
                keep(&node, report, &mut axis, &tracing).await;
            }
        });
        Ok(OnDemand { errands, marks, paths, diagnoses, arranger })
    }
}

/// Puts what begins and ends on the time axis: it is told when it begins and again, with the same beginning, when it is
/// over.
struct Axis {
    marks: Arc<MarkKeeper>,
    open: HashMap<(String, String, Timestamp), u64>,
}

impl Axis {
    async fn take(&mut self, mark: NewMark) {
        let what = (mark.src.clone(), mark.dst.clone(), mark.at);
        let known = match (mark.until, self.open.remove(&what)) {
            // It began before the hub was started anew.
            (Some(_), None) => self.marks.begun(&mark).await,
            (_, known) => known,
        };
        let kept = match (mark.until, known) {
            (Some(until), Some(id)) => self.marks.end(id, until, mark.text, mark.figures).await,
            (until, _) => {
                let added = self.marks.add(mark).await;
                // Nodes that go away leave theirs open.
                if let (None, Ok(mark), true) = (until, &added, self.open.len() < OPEN_MAX) {
                    self.open.insert(what, mark.id);
                }
                added
            }
        };
        if let Err(error) = kept {
            tracing::warn!(%error, "a mark is not on the time axis");
        }
    }
}

/// Where tests of throughput that the hub arranges are announced.
fn announce(marks: Arc<MarkKeeper>, background: &mut JoinSet<()>) -> MarkSink {
    let (tell, mut told) = mpsc::channel::<NewMark>(ANNOUNCED_MAX);
    let mut axis = Axis { marks: marks.clone(), open: HashMap::new() };
    background.spawn(async move {
        while let Some(mark) = told.recv().await {
            axis.take(mark).await;
        }
    });
    Arc::new(move |mark| {
        if tell.try_send(mark).is_err() {
            count(&marks.refused);
        }
    })
}

/// A node speaks for itself: what it says of another's ways is refused.
async fn keep(node: &str, report: Report, axis: &mut Axis, paths: &PathKeeper) {
    match report {
        Report::Path { dst, at, trace } => paths.take(node, &dst, at, trace).await,
        Report::Mark(mut mark) => {
            if mark.src.is_empty() {
                node.clone_into(&mut mark.src);
            }
            if mark.src != node {
                return count(&axis.marks.refused);
            }
            axis.take(mark).await;
        }
        // The desk hands on what belongs to no errand only.
        _ => {}
    }
}

fn count(what: &AtomicU64) {
    what.fetch_add(1, Ordering::Relaxed);
}
