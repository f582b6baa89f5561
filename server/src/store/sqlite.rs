//! Samples in SQLite.
//!
//! A batch is first a row of the log (`log.rs`), committed before it is acknowledged, and in memory (`head.rs`). When a
//! quarter of an hour is over, its samples become blocks (`seal.rs`, `block.rs`) and leave the log. Blocks are summed up
//! by the minute and by the hour (`roll.rs`, `rollup.rs`) and deleted when they are old (`retain.rs`). A question is cut
//! into parts for the tiers (`plan.rs`) and answered group by group (`read.rs`).
//!
//! Whatever is done twice gives the same: a series has one value at a moment, and blocks are merged, not appended to. So
//! a process may die anywhere; the log is read again at start (`replay.rs`).

mod block;
pub mod check;
mod column;
mod head;
mod legacy;
mod log;
mod plan;
mod read;
mod replay;
mod retain;
mod roll;
mod rollup;
mod seal;
mod tier;
mod varint;

use std::{
    collections::BTreeSet,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicI64, Ordering},
    },
};

use async_trait::async_trait;
use netloom_core::{
    query::{Query, SeriesPoints},
    sample::SeriesKey,
    series::{Catalog, Draft, Full, Rows, SeriesId, SharedCatalog},
};
use sqlx::{Executor, Row as _, Sqlite, sqlite::SqliteRow};
use tokio::sync::Mutex;

use self::{head::Head, tier::Tier};
use super::{Keep, Scan, ScanPage, ScanPlace, Store, StoreError, StoreSize, TierSize, database::Database};

/// Different series one database holds: every pair of 256 nodes with the ten series of its three modes, and a third of a
/// million of others. Each takes about a kilobyte of memory. A name that grows without end, a random label for example,
/// stops here.
pub const SERIES_MAX: usize = 1_000_000;
/// Different series of one node: its ways to a thousand peers with ten series each, and a few thousand counters.
pub const SERIES_OF_NODE_MAX: usize = 14_000;

/// The samples of one database.
pub struct SqliteStore {
    database: Arc<Database>,
    catalog: SharedCatalog,
    head: Head,
    /// The newest row of the log. Held while a batch goes to log and head, and while a seal draws the line between what
    /// belongs to it and what comes later.
    line: Mutex<i64>,
    /// Windows with blocks.
    filled: RwLock<BTreeSet<(Tier, i64)>>,
    /// From which moment on each tier is kept, ms; the oldest there is when nothing was deleted yet.
    kept: [AtomicI64; 3],
    /// Held while new series are taken in.
    interning: Mutex<()>,
    /// Held while samples are packed, summed up or deleted.
    upkeep: Mutex<()>,
}

