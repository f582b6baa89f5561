//! A diagnosis: plans its checks from what this machine knows, runs them side by side, and tells of each.

use std::sync::Arc;

use futures::StreamExt as _;
use netloom_core::{
    check::Progress,
    diagnosis::plan,
    errand::{Plan, Report},
};
use tokio::sync::mpsc;

use crate::{
    check::Means,
    diagnose::{self, LOOK_LIMIT},
};

pub(super) async fn run(
    errand: u64,
    plan: Plan,
    means: Arc<Means>,
    reports: mpsc::Sender<Report>,
) -> Result<(), String> {
    const GONE: &str = "nobody listens any more";
    let items = plan::plan(&plan, &diagnose::surroundings());
    let planned = Report::Planned { errand, items: items.clone() };
    reports.send(planned).await.map_err(|_| GONE.to_owned())?;
    let progressed = |item: usize, progress: Progress| {
        // What finds no room is left out: the next word comes soon.
        let _ = reports.try_send(Report::Item { errand, item, progress: Some(progress), finding: None });
    };
    let mut found = diagnose::run(&items, &means, LOOK_LIMIT, &progressed);
    while let Some((item, finding)) = found.next().await {
        let ended = Report::Item { errand, item, progress: None, finding: Some(Box::new(finding)) };
        reports.send(ended).await.map_err(|_| GONE.to_owned())?;
    }
    Ok(())
}
