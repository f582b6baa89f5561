//! What nodes tell without having been asked by anybody who waits: ways of packets, marks on the time axis.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use netloom_core::errand::Report;
use tokio::{sync::mpsc, task::JoinSet};

use crate::{errands::ErrandDesk, live::Live, marks::MarkKeeper, paths::PathKeeper, store::Stores};

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

    /// Starts what takes reports and what gives up errands that nobody fetches. They end with the hub.
    pub(super) fn start(self, background: &mut JoinSet<()>) {
        let Self { errands, marks, paths, mut reports } = self;
        background.spawn(async move { errands.run().await });
        background.spawn(async move {
            while let Some((node, report)) = reports.recv().await {
                keep(&node, report, &marks, &paths).await;
            }
        });
    }
}

/// A node speaks for itself: what it says of another's ways is refused.
async fn keep(node: &str, report: Report, marks: &MarkKeeper, paths: &PathKeeper) {
    match report {
        Report::Path { dst, at, trace } => paths.take(node, &dst, at, trace).await,
        Report::Mark(mut mark) => {
            if mark.src.is_empty() {
                node.clone_into(&mut mark.src);
            }
            if mark.src != node {
                return count(&marks.refused);
            }
            if let Err(error) = marks.add(mark).await {
                tracing::debug!(node, %error, "a mark is not kept");
            }
        }
        // The desk hands on what belongs to no errand only.
        _ => {}
    }
}

fn count(what: &AtomicU64) {
    what.fetch_add(1, Ordering::Relaxed);
}
