//! Takes over what a database of the first version holds: a row per batch, series numbered one by one.

use std::collections::HashMap;

use netloom_core::series::{Origin, Row, Rows, SeriesId};
use sqlx::Row as _;

use super::{SqliteStore, key_of};
use crate::store::{QUIET, Store, StoreError};

/// Batches taken over at once.
const PAGE_ROWS: i64 = 500;

impl SqliteStore {
    /// Moves the old batches to the log, page by page, and drops the old tables at the end. May be interrupted anywhere.
    pub(super) async fn adopt_legacy(&self) -> Result<(), StoreError> {
        let is_there = "select count(*) from sqlite_schema where name = 'old_series'";
        if sqlx::query_scalar::<_, i64>(is_there).fetch_one(self.database.readers()).await? == 0 {
            return Ok(());
        }
        let ids = self.legacy_series().await?;
        while let Some(last) = self.adopt_page(&ids).await? {
            tracing::info!(last, "taking over the samples of the older database");
            self.seal_due(i64::MIN, QUIET).await?;
        }
        for drop in ["drop table batch", "drop table old_series"] {
            sqlx::query(drop).execute(self.database.writer()).await?;
        }
        Ok(())
    }

    async fn legacy_series(&self) -> Result<HashMap<i64, SeriesId>, StoreError> {
        let rows = sqlx::query("select id, metric, labels from old_series").fetch_all(self.database.readers()).await?;
        let (mut old, mut keys) = (Vec::new(), Vec::new());
        for row in rows {
            keys.push(key_of(&row)?);
            old.push(row.try_get("id")?);
        }
        Ok(old.into_iter().zip(self.intern(&keys).await?).collect())
    }

    /// Takes over some batches. Returns the last one's number, `None` when none is left.
    async fn adopt_page(&self, ids: &HashMap<i64, SeriesId>) -> Result<Option<i64>, StoreError> {
        let page = sqlx::query("select id, node, epoch, seq, t0_ms, samples from batch order by id limit ?");
        let page = page.bind(PAGE_ROWS).fetch_all(self.database.readers()).await?;
        let mut batches = Vec::with_capacity(page.len());
        for row in &page {
            let (epoch, seq, t0_ms): (i64, i64, i64) =
                (row.try_get("epoch")?, row.try_get("seq")?, row.try_get("t0_ms")?);
            let origin = Some(Origin { node: row.try_get("node")?, epoch, seq: seq as u64 });
            let samples: Vec<(i64, i64, f64)> =
                postcard::from_bytes(row.try_get("samples")?).map_err(|e| StoreError::Damaged(e.to_string()))?;
            let rows = samples.into_iter().filter_map(|(old, after_ms, value)| {
                Some(Row { series: *ids.get(&old)?, ts_ms: t0_ms + after_ms, value })
            });
            batches.push(Rows { origin, rows: rows.collect() });
        }
        let Some(last) = page.last() else { return Ok(None) };
        let last: i64 = last.try_get("id")?;
        self.append(&batches).await?;
        sqlx::query("delete from batch where id <= ?").bind(last).execute(self.database.writer()).await?;
        Ok(Some(last))
    }
}
