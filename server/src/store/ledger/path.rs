//! Ways of packets over time.

use netloom_core::{check::path::record::PathRecord, probe::ProbeMode, time::Timestamp};
use sqlx::Row;

use super::{Ledger, document, parsed};
use crate::store::StoreError;

/// Records of one pair and mode that are kept: a change a day for half a year. The oldest go first.
pub const PAIR_RECORDS_MAX: i64 = 200;
/// Records that are kept of all pairs: with a few kilobytes each, some hundred megabytes.
const RECORDS_MAX: i64 = 100_000;

/// Which records are wanted. What is left out may be anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PathSearch {
    /// From this node.
    pub src: Option<String>,
    /// To this destination.
    pub dst: Option<String>,
    /// Those that were seen at this moment or later.
    pub from: Option<Timestamp>,
    /// Those that were seen first up to this moment.
    pub to: Option<Timestamp>,
    /// At most this many, the newest.
    pub limit: usize,
}

impl Ledger {
    /// Keeps a new record and gives it a number.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn add_path(&self, record: &mut PathRecord) -> Result<(), StoreError> {
        let mut transaction = self.database.begin().await?;
        let insert = "insert into path_record (src, dst, mode, first_ms, last_ms, document) values (?, ?, ?, ?, ?, '') \
                      returning id";
        let insert = sqlx::query(insert).bind(&record.src).bind(&record.dst).bind(record.mode.label());
        let insert = insert.bind(record.first_at.ms()).bind(record.last_at.ms());
        record.id = insert.fetch_one(&mut *transaction).await?.try_get::<i64, _>("id")?.unsigned_abs();
        let update = sqlx::query("update path_record set document = ? where id = ?").bind(document(record)?);
        update.bind(record.id as i64).execute(&mut *transaction).await?;
        let forget = "delete from path_record where id in (select id from path_record \
                      where src = ? and dst = ? and mode = ? order by first_ms desc, id desc limit -1 offset ?)";
        let forget = sqlx::query(forget).bind(&record.src).bind(&record.dst).bind(record.mode.label());
        forget.bind(PAIR_RECORDS_MAX).execute(&mut *transaction).await?;
        let forget =
            "delete from path_record where id <= (select id from path_record order by id desc limit 1 offset ?)";
        sqlx::query(forget).bind(RECORDS_MAX).execute(&mut *transaction).await?;
        Ok(transaction.commit().await?)
    }

    /// Keeps a known record as it is now. Returns whether it is still there.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn save_path(&self, record: &PathRecord) -> Result<bool, StoreError> {
        let update = sqlx::query("update path_record set last_ms = ?, document = ? where id = ?");
        let update = update.bind(record.last_at.ms()).bind(document(record)?).bind(record.id as i64);
        Ok(update.execute(self.database.writer()).await?.rows_affected() > 0)
    }

    /// The newest record of a pair and mode.
    ///
    /// # Errors
    /// When the database refuses or holds what cannot be read.
    pub async fn newest_path(&self, src: &str, dst: &str, mode: ProbeMode) -> Result<Option<PathRecord>, StoreError> {
        let select = "select document from path_record where src = ? and dst = ? and mode = ? \
                      order by first_ms desc, id desc limit 1";
        let select = sqlx::query(select).bind(src).bind(dst).bind(mode.label());
        select.fetch_optional(self.database.readers()).await?.as_ref().map(parsed).transpose()
    }

    /// Records, the newest first.
    ///
    /// # Errors
    /// When the database refuses or holds what cannot be read.
    pub async fn paths(&self, search: &PathSearch) -> Result<Vec<PathRecord>, StoreError> {
        let select = "select document from path_record where (?1 is null or src = ?1) and (?2 is null or dst = ?2) \
                      and last_ms >= ?3 and first_ms <= ?4 order by last_ms desc, id desc limit ?5";
        let select = sqlx::query(select).bind(&search.src).bind(&search.dst);
        let select = select.bind(search.from.map_or(i64::MIN, Timestamp::ms));
        let select = select.bind(search.to.map_or(i64::MAX, Timestamp::ms)).bind(search.limit as i64);
        select.fetch_all(self.database.readers()).await?.iter().map(parsed).collect()
    }

    /// Deletes records that were seen last before a moment.
    ///
    /// # Errors
    /// When the database refuses.
    pub(super) async fn forget_paths(&self, last_ms: i64) -> Result<(), StoreError> {
        let delete = sqlx::query("delete from path_record where last_ms < ?").bind(last_ms);
        delete.execute(self.database.writer()).await?;
        Ok(())
    }
}
