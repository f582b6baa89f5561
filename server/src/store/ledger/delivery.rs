//! Who has been told of what, and the log of what came of it.

use std::collections::BTreeMap;

use netloom_core::{
    incident::Incident,
    notify::{Delivery, LOG_MAX, line::Line},
};
use sqlx::{Row, SqliteConnection};

use super::{Ledger, document, parsed};
use crate::store::StoreError;

impl Ledger {
    /// What each receiver has been and is being told.
    ///
    /// # Errors
    /// When the database refuses or holds what cannot be read.
    pub async fn notify_lines(&self) -> Result<BTreeMap<String, Line>, StoreError> {
        let rows = sqlx::query("select receiver, document from notify_line").fetch_all(self.database.readers()).await?;
        rows.iter().map(|row| Ok((row.try_get("receiver")?, parsed(row)?))).collect()
    }

    /// Keeps what a receiver has been and is being told, and what came of the attempt that changed it, in one step.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn save_notify_line(
        &self,
        receiver: &str,
        line: &Line,
        delivery: Option<&Delivery>,
    ) -> Result<(), StoreError> {
        let mut tx = self.database.begin().await?;
        let save = "insert into notify_line (receiver, document) values (?, ?) \
                    on conflict (receiver) do update set document = excluded.document";
        sqlx::query(save).bind(receiver).bind(document(line)?).execute(&mut *tx).await?;
        if let Some(delivery) = delivery {
            log(delivery, &mut tx).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Forgets what a receiver was told.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn forget_notify_line(&self, receiver: &str) -> Result<(), StoreError> {
        let delete = sqlx::query("delete from notify_line where receiver = ?").bind(receiver);
        delete.execute(self.database.writer()).await?;
        Ok(())
    }

    /// Adds an entry to the delivery log.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn add_delivery(&self, delivery: &Delivery) -> Result<(), StoreError> {
        let mut tx = self.database.begin().await?;
        log(delivery, &mut tx).await?;
        Ok(tx.commit().await?)
    }

    /// The delivery log, newest first.
    ///
    /// # Errors
    /// When the database refuses or holds what cannot be read.
    pub async fn deliveries(&self, limit: u32) -> Result<Vec<Delivery>, StoreError> {
        let select = sqlx::query("select document from delivery order by id desc limit ?").bind(limit);
        select.fetch_all(self.database.readers()).await?.iter().map(parsed).collect()
    }

    /// The incidents of these ids, as far as they are still there.
    ///
    /// # Errors
    /// When the database refuses or holds what cannot be read.
    pub async fn incidents_of(&self, ids: &[u64]) -> Result<Vec<Incident>, StoreError> {
        let select = "select document from incident where id in (select value from json_each(?))";
        let rows = sqlx::query(select).bind(document(&ids)?).fetch_all(self.database.readers()).await?;
        rows.iter().map(parsed).collect()
    }
}

/// Adds an entry, and lets the oldest go.
async fn log(delivery: &Delivery, tx: &mut SqliteConnection) -> Result<(), StoreError> {
    let insert = sqlx::query("insert into delivery (at_ms, document) values (?, ?)").bind(delivery.at.ms());
    insert.bind(document(delivery)?).execute(&mut *tx).await?;
    let forget = sqlx::query("delete from delivery where id <= (select max(id) from delivery) - ?").bind(LOG_MAX);
    forget.execute(tx).await?;
    Ok(())
}
