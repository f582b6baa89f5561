//! Packs the samples of a window that is over into blocks.

use std::time::Duration;

use netloom_core::series::{Catalog, GROUP};
use sqlx::{Sqlite, Transaction};

use super::{
    SqliteStore,
    block::{self, Samples},
    head,
    tier::Tier,
};
use crate::store::StoreError;

/// A window is over this long after its end, ms: samples of its last moments are under way.
const GRACE_MS: i64 = 60_000;
/// Groups packed and written at once: a third of a megabyte, a few milliseconds of the writer.
const STEP_GROUPS: usize = 16;
/// Rows of the log deleted at once.
const CLEAR_STEP_ROWS: i64 = 40;

/// A block on its way into the database.
pub(super) struct Packed {
    pub(super) row: i64,
    pub(super) count: usize,
    pub(super) data: Vec<u8>,
}

impl SqliteStore {
    /// Packs one window that is due. Returns whether there was one.
    pub(super) async fn seal_due(&self, now_ms: i64, quiet: Duration) -> Result<bool, StoreError> {
        let windows = self.head.windows();
        let is_over = |window: i64| Tier::Raw.bounds(window).1 + GRACE_MS <= now_ms;
        let due = windows.iter().find(|(window, load)| is_over(**window) && load.touched.elapsed() >= quiet);
        let early_bytes = head::limits(self.catalog.read(Catalog::len)).0;
        let due = due.or_else(|| windows.iter().next().filter(|_| self.head.bytes() > early_bytes));
        let Some((window, load)) = due else { return Ok(false) };
        tracing::debug!(window, samples = load.samples, "packing");
        self.seal(*window).await?;
        Ok(true)
    }

    /// Packs a window. When it fails half-way, the samples are still in log and head, and the next time does it whole.
    pub(super) async fn seal(&self, window: i64) -> Result<(), StoreError> {
        let (log_id, load) = {
            let line = self.line.lock().await;
            (*line, self.head.begin_seal(window))
        };
        let sealed = self.seal_up_to(window, log_id).await;
        if sealed.is_err() {
            self.head.give_up_seal(window, load);
            return sealed;
        }
        self.head.end_seal(window);
        self.clear_log(window, log_id).await
    }

