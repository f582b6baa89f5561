//! What is few and precious: incidents and saved settings.

use std::sync::Arc;

use netloom_core::incident::Incident;
use serde_json::Value;
use sqlx::{Row, sqlite::SqliteRow};

use super::{StoreError, database::Database};

/// Saved settings: the version and the fields that were changed.
pub type SavedSettings = (u64, Value);

/// Keeps incidents and saved settings in the database.
pub struct Ledger {
    database: Arc<Database>,
}

impl Ledger {
    /// The ledger of a database.
    pub fn new(database: Arc<Database>) -> Self {
        Self { database }
    }

    /// Keeps an incident as it is now.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn save_incident(&self, incident: &Incident) -> Result<(), StoreError> {
        let document = serde_json::to_string(incident).map_err(|e| StoreError::Damaged(e.to_string()))?;
        let is_open = incident.resolved_at.is_none();
        let save = "insert into incident (id, started_ms, is_open, document) values (?, ?, ?, ?) \
                    on conflict (id) do update set is_open = excluded.is_open, document = excluded.document";
        let save = sqlx::query(save).bind(incident.id as i64).bind(incident.started_at.ms()).bind(is_open);
        save.bind(document).execute(self.database.writer()).await?;
        Ok(())
    }

    /// The newest incidents and every open one, newest first.
    ///
    /// # Errors
    /// When the database refuses or holds what cannot be read.
    pub async fn incidents(&self, limit: usize) -> Result<Vec<Incident>, StoreError> {
        let select = "select document from incident where is_open = 1 \
                      or id in (select id from incident order by id desc limit ?) order by id desc";
        let rows = sqlx::query(select).bind(limit as i64).fetch_all(self.database.readers()).await?;
        let parse = |row: &SqliteRow| {
            serde_json::from_str(row.try_get("document")?).map_err(|e| StoreError::Damaged(e.to_string()))
        };
        rows.iter().map(parse).collect()
    }

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
        let change = serde_json::from_str(row.try_get("document")?).map_err(|e| StoreError::Damaged(e.to_string()))?;
        Ok(Some((row.try_get::<i64, _>("version")? as u64, change)))
    }

    /// Deletes incidents that ended and began before `started_ms`.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn forget(&self, started_ms: i64) -> Result<(), StoreError> {
        let delete = sqlx::query("delete from incident where is_open = 0 and started_ms < ?").bind(started_ms);
        delete.execute(self.database.writer()).await?;
        Ok(())
    }
}
