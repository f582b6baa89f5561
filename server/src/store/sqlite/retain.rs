//! Deletes what is older than its tier keeps, a window at a time.

use netloom_core::series::Catalog;

use super::{SqliteStore, tier::Tier};
use crate::store::{Keep, StoreError};

/// Blocks deleted in one transaction, so that a commit never waits long for one.
const STEP_BLOCKS: usize = 64;

impl SqliteStore {
    /// Deletes one window that is old. Returns whether there was one.
    pub(super) async fn forget_due(&self, keep: &Keep, now_ms: i64) -> Result<bool, StoreError> {
        for (tier, keep_ms) in [(Tier::Raw, keep.raw_ms), (Tier::Minute, keep.minute_ms), (Tier::Hour, keep.hour_ms)] {
            let oldest = self.filled_windows(tier).into_iter().next();
            let is_old =
                |window: &i64| tier.bounds(*window).1 < now_ms - keep_ms && self.is_summed_up(tier, *window, keep);
            if let Some(window) = oldest.filter(is_old) {
                self.forget(tier, window).await?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the tier above holds what goes here, as long as that is kept for longer.
    fn is_summed_up(&self, tier: Tier, window: i64, keep: &Keep) -> bool {
        let (above, is_longer) = match tier {
            Tier::Raw => (Tier::Minute, keep.minute_ms > keep.raw_ms),
            Tier::Minute => (Tier::Hour, keep.hour_ms > keep.minute_ms),
            Tier::Hour => return true,
        };
        !is_longer || self.filled(|filled| filled.contains(&(above, above.window_of(tier.bounds(window).0))))
    }

    async fn forget(&self, tier: Tier, window: i64) -> Result<(), StoreError> {
        let rows: Vec<i64> = (0..self.catalog.read(Catalog::groups)).map(|group| tier.row(group, window)).collect();
        for step in rows.chunks(STEP_BLOCKS) {
            let step = serde_json::Value::from(step).to_string();
            let mut tx = self.database.begin().await?;
            let sum = "select count(*), coalesce(sum(count), 0), coalesce(sum(length(data)), 0) from block \
                       where id in (select value from json_each(?))";
            let (blocks, samples, bytes): (i64, i64, i64) = sqlx::query_as(sum).bind(&step).fetch_one(&mut *tx).await?;
            let delete = sqlx::query("delete from block where id in (select value from json_each(?))");
            delete.bind(&step).execute(&mut *tx).await?;
            Self::count_tier(&mut tx, tier, [-blocks, -samples, -bytes]).await?;
            tx.commit().await?;
        }
        let forget = sqlx::query("delete from filled where tier = ? and window = ?");
        forget.bind(tier as i64).bind(window).execute(self.database.writer()).await?;
        self.change_filled(|filled| {
            filled.remove(&(tier, window));
        });
        Ok(())
    }
}
