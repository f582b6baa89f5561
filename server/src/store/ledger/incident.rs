//! Incidents.

use netloom_core::incident::Incident;

use super::{Ledger, document, parsed};
use crate::store::StoreError;

impl Ledger {
    /// Keeps an incident as it is now.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn save_incident(&self, incident: &Incident) -> Result<(), StoreError> {
        let document = document(incident)?;
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
        rows.iter().map(parsed).collect()
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
