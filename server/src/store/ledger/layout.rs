//! Which nodes stand together.

use netloom_core::layout::Layout;

use super::{Ledger, document, parsed};
use crate::store::StoreError;

impl Ledger {
    /// Keeps a layout in place of the one before; `None` keeps none.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn save_layout(&self, saved_ms: i64, layout: Option<&Layout>) -> Result<(), StoreError> {
        let Some(layout) = layout else {
            sqlx::query("delete from layout").execute(self.database.writer()).await?;
            return Ok(());
        };
        let save = "insert into layout (id, saved_ms, document) values (1, ?, ?) on conflict (id) do update \
                    set saved_ms = excluded.saved_ms, document = excluded.document";
        let save = sqlx::query(save).bind(saved_ms).bind(document(layout)?);
        save.execute(self.database.writer()).await?;
        Ok(())
    }

    /// The layout that was saved last.
    ///
    /// # Errors
    /// When the database refuses or holds what cannot be read.
    pub async fn layout(&self) -> Result<Option<Layout>, StoreError> {
        let row = sqlx::query("select document from layout").fetch_optional(self.database.readers()).await?;
        row.map(|row| parsed(&row)).transpose()
    }
}
