//! Reads the log back into memory at start.

use std::collections::HashMap;

use sqlx::Row as _;

use super::{SqliteStore, log};
use crate::store::StoreError;

/// Rows read at once: a few megabytes.
const PAGE_ROWS: i64 = 200;

impl SqliteStore {
    /// Reads what was acknowledged and is in no block yet. Rows whose window was sealed after they came are deleted: the
    /// process ended before it could.
    pub(super) async fn replay(&self) -> Result<(), StoreError> {
        let seals: Vec<(i64, i64)> =
            sqlx::query_as("select window, log_id from seal").fetch_all(self.database.readers()).await?;
        let seals: HashMap<i64, i64> = seals.into_iter().collect();
        let mut line = self.line.lock().await;
        loop {
            let page = sqlx::query("select id, window, samples from log where id > ? order by id limit ?");
            let page = page.bind(*line).bind(PAGE_ROWS).fetch_all(self.database.readers()).await?;
            for row in &page {
                let window: i64 = row.try_get("window")?;
                *line = row.try_get("id")?;
                if seals.get(&window).is_none_or(|log_id| *line > *log_id) {
                    self.head.push(&log::decode(window, row.try_get("samples")?)?);
                }
            }
            if (page.len() as i64) < PAGE_ROWS {
                break;
            }
        }
        // Numbers of the log are never used twice, also when it is empty now.
        let used: Option<i64> = sqlx::query_scalar("select seq from sqlite_sequence where name = 'log'")
            .fetch_optional(self.database.readers())
            .await?;
        *line = used.unwrap_or(0).max(*line);
        drop(line);
        for (window, log_id) in seals {
            self.clear_log(window, log_id).await?;
        }
        Ok(())
    }
}
