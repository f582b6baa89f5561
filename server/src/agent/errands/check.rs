//! One check.

use std::{sync::Arc, time::Duration};

use netloom_core::{
    check::{Check, Progress},
    errand::Report,
};
use tokio::sync::mpsc;

use crate::check::{self, Means};

/// The longest that a check which says nothing of its length may take.
const LIMIT: Duration = Duration::from_mins(1);

pub(super) async fn run(
    errand: u64,
    check: Check,
    means: Arc<Means>,
    reports: mpsc::Sender<Report>,
) -> Result<(), String> {
    let limit = match &check {
        Check::Throughput(spec) => Duration::from_millis(spec.longest_ms()),
        Check::Iperf3(spec) => Duration::from_millis(spec.longest_ms()),
        _ => LIMIT,
    };
    let told = |progress: Progress| {
        let report = Report::Item { errand, item: 0, progress: Some(progress), finding: None };
        // Progress that finds no room is left out.
        let _ = reports.try_send(report);
    };
    let finding = check::run(&check, &means, limit, &told).await;
    let report = Report::Item { errand, item: 0, progress: None, finding: Some(Box::new(finding)) };
    reports.send(report).await.map_err(|_| "nobody listens any more".to_owned())
}
