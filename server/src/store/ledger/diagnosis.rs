//! Diagnoses.

use netloom_core::diagnosis::{Diagnosis, DiagnosisBrief};

use super::{Ledger, document, parsed};
use crate::store::StoreError;

/// Diagnoses that are kept: a few a day for a season. With many checks each is some hundred kilobytes.
const DIAGNOSES_MAX: i64 = 500;
/// How long they are kept, ms: a network of a quarter of a year ago is another one.
const KEEP_MS: i64 = 90 * 24 * 3_600_000;

impl Ledger {
    /// Keeps a diagnosis as it is now. The oldest that ended go.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn save_diagnosis(&self, diagnosis: &Diagnosis) -> Result<(), StoreError> {
        let mut transaction = self.database.begin().await?;
        let insert = "insert into diagnosis (id, node, started_ms, is_open, brief, document) values (?, ?, ?, ?, ?, ?) \
                      on conflict (id) do update set is_open = excluded.is_open, brief = excluded.brief, \
                      document = excluded.document";
        let insert = sqlx::query(insert).bind(&diagnosis.id).bind(&diagnosis.node).bind(diagnosis.started_at.ms());
        let insert = insert.bind(!diagnosis.state.is_end()).bind(document(&diagnosis.brief())?);
        insert.bind(document(diagnosis)?).execute(&mut *transaction).await?;
        let forget = "delete from diagnosis where is_open = 0 and (started_ms < ? or id in \
                      (select id from diagnosis order by started_ms desc, id desc limit -1 offset ?))";
        let forget = sqlx::query(forget).bind(diagnosis.started_at.ms() - KEEP_MS).bind(DIAGNOSES_MAX);
        forget.execute(&mut *transaction).await?;
        Ok(transaction.commit().await?)
    }

    /// The diagnosis of that id.
    ///
    /// # Errors
    /// When the database refuses or holds what cannot be read.
    pub async fn diagnosis(&self, id: &str) -> Result<Option<Diagnosis>, StoreError> {
        let select = sqlx::query("select document from diagnosis where id = ?").bind(id);
        select.fetch_optional(self.database.readers()).await?.as_ref().map(parsed).transpose()
    }

    /// Diagnoses in short, newest first, of one node or of all.
    ///
    /// # Errors
    /// When the database refuses or holds what cannot be read.
    pub async fn diagnoses(&self, node: Option<&str>, limit: usize) -> Result<Vec<DiagnosisBrief>, StoreError> {
        let select = "select brief as document from diagnosis where ?1 is null or node = ?1 \
                      order by started_ms desc, id desc limit ?2";
        let select = sqlx::query(select).bind(node).bind(limit as i64);
        select.fetch_all(self.database.readers()).await?.iter().map(parsed).collect()
    }

    /// Diagnoses that have not ended.
    ///
    /// # Errors
    /// When the database refuses or holds what cannot be read.
    pub async fn open_diagnoses(&self) -> Result<Vec<Diagnosis>, StoreError> {
        let select = sqlx::query("select document from diagnosis where is_open = 1");
        select.fetch_all(self.database.readers()).await?.iter().map(parsed).collect()
    }

    /// Forgets a diagnosis. Says whether there was one.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn delete_diagnosis(&self, id: &str) -> Result<bool, StoreError> {
        let delete = sqlx::query("delete from diagnosis where id = ?").bind(id);
        Ok(delete.execute(self.database.writer()).await?.rows_affected() > 0)
    }
}
