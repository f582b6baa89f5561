//! Saved settings.

use serde_json::Value;
use sqlx::Row;

use super::{Ledger, parsed};
use crate::store::StoreError;

/// Saved settings: the version and the fields that were changed.
pub type SavedSettings = (u64, Value);

impl Ledger {
    /// Keeps what the settings page saved.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn save_settings(&self, version: u64, saved_ms: i64, change: &Value) -> Result<(), StoreError> {
        let save = "insert into setting (id, version, saved_ms, document) values (1, ?, ?, ?) on conflict (id) do update \
                    set version = excluded.version, saved_ms = excluded.saved_ms, document = excluded.document";
        let save = sqlx::query(save).bind(version as i64).bind(saved_ms).bind(change.to_string());
        save.execute(self.database.writer()).await?;
        Ok(())
    }

    /// What the settings page saved last.
    ///
    /// # Errors
    /// When the database refuses or holds what cannot be read.
    pub async fn settings(&self) -> Result<Option<SavedSettings>, StoreError> {
        let row = sqlx::query("select version, document from setting").fetch_optional(self.database.readers()).await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some((row.try_get::<i64, _>("version")? as u64, parsed(&row)?)))
    }
}
