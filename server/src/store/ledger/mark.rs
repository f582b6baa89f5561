//! Marks on the time axis.

use netloom_core::{
    mark::{Mark, MarkKind, NewMark},
    time::Timestamp,
};
use sqlx::Row;

use super::{Ledger, document, parsed};
use crate::store::StoreError;

/// Marks that are kept: fifty a day for five years. The oldest go first.
const MARKS_MAX: i64 = 100_000;

/// Which marks are wanted. What is left out may be anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MarkSearch {
    /// Those that were not over before this moment.
    pub from: Option<Timestamp>,
    /// Those that began up to this moment.
    pub to: Option<Timestamp>,
    /// Of this kind.
    pub kind: Option<MarkKind>,
    /// About this node, or from it.
    pub src: Option<String>,
    /// To this destination.
    pub dst: Option<String>,
    /// At most this many, the newest.
    pub limit: usize,
}

impl Ledger {
    /// Keeps a new mark and gives it a number.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn add_mark(&self, new: NewMark) -> Result<Mark, StoreError> {
        let mut transaction = self.database.begin().await?;
        let insert =
            "insert into mark (at_ms, until_ms, kind, src, dst, document) values (?, ?, ?, ?, ?, '') returning id";
        let insert = sqlx::query(insert).bind(new.at.ms()).bind(new.until.unwrap_or(new.at).ms()).bind(new.kind.word());
        let row = insert.bind(&new.src).bind(&new.dst).fetch_one(&mut *transaction).await?;
        let mark = Mark { id: row.try_get::<i64, _>("id")?.unsigned_abs(), mark: new };
        let update = sqlx::query("update mark set document = ? where id = ?").bind(document(&mark)?);
        update.bind(mark.id as i64).execute(&mut *transaction).await?;
        let forget = "delete from mark where id <= (select id from mark order by id desc limit 1 offset ?)";
        sqlx::query(forget).bind(MARKS_MAX).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(mark)
    }

    /// Keeps a known mark as it is now. Returns whether it is still there.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn save_mark(&self, mark: &Mark) -> Result<bool, StoreError> {
        let update = sqlx::query("update mark set until_ms = ?, document = ? where id = ?");
        let update =
            update.bind(mark.mark.until.unwrap_or(mark.mark.at).ms()).bind(document(mark)?).bind(mark.id as i64);
        Ok(update.execute(self.database.writer()).await?.rows_affected() > 0)
    }

    /// The mark of a number.
    ///
    /// # Errors
    /// When the database refuses or holds what cannot be read.
    pub async fn mark(&self, id: u64) -> Result<Option<Mark>, StoreError> {
        let select = sqlx::query("select document from mark where id = ?").bind(id as i64);
        select.fetch_optional(self.database.readers()).await?.as_ref().map(parsed).transpose()
    }

    /// Marks of a kind without an end.
    ///
    /// # Errors
    /// When the database refuses or holds what cannot be read.
    pub async fn open_marks(&self, kind: MarkKind) -> Result<Vec<Mark>, StoreError> {
        let select = "select document from mark where kind = ? and json_extract(document, '$.until') is null";
        let select = sqlx::query(select).bind(kind.word());
        select.fetch_all(self.database.readers()).await?.iter().map(parsed).collect()
    }

    /// Marks, the newest first.
    ///
    /// # Errors
    /// When the database refuses or holds what cannot be read.
    pub async fn marks(&self, search: &MarkSearch) -> Result<Vec<Mark>, StoreError> {
        let select = "select document from mark where until_ms >= ?1 and at_ms <= ?2 and (?3 is null or kind = ?3) \
                      and (?4 is null or src = ?4) and (?5 is null or dst = ?5) order by at_ms desc, id desc limit ?6";
        let select = sqlx::query(select)
            .bind(search.from.map_or(i64::MIN, Timestamp::ms))
            .bind(search.to.map_or(i64::MAX, Timestamp::ms))
            .bind(search.kind.map(MarkKind::word))
            .bind(&search.src)
            .bind(&search.dst)
            .bind(search.limit as i64);
        select.fetch_all(self.database.readers()).await?.iter().map(parsed).collect()
    }

    /// Deletes marks that were over before a moment.
    ///
    /// # Errors
    /// When the database refuses.
    pub(super) async fn forget_marks(&self, ended_ms: i64) -> Result<(), StoreError> {
        let delete = sqlx::query("delete from mark where at_ms < ?1 and until_ms < ?1").bind(ended_ms);
        delete.execute(self.database.writer()).await?;
        Ok(())
    }
}