    async fn seal_up_to(&self, window: i64, log_id: i64) -> Result<(), StoreError> {
        let is_known = self.filled(|filled| filled.contains(&(Tier::Raw, window)));
        for groups in self.head.sealing_groups(window).chunks(STEP_GROUPS) {
            let blocks = self.pack(window, groups, is_known).await?;
            self.write_blocks(Tier::Raw, blocks).await?;
        }
        let mut tx = self.database.begin().await?;
        let seal = "insert into seal (window, log_id) values (?, ?) on conflict do update set log_id = excluded.log_id";
        sqlx::query(seal).bind(window).bind(log_id).execute(&mut *tx).await?;
        self.mark_filled(&mut tx, Tier::Raw, window).await?;
        // What was summed up before has to be summed up anew.
        let stale = [Tier::Minute, Tier::Hour].map(|tier| (tier, tier.window_of(Tier::Raw.bounds(window).0)));
        for (tier, window) in stale {
            let forget = sqlx::query("delete from filled where tier = ? and window = ?");
            forget.bind(tier as i64).bind(window).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        self.change_filled(|filled| {
            filled.insert((Tier::Raw, window));
            for window in &stale {
                filled.remove(window);
            }
        });
        Ok(())
    }

    /// Packs some groups of a window together with what is in their blocks already.
    async fn pack(&self, window: i64, groups: &[u32], is_known: bool) -> Result<Vec<Packed>, StoreError> {
        let mut work = Vec::with_capacity(groups.len());
        for group in groups {
            let row = Tier::Raw.row(*group, window);
            let stored: Option<Vec<u8>> = if is_known {
                let stored = sqlx::query_scalar("select data from block where id = ?").bind(row);
                stored.fetch_optional(self.database.readers()).await?
            } else {
                None
            };
            work.push((row, stored, self.head.sealing(*group, window)));
        }
        blocking(move || {
            let pack = |(row, stored, buffers): (i64, Option<Vec<u8>>, super::head::SealedSlots)| {
                let fresh = buffers.into_iter().map(|(slot, buffer)| (slot, buffer.samples().collect())).collect();
                let stored = stored.map_or_else(Vec::new, |stored| readable(row, window, &stored));
                let slots = block::merge(stored, fresh);
                let count = slots.iter().map(|(_, samples): &(u32, Samples)| samples.len()).sum();
                debug_assert!(slots.len() <= GROUP as usize);
                Packed { row, count, data: block::encode(window, &slots) }
            };
            Ok(work.into_iter().map(pack).collect())
        })
        .await
    }

    /// Writes blocks in one short transaction, in place of what was there.
    pub(super) async fn write_blocks(&self, tier: Tier, blocks: Vec<Packed>) -> Result<(), StoreError> {
        let mut tx = self.database.begin().await?;
        let (mut rows, mut samples, mut bytes) = (0, 0, 0);
        for block in blocks {
            let before = sqlx::query_as("select count, length(data) from block where id = ?").bind(block.row);
            let before: Option<(i64, i64)> = before.fetch_optional(&mut *tx).await?;
            let (count, length) = (block.count as i64, block.data.len() as i64);
            let write = "insert into block (id, count, data) values (?, ?, ?) \
                         on conflict do update set count = excluded.count, data = excluded.data";
            sqlx::query(write).bind(block.row).bind(count).bind(block.data).execute(&mut *tx).await?;
            rows += i64::from(before.is_none());
            samples += count - before.map_or(0, |(count, _)| count);
            bytes += length - before.map_or(0, |(_, length)| length);
        }
        Self::count_tier(&mut tx, tier, [rows, samples, bytes]).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Notes what a tier gained or lost: rows, samples, bytes.
    pub(super) async fn count_tier(
        tx: &mut Transaction<'_, Sqlite>,
        tier: Tier,
        change: [i64; 3],
    ) -> Result<(), StoreError> {
        let count = "update tier set blocks = blocks + ?, samples = samples + ?, bytes = bytes + ? where tier = ?";
        let [blocks, samples, bytes] = change;
        let count = sqlx::query(count).bind(blocks).bind(samples).bind(bytes).bind(tier as i64);
        count.execute(&mut **tx).await?;
        Ok(())
    }

    /// Notes that a window has blocks.
    pub(super) async fn mark_filled(
        &self,
        tx: &mut Transaction<'_, Sqlite>,
        tier: Tier,
        window: i64,
    ) -> Result<(), StoreError> {
        let mark = sqlx::query("insert into filled (tier, window) values (?, ?) on conflict do nothing");
        mark.bind(tier as i64).bind(window).execute(&mut **tx).await?;
        Ok(())
    }

    /// Deletes the rows of the log that are in blocks, in small steps, and then the note that they are.
    pub(super) async fn clear_log(&self, window: i64, log_id: i64) -> Result<(), StoreError> {
        let step = "delete from log where id in (select id from log where window = ? and id <= ? order by id limit ?)";
        loop {
            let step = sqlx::query(step).bind(window).bind(log_id).bind(CLEAR_STEP_ROWS);
            if step.execute(self.database.writer()).await?.rows_affected() < CLEAR_STEP_ROWS as u64 {
                break;
            }
        }
        let done = sqlx::query("delete from seal where window = ? and log_id = ?").bind(window).bind(log_id);
        done.execute(self.database.writer()).await?;
        Ok(())
    }
}

/// The samples of a stored block. One that is damaged says so and counts as empty: what comes must not wait for ever for
/// what cannot be read any more.
fn readable(row: i64, window: i64, stored: &[u8]) -> Vec<(u32, Samples)> {
    block::decode(window, stored).unwrap_or_else(|error| {
        tracing::error!(%error, row, "a damaged block is replaced");
        Vec::new()
    })
}

/// Runs what takes long on a thread that may be kept busy.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(StoreError::Damaged(error.to_string())))
}
