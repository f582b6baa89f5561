//! Deletes what is older than the settings keep.

use std::{sync::Arc, time::Duration};

use netloom_core::settings::Settings;
use tokio::{sync::watch, time::interval};

use crate::{board::Board, clock, store::Stores};

/// How often old samples are deleted: little at a time.
const INTERVAL: Duration = Duration::from_mins(1);
/// Incidents are few and tell more per byte: they are kept this many times as long as samples.
const INCIDENTS_TIMES: i64 = 10;
/// A series without a new value for this long is not shown as current.
const CURRENT_MAX_MS: i64 = 10 * 60_000;

const MS_PER_HOUR: i64 = 3_600_000;

/// Deletes until it is dropped.
pub async fn run(stores: Stores, board: Arc<Board>, settings: watch::Receiver<Settings>) {
    let mut ticks = interval(INTERVAL);
    loop {
        ticks.tick().await;
        let keep_ms = i64::from(settings.borrow().storage.retention_hours) * MS_PER_HOUR;
        let now_ms = clock::now().ms();
        board.forget_before(now_ms - CURRENT_MAX_MS);
        if let Err(error) = stores.ledger.forget(now_ms - keep_ms * INCIDENTS_TIMES).await {
            tracing::error!(%error, "cannot delete old incidents");
        }
        match stores.samples.forget(now_ms - keep_ms).await {
            Ok(0) => {}
            Ok(batches) => tracing::debug!(batches, "deleted old samples"),
            Err(error) => tracing::error!(%error, "cannot delete old samples"),
        }
    }
}
