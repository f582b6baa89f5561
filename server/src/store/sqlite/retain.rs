//! Deletes what is older than its tier keeps: at once for everybody who asks, and from the disk a little at a time.

use std::sync::atomic::Ordering;

use netloom_core::series::Catalog;

use super::{SqliteStore, tier::Tier};
use crate::store::{Keep, StoreError};

/// Blocks deleted in one transaction, so that a commit never waits long for one.
const STEP_BLOCKS: i64 = 64;

impl SqliteStore {
    /// Deletes one stretch that is old. Returns whether there was one.
    pub(super) async fn forget_due(&self, keep: &Keep, now_ms: i64) -> Result<bool, StoreError> {
        for (tier, keep_ms) in [(Tier::Raw, keep.raw_ms), (Tier::Minute, keep.minute_ms), (Tier::Hour, keep.hour_ms)] {
            let Some(oldest) = self.filled_windows(tier).into_iter().next() else { continue };
            // Whole windows of the tier above, so that no summary covers what is there and what is not.
            let above = match tier {
                Tier::Raw => Tier::Minute,
                Tier::Minute | Tier::Hour => Tier::Hour,
            };
            let stretch = above.window_of(tier.bounds(oldest).0);
            let end_ms = above.bounds(stretch).1;
            if end_ms < now_ms - keep_ms && self.is_summed_up(tier, stretch, keep) {
                self.forget(tier, end_ms).await?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the tier above holds what goes here, as long as that is kept for longer.
    fn is_summed_up(&self, tier: Tier, stretch: i64, keep: &Keep) -> bool {
        let (above, is_longer) = match tier {
            Tier::Raw => (Tier::Minute, keep.minute_ms > keep.raw_ms),
            Tier::Minute => (Tier::Hour, keep.hour_ms > keep.minute_ms),
            Tier::Hour => return true,
        };
        !is_longer || self.filled(|filled| filled.contains(&(above, stretch)))
    }

    /// Forgets what a tier holds before a moment.
    async fn forget(&self, tier: Tier, end_ms: i64) -> Result<(), StoreError> {
        let windows: Vec<i64> =
            self.filled_windows(tier).into_iter().take_while(|window| tier.bounds(*window).1 <= end_ms).collect();
        let mut tx = self.database.begin().await?;
        let keep =
            "insert into kept (tier, from_ms) values (?, ?) on conflict do update set from_ms = excluded.from_ms";
        sqlx::query(keep).bind(tier as i64).bind(end_ms).execute(&mut *tx).await?;
        let forget = sqlx::query("delete from filled where tier = ? and window < ?");
        forget.bind(tier as i64).bind(tier.window_of(end_ms)).execute(&mut *tx).await?;
        tx.commit().await?;
        self.kept[tier as usize].store(end_ms, Ordering::Relaxed);
        self.change_filled(|filled| {
            for window in windows {
                filled.remove(&(tier, window));
            }
        });
        self.delete_before(tier, end_ms).await
    }

    /// Deletes the blocks that a process did not come to delete before it ended.
    pub(super) async fn sweep(&self) -> Result<(), StoreError> {
        for tier in Tier::ALL {
            let from_ms = self.kept_from_ms(tier);
            if from_ms > i64::MIN {
                self.delete_before(tier, from_ms).await?;
            }
        }
        Ok(())
    }

    async fn delete_before(&self, tier: Tier, end_ms: i64) -> Result<(), StoreError> {
        for group in 0..self.catalog.read(Catalog::groups) {
            let (first, end) = (tier.row(group, 0), tier.row(group, tier.window_of(end_ms)));
            while self.delete_some(tier, first, end).await? {}
        }
        Ok(())
    }

    /// Deletes a few blocks. Returns whether there may be more.
    async fn delete_some(&self, tier: Tier, first: i64, end: i64) -> Result<bool, StoreError> {
        let sum = "select count(*), coalesce(sum(count), 0), coalesce(sum(length(data)), 0), max(id) from \
                   (select * from block where id >= ? and id < ? order by id limit ?)";
        let sum = sqlx::query_as(sum).bind(first).bind(end).bind(STEP_BLOCKS);
        let (blocks, samples, bytes, last): (i64, i64, i64, Option<i64>) =
            sum.fetch_one(self.database.readers()).await?;
        let Some(last) = last else { return Ok(false) };
        let mut tx = self.database.begin().await?;
        let delete = sqlx::query("delete from block where id >= ? and id <= ?");
        delete.bind(first).bind(last).execute(&mut *tx).await?;
        Self::count_tier(&mut tx, tier, [-blocks, -samples, -bytes]).await?;
        tx.commit().await?;
        Ok(blocks == STEP_BLOCKS)
    }
}
