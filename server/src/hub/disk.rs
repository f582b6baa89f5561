//! How full the disk of the data folder is, as a figure of the hub's own node.

use std::{path::PathBuf, time::Duration};

use netloom_core::{
    metric,
    sample::{Readings, SeriesKey},
};
use tokio::time::{MissedTickBehavior, interval};

use crate::{clock, ingest::IngestHandle};

/// How often it is measured: disks fill slowly.
const INTERVAL: Duration = Duration::from_secs(10);

/// Measures until it is dropped.
pub(super) async fn run(node: String, folder: PathBuf, ingest: IngestHandle) {
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(ratio) = used_ratio(&folder) else { continue };
        let mut readings = Readings::default();
        readings.push(SeriesKey::new(metric::DISK_USED_RATIO, [("node", &node)]), clock::now().ms(), ratio);
        // A full disk takes nothing, and says so itself.
        if let Err(error) = ingest.push(&readings).await {
            tracing::debug!(%error, "cannot keep how full the disk is");
        }
    }
}

/// The used part of what may be used without special rights; `None` where the system does not tell.
fn used_ratio(folder: &std::path::Path) -> Option<f64> {
    let known = rustix::fs::statvfs(folder).ok()?;
    let used = known.f_blocks.saturating_sub(known.f_bfree);
    let all = used + known.f_bavail;
    (all > 0).then(|| used as f64 / all as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_neither_empty_nor_more_than_full() {
        let ratio = used_ratio(&std::env::temp_dir()).expect("is told");
        assert!((0.0..=1.0).contains(&ratio), "{ratio}");
        assert_eq!(used_ratio(std::path::Path::new("/nowhere/at/all")), None);
    }
}
