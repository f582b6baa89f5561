//! Samples in SQLite: batches as compact blobs, one commit for all batches that came together. Series are few and stay
//! in memory.

mod batch;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use async_trait::async_trait;
use futures::TryStreamExt;
use netloom_core::{
    query::Query,
    sample::{Batch, SeriesKey},
};
use sqlx::{Row, Sqlite, Transaction};
use tokio::sync::Mutex;

use super::{QUERY_MAX_VALUES, SeriesValues, Store, StoreError, StoreSize, database::Database};

/// Different series one database holds. A name that grows without end, a random label for example, stops here.
pub const SERIES_MAX: usize = 20_000;
/// The longest time between the oldest and the newest sample of a batch, ms: reading a range looks this far past its
/// end. A batch that spans more is stored in parts.
const BATCH_SPAN_MAX_MS: i64 = 60_000;
/// Rows deleted in one transaction, so that deleting a day never holds up a commit for long.
const FORGET_STEP_ROWS: i64 = 500;

/// The store in one SQLite database.
pub struct SqliteStore {
    database: Arc<Database>,
    series: Mutex<HashMap<SeriesKey, i64>>,
}

impl SqliteStore {
    /// The samples of a database.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn open(database: Arc<Database>) -> Result<Self, StoreError> {
        let mut series = HashMap::new();
        let mut rows = sqlx::query("select id, metric, labels from series").fetch(database.readers());
        while let Some(row) = rows.try_next().await? {
            let labels =
                serde_json::from_str(row.try_get("labels")?).map_err(|e| StoreError::Damaged(e.to_string()))?;
            series.insert(SeriesKey { metric: row.try_get("metric")?, labels }, row.try_get("id")?);
        }
        drop(rows);
        Ok(Self { database, series: Mutex::new(series) })
    }

    /// The ids of the series of a batch, in its order. New ones are added in the same transaction and listed, so that
    /// they are remembered only when it succeeds.
    async fn series_ids(
        known: &HashMap<SeriesKey, i64>,
        added: &mut HashMap<SeriesKey, i64>,
        batch: &Batch,
        tx: &mut Transaction<'_, Sqlite>,
    ) -> Result<Vec<i64>, StoreError> {
        let mut ids = Vec::with_capacity(batch.readings.series.len());
        for key in &batch.readings.series {
            if let Some(id) = known.get(key).or_else(|| added.get(key)) {
                ids.push(*id);
                continue;
            }
            if known.len() + added.len() >= SERIES_MAX {
                return Err(StoreError::TooManySeries(SERIES_MAX));
            }
            let labels = serde_json::to_string(&key.labels).map_err(|e| StoreError::Damaged(e.to_string()))?;
            let inserted = sqlx::query("insert into series (metric, labels) values (?, ?)");
            let id = inserted.bind(&key.metric).bind(labels).execute(&mut **tx).await?.last_insert_rowid();
            added.insert(key.clone(), id);
            ids.push(id);
        }
        Ok(ids)
    }

    /// Stores one batch. Returns whether it is new.
    async fn append_one(tx: &mut Transaction<'_, Sqlite>, batch: &Batch, ids: &[i64]) -> Result<bool, StoreError> {
        let parts = batch::parts(&batch.readings.samples, ids, BATCH_SPAN_MAX_MS);
        let mut is_new = false;
        for (index, part) in parts.into_iter().enumerate() {
            // Parts after the first get numbers that no agent reaches, so that each is recognised when sent again.
            let seq = batch.seq as i64 + ((index as i64) << 48);
            let insert =
                "insert or ignore into batch (node, epoch, seq, t0_ms, t1_ms, samples) values (?, ?, ?, ?, ?, ?)";
            let insert = sqlx::query(insert).bind(&batch.node).bind(batch.epoch).bind(seq);
            let insert = insert.bind(part.t0_ms).bind(part.t1_ms).bind(part.blob);
            is_new |= insert.execute(&mut **tx).await?.rows_affected() > 0;
        }
        Ok(is_new)
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn append(&self, batches: &[Batch]) -> Result<Vec<bool>, StoreError> {
        let mut known = self.series.lock().await;
        let mut added = HashMap::new();
        let mut tx = self.database.begin().await?;
        let mut are_new = Vec::with_capacity(batches.len());
        for batch in batches {
            let ids = Self::series_ids(&known, &mut added, batch, &mut tx).await?;
            // A batch without samples only says that its node lives; that is not history.
            let is_new = batch.readings.samples.is_empty() || Self::append_one(&mut tx, batch, &ids).await?;
            are_new.push(is_new);
        }
        tx.commit().await?;
        known.extend(added);
        Ok(are_new)
    }

    async fn read(&self, query: &Query) -> Result<Vec<SeriesValues>, StoreError> {
        let wanted: HashMap<i64, SeriesKey> = {
            let known = self.series.lock().await;
            let selected = known.iter().filter(|(key, _)| query.selects(key));
            selected.map(|(key, id)| (*id, key.clone())).collect()
        };
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let mut found: BTreeMap<i64, Vec<(i64, f64)>> = BTreeMap::new();
        let mut count = 0;
        let select = "select t0_ms, samples from batch where t1_ms >= ? and t1_ms <= ? and t0_ms <= ?";
        let mut rows = sqlx::query(select)
            .bind(query.from_ms)
            .bind(query.to_ms.saturating_add(BATCH_SPAN_MAX_MS))
            .bind(query.to_ms)
            .fetch(self.database.readers());
        while let Some(row) = rows.try_next().await? {
            let t0_ms: i64 = row.try_get("t0_ms")?;
            let blob: &[u8] = row.try_get("samples")?;
            for (id, ts_ms, value) in batch::decode(t0_ms, blob)? {
                if wanted.contains_key(&id) && (query.from_ms..=query.to_ms).contains(&ts_ms) {
                    found.entry(id).or_default().push((ts_ms, value));
                    count += 1;
                }
            }
            if count > QUERY_MAX_VALUES {
                return Err(StoreError::TooLarge);
            }
        }
        let mut series: Vec<SeriesValues> = found
            .into_iter()
            .filter_map(|(id, mut values)| {
                values.sort_by_key(|(ts_ms, _)| *ts_ms);
                Some((wanted.get(&id)?.clone(), values))
            })
            .collect();
        series.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(series)
    }

    async fn forget(&self, samples_ms: i64) -> Result<u64, StoreError> {
        let delete = "delete from batch where id in (select id from batch where t1_ms < ? order by t1_ms limit ?)";
        let mut total = 0;
        loop {
            let step = sqlx::query(delete).bind(samples_ms).bind(FORGET_STEP_ROWS);
            let deleted = step.execute(self.database.writer()).await?.rows_affected();
            total += deleted;
            if deleted < FORGET_STEP_ROWS as u64 {
                break;
            }
        }
        sqlx::query("pragma incremental_vacuum(200)").execute(self.database.writer()).await?;
        Ok(total)
    }

    async fn size(&self) -> Result<StoreSize, StoreError> {
        let batches: i64 = sqlx::query_scalar("select count(*) from batch").fetch_one(self.database.readers()).await?;
        let series = self.series.lock().await.len();
        Ok(StoreSize { bytes: self.database.bytes(), series, batches: batches as u64 })
    }
}
