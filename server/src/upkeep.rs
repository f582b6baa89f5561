//! Keeps the database in order while the hub runs: packs, sums up and deletes what is due, and moves what was written to
//! its place.

use std::time::Duration;

use netloom_core::settings::{Settings, storage::StorageSettings};
use std::sync::Arc;
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval},
};

use crate::{
    board::Board,
    clock,
    store::{Keep, QUIET, StoreError, Stores},
};

/// How often it is looked whether something is due.
const INTERVAL: Duration = Duration::from_secs(1);
/// How often incidents and values of ended series are looked at.
const SLOW_INTERVAL: Duration = Duration::from_mins(1);
/// A series without a new value for this long is not shown as current.
const CURRENT_MAX_MS: i64 = 10 * 60_000;
/// Windows that are packed or deleted in a row before everything else is looked at again.
const STEPS_MAX: usize = 256;

/// Works until it is dropped.
pub async fn run(stores: Stores, board: Arc<Board>, mut settings: watch::Receiver<Settings>) {
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut next_slow = Instant::now();
    let mut survives = None;
    let mut told = String::new();
    loop {
        ticks.tick().await;
        let storage = settings.borrow_and_update().storage.clone();
        let mut result = Ok(());
        if survives != Some(storage.survive_power_loss) {
            result = stores.database.set_survives_power_loss(storage.survive_power_loss).await;
            survives = result.is_ok().then_some(storage.survive_power_loss);
        }
        if Instant::now() >= next_slow {
            next_slow = Instant::now() + SLOW_INTERVAL;
            let now_ms = clock::now().ms();
            board.forget_before(now_ms - CURRENT_MAX_MS);
            result = result.and(stores.ledger.forget(now_ms - storage.hour_ms()).await);
        }
        // Said once, not every second: a full disk may stay full for a day.
        let said = result.and(work(&stores, &storage).await).map_or_else(|error| error.to_string(), |()| String::new());
        if said != told {
            if said.is_empty() {
                tracing::info!("the database is kept in order again");
            } else {
                tracing::error!(error = said, "cannot keep the database in order");
            }
            told = said;
        }
    }
}

async fn work(stores: &Stores, storage: &StorageSettings) -> Result<(), StoreError> {
    let (raw_ms, minute_ms, hour_ms) = (storage.raw_ms(), storage.minute_ms(), storage.hour_ms());
    let keep = Keep { quiet: QUIET, raw_ms, minute_ms, hour_ms };
    for _ in 0..STEPS_MAX {
        let is_more = stores.samples.maintain(&keep, clock::now().ms()).await?;
        stores.database.checkpoint().await?;
        if !is_more && !stores.database.give_back().await? {
            break;
        }
    }
    Ok(())
}
