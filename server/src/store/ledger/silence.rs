//! Silences.

use netloom_core::silence::Silence;

use super::{Ledger, document, parsed};
use crate::store::StoreError;

impl Ledger {
    /// Keeps a silence as it is now.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn save_silence(&self, silence: &Silence) -> Result<(), StoreError> {
        let save = "insert into silence (id, ends_ms, document) values (?, ?, ?) \
                    on conflict (id) do update set ends_ms = excluded.ends_ms, document = excluded.document";
        let save = sqlx::query(save).bind(&silence.id).bind(silence.ends_at.ms()).bind(document(silence)?);
        save.execute(self.database.writer()).await?;
        Ok(())
    }

    /// The silence of that id.
    ///
    /// # Errors
    /// When the database refuses or holds what cannot be read.
    pub async fn silence(&self, id: &str) -> Result<Option<Silence>, StoreError> {
        let select = sqlx::query("select document from silence where id = ?").bind(id);
        select.fetch_optional(self.database.readers()).await?.as_ref().map(parsed).transpose()
    }

    /// Silences that end after a moment, those that end last first.
    ///
    /// # Errors
    /// When the database refuses or holds what cannot be read.
    pub async fn silences(&self, ends_after_ms: i64) -> Result<Vec<Silence>, StoreError> {
        let select = "select document from silence where ends_ms > ? order by ends_ms desc, id";
        let select = sqlx::query(select).bind(ends_after_ms);
        select.fetch_all(self.database.readers()).await?.iter().map(parsed).collect()
    }

    /// Deletes silences that ended before a moment.
    ///
    /// # Errors
    /// When the database refuses.
    pub(super) async fn forget_silences(&self, ended_ms: i64) -> Result<(), StoreError> {
        let delete = sqlx::query("delete from silence where ends_ms < ?").bind(ended_ms);
        delete.execute(self.database.writer()).await?;
        Ok(())
    }
}
