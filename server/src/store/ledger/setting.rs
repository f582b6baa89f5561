//! Saved settings, and who changed them.

use netloom_core::settings::change::SettingsChange;
use serde_json::Value;
use sqlx::Row;

use super::{Ledger, document, parsed};
use crate::store::StoreError;

/// Changes that are kept: months of a team's work on its thresholds.
pub const HISTORY_MAX: i64 = 500;
/// Bytes that they take at most, because a change of a long list holds the list twice. The newest is kept in any case.
pub const HISTORY_MAX_BYTES: i64 = 4 * 1_024 * 1_024;

/// Saved settings: the version and the fields that were changed.
pub type SavedSettings = (u64, Value);

impl Ledger {
    /// Keeps what the settings page saved, and the changes that led there.
    ///
    /// # Errors
    /// When the database refuses; then nothing is kept.
    pub async fn save_settings(
        &self,
        version: u64,
        saved_ms: i64,
        saved: &Value,
        changes: &[SettingsChange],
    ) -> Result<(), StoreError> {
        let mut transaction = self.database.begin().await?;
        let save = "insert into setting (id, version, saved_ms, document) values (1, ?, ?, ?) on conflict (id) do update \
                    set version = excluded.version, saved_ms = excluded.saved_ms, document = excluded.document";
        let save = sqlx::query(save).bind(version as i64).bind(saved_ms).bind(saved.to_string());
        save.execute(&mut *transaction).await?;
        for change in changes {
            let insert = sqlx::query("insert or replace into setting_change (version, document) values (?, ?)");
            insert.bind(change.version as i64).bind(document(change)?).execute(&mut *transaction).await?;
        }
        let forget = "delete from setting_change where version in (select version from (select version, \
                      row_number() over newest as place, sum(length(document)) over newest as bytes from setting_change \
                      window newest as (order by version desc)) where place > ? or (place > 1 and bytes > ?))";
        sqlx::query(forget).bind(HISTORY_MAX).bind(HISTORY_MAX_BYTES).execute(&mut *transaction).await?;
        Ok(transaction.commit().await?)
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

    /// The changes of the settings, newest first.
    ///
    /// # Errors
    /// When the database refuses or holds what cannot be read.
    pub async fn settings_history(&self) -> Result<Vec<SettingsChange>, StoreError> {
        let rows = sqlx::query("select document from setting_change order by version desc");
        rows.fetch_all(self.database.readers()).await?.iter().map(parsed).collect()
    }

    /// The change that led to a version of the settings.
    ///
    /// # Errors
    /// When the database refuses or holds what cannot be read.
    pub async fn settings_change(&self, version: u64) -> Result<Option<SettingsChange>, StoreError> {
        let row = sqlx::query("select document from setting_change where version = ?").bind(version as i64);
        row.fetch_optional(self.database.readers()).await?.as_ref().map(parsed).transpose()
    }
}