impl SqliteStore {
    /// The samples of a database, with what was acknowledged and not packed read back from the log.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn open(database: Arc<Database>) -> Result<Self, StoreError> {
        let store = Self {
            database,
            catalog: SharedCatalog::default(),
            head: Head::new(),
            line: Mutex::new(0),
            filled: RwLock::default(),
            kept: std::array::from_fn(|_| AtomicI64::new(i64::MIN)),
            interning: Mutex::new(()),
            upkeep: Mutex::new(()),
        };
        store.load().await?;
        store.replay().await?;
        store.adopt_legacy().await?;
        Ok(store)
    }

    async fn load(&self) -> Result<(), StoreError> {
        let rows = sqlx::query("select id, metric, labels from series order by id");
        for row in rows.fetch_all(self.database.readers()).await? {
            let id = u32::try_from(row.try_get::<i64, _>("id")?).map_err(|e| StoreError::Damaged(e.to_string()))?;
            let key = key_of(&row)?;
            self.catalog.write(|catalog| catalog.insert(SeriesId(id), key));
        }
        let windows: Vec<(i64, i64)> =
            sqlx::query_as("select tier, window from filled").fetch_all(self.database.readers()).await?;
        let filled = windows.into_iter().filter_map(|(number, window)| Some((Tier::of_number(number)?, window)));
        self.change_filled(|known| known.extend(filled));
        let kept: Vec<(i64, i64)> =
            sqlx::query_as("select tier, from_ms from kept").fetch_all(self.database.readers()).await?;
        for (tier, from_ms) in kept {
            if let Some(kept) = self.kept.get(tier as usize) {
                kept.store(from_ms, Ordering::Relaxed);
            }
        }
        self.sweep().await
    }

    /// From which moment on a tier is kept, ms.
    fn kept_from_ms(&self, tier: Tier) -> i64 {
        self.kept[tier as usize].load(Ordering::Relaxed)
    }

    /// Reads which windows have blocks.
    fn filled<T>(&self, read: impl FnOnce(&BTreeSet<(Tier, i64)>) -> T) -> T {
        read(&self.filled.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change_filled(&self, change: impl FnOnce(&mut BTreeSet<(Tier, i64)>)) {
        change(&mut self.filled.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// The windows of a tier that have blocks, the oldest first.
    fn filled_windows(&self, tier: Tier) -> Vec<i64> {
        self.filled(|filled| filled.range((tier, i64::MIN)..=(tier, i64::MAX)).map(|(_, window)| *window).collect())
    }

    /// The numbers of keys that are known, and the others with their place in the list.
    fn known(&self, keys: &[SeriesKey]) -> (Vec<Option<SeriesId>>, Vec<usize>) {
        let ids: Vec<Option<SeriesId>> = self.catalog.read(|catalog| keys.iter().map(|key| catalog.id(key)).collect());
        let missing = ids.iter().enumerate().filter(|(_, id)| id.is_none()).map(|(at, _)| at).collect();
        (ids, missing)
    }

    /// Takes in new series in one durable step.
    async fn add(&self, keys: &[SeriesKey], missing: &[usize]) -> Result<(), StoreError> {
        let fresh = self.catalog.read(|catalog| {
            let mut draft = Draft::of(catalog, SERIES_MAX, SERIES_OF_NODE_MAX);
            missing.iter().map(|at| Ok((draft.add(&keys[*at])?, keys[*at].clone()))).collect::<Result<Vec<_>, _>>()
        });
        let fresh = fresh.map_err(|Full { who, limit }| StoreError::TooManySeries { who, limit })?;
        let mut tx = self.database.begin().await?;
        for chunk in fresh.chunks(500) {
            let rows: Vec<_> = chunk
                .iter()
                .map(|(id, key)| {
                    serde_json::json!([id.0, key.metric, serde_json::to_string(&key.labels).unwrap_or_default()])
                })
                .collect();
            let insert = "insert into series (id, metric, labels) \
                          select value ->> 0, value ->> 1, value ->> 2 from json_each(?) where true on conflict do nothing";
            sqlx::query(insert).bind(serde_json::Value::from(rows).to_string()).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        self.catalog.write(|catalog| {
            for (id, key) in fresh {
                if catalog.id(&key).is_none() {
                    catalog.insert(id, key);
                }
            }
        });
        Ok(())
    }
}

/// The series in a row.
fn key_of(row: &SqliteRow) -> Result<SeriesKey, StoreError> {
    let labels = serde_json::from_str(row.try_get("labels")?).map_err(|e| StoreError::Damaged(e.to_string()))?;
    Ok(SeriesKey { metric: row.try_get("metric")?, labels })
}

/// What each tier holds, as the database notes it.
async fn noted_sizes(from: impl Executor<'_, Database = Sqlite>) -> Result<Vec<TierSize>, StoreError> {
    let select = sqlx::query_as("select tier, blocks, samples, bytes from tier order by tier");
    let rows: Vec<(i64, i64, i64, i64)> = select.fetch_all(from).await?;
    let size = |(tier, blocks, samples, bytes): (i64, i64, i64, i64)| {
        let tier = Tier::of_number(tier)?.name().to_owned();
        Some(TierSize { tier, blocks: blocks as u64, samples: samples as u64, bytes: bytes as u64 })
    };
    Ok(rows.into_iter().filter_map(size).collect())
}

#[async_trait]
impl Store for SqliteStore {
    fn catalog(&self) -> &SharedCatalog {
        &self.catalog
    }

    async fn intern(&self, keys: &[SeriesKey]) -> Result<Vec<SeriesId>, StoreError> {
        let (mut ids, mut missing) = self.known(keys);
        if !missing.is_empty() {
            let _alone = self.interning.lock().await;
            // Somebody else may have been faster.
            (_, missing) = self.known(keys);
            if !missing.is_empty() {
                self.add(keys, &missing).await?;
            }
            (ids, _) = self.known(keys);
        }
        ids.into_iter().map(|id| id.ok_or_else(|| StoreError::Damaged("a series was not taken in".into()))).collect()
    }

    async fn append(&self, batches: &[Rows]) -> Result<Vec<bool>, StoreError> {
        if self.head.bytes() > head::limits(self.catalog.read(Catalog::len)).1 {
            return Err(StoreError::Busy);
        }
        let encoded: Vec<_> = batches.iter().map(|batch| log::encode(&batch.rows)).collect();
        let mut line = self.line.lock().await;
        let mut newest = *line;
        let mut tx = self.database.begin().await?;
        let mut are_new = Vec::with_capacity(batches.len());
        for (batch, parts) in batches.iter().zip(encoded) {
            // A batch without samples only says that its node lives; that is not history.
            let mut is_new = parts.is_empty();
            for part in parts {
                let insert = "insert or ignore into log (node, epoch, seq, window, samples) values (?, ?, ?, ?, ?)";
                let origin = batch.origin.as_ref();
                let insert = sqlx::query(insert)
                    .bind(origin.map(|origin| origin.node.as_str()))
                    .bind(origin.map(|origin| origin.epoch))
                    .bind(origin.map(|origin| origin.seq as i64));
                let done = insert.bind(part.window).bind(part.data).execute(&mut *tx).await?;
                if done.rows_affected() > 0 {
                    is_new = true;
                    newest = newest.max(done.last_insert_rowid());
                }
            }
            are_new.push(is_new);
        }
        tx.commit().await?;
        *line = newest;
        for (batch, _) in batches.iter().zip(&are_new).filter(|(_, is_new)| **is_new) {
            self.head.push(&batch.rows);
        }
        Ok(are_new)
    }

    fn takes_from_ms(&self) -> i64 {
        self.kept_from_ms(Tier::Raw)
    }

    async fn query(&self, query: &Query) -> Result<Vec<SeriesPoints>, StoreError> {
        self.answer(query).await
    }

    async fn scan(&self, scan: &Scan, place: ScanPlace) -> Result<ScanPage, StoreError> {
        self.scan_page(scan, place).await
    }

    async fn maintain(&self, keep: &Keep, now_ms: i64) -> Result<bool, StoreError> {
        let _alone = self.upkeep.lock().await;
        let is_sealed = self.seal_due(now_ms, keep.quiet).await?;
        // Packing comes first: it frees memory.
        if is_sealed {
            return Ok(true);
        }
        let is_rolled = self.roll_due(now_ms).await?;
        let is_deleted = self.forget_due(keep, now_ms).await?;
        Ok(is_rolled || is_deleted)
    }

    async fn size(&self) -> Result<StoreSize, StoreError> {
        Ok(StoreSize {
            bytes: self.database.bytes(),
            series: self.catalog.read(netloom_core::series::Catalog::len),
            unsealed: self.head.samples(),
            oldest_ms: self.oldest_ms(),
            // Whoever takes samples in knows.
            samples_per_s: 0.0,
            tiers: noted_sizes(self.database.readers()).await?,
        })
    }
}
